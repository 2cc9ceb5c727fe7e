"""Polygons side by side: the border they share, and straight cuts through them."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

GRID_M = 0.001


def borders(faces: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of faces (multi-part ones too) that share border, lower position first, and how many metres of it."""
    parts, face_of = shapely.get_parts(faces, return_index=True)
    rings, owner = shapely.get_rings(parts, return_index=True)
    owner = face_of[owner]
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    low = xy.min(axis=0, initial=np.inf) if len(xy) else np.zeros(2)
    grid = np.rint((xy - low) / GRID_M).astype(np.int64)
    key = grid[:, 0] * (1 << 31) + grid[:, 1]
    same = np.flatnonzero(ring[1:] == ring[:-1])
    start, end = key[same], key[same + 1]
    length = np.hypot(*(xy[same + 1] - xy[same]).T)
    face = owner[ring[same]].astype(np.int64)
    a, b = np.minimum(start, end), np.maximum(start, end)
    order = np.lexsort((face, b, a))
    a, b, face, length = a[order], b[order], face[order], length[order]
    twin = np.flatnonzero((a[1:] == a[:-1]) & (b[1:] == b[:-1]) & (face[1:] != face[:-1]))
    pair = face[twin] * len(faces) + face[twin + 1]
    pairs, index = np.unique(pair, return_inverse=True)
    n = max(len(faces), 1)
    return pairs // n, pairs % n, np.bincount(index, length[twin], len(pairs)).astype(np.float64)


def halve(
    shapes: NDArray[np.object_], at: NDArray[np.float64], unit: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.object_], NDArray[np.int64]]:
    """Cut each polygon along the straight line through ``at`` whose normal is ``unit``.

    Parameters
    ----------
    shapes
        n valid polygons.
    at, unit
        Points and unit normals, shape (n, 2), metres.

    Returns
    -------
    parts, owner, cuts, cut_owner
        Polygons on either side with the position of the polygon they come from (behind the line first), and the
        pieces of the line inside it. Parts below 1e-6 m² are dropped.
    """
    bounds = shapely.bounds(shapes)
    reach = 2 * np.hypot(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])[:, None] + 1.0
    along = np.column_stack([-unit[:, 1], unit[:, 0]])
    a, b = at + along * reach, at - along * reach
    behind = shapely.polygons(np.stack([a, b, b - unit * reach, a - unit * reach], axis=1))
    parts = np.concatenate([shapely.intersection(shapes, behind), shapely.difference(shapes, behind)])
    parts, index = shapely.get_parts(parts, return_index=True)
    kept = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 1e-6)
    owner = np.tile(np.arange(len(shapes)), 2)[index[kept]]
    cuts, cut_owner = shapely.get_parts(
        shapely.intersection(shapes, shapely.linestrings(np.stack([a, b], axis=1))), return_index=True
    )
    line = shapely.get_type_id(cuts) == 1
    return parts[kept], owner, cuts[line], cut_owner[line]
