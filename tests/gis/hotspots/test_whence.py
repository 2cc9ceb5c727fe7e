"""From which cells cases may have come: chances against a plain double loop."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.hotspots.whence import BORDER_M, LEAST, REACH, SIGMA, spread, whence
from grids.errors import InputError


def lattice(side: int, metres: float = 100.0) -> np.ndarray:
    row, column = (v.ravel() * metres for v in np.indices((side, side)))
    return shapely.box(column, row, column + metres, row + metres)


def test_chances_are_those_of_a_plain_double_loop():
    rng = np.random.default_rng(1)
    where = spread(lattice(5), *rng.uniform(0, 500, (2, 60)), rng.integers(0, 25, 60))
    x, y, radius = rng.uniform(0, 500, 40), rng.uniform(0, 500, 40), rng.uniform(0, 90, 40)
    found = whence(x, y, radius, np.zeros(40), where)
    for i, case in enumerate(np.lexsort((x, y, radius))):
        s, told = np.hypot(radius[case], BORDER_M) * SIGMA, np.zeros(25)
        for (px, py), cell, weight in zip(where.xy, where.cell, where.weight, strict=True):
            square = (px - x[case]) ** 2 + (py - y[case]) ** 2
            if square < (REACH * s) ** 2:
                told[cell] += weight * np.exp(-square / (2 * s * s))
        told[told <= LEAST * told.max()] = 0
        part = slice(found.first[i], found.first[i + 1])
        assert found.cell[part].tolist() == np.flatnonzero(told).tolist()
        assert found.chance[part] == pytest.approx(told[told > 0] / told.sum(), rel=1e-12)


def test_points_are_where_cases_are_and_everywhere_a_little():
    cells, rng = lattice(3), np.random.default_rng(2)
    x, y = rng.uniform(100, 110, 99), rng.uniform(100, 200, 99)  # all at the left edge of the middle cell
    found = spread(cells, x, y, np.full(99, 4))
    assert np.bincount(found.cell, found.weight) == pytest.approx(np.ones(9))
    middle = found.cell == 4
    assert found.weight[middle & (found.xy[:, 0] < 110)].sum() == pytest.approx(0.99, abs=0.005)
    order = rng.permutation(99)
    again = spread(cells, x[order], y[order], np.full(99, 4))
    assert again.xy.tobytes() == found.xy.tobytes() and again.weight.tobytes() == found.weight.tobytes()
    tiny = spread([shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100), shapely.box(3, 100, 4, 101)])
    assert np.bincount(tiny.cell, minlength=3).min() == 1  # no even point falls into it


def test_at_the_rim_cases_are_lost_as_a_simulation_loses_them():
    rng, s = np.random.default_rng(3), np.hypot(70, BORDER_M) * SIGMA
    xy = rng.uniform(0, 600, (40_000, 2))
    home, moved = xy // 100, xy + rng.normal(0, s, xy.shape)
    kept = ((moved >= 0) & (moved < 600)).all(axis=1)
    cell = (home[:, 1] * 6 + home[:, 0]).astype(int)
    share = np.bincount(cell, kept, 36) / np.bincount(cell, minlength=36)
    found = whence(*xy[:50].T, np.full(50, 70.0), cell[:50], spread(lattice(6)))
    assert np.abs(found.seen - share).max() < 0.04 and found.seen.min() < 0.7 and found.seen[14] > 0.97


def test_a_case_far_from_all_is_of_its_own_cell_and_none_is_an_answer():
    where = spread(lattice(2), [150.0], [150.0], [3])
    assert whence([900.0], [900.0], [5.0], [3], where).cell.tolist() == [3]
    assert whence([], [], [], [], where).first.tolist() == [0]
    with pytest.raises(InputError, match="radius below zero"):
        whence([1.0], [1.0], [-1.0], [0], where)
