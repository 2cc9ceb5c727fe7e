"""What is usual in a place, from more than its own past.

A place that was watched for a month has told little of itself. What lies there (roads, ground) and what else happens
there (cases of other classes) tell how many cases are to be expected, by a regression over the city's cells. How far to
trust that is read from the counts: the rate of a circle has a gamma distribution around what is expected, a share of
places goes by its own past alone, and both are those that best foretell the circles' last counts from the ones before
(empirical Bayes; the robust mixture is that of Schmidli et al. 2014, "Robust meta-analytic-predictive priors",
Biometrics 70). What a circle then counts is negative binomial.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots.points import positive, read_points
from gis.hotspots.regression import TOP, Floats, coefficients, linear
from grids.errors import InputError

SHAPES = np.array([2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0])
"""Shapes of the gamma distribution that are tried: so many cases of its own past weigh as much as what is expected."""
ALONE = np.array([0.02, 0.1, 0.3])
"""Shares of places that go by their own past that are tried; these have shape `OWN`."""
OWN = 1.0
ENOUGH = 10.0
"""Cases for each covariate: with fewer nothing is regressed."""
EVERY_M, BUMPS = 2500.0, 64
"""Steps between the middles of the smooth bumps that stand for what changes over the city and is written nowhere; as
many as these at most, and longer steps in a larger city."""
REGRESSED = 25_000
"""The regression is found from every cell, of a larger city from every second, third … so that as many are left."""
_EACH, _TELL = 3, 3000
"""Every third circle tells the shapes, of large cities about so many; their neighbours tell the same."""
_KEEP = 1.0
"""Precision of the coefficients of standardized covariates: a kind of ground without a case yet is not one where none
can be."""
_STEPS, _CLOSE = 25, 1e-3


@dataclass
class Beside:
    """What else tells how many cases are usual in each cell.

    Parameters
    ----------
    ground
        What does not change, shape (n, k), without NaN: logarithms of metres and counts, shares of ground, `bumps`.
    others
        Cases of groups of other classes, shape (g, n, t), in the bins of the counts that they are beside.
    near
        Neighbours of the cells, ones (n, n), the diagonal included.

    Raises
    ------
    InputError
        Shapes that do not fit one another, NaN.
    """

    ground: Floats
    others: NDArray[np.int64]
    near: sparse.csr_array

    def __post_init__(self) -> None:
        n = self.near.shape[0]
        if self.ground.ndim != 2 or len(self.ground) != n or self.others.ndim != 3 or self.others.shape[1] != n:
            what = f"ground of shape {self.ground.shape}, others of shape {self.others.shape}"
            raise InputError(what, where="beside", right=f"({n}, k) and (groups, {n}, bins)")
        if not np.isfinite(self.ground).all():
            raise InputError("NaN among the covariates", where="beside", right="finite numbers")
        middle, spread, k = self.ground.mean(axis=0), self.ground.std(axis=0), self.ground.shape[1]
        self._table = np.ones((n, 1 + k + 2 * len(self.others)))
        self._table[:, 1 : 1 + k] = (self.ground - middle) / np.where(spread > 1e-12, spread, 1.0)
        self._past = np.cumsum(self.others, axis=2)
        self._size = np.maximum(np.asarray(self.near.sum(axis=1), float).ravel(), 1.0)

    def share(
        self, counts: NDArray[np.int64], t: int, use: NDArray[np.bool_], *, start: Floats | None = None
    ) -> tuple[Floats, Floats] | None:
        """Cases that are expected of each cell, in proportion; None where there are too few cases to tell.

        Parameters
        ----------
        counts
            Cases of each cell before the window, shape (n,).
        t
            The last bin of which the other classes are known.
        use
            Cells that the regression is found from.
        start
            Coefficients near by, of another bin; they spare steps.

        Returns
        -------
        expected : float64 (n,)
        coefficients : float64 (k,)
        """
        table = self._table
        for g, held in enumerate(self._past[:, :, t]):
            for k, column in enumerate((held, np.asarray(self.near @ held, float) / self._size)):
                column = np.log(column + 0.5)
                spread = max(float(column.std()), 1e-12)
                table[:, self.ground.shape[1] + 1 + 2 * g + k] = (column - column.mean()) / spread
        if counts[use].sum() < ENOUGH * table.shape[1]:
            return None
        keep = np.append(0.0, np.full(table.shape[1] - 1, _KEEP))
        some = np.flatnonzero(use)
        some = some[:: max(1, len(some) // REGRESSED)]
        x = counts[some].astype(float)
        if not x.any():
            return None
        at = coefficients(x, np.ascontiguousarray(table[some]), keep, close=_CLOSE, steps=_STEPS, start=start)
        return np.exp(np.minimum(linear(table, at), TOP)), at


def bumps(x: ArrayLike, y: ArrayLike, *, every_m: float | None = None) -> Floats:
    """Covariates for a field that changes smoothly over the city: normal bumps on a lattice, distance to the middle.

    Parameters
    ----------
    x, y
        Middles of the cells, metres, shape (n,).
    every_m
        Steps of the lattice, `EVERY_M` by default, longer ones where that made more than `BUMPS`; bumps have a standard
        deviation of 0.8 of them, those far from all cells are left out.

    Returns
    -------
    float64 (n, k); no columns where all cells lie within one step.
    """
    x, y = read_points(x, y)
    if every_m is None:
        every_m = max(EVERY_M, math.sqrt(float(np.ptp(x) * np.ptp(y)) / BUMPS))
    positive(every_m, "every_m")
    if np.ptp(x) < every_m and np.ptp(y) < every_m:
        return np.empty((len(x), 0))
    out = [x - x.mean(), y - y.mean(), np.hypot(x - x.mean(), y - y.mean())]
    out = [column / max(float(out[2].max()), 1.0) for column in out]
    for east in np.arange(x.min(), x.max() + every_m, every_m):
        for north in np.arange(y.min(), y.max() + every_m, every_m):
            away = np.hypot(x - east, y - north)
            if away.min() < 0.6 * every_m:
                out.append(np.exp(-0.5 * (away / (0.8 * every_m)) ** 2))
    return np.column_stack(out)


@dataclass(frozen=True)
class Prior:
    """How the rates of circles lie around what is expected, in one window.

    Parameters
    ----------
    due
        Share of the city's cases that is expected of each circle, shape (cells, circles).
    shape, alone
        Of each circle size: shape of the gamma distribution; share of places that go by their own past. (circles,).
    """

    due: Floats
    shape: Floats
    alone: Floats

    def expect(self, i: int, r: int, before: float, now: float, whole: float) -> float:
        """Cases expected of circle r around i, given those of its past and the city's in the window and the past."""
        if now <= 0 or whole <= 0:
            return 0.0
        return float(_foretold(0.0, before, now, whole, self.due[i, r], self.shape[r], self.alone[r])[2])


def find_prior(
    sums: NDArray[np.int64],
    city: NDArray[np.int64],
    stood: NDArray[np.bool_],
    t: int,
    window: int,
    history: int,
    due: Floats,
) -> Prior:
    """Shapes that best foretell the circles' counts in the window from those of their past.

    Parameters
    ----------
    sums, city, stood, t, window, history
        As `gis.hotspots.looks.look` has them.
    due
        As `Prior` has it.
    """
    picked, every = [], max(_EACH, len(sums) // _TELL)
    shapes = np.append(SHAPES, OWN)
    for r in range(sums.shape[1]):
        some, told = np.ascontiguousarray(sums[::every, r]), np.zeros((len(SHAPES), len(ALONE)))
        most = int(some[:, : t + 1].sum(axis=1).max(initial=0))
        gammas = special.gammaln(shapes[:, None] + np.arange(most + 1.0))
        _likelihood(some, city, stood[::every], t, window, history, due[::every, r], shapes, gammas, ALONE, told)
        picked.append(np.unravel_index(int(np.argmax(told)), told.shape))
    return Prior(due, SHAPES[[j for j, _ in picked]], ALONE[[e for _, e in picked]])


@njit(cache=True, nogil=True)
def past(row, city, stood, t, window, history):
    """Cases of a circle in the window, in its clean past, and of the city in both."""
    now, mine = 0, 0
    for b in range(t - window + 1, t + 1):
        now += city[b]
        mine += row[b]
    before, whole, found = 0, 0, 0
    b = t - window
    while b >= 0 and found < history:
        if not stood[b]:
            before += row[b]
            whole += city[b]
            found += 1
        b -= 1
    return mine, before, now, whole


@njit(cache=True, nogil=True)
def _log(k, r, s):
    """Logarithm of the negative binomial chance of k: r successes of chance 1 - s."""
    return math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1.0) + k * math.log(s) + r * math.log1p(-s)


@njit(cache=True, nogil=True)
def _tail(k, r, s):
    """Chance of k or more."""
    term = math.exp(_log(k, r, s))
    out = term
    while True:
        term *= (k + r) / (k + 1.0) * s
        k += 1.0
        out += term
        if term < 1e-13 * out or term == 0.0:
            break
    return min(out, 1.0)


@njit(cache=True, nogil=True)
def _likelihood(sums, city, stood, t, window, history, due, shapes, gammas, alone, out):
    """Add, for each shape and share, the logarithm of the chance of each window given its past.

    ``gammas`` are the logarithms of gamma(shape + count); the last shape is that of places that go by themselves.
    """
    last, products, held = len(shapes) - 1, np.ones(out.shape), 0
    first, after = np.empty(len(shapes)), np.empty(len(shapes))
    for i in range(len(sums)):
        mine, before, now, whole = past(sums[i], city, stood[i], t, window, history)
        if now == 0 or whole == 0 or due[i] * (now + whole) < 1.0:
            continue
        for j in range(len(shapes)):
            odds = shapes[j] / due[i]
            log_odds, log_past, log_all = math.log(odds), math.log(odds + whole), math.log(odds + whole + now)
            first[j] = gammas[j, before] - gammas[j, 0] - before * (log_past - math.log(whole))
            first[j] += shapes[j] * (log_odds - log_past)
            after[j] = first[j] + gammas[j, before + mine] - gammas[j, before] - mine * (log_all - math.log(now))
            after[j] += (shapes[j] + before) * (log_past - log_all)
        for j in range(last):
            top_first, top_after = max(first[j], first[last]), max(after[j], after[last])
            told_past, own_past = math.exp(first[j] - top_first), math.exp(first[last] - top_first)
            told, own = math.exp(after[j] - top_after), math.exp(after[last] - top_after)
            for e in range(len(alone)):
                out[j, e] += top_after - top_first
                products[j, e] *= ((1.0 - alone[e]) * told + alone[e] * own) / (
                    (1.0 - alone[e]) * told_past + alone[e] * own_past
                )
        held += 1
        if held % 64 == 0:  # each factor lies between 1 / 50 and 50
            out += np.log(products)
            products[:] = 1.0
    out += np.log(products)


@njit(cache=True, nogil=True)
def _foretold(mine, before, now, whole, due, shape, alone):
    """Chance of that many or more in the window; the mean given the window too; the mean before it."""
    told_past, own_past = (
        _log(before, shape, whole / (shape / due + whole)),
        _log(before, OWN, whole / (OWN / due + whole)),
    )
    own = alone / (alone + (1.0 - alone) * math.exp(min(told_past - own_past, 700.0)))
    p, after, mean = 0.0, 0.0, 0.0
    for k in range(2):
        a, weight = (shape, 1.0 - own) if k == 0 else (OWN, own)
        s = now / (a / due + whole + now)
        mean += weight * (a + before) * now / (a / due + whole)
        after += weight * (a + before + mine) * s
        if mine > 0.0:
            p += weight * _tail(mine, a + before, s)
    return p, after, mean


@njit(cache=True, nogil=True)
def lowest_scores(sums, city, stood, t, window, history, due, shape, alone, least, best, way):
    """Best score of the circles around each cell in one window; inf where nothing is beyond what is expected."""
    n, circles, _ = sums.shape
    for i in range(n):
        best[i], way[i] = np.inf, 0
        for r in range(circles):
            mine, before, now, whole = past(sums[i, r], city, stood[i], t, window, history)
            if mine < least or now == 0 or whole == 0:
                continue
            # what is expected is at least the smaller one of its two parts
            told = (shape[r] + before) / (shape[r] / due[i, r] + whole)
            if mine <= min(told, (OWN + before) / (OWN / due[i, r] + whole)) * now:
                continue
            p, after, mean = _foretold(float(mine), float(before), now, whole, due[i, r], shape[r], alone[r])
            if mine > mean and p * now < best[i] * after:
                best[i], way[i] = p * now / after, r
