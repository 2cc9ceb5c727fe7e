"""What may own a place that is not known exactly: polygons and components near it."""

from __future__ import annotations

import numpy as np

from gis.compiled import lookup
from gis.decide import owner_of


@lookup
def zones(grouped, begins, ends, slot, instant, x, y, reach, found, whole):
    """Zones of a slot (see `gis.grouped.slots`) near a place, as `polygons` gives them."""
    frame, cells, starts, lists, member, asks, asked = (
        grouped[0], grouped[1], grouped[2], grouped[3], grouped[8], grouped[10], grouped[11]
    )  # fmt: skip
    n = np.int64(0)
    for t in range(asks[slot], asks[slot + 1]):
        g = asked[t]
        n = _near(
            frame[g, 0], frame[g, 1], frame[g, 5], frame[g, 3], frame[g, 4], cells, frame[g, 6], starts, frame[g, 7],
            lists, frame[g, 8], member, frame[g, 9], begins, ends, instant, x, y, reach, n, found, whole,
        )  # fmt: skip
        if n > len(found):
            return n
    _in_order(n, found, whole)
    return n


@lookup
def polygons(raster, begins, ends, instant, x, y, reach, found, whole):
    """Polygons of a layer near a place that are valid at the instant, in order of precedence.

    Writes their numbers, and 1 for those that cover the whole square of ``reach`` around the place; returns how many,
    more than there is room for when they do not fit.
    """
    frame, cells, starts, lists = raster[0], raster[1], raster[2], raster[3]
    zero = np.int64(0)
    n = _near(
        frame[0], frame[1], frame[5], frame[3], frame[4], cells, zero, starts, zero, lists, zero, starts, np.int64(-1),
        begins, ends, instant, x, y, reach, zero, found, whole,
    )  # fmt: skip
    if n <= len(found):
        _in_order(n, found, whole)
    return n


@lookup
def _near(
    x0, y0, power, columns, rows, cells, cell0, starts, start0, lists, list0, member, member0, begins, ends, instant, x,
    y, reach, n, found, whole,
):  # fmt: skip
    """Add the polygons of a raster to the ``n`` found before.

    Its parts begin at ``cell0`` and so on; ``member`` has the numbers of its polygons from ``member0`` on, unless that
    is -1 and they are its own.
    """
    own = n
    px, py = x - x0, y - y0
    c0, c1 = (px - reach) >> power, (px + reach) >> power
    r0, r1 = (py - reach) >> power, (py + reach) >> power
    total = (c1 - c0 + 1) * (r1 - r0 + 1)
    for r in range(max(np.int64(0), r0), min(rows - 1, r1) + 1):
        for c in range(max(np.int64(0), c0), min(columns - 1, c1) + 1):
            value = np.int64(cells[cell0 + r * columns + c])
            if value == -1:
                continue
            a, b = np.int64(0), np.int64(1)
            if value < 0:
                a, b = np.int64(starts[start0 - value - 2]), np.int64(starts[start0 - value - 1])
            for j in range(a, b):
                entry = 2 * value if value >= 0 else np.int64(lists[list0 + j, 0])
                p = entry >> 1
                if member0 >= 0:
                    p = np.int64(member[member0 + p])
                k = own
                while k < n and found[k] != p:
                    k += 1
                if k == n:
                    if not begins[p] <= instant < ends[p]:
                        continue
                    if n == len(found):
                        return n + 1
                    found[n], whole[n] = p, 0
                    n += 1
                whole[k] += 1 - (entry & 1)
    for k in range(own, n):
        whole[k] = 1 if whole[k] == total else 0
    return n


@lookup
def _in_order(n, found, whole):
    for a in range(1, n):
        p, w, b = found[a], whole[a], a
        while b > 0 and found[b - 1] > p:
            found[b], whole[b] = found[b - 1], whole[b - 1]
            b -= 1
        found[b], whole[b] = p, w


@lookup
def components(hash_, x, y, klass, reach, instant, epoch, stage, things, rules, stands, near, number, owner):
    """Components of a class near a place.

    Writes rows (x, y from the origin, squared distance), their numbers and their owners; returns how many, more than
    there is room for when they do not fit.
    """
    grid, starts, place, point = hash_
    _, begins, ends, kinds, _, _, departments = things
    n = np.int64(0)
    px, py, power, columns = x - grid[klass, 0], y - grid[klass, 1], grid[klass, 2], grid[klass, 3]
    c0, c1 = max(np.int64(0), (px - reach) >> power), min(columns - 1, (px + reach) >> power)
    if c0 > c1:
        return n
    for r in range(max(np.int64(0), (py - reach) >> power), min(grid[klass, 4] - 1, (py + reach) >> power) + 1):
        row = grid[klass, 5] + r * columns
        for a in range(starts[row + c0], starts[row + c1 + 1]):
            dx, dy = place[a, 0] - px, place[a, 1] - py
            d = dx * dx + dy * dy
            if d > reach * reach:
                continue
            q = np.int64(point[a])
            if begins[q] <= instant < ends[q]:
                if n == len(number):
                    return n + 1
                near[n, 0], near[n, 1], near[n, 2] = dx, dy, d
                number[n] = q
                owner[n] = owner_of(q, epoch, stage, kinds, departments, rules[1], rules[3], stands)
                n += 1
    return n
