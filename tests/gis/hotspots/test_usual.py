"""What is usual in a place beside plain formulas, and worlds whose rates are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse, stats

from gis.hotspots import squares
from gis.hotspots.alerts import EVENTS, track
from gis.hotspots.looks import make_rings
from gis.hotspots.usual import OWN, Beside, _foretold, bumps, find_prior, lowest_scores, past
from grids.errors import InputError
from tests.gis.hotspots.test_alerts import reaches

SIDE = 12


def world(
    seed: object, *, side: int = SIDE, bins: int = 18, told: float = 1.0, shape: float = 40.0
) -> tuple[np.ndarray, Beside]:
    """Places of known ground, whose rates lie around what it tells by a gamma distribution; another class beside."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(0.0, 1.0, (side * side, 2))
    usual = 2.0 * np.exp(told * (0.5 * ground[:, 0] - 0.4 * ground[:, 1]))
    place = usual * rng.gamma(shape, 1.0 / shape, side * side)
    season = 1.0 + 0.3 * np.sin(np.arange(bins) / 3)
    cube = rng.poisson(place[:, None] * season)
    others = rng.poisson(np.repeat(usual[:, None], bins, axis=1))[None]
    return cube, Beside(ground, others, squares(np.ones((side, side), dtype=bool)))


def plain(mine: int, before: int, now: int, whole: int, due: float, shape: float, alone: float) -> tuple[float, float]:
    """Chance of so many or more, and the mean before, by scipy."""
    priors = [(shape, 1.0 - alone), (OWN, alone)]
    fits = [w * stats.nbinom.pmf(before, a, a / due / (a / due + whole)) for a, w in priors]
    chance = mean = 0.0
    for (a, _), fit in zip(priors, fits, strict=True):
        rate = a / due + whole
        chance += fit / sum(fits) * stats.nbinom.sf(mine - 1, a + before, rate / (rate + now))
        mean += fit / sum(fits) * (a + before) / rate * now
    return chance, mean


def test_what_is_foretold_is_a_mixture_of_two_negative_binomials():
    for asked in (
        (66, 33, 1000, 1000, 0.033, 48.0, 0.02),
        (25, 80, 500, 4000, 0.004, 8.0, 0.3),
        (6, 0, 100, 90, 0.01, 128.0, 0.1),
        (400, 300, 1000, 1000, 0.1, 64.0, 0.02),
    ):
        p, _, mean = _foretold(*map(float, asked))
        assert (p, mean) == pytest.approx(plain(*asked), rel=1e-9)
    # far from what is expected it is the past that counts
    told = _foretold(30.0, 400.0, 1000.0, 12000.0, 0.002, 128.0, 0.02)[2]
    assert told == pytest.approx(400 / 12, rel=0.05)


def test_scores_are_those_of_plain_loops():
    cube = world(3, side=8, bins=6)[0]
    near, stood = reaches(8), np.zeros((64, 6), dtype=bool)
    stood[:9, 2] = True
    rings, city = make_rings(near), cube.sum(axis=0)
    sums = rings.sums(cube)
    due = np.column_stack([near[r] @ np.full(64, 1 / 64) for r in range(2)])
    shape, alone, best, way = np.array([8.0, 32.0]), np.array([0.1, 0.02]), np.empty(64), np.empty(64, dtype=int)
    lowest_scores(sums, city, stood, 5, 2, 3, due, shape, alone, 5.0, best, way)
    for i in (0, 5, 20, 40, 63):
        lowest = math.inf
        for r in range(2):
            mine, before, now, whole = past(sums[i, r], city, stood[i], 5, 2, 3)
            chance, mean = plain(mine, before, now, whole, due[i, r], shape[r], alone[r])
            if mine >= 5 and mine > mean:
                lowest = min(
                    lowest, chance * now / _foretold(mine, before, now, whole, due[i, r], shape[r], alone[r])[1]
                )
        assert best[i] == pytest.approx(lowest, rel=1e-9)
    assert np.isfinite(best).any() and np.isinf(best).any()


@pytest.mark.parametrize(("shape", "low", "high"), [(4.0, 2.0, 8.0), (60.0, 24.0, 128.0)])
def test_how_far_to_trust_what_is_expected_is_read_from_the_counts(shape: float, low: float, high: float):
    cube, beside = world(5, side=40, bins=4, shape=shape)
    use = np.ones(len(cube), dtype=bool)
    share = beside.share(cube[:, :2].sum(axis=1), 3, use)[0]
    rings = make_rings([sparse.csr_array(sparse.eye(len(cube)))])
    due = (share / share.sum())[:, None]
    found = find_prior(rings.sums(cube), cube.sum(axis=0), np.zeros(cube.shape, bool), 3, 1, 12, due)
    assert low <= found.shape[0] <= high


def test_the_regression_finds_what_the_ground_tells():
    cube, beside = world(7, side=40, bins=3, shape=1000.0)
    share, found = beside.share(cube[:, 0], 2, np.ones(len(cube), dtype=bool))
    again = beside.share(cube[:, 0], 2, np.ones(len(cube), dtype=bool), start=found * 1.1)[0]
    assert again == pytest.approx(share, rel=1e-2), "wherever the search begins"
    usual = np.exp(0.5 * beside.ground[:, 0] - 0.4 * beside.ground[:, 1])
    assert np.corrcoef(np.log(share), np.log(usual))[0, 1] > 0.98
    assert share.sum() == pytest.approx(cube[:, 0].sum(), rel=0.01)
    assert beside.share(cube[:, 0] * 0 + (np.arange(len(cube)) < 9), 2, np.ones(len(cube), dtype=bool)) is None


def test_a_start_after_one_bin_is_told_where_the_ground_tells_what_is_usual():
    """Twice the cases from the second bin on: with its own past alone a place seldom stands out, with more it does."""
    told = {True: 0, False: 0}
    for seed in range(10):
        cube, beside = world([9, seed], side=20, bins=3)
        rng = np.random.default_rng([10, seed])
        block = [cell + r * 20 + c for cell in (150,) for r in range(3) for c in range(3)]
        cube[block, 1:] += rng.poisson(cube[block].mean(), (9, 2))
        for more in (True, False):
            found = track(cube, reaches(20), beside=beside if more else None)
            told[more] += any(np.isin(a.cells, block).any() for a in found)
    assert told[True] >= 8 and told[True] >= told[False] + 3, told


def test_a_place_that_always_has_more_is_no_start():
    """A block with four times what its ground tells, from the first bin: not told as new more often than others."""
    wrong = 0
    for seed in range(20):
        cube, beside = world([11, seed], side=20, bins=8)
        rng = np.random.default_rng([12, seed])
        block = [150 + r * 20 + c for r in range(3) for c in range(3)]
        cube[block] += rng.poisson(6.0, (9, 8))
        wrong += sum(
            EVENTS[a.event] == "appears" and np.isin(a.cells, block).any()
            for a in track(cube, reaches(20), beside=beside)
        )
    assert wrong <= 3


WORLDS = {
    "told": {}, "not told": {"told": 0.0}, "loosely": {"shape": 4.0}, "hardly": {"shape": 1.0, "told": 0.3},
}  # fmt: skip


def false_alerts(name: str, count: int, seed: int, bins: int) -> tuple[int, int]:
    """Bins in which a hotspot appears that is none, and all bins."""
    runs = alarms = 0
    near = reaches(SIDE)
    for k in range(count):
        cube, beside = world([seed, k], bins=bins, **WORLDS[name])
        told = track(cube, near, beside=beside)
        runs += bins - 1
        alarms += len({a.bin for a in told if EVENTS[a.event] == "appears"})
    return alarms, runs


@pytest.mark.parametrize("name", ["told", "loosely"])
def test_fifty_worlds_without_a_hotspot(name: str):
    alarms, runs = false_alerts(name, 50, 5, 7)
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs), (alarms, runs)


@pytest.mark.long
@pytest.mark.parametrize("name", WORLDS)
def test_a_thousand_worlds_without_a_hotspot(name: str):
    alarms, runs = false_alerts(name, 1000, 6, 18)
    print(f"\n{name}: {alarms} false alerts in {runs} bins of 1,000 worlds")
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_nothing_later_is_known_and_cells_may_come_in_any_order():
    cube, beside = world(13, bins=12)
    cube[[60, 61, 72, 73], 6:] += 5
    near = reaches(SIDE)
    whole = [(a.hotspot, a.bin, a.event, a.cases, str(a.p)) for a in track(cube, near, beside=beside) if a.bin < 9]
    early = Beside(beside.ground, beside.others[:, :, :9], beside.near)
    part = [(a.hotspot, a.bin, a.event, a.cases, str(a.p)) for a in track(cube[:, :9], near, beside=early)]
    assert whole == part != []


def test_bumps_stand_for_a_smooth_field():
    x, y = (v.ravel() for v in np.meshgrid(np.arange(0, 9000, 100.0), np.arange(0, 7000, 100.0)))
    table = bumps(x, y)
    assert table.shape[0] == len(x) and 15 <= table.shape[1] <= 25 and np.isfinite(table).all()
    field = np.sin(x / 2500) + np.cos(y / 2000)
    left = field - table @ np.linalg.lstsq(table, field, rcond=None)[0]
    assert left.std() < 0.1 * field.std()
    assert bumps(x[:5], y[:5]).shape == (5, 0)


def test_bad_input():
    cube, beside = world(1, bins=6)
    with pytest.raises(InputError, match=r"right|cells|\(144, k\)|groups"):
        Beside(beside.ground[:5], beside.others, beside.near)
    with pytest.raises(InputError, match="NaN"):
        Beside(beside.ground * np.nan, beside.others, beside.near)
    with pytest.raises(InputError, match="others of shape"):
        track(cube[:, :4], reaches(SIDE), beside=beside)


def test_the_regression_is_that_of_plain_newton_steps():
    cube, beside = world(15, side=40, bins=2, shape=1000.0)
    beside = Beside(beside.ground, beside.others[:0], beside.near)
    x, use = cube[:, 0].astype(float), np.arange(len(cube)) % 7 > 0
    table = np.column_stack([np.ones(len(x)), (beside.ground - beside.ground.mean(axis=0)) / beside.ground.std(axis=0)])
    at = np.array([math.log(x[use].mean()), 0.0, 0.0])
    for _ in range(30):
        mean = np.exp(table[use] @ at)
        slope = table[use].T @ (x[use] - mean) - np.append(0.0, at[1:])
        at = at + np.linalg.solve((table[use] * mean[:, None]).T @ table[use] + np.diag([0.0, 1.0, 1.0]), slope)
    assert beside.share(cube[:, 0], 1, use)[0] == pytest.approx(np.exp(table @ at), rel=1e-3)
