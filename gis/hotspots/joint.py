"""Rates of all cells at once, where cases are not surely of the cell in which they are recorded.

The cases of cell j are Poisson with mean mu_j, of which the share v_j is recorded; each recorded case came from one of
some cells with chances k (`gis.hotspots.whence`). A regression on covariates c says what mu is expected to be, tracts
of some cells have more or less of it in common, true means are gamma distributed around that, and in some cells nothing
ever happens::

    mu_j = 0                               with the chance pi_j
    mu_j ~ gamma(a_j, mean E_j)            else
    log E = b0 + b c + log u               u ~ gamma(s, mean 1), one of each tract
    log a = a0 + a1 log E,  logit pi = p0 + p1 log E

with another a0 and p0 where there is no exposure, and another p0 where no well-placed case lies.

*Posterior* by Gibbs sampling with the cells of origin as missing data (Tanner & Wong 1987, "The calculation of
posterior distributions by data augmentation", JASA 82): cases are dealt to cells in proportion to mu k, means are drawn
given what was dealt to them, gamma again, and the coefficients by Metropolis steps given the same counts, the means
integrated out. Where many cases may be of many cells, what was dealt keeps the coefficients where they are: so they are
also moved with the means carried over, each as unusual as it was, by the likelihood of the recorded cases themselves
(interweaving; Yu & Meng 2011, "To center or not to center", Journal of Computational and Graphical Statistics 20). And
an idle cell would never be dealt a case, so cells change between idle and not by that likelihood too. What is unsure of
the coefficients is part of what is unsure of a cell.

Two such chains run beside each other, each in a thread of its own and from draws of its own, and are taken together:
the answer does not depend on how many processors there are. A sweep costs a few passes over the pairs of cases and
cells, so both time and memory grow in proportion to the cases (and to the cells, times their covariates).

What is told of a cell are the mean, the variance and the chance of zero over all sweeps, each given the counts of its
sweep (Rao-Blackwell): a share of zero, and a gamma distribution beside it.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from gis.hotspots import dealing
from gis.hotspots.regression import information
from gis.hotspots.weighing import Floats
from gis.hotspots.whence import Whence

CHAINS = 2
"""Independent chains, each in a thread of its own."""
SWEEPS, EACH = (160, 800), 1_400_000
"""Least and most sweeps of each chain; between them so many of all cells together. Few cells leave the coefficients
loose, which then need longer to be drawn from everywhere."""
AWAY = 5 / 16
"""Share of the sweeps that only leads to where the others are counted."""
MOVES = 3
"""Steps of the coefficients, given what was dealt, in each sweep: they cost little beside the cases."""
LOOSE = np.array([2.5, 0.35, -4.0, -1.0, 0.0, 0.0, 2.0]), np.array([0.5, 0.15, 2.0, 1.0, 0.5, 2.0, 2.0])
"""Prior means and standard deviations of a0, a1, p0 and p1, log E counted from 1; of what a0 and p0 differ by in cells
without an exposure (where nobody lives is another kind of place), and p0 in bare ones."""
PARTS = np.array([[1, 1, 0, 0, 1, 0, 0], [0, 0, 1, 1, 0, 1, 1]], dtype=float)
"""They are moved in turns: how uneven rates are, and which cells are idle."""
WIDE = 10.0
"""Prior standard deviation of the coefficients of standardized covariates."""
ALIKE = 10.0
"""Prior median of s, within a factor of e."""
SURE = 25
"""A cell to which so many cases are dealt is never idle."""
_TURNS, _DRAWN, _TRIES, _ENOUGH = 10, 4, 50, 3000
_LEAST, _MOST = -12.0, 20.0


@dataclass(frozen=True)
class Means:
    """Posterior of the cases to be expected in each cell.

    Parameters
    ----------
    never
        Chance that nothing ever happens, float64 (n,).
    shape, scale
        Of the gamma distribution else, float64 (n,).
    expected
        What is expected without the cell's own cases, float64 (n,).
    none
        Chance that no recorded case is of the cell, float64 (n,).
    """

    never: Floats
    shape: Floats
    scale: Floats
    expected: Floats
    none: Floats

    @property
    def mean(self) -> Floats:
        """Mean of the posterior."""
        return (1.0 - self.never) * self.shape * self.scale

    def at(self, share: float) -> Floats:
        """Quantile of the posterior."""
        rest = np.clip((share - self.never) / np.maximum(1.0 - self.never, 1e-12), 0.0, 1.0)
        return np.where(rest > 0, special.gammaincinv(self.shape, rest) * self.scale, 0.0)


def tracts_of(x: ArrayLike, y: ArrayLike, side_m: float) -> NDArray[np.int64]:
    """Number of the square of so many metres in which each place lies, from 0, in order of the squares.

    Examples
    --------
    >>> tracts_of([5.0, 20.0, 350.0], [5.0, 90.0, 5.0], 300.0).tolist()
    [0, 0, 1]
    """
    column, row = ((v - v.min()) // side_m for v in (np.asarray(x, float), np.asarray(y, float)))
    return np.unique(column.astype(np.int64) * (int(row.max()) + 1) + row.astype(np.int64), return_inverse=True)[1]


def joint_means(
    came: Whence,
    covariates: Floats,
    tracts: NDArray[np.int64],
    apart: NDArray[np.bool_],
    *,
    seed: int = 0,
    sweeps: int | None = None,
) -> Means:
    """Posterior means of all cells.

    Parameters
    ----------
    came
        From which cells the recorded cases may have come, one at least, in an order that depends on nothing else.
    covariates
        Shape (n, k), without NaN.
    tracts
        Number of each cell's tract, from 0, (n,) (`tracts_of`).
    apart
        Cells without an exposure, bool (n,).
    seed
        What the draws are made from.
    sweeps
        How many times all cases are dealt in each of the `CHAINS`, by default as many as `SWEEPS` says; the first
        `AWAY` of them do not count.
    """
    n = len(covariates)
    turns = int(np.clip(EACH // n, *SWEEPS)) if sweeps is None else sweeps
    cases = _Cases(*dealing.unsure(came.first, came.cell, came.chance, n))
    model = _Model(covariates, came.seen, apart + 2 * came.bare.astype(np.int64), (len(came.first) - 1) / n)
    dealt = _start(model, cases, np.random.default_rng(seed))
    ways = model.ways(dealt)
    maybe = np.flatnonzero((cases.sure == 0) & (dealt < SURE))
    turned = dealing.turned(*cases.pairs, maybe, n)
    with ThreadPoolExecutor(CHAINS) as pool:
        begun = [
            pool.submit(_chain, copy(model), dealt.copy(), cases, (maybe, *turned), tracts, ways, [seed, k], turns)
            for k in range(CHAINS)
        ]
        return _means(np.sum([chain.result() for chain in begun], axis=0))


@dataclass(frozen=True)
class _Cases:
    """Cases that may be of several cells, and how many of each cell are of no other (`gis.hotspots.dealing.unsure`)."""

    first: NDArray[np.int64]
    cell: NDArray[np.int32]
    chance: NDArray[np.float32]
    sure: Floats

    @property
    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        return self.first, self.cell, self.chance


def _start(model: _Model, cases: _Cases, rng: np.random.Generator) -> Floats:
    """Likely coefficients, and cases dealt by them: by shares first, by draws then, for shares are too even to tell how
    uneven rates are.
    """
    n, sums = len(cases.sure), np.empty(len(cases.first) - 1)
    mean, dealt = np.full(n, np.exp(model.eta[0])), np.zeros(n)
    for turn in range(_TURNS + 1):
        if turn < _TURNS - _DRAWN:
            dealing.share(*cases.pairs, cases.sure, mean, dealt)
        else:
            dealing.add_up(*cases.pairs, mean, sums)
            dealing.deal(*cases.pairs, cases.sure, mean, sums, dealt, rng)
        if turn < _TURNS:
            model.improve(np.rint(dealt))
            mean = model.mean(dealt)
    return dealt


def _chain(
    model: _Model,
    dealt: Floats,
    cases: _Cases,
    turned: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    tracts: NDArray[np.int64],
    ways: Floats,
    seed: list[int],
    sweeps: int,
) -> Floats:
    """What is told of each cell, mean of the sweeps that count over `CHAINS`, shape (n, 5)."""
    n, away, rng, (maybe, begin, of, chances) = len(dealt), int(AWAY * sweeps), np.random.default_rng(seed), turned
    mean, sums, idle = np.empty(n), np.empty(len(cases.first) - 1), np.zeros(n, np.bool_)
    totals, then = np.zeros((n, 5)), _Then(n, len(sums))
    size, loose, shift, slack = 2.0 / np.sqrt(model.p), [0.5, 0.3], 1.0 / np.sqrt(model.p), [0.5, 0.3]
    tract, alike = np.ones(int(tracts.max()) + 1), math.log(ALIKE)
    for sweep in range(sweeps):
        keep, turn = sweep >= away, sweep % 2
        now = model.likely(dealt)
        for _ in range(MOVES):
            now, hit = model.move(dealt, now, size * (ways @ rng.standard_normal(model.p)), 0.0, rng)
            size *= 1.0 if keep else math.exp(0.1 * (hit - 0.25))
            for part in (0, 1):
                now, hit = model.move(dealt, now, 0.0, loose[part] * PARTS[part] * _others(rng), rng)
                loose[part] *= 1.0 if keep else math.exp(0.1 * (hit - 0.3))
        dealing.draw_means(dealt, *model.now, model.seen, idle, mean, totals, keep, rng)
        alike = _drawn_alike(alike, tract, rng)
        dealing.draw_tracts(dealt, tracts, model.seen, idle, mean, math.exp(alike), tract, rng)
        model.surround(np.log(tract)[tracts])
        dealing.unusual(mean, idle, *model.now, model.table, then.score)
        now = model.density(cases, idle, then.score, mean, sums)
        if turn:
            step = shift * (ways @ rng.standard_normal(model.p))
            now, hit, mean, sums = model.carry(cases, idle, now, mean, sums, then, step, 0.0, rng)
            shift *= 1.0 if keep else math.exp(0.2 * (hit - 0.25))
        else:
            part = sweep // 2 % 2
            step = slack[part] * PARTS[part] * _others(rng)
            now, hit, mean, sums = model.carry(cases, idle, now, mean, sums, then, 0.0, step, rng)
            slack[part] *= 1.0 if keep else math.exp(0.3 * (hit - 0.3))
        dealing.change(begin, of, chances, sums, mean, idle, *model.now, model.seen, maybe, rng)
        dealing.deal(*cases.pairs, cases.sure, mean, sums, dealt, rng)
    return totals / ((sweeps - away) * CHAINS)


class _Then:
    """Room for what a step would lead to."""

    def __init__(self, n: int, cases: int) -> None:
        self.score, self.mean, self.sums = np.empty(n), np.empty(n), np.empty(cases)


def _others(rng: np.random.Generator) -> Floats:
    return rng.standard_normal(len(LOOSE[0])) * LOOSE[1]


def _drawn_alike(now: float, tract: Floats, rng: np.random.Generator) -> float:
    """Logarithm of s, by three Metropolis steps."""
    whole = float((np.log(tract) - tract).sum())

    def likely(at: float) -> float:
        s = math.exp(at)
        return len(tract) * (s * at - math.lgamma(s)) + s * whole - 0.5 * (at - math.log(ALIKE)) ** 2

    for _ in range(3):
        then = now + 3.0 / math.sqrt(len(tract) + 4.0) * rng.standard_normal()
        if abs(then) < 9.0 and math.log(rng.random()) < likely(then) - likely(now):
            now = then
    return now


def _means(totals: Floats) -> Means:
    never, first, second, none, told = np.ascontiguousarray(totals.T)
    some = np.maximum(1.0 - never, 1e-12)
    middle = np.maximum(first / some, 1e-12)
    spread = np.maximum(second / some - middle**2, 1e-9 * middle**2)
    return Means(never, middle**2 / spread, spread / middle, told, none)


class _Model:
    """The distribution of counts, the coefficients that hold now, and log E by them (``eta``).

    No array is changed in place, so that a copy goes its own way.
    """

    def __init__(self, covariates: Floats, seen: Floats, kind: NDArray[np.int64], usual: float) -> None:
        some = covariates[:, covariates.std(axis=0) > 1e-9]
        wide = np.vstack([np.ones(len(some)), ((some - some.mean(axis=0)) / some.std(axis=0)).T])
        self.wide, self.p = wide.astype(np.float32), len(wide)
        self.seen, self.log_seen, self.kind, self.table = seen, np.log(seen), kind, dealing.gamma_table()
        self.weak = np.append(0.0, np.full(self.p - 1, WIDE**-2))
        self.b, self.others = np.zeros(self.p), LOOSE[0].copy()
        self.b[0] = math.log(usual)
        self.around = np.zeros(len(seen))
        self.told, self.eta = self._of(self.b)

    @property
    def now(self) -> tuple[Floats, NDArray[np.int64], Floats]:
        """``eta``, kinds of cells, and the other coefficients, as the kernels take them."""
        return self.eta, self.kind, self.others

    def _likely(self, counts: Floats, b: Floats, eta: Floats, others: Floats) -> float:
        told = dealing.likely(counts, eta, self.log_seen, self.kind, others, self.table)
        return self._prior(b, others) + float(told)

    def _prior(self, b: Floats, others: Floats) -> float:
        return -0.5 * float(self.weak @ b**2) - 0.5 * float((((others - LOOSE[0]) / LOOSE[1]) ** 2).sum())

    def _of(self, b: Floats) -> tuple[Floats, Floats]:
        told = np.empty(len(self.seen))
        dealing.told(self.wide, b, told)
        return told, np.clip(told + self.around, _LEAST, _MOST)

    def surround(self, around: Floats) -> None:
        """Take other tracts."""
        self.around = around
        self.eta = np.clip(self.told + around, _LEAST, _MOST)

    def improve(self, counts: Floats) -> None:
        """Likelier coefficients: two Newton steps, each halved until it helps, and the others given these."""
        from scipy import optimize  # late, as in gis.hotspots.weighing

        for _ in range(2):
            inner, slope = self._inner(counts)
            step, before, size = np.linalg.solve(inner, slope), self._likely(counts, self.b, self.eta, self.others), 1.0
            while size > 1e-3:
                told, eta = self._of(self.b + size * step)
                if self._likely(counts, self.b + size * step, eta, self.others) >= before:
                    self.b, self.told, self.eta = self.b + size * step, told, eta
                    break
                size /= 2.0
        some = slice(None, None, max(1, len(counts) // _ENOUGH))  # it is a start
        held = counts[some], self.eta[some], self.log_seen[some], self.kind[some]

        def far(others: Floats) -> float:
            return -self._prior(self.b, others) - float(dealing.likely(*held, others, self.table))

        self.others = optimize.minimize(far, self.others, method="Nelder-Mead", options={"maxiter": _TRIES}).x

    def _inner(self, counts: Floats) -> tuple[Floats, Floats]:
        mean, busy = (
            np.exp(self.eta) * self.seen,
            1.0 - dealing.idle_chance(counts, self.eta, self.log_seen, *self.now[1:]),
        )
        wide, slope = busy / (1.0 + mean / dealing.shapes(*self.now)[0]), np.empty(self.p)
        dealing.slope(self.wide, wide * (counts - mean), slope)
        inner = information(np.ascontiguousarray(self.wide.T), wide * mean)
        return inner + np.tril(inner, -1).T + np.diag(self.weak + 1e-6), slope - self.weak * self.b

    def ways(self, counts: Floats) -> Floats:
        """Root of the coefficients' covariance, a little wider for what is dealt anew."""
        return np.linalg.cholesky(1.6 * np.linalg.inv(self._inner(counts)[0]))

    def mean(self, dealt: Floats) -> Floats:
        """Means given shares of cases."""
        a, _ = dealing.shapes(*self.now)
        return (dealt + a) / (a / np.exp(self.eta) + self.seen)

    def likely(self, dealt: Floats) -> float:
        """Logarithm of the likelihood of what was dealt, and of the prior, up to a constant."""
        return self._likely(dealt, self.b, self.eta, self.others)

    def move(
        self, dealt: Floats, now: float, step: Floats | float, other: Floats | float, rng: np.random.Generator
    ) -> tuple[float, bool]:
        """A Metropolis step of all coefficients given what was dealt; the likelihood then, whether it was taken."""
        b, others = self.b + step, self.others + other
        told, eta = self._of(b) if np.ndim(step) else (self.told, self.eta)
        like = self._likely(dealt, b, eta, others)
        if not math.log(rng.random()) < like - now:
            return now, False
        self.b, self.others, self.told, self.eta = b, others, told, eta
        return like, True

    def density(self, cases: _Cases, idle: NDArray[np.bool_], score: Floats, mean: Floats, sums: Floats) -> float:
        """Logarithm of the likelihood of the recorded cases and of the priors, given the scores of the means, which
        follow from those.
        """
        told = dealing.carried(score, idle, *self.now, self.seen, cases.sure, self.table, mean)
        return float(told + dealing.add_up(*cases.pairs, mean, sums)) + self._prior(self.b, self.others)

    def carry(
        self,
        cases: _Cases,
        idle: NDArray[np.bool_],
        now: float,
        mean: Floats,
        sums: Floats,
        then: _Then,
        step: Floats | float,
        other: Floats | float,
        rng: np.random.Generator,
    ) -> tuple[float, bool, Floats, Floats]:
        """The same with the means carried over, by the likelihood of the recorded cases; means and sums that hold."""
        before = self.b, self.others, self.told, self.eta
        self.b, self.others = self.b + step, self.others + other
        if np.ndim(step):
            self.told, self.eta = self._of(self.b)
        like = self.density(cases, idle, then.score, then.mean, then.sums)
        if not math.log(rng.random()) < like - now:
            self.b, self.others, self.told, self.eta = before
            return now, False, mean, sums
        held = then.mean, then.sums
        then.mean, then.sums = mean, sums
        return like, True, *held
