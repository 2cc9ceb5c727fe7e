"""The ground that cells have: cases that fall evenly are more in a larger cell, and no hotspot for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

if TYPE_CHECKING:
    from api.statistics.masking import Cut
    from api.statistics.selection import Look, Units

RIM = 0.5
"""A square or hexagon with less of the usual ground than this lies at the rim, and is held against nothing."""


def cell_hectares(found: Look, cut: Cut, kind: str) -> NDArray[np.float64]:
    """Hectares of the city, and of the selection's areas, in each cell.

    Parameters
    ----------
    found
        The city.
    cut
        Cells of the selection (`api.statistics.masking.cut_cells`), n of them.
    kind
        ``unit``, ``area:SET``, ``h3:N`` or ``plane``; the last two reach beyond the city.

    Returns
    -------
    float64 (n,), above zero; that of a whole cell where nothing says where the city ends.
    """
    area = shapely.area(cut.ground)
    if kind.partition(":")[0] in ("h3", "plane") and len(found.ground.ground):
        area = _within(found.ground, cut.ground)
    least = 1e-3 * float(np.median(area[area > 0])) if (area > 0).any() else 1.0
    return np.maximum(area, least) / 1e4


def is_whole(hectares: NDArray[np.float64], kind: str) -> NDArray[np.bool_]:
    """Cells that are held against each other: of squares and hexagons those with enough of the usual ground."""
    if kind.partition(":")[0] not in ("h3", "plane") or not len(hectares):
        return np.ones(len(hectares), dtype=bool)
    return hectares >= RIM * np.median(hectares)


def _within(ground: Units, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Square metres of each polygon in the city."""
    whole, area = ground.whole, shapely.area(shapes)
    across = np.flatnonzero(~shapely.covers(whole, shapes))
    if not len(ground.frame):  # areas may lie on one another
        area[across] = shapely.area(shapely.intersection(whole, shapes[across]))
        return area
    one, unit = shapely.STRtree(ground.ground).query(shapes[across], predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[across][one], ground.ground[unit]))
    area[across] = np.bincount(one, shared, minlength=len(across))
    return area
