"""What every method takes: points in metres, checked, and cells, numbered."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grids.errors import InputError, TooLarge

MAX_CELLS = 50_000_000
"""Largest plane grid (cells, margins included) that is taken: 400 MB of float64."""

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
Bounds = tuple[float, float, float, float]


def read_points(x: ArrayLike, y: ArrayLike) -> Pair:
    """Points as two flat float64 arrays of one length.

    Raises
    ------
    InputError
        Shapes that differ, or a coordinate that is missing.
    """
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    if x.shape != y.shape or x.ndim != 1:
        raise InputError(f"x has shape {x.shape}, y {y.shape}", right="two flat arrays of the same length")
    if (bad := ~(np.isfinite(x) & np.isfinite(y))).any():
        raise InputError(
            f"{bad.sum()} of {len(x)} points have no coordinates",
            where=f"point {int(np.argmax(bad))}",
            right="leave out cases without a location",
        )
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def read_counts(counts: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A measure of each cell as float64 (n,), in step with a matrix of neighbours of that shape.

    Raises
    ------
    InputError
        Fewer than two cells, NaN, or a matrix of another size.
    """
    x = np.atleast_1d(np.asarray(counts, float))
    n = len(x)
    if n < 2 or shape != (n, n):
        raise InputError(f"{n} counts with neighbours of shape {shape}", right="(n, n), n at least 2")
    if not np.isfinite(x).all():
        raise InputError("a count is not a number", where=f"cell {int(np.argmax(~np.isfinite(x)))}")
    return x


def positive(value: float, where: str) -> float:
    """A positive, finite number of metres.

    Raises
    ------
    InputError
        Any other.
    """
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{value}", where=where, right="a positive number of metres")
    return float(value)


def lattice(bounds: Bounds, cell_m: float, *, margin: int = 0) -> tuple[float, float, int, int]:
    """West, south, rows and columns of whole cells that cover the bounds from their lower left corner.

    Raises
    ------
    InputError
        Empty or reversed bounds, a cell that is not positive.
    TooLarge
        More than `MAX_CELLS` cells, a margin of that many cells on each side included.
    """
    west, south, east, north = map(float, bounds)
    if not (np.isfinite([west, south, east, north]).all() and west < east and south < north):
        raise InputError(f"bounds {tuple(bounds)}", right="west < east and south < north, in metres")
    positive(cell_m, "cell_m")
    columns = int(np.ceil((east - west) / cell_m - 1e-9))
    rows = int(np.ceil((north - south) / cell_m - 1e-9))
    if (rows + 2 * margin) * (columns + 2 * margin) > MAX_CELLS:
        raise TooLarge(f"a grid of {rows} by {columns} cells", where="cell_m", right="take larger cells")
    return west, south, rows, columns
