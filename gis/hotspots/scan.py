"""The scan statistic: the circle, or circle in time, that holds the most beyond what is expected, and its p."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import spatial

from gis.hotspots.permutation import _mix, _start, check_runs
from gis.hotspots.points import positive, read_points
from grids.errors import InputError, TooLarge

MODELS = ("permutation", "poisson")
RADII_M = (50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0)
"""Circles that are looked at by default."""
MOST_CLUSTERS = 100
MOST_CUBE = 100_000_000
MOST_MEMBERS = 200_000_000


@dataclass(frozen=True)
class Scan:
    """Clusters, the most likely first; none shares a cell with one before it at the same time.

    Parameters
    ----------
    centre
        Position of the cell in the middle, int64 (k,).
    radius_m
        Of the circle: cells whose middle is so near belong to it, float64 (k,).
    begin, end
        Bins of time, the end excluded, int64 (k,).
    cases, expected
        What it holds, and what it was expected to, float64 (k,).
    ratio
        Relative risk, inside to outside: ``(c / e) / ((C - c) / (C - e))``, float64 (k,); inf with no case outside.
    llr
        Log likelihood ratio, float64 (k,).
    p
        Share of the runs (with the data themselves) whose best is as good, float64 (k,).
    runs, seed, model
        Of the chance.
    """

    centre: NDArray[np.int64]
    radius_m: NDArray[np.float64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    cases: NDArray[np.float64]
    expected: NDArray[np.float64]
    ratio: NDArray[np.float64]
    llr: NDArray[np.float64]
    p: NDArray[np.float64]
    runs: int
    seed: int
    model: str

    def __len__(self) -> int:
        """Count of clusters."""
        return len(self.centre)


def scan(
    x: ArrayLike,
    y: ArrayLike,
    counts: ArrayLike,
    *,
    model: str = "permutation",
    exposure: ArrayLike | None = None,
    radii_m: ArrayLike = RADII_M,
    longest: int | None = None,
    ending_now: bool = False,
    share: float = 0.5,
    runs: int = 999,
    seed: int = 0,
    most: int = 20,
) -> Scan:
    """Look through all circles around cells, and all stretches of time, for those that hold too many cases.

    With c cases where e are expected, of C in all, ``llr = c ln(c / e) + (C - c) ln((C - c) / (C - e))`` where c > e
    (Kulldorff 1997, "A spatial scan statistic", Communications in Statistics 26). The best of the data is held against
    the best of each run, over all circles and stretches: so p needs no correction for how many were looked at.

    ``permutation``: e is what the circle holds in all time times the share of all cases that came in that time, and
    the runs deal the times out anew among the cases (Kulldorff, Heffernan, Hartman, Assunção & Mostashari 2005, "A
    space-time permutation scan statistic for disease outbreak detection", PLoS Medicine 2). No exposure is needed:
    places that always have many, and times when all have many, are no clusters.

    ``poisson``: e follows the exposure of the cells, evenly over the bins, and the runs scatter the cases by it. With
    one bin it is the purely spatial scan.

    Parameters
    ----------
    x, y
        Middles of the cells, metres, shape (n,).
    counts
        Cases, whole numbers >= 0, shape (n, t); t = 1 for ``poisson`` in space alone.
    model
        One of `MODELS`.
    exposure
        For ``poisson``, >= 0, shape (n,): components, metres of road, inhabitants, visits …
    radii_m
        Radii of the circles, rising; a cell alone is always looked at.
    longest
        Bins of the longest stretch; half of t by default.
    ending_now
        Only stretches that last until the last bin: for alerts.
    share
        Circles that hold more than this share of what is expected in all are left out.
    runs, seed
        Of the chance, and what it is made from.
    most
        Most clusters that are told.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        Shapes, counts, exposure, radii or options that are wrong; cases in cells without exposure.
    TooLarge
        Too many cells by bins, or circles that hold too many cells together.

    Notes
    -----
    Ties go to the lower cell, the smaller circle, the earlier begin, the shorter stretch. Runs draw their random
    numbers from the seed and their own number: the same on any number of threads.
    """
    px, py = read_points(x, y)
    cube = _counts(counts, len(px))
    bins = cube.shape[1]
    check_runs(runs, seed)
    if model not in MODELS:
        raise InputError(f"{model!r}", where="model", right=" or ".join(MODELS))
    longest = longest if longest is not None else max(1, bins // 2)
    if not 1 <= longest <= bins:
        raise InputError(f"{longest}", where="longest", right=f"1 to {bins} bins")
    if not 0 < share <= 1:
        raise InputError(f"{share}", where="share", right="above 0, at most 1")
    if not 1 <= most <= MOST_CLUSTERS:
        raise InputError(f"{most}", where="most", right=f"1 to {MOST_CLUSTERS}")
    total = int(cube.sum())
    by_cell, by_bin = _expected(cube, model, exposure)
    begins, members, radii = _circles(px, py, radii_m)
    if total < 2 or (model == "permutation" and bins < 2):
        none, empty = np.empty(0, dtype=np.int64), np.empty(0)
        return Scan(none, empty, none, none, empty, empty, empty, empty, empty, runs, seed, model)
    rule = longest, bool(ending_now), float(share)
    best, at = np.zeros(len(px)), np.zeros((len(px), 3), dtype=np.int64)
    _look(cube, by_cell, by_bin, begins, members, *rule, float(total), True, best, at)
    chosen = _apart(best, at, begins, members, most)
    tops = _chance(cube, by_cell, by_bin, begins, members, rule, model, runs, seed)
    p = (1 + np.searchsorted(np.sort(-tops), -best[chosen] * (1 - 1e-12), side="right")) / (runs + 1)
    ring, begin, end = at[chosen].T
    held, mean = np.empty(len(chosen)), np.empty(len(chosen))
    for k, (c, r, a, b) in enumerate(zip(chosen, ring, begin, end, strict=True)):
        mine = members[begins[c, 0] : begins[c, r + 1]]
        held[k] = cube[mine, a:b].sum()
        mean[k] = by_cell[mine].sum() * by_bin[a:b].sum() * total
    with np.errstate(divide="ignore"):
        ratio = held / mean / ((total - held) / (total - mean))
    return Scan(chosen, radii[ring], begin, end, held, mean, ratio, best[chosen], p, runs, seed, model)


def members_of(found: Scan, k: int, x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
    """Positions of the cells of a cluster, rising."""
    px, py = read_points(x, y)
    if found.radius_m[k] == 0:
        return found.centre[k : k + 1]
    away = np.round(np.hypot(px - px[found.centre[k]], py - py[found.centre[k]]), 3)
    return np.flatnonzero(away <= found.radius_m[k])


def _counts(counts: ArrayLike, n: int) -> NDArray[np.int32]:
    given = np.asarray(counts)
    if given.ndim != 2 or len(given) != n or not given.shape[1] or n < 2:
        raise InputError(f"counts of shape {given.shape} for {n} cells", right="(n, t), n at least 2")
    if given.size > MOST_CUBE:
        raise TooLarge(f"{given.shape[0]:,} cells by {given.shape[1]:,} bins", right="longer bins, or larger cells")
    if not (np.isfinite(given).all() and (given >= 0).all() and (given == np.floor(given)).all()):
        raise InputError("a count is no whole number from 0", where="counts", right="cases of each cell in each bin")
    return np.ascontiguousarray(given, dtype=np.int32)


def _expected(
    cube: NDArray[np.int32], model: str, exposure: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of all cases that is expected in each cell, and in each bin."""
    n, bins = cube.shape
    if model == "permutation":
        if exposure is not None:
            raise InputError("an exposure", where="exposure", right="the permutation needs none: leave it out")
        total = max(int(cube.sum()), 1)
        return cube.sum(axis=1) / total, cube.sum(axis=0) / total
    if exposure is None:
        raise InputError("no exposure", where="exposure", right="what the cases of a cell are held against")
    held = np.atleast_1d(np.asarray(exposure, float))
    if held.shape != (n,) or not (np.isfinite(held).all() and (held >= 0).all() and held.any()):
        raise InputError(f"shape {held.shape}, or a number that is none", where="exposure", right=f"{n} numbers >= 0")
    if cube[held == 0].any():
        raise InputError("cases in a cell without exposure", where="exposure", right="above 0 wherever cases are")
    return held / held.sum(), np.full(bins, 1 / bins)


def _circles(
    x: NDArray[np.float64], y: NDArray[np.float64], radii_m: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Cells of each circle, ring by ring: ring r of cell c is ``members[begins[c, r] : begins[c, r + 1]]``."""
    radii = np.atleast_1d(np.asarray(radii_m, float))
    for radius in radii:
        positive(float(radius), "radii_m")
    if (np.diff(radii) <= 0).any():
        raise InputError(f"{radii.tolist()}", where="radii_m", right="rising")
    tree, n = spatial.KDTree(np.column_stack([x, y])), len(x)
    if tree.count_neighbors(tree, float(radii[-1])) > MOST_MEMBERS:
        raise TooLarge(f"circles of {radii[-1]:g} m around {n:,} cells", where="radii_m", right="smaller circles")
    pairs = tree.query_pairs(float(radii[-1]) + 0.01, output_type="ndarray")
    left = np.concatenate([np.arange(n), pairs[:, 0], pairs[:, 1]])
    right = np.concatenate([np.arange(n), pairs[:, 1], pairs[:, 0]])
    away = np.round(np.hypot(x[left] - x[right], y[left] - y[right]), 3)
    ring = np.where(left == right, 0, 1 + np.searchsorted(radii, away))
    keep = ring <= len(radii)
    left, right, ring = left[keep], right[keep], ring[keep]
    order = np.lexsort((right, ring, left))
    held = np.bincount(left * (len(radii) + 1) + ring, minlength=n * (len(radii) + 1))
    ends = np.cumsum(held).reshape(n, len(radii) + 1)
    begins = np.concatenate([np.r_[0, ends[:-1, -1]][:, None], ends], axis=1)
    return begins.astype(np.int64), right[order].astype(np.int64), np.r_[0.0, radii]


def _apart(best, at, begins, members, most) -> NDArray[np.int64]:  # type: ignore[no-untyped-def]
    """Cells whose best circle is a cluster of its own, the best first."""
    order = np.lexsort((np.arange(len(best)), -best))
    taken: list[tuple[NDArray[np.int64], int, int]] = []
    chosen: list[int] = []
    for c in order[best[order] > 0]:
        ring, begin, end = at[c]
        mine = np.sort(members[begins[c, 0] : begins[c, ring + 1]])
        if all(b >= end or e <= begin or not np.isin(mine, cells, assume_unique=True).any() for cells, b, e in taken):
            chosen.append(int(c))
            taken.append((mine, int(begin), int(end)))
            if len(chosen) == most:
                break
    return np.array(chosen, dtype=np.int64)


def _chance(cube, by_cell, by_bin, begins, members, rule, model, runs, seed) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    """The best of each run."""
    cell, time = (np.repeat(part, cube.ravel()) for part in np.indices(cube.shape).reshape(2, -1))
    cell, time = cell.astype(np.int32), time.astype(np.int32)
    tops = np.empty(runs)
    threads = min(os.cpu_count() or 1, runs)
    cuts = np.linspace(0, runs, threads + 1).astype(np.int64)
    laws = np.cumsum(by_cell), np.cumsum(by_bin)
    permuted: Callable[..., None] = _permuted
    scattered: Callable[..., None] = _scattered

    def some(k: int) -> None:
        if model == "permutation":
            permuted(cell, time, by_cell, by_bin, begins, members, *rule, _start(seed, 0), cuts[k], cuts[k + 1], tops)
        else:
            many = len(cell)
            scattered(many, *laws, by_cell, by_bin, begins, members, *rule, _start(seed, 1), cuts[k], cuts[k + 1], tops)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(some, range(threads)))
    return tops


@njit(cache=True, nogil=True)
def _look(cube, by_cell, by_bin, begins, members, longest, ending_now, share, total, each, best, at):
    """The best circle in time of each cell (``each``), or over all cells in ``best[0]``."""
    n, bins = cube.shape
    rings = begins.shape[1] - 1
    sums = np.zeros(bins + 1)
    law = np.zeros(bins + 1)
    for t in range(bins):
        law[t + 1] = law[t] + by_bin[t]
    line = np.zeros(bins, dtype=np.int64)
    top = 0.0
    for c in range(n):
        if each:
            top = 0.0
        line[:] = 0
        weight, held = 0.0, 0
        for r in range(rings):
            low, high = begins[c, r], begins[c, r + 1]
            if low == high:
                continue
            for j in range(low, high):
                k = members[j]
                weight += by_cell[k]
                for t in range(bins):
                    line[t] += cube[k, t]
            if weight > share:
                break
            held = 0
            for t in range(bins):
                held += line[t]
                sums[t + 1] = held
            if held < 2:
                continue
            mean = weight * total
            for s in range(bins):
                last = min(s + longest, bins)
                first = s + 1
                if ending_now:
                    if bins - s > longest:
                        continue
                    first, last = bins, bins
                for e in range(first, last + 1):
                    cases = sums[e] - sums[s]
                    due = mean * (law[e] - law[s])
                    over = cases - due
                    # the ratio is never above over² total / (due (total - due)): most are done without a logarithm
                    if over <= 0.0 or cases < 2.0 or over * over * total <= top * due * (total - due):
                        continue
                    llr = cases * np.log(cases / due)
                    if cases < total:
                        llr += (total - cases) * np.log((total - cases) / (total - due))
                    if llr > top * (1.0 + 1e-12):
                        top = llr
                        if each:
                            best[c] = llr
                            at[c, 0], at[c, 1], at[c, 2] = r, s, e
    if not each:
        best[0] = top


@njit(cache=True, nogil=True)
def _permuted(cell, time, by_cell, by_bin, begins, members, longest, ending_now, share, start, first, last, tops):
    """Runs that deal the times out anew among the cases."""
    n, bins, many = len(by_cell), len(by_bin), len(cell)
    step = np.uint64(0x9E3779B97F4A7C15)
    cube = np.zeros((n, bins), dtype=np.int32)
    best, none = np.zeros(1), np.zeros((1, 3), dtype=np.int64)
    deck = np.empty(many, dtype=np.int32)
    for run in range(first, last):
        state = _mix(start + _mix(np.uint64(run) + step))
        deck[:] = time
        cube[:] = 0
        for i in range(many):
            state += step
            at = i + np.int64(((_mix(state) >> np.uint64(32)) * np.uint64(many - i)) >> np.uint64(32))
            deck[i], deck[at] = deck[at], deck[i]
            cube[cell[i], deck[i]] += 1
        _look(cube, by_cell, by_bin, begins, members, longest, ending_now, share, float(many), False, best, none)
        tops[run] = best[0]


@njit(cache=True, nogil=True)
def _scattered(
    many, cells, times, by_cell, by_bin, begins, members, longest, ending_now, share, start, first, last, tops
):
    """Runs that scatter the cases over cells and bins by what is expected there."""
    n, bins = len(by_cell), len(by_bin)
    step = np.uint64(0x9E3779B97F4A7C15)
    cube = np.zeros((n, bins), dtype=np.int32)
    best, none = np.zeros(1), np.zeros((1, 3), dtype=np.int64)
    for run in range(first, last):
        state = _mix(start + _mix(np.uint64(run) + step))
        cube[:] = 0
        for _ in range(many):
            state += step
            share_of = float(_mix(state) >> np.uint64(11)) / 9007199254740992.0
            c = min(np.searchsorted(cells, share_of * cells[-1], side="right"), n - 1)
            state += step
            share_of = float(_mix(state) >> np.uint64(11)) / 9007199254740992.0
            t = min(np.searchsorted(times, share_of * times[-1], side="right"), bins - 1)
            cube[c, t] += 1
        _look(cube, by_cell, by_bin, begins, members, longest, ending_now, share, float(many), False, best, none)
        tops[run] = best[0]
