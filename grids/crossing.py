"""Units that lie across a barrier: a river, railway or main road parts them into pieces that could each be a unit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.twins import edges_of, point_keys, undirected

Shapes = NDArray[np.object_]


def crossings(units: Shapes, barriers: Shapes, rank: NDArray[np.int64], *, part_m2: float) -> pd.DataFrame:
    """Units that barriers divide.

    Parameters
    ----------
    units
        n valid polygons in a metric CRS.
    barriers
        Lines; of areas (water, roads as areas) the border is taken.
    rank
        Rank of each barrier, 1 the highest.
    part_m2
        A unit counts when the second largest of its parts has at least so many m²: a crumb that no unit could be
        made of had to join somebody.

    Returns
    -------
    DataFrame
        ``unit`` (position), ``rank`` (the highest of the barriers inside), ``area_m2`` (of the second largest part),
        ``length_m`` (of barriers inside), ``geometry`` (the barriers inside), by unit.
    """
    lines = np.where(shapely.get_dimensions(barriers) == 2, shapely.boundary(barriers), barriers)
    lines, of = _apart(units, *shapely.get_parts(lines, return_index=True))
    large = np.flatnonzero(shapely.area(units) >= 2 * part_m2)
    line, unit = STRtree(units[large]).query(lines, predicate="intersects")
    unit = large[unit]
    inner = shapely.intersection(lines[line], units[unit])
    # a barrier along the border lies in the border: only what runs through the inside divides
    edge = shapely.length(shapely.intersection(inner, shapely.boundary(units[unit])))
    within = shapely.length(inner) - edge > 0.01
    inner, unit, rank_of = inner[within], unit[within], rank[of[line[within]]]
    order = np.lexsort((rank_of, unit))
    inner, unit, rank_of = inner[order], unit[order], rank_of[order]
    found, starts = np.unique(unit, return_index=True)
    bounds = [*starts.tolist(), len(unit)]
    joined = np.array([shapely.union_all(inner[i:j]) for i, j in pairwise(bounds)], dtype=object)
    second = _second_parts(units[found], joined)
    kept = second >= part_m2
    columns = {
        "unit": found[kept],
        "rank": rank_of[starts][kept],
        "area_m2": second[kept],
        "length_m": shapely.length(joined[kept]),
        "geometry": joined[kept],
    }
    return pd.DataFrame(columns)


def _apart(units: Shapes, lines: Shapes, of: NDArray[np.int64]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Segments of lines that are no edge of a unit, with the barrier of each: most barriers are borders throughout."""
    lines, of = lines[~shapely.is_empty(lines)], of[~shapely.is_empty(lines)]
    if not len(lines) or not len(units):
        return lines, of
    xy, line = shapely.get_coordinates(lines, return_index=True)
    step = np.flatnonzero(line[1:] == line[:-1])
    low = np.floor(np.minimum(xy.min(axis=0), shapely.total_bounds(units)[:2])) - 1
    ends = point_keys(xy, low)
    known = edges_of(units, low)
    mine = undirected(ends[step], ends[step + 1])
    inner = np.isin(mine, undirected(known.a, known.b), invert=True)
    step = step[inner & (ends[step] != ends[step + 1])]
    return shapely.linestrings(np.stack([xy[step], xy[step + 1]], axis=1)), of[line[step]]


def _second_parts(units: Shapes, lines: Shapes) -> NDArray[np.float64]:
    """Area of the second largest part of each unit when it is cut along lines; 0 where they do not part it."""
    noded = shapely.union(shapely.boundary(units), lines)
    out = np.zeros(len(units))
    for i, one in enumerate(noded):
        areas = np.sort(shapely.area(shapely.get_parts(shapely.polygonize([one]))))
        out[i] = areas[-2] if len(areas) > 1 else 0.0
    return out
