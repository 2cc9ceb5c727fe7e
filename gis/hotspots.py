"""Where cases gather: density over the plane, and counts of cells against their surroundings.

Arrays in, arrays out: no database, no web, no files. Coordinates are metres in the city's metric CRS.
Cases without a usable location (missing, default point, wrong datum) and cases beyond the city are the
caller's to leave out; a NaN coordinate is an error here, so that none is counted by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse, spatial, special

from grids.errors import InputError, TooLarge

M2_PER_HA = 10_000.0
TRUNCATE = 4.0
"""The Gaussian kernel is cut at this many bandwidths (6e-5 of its mass lies beyond on each axis)."""
MAX_CELLS = 50_000_000
"""Largest plane grid (cells, margins included) that `kde` takes: 400 MB of float64."""


@dataclass(frozen=True)
class Grid:
    """A measure on square cells of the plane.

    Parameters
    ----------
    values
        float64 (rows, columns); row 0 is the southernmost, column 0 the westernmost; unit as the maker says.
    west, south
        Lower left corner of cell (0, 0), metres.
    cell_m
        Side of a cell, metres.
    """

    values: NDArray[np.float64]
    west: float
    south: float
    cell_m: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres."""
        rows, columns = self.values.shape
        return self.west, self.south, self.west + columns * self.cell_m, self.south + rows * self.cell_m

    def at(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Values at points, bilinear between cell centres; 0 beyond the grid.

        Parameters
        ----------
        x, y
            Metres, any equal shape; NaN gives 0.

        Returns
        -------
        float64, shape of ``x``.
        """
        column = (np.asarray(x, float) - self.west) / self.cell_m - 0.5
        row = (np.asarray(y, float) - self.south) / self.cell_m - 0.5
        column, row = np.nan_to_num(column, nan=-9.0), np.nan_to_num(row, nan=-9.0)
        return ndimage.map_coordinates(self.values, [row, column], order=1, mode="constant", cval=0.0)


@dataclass(frozen=True)
class GiStar:
    """Gi* of each cell: standard score ``z``, two-sided ``p`` and false discovery rate ``q`` (float64, n)."""

    z: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]

    def hot(self, level: float = 0.05) -> NDArray[np.bool_]:
        """Cells with more than their share: z above zero and q below `level`."""
        return (self.z > 0) & (self.q < level)


def _points(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    if x.shape != y.shape or x.ndim != 1:
        raise InputError(f"x has shape {x.shape}, y {y.shape}", right="two flat arrays of the same length")
    if (bad := ~(np.isfinite(x) & np.isfinite(y))).any():
        raise InputError(
            f"{bad.sum()} of {len(x)} points have no coordinates",
            where=f"point {int(np.argmax(bad))}",
            right="leave out cases without a location",
        )
    return x, y


def kde(
    x: ArrayLike,
    y: ArrayLike,
    bounds: tuple[float, float, float, float],
    *,
    bandwidth_m: float = 150.0,
    cell_m: float = 25.0,
) -> Grid:
    """Kernel density of points in cases per hectare, on square cells.

    The kernel is the Gaussian with standard deviation `bandwidth_m` on each axis, cut at four bandwidths.
    Points are shared out linearly among the four cell centres around them (linear binning, Wand 1994,
    "Fast computation of multivariate kernel estimators") and the grid is smoothed along each axis in turn
    (the Gaussian is separable). Points beyond the bounds but within the kernel's reach count.

    There is no edge correction: along the edge of the area from which cases come, densities are low by up
    to one half (three quarters in a square corner), since the kernel spreads over land without cases.

    Parameters
    ----------
    x, y
        Points in metres, shape (n,); no NaN.
    bounds
        West, south, east, north in metres; the grid covers at least that, in whole cells from its corner.
    bandwidth_m, cell_m
        Metres, positive; a cell of at most a third of the bandwidth keeps the error of the binning below 2 %.

    Returns
    -------
    Grid of cases per hectare.

    Raises
    ------
    InputError
        NaN among the points, empty or reversed bounds, a bandwidth or cell that is not positive.
    TooLarge
        More than `MAX_CELLS` cells.

    Examples
    --------
    >>> one = kde([50.0], [50.0], (0, 0, 100, 100), bandwidth_m=10, cell_m=2)
    >>> round(float(one.values.max()), 1)  # 10,000 / (2 pi 10²) = 15.9 at the very peak
    15.6
    """
    x, y = _points(x, y)
    west, south, east, north = map(float, bounds)
    if not (np.isfinite([west, south, east, north]).all() and west < east and south < north):
        raise InputError(f"bounds {tuple(bounds)}", right="west < east and south < north, in metres")
    for name, value in (("bandwidth_m", bandwidth_m), ("cell_m", cell_m)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{value}", where=name, right="a positive number of metres")
    columns = int(np.ceil((east - west) / cell_m - 1e-9))
    rows = int(np.ceil((north - south) / cell_m - 1e-9))
    pad = int(TRUNCATE * bandwidth_m / cell_m + 0.5) + 1
    shape = (rows + 2 * pad, columns + 2 * pad)
    if shape[0] * shape[1] > MAX_CELLS:
        raise TooLarge(f"a grid of {shape[0]} by {shape[1]} cells", where="cell_m", right="take larger cells")

    # position among cell centres of the padded grid
    c = (x - west) / cell_m - 0.5 + pad
    r = (y - south) / cell_m - 0.5 + pad
    inside = (c >= 0) & (r >= 0) & (c < shape[1] - 1) & (r < shape[0] - 1)
    c, r = c[inside], r[inside]
    c0, r0 = c.astype(np.int64), r.astype(np.int64)
    fc, fr = c - c0, r - r0
    flat = r0 * shape[1] + c0
    size = shape[0] * shape[1]
    mass = np.bincount(flat, (1 - fr) * (1 - fc), size)
    mass += np.bincount(flat + 1, (1 - fr) * fc, size)
    mass += np.bincount(flat + shape[1], fr * (1 - fc), size)
    mass += np.bincount(flat + shape[1] + 1, fr * fc, size)
    smooth = ndimage.gaussian_filter(mass.reshape(shape), bandwidth_m / cell_m, mode="constant", truncate=TRUNCATE)
    values = smooth[pad : pad + rows, pad : pad + columns] * (M2_PER_HA / cell_m**2)
    return Grid(np.ascontiguousarray(values), west, south, float(cell_m))


def band(x: ArrayLike, y: ArrayLike, *, distance_m: float) -> sparse.csr_array:
    """Neighbours within a distance: 1 where places lie at most `distance_m` apart, each its own neighbour.

    Parameters
    ----------
    x, y
        Places in metres, shape (n,); no NaN.
    distance_m
        Reach in metres, that distance included.

    Returns
    -------
    Symmetric (n, n) matrix of ones, diagonal included.
    """
    x, y = _points(x, y)
    tree = spatial.KDTree(np.column_stack([x, y]))
    pairs = tree.query_pairs(distance_m, output_type="ndarray")
    return _symmetric(pairs[:, 0], pairs[:, 1], len(x))


def contact(cells: ArrayLike, *, gap_m: float = 1.0) -> sparse.csr_array:
    """Neighbours by contact (queen): 1 where two cells share an edge or a corner, each its own neighbour.

    Unit grids differ in size by a factor of ten and more; a fixed distance would leave the large ones
    alone and give the small ones dozens of neighbours, so contact is the rule for them.

    Parameters
    ----------
    cells
        Polygons, shape (n,), in metres.
    gap_m
        Cells at most that far apart count as touching (borders that were drawn twice never meet exactly).

    Returns
    -------
    Symmetric (n, n) matrix of ones, diagonal included.
    """
    cells = np.asarray(cells)
    tree = shapely.STRtree(cells)
    left, right = tree.query(cells, predicate="dwithin", distance=gap_m)
    return _symmetric(left[left < right], right[left < right], len(cells))


def _symmetric(left: NDArray, right: NDArray, n: int) -> sparse.csr_array:
    own = np.arange(n)
    rows, columns = np.concatenate([left, right, own]), np.concatenate([right, left, own])
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))


def gi_star(counts: ArrayLike, neighbours: sparse.csr_array) -> GiStar:
    """Gi*: do a cell and its neighbours hold more than their share?

    Ord & Getis 1995, "Local spatial autocorrelation statistics: distributional issues and an application",
    Geographical Analysis 27, equation for Gi* in standard-score form:
    ``z_i = (sum_j w_ij x_j - W_i m) / (s sqrt((n S_i - W_i²) / (n - 1)))`` with ``W_i = sum_j w_ij``,
    ``S_i = sum_j w_ij²``, mean ``m`` and standard deviation ``s`` (divided by n) over all cells.
    ``p`` is two-sided under the normal approximation; ``q`` by Benjamini & Hochberg 1995 over all cells.

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,); no NaN.
    neighbours
        Weights (n, n), the diagonal included: `contact` or `band`.

    Returns
    -------
    GiStar of shape (n,). All NaN when the counts do not vary; NaN for a cell that neighbours every cell.

    Raises
    ------
    InputError
        Fewer than two cells, NaN, or a matrix of another size.

    Examples
    --------
    >>> near = band([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30], distance_m=15)
    >>> gi_star([2, 3, 3.2, 5, 8, 7], near).z.round(4)
    array([-1.3973, -0.2892,  0.6506, -0.2892,  1.2345,  2.0242])
    """
    x = np.atleast_1d(np.asarray(counts, float))
    n = len(x)
    if n < 2 or neighbours.shape != (n, n):
        raise InputError(f"{n} counts with neighbours of shape {neighbours.shape}", right="(n, n), n at least 2")
    if not np.isfinite(x).all():
        raise InputError("a count is not a number", where=f"cell {int(np.argmax(~np.isfinite(x)))}")
    mean, deviation = x.mean(), x.std()
    weight = np.asarray(neighbours.sum(axis=1)).ravel()
    squares = np.asarray((neighbours * neighbours).sum(axis=1)).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = deviation * np.sqrt((n * squares - weight**2) / (n - 1))
        z = np.where(spread > 0, (neighbours @ x - weight * mean) / spread, np.nan)
    p = 2.0 * special.ndtr(-np.abs(z))
    return GiStar(z, p, discovery_rate(p))


def discovery_rate(p: ArrayLike) -> NDArray[np.float64]:
    """The smallest false discovery rate at which each test counts as a discovery.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", Journal of the Royal Statistical
    Society B 57. NaN stays NaN and is no test.

    Examples
    --------
    >>> discovery_rate([0.01, 0.04, 0.03, np.nan, 0.5]).round(4)
    array([0.04  , 0.0533, 0.0533,    nan, 0.5   ])
    """
    p = np.asarray(p, float)
    q = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    ranks = np.arange(1, len(order) + 1)
    q[order] = np.minimum.accumulate((p[order] * len(order) / ranks)[::-1])[::-1]
    return q


def count_squares(
    x: ArrayLike, y: ArrayLike, bounds: tuple[float, float, float, float], *, cell_m: float = 100.0
) -> Grid:
    """Cases in square cells of the plane (100 m: ten thousand square metres); points beyond are left out.

    A point on a common edge counts in the eastern or northern cell.
    """
    x, y = _points(x, y)
    west, south, east, north = map(float, bounds)
    columns, rows = int(np.ceil((east - west) / cell_m)), int(np.ceil((north - south) / cell_m))
    if columns < 1 or rows < 1:
        raise InputError(f"bounds {tuple(bounds)}", right="west < east and south < north, in metres")
    if columns * rows > MAX_CELLS:
        raise TooLarge(f"a grid of {rows} by {columns} cells", where="cell_m", right="take larger cells")
    c, r = np.floor((x - west) / cell_m), np.floor((y - south) / cell_m)
    inside = (c >= 0) & (r >= 0) & (c < columns) & (r < rows)
    flat = (r[inside] * columns + c[inside]).astype(np.int64)
    values = np.bincount(flat, minlength=rows * columns).reshape(rows, columns).astype(float)
    return Grid(values, west, south, float(cell_m))
