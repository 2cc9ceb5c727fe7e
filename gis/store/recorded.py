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
UNDATED = ("city", "classes")
"""What a snapshot is made of beside, and has one time only."""
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
        Instant of the last change that it tells of; the one that was asked for where that is not known.
    states
        State of each layer; only that of the record where those of an earlier instant are not known.
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


@dataclass(frozen=True)
class Known:
    """What the record knew at an instant: which state each of its layers was in.

    Parameters
    ----------
    since, until
        From when until when (excluded) it knew just that; NaT where it still does.
    states
        State of each layer, as `layer_states` names them; None where they cannot be told: a change was under way then,
        or it is from before changes were noted.
    undated
        States of today of what has one time only: the city and its classes.
    first
        When the record learned its first row; NaT while it has none.
    """

    since: pd.Timestamp
    until: pd.Timestamp
    states: dict[str, str] | None
    undated: dict[str, str]
    first: pd.Timestamp

    def like(self, states: Mapping[str, str]) -> bool:
        """Whether who holds these states holds what was known then; with the city and its classes of then or of now."""
        return self.states is not None and states in (self.states, self.states | self.undated)


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


def known(engine: Engine, known_at: Any) -> Known:
    """Tell what the record knew at an instant; a few rows are read, and the first column of each table.

    Raises
    ------
    Conflict
        When the database holds no city, or shapes of another Wanmi.
    Unavailable
        When there is no connection.
    """
    read_city(engine)
    with transaction(engine) as cursor:
        now, _ = _states(cursor)
        states, since, until = _states_then(cursor, stamp(known_at), now)
        cursor.execute(question("first_recorded"))
        (first,) = cursor.fetchone()  # type: ignore[misc]
    return Known(since, until, states, {name: now[name] for name in UNDATED}, _utc(first))


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
        at = values["known_at"] or changed
        if known_at is not None:
            then, since, _ = _states_then(lead, values["known_at"], states)
            if then is None:
                states = {"record": states["record"]}
            else:  # the city and its classes have one time only, and are read as they are
                states, at = then | {name: states[name] for name in UNDATED}, since
        kept = same(states, coming["departments"].result()) if same is not None else frozenset()
        with ThreadPoolExecutor(READERS, thread_name_prefix="wanmi-read") as pool:
            for name in LAYERS:
                if name not in kept:
                    coming[name] = pool.submit(_read, engine, view, name, values, city.srid)
            try:
                yield Record(city, pd.Timestamp(at).tz_convert("UTC"), states, kept, _Frames(coming))
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


def _states_then(
    cursor: Cursor, known_at: str | None, now: Mapping[str, str]
) -> tuple[dict[str, str] | None, pd.Timestamp, pd.Timestamp]:
    """States at an instant, None where they are not told; since when, until when."""
    cursor.execute(question("states_known"), {"known_at": known_at})
    rows = cursor.fetchall()
    since = max((changed for _, state, changed, _, _ in rows if state is not None), default=None)
    until = min((later for *_, later in rows if later is not None), default=None)
    told = bool(rows) and all(state is not None and not under_way for _, state, _, under_way, _ in rows)
    then = {layer: state for layer, state, *_ in rows} | {"record": now["record"]} if told else None
    return then, _utc(since), _utc(until)


def _utc(value: Any) -> pd.Timestamp:
    return pd.NaT if value is None else pd.Timestamp(value).tz_convert("UTC")


def _read(engine: Engine, view: str, name: str, values: dict[str, Any], srid: int) -> pd.DataFrame:
    with transaction(engine) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (view,))
        if name == "components":
            return copy_out(cursor, "snapshot_components", values, name)
        return as_shapes(copy_out(cursor, f"frame_{name}", values, name), srid)
