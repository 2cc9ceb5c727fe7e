"""What may own a place that is not known exactly: polygons and components near it."""

from __future__ import annotations

import numpy as np

from gis.compiled import kernel
from gis.decide import owner_of
from gis.grouped import raster_of


@kernel(plain=False)
def zones(grouped, begins, ends, slot, instant, x, y, reach, found, whole):
    """Zones of a slot (see `gis.grouped.slots`) near a place, as `polygons` gives them."""
    asks, asked = grouped[10], grouped[11]
    n = 0
    for t in range(asks[slot], asks[slot + 1]):
        g = asked[t]
        a, b = grouped[0][g, 9], grouped[0][g + 1, 9]
        n = _near(raster_of(grouped, g), grouped[8][a:b], begins, ends, instant, x, y, reach, n, found, whole)
        if n > len(found):
            break
    return _in_order(n, found, whole)


@kernel(plain=False)
def polygons(raster, begins, ends, instant, x, y, reach, found, whole):
    """Polygons of a layer near a place that are valid at the instant, in order of precedence.

    Writes their numbers, and 1 for those that cover the whole square of ``reach`` around the place; returns how many,
    more than there is room for when they do not fit.
    """
    n = _near(raster, np.empty(0, np.int32), begins, ends, instant, x, y, reach, 0, found, whole)
    return _in_order(n, found, whole)


@kernel(plain=False)
def _near(raster, member, begins, ends, instant, x, y, reach, n, found, whole):
    """Add the polygons of a raster to the ``n`` found before; ``member`` has their numbers, unless they are its own."""
    frame, cells, starts, lists = raster[0], raster[1], raster[2], raster[3]
    own = n
    px, py = x - frame[0], y - frame[1]
    c0, c1 = (px - reach) >> frame[5], (px + reach) >> frame[5]
    r0, r1 = (py - reach) >> frame[5], (py + reach) >> frame[5]
    total = (c1 - c0 + 1) * (r1 - r0 + 1)
    for r in range(max(0, r0), min(frame[4] - 1, r1) + 1):
        for c in range(max(0, c0), min(frame[3] - 1, c1) + 1):
            value = np.int64(cells[r * frame[3] + c])
            if value == -1:
                continue
            a, b = (np.int64(0), np.int64(1))
            if value < 0:
                a, b = np.int64(starts[-value - 2]), np.int64(starts[-value - 1])
            for j in range(a, b):
                entry = np.int64(2 * value if value >= 0 else lists[j, 0])
                p = np.int64(member[entry >> 1]) if len(member) else entry >> 1
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
        whole[k] = whole[k] == total
    return n


@kernel(plain=False)
def _in_order(n, found, whole):
    if n <= len(found):
        for a in range(1, n):
            p, w, b = found[a], whole[a], a
            while b > 0 and found[b - 1] > p:
                found[b], whole[b] = found[b - 1], whole[b - 1]
                b -= 1
            found[b], whole[b] = p, w
    return n


@kernel(plain=False)
def components(hash_, x, y, klass, reach, instant, epoch, stage, things, rules, stands, near, number, owner):
    """Components of a class near a place.

    Writes rows (x, y from the origin, squared distance), their numbers and their owners; returns how many, more than
    there is room for when they do not fit.
    """
    grid, starts, place, point = hash_
    _, begins, ends, kinds, _, _, departments = things
    n = 0
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
