"""Allowed ground: the cells of the plane that lie in the city and not in its waters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis import exact, raster
from gis.hotspots.points import Bounds, lattice


def allowed_cells(
    bounds: Bounds, *, cell_m: float, city: ArrayLike, water: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Cells whose centre lies in one of the city's polygons and in none of the water's.

    Parameters
    ----------
    bounds
        West, south, east, north in metres, as for `kde`.
    cell_m
        Side of a cell, metres.
    city
        Polygons of the city (its units, or its areas), shape (n,), metres.
    water
        Polygons of the water, shape (m,); None for none.

    Returns
    -------
    bool (rows, columns), row 0 the southernmost.

    Examples
    --------
    >>> import shapely
    >>> allowed_cells((0, 0, 40, 20), cell_m=10, city=[shapely.box(0, 0, 30, 20)], water=[shapely.box(0, 0, 10, 10)])
    array([[False,  True,  True, False],
           [ True,  True,  True, False]])
    """
    west, south, rows, columns = lattice(bounds, cell_m)
    x, y = np.meshgrid(west + (np.arange(columns) + 0.5) * cell_m, south + (np.arange(rows) + 0.5) * cell_m)
    mm = exact.millimetres(np.column_stack([x.ravel(), y.ravel()]))
    east, north = np.ascontiguousarray(mm[:, 0]), np.ascontiguousarray(mm[:, 1])
    inside = raster.locate(raster.build(city), east, north) >= 0
    if water is not None and len(np.atleast_1d(np.asarray(water))):
        inside &= raster.locate(raster.build(water), east, north) < 0
    return inside.reshape(rows, columns)
