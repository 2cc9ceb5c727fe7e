"""Marks on the borders of communities: the only places where our own cuts end on them.

Marks depend on the border and the lattices of the communities beside it alone. So a cut on one side adds no corner
to the units on the other, and lines of the lattice meet the border where they would without it.
"""

from __future__ import annotations

import numpy as np

from grids.compile import planar
from grids.compile.linework import Floats, Graph, Ints, Lines

MARK_M = 12.0
"""Largest distance between marks."""

CLOSE_M, SAME_M = 3.0, 0.1
"""Plain marks so close to one of the lattice are left out, and of two of the lattice one."""


def mark(graph: Graph, edge: Ints, share: Floats) -> Ints:
    """Millimetre points at a share of edges that hardly bend them."""
    a = np.column_stack([graph.x[graph.u[edge]], graph.y[graph.u[edge]]])
    b = np.column_stack([graph.x[graph.v[edge]], graph.y[graph.v[edge]]])
    way = (b - a).astype(float)
    point = planar.beside(a + way * share[:, None], way / np.hypot(*way.T)[:, None])
    return np.where((share <= 0)[:, None], a, np.where((share >= 1)[:, None], b, point))


def nearest(graph: Graph, edge: Ints, points: Ints) -> Ints:
    """The plain mark of an edge that is nearest to a point on it."""
    pieces = _pieces(graph.length[edge])
    away = np.hypot(points[:, 0] - graph.x[graph.u[edge]], points[:, 1] - graph.y[graph.u[edge]])
    return mark(graph, edge, np.rint(away / (graph.length[edge] * 1e3) * pieces) / pieces)


def marked(graph: Graph, angle: Floats, step: float) -> Lines:
    """All edges as segments, those on borders of communities divided at their marks.

    Parameters
    ----------
    angle, step
        Direction of the lattice of each community, and metres between its lines.
    """
    edge = np.flatnonzero(graph.border)
    length = graph.length[edge]
    pieces = _pieces(length)
    plain = np.repeat(np.arange(len(edge)), pieces)
    share = (np.arange(len(plain)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[plain]
    found = [_crossings(graph, edge, side[edge], angle, step) for side in (graph.left, graph.right)]
    of = np.concatenate([plain, *(one for one, _ in found)])
    t = np.concatenate([share, *(at for _, at in found)])
    fixed = np.arange(len(of)) >= len(plain)
    order = np.lexsort((t, of))
    of, t, fixed = of[order], t[order], fixed[order]
    near = (of[1:] == of[:-1]) & ((t[1:] - t[:-1]) * length[of[1:]] < CLOSE_M)
    drop = np.zeros(len(of), bool)
    drop[1:] |= near & fixed[:-1] & ~fixed[1:]
    drop[:-1] |= near & fixed[1:] & ~fixed[:-1] & (t[:-1] > 0)
    of, t, fixed = of[~drop], t[~drop], fixed[~drop]
    same = np.append(False, (of[1:] == of[:-1]) & ((t[1:] - t[:-1]) * length[of[1:]] < SAME_M))
    of, t = of[~same], t[~same]
    until = np.append(t[1:], 1.0)
    until[np.append(of[1:] != of[:-1], True)] = 1.0
    e = edge[of]
    ends = np.column_stack([mark(graph, e, t), mark(graph, e, until[: len(t)])])
    rest = graph.lines(~graph.border)
    return rest + Lines(ends, graph.rank[e], graph.left[e], graph.right[e])


def _crossings(graph: Graph, edge: Ints, community: Ints, angle: Floats, step: float) -> tuple[Ints, Floats]:
    """Edges, and their shares, where lines of the lattice of a community cross them."""
    a = np.column_stack([graph.x[graph.u[edge]], graph.y[graph.u[edge]]]) / 1e3
    b = np.column_stack([graph.x[graph.v[edge]], graph.y[graph.v[edge]]]) / 1e3
    turned = angle[community]
    owners, shares = [], []
    for normal in ((np.cos(turned), np.sin(turned)), (-np.sin(turned), np.cos(turned))):
        s0 = (a[:, 0] * normal[0] + a[:, 1] * normal[1]) / step
        s1 = (b[:, 0] * normal[0] + b[:, 1] * normal[1]) / step
        low, high = np.ceil(np.minimum(s0, s1)), np.floor(np.maximum(s0, s1))
        count = np.where((community >= 0) & (s0 != s1), np.maximum(high - low + 1, 0), 0).astype(np.int64)
        owner = np.repeat(np.arange(len(edge)), count)
        k = low[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        share = (k - s0[owner]) / (s1 - s0)[owner]
        room = graph.length[edge[owner]] * np.minimum(share, 1 - share) > 2 * SAME_M
        owners.append(owner[room])
        shares.append(share[room])
    return np.concatenate(owners), np.concatenate(shares)


def _pieces(length: Floats) -> Ints:
    return np.maximum(np.ceil(length / MARK_M), 1).astype(np.int64)
