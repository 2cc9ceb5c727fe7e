"""Polygons that hold exactly the cases of a cluster: all of its own, and no other.

The cases are triangulated (Delaunay), all clusters and the noise between them at once; a triangle belongs to a cluster
when its three corners do and its circumcircle is no wider than the reach (the alpha shape of Edelsbrunner, Kirkpatrick
& Seidel 1983, "On the shape of a set of points in the plane", drawn on all points and not on the cluster's alone). No
triangle of a triangulation holds a point but its corners: so no case of others lies in the union. A case on no
triangle gets a small disk of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import spatial

from gis import raster
from gis.exact import millimetres
from gis.hotspots.points import read_points

DISK_M = 1.0
"""Largest radius of the disk of a case on no triangle; smaller where a case of others is near."""
_SEGMENTS = 4
_TILE, _MARGINS, _OFF = 2000, 8, 0.3719
"""A tile holds about so many points, is so many reaches wide at least, and lies so far (mm) off whole millimetres."""
_FINE = 5
"""The squares in which inner cases are thinned out measure a fifth of the reach."""


def outlines(
    x: ArrayLike, y: ArrayLike, label: NDArray[np.int32], *, count: int, reach_m: float
) -> NDArray[np.object_]:
    """One MultiPolygon for each cluster.

    Parameters
    ----------
    x, y
        Points in metres, shape (n,), taken to the millimetre; those of no cluster too.
    label
        Cluster of each point, -1 for none, shape (n,); points at one place share it.
    count
        Count of the clusters.
    reach_m
        A triangle belongs to the cluster when its circumcircle has at most this radius, metres.

    Returns
    -------
    ndarray of MultiPolygon, shape (count,)
        Each covers the points of its cluster and no other; a point on the border is covered.
    """
    x, y = read_points(x, y)
    out = np.full(count, shapely.MultiPolygon(), dtype=object)
    if not count:
        return out
    mm, mine = _places(np.column_stack([millimetres(x), millimetres(y)]), label)
    kept = _thinned(mm, mine, round(reach_m * 1000) // _FINE)
    mm, mine = mm[kept], mine[kept]
    edges, of = _border(mm, mine, reach_m)
    shapes = _areas(edges, of, count)
    found = _holder(shapes, mm)
    odd = np.flatnonzero((found >= 0) & (found != mine))  # rounding in the triangulation: on an edge of others
    if len(odd):
        _each(shapes, found[odd], _disks(mm, mine, odd), shapely.difference)
        found = _holder(shapes, mm)
    lone = np.flatnonzero((mine >= 0) & (found != mine))
    _each(shapes, mine[lone], _disks(mm, mine, lone), shapely.union)
    for c, shape in enumerate(shapes):
        out[c] = shape if shapely.get_type_id(shape) == 6 else shapely.multipolygons([shape])
    return out


def _places(mm: NDArray[np.int64], label: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Each place once, from the west and then from the south, and its label."""
    away = mm - mm.min(axis=0)
    _, at = np.unique(away[:, 0] * (away[:, 1].max() + 1) + away[:, 1], return_index=True)
    return mm[at], label[at]


def _thinned(mm: NDArray[np.int64], label: NDArray[np.int32], side: int) -> NDArray[np.int64]:
    """Places that the outlines need: no noise far from all clusters, and few of the inner points of a cluster.

    Noise in a fine square is far when no cluster has points in the 13 by 13 squares around it: a triangle that holds a
    point has a corner within the reach. Of a square deep inside one cluster the first point in order of place is
    enough; deep: it and the 24 squares around it hold points, all of that one cluster. The triangles over its ground
    have corners within three squares of it, so they are narrow enough to belong to the cluster.
    """
    away = mm - mm.min(axis=0)
    margin = _FINE + 1
    width = int(away[:, 0].max()) // side + 2 * margin + 1
    key = (away[:, 1] // side + margin) * width + away[:, 0] // side + margin
    order = np.argsort(key, kind="stable")
    at = key[order]
    begin = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
    low = np.minimum.reduceat(label[order], begin)
    high = np.maximum.reduceat(label[order], begin)
    deep = _around(at[begin], width, 2, np.where(low == high, low, -1), True) == 25
    far = (high < 0) & (_around(at[begin], width, margin, high, False) == 0)
    keep = np.empty(len(mm), dtype=np.bool_)
    keep[order] = np.repeat(~deep & ~far, np.diff(np.append(begin, len(at))))
    keep[order[begin[deep]]] = True
    return np.flatnonzero(keep)


@njit(cache=True, nogil=True)
def _around(key, width, reach, mark, same):
    """Of the squares within so many rows and columns of each, how many have a mark (the same as it has)."""
    n = len(key)
    count = np.zeros(n, dtype=np.int64)
    for row in range(-reach, reach + 1):
        low = 0
        for i in range(n):
            wanted = key[i] + row * width
            while low < n and key[low] < wanted - reach:
                low += 1
            j = low
            while j < n and key[j] <= wanted + reach:
                if mark[j] >= 0 and (not same or mark[j] == mark[i]):
                    count[i] += 1
                j += 1
    return count


def _border(
    mm: NDArray[np.int64], label: NDArray[np.int32], reach_m: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Edges that bound the triangles of the clusters, float64 (m, 2, 2) in metres, and the cluster of each.

    Tile by tile, each with the points within the reach around it: a triangle whose circle is no wider than the reach
    has all that could lie in that circle among the points of the tile that holds the circle's centre. So the tiles
    together give the triangles of one triangulation of all, at a cost that grows with the points and no faster.
    """
    none = np.empty((0, 2, 2)), np.empty(0, dtype=np.int32)
    if len(mm) < 3:
        return none
    reach = reach_m * 1000
    parts = [_triangles(mm, label, part, reach, *tile) for part, tile in _tiles(mm, reach)]
    ends = np.concatenate([np.empty((0, 2), dtype=np.int64), *parts])
    # an edge between triangles of two tiles is told by both of them, and bounds nothing
    low, high = np.minimum(*ends.T), np.maximum(*ends.T)
    order = np.argsort(low * len(mm) + high, kind="stable")
    key = (low * len(mm) + high)[order]
    single = np.ones(len(key), dtype=np.bool_)
    single[1:] &= key[1:] != key[:-1]
    single[:-1] &= key[1:] != key[:-1]
    ends = ends[order[single]]
    return mm[ends] / 1000, label[ends[:, 0]]


def _tiles(mm: NDArray[np.int64], reach: float) -> Iterator[tuple[NDArray[np.int64], tuple[float, float, float]]]:
    """Numbers of the points of each tile, those within the reach around it included; its corner and side."""
    low, wide = mm.min(axis=0), np.ptp(mm, axis=0)
    side = max(_MARGINS * reach, float(np.sqrt(_TILE * float(wide[0] + 1) * float(wide[1] + 1) / len(mm))))
    away = mm - low
    # corners off the whole millimetres, so that no circle of points on a lattice is centred on a border of tiles
    at = np.floor((away + _OFF) / side).astype(np.int64)
    rest = away + _OFF - at * side
    columns = int(at[:, 0].max()) + 3
    keys, points = [], []
    for column, row in np.ndindex(3, 3):
        beside = np.ones(len(mm), dtype=np.bool_)
        for axis, step in enumerate((column - 1, row - 1)):
            beside &= step == 0 or (rest[:, axis] <= reach + 1 if step < 0 else rest[:, axis] >= side - reach - 1)
        some = np.flatnonzero(beside)
        keys.append((at[some, 1] + row) * columns + at[some, 0] + column)
        points.append(some)
    key, point = np.concatenate(keys), np.concatenate(points)
    order = np.lexsort((point, key))
    key, point = key[order], point[order]
    begin = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    for tile, part in zip(key[begin], np.split(point, begin[1:]), strict=True):
        row, column = divmod(int(tile), columns)
        yield part, (low[0] - _OFF + (column - 1) * side, low[1] - _OFF + (row - 1) * side, side)


def _triangles(
    mm: NDArray[np.int64],
    label: NDArray[np.int32],
    part: NDArray[np.int64],
    reach: float,
    west: float,
    south: float,
    side: float,
) -> NDArray[np.int64]:
    """Edges (k, 2) of the clusters' triangles whose circle is centred in the tile, but those between two of them."""
    none = np.empty((0, 2), dtype=np.int64)
    if len(part) < 3 or (label[part] < 0).all():
        return none
    local = (mm[part] - mm[part[0]]).astype(float)
    try:
        net = spatial.Delaunay(local)
    except spatial.QhullError:  # all on one line
        return none
    corner = net.simplices
    own = label[part[corner]]
    same = np.flatnonzero((own[:, 0] >= 0) & (own[:, 0] == own[:, 1]) & (own[:, 0] == own[:, 2]))
    centre, radius = _circles(local[np.sort(corner[same], axis=1)])
    x, y = (centre + mm[part[0]] - (west, south)).T
    kept = np.zeros(len(corner), dtype=np.bool_)
    kept[same] = (radius <= reach) & (x >= 0) & (x < side) & (y >= 0) & (y < side)
    beside = net.neighbors
    triangle, edge = np.nonzero(kept[:, None] & ~((beside >= 0) & kept[beside]))
    return part[np.column_stack([corner[triangle, (edge + 1) % 3], corner[triangle, (edge + 2) % 3]])]


def _circles(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre (n, 2) and radius (n,) of the circle through the corners (n, 3, 2) of each triangle; inf for none."""
    first = corners[:, 0]
    one, two = corners[:, 1] - first, corners[:, 2] - first
    double = 2.0 * (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
    long, far = (one**2).sum(axis=1), (two**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (two[:, 1] * long - one[:, 1] * far) / double
        y = (one[:, 0] * far - two[:, 0] * long) / double
    radius = np.where(double != 0, np.hypot(x, y), np.inf)
    return first + np.nan_to_num(np.column_stack([x, y])), radius


def _areas(edges: NDArray[np.float64], of: NDArray[np.int32], count: int) -> NDArray[np.object_]:
    """The area that the edges of each cluster bound."""
    out = np.full(count, shapely.MultiPolygon(), dtype=object)
    if len(edges):
        order = np.argsort(of, kind="stable")
        some, number = np.unique(of[order], return_inverse=True)
        groups = shapely.multilinestrings(shapely.linestrings(edges[order]), indices=number)
        out[some] = shapely.normalize(shapely.build_area(groups))
    return out


def _holder(shapes: NDArray[np.object_], mm: NDArray[np.int64]) -> NDArray[np.int32]:
    """The area on which each point lies, exactly; -1 for none. Areas meet in no place but corners that are cases."""
    filled = np.flatnonzero(~shapely.is_empty(shapes))
    if not len(filled):
        return np.full(len(mm), -1, dtype=np.int32)
    found = raster.locate(raster.build(shapes[filled]), *np.ascontiguousarray(mm.T))
    return np.where(found >= 0, filled[found], -1).astype(np.int32)


def _each(shapes: NDArray[np.object_], of: NDArray[np.int32], disks: NDArray[np.object_], change) -> None:  # type: ignore[no-untyped-def]
    """Change the areas by the disks that are theirs."""
    for c in np.unique(of):
        shapes[c] = change(shapes[c], shapely.union_all(disks[of == c]))


def _disks(mm: NDArray[np.int64], label: NDArray[np.int32], lone: NDArray[np.int64]) -> NDArray[np.object_]:
    """A disk around each lone point that holds no point of others."""
    tree = spatial.KDTree(mm)
    radius = np.full(len(lone), DISK_M)
    for i, p in enumerate(lone):
        near = np.array(tree.query_ball_point(mm[p], DISK_M * 2000), dtype=np.int64)
        other = near[label[near] != label[p]]
        if len(other):
            radius[i] = min(DISK_M, 0.4 * float(np.hypot(*(mm[other] - mm[p]).T).min()) / 1000)
    return shapely.buffer(shapely.points(mm[lone] / 1000), radius, quad_segs=_SEGMENTS)
