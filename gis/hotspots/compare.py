"""Two periods side by side: which cells have more than before, or less, beyond what the city as a whole has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from gis.hotspots.discovery import LEVEL, discovery_rate
from grids.errors import InputError


@dataclass(frozen=True)
class Change:
    """Of each cell, shape (n,): the ratio of its rates, later to earlier, with its interval, p and q.

    ``ratio`` is NaN without any case, inf without an earlier one; ``low`` and ``high`` bound it at ``confidence``.
    """

    ratio: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]

    def more(self, level: float = LEVEL) -> NDArray[np.bool_]:
        """Cells with more than before: q below ``level``, ratio above one."""
        return (self.q < level) & (self.ratio > 1)

    def less(self, level: float = LEVEL) -> NDArray[np.bool_]:
        """Cells with less than before: q below ``level``, ratio below one."""
        return (self.q < level) & (self.ratio < 1)


def compare(earlier: ArrayLike, later: ArrayLike, *, weight: float | None = None, confidence: float = 0.95) -> Change:
    """Compare the cases of each cell in two periods.

    Given their sum, the later count is binomial where both are Poisson counts (Przyborowski & Wilenski 1940,
    "Homogeneity of results in testing samples from Poisson series", Biometrika 31): exact two-sided p as twice the
    smaller tail, at most one, and the interval of Clopper & Pearson 1934 turned into one of the ratio.

    Parameters
    ----------
    earlier, later
        Cases of each cell, whole numbers >= 0, shape (n,).
    weight
        How much more the later period is expected to hold: its length over the earlier one's. None: as the city as a
        whole holds more, so that what is found is a shift within the city.
    confidence
        Of the interval.

    Returns
    -------
    Change
        p and q are NaN for cells without any case, which are no test.

    Raises
    ------
    InputError
        Shapes that differ, counts that are none, a weight or confidence out of range, an empty period without a weight.

    Examples
    --------
    >>> found = compare([10, 10, 0], [10, 40, 0], weight=1.0)
    >>> found.ratio, found.p.round(5)
    (array([ 1.,  4., nan]), array([1.e+00, 2.e-05,    nan]))
    """
    a, b = (np.atleast_1d(np.asarray(v, float)) for v in (earlier, later))
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"earlier has shape {a.shape}, later {b.shape}", right="two flat arrays of the same length")
    for name, counts in (("earlier", a), ("later", b)):
        if not (np.isfinite(counts).all() and (counts >= 0).all() and (counts == np.floor(counts)).all()):
            raise InputError("a count is no whole number from 0", where=name)
    if not 0 < confidence < 1:
        raise InputError(f"{confidence}", where="confidence", right="between 0 and 1")
    if weight is None:
        if not a.sum() or not b.sum():
            raise InputError("a period without cases", where="earlier" if b.sum() else "later", right="give a weight")
        weight = float(b.sum() / a.sum())
    if not (np.isfinite(weight) and weight > 0):
        raise InputError(f"{weight}", where="weight", right="a positive number")
    n, share, tail = a + b, weight / (1 + weight), (1 - confidence) / 2
    some = n > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = b / a / weight
        upper = np.where(b > 0, special.betainc(np.maximum(b, 1), a + 1, share), 1.0)
        lower = np.where(a > 0, special.betaincc(b + 1, np.maximum(a, 1), share), 1.0)
        p = np.where(some, np.minimum(1.0, 2 * np.minimum(upper, lower)), np.nan)
        least = np.where(b > 0, special.betaincinv(np.maximum(b, 1), a + 1, tail), 0.0)
        most = np.where(a > 0, special.betaincinv(b + 1, np.maximum(a, 1), 1 - tail), 1.0)
        low, high = least / (1 - least) / weight, most / (1 - most) / weight
    return Change(ratio, np.where(some, low, np.nan), np.where(some, high, np.nan), p, discovery_rate(p))
