"""Chance, played out: what neighbourhoods hold when the counts are dealt out to the cells at random.

Two deals. In the *total* one every value is dealt anew, the cell's own included, as the formula of Gi* has it: the sum
of a neighbourhood of k cells is that of k values drawn without replacement, the same for all neighbourhoods of that
size. In the *conditional* one a cell keeps its value and its neighbours are dealt (Anselin 1995, "Local indicators of
spatial association", Geographical Analysis 27), each cell by itself.

An ordinary count of runs cannot tell p below 1 / (runs + 1), and thousands of cells need smaller ones to stand out at
all. So cells that no run reached go on with ten times the runs, until the false discovery rate is settled for them or
so many runs are made that it must be (``4 n / level``). Going on can only raise the p of a cell that would have ended
at the least one, so no false alarm is won by it (Besag & Clifford 1991, "Sequential Monte Carlo p-values", Biometrika
78).

Random numbers come from the seed and the cell or the size alone: the same on any number of threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse

from gis.hotspots.discovery import LEVEL, discovery_rate
from grids.errors import InputError

RUNS = 999
MOST_RUNS = 99_999
"""Largest count of runs that may be asked for."""
ENOUGH = 10_000_000
"""Cells that no run reached go on to this many at most."""
SHARED_RUNS = 100
"""One run of the total deal serves all neighbourhoods of a size: it makes so many times the runs asked for."""
_STEP = 0x9E3779B97F4A7C15
Tails = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Chance:
    """Two-sided p of each cell, and the most runs that a cell took."""

    p: NDArray[np.float64]
    runs: int


def total(x: NDArray[np.float64], near: sparse.csr_array, *, runs: int = RUNS, seed: int = 0) -> Chance:
    """P of the sums over neighbourhoods (the diagonal included) when all values are dealt anew.

    Parameters
    ----------
    x
        Values, shape (n,).
    near
        Ones (n, n), the diagonal included.
    runs, seed
        Runs to begin with (a hundred times as many are made: one serves all cells), and what they are made from.
    """
    check_runs(runs, seed)
    held, sizes = near @ x, np.diff(near.indptr)
    groups = {int(k): np.flatnonzero(sizes == k) for k in np.unique(sizes)}
    slack = _slack(x, 1.0)

    def deal(cells: NDArray[np.int64], more: int, stage: int) -> Tails:
        upper, lower = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells), dtype=np.int64)
        some = np.zeros(len(x), dtype=np.bool_)
        some[cells] = True
        at = np.empty(len(x), dtype=np.int64)
        at[cells] = np.arange(len(cells))
        jobs = [(k, group[some[group]]) for k, group in groups.items() if some[group].any()]

        def one(job: tuple[int, NDArray[np.int64]]) -> None:
            k, mine = job
            order = np.argsort(held[mine], kind="stable")
            sums = held[mine][order]
            above, below = np.zeros(len(mine) + 1, dtype=np.int64), np.zeros(len(mine) + 1, dtype=np.int64)
            _deal_sums(x, k, more, _start(seed, stage), sums, slack, above, below)
            # above[j]: runs whose sum reaches exactly the j lowest; below[j]: runs that exceed exactly the j lowest
            upper[at[mine[order]]] = np.cumsum(above[::-1])[::-1][1:]
            lower[at[mine[order]]] = np.cumsum(below)[:-1]

        _spread(one, jobs)
        return upper, lower

    return _staged(len(x), deal, runs * SHARED_RUNS, np.ones(len(x), dtype=np.bool_))


def conditional(x: NDArray[np.float64], near: sparse.csr_array, *, runs: int = RUNS, seed: int = 0) -> Chance:
    """P of the weighted sums over neighbours when each cell keeps its value and all others are dealt anew.

    Parameters
    ----------
    x
        Values, shape (n,).
    near
        Weights (n, n) without a diagonal; a cell without neighbours has p NaN.
    runs, seed
        Runs to begin with, and what they are made from.
    """
    check_runs(runs, seed)

    def deal(cells: NDArray[np.int64], more: int, stage: int) -> Tails:
        return tails(x, near, runs=more, seed=seed, stage=stage, cells=cells)

    return _staged(len(x), deal, runs, np.diff(near.indptr) > 0)


def tails(
    x: NDArray[np.float64], near: sparse.csr_array, *, runs: int, seed: int, cells: NDArray[np.int64], stage: int = 0
) -> Tails:
    """Of how many conditional runs the neighbours of a cell hold at least, and at most, what they do.

    Parameters
    ----------
    x, near
        As for `conditional`.
    runs, seed
        Count of runs for each cell, and what they are made from.
    cells
        Numbers of the cells to test, shape (m,).
    stage
        Another stage has other random numbers.

    Returns
    -------
    upper, lower : int64 (m,)
    """
    upper, lower = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells), dtype=np.int64)
    data = np.ascontiguousarray(near.data, dtype=np.float64)
    ones = bool((data == 1.0).all())
    slack = _slack(x, float(data.max(initial=0.0)))
    cuts = np.linspace(0, len(cells), (_threads() if len(cells) * runs > 1_000_000 else 1) + 1).astype(int)

    def one(k: int) -> None:
        some = slice(cuts[k], cuts[k + 1])
        matrix = near.indptr, near.indices, data
        _deal_cells(x, *matrix, ones, slack, runs, _start(seed, stage), cells[some], upper[some], lower[some])

    _spread(one, list(range(len(cuts) - 1)))
    return upper, lower


def _staged(n: int, deal, runs: int, tested: NDArray[np.bool_]) -> Chance:  # type: ignore[no-untyped-def]
    """Deal to all cells, then ten times as often to those that no run reached while that may change the answer."""
    upper, lower, made = (np.zeros(n, dtype=np.int64) for _ in range(3))
    cells, stage, more = np.flatnonzero(tested), 0, runs
    p = np.full(n, np.nan)
    enough = max(runs, min(ENOUGH, int(4 * n / LEVEL)))
    while len(cells):
        above, below = deal(cells, more, stage)
        upper[cells] += above
        lower[cells] += below
        made[cells] += more
        least = np.minimum(upper[cells], lower[cells])
        p[cells] = np.minimum(1.0, 2.0 * (least + 1) / (made[cells] + 1))
        cells = cells[least == 0]
        if not len(cells) or made[cells[0]] >= enough or (discovery_rate(p)[cells] < LEVEL).all():
            break
        stage, more = stage + 1, min(9 * int(made[cells[0]]), enough - int(made[cells[0]]))
    return Chance(p, int(made.max(initial=0)))


def check_runs(runs: int, seed: int) -> None:
    """Refuse a count of runs or a seed out of range, with an `InputError`."""
    if not 1 <= runs <= MOST_RUNS:
        raise InputError(f"{runs}", where="runs", right=f"1 to {MOST_RUNS:,}")
    if seed < 0:
        raise InputError(f"{seed}", where="seed", right="0 or more")


def _slack(x: NDArray[np.float64], weight: float) -> float:
    """Sums that differ by less are equal: floats add up differently in another order."""
    return max(1e-9 * float(np.abs(x).max(initial=0.0)) * weight, 1e-300)


def _threads() -> int:
    return min(2, os.cpu_count() or 1)


def _spread(work, jobs: list) -> None:  # type: ignore[no-untyped-def]
    if len(jobs) < 2:
        for job in jobs:
            work(job)
        return
    with ThreadPoolExecutor(_threads()) as pool:
        list(pool.map(work, jobs))


def _start(seed: int, stage: int) -> np.uint64:
    return np.uint64((seed * _STEP + stage * 0xD1B54A32D192ED03 + 1) % 2**64)


@njit(cache=True, nogil=True, inline="always")
def _mix(z):
    """The finalizer of splitmix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators")."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _deal_cells(x, indptr, indices, data, ones, slack, runs, start, cells, upper, lower):
    n = len(x)
    deck = x.copy()
    taken = np.empty(n, dtype=np.int64)
    step = np.uint64(0x9E3779B97F4A7C15)
    for m in range(len(cells)):
        i = cells[m]
        low, high = indptr[i], indptr[i + 1]
        k = high - low
        held = 0.0
        for j in range(low, high):
            held += data[j] * x[indices[j]]
        deck[i], deck[n - 1] = deck[n - 1], deck[i]  # the cell's own value is out of the game
        state = _mix(start + _mix(np.uint64(i) + step))
        above, below = 0, 0
        for _ in range(runs):
            dealt = 0.0
            for t in range(k):
                state += step
                left = np.uint64(n - 1 - t)
                at = t + np.int64(((_mix(state) >> np.uint64(32)) * left) >> np.uint64(32))
                taken[t] = at
                deck[t], deck[at] = deck[at], deck[t]
                dealt += deck[t] if ones else deck[t] * data[low + t]
            for t in range(k - 1, -1, -1):  # each cell begins with the same deck, whatever thread deals
                at = taken[t]
                deck[t], deck[at] = deck[at], deck[t]
            if dealt >= held - slack:
                above += 1
            if dealt <= held + slack:
                below += 1
        upper[m], lower[m] = above, below
        deck[i], deck[n - 1] = deck[n - 1], deck[i]


@njit(cache=True, nogil=True)
def _below(sums, value):
    """How many of the sorted sums are at most the value."""
    low, high = 0, len(sums)
    while low < high:
        mid = (low + high) // 2
        if sums[mid] <= value:
            low = mid + 1
        else:
            high = mid
    return low


@njit(cache=True, nogil=True)
def _deal_sums(x, k, runs, start, sums, slack, above, below):
    """Sums of k values dealt without replacement, counted between the sorted sums that are there."""
    n = len(x)
    deck = x.copy()
    step = np.uint64(0x9E3779B97F4A7C15)
    state = _mix(start + _mix(np.uint64(k) + step))
    for _ in range(runs):
        dealt = 0.0
        for t in range(k):
            state += step
            at = t + np.int64(((_mix(state) >> np.uint64(32)) * np.uint64(n - t)) >> np.uint64(32))
            deck[t], deck[at] = deck[at], deck[t]
            dealt += deck[t]
        above[_below(sums, dealt + slack)] += 1
        below[_below(sums, dealt - slack)] += 1
