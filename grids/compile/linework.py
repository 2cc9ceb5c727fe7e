"""Lines that bound units, noded, with their rank and the communities beside them; and the faces between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grids.compile import planar
from grids.compile.reach import first_hit
from grids.compile.split import cuts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MARK_M = 12.0
"""Spacing of the marks on borders of communities at which cuts may end."""

BORDER, CUT = 0, 9
"""Ranks beside those of barriers (1 to 8): border of a community, cut of ours."""


@dataclass(frozen=True)
class Lines:
    """Segments: ends in whole millimetres (n, 4), rank, community on the left and on the right (-1 not told)."""

    ends: Ints
    rank: Ints
    left: Ints
    right: Ints

    @classmethod
    def of(cls, shapes: NDArray[np.object_], rank: int | Ints) -> Lines:
        """Segments of barrier lines."""
        xy, line = shapely.get_coordinates(shapes, return_index=True)
        mm = np.rint(xy * 1e3).astype(np.int64)
        at = np.flatnonzero(line[1:] == line[:-1])
        ends = np.column_stack([mm[at], mm[at + 1]])
        none = np.full(len(at), -1, np.int64)
        return cls(ends, np.broadcast_to(rank, len(shapes))[line[at]].astype(np.int64), none, none)

    @classmethod
    def around(cls, polygons: NDArray[np.object_]) -> Lines:
        """Borders of communities: each knows its community on the left."""
        parts, owner = shapely.get_parts(polygons, return_index=True)
        rings, part = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        mm = np.rint(xy * 1e3).astype(np.int64)
        at = np.flatnonzero(ring[1:] == ring[:-1])
        ends = np.column_stack([mm[at], mm[at + 1]])
        left = owner[part[ring[at]]].astype(np.int64)
        return cls(ends, np.full(len(at), BORDER, np.int64), left, np.full(len(at), -1, np.int64))

    def __add__(self, other: Lines) -> Lines:
        return Lines(
            np.concatenate([self.ends, other.ends]),
            np.concatenate([self.rank, other.rank]),
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
        )

    def led_to_borders(self) -> Lines:
        """Barriers bent by centimetres where they cross borders of communities, which so keep their area."""
        ends, of = planar.bent_to(self.ends, self.rank == BORDER)
        return Lines(ends, self.rank[of], self.left[of], self.right[of])

    def noded(self) -> Graph:
        """Node them; where several lie on each other the highest rank and the lowest community hold."""
        x, y, u, v, of = planar.node(*np.ascontiguousarray(self.ends.T))
        flip = u > v
        a, b = np.where(flip, v, u), np.where(flip, u, v)
        left, right = self.left[of], self.right[of]
        left, right = np.where(flip, right, left), np.where(flip, left, right)
        order = np.lexsort((b, a))
        a, b, rank, left, right = a[order], b[order], self.rank[of][order], left[order], right[order]
        new = np.ones(len(a), bool)
        new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
        first = np.flatnonzero(new)
        far = np.iinfo(np.int64).max

        def lowest(label: Ints) -> Ints:
            if not len(first):
                return label
            low = np.minimum.reduceat(np.where(label < 0, far, label), first)
            return np.where(low == far, -1, low)

        rank = np.minimum.reduceat(rank, first) if len(first) else rank
        u, v = np.ascontiguousarray(a[first]), np.ascontiguousarray(b[first])
        return Graph(x, y, u, v, rank, lowest(left), lowest(right), planar.turns(x, y, u, v))


@dataclass(frozen=True)
class Graph:
    """Noded lines: nodes x, y (mm, sorted); edges u < v with rank and the communities beside them."""

    x: Ints
    y: Ints
    u: Ints
    v: Ints
    rank: Ints
    left: Ints
    right: Ints
    order: Ints

    @property
    def border(self) -> NDArray[np.bool_]:
        """Edges on the border of a community."""
        return (self.left >= 0) | (self.right >= 0)

    @property
    def length(self) -> Floats:
        """Metres of each edge."""
        return np.hypot(self.x[self.u] - self.x[self.v], self.y[self.u] - self.y[self.v]) / 1e3

    def lines(self, some: NDArray) -> Lines:
        """Some edges as segments again."""
        u, v = self.u[some], self.v[some]
        ends = np.column_stack([self.x[u], self.y[u], self.x[v], self.y[v]])
        return Lines(ends, self.rank[some], self.left[some], self.right[some])

    def grains(self, count: int) -> Floats:
        """Direction of most of the border of each of ``count`` communities, modulo a right angle."""
        angle = 4 * np.arctan2(self.y[self.v] - self.y[self.u], self.x[self.v] - self.x[self.u])
        re, im = np.zeros(count), np.zeros(count)
        for side in (self.left, self.right):
            on = side >= 0
            re += np.bincount(side[on], (self.length * np.cos(angle))[on], count)
            im += np.bincount(side[on], (self.length * np.sin(angle))[on], count)
        return np.arctan2(im, re) / 4

    def dead_ends(self, inside: Floats, near_m: float, far_m: float, large_m2: float) -> Lines:
        """Lines on from dead ends, along their last bearing, to what they meet.

        A barrier that stops at most ``near_m`` short of another is continued with its own rank; one that ends in
        a face above ``large_m2`` is continued up to ``far_m`` by a cut, which need not stay.

        Parameters
        ----------
        inside
            Area in m² of the face on the left of each half-edge, dead ends included.
        """
        degree = np.bincount(self.u, minlength=len(self.x)) + np.bincount(self.v, minlength=len(self.x))
        ends = np.concatenate([np.flatnonzero(degree[self.u] == 1) * 2 + 1, np.flatnonzero(degree[self.v] == 1) * 2])
        ends = ends[self.rank[ends // 2] < CUT]
        e = ends // 2
        tip, base = np.where(ends % 2 == 1, self.u[e], self.v[e]), np.where(ends % 2 == 1, self.v[e], self.u[e])
        # a last piece of some centimetres has no bearing
        way = np.column_stack([self.x[tip] - self.x[base], self.y[tip] - self.y[base]]).astype(float)
        length = np.hypot(*way.T)
        some = length > 0
        order = np.lexsort((self.y[tip], self.x[tip]))
        order = order[some[order]]
        tip, e, way, ends = tip[order], e[order], way[order] / length[order, None], ends[order]
        large = np.abs(inside[ends]) > large_m2
        reach = np.where(large, far_m, near_m) * 1e3
        origin = np.column_stack([self.x[tip], self.y[tip]])
        hit, edge = first_hit(origin, way, reach, tip, self.x, self.y, self.u, self.v)
        met = edge >= 0
        away = np.hypot(*(hit - origin).T)
        rank = np.where(away <= near_m * 1e3, self.rank[e], CUT)
        # a cut of ours ends on a border only at its marks, so that the community beyond does not feel it
        on = np.flatnonzero(met & self.border[edge] & (rank == CUT))
        far = self.x[self.u[edge[on]]], self.y[self.u[edge[on]]]
        share = np.hypot(hit[on, 0] - far[0], hit[on, 1] - far[1]) / (self.length[edge[on]] * 1e3)
        pieces = _pieces(self.length[edge[on]])
        hit[on] = self._mark(edge[on], np.rint(share * pieces), pieces)
        none = np.full(int(met.sum()), -1, np.int64)
        return Lines(np.column_stack([origin, hit])[met], rank[met], none, none)

    def _mark(self, edge: Ints, k: Ints, pieces: Ints) -> Ints:
        """The k-th mark of edges that are divided into pieces: a millimetre point that hardly bends the edge."""
        a = np.column_stack([self.x[self.u[edge]], self.y[self.u[edge]]])
        b = np.column_stack([self.x[self.v[edge]], self.y[self.v[edge]]])
        way = (b - a).astype(float)
        mark = planar.beside(a + way * (k / pieces)[:, None], way / np.hypot(*way.T)[:, None])
        return np.where((k <= 0)[:, None], a, np.where((k >= pieces)[:, None], b, mark))

    def marked(self) -> Lines:
        """All edges as segments, those on borders of communities divided into pieces of at most `MARK_M`.

        The marks depend on the border alone. Cuts end at them, so a cut on one side adds no corner to the other.
        """
        rest = self.lines(~self.border)
        edge = np.flatnonzero(self.border)
        pieces = _pieces(self.length[edge])
        of = np.repeat(np.arange(len(edge)), pieces)
        k = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        start, end = self._mark(edge[of], k, pieces[of]), self._mark(edge[of], k + 1, pieces[of])
        e = edge[of]
        return rest + Lines(np.column_stack([start, end]), self.rank[e], self.left[e], self.right[e])

    def open_areas(self) -> Floats:
        """Area in m² within the ring on the left of each half-edge, dead ends walked on both sides."""
        _, ring, count = planar.trace(self.order, self.u, self.v, np.ones(len(self.u), bool))
        return planar.ring_areas(self.x, self.y, self.u, self.v, ring, count)[ring]

    def faces(self, alive: NDArray[np.bool_] | None = None) -> Faces:
        """Faces between the living edges (all, when not given); dead ends bound nothing."""
        alive = planar.prune(self.u, self.v, np.ones(len(self.u), bool) if alive is None else alive, len(self.x))
        while True:
            follow, ring, count = planar.trace(self.order, self.u, self.v, alive)
            same = alive & (ring[0::2] == ring[1::2])
            if not same.any():
                break
            alive = alive & ~same
        node, start, of = planar.simple_rings(self.u, self.v, follow, ring, count, len(self.x))
        area = _ring_area(self.x, self.y, node, start)
        shell = np.flatnonzero(area > 0)
        shell = shell[np.lexsort((self.y[_corner(node, start)[shell]], self.x[_corner(node, start)[shell]]))]
        face_of_ring = np.full(count, -1, np.int64)
        face_of_ring[of[shell]] = np.arange(len(shell))
        # rings without a shell are the outer borders of components: the edge to the west of them tells their face
        outer = np.flatnonzero((area <= 0) & (face_of_ring[of] < 0))
        if len(outer):
            low = _corner(node, start)[outer]
            part = np.unique(of[outer])
            west = np.full(count, len(self.x), np.int64)
            np.minimum.at(west, of[outer], low)
            up = _ring_west(self.x, self.y, self.u, self.v, alive, west[part])
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
        length = np.repeat(self.length, 2)
        np.add.at(around, half[half >= 0], length[half >= 0])
        holes = np.flatnonzero((area <= 0) & (face_of_ring[of] >= 0))
        size = area[shell] + np.bincount(face_of_ring[of[holes]], area[holes], n)[:n]
        return Faces(self, alive, half, size, around, node, start, shell, holes, face_of_ring[of[holes]])


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

    def cuts(self, some: Ints, parts: Ints, grain: Floats, target: float, low: float, high: float) -> Lines:
        """Cuts that divide some faces into parts."""
        g = self.graph
        node, ring, polygon = self.rings(some)
        following = np.arange(1, len(node) + 1)
        following[ring[1:] - 1] = ring[:-1]
        a, b = np.minimum(node, node[following]), np.maximum(node, node[following])
        key = g.u * len(g.x) + g.v
        fixed = g.border[np.searchsorted(key, a * len(g.x) + b)]
        ends = cuts(g.x[node] / 1e3, g.y[node] / 1e3, fixed, ring, polygon, parts, grain, target, low, high)
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


def _pieces(length: Floats) -> Ints:
    return np.maximum(np.ceil(length / MARK_M), 1).astype(np.int64)


def _corner(node: Ints, start: Ints) -> Ints:
    """Lowest node (westernmost, then southernmost) of each ring."""
    return np.minimum.reduceat(node, start[:-1]) if len(start) > 1 else np.empty(0, np.int64)


@njit(cache=True, nogil=True)
def _ring_area(x: Ints, y: Ints, node: Ints, start: Ints) -> Floats:
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
def _ring_west(x: Ints, y: Ints, u: Ints, v: Ints, alive: NDArray[np.bool_], nodes: Ints) -> Ints:
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
