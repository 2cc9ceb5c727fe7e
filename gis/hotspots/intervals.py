"""Exact intervals of rates: of each cell by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from grids.errors import InputError

COVER = 0.95
"""Share of cells whose interval should hold the true rate."""
Interval = tuple[NDArray[np.float64], NDArray[np.float64]]


def check_cover(cover: float) -> float:
    """The nominal share, checked."""
    if not 0.5 <= cover < 1.0:
        raise InputError(f"{cover:g}", where="cover", right="0.5 or more, below 1")
    return float(cover)


def exact_interval(counts: ArrayLike, exposure: ArrayLike, *, cover: float = COVER) -> Interval:
    """Exact interval of each Poisson rate by itself.

    Garwood 1936, "Fiducial limits for the Poisson distribution", Biometrika 28: the rates at which as many cases, or
    as few, come about with probability (1 - cover) / 2. It holds the true rate at least as often as it says, with few
    cases more often (a count of 0 has the lower limit 0).

    Parameters
    ----------
    counts, exposure
        Cases and exposure of each cell, shape (n,); NaN where the exposure is 0 or NaN.
    cover
        Nominal share.

    Returns
    -------
    low, high : float64 (n,)
        Cases per unit of exposure.

    Examples
    --------
    >>> low, high = exact_interval([0, 10], [1, 1])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 4.795], [3.689, 18.39])
    """
    tail = (1.0 - check_cover(cover)) / 2.0
    x, e = np.asarray(counts, float), np.asarray(exposure, float)
    known = np.where(e > 0, e, np.nan)
    low = np.where(x > 0, special.gammaincinv(np.maximum(x, 1e-300), tail), 0.0)
    return low / known, special.gammainccinv(x + 1.0, tail) / known
