"""What every method takes: points in metres, checked, and cells, numbered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis.exact import millimetres
from grids.errors import InputError, TooLarge

MAX_CELLS = 50_000_000
"""Largest plane grid (cells, margins included) that is taken: 400 MB of float64."""

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
Bounds = tuple[float, float, float, float]
LEAST_HEAP, LEAST_SHARE, MOST_HEAPS = 10, 0.001, 5
"""A heap has so many cases at least and such a share of all; so many are told at most."""


class Heap(NamedTuple):
    """Cases at exactly one place, to the millimetre: ``x``, ``y`` metres, and how many."""

    x: float
    y: float
    cases: int


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
    with np.errstate(all="ignore"):
        seems_whole = np.isfinite(x.sum() + y.sum())  # no array of answers for millions of points
    if not seems_whole and (bad := ~(np.isfinite(x) & np.isfinite(y))).any():
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


_ODD = np.uint64(0x9E3779B97F4A7C15)


def heaps(x: ArrayLike, y: ArrayLike) -> list[Heap]:
    """Places that hold many cases exactly: each may be a default point that nobody declared, or an address.

    Things happen beside one another, not on one millimetre. `LEAST_HEAP` cases and `LEAST_SHARE` of all make a heap.

    Parameters
    ----------
    x, y
        Cases in metres, shape (n,); no NaN.

    Returns
    -------
    list of Heap, at most `MOST_HEAPS`, the largest first (ties: the westernmost, then the southernmost).

    Examples
    --------
    >>> heaps([5.0] * 12 + [1.0, 2.0], [7.0] * 12 + [1.0, 2.0])
    [Heap(x=5.0, y=7.0, cases=12)]
    """
    x, y = read_points(x, y)
    if len(x) < LEAST_HEAP:
        return []
    mx, my = millimetres(x), millimetres(y)
    low, tall = (int(mx.min()), int(my.min())), int(np.ptp(my)) + 1
    if (int(np.ptp(mx)) + 1) * tall >= 2**63:
        raise InputError("points too far apart", right="cases of one city")
    least = max(LEAST_HEAP, LEAST_SHARE * len(x))
    place = (mx - low[0]) * tall + (my - low[1])
    lot = (place.astype(np.uint64) * _ODD) >> np.uint64(44)  # a heap fills its lot: few others need to be sorted
    place = np.sort(place[(np.bincount(lot.astype(np.int64), minlength=2**20) >= least)[lot.astype(np.int64)]])
    if not len(place):
        return []
    begin = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]]))
    held = np.diff(np.append(begin, len(place)))
    many = np.flatnonzero(held >= least)
    many = many[np.argsort(-held[many], kind="stable")][:MOST_HEAPS]
    at = place[begin[many]]
    places = zip(at // tall + low[0], at % tall + low[1], held[many], strict=True)
    return [Heap(float(a) / 1000, float(b) / 1000, int(n)) for a, b, n in places]
