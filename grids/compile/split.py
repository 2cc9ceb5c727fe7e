"""Large blocks into compact parts: straight cuts of chosen direction and place, block by block."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DIRECTIONS = 12
BALANCE = (0.0, -0.06, 0.06, -0.12, 0.12, -0.18, 0.18)
"""Trial shares beside the even one: a rounder pair of parts is worth some difference in size."""

MORE_CROSSINGS, UNEVEN, OFF_TARGET = 0.1, 0.02, 3.0
"""What a cut loses, in compactness: for each border it crosses beyond two, for each unit of share that it is uneven,
and for the squared logarithm of mean part to target."""

TOO_MANY = 0.02
"""More and smaller parts are rounder and would win too often: the aim lies this share above the target."""

TURN, STEP_M = np.pi / 36, 4.0
"""Directions and places of cuts are whole multiples of these, in space: a small change beside them moves no cut."""

LARGE, LATTICE_M, LEAST_SIDE = 7, 100.0, 3
"""Blocks of so many parts are first cut along a lattice in the direction of their community's border, at least so
many parts from the end. An edit in one corner then leaves the other corners as they were."""

MOST_RECOUNTED = 6
"""Blocks up to so many parts may have one more or one less when the parts become rounder."""


@njit(cache=True, nogil=True)
def _grain(x: Floats, y: Floats, start: Ints) -> float:
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
def _behind(px: Floats, py: Floats, start: Ints, c: float) -> float:
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
def _sides(px: Floats, py: Floats, start: Ints, c: float) -> tuple[float, float, float, int]:
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
def _worth(area: float, around: float, parts: int) -> float:
    """Compactness to expect of the parts: 4πA/P² when it is one, with square-like inner cuts when it is more."""
    if parts > 1:
        around = (around + 2.0 * (parts - 1) * np.sqrt(area / parts)) / parts
        area = area / parts
    return 4 * np.pi * area / max(around, 1e-9) ** 2


@njit(cache=True, nogil=True)
def _best(
    x: Floats,
    y: Floats,
    start: Ints,
    parts: int,
    low: float,
    high: float,
    ox: float,
    oy: float,
    wide: float,
) -> tuple[float, float, float, float]:
    """Normal (cos, sin) and place of the best trial cut; a normal of 0, 0 when there is none."""
    grain = np.rint(_grain(x, y, start) / TURN) * TURN
    if parts >= LARGE:
        grain = np.rint(wide / TURN) * TURN
    n = len(x)
    px, py = np.empty(n), np.empty(n)
    best, best_cos, best_sin, best_c = -np.inf, 0.0, 0.0, 0.0
    total = abs(_behind(x, y, start, np.inf))
    for k in range(DIRECTIONS):
        # right angles to the grain first: they win ties
        angle = grain + (k % 2) * np.pi / 2 + (k // 2) * np.pi / DIRECTIONS
        cos, sin = np.cos(angle), np.sin(angle)
        off = ox * cos + oy * sin
        least, most = np.inf, -np.inf
        for i in range(n):
            px[i] = x[i] * cos + y[i] * sin
            py[i] = y[i] * cos - x[i] * sin
            least, most = min(least, px[i]), max(most, px[i])
        if parts >= LARGE:
            # large blocks: lines of a lattice fixed in space, so that an edit elsewhere moves few
            for index in range(int(np.ceil((least + off) / LATTICE_M)), int(np.floor((most + off) / LATTICE_M)) + 1):
                c = index * LATTICE_M - off
                goal = _behind(px, py, start, c)
                first = int(np.rint(goal / total * parts))
                if first < LEAST_SIDE or parts - first < LEAST_SIDE:
                    continue
                behind, beyond, inside, crossings = _sides(px, py, start, c)
                score = first * _worth(goal, behind + inside, first)
                score += (parts - first) * _worth(total - goal, beyond + inside, parts - first)
                score = score / parts - MORE_CROSSINGS * (crossings - 2)
                score = np.rint(score * 1e5)
                if score > best:
                    best, best_cos, best_sin, best_c = score, cos, sin, c
            if best > -np.inf:
                if k >= 1:
                    break
                continue
        for half in range(2):
            first = parts // 2 if half == 0 else parts - parts // 2
            if half == 1 and parts % 2 == 0:
                break
            for shift in BALANCE:
                share = first / parts + shift * 2 / parts
                goal = total * share
                if goal / first < 1.04 * low or (total - goal) / (parts - first) < 1.04 * low:
                    continue
                if goal / first > 0.96 * high or (total - goal) / (parts - first) > 0.96 * high:
                    continue
                a, b = least, most
                for _ in range(22):
                    c = (a + b) / 2
                    if _behind(px, py, start, c) < goal:
                        a = c
                    else:
                        b = c
                c = (a + b) / 2
                c = np.rint((c + off) / STEP_M) * STEP_M - off
                goal = _behind(px, py, start, c)
                if goal / first < 1.02 * low or (total - goal) / (parts - first) < 1.02 * low:
                    continue
                if goal / first > 0.98 * high or (total - goal) / (parts - first) > 0.98 * high:
                    continue
                behind, beyond, inside, crossings = _sides(px, py, start, c)
                score = first * _worth(goal, behind + inside, first)
                score += (parts - first) * _worth(total - goal, beyond + inside, parts - first)
                score = score / parts - MORE_CROSSINGS * (crossings - 2) - UNEVEN * abs(shift)
                score = np.rint(score * 1e5)
                if score > best:
                    best, best_cos, best_sin, best_c = score, cos, sin, c
    return best_cos, best_sin, best_c, best


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
def _halved(x: Floats, y: Floats, fixed: Flags, start: Ints, cos: float, sin: float, c: float):
    """Chords of a line in a polygon, and the polygon's pieces as (x, y, start); no piece when it goes wrong."""
    n = len(x)
    side = np.empty(n)
    for i in range(n):
        side[i] = x[i] * cos + y[i] * sin - c
    after = np.empty(3 * n + 4, np.int64)
    vx, vy = np.empty(3 * n + 4), np.empty(3 * n + 4)
    kept = np.zeros(3 * n + 4, np.bool_)
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
                if fixed[i]:
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
        after[cross_out[p]] = cross_in[q]
        after[cross_out[q]] = cross_in[p]
        chords.append((vx[cross_out[p]], vy[cross_out[p]], vx[cross_out[q]], vy[cross_out[q]]))
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


@njit(cache=True, nogil=True)
def cuts(
    x: Floats,
    y: Floats,
    fixed: Flags,
    ring: Ints,
    polygon: Ints,
    parts: Ints,
    grain: Floats,
    target: float,
    low: float,
    high: float,
) -> Floats:
    """Cuts that divide polygons into parts.

    Parameters
    ----------
    x, y
        Corners in metres, whole millimetres; rings not closed, shells counterclockwise, holes clockwise.
    fixed
        Whether a cut may end on the border that starts at the corner only at its ends.
    ring, polygon
        Start of each ring in the corners, and of each polygon in the rings, each with the end appended.
    parts
        How many parts each polygon is to have.
    low, high
        Band of the parts in m².

    Returns
    -------
    array (n, 4)
        Ends of the cuts. Each lies within half a millimetre of what it ends on.
    """
    out = [(0.0, 0.0, 0.0, 0.0) for _ in range(0)]
    for p in range(len(polygon) - 1):
        r0, r1 = polygon[p], polygon[p + 1]
        i0, i1 = ring[r0], ring[r1]
        ox, oy = x[i0], y[i0]
        stack = [(x[i0:i1] - ox, y[i0:i1] - oy, fixed[i0:i1], ring[r0 : r1 + 1] - i0)]
        wanted = [parts[p]]
        while len(stack):
            qx, qy, qk, start = stack.pop()
            n = wanted.pop()
            if n < 2:
                continue
            cos, sin, c, score = _best(qx, qy, start, n, low, high, ox, oy, grain[p])
            size = abs(_behind(qx, qy, start, np.inf)) / target
            score -= OFF_TARGET * 1e5 * (np.log(size / n) - TOO_MANY) ** 2
            base = n
            for other in (base - 1, base + 1):
                if other >= 2 and base <= MOST_RECOUNTED:
                    cos2, sin2, c2, score2 = _best(qx, qy, start, other, low, high, ox, oy, grain[p])
                    score2 -= OFF_TARGET * 1e5 * (np.log(size / other) - TOO_MANY) ** 2
                    if score2 > score + 1:
                        cos, sin, c, score, n = cos2, sin2, c2, score2, other
            if cos == 0.0 and sin == 0.0:
                continue
            pieces, chords = _halved(qx, qy, qk, start, cos, sin, c)
            if len(pieces) < 2:
                continue
            out.extend([(chord[0] + ox, chord[1] + oy, chord[2] + ox, chord[3] + oy) for chord in chords])
            whole = abs(_behind(qx, qy, start, np.inf))
            for piece in pieces:
                stack.append(piece)
                # what is left of a large block is judged by itself: its parts do not remember the block
                share = abs(_behind(piece[0], piece[1], piece[3], np.inf)) * (1 / target if n >= LARGE else n / whole)
                wanted.append(np.int64(np.rint(share)))
    found = np.empty((len(out), 4))
    for k in range(len(out)):
        found[k, 0], found[k, 1], found[k, 2], found[k, 3] = out[k]
    return found
