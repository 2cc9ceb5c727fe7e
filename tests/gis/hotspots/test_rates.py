"""Rates that small numbers do not fool, their intervals, and the two maps of patrols and citizens."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from libpysal import weights
from scipy import stats

from gis import hotspots
from gis.hotspots.intervals import exact_interval
from gis.hotspots.rates import empirical_bayes
from gis.hotspots.twomaps import found_and_reported
from grids.errors import InputError
from tests.gis.hotspots.test_null_worlds import most

N = 3000
Truth = Callable[[np.random.Generator], np.ndarray]
TRUTHS: dict[str, Truth] = {
    "gamma": lambda rng: rng.gamma(2.0, 0.1, N),
    "lognormal": lambda rng: 0.2 * np.exp(rng.normal(0, 0.8, N)),
    "even": lambda rng: np.full(N, 0.2),
    "idle": lambda rng: np.where(rng.random(N) < 0.1, 0.0, rng.gamma(2.0, 0.1, N)),
    "two kinds": lambda rng: np.where(rng.random(N) < 0.2, 0.9, 0.2) * np.exp(rng.normal(0, 0.3, N)),
}


def pysal(x: np.ndarray, e: np.ndarray, kind: str, near: object = None) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from esda import smoothing

        if kind == "global":
            return np.asarray(smoothing.Empirical_Bayes(x[:, None], e[:, None]).r).ravel()
        return np.asarray(smoothing.Spatial_Empirical_Bayes(x[:, None], e[:, None], near).r).ravel()


def test_moments_are_pysals():
    rng = np.random.default_rng(1)
    e = rng.uniform(5, 300, 400)
    x = rng.poisson(rng.gamma(2, 0.05, 400) * e).astype(float)
    found = empirical_bayes(x, e, prior="moments")
    assert np.abs(found.rate - pysal(x, e, "global")).max() < 1e-12
    near = hotspots.squares(np.ones((20, 20), dtype=bool))
    own = {i: [j for j in near[[i]].indices.tolist() if j != i] for i in range(400)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = weights.W(own, silence_warnings=True, id_order=list(range(400)))
    local = empirical_bayes(x, e, near=near, prior="moments")
    assert np.abs(local.rate - pysal(x, e, "local", w)).max() < 1e-9


def test_exact_limits_are_those_of_the_poisson_distribution():
    x, e = np.array([0, 1, 7, 100]), np.array([2.0, 2.0, 3.0, 50.0])
    low, high = exact_interval(x, e)
    assert low[0] == 0
    assert stats.poisson.sf(x[1:] - 1, low[1:] * e[1:]) == pytest.approx([0.025] * 3)
    assert stats.poisson.cdf(x, high * e) == pytest.approx([0.025] * 4)


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("mean_cases", [1.0, 5.0, 30.0])
def test_intervals_hold_the_true_rate_as_often_as_they_say(truth: str, mean_cases: float):
    rng = np.random.default_rng(3)
    held, exact, total = 0, 0, 0
    for _ in range(3):
        rate = TRUTHS[truth](rng)
        e = rng.gamma(2.0, 0.5, N) * mean_cases / rate.mean()
        x = rng.poisson(rate * e)
        found = empirical_bayes(x, e)
        slack = 0.02 * rate  # an even city has next to no interval: a fiftieth of the rate is no error
        held += ((found.low <= rate + slack) & (rate - slack <= found.high)).sum()
        exact += ((found.exact_low <= rate) & (rate <= found.exact_high)).sum()
        total += N
    assert exact / total > 0.945
    if truth == "even":
        assert held / total > 0.93
    else:
        assert 0.93 <= held / total <= 0.97, held / total


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_smoothing_brings_rates_nearer_to_the_truth(seed: int):
    rng = np.random.default_rng(seed)
    side = 50
    near = hotspots.squares(np.ones((side, side), dtype=bool))
    r, c = np.indices((side, side)) / side
    rate = 0.3 * np.exp(1.2 * np.sin(6 * r) * np.cos(5 * c)).ravel() * rng.gamma(20, 1 / 20, side * side)
    e = rng.gamma(1.0, 8.0, side * side)
    x = rng.poisson(rate * e)
    raw, whole, local = x / e, empirical_bayes(x, e), empirical_bayes(x, e, near=near)
    off = [np.abs(a - rate).mean() for a in (raw, whole.rate, local.rate)]
    assert off[2] < 0.75 * off[1] < 0.75 * off[0]
    assert 0.93 <= ((local.low <= rate) & (rate <= local.high)).mean() <= 0.97


def test_visited_and_clean_is_a_zero_and_never_visited_is_unknown():
    found = empirical_bayes([0, 0, 4, 9, 3], [20, 0, 20, 20, np.nan])
    assert found.raw[0] == 0 and 0 < found.rate[0] < found.rate[2] < found.rate[3]
    assert np.isnan(
        [found.raw[1], found.rate[1], found.low[1], found.high[1], found.rate[4], found.exact_high[1]]
    ).all()
    assert found.low[0] >= 0 and found.high[0] < found.exact_high[0]


def test_no_case_at_all():
    found = empirical_bayes([0, 0, 0], [10, 20, 0])
    assert found.rate[:2].tolist() == [0, 0] and np.isnan(found.rate[2])
    assert found.high[:2] == pytest.approx([0.3689, 0.1844], abs=1e-4)


def test_the_ratio_holds_the_truth():
    rng = np.random.default_rng(5)
    visits, people = rng.gamma(2, 80, N), rng.gamma(2, 1000, N)
    happens, eager = rng.gamma(3, 0.05, N), 0.05 * np.exp(rng.normal(0, 0.7, N))
    x, y = rng.poisson(happens * visits), rng.poisson(happens * eager * people)
    both = found_and_reported(x, visits, y, people)
    assert 0.93 <= ((both.low <= eager) & (eager <= both.high)).mean() <= 0.97
    assert stats.spearmanr(both.ratio, eager).statistic > 0.7
    sure = both.apart()
    assert (eager[sure == 1] > both.usual).mean() > 0.95 and (eager[sure == -1] < both.usual).mean() > 0.95
    gone = found_and_reported(x, np.where(np.arange(N) < 5, 0, visits), y, people)
    assert np.isnan(gone.ratio[:5]).all() and not np.isnan(gone.reported.rate[:5]).any()


def alarms(worlds: int, seed: int) -> tuple[float, float, int]:
    """Worlds in which nothing differs: share of the cells whose rate, and whose ratio, is told to be off the usual one.

    In every other world things happen unevenly, and are reported alike: then no ratio differs, though rates do.
    """
    rates, ratios, n, any_ratio = [], 0, 64, 0
    for k in range(worlds):
        rng = np.random.default_rng([seed, k])
        visits, people = rng.gamma(2, 80, n), rng.gamma(2, 1000, n)
        happens = np.full(n, 0.2) if k % 2 else rng.gamma(2.0, 0.1, n)
        x, y = rng.poisson(happens * visits), rng.poisson(happens * 0.05 * people)
        both = found_and_reported(x, visits, y, people)
        ratios, any_ratio = ratios + (both.apart() != 0).sum(), any_ratio + bool(both.apart().any())
        if k % 2:
            usual = x.sum() / visits.sum()
            rates.append(((both.found.low > usual) | (both.found.high < usual)).mean())
    return float(np.mean(rates)), ratios / worlds / n, any_ratio


def test_few_false_alarms_in_a_hundred_null_worlds():
    rates, ratios, _ = alarms(100, 6)
    assert max(rates, ratios) <= most(100) / 100


@pytest.mark.long
def test_few_false_alarms_in_a_thousand_null_worlds():
    rates, ratios, worlds = alarms(1000, 7)
    print(f"\nrates told to be off: {rates:.3%} of the cells; ratios: {ratios:.3%}, in {worlds} of 1,000 worlds")
    assert max(rates, ratios) <= most(1000) / 1000


@pytest.mark.parametrize(
    ("counts", "exposure", "says"),
    [
        ([1, 2], [0, 0], "exposure: it is zero or unknown in every cell"),
        ([1, 2], [3, -1], "exposure: -1 in cell 1; 0 or more"),
        ([1, 2], [3, np.inf], "exposure: inf in cell 1"),
        ([1, -2], [3, 3], "cell 1: a count is negative"),
        ([1, 2], [3], "one of each for each cell"),
    ],
)
def test_bad_exposure_is_one_line(counts: list, exposure: list, says: str):
    with pytest.raises(InputError) as caught:
        empirical_bayes(counts, exposure)
    assert says in str(caught.value) and "\n" not in str(caught.value)
