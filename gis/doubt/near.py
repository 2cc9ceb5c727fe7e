"""What may own a place that is not known exactly: polygons and components near it."""

from __future__ import annotations

import numpy as np

from gis.compiled import kernel
from gis.decide import owner_of
from gis.grouped import raster_of
from gis.nearest import within


@kernel
def zones(grouped, begins, ends, klass, instant, x, y, reach, scratch):
    """Zones near a place that take the class at the instant, in order of precedence, as `polygons` gives them."""
    asks, asked = grouped[10], grouped[11]
    n = 0
    for t in range(asks[klass], asks[klass + 1]):
        g = asked[t]
        a, b = grouped[0][g, 9], grouped[0][g + 1, 9]
        n, scratch = _near(raster_of(grouped, g), grouped[8][a:b], begins, ends, instant, x, y, reach, n, scratch)
    return _in_order(n, scratch)


@kernel
def polygons(raster, begins, ends, instant, x, y, reach, scratch):
    """Polygons of a layer near a place that are valid at the instant, in order of precedence.

    Returns how many, their numbers and whether each covers the whole square of ``reach`` around the place.
    """
    n, scratch = _near(raster, np.empty(0, np.int32), begins, ends, instant, x, y, reach, 0, scratch)
    return _in_order(n, scratch)


@kernel
def _near(raster, member, begins, ends, instant, x, y, reach, n, scratch):
    """Add the polygons of a raster to the ``n`` found before; ``member`` has their numbers, unless they are its own."""
    frame, cells, starts, lists = raster[0], raster[1], raster[2], raster[3]
    found, whole = scratch
    own = n
    px, py = x - frame[0], y - frame[1]
    c0, c1 = (px - reach) // frame[2], (px + reach) // frame[2]
    r0, r1 = (py - reach) // frame[2], (py + reach) // frame[2]
    total = (c1 - c0 + 1) * (r1 - r0 + 1)
    for r in range(max(0, r0), min(frame[4] - 1, r1) + 1):
        for c in range(max(0, c0), min(frame[3] - 1, c1) + 1):
            value = cells[r * frame[3] + c]
            if value == -1:
                continue
            a, b = (0, 1) if value >= 0 else (starts[-value - 2], starts[-value - 1])
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
                        found = np.append(found, np.empty_like(found))
                        whole = np.append(whole, np.empty_like(whole))
                    found[n], whole[n] = p, 0
                    n += 1
                whole[k] += 1 - (entry & 1)
    for k in range(own, n):
        whole[k] = whole[k] == total
    return n, (found, whole)


@kernel
def _in_order(n, scratch):
    found, whole = scratch
    order = np.argsort(found[:n])
    found[:n], whole[:n] = found[:n][order], whole[:n][order]
    return n, scratch


@kernel
def components(hash_, x, y, wanted, reach, instant, begins, ends, klass, department, duty, of_class, epoch, place_of):
    """Components near a place: their numbers, and rows (x, y from the origin, owner)."""
    found = within(hash_, x, y, wanted, reach)
    place = np.empty((len(found), 3))
    number = np.empty(len(found), np.int64)
    n = 0
    for j in range(len(found)):
        q = found[j, 0]
        if not begins[q] <= instant < ends[q]:
            continue
        owner = owner_of(q, epoch, klass, department, duty, of_class)
        place[n, 0], place[n, 1], place[n, 2] = place_of[q, 0] - x, place_of[q, 1] - y, owner
        number[n] = q
        n += 1
    return number[:n], place[:n]
