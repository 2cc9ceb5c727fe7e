"""Who is whose neighbour."""

from __future__ import annotations

import h3
import numpy as np
import pytest
import shapely

from gis import hotspots
from gis.crs import to_city, to_lonlat
from gis.hotspots import hexagons
from grids.errors import InputError, TooLarge

SRID = 4546


def test_contact_takes_edges_corners_and_hairline_gaps():
    boxes = shapely.box(
        np.array([0.0, 10, 20.0005, 0, 10, 20, 35]), np.array([0.0, 0, 0, 10, 10, 10, 0]),
        np.array([10.0, 20, 30, 10, 20, 30, 45]), np.array([10.0, 10, 10, 20, 20, 20, 10]),
    )  # fmt: skip
    near = hotspots.contact(boxes).toarray()
    assert (near == near.T).all() and (np.diag(near) == 1).all() and set(np.unique(near)) == {0, 1}
    assert near.sum(axis=1).tolist() == [4, 6, 4, 4, 6, 4, 1]


@pytest.mark.parametrize("seed", range(4))
def test_squares_are_in_contact(seed: int):
    inside = np.random.default_rng(seed).random((9, 13)) < 0.7
    row, column = np.nonzero(inside)
    boxes = shapely.box(column * 10.0, row * 10.0, column * 10.0 + 10, row * 10.0 + 10)
    assert (hotspots.squares(inside) != hotspots.contact(boxes)).nnz == 0
    assert hotspots.squares(np.zeros((3, 3), dtype=bool)).shape == (0, 0)


@pytest.fixture(scope="module")
def town() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in a town, and its ground."""
    x, y = to_city([111.0], [35.03], 4326, SRID)
    rng = np.random.default_rng(1)
    return x + rng.normal(0, 400, 3000), y + rng.normal(0, 400, 3000), shapely.box(x - 900, y - 900, x + 900, y + 900)


@pytest.mark.parametrize("level", [7, 9, 11])
def test_hexagons_hold_each_point_and_the_empty_ones(town, level: int):
    x, y, ground = town
    cells, cases = hexagons.count_hexagons(x, y, level=level, srid=SRID, ground=ground)
    lon, lat = to_lonlat(x, y, SRID)
    slow: dict[str, int] = {}
    for a, b in zip(lat, lon, strict=True):
        slow[h3.latlng_to_cell(a, b, level)] = slow.get(h3.latlng_to_cell(a, b, level), 0) + 1
    names = hexagons.hexagon_names(cells)
    assert {n: c for n, c in zip(names, cases.tolist(), strict=True) if c} == slow
    assert (np.diff(cells.astype(np.int64)) > 0).all() and (level < 11 or (cases == 0).any())
    shapes = hexagons.hexagon_shapes(cells)
    middle = np.array([h3.cell_to_latlng(n)[::-1] for n in names])
    assert shapely.contains_xy(shapes, *middle.T).all()
    mx, my = to_city(*middle.T, 4326, SRID)
    assert shapely.contains_xy(ground[0], mx, my)[cases == 0].all()
    held, _ = hexagons.count_hexagons(x, y, level=level, srid=SRID)
    assert np.array_equal(held, cells[cases > 0])


def test_a_ring_is_six_neighbours(town):
    x, y, ground = town
    cells, _ = hexagons.count_hexagons(x, y, level=9, srid=SRID, ground=ground)
    near = hexagons.ring(cells)
    names = hexagons.hexagon_names(cells)
    for i, name in enumerate(names):
        mine = {names[j] for j in near.indices[near.indptr[i] : near.indptr[i + 1]]}
        assert mine == set(h3.grid_disk(name, 1)) & set(names)
    pentagon = np.array(sorted({h3.str_to_int(c) for p in list(h3.get_pentagons(7))[:1] for c in h3.grid_disk(p, 1)}))
    sizes = np.diff(hexagons.ring(pentagon.astype(np.uint64)).indptr)
    assert sizes.tolist().count(6) == 1 and (hexagons.ring(pentagon.astype(np.uint64)).data == 1).all()


def test_bad_hexagons():
    with pytest.raises(InputError, match="h3 level 4; h3:5 to h3:12"):
        hexagons.hexagon_of([0.0], [0.0], level=4, srid=SRID)
    with pytest.raises(TooLarge, match="a lower level"):
        hexagons.count_hexagons([], [], level=12, srid=SRID, ground=[shapely.box(0, 0, 1e5, 1e5)])
    cells, cases = hexagons.count_hexagons([], [], level=9, srid=SRID)
    assert len(cells) == len(cases) == 0 and hexagons.ring(cells).shape == (0, 0)
