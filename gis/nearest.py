"""Points by class in a grid hash: the nearest of a class within reach, exact on whole millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.compiled import Compiled

CELL_MM = 50_000


@dataclass(frozen=True)
class Hash(Compiled):
    """Points sorted by class, then by cell, row by row.

    ``frame`` is (x origin, y origin, cell size, columns, rows); class k owns ``begin[k]:begin[k + 1]`` of ``key``
    (its cell), ``place`` (x, y, millimetres from the origin) and ``point`` (its number, in order of precedence).
    """

    frame: NDArray[np.int64]
    begin: NDArray[np.int64]
    key: NDArray[np.int64]
    place: NDArray[np.int32]
    point: NDArray[np.int32]


def build(x: NDArray[np.int64], y: NDArray[np.int64], klass: NDArray[np.int32], classes: int) -> Hash:
    """Compile points, numbered in order of precedence (a tie goes to the lower number).

    Parameters
    ----------
    x, y
        Whole millimetres, shape (n,).
    klass
        Class of each point, 0 to ``classes - 1``; -1 leaves the point out. Shape (n,).
    """
    keep = np.flatnonzero(klass >= 0)
    x, y, klass = x[keep], y[keep], klass[keep]
    low_x, low_y = (int(v.min()) if len(v) else 0 for v in (x, y))
    columns = (int(x.max()) - low_x) // CELL_MM + 1 if len(x) else 0
    rows = (int(y.max()) - low_y) // CELL_MM + 1 if len(y) else 0
    key = (y - low_y) // CELL_MM * columns + (x - low_x) // CELL_MM
    order = np.lexsort((keep, key, klass))
    begin = np.searchsorted(klass[order], np.arange(classes + 1))
    place = np.column_stack([x - low_x, y - low_y])[order].astype(np.int32)
    frame = np.array([low_x, low_y, CELL_MM, columns, rows], dtype=np.int64)
    return Hash(frame, begin.astype(np.int64), key[order], place, keep[order].astype(np.int32))


@njit(cache=True, nogil=True)
def _bound(key, low, high, value):
    while low < high:
        mid = (low + high) // 2
        if key[mid] < value:
            low = mid + 1
        else:
            high = mid
    return low


@njit(cache=True, nogil=True)
def closest(hash_, x, y, klass, reach, instant, begins, ends):
    """Nearest valid point of a class within reach of a place; ties to the lower number.

    ``x``, ``y``, ``reach`` whole millimetres; ``klass`` -1 looks for nothing; ``instant`` microseconds. Returns the
    point's number and the squared distance in mm²; -1, -1 for none.
    """
    frame, begin, key, place, point = hash_
    best, found, square = np.int64(0), np.int64(-1), np.int64(-1)
    if klass < 0 or begin[klass] == begin[klass + 1]:
        return found, square
    cell, columns, rows, end = frame[2], frame[3], frame[4], begin[klass + 1]
    px, py = x - frame[0], y - frame[1]
    best = reach * reach + 1
    c0, c1 = max(0, (px - reach) // cell), min(columns - 1, (px + reach) // cell)
    if c0 > c1:
        return found, square
    for r in range(max(0, (py - reach) // cell), min(rows - 1, (py + reach) // cell) + 1):
        a, stop = _bound(key, begin[klass], end, r * columns + c0), r * columns + c1
        while a < end and key[a] <= stop:
            dx, dy = place[a, 0] - px, place[a, 1] - py
            d, q = dx * dx + dy * dy, np.int64(point[a])
            if (d < best or (d == best and q < found)) and begins[q] <= instant < ends[q]:
                best, found, square = d, q, d
            a += 1
    return found, square


@njit(cache=True, nogil=True)
def nearest(hash_, x, y, klass, reach, instant, begins, ends, out, square):
    """`closest` for each place, shape (n,) each."""
    for i in range(len(x)):
        out[i], square[i] = closest(hash_, x[i], y[i], klass[i], reach[i], instant[i], begins, ends)


@njit(cache=True, nogil=True)
def within(hash_, x, y, klass, reach):
    """Points of a class within reach of one place: (number, squared distance mm²), in hash order, any validity."""
    frame, begin, key, place, point = hash_
    cell, columns, rows = frame[2], frame[3], frame[4]
    found = []
    px, py = x - frame[0], y - frame[1]
    c0, c1 = max(0, (px - reach) // cell), min(columns - 1, (px + reach) // cell)
    if klass >= 0 and c0 <= c1:
        for r in range(max(0, (py - reach) // cell), min(rows - 1, (py + reach) // cell) + 1):
            a = _bound(key, begin[klass], begin[klass + 1], r * columns + c0)
            while a < begin[klass + 1] and key[a] <= r * columns + c1:
                dx, dy = place[a, 0] - px, place[a, 1] - py
                if dx * dx + dy * dy <= reach * reach:
                    found.append((np.int64(point[a]), dx * dx + dy * dy))
                a += 1
    out = np.empty((len(found), 2), dtype=np.int64)
    for n in range(len(found)):
        out[n, 0], out[n, 1] = found[n]
    return out
