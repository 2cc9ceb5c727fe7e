"""Writing answers to the cases of the record."""

from __future__ import annotations

import json
from collections.abc import Iterator

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


def write_answers(engine: Engine, answers: pd.DataFrame, snapshot: str) -> int:
    """Write the answers to cases, in one transaction; what they had before is replaced.

    Parameters
    ----------
    answers
        ``id`` of the case, ``at`` for which it was answered, the columns of `gis.assign.Resolution.frame`; every
        further column is an area set, with the code of the area, "" for none. A case stands there once.
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
    lacking = [name for name in (*OWN, "probability", "ask_first") if name not in answers.columns]
    if lacking:
        raise InputError(f"no column {', '.join(lacking)}", where="answers")
    if answers["id"].duplicated().any():
        twice = answers["id"][answers["id"].duplicated()].iloc[0]
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


def _encoded(answers: pd.DataFrame, snapshot: str, table: Table, names: list[str]) -> Iterator[memoryview]:
    sets = [c for c in answers.columns if c not in (*OWN, "probability", "ask_first")]
    for begin in range(0, len(answers), copying.BATCH):
        part = answers.iloc[begin : begin + copying.BATCH]
        values = {name: part[name] for name in names if name in part.columns}
        values["case_id"] = part["id"]
        values["snapshot"] = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(part), dtype=np.int32)), pa.array([snapshot])
        )
        values["areas"] = _areas(part, sets)
        encoded = [copying.encode_column(table.columns[name], values[name], 0) for name in names]
        yield copying.rows(encoded, len(part))


def _areas(part: pd.DataFrame, sets: list[str]) -> pa.Array:
    """Return ``{"set": "code", …}`` of each row; each combination is written as JSON once."""
    if not sets:
        return pa.array(["{}"] * len(part), pa.string())
    which = part.groupby(sets, sort=False, dropna=False).ngroup().to_numpy()
    distinct = part.loc[~part.duplicated(sets), sets].to_dict("records")
    said = pa.array([json.dumps({k: v for k, v in row.items() if v}) for row in distinct], pa.string())
    return said.take(pa.array(which))
