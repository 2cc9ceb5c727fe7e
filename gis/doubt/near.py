"""What may own a place that is not known exactly: polygons and components near it."""

from __future__ import annotations

import numpy as np
from numba import njit

from gis.decide import owner_of
from gis.nearest import within


@njit(cache=True, nogil=True)
def polygons(raster, layer, begins, ends, filters, takes, klass, instant, x, y, reach, scratch):
    """Polygons of a layer near a place that take the class at the instant, in order of precedence.

    Returns their numbers and whether each covers the whole square of ``reach`` around the place.
    """
    frame, cells, starts, lists = raster[0], raster[1], raster[2], raster[3]
    found, whole = scratch
    n = 0
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
                entry = 2 * value if value >= 0 else lists[j, 0]
                p = entry >> 1
                k = 0
                while k < n and found[k] != p:
                    k += 1
                if k == n:
                    if not begins[p] <= instant < ends[p]:
                        continue
                    if layer == 0 and not takes[filters[p], klass]:
                        continue
                    if n == len(found):
                        found = np.append(found, np.empty_like(found))
                        whole = np.append(whole, np.empty_like(whole))
                    found[n], whole[n] = p, 0
                    n += 1
                whole[k] += 1 - (entry & 1)
    order = np.argsort(found[:n])
    found[:n], whole[:n] = found[:n][order], (whole[:n] == total)[order]
    return n, (found, whole)


@njit(cache=True, nogil=True)
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
