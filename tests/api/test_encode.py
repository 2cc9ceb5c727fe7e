"""What the kernels write is what orjson would write, whatever the codes, the numbers and the gaps are."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.encode import Decimals, Texts, Values, json_list, json_rows

WORDS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8), max_size=6)


@st.composite
def columns(draw: st.DrawFn) -> tuple[dict, list[dict]]:
    """Columns of one length, and the rows that they stand for."""
    n, words = draw(st.integers(0, 12)), draw(WORDS)
    table = np.array([w.encode() for w in words]) if words else np.empty(0, dtype="S3")
    at = draw(st.lists(st.integers(-1, len(words) - 1), min_size=n, max_size=n))
    whole = draw(st.lists(st.integers(-1, 10**12), min_size=n, max_size=n))
    digits = draw(st.integers(0, 4))
    known = draw(st.lists(st.text(max_size=9) | st.integers(-(2**53), 2**53), max_size=4))
    pick = draw(st.lists(st.integers(-1, len(known) - 1), min_size=n, max_size=n))
    found = {
        "unit": Texts(table, np.array(at, dtype=np.int32)),
        "d": Decimals(np.array(whole, dtype=np.int64), digits),
        "id": Values(known, np.array(pick, dtype=np.int64)),
    }
    rows = [
        {
            "unit": None if k < 0 else words[k],
            "d": None if v < 0 else v / 10**digits,
            "id": None if p < 0 else known[p],
        }
        for k, v, p in zip(at, whole, pick, strict=True)
    ]
    return found, rows


@settings(deadline=None)
@given(columns())
def test_rows_and_lists_are_those_of_orjson(case: tuple[dict, list[dict]]):
    found, rows = case
    assert json_rows(found) == orjson.dumps(rows)
    for name, column in found.items():
        assert json_list(column) == orjson.dumps([row[name] for row in rows])
    for name in ("unit", "d"):
        column = found[name].arrow()
        column.validate(full=True)
        assert column.to_pylist() == [row[name] for row in rows]


def test_numbers_are_rounded_and_missing_ones_are_null():
    column = Decimals.of(np.array([0.0, 0.97004, np.nan, 1.0, 0.00004]), 4)
    assert orjson.loads(json_list(column)) == [0.0, 0.97, None, 1.0, 0.0]
    assert column.arrow().to_pylist() == [0.0, 0.97, None, 1.0, 0.0]


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "井盖"])
def test_signs_that_json_escapes_are_escaped(text: str):
    column = Texts(np.array([text.encode()]), np.array([0, -1, 0]))
    assert orjson.loads(json_list(column)) == column.arrow().to_pylist() == [text, None, text]


def test_values_of_some_rows():
    column = Values.sparse(4, {2: "x", 0: "é"})
    assert orjson.loads(json_list(column)) == column.arrow().to_pylist() == ["é", None, "x", None]
    flags = Values.flags(np.array([1, -1, 0]))
    assert orjson.loads(json_list(flags)) == flags.arrow().to_pylist() == [True, None, False]
