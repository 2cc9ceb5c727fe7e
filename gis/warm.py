"""Compile the kernels once, so that their cache is warm: ``python -m gis.warm``."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from gis.answer import explain
from gis.assign import Cases, assign, locate
from gis.crs import to_lonlat, way
from gis.hotspots.warm import warm_hotspots
from gis.model import City
from gis.publishing.warm import warm_publishing
from gis.raster import FEW, nearby
from gis.snapshot import Snapshot
from grids.compile import build_units


def warm() -> Snapshot:
    """Answer one case of a one-house town in every way, and give the town; numba keeps what it compiles."""
    row = {"set": "community", "code": "a", "name": "", "parent": "", "department": "", "valid_from": None}
    square = gpd.GeoDataFrame([row | {"valid_to": None}], geometry=[shapely.box(0, 0, 50, 50)])
    town = City("warm", "warm", 32649, "UTC", (108.0, 0.0, 114.0, 84.0))
    snapshot = Snapshot.compile(town, {"areas": square})
    case = Cases.read(snapshot, [1.0], [1.0], [""], accuracy_m=[5.0])
    explain(case, 0, snapshot), assign(case, snapshot), locate(case, snapshot)
    nearby(np.zeros(FEW + 1, dtype=np.int64), np.zeros(FEW + 1, dtype=np.int64))
    for system in ("EPSG:4326", "bd09"):
        way(system, town.srid).point(111.0, 0.0)
        explain(Cases.read(snapshot, [111.0], [0.0], [""], crs=system), 0, snapshot)
    to_lonlat([1.0], [1.0], town.srid)
    return snapshot


def warm_the_rest() -> None:
    """What no answer needs: units cut out of a block, hotspots, publishing."""
    block = gpd.GeoDataFrame({"code": ["a"]}, geometry=[shapely.box(5e5, 4e6, 5e5 + 500, 4e6 + 400)], crs=32649)
    street = shapely.LineString([(5e5 + 130, 4e6 - 9), (5e5 + 130, 4e6 + 290)])
    build_units(block, gpd.GeoDataFrame({"rank": [6]}, geometry=[street], crs=32649))
    warm_hotspots()
    warm_publishing()


if __name__ == "__main__":
    warm()
    warm_the_rest()
