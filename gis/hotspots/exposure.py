"""Hotspots given an exposure: do a cell and its neighbours hold more than is to be expected there?

Expected counts E are in proportion to one exposure, or come from a log-linear regression on several covariates. No
exposure is the whole truth, so a strict Poisson test paints a city red; here the true rate of a cell may differ from
the expected one by chance of its own, with a variance v that the counts tell (in squares of the usual rate). The cases
of a window with M = sum E expected ones have the variance ``M + v sum E²``.

*Tail.* The chance of as many cases when the window's true rate is gamma distributed (a negative binomial count) or
log-normal, whichever is larger: nothing says how uneven rates are distributed, and the log-normal has the longer tail.
With v = 0 both are the Poisson tail.

*Windows.* The cell alone and the cell with its neighbours; p is twice the smaller one's (Bonferroni), for a gathering
at one corner drowns in a neighbourhood.

*Twice.* What gathers makes v and E too large. So windows that stand out are left out and both are found once more;
where nothing stands out nothing is left out, so no false alarm comes of it. Once only: more turns would turn what the
model does not know into hotspots.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots.discovery import LEVEL, discovery_rate
from gis.hotspots.getis import without_own
from gis.hotspots.moran import local_moran
from gis.hotspots.permutation import RUNS
from gis.hotspots.rates import read_exposure
from gis.hotspots.regression import coefficients, linear
from gis.hotspots.trust import Evidence
from gis.hotspots.weighing import Floats
from grids.errors import InputError

LEAST_COVARIATE = 1e-6
"""Weight, in the regression, of the thought that a covariate tells nothing; keeps columns that say the same apart."""
CELLS_EACH = 10
"""A regression has a covariate for so many cells at most; with fewer cells, covariates are drawn together."""
_STEPS, _CLOSE = 60, 1e-9
_UNUSUAL = 0.02
"""Above this tail of the gamma rate the log-normal one is not asked: p is four times it, and nothing stands out."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Excess:
    """Cells against what is expected of them; NaN where the exposure is zero or unknown.

    Parameters
    ----------
    expected
        Cases to be expected in each cell, float64 (n,); over the cells that do not stand out, as many as there are.
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


def by_regression(counts: ArrayLike, covariates: ArrayLike, *, use: NDArray[np.bool_] | None = None) -> Floats:
    """Expected cases of a log-linear regression: ``log E = b0 + sum_k b_k c_k``, Poisson likelihood.

    By `gis.hotspots.regression`. Only the mean is taken from the model, not its variance. The sum over the cells that
    are used is that of their counts.

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,).
    covariates
        What may tell how many are to be expected, shape (n, k): logarithms of lengths and counts, shares of ground.
    use
        Cells that the coefficients are found from, bool (n,); all by default.

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
    some = np.ones(len(x), np.bool_) if use is None else np.asarray(use, np.bool_)
    cases = float(x[some].sum())
    if not cases > 0:
        raise InputError("no case: nothing can be expected", where="counts", right="a class and a period with cases")
    spread = c.std(axis=0)
    told = (c - c.mean(axis=0))[:, spread > 1e-12] / spread[spread > 1e-12]
    table = np.column_stack([np.ones(len(x)), told])
    keep = np.append(0.0, np.full(table.shape[1] - 1, LEAST_COVARIATE * len(x)))
    part = table if some.all() else np.ascontiguousarray(table[some])
    at = coefficients(x[some], part, keep, close=_CLOSE * max(1.0, cases), steps=_STEPS)
    # with few cells, what is told of one that was not used may be anything: no cell expects more than there are in all
    mean = np.exp(np.clip(linear(table, at), np.log(cases) - 50.0, np.log(cases)))
    return mean * (cases / mean[some].sum())


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


def gi_star_exposed(counts: ArrayLike, exposure: ArrayLike, near: sparse.csr_array) -> Excess:
    """Gi* given what is expected: do a cell, or a cell and its neighbours, hold more?

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,).
    exposure
        Shape (n,): cases are expected in proportion to it; 0 or NaN: unknown, and nobody's neighbour. Shape (n, k):
        covariates of a regression (`by_regression`), without NaN.
    near
        Ones (n, n), the diagonal included: `contact` or `band`.

    Returns
    -------
    Excess; z is ``(S - M) / sqrt(M + v sum E²)`` of the window that decides, p and q two-sided as the module says.

    Raises
    ------
    InputError
        As `read_exposure` and `by_regression`; fewer than two cells with an exposure.

    Examples
    --------
    >>> from gis.hotspots import squares
    >>> near = squares(np.ones((12, 12), dtype=bool))
    >>> expected = np.full(144, 4.0)
    >>> x = np.random.default_rng(1).poisson(expected)
    >>> x[[65, 66, 77, 78]] = 16
    >>> np.flatnonzero(gi_star_exposed(x, expected, near).hot()).tolist()
    [65, 66, 76, 77, 78, 79, 90]
    """
    x, known, part = _prepared(counts, exposure, near)
    use = known.copy()
    for again in (True, False):
        m = _expected(x, exposure, use)
        v = _unevenness(x[use], m[use])
        held, mean, spread = part @ x[known], part @ m[known], m[known] + v * m[known] ** 2
        variance = part @ spread
        around, alone = _tail(held, mean, variance), _tail(x[known], m[known], spread)
        p = np.minimum(1.0, 4.0 * np.minimum(around, alone))  # two sides, two windows
        if not (again and x[known].sum() > 0):
            break
        out = np.zeros(len(x), dtype=np.bool_)
        out[known] = (part @ (discovery_rate(p) < LEVEL).astype(float)) > 0
        if not out.any() or (x * (use & ~out)).sum() <= 0:
            break
        use &= ~out
    wide = around <= alone
    z = np.where(wide, (held - mean) / np.sqrt(variance), (x[known] - m[known]) / np.sqrt(spread))
    why = "tail of a count whose rate is uneven by the variance told (gamma or log-normal, the longer), two windows"
    return _whole(known, m, x, held / mean, z, p, np.zeros(len(z), np.int8), Evidence("analytic", why), v)


def _expected(x: Floats, exposure: ArrayLike, use: NDArray[np.bool_]) -> Floats:
    """Expected cases of all cells, as those tell that are used; NaN where unknown."""
    e = np.asarray(exposure, float)
    if e.ndim == 2:
        return by_regression(x, _few(e), use=use)
    e = np.where(e > 0, e, np.nan)
    cases = x[use].sum()
    return e * ((cases if cases > 0 else 1.0) / e[use].sum())


def _few(covariates: Floats) -> Floats:
    """As many covariates as the cells can tell of: with fewer than `CELLS_EACH` cells for each, what they have most in
    common (the first principal components of their standard scores). Else they tell of chance, and what stands out
    would be held against nothing.
    """
    most = max(1, len(covariates) // CELLS_EACH)
    if covariates.shape[1] <= most or not np.isfinite(covariates).all():
        return covariates
    spread = covariates.std(axis=0)
    some = (covariates - covariates.mean(axis=0))[:, spread > 1e-12] / spread[spread > 1e-12]
    if some.shape[1] <= most:
        return covariates
    left, sizes, _ = np.linalg.svd(some, full_matrices=False)
    return left[:, :most] * sizes[:most]


def _unevenness(x: Floats, m: Floats) -> float:
    """Variance of true over expected rates by moments: ``sum E (x/E - 1)² / sum E - 1 / mean(E)``, at least 0."""
    return max(float(((x - m) ** 2 / m).sum() / m.sum() - 1.0 / m.mean()), 0.0)


def _tail(held: Floats, mean: Floats, variance: Floats) -> Floats:
    """Chance of as many cases where there are more than expected, of as few where there are fewer."""
    uneven = np.maximum((variance - mean) / mean**2, 1e-12)
    more, out = held > mean, np.ones(len(held))
    shape = 1.0 / np.maximum(uneven, 1e-9)
    share = mean / (mean + shape)
    out[more] = special.betainc(held[more], shape[more], share[more])
    out[~more] = special.betaincc(held[~more] + 1.0, shape[~more], share[~more])
    some = np.flatnonzero(out < _UNUSUAL)
    held, more, wide = held[some], more[some], np.sqrt(np.log1p(uneven[some]))
    # by Gauss-Hermite quadrature over the logarithm of the rate
    rate = mean[some, None] * np.exp(wide[:, None] * _NODES - 0.5 * wide[:, None] ** 2)
    long = np.empty(len(some))
    long[more] = special.gammainc(held[more, None], rate[more]) @ _WEIGHTS
    long[~more] = special.gammaincc(held[~more, None] + 1.0, rate[~more]) @ _WEIGHTS
    out[some] = np.maximum(out[some], long)
    return out


def local_moran_exposed(
    counts: ArrayLike, exposure: ArrayLike, near: sparse.csr_array, *, runs: int = RUNS, seed: int = 0
) -> Excess:
    """Local Moran given what is expected: is a cell high among high ones, low among low, or unlike them?

    Cells are standardized (`standardized`) and dealt out anew, each cell keeping its own value; beside it stands the
    exact binomial tail of what the neighbours hold, given the whole count and an even risk. p is the larger of both.

    Parameters
    ----------
    counts, exposure, near
        As for `gi_star_exposed`.
    runs, seed
        Of the dealing, as for `gis.hotspots.moran.local_moran`.

    Returns
    -------
    Excess; z is that of local Moran of the standardized excess.
    """
    x, known, part = _prepared(counts, exposure, near)
    m = _expected(x, exposure, known)
    values, v = standardized(x, m)
    dealt = local_moran(values[known], part, p="permutation", runs=runs, seed=seed)
    upper, lower = _tails(x[known], m[known], without_own(part))
    chance = np.minimum(1.0, 2.0 * np.where(np.isin(dealt.quadrant, (1, 2)), upper, lower))
    p = np.where(np.isnan(dealt.p), np.nan, np.maximum(dealt.p, chance))
    why = "the larger of the exact binomial tail, given the exposure, and of the standardized excess dealt out anew"
    by = dealt.evidence
    evidence = Evidence("permutation", why, by.runs, by.seed) if by.runs else Evidence(by.by, by.why)
    around = (part @ x[known]) / (part @ m[known])
    return _whole(known, m, x, around, dealt.z, p, dealt.quadrant, evidence, v)


def _prepared(
    counts: ArrayLike, exposure: ArrayLike, near: sparse.csr_array
) -> tuple[Floats, NDArray[np.bool_], sparse.csr_array]:
    """Cases, which cells have an exposure, and the neighbours among those."""
    e = np.asarray(exposure, float)
    x, first = read_exposure(counts, np.ones(len(e)) if e.ndim == 2 else e)
    if near.shape != (len(x), len(x)):
        raise InputError(f"{len(x)} counts with neighbours of shape {near.shape}", right="(n, n)")
    known = ~np.isnan(first)
    if known.sum() < 2:
        raise InputError(f"{known.sum()} cells have an exposure", where="exposure", right="two or more")
    part = near if known.all() else sparse.csr_array(near[known][:, known])
    part.sort_indices()
    return x, known, part


def _tails(x: Floats, m: Floats, near: sparse.csr_array) -> tuple[Floats, Floats]:
    """Chance that a neighbourhood holds as many, and as few, given the whole count and an even risk."""
    cases = x.sum()
    held, share = near @ x, np.clip((near @ m) / m.sum(), 0.0, 1.0)
    # the binomial distribution by the incomplete beta function: P(X >= k) = I_share(k, n - k + 1)
    held = np.minimum(held, cases)
    upper = np.where(held > 0, special.betainc(np.maximum(held, 1e-300), cases - held + 1.0, share), 1.0)
    lower = np.where(held < cases, special.betaincc(held + 1.0, np.maximum(cases - held, 1e-300), share), 1.0)
    return upper, lower


def _whole(known, m, x, around, z, p, quadrant, evidence, v) -> Excess:  # type: ignore[no-untyped-def]
    def put(values: Floats) -> Floats:
        out = np.full(len(known), np.nan)
        out[known] = values
        return out

    sector = np.zeros(len(known), dtype=np.int8)
    sector[known] = quadrant
    lost = int(x[~known].sum())
    return Excess(m, put(around), put(z), put(p), put(discovery_rate(p)), sector, evidence, v, lost)
