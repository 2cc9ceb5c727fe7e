"""Lines that bound units, noded, with their rank and the communities beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from grids.compile import planar, rings

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BORDER, PARCEL, CUT = 0, 9, 10
"""Ranks beside those of barriers (1 to 8): border of a community, border of a parcel, cut of ours."""


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
        return Graph(x, y, u, v, rank, lowest(left), lowest(right), rings.turns(x, y, u, v))


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

    def open_areas(self) -> Floats:
        """Area in m² within the ring on the left of each half-edge, dead ends walked on both sides."""
        _, ring, count = rings.trace(self.order, self.u, self.v, np.ones(len(self.u), bool))
        return rings.ring_areas(self.x, self.y, self.u, self.v, ring, count)[ring]
