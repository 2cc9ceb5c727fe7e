"""Log-linear regression of counts: ``log E = sum_k b_k c_k``, Poisson likelihood, by Newton's steps.

McCullagh & Nelder 1989, "Generalized Linear Models", chapter 6. Compiled, in one pass over the rows and in their order:
no library of many threads, so the last bit is always the same and other processes are not kept from their processor.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TOP = 700.0
"""Logarithms are no larger."""


def coefficients(
    x: Floats, table: Floats, keep: Floats, *, close: float, steps: int, start: Floats | None = None
) -> Floats:
    """The likeliest coefficients, each step halved until it helps.

    Parameters
    ----------
    x
        Counts, above zero in all, shape (n,).
    table
        Covariates, shape (n, k), contiguous, the first column ones.
    keep
        Precision of the coefficients' normal priors, mean zero, shape (k,).
    close
        The search ends when a step gains less of the log posterior.
    steps
        Most steps.
    start
        Where the search begins; by default where no covariate tells anything.

    Returns
    -------
    float64 (k,)

    Examples
    --------
    >>> table = np.column_stack([np.ones(4), np.log([1.0, 2.0, 4.0, 8.0])])
    >>> found = coefficients(np.array([3.0, 6.0, 12.0, 24.0]), table, np.zeros(2), close=1e-9, steps=60)
    >>> np.exp(linear(table, found)).round(6).tolist()
    [3.0, 6.0, 12.0, 24.0]
    """
    at = np.zeros(table.shape[1])
    at[0] = math.log(x.mean())
    now = _surprise(table, x, at, keep)
    if start is not None and (then := _surprise(table, x, start, keep)) < now:
        at, now = start, then
    for _ in range(steps):
        step, size = _newton(table, x, at, keep), 1.0
        while (then := _surprise(table, x, at + size * step, keep)) > now and size > 1e-6:
            size /= 2.0
        at, gained, now = at + size * step, now - then, min(now, then)
        if gained < close:
            break
    return at


@njit(cache=True, nogil=True)
def linear(table, at):  # type: ignore[no-untyped-def]
    """``sum_k b_k c_k`` of each row, (n,), summed in one order."""
    out = np.empty(len(table))
    for i in range(len(table)):
        told = 0.0
        for k in range(len(at)):
            told += table[i, k] * at[k]
        out[i] = told
    return out


@njit(cache=True, nogil=True)
def _surprise(table, x, at, keep):  # type: ignore[no-untyped-def]
    """Minus the logarithm of the likelihood and of the prior, up to a constant."""
    out = 0.0
    for i in range(len(x)):
        told = 0.0
        for k in range(len(at)):
            told += table[i, k] * at[k]
        out += math.exp(min(told, TOP)) - x[i] * told
    for k in range(len(at)):
        out += 0.5 * keep[k] * at[k] * at[k]
    return out


@njit(cache=True, nogil=True)
def information(table, weight):  # type: ignore[no-untyped-def]
    """``table.T @ diag(weight) @ table``, the lower half: sums in order of the rows, four at a time."""
    n, k = table.shape
    out = np.zeros((k, k))
    for i in range(0, n - 3, 4):
        r0, r1, r2, r3 = table[i], table[i + 1], table[i + 2], table[i + 3]
        for a in range(k):
            w0, w1 = r0[a] * weight[i], r1[a] * weight[i + 1]
            w2, w3 = r2[a] * weight[i + 2], r3[a] * weight[i + 3]
            row = out[a]
            for b in range(a + 1):
                row[b] = (((row[b] + w0 * r0[b]) + w1 * r1[b]) + w2 * r2[b]) + w3 * r3[b]
    for i in range(n - n % 4, n):
        for a in range(k):
            w0 = table[i, a] * weight[i]
            for b in range(a + 1):
                out[a, b] += w0 * table[i, b]
    return out


@njit(cache=True, nogil=True)
def _newton(table, x, at, keep):  # type: ignore[no-untyped-def]
    """Newton's step, by a Cholesky factor."""
    n, k = table.shape
    mean, right = np.empty(n), np.zeros(k)
    for i in range(n):
        told = 0.0
        for a in range(k):
            told += table[i, a] * at[a]
        mean[i] = math.exp(min(told, TOP))
        for a in range(k):
            right[a] += table[i, a] * (x[i] - mean[i])
    left = information(table, mean)
    for a in range(k):
        right[a] -= keep[a] * at[a]
        left[a, a] += keep[a] + 1e-9
        for b in range(a + 1):
            held = left[a, b]
            for c in range(b):
                held -= left[a, c] * left[b, c]
            left[a, b] = math.sqrt(max(held, 1e-12)) if a == b else held / left[b, b]
    for a in range(k):
        for c in range(a):
            right[a] -= left[a, c] * right[c]
        right[a] /= left[a, a]
    for a in range(k - 1, -1, -1):
        for c in range(a + 1, k):
            right[a] -= left[c, a] * right[c]
        right[a] /= left[a, a]
    return right
