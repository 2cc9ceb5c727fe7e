"""Polygons and straight lines: what lies behind a line, and the pieces on both sides of it.

Polygons are corners in metres, rings not closed, with the start of each ring and the end appended; shells run
counterclockwise, holes clockwise. Lines are ``x cos + y sin = c``.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def grain_of(x: Floats, y: Floats, start: Ints) -> float:
    """Direction of most of the border, modulo a right angle."""
    re, im = 0.0, 0.0
    for r in range(len(start) - 1):
        for i in range(start[r], start[r + 1]):
            j = i + 1 if i + 1 < start[r + 1] else start[r]
            dx, dy = x[j] - x[i], y[j] - y[i]
            length2 = dx * dx + dy * dy
            if length2 > 0:
                # length · exp(4iθ), by squaring the direction twice
                c, s = (dx * dx - dy * dy) / length2, 2 * dx * dy / length2
                length = np.sqrt(length2)
                re += length * (c * c - s * s)
                im += length * 2 * c * s
    return np.arctan2(im, re) / 4


@njit(cache=True, nogil=True)
def area_behind(px: Floats, py: Floats, start: Ints, c: float) -> float:
    """Area at projections below c: the closed integral of min(p, c) dq."""
    total = 0.0
    for r in range(len(start) - 1):
        last = start[r + 1] - 1
        ax, ay = px[last], py[last]
        for i in range(start[r], start[r + 1]):
            bx, by = px[i], py[i]
            if ax <= c and bx <= c:
                total += (by - ay) * (ax + bx) * 0.5
            elif ax >= c and bx >= c:
                total += (by - ay) * c
            else:
                share = (c - ax) / (bx - ax)
                if ax < c:
                    total += (by - ay) * (share * (ax + c) * 0.5 + (1 - share) * c)
                else:
                    total += (by - ay) * (share * c + (1 - share) * (c + bx) * 0.5)
            ax, ay = bx, by
    return total


@njit(cache=True, nogil=True)
def sides(px: Floats, py: Floats, start: Ints, c: float) -> tuple[float, float, float, int]:
    """Border behind and beyond the line, length of the line inside, number of crossings."""
    behind, beyond = 0.0, 0.0
    inside, crossings = 0.0, 0
    for r in range(len(start) - 1):
        last = start[r + 1] - 1
        ax, ay = px[last], py[last]
        for i in range(start[r], start[r + 1]):
            bx, by = px[i], py[i]
            length = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
            if ax < c and bx < c:
                behind += length
            elif ax >= c and bx >= c:
                beyond += length
            else:
                share = (c - ax) / (bx - ax)
                at = ay + share * (by - ay)
                crossings += 1
                if ax < c:
                    behind += share * length
                    beyond += (1 - share) * length
                    inside += at
                else:
                    behind += (1 - share) * length
                    beyond += share * length
                    inside -= at
            ax, ay = bx, by
    return behind, beyond, abs(inside), crossings


@njit(cache=True, nogil=True)
def built_over(px: Floats, py: Floats, start: Ints, houses: Floats, cos: float, sin: float, c: float) -> float:
    """Metres of a line that run through buildings, between the ends of the line in a polygon turned to it."""
    low, high = np.inf, -np.inf
    for r in range(len(start) - 1):
        j = start[r + 1] - 1
        for i in range(start[r], start[r + 1]):
            if (px[i] < c) != (px[j] < c):
                at = py[j] + (c - px[j]) / (px[i] - px[j]) * (py[i] - py[j])
                low, high = min(low, at), max(high, at)
            j = i
    inside = 0.0
    for k in range(len(houses)):
        a, b = houses[k, 0] * cos + houses[k, 1] * sin, houses[k, 2] * cos + houses[k, 3] * sin
        if (a < c) != (b < c):
            at = houses[k, 1] * cos - houses[k, 0] * sin
            at += (c - a) / (b - a) * (houses[k, 3] * cos - houses[k, 2] * sin - at)
            at = min(max(at, low), high)
            inside += at if a < c else -at
    return abs(inside) if high > low else 0.0


@njit(cache=True, nogil=True)
def _near_grid(x: float, y: float, dx: float, dy: float) -> tuple[float, float]:
    """Millimetre point within 4 cm along (dx, dy) that lies closest to the line: it bends the line least."""
    best, bx, by = np.inf, np.rint(x * 1e3) / 1e3, np.rint(y * 1e3) / 1e3
    for k in range(-40, 41):
        gx = np.rint((x + dx * k * 1e-3) * 1e3) / 1e3
        gy = np.rint((y + dy * k * 1e-3) * 1e3) / 1e3
        off = abs((gx - x) * dy - (gy - y) * dx) + 1e-7 * abs(k)
        if off < best:
            best, bx, by = off, gx, gy
    return bx, by


@njit(cache=True, nogil=True)
def _inside(x: Floats, y: Floats, low: int, high: int, qx: float, qy: float) -> bool:
    odd = False
    j = high - 1
    for i in range(low, high):
        if (y[i] > qy) != (y[j] > qy) and qx < (x[j] - x[i]) * (qy - y[i]) / (y[j] - y[i]) + x[i]:
            odd = not odd
        j = i
    return odd


@njit(cache=True, nogil=True)
def halved(
    x: Floats, y: Floats, fixed: Flags, start: Ints, cos: float, sin: float, c: float, ox: float, oy: float, step: float
):
    """Chords of a line in a polygon, and the polygon's pieces as (x, y, fixed, start); no piece when it goes wrong.

    With a step the line belongs to a lattice: chords have nodes where its other lines cross, at the same
    millimetres whatever the ends. The origin of the polygon is at (ox, oy).
    """
    n = len(x)
    side = np.empty(n)
    for i in range(n):
        side[i] = x[i] * cos + y[i] * sin - c
    most = 3 * n + 4
    if step > 0:
        along = y * cos - x * sin
        most += 2 * int((along.max() - along.min()) / step + 3)
    after = np.empty(most, np.int64)
    vx, vy = np.empty(most), np.empty(most)
    kept = np.zeros(most, np.bool_)
    vx[:n], vy[:n], kept[:n] = x, y, fixed
    size = n
    cross_at = np.empty(n)
    cross_out = np.empty(n, np.int64)  # copy at which the border arrives
    cross_in = np.empty(n, np.int64)  # copy from which it goes on
    cross_up = np.empty(n, np.bool_)
    crossings = 0
    for r in range(len(start) - 1):
        for i in range(start[r], start[r + 1]):
            j = i + 1 if i + 1 < start[r + 1] else start[r]
            after[i] = j
            if (side[i] < 0) != (side[j] < 0):
                share = side[i] / (side[i] - side[j])
                kept[size], kept[size + 1] = False, fixed[i]
                length = np.sqrt((x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2)
                gx, gy = _near_grid(
                    x[i] + share * (x[j] - x[i]), y[i] + share * (y[j] - y[i]),
                    (x[j] - x[i]) / length, (y[j] - y[i]) / length,
                )  # fmt: skip
                if fixed[i] or min(share, 1 - share) * length < 0.06:
                    gx, gy = (x[i], y[i]) if share < 0.5 else (x[j], y[j])
                vx[size], vy[size], vx[size + 1], vy[size + 1] = gx, gy, gx, gy
                after[i], after[size + 1] = size, j
                cross_out[crossings], cross_in[crossings] = size, size + 1
                cross_at[crossings] = gy * cos - gx * sin
                cross_up[crossings] = side[i] < 0
                crossings += 1
                size += 2
    pieces = [(x[:0], y[:0], fixed[:0], start[:0]) for _ in range(0)]
    chords = [(0.0, 0.0, 0.0, 0.0) for _ in range(0)]
    order = np.argsort(cross_at[:crossings])
    for k in range(0, crossings - 1, 2):
        p, q = order[k], order[k + 1]
        if cross_up[p] == cross_up[q]:
            return pieces, chords
        here, back = cross_out[p], cross_in[p]
        if step > 0:
            # nodes of the lattice on the way: what lies between them is the same whatever the ends
            whole = c + ox * cos + oy * sin
            off = oy * cos - ox * sin
            k0, k1 = int(np.ceil((cross_at[p] + off + 1.0) / step)), int(np.floor((cross_at[q] + off - 1.0) / step))
            for at_step in range(k0, k1 + 1):
                t = at_step * step
                gx = np.rint((whole * cos - t * sin) * 1e3) / 1e3 - ox
                gy = np.rint((whole * sin + t * cos) * 1e3) / 1e3 - oy
                vx[size], vy[size], vx[size + 1], vy[size + 1] = gx, gy, gx, gy
                chords.append((vx[here], vy[here], gx, gy))
                after[here], after[size + 1] = size, back
                here, back = size, size + 1
                size += 2
        after[here] = cross_in[q]
        after[cross_out[q]] = back
        chords.append((vx[here], vy[here], vx[cross_out[q]], vy[cross_out[q]]))
    # loops of the pieces
    seen = np.zeros(size, np.bool_)
    node = np.empty(size, np.int64)
    loop: list = [np.int64(0) for _ in range(0)]
    at = 0
    for h in range(size):
        if seen[h]:
            continue
        loop.append(at)
        g = h
        while not seen[g]:
            seen[g] = True
            node[at] = g
            at += 1
            g = after[g]
    loop.append(at)
    loops = len(loop) - 1
    lx, ly, lk = vx[node[:at]], vy[node[:at]], kept[node[:at]]
    area = np.zeros(loops)
    for k in range(loops):
        j = loop[k + 1] - 1
        for i in range(loop[k], loop[k + 1]):
            area[k] += (lx[j] - lx[loop[k]]) * (ly[i] - ly[loop[k]]) - (lx[i] - lx[loop[k]]) * (ly[j] - ly[loop[k]])
            j = i
    owner = np.full(loops, -1, np.int64)
    for k in range(loops):
        if area[k] >= 0:
            continue
        for s in range(loops):
            smaller = area[s] > 0 and (owner[k] < 0 or area[s] < area[owner[k]])
            if smaller and _inside(lx, ly, loop[s], loop[s + 1], lx[loop[k]], ly[loop[k]]):
                owner[k] = s
    for s in range(loops):
        if area[s] <= 0:
            continue
        members: list = [np.int64(s)]
        members.extend([np.int64(k) for k in range(loops) if owner[k] == s])
        total = 0
        for k in members:
            total += loop[k + 1] - loop[k]
        qx, qy, qk = np.empty(total), np.empty(total), np.empty(total, np.bool_)
        first = np.empty(len(members) + 1, np.int64)
        first[0] = 0
        to = 0
        for m in range(len(members)):
            k = members[m]
            for i in range(loop[k], loop[k + 1]):
                qx[to], qy[to], qk[to] = lx[i], ly[i], lk[i]
                to += 1
            first[m + 1] = to
        pieces.append((qx, qy, qk, first))
    return pieces, chords
