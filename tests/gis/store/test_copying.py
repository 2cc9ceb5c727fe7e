"""Columns on their way to the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from sqlalchemy import Engine

from gis.store import copying
from gis.store.engine import transaction
from tests.gis.store.village import UTC

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")).map(lambda t: pd.Timestamp(t, tz=UTC))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | TEXTS,
            st.none() | st.floats(allow_nan=False),
            st.none() | st.integers(-(2**31), 2**31 - 1),
            st.none() | MOMENTS,
            st.none() | st.tuples(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7)),
        ),
        max_size=9,
    )
)
def test_any_values_arrive(full: Engine, rows: list[tuple]) -> None:
    text, number, integer, moment, place = zip(*rows, strict=True) if rows else [()] * 5
    x, y = (np.array([np.nan if p is None else p[i] for p in place], dtype=float) for i in (0, 1))
    columns = [
        copying.text(pd.Series(list(text), dtype="object")),
        copying.number(np.array([np.nan if n is None else n for n in number], dtype=float), "float8"),
        copying.number(pd.Series(list(integer), dtype="object"), "int4"),
        copying.instant(pd.Series(list(moment), dtype="datetime64[us, UTC]")),
        copying.points(x, y, 4546),
        copying.geometry([None if p is None else shapely.LineString([p, (0, 0)]) for p in place], 4546),
        copying.jsonb([None if t is None else f"[{len(t)}]" for t in text]),
    ]
    with transaction(full, commit=False) as cursor:
        cursor.execute(
            """CREATE TEMP TABLE came (n serial, t text, f float8, i int4, m timestamptz, p geometry(Point, 4546),
               l geometry(LineString, 4546), j jsonb)"""
        )
        names = ["t", "f", "i", "m", "p", "l", "j"]
        copying.copy_in(cursor, sql.Identifier("came"), names, [copying.rows(columns, len(rows))])
        cursor.execute("SELECT t, f, i, m, ST_X(p), ST_Y(p), ST_X(ST_StartPoint(l)), j FROM came ORDER BY n")
        found = cursor.fetchall()
    expected = [
        (t or None, f, i, None if m is None else m.to_pydatetime(), *(p or (None, None)), p and p[0], t and [len(t)])
        for t, f, i, m, p in rows
    ]
    expected = [
        (*row[:7], row[7] if text[k] is not None and text[k] != "" else None if text[k] is None else [0])
        for k, row in enumerate(expected)
    ]
    assert found == expected


def test_what_breaks_the_stream_is_raised_as_it_is(full: Engine) -> None:
    class OwnError(Exception):
        pass

    def batches() -> Iterator[memoryview]:
        yield copying.rows([copying.text(["a"])], 1)
        raise OwnError

    threads = threading.active_count()
    with pytest.raises(OwnError), transaction(full) as cursor:
        cursor.execute("CREATE TEMP TABLE broken (t text)")
        copying.copy_in(cursor, sql.Identifier("broken"), ["t"], batches())
    assert threading.active_count() == threads
