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

PATROLS = ("patrol",)
CITIZENS = ("hotline", "wechat", "app", "web", "citizen", "phone")
"""Channels by which patrols find and citizens report; cameras do neither, they look where they hang."""


@dataclass(frozen=True)
class Kinds:
    """Cases with a place in the city: place in metres, unit ("" where none), class, channel, whether filed; (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: pd.Categorical
    klass: pd.Categorical
    channel: pd.Categorical
    filed: NDArray[np.bool_]

    def by(self, channels: tuple[str, ...]) -> NDArray[np.bool_]:
        """Cases that came by these channels."""
        mine = np.append(np.isin(np.asarray(self.channel.categories, dtype=object).astype(str), channels), False)
        return mine[self.channel.codes]


def case_kinds(
    engine: Engine, *, begin: pd.Timestamp | None, end: pd.Timestamp | None, known_at: pd.Timestamp | None = None
) -> Kinds:
    """Cases of a period, of all classes.

    Parameters
    ----------
    engine
        The record.
    begin, end
        Instants, UTC, half-open; None or NaT for open.
    known_at
        Only cases recorded until then; None or NaT for all.
    """
    types = {
        "x": pa.float64(), "y": pa.float64(), "unit": _text(), "class": _text(), "channel": _text(), "filed": pa.int8()
    }  # fmt: skip
    table = _copied(engine, "case_kinds", {"begin": begin, "end": end, "known_at": known_at}, types)
    return Kinds(
        table["x"].to_numpy(), table["y"].to_numpy(), pd.Categorical(table["unit"]), pd.Categorical(table["class"]),
        pd.Categorical(table["channel"]), table["filed"].to_numpy() == 1,
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
    table = _copied(engine, "component_places", {"at": at, "classes": classes}, {"x": pa.float64(), "y": pa.float64()})
    return table["x"].to_numpy(), table["y"].to_numpy()


def _text() -> pa.DataType:
    return pa.dictionary(pa.int32(), pa.string())


def _copied(engine: Engine, name: str, values: dict[str, Any], types: dict[str, pa.DataType]) -> pd.DataFrame:
    """Rows of a question, by COPY."""
    plain = {k: _plain(v) for k, v in values.items()}
    sink = io.BytesIO()
    with transaction(engine) as cursor:
        rows = cursor.mogrify(question(name), plain).decode()
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


def _plain(value: Any) -> Any:
    if isinstance(value, (list, type(None))):
        return value
    return None if pd.isna(value) else value.to_pydatetime()
