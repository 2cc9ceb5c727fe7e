"""Rates drawn towards what else is known of a cell, and cases recorded next door told apart.

With two cases a cell a rate says little, and what all cells have in common says little more. But a street with shops
has shops' trouble: roads, ground, components, and cases of other classes tell how many cases are to be expected
(`gis.hotspots.exposure.by_regression`), and a cell is drawn towards that, as far as the counts of cells like it agree.

Where few cases are recorded next door it is enough to know how many (`stray`, `expected_rates`). Where the places are
off by half a cell, as those of a hotline, all cells are found at once from the places themselves (`recovered_rates`).
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots.exposure import by_regression
from gis.hotspots.intervals import COVER, check_cover, exact_interval
from gis.hotspots.joint import joint_means, tracts_of
from gis.hotspots.rates import Rates, Strayed, empirical_bayes, read_exposure
from gis.hotspots.weighing import Floats
from gis.hotspots.whence import BORDER_M, SIGMA, Whence
from grids.errors import InputError

LIKE, ENOUGH = 150, 1000
"""So many cells of like expectation, with so many cases, share a distribution of true over expected rates."""
MOST_GROUPS = 5
MOST_GONE = 0.9
ASTRAY = 0.2
"""Where a larger share of the cases is recorded in the wrong cell, `recovered_rates` it is."""
TRACT = 3.0
"""Side of a tract in sides of a usual cell: neighbours have more in common than the covariates know."""
NONE = 0.9
"""Where it is so likely that no recorded case is of a cell, nothing shows that anything ever happens there."""


def stray(
    counts: ArrayLike, cells: ArrayLike, near: sparse.csr_array, *, accuracy_m: ArrayLike, weights: ArrayLike = 1.0
) -> Strayed:
    """Cases that are recorded in the wrong cell, by the accuracy of places and the shape of cells.

    Of cases spread evenly in a cell of area A and perimeter P, moved by a normal error with standard deviation s on
    each axis, the share ``s P / (A sqrt(2 pi))`` ends beyond the border, for s small beside the cell. What comes in is
    the same share of the mean count of the neighbours.

    Parameters
    ----------
    counts
        Cases of each cell, shape (n,).
    cells, near
        Polygons in metres, shape (n,), and who is whose neighbour, the diagonal included.
    accuracy_m
        68 % radius of the position error, of all cases or of each kind, shape (k,), `BORDER_M` at least in effect.
    weights
        Cases of each kind, shape (k,).

    Returns
    -------
    Strayed of shape (n,).

    Examples
    --------
    >>> from gis.hotspots import squares
    >>> cells = [shapely.box(100 * k, 0, 100 * k + 100, 100) for k in range(2)]
    >>> found = stray([10, 50], cells, squares(np.ones((1, 2), bool)), accuracy_m=5)
    >>> found.gone.round(3).tolist(), found.come.round(2).tolist()
    ([0.104, 0.104], [5.21, 1.04])
    """
    radius, weight = np.broadcast_arrays(np.atleast_1d(np.asarray(accuracy_m, float)), np.asarray(weights, float))
    if not ((radius >= 0) & np.isfinite(radius)).all() or not weight.sum() > 0:
        raise InputError("a radius below zero, or none", where="accuracy_m", right="metres, 0 or more")
    shapes, x = np.asarray(cells, object), np.asarray(counts, float)
    open_m = shapely.length(shapes) / np.maximum(shapely.area(shapes), 1e-9) / np.sqrt(2.0 * np.pi)
    out = np.minimum(open_m[:, None] * np.hypot(radius, BORDER_M) * SIGMA, MOST_GONE)
    gone = out @ (weight / weight.sum())
    others = np.maximum(np.asarray(near.sum(axis=1), float).ravel() - 1.0, 1.0)
    return Strayed(gone, gone * (np.asarray(near @ x, float) - x) / others)


def expected_rates(
    counts: ArrayLike,
    exposure: ArrayLike,
    covariates: ArrayLike,
    *,
    strayed: Strayed | None = None,
    cover: float = COVER,
) -> Rates:
    """Smoothed rates with intervals, drawn towards what covariates let one expect.

    A regression gives the cases to be expected in each cell; the exposure is one of its covariates, as twice the visits
    need not find twice as much. Cells of like expectation (a fifth of them, but `LIKE` with `ENOUGH` cases at least)
    share a distribution of true over expected rates, which their counts tell (`empirical_bayes`): small expectations
    miss by more. Intervals are wider by what the regression is unsure of. ``low`` is 0 where there is no case: nothing
    shows that anything ever happens there.

    Parameters
    ----------
    counts, exposure
        Cases and exposure of each cell, shape (n,). Exposure 0 or NaN: unknown.
    covariates
        Shape (n, k), without NaN; the exposure's logarithm is added.
    strayed
        Cases that are recorded in the wrong cell (`stray`).
    cover
        Nominal share of the intervals.

    Returns
    -------
    Rates of shape (n,); ``mean`` is the rate that is expected, ``prior`` the families.

    Raises
    ------
    InputError
        As `empirical_bayes` and `by_regression`.
    """
    x, e = read_exposure(counts, exposure)
    table = np.asarray(covariates, float)
    if table.ndim != 2 or len(table) != len(x):
        raise InputError(f"covariates of shape {table.shape}", where="covariates", right=f"({len(x)}, k)")
    known = ~np.isnan(e)
    if not x[known].sum() > 0:
        return empirical_bayes(x, e, cover=check_cover(cover))
    table = np.column_stack([table, np.log(np.where(known, e, np.nanmedian(e)))])
    told = by_regression(x, table, use=known)
    unsure = _unsure(x, told, table, known) * special.ndtri((1.0 + cover) / 2.0)
    order = np.flatnonzero(known)[np.argsort(told[known], kind="stable")]
    out, families = np.full((5, len(x)), np.nan), []
    groups = max(1, min(len(order) // LIKE, int(x[known].sum()) // ENOUGH, MOST_GROUPS))
    for part in np.array_split(order, groups):
        away = None if strayed is None else Strayed(strayed.gone[part], strayed.come[part])
        found = empirical_bayes(x[part], told[part], strayed=away, cover=cover)
        per = told[part] / e[part]
        for k, values in enumerate((found.rate, found.low, found.high, found.mean)):
            out[k, part] = values * per
        out[4, part] = found.never
        families.append(found.prior)
    rate, low, high, mean, never = (np.ascontiguousarray(v) for v in out)
    low[known & (x == 0)] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(low > 0, rate * np.exp(-np.hypot(np.log(rate / low), unsure)), low)
        high = np.where(rate > 0, rate * np.exp(np.hypot(np.log(high / rate), unsure)), high)
    raw = np.where(known, x / np.where(known, e, 1.0), np.nan)
    prior = " ".join(dict.fromkeys(families))
    return Rates(raw, rate, low, high, *exact_interval(x, e, cover=cover), never, mean, prior)


def recovered_rates(
    came: Whence,
    counts: ArrayLike,
    exposure: ArrayLike,
    covariates: ArrayLike,
    cells: ArrayLike,
    *,
    placed: float = 1.0,
    seed: int = 0,
    sweeps: int | None = None,
    cover: float = COVER,
) -> Rates:
    """Smoothed rates with intervals where many cases are recorded in the wrong cell.

    All cells are found at once (`gis.hotspots.joint`), those without an exposure too, for their cases stray as well.
    The exposure is a covariate, and whether there is one.

    Parameters
    ----------
    came
        From which cells the cases may have come (`gis.hotspots.whence`).
    counts, exposure
        Cases recorded in each cell, and its exposure, shape (n,). Exposure 0 or NaN: unknown.
    covariates
        Shape (n, k), without NaN; best made of well-placed cases.
    cells
        Polygons in metres, shape (n,).
    placed
        Share of the cases that have a usable place at all, above 0: the others are shared out as these are.
    seed, sweeps
        What the draws are made from, and how many times all cases are dealt. On two idle cores 9,007 cells took 1.2 s
        with 16,000 cases and 2.1 s with 119,000 (2.1 and 3.8 s of processor time), 99,077 cells with 1.3 million 22 s.
    cover
        Nominal share of the intervals.

    Returns
    -------
    Rates of shape (n,); ``raw`` and the exact intervals are those of the cases as recorded, ``mean`` is the rate that
    is expected without the cell's own cases.

    Raises
    ------
    InputError
        As `empirical_bayes`.
    """
    x, e = read_exposure(counts, exposure)
    table, n = np.asarray(covariates, float), len(x)
    if table.ndim != 2 or len(table) != n or len(came.seen) != n:
        what = f"covariates of shape {table.shape}, origins in {len(came.seen)} cells"
        raise InputError(what, where="covariates", right=f"({n}, k), {n} cells")
    check_cover(cover)
    known = ~np.isnan(e)
    if not x[known].sum() > 0 or len(came.first) < 2:
        return empirical_bayes(x, e, cover=cover)
    shapes = np.asarray(cells, object)
    middles = shapely.get_coordinates(shapely.centroid(shapes))
    tracts = tracts_of(middles[:, 0], middles[:, 1], TRACT * float(np.sqrt(np.median(shapely.area(shapes)))))
    table = np.column_stack([table, np.log(np.where(known, e, np.nanmedian(e))), known])
    found = joint_means(came, table, tracts, ~known, seed=seed, sweeps=sweeps)
    low, high = found.at((1.0 - cover) / 2.0), found.at((1.0 + cover) / 2.0)
    low, high = np.where(found.none >= NONE, 0.0, low), np.maximum(high, found.mean)
    rate, low, high, mean = (v / (e * placed) for v in (found.mean, low, high, found.expected))
    return Rates(
        x / e, rate, low, high, *exact_interval(x, e, cover=cover), np.where(known, found.never, np.nan), mean, "gamma"
    )


def _unsure(x: Floats, told: Floats, table: Floats, known: NDArray[np.bool_]) -> Floats:
    """Standard error of the logarithm of what is expected, by Fisher's information and the spread of the counts."""
    wide = np.column_stack([np.ones(len(x)), (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-12)])
    some, mean = wide[known], told[known]
    spread = max(
        1.0, float(((x[known] - mean) ** 2 / np.maximum(mean, 1e-12)).sum()) / max(len(some) - some.shape[1], 1)
    )
    inner = np.linalg.pinv((some * mean[:, None]).T @ some, hermitian=True)
    return np.sqrt(np.maximum(((wide @ inner) * wide).sum(axis=1), 0.0) * spread)
