"""Faces between noded lines: their area, community, neighbours, polygons, and the cuts that divide them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grids.compile import rings
from grids.compile.linework import CUT, Floats, Graph, Ints, Lines
from grids.compile.split import cuts


@dataclass(frozen=True)
class Faces:
    """Faces of a graph, sorted by their westernmost corner.

    Attributes
    ----------
    half
        Face on the left of each half-edge, -1 outside.
    area, around
        m² and metres of border, holes included.
    node, start, shell, hole, hole_of
        Rings as node lists; the ring of each face's shell, the rings that are holes and the face of each.
    """

    graph: Graph
    alive: NDArray[np.bool_]
    half: Ints
    area: Floats
    around: Floats
    node: Ints
    start: Ints
    shell: Ints
    hole: Ints
    hole_of: Ints

    def community(self) -> Ints:
        """Community of each face, -1 for none: the lowest one told at its border or beyond free edges."""
        g, n = self.graph, len(self.area)
        far = np.iinfo(np.int64).max
        label = np.full(n, far)
        for half, told in ((self.half[0::2], g.left), (self.half[1::2], g.right)):
            some = (half >= 0) & (told >= 0)
            np.minimum.at(label, half[some], told[some])
        free = self.alive & (g.left < 0) & (g.right < 0) & (self.half[0::2] >= 0) & (self.half[1::2] >= 0)
        a, b = self.half[0::2][free], self.half[1::2][free]
        count, part = connected_components(coo_array((np.ones(len(a), bool), (a, b)), shape=(n, n)), directed=False)
        low = np.full(count, far)
        np.minimum.at(low, part, label)
        label = low[part]
        return np.where(label == far, -1, label)

    def pairs(self, community: Ints, weight: Floats) -> tuple[Ints, Ints, Floats, Floats]:
        """Neighbours in one community, metres they share, and those metres by the weight of their rank."""
        f, g = self.half[0::2], self.half[1::2]
        some = np.flatnonzero(self.alive & (f >= 0) & (g >= 0) & (f != g))
        some = some[(community[f[some]] == community[g[some]]) & (community[f[some]] >= 0)]
        a, b = np.minimum(f[some], g[some]), np.maximum(f[some], g[some])
        key = a * len(self.area) + b
        length = self.graph.length[some]
        keys, index = np.unique(key, return_inverse=True)
        n = len(keys)
        width = max(len(self.area), 1)
        shared: Floats = np.bincount(index, length, n).astype(np.float64)
        cost: Floats = np.bincount(index, length * weight[self.graph.rank[some]], n).astype(np.float64)
        return keys // width, keys % width, shared, cost

    def between(self, group: Ints) -> NDArray[np.bool_]:
        """Edges between faces of different groups (-1 is the outside and every face that is nobody's)."""
        told = np.append(group, -1)
        return self.alive & (told[self.half[0::2]] != told[self.half[1::2]])

    def rings(self, some: Ints) -> tuple[Ints, Ints, Ints]:
        """Nodes of the corners, ring starts and polygon starts of some faces; shell first."""
        order = np.argsort(self.hole_of, kind="stable")
        first = np.searchsorted(self.hole_of[order], np.arange(len(self.area) + 1))
        count = 1 + first[some + 1] - first[some]
        polygon = np.concatenate([[0], np.cumsum(count)])
        ring = np.empty(polygon[-1], np.int64)
        ring[polygon[:-1]] = self.shell[some]
        rest = np.ones(len(ring), bool)
        rest[polygon[:-1]] = False
        owner = np.repeat(np.arange(len(some)), count)
        place = np.arange(len(ring)) - polygon[owner] - 1
        ring[rest] = self.hole[order[first[some[owner[rest]]] + place[rest]]]
        size = self.start[ring + 1] - self.start[ring]
        starts = np.concatenate([[0], np.cumsum(size)])
        node = self.node[np.arange(starts[-1]) - np.repeat(starts[:-1] - self.start[ring], size)]
        return node, starts, polygon

    def cuts(
        self, some: Ints, parts: Ints, angle: Floats, houses: tuple[Floats, Ints], target: float,
        low: float, high: float,
    ) -> Lines:  # fmt: skip
        """Cuts that divide some faces into parts; see `grids.compile.split.cuts`."""
        g = self.graph
        node, ring, polygon = self.rings(some)
        following = np.arange(1, len(node) + 1)
        following[ring[1:] - 1] = ring[:-1]
        a, b = np.minimum(node, node[following]), np.maximum(node, node[following])
        key = g.u * len(g.x) + g.v
        fixed = g.border[np.searchsorted(key, a * len(g.x) + b)]
        x, y = g.x[node] / 1e3, g.y[node] / 1e3
        ends = cuts(x, y, fixed, ring, polygon, parts, angle, *houses, target, low, high)
        none = np.full(len(ends), -1, np.int64)
        return Lines(np.rint(ends * 1e3).astype(np.int64), np.full(len(ends), CUT, np.int64), none, none)

    def polygons(self, some: Ints) -> NDArray[np.object_]:
        """Some faces as polygons."""
        node, ring, polygon = self.rings(some)
        x, y = self.graph.x[node] / 1e3, self.graph.y[node] / 1e3
        size = np.diff(ring)
        # close each ring: its first corner once more
        last = np.cumsum(size + 1) - 1
        at = np.empty(len(x) + len(size), np.int64)
        body = np.ones(len(at), bool)
        body[last] = False
        at[body] = np.arange(len(x))
        at[last] = ring[:-1]
        rings = shapely.linearrings(np.column_stack([x[at], y[at]]), indices=np.repeat(np.arange(len(size)), size + 1))
        shells = polygon[:-1]
        out = shapely.polygons(rings[shells])
        holed = np.flatnonzero(np.diff(polygon) > 1)
        for i in holed.tolist():
            out[i] = shapely.polygons(rings[polygon[i]], rings[polygon[i] + 1 : polygon[i + 1]])
        return out


def faces_of(graph: Graph, alive: NDArray[np.bool_] | None = None) -> Faces:
    """Faces between the living edges (all, when not given); dead ends bound nothing."""
    alive = rings.prune(graph.u, graph.v, np.ones(len(graph.u), bool) if alive is None else alive, len(graph.x))
    while True:
        follow, ring, count = rings.trace(graph.order, graph.u, graph.v, alive)
        same = alive & (ring[0::2] == ring[1::2])
        if not same.any():
            break
        alive = alive & ~same
    node, start, of = rings.simple_rings(graph.u, graph.v, follow, ring, count, len(graph.x))
    area = rings.ring_area(graph.x, graph.y, node, start)
    shell = np.flatnonzero(area > 0)
    shell = shell[np.lexsort((graph.y[_corner(node, start)[shell]], graph.x[_corner(node, start)[shell]]))]
    face_of_ring = np.full(count, -1, np.int64)
    face_of_ring[of[shell]] = np.arange(len(shell))
    # rings without a shell are the outer borders of components: the edge to the west of them tells their face
    outer = np.flatnonzero((area <= 0) & (face_of_ring[of] < 0))
    if len(outer):
        low = _corner(node, start)[outer]
        part = np.unique(of[outer])
        west = np.full(count, len(graph.x), np.int64)
        np.minimum.at(west, of[outer], low)
        up = rings.ring_west(graph.x, graph.y, graph.u, graph.v, alive, west[part])
        inside = np.where(up >= 0, ring[up], -1)
        # a component may lie beside another: then both are in the same face, found by following the rings
        where = dict(zip(part.tolist(), inside.tolist(), strict=True))
        for one in part.tolist():
            at = where[one]
            while at >= 0 and face_of_ring[at] < 0:
                at = where[at]
            where[one] = at
        for one in part.tolist():
            face_of_ring[one] = face_of_ring[where[one]] if where[one] >= 0 else -1
    half = np.where(ring >= 0, face_of_ring[ring], -1)
    n = len(shell)
    around = np.zeros(n)
    length = np.repeat(graph.length, 2)
    np.add.at(around, half[half >= 0], length[half >= 0])
    holes = np.flatnonzero((area <= 0) & (face_of_ring[of] >= 0))
    size = area[shell] + np.bincount(face_of_ring[of[holes]], area[holes], n)[:n]
    return Faces(graph, alive, half, size, around, node, start, shell, holes, face_of_ring[of[holes]])


def _corner(node: Ints, start: Ints) -> Ints:
    """Lowest node (westernmost, then southernmost) of each ring."""
    return np.minimum.reduceat(node, start[:-1]) if len(start) > 1 else np.empty(0, np.int64)
