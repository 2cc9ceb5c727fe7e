"""Files with something wrong in them, and how they are read."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis.files import Checked, read_layer
from gis.model import City
from grids.errors import InputError

CITY = City("town", "Town", 4546, "Asia/Shanghai", (110.9, 34.9, 111.1, 35.1), ((110.95, 34.95),), "free", "town")
ARKANSAS = City("jax", "Jax", 26915, "America/Chicago", (-92.25, 34.78, -92.03, 34.95), codes="free", edition="jax")
BOX = shapely.box(111.0, 35.0, 111.01, 35.01)


def areas(*shapes: shapely.Geometry, crs: str | None = "EPSG:4326", **columns: list) -> gpd.GeoDataFrame:
    columns = {"code": [f"a{i}" for i in range(1, len(shapes) + 1)], **columns}
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def written(path: Path, frame: gpd.GeoDataFrame) -> Path:
    drivers = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        pyogrio.write_dataframe(frame, path, driver=drivers[path.suffix])
    return path


def csv(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def geojson(path: Path, *geometries: object, **properties: list) -> Path:
    features = [
        {"type": "Feature", "properties": {"code": f"a{i}"} | {k: v[i] for k, v in properties.items()}, "geometry": g}
        for i, g in enumerate(geometries)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def read(path: Path, layer: str = "components", city: City = CITY, **options: object) -> Checked:
    if layer == "areas":
        options.setdefault("set_", "block")
    return read_layer(path, layer, city, **options)


def refused(path: Path, layer: str = "components", city: City = CITY, **options: object) -> str:
    """The one line of a file that is refused."""
    with pytest.raises(InputError) as caught:
        read(path, layer, city, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def rejected(path: Path, layer: str = "components", city: City = CITY, **options: object) -> list[tuple]:
    """(row, column, value, why) of the rows that are refused."""
    return list(read(path, layer, city, **options).rejects.itertuples(index=False, name=None))


POINTS = "code,class,lon,lat\nc1,Lamp,111.0,35.0\n"
