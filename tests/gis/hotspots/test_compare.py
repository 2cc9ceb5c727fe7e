"""Two periods side by side, beside scipy's exact tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gis.hotspots.compare import compare
from gis.hotspots.discovery import discovery_rate
from grids.errors import InputError


@pytest.mark.parametrize("weight", [1.0, 0.25, 7.3])
def test_p_and_interval_are_those_of_the_binomial(weight):
    rng = np.random.default_rng(1)
    a, b = rng.poisson(rng.gamma(0.6, 20, 400)), rng.poisson(rng.gamma(0.6, 20 * weight, 400))
    a[:3], b[:3] = (0, 0, 9), (0, 9, 0)
    found, share = compare(a, b, weight=weight), weight / (1 + weight)
    for k in range(400):
        n = int(a[k] + b[k])
        if not n:
            assert np.isnan([found.ratio[k], found.low[k], found.high[k], found.p[k], found.q[k]]).all()
            continue
        tails = stats.binom.cdf(b[k], n, share), stats.binom.sf(b[k] - 1, n, share)
        assert found.p[k] == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-9)
        low, high = stats.binomtest(int(b[k]), n).proportion_ci(0.95, method="exact")
        assert found.low[k] == pytest.approx(low / (1 - low) / weight, rel=1e-6)
        assert found.high[k] == (math.inf if a[k] == 0 else pytest.approx(high / (1 - high) / weight, rel=1e-6))
    assert found.q == pytest.approx(discovery_rate(found.p), nan_ok=True)


def test_a_city_that_grows_as_a_whole_has_no_cell_that_stands_out():
    rng = np.random.default_rng(2)
    mean = rng.gamma(2.0, 30, 2000)
    a, b = rng.poisson(mean), rng.poisson(3 * mean)
    assert not (compare(a, b).more() | compare(a, b).less()).any()
    assert compare(a, b, weight=1.0).more().mean() > 0.8
    b[7] += 300
    assert np.flatnonzero(compare(a, b).more()).tolist() == [7]


def worlds(count: int, seed: int) -> tuple[float, float]:
    """Share of the worlds without a change in which a cell stands out, and of the intervals that hold the truth."""
    alarms, held, n = 0, 0, 0
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        mean = rng.gamma(1.0, 8.0, 300)
        a, b = rng.poisson(mean), rng.poisson(2 * mean)
        found = compare(a, b, weight=2.0)
        alarms += bool((found.more() | found.less()).any())
        some = a + b > 0
        held += int(((found.low <= 1) & (found.high >= 1))[some].sum())
        n += int(some.sum())
    return alarms / count, held / n


def test_null_worlds_and_cover():
    alarms, held = worlds(100, 3)
    assert alarms <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)
    assert held >= 0.95  # exact intervals hold at least what they say


@pytest.mark.long
def test_a_thousand_null_worlds():
    alarms, held = worlds(1000, 4)
    print(f"\ntwo periods: {alarms * 1000:.0f} false alarms in 1,000 worlds of 300 cells; intervals hold {held:.1%}")
    assert alarms <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000) and held >= 0.95


def test_bad_input():
    with pytest.raises(InputError, match="same length"):
        compare([1], [1, 2])
    with pytest.raises(InputError, match="whole number"):
        compare([1.5], [2])
    with pytest.raises(InputError, match="earlier: a period without cases"):
        compare([0], [2])
    with pytest.raises(InputError, match="positive"):
        compare([1], [2], weight=0)
    with pytest.raises(InputError, match="confidence"):
        compare([1], [2], confidence=95)
