"""The 1 mm rule: coordinates are whole millimetres, and on-edge is decided on those integers, never on floats."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gis import sides

GRID_M = 0.001
LIMIT_MM = 2**31 - 1
"""Largest offset from a layer's origin: 2,147 km, so that a cross product stays below 2**63."""


def snap(geometry: ArrayLike) -> NDArray[np.object_]:
    """Snap geometries to the 1 mm grid, valid afterwards.

    Parameters
    ----------
    geometry
        Shapely geometries of any type, shape (n,), metric CRS; None stays None.

    Returns
    -------
    ndarray of geometry, shape (n,)
        Parts smaller than the grid vanish; a geometry that vanishes whole is empty.
    """
    return shapely.set_precision(np.atleast_1d(np.asarray(geometry, dtype=object)), GRID_M)


def footprint(
    line: ArrayLike,
    width_m: ArrayLike,
    *,
    side: ArrayLike = "both",
    from_m: ArrayLike = np.nan,
    to_m: ArrayLike = np.nan,
) -> NDArray[np.object_]:
    """Ground covered by lines with a width, on the 1 mm grid.

    Parameters
    ----------
    line
        LineStrings or MultiLineStrings, shape (n,), metric CRS. Polygons are returned snapped as they are.
    width_m
        Full width in metres, shape (n,); ignored for polygons.
    side
        ``both`` (or ""): half the width to each side, with round ends, or square ones where chainage cuts the line.
        ``left`` or ``right`` in the drawn direction: the full width to that side, with square ends. Shape (n,).
    from_m, to_m
        Chainage in metres from the line's first point between which it is covered, shape (n,); NaN: its ends.

    Returns
    -------
    ndarray of MultiPolygon, shape (n,)

    Raises
    ------
    InputError
        When the sides of a line cannot be told apart, see `gis.sides.one_side`.
    """
    lines = np.atleast_1d(np.asarray(line, dtype=object))
    width, begin, end = (np.broadcast_to(np.asarray(v, dtype=float), lines.shape) for v in (width_m, from_m, to_m))
    sides_ = np.broadcast_to(np.asarray(side, dtype=object), lines.shape)
    flat = np.isin(shapely.get_type_id(lines), (1, 5))
    cut = ~np.isnan(begin) | ~np.isnan(end)
    left = np.isin(sides_, list(sides.TO_LEFT))
    out = lines.copy()
    plain = flat & ~cut & ~left
    out[plain] = shapely.buffer(lines[plain], width[plain] / 2, quad_segs=8)
    for k in np.flatnonzero(flat & (cut | left)):
        part = sides.stretch(lines[k], begin[k], end[k])
        if left[k]:
            out[k] = sides.one_side(part, width[k], left=sides.TO_LEFT[sides_[k]])
        else:
            ends = {"round_start": bool(np.isnan(begin[k])), "round_end": bool(np.isnan(end[k]))}
            out[k] = sides.band(part, width[k] / 2, **ends)
    return multipolygons(snap(out))


def multipolygons(geometry: ArrayLike) -> NDArray[np.object_]:
    """Each polygon as a MultiPolygon; MultiPolygons, None and everything else as they are. Shape (n,)."""
    out = np.atleast_1d(np.asarray(geometry, dtype=object)).copy()
    single = shapely.get_type_id(out) == 3
    index = np.arange(single.sum())
    out[single] = shapely.multipolygons(out[single], indices=index) if len(index) else out[single]
    return out


def millimetres(metres: ArrayLike) -> NDArray[np.int64]:
    """Whole millimetres of finite metres, any shape; a half goes to the even neighbour, as in PostgreSQL's round()."""
    return np.rint(np.asarray(metres, dtype=np.float64) * 1000.0).astype(np.int64)


def rings(geometry: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Edges of polygons in whole millimetres.

    Parameters
    ----------
    geometry
        Polygons and MultiPolygons, shape (n,), metric CRS. None and empty ones have no edges.

    Returns
    -------
    edges : int64, shape (m, 4)
        x0, y0, x1, y1 of every ring edge, grouped by geometry, in ring order; edges of no length are left out.
    offsets : int64, shape (n + 1,)
        Edges of geometry i are ``edges[offsets[i]:offsets[i + 1]]``.
    """
    shapes = np.atleast_1d(np.asarray(geometry, dtype=object))
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    ring, of_part = shapely.get_rings(parts, return_index=True)
    xy, of_ring = shapely.get_coordinates(ring, return_index=True)
    mm = millimetres(xy)
    owner = of_shape[of_part][of_ring] if len(mm) else np.empty(0, dtype=np.int64)
    step = np.flatnonzero(of_ring[1:] == of_ring[:-1])
    edges = np.hstack([mm[step], mm[step + 1]])
    keep = (edges[:, 0] != edges[:, 2]) | (edges[:, 1] != edges[:, 3])
    counts = np.bincount(owner[step][keep], minlength=len(shapes))
    return edges[keep], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
