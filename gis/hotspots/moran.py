"""Local Moran's I: is a cell like its neighbours, high among high or low among low, or unlike them?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots import permutation
from gis.hotspots.discovery import LEVEL, discovery_rate
from gis.hotspots.getis import without_own
from gis.hotspots.points import read_counts
from gis.hotspots.trust import Evidence, choose

QUADRANTS = ("", "high-high", "low-high", "low-low", "high-low")
"""Names of the quadrants 1 to 4: the cell first, then its neighbours."""


@dataclass(frozen=True)
class Moran:
    """Local Moran of each cell: ``i`` itself, standard score ``z``, two-sided ``p``, ``q`` (float64, n), ``quadrant``.

    ``quadrant`` (int8, n) names the cell and its neighbours against the mean: 1 high-high, 2 low-high, 3 low-low,
    4 high-low (a value at the mean is low); 0 where there is no I.
    """

    i: NDArray[np.float64]
    z: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    quadrant: NDArray[np.int8]
    evidence: Evidence

    def hot(self, level: float = LEVEL) -> NDArray[np.bool_]:
        """High cells among high ones: quadrant 1 and q below `level`."""
        return (self.quadrant == 1) & (self.q < level)


def local_moran(
    counts: ArrayLike, neighbours: sparse.csr_array, *, p: str = "analytic", runs: int = permutation.RUNS, seed: int = 0
) -> Moran:
    """Local Moran's I of each cell, neighbours weighing together one.

    Anselin 1995, "Local indicators of spatial association: LISA", Geographical Analysis 27:
    ``I_i = (n - 1) d_i sum_j w_ij d_j / sum_j d_j²`` with ``d = x - mean`` and weights that add up to one in each row
    (PySAL's ``Moran_Local``). ``z`` stands against the moments under conditional randomization (Sokal, Oden & Thomson
    1998, "Local spatial autocorrelation in a biological model", Geographical Analysis 30).

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,); no NaN.
    neighbours
        Weights (n, n); the diagonal is left out, rows are made to add up to one.
    p
        ``analytic``, ``permutation`` (`permutation.conditional`) or ``auto``, as for `gi_star`.
    runs, seed
        Of the permutation.

    Returns
    -------
    Moran of shape (n,). NaN for cells without neighbours, or at the mean exactly; all NaN when counts do not vary.

    Raises
    ------
    InputError
        As `gi_star`.

    Examples
    --------
    >>> from gis.hotspots import band
    >>> near = band([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30], distance_m=15)
    >>> local_moran([2, 3, 3.2, 5, 8, 7], near).i.round(4)
    array([ 0.3293, -0.0889, -0.8624, -0.0192, -0.0862,  1.3223])
    """
    permutation.check_runs(runs, seed)
    x = read_counts(counts, neighbours.shape)
    n = len(x)
    near = without_own(neighbours)
    d = x - x.mean()
    sums = np.asarray(near.sum(axis=1)).ravel()
    alone = ~(sums > 0)
    whole = np.where(alone, 1.0, sums)
    lag = (near @ d) / whole
    squares = (sparse.csr_array((near.data**2, near.indices, near.indptr), shape=near.shape).sum(axis=1)) / whole**2
    total = float((d * d).sum())
    if not total > 1e-12 * max(1.0, float(np.abs(x).max())) ** 2:
        none = np.full(n, np.nan)
        return Moran(none, none, none, none, np.zeros(n, dtype=np.int8), Evidence("analytic", "the counts do not vary"))
    i = (n - 1) * d * lag / total
    expected = -d / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        others = total / n - d * d / (n - 1)
        spread = np.sqrt(n / (n - 2) * (squares - 1.0 / (n - 1)) * others) if n > 2 else np.full(n, np.nan)
        z = np.where((spread > 1e-12) & (d != 0) & ~alone, (lag - expected) / spread * np.sign(d), np.nan)
    i = np.where(alone, np.nan, i)
    quadrant = np.where(d > 0, np.where(lag > 0, 1, 4), np.where(lag > 0, 2, 3))
    quadrant = np.where(alone, 0, quadrant).astype(np.int8)
    permute, why = choose(p, x, 1.0 / np.where(squares > 0, squares, np.inf))
    if not permute:
        normal = 2.0 * special.ndtr(-np.abs(z))
        return Moran(i, z, normal, discovery_rate(normal), quadrant, Evidence("analytic", why))
    chance = permutation.conditional(x, near, runs=runs, seed=seed)
    dealt = np.where(np.isnan(z), np.nan, chance.p)
    return Moran(i, z, dealt, discovery_rate(dealt), quadrant, Evidence("permutation", why, chance.runs, seed))
