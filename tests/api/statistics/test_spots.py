"""Cells that touch become one hotspot: the quick way to join them is the plain union."""

from __future__ import annotations

import h3
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from api.statistics.spots import _together
from gis.crs import to_city

SRID = 4546


def squares(cells: set[tuple[int, int]]) -> np.ndarray:
    return np.array(
        [shapely.box(5e5 + 100 * c, 4e6 + 100 * r, 5e5 + 100 * c + 100, 4e6 + 100 * r + 100) for c, r in cells]
    )


def same(shapes: np.ndarray) -> bool:
    mine, right = _together(shapes), shapely.union_all(shapes, grid_size=0.001)
    off = shapely.area(shapely.symmetric_difference(mine, right)) / shapely.length(
        right
    )  # the plain one is in millimetres
    return (
        bool(shapely.is_valid(mine))
        and shapely.get_num_geometries(mine) == shapely.get_num_geometries(right)
        and off < 0.001
    )


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_any_set_of_squares(cells: set[tuple[int, int]]):
    """Corners that touch and holes included."""
    assert same(squares(cells))


def test_hexagons_whose_corners_differ_by_a_hair():
    cells = sorted(h3.grid_disk(h3.latlng_to_cell(35.02, 111.0, 9), 3))
    rings = [np.array(h3.cell_to_boundary(cell))[:, ::-1] for cell in cells]
    shapes = np.array([shapely.Polygon(np.column_stack(to_city(r[:, 0], r[:, 1], "EPSG:4326", SRID))) for r in rings])
    assert same(shapes) and _together(shapes).geom_type == "Polygon"


@pytest.mark.parametrize("move", [(50.0, 0.0), (0.0, 30.0), (100.0, 33.0), (0.0005, 100.0), (250.0, 0.0)])
def test_cells_that_overlap_or_meet_between_corners(move: tuple[float, float]):
    """Cells that somebody drew by hand: overlaps, edges in three parts, gaps of half a millimetre, none at all."""
    one = squares({(0, 0), (1, 0)})
    other = shapely.transform(squares({(0, 1)}), lambda xy: xy + move)
    assert same(np.concatenate([one, other]))
