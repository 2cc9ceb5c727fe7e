"""What stands on large blocks: buildings that cuts are to miss, parcels whose borders they are to follow."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.compile.linework import Floats, Ints

BESIDE_M, SHORT_M = 0.05, 0.5
"""A line has a parcel beside it within this distance. Lines are cut off before the border of their block, and from
there carried on to it, as they are where parcels end at the street front."""


def edges_inside(buildings: gpd.GeoDataFrame | None, blocks: NDArray[np.object_]) -> tuple[Floats, Ints]:
    """Edges (n, 4) of the buildings in each block, counterclockwise, block by block; start of each in them."""
    none = np.empty((0, 4)), np.zeros(len(blocks) + 1, np.int64)
    if buildings is None or not len(buildings) or not len(blocks):
        return none
    shapes = _polygons(buildings)
    # what lies on each other counts once
    shapes = shapes[np.unique(STRtree(blocks).query(shapes, predicate="intersects")[0])]
    if not len(shapes):
        return none
    shapes = shapely.orient_polygons(shapely.get_parts(shapely.union_all(shapes, grid_size=0.001)))
    block, house = STRtree(shapes).query(blocks, predicate="intersects")
    rings, owner = shapely.get_rings(shapes[house], return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    at = np.flatnonzero(ring[1:] == ring[:-1])
    of = block[owner[ring[at]]]
    edges = np.column_stack([xy[at], xy[at + 1]])
    order = np.lexsort((*edges.T[::-1], of))
    return edges[order], np.searchsorted(of[order], np.arange(len(blocks) + 1))


def borders_inside(parcels: gpd.GeoDataFrame, blocks: NDArray[np.object_]) -> NDArray[np.object_]:
    """Lines between two parcels inside blocks, up to `SHORT_M` from the border of the block."""
    shapes = _polygons(parcels)
    if len(shapes) and len(blocks):
        shapes = shapes[np.unique(STRtree(shapes).query(blocks, predicate="intersects")[1])]
    if not len(shapes) or not len(blocks):
        return np.empty(0, object)
    lines = shapely.get_parts(shapely.union_all(shapely.boundary(shapes), grid_size=0.001))
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    line, _ = STRtree(shapes).query(middle, predicate="dwithin", distance=BESIDE_M)
    lines = lines[np.bincount(line, minlength=len(lines)) >= 2]
    block, line = STRtree(lines).query(shapely.buffer(blocks, -SHORT_M), predicate="intersects")
    parts = shapely.get_parts(shapely.intersection(lines[line], shapely.buffer(blocks, -SHORT_M)[block]))
    return parts[shapely.length(parts) > 0]


def _polygons(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    shapes = shapely.get_parts(frame.geometry.to_numpy())
    shapes = shapes[shapely.get_type_id(shapes) == 3]
    return shapes[shapely.is_valid(shapes) & (shapely.area(shapes) > 0)]
