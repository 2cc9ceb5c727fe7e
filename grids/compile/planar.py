"""Linework on the millimetre grid: noding by snap rounding.

Coordinates are whole millimetres (int64), so that orientation tests are exact. Noding follows Hobby's snap rounding
(Practical segment intersection with finite precision output, 1999): every end and every crossing makes its
millimetre pixel hot, and every segment is bent to the centre of each hot pixel it passes. What comes out does not
depend on the order or direction of what goes in, and a change in one place moves nothing elsewhere.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CELL_MM = 40_000
MARGIN_MM = 2


@njit(cache=True, nogil=True)
def cells(ax: Ints, ay: Ints, bx: Ints, by: Ints, x0: int, y0: int, rows: int, cell: int) -> tuple[Ints, Ints]:
    """Cell number and segment of every cell that a segment passes within `MARGIN_MM`; sorted by cell, then segment."""
    n = len(ax)
    total = 0
    for fill in range(2):
        if fill:
            key = np.empty(total, np.int64)
            seg = np.empty(total, np.int64)
        at = 0
        for i in range(n):
            lx, hx = min(ax[i], bx[i]) - MARGIN_MM, max(ax[i], bx[i]) + MARGIN_MM
            ly, hy = min(ay[i], by[i]) - MARGIN_MM, max(ay[i], by[i]) + MARGIN_MM
            dx, dy = float(bx[i] - ax[i]), float(by[i] - ay[i])
            for cx in range((lx - x0) // cell, (hx - x0) // cell + 1):
                low, high = ly, hy
                if abs(dx) > cell and dy != 0:
                    y1 = ay[i] + (x0 + cx * cell - MARGIN_MM - ax[i]) * dy / dx
                    y2 = ay[i] + (x0 + (cx + 1) * cell + MARGIN_MM - ax[i]) * dy / dx
                    low = max(ly, int(np.floor(min(y1, y2))) - MARGIN_MM)
                    high = min(hy, int(np.ceil(max(y1, y2))) + MARGIN_MM)
                for cy in range((low - y0) // cell, (high - y0) // cell + 1):
                    if fill:
                        key[at] = cx * rows + cy
                        seg[at] = i
                    at += 1
        total = at
    order = np.argsort(key, kind="mergesort")
    return key[order], seg[order]


@njit(cache=True, nogil=True)
def _crossings(
    ax: Ints, ay: Ints, bx: Ints, by: Ints, key: Ints, seg: Ints, x0: int, y0: int, rows: int, cell: int
) -> tuple[Ints, Ints]:
    """Rounded points where segments cross inside; each crossing is reported by the cell it lies in."""
    xs, ys = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    start = 0
    while start < len(key):
        end = start
        while end < len(key) and key[end] == key[start]:
            end += 1
        for p in range(start, end):
            i = seg[p]
            for q in range(p + 1, end):
                j = seg[q]
                if (
                    max(ax[i], bx[i]) < min(ax[j], bx[j])
                    or max(ax[j], bx[j]) < min(ax[i], bx[i])
                    or max(ay[i], by[i]) < min(ay[j], by[j])
                    or max(ay[j], by[j]) < min(ay[i], by[i])
                ):
                    continue
                ux, uy = bx[i] - ax[i], by[i] - ay[i]
                vx, vy = bx[j] - ax[j], by[j] - ay[j]
                s1 = ux * (ay[j] - ay[i]) - uy * (ax[j] - ax[i])
                s2 = ux * (by[j] - ay[i]) - uy * (bx[j] - ax[i])
                if (s1 > 0) == (s2 > 0) or s1 == 0 or s2 == 0:
                    continue
                t1 = vx * (ay[i] - ay[j]) - vy * (ax[i] - ax[j])
                t2 = vx * (by[i] - ay[j]) - vy * (bx[i] - ax[j])
                if (t1 > 0) == (t2 > 0) or t1 == 0 or t2 == 0:
                    continue
                # the lexicographically lower segment carries the point, so that row order does not matter
                first = i
                if (ax[j], ay[j], bx[j], by[j]) < (ax[i], ay[i], bx[i], by[i]):
                    first = j
                from_i, from_j = float(t1) / (float(t1) - float(t2)), float(s1) / (float(s1) - float(s2))
                share = from_i if first == i else from_j
                x = ax[first] + np.int64(np.rint(share * float(bx[first] - ax[first])))
                y = ay[first] + np.int64(np.rint(share * float(by[first] - ay[first])))
                if ((x - x0) // cell) * rows + (y - y0) // cell == key[start]:
                    xs.append(x)
                    ys.append(y)
        start = end
    return np.array(xs, np.int64), np.array(ys, np.int64)


@njit(cache=True, nogil=True)
def _bent(
    ax: Ints, ay: Ints, bx: Ints, by: Ints, key: Ints, seg: Ints, px: Ints, py: Ints, pkey: Ints, porder: Ints
) -> tuple[Ints, Ints, Ints]:
    """Edges (node, node, segment) of the segments bent through the hot pixels they pass."""
    n = len(ax)
    count = np.zeros(n + 1, np.int64)
    total = 0
    hits_seg: list = [np.int64(0) for _ in range(0)]
    hits_pt: list = [np.int64(0) for _ in range(0)]
    start, p0 = 0, 0
    while start < len(key):
        end = start
        while end < len(key) and key[end] == key[start]:
            end += 1
        while p0 < len(pkey) and pkey[p0] < key[start]:
            p0 += 1
        p1 = p0
        while p1 < len(pkey) and pkey[p1] == key[start]:
            p1 += 1
        for p in range(start, end):
            i = seg[p]
            dx, dy = bx[i] - ax[i], by[i] - ay[i]
            reach = abs(dx) + abs(dy)
            lx, hx = min(ax[i], bx[i]), max(ax[i], bx[i])
            ly, hy = min(ay[i], by[i]), max(ay[i], by[i])
            for q in range(p0, p1):
                k = porder[q]
                if px[k] < lx or px[k] > hx or py[k] < ly or py[k] > hy:
                    continue
                # twice the pixel: half its side is 1; the segment passes it when |cross| <= |dx| + |dy|
                if abs(2 * (dx * (py[k] - ay[i]) - dy * (px[k] - ax[i]))) <= reach:
                    hits_seg.append(i)
                    hits_pt.append(k)
                    count[i + 1] += 1
                    total += 1
        start, p0 = end, p1
    first = np.cumsum(count)
    slot = first[:-1].copy()
    point = np.empty(total, np.int64)
    along = np.empty(total, np.int64)
    for h in range(total):
        i, k = hits_seg[h], hits_pt[h]
        t = (px[k] - ax[i]) * (bx[i] - ax[i]) + (py[k] - ay[i]) * (by[i] - ay[i])
        at = slot[i]
        while at > first[i] and (along[at - 1] > t or (along[at - 1] == t and point[at - 1] > k)):
            along[at], point[at] = along[at - 1], point[at - 1]
            at -= 1
        along[at], point[at] = t, k
        slot[i] += 1
    u = np.empty(total, np.int64)
    v = np.empty(total, np.int64)
    s = np.empty(total, np.int64)
    at = 0
    for i in range(n):
        for h in range(first[i], first[i + 1] - 1):
            if point[h] != point[h + 1]:
                u[at], v[at], s[at] = point[h], point[h + 1], i
                at += 1
    return u[:at], v[:at], s[:at]


@njit(cache=True, nogil=True)
def _met(ax: Ints, ay: Ints, bx: Ints, by: Ints, fixed: Flags, key: Ints, seg: Ints) -> tuple[Ints, Ints, Floats]:
    """Pairs of a free and a fixed segment that cross inside, and the share of the free one at the crossing."""
    free, other, share = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [0.0 for _ in range(0)]
    start = 0
    while start < len(key):
        end = start
        some = False
        while end < len(key) and key[end] == key[start]:
            some |= fixed[seg[end]]
            end += 1
        if some:
            for p in range(start, end):
                i = seg[p]
                if fixed[i]:
                    continue
                for q in range(start, end):
                    j = seg[q]
                    if not fixed[j]:
                        continue
                    ux, uy = bx[i] - ax[i], by[i] - ay[i]
                    vx, vy = bx[j] - ax[j], by[j] - ay[j]
                    s1 = ux * (ay[j] - ay[i]) - uy * (ax[j] - ax[i])
                    s2 = ux * (by[j] - ay[i]) - uy * (bx[j] - ax[i])
                    t1 = vx * (ay[i] - ay[j]) - vy * (ax[i] - ax[j])
                    t2 = vx * (by[i] - ay[j]) - vy * (bx[i] - ax[j])
                    if s1 == 0 or s2 == 0 or t1 == 0 or t2 == 0 or (s1 > 0) == (s2 > 0) or (t1 > 0) == (t2 > 0):
                        continue
                    free.append(i)
                    other.append(j)
                    share.append(float(t1) / (float(t1) - float(t2)))
        start = end
    return np.array(free, np.int64), np.array(other, np.int64), np.array(share, np.float64)


def bent_to(ends: Ints, fixed: Flags) -> tuple[Ints, Ints]:
    """Free segments led to fixed ones where they cross: to a millimetre point on them that hardly bends them.

    Parameters
    ----------
    ends
        Segments (n, 4) in whole millimetres.
    fixed
        Which of them must keep their line to a hundredth of a millimetre or so; the others give way, by centimetres.

    Returns
    -------
    ends, segment
        Segments with the free ones taken apart at their crossings, and the segment each comes from.
    """
    if not fixed.any() or fixed.all():
        return ends, np.arange(len(ends))
    swap = (ends[:, 2] < ends[:, 0]) | ((ends[:, 2] == ends[:, 0]) & (ends[:, 3] < ends[:, 1]))
    turned = np.where(swap[:, None], ends[:, [2, 3, 0, 1]], ends)
    ax, ay, bx, by = (np.ascontiguousarray(column) for column in turned.T)
    x0, y0 = int(ax.min()) - CELL_MM, int(min(ay.min(), by.min())) - CELL_MM
    rows = (int(max(ay.max(), by.max())) - y0) // CELL_MM + 3
    free, other, share = _met(ax, ay, bx, by, fixed, *cells(ax, ay, bx, by, x0, y0, rows, CELL_MM))
    way = (turned[free, 2:] - turned[free, :2]).astype(float)
    along = (turned[other, 2:] - turned[other, :2]).astype(float)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    point = beside(turned[free, :2] + way * share[:, None], along)
    # ends and crossings of each segment in order; the same crossing told by two cells counts once
    n = len(ends)
    of = np.concatenate([np.arange(n), free, np.arange(n)])
    t = np.concatenate([np.full(n, -1.0), share, np.full(n, 2.0)])
    xy = np.concatenate([turned[:, :2], point, turned[:, 2:]])
    order = np.lexsort((xy[:, 1], xy[:, 0], t, of))
    of, xy = of[order], xy[order]
    step = (of[1:] == of[:-1]) & (xy[1:] != xy[:-1]).any(axis=1)
    pieces, segment = np.column_stack([xy[:-1], xy[1:]])[step], of[:-1][step]
    return np.where(swap[segment, None], pieces[:, [2, 3, 0, 1]], pieces), segment


def beside(points: Floats, along: Floats, span: int = 40) -> Ints:
    """Millimetre points within ``span`` mm of points on lines, along them, that lie closest to the lines."""
    best = np.full(len(points), np.inf)
    out = np.rint(points).astype(np.int64)
    for k in sorted(range(-span, span + 1), key=abs):
        grid = np.rint(points + along * k)
        away = grid - points
        off = np.abs(away[:, 0] * along[:, 1] - away[:, 1] * along[:, 0])
        closer = off < best - 1e-9
        best[closer] = off[closer]
        out[closer] = grid[closer].astype(np.int64)
    return out


def node(ax: Ints, ay: Ints, bx: Ints, by: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Node segments on the millimetre grid.

    Parameters
    ----------
    ax, ay, bx, by
        Ends of n segments in whole millimetres.

    Returns
    -------
    x, y, u, v, segment
        Nodes sorted by (x, y); directed edges between them, one or more for each segment, with its position.
        Segments of no length vanish. Cost about n log n for lines of city density.
    """
    swap = (bx < ax) | ((bx == ax) & (by < ay))
    cx, cy = np.where(swap, bx, ax), np.where(swap, by, ay)
    dx, dy = np.where(swap, ax, bx), np.where(swap, ay, by)
    if not len(ax):
        none = np.empty(0, np.int64)
        return none, none, none, none, none
    x0, y0 = int(cx.min()) - CELL_MM, int(min(cy.min(), dy.min())) - CELL_MM
    rows = (int(max(cy.max(), dy.max())) - y0) // CELL_MM + 3
    key, seg = cells(cx, cy, dx, dy, x0, y0, rows, CELL_MM)
    hx, hy = _crossings(cx, cy, dx, dy, key, seg, x0, y0, rows, CELL_MM)
    points = np.column_stack([np.concatenate([cx, dx, hx]), np.concatenate([cy, dy, hy])])
    order = np.lexsort((points[:, 1], points[:, 0]))
    points = points[order]
    new = np.ones(len(points), bool)
    new[1:] = (points[1:] != points[:-1]).any(axis=1)
    px, py = np.ascontiguousarray(points[new, 0]), np.ascontiguousarray(points[new, 1])
    pkey = ((px - x0) // CELL_MM) * rows + (py - y0) // CELL_MM
    porder = np.argsort(pkey, kind="stable")
    u, v, s = _bent(cx, cy, dx, dy, key, seg, px, py, pkey[porder], porder)
    back = swap[s]
    return px, py, np.where(back, v, u), np.where(back, u, v), s
