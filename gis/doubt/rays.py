"""Rays from a place: where they cross the borders of polygons, and where another component becomes the nearest.

An event is (distance, mark, next event on its ray); an event for which there is no room is only counted.
"""

from __future__ import annotations

import math

import numpy as np

from gis.compiled import lookup

TWO_PI = 2.0 * math.pi


@lookup
def crossings(
    x0, y0, power, first, low, high, slabs, slab0, edges, edge0, mark, x, y, reach, aim, rays, events, n,
):  # fmt: skip
    """Where the rays cross the border of a polygon: whether the origin is inside, and the count of events.

    ``x0``, ``y0``, ``power`` are of its raster's frame, ``first`` its first row; its rows are ``slabs[low:high]``
    from ``slab0`` on, and point to ``edges`` from ``edge0`` on. The origin is shifted by a part of a millimetre, so
    that no corner and no edge lies on it.
    """
    px, py, far = x - x0, y - y0, float(reach)
    ox, oy, count = px + 0.37, py + 0.41, len(rays)
    here, inside = py >> power, False
    r0, r1 = max((py - reach) >> power, np.int64(first)), min((py + reach) >> power, first + high - low - 1)
    for r in range(r0, r1 + 1):
        at = slab0 + low + r - first
        for e in range(edge0 + slabs[at], edge0 + slabs[at + 1]):
            ay, by = edges[e, 1] - oy, edges[e, 3] - oy
            if (ay < -far and by < -far) or (ay > far and by > far):
                continue
            ax, bx = edges[e, 0] - ox, edges[e, 2] - ox
            turn = ax * by - bx * ay
            if r == here and (ay > 0) != (by > 0) and (turn > 0) == (by > ay):
                inside = not inside
            if (ax < -far and bx < -far) or (ax > far and bx > far):
                continue
            # an edge stands in every row that it touches: it counts in the lowest of ours
            if max(min(edges[e, 1], edges[e, 3]) >> power, r0) != r or turn == 0.0:
                continue
            dx, dy = bx - ax, by - ay
            if turn * turn > far * far * (dx * dx + dy * dy):  # its line passes farther than the reach
                continue
            begin, end = math.atan2(ay, ax), math.atan2(by, bx)
            if turn < 0:
                begin, end = end, begin
            if end < begin:
                end += TWO_PI
            for step in range(math.ceil(begin * count / TWO_PI - 0.5), math.ceil(end * count / TWO_PI - 0.5)):
                k = step + count if step < 0 else step - count if step >= count else step
                below = aim[k, 0] * dy - aim[k, 1] * dx
                t = turn / below if below != 0.0 else far
                if t < far:
                    n = add(events, n, t, mark, rays, k)
    return inside, n


@lookup
def add(events, n, t, mark, rays, k):
    """Put one more event on ray k."""
    if n < len(events):
        events[n, 0], events[n, 1], events[n, 2] = max(t, 0.0), mark, rays[k]
        rays[k] = n
    return n + 1


@lookup
def nearest(near, m, sets, radius, reach, mark, aim, rays, events, n):
    """Where along the rays another component is the one within reach, or none is any more.

    ``near`` has a row (x, y from the origin, squared distance) for each of ``m`` components; ``sets`` says which
    belong together (same owner), -1 for those that count as none. Along a ray the squared distance to a component
    is t² plus a line in t, so the nearest are the lower envelope of lines, which is walked from the origin on.
    Returns the one at the origin (its set or -1) and the count of events; the mark of an event is ``mark`` plus the set
    that begins there, plus one.
    """
    first = 0
    for a in range(1, m):
        if near[a, 2] < near[first, 2]:
            first = a
    limit, far = radius * radius, float(reach)
    here = np.int64(sets[first]) if near[first, 2] <= limit else np.int64(-1)
    for k in range(len(rays)):
        ux, uy = aim[k, 0], aim[k, 1]
        at, t = first, 0.0
        now = here
        while t < far:
            along = near[at, 0] * ux + near[at, 1] * uy
            until, then = far, -1
            for a in range(m):
                slope = near[a, 0] * ux + near[a, 1] * uy - along
                if slope > 0.0 and near[a, 2] - near[at, 2] < 2.0 * slope * until:
                    until, then = (near[a, 2] - near[at, 2]) / (2.0 * slope), a
            half = limit - near[at, 2] + along * along
            set_, enter, leave = np.int64(sets[at]), far, far
            if half > 0.0 and set_ >= 0:
                half = math.sqrt(half)
                enter, leave = max(along - half, t), min(along + half, until)
            if enter < leave:
                if enter > t and now != -1:
                    n, now = add(events, n, t, mark, rays, k), np.int64(-1)
                if now != set_:
                    n, now = add(events, n, enter, mark + 1 + set_, rays, k), set_
                if leave < until:
                    n, now = add(events, n, leave, mark, rays, k), np.int64(-1)
            elif now != -1:
                n, now = add(events, n, t, mark, rays, k), np.int64(-1)
            if then < 0:
                break
            at, t = then, max(until, t)
    return here, n
