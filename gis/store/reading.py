"""Reading whole layers out of the record, as the frames that they were loaded from."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from pyarrow import csv
from sqlalchemy import Engine

from gis.layers import LAYERS
from gis.sql import question
from gis.store.city import read_city
from gis.store.engine import transaction

FRAMES = ("areas", "area_sets", "departments", "rules", "units", "components", "zones", "classes")
"""What a snapshot is compiled from."""

_KINDS = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.float64(),
    "flag": pa.bool_(),
    "instant": pa.timestamp("us"),
}
_MORE = {"area_m2": pa.float64(), "is_line": pa.bool_(), "position": pa.float64(), "x": pa.float64(), "y": pa.float64()}
"""Columns that no layer has in its files."""


def city_frames(engine: Engine, *, at: Any = None, known_at: Any = None) -> dict[str, pd.DataFrame]:
    """Read what a snapshot is compiled from, all of it as of one moment.

    Parameters
    ----------
    at
        Instant at which rows must hold; by default all versions are read.
    known_at
        Instant as of which rows are believed; by default now.

    Returns
    -------
    dict of DataFrame
        areas, departments, rules, units, components, zones with the columns of `gis.layers` (GeoDataFrames in the
        city's CRS where they have geometry; that of zones is their footprint, with ``is_line`` and ``area_m2``);
        area_sets (set, position); classes (as in ``data/classes.csv``). Missing values as in `gis.layers`.
    """
    city = read_city(engine)
    values = {"at": stamp(at), "known_at": stamp(known_at)}
    with transaction(engine) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return {name: as_shapes(copy_out(cursor, f"frame_{name}", values, name), city.srid) for name in FRAMES}


def cases_frame(engine: Engine, *, only_open: bool = False) -> gpd.GeoDataFrame:
    """Read the cases, in order of their number.

    Parameters
    ----------
    only_open
        Only those that are not closed, or have no answer yet.

    Returns
    -------
    GeoDataFrame
        Columns of the layer ``cases``, points in the city's CRS, None for no place; and ``x``, ``y``, metres, NaN for
        none.
    """
    city = read_city(engine)
    with transaction(engine) as cursor:
        values = {"after": None, "count": None, "open": only_open, "ids": None}
        return as_shapes(copy_out(cursor, "frame_cases", values, "cases"), city.srid, keep=("x", "y"))


def cases_frames(engine: Engine, *, only_open: bool = False, chunk: int = 250_000) -> Iterator[pd.DataFrame]:
    """Read the cases a portion at a time, in order of their number: `cases_frame` without its geometry column.

    Each portion is a transaction of its own, so that cases may be written in between.
    """
    after = None
    while True:
        with transaction(engine) as cursor:
            values = {"after": after, "count": chunk, "open": only_open, "ids": None}
            frame = copy_out(cursor, "frame_cases", values, "cases")
        if len(frame):
            yield frame
        if len(frame) < chunk:
            return
        after = frame["id"].iloc[-1]


def copy_out(cursor: Cursor, name: str, values: dict[str, Any], layer: str) -> pd.DataFrame:
    """Run a question by COPY and return its rows; "" for missing text, NaN and NaT for the rest."""
    rows = cursor.mogrify(question(name), values).decode()
    sink = io.BytesIO()
    command = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(sql.SQL(rows))
    cursor.copy_expert(command, sink)
    known = {c.name: _KINDS[c.kind] for c in LAYERS[layer].columns} if layer in LAYERS else {}
    head = sink.getbuffer()[:4096].tobytes().split(b"\n", 1)[0].decode().split(",")
    table = csv.read_csv(
        pa.BufferReader(sink.getbuffer()),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={c: {**_MORE, **known}.get(c, pa.string()) for c in head},
            true_values=["t"],
            false_values=["f"],
            timestamp_parsers=[csv.ISO8601],
        ),
    )
    frame = table.to_pandas()
    for column in frame.columns[frame.dtypes == "datetime64[us]"]:
        frame[column] = frame[column].dt.tz_localize("UTC")
    return frame


def stamp(value: Any) -> str | None:
    """Return an instant as PostgreSQL reads it; one without a zone is UTC."""
    if value is None or pd.isna(value):
        return None
    instant = pd.Timestamp(value)
    return (instant.tz_localize("UTC") if instant.tz is None else instant).isoformat()


def as_shapes(frame: pd.DataFrame, srid: int, *, keep: tuple[str, ...] = ()) -> pd.DataFrame:
    """Turn hex EWKB, or x and y, into geometry."""
    if "geometry" in frame:
        shapes = shapely.from_wkb(frame.pop("geometry").to_numpy(dtype=object))
    elif "x" in frame:
        x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
        shapes = shapely.points(x, y)
        shapes[np.isnan(x)] = None
        frame = frame.drop(columns=[c for c in ("x", "y") if c not in keep])
    else:
        return frame
    return gpd.GeoDataFrame(frame, geometry=shapely.set_srid(shapes, 0), crs=f"EPSG:{srid}")
