"""Cells under an area mask: those of it alone; what the filter leaves out is no place without cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from api.statistics.filtering import area_of

if TYPE_CHECKING:
    from api.statistics.cells import Cells
    from api.statistics.selection import Look

PART = 0.5
"""A cell takes part if the mask covers this share of it; of what it covers of cells at all, where these are larger."""


def is_masked(found: Look) -> bool:
    """Whether the selection is of some areas alone."""
    return found.wanted.within is not None or found.wanted.without is not None


class Cut(NamedTuple):
    """Cells of the selection's areas (n); ``ground`` that each has in them, and what lies ``beyond``; metres."""

    cells: Cells
    ground: NDArray[np.object_]
    beyond: NDArray[np.object_]


def cut_cells(found: Look, cells: Cells) -> Cut:
    """The cells of the selection's areas; without a mask all cells, with all of their ground.

    Cases in cells that are left out are in none.
    """
    shapes = cells.metres(found.city.srid)
    if not is_masked(found):
        return Cut(cells, shapes, shapes[:0])
    ground = masked(found, shapes)
    keep = _taken(shapes, ground)
    number = np.append(np.where(keep, np.cumsum(keep) - 1, -1), -1)
    frame = cells.frame[keep].reset_index(drop=True)
    across = keep & (shapely.area(ground) < shapely.area(shapes))
    rest = shapely.difference(shapes[across], ground[across])
    beyond = np.concatenate([shapes[~keep], rest[shapely.area(rest) > 0]])
    return Cut(cells._replace(frame=frame, near=some_of(cells.near, keep), at=number[cells.at]), ground[keep], beyond)


def taken_units(found: Look) -> NDArray[np.bool_]:
    """Units of the selection's areas."""
    shapes = found.units.geometry.to_numpy()
    return _taken(shapes, masked(found, shapes)) if is_masked(found) else np.ones(len(shapes), dtype=bool)


def unit_hectares(found: Look) -> NDArray[np.float64]:
    """Hectares of each unit in the selection's areas; never zero."""
    shapes = found.units.geometry.to_numpy()
    return np.maximum(shapely.area(masked(found, shapes) if is_masked(found) else shapes), 1.0) / 1e4


def masked(found: Look, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Of each polygon (metres) the part that lies in the selection's areas; empty where there is none."""
    areas = found.ground.areas
    out = np.array(shapes, dtype=object)
    for items, inside in ((found.wanted.within, True), (found.wanted.without, False)):
        mask = area_of(areas, items)
        if mask is None:
            continue
        whole = shapely.union_all(mask)
        shapely.prepare(whole)
        covered, touched = shapely.covers(whole, out), shapely.intersects(whole, out)
        across = touched & ~covered
        cut = shapely.intersection if inside else shapely.difference
        out[across] = cut(out[across], whole)
        out[~touched if inside else covered] = shapely.Polygon()
    return out


def some_of(near: Any, keep: NDArray[np.bool_]) -> Any:
    """The matrix of neighbours of some cells, in order within each row as before."""
    if keep.all():
        return near
    made = near[keep][:, keep]
    made.sort_indices()
    return made


def _taken(shapes: NDArray[np.object_], ground: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Cells of which the mask covers enough. Of back lanes it covers little of any unit: so half of what is usual."""
    area = shapely.area(ground)
    share = area / np.maximum(shapely.area(shapes), 1e-9)
    order = np.argsort(share, kind="stable")
    held = np.cumsum(area[order])
    usual = share[order][np.searchsorted(held, held[-1] / 2)] if len(held) and held[-1] > 0 else 1.0
    return (share > 0) & (share >= PART * usual)
