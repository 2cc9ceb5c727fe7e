"""Reads from the record for rates: cases with class, channel and filing, and where components stand."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

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

PATROLS = ("patrol",)
CITIZENS = ("hotline", "wechat", "app", "web", "citizen", "phone")
"""Channels by which patrols find and citizens report; cameras do neither, they look where they hang."""


@dataclass(frozen=True)
class Kinds:
    """Cases with a place in the city: place in metres, unit ("" where none), class, channel, owner, filed; (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: pd.Categorical
    klass: pd.Categorical
    channel: pd.Categorical
    department: pd.Categorical
    filed: NDArray[np.bool_]

    def by(self, channels: tuple[str, ...]) -> NDArray[np.bool_]:
        """Cases that came by these channels."""
        return _among(self.channel, channels)

    def taken(self, wanted: Wanted) -> NDArray[np.bool_]:
        """Cases of the wanted classes, channels and departments."""
        return (
            _among(self.klass, wanted.classes)
            & _among(self.channel, wanted.channels)
            & _among(self.department, wanted.departments)
        )


def _among(column: pd.Categorical, texts: tuple[str, ...] | None) -> NDArray[np.bool_]:
    """Rows that hold one of some texts; None for all."""
    if texts is None:
        return np.ones(len(column), dtype=bool)
    mine = np.append(np.isin(np.asarray(column.categories, dtype=object).astype(str), texts), False)
    return mine[column.codes]


def case_kinds(engine: Engine, wanted: Wanted = ALL) -> Kinds:
    """Cases that are wanted and have a place in the city, as `gis.counts.case_places` selects them."""
    types = {
        "x": pa.float64(), "y": pa.float64(), "unit": _text(), "class": _text(), "channel": _text(),
        "department": _text(), "filed": pa.int8(),
    }  # fmt: skip
    table = _copied(engine, question("case_kinds", wanted=where()), wanted.values(), types)
    return Kinds(
        table["x"].to_numpy(), table["y"].to_numpy(), pd.Categorical(table["unit"]), pd.Categorical(table["class"]),
        pd.Categorical(table["channel"]), pd.Categorical(table["department"]), table["filed"].to_numpy() == 1,
    )  # fmt: skip


def component_places(
    engine: Engine, *, at: pd.Timestamp, classes: list[str] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places of the components that hold at an instant, metres.

    Parameters
    ----------
    engine
        The record.
    at
        Instant, UTC.
    classes
        Class texts ``edition:kind+code``; None for all.
    """
    types = {"x": pa.float64(), "y": pa.float64()}
    table = _copied(engine, question("component_places"), {"at": at.to_pydatetime(), "classes": classes}, types)
    return table["x"].to_numpy(), table["y"].to_numpy()


def _text() -> pa.DataType:
    return pa.dictionary(pa.int32(), pa.string())


def _copied(engine: Engine, asked: sql.Composed, values: dict[str, Any], types: dict[str, pa.DataType]) -> pd.DataFrame:
    """Rows of a question, by COPY."""
    sink = io.BytesIO()
    with transaction(engine) as cursor:
        rows = cursor.mogrify(asked, values).decode()
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(rows)), sink)
    if not sink.tell():
        return pd.DataFrame(
            {k: pd.Series([], dtype=float if pa.types.is_floating(t) else object) for k, t in types.items()}
        )
    sink.seek(0)
    return csv.read_csv(
        sink,
        read_options=csv.ReadOptions(column_names=list(types)),
        convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    ).to_pandas()
