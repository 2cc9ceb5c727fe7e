"""Polygons of many class filters: a raster for each filter, all of them in one set of arrays.

Where the zones of a dozen filters overlap, one raster would list a dozen polygons in nearly every cell. Here a case
asks only the rasters of the filters that take its class, and for an edited zone only the raster of its own filter is
made anew. A filter's raster spans its own polygons and numbers them by themselves; ``member`` has their numbers among
all, rising, so the first of a raster is the one that comes first of all; of several rasters the lowest number wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis import raster
from gis.compiled import Compiled, kernel, lookup
from gis.model import DUTIES, EFFECTS
from gis.raster import side_of

CELLS, LEAST_CELLS = 2048, 1 << 14
"""A raster gets at most so many cells for each of its polygons, or so many whatever its polygons."""
ASKED = len(DUTIES) + 1
"""Duties that a class can be asked for, none the first of them."""
_PARTS = ("cells", "starts", "lists", "first_row", "slab_of", "slabs", "edges")
CELL, START, LIST, POLYGON, SLAB_OF, SLAB, EDGE = range(6, 13)
"""Columns of ``frame``: where the parts of a raster begin."""


@dataclass(frozen=True)
class Grouped(Compiled):
    """Rasters behind each other, as `gis.raster.Raster` has them; all arrays.

    Row g of ``frame`` is the frame of raster g, then where its ``cells``, ``starts``, ``lists``, polygons (of
    ``first_row`` and ``member``), ``slab_of``, ``slabs`` and ``edges`` begin; a last row has where they end. ``member``
    is the number of each polygon among all, ``alone`` the number in its raster of each. The rasters of slot k are
    ``asked[asks[k]:asks[k + 1]]``, see `slots`.
    """

    frame: NDArray[np.int64]
    cells: NDArray[np.int32]
    starts: NDArray[np.int32]
    lists: NDArray[np.int32]
    first_row: NDArray[np.int32]
    slab_of: NDArray[np.int64]
    slabs: NDArray[np.int64]
    edges: NDArray[np.int32]
    member: NDArray[np.int32]
    alone: NDArray[np.int32]
    asks: NDArray[np.int32]
    asked: NDArray[np.int32]

    def one(self, g: int) -> raster.Raster:
        """Raster g by itself; its arrays are views."""
        begin, end = self.frame[g, CELL:], self.frame[g + 1, CELL:]
        parts = (getattr(self, name)[a:b] for name, a, b in zip(_PARTS, begin, end, strict=True))
        return raster.Raster(self.frame[g, :CELL], *parts)


def build(
    geometry: NDArray[np.object_],
    group: NDArray[np.int32],
    takes: NDArray[np.bool_],
    kept: Sequence[raster.Raster | None] = (),
) -> Grouped:
    """Compile polygons, given in order of precedence.

    Parameters
    ----------
    geometry
        As `gis.raster.build` takes it, shape (n,).
    group
        Filter of each, shape (n,), 0 to the count of filters.
    takes
        Whether a filter takes a class, shape (filters, classes + 1); or stands in a slot, see `slots`.
    kept
        Rasters of an earlier snapshot that are still right, by filter; None is made.

    Raises
    ------
    InputError
        When the polygons of a filter are spread wider than 2,147 km.
    """
    groups = len(takes)
    member = np.argsort(group, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(group, minlength=groups))
    alone = np.empty(len(group), dtype=np.int32)
    made: list[raster.Raster] = []
    for g in range(groups):
        mine = member[(ends[g - 1] if g else 0) : ends[g]]
        alone[mine] = np.arange(len(mine))
        known = kept[g] if g < len(kept) else None
        most = min(max(LEAST_CELLS, CELLS * len(mine)), raster.MAX_CELLS)
        made.append(known or raster.build(geometry[mine], most_cells=most))
    frame = np.zeros((groups + 1, EDGE + 1), dtype=np.int64)
    for g, one in enumerate(made):
        frame[g, :CELL] = one.frame
        frame[g + 1, CELL:] = frame[g, CELL:] + [len(getattr(one, name)) for name in _PARTS]
    parts = {name: np.concatenate([getattr(one, name) for one in made or [raster.build([])]]) for name in _PARTS}
    asks = np.concatenate([[0], np.cumsum(takes.sum(axis=0))]).astype(np.int32)
    asked = np.nonzero(takes.T)[1].astype(np.int32)
    return Grouped(frame=frame, **parts, member=member, alone=alone, asks=asks, asked=asked)


def slots(takes: NDArray[np.bool_], effect: NDArray[np.int8], duty: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Where filters stand: one slot for each effect of a zone, each duty that is asked for, and each class.

    Slot ``(effect * ASKED + asked + 1) * classes + class``, where ``asked`` is the duty that the class's rule asks for,
    -1 for none: then, as for a filter of no duty, it does not matter. The first ``classes`` slots are those of zones
    that give, whatever duty.

    Parameters
    ----------
    takes
        Whether a filter takes a class, shape (filters, classes); the last class is that of a case without one.
    effect, duty
        Of each filter, shape (filters,): positions in `gis.model.EFFECTS` and `gis.model.DUTIES`, -1 for any duty.

    Returns
    -------
    bool, shape (filters, slots)
    """
    filters, classes = takes.shape
    out = np.zeros((filters, len(EFFECTS), ASKED, classes), dtype=bool)
    for asked in range(-1, ASKED - 1):
        meets = (duty < 0) | (asked < 0) | (duty == asked)
        out[np.arange(filters), effect, asked + 1] = takes & meets[:, None]
    return out.reshape(filters, len(EFFECTS) * ASKED * classes)


@lookup
def first(grouped, x, y, instant, klass, begins, ends, after):
    """First polygon, in order of precedence, that covers a place, takes a class and is valid at an instant.

    ``x``, ``y`` whole millimetres; ``instant`` microseconds; ``klass`` a class (the last for none) or a slot; validity
    [begins[p], ends[p]); of those numbered beyond ``after`` only, -1 for all. Returns its number or -1, and whether the
    place is on its border.
    """
    frame, cells, starts, lists, edges = grouped[0], grouped[1], grouped[2], grouped[3], grouped[7]
    member, asks, asked = grouped[8], grouped[10], grouped[11]
    best, on_edge = np.int64(-1), False
    for t in range(asks[klass], asks[klass + 1]):
        g = asked[t]
        c, r = (x - frame[g, 0]) >> frame[g, 5], (y - frame[g, 1]) >> frame[g, 5]
        if c < 0 or r < 0 or c >= frame[g, 3] or r >= frame[g, 4]:
            continue
        value = np.int64(cells[frame[g, 6] + r * frame[g, 3] + c])
        if value == -1:
            continue
        numbers = frame[g, 9]
        if value >= 0:
            p = np.int64(member[numbers + value])
            if (best < 0 or p < best) and p > after and begins[p] <= instant < ends[p]:
                best, on_edge = p, False
            continue
        at, shift = frame[g, 7] - value - 2, frame[g, 12]
        for j in range(frame[g, 8] + starts[at], frame[g, 8] + starts[at + 1]):
            p = np.int64(member[numbers + (lists[j, 0] >> 1)])
            if 0 <= best <= p:
                break
            if p <= after or not begins[p] <= instant < ends[p]:
                continue
            if not lists[j, 0] & 1:
                best, on_edge = p, False
                break
            side = side_of(x - frame[g, 0], y - frame[g, 1], edges, shift + lists[j, 1], shift + lists[j, 2])
            if side:
                best, on_edge = p, side == 2
                break
    return best, on_edge


@lookup
def first_many(grouped, x, y, instant, klass, last, begins, ends, out):
    """`first` for each place, shape (n,); ``klass`` -1 is the class ``last``."""
    for i in range(len(x)):
        k = klass[i] if klass[i] >= 0 else last
        out[i], _ = first(grouped, x[i], y[i], instant[i], k, begins, ends, np.int64(-1))


@lookup
def covers(grouped, x, y, out, at, step):
    """All polygons that cover a place, whatever class and time, in order of precedence; returns their count.

    Writes (number, 2 when on its border else 1) to ``out[at]``, ``out[at + step]`` …; when not all fit, what stands
    there is of no use.
    """
    frame, cells, starts, lists, edges, member = grouped[0], grouped[1], grouped[2], grouped[3], grouped[7], grouped[8]
    n = 0
    for g in range(len(frame) - 1):
        c, r = (x - frame[g, 0]) >> frame[g, 5], (y - frame[g, 1]) >> frame[g, 5]
        if c < 0 or r < 0 or c >= frame[g, 3] or r >= frame[g, 4]:
            continue
        value = np.int64(cells[frame[g, 6] + r * frame[g, 3] + c])
        if value == -1:
            continue
        if value >= 0:
            _enter(out, at, step, n, np.int64(member[frame[g, 9] + value]), 1)
            n += 1
            continue
        k, shift = frame[g, 7] - value - 2, frame[g, 12]
        for j in range(frame[g, 8] + starts[k], frame[g, 8] + starts[k + 1]):
            side = 1
            if lists[j, 0] & 1:
                side = side_of(x - frame[g, 0], y - frame[g, 1], edges, shift + lists[j, 1], shift + lists[j, 2])
            if side:
                _enter(out, at, step, n, np.int64(member[frame[g, 9] + (lists[j, 0] >> 1)]), side)
                n += 1
    return n


@lookup
def _enter(out, at, step, n, p, side):
    """Put one more among ``n`` that are in order, when it fits."""
    b = at + n * step
    if b + 2 > len(out):
        return
    while b > at and out[b - step] > p:
        out[b], out[b + 1] = out[b - step], out[b - step + 1]
        b -= step
    out[b], out[b + 1] = p, side


@kernel
def raster_of(grouped, g):
    """Raster g by itself, as the kernels take one; its arrays are views."""
    frame, end = grouped[0][g], grouped[0][g + 1]
    return (
        frame[:6],
        grouped[1][frame[6] : end[6]],
        grouped[2][frame[7] : end[7]],
        grouped[3][frame[8] : end[8]],
        grouped[4][frame[9] : end[9]],
        grouped[5][frame[10] : end[10]],
        grouped[6][frame[11] : end[11]],
        grouped[7][frame[12] : end[12]],
    )
