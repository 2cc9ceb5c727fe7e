"""Knox: do cases that are near in space come near in time more often than chance has it?"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import spatial

from gis.hotspots.discovery import discovery_rate
from gis.hotspots.permutation import _mix, _start, check_runs
from gis.hotspots.points import read_points
from grids.errors import InputError, TooLarge

MOST_PAIRS = 50_000_000
"""Most pairs of cases that are near in space."""


@dataclass(frozen=True)
class Knox:
    """Pairs by band of distance (d) and of time (t); shape (d, t) each.

    Parameters
    ----------
    pairs
        Pairs of cases in both bands, int64.
    expected
        Mean of the runs, float64.
    ratio
        pairs / expected, float64; NaN where none are expected.
    p
        Share of the runs (with the data themselves) with as many, float64.
    q
        False discovery rate over all bands, float64: of twenty bands, half of all worlds without any near repeats have
        one with p < 0.05.
    distances_m, times
        Upper ends of the bands, that end included; the first begins at 0, that included.
    runs, seed
        Of the chance.
    """

    pairs: NDArray[np.int64]
    expected: NDArray[np.float64]
    ratio: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    distances_m: NDArray[np.float64]
    times: NDArray[np.int64]
    runs: int
    seed: int


def knox(
    x: ArrayLike,
    y: ArrayLike,
    at: ArrayLike,
    *,
    distances_m: ArrayLike = (100.0, 200.0, 400.0),
    times: ArrayLike = (1, 3, 7, 14),
    runs: int = 999,
    seed: int = 0,
) -> Knox:
    """Count pairs of cases by how near they are in space and in time; the runs deal the times out anew.

    Knox & Bartlett 1964, "The detection of space-time interactions", Applied Statistics 13; p by permutation of the
    times (Mantel 1967, "The detection of disease clustering and a generalized regression approach", Cancer Research
    27), which keeps where cases are, and when.

    Parameters
    ----------
    x, y
        Places in metres, shape (n,); no NaN.
    at
        When, whole numbers of any unit (days, mostly), shape (n,).
    distances_m
        Upper ends of the bands of distance, rising.
    times
        Upper ends of the bands of time, in the unit of `at`, rising, from 0.
    runs, seed
        Of the chance, and what it is made from.

    Returns
    -------
    Knox
        Neither the order of the cases nor the number of threads changes it.

    Raises
    ------
    InputError
        Shapes or bands that are wrong, fewer than two cases.
    TooLarge
        More than `MOST_PAIRS` pairs within the largest distance.

    Examples
    --------
    >>> found = knox([0, 5, 900, 905], [0, 0, 0, 0], [3, 3, 40, 41], distances_m=[10], times=[1], runs=99)
    >>> int(found.pairs[0, 0]), round(float(found.ratio[0, 0]), 1)
    (2, 3.2)
    """
    px, py = read_points(x, y)
    when = np.atleast_1d(np.asarray(at))
    if when.shape != px.shape or when.dtype.kind not in "iu":
        raise InputError(f"{when.dtype} of shape {when.shape}", where="at", right="whole numbers, one for each case")
    if len(px) < 2:
        raise InputError(f"{len(px)} cases", right="at least two make a pair")
    check_runs(runs, seed)
    reach, spans = _bands(distances_m, float, "distances_m"), _bands(times, np.int64, "times")
    order = np.lexsort((when, py, px))
    px, py, when = px[order], py[order], when[order].astype(np.int64)
    tree = spatial.KDTree(np.column_stack([px, py]))
    near = (tree.count_neighbors(tree, float(reach[-1])) - len(px)) // 2
    if near > MOST_PAIRS:
        raise TooLarge(f"{near:,} pairs within {reach[-1]:g} m", right="a shorter distance, period or class")
    pairs = tree.query_pairs(float(reach[-1]), output_type="ndarray")
    away = np.hypot(px[pairs[:, 0]] - px[pairs[:, 1]], py[pairs[:, 0]] - py[pairs[:, 1]])
    band = np.searchsorted(reach, away).astype(np.int8)
    keep = band < len(reach)
    one, two, band = (np.ascontiguousarray(v) for v in (pairs[keep, 0], pairs[keep, 1], band[keep]))
    shape = (len(reach), len(spans))
    held = np.zeros(shape, dtype=np.int64)
    _count(one, two, band, when, spans, held)
    threads = min(os.cpu_count() or 1, runs)
    cuts = np.linspace(0, runs, threads + 1).astype(np.int64)
    sums = [(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)) for _ in range(threads)]

    def some(k: int) -> None:
        _deal(one, two, band, when, spans, held, _start(seed, 2), cuts[k], cuts[k + 1], *sums[k])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(some, range(threads)))
    totals, aboves = (np.sum(part, axis=0) for part in zip(*sums, strict=True))
    expected, reached = totals / runs, aboves
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(expected > 0, held / expected, np.nan)
    p = (1 + reached) / (runs + 1)
    return Knox(held, expected, ratio, p, discovery_rate(p.ravel()).reshape(shape), reach, spans, runs, seed)


def _bands(ends: ArrayLike, kind: type, where: str) -> NDArray:
    bands = np.atleast_1d(np.asarray(ends, dtype=float))
    whole = kind is np.int64  # the same day is a band of its own, the same place is none
    if bands.ndim != 1 or not len(bands) or not np.isfinite(bands).all() or (np.diff(bands) <= 0).any():
        raise InputError(f"{bands.tolist()}", where=where, right="rising upper ends")
    if bands[0] < 0 or (bands[0] == 0 and not whole) or (whole and (bands != np.floor(bands)).any()):
        raise InputError(f"{bands.tolist()}", where=where, right="whole, from 0" if whole else "above 0")
    return bands.astype(kind)


@njit(cache=True, nogil=True)
def _count(one, two, band, when, spans, held):
    """Pairs by band of distance and of time."""
    for i in range(len(one)):
        apart = abs(when[one[i]] - when[two[i]])
        if apart <= spans[-1]:
            t = 0
            while apart > spans[t]:
                t += 1
            held[band[i], t] += 1


@njit(cache=True, nogil=True)
def _deal(one, two, band, when, spans, held, start, first, last, total, above):
    """Runs that deal the times out anew: the sum of their pairs, and how many runs have as many as there are."""
    n = len(when)
    step = np.uint64(0x9E3779B97F4A7C15)
    deck = np.empty_like(when)
    mine = np.zeros_like(held)
    for run in range(first, last):
        state = _mix(start + _mix(np.uint64(run) + step))
        deck[:] = when
        for i in range(n - 1):
            state += step
            at = i + np.int64(((_mix(state) >> np.uint64(32)) * np.uint64(n - i)) >> np.uint64(32))
            deck[i], deck[at] = deck[at], deck[i]
        mine[:] = 0
        _count(one, two, band, deck, spans, mine)
        for d in range(held.shape[0]):
            for t in range(held.shape[1]):
                total[d, t] += mine[d, t]
                if mine[d, t] >= held[d, t]:
                    above[d, t] += 1
