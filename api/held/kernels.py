"""Compiled loops over the cases in memory: choosing, their order by place, their digest, their day."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def choose(at, klass, department, channel, alive, begin, end, classes, departments, channels, out):
    """Rows within [begin, end) whose class, department and channel are taken; returns how many were written."""
    n = 0
    for i in range(len(at)):
        t = at[i]
        if t < begin or t >= end or not alive[i]:
            continue
        if classes[klass[i]] and departments[department[i]] and channels[channel[i]]:
            out[n] = i
            n += 1
    return n


@njit(cache=True, nogil=True)
def interleave(x, y):
    """Morton order of two 32-bit places: bits of y before those of x."""
    out = np.uint64(0)
    for shift in range(2):
        v = np.uint64(y if shift else x)
        v = (v | (v << np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        v = (v | (v << np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        v = (v | (v << np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        v = (v | (v << np.uint64(2))) & np.uint64(0x3333333333333333)
        v = (v | (v << np.uint64(1))) & np.uint64(0x5555555555555555)
        out |= v << np.uint64(shift)
    return out


@njit(cache=True, nogil=True)
def morton(x, y):
    """Morton order of many places, uint64."""
    out = np.empty(len(x), dtype=np.uint64)
    for i in range(len(x)):
        out[i] = interleave(x[i], y[i])
    return out


@njit(cache=True, nogil=True)
def first_at(x, y, key):
    """The first of places in Morton order that is not before a key."""
    low, high = 0, len(x)
    while low < high:
        middle = (low + high) // 2
        if interleave(x[middle], y[middle]) < key:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def digest_of(number, at, x, y, flag, klass, department, channel, unit, klasses, departments, channels, units):
    """Sum of the digests of rows, uint64: equal rows in any order give equal sums; texts come as their digests."""
    total = np.uint64(0)
    for i in range(len(number)):
        h = np.uint64(number[i])
        h = _mixed(h ^ np.uint64(at[i]))
        h = _mixed(h ^ np.uint64(x[i]))
        h = _mixed(h ^ np.uint64(y[i]))
        h = _mixed(h ^ klasses[klass[i]])
        h = _mixed(h ^ departments[department[i]])
        h = _mixed(h ^ channels[channel[i]])
        h = _mixed(h ^ units[unit[i]])
        total += _mixed(h ^ np.uint64(flag[i]))
    return total


@njit(cache=True, nogil=True)
def _mixed(h):
    """The finalizer of MurmurHash3."""
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit(cache=True, nogil=True)
def count_days(at, midnights, out):
    """Add the cases of each day: midnights of days one after the other, ascending, all cases between first and last."""
    last = len(midnights) - 2
    span = 86_400_000_000
    for i in range(len(at)):
        k = min(max((at[i] - midnights[0]) // span, 0), last)
        while at[i] < midnights[k]:
            k -= 1
        while at[i] >= midnights[k + 1]:
            k += 1
        out[k] += 1
