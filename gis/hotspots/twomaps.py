"""What patrols find and what citizens report: two maps, and their ratio.

Where much is reported and little found, patrols look too seldom, or people care much; where much is found and little
reported, nobody complains. Neither map is the city.

What truly happens in a cell, h, stands behind both: ``found ~ Poisson(h visits)``, ``reported ~ Poisson(h r people)``.
Given their sum, the reported ones are binomial and h is out of the game (Przyborowski & Wilenski 1940, "Homogeneity of
results in testing samples from Poisson series", Biometrika 31): the share is ``r people / (r people + visits)``. The
logarithms of the ratios r of all cells are taken to be normal, with the mean and spread that make the counts likeliest
(empirical Bayes); a cell's ratio is the median of its posterior, its interval the posterior's quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, sparse

from gis.hotspots.intervals import COVER, check_cover
from gis.hotspots.rates import Floats, Rates, empirical_bayes

_STEPS = np.arange(-8.0, 8.0001, 0.05)
"""Logarithms of the ratios that are weighed, from the usual one: 1/3,000 to 3,000 times."""
_SOME = 4096
"""So many cells are weighed at once; as many are enough to find the spread of the ratios."""


@dataclass(frozen=True)
class TwoMaps:
    """What patrols find and what citizens report, and how they compare.

    Parameters
    ----------
    found, reported
        Rates of both, each over its own exposure.
    ratio
        Reported rate over found rate, the posterior's median, float64 (n,); NaN where either exposure is unknown.
    low, high
        Equal-tailed credible interval of the ratio, float64 (n,).
    usual
        The ratio of the whole, over all cells in which both are known.
    """

    found: Rates
    reported: Rates
    ratio: Floats
    low: Floats
    high: Floats
    usual: float

    def apart(self) -> NDArray[np.int8]:
        """1 where citizens report more than usual beside what patrols find, -1 where less, 0 where it is not sure."""
        with np.errstate(invalid="ignore"):
            return np.where(self.low > self.usual, 1, np.where(self.high < self.usual, -1, 0)).astype(np.int8)


def found_and_reported(
    found: ArrayLike,
    visits: ArrayLike,
    reported: ArrayLike,
    people: ArrayLike,
    *,
    near: sparse.csr_array | None = None,
    cover: float = COVER,
) -> TwoMaps:
    """The two maps side by side, and their ratio with its interval.

    Parameters
    ----------
    found, visits
        Cases that patrols found in each cell, and how often it was visited. Visited and clean is a zero, never visited
        (0 or NaN) unknown.
    reported, people
        Cases that citizens reported, and the people who could; 0 or NaN: unknown.
    near, cover
        As for `gis.hotspots.rates.empirical_bayes`.

    Returns
    -------
    TwoMaps

    Examples
    --------
    >>> both = found_and_reported([20, 0, 4], [10, 10, 0], [5, 40, 9], [100, 100, 100])
    >>> bool(both.ratio[1] > both.ratio[0]), bool(np.isnan(both.ratio[2])), both.apart().tolist()
    (True, True, [-1, 1, 0])
    """
    here = empirical_bayes(found, visits, near=near, cover=cover)
    there = empirical_bayes(reported, people, near=near, cover=cover)
    known = ~np.isnan(here.rate) & ~np.isnan(there.rate)
    n = len(known)
    ratio, low, high = (np.full(n, np.nan) for _ in range(3))
    x, v, y, p = (np.asarray(a, float)[known] for a in (found, visits, reported, people))
    if not (x.sum() > 0 and y.sum() > 0):
        return TwoMaps(here, there, ratio, low, high, float("nan"))
    usual = float(y.sum() / p.sum() / (x.sum() / v.sum()))
    steps = np.log(usual) + _STEPS
    ratio[known], low[known], high[known] = _weighed(x, v, y, p, steps, check_cover(cover))
    return TwoMaps(here, there, ratio, low, high, usual)


def _weighed(x: Floats, v: Floats, y: Floats, p: Floats, steps: Floats, cover: float) -> tuple[Floats, Floats, Floats]:
    """Median, low and high end of the posterior of each ratio."""
    telling = np.flatnonzero(x + y > 0)
    some = telling[np.linspace(0, len(telling) - 1, min(len(telling), _SOME)).astype(np.int64)]
    weights = _fitted(_likelihood(x[some], v[some], y[some], p[some], steps), steps)
    shares = (0.5, (1.0 - cover) / 2.0, (1.0 + cover) / 2.0)
    out = np.empty((3, len(x)))
    for begin in range(0, len(x), _SOME):
        part = slice(begin, begin + _SOME)
        after = _likelihood(x[part], v[part], y[part], p[part], steps) * weights
        below = np.cumsum(after, axis=1)
        below = (below - 0.5 * after) / below[:, -1:]
        for k, share in enumerate(shares):
            # between the two steps where the sum passes the share
            at = np.clip((below < share).sum(axis=1), 1, len(steps) - 1)
            rows = np.arange(len(at))
            low, high = below[rows, at - 1], below[rows, at]
            way = np.clip((share - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
            out[k, part] = np.exp(steps[at - 1] + way * (steps[at] - steps[at - 1]))
    return out[0], out[1], out[2]


def _likelihood(x: Floats, v: Floats, y: Floats, p: Floats, steps: Floats) -> Floats:
    """Of each cell and step, up to a factor of the cell."""
    told = y[:, None] * (steps + np.log(p)[:, None]) - (x + y)[:, None] * np.log(
        v[:, None] + p[:, None] * np.exp(steps)
    )
    return np.exp(told - told.max(axis=1, keepdims=True))


def _fitted(likelihood: Floats, steps: Floats) -> Floats:
    """Weights of the steps: the normal distribution that makes the counts likeliest."""

    def weights(at: Floats) -> Floats:
        w = np.exp(-0.5 * ((steps - at[0]) / np.exp(at[1])) ** 2) + 1e-300
        return w / w.sum()

    def surprise(at: Floats) -> float:
        return -float(np.log(likelihood @ weights(at)).sum())

    middle = float(steps.mean())
    bounds = [(middle - 4.0, middle + 4.0), (np.log(0.05), np.log(3.0))]
    return weights(optimize.minimize(surprise, [middle, np.log(0.5)], method="L-BFGS-B", bounds=bounds).x)
