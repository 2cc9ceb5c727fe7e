"""Units on real streets: the figures that a surveyor would ask for, beside a street-blind cut and a fishnet."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.streets import read_streets
from grids.compile import build_units
from grids.errors import InputError
from tests import figures

SMALLEST = {"Futian": 0.65, "Helsinki": 0.65, "Monaco": 0.50}
"""Mean compactness asked for; Monaco's streets allow no more."""


@pytest.fixture(scope="module", params=list(figures.FILES))
def made(request, real_data: Path):
    areas, streets = figures.place(request.param, real_data)
    return request.param, areas, streets, build_units(areas, streets)


def test_the_figures_hold(made, real_data):
    name, areas, streets, units = made
    found = figures.measure(units, areas, streets)
    assert found["coverage valid"] is True
    assert found["multi-part or invalid units"] == 0
    assert found["community less its units, worst, m²"] <= 0.1
    assert found["units in 5,000-20,000 m², %"] >= 99.5
    assert found["their share of the area, %"] >= 99.5
    assert found["natural blocks kept whole, %"] >= 97
    assert found["drivable streets within 10 m, %"] >= 92
    assert found["drivable streets within 20 m, %"] >= 96.5
    assert found["secondary and higher within 20 m, %"] >= 99
    assert found["border on barriers, small blocks, %"] >= 98
    assert found["mean compactness"] >= SMALLEST[name]
    assert found["narrow units (2A/P < 12 m) not listed"] == 0


def test_streets_make_the_difference(made, real_data):
    _, areas, streets, _ = made
    blind = figures.measure(figures.street_blind(areas), areas, streets)
    net = figures.measure(figures.fishnet(areas), areas, streets)
    assert blind["units in 5,000-20,000 m², %"] >= 99.5
    for other in (blind, net):
        assert other["natural blocks kept whole, %"] < 50
        assert other["drivable streets within 10 m, %"] < 80


def test_row_order_changes_nothing(made, real_data):
    _, areas, streets, units = made
    assert figures.shuffled(areas, streets, units) == 0


def test_an_edited_street_changes_little_and_nothing_far_away(real_data):
    areas, streets = figures.place("Futian", real_data)
    units = build_units(areas, streets)
    found = figures.edits(areas, streets, units)
    assert found.far == 0
    assert len(found.near) == 12
    assert np.median(found.near) <= 6
    assert max(found.near) <= 15
    assert np.median(found.closed) <= 1
    assert max(found.closed + found.opened) <= 6
    assert figures.keys(build_units(areas, streets, previous=units)) == figures.keys(units)


def test_street_files_are_read_once_each_and_in_metres(real_data):
    folder = real_data / "streets"
    futian = read_streets(folder / "shenzhen_futian_osm_roads.graphml", 4547)
    assert 2_000 < len(futian) < 2_700  # 4,009 directed edges, two-way streets twice
    assert not futian.geometry.duplicated().any()
    helsinki = read_streets(folder / "Helsinki.osm.pbf", 3879)
    assert helsinki.attrs["left_out"] > 0
    assert set(helsinki["rank"]) >= {2, 4, 5, 6, 7, 8}
    monaco = read_streets(folder / "monaco.osm.gz", 32632)
    assert monaco["tunnel"].any()
    for streets in (futian, helsinki, monaco):
        low_x, low_y, high_x, high_y = streets.total_bounds
        assert 500 < high_x - low_x < 20_000
        assert 500 < high_y - low_y < 20_000


def test_areas_are_those_on_the_ground(real_data):
    file = real_data / "streets" / "bubenec.gpkg"
    streets = read_streets(file, 32633, layer="streets")
    faces = figures.faces(streets.geometry.to_numpy())
    whole = shapely.coverage_union_all(faces)
    areas = gpd.GeoDataFrame({"code": ["Bubeneč"]}, geometry=[whole], crs=32633)
    units = build_units(areas, streets)
    assert units["code"].iloc[0] == "Bubeneč-001"
    assert units.area.between(5_000, 20_000).all()
    ground = np.array([_ground_area(one) for one in units.to_crs(4326).geometry])
    assert (np.abs(ground / units.area.to_numpy() - 1) < 0.001).all()
    with pytest.raises(InputError, match="too large here"):
        build_units(areas.to_crs(3857), streets.to_crs(3857))


def _ground_area(polygon: shapely.Polygon) -> float:
    """Area on the WGS84 ellipsoid in m²."""
    from pyproj import Geod

    return abs(Geod(ellps="WGS84").geometry_area_perimeter(polygon)[0])
