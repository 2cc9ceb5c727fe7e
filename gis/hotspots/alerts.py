"""Alerts: hotspots that appear, grow or end from one bin to the next, each place held against what is usual there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from gis.hotspots.deals import LEAST_CASES, Rings
from gis.hotspots.discovery import LEVEL
from gis.hotspots.looks import Look, look, make_rings
from gis.hotspots.usual import Beside, Floats, past
from grids.errors import InputError

EVENTS = ("appears", "grows", "goes on", "ends")
HISTORY = 12
"""Bins of the past that a place is held against."""
LEAST_HISTORY = 1
"""With fewer there is nothing to hold it against yet."""
LEAST_BINS = 3
"""With fewer bins nothing can begin."""
_MAY = 0.5
"""Circles with a larger chance than this, or than the level, are not looked at, however many stand out."""
RUNS = 99
"""Deals that say what the best of all circles is worth."""
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
        The circle that stands out most, rising, int64; of one that ends the one that did last.
    cases, expected
        Cases of those cells in the window, and what their past makes one expect.
    p
        Chance that a bin in which nothing has changed has a circle that stands out so far; NaN for one that ends.
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
    runs: int = RUNS,
    seed: int = 0,
    beside: Beside | None = None,
) -> list[Alert]:
    """Replay the bins one after the other, each as if nothing later were known.

    At the end of each bin every circle around every cell is counted over the last bins and held against its own past:
    the ``history`` bins before in which its centre did not stand out. The share that is due to the window is that of
    the city as a whole, so neither season nor growth of the city is an alert. A cell stands out when a look in which
    nothing has changed would find as much anywhere with a chance below ``level``, all circles and windows taken
    together (`gis.hotspots.looks`). Cells whose circles overlap that of the most unusual one are one hotspot. It keeps
    its number while it shares a cell with itself of the bin before, and ends when it did not stand out for ``rest``
    bins.

    Parameters
    ----------
    counts
        Cases, whole numbers >= 0, shape (n, t), t >= `LEAST_BINS`, the earliest bin first.
    reaches
        Circles of growing reach, each holding the one before: ones (n, n), the diagonal included.
    windows
        Bins that are counted together, each tried.
    history, least, rest
        Bins: of the past that are taken, the fewest of them, without standing out.
    level
        Chance of a false alert that is taken, bin by bin.
    runs, seed
        Of the deals that say what the best circle is worth. The same for the same seed and the same bins.
    beside
        What tells beside its own past how many cases are usual in a cell; nothing by default. Other classes' cases are
        taken up to the bin that is looked at, none later.

    Returns
    -------
    list of Alert
        By bin, then by number; those that appear in one bin are numbered from the most unusual. Of several old hotspots
        that touch a new one the oldest goes on, the others end.

    Raises
    ------
    InputError
        Too few cells or bins, counts that are none, weights other than ones, reaches that do not grow; no reach, no
        window, bins out of range; what is beside has other cells or bins.

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
    cube = _read(counts, reaches)
    n, bins = cube.shape
    if beside is not None and beside.others.shape[1:] != cube.shape:
        raise InputError(f"others of shape {beside.others.shape}", where="beside", right=f"(groups, {n}, {bins})")
    rings = make_rings(reaches)
    sums, stood, usual = rings.sums(cube), np.zeros((n, bins), dtype=np.bool_), np.ones(n, dtype=np.bool_)
    alive: dict[int, _Living] = {}
    found: Floats | None = None
    told: list[Alert] = []
    number = 0
    for t in range(least + min(windows) - 1, bins):
        tried = [w for w in windows if t - w + 1 >= least]
        city = cube[usual].sum(axis=0)
        expected = None
        if beside is not None and (told_by := _expected(beside, cube, stood, t, max(tried), history, found)):
            expected, found = told_by
        seen = look(
            cube, sums, stood, usual, rings, t, windows=tried, history=history, runs=runs, seed=seed, expected=expected
        )  # fmt: skip
        here: list[Alert] = []
        for group, p in _told(
            _groups(seen, rings, max(level, _MAY)), _marked(n, *(other.cells for other in alive.values())), level
        ):
            middle, cells = group.middle, group.cells
            stood[group.hot[seen.p[group.hot] <= max(level, seen.p[middle])], t] = True
            circle, window = int(seen.circle[middle]), tried[int(seen.window[middle])]
            size, mean = _size(sums, city, stood, t, middle, circle, tried, window, history, seen)
            inside = rings.inside(middle, circle)
            one = _Living(cells, max(size - mean, 0.0), t, (middle, circle, window, inside))
            taken = {a.hotspot for a in here}
            mark = _marked(n, cells)
            older = sorted(k for k, other in alive.items() if k not in taken and mark[other.cells].any())
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
            here.append(Alert(mine, t, event, window, inside, size, mean, p))
        for k in [k for k, other in alive.items() if t - other.last >= rest]:
            middle, circle, window, inside = alive.pop(k).found
            size, mean = _size(sums, city, stood, t, middle, circle, tried, window, history, seen)
            here.append(Alert(k, t, 3, window, inside, size, mean, float("nan")))
        for a in here:  # from the next bin on
            usual[a.cells] = False
        if not usual.any():
            usual[:] = True
        told += sorted(here, key=lambda a: a.hotspot)
    return told


@dataclass
class _Living:
    cells: NDArray[np.int64]
    told: float
    last: int
    found: tuple[int, int, int, NDArray[np.int64]]


def _read(counts: ArrayLike, reaches: Sequence[sparse.csr_array]) -> NDArray[np.int64]:
    given = np.asarray(counts)
    for near in reaches:
        if given.ndim != 2 or len(given) < 2 or near.shape != (len(given), len(given)):
            what = f"counts of shape {given.shape} with neighbours of shape {near.shape}"
            raise InputError(what, right="(n, t) and (n, n), n at least 2")
        if not (near.data == 1.0).all():
            raise InputError("weights other than ones", where="neighbours", right="band or squares")
    if given.shape[1] < LEAST_BINS:
        raise InputError(f"{given.shape[1]} bins of time", right=f"at least {LEAST_BINS} make a history")
    if not (np.isfinite(given).all() and (given >= 0).all() and (given == np.floor(given)).all()):
        raise InputError("a count is no whole number from 0", right="cases of each cell in each bin")
    return np.ascontiguousarray(given, dtype=np.int64)


def _expected(beside, cube, stood, t, window, history, start):  # type: ignore[no-untyped-def]
    """What is expected of each cell by the bins before the longest window, cells that stood out left aside."""
    before = slice(max(0, t + 1 - window - history), max(1, t + 1 - window))
    use = ~stood[:, before].any(axis=1)
    return beside.share(cube[:, before].sum(axis=1), t, use if use.any() else ~use, start=start)


def _size(sums, city, stood, t, middle, circle, tried, window, history, seen):  # type: ignore[no-untyped-def]
    """Cases of a circle in the window, and what its past and what is known beside make one expect."""
    mine, before, now, whole = past(sums[middle, circle], city, stood[middle], t, window, history)
    if seen.priors:
        return float(mine), seen.priors[tried.index(window)].expect(middle, circle, before, now, whole)
    return float(mine), float(before * now / whole) if whole > 0 else 0.0


@dataclass(frozen=True)
class _Group:
    """Cells that may be one hotspot: the middle of the most unusual circle, all cells that are unusual around it."""

    middle: int
    hot: NDArray[np.int64]
    cells: NDArray[np.int64]
    p: float


def _marked(n: int, *cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    out = np.zeros(n, dtype=np.bool_)
    for some in cells:
        out[some] = True
    return out


def _groups(seen: Look, rings: Rings, may: float) -> list[_Group]:
    """Circles that may stand out, the most unusual first, each with those that overlap it."""
    hot = np.flatnonzero(seen.p < may)
    left = hot[np.lexsort((hot, seen.score[hot]))]
    circles = [rings.inside(int(i), int(seen.circle[i])) for i in left]
    held = np.concatenate([*circles, np.empty(0, np.int64)])
    begins = np.concatenate([[0], np.cumsum([len(c) for c in circles])])[:-1].astype(np.int64)
    free, out = np.ones(len(left), dtype=np.bool_), []
    for k, core in enumerate(circles):
        if not free[k]:
            continue
        near = free & np.logical_or.reduceat(_marked(len(seen.p), core)[held], begins)
        middle, around = int(left[k]), left[near]
        out.append(_Group(middle, around, np.union1d(core, around), float(seen.p[middle])))
        free &= ~near
    return out


def _told(groups: list[_Group], old: NDArray[np.bool_], level: float) -> list[tuple[_Group, float]]:
    """Groups that stand out with their p: old hotspots each by itself, new ones by their false discovery rate."""
    known = [bool(old[g.cells].any()) for g in groups]
    out = [(g, g.p) for g, again in zip(groups, known, strict=True) if again and g.p < level]
    new = [g for g, again in zip(groups, known, strict=True) if not again]
    if new:  # Benjamini & Hochberg: as if each were one test of one look
        q = np.minimum.accumulate((np.array([g.p for g in new]) / np.arange(1, len(new) + 1))[::-1])[::-1]
        out += [(g, float(v)) for g, v in zip(new, q, strict=True) if v < level]
    return out
