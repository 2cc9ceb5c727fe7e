"""An older set of units taken over: what still holds keeps its shape, only what an edit touches is drawn anew.

The older units' borders join the linework as cuts, and an older unit is a group of faces to begin with. It stays
when it is still in the band and no barrier divides it into two that could both be units.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import STRtree

from grids.compile.faces import Faces
from grids.compile.linework import CUT, Graph, Ints, Lines

Flags = NDArray[np.bool_]

BESIDE_M = 0.003
"""An older corner within this distance of a line lies on it."""

SAME_M2 = 1.0
"""A face that differs from the older unit by less is that unit."""


class Earlier:
    """Units of an older set, by place."""

    def __init__(self, units: gpd.GeoDataFrame) -> None:
        shapes = units.geometry.to_numpy()
        shapes = shapes[~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)]
        # by place, so that the order of the rows does not matter
        x, y = np.round(shapely.get_coordinates(shapely.point_on_surface(shapes)), 3).T
        self.shapes = shapes[np.lexsort((y, x))]
        self.area = shapely.area(self.shapes)
        self.tree = STRtree(self.shapes)
        self.corners = np.unique(np.rint(shapely.get_coordinates(self.shapes) * 1e3).astype(np.int64), axis=0)

    def joined_to(self, everything: Lines) -> Lines:
        """Lines led through the older corners that lie on them, and the older borders as cuts."""
        if not len(self.shapes):
            return everything
        corners = self.corners
        own = everything.ends.reshape(-1, 2)
        known = np.unique(np.concatenate([np.unique(own, axis=0), corners]), axis=0, return_counts=True)
        twice = known[0][known[1] > 1]
        merged = np.unique(np.concatenate([corners, twice]), axis=0, return_counts=True)
        loose = merged[0][merged[1] == 1]
        edges = shapely.linestrings((everything.ends / 1e3).reshape(-1, 2, 2))
        point, edge = STRtree(edges).query(shapely.points(loose / 1e3), predicate="dwithin", distance=BESIDE_M)
        way = (everything.ends[edge, 2:] - everything.ends[edge, :2]).astype(float)
        share = ((loose[point] - everything.ends[edge, :2]) * way).sum(axis=1) / (way**2).sum(axis=1)
        inner = (share > 0) & (share < 1)
        point, edge, share = point[inner], edge[inner], share[inner]
        n = len(edges)
        of = np.concatenate([np.arange(n), edge, np.arange(n)])
        t = np.concatenate([np.full(n, -1.0), share, np.full(n, 2.0)])
        xy = np.concatenate([everything.ends[:, :2], loose[point], everything.ends[:, 2:]])
        order = np.lexsort((xy[:, 1], xy[:, 0], t, of))
        of, xy = of[order], xy[order]
        step = of[1:] == of[:-1]
        part, ends = of[:-1][step], np.column_stack([xy[:-1], xy[1:]])[step]
        led = Lines(ends, everything.rank[part], everything.left[part], everything.right[part])
        return led + Lines.of(shapely.get_parts(shapely.boundary(self.shapes)), CUT)

    def groups(self, faces: Faces, low: float, narrow: float) -> Ints:
        """Group of each face: the older unit it lies in, where that still holds; else itself. -1 outside."""
        community = faces.community()
        n = len(faces.area)
        unit = self._unit(faces, community)
        a, b = faces.half[0::2], faces.half[1::2]
        touch = faces.alive & (a >= 0) & (b >= 0) & (a != b)
        a, b = a[touch], b[touch]
        one = (unit[a] >= 0) & (unit[a] == unit[b]) & (community[a] == community[b])
        _, group = _parts(n, a[one], b[one])
        whole = (faces.area >= low) & (2 * faces.area >= narrow * faces.around)
        broken = np.bincount(group, whole, group.max(initial=-1) + 1) >= 2
        one &= ~broken[group[a]]
        _, group = _parts(n, a[one], b[one])
        return np.where(community >= 0, group, -1)

    def smoothed(self, graph: Graph, alive: Flags) -> Lines:
        """Living edges of a graph, older borders without the corners that lines left out have put on them."""
        own = np.column_stack([graph.x, graph.y])
        _, at, count = np.unique(np.concatenate([own, self.corners]), axis=0, return_inverse=True, return_counts=True)
        new = count[at[: len(own)]] == 1
        e = np.flatnonzero(alive)
        u, v, cut = graph.u[e], graph.v[e], graph.rank[e] == CUT
        degree = np.bincount(u, minlength=len(own)) + np.bincount(v, minlength=len(own))
        of_cuts = np.bincount(u, cut, len(own)) + np.bincount(v, cut, len(own))
        new &= (degree == 2) & (of_cuts == 2)
        inner = new[u] & new[v]
        _, path = _parts(len(own), u[inner], v[inner])
        # each path of new corners has two ends that stay
        a = np.concatenate([u[new[v] & ~new[u]], v[new[u] & ~new[v]]])
        of = np.concatenate([path[v[new[v] & ~new[u]]], path[u[new[u] & ~new[v]]]])
        order = np.lexsort((a, of))
        a, of = a[order], of[order]
        first = np.flatnonzero(np.append(of[1:] == of[:-1], False))
        ends = np.column_stack([own[a[first]], own[a[first + 1]]]) if len(first) else np.empty((0, 4), np.int64)
        none = np.full(len(ends), -1, np.int64)
        rest = graph.lines(e[~new[u] & ~new[v]])
        return rest + Lines(ends, np.full(len(ends), CUT, np.int64), none, none)

    def settled(self, faces: Faces, low: float, high: float) -> Flags:
        """Faces that are an older unit as it was, within the band."""
        unit = self._unit(faces, faces.community())
        same = (unit >= 0) & (np.abs(faces.area - np.append(self.area, 0)[unit]) < SAME_M2)
        return same & (faces.area >= low) & (faces.area <= high)

    def _unit(self, faces: Faces, community: Ints) -> Ints:
        """Older unit in which each face lies, by a point of its own; -1 for none."""
        out = np.full(len(faces.area), -1, np.int64)
        some = np.flatnonzero(community >= 0)
        if len(some) and len(self.shapes):
            face, unit = self.tree.query(shapely.point_on_surface(faces.polygons(some)), predicate="within")
            # where older units overlap the first by place
            out[some[face[::-1]]] = unit[::-1]
        return out


def _parts(count: int, a: Ints, b: Ints) -> tuple[int, Ints]:
    return connected_components(coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count)), directed=False)
