"""Gi*: do a cell and its neighbours hold more than their share?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots import permutation
from gis.hotspots.discovery import LEVEL, discovery_rate
from gis.hotspots.points import read_counts
from gis.hotspots.trust import Evidence, choose


@dataclass(frozen=True)
class GiStar:
    """Gi* of each cell: standard score ``z``, two-sided ``p`` and false discovery rate ``q`` (float64, n)."""

    z: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    evidence: Evidence = field(default=Evidence("analytic", ""))

    def hot(self, level: float = LEVEL) -> NDArray[np.bool_]:
        """Cells with more than their share: z above zero and q below `level`."""
        return (self.z > 0) & (self.q < level)

    def cold(self, level: float = LEVEL) -> NDArray[np.bool_]:
        """Cells with less than their share: z below zero and q below `level`."""
        return (self.z < 0) & (self.q < level)


def gi_star(
    counts: ArrayLike, neighbours: sparse.csr_array, *, p: str = "analytic", runs: int = permutation.RUNS, seed: int = 0
) -> GiStar:
    """Gi*: do a cell and its neighbours hold more than their share?

    Ord & Getis 1995, "Local spatial autocorrelation statistics: distributional issues and an application",
    Geographical Analysis 27, equation for Gi* in standard-score form:
    ``z_i = (sum_j w_ij x_j - W_i m) / (s sqrt((n S_i - W_i²) / (n - 1)))`` with ``W_i = sum_j w_ij``,
    ``S_i = sum_j w_ij²``, mean ``m`` and standard deviation ``s`` (divided by n) over all cells.
    ``q`` by Benjamini & Hochberg 1995 over all cells.

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,); no NaN.
    neighbours
        Weights (n, n), the diagonal included: `contact` or `band`.
    p
        ``analytic``: two-sided under the normal approximation. ``permutation``: twice the smaller share of runs in
        which the neighbourhood holds as much, or as little, when all counts are dealt out anew (`permutation.total`;
        weights other than ones: the cell keeps its own, `permutation.conditional`). ``auto``: the former where its
        tail can be trusted (`trust.tail_error`), else the latter.
    runs, seed
        Of the permutation: runs to begin with, and what they are made from.

    Returns
    -------
    GiStar of shape (n,), with how p came about. All NaN when the counts do not vary; NaN for a cell that neighbours
    every cell.

    Raises
    ------
    InputError
        Fewer than two cells, NaN, a matrix of another size, `p` that is no way, `runs` or `seed` out of range.

    Examples
    --------
    >>> from gis.hotspots import band
    >>> near = band([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30], distance_m=15)
    >>> gi_star([2, 3, 3.2, 5, 8, 7], near).z.round(4)
    array([-1.3973, -0.2892,  0.6506, -0.2892,  1.2345,  2.0242])
    """
    permutation.check_runs(runs, seed)
    x = read_counts(counts, neighbours.shape)
    n = len(x)
    mean, deviation = float(x.mean()), float(x.std())
    held, weight, squares = _lags(neighbours.indptr, neighbours.indices, neighbours.data.astype(float, copy=False), x)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = deviation * np.sqrt((n * squares - weight**2) / (n - 1))
        z = np.where(spread > 0, (held - weight * mean) / spread, np.nan)
    permute, why = choose(p, x, weight**2 / np.where(squares > 0, squares, np.inf))
    if not permute or np.isnan(z).all():
        normal = 2.0 * special.ndtr(-np.abs(z))
        return GiStar(z, normal, discovery_rate(normal), Evidence("analytic", why))
    chance = _chance(x, neighbours, runs, seed)
    dealt = np.where(np.isnan(z), np.nan, chance.p)
    return GiStar(z, dealt, discovery_rate(dealt), Evidence("permutation", why, chance.runs, seed))


def _chance(x: NDArray[np.float64], neighbours: sparse.csr_array, runs: int, seed: int) -> permutation.Chance:
    if (neighbours.data == 1.0).all():
        return permutation.total(x, neighbours, runs=runs, seed=seed)
    return permutation.conditional(x, without_own(neighbours), runs=runs, seed=seed)


def without_own(neighbours: sparse.csr_array) -> sparse.csr_array:
    """The matrix without its diagonal."""
    own = np.repeat(np.arange(neighbours.shape[0]), np.diff(neighbours.indptr))
    keep = own != neighbours.indices
    begin = np.concatenate([[0], np.cumsum(np.bincount(own[keep], minlength=neighbours.shape[0]))])
    parts = neighbours.data[keep], neighbours.indices[keep], begin.astype(neighbours.indptr.dtype)
    return sparse.csr_array(parts, shape=neighbours.shape)


@njit(cache=True, nogil=True)
def _lags(indptr, indices, data, x):
    """Weighted sum, sum of weights and sum of their squares over each neighbourhood."""
    n = len(x)
    held, weight, squares = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        a, b, c = 0.0, 0.0, 0.0
        for j in range(indptr[i], indptr[i + 1]):
            w = data[j]
            a += w * x[indices[j]]
            b += w
            c += w * w
        held[i], weight[i], squares[i] = a, b, c
    return held, weight, squares
