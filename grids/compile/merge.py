"""Crumbs join the neighbour that suits best: a queue by size over the borders that faces share."""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


BORDER, ROUND, HIDDEN = 1.5, 1.5, 3.5
"""Weights of a join: share of the crumb's border that it takes away, compactness of the result, barriers it hides."""

NEAR_M = 6.5
"""A crumb of this width (2A/P) hides nothing: the barrier on its other side stays near. From twice it, all counts."""


@njit(cache=True, nogil=True)
def joined(
    area: Floats,
    around: Floats,
    a: Ints,
    b: Ints,
    shared: Floats,
    cost: Floats,
    settled: Flags,
    low: float,
    high: float,
    narrow: float,
) -> Ints:
    """Group number of each face after crumbs have joined their neighbours.

    Parameters
    ----------
    area, around
        m² and metres of border of each face.
    a, b, shared, cost
        Pairs of faces that may join, metres of border between them, and the weight of the barriers on it in metres.
    settled
        Faces that are no crumbs, whatever their size.
    low, high, narrow
        A crumb is below ``low`` m² or narrower (2A/P) than ``narrow`` metres; a join above ``high`` m² of two that
        are both below is avoided.

    Returns
    -------
    int array
        Lowest face of the group. The smallest crumb goes first; ties go to the lower face.
    """
    n, m = len(area), len(a)
    area, around, shared, cost = area.copy(), around.copy(), shared.copy(), cost.copy()
    owner = np.empty(2 * m, np.int64)
    chain = np.full(2 * m, -1, np.int64)
    head = np.full(n, -1, np.int64)
    for k in range(m - 1, -1, -1):
        for side in range(2):
            e = 2 * k + side
            owner[e] = a[k] if side == 0 else b[k]
            chain[e] = head[owner[e]]
            head[owner[e]] = e
    dead = np.zeros(m, np.bool_)
    group = np.arange(n)
    mark = np.full(n, -1, np.int64)
    heap = [
        (area[i], np.int64(i))
        for i in range(n)
        if not settled[i] and (area[i] < low or 2 * area[i] < narrow * around[i])
    ]
    heapq.heapify(heap)
    while len(heap):
        size, crumb = heapq.heappop(heap)
        if group[crumb] != crumb or size != area[crumb]:
            continue
        # a unit that is thin but large enough joins only where that leaves the band whole
        thin = area[crumb] >= low
        best, best_score = np.int64(-1), -np.inf
        e = head[crumb]
        while e >= 0:
            k = e // 2
            other = owner[e ^ 1]
            if not dead[k] and other != crumb:
                size2 = area[crumb] + area[other]
                rim = max(around[crumb] + around[other] - 2 * shared[k], 1e-6)
                score = BORDER * shared[k] / around[crumb] + ROUND * min(4 * np.pi * size2 / rim**2, 1.0)
                wide = 2 * min(area[crumb] / around[crumb], area[other] / around[other])
                score -= HIDDEN * cost[k] / around[crumb] * min(max((wide - NEAR_M) / NEAR_M, 0.0), 1.0)
                if size2 > high and area[other] <= high:
                    score -= 1.0 + 2.0 * (size2 / high - 1.0)
                score = np.rint(score * 1e6)
                if score > best_score or (score == best_score and other < best):
                    best, best_score = other, score
            e = chain[e]
        if best < 0 or (thin and area[best] + area[crumb] > high and area[best] <= high):
            continue
        # the crumb's borders become those of the neighbour
        e = head[best]
        while e >= 0:
            if not dead[e // 2]:
                mark[owner[e ^ 1]] = e // 2
            e = chain[e]
        area[best] += area[crumb]
        around[best] += around[crumb] - 2 * shared[mark[crumb]]
        dead[mark[crumb]] = True
        group[crumb] = best
        e = head[crumb]
        while e >= 0:
            step, k = chain[e], e // 2
            other = owner[e ^ 1]
            if not dead[k]:
                if mark[other] >= 0:
                    shared[mark[other]] += shared[k]
                    cost[mark[other]] += cost[k]
                    dead[k] = True
                else:
                    owner[e] = best
                    chain[e] = head[best]
                    head[best] = e
            e = step
        e = head[best]
        while e >= 0:
            mark[owner[e ^ 1]] = -1
            e = chain[e]
        mark[crumb] = -1
        if area[best] < low or 2 * area[best] < narrow * around[best]:
            heapq.heappush(heap, (area[best], best))
    low_face = np.arange(n)
    for i in range(n):
        g = group[i]
        while group[g] != g:
            g = group[g]
        group[i] = g
        low_face[g] = min(low_face[g], i)
    for i in range(n):
        group[i] = low_face[group[i]]
    return group
