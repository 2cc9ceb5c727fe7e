"""Reads from the record: the cases of a selection with place and time, in an order that is always the same."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields

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
    """Cases by time, then by the digest of their number.

    Parameters
    ----------
    x, y
        float64 (n,), metres in the city's CRS.
    at
        When each was reported, microseconds since 1970, UTC, int64 (n,).
    number
        Digest of the number that the source system gave (PostgreSQL's ``hashtextextended``), int64 (n,).
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
    number: NDArray[np.int64]
    unit: pd.Categorical
    department: pd.Categorical
    klass: pd.Categorical

    def sorted(self) -> Moments:
        """The same cases in order."""
        order = np.lexsort((self.number, self.at))
        return Moments(*(getattr(self, field.name)[order] for field in fields(self)))

    def stamp(self, of: int) -> pd.Timestamp:
        """When a case was reported, UTC."""
        return pd.Timestamp(int(self.at[of]), unit="us", tz="UTC")


def case_moments(engine: Engine, wanted: Wanted = ALL) -> Moments:
    """Cases that are wanted and have a place in the city, as `gis.counts.case_places` selects them."""
    sink = io.BytesIO()
    with transaction(engine) as cursor:
        rows = cursor.mogrify(question("case_moments", wanted=where()), wanted.values()).decode()
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(rows)), sink)
    text = pa.dictionary(pa.int32(), pa.string())
    types = {
        "x": pa.float64(), "y": pa.float64(), "at": pa.int64(), "number": pa.int64(),
        "unit": text, "department": text, "klass": text,
    }  # fmt: skip
    if not sink.tell():
        none = np.empty(0, dtype=np.int64)
        return Moments(none.astype(float), none.astype(float), none, none, *(pd.Categorical([]) for _ in range(3)))
    sink.seek(0)
    table = csv.read_csv(
        sink,
        read_options=csv.ReadOptions(column_names=list(types)),
        convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    plain = (table[name].to_numpy() for name in ("x", "y", "at", "number"))
    named = (pd.Categorical(table[name].to_pandas()) for name in ("unit", "department", "klass"))
    return Moments(*plain, *named).sorted()
