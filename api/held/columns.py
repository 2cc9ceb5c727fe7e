"""The cases of the record, read into memory and kept in step by what changed."""

from __future__ import annotations

import io
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg2 import sql
from pyarrow import csv

from api.held import kernels
from api.held.rows import PLACED, TEXTS, WHY, Change, Rows, State, Texts, code_type, digest_of, joined, rows_of
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
        texts = {name: Texts({"": 0}) for name in TEXTS}
        with transaction(engine) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_current_snapshot()::text")
            seen = cursor.fetchone()[0]  # type: ignore[index]
            sink = _Parts(texts)
            rows = cursor.mogrify(question("tile_cases"), {"ids": None}).decode()
            cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(rows)), sink, 1 << 20)
        found = sink.done()
        here = (found["flag"] & WHY) == PLACED
        low_x, low_y = (int(found[n].min(where=here, initial=2**62)) // 1_000_000 * 1_000_000 for n in ("x", "y"))
        origin = (low_x, low_y) if here.any() else (0, 0)
        base, apart = self._rows(found, origin, here)
        base = base.take(np.argsort(kernels.morton(base.wx, base.wy), kind="stable"))
        by_number = np.argsort(base.number, kind="stable").astype(np.int32)
        alive, none = np.ones(len(base), dtype=np.bool_), base.take(slice(0, 0))
        digest = (digest_of(base, origin, texts) + digest_of(apart, origin, texts)) % 2**64
        return State(generation, origin, texts, base, by_number, alive, none, apart, (), seen, digest)

    def _rows(
        self, found: dict[str, NDArray[Any]], origin: tuple[int, int], here: NDArray[np.bool_]
    ) -> tuple[Rows, Rows]:
        """Cases that have a place in the city, and those that have none."""
        if here.all():
            return (both := rows_of(found, origin, self.city.srid)), both.take(slice(0, 0))
        parts = ({name: column[some] for name, column in found.items()} for some in (here, ~here))
        return rows_of(next(parts), origin, self.city.srid), rows_of(next(parts), origin, 0)

    # ---------------------------------------------------------------- in step with the record

    @property
    def fresh(self) -> bool:
        """Whether the record was asked what changed within `fresh_s`."""
        return time.monotonic() - self._asked < self.fresh_s

    def refresh(self, engine: Engine) -> None:
        """Find what changed; while the database is away nothing does.

        Many changes at once (a load, a new assignment) have the whole record read again: beside, when it is large, so
        that what is counted meanwhile is as it was.
        """
        now = time.monotonic()
        if self.fresh or not self._lock.acquire(blocking=False):
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
        texts = {name: Texts(known) for name, known in state.texts.items()} if rows else state.texts
        columns = zip(*rows, strict=True) if rows else [()] * len(_Parts.NAMES)
        found: dict[str, Any] = dict(zip(_Parts.NAMES, columns, strict=True))
        for name in TEXTS:
            found[name] = [texts[name].setdefault(text, len(texts[name])) for text in found[name]]
        arrays = {n: np.array(v, dtype=np.int64) for n, v in found.items()}
        came, apart = self._rows(arrays, state.origin, (arrays["flag"] & WHY) == PLACED)
        alive = state.alive
        if len(old):
            alive = alive.copy()  # who counts meanwhile counts on
            alive[old] = False
        tail, changes = joined(state.tail.take(~late), came), (*state.changes, Change(gone, came))
        left = np.isin(state.apart.number, numbers)
        plus, minus = (came, apart), (gone, state.apart.take(left))
        digest = state.digest + sum(digest_of(rows, state.origin, texts) for rows in plus)
        digest -= sum(digest_of(rows, state.origin, texts) for rows in minus)
        apart = joined(state.apart.take(~left), apart)
        return replace(
            state, texts=texts, alive=alive, tail=tail, apart=apart, changes=changes, seen=seen, digest=digest % 2**64
        )


class _Parts(io.RawIOBase):
    """Takes the record's answer as it comes, and turns whole lines into arrays."""

    NAMES = ("x", "y", "at", "number", *TEXTS, "flag")

    def __init__(self, texts: dict[str, Texts]) -> None:
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
            kind = np.uint32 if name == "unit" else code_type(len(known))
            self._found[name].append(place[column.indices.to_numpy()].astype(kind))

    def done(self) -> dict[str, NDArray[Any]]:
        """All columns."""
        self._parse(b"".join(self._buffer))
        empty = np.empty(0, dtype=np.int64)
        return {name: np.concatenate(parts) if parts else empty for name, parts in self._found.items()}
