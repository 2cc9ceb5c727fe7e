"""Rates that small numbers do not fool: cases over exposure, drawn towards what is usual as far as they are unsure.

The cases of a cell are Poisson distributed around its rate times its exposure; the true rates of all cells are drawn
from a distribution that the counts themselves tell (empirical Bayes; Clayton & Kaldor 1987, "Empirical Bayes estimates
of age-standardized relative risks for use in disease mapping", Biometrics 43): gamma or log-normal, whichever makes
the counts likelier, and beside it a share of cells in which nothing ever happens, a street fault where no street is. A
cell's smoothed rate is the mean of its posterior, its interval the posterior's quantiles.

A cell with exposure and no case is a zero, and has a rate. A cell without exposure is unknown: NaN, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots.intervals import COVER, Interval, check_cover, exact_interval
from gis.hotspots.weighing import FAMILIES, Floats, steps_around, usual_weights, weigh
from grids.errors import InputError

PRIORS = ("likelihood", "moments")
MOST_SHAPE = 1e6
"""Cells whose rates do not differ have a prior of this shape: a standard deviation of a thousandth of the mean."""
PLENTY = 400
"""A cell with so many cases speaks for itself: its posterior is gamma(cases + 1/2, exposure), as Jeffreys has it."""


@dataclass(frozen=True)
class Strayed:
    """Cases that are recorded in the wrong cell.

    Parameters
    ----------
    gone
        Share of a cell's cases that are recorded in another one, 0 or more and below 1, float64 (n,).
    come
        Cases of others that are recorded in the cell, 0 or more, float64 (n,).
    """

    gone: Floats
    come: Floats


@dataclass(frozen=True)
class Rates:
    """Cases per unit of exposure; NaN where the exposure is zero or unknown.

    Parameters
    ----------
    raw
        Cases over exposure, float64 (n,).
    rate
        Mean of the posterior, float64 (n,).
    low, high
        Equal-tailed credible interval of the rate, float64 (n,).
    exact_low, exact_high
        Exact interval of the cell by itself (`exact_interval`), float64 (n,).
    never
        Chance that nothing ever happens in the cell, float64 (n,); 0 where something did.
    mean
        What each cell is drawn towards: the usual rate of all cells, or of its neighbourhood, float64 (n,).
    prior
        Family of the distribution of true rates, gamma or log-normal.
    """

    raw: Floats
    rate: Floats
    low: Floats
    high: Floats
    exact_low: Floats
    exact_high: Floats
    never: Floats
    mean: Floats
    prior: str


def read_exposure(counts: ArrayLike, exposure: ArrayLike, *, where: str = "exposure") -> tuple[Floats, Floats]:
    """Cases and exposure of each cell, as float64 (n,); NaN or 0 in the exposure is "unknown" and becomes NaN.

    Raises
    ------
    InputError
        Lengths that differ, cases that are negative or NaN, an exposure below zero, infinite, or nowhere above zero.
    """
    x, e = np.atleast_1d(np.asarray(counts, float)), np.atleast_1d(np.asarray(exposure, float))
    if x.ndim != 1 or x.shape != e.shape:
        raise InputError(f"{x.shape} counts and {e.shape} of exposure", where=where, right="one of each for each cell")
    if not (x >= 0).all() or not np.isfinite(x).all():
        raise InputError("a count is negative or not a number", where=f"cell {int(np.argmax(~(x >= 0)))}")
    if (bad := (e < 0) | np.isinf(e)).any():
        at = int(np.argmax(bad))
        raise InputError(f"{e[at]:g} in cell {at}", where=where, right="0 or more; leave it empty where it is unknown")
    if len(e) and not (e > 0).any():
        raise InputError("it is zero or unknown in every cell", where=where, right="name a measure that the cells have")
    return x, np.where(e > 0, e, np.nan)


def empirical_bayes(
    counts: ArrayLike,
    exposure: ArrayLike,
    *,
    near: sparse.csr_array | None = None,
    prior: str = "likelihood",
    strayed: Strayed | None = None,
    cover: float = COVER,
) -> Rates:
    """Smoothed rates with intervals: global, or drawn towards the neighbourhood.

    Parameters
    ----------
    counts, exposure
        Cases and exposure of each cell, shape (n,). Exposure 0 or NaN: unknown.
    near
        Who is whose neighbour, the diagonal included (`contact`): each cell is drawn towards the rate of its
        neighbourhood. None: towards that of all cells.
    prior
        ``likelihood``: the distribution that makes the counts likeliest, gamma or log-normal, with idle cells.
        ``moments``: those of Marshall 1991, "Mapping disease and mortality rates using empirical Bayes estimators",
        Applied Statistics 40: with ``m = sum x / sum e``, ``v = sum e (x/e - m)² / sum e - m / mean(e)`` (0 when
        negative), shape m² / v. Then the rates are those of PySAL's ``Empirical_Bayes``, with `near` those of
        ``Spatial_Empirical_Bayes``. Local and ``likelihood``: each cell is drawn towards the mean of its neighbours,
        without itself, which is drawn towards that of all; gamma, its shape says how far cells are from it.
    strayed
        Cases that are recorded in the wrong cell (`stray`); only for global rates by likelihood. None: none are.
    cover
        Nominal share of the intervals.

    Returns
    -------
    Rates of shape (n,).

    Raises
    ------
    InputError
        As `read_exposure`; a prior that is none.

    Examples
    --------
    >>> found = empirical_bayes([0, 3, 30, 5], [10, 10, 10, 0], prior="moments")
    >>> found.raw.round(2).tolist(), found.rate.round(3).tolist()
    ([0.0, 0.3, 3.0, nan], [0.066, 0.348, 2.885, nan])
    """
    if prior not in PRIORS:
        raise InputError(f"{prior!r}", where="prior", right="one of " + ", ".join(PRIORS))
    x, e = read_exposure(counts, exposure)
    check_cover(cover)
    known = ~np.isnan(e)
    raw, exact = _over(x, e), exact_interval(x, e, cover=cover)
    if not x[known].sum() > 0:
        zero = np.where(known, 0.0, np.nan)
        return Rates(raw, zero, zero, exact[1], *exact, zero, zero, "")
    if strayed is not None and (near is not None or prior != "likelihood"):
        what = "what strayed is told apart in global rates by likelihood only"
        raise InputError(what, where="strayed", right="leave near and prior out")
    if near is None and prior == "likelihood":
        return _global(x, e, known, raw, exact, cover, strayed)
    if near is None:
        mean, shape = np.full(len(x), x[known].sum() / e[known].sum()), _moments(x, e, known)
    else:
        mean, shape = _local(x, e, known, near, prior)
    with np.errstate(divide="ignore", invalid="ignore"):
        after, scale = shape + x, shape / mean + e
        rate = after / scale
        low, high = _ends(after, scale, cover)
    fixed, none = known & np.isinf(shape), known & ~(mean > 0)  # a prior without spread is a point
    rate, low, high = (np.where(fixed, mean, np.where(none, 0.0, v)) for v in (rate, low, high))
    high = np.where(none, exact[1], high)
    rate, low, high = (np.where(known, v, np.nan) for v in (rate, low, high))
    return Rates(raw, rate, low, high, *exact, np.zeros(len(x)), mean, "gamma")


def _global(
    x: Floats, e: Floats, known: NDArray[np.bool_], raw: Floats, exact: Interval, cover: float, strayed: Strayed | None
) -> Rates:
    """Rates with the prior of all cells, weighed on steps."""
    count, held = x[known], e[known]
    steps = steps_around(count.sum() / held.sum())
    values, plenty = np.exp(steps), count >= PLENTY
    kept, come = np.ones(len(count)), np.zeros(len(count))
    if strayed is not None:
        kept, come = 1.0 - strayed.gone[known], strayed.come[known]

    def told(some: NDArray[np.int64] | slice) -> Floats:
        if strayed is None:
            return count[some, None] * steps - held[some, None] * values
        mean = (kept * held)[some, None] * values + come[some, None]
        return special.xlogy(count[some, None], mean) - mean

    zero = np.where(count > 0, -np.inf, 0.0)
    if strayed is not None:
        zero = special.xlogy(count, come) - come  # what is there may all have come from next door
    prior = usual_weights(told, zero, len(count), steps, FAMILIES)
    after = weigh(told, zero, len(count), steps, prior, cover=cover)
    low, high = _ends(count + 0.5, 1.0, cover)
    mean, low, high = (np.maximum(v - come, 0.0) / (kept * held) for v in (count + 0.5, low, high))
    out = np.full((4, len(x)), np.nan)
    out[0, known] = np.where(plenty, mean, after.mean)
    out[1, known], out[2, known] = np.where(plenty, low, after.low), np.where(plenty, high, after.high)
    out[3, known] = after.never
    usual = np.full(len(x), float((1.0 - prior.idle) * (prior.weights @ values)))
    return Rates(raw, out[0], out[1], out[2], *exact, out[3], usual, prior.family)


def _ends(shape: Floats, scale: Floats | float, cover: float) -> Interval:
    """Ends of the equal-tailed interval of a gamma distribution."""
    tail = (1.0 - cover) / 2.0
    return special.gammaincinv(shape, tail) / scale, special.gammainccinv(shape, tail) / scale


def _local(x: Floats, e: Floats, known: NDArray[np.bool_], near: sparse.csr_array, prior: str) -> tuple[Floats, Floats]:
    """Mean and shape of each cell's prior, by its neighbourhood."""
    here, there = np.where(known, x, 0.0), np.where(known, e, 0.0)
    cases, held = np.asarray(near @ here, float), np.asarray(near @ there, float)
    if prior == "moments":
        mean = _over(cases, held)
        return mean, _local_moments(here, there, known, near, mean, held)
    # without the cell itself, so that the counts can say how far a cell is from its neighbours
    cases, held = cases - here, np.maximum(held - there, 0.0)
    some = held > 0
    one, middle = _likeliest(cases[some], held[some]) if some.any() else _likeliest(x[known], e[known])
    if not middle > 0:
        return np.zeros(len(x)), np.ones(len(x))
    mean = (one + cases) / (one / middle + held)
    return mean, _likeliest_shapes(x, e * mean, one + cases, known)


def _over(x: Floats, e: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(e > 0, x / e, np.nan)


def _moments(x: Floats, e: Floats, known: NDArray[np.bool_]) -> Floats:
    """Shape of Marshall's prior; inf when the rates vary no more than by chance."""
    mean = x[known].sum() / e[known].sum()
    spread = (e[known] * (x[known] / e[known] - mean) ** 2).sum() / e[known].sum() - mean / e[known].mean()
    return np.full(len(x), mean**2 / spread if spread > 0 else np.inf)


def _local_moments(
    x: Floats, e: Floats, known: NDArray[np.bool_], near: sparse.csr_array, mean: Floats, held: Floats
) -> Floats:
    there = sparse.csr_array((np.ones(len(near.data)), near.indices, near.indptr), shape=near.shape)
    size = there @ known.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(known, x * x / np.where(known, e, 1.0), 0.0)
        # sum of e (x/e - m)² over a neighbourhood, m its mean rate
        spread = (there @ squares - held * mean**2) / held - mean / (held / size)
        return np.where(spread > 0, mean**2 / spread, np.inf)


def _likeliest(x: Floats, e: Floats) -> tuple[float, float]:
    """Shape and mean of the gamma distribution that make the counts likeliest."""
    from scipy import optimize  # late, as in gis.hotspots.weighing

    usual = x.sum() / e.sum()
    if not usual > 0:
        return 1.0, 0.0

    def far(at: Floats) -> tuple[float, Floats]:
        shape, mean = float(np.exp(at[0])), float(np.exp(at[1]))
        m = e * mean
        by_shape = special.digamma(shape + x) - special.digamma(shape) - np.log1p(m / shape) + (m - x) / (shape + m)
        slope = np.array([shape * by_shape.sum(), ((x - m) / (1.0 + m / shape)).sum()])
        return _surprise(x, m, shape), -slope

    bounds = [(-7.0, np.log(MOST_SHAPE)), (np.log(usual) - 10.0, np.log(usual) + 10.0)]
    begin = np.array([np.log(_start(x, e * usual)), np.log(usual)])
    found = optimize.minimize(far, begin, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))


def _likeliest_shapes(x: Floats, m: Floats, told: Floats, known: NDArray[np.bool_]) -> Floats:
    """Shape of each cell's prior around the expected counts `m`, on the side of caution.

    ``1 / shape = 1 / s + 1 / told``: cells differ from their neighbours (s, one for all), and what `told` cases of the
    neighbours say is itself unsure. s is one standard error below the likeliest (the likelihood smaller by exp(1/2)).
    """
    from scipy import optimize

    x, m = x[known], m[known]
    if not x.sum() > 0:
        return np.ones(len(told))

    def surprise(at: float) -> float:
        return _surprise(x, m, 1.0 / (np.exp(-at) + 1.0 / told[known]))

    least = -7.0
    best = optimize.minimize_scalar(surprise, bounds=(least, np.log(MOST_SHAPE)), method="bounded")
    at = float(best.x)
    if surprise(least) > best.fun + 0.5:
        at = float(optimize.brentq(lambda at: surprise(at) - best.fun - 0.5, least, at))
    return 1.0 / (np.exp(-at) + 1.0 / told)


def _start(x: Floats, m: Floats) -> float:
    """Shape by moments, to begin with: the variance of the counts is m + m² / shape."""
    extra = float(((x - m) ** 2 - m).sum())
    return float(np.clip((m * m).sum() / extra if extra > 0 else 100.0, 1e-2, 1e4))


def _surprise(x: Floats, m: Floats, shape: float | Floats) -> float:
    """Minus the logarithm of the likelihood of negative binomial counts, up to a constant."""
    terms = special.gammaln(shape + x) - special.gammaln(shape) - shape * np.log1p(m / shape)
    return float(-(terms + special.xlogy(x, m / (shape + m))).sum())
