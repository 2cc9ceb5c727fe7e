"""Rows in which nothing is odd, straight from their columns: what is odd about a row is for `gis.files` to judge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gis.batch.given import Given
from gis.batch.writing import compact
from gis.crs import is_degrees, to_city
from gis.files.columns import number, text
from gis.files.faults import Faults, Whole
from gis.files.instants import beyond, instants
from gis.files.judging import WORDS
from gis.files.place import city_box
from gis.files.planning import Plan
from gis.files.table import Portion
from gis.snapshot import Snapshot

WKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
MAX_ACCURACY_M = 1e6


class Plain:
    """Rows in which nothing is odd, read off their columns."""

    def __init__(
        self, portion: Portion, plan: Plan, whole: Whole, classes_of: Callable[[list[str]], list[str | None]]
    ) -> None:
        assert portion.data is not None
        self.classes_of = classes_of
        self.portion, self.data, self.plan, self.whole = portion, portion.data, plan, whole
        self.odd = np.zeros(len(portion.numbers), dtype=bool)

    def fill(self, given: Given) -> NDArray[np.bool_]:
        """Write the rows in which nothing is odd into their portion; returns which."""
        if self.portion.rejects is not None:
            self.odd |= np.isin(self.portion.numbers, self.portion.rejects["row"])
        x, y = self._place()
        accuracy, at = self._accuracy(), self._at()
        texts = {name: self._text(name) for name in given.texts}
        plain = ~self.odd
        rows = np.flatnonzero(plain)
        self._count(x[rows], y[rows], at[rows], given.snapshot)
        to = self.portion.numbers[rows] - self.portion.first
        given.x[to], given.y[to] = x[rows], y[rows]
        given.accuracy[to], given.at[to], given.there[to] = accuracy[rows], at[rows], True
        for name, found in texts.items():
            if found is not None:
                words, where = found
                given.texts[name].put(to, words, where[rows])
        reasons = given.texts["no_location"].at[to] >= 0
        given.x[to[reasons]] = given.y[to[reasons]] = np.nan
        return plain

    def _column(self, name: str) -> pa.ChunkedArray | None:
        return self.data.column(self.plan.found[name]) if name in self.plan.found else None

    def _text(self, name: str) -> tuple[pa.Array, NDArray[np.integer]] | None:
        """Words without blanks at their ends, and which of them each row has; None for a column that is not there."""
        column = self._column(name)
        if column is None:
            return None
        column = compact(column)  # a row group's words, of which a portion has some
        if pa.types.is_integer(column.type):
            column = column.cast(pa.string())
        many = name == "id"
        if pa.types.is_dictionary(column.type) and many:
            column = column.dictionary_decode()
        elif not many and not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode() if _is_text(column.type) else column
        words = column if many else getattr(column, "dictionary", column)
        if not _is_text(words.type):
            self.odd[:] = True
            return None
        words = pc.utf8_trim_whitespace(words.cast(pa.string()))
        at = np.arange(len(words)) if many else column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        wrong = pc.fill_null(pc.match_substring(words, "\x00"), False).to_numpy(zero_copy_only=False)
        if name == "class":
            ours = self.classes_of([word or "" for word in words.to_pylist()])
            wrong = wrong | np.array([word is None for word in ours], dtype=bool)
            words = pa.array(ours, pa.string())
        elif name == "no_location":
            wrong = wrong | ~np.isin(np.array([w or "" for w in words.to_pylist()], dtype=object), WORDS[name])
        self.odd |= np.append(wrong, False)[at]
        return words, at

    def _accuracy(self) -> NDArray[np.float64]:
        column = self._column("accuracy_m")
        if column is None:
            return np.full(len(self.odd), np.nan)
        values = self._number(column, "accuracy_m")
        self.odd |= np.isinf(values) | (values < 0) | (values >= MAX_ACCURACY_M)
        return values

    def _number(self, column: pa.ChunkedArray, field_: str) -> NDArray[np.float64]:
        """Numbers; NaN where missing."""
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        faults = Faults(self.portion.numbers)
        series = column.to_pandas()
        made = number(series, field_, field_, faults).to_numpy(dtype=np.float64)
        self.odd |= faults.bad
        return made

    def _at(self) -> NDArray[np.datetime64]:
        column = self._column("reported_at")
        nothing = np.full(len(self.odd), np.datetime64("NaT", "us"))
        if column is None or column.null_count == len(column):
            return nothing
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            stamps = np.asarray(column.to_numpy())
            far = beyond(stamps)
            self.odd |= far
            return np.where(far, nothing, stamps.astype("datetime64[us]"))
        if not _is_text(column.type):
            self.odd[:] = True
            return nothing
        their, source, faults = self.plan.found["reported_at"], self.plan.source, Faults(self.portion.numbers, Whole())
        told = text(column.to_pandas())
        zone = source.time_zone or self.plan.city.time_zone
        made = instants(told, their, faults, zone=zone, formats=source.date_formats("reported_at"), where="")
        self.odd |= faults.bad
        return made.dt.tz_localize(None).to_numpy().astype("datetime64[us]")

    def _place(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Metres of the city's CRS; what is not a place inside the city is odd."""
        plan, n = self.plan, len(self.odd)
        if plan.where.kind == "geometry" and self.portion.wkb is not None:
            x, y = _points(self.portion.wkb)
        elif plan.where.kind in ("lonlat", "xy"):
            x, y = (self._number(self.data.column(name), name) for name in plan.where.columns)
        else:
            x, y = np.full(n, np.nan), np.full(n, np.nan)
        there = np.isfinite(x) & np.isfinite(y)
        if is_degrees(plan.crs):
            there &= (np.abs(x) <= 180) & (np.abs(y) <= 90)
        x, y = np.where(there, x, np.nan), np.where(there, y, np.nan)
        if there.any():
            x[there], y[there] = to_city(x[there], y[there], plan.crs, plan.city.srid)
        west, south, east, north = city_box(plan.city)
        self.odd |= ~((x >= west) & (x <= east) & (y >= south) & (y <= north))
        return x, y

    def _count(
        self, x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.datetime64], snapshot: Snapshot
    ) -> None:
        """Count the plain rows for their file, as the judgement of all rows would: default points are no places."""
        spot = np.zeros(len(x), dtype=bool)
        for px, py in snapshot.default_points_mm / 1000.0:
            spot |= (x - px) ** 2 + (y - py) ** 2 <= 1.0
        self.whole.count("types", 0, len(x))
        self.whole.count("place", 0, int((~spot).sum()))
        if "reported_at" in self.plan.found:
            self.whole.count(f"dates of {self.plan.found['reported_at']}", 0, int((~np.isnat(at)).sum()))


def _points(wkb: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of WKB points (two-dimensional, little-endian); NaN for whatever else stands there."""
    wkb = getattr(wkb, "storage", wkb)
    n = len(wkb)
    x, y = np.full(n, np.nan), np.full(n, np.nan)
    if not (pa.types.is_binary(wkb.type) or pa.types.is_large_binary(wkb.type)) or not n:
        return x, y
    offset = np.int32 if pa.types.is_binary(wkb.type) else np.int64
    buffers = wkb.buffers()
    ends = np.frombuffer(buffers[1], dtype=offset)[wkb.offset : wkb.offset + n + 1].astype(np.int64)
    point = (np.diff(ends) == WKB_POINT.itemsize) & wkb.is_valid().to_numpy(zero_copy_only=False)
    if not point.any():
        return x, y
    bytes_ = np.frombuffer(buffers[2], dtype=np.uint8)
    if point.all():
        found = bytes_[ends[0] : ends[-1]].view(WKB_POINT)
    else:
        found = bytes_[ends[:-1][point][:, None] + np.arange(WKB_POINT.itemsize)].view(WKB_POINT).ravel()
    plain = (found["order"] == 1) & (found["type"] == 1)
    x[point], y[point] = np.where(plain, found["x"], np.nan), np.where(plain, found["y"], np.nan)
    return x, y


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
