"""Street files as they are: OpenStreetMap extracts and street graphs, into ranked barriers in the city's metric CRS.

Known endings: ``.osm``, ``.osm.gz``, ``.osm.pbf`` (OpenStreetMap), ``.graphml`` (a street graph with ``highway`` and
``geometry`` on its edges, positions as longitude and latitude), and any vector file that GDAL reads.
"""

from __future__ import annotations

import re
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

import data
from gis.crs import to_city
from grids.errors import InputError, NotFound

COLUMNS = ("kind", "name", "rank", "drivable", "bridge", "tunnel", "layer")
KEYS = ("natural", "waterway", "railway", "highway", "barrier")


def ranks() -> pd.DataFrame:
    """Barrier rank of each OpenStreetMap tag, ``data/barriers.csv``: key, value, rank (1 highest), drivable, note."""
    return pd.read_csv(Path(data.__file__).parent / "barriers.csv", dtype={"rank": "int64"}, keep_default_na=False)


def read_streets(path: str | Path, srid: int, *, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read the barriers of a street file.

    Parameters
    ----------
    path
        The file.
    srid
        EPSG number of the city's metric CRS.
    layer
        Layer of a file that is not OpenStreetMap's; None for its only one.

    Returns
    -------
    GeoDataFrame
        ``kind`` (``highway=residential``), ``name``, ``rank`` (1 highest, see `ranks`), ``drivable``, ``bridge``,
        ``tunnel``, ``layer`` and ``geometry``: lines, and water polygons, each once (both directions of a two-way
        street are one row), sorted by place. Lines without a known tag are left out. What could not be read is
        counted in ``attrs["left_out"]``. A line of a file without tags gets rank 6.

    Raises
    ------
    NotFound, InputError
        When there is no such file, or it is no street file.
    """
    path = Path(path)
    if not path.exists():
        raise NotFound(f"no file {path}")
    if path.suffix == ".graphml":
        found = _graphml(path)
    elif ".osm" in path.suffixes:
        found = _osm(path)
    else:
        found = _plain(path, layer)
    left_out = int((found.geometry.isna() | found.geometry.is_empty).sum()) + found.attrs.get("left_out", 0)
    found = found[~(found.geometry.isna() | found.geometry.is_empty)]
    shapes = _projected(found.geometry.to_numpy(), found.crs, srid)
    frame = gpd.GeoDataFrame(found[list(COLUMNS)].reset_index(drop=True), geometry=shapes, crs=srid)
    frame = _once(frame.explode(ignore_index=True))
    frame.attrs["left_out"] = left_out
    return frame


def _projected(shapes: np.ndarray, crs: object, srid: int) -> np.ndarray:
    xy = shapely.get_coordinates(shapes)
    x, y = to_city(xy[:, 0], xy[:, 1], crs, srid)
    return shapely.set_coordinates(shapes.copy(), np.round(np.column_stack([x, y]), 3))


def _once(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Each geometry once, whichever its direction; the highest rank stays."""
    frame = frame[frame.geometry.length > 0]
    key = shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy()))
    order = np.lexsort((frame["kind"].to_numpy(str), frame["rank"].to_numpy(), key))
    frame = frame.iloc[order]
    return frame[~pd.Series(key[order]).duplicated().to_numpy()].reset_index(drop=True)


def _tagged(tags: pd.DataFrame) -> pd.DataFrame:
    """Kind, rank and drivable from the tag columns of `KEYS`; rank 0 where no tag is a barrier's."""
    table = ranks()
    out = pd.DataFrame({"kind": "", "rank": 0, "drivable": False}, index=tags.index)
    for key in reversed(KEYS):
        if key not in tags.columns:
            continue
        known = table[table["key"] == key].set_index("value")
        at = known.index.get_indexer(tags[key].fillna("").astype("str"))
        hit = at >= 0
        out.loc[hit, "kind"] = key + "=" + known.index.to_numpy(object)[at[hit]]
        out.loc[hit, "rank"] = known["rank"].to_numpy()[at[hit]]
        out.loc[hit, "drivable"] = known["drivable"].to_numpy()[at[hit]] == "yes"
    return out


def _flags(bridge: pd.Series, tunnel: pd.Series, layer: pd.Series) -> dict[str, pd.Series]:
    return {
        "bridge": bridge.fillna("").astype("str").str.contains("yes|viaduct|movable"),
        "tunnel": tunnel.fillna("").astype("str").str.contains("yes|building_passage|covered|culvert"),
        "layer": pd.to_numeric(layer, errors="coerce").fillna(0).astype("int64"),
    }


def _osm(path: Path) -> gpd.GeoDataFrame:
    source = f"/vsigzip/{path.resolve()}" if path.suffix == ".gz" else str(path)
    frames, left_out = [], 0
    for layer in ("lines", "multipolygons"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what GDAL cannot read is counted below, not repeated line by line
                frame = pyogrio.read_dataframe(source, layer=layer, on_invalid="ignore")
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise InputError(f"not an OpenStreetMap file: {error}", where=str(path)) from None
        left_out += int(frame.geometry.isna().sum())
        other = frame["other_tags"].fillna("").astype("str")
        for key in (*KEYS, "bridge", "tunnel", "layer", "area"):
            written = other.str.extract(rf'"{re.escape(key)}"=>"([^"]*)"', expand=False)
            frame[key] = frame[key].fillna(written) if key in frame.columns else written
        tags = _tagged(frame)
        if layer == "multipolygons":
            tags.loc[~tags["kind"].isin(["natural=water", "waterway=riverbank"]), "rank"] = 0
        flags = _flags(frame["bridge"], frame["tunnel"], frame["layer"])
        made = frame[["name", "geometry"]].assign(**tags, **flags)
        made["name"] = made["name"].fillna("").astype("str")
        frames.append(made[made["rank"] > 0])
    out = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=4326)
    out.attrs["left_out"] = left_out
    return out


def _graphml(path: Path) -> gpd.GeoDataFrame:
    space = "{http://graphml.graphdrawing.org/xmlns}"
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise InputError(f"not a street graph: {error}", where=str(path)) from None
    names = {key.get("id"): key.get("attr.name") or "" for key in root.iter(f"{space}key")}

    def values(element: ET.Element) -> dict[str, str]:
        return {names.get(one.get("key"), ""): one.text or "" for one in element.iter(f"{space}data")}

    place = {}
    for node in root.iter(f"{space}node"):
        at = values(node)
        place[node.get("id")] = (float(at["x"]), float(at["y"]))
    rows, left_out = [], 0
    for edge in root.iter(f"{space}edge"):
        row = values(edge)
        a, b = place.get(edge.get("source")), place.get(edge.get("target"))
        if "geometry" not in row:
            if a is None or b is None or a == b:
                left_out += 1
                continue
            row["geometry"] = f"LINESTRING ({a[0]} {a[1]}, {b[0]} {b[1]})"
        rows.append(row)
    frame = pd.DataFrame(rows)
    for column in ("highway", "name", "bridge", "tunnel", "layer"):
        frame[column] = frame[column].fillna("") if column in frame.columns else ""
    # a merged edge lists all its values: ['residential', 'tertiary']; the highest rank of them holds
    listed = frame["highway"].str.findall(r"[a-z_]+")
    table = ranks()
    known = table[table["key"] == "highway"].set_index("value")["rank"]
    frame["highway"] = [min(some, key=lambda v: known.get(v, 99), default="") for some in listed]
    flags = _flags(frame["bridge"], frame["tunnel"], frame["layer"])
    shapes = shapely.from_wkt(frame["geometry"].to_numpy(object), on_invalid="ignore")
    out = gpd.GeoDataFrame(frame[["name"]].assign(**_tagged(frame), **flags), geometry=shapes, crs=4326)
    out = out[out["rank"] > 0]
    out.attrs["left_out"] = left_out
    return out


def _plain(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    try:
        frame = gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(f"no street file: {error}", where=str(path)) from None
    if frame.crs is None:
        raise InputError("no coordinate reference system", where=str(path), right="a file that says its CRS")
    empty = pd.Series("", index=frame.index)
    tags = _tagged(frame) if any(key in frame.columns for key in KEYS) else None
    if tags is None:
        tags = pd.DataFrame({"kind": "highway=road", "rank": 6, "drivable": True}, index=frame.index)
    flags = _flags(*(frame.get(key, empty) for key in ("bridge", "tunnel", "layer")))
    name = frame["name"].fillna("").astype("str") if "name" in frame.columns else empty
    out = gpd.GeoDataFrame({"name": name} | dict(tags) | flags, geometry=frame.geometry, crs=frame.crs)
    return out[out["rank"] > 0]
