"""Streets carried on where they end: to what they stop just short of, and across large blocks.

A surveyor who divides a large block looks first where a street points into it. Such lines come from the streets
beside the block alone; where a street of the block is closed, the line from one of its ends to the other mostly
takes its place, and the units around keep their shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from grids.compile.linework import CUT, Floats, Graph, Ints, Lines
from grids.compile.marks import nearest
from grids.compile.reach import first_hit

Flags = NDArray[np.bool_]

NEAR_M = 10.0
"""A barrier that stops this short of another is taken to meet it."""

FAR_STEPS, HUGE_STEPS = 0.8, 4.0
"""How far streets are carried on, in sides of a unit: in blocks above the band, and in those of `HUGE` units."""

HUGE = 6.0
"""From so many units on a block has room for longer lines, and for lines between streets that face each other."""

SNAP_MM, SNAP_SHARE = 8_000.0, 0.1
"""A line meets a node when it passes it within this distance, or within this share of its length."""

FACING = 0.9
"""Two ends face each other when the line between them turns from both streets by less than this (a cosine)."""

OPEN, OPEN_BEND = 0.75, 1.0
"""A street ends where nothing goes on within this angle of its direction (radians), or at a bend of this angle."""


def carried_on(graph: Graph, step: float, high: float) -> Lines:
    """Lines on from where streets end.

    Parameters
    ----------
    step, high
        Side of a unit in metres and the top of the area band in m².

    Returns
    -------
    Lines
        With the street's own rank where it stops `NEAR_M` short of another; else with the rank of a cut, which need
        not stay.
    """
    half, into, dead = _ends(graph)
    inside = np.abs(graph.open_areas()[into])
    huge = inside > HUGE * step**2
    kept = dead | huge
    half, dead, large, huge = half[kept], dead[kept], (inside > high)[kept], huge[kept]
    e = half // 2
    tip, base = np.where(half % 2 == 0, graph.v[e], graph.u[e]), np.where(half % 2 == 0, graph.u[e], graph.v[e])
    order = np.lexsort((base, tip))  # nodes are sorted by place
    tip, base, e = tip[order], base[order], e[order]
    dead, large, huge = dead[order], large[order], huge[order]
    origin = np.column_stack([graph.x[tip], graph.y[tip]])
    way = (origin - np.column_stack([graph.x[base], graph.y[base]])).astype(float)
    way /= np.hypot(*way.T)[:, None]
    far = np.where(large, np.where(huge, HUGE_STEPS, FAR_STEPS) * step, NEAR_M) * 1e3
    hit, edge = first_hit(origin, way, np.where(dead, far, 0), tip, graph.x, graph.y, graph.u, graph.v)
    away = np.hypot(*(hit - origin).T)
    met = edge >= 0
    rank = np.where(away <= NEAR_M * 1e3, graph.rank[e], CUT)
    node = np.zeros(len(tip), bool)
    soft = np.flatnonzero(met & (rank == CUT))
    for end in (graph.u, graph.v):
        q = end[edge[soft]]
        beside = np.hypot(graph.x[q] - hit[soft, 0], graph.y[q] - hit[soft, 1])
        on = soft[beside < np.maximum(SNAP_MM, away[soft] * SNAP_SHARE)]
        hit[on, 0], hit[on, 1] = graph.x[end[edge[on]]], graph.y[end[edge[on]]]
        node[on] = True
    some, to = _facing(graph, tip, origin, way, np.where(large, far, 0))
    free = ~met[some] | (rank[some] == CUT)
    some, to = some[free], to[free]
    hit[some], met[some], rank[some], node[some] = origin[to], True, CUT, True
    on = np.flatnonzero(met & ~node & (rank == CUT))
    on = on[graph.border[edge[on]]]
    hit[on] = nearest(graph, edge[on], hit[on])
    none = np.full(int(met.sum()), -1, np.int64)
    return Lines(np.column_stack([origin, hit])[met], rank[met], none, none)


def _ends(graph: Graph) -> tuple[Ints, Ints, Flags]:
    """Half-edges that arrive where no line goes on; the half-edge whose left they look into; whether all ends there.

    Beside dead ends these are the stems of junctions, but for those on borders of communities: what comes from
    beyond must not be felt.
    """
    tail = np.column_stack([graph.u, graph.v]).ravel()
    head = np.column_stack([graph.v, graph.u]).ravel()
    angle = np.arctan2((graph.y[head] - graph.y[tail]).astype(float), (graph.x[head] - graph.x[tail]).astype(float))
    order = graph.order
    turn = angle[order] + np.pi
    start = np.searchsorted(tail[order], np.arange(len(graph.x) + 1))
    half = np.flatnonzero(np.repeat(graph.rank < CUT, 2))
    tip = head[half]
    ahead = np.mod(angle[half] + np.pi, 2 * np.pi)
    # a turn is less than 8 radians: node and turn make one sorted number
    at = np.searchsorted(tail[order] * 8.0 + turn, tip * 8.0 + ahead, side="right") - 1
    at = np.where(at < start[tip], start[tip + 1] - 1, at)
    after = np.where(at + 1 >= start[tip + 1], start[tip], at + 1)
    gap = np.minimum(np.mod(ahead - turn[at], 2 * np.pi), np.mod(turn[after] - ahead, 2 * np.pi))
    degree = np.diff(start)[tip]
    border = np.zeros(len(graph.x), bool)
    border[graph.u[graph.border]] = border[graph.v[graph.border]] = True
    # a last piece of some metres has no bearing
    stem = (gap >= np.where(degree == 2, OPEN_BEND, OPEN)) & ~border[tip] & (np.repeat(graph.length, 2)[half] > 3.0)
    some = (degree == 1) | stem
    return half[some], order[at[some]], degree[some] == 1


def _facing(graph: Graph, tip: Ints, origin: Ints, way: Floats, reach: Floats) -> tuple[Ints, Ints]:
    """Ends, and for each the nearest other one that lies ahead, looks back and is in sight."""
    none = np.empty(0, np.int64)
    pairs = cKDTree(origin).query_pairs(float(reach.max(initial=0)), output_type="ndarray") if len(tip) else none
    if not len(pairs):
        return none, none
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    line = (origin[b] - origin[a]).astype(float)
    far = np.hypot(*line.T)
    line /= np.maximum(far, 1e-9)[:, None]
    good = (far > 0) & (far <= np.minimum(reach[a], reach[b]))
    good &= ((line * way[a]).sum(axis=1) > FACING) & ((line * way[b]).sum(axis=1) < -FACING)
    a, b, far, line = a[good], b[good], far[good], line[good]
    order = np.lexsort((b, far, a))
    first = order[np.unique(a[order], return_index=True)[1]]
    a, b, far, line = a[first], b[first], far[first], line[first]
    seen, edge = first_hit(origin[a], line, far + 1, tip[a], graph.x, graph.y, graph.u, graph.v)
    good = (edge >= 0) & (np.hypot(*(seen - origin[b]).T) < 100)
    return a[good], b[good]
