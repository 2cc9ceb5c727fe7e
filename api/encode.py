"""Answers of a batch as bytes: JSON rows, JSON columns, Arrow; written by kernels without an object for each row.

A column is first written in pieces, one of JSON for each row, which are then strung together as a list of the column
or as an object for each row. Codes of the snapshot are UTF-8 of fixed width and are copied as they stand, with the
interpreter's lock let go; a code with a sign that JSON escapes is written by orjson instead. The bytes are those of
orjson either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

NONE = -1
"""Position of a text, or a decimal, that there is none of."""
NULL = np.frombuffer(b"null", dtype=np.uint8)


class Pieces(NamedTuple):
    """Bytes of n rows: those of row i are ``data[ends[i]:ends[i + 1]]``."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]


class Column(Protocol):
    """A column of an answer."""

    def json(self) -> Pieces:
        """Each value in JSON."""

    def arrow(self) -> pa.Array:
        """The values in Arrow."""


@dataclass(frozen=True)
class Texts:
    """Texts of a table: ``table[at[i]]`` is that of row i, UTF-8 padded with zeros; ``at`` -1 is null."""

    table: NDArray[np.bytes_]
    at: NDArray[np.integer]

    def json(self) -> Pieces:
        """Quoted, or null."""
        at, letters = self._at(), self._letters()
        data = np.empty(len(at) * max(letters.shape[1] + 2, len(NULL)), dtype=np.uint8)
        ends = np.zeros(len(at) + 1, dtype=np.int64)
        size = _quote(data, ends, letters, at, NULL)
        if size < 0:
            words, place = np.unique(at, return_inverse=True)
            return Values([None if k < 0 else self.table[k].decode() for k in words.tolist()], place).json()
        return Pieces(data[:size], ends)

    def arrow(self) -> pa.Array:
        """As strings."""
        at, letters = self._at(), self._letters()
        data, ends = np.empty(len(at) * letters.shape[1], dtype=np.uint8), np.zeros(len(at) + 1, dtype=np.int32)
        size, there = _join(data, ends, letters, at), at >= 0
        mask = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
        return pa.StringArray.from_buffers(len(at), pa.py_buffer(ends), pa.py_buffer(data[:size]), mask)

    def _at(self) -> NDArray[np.int64]:
        return self.at.astype(np.int64)

    def _letters(self) -> NDArray[np.uint8]:
        """The table as bytes, shape (texts, width), read-only: the kernels are compiled for that alone."""
        raw = np.ascontiguousarray(self.table) if self.table.size else np.zeros(1, dtype="S1")
        out = raw.view(np.uint8).reshape(len(raw), raw.dtype.itemsize)
        out.flags.writeable = False
        return out


@dataclass(frozen=True)
class Decimals:
    """Numbers of so many digits after the point, ``whole / 10**digits``; ``whole`` below 0 is null."""

    whole: NDArray[np.int64]
    digits: int

    @staticmethod
    def of(values: NDArray[np.float64], digits: int) -> Decimals:
        """Round numbers that are not negative; NaN is null."""
        there = np.isfinite(values)
        whole = np.rint(np.where(there, values, 0.0) * 10**digits).astype(np.int64)
        return Decimals(np.where(there, whole, NONE), digits)

    def floats(self) -> NDArray[np.float64]:
        """The numbers; NaN for null."""
        return np.where(self.whole < 0, np.nan, self.whole / 10**self.digits)

    def json(self) -> Pieces:
        """The shortest form that orjson would write, with a digit after the point at least."""
        data, ends = np.empty(len(self.whole) * 21, dtype=np.uint8), np.zeros(len(self.whole) + 1, dtype=np.int64)
        return Pieces(data[: _point(data, ends, self.whole, self.digits, NULL)], ends)

    def arrow(self) -> pa.Array:
        """As float64."""
        return pa.array(self.floats(), from_pandas=True)


@dataclass(frozen=True)
class Values:
    """Whatever JSON holds, where few values serve many rows: ``known[at[i]]`` is that of row i, -1 is null."""

    known: Sequence[Any]
    at: NDArray[np.integer]

    @staticmethod
    def sparse(n: int, said: Mapping[int, str]) -> Values:
        """Texts of some rows, null elsewhere."""
        at = np.full(n, NONE, dtype=np.int64)
        at[np.fromiter(said, dtype=np.intp, count=len(said))] = np.arange(len(said))
        return Values(list(said.values()), at)

    @staticmethod
    def flags(at: NDArray[np.integer]) -> Values:
        """1 is true, 0 false, -1 null."""
        return Values([False, True], at)

    @staticmethod
    def all(values: Sequence[Any]) -> Values:
        """A value for each row."""
        return Values(values, np.arange(len(values)))

    def json(self) -> Pieces:
        """Each known value is written once."""
        written = [*map(orjson.dumps, self.known), b"null"]
        at = np.where(self.at < 0, len(self.known), self.at)
        begin = np.cumsum([0, *map(len, written)], dtype=np.int64)
        data = np.frombuffer(b"".join(written), dtype=np.uint8)
        ends = np.concatenate([[0], np.cumsum(np.diff(begin)[at])])
        out = np.empty(int(ends[-1]), dtype=np.uint8)
        _copy(out, data, begin, at)
        return Pieces(out, ends)

    def arrow(self) -> pa.Array:
        """As booleans where the first is one, else as strings."""
        kind = pa.bool_() if len(self.known) and isinstance(self.known[0], bool) else pa.string()
        return pa.array(self.known, kind).take(pa.array(self.at, mask=self.at < 0))


def json_rows(columns: Mapping[str, Column]) -> bytes:
    """A list of one object for each row; at least one column."""
    keys = [b"%s%s:" % (b"," if k else b"{", orjson.dumps(name)) for k, name in enumerate(columns)]
    parts = [column.json() for column in columns.values()]
    n = len(parts[0].ends) - 1
    starts = np.cumsum([0, *(len(part.data) for part in parts)])
    ends = np.stack([part.ends + start for part, start in zip(parts, starts, strict=False)])
    out = np.empty(2 + n * (sum(map(len, keys)) + 2) + int(starts[-1]), dtype=np.uint8)
    key_ends = np.cumsum([0, *map(len, keys)], dtype=np.int64)
    size = _string_rows(
        out, np.frombuffer(b"".join(keys), dtype=np.uint8), key_ends, np.concatenate([p.data for p in parts]), ends
    )
    return out[:size].tobytes()


def json_list(column: Column) -> bytes:
    """A list of a column's values."""
    data, ends = column.json()
    out = np.empty(len(data) + len(ends) + 1, dtype=np.uint8)
    return out[: _string_list(out, data, ends)].tobytes()


# ---------------------------------------------------------------- kernels
# Unsigned places spare the kernels the question whether one counts from the end: 2.4 times as fast.


@njit(inline="always")
def _span(out, p, data, begin, end):
    """Copy ``data[begin:end]`` to ``out`` from p on, and say where it ends."""
    one, j, last = np.uint64(1), np.uint64(begin), np.uint64(end)
    while j < last:
        out[p] = data[j]
        p += one
        j += one
    return p


@njit(cache=True, nogil=True)
def _quote(data, ends, letters, at, null):
    """Texts in quotes; -1 when one holds a sign that JSON escapes."""
    p, one = np.uint64(0), np.uint64(1)
    for i in range(len(at)):
        if at[i] < 0:
            p = _span(data, p, null, 0, 4)
        else:
            text = letters[at[i]]
            data[p] = 34
            p += one
            for j in range(len(text)):
                c = text[j]
                if c == 0:
                    break
                if c < 32 or c == 34 or c == 92:
                    return -1
                data[p] = c
                p += one
            data[p] = 34
            p += one
        ends[i + 1] = p
    return np.int64(p)


@njit(cache=True, nogil=True)
def _join(data, ends, letters, at):
    """Texts as they are; nothing for null."""
    p, one = np.uint64(0), np.uint64(1)
    for i in range(len(at)):
        if at[i] >= 0:
            text = letters[at[i]]
            for j in range(len(text)):
                if text[j] == 0:
                    break
                data[p] = text[j]
                p += one
        ends[i + 1] = p
    return np.int64(p)


@njit(cache=True, nogil=True)
def _point(data, ends, whole, digits, null):
    """Decimals with the zeros at their end left out, one digit after the point kept."""
    p = np.uint64(0)
    for i in range(len(whole)):
        rest = whole[i]
        if rest < 0:
            p = _span(data, p, null, 0, 4)
            ends[i + 1] = p
            continue
        after = max(digits, 1)
        if digits == 0:
            rest *= 10
        while after > 1 and rest % 10 == 0:
            rest //= 10
            after -= 1
        signs, left = 1, rest // 10
        while left > 0:
            signs += 1
            left //= 10
        signs = max(signs, after + 1)
        for k in range(signs + 1):  # from the last digit to the first; the point stands after `after` of them
            at = p + np.uint64(signs - k)
            if k == after:
                data[at] = 46
            else:
                data[at] = 48 + rest % 10
                rest //= 10
        p += np.uint64(signs + 1)
        ends[i + 1] = p
    return np.int64(p)


@njit(cache=True, nogil=True)
def _copy(out, data, begin, at):
    """The pieces at these places, one after the other."""
    p = np.uint64(0)
    for i in range(len(at)):
        p = _span(out, p, data, begin[at[i]], begin[at[i] + 1])


@njit(cache=True, nogil=True)
def _string_rows(out, keys, key_ends, data, ends):
    """``[{key piece,key piece},…]``; the piece of column k in row i is ``data[ends[k, i]:ends[k, i + 1]]``."""
    p, one = np.uint64(1), np.uint64(1)
    out[0] = 91
    for i in range(ends.shape[1] - 1):
        if i > 0:
            out[p] = 44
            p += one
        for k in range(ends.shape[0]):
            p = _span(out, p, keys, key_ends[k], key_ends[k + 1])
            p = _span(out, p, data, ends[k, i], ends[k, i + 1])
        out[p] = 125
        p += one
    out[p] = 93
    return np.int64(p + one)


@njit(cache=True, nogil=True)
def _string_list(out, data, ends):
    """``[piece,piece,…]``."""
    p, one = np.uint64(1), np.uint64(1)
    out[0] = 91
    for i in range(len(ends) - 1):
        if i > 0:
            out[p] = 44
            p += one
        p = _span(out, p, data, ends[i], ends[i + 1])
    out[p] = 93
    return np.int64(p + one)
