"""Alerts: hotspots that appear, grow or end from one bin of time to the next, each place held against its own past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from gis.hotspots.discovery import LEVEL
from gis.hotspots.trend import _read, _space
from grids.errors import InputError

EVENTS = ("appears", "grows", "goes on", "ends")
HISTORY = 26
"""Bins of the past that a place is held against."""
LEAST_HISTORY = 8
"""With fewer there is nothing to hold it against yet."""
LEAST_CASES = 5.0
"""A neighbourhood with fewer cases raises no alert, however few are expected."""
GROWTH = 1.5
"""A hotspot grows when it is so much larger than when that was last told: in cases beyond what is expected."""


@dataclass(frozen=True)
class Alert:
    """What became of a hotspot in a bin.

    Parameters
    ----------
    hotspot
        Its number, in order of appearance; 1 the first.
    bin
        The bin at whose end it is told.
    event
        Position in `EVENTS`.
    window
        Bins, the last one included, over which it is counted.
    cells
        The neighbourhood that stands out most, rising, int64; of one that ends the one that did last.
    cases, expected
        Cases of those cells in the window, and what their past makes one expect.
    p
        Chance that a run without any hotspot has a cell that stands out so far; NaN for one that ends.
    """

    hotspot: int
    bin: int
    event: int
    window: int
    cells: NDArray[np.int64]
    cases: float
    expected: float
    p: float


def track(
    counts: ArrayLike,
    reaches: Sequence[sparse.csr_array],
    *,
    windows: Sequence[int] = (1, 2),
    history: int = HISTORY,
    least: int = LEAST_HISTORY,
    rest: int = 2,
    level: float = LEVEL,
) -> list[Alert]:
    """Replay the bins one after the other, each as if nothing later were known.

    At the end of each bin every cell's neighbourhood, near and far, is counted over the last bins and held against its
    own past: the ``history`` bins before in which it did not stand out. Both being Poisson counts, given their sum the
    later one is binomial (Przyborowski & Wilenski 1940); the share that is due to the window is that of the city as a
    whole, so neither season nor growth of the city is an alert. p is one-sided and exact, times the number of cells,
    neighbourhoods and windows that are looked at (Bonferroni): a run in which nothing has changed raises a false alert
    with a chance of ``level`` at most. (A false discovery rate would let one large hotspot open the door to small false
    ones.) Cells that stand out and touch are one hotspot; it keeps its number while it shares a cell with itself of the
    bin before, and ends when it did not stand out for ``rest`` bins.

    Parameters
    ----------
    counts
        Cases, whole numbers >= 0, shape (n, t), t >= 10, the earliest bin first.
    reaches
        Neighbourhoods of growing reach, ones (n, n), the diagonal included; the first says what touches.
    windows
        Bins that are counted together, each tried.
    history, least, rest
        Bins: of the past that are taken, the fewest of them, without standing out.
    level
        p below which a cell stands out.

    Returns
    -------
    list of Alert
        By bin, then by number. Of several old hotspots that touch a new one the oldest goes on, the others end.

    Raises
    ------
    InputError
        As `gis.hotspots.trend.emerging`; no reach, no window, bins out of range.

    Examples
    --------
    >>> from gis.hotspots import squares
    >>> counts = np.full((100, 30), 2)
    >>> counts[[44, 45], 20:25] = 20
    >>> [(EVENTS[a.event], a.bin) for a in track(counts, [squares(np.ones((10, 10), bool))]) if a.event != 2]
    [('appears', 20), ('grows', 21), ('ends', 27)]
    """
    if not reaches or not windows or min(windows) < 1 or not 1 <= least <= history or rest < 1:
        what = f"{len(reaches)} reaches, windows {list(windows)}, history {history}, least {least}, rest {rest}"
        raise InputError(what, right="one reach and window at least, bins from 1, least at most history")
    cubes = [_read(counts, near, 0) for near in reaches]
    cube, near = cubes[0]
    n, bins = cube.shape
    sums = np.empty((len(reaches), n, bins), dtype=np.int64)
    for r, (_, wide) in enumerate(cubes):
        _space(wide.indptr, wide.indices, cube, sums[r])
    city, stood = cube.sum(axis=0), np.zeros((n, bins), dtype=np.bool_)
    alive: dict[int, _Living] = {}
    told: list[Alert] = []
    number = 0
    for t in range(least + min(windows) - 1, bins):
        p, way = _chance(sums, city, stood, t, windows, history, least)
        hot = p < level
        stood[:, t] = hot
        here: list[Alert] = []
        taken: set[int] = set()
        for cells in _groups(near, hot):
            middle = int(cells[np.argmin(p[cells])])
            reach, span = divmod(int(way[middle]), len(windows))
            size, mean = _size(sums[reach], city, stood, middle, t, windows[span], history)
            inside = np.sort(cubes[reach][1][[middle]].indices).astype(np.int64)
            one = _Living(cells, max(size - mean, 0.0), t, (middle, reach, windows[span], inside))
            older = sorted(k for k, other in alive.items() if k not in taken and np.isin(cells, other.cells).any())
            if older:
                mine, event, before = older[0], 2, alive[older[0]].told
                if one.told > GROWTH * max(before, LEAST_CASES):
                    event = 1
                else:
                    one.told = before
            else:
                number += 1
                mine, event = number, 0
            alive[mine] = one
            taken.add(mine)
            here.append(Alert(mine, t, event, windows[span], inside, size, mean, float(p[cells].min())))
        for k in [k for k, other in alive.items() if t - other.last >= rest]:
            middle, reach, window, inside = alive.pop(k).found
            size, mean = _size(sums[reach], city, stood, middle, t, window, history)
            here.append(Alert(k, t, 3, window, inside, size, mean, float("nan")))
        told += sorted(here, key=lambda a: a.hotspot)
    return told


def _chance(
    sums: NDArray[np.int64],
    city: NDArray[np.int64],
    stood: NDArray[np.bool_],
    t: int,
    windows: Sequence[int],
    history: int,
    least: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """P of each cell at the end of a bin, NaN without a past, and what it is due to: reach * windows + window."""
    reaches, n, _ = sums.shape
    tried = [w for w in windows if t - w + 1 >= least]
    best, way = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    held, past, due = np.empty(n), np.empty(n), np.empty(n)
    for w in tried:
        for r in range(reaches):
            _past(sums[r], city, stood, t, w, history, held, past, due)
            p = np.where(np.isnan(due), np.nan, 1.0)
            more = (held >= LEAST_CASES) & (held > past * due)  # below what is expected nothing is an alert
            share = due[more] / (1.0 + due[more])
            p[more] = np.minimum(1.0, special.betainc(held[more], past[more] + 1.0, share) * n * reaches * len(windows))
            way[p < np.where(np.isnan(best), np.inf, best)] = r * len(windows) + windows.index(w)
            best = np.fmin(best, p)
    return best, way


@dataclass
class _Living:
    cells: NDArray[np.int64]
    told: float
    last: int
    found: tuple[int, int, int, NDArray[np.int64]]


def _size(sums, city, stood, middle, t, window, history) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Cases of a neighbourhood in the window, and what its past makes one expect."""
    mine = slice(middle, middle + 1)
    held, past, due = np.empty(1), np.empty(1), np.empty(1)
    _past(sums[mine], city, stood[mine], t, window, history, held, past, due)
    return float(held[0]), float(np.nan_to_num(past[0] * due[0]))


def _groups(near: sparse.csr_array, hot: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Hot cells that touch, each group rising, the groups by their first cell."""
    at = np.flatnonzero(hot)
    if not len(at):
        return []
    _, label = sparse.csgraph.connected_components(sparse.csr_array(near[at][:, at]), directed=False)
    order = np.argsort(label, kind="stable")
    parts = np.split(at[order], np.flatnonzero(np.diff(label[order])) + 1)
    return sorted(parts, key=lambda cells: int(cells[0]))


@njit(cache=True, nogil=True)
def _past(sums, city, stood, t, window, history, held, past, due):
    """Cases of each neighbourhood in the window, in its clean past, and how much of the past is due in the window."""
    now = 0
    for b in range(t - window + 1, t + 1):
        now += city[b]
    for i in range(len(sums)):
        mine = 0
        for b in range(t - window + 1, t + 1):
            mine += sums[i, b]
        before, whole, found = 0, 0, 0
        b = t - window
        while b >= 0 and found < history:
            if not stood[i, b]:
                before += sums[i, b]
                whole += city[b]
                found += 1
            b -= 1
        held[i], past[i] = mine, before
        due[i] = now / whole if whole > 0 and now > 0 and found > 0 else np.nan
