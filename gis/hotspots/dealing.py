"""Compiled steps of the sampler of `gis.hotspots.joint`: cases dealt to cells, means drawn, cells that fall idle.

Everywhere: ``first``, ``cell``, ``chance`` of `gis.hotspots.whence.Whence`; ``counts`` dealt to each cell; ``mean`` of
each; ``eta`` = log E; ``others`` = a0, a1, p0, p1, what a0 and p0 differ by in cells apart (1 of ``kind``), and what p0
differs by in bare ones (2 of ``kind``).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def _ways(eta, kind, others):  # type: ignore[no-untyped-def]
    """Shape of the true means and log odds of an idle cell."""
    apart, bare = float(kind & 1), float(kind >> 1)
    shape = others[0] + others[1] * (eta - 1.0) + others[4] * apart
    odds = others[2] + others[3] * (eta - 1.0) + others[5] * apart + others[6] * bare
    return math.exp(min(max(shape, -3.0), 7.0)), min(max(odds, -15.0), 15.0)


@njit(cache=True, nogil=True)
def shapes(eta, kind, others):  # type: ignore[no-untyped-def]
    a, odds = np.empty(len(eta)), np.empty(len(eta))
    for j in range(len(eta)):
        a[j], odds[j] = _ways(eta[j], kind[j], others)
    return a, odds


@njit(cache=True, nogil=True, inline="always")
def _count(count, mean, a):  # type: ignore[no-untyped-def]
    """Logarithm of the chance of a negative binomial count, but for the factorial."""
    rest = -(a + count) * math.log1p(mean / a) + count * math.log(mean / a)
    if count < 12.0:
        product = 1.0
        for k in range(int(count)):
            product *= a + k
        return rest + math.log(product)
    return rest + math.lgamma(a + count) - math.lgamma(a)


@njit(cache=True, nogil=True)
def likely(counts, eta, seen, kind, others):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(len(counts)):
        a, odds = _ways(eta[j], kind[j], others)
        busy = _count(counts[j], math.exp(eta[j]) * seen[j], a)
        rest = -max(odds, 0.0) - math.log1p(math.exp(-abs(odds)))  # log(1 - pi)
        if counts[j] > 0.0:
            total += busy + rest
        else:
            top = max(busy, odds)
            total += rest + top + math.log1p(math.exp(-abs(busy - odds)))
    return total


@njit(cache=True, nogil=True)
def idle_chance(counts, eta, seen, kind, others):  # type: ignore[no-untyped-def]
    """Chance that a cell is idle, given its count."""
    out = np.zeros(len(counts))
    for j in range(len(counts)):
        if counts[j] == 0.0:
            a, odds = _ways(eta[j], kind[j], others)
            out[j] = 1.0 / (1.0 + math.exp(min(_count(0.0, math.exp(eta[j]) * seen[j], a) - odds, 700.0)))
    return out


@njit(cache=True, nogil=True)
def draw_means(counts, eta, kind, others, seen, idle, mean, totals, keep, rng):  # type: ignore[no-untyped-def]
    """Draw the means given the counts; add up what is told of them."""
    for j in range(len(counts)):
        a, odds = _ways(eta[j], kind[j], others)
        expected = math.exp(eta[j])
        shape, scale = a + counts[j], 1.0 / (a / expected + seen[j])
        never = 0.0
        if counts[j] == 0.0:
            never = 1.0 / (1.0 + math.exp(min(_count(0.0, expected * seen[j], a) - odds, 700.0)))
        idle[j] = never > 0.0 and rng.random() < never
        mean[j] = 0.0 if idle[j] else max(rng.standard_gamma(shape) * scale, 1e-12)
        if keep:
            totals[0, j] += never
            totals[1, j] += (1.0 - never) * shape * scale
            totals[3, j] += counts[j] == 0.0
            totals[2, j] += (1.0 - never) * shape * (shape + 1.0) * scale * scale


@njit(cache=True, nogil=True)
def share(first, cell, chance, mean, dealt):  # type: ignore[no-untyped-def]
    """Share each case out among its cells."""
    dealt[:] = 0.0
    for case in range(len(first) - 1):
        whole = 0.0
        for k in range(first[case], first[case + 1]):
            whole += mean[cell[k]] * chance[k]
        for k in range(first[case], first[case + 1]):
            dealt[cell[k]] += mean[cell[k]] * chance[k] / whole


@njit(cache=True, nogil=True)
def deal(first, cell, chance, mean, dealt, rng):  # type: ignore[no-untyped-def]
    """Deal each case to one of its cells."""
    dealt[:] = 0.0
    for case in range(len(first) - 1):
        begin, end = first[case], first[case + 1]
        at = begin
        if end > begin + 1:
            whole = 0.0
            for k in range(begin, end):
                whole += mean[cell[k]] * chance[k]
            left = rng.random() * whole
            for k in range(begin, end):
                part = mean[cell[k]] * chance[k]
                if part > 0.0:
                    at = k
                    left -= part
                    if left < 0.0:
                        break
        dealt[cell[at]] += 1.0


@njit(cache=True, nogil=True)
def add_up(first, cell, chance, mean, sums):  # type: ignore[no-untyped-def]
    for case in range(len(first) - 1):
        whole = 0.0
        for k in range(first[case], first[case + 1]):
            whole += mean[cell[k]] * chance[k]
        sums[case] = whole


@njit(cache=True, nogil=True)
def change(begin, cases, chances, sums, mean, idle, a, scale, odds, seen, maybe, rng):  # type: ignore[no-untyped-def]
    """Let cells fall idle, or idle ones begin, by the likelihood of the recorded cases."""
    for j in maybe:
        if idle[j]:
            new = max(rng.standard_gamma(a[j]) * scale[j], 1e-12)
            gain = -new * seen[j] - odds[j]
            for k in range(begin[j], begin[j + 1]):
                if sums[cases[k]] > 0.0:
                    gain += math.log1p(new * chances[k] / sums[cases[k]])
            if math.log(rng.random()) < gain:
                idle[j], mean[j] = False, new
                for k in range(begin[j], begin[j + 1]):
                    sums[cases[k]] += new * chances[k]
            continue
        gain, luck = mean[j] * seen[j] + odds[j], math.log(rng.random())
        for k in range(begin[j], begin[j + 1]):
            rest = 1.0 - mean[j] * chances[k] / sums[cases[k]]
            if rest < 1e-9:
                gain = -np.inf
                break
            gain += math.log(rest)
            if gain < luck:
                break
        if luck < gain:
            for k in range(begin[j], begin[j + 1]):
                sums[cases[k]] -= mean[j] * chances[k]
            idle[j], mean[j] = True, 0.0


@njit(cache=True, nogil=True)
def draw_tracts(counts, tracts, seen, idle, mean, alike, tract, rng):  # type: ignore[no-untyped-def]
    """Draw what the cells of a tract have in common, given the rest; the means follow."""
    shape, rate = np.full(len(tract), alike), np.full(len(tract), alike)
    for j in range(len(counts)):
        if not idle[j]:
            shape[tracts[j]] += counts[j]
            rate[tracts[j]] += mean[j] * seen[j] / tract[tracts[j]]
    for k in range(len(tract)):
        before = tract[k]
        tract[k] = max(rng.standard_gamma(shape[k]) / rate[k], 1e-6)
        rate[k] = tract[k] / before
    for j in range(len(counts)):
        mean[j] *= rate[tracts[j]]


@njit(cache=True, nogil=True, inline="always")
def _spread(a):  # type: ignore[no-untyped-def]
    """Mean and standard deviation of the logarithm of a gamma variate of mean one (digamma and trigamma, by series)."""
    digamma, trigamma, x = 0.0, 0.0, a
    while x < 6.0:
        digamma -= 1.0 / x
        trigamma += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / (x * x)
    digamma += math.log(x) - 0.5 / x - y * (1.0 / 12.0 - y * (1.0 / 120.0 - y / 252.0))
    trigamma += 1.0 / x + 0.5 * y + y / x * (1.0 / 6.0 - y * (1.0 / 30.0 - y / 42.0))
    return digamma - math.log(a), math.sqrt(trigamma)


@njit(cache=True, nogil=True)
def carried_over(mean, idle, eta, others, eta_then, others_then, kind, out):  # type: ignore[no-untyped-def]
    """The means under other coefficients, each as unusual as it was; logarithm of the ratio of prior densities."""
    gain = 0.0
    for j in range(len(mean)):
        a, odds = _ways(eta[j], kind[j], others)
        then, odds_then = _ways(eta_then[j], kind[j], others_then)
        gain -= max(odds_then, 0.0) + math.log1p(math.exp(-abs(odds_then)))
        gain += max(odds, 0.0) + math.log1p(math.exp(-abs(odds)))
        out[j] = 0.0
        if idle[j]:
            gain += odds_then - odds
            continue
        rate = math.log(mean[j]) - eta[j]
        rate_then = rate
        if a != then:
            middle, wide = _spread(a)
            middle_then, wide_then = _spread(then)
            rate_then = middle_then + (rate - middle) * wide_then / wide
            gain += math.log(wide_then / wide)
            gain += then * math.log(then) - math.lgamma(then) + then * (rate_then - math.exp(rate_then))
            gain -= a * math.log(a) - math.lgamma(a) + a * (rate - math.exp(rate))
        out[j] = max(math.exp(eta_then[j] + rate_then), 1e-300)
    return gain


@njit(cache=True, nogil=True)
def recorded(first, cell, chance, mean, seen):  # type: ignore[no-untyped-def]
    """Logarithm of the likelihood of the recorded cases."""
    total = 0.0
    for j in range(len(mean)):
        total -= mean[j] * seen[j]
    for case in range(len(first) - 1):
        whole = 0.0
        for k in range(first[case], first[case + 1]):
            whole += mean[cell[k]] * chance[k]
        if whole <= 0.0:
            return -np.inf
        total += math.log(whole)
    return total
