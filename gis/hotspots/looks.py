"""One look at the end of a bin: every circle against its own past, and what the best of so many circles is worth.

Circles overlap and windows too, so Bonferroni's correction throws most of the level away. Here the worth of the best
circle is found as in Kulldorff 2001, "Prospective time periodic geographical disease surveillance using a scan
statistic", JRSS A 164: the same look at counts whose times are dealt out anew. Few deals are enough when an extreme
value distribution is laid through them (Abrams, Kulldorff & Kleinman 2010, "Gumbel based p-value approximations for
spatial scan statistics", International Journal of Health Geographics 9).

Two things keep the level where counts are not those of the textbook. Reports come in clumps (a second report of the
same thing), so cases are dealt in clumps too, as large as the counts say. And what hotspots add to the city is not due
elsewhere, nor missed elsewhere when they end: cells that ever were in one are no part of the city's share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from gis.hotspots.deals import LEAST_CASES, Deals, Rings
from gis.hotspots.usual import Prior, find_prior, lowest_scores, past
from grids.errors import InputError

FEW = 19
"""So many deals are made first; when many of them beat what is there, nothing stands out and no more are needed."""
_BEATEN = 5
_EULER = 0.5772156649015329


def make_rings(reaches: Sequence[sparse.csr_array]) -> Rings:
    """Rings of neighbourhoods, each holding the one before.

    Raises
    ------
    InputError
        A neighbourhood that does not hold the one before.
    """
    parts, n, held = [], reaches[0].shape[0], None
    for r, reach in enumerate(reaches):
        more = sparse.csr_array(reach) if held is None else sparse.csr_array(reach - held)
        more.eliminate_zeros()
        if (more.data < 0).any():
            raise InputError(f"neighbourhood {r + 1} does not hold the one before", right="reaches that grow")
        row = np.repeat(np.arange(n), np.diff(more.indptr))
        parts.append((row, np.full(len(row), r), more.indices.astype(np.int64)))
        held = sparse.csr_array(reach)
    row, ring, cell = (np.concatenate([part[k] for part in parts]) for k in range(3))
    order = np.lexsort((cell, ring, row))
    held_by = np.bincount(row * len(reaches) + ring, minlength=n * len(reaches)).reshape(n, len(reaches))
    begins = np.concatenate([[0], np.cumsum(held_by.sum(axis=1))]).astype(np.int64)
    return Rings(begins, cell[order].astype(np.int32), begins[:-1, None] + np.cumsum(held_by, axis=1).astype(np.int64))


@dataclass(frozen=True)
class Look:
    """Cells at the end of a bin.

    Parameters
    ----------
    p
        Chance that a look in which nothing has changed finds so much anywhere, of each cell's best circle, (n,).
    score
        What cells are ordered by: the smaller the more unusual, (n,).
    circle, window
        Circle and window that are most unusual around each cell, positions, (n,).
    priors
        Of each window, what is usual beside the past; empty when only the past tells.
    """

    p: NDArray[np.float64]
    score: NDArray[np.float64]
    circle: NDArray[np.int64]
    window: NDArray[np.int64]
    priors: tuple[Prior, ...] = ()


def look(
    cube: NDArray[np.int64],
    sums: NDArray[np.int64],
    stood: NDArray[np.bool_],
    usual: NDArray[np.bool_],
    rings: Rings,
    t: int,
    *,
    windows: Sequence[int],
    history: int,
    runs: int,
    seed: int,
    expected: NDArray[np.float64] | None = None,
) -> Look:
    """Hold every circle in the last bins up to t against its own past.

    Both being Poisson counts, given their sum the later one is binomial (Przyborowski & Wilenski 1940), with the share
    that the city as a whole has. The score of a circle is that chance times the number of gatherings of its size that
    the city has room for, so that large ones, of which there are few, need less to stand out than small ones. The best
    score of all circles and windows is held against those of ``runs`` deals of each cell's cases over the bins.

    Where something beside the past tells what is usual, the chance is that of `gis.hotspots.usual`. The deals stay as
    they are: they say how often the best of so many circles has a chance so small, and that is the same for any chance
    that is true.

    Parameters
    ----------
    cube, sums
        Cases of each cell and bin, and of each circle and bin.
    stood
        Bins in which a cell stood out: no part of the past of its circles, bool (n, bins).
    usual
        Cells that make up the city's share, bool (n,).
    windows
        Bins counted together, none longer than there is a past beside it.
    expected
        Cases that are expected of each cell by what is known beside its past, in any unit, (n,).
    """
    n, city = len(cube), cube[usual].sum(axis=0)
    score, circle, window = np.full(n, np.inf), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    best, way = np.empty(n), np.empty(n, dtype=np.int64)
    due, priors = None if expected is None else _due(expected, usual, rings), []
    for k, w in enumerate(windows):
        if due is None:
            _scores(sums, city, stood, t, w, history, best, way)
        else:
            prior = find_prior(sums, city, stood, t, w, history, due)
            lowest_scores(sums, city, stood, t, w, history, due, prior.shape, prior.alone, LEAST_CASES, best, way)
            priors.append(prior)
        better = best < score
        score[better], circle[better], window[better] = best[better], way[better], k
    none = Look(np.ones(n), score, circle, window, tuple(priors))
    least = float(score.min())
    first = max(0, t + 1 - history - max(windows))
    if not np.isfinite(least) or runs < 2:
        return none
    part = slice(first, t + 1)
    share, clumps = city[part] / max(city[part].sum(), 1), 1.0
    if first < t:
        clumps = _clumps(sums[:, :1, part][usual], share)
    whole, room = cube[:, part].sum(axis=1), float(city[part].sum())
    deals = Deals(whole, share, room, clumps, rings, windows, (seed, t))
    lowest = deals.lowest(min(runs, FEW))
    if (lowest <= math.log(max(least, 1e-300))).sum() >= _BEATEN:
        return none
    high = -np.concatenate([lowest, deals.lowest(runs - len(lowest))])
    scale = max(float(high.std(ddof=1)) * math.sqrt(6.0) / math.pi, 1e-3)
    middle = float(high.mean()) - _EULER * scale
    with np.errstate(over="ignore"):
        p = -np.expm1(-np.exp(np.minimum((np.log(np.maximum(score, 1e-300)) + middle) / scale, 50.0)))
    return Look(p, score, circle, window, tuple(priors))


def _due(expected: NDArray[np.float64], usual: NDArray[np.bool_], rings: Rings) -> NDArray[np.float64]:
    """Share of the city's cases that is expected of each circle; the usual cells are the city."""
    each = np.maximum(expected / max(float(expected[usual].sum()), 1e-12), 1e-12)
    upto = np.concatenate([[0.0], np.cumsum(each[rings.cells])])
    return upto[rings.ends] - upto[rings.begins[:-1], None]


def _clumps(sums: NDArray[np.int64], share: NDArray[np.float64]) -> float:
    """How many times the variance of circles over the bins is that of cases dealt one by one, 1 at least.

    Pearson's chi-squared of each circle over its degrees of freedom, the mean of the smallest circles that hold enough.
    """
    whole = sums.sum(axis=2)
    some = whole >= LEAST_CASES
    if not some.any():
        return 1.0
    mean = whole[some][:, None] * share
    chi = ((sums[some] - mean) ** 2 / np.where(mean > 0, mean, 1.0)).sum(axis=1)
    return max(1.0, float(chi.mean()) / (int((share > 0).sum()) - 1 or 1))


@njit(cache=True, nogil=True)
def _tail(k, n, share):
    """Chance of k or more of n, k above n times the share."""
    log = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
    term = math.exp(log + k * math.log(share) + (n - k) * math.log1p(-share))
    out, odds = term, share / (1.0 - share)
    while k < n:
        term *= (n - k) / (k + 1.0) * odds
        k += 1.0
        out += term
        if term < 1e-13 * out:
            break
    return min(out, 1.0)


@njit(cache=True, nogil=True)
def _scores(sums, city, stood, t, window, history, best, way):
    """Best score of the circles around each cell in one window; inf where nothing is beyond what is expected."""
    n, circles, _ = sums.shape
    for i in range(n):
        best[i], way[i] = np.inf, 0
        for r in range(circles):
            mine, before, now, whole = past(sums[i, r], city, stood[i], t, window, history)
            if mine < LEAST_CASES or now == 0 or whole == 0:
                continue
            share = now / (now + whole)
            mean = (mine + before) * share
            if mine <= mean:
                continue
            score = _tail(float(mine), float(mine + before), share) * now / mean
            if score < best[i]:
                best[i], way[i] = score, r
