"""False discovery rate: how many of those that stand out do so by chance."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
"""False discovery rate below which a cell counts as hot."""
_FEW = 20_000
"""Fewer numbers are sorted as fast by comparing them."""


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
    order = tested[ranked(p[tested])]  # equal p have equal q, whatever their order
    ranks = np.arange(1, len(order) + 1) if times is None else np.cumsum(np.asarray(times)[order])
    if len(order):
        q[order] = np.minimum.accumulate((p[order] * ranks[-1] / ranks)[::-1])[::-1]
    return q


def ranked(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions from the least to the largest of numbers from 0 up; a third of the time of a sort that compares."""
    if len(p) < _FEW or not (p >= 0).all():
        return np.argsort(p, kind="stable")
    return _by_bits((p + 0.0).view(np.uint64))  # of a number from 0 up the bits rise with it; + 0.0: no negative zero


@njit(cache=True, nogil=True)
def _by_bits(key):
    """Radix sort, sixteen bits at a time, the lowest first."""
    n = len(key)
    order, other = np.arange(n), np.empty(n, dtype=np.int64)
    begin = np.empty(65537, dtype=np.int64)
    for shift in (0, 16, 32, 48):
        begin[:] = 0
        for i in range(n):
            begin[((key[i] >> np.uint64(shift)) & np.uint64(65535)) + np.uint64(1)] += 1
        for b in range(65536):
            begin[b + 1] += begin[b]
        for i in range(n):
            b = (key[order[i]] >> np.uint64(shift)) & np.uint64(65535)
            other[begin[b]] = order[i]
            begin[b] += 1
        order, other = other, order
    return order
