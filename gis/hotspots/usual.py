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
from scipy import sparse

from gis.hotspots.points import positive, read_points
from grids.errors import InputError

Floats = NDArray[np.float64]
SHAPES = np.array([2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0])
"""Shapes of the gamma distribution that are tried: so many cases of its own past weigh as much as what is expected."""
ALONE = np.array([0.02, 0.1, 0.3])
"""Shares of places that go by their own past that are tried; these have shape `OWN`."""
OWN = 1.0
ENOUGH = 10.0
"""Cases for each covariate: with fewer nothing is regressed."""
EVERY_M = 2500.0
"""Steps between the middles of the smooth bumps that stand for what changes over the city and is written nowhere."""
_EACH = 3
"""Every third circle tells the shapes; its neighbours tell the same."""
_KEEP = 1.0
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
        self._past = np.cumsum(self.others, axis=2)
        self._size = np.maximum(np.asarray(self.near.sum(axis=1), float).ravel(), 1.0)

    def share(self, counts: NDArray[np.int64], t: int, use: NDArray[np.bool_]) -> Floats | None:
        """Cases that are expected of each cell, in proportion; None where there are too few cases to tell.

        Parameters
        ----------
        counts
            Cases of each cell before the window, shape (n,).
        t
            The last bin of which the other classes are known.
        use
            Cells that the regression is found from.
        """
        columns = [*self.ground.T]
        for held in self._past[:, :, t]:
            columns += [np.log(held + 0.5), np.log(np.asarray(self.near @ held, float) / self._size + 0.5)]
        table = np.column_stack([np.ones(len(counts)), *columns])
        if counts[use].sum() < ENOUGH * table.shape[1]:
            return None
        spread = table.std(axis=0)
        spread[0], middle = 1.0, table.mean(axis=0)
        middle[0] = 0.0
        table = (table - middle) / np.where(spread > 1e-12, spread, 1.0)
        told = (table * _regress(counts[use].astype(float), np.ascontiguousarray(table[use]))).sum(axis=1)
        return np.exp(np.minimum(told, 700.0))


def _regress(x: Floats, table: Floats) -> Floats:
    """Coefficients of a log-linear regression, Poisson likelihood, by Newton's steps; the first column is ones.

    Those of standardized covariates have a normal prior with deviation 1: a kind of ground without a case yet is not
    one where none can be.
    """
    at = np.zeros(table.shape[1])
    at[0] = math.log(x.mean())
    keep = np.append(0.0, np.full(len(at) - 1, _KEEP))

    now = _surprise(table, x, at, keep)
    for _ in range(_STEPS):
        step, size = _newton(table, x, at, keep), 1.0
        while (then := _surprise(table, x, at + size * step, keep)) > now and size > 1e-6:
            size /= 2.0
        at, gained, now = at + size * step, now - then, min(now, then)
        if gained < _CLOSE:
            break
    return at


@njit(cache=True, nogil=True)
def _surprise(table, x, at, keep):
    """Minus the logarithm of the likelihood and of the prior, up to a constant."""
    out = 0.0
    for i in range(len(x)):
        told = 0.0
        for k in range(len(at)):
            told += table[i, k] * at[k]
        out += math.exp(min(told, 700.0)) - x[i] * told
    for k in range(len(at)):
        out += 0.5 * keep[k] * at[k] * at[k]
    return out


@njit(cache=True, nogil=True)
def _newton(table, x, at, keep):
    """Newton's step, one pass and a Cholesky factor. No library of many threads: the last bit is always the same."""
    k = len(at)
    left, right = np.zeros((k, k)), np.zeros(k)
    for i in range(len(x)):
        row = table[i]
        told = 0.0
        for a in range(k):
            told += row[a] * at[a]
        mean = math.exp(min(told, 700.0))
        for a in range(k):
            right[a] += row[a] * (x[i] - mean)
            weight = row[a] * mean
            for b in range(a + 1):
                left[a, b] += weight * row[b]
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


def bumps(x: ArrayLike, y: ArrayLike, *, every_m: float = EVERY_M) -> Floats:
    """Covariates for a field that changes smoothly over the city: normal bumps on a lattice, distance to the middle.

    Parameters
    ----------
    x, y
        Middles of the cells, metres, shape (n,).
    every_m
        Steps of the lattice; bumps have a standard deviation of 0.8 of them, those far from all cells are left out.

    Returns
    -------
    float64 (n, k); no columns where all cells lie within one step.
    """
    x, y = read_points(x, y)
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
    picked = []
    for r in range(sums.shape[1]):
        told = np.zeros((len(SHAPES), len(ALONE)))
        _likelihood(sums[::_EACH, r], city, stood[::_EACH], t, window, history, due[::_EACH, r], SHAPES, ALONE, told)
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
def _both(mine, before, now, whole, due, shape):
    """Logarithms of the chances of the past, and of past and window, of a rate with that shape around what is due."""
    odds = shape / due
    first = _log(before, shape, whole / (odds + whole))
    return first, first + _log(mine, shape + before, now / (odds + whole + now))


@njit(cache=True, nogil=True)
def _mixed(a, b, share):
    """log((1 - share) e^a + share e^b)."""
    top = max(a, b)
    return top + math.log((1.0 - share) * math.exp(a - top) + share * math.exp(b - top))


@njit(cache=True, nogil=True)
def _likelihood(sums, city, stood, t, window, history, due, shapes, alone, out):
    for i in range(len(sums)):
        mine, before, now, whole = past(sums[i], city, stood[i], t, window, history)
        if now == 0 or whole == 0 or due[i] * (now + whole) < 1.0:
            continue
        own_past, own = _both(float(mine), float(before), now, whole, due[i], OWN)
        for j in range(len(shapes)):
            told_past, told = _both(float(mine), float(before), now, whole, due[i], shapes[j])
            for e in range(len(alone)):
                out[j, e] += _mixed(told, own, alone[e]) - _mixed(told_past, own_past, alone[e])


@njit(cache=True, nogil=True)
def _foretold(mine, before, now, whole, due, shape, alone):
    """Chance of that many or more in the window; the mean given the window too; the mean before it."""
    told_past, own_past = (_both(0.0, before, now, whole, due, shape)[0], _both(0.0, before, now, whole, due, OWN)[0])
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
            if mine < least or now == 0 or whole == 0 or mine <= min(due[i, r], before / whole) * now:
                continue
            p, after, mean = _foretold(float(mine), float(before), now, whole, due[i, r], shape[r], alone[r])
            if mine > mean and p * now < best[i] * after:
                best[i], way[i] = p * now / after, r
