"""In what share of other grids, sizes and bandwidths a hotspot stands out too."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis import hotspots
from gis.hotspots.stability import _blocks, survival

BOUNDS = (0.0, 0.0, 4000.0, 4000.0)
CITY = [shapely.box(0, 0, 4000, 4000)]


def town(
    seed: int = 1, more: int = 400, width: float = 120.0, centre: tuple[float, float] = (2050.0, 1950.0)
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    even = rng.uniform(0, 4000, (8000, 2))
    spot = np.array(centre) + rng.uniform(-width, width, (more, 2))
    return np.vstack([even, spot]).T.copy()


def test_a_plain_hotspot_survives_everywhere_and_empty_ground_nowhere():
    x, y = town()
    found = survival(x, y, [2050.0, 500.0, 9999.0], [1950.0, 500.0, 0.0], BOUNDS, city=CITY)
    assert found.settings == 24 == len(found.by) == len(set(found.by))
    assert found.share[0] == 1.0 and found.share[1] == 0.0 and found.share[2] == 0.0


def test_a_faint_one_depends_on_the_grid():
    shares = [float(survival(*town(2, more, 60.0), [2050.0], [1950.0], BOUNDS, city=CITY).share[0])
              for more in (5, 25, 60, 600)]  # fmt: skip
    assert shares == sorted(shares) and shares[0] < 0.3 and shares[-1] > 0.9, shares
    assert any(0 < share < 1 for share in shares)


def test_shares_are_those_of_plain_grids():
    """One of the settings by another way: the points moved, counted in squares, tested."""
    x, y = town(3, 60, 60.0)
    at = np.random.default_rng(4).uniform(100, 3900, (400, 2))
    found = survival(x, y, at[:, 0], at[:, 1], BOUNDS, city=CITY)
    hits = np.zeros(400)
    for side in (75.0, 100.0, 150.0):
        half = {75.0: 25.0, 100.0: 50.0, 150.0: 75.0}[side]
        for south in (0.0, half):
            for west in (0.0, half):
                n = int(np.ceil((4000 + half) / side)) + 1
                c, r = ((x + west) // side).astype(int), ((y + south) // side).astype(int)
                counts = np.zeros((n, n))
                np.add.at(counts, (r, c), 1)
                ground = np.zeros((n, n))
                fine = np.arange(12.5, 4000, 25)
                gr, gc = ((fine + south) // side).astype(int), ((fine + west) // side).astype(int)
                np.add.at(ground, (gr[:, None], gc[None, :]), (25 / side) ** 2)
                inside = (ground >= 0.5 - 1e-9) | (counts > 0)
                one = hotspots.squares(inside)
                for near in (one, ((one @ one) > 0).astype(float)):
                    hot = np.zeros((n, n), dtype=bool)
                    whole = counts / np.clip(np.round(ground, 9), 0.5, 1.0)
                    hot[inside] = hotspots.gi_star(whole[inside], near, p="auto", runs=99).hot()
                    hits += hot[((at[:, 1] + south) // side).astype(int), ((at[:, 0] + west) // side).astype(int)]
    assert hits.max() > 0 and np.array_equal(found.share, hits / 24)


def test_against_what_is_expected():
    x, y = town(5, 600, 125.0, (2125.0, 1875.0))
    cells = [shapely.box(i * 250, j * 250, i * 250 + 250, j * 250 + 250) for j in range(16) for i in range(16)]
    held = np.histogram2d(y, x, bins=16, range=[[0, 4000]] * 2)[0].ravel()
    plain = survival(x, y, [2125.0], [1875.0], BOUNDS, city=CITY)
    told = survival(x, y, [2125.0], [1875.0], BOUNDS, city=CITY, expected=(cells, held))
    assert plain.share[0] > 0.8 and told.share[0] < 0.3  # its cells expect that much


def test_blocks_keep_the_sum():
    values = np.random.default_rng(6).poisson(3, (37, 53)).astype(float)
    for side, south, west in ((3, 1, 0), (4, 2, 2), (6, 0, 3)):
        assert _blocks(values, side, south, west).sum() == values.sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_input_gives_the_same_shares(seed: int):
    x, y = town(7, 40, 60.0)
    order = np.random.default_rng(8).permutation(len(x))
    ask = [1900.0, 2050.0, 2150.0], [1950.0, 1950.0, 1950.0], BOUNDS
    one, two = (survival(a, b, *ask, city=CITY, seed=seed).share for a, b in ((x, y), (x[order], y[order])))
    assert np.array_equal(one, two)
