"""Points by class in a grid hash: the nearest of a class within reach, exact on whole millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Compiled, kernel, lookup
from gis.exact import LIMIT_MM
from grids.errors import InputError

FINEST, COARSEST = 14, 31
"""Powers of the cell sizes: 2**14 mm and up."""
FAR_MM = 2_000_000_000
CELLS = 4
"""A class gets at most so many cells for each of its points."""


@dataclass(frozen=True)
class Hash(Compiled):
    """Points sorted by class, then by cell, row by row; each class has a grid of its own.

    Row k of ``grid`` is that of class k: x and y of its origin (mm), power of its cell size, columns, rows, and
    where its cells begin in ``starts``. The points of cell c are ``starts[c]:starts[c + 1]`` of ``place`` (x, y,
    millimetres from the origin of the class) and ``point`` (their number, in order of precedence).
    """

    grid: NDArray[np.int64]
    starts: NDArray[np.int32]
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

    Raises
    ------
    InputError
        When the points of a class are more than 2,147 km apart.
    """
    keep = np.flatnonzero(klass >= 0)
    keep = keep[np.argsort(klass[keep], kind="stable")]
    x, y, count = x[keep], y[keep], np.bincount(klass[keep], minlength=classes)
    end = np.cumsum(count)
    grid = np.zeros((classes, 6), dtype=np.int64)
    cell = np.empty(len(keep), dtype=np.int64)
    local = np.empty((len(keep), 2), dtype=np.int32)
    cells = 0
    for k in range(classes):
        grid[k, 5] = cells
        if not count[k]:
            continue
        mine = slice(end[k] - count[k], end[k])
        low = np.array([x[mine].min(), y[mine].min()])
        span = np.array([x[mine].max(), y[mine].max()]) - low
        if span.max() > LIMIT_MM:
            raise InputError(f"components of a class are {span.max() / 1e6:.0f} km apart", right="at most 2,147 km")
        power = FINEST
        while power < COARSEST and np.prod((span >> power) + 1) > CELLS * count[k]:
            power += 1
        columns, rows = ((span >> power) + 1).tolist()
        local[mine, 0], local[mine, 1] = x[mine] - low[0], y[mine] - low[1]
        cell[mine] = cells + (local[mine, 1] >> power).astype(np.int64) * columns + (local[mine, 0] >> power)
        grid[k, :5] = low[0], low[1], power, columns, rows
        cells += columns * rows
    order = np.argsort(cell, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))]).astype(np.int32)
    return Hash(grid, starts, local[order], keep[order].astype(np.int32))


@lookup
def apart(dx, dy):
    """Squared distance in mm²; to each side no more than 2,000 km count, beyond which no int64 holds the square."""
    dx, dy = min(abs(dx), FAR_MM), min(abs(dy), FAR_MM)
    return dx * dx + dy * dy


@lookup
def closest(hash_, x, y, klass, reach, instant, begins, ends):
    """Nearest valid point of a class within reach of a place; ties to the lower number.

    ``x``, ``y``, ``reach`` whole millimetres; ``klass`` -1 looks for nothing; ``instant`` microseconds. Returns the
    point's number and the squared distance in mm²; -1, -1 for none.
    """
    grid, starts, place, point = hash_
    found, square = np.int64(-1), np.int64(-1)
    if klass < 0:
        return found, square
    px, py, power, columns = x - grid[klass, 0], y - grid[klass, 1], grid[klass, 2], grid[klass, 3]
    c0, c1 = max(np.int64(0), (px - reach) >> power), min(columns - 1, (px + reach) >> power)
    r0, r1 = max(np.int64(0), (py - reach) >> power), min(grid[klass, 4] - 1, (py + reach) >> power)
    if c0 > c1:
        return found, square
    best = reach * reach + 1
    for r in range(r0, r1 + 1):
        row = grid[klass, 5] + r * columns
        for a in range(starts[row + c0], starts[row + c1 + 1]):
            dx, dy = place[a, 0] - px, place[a, 1] - py
            d = dx * dx + dy * dy
            if d <= best:
                q = np.int64(point[a])
                if (d < best or q < found) and begins[q] <= instant < ends[q]:
                    best, found, square = d, q, d
    return found, square


@lookup
def nearest(hash_, x, y, klass, reach, instant, begins, ends, out, square):
    """`closest` for each place, shape (n,) each."""
    for i in range(len(x)):
        out[i], square[i] = closest(hash_, x[i], y[i], klass[i], reach[i], instant[i], begins, ends)


@kernel
def within(hash_, x, y, klass, reach):
    """Points of a class within reach of one place: (number, squared distance mm²), in hash order, any validity."""
    grid, starts, place, point = hash_
    found = []
    if klass >= 0:
        px, py, power, columns = x - grid[klass, 0], y - grid[klass, 1], grid[klass, 2], grid[klass, 3]
        c0, c1 = max(0, (px - reach) >> power), min(columns - 1, (px + reach) >> power)
        if c0 <= c1:
            for r in range(max(0, (py - reach) >> power), min(grid[klass, 4] - 1, (py + reach) >> power) + 1):
                row = grid[klass, 5] + r * columns
                for a in range(starts[row + c0], starts[row + c1 + 1]):
                    dx, dy = place[a, 0] - px, place[a, 1] - py
                    if dx * dx + dy * dy <= reach * reach:
                        found.append((np.int64(point[a]), dx * dx + dy * dy))
    out = np.empty((len(found), 2), dtype=np.int64)
    for n in range(len(found)):
        out[n, 0], out[n, 1] = found[n]
    return out
