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

What is told of a cell are the mean, the variance and the chance of zero over all sweeps, each given the counts of its
sweep (Rao-Blackwell): a share of zero, and a gamma distribution beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from gis.hotspots import dealing
from gis.hotspots.weighing import Floats
from gis.hotspots.whence import Whence

SWEEPS, AWAY = 800, 5 / 16
"""Sweeps, and the share of them that only leads to where the others are counted."""
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
_TURNS, _DRAWN = 16, 5
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
    sweeps: int = SWEEPS,
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
        How many times all cases are dealt; the first `AWAY` of them do not count.
    """
    rng, away = np.random.default_rng(seed), int(AWAY * sweeps)
    held, n = (came.first, came.cell, came.chance), len(covariates)
    model = _Model(covariates, came.seen, apart + 2 * came.bare.astype(np.int64), (len(came.first) - 1) / n)
    mean, dealt = np.full(n, np.exp(model.eta[0])), np.zeros(n)
    for turn in range(_TURNS):  # by shares first, by draws then: shares are too even to tell how uneven rates are
        if turn < _TURNS - _DRAWN:
            dealing.share(*held, mean, dealt)
        else:
            dealing.deal(*held, mean, dealt, rng)
        model.improve(np.rint(dealt))
        mean = model.mean(dealt)
    maybe = np.flatnonzero(~_only(came, n) & (dealt < SURE))
    cases, chances, begin = _turned(came, n)
    dealing.deal(*held, mean, dealt, rng)
    ways, size, loose, shift, slack = (
        model.ways(dealt),
        2.0 / np.sqrt(model.p),
        [0.5, 0.3],
        1.0 / np.sqrt(model.p),
        [0.5, 0.3],
    )
    idle, totals, told, sums = np.zeros(n, np.bool_), np.zeros((4, n)), np.zeros(n), np.empty(len(came.first) - 1)
    tract, alike = np.ones(int(tracts.max()) + 1), math.log(ALIKE)
    for sweep in range(sweeps):
        keep = sweep >= away
        now = model.likely(dealt)
        now, hit = model.move(dealt, now, size * (ways @ rng.standard_normal(model.p)), 0.0, rng)
        size *= 1.0 if keep else math.exp(0.1 * (hit - 0.25))
        turn = sweep % 2
        now, hit = model.move(dealt, now, 0.0, loose[turn] * PARTS[turn] * _others(rng), rng)
        loose[turn] *= 1.0 if keep else math.exp(0.2 * (hit - 0.3))
        dealing.draw_means(dealt, model.eta, model.kind, model.others, came.seen, idle, mean, totals, keep, rng)
        if keep:
            told += model.expected()
        alike = _drawn_alike(alike, tract, rng)
        dealing.draw_tracts(dealt, tracts, came.seen, idle, mean, math.exp(alike), tract, rng)
        model.surround(np.log(tract)[tracts])
        now = dealing.recorded(*held, mean, came.seen)
        now, hit = model.carry(held, mean, idle, now, shift * (ways @ rng.standard_normal(model.p)), 0.0, rng)
        shift *= 1.0 if keep else math.exp(0.1 * (hit - 0.25))
        now, hit = model.carry(held, mean, idle, now, 0.0, slack[turn] * PARTS[turn] * _others(rng), rng)
        slack[turn] *= 1.0 if keep else math.exp(0.2 * (hit - 0.3))
        dealing.add_up(*held, mean, sums)
        dealing.change(begin, cases, chances, sums, mean, idle, *model.prior(), came.seen, maybe, rng)
        dealing.deal(*held, mean, dealt, rng)
    return _means(totals / (sweeps - away), told / (sweeps - away))


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


def _means(totals: Floats, told: Floats) -> Means:
    never, first, second, none = totals
    some = np.maximum(1.0 - never, 1e-12)
    middle = np.maximum(first / some, 1e-12)
    spread = np.maximum(second / some - middle**2, 1e-9 * middle**2)
    return Means(never, middle**2 / spread, spread / middle, told, none)


def _only(came: Whence, n: int) -> NDArray[np.bool_]:
    """Cells to which a case surely belongs."""
    out = np.zeros(n, np.bool_)
    out[came.cell[came.first[:-1][np.diff(came.first) == 1]]] = True
    return out


def _turned(came: Whence, n: int) -> tuple[NDArray[np.int32], Floats, NDArray[np.int64]]:
    """Cases of each cell, their chances, and where each cell's begin."""
    case = np.repeat(np.arange(len(came.first) - 1, dtype=np.int32), np.diff(came.first))
    order = np.argsort(came.cell, kind="stable")
    return case[order], came.chance[order], np.searchsorted(came.cell[order], np.arange(n + 1))


class _Model:
    """The distribution of counts, the coefficients that hold now, and log E by them (``eta``)."""

    def __init__(self, covariates: Floats, seen: Floats, kind: NDArray[np.int64], usual: float) -> None:
        some = covariates[:, covariates.std(axis=0) > 1e-9]
        wide = [np.ones(len(some)), *((some - some.mean(axis=0)) / some.std(axis=0)).T]
        self.wide, self.p = np.ascontiguousarray(np.column_stack(wide)), len(wide)
        self.seen, self.kind = seen, kind
        self.weak = np.append(0.0, np.full(self.p - 1, WIDE**-2))
        self.b, self.others = np.zeros(self.p), LOOSE[0].copy()
        self.b[0] = math.log(usual)
        self.around = np.zeros(len(seen))
        self.told = self.wide @ self.b
        self.eta = np.clip(self.told, _LEAST, _MOST)

    def _likely(self, counts: Floats, b: Floats, eta: Floats, others: Floats) -> float:
        return self._prior(b, others) + float(dealing.likely(counts, eta, self.seen, self.kind, others))

    def _prior(self, b: Floats, others: Floats) -> float:
        return -0.5 * float(self.weak @ b**2) - 0.5 * float((((others - LOOSE[0]) / LOOSE[1]) ** 2).sum())

    def _of(self, b: Floats) -> tuple[Floats, Floats]:
        told = self.wide @ b
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

        def far(others: Floats) -> float:
            return -self._likely(counts, self.b, self.eta, others)

        self.others = optimize.minimize(far, self.others, method="Nelder-Mead", options={"maxiter": 80}).x

    def _inner(self, counts: Floats) -> tuple[Floats, Floats]:
        mean, busy = np.exp(self.eta) * self.seen, 1.0 - self._idle(counts)
        wide = busy / (1.0 + mean / self.prior()[0])
        slope = self.wide.T @ (wide * (counts - mean)) - self.weak * self.b
        return (self.wide * (wide * mean)[:, None]).T @ self.wide + np.diag(self.weak + 1e-6), slope

    def _idle(self, counts: Floats) -> Floats:
        return dealing.idle_chance(counts, self.eta, self.seen, self.kind, self.others)

    def ways(self, counts: Floats) -> Floats:
        """Root of the coefficients' covariance, a little wider for what is dealt anew."""
        return np.linalg.cholesky(1.6 * np.linalg.inv(self._inner(counts)[0]))

    def mean(self, dealt: Floats) -> Floats:
        """Means given shares of cases."""
        a, scale, _ = self.prior()
        return (dealt + a) / (1.0 / scale + self.seen)

    def expected(self) -> Floats:
        """What is expected of each cell, idle or not."""
        return np.exp(self.eta) * special.expit(-self.prior()[2])

    def prior(self) -> tuple[Floats, Floats, Floats]:
        """Shape and scale of the means, and the log odds of an idle cell."""
        a, odds = dealing.shapes(self.eta, self.kind, self.others)
        return a, np.exp(self.eta) / a, odds

    def likely(self, dealt: Floats) -> float:
        """Logarithm of the likelihood of what was dealt, and of the prior, up to a constant."""
        return self._likely(dealt, self.b, self.eta, self.others)

    def move(
        self, dealt: Floats, now: float, step: Floats | float, other: Floats | float, rng: np.random.Generator
    ) -> tuple[float, bool]:
        """A Metropolis step of all coefficients given what was dealt; the likelihood then, whether it was taken."""
        b, others = self.b + step, self.others + other
        told, eta = self._of(b)
        like = self._likely(dealt, b, eta, others)
        if not math.log(rng.random()) < like - now:
            return now, False
        self.b, self.others, self.told, self.eta = b, others, told, eta
        return like, True

    def carry(
        self,
        held: tuple[NDArray[np.int64], NDArray[np.int32], Floats],
        mean: Floats,
        idle: NDArray[np.bool_],
        now: float,
        step: Floats | float,
        other: Floats | float,
        rng: np.random.Generator,
    ) -> tuple[float, bool]:
        """The same with the means carried over, by the likelihood of the recorded cases (``now``)."""
        b, others = self.b + step, self.others + other
        (told, eta), then = self._of(b), np.empty(len(mean))
        gain = dealing.carried_over(mean, idle, self.eta, self.others, eta, others, self.kind, then)
        like = dealing.recorded(*held, then, self.seen)
        gain += like - now + self._prior(b, others) - self._prior(self.b, self.others)
        if not math.log(rng.random()) < gain:
            return now, False
        self.b, self.others, self.told, self.eta = b, others, told, eta
        mean[:] = then
        return like, True
