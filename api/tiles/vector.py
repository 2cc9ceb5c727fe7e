"""Vector tiles (MVT) of the record's layers, made by PostGIS from the shapes that it holds in Web Mercator.

A tile says what it does not show: beside its own layer it then has a layer ``notice`` with one point and ``layer``,
``shown``, ``total``. Far out, single things give way to sums: units to the areas that hold them, components and
buildings to squares with their count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from psycopg2 import sql
from sqlalchemy import Engine

from api.pages.mercator import HALF_M, Box, from_lonlat, tile_box, to_degrees
from gis.crs import reach, to_city
from gis.model import City
from gis.sql import question
from gis.store.engine import transaction
from grids.errors import NotFound
from grids.nearmiss import suggest

CAP = 20_000
"""Most features of a tile."""
KNOTS = 9
"""A tile's ground is the box around so many places on a side: edges of large tiles are bent in the city's CRS."""
MARGIN = 64 / 4096
"""Of the tile's side: so far beyond its edge shapes are kept, that their outlines do not show there."""
SQUARES = 64
"""Sums are made on so many squares along a tile's side."""


@dataclass(frozen=True)
class Kind:
    """How a layer is drawn at some zooms.

    Parameters
    ----------
    rows
        Question for the rows.
    attributes
        What features carry, as the views name it.
    states
        Layers whose change changes the tile.
    dated
        Table whose rows begin and end to hold; "" for none.
    """

    rows: str
    attributes: tuple[str, ...]
    states: tuple[str, ...]
    dated: str = ""


UNITS = Kind("tile_units", ("code", "name", "community", "kind", "area_m2"), ("units",), "units")
UNITS_MANY = Kind("tile_units_many", ("code", "name", "units", "area_m2"), ("units", "areas"), "units")
AREAS = Kind("tile_areas", ("set", "code", "name", "parent_set", "parent", "department"), ("areas",), "areas")
ZONES = Kind(
    "tile_zones",
    ("code", "name", "department", "classes", "rank", "width_m", "is_line", "area_m2"),
    ("zones",),
    "zones",
)
_OF_COMPONENT = (
    "code",
    "edition",
    "kind",
    "class_code",
    "name",
    "supervising",
    "owning",
    "maintaining",
    "unit",
    "state",
)
COMPONENTS = Kind("tile_components", _OF_COMPONENT, ("components",), "components")
COMPONENTS_MANY = Kind("tile_components_many", ("components",), ("components",), "components")
ROADS = Kind("tile_roads", ("code", "name", "kind", "width_m", "lanes"), ("ground:roads",))
BUILDINGS = Kind("tile_buildings", ("code", "name", "kind", "height_m"), ("ground:buildings",))
BUILDINGS_MANY = Kind("tile_buildings_many", ("buildings", "area_m2"), ("ground:buildings",))
WATER = Kind("tile_water", ("code", "name", "kind", "width_m"), ("ground:rivers",))
HOTSPOTS = Kind("tile_hotspots", ("code", "community", "cases", "z", "q"), ("units",), "units")

LAYERS: dict[str, tuple[tuple[int, Kind], ...]] = {
    "units": ((0, UNITS_MANY), (12, UNITS)),
    "areas": ((0, AREAS),),
    "zones": ((0, ZONES),),
    "components": ((0, COMPONENTS_MANY), (15, COMPONENTS)),
    "roads": ((0, ROADS),),
    "buildings": ((0, BUILDINGS_MANY), (14, BUILDINGS)),
    "water": ((0, WATER),),
    "hotspots": ((0, HOTSPOTS),),
}
"""Layers by name: from which zoom on each is drawn how."""
ROADS_FROM = {
    0: ["motorway", "trunk", "primary"],
    11: ["motorway", "trunk", "primary", "secondary"],
    13: ["motorway", "trunk", "primary", "secondary", "tertiary"],
}
"""Roads that are shown from a zoom on; from 14 on all are."""
ALL_ROADS = 14


@dataclass(frozen=True)
class Tile:
    """A vector tile: its bytes (none for an empty one), how many features it shows, of how many."""

    data: bytes
    shown: int
    total: int


def kind_of(layer: str, z: int) -> Kind:
    """How a layer is drawn at a zoom.

    Raises
    ------
    NotFound
        There is no such layer.
    """
    if layer not in LAYERS:
        near = suggest(layer[:40], list(LAYERS), n=1)
        right = f"did you mean {near[0]}?" if near else "one of " + ", ".join(LAYERS)
        raise NotFound(f"no layer {layer[:40]!r} of tiles", where="layer", right=right)
    return next(kind for least, kind in reversed(LAYERS[layer]) if z >= least)


def clipped(city: City, z: int, x: int, y: int) -> Box | None:
    """The part of a tile, with its margin, where things of the city can lie, Mercator metres; None for none.

    Its bounds do not cut: what is loaded may lie beyond them.
    """
    west, south, east, north = tile_box(z, x, y)
    margin = (east - west) * MARGIN
    bounds = reach(city.srid, city.bounds)
    low, high = from_lonlat([bounds[0]], [bounds[1]]), from_lonlat([bounds[2]], [bounds[3]])
    out = (
        max(west - margin, float(low[0][0])),
        max(south - margin, float(low[1][0])),
        min(east + margin, float(high[0][0])),
        min(north + margin, float(high[1][0])),
    )
    return out if out[0] < out[2] and out[1] < out[3] else None


def _square_m(city: City, z: int) -> float:
    """Side of the squares of a zoom, metres on the ground in the city's middle: the same for all its tiles."""
    return 2 * HALF_M / 2**z / SQUARES * float(np.cos(np.radians((city.bounds[1] + city.bounds[3]) / 2)))


def vector_tile(engine: Engine, city: City, layer: str, z: int, x: int, y: int, **values: Any) -> Tile:
    """A tile of a layer, as the record is now.

    Parameters
    ----------
    engine, city
        The record and its city.
    layer
        One of `LAYERS`.
    z, x, y
        The tile.
    values
        What the layer takes beside: ``sets`` of areas (None for all), ``codes``, ``cases``, ``scores`` (z), ``rates``
        (q) of hotspots; ``cap``.

    Raises
    ------
    NotFound
        There is no such layer or tile.

    Notes
    -----
    Equal rows make equal bytes: features come in the order of their codes.
    """
    kind, box = kind_of(layer, z), clipped(city, z, x, y)
    if box is None:
        return Tile(b"", 0, 0)
    corner_x, corner_y = np.meshgrid(np.linspace(box[0], box[2], KNOTS), np.linspace(box[1], box[3], KNOTS))
    ground_x, ground_y = to_city(*to_degrees(corner_x.ravel(), corner_y.ravel()), "EPSG:4326", city.srid)
    side = _square_m(city, z)
    low_x, low_y = np.floor(ground_x.min() / side) * side, np.floor(ground_y.min() / side) * side
    high_x, high_y = np.ceil(ground_x.max() / side) * side, np.ceil(ground_y.max() / side) * side
    ground = shapely.box(low_x, low_y, high_x, high_y)  # whole squares: their sums are those of the tile beside
    asked: dict[str, Any] = {
        "layer": layer,
        "z": z,
        "x": x,
        "y": y,
        "cap": CAP,
        "beyond": 0,
        "box": shapely.to_wkb(shapely.set_srid(shapely.box(*box), 3857), hex=True, include_srid=True),
        "ground": shapely.to_wkb(shapely.set_srid(ground, city.srid), hex=True, include_srid=True),
        "side": side,
        "set": city.territory[0] if city.territory else "",
        "sets": None,
        "kinds": None,
    } | values
    if layer == "roads" and z < ALL_ROADS:
        asked["kinds"] = next(kinds for least, kinds in reversed(ROADS_FROM.items()) if z >= least)
    attributes = sql.SQL(", ").join(sql.Identifier(name) for name in kind.attributes)
    plain = question(kind.rows)
    rows = sql.SQL("(SELECT * FROM ({}) r LIMIT %(cap)s + 1)").format(plain)
    with transaction(engine) as cursor:
        cursor.execute("SET LOCAL jit = off")  # compiling costs more than it saves
        cursor.execute(question("tile_frame", rows=rows, attributes=attributes), asked)
        data, shown, total, read = cursor.fetchone()  # type: ignore[misc]
        if read > asked["cap"]:
            cursor.execute(sql.SQL("SELECT count(*) FROM ({}) r").format(plain), asked)
            asked["beyond"] = cursor.fetchone()[0] - asked["cap"]  # type: ignore[index]
            heaviest = "(SELECT * FROM ({}) r ORDER BY web IS NULL, weight DESC, key LIMIT %(cap)s)"
            rows = sql.SQL(heaviest).format(plain)
            cursor.execute(question("tile_frame", rows=rows, attributes=attributes), asked)
            data, shown, total, _ = cursor.fetchone()  # type: ignore[misc]
    return Tile(bytes(data), shown, total)


def layer_states(engine: Engine) -> dict[str, str]:
    """State of each layer that tiles are drawn from: two that are alike were drawn alike."""
    with transaction(engine) as cursor:
        cursor.execute(question("tile_states"))
        return dict(cursor.fetchall())


def next_turn(engine: Engine, table: str) -> pd.Timestamp:
    """When a row of a dated table begins or ends to hold next, UTC; NaT for never."""
    with transaction(engine) as cursor:
        cursor.execute(question("tile_next", table=sql.Identifier("wanmi", table)))
        at = cursor.fetchone()[0]  # type: ignore[index]
    return pd.NaT if at is None else pd.Timestamp(at).tz_convert("UTC")
