"""Runs that answer the cases of the record: what is due since the run before, and what a broken one has left.

An answer names the version that gave it. It stands under every later version whose run let it stand: the table
``answer_runs`` says which runs are done and on which run each rests. What changed is told by the transactions that
wrote it, not by clocks: a long load that began before a snapshot was made and ended after it counts as a change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values
from sqlalchemy import Engine

from gis.doubt import FARTHEST
from gis.snapshot import DEFAULT_RADIUS_M, Snapshot
from gis.sql import question
from gis.store.engine import transaction
from gis.store.reading import copy_out
from grids.catalog import Catalog, catalog
from grids.errors import InputError

FAR_M = 100.0
"""Position error from which a case is compared with each changed component, rather than found around it."""
WHOLE = ("city", "classes")
"""Layers of which any change concerns every case."""


@dataclass(frozen=True)
class Run:
    """A run that has begun.

    Parameters
    ----------
    number
        In the table ``answer_runs``; -1 when it is not noted, because its snapshot is not the record as it is.
    since
        Version whose answers stand where nothing has changed; "" when all are given anew.
    due
        Numbers of the cases to answer, in order; None for all of its scope.
    """

    number: int
    since: str
    due: list[str] | None


def begin_run(engine: Engine, snapshot: Snapshot, *, everything: bool, anew: bool = False) -> Run:
    """Begin a run, or take up one that was broken off.

    Parameters
    ----------
    snapshot
        Whose answers are to be written.
    everything
        All cases; otherwise those that are open, or have no answer.
    anew
        Answer them all, whatever has changed.

    Returns
    -------
    Run
        After it, each case of the scope has the answer that ``snapshot`` gives, as if all had been answered.
    """
    with transaction(engine) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(question("layer_states"))
        states = {layer: state for layer, state, _ in cursor.fetchall()}
        if not snapshot.states or dict(snapshot.states) != states:
            return Run(-1, "", None)
        base = None if anew else _base(cursor, states, everything)
        values: dict[str, Any] = {
            "snapshot": snapshot.version, "states": json.dumps(states), "everything": everything,
            "since": base[0] if base else None,
        }  # fmt: skip
        cursor.execute(question("run_broken"), values)
        broken = cursor.fetchone()
        if broken is None:
            cursor.execute(question("run_begin"), values)
        number, begun = broken or cursor.fetchone()  # type: ignore[misc]
        about = {"version": snapshot.version, "begun": begun, "resumed": broken is not None, "everything": everything}
        if base is not None:
            due = _due(cursor, snapshot, about | {"since": base[1], "seen": base[2]})
            return Run(number, base[1], due)
        return Run(number, "", _ids(cursor, "undone_cases", about) if broken else None)


def end_run(engine: Engine, run: Run, answered: int) -> None:
    """Note that a run is done."""
    if run.number >= 0:
        with transaction(engine) as cursor:
            cursor.execute(question("run_done"), {"run": run.number, "answered": answered})


def due_frames(engine: Engine, due: list[str], *, chunk: int) -> Iterator[pd.DataFrame]:
    """Read some cases a portion at a time, in order of their number: as `gis.store.cases_frames`."""
    for begin in range(0, len(due), chunk):
        with transaction(engine) as cursor:
            values = {"after": None, "count": None, "open": False, "ids": due[begin : begin + chunk]}
            frame = copy_out(cursor, "frame_cases", values, "cases")
        if len(frame):
            yield frame


def _base(cursor: Cursor, states: dict[str, str], everything: bool) -> tuple[int, str, str] | None:
    """Number, version and transactions of the run that this one may rest on."""
    cursor.execute(question("run_base"), {"everything": everything})
    found = cursor.fetchone()
    if found is None or any(found[3].get(name) != states.get(name) for name in (*WHOLE, "record")):
        return None
    return found[:3]


def _due(cursor: Cursor, snapshot: Snapshot, about: dict[str, Any]) -> list[str]:
    """Numbers of the cases that what has changed concerns."""
    texts = [_parts(text) for text in snapshot.codes("classes.text")[:-1]]
    component = snapshot.arrays["classes.component"].tolist()
    _table(cursor, "class_components", "edition text, kind text, code text, component int",
           [(*text, k) for text, k in zip(texts, component, strict=True) if k >= 0])  # fmt: skip
    cursor.execute(question("changed_things"), about)
    book = _book(cursor)
    own = (book.classes["edition"] + ":" + book.classes["kind"] + book.classes["code"]).tolist()
    cursor.execute("SELECT DISTINCT filter FROM changed_grounds WHERE filter IS NOT NULL")
    takes: list[tuple[str, str, str, str]] = []
    for (text,) in cursor.fetchall():
        if _takes_all(book, text):
            cursor.execute("UPDATE changed_grounds SET filter = NULL WHERE filter = %s", (text,))
        else:
            takes += [(text, *_parts(own[k])) for k in np.flatnonzero(book.matches(text))]
    _table(cursor, "class_takes", "filter text, edition text, kind text, code text", takes)
    cursor.execute(
        "SELECT edition, kind, class_code FROM wanmi.rules t WHERE wanmi.unseen(t.xmin, %(seen)s)"
        " OR replaced_at = 'infinity' AND department IN (SELECT code FROM changed_departments)",
        about,
    )
    ruled = np.zeros(len(own), dtype=bool)
    for edition, kind, code in cursor.fetchall():
        ruled |= book.matches(f"{edition}:{kind}{code}")
    canon = np.where(book.to_2026 >= 0, book.to_2026, np.arange(len(own)))
    ruled |= np.isin(canon, canon[ruled])  # a class without a rule of its own follows that of 2026
    _table(cursor, "changed_classes", "edition text, kind text, code text",
           [_parts(own[k]) for k in np.flatnonzero(ruled)])  # fmt: skip
    cursor.execute("SELECT GREATEST(max(radius_m), %s) FROM wanmi.rules", (DEFAULT_RADIUS_M,))
    reach = float(cursor.fetchone()[0])  # type: ignore[index]
    for name in ("changed_grounds", "changed_components"):
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))
    channels = json.dumps(dict(snapshot.city.accuracy_m))
    return _ids(
        cursor,
        "due_cases",
        about | {"reach_m": reach, "far_m": FAR_M, "doubt": FARTHEST, "channels": channels},
    )


def _ids(cursor: Cursor, name: str, values: dict[str, Any]) -> list[str]:
    cursor.execute(question(name), values)
    return [case for (case,) in cursor]


def _book(cursor: Cursor) -> Catalog:
    frame = copy_out(cursor, "frame_classes", {"at": None, "known_at": None}, "classes")
    return Catalog(frame, catalog().crosswalk) if len(frame) else catalog()


def _takes_all(book: Catalog, text: str) -> bool:
    try:
        return book.level(text) == 3 or "*" in text.split()
    except InputError:  # one that today's classes no longer know
        return True


def _parts(text: str) -> tuple[str, str, str]:
    """Edition, kind and code of a class text."""
    edition, _, rest = text.partition(":")
    return edition, rest[:1], rest[1:]


def _table(cursor: Cursor, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    """Make a temporary table of rows."""
    here = sql.Identifier(name)
    cursor.execute(sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(here, sql.SQL(columns)))
    if rows:
        execute_values(cursor, sql.SQL("INSERT INTO {} VALUES %s").format(here), rows, page_size=10_000)
    cursor.execute(sql.SQL("ANALYZE {}").format(here))
