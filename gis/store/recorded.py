"""The record as a snapshot is made of it: one moment, read over several connections while the reader is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine

from gis.model import City
from gis.sql import question
from gis.store.city import city_of, read_city
from gis.store.engine import transaction
from gis.store.reading import as_shapes, copy_out, stamp

LAYERS = ("components", "units", "zones", "areas", "rules")
"""Layers that are read apart, the longest first."""
READERS = 2
"""Connections that read at a time; the server's work is most of it."""

SameLayers = Callable[[Mapping[str, str], pd.DataFrame], frozenset[str]]


@dataclass(frozen=True)
class Record:
    """What a snapshot is compiled from.

    Parameters
    ----------
    city
        Whose it is.
    known_at
        Instant as of which it was read: of its last change, when none was asked for.
    states
        State of each layer; only that of the record when it was read as of an earlier instant.
    same
        Layers that were not read, because the caller has them.
    frames
        The others, as `gis.store.city_frames` gives them; components have ``x`` and ``y`` instead of geometry. A frame
        is waited for when it is asked for.
    """

    city: City
    known_at: pd.Timestamp
    states: dict[str, str]
    same: frozenset[str]
    frames: Mapping[str, pd.DataFrame]


class _Frames(Mapping[str, pd.DataFrame]):
    def __init__(self, coming: dict[str, Future[pd.DataFrame]]) -> None:
        self._coming = coming

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._coming[name].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._coming)

    def __len__(self) -> int:
        return len(self._coming)


def layer_states(engine: Engine) -> dict[str, str]:
    """Read the state of each layer, a few rows: who holds the same states holds the same record.

    Raises
    ------
    Conflict
        When the database holds no city, or shapes of another Wanmi.
    Unavailable
        When there is no connection.
    """
    read_city(engine)
    with transaction(engine) as cursor:
        return _states(cursor)[0]


@contextmanager
def record(engine: Engine, *, known_at: Any = None, same: SameLayers | None = None) -> Iterator[Record]:
    """Read the record of a city as of one moment.

    Parameters
    ----------
    known_at
        Instant as of which rows are believed; by default all that is known now.
    same
        Told the states of the layers and the departments, says which layers need not be read.

    Notes
    -----
    One transaction exports its view of the database and the others import it. A load that was under way in another
    transaction comes with the next reading, although it may be recorded under an earlier instant.
    """
    read_city(engine)
    values = {"at": None, "known_at": stamp(known_at)}
    with transaction(engine) as lead:
        lead.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        states, changed = _states(lead)
        lead.execute(question("read_city"))
        row = lead.fetchone()
        assert row is not None and lead.description is not None
        city = city_of(dict(zip((c.name for c in lead.description), row, strict=True)))
        lead.execute("SELECT pg_export_snapshot()")
        (view,) = lead.fetchone()  # type: ignore[misc]
        coming: dict[str, Future[pd.DataFrame]] = {}
        for name in ("departments", "classes"):
            coming[name] = Future()
            coming[name].set_result(copy_out(lead, f"frame_{name}", values, name))
        if known_at is not None:
            states = {"record": states["record"]}
        kept = same(states, coming["departments"].result()) if same is not None else frozenset()
        with ThreadPoolExecutor(READERS, thread_name_prefix="wanmi-read") as pool:
            for name in LAYERS:
                if name not in kept:
                    coming[name] = pool.submit(_read, engine, view, name, values, city.srid)
            at = pd.Timestamp(values["known_at"] or changed).tz_convert("UTC")
            try:
                yield Record(city, at, states, kept, _Frames(coming))
            finally:
                pool.shutdown(cancel_futures=True)


def note_snapshot(engine: Engine, version: str, *, at: pd.Timestamp, known_at: pd.Timestamp) -> None:
    """Note a snapshot that was made of the record, so that it can be made again."""
    with transaction(engine) as cursor:
        values = {"version": version, "at": at.isoformat(), "known_at": known_at.isoformat()}
        cursor.execute(question("note_snapshot"), values)


def find_snapshot(engine: Engine, begins: str) -> list[tuple[str, pd.Timestamp, pd.Timestamp]]:
    """Version, at and known_at of the snapshots noted whose version begins so, two at most."""
    with transaction(engine) as cursor:
        cursor.execute(question("find_snapshot"), {"begins": begins})
        return [(v, pd.Timestamp(a).tz_convert("UTC"), pd.Timestamp(k).tz_convert("UTC")) for v, a, k in cursor]


def _states(cursor: Cursor) -> tuple[dict[str, str], pd.Timestamp]:
    cursor.execute(question("layer_states"))
    rows = cursor.fetchall()
    return {layer: state for layer, state, _ in rows}, pd.Timestamp(rows[0][2])


def _read(engine: Engine, view: str, name: str, values: dict[str, Any], srid: int) -> pd.DataFrame:
    with transaction(engine) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (view,))
        if name == "components":
            return copy_out(cursor, "snapshot_components", values, name)
        return as_shapes(copy_out(cursor, f"frame_{name}", values, name), srid)
