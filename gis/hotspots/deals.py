"""Deals of each cell's cases over the bins, and the best circle of each: what the best of so many circles is worth.

Twenty deals are made and looked at side by side: a circle's cells are read once for all of them. Most cells hold few
cases, so their draws come from tables of cumulative chances; and most circles are told not to be the best by the first
term of their tail.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import special

SIDE_BY_SIDE = 20
"""Deals made at once."""
LEAST_CASES = 5.0
"""A circle with fewer cases raises no alert, however few are expected."""
NONE = math.log(1e6)
"""Logarithm of the score of a deal in which no circle is beyond what is expected."""
_TABLE = 48
"""Draws from so many cases at most come from tables."""
_UNUSUAL = 1.5
"""Dealt circles with a smaller excess, in standard deviations, are not the best of any deal."""


@dataclass(frozen=True)
class Rings:
    """Circles of growing reach around each cell as one list of cells: the nearest circle's, then what the next adds.

    Cells of circle r around i are ``cells[begins[i]:ends[i, r]]``.
    """

    begins: NDArray[np.int64]
    cells: NDArray[np.int32]
    ends: NDArray[np.int64]

    def inside(self, i: int, r: int) -> NDArray[np.int64]:
        """Cells of a circle, rising."""
        return np.sort(self.cells[self.begins[i] : self.ends[i, r]]).astype(np.int64)

    def sums(self, cube: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cases of each circle, shape (cells, circles, bins), of those of each cell (cells, bins)."""
        out = np.empty((*self.ends.shape, cube.shape[1]), dtype=np.int64)
        _sums(self.begins, self.cells, self.ends, cube, out)
        return out


class Deals:
    """Looks at deals of each cell's cases over the bins by the bins' shares, a part of the cases in clumps.

    Parameters
    ----------
    whole
        Cases of each cell in all bins, (n,).
    share
        Each bin's share of the city's cases, the earliest first.
    room
        Cases of the city in all bins.
    clumps
        How many times the variance of circles is that of cases dealt one by one, 1 at least.
    rings, windows
        Circles and bins that are counted together, as in `gis.hotspots.looks.look`.
    seed
        What the deals are made from.
    """

    def __init__(
        self,
        whole: NDArray[np.int64],
        share: NDArray[np.float64],
        room: float,
        clumps: float,
        rings: Rings,
        windows: Sequence[int],
        seed: Sequence[int],
    ) -> None:
        self.whole, self.rings, self.rng = whole.astype(np.int32), rings, np.random.default_rng(list(seed))
        both = rings.sums(whole[:, None])[:, :, 0]
        late, last = share[::-1], max(windows)
        left = 1.0 - np.concatenate([[0.0], np.cumsum(late[: last - 1])])
        chances = np.where(left > 1e-12, np.minimum(late[:last] / np.maximum(left, 1e-12), 1.0), 0.0)
        # clumps of m cases, a share f of all: the variance is 1 + f (m - 1) times that of single cases
        self.clump = max(2, int(np.ceil(clumps)))
        self.clumped = (clumps - 1.0) / (self.clump - 1)
        self.chances, self.taken = chances, np.stack([_binomial_table(chance) for chance in chances])
        self.many = _pile_table(self.clumped / self.clump, self.clump)
        self.looks, shares = np.zeros(last, dtype=np.bool_), np.cumsum(late[:last])
        self.looks[np.array(windows) - 1] = True
        self.looks &= (shares > 0.0) & (shares < 1.0) & (room > 0)
        self.logs = special.gammaln(np.arange(int(both.max(initial=0)) + 1) + 1.0)
        self.both, self.shares, self.room = both.astype(np.int32), shares, room

    def lowest(self, count: int) -> NDArray[np.float64]:
        """Logarithm of the best score of each of so many deals."""
        out = np.full(count, np.inf)
        for first in range(0, count, SIDE_BY_SIDE):
            self._some(out[first : first + SIDE_BY_SIDE])
        return np.where(np.isfinite(out), out, NONE)

    def _some(self, out: NDArray[np.float64]) -> None:
        rings = self.rings
        for b, now in enumerate(self.drawn(len(out))):
            if self.looks[b]:
                share, room = self.shares[b], math.log(self.room * self.shares[b])
                _lowest(now, self.both, self.logs, share, room, rings.begins, rings.cells, rings.ends, out)

    def drawn(self, count: int) -> Iterator[NDArray[np.int32]]:
        """Cases of each cell in the last bin, the last two, …, shape (n, count); the same array each time."""
        n = len(self.whole)
        piles, single = np.empty((n, count), dtype=np.int32), np.empty((n, count), dtype=np.int32)
        now = np.zeros((n, count), dtype=np.int32)
        _pile(self.whole, self.clumped, self.clump, self.many, self.rng, piles, single)
        for chance, taken in zip(self.chances, self.taken, strict=True):
            _take(single, 1, chance, taken, self.rng, now)
            if self.clumped > 0:
                _take(piles, self.clump, chance, taken, self.rng, now)
            yield now


def _binomial_table(chance: float) -> NDArray[np.float64]:
    """Chance of k or fewer of n, shape (n, k)."""
    n, k = np.arange(_TABLE + 1)[:, None], np.arange(_TABLE + 1)[None, :]
    return np.where(k >= n, 1.0, special.bdtr(np.minimum(k, n), n, chance))


def _pile_table(each: float, clump: int) -> NDArray[np.float64]:
    """Chance of k or fewer clumps among n cases: Poisson with mean n times each, as many as there may be at most."""
    n, k = np.arange(_TABLE + 1)[:, None], np.arange(_TABLE + 1)[None, :]
    return np.where(k >= n // clump, 1.0, special.pdtr(k, n * each))


@njit(cache=True, nogil=True)
def _sums(begins, cells, ends, cube, out):  # type: ignore[no-untyped-def]
    n, bins = cube.shape
    held = np.zeros(bins, dtype=np.int64)
    for i in range(n):
        held[:] = 0
        j = begins[i]
        for r in range(ends.shape[1]):
            while j < ends[i, r]:
                for b in range(bins):
                    held[b] += cube[cells[j], b]
                j += 1
            for b in range(bins):
                out[i, r, b] = held[b]


@njit(cache=True, nogil=True)
def _pile(whole, clumped, clump, table, rng, piles, single):  # type: ignore[no-untyped-def]
    """Put a part of each cell's cases in clumps."""
    for i in range(len(whole)):
        for lane in range(piles.shape[1]):
            many = 0
            if clumped > 0.0 and whole[i] >= clump:
                if whole[i] < len(table):
                    u = rng.random()
                    while u >= table[whole[i], many]:
                        many += 1
                else:
                    many = min(rng.poisson(whole[i] * clumped / clump), whole[i] // clump)
            piles[i, lane], single[i, lane] = many, whole[i] - clump * many


@njit(cache=True, nogil=True)
def _take(left, size, chance, table, rng, now):  # type: ignore[no-untyped-def]
    """Take what falls in a bin from what is left, each of so many cases."""
    for i in range(len(left)):
        for lane in range(left.shape[1]):
            n, k = left[i, lane], 0
            if n == 0:
                continue
            if n < len(table):
                u = rng.random()
                while u >= table[n, k]:
                    k += 1
            else:
                k = rng.binomial(n, chance)
            left[i, lane] = n - k
            now[i, lane] += size * k


@njit(cache=True, nogil=True)
def _lowest(now, both, logs, share, room, begins, cells, ends, out):  # type: ignore[no-untyped-def]
    """Take the logarithm of the best score of all circles of each deal where it is below what was found before."""
    n, lanes = now.shape
    spread, odds = _UNUSUAL * math.sqrt(1.0 - share), share / (1.0 - share)
    log_share, log_rest = math.log(share), math.log1p(-share)
    mine = np.empty(lanes, dtype=np.int32)
    for i in range(n):
        mine[:] = 0
        j = begins[i]
        for r in range(ends.shape[1]):
            end = ends[i, r]
            if r > 0 and end == j:
                continue
            while j < end:
                cell = cells[j]
                for lane in range(lanes):
                    mine[lane] += now[cell, lane]
                j += 1
            whole = both[i, r]
            mean = whole * share
            need = max(LEAST_CASES, mean + spread * math.sqrt(mean))
            if whole < need:
                continue
            scale = room - math.log(mean) + logs[whole] + whole * log_rest
            for lane in range(lanes):
                if mine[lane] < need:
                    continue
                k = mine[lane]
                score = scale - logs[k] - logs[whole - k] + k * (log_share - log_rest)
                if score < out[lane]:
                    # the tail's other terms
                    term = total = 1.0
                    while k < whole:
                        term *= (whole - k) / (k + 1.0) * odds
                        k += 1
                        total += term
                        if term < 1e-13 * total:
                            break
                    out[lane] = min(out[lane], score + math.log(total))
