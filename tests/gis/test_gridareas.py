"""Communities of strangers' files: what is built from them passes the check in the CRS of the file, areas are true."""

from __future__ import annotations

import json
import warnings
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from api.cli import main
from gis.gridareas import on_millimetres, read_areas
from gis.gridfiles import read_polygons
from grids.errors import InputError
from tests.grids.lattice import lattice

CORNER = (24.94, 60.16, 24.98, 60.18)
"""A piece of Helsinki, 2.2 x 2.2 km, where a parallel bends by 14 cm over its width."""


def boxes(crs, *, stagger: bool) -> gpd.GeoDataFrame:
    """Communities with straight edges of kilometres in the CRS of their file; staggered ones meet on edges."""
    west, south, east, north = gpd.GeoSeries([shapely.box(*CORNER)], crs=4326).to_crs(crs).total_bounds
    y = np.linspace(south, north, 4)
    rows = []
    for j in range(3):
        x = np.linspace(west, east, 3 if stagger and j % 2 else 2)
        rows += [shapely.box(a, y[j], b, y[j + 1]) for a, b in pairwise(x)]
    return gpd.GeoDataFrame({"code": [f"999999001{i:03d}" for i in range(1, len(rows) + 1)]}, geometry=rows, crs=crs)


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    rng = np.random.default_rng(3)
    a = rng.uniform(CORNER[:2], CORNER[2:], (60, 2))
    b = a + rng.normal(0, 1, (60, 2)) * (0.02, 0.01)
    frame = gpd.GeoDataFrame({"rank": 6}, index=range(60), geometry=shapely.linestrings(np.stack([a, b], 1)), crs=4326)
    path = tmp_path_factory.mktemp("streets") / "streets.gpkg"
    frame.to_file(path)
    return path


@pytest.mark.parametrize("stagger", [False, True])
@pytest.mark.parametrize("crs", [4326, 3857, 32635])
def test_what_is_built_passes_the_check_in_the_crs_of_the_file(tmp_path, streets, capsys, crs, stagger):
    areas, out = tmp_path / "areas.gpkg", tmp_path / ("units.geojson" if stagger else "units.gpkg")
    boxes(crs, stagger=stagger).to_file(areas)
    built = main(["grid", "build", "--areas", str(areas), "--barriers", str(streets), "--out", str(out), "--json"])
    one = json.loads(capsys.readouterr().out)
    checked = main(["grid", "check", str(out), "--areas", str(areas), "--json"])
    two = json.loads(capsys.readouterr().out)
    assert built == checked == 0 and one["faults"] == two["faults"] == 0
    assert one["figures"]["largest_difference_m2"] < 0.02 and two["figures"]["largest_difference_m2"] < 0.02
    # true on the ground, and all of it
    units = read_polygons(out)
    degrees = units.to_crs(4326).geometry
    ground = np.array([abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0]) for shape in degrees])
    assert np.abs(units.area.to_numpy() / ground - 1).max() < 1e-3


def test_units_of_others_are_held_against_borders_as_they_are(tmp_path, capsys):
    """Units that were never on millimetres: borders drawn anew would part from theirs."""
    units = lattice(12)
    units = units.set_geometry(units.geometry.affine_transform([1, 1e-4, -1e-4, 1, 0.1234567, 0.7654321]))
    assert not on_millimetres(units) and on_millimetres(lattice(12))
    shape = shapely.union_all(units.geometry.to_numpy())
    sparse = gpd.GeoDataFrame({"code": ["999999001001"]}, geometry=[shape], crs=units.crs)
    sparse.to_file(tmp_path / "areas.gpkg")
    units.assign(community="999999001001", code=[f"999999001001{i:03d}" for i in range(1, 145)]).to_file(
        tmp_path / "units.gpkg"
    )
    main(["grid", "check", str(tmp_path / "units.gpkg"), "--areas", str(tmp_path / "areas.gpkg"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["figures"]["largest_difference_m2"] < 1e-6 and not found["counts"]["difference"]


def test_odd_communities_are_told(tmp_path):
    path = tmp_path / "areas.gpkg"

    def write(*shapes, codes=None, crs=4546, **more):
        codes = codes or [f"C{i}" for i in range(len(shapes))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file without a CRS is what is wanted
            gpd.GeoDataFrame({"code": codes, **more}, geometry=list(shapes), crs=crs).to_file(path)

    at = (500_000, 3_900_000)
    one, two = shapely.box(0, 0, 300, 300), shapely.box(299.5, 0, 600, 300)
    one, two = (shapely.transform(shape, lambda xy: xy + at) for shape in (one, two))
    write(one, two)
    assert read_areas(path).notes == [
        "communities C0 and C1 overlap by 150.00 m²: the ground is that of the lower code"
    ]
    for shapes, more, line in (
        ((one, shapely.union(one, two)), {}, "community C0 lies within C1 by 100%"),
        ((one, two), {"codes": ["A", "A"]}, "code A twice"),
        ((one, two), {"codes": ["A", None]}, "a community without a code, row 2"),
        ((one, shapely.Point(at)), {}, "community C1 is a Point"),
        ((one, two), {"set": ["street", "community"]}, "holds the sets community, street"),
        ((one, two), {"crs": None}, "its coordinate system cannot be told"),
    ):
        path.unlink()
        write(*shapes, **more)
        with pytest.raises(InputError, match=line.replace("(", r"\(")) as caught:
            read_areas(path)
        assert "\n" not in str(caught.value)
    path.unlink()
    gpd.GeoDataFrame({"code": []}, geometry=[], crs=4546).to_file(path)
    with pytest.raises(InputError, match="has no rows"):
        read_areas(path)
    path.unlink()
    bow = shapely.transform(shapely.Polygon([(0, 0), (300, 300), (300, 0), (0, 300)]), lambda xy: xy + at)
    write(bow)
    found = read_areas(path)
    assert found.frame.geometry.is_valid.all() and "1 communities had broken geometry" in found.notes[0]
