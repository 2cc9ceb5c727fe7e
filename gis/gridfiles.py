"""Files of unit grids: polygons read as they are, nothing mended, in a metric CRS; layers written whole or not at all.

`gis.files` loads: it mends and rejects. Here a layer is to be examined, so its faults must come through. A file may
be named with its layer, ``city.gpkg|streets``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError, FieldError
from pyproj import Geod

from gis.crs import city_srid, is_degrees, parse_crs, to_city, to_lonlat
from gis.files import Limits
from gis.files.opening import opened
from gis.files.parquet import open_parquet
from gis.files.table import Table
from gis.files.vectors import open_vector
from gis.streets import KEYS, ranks, read_streets
from grids.errors import InputError

ENDINGS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON", ".fgb": "FlatGeobuf", ".parquet": ""}
MOST_DISTORTION = 0.001
"""Share by which an area on the map may differ from the ground."""
PARTS = {2: "areas", 1: "lines", 0: "points"}
"""Layers of a file of faults, by dimension: a GIS shows one type of geometry a layer."""


def read_polygons(
    path: str | Path,
    *,
    srid: int | None = None,
    crs: str | None = None,
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> gpd.GeoDataFrame:
    """Read a layer as it is, in a metric CRS.

    Parameters
    ----------
    path
        GeoPackage, Shapefile, GeoJSON, FlatGeobuf or GeoParquet (also zipped), with ``|layer`` where it has several.
    srid
        EPSG number of the CRS to convert to; None for the file's own if it is metric and true to area, else the
        one that `gis.crs.city_srid` gives.
    crs
        CRS of the file, where it does not say it or is wrong.
    columns
        Our name -> the file's; other columns keep their name, in lower case.

    Returns
    -------
    GeoDataFrame
        All rows, with what is broken or missing. Coordinates are not rounded.

    Raises
    ------
    InputError
        It cannot be read, its CRS cannot be told, a named column is missing, or no metric CRS is true to its areas.
    """
    raw = read_raw(path, crs=crs, columns=columns, limits=limits)
    shapes, srid = projected(raw, srid)
    return gpd.GeoDataFrame(raw.frame, geometry=shapes, crs=srid)


@dataclass(frozen=True)
class Raw:
    """A layer as its file has it: columns, shapes in the file's coordinates, their CRS."""

    name: str
    frame: pd.DataFrame
    shapes: NDArray[np.object_]
    crs: Any

    def some(self, chosen: NDArray[np.bool_]) -> Raw:
        """The rows where ``chosen`` is true."""
        return Raw(self.name, self.frame[chosen].reset_index(drop=True), self.shapes[chosen], self.crs)


def read_raw(
    path: str | Path,
    *,
    crs: str | None = None,
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Raw:
    """Read a layer in its own coordinates; parameters and errors as of `read_polygons`."""
    name, _, layer = str(path).partition("|")
    layer = layer.removeprefix("layername=")
    limits = limits or Limits()
    with opened(name, limits) as file:
        if file.format == "CSV":
            raise InputError("is a CSV", where=file.name, right="give polygons as GeoPackage, GeoJSON, Shapefile …")
        if file.format == "Parquet":
            table = open_parquet(file.path, file.name, limits)
        else:
            table = _opened(file.path, file.name, file.format, limits, layer)
        if not table.has_geometry:
            raise InputError("has no geometry", where=file.name, right="a layer of polygons")
        rows = table.read(table.columns, True)
    frame = rows.data.rename(columns=_names(table, columns or {})).reset_index(drop=True)
    if not len(frame):
        raise InputError("has no rows", where=table.name, right="a layer with at least one")
    return Raw(table.name, frame, np.asarray(rows.geometry, object), _crs(table, crs))


def _opened(path: Path, name: str, form: str, limits: Limits, layer: str) -> Table:
    try:
        return open_vector(path, name, form, limits, table=layer)
    except InputError as error:
        if " layer" not in error.what or ":" not in error.right:
            raise
        there = error.right.rpartition(": ")[2]
        raise InputError(error.what, where=name, right=f'name one as in "{name}|layer": {there}') from None


def projected(raw: Raw, srid: int | None = None) -> tuple[NDArray[np.object_], int]:
    """Shapes of a layer in a metric CRS, and its number."""
    if srid is None:
        srid = metric_srid(raw.crs, shapely.get_coordinates(raw.shapes), raw.name)
    shapes = raw.shapes.copy()
    known = None if isinstance(raw.crs, str) else raw.crs.to_epsg()
    if known != srid:
        there = ~shapely.is_missing(shapes)
        shapes[there] = _moved(shapes[there], lambda x, y: to_city(x, y, raw.crs, srid))
    return shapes, srid


def metric_srid(crs: Any, xy: NDArray[np.float64], name: str) -> int:
    """EPSG number of a CRS in which areas are true: the file's own if it is so, else the city's zone.

    Raises
    ------
    InputError
        In both, areas differ from the ground by more than `MOST_DISTORTION`.
    """
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        raise InputError("has no coordinates", where=name, right="a layer with geometry")
    low, high = xy.min(axis=0), xy.max(axis=0)
    corners = np.array([low, high, (low[0], high[1]), (high[0], low[1]), (low + high) / 2])
    own = None if isinstance(crs, str) or is_degrees(crs) else crs.to_epsg()
    metres = own and all(axis.unit_name in ("metre", "meter") for axis in crs.axis_info)
    if own and metres and area_distortion(own, corners) <= MOST_DISTORTION:
        return own
    # via Web Mercator's srid any CRS becomes degrees
    lon, lat = to_lonlat(*to_city(corners[:, 0], corners[:, 1], crs, 3857), 3857)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise InputError("lies nowhere on the Earth", where=name, right="say its CRS with --crs")
    srid = city_srid(float(lon[4]), float(lat[4]))
    there = np.column_stack(to_city(lon, lat, 4326, srid))
    if area_distortion(srid, there) > MOST_DISTORTION:
        raise InputError(
            f"areas in EPSG:{srid} differ from the ground by more than {MOST_DISTORTION:.1%}",
            where=name,
            right="project the file to a metric CRS made for this place",
        )
    return srid


def area_distortion(srid: int, xy: NDArray[np.float64]) -> float:
    """Largest share by which the area of a square of 100 m at these places (n, 2) differs from the ground's."""
    geod = Geod(ellps="WGS84")
    worst = 0.0
    for x, y in np.asarray(xy, float):
        lon, lat = to_lonlat(x + np.array([-50, 50, 50, -50]), y + np.array([-50, -50, 50, 50]), srid)
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            return np.inf
        ground = abs(geod.polygon_area_perimeter(lon, lat)[0])
        worst = max(worst, abs(10_000.0 / ground - 1) if ground > 0 else np.inf)
    return worst


def read_barriers(path: str | Path, srid: int) -> gpd.GeoDataFrame:
    """Read barriers: rank from a column ``rank`` (1 highest), else from OpenStreetMap tags (`gis.streets`).

    Layers of our own (roads, rivers, railways) have the tag's value in ``kind``; what is none of ``data/barriers.csv``
    is left out.
    """
    name, _, layer = str(path).partition("|")
    layer = layer.removeprefix("layername=")
    if ".osm" not in Path(name).suffixes and Path(name).suffix != ".graphml":
        frame = read_polygons(path, srid=srid)
        if "rank" in frame.columns:
            rank = pd.to_numeric(frame["rank"], errors="coerce")
            if not rank.between(1, 8).all():
                bad = frame["rank"][~rank.between(1, 8)].iloc[0]
                raise InputError(f"rank {bad}", where=name, right="1 (highest) to 8")
            there = ~(frame.geometry.isna() | frame.geometry.is_empty)
            return _barriers(frame, rank)[there].reset_index(drop=True)
        if "kind" in frame.columns and not set(KEYS) & set(frame.columns):
            table = ranks().drop_duplicates("value").set_index("value")["rank"]
            rank = frame["kind"].astype("str").map(table)
            return _barriers(frame[rank.notna()], rank[rank.notna()]).reset_index(drop=True)
    return read_streets(name, srid, layer=layer or None)


def _barriers(frame: gpd.GeoDataFrame, rank: pd.Series) -> gpd.GeoDataFrame:
    kind = frame.get("kind", pd.Series("", index=frame.index)).astype("str").fillna("")
    columns = {"kind": kind, "rank": rank.astype(np.int64), **_flags(frame), "geometry": frame.geometry}
    return gpd.GeoDataFrame(columns, crs=frame.crs)


def _flags(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Bridge and tunnel as flags, layer as a whole number, however the file writes them."""
    none = pd.Series("", index=frame.index)
    no = ["", "no", "false", "0", "0.0", "none", "nan", "<na>", "n", "f"]
    out = {n: ~frame.get(n, none).astype("str").fillna("").str.lower().isin(no) for n in ("bridge", "tunnel")}
    return {**out, "layer": pd.to_numeric(frame.get("layer", none), errors="coerce").fillna(0).astype(np.int64)}


def write_layer(frame: gpd.GeoDataFrame, path: str | Path) -> None:
    """Write a layer in the format of the file's ending; the file appears when it is whole.

    GeoJSON is in degrees (WGS 84) with 9 digits, a tenth of a millimetre; others are in the frame's CRS.

    Raises
    ------
    InputError
        No format we write, or the place cannot be written.
    """
    _written({Path(path).stem: frame}, Path(path))


def write_faults(faults: gpd.GeoDataFrame, path: str | Path) -> None:
    """Write the findings of a certificate as a GeoPackage with a layer for each type of geometry.

    Layers ``faults_areas``, ``faults_lines``, ``faults_points``; findings without geometry are among the points.
    """
    path = Path(path)
    if path.suffix.lower() != ".gpkg":
        raise InputError(f"{path.suffix!r} cannot hold areas, lines and points", where=str(path), right=".gpkg")
    dimension = np.maximum(shapely.get_dimensions(faults.geometry.to_numpy()), 0)
    layers = {f"faults_{name}": faults[dimension == d] for d, name in PARTS.items() if (dimension == d).any()}
    _written(layers or {"faults_areas": faults}, path)


def check_writable(path: str | Path, endings: tuple[str, ...] = tuple(ENDINGS)) -> None:
    """Refuse a file that could not be written, before any work is done."""
    path = Path(path)
    if path.suffix.lower() not in endings:
        raise InputError(f"{path.suffix!r} is no format we write", where=str(path), right=" ".join(endings))
    if not path.absolute().parent.is_dir():
        raise InputError("there is no such folder", where=str(path.absolute().parent))


def _written(layers: Mapping[str, gpd.GeoDataFrame], path: Path) -> None:
    check_writable(path)
    ending = path.suffix.lower()
    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".wanmi-") as folder:
            part = Path(folder) / path.name
            for name, frame in layers.items():
                if ending == ".parquet":
                    frame.to_parquet(part, index=False)
                    continue
                if ending in (".geojson", ".json"):
                    part.write_text(_geojson(frame), encoding="utf-8")
                    continue
                frame.to_file(part, layer=name, driver=ENDINGS[ending], engine="pyogrio", index=False)
            part.replace(path)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(path)) from error
    except (DataSourceError, FieldError, NotImplementedError, ValueError, TypeError) as error:
        raise InputError(f"cannot be written ({error})", where=str(path)) from error


def _geojson(frame: gpd.GeoDataFrame) -> str:
    """GeoJSON in degrees with 9 digits. GDAL's own writer takes 24.940000010 for 24.94: half a millimetre is lost."""
    srid = frame.crs.to_epsg()
    shapes = frame.geometry.to_numpy().copy()
    there = ~shapely.is_missing(shapes)
    shapes[there] = shapely.transform(
        _moved(shapes[there], lambda x, y: to_lonlat(x, y, srid)), lambda xy: np.round(xy, 9)
    )
    geometry = [text or "null" for text in shapely.to_geojson(shapes)]
    told = frame.drop(columns=frame.geometry.name)
    lines = told.to_json(orient="records", lines=True, force_ascii=False, date_format="iso", double_precision=15)
    about = lines.rstrip("\n").split("\n") if len(told.columns) else ["{}"] * len(told)
    rows = (f'{{"type":"Feature","properties":{a},"geometry":{g}}}' for a, g in zip(about, geometry, strict=True))
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(rows) + "\n]}\n"


def _moved(shapes: NDArray[np.object_], to: Callable[[Any, Any], tuple[Any, Any]]) -> NDArray[np.object_]:
    return shapely.transform(shapes, lambda xy: np.column_stack(to(xy[:, 0], xy[:, 1])))


def _crs(table: Table, declared: str | None) -> Any:
    if declared:
        return parse_crs(declared)
    if table.crs is None:
        raise InputError("its coordinate system cannot be told", where=table.name, right="say --crs EPSG:n")
    return parse_crs(table.crs)


def _names(table: Table, columns: Mapping[str, str]) -> dict[str, str]:
    """The file's column -> ours; a name of ours that another column takes is freed."""
    out = {}
    for ours, theirs in columns.items():
        if theirs not in table.columns:
            there = ", ".join(table.columns) or "none"
            raise InputError(f"no column {theirs!r}", where=table.name, right=f"columns: {there}")
        out[theirs] = ours
    taken = set(out.values())
    for column in table.columns:
        if column not in out:
            plain = column.lower()
            out[column] = column if plain in taken else plain
            taken.add(out[column])
    return out
