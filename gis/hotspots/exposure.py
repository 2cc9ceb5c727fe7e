"""Hotspots given an exposure: do a cell and its neighbours hold more than is to be expected there?

Expected counts come from one exposure (cases in proportion to it) or from a regression on several covariates. A cell
stands out when two doubts are answered at once:

1. *Could chance do it, were the risk the same everywhere?* The cases of a neighbourhood are then binomial, given the
   whole count: an exact tail, whatever the exposure, few cases or many.
2. *Is it more than cells differ anyway?* No exposure is complete. Cells are standardized (Assunção & Reis 1999, "A new
   proposal to adjust Moran's I for population density", Statistics in Medicine 18): the excess over its standard
   deviation, unevenness included. Those values are dealt out anew, as for counts without an exposure.

p is the larger of both, so a false alarm must pass either: with an even risk the first keeps the level, with cells
that are uneven on their own the second. A strict Poisson test alone paints a city red wherever its exposure is not the
whole truth; dealing alone errs where the exposure is very uneven.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots.discovery import LEVEL, discovery_rate
from gis.hotspots.getis import gi_star, without_own
from gis.hotspots.moran import local_moran
from gis.hotspots.permutation import RUNS
from gis.hotspots.rates import read_exposure
from gis.hotspots.trust import Evidence
from gis.hotspots.weighing import Floats
from grids.errors import InputError

LEAST_COVARIATE = 1e-6
"""Weight, in the regression, of the thought that a covariate tells nothing; keeps columns that say the same apart."""
_STEPS = 60


@dataclass(frozen=True)
class Excess:
    """Cells against what is expected of them; NaN where the exposure is zero or unknown.

    Parameters
    ----------
    expected
        Cases to be expected in each cell, float64 (n,); their sum is that of the cases with an exposure.
    around
        Cases over expected ones in the cell and its neighbours, float64 (n,).
    z, p, q
        Standard score, two-sided p and false discovery rate, float64 (n,).
    quadrant
        Of local Moran, int8 (n,), as `gis.hotspots.moran.Moran`; zeros for Gi*.
    evidence
        How p came about.
    uneven
        Variance of the true rates among cells, beyond what is expected, in squares of the usual rate.
    unexposed
        Cases in cells without an exposure: in no rate.
    """

    expected: Floats
    around: Floats
    z: Floats
    p: Floats
    q: Floats
    quadrant: NDArray[np.int8]
    evidence: Evidence = field(default=Evidence("analytic", ""))
    uneven: float = 0.0
    unexposed: int = 0

    def hot(self, level: float = LEVEL) -> NDArray[np.bool_]:
        """Cells with more than is expected: z above zero (Moran: high among high), q below `level`."""
        with np.errstate(invalid="ignore"):
            return (self.z > 0) & (self.q < level) & np.isin(self.quadrant, (0, 1))


def in_proportion(counts: ArrayLike, exposure: ArrayLike) -> Floats:
    """Expected cases in proportion to an exposure, NaN where there is none; the sum is that of the exposed cases.

    Examples
    --------
    >>> in_proportion([4, 0, 2, 9], [1, 1, 2, 0]).tolist()
    [1.5, 1.5, 3.0, nan]
    """
    x, e = read_exposure(counts, exposure)
    known = ~np.isnan(e)
    return e * (x[known].sum() / e[known].sum())


def by_regression(counts: ArrayLike, covariates: ArrayLike) -> Floats:
    """Expected cases of a log-linear regression: ``log E = b0 + sum_k b_k c_k``, Poisson likelihood.

    McCullagh & Nelder 1989, "Generalized Linear Models", chapter 6, by Newton's steps. Only the mean is taken from the
    model, not its variance. The sum is that of the counts.

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,).
    covariates
        What may tell how many are to be expected, shape (n, k): logarithms of lengths and counts, shares of ground.

    Returns
    -------
    float64 (n,)

    Raises
    ------
    InputError
        Counts that are negative or NaN, covariates of another length or NaN, no case.

    Examples
    --------
    >>> road = np.array([1.0, 2.0, 4.0, 8.0])
    >>> by_regression([3, 6, 12, 24], np.log(road)[:, None]).round(3).tolist()
    [3.0, 6.0, 12.0, 24.0]
    """
    x = np.atleast_1d(np.asarray(counts, float))
    c = np.asarray(covariates, float)
    if c.ndim != 2 or len(c) != len(x) or not np.isfinite(c).all():
        raise InputError(f"covariates of shape {c.shape}", right=f"({len(x)}, k), without NaN")
    read_exposure(x, np.ones(len(x)))
    if not x.sum() > 0:
        raise InputError("no case: nothing can be expected", where="counts", right="a class and a period with cases")
    spread = c.std(axis=0)
    some = (c - c.mean(axis=0))[:, spread > 1e-12] / spread[spread > 1e-12]
    table = np.column_stack([np.ones(len(x)), some])
    keep = LEAST_COVARIATE * len(x) * np.append(0.0, np.ones(some.shape[1]))
    at = np.zeros(table.shape[1])
    at[0] = np.log(x.mean())

    def surprise(at: Floats) -> float:
        told = table @ at
        return float(np.exp(np.minimum(told, 700.0)).sum() - x @ told + 0.5 * keep @ at**2)

    now = surprise(at)
    for _ in range(_STEPS):
        mean = np.exp(table @ at)
        slope = table.T @ (x - mean) - keep * at
        step = np.linalg.solve((table * mean[:, None]).T @ table + np.diag(keep + 1e-9), slope)
        size = 1.0
        while (then := surprise(at + size * step)) > now and size > 1e-6:
            size /= 2.0
        at, gained, now = at + size * step, now - then, min(now, then)
        if gained < 1e-9 * max(1.0, abs(now)):
            break
    mean = np.exp(table @ at)
    return mean * (x.sum() / mean.sum())


def standardized(counts: ArrayLike, expected: ArrayLike) -> tuple[Floats, float]:
    """Excess of each cell over its standard deviation, chance and unevenness together.

    ``(x/E - 1) / sqrt(v + 1/E)``, v the variance of the true rates by moments, ``sum E (x/E - 1)² / sum E - 1 /
    mean(E)``, 0 when negative (Assunção & Reis 1999, in units of the usual rate).

    Parameters
    ----------
    counts, expected
        Cases and expected cases, shape (n,); expected 0 or NaN: unknown.

    Returns
    -------
    values : float64 (n,), NaN where unknown
    v : float
    """
    x, e = read_exposure(counts, expected, where="expected")
    known = ~np.isnan(e)
    scale = x[known].sum() / e[known].sum()
    m = e * (scale if scale > 0 else 1.0)
    with np.errstate(invalid="ignore"):
        ratio = x / m
    v = float((m[known] * (ratio[known] - 1.0) ** 2).sum() / m[known].sum() - 1.0 / m[known].mean())
    v = max(v, 0.0)
    return (ratio - 1.0) / np.sqrt(v + 1.0 / m), v


def gi_star_exposed(
    counts: ArrayLike, expected: ArrayLike, near: sparse.csr_array, *, runs: int = RUNS, seed: int = 0
) -> Excess:
    """Gi* given what is expected: do a cell and its neighbours hold more?

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,).
    expected
        What is to be expected, up to a factor: an exposure, `in_proportion` or `by_regression`; 0 or NaN: unknown.
        Unknown cells are nobody's neighbours.
    near
        Ones (n, n), the diagonal included: `contact` or `band`.
    runs, seed
        Of the dealing, as for `gi_star`.

    Returns
    -------
    Excess; z is Gi* of the standardized excess.

    Raises
    ------
    InputError
        As `read_exposure`; fewer than two cells with an exposure.

    Examples
    --------
    >>> from gis.hotspots import squares
    >>> near = squares(np.ones((12, 12), dtype=bool))
    >>> expected = np.full(144, 4.0)
    >>> x = np.random.default_rng(1).poisson(expected)
    >>> x[[65, 66, 77, 78]] = 16
    >>> np.flatnonzero(gi_star_exposed(x, expected, near).hot()).tolist()
    [65, 66, 77, 78]
    """
    x, m, values, v, known, part = _prepared(counts, expected, near)
    dealt = gi_star(values[known], part, p="permutation", runs=runs, seed=seed)
    upper, lower = _tails(x[known], m[known], part)
    with np.errstate(invalid="ignore"):
        chance = np.minimum(1.0, 2.0 * np.where(dealt.z > 0, upper, lower))
    p = np.maximum(dealt.p, np.where(np.isnan(dealt.p), np.nan, chance))
    evidence = _evidence(dealt.evidence)
    around = (part @ x[known]) / (part @ m[known])
    return _whole(known, m, x, around, dealt.z, p, np.zeros(int(known.sum()), np.int8), evidence, v)


def local_moran_exposed(
    counts: ArrayLike, expected: ArrayLike, near: sparse.csr_array, *, runs: int = RUNS, seed: int = 0
) -> Excess:
    """Local Moran given what is expected: is a cell high among high ones, low among low, or unlike them?

    Parameters
    ----------
    counts, expected, near, runs, seed
        As for `gi_star_exposed`.

    Returns
    -------
    Excess; z is that of local Moran of the standardized excess. The exact tail is that of the neighbours alone.
    """
    x, m, values, v, known, part = _prepared(counts, expected, near)
    dealt = local_moran(values[known], part, p="permutation", runs=runs, seed=seed)
    off = without_own(part)
    upper, lower = _tails(x[known], m[known], off)
    chance = np.minimum(1.0, 2.0 * np.where(np.isin(dealt.quadrant, (1, 2)), upper, lower))
    p = np.maximum(dealt.p, np.where(np.isnan(dealt.p), np.nan, chance))
    evidence = _evidence(dealt.evidence)
    around = (part @ x[known]) / (part @ m[known])
    return _whole(known, m, x, around, dealt.z, p, dealt.quadrant, evidence, v)


def _prepared(
    counts: ArrayLike, expected: ArrayLike, near: sparse.csr_array
) -> tuple[Floats, Floats, Floats, float, NDArray[np.bool_], sparse.csr_array]:
    x, m = read_exposure(counts, expected, where="expected")
    if near.shape != (len(x), len(x)):
        raise InputError(f"{len(x)} counts with neighbours of shape {near.shape}", right="(n, n)")
    known = ~np.isnan(m)
    if known.sum() < 2:
        raise InputError(f"{known.sum()} cells have an exposure", where="exposure", right="two or more")
    cases = x[known].sum()
    m = m * ((cases if cases > 0 else 1.0) / m[known].sum())
    values, v = standardized(x, m)
    part = near if known.all() else sparse.csr_array(near[known][:, known])
    part.sort_indices()
    return x, m, values, v, known, part


def _tails(x: Floats, m: Floats, near: sparse.csr_array) -> tuple[Floats, Floats]:
    """Chance that a neighbourhood holds as many, and as few, given the whole count and an even risk."""
    cases = x.sum()
    held, share = near @ x, np.clip((near @ m) / m.sum(), 0.0, 1.0)
    # the binomial distribution by the incomplete beta function: P(X >= k) = I_share(k, n - k + 1)
    held = np.minimum(held, cases)
    upper = np.where(held > 0, special.betainc(np.maximum(held, 1e-300), cases - held + 1.0, share), 1.0)
    lower = np.where(held < cases, special.betaincc(held + 1.0, np.maximum(cases - held, 1e-300), share), 1.0)
    return upper, lower


def _evidence(dealt: Evidence) -> Evidence:
    why = "the larger of the exact binomial tail, given the exposure, and of the standardized excess dealt out anew"
    return Evidence("permutation", why, dealt.runs, dealt.seed) if dealt.runs else Evidence(dealt.by, dealt.why)


def _whole(known, m, x, around, z, p, quadrant, evidence, v) -> Excess:  # type: ignore[no-untyped-def]
    def put(values: Floats) -> Floats:
        out = np.full(len(known), np.nan)
        out[known] = values
        return out

    sector = np.zeros(len(known), dtype=np.int8)
    sector[known] = quadrant
    lost = int(x[~known].sum())
    return Excess(m, put(around), put(z), put(p), put(discovery_rate(p)), sector, evidence, v, lost)
