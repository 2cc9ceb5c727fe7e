"""``wanmi grid`` on real street files, with communities drawn by hand in the CRS of a stranger's file."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from api.cli import main
from gis.gridfiles import read_polygons
from gis.streets import read_streets

FILES = {
    "Helsinki.osm.pbf": (3879, 4326),
    "monaco.osm.gz": (32632, 4326),
    "shenzhen_futian_osm_roads.graphml": (4547, 4326),
    "bubenec.gpkg|streets": (32633, 3857),
}
"""Street file -> a metric CRS to find its extent in, and the CRS in which the communities are drawn."""


def boxes(around: np.ndarray, crs: int) -> gpd.GeoDataFrame:
    """Nine or so communities, straight in their CRS; those of the middle row meet the others on their edges."""
    west, south, east, north = around
    y, rows = np.linspace(south, north, 4), []
    for j in range(3):
        x = np.linspace(west, east, 5 if j == 1 else 4)
        rows += [shapely.box(a, y[j], b, y[j + 1]) for a, b in pairwise(x)]
    codes = [f"999999001{i:03d}" for i in range(1, len(rows) + 1)]
    return gpd.GeoDataFrame({"code": codes}, geometry=rows, crs=crs)


@pytest.mark.parametrize("name", list(FILES))
def test_what_is_built_passes_in_the_crs_of_the_file(real_data: Path, tmp_path: Path, capsys, name: str):
    srid, crs = FILES[name]
    file, _, layer = name.partition("|")
    streets = read_streets(real_data / "streets" / file, srid, layer=layer or None)
    boxes(streets.to_crs(crs).total_bounds, crs).to_file(tmp_path / "areas.gpkg")
    words = ["--areas", str(tmp_path / "areas.gpkg"), "--json"]
    out = tmp_path / ("units.gpkg" if crs == 3857 else "units.geojson")
    assert main(["grid", "build", *words, "--barriers", str(real_data / "streets" / name), "--out", str(out)]) == 0
    built = json.loads(capsys.readouterr().out)
    assert main(["grid", "check", str(out), *words]) == 0
    checked = json.loads(capsys.readouterr().out)
    for found in (built, checked):
        assert found["passed"] and found["figures"]["largest_difference_m2"] <= 0.1
        assert found["figures"]["in_band_share"] == 1.0
    # 10,000 m² are 10,000 m² on the ground within 0.1 %
    units = read_polygons(out)
    ground = [abs(Geod(ellps="WGS84").geometry_area_perimeter(s)[0]) for s in units.to_crs(4326).geometry]
    assert np.abs(units.area.to_numpy() / np.array(ground) - 1).max() < 1e-3
