"""The cases of the record in memory: compact columns in the order of their place, kept in step by what changed.

Per case 38 bytes: place in the city's metres (whole millimetres, 8) and in Web Mercator (32 bits an axis, 8), second of
the report (4), class, department, channel (2 each), unit (4), digest of its number (8); and 5 more to find and to
forget one that changed. Columns are in Morton order of their place in Web Mercator: the cases of a tile, of any zoom,
are one run.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg2 import sql
from pyarrow import csv

from api.pages.mercator import HALF_M, from_lonlat
from api.tiles import kernels
from gis.crs import to_lonlat
from gis.sql import question
from gis.store.engine import transaction
from grids.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gis.model import City

log = logging.getLogger("wanmi")
FRESH_S = 0.25
"""The record is asked what changed at most so often."""
AWAY_S = 2.0
"""A database that is away is asked again after so long; what is in memory is shown meanwhile."""
MOST_TAIL = 20_000
"""So many changed cases are held beside the columns before these are read anew."""
TRIM_S = 3600.0
MOST_AT_ONCE = 200_000
"""A record with more cases is read again beside the requests."""
CHUNK = 64_000_000
"""Bytes of the record's answer that are read at a time."""
TEXTS = ("klass", "department", "channel", "unit")


@dataclass(frozen=True)
class Rows:
    """Cases by column, shape (n,).

    Parameters
    ----------
    wx, wy
        Place in Web Mercator, uint32: 2³² across the world, from the west and from the north.
    x, y
        Place in the city's CRS, whole millimetres from `State.origin`, int32.
    at
        Second of the report since 1970, UTC, uint32.
    klass, department, channel, unit
        Positions in the texts of `State`; uint16, uint16, uint16, uint32.
    number
        Digest of the case's number, int64.
    """

    wx: NDArray[np.uint32]
    wy: NDArray[np.uint32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    at: NDArray[np.uint32]
    klass: NDArray[np.uint16]
    department: NDArray[np.uint16]
    channel: NDArray[np.uint16]
    unit: NDArray[np.uint32]
    number: NDArray[np.int64]

    def __len__(self) -> int:
        """Count of cases."""
        return len(self.number)

    def take(self, which: Any) -> Rows:
        """Some of them."""
        return Rows(*(getattr(self, f.name)[which] for f in fields(self)))

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(getattr(self, f.name).nbytes for f in fields(self))


@dataclass(frozen=True)
class Change:
    """What one look found: cases that are gone (or were changed), and cases that came (or are as changed now)."""

    gone: Rows
    came: Rows


@dataclass(frozen=True)
class State:
    """What is in memory at a moment.

    ``base`` is never changed between two readings of the whole record (of a ``generation``); ``alive`` says which of
    its rows still hold, ``tail`` are those that came since, ``changes`` what every look found since. ``texts`` of each
    column by their position, "" first; ``seen`` the transactions that are counted, as PostgreSQL writes them.
    """

    generation: int
    origin: tuple[int, int]
    texts: dict[str, dict[str, int]]
    base: Rows
    by_number: NDArray[np.int32]
    alive: NDArray[np.bool_]
    tail: Rows
    changes: tuple[Change, ...]
    seen: str

    @property
    def nbytes(self) -> int:
        """Bytes that the columns take."""
        return self.base.nbytes + self.alive.nbytes + self.by_number.nbytes + self.tail.nbytes


class Columns:
    """The cases of a record in memory: `state` is replaced by `refresh`, never changed.

    Parameters
    ----------
    engine, city
        The record, and its city.
    fresh_s
        Least seconds between two looks for what changed.
    """

    def __init__(self, engine: Engine, city: City, *, fresh_s: float = FRESH_S) -> None:
        self.city, self.fresh_s = city, fresh_s
        self._lock = threading.Lock()
        self._asked = self._trimmed = -1e9
        self._reading: threading.Thread | None = None
        self.state = self._read(engine, 1)

    # ---------------------------------------------------------------- reading

    def _read(self, engine: Engine, generation: int) -> State:
        texts: dict[str, dict[str, int]] = {name: {"": 0} for name in TEXTS}
        with transaction(engine) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_current_snapshot()::text")
            seen = cursor.fetchone()[0]  # type: ignore[index]
            sink = _Parts(texts)
            rows = cursor.mogrify(question("tile_cases"), {"ids": None}).decode()
            cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(rows)), sink, 1 << 20)
        found = sink.done()
        low_x, low_y = (int(found[n].min() // 1_000_000 * 1_000_000) if len(found[n]) else 0 for n in ("x", "y"))
        base = rows_of(found, (low_x, low_y), self.city.srid)
        base = base.take(np.argsort(kernels.morton(base.wx, base.wy), kind="stable"))
        by_number = np.argsort(base.number, kind="stable").astype(np.int32)
        alive = np.ones(len(base), dtype=np.bool_)
        return State(generation, (low_x, low_y), texts, base, by_number, alive, base.take(slice(0, 0)), (), seen)

    # ---------------------------------------------------------------- in step with the record

    def refresh(self, engine: Engine) -> None:
        """Find what changed; while the database is away nothing does.

        Many changes at once (a load, a new assignment) have the whole record read again: beside, when it is large, so
        that what is counted meanwhile is as it was.
        """
        now = time.monotonic()
        if now - self._asked < self.fresh_s or not self._lock.acquire(blocking=False):
            return
        try:
            self._look(engine)
            self._asked = time.monotonic()
        except Unavailable:
            self._asked = now + AWAY_S - self.fresh_s
        finally:
            self._lock.release()

    def _look(self, engine: Engine) -> None:
        state = self.state
        if self._reading is not None:
            if self._reading.is_alive():
                return
            self._reading = None
        with transaction(engine) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_current_snapshot()::text")
            seen = cursor.fetchone()[0]  # type: ignore[index]
            cursor.execute(question("tile_case_changes"), {"seen": state.seen})
            changed = cursor.fetchall()
            many = any(not case for case, _ in changed) or len(changed) + len(state.tail) > MOST_TAIL
            rows: list[tuple[Any, ...]] = []
            if changed and not many:
                cursor.execute(question("tile_cases"), {"ids": [case for case, _ in changed]})
                rows = cursor.fetchall()
        if many and len(state.base) > MOST_AT_ONCE:
            self._reading = threading.Thread(target=self._read_beside, args=(engine,), name="wanmi-cases", daemon=True)
            self._reading.start()
        elif many:
            self.state = self._read(engine, state.generation + 1)
        elif changed:
            self.state = self._changed(state, np.array([digest for _, digest in changed], dtype=np.int64), rows, seen)
        else:
            self.state = replace(state, seen=seen)
        if time.monotonic() - self._trimmed > TRIM_S:
            with transaction(engine) as cursor:
                cursor.execute(question("tile_case_changes_trim"))
            self._trimmed = time.monotonic()

    def _read_beside(self, engine: Engine) -> None:
        try:
            self.state = self._read(engine, self.state.generation + 1)
        except Exception:  # the next look finds the same, and tries again
            log.exception("the cases could not be read again")

    def _changed(self, state: State, numbers: NDArray[np.int64], rows: list[tuple[Any, ...]], seen: str) -> State:
        low = np.searchsorted(state.base.number, numbers, side="left", sorter=state.by_number)
        high = np.searchsorted(state.base.number, numbers, side="right", sorter=state.by_number)
        old = np.concatenate([state.by_number[a:b] for a, b in zip(low, high, strict=True)])
        old = old[state.alive[old]]
        late = np.isin(state.tail.number, numbers)
        gone = joined(state.base.take(old), state.tail.take(late))
        texts = {name: dict(known) for name, known in state.texts.items()} if rows else state.texts
        columns = zip(*rows, strict=True) if rows else [()] * len(_Parts.NAMES)
        found: dict[str, Any] = dict(zip(_Parts.NAMES, columns, strict=True))
        for name in TEXTS:
            found[name] = [texts[name].setdefault(text, len(texts[name])) for text in found[name]]
        came = rows_of({n: np.array(v, dtype=np.int64) for n, v in found.items()}, state.origin, self.city.srid)
        alive = state.alive
        if len(old):
            alive = alive.copy()  # who counts meanwhile counts on
            alive[old] = False
        tail, changes = joined(state.tail.take(~late), came), (*state.changes, Change(gone, came))
        return replace(state, texts=texts, alive=alive, tail=tail, changes=changes, seen=seen)


def state_of(x: NDArray[np.float64], y: NDArray[np.float64], srid: int) -> State:
    """Cases of which only the place is known, metres in the city's CRS; no record stands behind them."""
    mm = [np.round(np.asarray(v, float) * 1000).astype(np.int64) for v in (x, y)]
    none = np.zeros(len(mm[0]), dtype=np.int64)
    found = {"x": mm[0], "y": mm[1], "at": none, "number": none, **dict.fromkeys(TEXTS, none)}
    origin = tuple(int(v.min()) if len(v) else 0 for v in mm)
    base = rows_of(found, origin, srid)  # type: ignore[arg-type]
    base = base.take(np.argsort(kernels.morton(base.wx, base.wy), kind="stable"))
    texts = {name: {"": 0} for name in TEXTS}
    alive, order = np.ones(len(base), dtype=np.bool_), np.arange(len(base), dtype=np.int32)
    return State(0, origin, texts, base, order, alive, base.take(slice(0, 0)), (), "")  # type: ignore[arg-type]


def rows_of(found: dict[str, NDArray[Any]], origin: tuple[int, int], srid: int) -> Rows:
    """Columns as they are held of columns as they are read."""
    x, y = found["x"], found["y"]
    lon, lat = to_lonlat(x / 1000.0, y / 1000.0, srid)
    wx, wy = web_place(lon, lat)
    near = [np.clip(v - o, -(2**31), 2**31 - 1).astype(np.int32) for v, o in zip((x, y), origin, strict=True)]
    return Rows(
        wx, wy, near[0], near[1], np.clip(found["at"], 0, 2**32 - 1).astype(np.uint32),
        found["klass"].astype(np.uint16), found["department"].astype(np.uint16),
        found["channel"].astype(np.uint16), found["unit"].astype(np.uint32), found["number"],
    )  # fmt: skip


def joined(a: Rows, b: Rows) -> Rows:
    """Rows of both."""
    return Rows(*(np.concatenate([getattr(a, f.name), getattr(b, f.name)]) for f in fields(Rows)))


def web_place(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Place in Web Mercator, 2³² across the world: column from the west, row from the north.

    On the edge of a tile a place is in the eastern, and in the southern one.
    """
    x, y = from_lonlat(lon, lat)
    scale = 2.0**32 / (2 * HALF_M)
    both = ((x + HALF_M) * scale, (HALF_M - y) * scale)
    return tuple(np.clip(np.floor(v), 0, 2**32 - 1).astype(np.uint32) for v in both)  # type: ignore[return-value]


class _Parts(io.RawIOBase):
    """Takes the record's answer as it comes, and turns whole lines into arrays."""

    NAMES = ("x", "y", "at", "number", *TEXTS)

    def __init__(self, texts: dict[str, dict[str, int]]) -> None:
        self._texts, self._size = texts, 0
        self._buffer: list[bytes] = []
        self._found: dict[str, list[NDArray[Any]]] = {name: [] for name in self.NAMES}

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._buffer.append(bytes(data))
        self._size += len(data)
        if self._size >= CHUNK:
            whole = b"".join(self._buffer)
            end = whole.rfind(b"\n") + 1
            self._parse(whole[:end])
            self._buffer, self._size = [whole[end:]], len(whole) - end
        return len(data)

    def _parse(self, data: bytes) -> None:
        if not data:
            return
        text = pa.dictionary(pa.int32(), pa.string())
        types = {name: text if name in TEXTS else pa.int64() for name in self.NAMES}
        table = csv.read_csv(
            io.BytesIO(data),
            read_options=csv.ReadOptions(column_names=list(types)),
            convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        ).unify_dictionaries()
        for name in self.NAMES:
            column = table[name].combine_chunks()
            if name not in TEXTS:
                self._found[name].append(column.to_numpy())
                continue
            known = self._texts[name]
            place = np.array([known.setdefault(t, len(known)) for t in column.dictionary.to_pylist()], dtype=np.int64)
            kind = {"klass": np.uint16, "department": np.uint16, "channel": np.uint16, "unit": np.uint32}[name]
            self._found[name].append(place[column.indices.to_numpy()].astype(kind))

    def done(self) -> dict[str, NDArray[Any]]:
        """All columns."""
        self._parse(b"".join(self._buffer))
        empty = np.empty(0, dtype=np.int64)
        return {name: np.concatenate(parts) if parts else empty for name, parts in self._found.items()}


__all__ = ["Change", "Columns", "Rows", "joined", "web_place"]
