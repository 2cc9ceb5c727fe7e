"""A layer of polygons as a raster of answers: each cell names the one polygon that covers it, or lists those to test.

The look-up is exact: a cell crossed by a border sends its points to a point-in-polygon test on whole millimetres,
against only the edges of that polygon that cross the cell's row. A point on an edge is inside.
Polygons are numbered in the order of precedence: the first that covers a point and is valid at its instant
wins, whatever the order of the input rows was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis import exact
from gis.compiled import Compiled, kernel, lookup
from grids.errors import InputError

MAX_CELLS = 16_000_000


@dataclass(frozen=True)
class Raster(Compiled):
    """A compiled layer; all arrays, so that it is saved and mapped as it is.

    ``frame`` is (x origin, y origin, cell size, columns, rows, power), millimetres and counts; the size is 2 to that
    power, so that no look-up divides. ``cells`` holds -1 for nothing, p for "polygon p covers this cell whole", and
    -(k + 2) for list k of ``lists``; a list entry is 2 p, plus 1 when p's border crosses the cell, and from where to
    where p's edges stand that cross the cell's row. ``slabs`` points, for each polygon and each row it spans, to the
    ``edges`` that cross that row.
    """

    frame: NDArray[np.int64]
    cells: NDArray[np.int32]
    starts: NDArray[np.int32]
    lists: NDArray[np.int32]
    first_row: NDArray[np.int32]
    slab_of: NDArray[np.int64]
    slabs: NDArray[np.int64]
    edges: NDArray[np.int32]


def build(geometry: ArrayLike, *, cell_m: float | None = None, most_cells: int = MAX_CELLS) -> Raster:
    """Compile polygons, given in order of precedence.

    Parameters
    ----------
    geometry
        Polygons or MultiPolygons on the 1 mm grid, metric CRS, shape (n,); empty ones cover nothing.
    cell_m
        Wanted cell size in metres; by default an eighth of the median polygon's size, within 8 to 65 m. The next
        power of two in millimetres is taken.
    most_cells
        Cells are doubled in size until there are no more than so many.

    Raises
    ------
    InputError
        When the layer is wider than 2,147 km.
    """
    edges, offsets = exact.rings(geometry)
    n = len(offsets) - 1
    if not len(edges):
        frame = np.array([0, 0, 1024, 0, 0, 10], dtype=np.int64)
        none, nowhere = np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
        lists, start, first_row = none.reshape(0, 3), np.zeros(1, dtype=np.int32), np.zeros(n, dtype=np.int32)
        return Raster(
            frame, none, start, lists, first_row, np.zeros(n + 1, dtype=np.int64), nowhere, none.reshape(0, 4)
        )
    low = edges[:, :2].min(axis=0)
    span = edges[:, :2].max(axis=0) - low
    if span.max() > exact.LIMIT_MM:
        raise InputError(f"a layer {span.max() / 1e6:.0f} km wide", right="at most 2,147 km")
    power = _power(edges, offsets, cell_m)
    while ((span[0] >> power) + 1) * ((span[1] >> power) + 1) > most_cells:
        power += 1
    cell = 1 << power
    columns, rows = (int(v) for v in span // cell + 1)
    local = (edges - np.tile(low, 2)).astype(np.int32)
    first_row, slab_of, slabs, slab_edges = _slabs(local, offsets, cell)
    count, single = _raster(first_row, slab_of, slabs, slab_edges, cell, columns, rows)
    cells = np.where(count == 0, -1, single).astype(np.int32)
    listed = np.flatnonzero((count > 1) | (single < 0) & (count > 0))
    starts = np.concatenate([[0], np.cumsum(count[listed])]).astype(np.int32)
    cells[listed] = -(np.arange(len(listed), dtype=np.int32) + 2)
    lists = np.empty((starts[-1], 3), dtype=np.int32)
    _fill(first_row, slab_of, slabs, slab_edges, cell, columns, cells, starts[:-1].copy(), lists)
    frame = np.array([low[0], low[1], cell, columns, rows, power], dtype=np.int64)
    return Raster(frame, cells, starts, lists, first_row, slab_of, slabs, slab_edges)


def _power(edges: NDArray[np.int64], offsets: NDArray[np.int64], cell_m: float | None) -> int:
    """Power of two of the cell size in millimetres."""
    if cell_m is not None:
        return max(10, round(np.log2(cell_m * 1000)))
    filled = np.flatnonzero(np.diff(offsets))
    begin = offsets[:-1][filled]
    low, high = np.minimum.reduceat(edges[:, :2], begin), np.maximum.reduceat(edges[:, :2], begin)
    return int(np.clip(round(np.log2(np.median((high - low).max(axis=1)) / 8)), 13, 16))


@kernel
def _slabs(edges, offsets, cell):
    """Edges of each polygon sorted into the raster rows that they touch."""
    n = len(offsets) - 1
    first_row = np.zeros(n, dtype=np.int32)
    slab_of = np.zeros(n + 1, dtype=np.int64)
    for p in range(n):
        low, high = np.int64(2**31), np.int64(-1)
        for e in range(offsets[p], offsets[p + 1]):
            low = min(low, edges[e, 1], edges[e, 3])
            high = max(high, edges[e, 1], edges[e, 3])
        rows = 0
        if high >= 0:
            first_row[p] = low // cell
            rows = high // cell - low // cell + 1
        slab_of[p + 1] = slab_of[p] + rows
    slabs = np.zeros(slab_of[n] + 1, dtype=np.int64)
    for p in range(n):
        base = slab_of[p] - first_row[p]
        for e in range(offsets[p], offsets[p + 1]):
            a, b = min(edges[e, 1], edges[e, 3]) // cell, max(edges[e, 1], edges[e, 3]) // cell
            for r in range(a, b + 1):
                slabs[base + r + 1] += 1
    for s in range(slab_of[n]):
        slabs[s + 1] += slabs[s]
    cursor = slabs[:-1].copy()
    out = np.empty((slabs[-1], 4), dtype=np.int32)
    for p in range(n):
        base = slab_of[p] - first_row[p]
        for e in range(offsets[p], offsets[p + 1]):
            a, b = min(edges[e, 1], edges[e, 3]) // cell, max(edges[e, 1], edges[e, 3]) // cell
            for r in range(a, b + 1):
                at = cursor[base + r]
                cursor[base + r] += 1
                for k in range(4):
                    out[at, k] = edges[e, k]
    return first_row, slab_of, slabs, out


@lookup
def side_of(px, py, edges, begin, end):
    """0 outside, 1 inside, 2 on an edge; even-odd rule on integers, over the edges that cross the point's row."""
    inside = False
    for e in range(begin, end):
        y0, y1 = np.int64(edges[e, 1]), np.int64(edges[e, 3])
        if (y0 < py and y1 < py) or (y0 > py and y1 > py):
            continue
        x0, x1 = np.int64(edges[e, 0]), np.int64(edges[e, 2])
        if x0 < px and x1 < px:
            continue
        if x0 > px and x1 > px:
            inside ^= (y0 > py) != (y1 > py)
            continue
        turn = (x1 - x0) * (py - y0) - (y1 - y0) * (px - x0)
        if turn == 0:  # its box holds the point, so it lies between the ends
            return 2
        if (y0 > py) != (y1 > py) and (turn > 0) == (y1 > y0):
            inside = not inside
    return 1 if inside else 0


@kernel
def _row_spans(edges, begin, end, row, cell, columns, mark):
    """Mark the cells of a row that edges cross, 2 mm more on either side; returns the first and last marked."""
    first, last = columns, -1
    y_low, y_high = np.float64(row * cell), np.float64((row + 1) * cell)
    for e in range(begin, end):
        x0, y0 = np.float64(edges[e, 0]), np.float64(edges[e, 1])
        x1, y1 = np.float64(edges[e, 2]), np.float64(edges[e, 3])
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        xa, xb = x0, x1
        if y1 > y0:
            slope = (x1 - x0) / (y1 - y0)
            if y0 < y_low:
                xa = x0 + (y_low - y0) * slope
            if y1 > y_high:
                xb = x0 + (y_high - y0) * slope
        a = max(0, int((min(xa, xb) - 2.0) // cell))
        b = min(columns - 1, int((max(xa, xb) + 2.0) // cell))
        for c in range(a, b + 1):
            mark[c] = True
        first, last = min(first, a), max(last, b)
    return first, last


@kernel
def _raster(first_row, slab_of, slabs, edges, cell, columns, rows):
    """How many polygons touch each cell, and which one where it is a single one that covers it whole (else -2)."""
    count = np.zeros(columns * rows, dtype=np.int32)
    single = np.full(columns * rows, -2, dtype=np.int32)
    mark = np.zeros(columns, dtype=np.bool_)
    for p in range(len(first_row)):
        for s in range(slab_of[p], slab_of[p + 1]):
            row = first_row[p] + s - slab_of[p]
            first, last = _row_spans(edges, slabs[s], slabs[s + 1], row, cell, columns, mark)
            inside, known = False, False
            for c in range(first, last + 1):
                at = row * columns + c
                if mark[c]:
                    mark[c], known = False, False
                    count[at] += 1
                    single[at] = -2
                    continue
                if not known:
                    y = np.int64(row) * cell + cell // 2
                    inside = side_of(np.int64(c) * cell + cell // 2, y, edges, slabs[s], slabs[s + 1]) != 0
                    known = True
                if inside:
                    count[at] += 1
                    single[at] = p if count[at] == 1 else -2
    return count, single


@kernel
def _fill(first_row, slab_of, slabs, edges, cell, columns, cells, cursor, lists):
    """Write the lists of the cells that have one; polygons come in order, so every list is in order."""
    mark = np.zeros(columns, dtype=np.bool_)
    for p in range(len(first_row)):
        for s in range(slab_of[p], slab_of[p + 1]):
            row = first_row[p] + s - slab_of[p]
            first, last = _row_spans(edges, slabs[s], slabs[s + 1], row, cell, columns, mark)
            inside, known = False, False
            for c in range(first, last + 1):
                k = -cells[row * columns + c] - 2
                if mark[c]:
                    mark[c], known = False, False
                    lists[cursor[k], 0] = 2 * p + 1
                    lists[cursor[k], 1], lists[cursor[k], 2] = slabs[s], slabs[s + 1]
                    cursor[k] += 1
                    continue
                if not known:
                    y = np.int64(row) * cell + cell // 2
                    inside = side_of(np.int64(c) * cell + cell // 2, y, edges, slabs[s], slabs[s + 1]) != 0
                    known = True
                if inside and k >= 0:
                    lists[cursor[k], 0], lists[cursor[k], 1], lists[cursor[k], 2] = 2 * p, 0, 0
                    cursor[k] += 1


@lookup
def _listed(frame, cells, starts, x, y):
    """What the cell of a place says: the entries to look at, [from, to) of ``lists``.

    A cell that one polygon covers whole has no list: from is then that polygon and to is -1. Nothing: 0, 0.
    """
    c, r = (x - frame[0]) >> frame[5], (y - frame[1]) >> frame[5]
    if c < 0 or r < 0 or c >= frame[3] or r >= frame[4]:
        return np.int64(0), np.int64(0)
    value = np.int64(cells[r * frame[3] + c])
    if value >= 0:
        return value, np.int64(-1)
    if value == -1:
        return np.int64(0), np.int64(0)
    return np.int64(starts[-value - 2]), np.int64(starts[-value - 1])


@lookup
def cover(raster, x, y, instant, begins, ends):
    """First polygon, in order of precedence, that covers a place and is valid at an instant.

    ``x``, ``y`` whole millimetres; ``instant`` microseconds; validity [begins[p], ends[p]). Returns its number or -1,
    and whether the place is on its border.
    """
    frame, cells, starts, lists, edges = raster[0], raster[1], raster[2], raster[3], raster[7]
    a, b = _listed(frame, cells, starts, x, y)
    if b < 0:
        if begins[a] <= instant < ends[a]:
            return a, False
        return np.int64(-1), False
    for j in range(a, b):
        p = np.int64(lists[j, 0] >> 1)
        if begins[p] <= instant < ends[p]:
            if not lists[j, 0] & 1:
                return p, False
            side = side_of(x - frame[0], y - frame[1], edges, lists[j, 1], lists[j, 2])
            if side:
                return p, side == 2
    return np.int64(-1), False


@lookup
def cover_many(raster, x, y, instant, begins, ends, out, on_edge):
    """`cover` for each place, shape (n,); writes the polygon's number or -1, and whether on its border."""
    for i in range(len(x)):
        out[i], on_edge[i] = cover(raster, x[i], y[i], instant[i], begins, ends)


FEW = 4096
"""So few places are taken as they come."""
SQUARE = 17
"""Power of the squares into which `nearby` sorts: 2**17 mm, 131 m."""
SQUARES = 8
"""Power of their count to a side; those of a larger extent fall together again."""


def nearby(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """An order in which places close to each other follow each other: what one asks for is at hand for the next.

    Parameters
    ----------
    x, y
        Whole millimetres, shape (n,).

    Returns
    -------
    intp, shape (n,)
        A permutation, None for few places. It decides about the time that look-ups take, never about what they find.
    """
    if len(x) <= FEW:
        return None
    order = np.empty(len(x), dtype=np.intp)
    _into_squares(x, y, np.zeros((1 << 2 * SQUARES) + 1, dtype=np.int64), order)
    return order


@lookup
def _square(x, y):
    side = (1 << SQUARES) - 1
    return ((y >> SQUARE) & side) << SQUARES | ((x >> SQUARE) & side)


@lookup
def _into_squares(x, y, start, order):
    for i in range(len(x)):
        start[_square(x[i], y[i]) + 1] += 1
    for k in range(len(start) - 1):
        start[k + 1] += start[k]
    for i in range(len(x)):
        k = _square(x[i], y[i])
        order[start[k]] = i
        start[k] += 1


def locate(raster: Raster, x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int32]:
    """First polygon that covers each point, whatever its class and time; -1 for none. Millimetres, shape (n,)."""
    out, edge = np.empty(len(x), dtype=np.int32), np.empty(len(x), dtype=np.bool_)
    always = np.zeros(len(raster.first_row), dtype=np.int64)
    cover_many(raster.arrays, x, y, np.zeros(len(x), dtype=np.int64), always, always + 1, out, edge)
    return out
