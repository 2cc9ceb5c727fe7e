"""Large blocks into compact parts: straight cuts of chosen direction and place, block by block.

Blocks of `LARGE` parts or more are cut along a lattice that is fixed in space, in the direction of their community's
border, with the side of a unit between its lines: halves first, then quarters, as a ruler is divided. So two blocks
and the one block that they become without the street between them are cut along the same lines, and what lies away
from the street stays as it was. What is smaller is cut where its parts become roundest.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from grids.compile.halves import Flags, Floats, Ints, area_behind, built_over, grain_of, halved, sides

DIRECTIONS = 12
BALANCE = (0.0, -0.06, 0.06, -0.12, 0.12, -0.18, 0.18, -0.24, 0.24, -0.3, 0.3)
"""Trial shares beside the even one: a rounder pair of parts is worth some difference in size."""

MORE_CROSSINGS, UNEVEN, OFF_TARGET = 0.1, 0.02, 3.0
"""What a cut loses, in compactness: for each border it crosses beyond two, for each unit of share that it is uneven,
and for the squared logarithm of mean part to target."""

TOO_MANY = 0.02
"""More and smaller parts are rounder and would win too often: the aim lies this share above the target."""

TURN, OWN_TURN, STEP = np.pi / 180, np.pi / 36, 0.25
"""Directions of lattices, directions of other cuts relative to them, and places of other cuts (in sides of a unit)
are whole multiples of these, in space: a small change beside them moves no cut."""

LARGE, ALWAYS, GIVEN_UP = 3, 7, 0.05
"""From ``LARGE`` parts on the lattice is taken where it loses at most so much compactness, from ``ALWAYS`` on in any
case."""

LEVELS = 5
"""Every 32nd line of the lattice is of the highest level."""

MOST_RECOUNTED = 6
"""Blocks up to so many parts may have one more or one less when the parts become rounder."""

BUILT, ASIDE_M, ASIDE_STEP_M = 0.5, 20.0, 2.0
"""What a cut loses for each side of a unit that it runs through buildings; how far it is moved to miss them."""


@njit(cache=True, nogil=True)
def _worth(area: float, around: float, parts: int) -> float:
    """Compactness to expect of the parts: 4πA/P² when it is one, with square-like inner cuts when it is more."""
    if parts > 1:
        around = (around + 2.0 * (parts - 1) * np.sqrt(area / parts)) / parts
        area = area / parts
    return 4 * np.pi * area / max(around, 1e-9) ** 2


@njit(cache=True, nogil=True)
def _score(px: Floats, py: Floats, start: Ints, c: float, goal: float, total: float, first: int, parts: int) -> float:
    """Mean compactness to expect when a line leaves so many parts behind it, less what crossings cost."""
    behind, beyond, inside, crossings = sides(px, py, start, c)
    score = first * _worth(goal, behind + inside, first)
    score += (parts - first) * _worth(total - goal, beyond + inside, parts - first)
    return score / parts - MORE_CROSSINGS * (crossings - 2)


@njit(cache=True, nogil=True)
def _turned(x: Floats, y: Floats, px: Floats, py: Floats, cos: float, sin: float) -> tuple[float, float]:
    """Fill in the corners along and across a direction; the least and greatest across."""
    least, most = np.inf, -np.inf
    for i in range(len(x)):
        px[i] = x[i] * cos + y[i] * sin
        py[i] = y[i] * cos - x[i] * sin
        least, most = min(least, px[i]), max(most, px[i])
    return least, most


@njit(cache=True, nogil=True)
def _aside(
    px: Floats, py: Floats, start: Ints, houses: Floats, cos: float, sin: float, c: float
) -> tuple[float, float]:
    """Place near c where a line runs least through buildings, the nearest one of equals, and the metres it does."""
    best, least = c, built_over(px, py, start, houses, cos, sin, c)
    k = 1
    while least > 0 and k * ASIDE_STEP_M <= ASIDE_M:
        for way in (-1, 1):
            d = c + way * k * ASIDE_STEP_M
            over = built_over(px, py, start, houses, cos, sin, d)
            if over < least - 0.5:
                best, least = d, over
        k += 1
    return best, least


@njit(cache=True, nogil=True)
def _lattice_cut(
    x: Floats, y: Floats, start: Ints, houses: Floats, parts: int, total: float,
    ox: float, oy: float, angle: float, step: float, low: float, high: float,
) -> tuple[float, float, float, float, bool]:  # fmt: skip
    """Normal, place and score of the line of highest level that leaves a part on both sides; whether on the lattice."""
    px, py = np.empty(len(x)), np.empty(len(x))
    found = (0.0, 0.0, 0.0, -np.inf, False)
    best = -np.inf
    for k in range(2):
        cos, sin = (np.cos(angle), np.sin(angle)) if k == 0 else (-np.sin(angle), np.cos(angle))
        off = ox * cos + oy * sin
        least, most = _turned(x, y, px, py, cos, sin)
        for index in range(int(np.ceil((least + off) / step)), int(np.floor((most + off) / step)) + 1):
            c = index * step - off
            over = 0.0
            if len(houses):
                c, over = _aside(px, py, start, houses, cos, sin, c)
            goal = area_behind(px, py, start, c)
            many = goal / total * parts
            first = max(int(np.rint(many)), 1)
            if many < 1 or parts - many < 1 or first >= parts:
                continue
            if len(houses) and (min(goal, total - goal) < 1.02 * low):
                continue
            score = np.rint((_score(px, py, start, c, goal, total, first, parts) - BUILT * over / step) * 1e5)
            level, m = 0, index
            while level < LEVELS and m % 2 == 0:
                m //= 2
                level += 1
            if score + level * 1e5 > best:
                best = score + level * 1e5
                found = (cos, sin, c, score, c == index * step - off)
    return found


@njit(cache=True, nogil=True)
def _best(
    x: Floats, y: Floats, start: Ints, houses: Floats, parts: int, low: float, high: float,
    ox: float, oy: float, angle: float, step: float,
) -> tuple[float, float, float, float, bool]:  # fmt: skip
    """Normal, place and score of the best trial cut, and whether it lies on the lattice; a normal of 0, 0 when none."""
    total = abs(area_behind(x, y, start, np.inf))
    best_cos, best_sin, best_c, best, even = 0.0, 0.0, 0.0, -np.inf, False
    given = -np.inf
    if parts >= LARGE:
        best_cos, best_sin, best_c, given, even = _lattice_cut(
            x, y, start, houses, parts, total, ox, oy, angle, step, low, high
        )
        if given > -np.inf and parts >= ALWAYS:
            return best_cos, best_sin, best_c, given, even
        best = given + GIVEN_UP * 1e5
    px, py = np.empty(len(x)), np.empty(len(x))
    grain = angle + np.rint((grain_of(x, y, start) - angle) / OWN_TURN) * OWN_TURN
    for k in range(DIRECTIONS):
        # right angles to the grain first: they win ties
        turn = grain + (k % 2) * np.pi / 2 + (k // 2) * np.pi / DIRECTIONS
        cos, sin = np.cos(turn), np.sin(turn)
        off = ox * cos + oy * sin
        least, most = _turned(x, y, px, py, cos, sin)
        for half in range(2):
            first = parts // 2 if half == 0 else parts - parts // 2
            if half == 1 and parts % 2 == 0:
                break
            for shift in BALANCE:
                goal = total * (first / parts + shift * 2 / parts)
                if min(goal / first, (total - goal) / (parts - first)) < 1.04 * low:
                    continue
                if max(goal / first, (total - goal) / (parts - first)) > 0.96 * high:
                    continue
                a, b = least, most
                for _ in range(22):
                    c = (a + b) / 2
                    if area_behind(px, py, start, c) < goal:
                        a = c
                    else:
                        b = c
                c = np.rint(((a + b) / 2 + off) / (STEP * step)) * STEP * step - off
                over = 0.0
                if len(houses):
                    c, over = _aside(px, py, start, houses, cos, sin, c)
                goal = area_behind(px, py, start, c)
                if min(goal / first, (total - goal) / (parts - first)) < 1.02 * low:
                    continue
                if max(goal / first, (total - goal) / (parts - first)) > 0.98 * high:
                    continue
                score = _score(px, py, start, c, goal, total, first, parts) - UNEVEN * abs(shift)
                score = np.rint((score - BUILT * over / step) * 1e5)
                if score > best:
                    best, best_cos, best_sin, best_c, given, even = score, cos, sin, c, score, False
    return best_cos, best_sin, best_c, given, even


@njit(cache=True, nogil=True)
def cuts(
    x: Floats, y: Floats, fixed: Flags, ring: Ints, polygon: Ints, parts: Ints, angle: Floats,
    houses: Floats, block: Ints, target: float, low: float, high: float,
) -> Floats:  # fmt: skip
    """Cuts that divide polygons into parts.

    Parameters
    ----------
    x, y
        Corners in metres, whole millimetres; rings not closed, shells counterclockwise, holes clockwise.
    fixed
        Whether a cut may end on the border that starts at the corner only at its ends.
    ring, polygon
        Start of each ring in the corners, and of each polygon in the rings, each with the end appended.
    parts, target
        How many parts each polygon is to have, and their wished area in m²; its root is the step of the lattice.
    angle
        Direction of the lattice for each polygon.
    houses, block
        Edges (n, 4) of buildings, counterclockwise, and the start of each polygon's in them, with the end appended.
    low, high
        Band of the parts in m².

    Returns
    -------
    array (n, 4)
        Ends of the cuts. Each lies within half a millimetre of what it ends on.
    """
    out = [(0.0, 0.0, 0.0, 0.0) for _ in range(0)]
    step = np.sqrt(target)
    for p in range(len(polygon) - 1):
        r0, r1 = polygon[p], polygon[p + 1]
        i0, i1 = ring[r0], ring[r1]
        ox, oy = x[i0], y[i0]
        built = houses[block[p] : block[p + 1]].copy()
        for k in range(len(built)):
            built[k, 0] -= ox
            built[k, 1] -= oy
            built[k, 2] -= ox
            built[k, 3] -= oy
        stack = [(x[i0:i1] - ox, y[i0:i1] - oy, fixed[i0:i1], ring[r0 : r1 + 1] - i0)]
        wanted = [parts[p]]
        while len(stack):
            qx, qy, qk, start = stack.pop()
            n = wanted.pop()
            if n < 2:
                continue
            cos, sin, c, score, even = _best(qx, qy, start, built, n, low, high, ox, oy, angle[p], step)
            size = abs(area_behind(qx, qy, start, np.inf)) / target
            score -= OFF_TARGET * 1e5 * (np.log(size / n) - TOO_MANY) ** 2
            base = n
            for other in (base - 1, base + 1):
                if other >= 2 and base <= MOST_RECOUNTED:
                    cos2, sin2, c2, score2, even2 = _best(
                        qx, qy, start, built, other, low, high, ox, oy, angle[p], step
                    )
                    score2 -= OFF_TARGET * 1e5 * (np.log(size / other) - TOO_MANY) ** 2
                    if score2 > score + 1:
                        cos, sin, c, score, even, n = cos2, sin2, c2, score2, even2, other
            if cos == 0.0 and sin == 0.0:
                continue
            pieces, chords = halved(qx, qy, qk, start, cos, sin, c, ox, oy, step if even else 0.0)
            if len(pieces) < 2:
                continue
            out.extend([(chord[0] + ox, chord[1] + oy, chord[2] + ox, chord[3] + oy) for chord in chords])
            whole = abs(area_behind(qx, qy, start, np.inf))
            for piece in pieces:
                stack.append(piece)
                # what is left of a large block is judged by itself: its parts do not remember the block
                share = abs(area_behind(piece[0], piece[1], piece[3], np.inf))
                wanted.append(np.int64(np.rint(share * (1 / target if n >= ALWAYS else n / whole))))
    found = np.empty((len(out), 4))
    for k in range(len(out)):
        found[k, 0], found[k, 1], found[k, 2], found[k, 3] = out[k]
    return found
