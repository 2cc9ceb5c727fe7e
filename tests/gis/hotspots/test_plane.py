"""Squares of the plane."""

from __future__ import annotations

import numpy as np
import pytest

from gis import hotspots
from grids.errors import InputError, TooLarge


def test_grid_at_reads_between_centres():
    grid = hotspots.Grid(np.array([[0.0, 2.0], [4.0, 6.0]]), 0.0, 0.0, 10.0)
    assert grid.at([5.0, 10.0, 10.0, -999.0, np.nan], [5.0, 5.0, 10.0, 5.0, 5.0]).tolist() == [0, 1, 3, 0, 0]
    assert grid.bounds == (0, 0, 20, 20) and [v.tolist() for v in grid.centres] == [[5, 15], [5, 15]]


def test_coarser_cells_keep_the_integral():
    grid = hotspots.Grid(np.random.default_rng(1).random((7, 11)), 5.0, 6.0, 10.0)
    for factor in (1, 2, 3, 20):
        wide = grid.coarser(factor)
        assert wide.values.sum() * wide.cell_m**2 == pytest.approx(grid.values.sum() * 100)
        assert wide.bounds[:2] == (5.0, 6.0) and wide.cell_m == 10 * factor


def test_squares_count_every_point_once():
    grid = hotspots.count_squares([0, 99.9, 100, 250, 300, -1], [0, 0, 0, 150, 10, 5], (0, 0, 300, 200))
    assert grid.values.tolist() == [[2, 1, 0], [0, 0, 1]] and grid.left_out == 2


def test_bad_input_is_named():
    with pytest.raises(InputError, match="west < east"):
        hotspots.count_squares([1.0], [1.0], (0, 0, 0, 9))
    with pytest.raises(TooLarge, match="larger cells"):
        hotspots.count_squares([1.0], [1.0], (0, 0, 1e6, 1e6), cell_m=1)
    with pytest.raises(InputError, match="cell_m"):
        hotspots.count_squares([1.0], [1.0], (0, 0, 9, 9), cell_m=-1)
