"""Columns of cases in memory: whatever a city has many of stays apart."""

from __future__ import annotations

import numpy as np
import pytest

from api.held import kernels
from api.held.columns import _Parts
from api.held.rows import TEXTS, Texts, code_type, digest_of, joined, rows_of

MANY = 65_600
"""More than 16 bits tell apart."""


@pytest.mark.parametrize("name", TEXTS)
def test_more_of_a_kind_than_sixteen_bits_hold_stay_apart(name: str):
    texts = {each: Texts({"": 0}) for each in TEXTS}
    sink = _Parts(texts)
    values = [["2026:E06010", "D1", "hotline", "U1"] for _ in range(MANY)]
    for i, row in enumerate(values):
        row[TEXTS.index(name)] = f"t{i}"
    body = "".join(f"{i},{i},{i},{i},{','.join(row)},0\n" for i, row in enumerate(values))
    sink.write(body.encode())
    rows = rows_of(sink.done(), (0, 0), 0)
    column, known = getattr(rows, name), list(texts[name])
    assert [known[k] for k in column[[0, 7, 65_535, -1]]] == ["t0", "t7", "t65535", f"t{MANY - 1}"]
    assert len(np.unique(column)) == MANY
    few = rows_of({n: np.zeros(3, dtype=np.int64) for n in (*TEXTS, "x", "y", "at", "number", "flag")}, (0, 0), 0)
    assert getattr(joined(few, rows), name)[3:].tolist() == column.tolist()
    last = {each: np.ones(len(texts[each]), dtype=np.bool_) for each in TEXTS}
    last[name][:-1] = False
    out = np.empty(MANY, dtype=np.int64)
    alive = np.ones(MANY, dtype=np.bool_)
    taken = (last["klass"], last["department"], last["channel"])
    count = kernels.choose(rows.at, rows.klass, rows.department, rows.channel, alive, -1, MANY, *taken, out)
    assert out[:count].tolist() == ([MANY - 1] if name != "unit" else list(range(MANY)))
    one = rows.take(slice(MANY - 1, MANY))
    assert digest_of(one, (0, 0), texts) != digest_of(rows.take(slice(63, 64)), (0, 0), texts)


def test_codes_are_no_wider_than_they_must_be():
    assert [code_type(n) for n in (1, 65_536, 65_537)] == [np.uint16, np.uint16, np.uint32]
    few = rows_of({n: np.zeros(3, dtype=np.int64) for n in (*TEXTS, "x", "y", "at", "number", "flag")}, (0, 0), 0)
    assert {few.klass.dtype, few.department.dtype, few.channel.dtype} == {np.dtype(np.uint16)}
