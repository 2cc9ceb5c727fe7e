"""Cells that cases are counted in: unit grids, areas of a set, H3 cells, squares; and in which each case lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import exact, hotspots, raster
from gis.crs import to_city
from gis.hotspots import hexagons
from gis.hotspots.points import lattice
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from api.statistics.selection import Look, Units

SQUARE_M = 100.0
"""Side of the squares of ``plane`` by default: ten thousand square metres."""


class Cells(NamedTuple):
    """Cells (n) with who is whose neighbour, and the cell of each case (m).

    ``frame`` has a ``code`` (squares have none), geometry in degrees for H3 cells and in the city's CRS else; ``near``
    is a matrix of ones (n, n); ``at`` int64 (m,), -1 for none.
    """

    frame: gpd.GeoDataFrame
    near: Any
    at: NDArray[np.int64]

    def counted(self) -> NDArray[np.int64]:
        """Cases of each cell."""
        return np.bincount(self.at[self.at >= 0], minlength=len(self.frame))

    def by_bin(self, bin_of: NDArray[np.int64], bins: int) -> NDArray[np.int64]:
        """Cases of each cell in each bin of time, shape (n, bins); bins beyond are left out."""
        mine = (self.at >= 0) & (bin_of >= 0) & (bin_of < bins)
        flat = np.bincount(self.at[mine] * bins + bin_of[mine], minlength=len(self.frame) * bins)
        return flat.reshape(len(self.frame), bins)

    def metres(self, srid: int) -> NDArray[np.object_]:
        """Polygons in metres of the city's CRS."""
        shapes = self.frame.geometry.to_numpy()
        if not self.frame.crs.is_geographic:
            return shapes
        return shapely.transform(shapes, lambda xy: np.column_stack(to_city(xy[:, 0], xy[:, 1], 4326, srid)))

    def middles(self, srid: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centroids in metres of the city's CRS."""
        middle = shapely.centroid(self.frame.geometry.to_numpy())
        x, y = shapely.get_x(middle), shapely.get_y(middle)
        return to_city(x, y, 4326, srid) if self.frame.crs.is_geographic else (x, y)


def find_cells(
    found: Look, cells: str, cell_m: float, x: NDArray[np.float64], y: NDArray[np.float64], unit: pd.Categorical
) -> Cells:
    """Cells of a kind, and the one of each case.

    Parameters
    ----------
    found
        The city, its units and areas.
    cells
        ``unit``, ``area:SET``, ``h3:N`` or ``plane``.
    cell_m
        Side of the squares of ``plane``, metres; NaN for `SQUARE_M`.
    x, y, unit
        Places of the cases in metres, and the unit of each answer, "" for none; shape (m,).

    Raises
    ------
    InputError
        There is no such set of areas.
    """
    import geopandas as gpd

    kind, _, rest = cells.partition(":")
    srid, ground = found.city.srid, found.ground
    if kind == "unit":
        return Cells(found.units[["code", "community", "geometry"]], ground.near, ground.located(unit))
    if kind == "area":
        areas = _areas(ground, rest)
        shapes = areas.geometry.to_numpy()
        mm = exact.millimetres(np.column_stack([x, y]))
        at = raster.locate(raster.build(shapes), *np.ascontiguousarray(mm.T)).astype(np.int64)
        return Cells(areas, hotspots.contact(shapes), at)
    if kind == "h3":
        numbers, at = hexagons.place_hexagons(x, y, level=int(rest), srid=srid, ground=ground.ground)
        shapes = hexagons.hexagon_shapes(numbers)
        frame = gpd.GeoDataFrame({"code": hexagons.hexagon_names(numbers)}, geometry=shapes, crs=4326)
        return Cells(frame, hexagons.ring(numbers), at)
    side = SQUARE_M if np.isnan(cell_m) else cell_m
    west, south, rows, columns = lattice(found.bounds, side)
    column, row = np.floor((x - west) / side).astype(np.int64), np.floor((y - south) / side).astype(np.int64)
    within = (column >= 0) & (row >= 0) & (column < columns) & (row < rows)
    flat = np.where(within, row * columns + column, 0)
    inside = np.bincount(flat[within], minlength=rows * columns).reshape(rows, columns) > 0
    if len(ground.ground):
        inside |= hotspots.allowed_cells(found.bounds, cell_m=side, city=ground.ground)
    number = np.cumsum(inside.ravel()) - 1
    shapes = boxes(west, south, side, inside)
    frame = gpd.GeoDataFrame(geometry=shapes, crs=srid)
    return Cells(frame, hotspots.squares(inside), np.where(within, number[flat], -1))


def boxes(west: float, south: float, side: float, inside: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Squares of a lattice, row by row from its lower left corner."""
    row, column = np.nonzero(inside)
    left, low = west + column * side, south + row * side
    return shapely.box(left, low, left + side, low + side)


def _areas(ground: Units, name: str) -> gpd.GeoDataFrame:
    areas = ground.areas[ground.areas["set"] == name].sort_values("code", kind="stable").reset_index(drop=True)
    if not len(areas):
        known = sorted(set(ground.areas["set"]))
        right = f"there are {', '.join(known)}" if known else "the city has no areas"
        raise InputError(f"no set of areas {name!r}", where="cells", right=right)
    return areas[["code", "name", "geometry"]]
