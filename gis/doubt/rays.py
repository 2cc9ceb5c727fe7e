"""Rays from a place: where they cross the borders of polygons, and the reach of components."""

from __future__ import annotations

import math

import numpy as np

from gis.compiled import kernel


@kernel
def crossings(raster, p, mark, x, y, reach, aim, rays, events, n):
    """Where the rays cross the border of polygon ``p``: whether the origin is inside, the events and their count.

    An event is (distance, mark, next event on its ray). The origin is shifted by a part of a millimetre, so that no
    corner and no edge lies on it.
    """
    frame, first_row, slab_of, slabs, edges = raster[0], raster[4], raster[5], raster[6], raster[7]
    px, py = x - frame[0], y - frame[1]
    count, two_pi = len(rays), 2.0 * np.pi
    base, rows = slab_of[p] - first_row[p], slab_of[p + 1] - slab_of[p]
    here = py // frame[2]
    inside = False
    r0, r1 = max((py - reach) // frame[2], first_row[p]), min((py + reach) // frame[2], first_row[p] + rows - 1)
    for r in range(r0, r1 + 1):
        for e in range(slabs[base + r], slabs[base + r + 1]):
            x0, y0 = edges[e, 0] - px - 0.37, edges[e, 1] - py - 0.41
            x1, y1 = edges[e, 2] - px - 0.37, edges[e, 3] - py - 0.41
            turn = x0 * y1 - x1 * y0
            if r == here and (y0 > 0) != (y1 > 0) and (turn > 0) == (y1 > y0):
                inside = not inside
            # an edge stands in every row that it touches: it counts in the lowest of ours
            if max(min(edges[e, 1], edges[e, 3]) // frame[2], r0) != r or turn == 0.0:
                continue
            if max(x0, x1) < -reach or min(x0, x1) > reach or max(y0, y1) < -reach or min(y0, y1) > reach:
                continue
            low, high = math.atan2(y0, x0), math.atan2(y1, x1)
            if turn < 0:
                low, high = high, low
            if high < low:
                high += two_pi
            for step in range(math.ceil(low * count / two_pi - 0.5), math.ceil(high * count / two_pi - 0.5)):
                k = step % count
                below = aim[k, 0] * (y1 - y0) - aim[k, 1] * (x1 - x0)
                t = turn / below if below != 0.0 else np.inf
                if t < reach:
                    events, n = _add(events, n, t, mark, rays, k)
    return inside, events, n


@kernel
def _add(events, n, t, mark, rays, k):
    if n == len(events):
        events = np.concatenate((events, np.empty_like(events)))
    events[n, 0], events[n, 1], events[n, 2] = max(t, 0.0), mark, rays[k]
    rays[k] = n
    return events, n + 1


@kernel
def circles(near, radius, reach, mark, aim, rays, events, n):
    """Where the rays enter and leave the reach of components, and pass from one owner's nearest to another's.

    ``near`` has a row (x, y from the origin, owner) for each component. Returns events, their count, and whether the
    origin is within reach of each.
    """
    m = len(near)
    inside = np.empty(m, np.bool_)
    enter, leave = np.empty(m), np.empty(m)
    for a in range(m):
        inside[a] = near[a, 0] ** 2 + near[a, 1] ** 2 <= radius * radius
    for k in range(len(rays)):
        for a in range(m):
            along = near[a, 0] * aim[k, 0] + near[a, 1] * aim[k, 1]
            half = radius * radius - (near[a, 0] * aim[k, 1] - near[a, 1] * aim[k, 0]) ** 2
            enter[a], leave[a] = np.inf, -np.inf
            if half <= 0:
                continue
            half = math.sqrt(half)
            if along + half <= 0:
                continue
            enter[a], leave[a] = max(along - half, 0.0), along + half
            if not inside[a] and along - half < reach:
                events, n = _add(events, n, along - half, mark + a, rays, k)
            if leave[a] < reach:
                events, n = _add(events, n, leave[a], mark + a, rays, k)
        for a in range(m):
            for b in range(a):
                if near[a, 2] == near[b, 2] or enter[a] > leave[b] or enter[b] > leave[a]:
                    continue
                # equally far: |a|² - |b|² = 2 t (a - b)·u
                slope = 2 * ((near[a, 0] - near[b, 0]) * aim[k, 0] + (near[a, 1] - near[b, 1]) * aim[k, 1])
                apart = near[a, 0] ** 2 + near[a, 1] ** 2 - near[b, 0] ** 2 - near[b, 1] ** 2
                t = apart / slope if slope != 0.0 else np.inf
                if max(enter[a], enter[b]) < t < min(leave[a], leave[b], reach):
                    events, n = _add(events, n, t, -1.0, rays, k)
    return events, n, inside
