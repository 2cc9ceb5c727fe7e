"""Reads from the record for statistics and maps: where cases happened, how many, and what the ground looks like.

No spatial join: the unit was written with the answer. Cases without a usable location (missing, default point,
wrong datum), beyond the city, or not answered yet never count; how many were left out is told.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from psycopg2 import sql
from pyarrow import csv
from sqlalchemy import Engine

from gis.sql import question
from gis.store.engine import transaction
from gis.wanted import ALL, Wanted, where
from grids.catalog import CLASS_COLUMNS, Catalog, catalog

GROUND = ("parcels", "rivers", "buildings", "roads", "railways")
"""Layers of the ground that a base map shows, in the order in which they are drawn."""


@dataclass(frozen=True)
class Places:
    """Where the cases of a selection happened.

    Parameters
    ----------
    x, y
        float64 (n,), metres in the city's CRS.
    unit
        Unit grid code of each, "" where none; categorical (n,).
    total
        Cases of the selection, with those left out.
    unanswered, no_location, outside
        How many were left out, and why.
    first, last
        When the first and the last case of the selection were reported, UTC; NaT for no cases.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: pd.Categorical
    total: int
    unanswered: int
    no_location: int
    outside: int
    first: pd.Timestamp
    last: pd.Timestamp

    def __len__(self) -> int:
        """Count of cases with a place."""
        return len(self.x)

    def by_unit(self, codes: NDArray[np.object_]) -> NDArray[np.float64]:
        """Cases of each unit in `codes`, in their order."""
        counts = pd.Series(self.unit).value_counts()
        return counts.reindex(codes, fill_value=0).to_numpy(dtype=float)


def case_places(engine: Engine, wanted: Wanted = ALL) -> Places:
    """Places of the cases that are wanted.

    What was known at an instant: cases that were recorded until then, in the units that were known then. Whether a case
    has a place in the city, and whose it is, is told by its latest answer.
    """
    values = wanted.values()
    with transaction(engine) as cursor:
        cursor.execute(question("case_summary", wanted=where()), values)
        total, unanswered, no_location, outside, first, last = cursor.fetchone()  # type: ignore[misc]
        rows = cursor.mogrify(question("case_places", wanted=where()), values).decode()
        sink = io.BytesIO()
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(rows)), sink)
    types = {"x": pa.float64(), "y": pa.float64(), "unit": pa.dictionary(pa.int32(), pa.string())}
    if sink.tell():
        sink.seek(0)
        table = csv.read_csv(
            sink,
            read_options=csv.ReadOptions(column_names=list(types)),
            convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
        x, y, unit = (table[name].to_pandas() for name in types)
    else:
        x = y = pd.Series(dtype=float)
        unit = pd.Series(dtype="category")
    return Places(
        x.to_numpy(), y.to_numpy(), pd.Categorical(unit), total, unanswered, no_location, outside,
        _stamp(first), _stamp(last),
    )  # fmt: skip


def case_mark(engine: Engine) -> int:
    """A number that changes when cases or answers come in (the server's statistics lag by a second or so)."""
    with transaction(engine) as cursor:
        cursor.execute(question("case_mark"))
        return int(cursor.fetchone()[0])  # type: ignore[index]


def unit_shapes(
    engine: Engine, *, at: pd.Timestamp, srid: int, known_at: pd.Timestamp | None = None
) -> gpd.GeoDataFrame:
    """Unit grids at an instant, as known at another.

    Columns code, community, kind, issue (0 the first), geometry; in the order of their codes.
    """
    columns = ["code", "community", "kind", "issue"]
    return _shapes(engine, "unit_shapes", columns, {"at": at.to_pydatetime(), "known_at": _or_none(known_at)}, srid)


def area_shapes(
    engine: Engine, *, at: pd.Timestamp, srid: int, known_at: pd.Timestamp | None = None
) -> gpd.GeoDataFrame:
    """Areas of all sets at an instant, as known at another: set, code, name, geometry."""
    return _shapes(
        engine, "area_shapes", ["set", "code", "name"], {"at": at.to_pydatetime(), "known_at": _or_none(known_at)}, srid
    )


def ground(engine: Engine, *, srid: int, layers: Sequence[str] = GROUND) -> dict[str, gpd.GeoDataFrame]:
    """Layers of the ground by name: code, name, kind, width_m (NaN missing), geometry."""
    columns = ["code", "name", "kind", "width_m"]
    return {name: _shapes(engine, "ground_layer", columns, {"layer": name}, srid) for name in layers}


def class_book(engine: Engine) -> Catalog:
    """The class catalogue of the record: all editions, and the city's own classes."""
    rows = pd.DataFrame(read_rows(engine, "class_table"), columns=list(CLASS_COLUMNS), dtype=object)
    return Catalog(rows, catalog().crosswalk)


def channels(engine: Engine) -> list[str]:
    """Channels by which cases came, in order."""
    return [row["channel"] for row in read_rows(engine, "case_channels")]


def area_codes(engine: Engine) -> dict[str, list[str]]:
    """Codes that each set of areas ever had, by its name."""
    with transaction(engine) as cursor:
        cursor.execute(question("known_areas"))
        return {name: sorted(codes) for name, codes in cursor.fetchall()}


def read_rows(engine: Engine, name: str, **values: Any) -> list[dict[str, Any]]:
    """Rows of the question `name` as dicts, in its order."""
    with transaction(engine) as cursor:
        cursor.execute(question(name), values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _shapes(engine: Engine, name: str, columns: list[str], values: dict[str, Any], srid: int) -> gpd.GeoDataFrame:
    with transaction(engine) as cursor:
        cursor.execute(question(name), values)
        rows = cursor.fetchall()
    frame = pd.DataFrame(rows, columns=[*columns, "wkb"])
    geometry = shapely.from_wkb([bytes(w) for w in frame.pop("wkb")])
    for column in columns:
        if column == "width_m":
            frame[column] = frame[column].astype(float)
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=srid)


def _or_none(stamp: pd.Timestamp | None) -> Any:
    return None if stamp is None or pd.isna(stamp) else stamp.to_pydatetime()


def _stamp(value: Any) -> pd.Timestamp:
    return pd.NaT if value is None else pd.Timestamp(value).tz_convert("UTC")
