"""Rings of faces in noded linework: half-edges round a node, rings traced along them, dead ends taken off.

Half-edge 2e goes from ``u[e]`` to ``v[e]``, half-edge 2e + 1 back.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def turns(x: Ints, y: Ints, u: Ints, v: Ints) -> Ints:
    """Half-edges sorted by the node they leave, then by direction, counterclockwise from west."""
    tail = np.column_stack([u, v]).ravel()
    head = np.column_stack([v, u]).ravel()
    angle = np.arctan2((y[head] - y[tail]).astype(float), (x[head] - x[tail]).astype(float))
    return np.lexsort((angle, tail))


@njit(cache=True, nogil=True)
def trace(order: Ints, u: Ints, v: Ints, alive: Flags) -> tuple[Ints, Ints, int]:
    """Next half-edge round the face on the left, and number of the ring, of each half-edge; -1 for dead edges.

    Rings are numbered in the order of their lowest half-edge.
    """
    m = 2 * len(u)
    follow = np.full(m, -1, np.int64)
    ring = np.full(m, -1, np.int64)
    start = 0
    live = order[alive[order // 2]]
    while start < len(live):
        h0 = live[start]
        node = u[h0 // 2] if h0 % 2 == 0 else v[h0 // 2]
        end = start
        while end < len(live):
            h = live[end]
            if (u[h // 2] if h % 2 == 0 else v[h // 2]) != node:
                break
            end += 1
        for k in range(start, end):
            # arriving by the twin of k, leave by the half-edge clockwise of k
            before = live[k - 1] if k > start else live[end - 1]
            follow[live[k] ^ 1] = before
        start = end
    count = 0
    for h in range(m):
        if follow[h] >= 0 and ring[h] < 0:
            g = h
            while ring[g] < 0:
                ring[g] = count
                g = follow[g]
            count += 1
    return follow, ring, count


@njit(cache=True, nogil=True)
def ring_areas(x: Ints, y: Ints, u: Ints, v: Ints, ring: Ints, count: int) -> Floats:
    """Signed area of each ring in m²; counterclockwise is positive, dead-end streets add nothing."""
    out = np.zeros(count)
    ox, oy = np.zeros(count, np.int64), np.zeros(count, np.int64)
    seen = np.zeros(count, np.bool_)
    for h in range(len(ring)):
        r = ring[h]
        if r < 0:
            continue
        a, b = (u[h // 2], v[h // 2]) if h % 2 == 0 else (v[h // 2], u[h // 2])
        if not seen[r]:
            ox[r], oy[r] = x[a], y[a]
            seen[r] = True
        px, py = float(x[a] - ox[r]), float(y[a] - oy[r])
        qx, qy = float(x[b] - ox[r]), float(y[b] - oy[r])
        out[r] += (px * qy - qx * py) * 0.5e-6
    return out


@njit(cache=True, nogil=True)
def prune(u: Ints, v: Ints, alive: Flags, nodes: int) -> Flags:
    """Edges without those that lead to a dead end."""
    alive = alive.copy()
    degree = np.zeros(nodes, np.int64)
    mix = np.zeros(nodes, np.int64)  # exclusive or of the living edges of a node: at degree 1 its only edge
    for e in range(len(u)):
        if alive[e]:
            degree[u[e]] += 1
            degree[v[e]] += 1
            mix[u[e]] ^= e
            mix[v[e]] ^= e
    for n in range(nodes):
        at = n
        while degree[at] == 1:
            e = mix[at]
            alive[e] = False
            degree[at] = 0
            at = v[e] if u[e] == at else u[e]
            degree[at] -= 1
            mix[at] ^= e
    return alive


@njit(cache=True, nogil=True)
def simple_rings(u: Ints, v: Ints, follow: Ints, ring: Ints, count: int, nodes: int) -> tuple[Ints, Ints, Ints]:
    """Rings taken apart where they touch themselves.

    Returns
    -------
    node, start, of
        Nodes of all simple rings one after the other (not closed), start of each ring with the end appended, and the
        traced ring that each comes from.
    """
    m = len(ring)
    out = np.empty(m, np.int64)
    starts: list = [np.int64(0) for _ in range(0)]
    of: list = [np.int64(0) for _ in range(0)]
    at = 0
    done = np.zeros(count, np.bool_)
    place = np.full(nodes, -1, np.int64)
    stack = np.empty(m + 1, np.int64)
    for h0 in range(m):
        r = ring[h0]
        if r < 0 or done[r]:
            continue
        done[r] = True
        size = 0
        h = h0
        while True:
            tail = u[h // 2] if h % 2 == 0 else v[h // 2]
            if place[tail] >= 0:
                low = place[tail]
                starts.append(at)
                of.append(r)
                for k in range(low, size):
                    out[at] = stack[k]
                    at += 1
                    place[stack[k]] = -1
                size = low
            place[tail] = size
            stack[size] = tail
            size += 1
            h = follow[h]
            if h == h0:
                break
        starts.append(at)
        of.append(r)
        for k in range(size):
            out[at] = stack[k]
            at += 1
            place[stack[k]] = -1
    starts.append(at)
    return out[:at], np.array(starts, np.int64), np.array(of, np.int64)


@njit(cache=True, nogil=True)
def ring_area(x: Ints, y: Ints, node: Ints, start: Ints) -> Floats:
    """Signed area in m² of rings given by their nodes."""
    out = np.zeros(len(start) - 1)
    for r in range(len(start) - 1):
        ox, oy = x[node[start[r]]], y[node[start[r]]]
        j = start[r + 1] - 1
        total = 0.0
        for i in range(start[r], start[r + 1]):
            px, py = float(x[node[j]] - ox), float(y[node[j]] - oy)
            qx, qy = float(x[node[i]] - ox), float(y[node[i]] - oy)
            total += px * qy - qx * py
            j = i
        out[r] = total * 0.5e-6
    return out


@njit(cache=True, nogil=True)
def ring_west(x: Ints, y: Ints, u: Ints, v: Ints, alive: Flags, nodes: Ints) -> Ints:
    """Half-edge that faces each node from the west, half a millimetre above it; -1 for none."""
    out = np.full(len(nodes), -1, np.int64)
    at = np.full(len(nodes), -np.inf)
    level = y[nodes] + 0.5
    order = np.argsort(level)
    ranked = level[order]
    for e in range(len(u)):
        if not alive[e]:
            continue
        a, b = (u[e], v[e]) if y[u[e]] < y[v[e]] else (v[e], u[e])
        if y[a] == y[b]:
            continue
        for k in range(np.searchsorted(ranked, float(y[a])), np.searchsorted(ranked, float(y[b]))):
            i = order[k]
            cross = x[a] + (level[i] - y[a]) / float(y[b] - y[a]) * float(x[b] - x[a])
            if cross < x[nodes[i]] and cross > at[i]:
                at[i] = cross
                # the east lies to the right of an edge that runs up
                out[i] = 2 * e + 1 if a == u[e] else 2 * e
    return out
