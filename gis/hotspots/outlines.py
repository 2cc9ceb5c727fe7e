"""Polygons that hold exactly the cases of a cluster: all of its own, and no other.

The cases are triangulated (Delaunay), all clusters and the noise between them at once; a triangle belongs to a cluster
when its three corners do and its circumcircle is no wider than the reach (the alpha shape of Edelsbrunner, Kirkpatrick
& Seidel 1983, "On the shape of a set of points in the plane", drawn on all points and not on the cluster's alone). No
triangle of a triangulation holds a point but its corners: so no case of others lies in the union. A case on no
triangle gets a small disk of its own.
"""

from __future__ import annotations

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
    mm = np.column_stack([millimetres(x), millimetres(y)])
    kept = _thinned(mm, label, round(reach_m * 1000) // _FINE)
    mm = mm[kept]
    mm, at = np.unique(mm, axis=0, return_index=True)
    mine = label[kept][at]
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


def _thinned(mm: NDArray[np.int64], label: NDArray[np.int32], side: int) -> NDArray[np.int64]:
    """Points that the outlines need: no noise far from all clusters, and few of the inner points of a cluster.

    Noise in a fine square is far when no cluster has points in the 13 by 13 squares around it: a triangle that holds a
    point has a corner within the reach. Of a square deep inside one cluster the first point in order of place is
    enough; deep: it and the 24 squares around it hold points, all of that one cluster. The triangles over its ground
    have corners within three squares of it, so they are narrow enough to belong to the cluster.
    """
    away = mm - mm.min(axis=0)
    margin = _FINE + 1
    width = int(away[:, 0].max()) // side + 2 * margin + 1
    key = (away[:, 1] // side + margin) * width + away[:, 0] // side + margin
    order = np.lexsort((mm[:, 0], mm[:, 1], key))
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
    """Edges that bound the triangles of the clusters, float64 (m, 2, 2) in metres, and the cluster of each."""
    none = np.empty((0, 2, 2)), np.empty(0, dtype=np.int32)
    if len(mm) < 3:
        return none
    local = (mm - mm.min(axis=0)).astype(float)
    try:
        net = spatial.Delaunay(local)
    except spatial.QhullError:  # all on one line
        return none
    corner = net.simplices
    own = label[corner[:, 0]]
    same = (own >= 0) & (own == label[corner[:, 1]]) & (own == label[corner[:, 2]])
    same[same] &= _circumradius(local[corner[same]]) <= reach_m * 1000
    beside = net.neighbors
    open_ = same[:, None] & ~((beside >= 0) & same[beside])
    triangle, side = np.nonzero(open_)
    ends = corner[triangle, (side + 1) % 3], corner[triangle, (side + 2) % 3]
    return np.stack([mm[ends[0]], mm[ends[1]]], axis=1) / 1000, own[triangle]


def _circumradius(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the circle through the corners of each triangle, shape (n, 3, 2) in, (n,) out; inf for none."""
    a, b, c = (np.hypot(*(corners[:, i] - corners[:, j]).T) for i, j in ((0, 1), (1, 2), (2, 0)))
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    double = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
    with np.errstate(divide="ignore"):
        return np.where(double > 0, a * b * c / (2 * double), np.inf)


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
