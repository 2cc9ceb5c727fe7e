"""H3 cells: how many cases each holds, who is whose neighbour, what they look like.

H3 is a way to show and compare, never the unit grid: no level has cells near ten thousand square metres, and cells of
one level differ in size by up to a third over a country.
"""

from __future__ import annotations

from itertools import repeat

import h3.api.basic_int as h3
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from gis.crs import to_lonlat
from gis.hotspots.points import read_points
from grids.errors import InputError, TooLarge

LEVELS = range(5, 13)
MOST_CELLS = 1_000_000
"""Most cells of a question."""


def usual_area(level: int) -> float:
    """Mean area of the cells of a level, square metres."""
    return float(h3.average_hexagon_area(level, unit="m^2"))


def hexagon_of(x: ArrayLike, y: ArrayLike, *, level: int, srid: int) -> NDArray[np.uint64]:
    """H3 cell of each point.

    Parameters
    ----------
    x, y
        Points in metres, shape (n,); no NaN.
    level
        One of `LEVELS`.
    srid
        EPSG code of the city's CRS.

    Raises
    ------
    InputError
        Another level, or a NaN.
    """
    if level not in LEVELS:
        raise InputError(f"h3 level {level}", where="cells", right=f"h3:{LEVELS[0]} to h3:{LEVELS[-1]}")
    x, y = read_points(x, y)
    lon, lat = to_lonlat(x, y, srid)
    cells = map(h3.latlng_to_cell, lat.tolist(), lon.tolist(), repeat(level))
    return np.fromiter(cells, dtype=np.uint64, count=len(x))


def count_hexagons(
    x: ArrayLike, y: ArrayLike, *, level: int, srid: int, ground: ArrayLike | None = None
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """H3 cells with the cases in each, in the order of their numbers.

    Parameters
    ----------
    x, y, level, srid
        As for `hexagon_of`.
    ground
        Polygons of the city in metres: cells whose centre lies in them count too when they hold no case. None leaves
        empty cells out (then no cell can be compared with those that have none).

    Returns
    -------
    cells : uint64 (m,)
    cases : int64 (m,)

    Raises
    ------
    TooLarge
        More cells than `MOST_CELLS`.
    """
    cells, at = place_hexagons(x, y, level=level, srid=srid, ground=ground)
    return cells, np.bincount(at, minlength=len(cells)).astype(np.int64)


def place_hexagons(
    x: ArrayLike, y: ArrayLike, *, level: int, srid: int, ground: ArrayLike | None = None
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """H3 cells as `count_hexagons` takes them, and the position in them of each point, int64 (n,)."""
    held, at = np.unique(hexagon_of(x, y, level=level, srid=srid), return_inverse=True)
    if ground is None:
        return held, at.astype(np.int64)
    cells = np.union1d(held, _covering(np.asarray(ground), level, srid))
    return cells, np.searchsorted(cells, held)[at].astype(np.int64)


def _covering(ground: NDArray[np.object_], level: int, srid: int) -> NDArray[np.uint64]:
    """Cells whose centre lies on the ground."""
    if not len(ground):
        return np.empty(0, dtype=np.uint64)
    size = usual_area(level)
    if shapely.area(ground).sum() / size > MOST_CELLS:
        raise TooLarge(f"h3:{level} has more than {MOST_CELLS:,} cells here", where="cells", right="a lower level")
    whole = shapely.union_all(shapely.simplify(ground, 0.0))

    def degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], srid))

    found: list[int] = []
    for part in shapely.get_parts(shapely.transform(shapely.segmentize(whole, 500.0), degrees)):
        rings = [shapely.get_coordinates(ring)[:, ::-1].tolist() for ring in (part.exterior, *part.interiors)]
        found.extend(h3.polygon_to_cells(h3_polygon(rings), level))
    return np.unique(np.array(found, dtype=np.uint64))


def h3_polygon(rings: list[list[list[float]]]) -> object:
    """Rings (latitude, longitude; the outer one first) as H3 takes them."""
    from h3 import LatLngPoly

    return LatLngPoly(*rings)


def ring(cells: NDArray[np.uint64]) -> sparse.csr_array:
    """Neighbours of H3 cells: the six around each, as far as they are among the cells.

    Parameters
    ----------
    cells
        Numbers in ascending order, shape (n,).

    Returns
    -------
    Symmetric (n, n) matrix of ones, diagonal included.
    """
    around = np.array([(list(h3.grid_disk(c, 1)) + [c] * 7)[:7] for c in cells.tolist()], dtype=np.uint64)
    around = around.reshape(len(cells), 7)  # a pentagon has five: its own number fills up
    at = np.minimum(np.searchsorted(cells, around), max(len(cells) - 1, 0))
    i, j = np.nonzero(cells[at] == around) if len(cells) else (np.empty(0, int), np.empty(0, int))
    j = at[i, j] if len(cells) else j
    pairs = np.unique(np.column_stack([i, j]), axis=0)
    matrix = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(cells), len(cells)))
    matrix.sort_indices()
    return matrix


def hexagon_shapes(cells: NDArray[np.uint64]) -> NDArray[np.object_]:
    """Outlines of H3 cells in degrees (longitude, latitude), shape (n,)."""
    shapes = [shapely.Polygon([(b, a) for a, b in h3.cell_to_boundary(c)]) for c in cells.tolist()]
    return np.array(shapes, dtype=object)


def hexagon_names(cells: NDArray[np.uint64]) -> list[str]:
    """Cells by their usual names, as ``89318c4e9a7ffff``."""
    return [h3.int_to_str(c) for c in cells.tolist()]
