"""Writing answers to the cases of the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg2 import sql
from sqlalchemy import Engine, Table

from gis.sql import question
from gis.store import copying
from gis.store.engine import transaction
from gis.store.filling import is_empty
from gis.store.indexes import rebuilt
from gis.tables import SCHEMA, tables
from grids.errors import InputError

OWN = ("id", "at", "unit", "department", "rule", "reason", "component", "distance_m", "zone", "on_edge")
"""Columns that every frame of answers has, besides probability and ask_first."""
MANY = 50_000


def write_answers(engine: Engine, answers: pd.DataFrame | pa.Table, snapshot: str) -> int:
    """Write the answers to cases, in one transaction; what they had before is replaced.

    Parameters
    ----------
    answers
        ``id`` of the case, ``at`` for which it was answered, the columns of `gis.assign.Resolution.table` or
        ``frame``; every further column is an area set, with the code of the area, "" for none. A case stands there
        once.
    snapshot
        Version of the snapshot that answered.

    Returns
    -------
    int
        Answers written.

    Raises
    ------
    InputError
        A column is missing, or a case stands there twice.
    Conflict
        A case is not recorded.
    """
    if isinstance(answers, pd.DataFrame):
        answers = pa.Table.from_pandas(answers, preserve_index=False)
    lacking = [name for name in (*OWN, "probability", "ask_first") if name not in answers.column_names]
    if lacking:
        raise InputError(f"no column {', '.join(lacking)}", where="answers")
    ids = answers["id"].to_pandas()
    if ids.duplicated().any():
        twice = ids[ids.duplicated()].iloc[0]
        raise InputError(f"case {twice} stands there twice", where="answers", right="answer each case once")
    if not len(answers):
        return 0
    table = tables(0).tables[f"{SCHEMA}.answers"]
    names = [c.name for c in table.columns if c.name != "answered_at"]
    here = sql.Identifier(SCHEMA, "answers")
    with transaction(engine) as cursor:
        many = len(answers) >= MANY
        # when the indexes are built anew, readers wait
        mode = sql.SQL("ACCESS EXCLUSIVE" if many else "SHARE UPDATE EXCLUSIVE")
        cursor.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(here, mode))
        batches = _encoded(answers, snapshot, table, names)
        if many and is_empty(cursor, "answers"):
            with rebuilt(cursor, "answers", keys=True):
                copying.copy_in(cursor, here, names, batches)
                return cursor.rowcount
        staged = sql.Identifier("new_answers")
        like = sql.SQL("CREATE TEMP TABLE {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP")
        cursor.execute(like.format(staged, here))
        copying.copy_in(cursor, staged, names, batches)
        cursor.execute(sql.SQL("ANALYZE {} (case_id)").format(staged))
        cursor.execute(question("other_answers", staged=staged))
        all_ = not cursor.fetchone()[0]  # type: ignore[index]
        cursor.execute(
            sql.SQL("TRUNCATE {}").format(here) if many and all_ else question("forget_answers", staged=staged)
        )
        with rebuilt(cursor, "answers", when=many, keys=all_):
            cursor.execute(question("write_answers", staged=staged))
            return cursor.rowcount


def _encoded(answers: pa.Table, snapshot: str, table: Table, names: list[str]) -> Iterator[memoryview]:
    sets = [c for c in answers.column_names if c not in (*OWN, "probability", "ask_first")]
    for begin in range(0, len(answers), copying.BATCH):
        part = answers.slice(begin, copying.BATCH)
        values = {name: _values(part[name]) for name in names if name in part.column_names}
        values["case_id"] = part["id"]
        values["snapshot"] = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(part), dtype=np.int32)), pa.array([snapshot])
        )
        values["areas"] = _areas(part, sets)
        encoded = [copying.encode_column(table.columns[name], values[name], 0) for name in names]
        yield copying.rows(encoded, len(part))


def _values(column: pa.ChunkedArray) -> Any:
    """A column as it is encoded: texts in Arrow, numbers and instants as arrays."""
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    return column.to_numpy() if not pa.types.is_null(column.type) else np.full(len(column), np.nan)


def _areas(part: pa.Table, sets: list[str]) -> pa.Array:
    """Return ``{"set": "code", …}`` of each row; each combination is written as JSON once."""
    if not sets:
        return pa.array(["{}"] * len(part), pa.string())
    which = np.zeros(len(part), dtype=np.int64)
    words: list[list[str | None]] = []
    for name in sets:
        column = part[name].combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        once = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        words.append([*once.dictionary.to_pylist(), None])
        at = once.indices.fill_null(len(once.dictionary)).to_numpy(zero_copy_only=False)
        which = which * len(words[-1]) + at
    combined, at = np.unique(which, return_inverse=True)
    said = []
    for key in combined.tolist():
        row: dict[str, str] = {}
        for name, mine in zip(reversed(sets), reversed(words), strict=True):
            key, number = divmod(key, len(mine))
            if mine[number]:
                row[name] = mine[number]
        said.append(json.dumps(dict(reversed(row.items())), ensure_ascii=True))
    return pa.array(said, pa.string()).take(pa.array(at))
