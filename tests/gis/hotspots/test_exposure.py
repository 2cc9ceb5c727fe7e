"""Hotspots given an exposure: formulas against others', and null worlds."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from gis import hotspots
from gis.hotspots.exposure import by_regression, gi_star_exposed, in_proportion, local_moran_exposed, standardized
from grids.errors import InputError
from tests.gis.hotspots.test_null_worlds import most

SHAPE = (20, 20)
Method = Callable[[np.ndarray, np.ndarray, object, int], np.ndarray]
METHODS: dict[str, Method] = {
    "gi": lambda x, e, near, seed: gi_star_exposed(x, e, near).q < hotspots.LEVEL,
    "moran": lambda x, e, near, seed: local_moran_exposed(x, e, near, runs=199, seed=seed).q < hotspots.LEVEL,
}
UNEVEN = {
    "even": lambda rng, n: np.ones(n),
    "gamma": lambda rng, n: rng.gamma(2.0, 0.5, n),
    "log-normal": lambda rng, n: np.exp(rng.normal(-0.125, 0.5, n)),
}


def exposure_of(rng: np.random.Generator, shape: tuple[int, int], mean: float) -> np.ndarray:
    """A smooth field with rough cells, some of them without any exposure."""
    r, c = np.indices(shape) / shape[0]
    e = np.exp(1.5 * np.sin(5 * r + rng.uniform(0, 6)) * np.cos(4 * c) + rng.normal(0, 0.7, shape)).ravel()
    e[rng.random(e.size) < 0.03] = 0.0
    return e / e.mean() * mean


def alarms(method: Method, uneven: str, mean: float, near: object, shape: tuple[int, int], worlds: int) -> int:
    rng = np.random.default_rng(20261121)
    found = 0
    for k in range(worlds):
        e = exposure_of(rng, shape, mean)
        x = rng.poisson(e * UNEVEN[uneven](rng, e.size))
        found += bool(method(x, e, near, k).any())
    return found


@pytest.mark.parametrize("mean", [0.3, 5.0, 200.0])
@pytest.mark.parametrize("uneven", UNEVEN)
def test_few_false_alarms_in_a_hundred_null_worlds(uneven: str, mean: float):
    near = hotspots.squares(np.ones(SHAPE, dtype=bool))
    assert alarms(METHODS["gi"], uneven, mean, near, SHAPE, 100) <= most(100)


@pytest.mark.parametrize("uneven", UNEVEN)
def test_few_false_alarms_of_moran(uneven: str):
    near = hotspots.squares(np.ones((12, 12), dtype=bool))
    assert alarms(METHODS["moran"], uneven, 5.0, near, (12, 12), 100) <= most(100)


@pytest.mark.long
@pytest.mark.parametrize("mean", [0.3, 5.0, 200.0])
@pytest.mark.parametrize("uneven", UNEVEN)
@pytest.mark.parametrize("method", METHODS)
def test_few_false_alarms_in_a_thousand_null_worlds(method: str, uneven: str, mean: float):
    near = hotspots.squares(np.ones(SHAPE, dtype=bool))
    found = alarms(METHODS[method], uneven, mean, near, SHAPE, 1000)
    print(f"\n{method}, {uneven}, {mean:g} cases a cell: {found} false alarms in 1,000 worlds of 400 cells")
    assert found <= most(1000)


def alarms_of_a_regression(uneven: str, worlds: int) -> int:
    near, rng, found = hotspots.squares(np.ones(SHAPE, dtype=bool)), np.random.default_rng(11), 0
    for _ in range(worlds):
        e = exposure_of(rng, SHAPE, 5.0) + 0.1
        told = np.column_stack([np.log(e), rng.normal(0, 1, (e.size, 5))])
        x = rng.poisson(e * UNEVEN[uneven](rng, e.size))
        found += bool((gi_star_exposed(x, told, near).q < hotspots.LEVEL).any())
    return found


@pytest.mark.parametrize("uneven", UNEVEN)
def test_few_false_alarms_of_a_regression(uneven: str):
    assert alarms_of_a_regression(uneven, 100) <= most(100)


@pytest.mark.long
@pytest.mark.parametrize("uneven", UNEVEN)
def test_few_false_alarms_of_a_regression_in_a_thousand_null_worlds(uneven: str):
    found = alarms_of_a_regression(uneven, 1000)
    print(f"\nregression, {uneven}: {found} false alarms in 1,000 worlds of 400 cells")
    assert found <= most(1000)


def test_a_regression_on_few_cells_keeps_the_level():
    """With hardly more cells than covariates they would tell every count, and what stands out would be held to that."""
    near, found = hotspots.squares(np.ones((8, 8), dtype=bool)), 0
    for k in range(100):
        rng = np.random.default_rng([12, k])
        size = rng.normal(0, 1, 64)
        told = 0.8 * size[:, None] + rng.normal(0, 0.5, (64, 40))
        x = rng.poisson(50 * np.exp(0.5 * size) * rng.gamma(1.0, 1.0, 64))
        found += bool((gi_star_exposed(x, told, near).q < hotspots.LEVEL).any())
    assert found <= most(100)  # with all forty there are alarms in 80 worlds


def test_a_poisson_test_would_cry_wolf():
    """What the unevenness is for: with rates that differ a little, an exact Poisson tail fails the bar at once."""
    near, rng = hotspots.squares(np.ones(SHAPE, dtype=bool)), np.random.default_rng(1)
    found = 0
    for _ in range(20):
        e = exposure_of(rng, SHAPE, 200.0)
        x = rng.poisson(e * rng.gamma(2.0, 0.5, e.size))
        p = stats.poisson.sf(near @ x - 1, near @ e * x.sum() / e.sum())
        found += bool((hotspots.discovery_rate(p) < 0.05).any())
    assert found == 20


def test_standardized_is_pysals():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from esda import smoothing
    rng = np.random.default_rng(2)
    e = rng.uniform(5, 300, 400)
    x = rng.poisson(rng.gamma(5, 0.01, 400) * e)
    theirs = np.asarray(smoothing.assuncao_rate(x, e)).ravel()
    assert np.abs(standardized(x, e)[0] - theirs).max() < 1e-9


def test_the_regression_is_the_likeliest():
    rng = np.random.default_rng(3)
    c = rng.normal(0, 1, (500, 4))
    x = rng.poisson(np.exp(1 + c @ [0.5, -0.3, 0, 0.1]))
    found = by_regression(x, c)
    assert np.abs(c.T @ (x - found)).max() < 1e-2 * np.sqrt(x.sum())
    assert np.linalg.lstsq(c - c.mean(0), np.log(found) - np.log(found).mean())[0] == pytest.approx(
        [0.5, -0.3, 0, 0.1], abs=0.08
    )
    twice = by_regression(x, np.column_stack([c, c]))  # columns that say the same
    assert twice == pytest.approx(found, rel=1e-4)
    some = np.arange(500) < 400
    assert by_regression(x, c, use=some)[some].sum() == pytest.approx(x[some].sum())


def test_the_tail_is_that_of_a_plain_sum():
    """One window against sums over the Poisson distribution, weighed by the distributions of the rate."""
    near = hotspots.squares(np.ones((3, 3), dtype=bool))
    e, x = np.arange(4.0, 13.0), np.array([3, 6, 5, 9, 34, 7, 12, 10, 11])
    found = gi_star_exposed(x, e, near)
    assert not found.hot().any()  # so that nothing was left out
    m = e * x.sum() / e.sum()
    v = found.uneven
    assert v == pytest.approx(max(((x - m) ** 2 / m).sum() / m.sum() - 1 / m.mean(), 0))
    told = []
    for cells in (np.arange(9), np.array([4])):
        mean, uneven = m[cells].sum(), v * (m[cells] ** 2).sum() / m[cells].sum() ** 2
        k, sigma = x[cells].sum(), np.sqrt(np.log1p(uneven))
        rate = np.exp(np.linspace(-8, 8, 20001) * sigma - sigma**2 / 2)
        weight = np.exp(-0.5 * np.linspace(-8, 8, 20001) ** 2)
        more = k > mean
        tail = special.gammainc(k, mean * rate) if more else special.gammaincc(k + 1, mean * rate)
        nb = stats.nbinom(1 / uneven, 1 / (1 + mean * uneven))
        plain = nb.sf(k - 1) if more else nb.cdf(k)
        told.append(max((tail * weight).sum() / weight.sum(), plain) if plain < 0.02 else plain)
    assert found.p[4] == pytest.approx(min(1.0, 4 * min(told)), rel=2e-3)


def test_cells_without_an_exposure_are_unknown_and_nobodys_neighbours():
    near = hotspots.squares(np.ones((6, 6), dtype=bool))
    e, x = np.full(36, 5.0), np.random.default_rng(4).poisson(5.0, 36)
    e[[7, 8]], x[7] = [0.0, np.nan], 500
    for found in (gi_star_exposed(x, e, near), local_moran_exposed(x, e, near, runs=99)):
        assert np.isnan([found.z[7], found.p[8], found.q[7], found.expected[8], found.around[7]]).all()
        assert found.unexposed == x[7] + x[8] and not found.hot().any()
        assert np.nansum(found.expected) == pytest.approx(x.sum() - x[7] - x[8])


def test_a_busy_cell_alone_is_found_and_a_quiet_one_beside_it_is_not():
    near = hotspots.squares(np.ones((15, 15), dtype=bool))
    x = np.random.default_rng(5).poisson(20.0, 225)
    x[112], x[113] = 110, 1
    found = gi_star_exposed(x, np.ones(225), near)
    assert found.hot()[112] and not found.hot()[113] and found.z[113] < 0


def test_nothing_at_all():
    near = hotspots.squares(np.ones((4, 4), dtype=bool))
    found = gi_star_exposed(np.zeros(16), np.ones(16), near)
    assert not found.hot().any() and np.isfinite(found.p).all()
    assert in_proportion([4, 0, 2, 9], [1, 1, 2, 0])[:3].tolist() == [1.5, 1.5, 3.0]


@pytest.mark.parametrize(
    ("counts", "exposure", "says"),
    [
        (np.ones(16), np.zeros(16), "exposure: it is zero or unknown in every cell"),
        (np.ones(16), -np.ones(16), "exposure: -1 in cell 0; 0 or more"),
        (np.ones(16), np.eye(16)[0], "exposure: 1 cells have an exposure; two or more"),
        (np.ones(9), np.ones(9), "9 counts with neighbours of shape (16, 16)"),
        (np.zeros(16), np.ones((16, 2)), "counts: no case: nothing can be expected"),
        (np.ones(16), np.full((16, 2), np.nan), "covariates of shape (16, 2)"),
    ],
)
def test_bad_input_is_one_line(counts: np.ndarray, exposure: np.ndarray, says: str):
    with pytest.raises(InputError) as caught:
        gi_star_exposed(counts, exposure, hotspots.squares(np.ones((4, 4), dtype=bool)))
    assert says in str(caught.value) and "\n" not in str(caught.value)
