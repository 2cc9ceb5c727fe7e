"""Rays from a place: where they cross the borders of polygons, and where another component becomes the nearest."""

from __future__ import annotations

import math

import numpy as np

from gis.compiled import kernel


@kernel(plain=False)
def crossings(raster, p, mark, x, y, reach, aim, rays, events, n):
    """Where the rays cross the border of polygon ``p``: whether the origin is inside, the events and their count.

    An event is (distance, mark, next event on its ray). The origin is shifted by a part of a millimetre, so that no
    corner and no edge lies on it.
    """
    frame, first_row, slab_of, slabs, edges = raster[0], raster[4], raster[5], raster[6], raster[7]
    px, py = x - frame[0], y - frame[1]
    count, two_pi = len(rays), 2.0 * np.pi
    base, rows = slab_of[p] - first_row[p], slab_of[p + 1] - slab_of[p]
    here = py >> frame[5]
    inside = False
    r0, r1 = max((py - reach) >> frame[5], first_row[p]), min((py + reach) >> frame[5], first_row[p] + rows - 1)
    far = float(reach)
    for r in range(r0, r1 + 1):
        for e in range(slabs[base + r], slabs[base + r + 1]):
            x0, y0 = edges[e, 0] - px - 0.37, edges[e, 1] - py - 0.41
            x1, y1 = edges[e, 2] - px - 0.37, edges[e, 3] - py - 0.41
            turn = x0 * y1 - x1 * y0
            if r == here and (y0 > 0) != (y1 > 0) and (turn > 0) == (y1 > y0):
                inside = not inside
            if max(x0, x1) < -far or min(x0, x1) > far or max(y0, y1) < -far or min(y0, y1) > far:
                continue
            # an edge stands in every row that it touches: it counts in the lowest of ours
            if max(min(edges[e, 1], edges[e, 3]) >> frame[5], r0) != r or turn == 0.0:
                continue
            dx, dy = x1 - x0, y1 - y0
            if turn * turn > far * far * (dx * dx + dy * dy):  # its line passes farther than the reach
                continue
            low, high = math.atan2(y0, x0), math.atan2(y1, x1)
            if turn < 0:
                low, high = high, low
            if high < low:
                high += two_pi
            for step in range(math.ceil(low * count / two_pi - 0.5), math.ceil(high * count / two_pi - 0.5)):
                k = step + count if step < 0 else step - count if step >= count else step
                below = aim[k, 0] * dy - aim[k, 1] * dx
                t = turn / below if below != 0.0 else np.inf
                if t < far:
                    events, n = add(events, n, t, mark, rays, k)
    return inside, events, n


@kernel(plain=False)
def add(events, n, t, mark, rays, k):
    """Put one more event on ray k."""
    if n == len(events):
        events = np.concatenate((events, np.empty_like(events)))
    events[n, 0], events[n, 1], events[n, 2] = max(t, 0.0), mark, rays[k]
    rays[k] = n
    return events, n + 1


@kernel(plain=False)
def nearest(near, m, sets, radius, reach, mark, aim, rays, events, n):
    """Where along the rays another component is the one within reach, or none is any more.

    ``near`` has a row (x, y from the origin, squared distance) for each of ``m`` components; ``sets`` says which
    belong together (same owner), -1 for those that count as none. Along a ray the squared distance to a component
    is t² plus a line in t, so the nearest are the lower envelope of lines, which is walked from the origin on.
    Returns the one at the origin (its set or -1), the events and their count; the mark of an event is ``mark`` plus
    the set that begins there, plus one.
    """
    first = 0
    for a in range(1, m):
        if near[a, 2] < near[first, 2]:
            first = a
    limit, far = radius * radius, float(reach)
    here = sets[first] if near[first, 2] <= limit else np.int64(-1)
    for k in range(len(rays)):
        ux, uy = aim[k, 0], aim[k, 1]
        at, t = first, 0.0
        now = here
        while t < far:
            along = near[at, 0] * ux + near[at, 1] * uy
            until, then = far, -1
            for a in range(m):
                slope = near[a, 0] * ux + near[a, 1] * uy - along
                if slope > 0.0:
                    cut = (near[a, 2] - near[at, 2]) / (2.0 * slope)
                    if cut < until:
                        until, then = cut, a
            half = limit - near[at, 2] + along * along
            set_ = sets[at]
            if half > 0.0 and set_ >= 0:
                half = math.sqrt(half)
                enter, leave = max(along - half, t), min(along + half, until)
                if enter < leave:
                    if enter > t and now != -1:
                        events, n = add(events, n, t, mark, rays, k)
                        now = np.int64(-1)
                    if now != set_:
                        events, n = add(events, n, enter, mark + 1 + set_, rays, k)
                        now = set_
                    if leave < until:
                        events, n = add(events, n, leave, mark, rays, k)
                        now = np.int64(-1)
                elif now != -1:
                    events, n = add(events, n, t, mark, rays, k)
                    now = np.int64(-1)
            elif now != -1:
                events, n = add(events, n, t, mark, rays, k)
                now = np.int64(-1)
            if then < 0:
                break
            at, t = then, max(until, t)
    return here, events, n
