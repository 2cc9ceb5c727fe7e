"""Edge twins: the borders of a layer of polygons, matched edge with edge, on a grid of whole millimetres.

In a sound coverage every border between two polygons is walked twice, once in each direction. What has no twin is
the outer border, a fault, or a border that the neighbour divides by other vertices. Nothing here computes an overlay:
edges are numbers, sorted, so a million of them take a fraction of a second, and exact work is left for the few that
remain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.errors import InputError

MM = 1000.0
_SHIFT = 32
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """Directed edges of polygons: the polygon lies to their left, for shells and holes alike.

    ``a`` and ``b`` are the keys of the start and end point (whole millimetres from ``low``), ``owner`` the position of
    the polygon, ``sign`` +1 or -1: how often the edge counts.
    """

    a: Ints
    b: Ints
    owner: Ints
    sign: Ints
    low: Floats

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, chosen: NDArray) -> Edges:
        return Edges(self.a[chosen], self.b[chosen], self.owner[chosen], self.sign[chosen], self.low)

    def __add__(self, other: Edges) -> Edges:
        return Edges(
            np.concatenate([self.a, other.a]),
            np.concatenate([self.b, other.b]),
            np.concatenate([self.owner, other.owner]),
            np.concatenate([self.sign, other.sign]),
            self.low,
        )

    def points(self, keys: Ints) -> Floats:
        """Coordinates (n, 2), metres, of point keys."""
        return np.column_stack([keys >> _SHIFT, keys & ((1 << _SHIFT) - 1)]) / MM + self.low

    def lines(self) -> NDArray[np.object_]:
        """The edges as two-point lines."""
        return shapely.linestrings(np.stack([self.points(self.a), self.points(self.b)], axis=1))


def edges_of(shapes: NDArray[np.object_], low: Floats, *, sign: int = 1) -> Edges:
    """Edges of polygons (multi-part ones too; None, empty and others than polygons have none).

    Parameters
    ----------
    shapes
        n polygons in a metric CRS.
    low
        Corner (x, y) from which millimetres are counted; no coordinate may lie below it.

    Raises
    ------
    InputError
        The layer reaches further than 2,147 km.
    """
    parts, owner = shapely.get_parts(shapes, return_index=True)
    flat = shapely.get_type_id(parts) == 3
    parts, owner = parts[flat], owner[flat]
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if not len(xy):
        none = np.empty(0, np.int64)
        return Edges(none, none, none, none, low)
    key = point_keys(xy, low)
    # doubled area of each ring tells which way it runs; a ring after the first of its part is a hole
    walk = np.flatnonzero(ring[1:] == ring[:-1])
    x, y = xy[:, 0], xy[:, 1]
    first = np.searchsorted(ring, np.arange(len(rings)))
    x, y = x - x[first][ring], y - y[first][ring]
    turn = np.bincount(ring[walk], x[walk] * y[walk + 1] - x[walk + 1] * y[walk], len(rings))
    hole = np.concatenate([[False], part[1:] == part[:-1]])
    wrong = (turn < 0) != hole
    a, b, back = key[walk], key[walk + 1], wrong[ring[walk]]
    a, b = np.where(back, b, a), np.where(back, a, b)
    real = a != b
    of = owner[part][ring[walk]].astype(np.int64)
    return Edges(a[real], b[real], of[real], np.full(int(real.sum()), sign, np.int64), low)


def point_keys(xy: Floats, low: Floats) -> Ints:
    """Keys of points (n, 2): whole millimetres from ``low``, equal for points that round to the same one.

    Raises
    ------
    InputError
        The points reach further than 2,147 km.
    """
    at = np.rint((xy - low) * MM).astype(np.int64)
    if len(at) and (at.max() >= 1 << 31 or at.min() < 0):
        raise InputError("units that lie further apart than 2,147 km", right="coordinates in metres, of one city")
    return (at[:, 0] << _SHIFT) | at[:, 1]


def undirected(a: Ints, b: Ints) -> NDArray[np.uint64]:
    """One number for each edge, whichever way it runs (64 bits mixed: two edges share one once in a million layers)."""
    return _mixed(np.minimum(a, b)) * _ODD[0] + _mixed(np.maximum(a, b)) * _ODD[1]


def twins(edges: Edges, label: Ints | None = None) -> tuple[Ints, Ints, Ints]:
    """Match edges between the same two points (and of the same label).

    Returns
    -------
    group : (n,) group of each edge
    balance : (groups,) signed count of its edges, those from the lower to the higher key positive: 0 when each
        edge has its twin
    size : (groups,) count of its edges
    """
    n = len(edges)
    if not n:
        none = np.empty(0, np.int64)
        return none, none, none
    low, high = np.minimum(edges.a, edges.b), np.maximum(edges.a, edges.b)
    mixed = undirected(low, high)
    if label is not None:
        mixed += _mixed(label + 1) * _ODD[2]
    order = np.argsort(mixed)
    sorted_ = mixed[order]
    l, h = low[order], high[order]
    new = sorted_[1:] != sorted_[:-1]
    other = (l[1:] != l[:-1]) | (h[1:] != h[:-1])
    if label is not None:
        k = label[order]
        other |= k[1:] != k[:-1]
    if (new != other).any():  # two edges of one number: once in some million layers
        keys = (high, low) if label is None else (high, low, label)
        order = np.lexsort(keys)
        new = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    forth = np.where(edges.a < edges.b, edges.sign, -edges.sign)[order]
    balance = np.add.reduceat(forth, starts)
    size = np.diff(np.concatenate([starts, [n]]))
    group = np.empty(n, np.int64)
    group[order] = np.repeat(np.arange(len(starts)), size)
    return group, balance, size


def left_over(edges: Edges, label: Ints | None = None) -> NDArray[np.bool_]:
    """Which edges have no twin."""
    group, balance, _ = twins(edges, label)
    return balance[group] != 0 if len(edges) else np.zeros(0, bool)


def divided(edges: Edges, tolerance_m: float) -> tuple[Edges, Ints, tuple[Ints, Ints]]:
    """Divide edges at the ends of others that lie on them.

    Parameters
    ----------
    tolerance_m
        A point nearer to an edge than this lies on it.

    Returns
    -------
    pieces : Edges
    piece_of : position of the edge that each piece comes from
    (edge, point) : which edge was divided at which point key
    """
    n = len(edges)
    keys = np.unique(np.concatenate([edges.a, edges.b]))
    at = edges.points(keys)
    point, edge = STRtree(edges.lines()).query(shapely.points(at), predicate="dwithin", distance=tolerance_m)
    inner = (keys[point] != edges.a[edge]) & (keys[point] != edges.b[edge])
    point, edge = point[inner], edge[inner]
    a, b = edges.points(edges.a), edges.points(edges.b)
    along = b[edge] - a[edge]
    share = ((at[point] - a[edge]) * along).sum(axis=1) / (along**2).sum(axis=1)
    inside = (share > 0) & (share < 1)
    point, edge, share = point[inside], edge[inside], share[inside]
    whole = np.arange(n)
    line = np.concatenate([whole, edge, whole])
    key = np.concatenate([edges.a, keys[point], edges.b])
    where = np.concatenate([np.zeros(n), share, np.ones(n)])
    order = np.lexsort((key, where, line))
    line, key = line[order], key[order]
    step = np.flatnonzero((line[1:] == line[:-1]) & (key[1:] != key[:-1]))
    of = line[step]
    pieces = Edges(key[step], key[step + 1], edges.owner[of], edges.sign[of], edges.low)
    return pieces, of, (edge, keys[point])


def _mixed(key: Ints) -> NDArray[np.uint64]:
    """Numbers whose bits depend on all bits of the key (the finisher of splitmix64)."""
    z = key.astype(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
