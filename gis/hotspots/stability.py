"""Stability: in what share of other grids, cell sizes and bandwidths does a hotspot stand out too?

A border drawn elsewhere moves cases from cell to cell (the modifiable areal unit problem; Openshaw 1984). So the same
question is asked again on squares of three sizes, each laid in four ways, with neighbourhoods of two widths: 24
settings. Cases are counted once, on a lattice of quarter cells, of which the squares of every setting are sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from gis import exact, raster
from gis.hotspots.discovery import LEVEL
from gis.hotspots.exposure import gi_star_exposed
from gis.hotspots.getis import gi_star
from gis.hotspots.neighbours import squares
from gis.hotspots.plane import count_squares
from gis.hotspots.points import Bounds, read_points
from gis.hotspots.weighing import Floats
from grids.errors import InputError

QUARTERS = (3, 4, 6)
"""Sides of the squares in quarters of the usual cell: three quarters of it, the cell itself, half as much again."""
REACHES = (1, 2)
"""Rings of squares around one that make its neighbourhood: 3 by 3 and 5 by 5 squares."""
RUNS = 99


@dataclass(frozen=True)
class Stability:
    """``share`` of the settings in which each place lies in a square that stands out (float64, n); ``settings`` asked.

    ``by`` names the settings: side of the squares in metres, offset to the east and the north in shares of it, rings.
    """

    share: Floats
    settings: int
    by: list[tuple[float, float, float, int]]


def survival(
    x: ArrayLike,
    y: ArrayLike,
    at_x: ArrayLike,
    at_y: ArrayLike,
    bounds: Bounds,
    *,
    city: ArrayLike,
    cell_m: float = 100.0,
    expected: tuple[ArrayLike, ArrayLike] | None = None,
    runs: int = RUNS,
    seed: int = 0,
) -> Stability:
    """In what share of the settings places lie in a hot square.

    Parameters
    ----------
    x, y
        Cases in metres, shape (m,).
    at_x, at_y
        Places, as the middles of hot cells, shape (n,).
    bounds
        West, south, east, north of the ground, metres.
    city
        Polygons of the ground: squares with half their area on it count, and those with cases. Without `expected`, what
        a square at the rim holds is raised to what a whole one would (twice as much at most).
    cell_m
        Usual side of a square, metres.
    expected
        Cells (polygons) and what is expected in each, up to a factor, NaN for unknown: then squares are held against
        their share of it (`gi_star_exposed`), else against all squares (`gi_star`, p by the rule).
    runs, seed
        Of the permutation of `gi_star`, to begin with.

    Returns
    -------
    Stability

    Raises
    ------
    InputError
        NaN among the points, bounds or cells that do not fit.
    """
    x, y = read_points(x, y)
    places = read_points(at_x, at_y)
    small = cell_m / 4.0
    grid = count_squares(x, y, bounds, cell_m=small)
    rows, columns = grid.values.shape
    across, up = np.meshgrid(*grid.centres)
    mm = np.ascontiguousarray(exact.millimetres(np.column_stack([across.ravel(), up.ravel()])).T)
    ground = (raster.locate(raster.build(city), *mm) >= 0).reshape(rows, columns)
    held = None if expected is None else _shared_out(expected, mm, (rows, columns))
    c, r = np.floor((places[0] - grid.west) / small), np.floor((places[1] - grid.south) / small)
    within = (c >= 0) & (r >= 0) & (c < columns) & (r < rows)
    column, row = np.where(within, c, 0).astype(np.int64), np.where(within, r, 0).astype(np.int64)
    found, by = np.zeros(len(row)), []
    for side, (south, west) in _laid():
        layers = [_blocks(layer, side, south, west) for layer in (grid.values, ground.astype(float))]
        inside = (layers[1] >= side * side / 2) | (layers[0] > 0)
        # as many as a whole square would hold: else all that is not at the rim would stand out beside the rim
        share = np.clip(layers[1] / (side * side), 0.5, 1.0)
        if inside.sum() < 2:
            raise InputError("no ground for two squares", where="cell_m", right="smaller ones")
        number = np.where(inside, np.cumsum(inside.ravel()).reshape(inside.shape) - 1, -1)
        at = number[(row + south) // side, (column + west) // side]
        told = None if held is None else _blocks(held, side, south, west)[inside]
        cases = layers[0][inside] if held is not None else (layers[0] / share)[inside]
        one = squares(inside)
        for rings in REACHES:
            near = one if rings == 1 else _wider(one)
            hot = _hot(cases, told, near, runs, seed)
            found += within & (at >= 0) & hot[at]
            by.append((side * small, west / side, south / side, rings))
    return Stability(found / len(by), len(by), by)


def _laid() -> Iterator[tuple[int, tuple[int, int]]]:
    for side in QUARTERS:
        half = max(1, side // 2)
        for south in (0, half):
            for west in (0, half):
                yield side, (south, west)


def _hot(cases: Floats, expected: Floats | None, near: sparse.csr_array, runs: int, seed: int) -> NDArray[np.bool_]:
    if expected is None:
        return gi_star(cases, near, p="auto", runs=runs, seed=seed).hot(LEVEL)
    if (expected > 0).sum() < 2 or not cases[expected > 0].sum() > 0:
        return np.zeros(len(cases), dtype=np.bool_)
    return gi_star_exposed(cases, expected, near).hot(LEVEL)


def _blocks(values: Floats, side: int, south: int, west: int) -> Floats:
    """Sums of squares of `side` quarter cells, the first begun so many before the lattice."""
    rows, columns = values.shape
    wide = np.zeros((-(-(rows + south) // side) * side, -(-(columns + west) // side) * side))
    wide[south : south + rows, west : west + columns] = values
    return wide.reshape(wide.shape[0] // side, side, wide.shape[1] // side, side).sum(axis=(1, 3))


def _wider(near: sparse.csr_array) -> sparse.csr_array:
    """Neighbours, and their neighbours."""
    out = sparse.csr_array(near @ near)
    out.data[:] = 1.0
    out.sort_indices()
    return out


def _shared_out(expected: tuple[ArrayLike, ArrayLike], mm: NDArray[np.int64], shape: tuple[int, int]) -> Floats:
    """What is expected in each quarter cell: a cell's, shared alike among those whose middle it holds."""
    cells, values = np.asarray(expected[0], object), np.nan_to_num(np.asarray(expected[1], float))
    at = raster.locate(raster.build(cells), *mm)
    held = np.bincount(at[at >= 0], minlength=len(cells))
    share = values / np.maximum(held, 1)
    return np.where(at >= 0, share[at], 0.0).reshape(shape)
