"""Rows of cases in memory, and the state that holds them.

Per case 43 bytes: place in the city's metres (whole millimetres, 8) and in Web Mercator (32 bits an axis, 8), time of
the report (8), class, department, channel (2 each, 4 where a city has more than 65,536 of them), unit (4), digest of
its number (8), flags (1); and 5 more to find and to forget one that changed. Columns are in Morton order of their
place in Web Mercator: the cases of a tile, of any zoom, are one run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.held import kernels
from api.pages.mercator import HALF_M, from_lonlat
from gis.crs import to_lonlat

TEXTS = ("klass", "department", "channel", "unit")
PLACED, UNANSWERED, NO_LOCATION, OUTSIDE = range(4)
"""What a case lacks to be counted on the map, the two low bits of its flag."""
WHY, FILED, SOMEWHERE = 3, 4, 8
"""Bits of a flag: what it lacks; filed; has a place on record."""


class Texts(dict[str, int]):
    """Texts with their position, "" first; whoever adds one does so to a copy that nobody has yet."""

    @cached_property
    def index(self) -> pd.Index:
        """The texts by position, the same object each time: what was looked up by it is kept."""
        return pd.Index(np.array(list(self), dtype=object), dtype="str")


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
        When it was reported, microseconds since 1970, UTC, int64.
    klass, department, channel, unit
        Positions in the texts of `State`; the first three uint16, or uint32 where there are too many, see `code_type`.
    number
        Digest of the case's number, int64.
    flag
        Bits `WHY`, `FILED`, `SOMEWHERE`; uint8.
    """

    wx: NDArray[np.uint32]
    wy: NDArray[np.uint32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    at: NDArray[np.int64]
    klass: NDArray[Any]
    department: NDArray[Any]
    channel: NDArray[Any]
    unit: NDArray[np.uint32]
    number: NDArray[np.int64]
    flag: NDArray[np.uint8]

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
    its rows still hold, ``tail`` are those that came since, ``changes`` what every look found since; all these have a
    place in the city, ``apart`` are those that have none, as they are now. ``texts`` of each column by their position,
    "" first; ``seen`` the transactions that are counted, as PostgreSQL writes them. ``digest`` is that of all cases, in
    whatever order: equal cases, equal digests, in every process.
    """

    generation: int
    origin: tuple[int, int]
    texts: dict[str, Texts]
    base: Rows
    by_number: NDArray[np.int32]
    alive: NDArray[np.bool_]
    tail: Rows
    apart: Rows
    changes: tuple[Change, ...]
    seen: str
    digest: int

    @property
    def nbytes(self) -> int:
        """Bytes that the columns take."""
        return self.base.nbytes + self.alive.nbytes + self.by_number.nbytes + self.tail.nbytes + self.apart.nbytes


def state_of(x: NDArray[np.float64], y: NDArray[np.float64], srid: int) -> State:
    """Cases of which only the place is known, metres in the city's CRS; no record stands behind them."""
    mm = [np.round(np.asarray(v, float) * 1000).astype(np.int64) for v in (x, y)]
    none = np.zeros(len(mm[0]), dtype=np.int64)
    found = {"x": mm[0], "y": mm[1], "at": none, "number": none, "flag": none + SOMEWHERE, **dict.fromkeys(TEXTS, none)}
    origin = tuple(int(v.min()) if len(v) else 0 for v in mm)
    base = rows_of(found, origin, srid)  # type: ignore[arg-type]
    base = base.take(np.argsort(kernels.morton(base.wx, base.wy), kind="stable"))
    texts = {name: Texts({"": 0}) for name in TEXTS}
    alive, order = np.ones(len(base), dtype=np.bool_), np.arange(len(base), dtype=np.int32)
    nothing = base.take(slice(0, 0))
    return State(0, origin, texts, base, order, alive, nothing, nothing, (), "", 0)  # type: ignore[arg-type]


def rows_of(found: dict[str, NDArray[Any]], origin: tuple[int, int], srid: int) -> Rows:
    """Columns as they are held of columns as they are read; srid 0: without a place in Web Mercator."""
    x, y = found["x"], found["y"]
    if srid:
        wx, wy = web_place(*to_lonlat(x / 1000.0, y / 1000.0, srid))
    else:
        wx = wy = np.zeros(len(x), dtype=np.uint32)
    near = [np.clip(v - o, -(2**31), 2**31 - 1).astype(np.int32) for v, o in zip((x, y), origin, strict=True)]
    klass, department, channel = (found[name].astype(_type_of(found[name])) for name in TEXTS[:3])
    return Rows(
        wx, wy, near[0], near[1], found["at"], klass, department, channel, found["unit"].astype(np.uint32),
        found["number"], found["flag"].astype(np.uint8),
    )  # fmt: skip


def code_type(count: int) -> type[np.unsignedinteger[Any]]:
    """Type of the positions of so many texts.

    Examples
    --------
    >>> code_type(65_536).__name__, code_type(65_537).__name__
    ('uint16', 'uint32')
    """
    return np.uint16 if count <= 1 << 16 else np.uint32


def _type_of(codes: NDArray[Any]) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if codes.dtype == np.uint16 else code_type(int(codes.max(initial=0)) + 1)


def joined(a: Rows, b: Rows) -> Rows:
    """Rows of both; the wider type where their codes differ in it."""
    return Rows(*(np.concatenate([getattr(a, f.name), getattr(b, f.name)]) for f in fields(Rows)))


def web_place(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Place in Web Mercator, 2³² across the world: column from the west, row from the north.

    On the edge of a tile a place is in the eastern, and in the southern one.
    """
    x, y = from_lonlat(lon, lat)
    scale = 2.0**32 / (2 * HALF_M)
    both = ((x + HALF_M) * scale, (HALF_M - y) * scale)
    return tuple(np.clip(np.floor(v), 0, 2**32 - 1).astype(np.uint32) for v in both)  # type: ignore[return-value]


def places(
    rows: Rows, origin: tuple[int, int], which: Any = slice(None)
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of rows in the city's CRS, whole millimetres."""
    return rows.x[which].astype(np.int64) + origin[0], rows.y[which].astype(np.int64) + origin[1]


def digest_of(rows: Rows, origin: tuple[int, int], texts: dict[str, Texts]) -> int:
    """Sum of the digests of rows, modulo 2⁶⁴; a place counts in the city's millimetres, a text as written."""
    marks = []
    for name in TEXTS:
        known, column = list(texts[name]), getattr(rows, name)
        used = np.flatnonzero(np.bincount(column, minlength=len(known)))
        mark = np.zeros(len(known), dtype=np.uint64)
        mark[used] = [int.from_bytes(hashlib.blake2b(known[k].encode(), digest_size=8).digest()) for k in used]
        marks.append(mark)
    return int(
        kernels.digest_of(
            rows.number, rows.at, *places(rows, origin), rows.flag, rows.klass, rows.department, rows.channel,
            rows.unit, *marks,
        )
    )  # fmt: skip
