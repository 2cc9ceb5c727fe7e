"""Posteriors on steps: how likely each of many values is for each cell, given the cell's counts and all other cells'.

The prior is the distribution of a family, gamma or log-normal, that makes the counts of all cells likeliest (empirical
Bayes), beside it, if asked for, a share of cells in which nothing ever happens. Values are weighed on even steps of
their logarithm; sums over them stand for integrals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
STEP = 0.04
SOME = 4096
"""So many cells are weighed at once."""
ENOUGH, COARSE = 2048, 3
"""So many cells, spread over all, and every third step are enough to find the prior."""
FAMILIES = ("gamma", "log-normal")


@dataclass(frozen=True)
class Prior:
    """What is usual: ``weights`` of the steps, and before them of zero (``idle``, 0 when not asked for); family."""

    weights: Floats
    idle: float
    family: str


@dataclass(frozen=True)
class Posterior:
    """Of each cell: mean, median, ends of the equal-tailed interval (values, not logarithms), chance of zero; (n,)."""

    mean: Floats
    median: Floats
    low: Floats
    high: Floats
    never: Floats


Told = Callable[[NDArray[np.int64] | slice], Floats]
"""Logarithm of the likelihood of some cells on all steps, shape (cells, steps), up to a term of the cell."""


def steps_around(usual: float) -> Floats:
    """Logarithms of values from 1/3,000 to 150 times the usual one."""
    return np.log(usual) + np.arange(-8.0, 5.0, STEP)


def usual_weights(told: Told, zero: Floats | None, n: int, steps: Floats, families: tuple[str, ...]) -> Prior:
    """The prior that makes the counts likeliest, of one of some families.

    Parameters
    ----------
    told
        What each cell's counts say of the steps.
    zero
        The same of the value zero, (n,), -inf where it cannot be; None when no value may be zero.
    n
        Count of cells.
    steps
        Logarithms of the values.
    families
        Of `FAMILIES`.
    """
    from scipy import optimize  # a quarter of a second that most questions need not wait for

    some = np.linspace(0, n - 1, min(n, ENOUGH)).astype(np.int64)
    table, idles = _scaled(told(some), None if zero is None else zero[some])
    table, few = np.ascontiguousarray(table[:, ::COARSE]), np.ascontiguousarray(steps[::COARSE])
    middle = float(np.log(np.exp(steps).mean())) if zero is None else float(steps[0] + 8.0)

    def weights(at: Floats, family: str, steps: Floats) -> Floats:
        if family == "gamma":  # at: logarithms of shape and mean
            shape = np.exp(at[0])
            log = shape * (steps - at[1]) - shape * np.exp(steps - at[1])
        else:  # mean and logarithm of the standard deviation
            log = -0.5 * ((steps - at[1]) / np.exp(at[0])) ** 2
        w = np.exp(log - log.max()) + 1e-300
        return w / w.sum()

    def surprise(at: Floats, family: str) -> float:
        idle = float(special.expit(at[2])) if zero is not None else 0.0
        return -float(np.log(idle * idles + (1.0 - idle) * (table @ weights(at, family, few)) + 1e-300).sum())

    best: tuple[float, Floats, str] | None = None
    for family in families:
        low, high = (-5.0, 4.0) if family == "gamma" else (np.log(COARSE * STEP), np.log(4.0))
        bounds = [(low, high), (middle - 6.0, middle + 4.0), (-12.0, 4.0)]
        begin = np.array([0.0 if family == "gamma" else -0.3, middle, -3.0])
        k = 2 if zero is None else 3
        found = optimize.minimize(surprise, begin[:k], args=(family,), method="L-BFGS-B", bounds=bounds[:k])
        if best is None or found.fun < best[0] - 1e-6:
            best = float(found.fun), found.x, family
    assert best is not None
    idle = float(special.expit(best[1][2])) if zero is not None else 0.0
    return Prior(weights(best[1], best[2], steps), idle, best[2])


def weigh(told: Told, zero: Floats | None, n: int, steps: Floats, prior: Prior, *, cover: float) -> Posterior:
    """Posterior of each cell."""
    shares = (0.5, (1.0 - cover) / 2.0, (1.0 + cover) / 2.0)
    out = np.zeros((5, n))
    values = np.exp(steps)
    for begin in range(0, n, SOME):
        part = slice(begin, min(begin + SOME, n))
        table, idles = _scaled(told(part), None if zero is None else zero[part])
        after = table * ((1.0 - prior.idle) * prior.weights)
        idle = prior.idle * idles
        whole = after.sum(axis=1) + idle
        after /= whole[:, None]
        idle = idle / whole
        out[0, part], out[4, part] = after @ values, idle
        below = np.cumsum(after, axis=1) - 0.5 * after + idle[:, None]
        rows = np.arange(len(idle))
        for k, share in enumerate(shares):
            at = np.clip((below < share).sum(axis=1), 1, len(steps) - 1)  # between the steps where the sum passes it
            low, high = below[rows, at - 1], below[rows, at]
            way = np.clip((share - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
            out[k + 1, part] = np.where(idle >= share, 0.0, np.exp(steps[at - 1] + way * STEP))
    return Posterior(*out)


def _scaled(told: Floats, zero: Floats | None) -> tuple[Floats, Floats]:
    """Likelihoods of the steps and of zero, the largest of a cell one."""
    top = told.max(axis=1)
    if zero is None:
        return np.exp(told - top[:, None]), np.zeros(len(told))
    top = np.maximum(top, zero)
    return np.exp(told - top[:, None]), np.exp(zero - top)
