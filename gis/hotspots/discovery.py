"""False discovery rate: how many of those that stand out do so by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
"""False discovery rate below which a cell counts as hot."""


def discovery_rate(p: ArrayLike, times: ArrayLike | None = None) -> NDArray[np.float64]:
    """The smallest false discovery rate at which each test counts as a discovery.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", Journal of the Royal Statistical
    Society B 57. NaN stays NaN and is no test.

    Parameters
    ----------
    p
        Shape (n,).
    times
        How many tests have each p, shape (n,); one by default.

    Examples
    --------
    >>> discovery_rate([0.01, 0.04, 0.03, np.nan, 0.5]).round(4)
    array([0.04  , 0.0533, 0.0533,    nan, 0.5   ])
    >>> discovery_rate([0.01, 0.03, 0.5], times=[1, 2, 1]).round(4)
    array([0.04, 0.04, 0.5 ])
    """
    p = np.asarray(p, float)
    q = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p) if times is None else ~np.isnan(p) & (np.asarray(times) > 0))
    order = tested[np.argsort(p[tested])]  # equal p have equal q, whatever their order
    ranks = np.arange(1, len(order) + 1) if times is None else np.cumsum(np.asarray(times)[order])
    if len(order):
        q[order] = np.minimum.accumulate((p[order] * ranks[-1] / ranks)[::-1])[::-1]
    return q
