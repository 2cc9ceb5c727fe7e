"""Polygons side by side that were drawn with other vertices: long edges take over the vertices that lie on them.

A straight edge is straight in one coordinate system only: where a neighbour has a vertex on it, the two borders part
by centimetres as soon as they are converted or rounded. With the vertex on both they stay one border. The same of a
border on whole millimetres: a corner more bends it, unless the border had one there from the beginning.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.compile.planar import beside

SPACING_M = 12.0
"""Corners on borders of communities lie no further apart: a unit's corner between two of them bends it by nothing."""

Shapes = NDArray[np.object_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def conformed(shapes: Shapes, others: Floats | None = None, *, tolerance: float, longer: float) -> Shapes:
    """Polygons with the vertices of each other, and further ones, on their long edges.

    Parameters
    ----------
    shapes
        n polygons, multi-part ones too; others are returned as they are.
    others
        (m, 2) further vertices in the same coordinates.
    tolerance
        A vertex nearer to an edge than this lies on it; in the unit of the coordinates, as ``longer``.
    longer
        Shorter edges are left alone.

    Examples
    --------
    >>> west, east = shapely.box(0, 0, 1, 2), shapely.Polygon([(1, 0), (2, 0), (2, 2), (1, 2), (1, 1)])
    >>> shapely.to_wkt(conformed(np.array([west, east]), tolerance=1e-9, longer=0)[0], rounding_precision=0)
    'POLYGON ((1 0, 1 1, 1 2, 0 2, 0 0, 1 0))'
    """
    out = shapes.copy()
    flat = np.flatnonzero(np.isin(shapely.get_type_id(shapes), (3, 6)))
    if not len(flat):
        return out
    parts, of = shapely.get_parts(shapes[flat], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    step = np.flatnonzero(ring[1:] == ring[:-1])
    step = step[np.hypot(*(xy[step + 1] - xy[step]).T) > longer]
    corners = np.unique(xy if others is None else np.concatenate([xy, others]), axis=0)
    lines = shapely.linestrings(np.stack([xy[step], xy[step + 1]], axis=1))
    corner, line = STRtree(lines).query(shapely.points(corners), predicate="dwithin", distance=tolerance)
    at = step[line]
    way = xy[at + 1] - xy[at]
    share = ((corners[corner] - xy[at]) * way).sum(axis=1) / (way**2).sum(axis=1)
    ends = np.stack([xy[at], xy[at + 1]])
    inner = (share > 0) & (share < 1) & (np.abs(corners[corner] - ends).max(axis=2) > tolerance).all(axis=0)
    at, share, corner = at[inner], share[inner], corner[inner]
    if not len(at):
        return out
    order = np.lexsort((share, at))
    at, corner = at[order], corner[order]
    xy, ring = np.insert(xy, at + 1, corners[corner], axis=0), np.insert(ring, at + 1, ring[at])
    out[flat] = _built(xy, ring, part, of, shapely.get_type_id(shapes[flat]) == 6)
    return out


def on_grid(shapes: Shapes, spacing_m: float) -> Shapes:
    """Polygons in metres on whole millimetres, with a corner at least every so many metres.

    Corners between the ends of an edge are the millimetre points that lie closest to it; an edge of two polygons gets
    the same ones from both sides.

    Examples
    --------
    >>> shapely.get_num_coordinates(on_grid(np.array([shapely.box(0, 0, 30, 10)]), 12.0)).tolist()
    [9]
    """
    out = shapes.copy()
    flat = np.flatnonzero(np.isin(shapely.get_type_id(shapes), (3, 6)))
    if not len(flat):
        return out
    parts, of = shapely.get_parts(shapes[flat], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    mm = np.rint(xy * 1e3)
    step = np.flatnonzero(ring[1:] == ring[:-1])
    a, b = mm[step], mm[step + 1]
    # the same corners whichever way the edge is walked
    turned = (b[:, 0] < a[:, 0]) | ((b[:, 0] == a[:, 0]) & (b[:, 1] < a[:, 1]))
    low, high = np.where(turned[:, None], b, a), np.where(turned[:, None], a, b)
    length = np.hypot(*(b - a).T)
    more = np.maximum(np.ceil(length / (spacing_m * 1e3)), 1).astype(np.int64) - 1
    edge = np.repeat(np.arange(len(step)), more)
    k = np.arange(len(edge)) - np.repeat(np.cumsum(more) - more, more) + 1
    k = np.where(turned[edge], more[edge] + 1 - k, k)
    way = high[edge] - low[edge]
    marks = beside(low[edge] + way * (k / (more[edge] + 1))[:, None], way / length[edge, None])
    at = step[edge] + 1
    xy, ring = np.insert(mm, at, marks, axis=0) / 1e3, np.insert(ring, at, ring[step[edge]])
    out[flat] = _built(xy, ring, part, of, shapely.get_type_id(shapes[flat]) == 6)
    return out


def _built(xy: Floats, ring: Ints, part: Ints, of: Ints, several: NDArray[np.bool_]) -> Shapes:
    """Polygons from coordinates, the ring of each, the part of each ring and the polygon of each part."""
    whole = shapely.polygons(shapely.linearrings(xy, indices=ring), indices=part)
    first = np.searchsorted(of, np.arange(len(several)))
    return np.where(several, shapely.multipolygons(whole, indices=of), whole[first])
