"""The raster of a layer: exact against a plain loop, whatever the shapes, the cell size and the place of the point."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import exact, raster
from tests.oracle import side

START = np.array([500_000.0, 3_878_000.0])


def plain(shapes, x, y) -> np.ndarray:
    return np.array([next((k for k, s in enumerate(shapes) if side(a, b, s)), -1) for a, b in zip(x, y, strict=True)])


@st.composite
def layers(draw):
    """Overlapping, touching, holed and many-part polygons on a coarse lattice, so that edges and corners meet often."""
    step = draw(st.sampled_from([0.001, 0.25, 17.0, 333.333]))
    cell = st.integers(0, 12)
    shapes = []
    for _ in range(draw(st.integers(1, 5))):
        points = draw(st.lists(st.tuples(cell, cell), min_size=3, max_size=9))
        ring = shapely.make_valid(shapely.Polygon(np.array(points) * step + START))
        parts = [p for p in shapely.get_parts(ring) if p.geom_type == "Polygon"]
        shapes.append(exact.snap([shapely.MultiPolygon(parts)])[0])
    return step, shapes


def compare(case, cell_m) -> None:
    """The rasters of a layer, at one cell size and of one cell, beside the plain loop."""
    step, shapes = case
    lattice = np.array([[i, j] for i in range(-2, 27) for j in range(-2, 27)]) * step / 2 + START
    corners = np.vstack([lattice, *(shapely.get_coordinates(s) for s in shapes)])
    x, y = exact.millimetres(corners).T.copy()
    want = plain(shapes, x, y)
    assert np.array_equal(raster.locate(raster.build(shapes, cell_m=cell_m), x, y), want)
    assert np.array_equal(raster.locate(raster.build(shapes, most_cells=1), x, y), want)


@settings(max_examples=40)
@given(layers(), st.floats(1, 500))
def test_exact_on_every_lattice_point(case, cell_m):
    compare(case, cell_m)


@pytest.mark.long
@settings(max_examples=400)
@given(layers(), st.floats(1, 500))
def test_exact_on_every_lattice_point_of_many_layers(case, cell_m):
    compare(case, cell_m)


def test_nearby_is_a_permutation_that_keeps_places_together():
    rng = np.random.default_rng(2)
    x, y = rng.integers(-(2**40), 2**40, (2, 10_000))
    x[5000:], y[5000:] = rng.integers(0, 2**24, (2, 5000))
    assert raster.nearby(x[:5], y[:5]) is None
    order = raster.nearby(x, y)
    assert sorted(order.tolist()) == list(range(10_000))
    assert np.array_equal(order, raster.nearby(x, y))
    far = np.abs(np.diff((x + 1j * y)[order[order >= 5000]]))
    assert np.median(far) < 2**19 < 2**22 < np.median(np.abs(np.diff((x + 1j * y)[5000:])))


def test_a_layer_wider_than_the_integers_is_refused():
    far = [shapely.box(0, 0, 1, 1), shapely.box(3e6, 0, 3e6 + 1, 1)]
    with pytest.raises(ValueError, match="3000 km wide"):
        raster.build(far)


def test_nothing_covers_nothing():
    for shapes in ([], [shapely.Polygon()]):
        x = np.array([0, 5], dtype=np.int64)
        assert raster.locate(raster.build(shapes), x, x).tolist() == [-1, -1]
