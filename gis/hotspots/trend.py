"""Emerging hotspots: Gi* of every cell in every bin of time, its trend, and what kind of hotspot that makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import fft, sparse, special

from gis.hotspots.discovery import LEVEL, discovery_rate
from grids.errors import InputError, TooLarge

KINDS = ("new", "consecutive", "intensifying", "persistent", "diminishing", "sporadic", "oscillating", "historical")
PATTERNS = ("none", *(f"{kind} {side}" for side in ("hot", "cold") for kind in KINDS))
"""What a cell can be; positions are what `Trend.pattern` holds."""
LEAST_BINS = 10
"""Fewer bins make no history."""
MOSTLY = 0.9
"""Share of the bins above which a cell is hot (cold) all along."""
MOST_CUBE = 100_000_000
"""Most cells times bins."""
_DIRECT = 1 << 14


@dataclass(frozen=True)
class Trend:
    """Cells (n) by bins (t), the earliest bin first.

    Parameters
    ----------
    z
        Gi* over space and time, float32 (n, t); NaN where counts do not vary, 0 for all of the cube.
    q
        False discovery rate over all cells and bins, float32 (n, t).
    state
        int8 (n, t): 1 hot, -1 cold, 0 neither.
    rise
        Standard score of Mann-Kendall over the bins, float64 (n,): above zero for more and more.
    rise_p
        Its two-sided p, float64 (n,).
    pattern
        Position in `PATTERNS`, int8 (n,).
    """

    z: NDArray[np.float32]
    q: NDArray[np.float32]
    state: NDArray[np.int8]
    rise: NDArray[np.float64]
    rise_p: NDArray[np.float64]
    pattern: NDArray[np.int8]


def emerging(
    counts: ArrayLike,
    neighbours: sparse.csr_array,
    *,
    expected: ArrayLike | None = None,
    ground: ArrayLike | None = None,
    back: int = 1,
    level: float = LEVEL,
) -> Trend:
    """Gi* of each cell in each bin, among its neighbours now and ``back`` bins before; and its kind of hotspot.

    The cube of cells and bins is one population, as in Gi* (Ord & Getis 1995). p is that of the sum of a
    neighbourhood when all values of the cube are dealt out anew: the exact distribution of a sum of k values drawn with
    replacement, by convolution, so that rare counts need neither the normal curve nor runs. (Without replacement,
    sums scatter a little less: p is on the safe side, by a share of k of all values of the cube.)

    Where it is said what is expected, the sum is held against a Poisson count of that mean instead (two-sided, twice
    the smaller tail), and z is ``(sum - mean) / sqrt(mean)``.

    Cells of unequal ``ground`` hold unequal counts though cases fall evenly. A neighbourhood with the ground of κ usual
    (mean) cells is held against the sum of the next lower whole number k of values, its own scaled by k / κ: as much is
    expected, and it scatters less. Fewer than one usual cell: nothing is said.

    The trend is Mann-Kendall's over the sums of the neighbourhood bin by bin, without the bins before, which would
    make neighbours in time alike.

    Parameters
    ----------
    counts
        Cases, whole numbers >= 0, shape (n, t) with t >= `LEAST_BINS`, the earliest bin first.
    neighbours
        Ones (n, n), the diagonal included: `contact`, `squares` or `band`.
    expected
        What each cell is expected to hold in each bin, >= 0, shape (n, t) or (n, 1); scaled to the sum of the counts.
        None: the same everywhere.
    ground
        Ground of each cell in any unit, above zero, shape (n,); None: all have the same. Not beside ``expected``.
    back
        How many bins before belong to the neighbourhood, 0 to t - 1.
    level
        False discovery rate below which a cell is hot or cold in a bin; p below which a trend is one.

    Returns
    -------
    Trend

    Raises
    ------
    InputError
        Too few cells or bins, counts that are none, weights other than ones, ``back`` out of range, cases where none
        are expected.
    TooLarge
        More than `MOST_CUBE` cells times bins.

    Examples
    --------
    >>> from gis.hotspots import squares
    >>> counts = np.zeros((100, 12), dtype=int)
    >>> counts[[44, 45], -1] = 9
    >>> found = emerging(counts, squares(np.ones((10, 10), dtype=bool)), back=0)
    >>> PATTERNS[found.pattern[44]], int((found.pattern > 0).sum())
    ('new hot', 6)
    """
    cube, near = _read(counts, neighbours, back)
    n, bins = cube.shape
    kappa = np.diff(near.indptr).astype(float) if ground is None else near @ _usual(ground, n, expected)
    whole = np.floor(kappa + 1e-9).astype(np.int64)
    sizes, own = np.unique(np.maximum(whole, 1), return_inverse=True)
    sums = np.empty((n, bins), dtype=np.int64)
    _space(near.indptr, near.indices, cube, sums)
    rise, rise_p = mann_kendall(sums)
    if not cube.any() or (cube == cube[0, 0]).all():
        none = np.full((n, bins), np.nan, dtype=np.float32)
        return Trend(none, none.copy(), np.zeros((n, bins), np.int8), rise, rise_p, np.zeros(n, np.int8))
    if expected is not None:
        z, q = _against(cube, near, sums, expected, back)
        return _named(z, q, rise, rise_p, level)
    table, begins = _tails(cube, sizes, back)
    z, at = np.empty((n, bins), dtype=np.float32), np.empty((n, bins), dtype=np.int64)
    scale, top = np.where(whole >= 1, whole / kappa, np.nan), int(cube.max())
    _time(sums, scale, own.astype(np.int64), sizes, back, top, cube.mean(), cube.std(), begins, z, at)
    # many cells share a p: the rate is found once for each
    q = discovery_rate(table, np.bincount(at[whole >= 1].ravel(), minlength=len(table))).astype(np.float32)[at]
    q[whole < 1] = np.nan
    return _named(z, q, rise, rise_p, level)


def _named(z, q, rise, rise_p, level) -> Trend:
    state = np.where(q < level, np.sign(z), 0).astype(np.int8)
    pattern = patterns(state, np.where(rise_p < level, np.sign(rise), 0).astype(np.int8))
    return Trend(z, q, state, rise, rise_p, pattern)


def patterns(state: ArrayLike, trend: ArrayLike) -> NDArray[np.int8]:
    """Kind of hotspot of each cell, from its history.

    Kinds as in the practice of emerging hot spot analysis; the first that holds, hot before cold:

    - hot in nine bins of ten or more: *historical* if not in the last; else *intensifying* with a trend up,
      *diminishing* with one down, *persistent* without;
    - hot in the last bin: *new* if never before, *consecutive* if only in an unbroken run up to now, *oscillating* if
      it ever was cold, *sporadic* otherwise;
    - cold alike, a trend down being intensifying.

    Parameters
    ----------
    state
        1 hot, -1 cold, 0 neither, shape (n, t).
    trend
        1 up, -1 down, 0 neither, shape (n,).

    Returns
    -------
    int8, shape (n,), positions in `PATTERNS`.
    """
    state, up = np.asarray(state, dtype=np.int8), np.asarray(trend, dtype=np.int8)
    out = np.zeros(len(state), dtype=np.int8)
    for offset, side in ((len(KINDS), -1), (0, 1)):
        on = state == side
        last = on[:, -1]
        held, ever_other = on.sum(axis=1), (state == -side).any(axis=1)
        mostly = held >= MOSTLY * state.shape[1]
        run = np.where(on.all(axis=1), state.shape[1], np.argmin(on[:, ::-1], axis=1))
        moved = np.where(up == side, KINDS.index("intensifying"), KINDS.index("persistent"))
        moved = np.where(up == -side, KINDS.index("diminishing"), moved)
        lately = np.where(ever_other, KINDS.index("oscillating"), KINDS.index("sporadic"))
        lately = np.where(run == held, KINDS.index("consecutive"), lately)
        lately = np.where(held == 1, KINDS.index("new"), lately)
        kind = np.where(mostly, np.where(last, moved, KINDS.index("historical")), lately)
        mine = last | mostly
        out[mine] = 1 + offset + kind[mine]
    return out


def mann_kendall(series: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mann-Kendall's test of a trend, for many series at once.

    Mann 1945, "Nonparametric tests against trend", Econometrica 13; Kendall 1975, "Rank correlation methods": S counts
    the pairs that rise less those that fall, with variance ``(t (t - 1) (2 t + 5) - sum of g (g - 1) (2 g + 5)) / 18``
    over groups of g equal values, and ``z = (S - sign S) / sqrt(variance)``.

    Parameters
    ----------
    series
        Shape (n, t), no NaN, the earliest value first.

    Returns
    -------
    z, p : float64, shape (n,)
        Standard score and two-sided p; 0 and 1 where all values are equal.
    """
    values = np.ascontiguousarray(series)
    z = np.empty(len(values))
    _kendall(values, z)
    return z, 2.0 * special.ndtr(-np.abs(z))


def _read(counts: ArrayLike, neighbours: sparse.csr_array, back: int) -> tuple[NDArray[np.int64], sparse.csr_array]:
    given = np.asarray(counts)
    if given.ndim != 2 or len(given) < 2 or neighbours.shape != (len(given), len(given)):
        what = f"counts of shape {given.shape} with neighbours of shape {neighbours.shape}"
        raise InputError(what, right="(n, t) and (n, n), n at least 2")
    if given.shape[1] < LEAST_BINS:
        raise InputError(f"{given.shape[1]} bins of time", right=f"at least {LEAST_BINS} make a history")
    if given.size > MOST_CUBE:
        raise TooLarge(f"{given.shape[0]:,} cells by {given.shape[1]:,} bins", right="longer bins, or larger cells")
    if not (np.isfinite(given).all() and (given >= 0).all() and (given == np.floor(given)).all()):
        raise InputError("a count is no whole number from 0", right="cases of each cell in each bin")
    if not (neighbours.data == 1.0).all():
        raise InputError("weights other than ones", where="neighbours", right="contact, squares or band")
    if not 0 <= back < given.shape[1]:
        raise InputError(f"{back}", where="back", right=f"0 to {given.shape[1] - 1} bins")
    return np.ascontiguousarray(given, dtype=np.int64), neighbours


def _usual(ground: ArrayLike, n: int, expected: ArrayLike | None) -> NDArray[np.float64]:
    """Ground of each cell in mean cells."""
    given = np.asarray(ground, dtype=float)
    if expected is not None:
        raise InputError("ground beside what is expected", where="ground", right="one of both")
    if given.shape != (n,) or not (np.isfinite(given).all() and (given > 0).all()):
        raise InputError(f"ground of shape {given.shape}", where="ground", right=f"({n},), above zero")
    return given / given.mean()


def _against(cube, near, sums, expected, back) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score and false discovery rate of each sum beside a Poisson count of what is expected."""
    means = np.asarray(expected, dtype=float)
    if means.shape not in (cube.shape, (len(cube), 1)):
        raise InputError(f"shape {means.shape}", where="expected", right=f"{cube.shape} or {(len(cube), 1)}")
    if not (np.isfinite(means).all() and (means >= 0).all() and means.any()):
        raise InputError("a number below 0, none at all, or not a number", where="expected", right="cases, >= 0")
    means = np.broadcast_to(means, cube.shape)
    around = near @ (means * (cube.sum() / means.sum()))
    held, mean = sums.astype(float), around.copy()
    for b in range(1, back + 1):
        held[:, b:] += sums[:, :-b]
        mean[:, b:] += around[:, :-b]
    if (held > 0)[mean == 0].any():
        raise InputError("cases where none are expected", where="expected", right="above 0 wherever cases are")
    p = np.minimum(1.0, 2.0 * np.minimum(special.pdtr(held, mean), special.gammainc(np.maximum(held, 1e-300), mean)))
    p[mean == 0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(mean > 0, (held - mean) / np.sqrt(mean), np.nan)
    return z.astype(np.float32), discovery_rate(p.ravel()).reshape(cube.shape).astype(np.float32)


def _convolved(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolution by Fourier; not scipy.signal's, which takes longer to import than all else of the service."""
    count = len(a) + len(b) - 1
    size = fft.next_fast_len(count, real=True)
    return fft.irfft(fft.rfft(a, size) * fft.rfft(b, size), size)[:count]


def _tails(cube: NDArray[np.int64], sizes: NDArray, back: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Two-sided p of a sum, by the count of values in it and the sum: one long table, and where each count begins.

    A neighbourhood of k cells holds k (1 + layers) values, with 0 to ``back`` layers before it; row
    ``i * (back + 1) + layers`` of the table is that of ``sizes[i]``.
    """
    once = np.bincount(cube.ravel()) / cube.size
    powers: dict[int, NDArray[np.float64]] = {1: once}

    def power(k: int) -> NDArray[np.float64]:
        if k not in powers:
            a, b = power(k // 2), power(k - k // 2)
            both = np.convolve(a, b) if len(a) < _DIRECT else _convolved(a, b).clip(0.0)
            powers[k] = both
        return powers[k]

    parts, begins = [], [0]
    for k in sizes:
        for layers in range(back + 1):
            chance = power(int(k) * (layers + 1))
            upper, lower = np.cumsum(chance[::-1])[::-1], np.cumsum(chance)
            parts.append(np.minimum(1.0, 2.0 * np.minimum(upper, lower)))
            begins.append(begins[-1] + len(chance))
    return np.concatenate(parts), np.array(begins, dtype=np.int64)


@njit(cache=True, nogil=True)
def _space(indptr, indices, cube, sums):
    """Sum over each neighbourhood, bin by bin."""
    n, bins = cube.shape
    for i in range(n):
        for t in range(bins):
            sums[i, t] = 0
        for j in range(indptr[i], indptr[i + 1]):
            k = indices[j]
            for t in range(bins):
                sums[i, t] += cube[k, t]


@njit(cache=True, nogil=True)
def _time(sums, scale, own, sizes, back, top, mean, deviation, begins, z, at):
    """Gi* and the place in the table of p of each cell in each bin, its neighbourhood in the bins before included."""
    n, bins = sums.shape
    total = float(n) * bins
    for i in range(n):
        size = sizes[own[i]]
        for t in range(bins):
            layers = min(back, t)
            held = 0
            for b in range(layers + 1):
                held += sums[i, t - b]
            k = float(size) * (layers + 1)
            if scale[i] != scale[i]:
                z[i, t], at[i, t] = np.nan, 0
                continue
            if scale[i] != 1.0:
                held = min(int(np.rint(held * scale[i])), size * (layers + 1) * top)
            spread = deviation * np.sqrt((total * k - k * k) / (total - 1))
            z[i, t] = (held - k * mean) / spread if spread > 0 else 0.0  # all of the cube: as much as it can
            at[i, t] = begins[own[i] * (back + 1) + layers] + held


@njit(cache=True, nogil=True)
def _kendall(values, z):
    n, t = values.shape
    for i in range(n):
        row = values[i]
        s = 0
        for a in range(t - 1):
            for b in range(a + 1, t):
                if row[b] > row[a]:
                    s += 1
                elif row[b] < row[a]:
                    s -= 1
        ordered = np.sort(row)
        spread = float(t) * (t - 1) * (2 * t + 5)
        run = 1
        for a in range(1, t + 1):
            if a < t and ordered[a] == ordered[a - 1]:
                run += 1
            else:
                spread -= float(run) * (run - 1) * (2 * run + 5)
                run = 1
        sign = 1 if s > 0 else -1 if s < 0 else 0
        z[i] = (s - sign) / np.sqrt(spread / 18.0) if spread > 0 else 0.0
