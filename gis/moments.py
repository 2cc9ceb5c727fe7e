"""Reads from the record: the cases of a selection with place, time and number, in an order that is always the same."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from psycopg2 import sql
from pyarrow import csv
from sqlalchemy import Engine

from gis.sql import question
from gis.store.engine import transaction
from gis.wanted import ALL, Wanted, where


@dataclass(frozen=True)
class Moments:
    """Cases by time, then by number.

    Parameters
    ----------
    x, y
        float64 (n,), metres in the city's CRS.
    at
        When each was reported, microseconds since 1970, UTC, int64 (n,).
    id
        Case number of the source system, object (n,).
    unit
        Unit grid code of each, "" where none; categorical (n,).
    department
        Department of each answer, "" where none; categorical (n,).
    klass
        Class text ``edition:kind+code``, "" where none; categorical (n,).
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    at: NDArray[np.int64]
    id: NDArray[np.object_]
    unit: pd.Categorical
    department: pd.Categorical
    klass: pd.Categorical

    def stamp(self, of: int) -> pd.Timestamp:
        """When a case was reported, UTC."""
        return pd.Timestamp(int(self.at[of]), unit="us", tz="UTC")


def case_moments(engine: Engine, wanted: Wanted = ALL) -> Moments:
    """Cases that are wanted and have a place in the city, as `gis.counts.case_places` selects them."""
    sink = io.BytesIO()
    with transaction(engine) as cursor:
        rows = cursor.mogrify(question("case_moments", wanted=where()), wanted.values()).decode()
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(rows)), sink)
    if not sink.tell():
        none = np.empty(0)
        return Moments(
            none, none, np.empty(0, dtype=np.int64), np.empty(0, dtype=object), *(pd.Categorical([]) for _ in range(3))
        )
    sink.seek(0)
    text = pa.dictionary(pa.int32(), pa.string())
    types = {
        "x": pa.float64(),
        "y": pa.float64(),
        "at": pa.int64(),
        "id": pa.string(),
        "unit": text,
        "department": text,
        "klass": text,
    }
    table = csv.read_csv(
        sink,
        read_options=csv.ReadOptions(column_names=list(types)),
        convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    at, ids = table["at"].to_numpy(), table["id"].to_numpy(zero_copy_only=False).astype(object)
    order = np.lexsort((ids.astype(str), at))
    x, y = table["x"].to_numpy(), table["y"].to_numpy()
    named = (pd.Categorical(table[name].to_pandas())[order] for name in ("unit", "department", "klass"))
    return Moments(x[order], y[order], at[order], ids[order], *named)
