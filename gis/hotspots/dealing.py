"""Compiled steps of the sampler of `gis.hotspots.joint`: cases dealt to cells, means drawn, cells that fall idle.

Everywhere: ``first``, ``cell``, ``chance`` of the cases that may be of several cells (`unsure`), ``sure`` the cases of
each cell that are of no other; ``sums`` = sum of mean chance of each case; ``counts`` dealt to each cell; ``mean`` of
each; ``eta`` = log E; ``others`` = a0, a1, p0, p1, what a0 and p0 differ by in cells apart (1 of ``kind``), and what p0
differs by in bare ones (2 of ``kind``); ``table`` of `gamma_table`.

Logarithms are what such sums cost, so factors are multiplied and a logarithm is taken when the product grows long.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

LOW, HIGH, EACH = -3.0, 7.0, 128
"""Logarithms of shapes lie between these; so many steps of one are tabulated, and lines drawn between them."""
_FAR, _NEAR = 1e200, 1e-200


@lru_cache(maxsize=1)
def gamma_table() -> NDArray[np.float64]:
    """Of the logarithm of a gamma variate of mean one, for each log a: mean, standard deviation w, the constant of its
    density ``a log a - lgamma(a) - a`` with log w and without; shape (steps, 4).
    """
    from scipy import special  # late, as in gis.hotspots.weighing

    s = LOW + np.arange((HIGH - LOW) * EACH + 2) / EACH
    a = np.exp(s)
    wide, rest = np.sqrt(special.polygamma(1, a)), a * s - special.gammaln(a) - a
    return np.ascontiguousarray(np.column_stack([special.digamma(a) - s, wide, rest + np.log(wide), rest]))


@njit(cache=True, nogil=True, inline="always")
def _ways(eta, kind, others):  # type: ignore[no-untyped-def]
    """Logarithm of the shape of the true means, and log odds of an idle cell."""
    apart, bare = float(kind & 1), float(kind >> 1)
    shape = others[0] + others[1] * (eta - 1.0) + others[4] * apart
    odds = others[2] + others[3] * (eta - 1.0) + others[5] * apart + others[6] * bare
    return min(max(shape, LOW), HIGH), min(max(odds, -15.0), 15.0)


@njit(cache=True, nogil=True)
def shapes(eta, kind, others):  # type: ignore[no-untyped-def]
    a, odds = np.empty(len(eta)), np.empty(len(eta))
    for j in range(len(eta)):
        s, odds[j] = _ways(eta[j], kind[j], others)
        a[j] = math.exp(s)
    return a, odds


@njit(cache=True, nogil=True, inline="always")
def _rest(table, s, column):  # type: ignore[no-untyped-def]
    x = (s - LOW) * EACH
    i = int(x)
    return table[i, column] + (x - i) * (table[i + 1, column] - table[i, column])


@njit(cache=True, nogil=True)
def likely(counts, eta, log_seen, kind, others, table):  # type: ignore[no-untyped-def]
    """Logarithm of the chance of the counts, means integrated out, but for factorials."""
    total, product = 0.0, 1.0
    for j in range(len(counts)):
        s, odds = _ways(eta[j], kind[j], others)
        a, idle, count = math.exp(s), math.exp(odds), counts[j]
        lift = eta[j] + log_seen[j] - s
        bend = math.log(1.0 + math.exp(lift))
        if count == 0.0:
            product *= (math.exp(-a * bend) + idle) / (1.0 + idle)
        else:
            total += count * lift - (a + count) * bend
            if count < 12.0:
                for k in range(int(count)):
                    product *= a + k
            else:  # Stirling
                x = a + count
                total += (x - 0.5) * math.log(x) - x + 0.9189385332046727 + 1.0 / (12.0 * x)
                total -= a * s - a - _rest(table, s, 3)
            product /= 1.0 + idle
        if product > _FAR or product < _NEAR:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@njit(cache=True, nogil=True)
def idle_chance(counts, eta, log_seen, kind, others):  # type: ignore[no-untyped-def]
    """Chance that a cell is idle, given its count."""
    out = np.zeros(len(counts))
    for j in range(len(counts)):
        if counts[j] == 0.0:
            s, odds = _ways(eta[j], kind[j], others)
            busy = math.exp(-math.exp(s) * math.log(1.0 + math.exp(eta[j] + log_seen[j] - s)))
            out[j] = 1.0 / (1.0 + busy * math.exp(-odds))
    return out


@njit(cache=True, nogil=True)
def draw_means(counts, eta, kind, others, seen, idle, mean, totals, keep, rng):  # type: ignore[no-untyped-def]
    """Draw the means given the counts; add up what is told of them, and what is expected."""
    for j in range(len(counts)):
        s, odds = _ways(eta[j], kind[j], others)
        a, expected, ratio = math.exp(s), math.exp(eta[j]), math.exp(odds)
        shape, scale = a + counts[j], 1.0 / (a / expected + seen[j])
        never = 0.0
        if counts[j] == 0.0:
            never = ratio / (ratio + math.exp(-a * math.log(1.0 + expected * seen[j] / a)))
        idle[j] = never > 0.0 and rng.random() < never
        mean[j] = 0.0 if idle[j] else max(rng.standard_gamma(shape) * scale, 1e-12)
        if keep:
            totals[j, 0] += never
            totals[j, 1] += (1.0 - never) * shape * scale
            totals[j, 2] += (1.0 - never) * shape * (shape + 1.0) * scale * scale
            totals[j, 3] += counts[j] == 0.0
            totals[j, 4] += expected / (1.0 + ratio)


@njit(cache=True, nogil=True)
def unsure(first, cell, chance, n):  # type: ignore[no-untyped-def]
    """Cases that may be of several cells, in order of the likeliest, which comes first: neighbours lie together in
    memory. How many cases of each cell are of no other.
    """
    sure, place, pairs = np.zeros(n), np.zeros(n + 1, np.int64), 0
    top = np.full(len(first) - 1, -1, np.int64)
    for case in range(len(first) - 1):
        if first[case + 1] == first[case] + 1:
            sure[cell[first[case]]] += 1.0
            continue
        best = first[case]
        for k in range(first[case], first[case + 1]):
            best = k if chance[k] > chance[best] else best
        top[case] = cell[best]
        place[top[case] + 1] += 1
        pairs += first[case + 1] - first[case]
    for j in range(n):
        place[j + 1] += place[j]
    order, begin = np.empty(place[n], np.int64), np.zeros(place[n] + 1, np.int64)
    for case in range(len(top)):
        if top[case] >= 0:
            order[place[top[case]]] = case
            place[top[case]] += 1
    of, held, end = np.empty(pairs, np.int32), np.empty(pairs, np.float32), 0
    for at in range(len(order)):
        for k in range(first[order[at]], first[order[at] + 1]):
            to = end
            while to > begin[at] and held[to - 1] < chance[k]:
                of[to], held[to] = of[to - 1], held[to - 1]
                to -= 1
            of[to], held[to] = cell[k], chance[k]
            end += 1
        begin[at + 1] = end
    return begin, of, held, sure


@njit(cache=True, nogil=True)
def turned(first, cell, chance, maybe, n):  # type: ignore[no-untyped-def]
    """Cases of each of some cells, their chances, and where each cell's begin."""
    place = np.full(n, -1, np.int32)
    for at in range(len(maybe)):
        place[maybe[at]] = at
    begin = np.zeros(len(maybe) + 1, np.int64)
    for k in range(len(cell)):
        if place[cell[k]] >= 0:
            begin[place[cell[k]] + 1] += 1
    for at in range(len(maybe)):
        begin[at + 1] += begin[at]
    to, cases, chances = begin[:-1].copy(), np.empty(begin[-1], np.int32), np.empty(begin[-1], np.float32)
    for case in range(len(first) - 1):
        for k in range(first[case], first[case + 1]):
            at = place[cell[k]]
            if at >= 0:
                cases[to[at]], chances[to[at]] = case, chance[k]
                to[at] += 1
    return begin, cases, chances


@njit(cache=True, nogil=True)
def share(first, cell, chance, sure, mean, dealt):  # type: ignore[no-untyped-def]
    """Share each case out among its cells."""
    dealt[:] = sure
    for case in range(len(first) - 1):
        whole = 0.0
        for k in range(first[case], first[case + 1]):
            whole += mean[cell[k]] * chance[k]
        for k in range(first[case], first[case + 1]):
            dealt[cell[k]] += mean[cell[k]] * chance[k] / whole


@njit(cache=True, nogil=True)
def deal(first, cell, chance, sure, mean, sums, dealt, rng):  # type: ignore[no-untyped-def]
    """Deal each case to one of its cells."""
    dealt[:] = sure
    for case in range(len(first) - 1):
        left, at = rng.random() * sums[case], cell[first[case]]
        for k in range(first[case], first[case + 1]):
            part = mean[cell[k]] * chance[k]
            if part > 0.0:
                at = cell[k]
                left -= part
                if left < 0.0:
                    break
        dealt[at] += 1.0


@njit(cache=True, nogil=True)
def add_up(first, cell, chance, mean, sums):  # type: ignore[no-untyped-def]
    """``sums``, and the logarithm of their product."""
    total, product = 0.0, 1.0
    for case in range(len(first) - 1):
        whole = 0.0
        for k in range(first[case], first[case + 1]):
            whole += mean[cell[k]] * chance[k]
        sums[case] = whole
        product *= whole
        if product > _FAR or product < _NEAR:
            if product <= 0.0:
                return -np.inf
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@njit(cache=True, nogil=True)
def change(begin, cases, chances, sums, mean, idle, eta, kind, others, seen, maybe, rng):  # type: ignore[no-untyped-def]
    """Let cells fall idle, or idle ones begin, by the likelihood of the recorded cases."""
    for at in range(len(maybe)):
        j = maybe[at]
        s, odds = _ways(eta[j], kind[j], others)
        if idle[j]:
            a = math.exp(s)
            new = max(rng.standard_gamma(a) * math.exp(eta[j]) / a, 1e-12)
            gain, product = -new * seen[j] - odds, 1.0
            for k in range(begin[at], begin[at + 1]):
                if sums[cases[k]] > 0.0:
                    product *= 1.0 + new * chances[k] / sums[cases[k]]
                    if product > _FAR:
                        gain += math.log(product)
                        product = 1.0
            if math.log(rng.random()) < gain + math.log(product):
                idle[j], mean[j] = False, new
                for k in range(begin[at], begin[at + 1]):
                    sums[cases[k]] += new * chances[k]
            continue
        # the product of the rests only falls: most cells are given up after a few cases
        least, product = rng.random() * math.exp(-min(mean[j] * seen[j] + odds, 700.0)), 1.0
        for k in range(begin[at], begin[at + 1]):
            rest = 1.0 - mean[j] * chances[k] / sums[cases[k]]
            product = product * rest if rest >= 1e-6 else 0.0
            if product <= least:
                break
        if product > least:
            for k in range(begin[at], begin[at + 1]):
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


@njit(cache=True, nogil=True)
def unusual(mean, idle, eta, kind, others, table, score):  # type: ignore[no-untyped-def]
    """How far each mean lies from what is expected: standard scores of its logarithm."""
    for j in range(len(mean)):
        score[j] = 0.0
        if not idle[j]:
            s, _ = _ways(eta[j], kind[j], others)
            score[j] = (math.log(mean[j]) - eta[j] - _rest(table, s, 0)) / _rest(table, s, 1)


@njit(cache=True, nogil=True)
def carried(score, idle, eta, kind, others, seen, sure, table, mean):  # type: ignore[no-untyped-def]
    """Means by their scores; logarithm of their prior density (of the scores), of which cells are idle, and of the
    chance of the sure cases and of none but the recorded ones.
    """
    total, product = 0.0, 1.0
    for j in range(len(score)):
        s, odds = _ways(eta[j], kind[j], others)
        product *= 1.0 + math.exp(odds)
        if product > _FAR:
            total -= math.log(product)
            product = 1.0
        if idle[j]:
            mean[j] = 0.0
            total += odds
            continue
        x = (s - LOW) * EACH
        i = int(x)
        f = x - i
        low, high = table[i], table[i + 1]
        rate = low[0] + f * (high[0] - low[0]) + score[j] * (low[1] + f * (high[1] - low[1]))
        tall = math.exp(rate)
        mean[j] = max(math.exp(eta[j]) * tall, 1e-300)
        total += low[2] + f * (high[2] - low[2]) + math.exp(s) * (rate - tall + 1.0)
        total += sure[j] * (eta[j] + rate) - mean[j] * seen[j]
    return total - math.log(product)


@njit(cache=True, nogil=True)
def told(wide, b, out):  # type: ignore[no-untyped-def]
    """``b @ wide``, shape (k, n), in blocks that stay near."""
    n = wide.shape[1]
    for low in range(0, n, 2048):
        high = min(low + 2048, n)
        for j in range(low, high):
            out[j] = 0.0
        for k in range(len(b)):
            each = b[k]
            for j in range(low, high):
                out[j] += each * wide[k, j]


@njit(cache=True, nogil=True)
def slope(wide, left, out):  # type: ignore[no-untyped-def]
    """``wide @ left``: sums in one order, eight abreast."""
    n = wide.shape[1]
    part = np.empty(8)
    for k in range(len(out)):
        part[:] = 0.0
        for j in range(0, n - 7, 8):
            for i in range(8):
                part[i] += wide[k, j + i] * left[j + i]
        for j in range(n - n % 8, n):
            part[0] += wide[k, j] * left[j]
        out[k] = part.sum()
