"""Deals beside plain loops over the same draws, and draws beside the distributions that they are of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gis.hotspots import band, squares
from gis.hotspots.deals import LEAST_CASES, NONE, Deals, _lowest
from gis.hotspots.looks import make_rings

SIDE = 7


def near() -> list:
    x, y = (v.ravel() * 100.0 for v in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    return [squares(np.ones((SIDE, SIDE), dtype=bool)), band(x, y, distance_m=250), band(x, y, distance_m=400)]


def made(whole: np.ndarray, share: list[float], clumps: float = 1.0, windows: tuple[int, ...] = (1, 2)) -> Deals:
    return Deals(whole, np.array(share), float(whole.sum()), clumps, make_rings(near()), windows, (3, 1))


def test_the_best_circle_is_that_of_plain_loops():
    rng = np.random.default_rng(5)
    whole = rng.poisson(12.0, SIDE**2)
    deals = made(whole, [0.2, 0.3, 0.5])
    now = rng.binomial(whole[:, None], 0.5, (SIDE**2, 6)).astype(np.int32)
    now[24, 1], now[:, 3], share = whole[24], 0, 0.43
    out, rings = np.full(6, np.inf), deals.rings
    _lowest(now, deals.both, deals.logs, share, math.log(100.0), rings.begins, rings.cells, rings.ends, out)
    for lane in range(6):
        best = math.inf
        for reach in near():
            for i in range(SIDE**2):
                held, every = now[reach[[i]].indices, lane].sum(), whole[reach[[i]].indices].sum()
                mean = every * share
                if held >= LEAST_CASES and held - mean > 1.5 * math.sqrt(mean * (1 - share)):
                    best = min(best, stats.binom.logsf(held - 1, every, share) + math.log(100.0 / mean))
        assert out[lane] == pytest.approx(best, rel=1e-9)
    assert math.isinf(out[3]) and math.isfinite(out[1])


@pytest.mark.parametrize("clumps", [1.0, 1.6, 2.5])
def test_cases_fall_in_the_windows_by_the_shares_of_their_bins(clumps: float):
    """Few cases are drawn from tables, many are not; clumps add to the variance, not to the mean."""
    whole, share = np.repeat([0, 1, 5, 30, 47, 48, 49, 200], 7)[: SIDE**2], [0.4, 0.35, 0.25]
    held = np.stack([now.copy() for now in made(whole, share, clumps).drawn(4000)])
    assert (held[0] <= held[1]).all() and (held[1] <= whole[:, None]).all()
    for w, chance in enumerate([0.25, 0.6]):
        mean = whole * chance
        error = np.sqrt(clumps * mean * (1 - chance) / 4000)
        assert (np.abs(held[w].mean(axis=1) - mean) <= 5 * error + 1e-12).all()
        many = whole >= 30
        ratio = held[w][many].var(axis=1) / (mean * (1 - chance))[many]
        assert ratio.mean() == pytest.approx(clumps, rel=0.06)


def test_nothing_to_deal():
    assert made(np.zeros(SIDE**2, dtype=np.int64), [0.2, 0.3, 0.5]).lowest(21).tolist() == [NONE] * 21
    alone = made(np.full(SIDE**2, 9), [0.0, 0.0, 1.0])
    assert alone.lowest(3).tolist() == [NONE] * 3, "a window that is all there is tells nothing"


def test_the_same_seed_gives_the_same_deals():
    whole = np.random.default_rng(1).poisson(6.0, SIDE**2)
    first, again = (made(whole, [0.2, 0.3, 0.5], 1.3).lowest(30) for _ in range(2))
    assert np.array_equal(first, again) and len(set(first.tolist())) > 20
