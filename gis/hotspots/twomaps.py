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
from scipy import sparse, special

from gis.hotspots.intervals import COVER, check_cover
from gis.hotspots.rates import Rates, Strayed, empirical_bayes
from gis.hotspots.weighing import Floats, Told, steps_around, usual_weights, weigh

UNLIKE = 0.3
"""How unlike its neighbours a cell is, as a standard deviation of logarithms: what strays in adds so much of its share
to what is unsure of a ratio."""
PLENTY = 1600
"""A ratio of so many cases over so many has the interval of its logarithm's normal distribution, without a prior."""


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
    rates: tuple[Rates, Rates] | None = None,
    strayed: tuple[Strayed, Strayed] | None = None,
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
    rates
        Both rates, where they were found otherwise (`gis.hotspots.expected_rates`).
    strayed
        Found and reported cases that are recorded in the wrong cell: the ratio's intervals are wider for it.

    Returns
    -------
    TwoMaps

    Examples
    --------
    >>> both = found_and_reported([20, 0, 4], [10, 10, 0], [5, 40, 9], [100, 100, 100])
    >>> bool(both.ratio[1] > both.ratio[0]), bool(np.isnan(both.ratio[2])), both.apart().tolist()
    (True, True, [-1, 1, 0])
    """
    if rates is None:
        here = empirical_bayes(found, visits, near=near, cover=cover)
        there = empirical_bayes(reported, people, near=near, cover=cover)
    else:
        here, there = rates
    known = ~np.isnan(here.rate) & ~np.isnan(there.rate)
    n = len(known)
    ratio, low, high = (np.full(n, np.nan) for _ in range(3))
    x, v, y, p = (np.asarray(a, float)[known] for a in (found, visits, reported, people))
    if not (x.sum() > 0 and y.sum() > 0):
        return TwoMaps(here, there, ratio, low, high, float("nan"))
    usual = float(y.sum() / p.sum() / (x.sum() / v.sum()))
    steps, values = steps_around(usual), np.exp(steps_around(usual))

    def told(some: NDArray[np.int64] | slice) -> Floats:
        visited, lived = v[some, None], p[some, None]
        return y[some, None] * (steps + np.log(lived)) - (x + y)[some, None] * np.log(visited + lived * values)

    prior = usual_weights(_of(told, np.flatnonzero(x + y > 0)), None, int((x + y > 0).sum()), steps, ("log-normal",))
    after = weigh(told, None, len(x), steps, prior, cover=check_cover(cover))
    plenty = np.minimum(x, y) >= PLENTY
    with np.errstate(divide="ignore", invalid="ignore"):
        plain, wide = y / p / (x / v), np.exp(special.ndtri((1.0 + cover) / 2.0) * np.sqrt(1.0 / x + 1.0 / y))
        ratio[known] = np.where(plenty, plain, after.median)
        low[known], high[known] = np.where(plenty, plain / wide, after.low), np.where(plenty, plain * wide, after.high)
    if strayed is not None:
        z = special.ndtri((1.0 + cover) / 2.0)
        more = z * UNLIKE * np.hypot(strayed[0].gone, strayed[1].gone)
        low = ratio * np.exp(-np.hypot(np.log(ratio / low), more))
        high = ratio * np.exp(np.hypot(np.log(high / ratio), more))
    return TwoMaps(here, there, ratio, low, high, usual)


def _of(told: Told, cells: NDArray[np.int64]) -> Told:
    return lambda some: told(cells[some])
