"""From which cell a case may have come: places are off by metres, and cells are not much larger.

A case recorded at y with an error of standard deviation s on each axis happened in cell j with a chance in proportion
to the cases of j times ``k_j(y) = sum_m w_jm N(y - x_jm; s)``: x_jm are points of the cell where cases happen, w_jm
their weights, which add up to one. Cases happen along streets, and streets are borders of cells as often as not: so
the points are the places of *other* cases that are well placed, and one case spread evenly over the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from gis.hotspots.points import read_points
from gis.hotspots.weighing import Floats
from grids.errors import InputError

SIGMA = 1.0 / 1.5096
"""Standard deviation of each axis for a 68 % radius of 1: 1 / sqrt(-2 ln 0.32)."""
BORDER_M = 8.5
"""Places are no better than this where it matters: borders run along streets, and so do cases."""
WELL_M = 12.0
"""A case is well placed if its 68 % radius is no larger."""
ACROSS, BESIDE = 5, 2
"""So many even points of a usual cell lie side by side; cases are taken together in squares of half their step."""
REACH, LEAST = 3.0, 1e-3
"""Cells beyond so many standard deviations, or of so small a chance beside the likeliest, are left out."""
_RADII = 5


@dataclass(frozen=True)
class Spread:
    """Points of cells where cases happen.

    Parameters
    ----------
    xy
        Metres, float64 (m, 2).
    cell
        Cell of each, int32 (m,); every cell has one at least.
    weight
        They add up to one in each cell, float64 (m,).
    step
        Metres between the points that are spread evenly.
    bare
        Cells without a well-placed case, bool (n,).
    """

    xy: Floats
    cell: NDArray[np.int32]
    weight: Floats
    step: float
    bare: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Count of cells."""
        return len(self.bare)


@dataclass(frozen=True)
class Whence:
    """Cells from which each case may have come.

    Parameters
    ----------
    first
        Where the cells of each case begin, and the end, int64 (cases + 1,).
    cell, chance
        Cells in order, int32, and k_j(y), scaled so that those of a case add up to one, float64.
    seen
        Share of a cell's cases that are recorded in any cell, float64 (n,): at the rim some end up beyond the city.
    bare
        Cells without a well-placed case: likelier than others to be idle, bool (n,).
    """

    first: NDArray[np.int64]
    cell: NDArray[np.int32]
    chance: Floats
    seen: Floats
    bare: NDArray[np.bool_]


def spread(cells: ArrayLike, x: ArrayLike = (), y: ArrayLike = (), at: ArrayLike = ()) -> Spread:
    """Where in the cells cases happen.

    Parameters
    ----------
    cells
        Polygons, shape (n,), in metres.
    x, y, at
        Well-placed cases and the cell of each, (m,); not those whose cells are to be found, each would be drawn to its
        own.

    Examples
    --------
    >>> found = spread([shapely.box(0, 0, 70, 70)], [3.0], [3.0], [0])
    >>> len(found.weight), found.weight.sum().round(9).item(), found.weight.max().round(2).item()
    (26, 1.0, 0.5)
    """
    shapes = np.asarray(cells, object)
    x, y = read_points(x, y)
    held, n = np.asarray(at, np.int64), len(shapes)
    step = float(max(np.sqrt(np.median(shapely.area(shapes))) / ACROSS, 0.1))
    low_x, low_y, high_x, high_y = shapely.total_bounds(shapes)
    even = np.stack(np.meshgrid(np.arange(low_x, high_x, step), np.arange(low_y, high_y, step)), -1).reshape(-1, 2)
    even += step / 2
    point, cell = shapely.STRtree(shapes).query(shapely.points(even), predicate="intersects")
    order = np.lexsort((cell, point))
    point, first = np.unique(point[order], return_index=True)
    cell = cell[order][first]
    without = np.setdiff1d(np.arange(n), cell)
    even = np.vstack([even[point], shapely.get_coordinates(shapely.point_on_surface(shapes[without]))])
    cell = np.append(cell, without)
    alike = 1.0 / np.bincount(cell, minlength=n)[cell]
    # cases of a cell that lie together are one point, at their middle; in whole millimetres sums are exact in any order
    side = step / BESIDE
    wide, high = int((high_x - low_x) // side) + 3, int((high_y - low_y) // side) + 3
    column, row = np.clip((x - low_x) // side + 1, 0, wide - 1), np.clip((y - low_y) // side + 1, 0, high - 1)
    key, of, held_by = np.unique(
        (held * wide + column.astype(np.int64)) * high + row.astype(np.int64), return_inverse=True, return_counts=True
    )
    middle = [np.bincount(of, np.rint(v * 1000.0), len(key)) / 1000.0 / held_by for v in (x - low_x, y - low_y)]
    placed = np.column_stack(middle) + (low_x, low_y)
    home = np.append(cell, key // (wide * high)).astype(np.int32)
    weight = np.append(alike, held_by)
    return Spread(
        np.vstack([even, placed]),
        home,
        weight / np.bincount(home, weight, n)[home],
        step,
        np.bincount(held, minlength=n) == 0,
    )


def whence(x: ArrayLike, y: ArrayLike, radius_m: ArrayLike, at: ArrayLike, where: Spread) -> Whence:
    """From which cells cases may have come; cases are put in order by radius and place, whatever their order was.

    Parameters
    ----------
    x, y
        Cases as recorded, metres, (m,).
    radius_m
        68 % radius of each one's position error, (m,); `BORDER_M` at least in effect.
    at
        The cell in which each is recorded: where it came from when no other is near.
    where
        Where in the cells cases happen.

    Raises
    ------
    InputError
        A radius below zero, or none.

    Examples
    --------
    >>> cells = [shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)]
    >>> found = whence([95.0, 20.0], [50.0, 50.0], [30.0, 30.0], [0, 0], spread(cells))
    >>> found.first.tolist(), found.chance.round(2).tolist()  # the one at x = 20 first
    ([0, 1, 3], [1.0, 0.6, 0.4])
    """
    x, y = read_points(x, y)
    radius = np.broadcast_to(np.asarray(radius_m, float), len(x))
    if not ((radius >= 0) & np.isfinite(radius)).all():
        raise InputError("a radius below zero, or none", where="accuracy_m", right="metres, 0 or more")
    order = np.lexsort((x, y, radius))
    x, y, radius, home = x[order], y[order], radius[order], np.asarray(at, np.int32)[order]
    s = np.hypot(radius, BORDER_M) * SIGMA
    low, size = where.xy.min(axis=0), 2.0 * where.step
    wide, high = (np.floor((where.xy.max(axis=0) - low) / size)).astype(np.int64) + 1
    box = ((where.xy[:, 1] - low[1]) // size).astype(np.int64) * wide + ((where.xy[:, 0] - low[0]) // size).astype(
        np.int64
    )
    order = np.argsort(box, kind="stable")
    begin = np.searchsorted(box[order], np.arange(wide * high + 1))
    points = (begin, where.xy[order, 0], where.xy[order, 1], where.weight[order], where.cell[order])
    frame = (float(low[0]), float(low[1]), size, int(wide), int(high))
    first = np.zeros(len(x) + 1, dtype=np.int64)
    cell, chance = _reached(x, y, s, home, frame, *points, where.n, first)
    return Whence(first, cell, chance, _seen(where, s), where.bare)


def _seen(where: Spread, s: Floats) -> Floats:
    """Share of a cell's cases that end up on the ground of any cell."""
    if not len(s):
        return np.ones(where.n)
    pad = int(np.ceil(4.0 * s.max() / where.step)) + 1
    low = where.xy.min(axis=0) - where.step / 2
    place = ((where.xy - low) // where.step).astype(np.int64) + pad
    ground = np.zeros(place.max(axis=0) + pad + 1)
    ground[place[:, 0], place[:, 1]] = 1.0
    ground = ndimage.binary_closing(ground, np.ones((3, 3))).astype(float)
    parts = np.array_split(np.sort(s), min(_RADII, len(s)))
    share = np.zeros(len(where.xy))
    for part in parts:
        blurred = ndimage.gaussian_filter(ground, float(np.median(part)) / where.step, mode="constant")
        share += blurred[place[:, 0], place[:, 1]] * (len(part) / len(s))
    return np.clip(np.bincount(where.cell, share * where.weight, where.n), 0.05, 1.0)


@njit(cache=True, nogil=True)
def _reached(x, y, s, at, frame, begin, px, py, weight, of, n, first):  # type: ignore[no-untyped-def]
    """Cells of each case and their chances."""
    left, low, size, wide, high = frame
    cell, chance = np.empty(8 * len(x) + n, np.int32), np.empty(8 * len(x) + n)
    held, touched, total = np.zeros(n), np.empty(n, np.int32), 0
    for case in range(len(x)):
        reach, half = REACH * s[case], 0.5 / (s[case] * s[case])
        i0, i1 = int((x[case] - reach - left) // size), int((x[case] + reach - left) // size)
        j0, j1 = int((y[case] - reach - low) // size), int((y[case] + reach - low) // size)
        count = 0
        for j in range(max(j0, 0), min(j1, high - 1) + 1):
            for i in range(max(i0, 0), min(i1, wide - 1) + 1):
                for m in range(begin[j * wide + i], begin[j * wide + i + 1]):
                    square = (px[m] - x[case]) ** 2 + (py[m] - y[case]) ** 2
                    if square < reach * reach:
                        if held[of[m]] == 0.0:
                            touched[count] = of[m]
                            count += 1
                        held[of[m]] += weight[m] * np.exp(-square * half)
        if count == 0:
            touched[0], held[at[case]], count = at[case], 1.0, 1
        if total + count > len(cell):
            cell, chance = np.append(cell, np.empty_like(cell)), np.append(chance, np.empty_like(chance))
        mine = touched[:count]
        mine.sort()
        top, whole = 0.0, 0.0
        for k in mine:
            top = max(top, held[k])
        for k in mine:
            whole += held[k] if held[k] > LEAST * top else 0.0
        for k in mine:
            if held[k] > LEAST * top:
                cell[total], chance[total] = k, held[k] / whole
                total += 1
            held[k] = 0.0
        first[case + 1] = total
    return cell[:total].copy(), chance[:total].copy()
