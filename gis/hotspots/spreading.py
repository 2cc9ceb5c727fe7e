"""Compiled loops behind a density: the kernels, cases shared out among the nodes of a lattice, the exact sum."""

from __future__ import annotations

import numpy as np
from numba import njit

ONE = 65_536
"""Linear binning shares a point out in whole 1/65,536 of a cell, so that sums do not depend on the order of points."""


@njit(cache=True, nogil=True, inline="always")
def _weight(square, kind):
    """The kernel at u² (within its reach), up to its constant."""
    if kind == 0:
        return np.exp(-0.5 * square)
    if kind == 1:
        return (1.0 - square) * (1.0 - square)
    if kind == 2:
        return 1.0 - square
    if kind == 3:
        return 1.0
    if kind == 4:
        return 1.0 - np.sqrt(square)
    return (1.0 - square) * (1.0 - square) * (1.0 - square)


@njit(cache=True, nogil=True)
def weights(square, kind, limit):
    out = np.zeros(len(square))
    for i in range(len(square)):
        if square[i] < limit:
            out[i] = _weight(square[i], kind)
    return out


@njit(cache=True, nogil=True)
def count_beyond(x, y, west, south, east, north, reach):
    count = 0
    for i in range(len(x)):
        if max(west - x[i], x[i] - east, south - y[i], y[i] - north) >= reach:
            count += 1
    return count


@njit(cache=True, nogil=True, inline="always")
def put(c, r, sign, rows, columns, usable, mass):
    """Add a point (`sign` -1: take it away) to the nodes around it; 1 when it found none, else 0.

    ``c, r`` is its place in nodes; ``usable`` and ``mass`` are flat. Unsigned places spare the loop the question
    whether one counts from the end: a third of its time.
    """
    if not (c >= 0.0 and r >= 0.0 and c < columns - 1 and r < rows - 1):
        return 1
    one, wide = np.int64(65536), np.uint64(columns)
    c0, r0 = np.int64(c), np.int64(r)
    fc, fr = np.int64((c - c0) * one + 0.5), np.int64((r - r0) * one + 0.5)
    at = np.uint64(r0 * columns + c0)
    east, north = at + np.uint64(1), at + wide
    if usable[at] == 3:
        both = fr * fc
        to_east, to_north = one * fc - both, one * fr - both
        mass[at] += sign * (one * one - one * fr - to_east)
        mass[east] += sign * to_east
        mass[north] += sign * to_north
        mass[north + np.uint64(1)] += sign * both
        return 0
    best, target = np.int64(-1), at
    if usable[at]:
        best = (one - fr) * (one - fc)
    if usable[east] and (one - fr) * fc > best:
        best, target = (one - fr) * fc, east
    if usable[north] and fr * (one - fc) > best:
        best, target = fr * (one - fc), north
    if usable[north + np.uint64(1)] and fr * fc > best:
        best, target = fr * fc, north + np.uint64(1)
    if best < 0:
        return 1
    mass[target] += sign * one * one
    return 0


@njit(cache=True, nogil=True)
def share_out(x, y, west, south, cell, pad, usable, mass):
    """Share points out among the four nodes around each, in whole parts; returns how many found no usable node."""
    rows, columns = mass.shape
    flat, may = mass.reshape(rows * columns), usable.reshape(rows * columns)
    per, shift, left_out = 1.0 / cell, pad - 0.5, 0
    for i in range(len(x)):
        left_out += put((x[i] - west) * per + shift, (y[i] - south) * per + shift, 1, rows, columns, may, flat)
    return left_out


@njit(cache=True, nogil=True)
def sum_exactly(c, r, bandwidth, reach, kind, least, inside, values):
    """Add the kernel of each point (place in cells, from the centre of cell 0) to the cells in its reach."""
    rows, columns = values.shape
    masked = inside.size > 0
    left_out = 0
    for i in range(len(c)):
        r_low, r_high = int(np.ceil(r[i] - reach)), int(np.floor(r[i] + reach))
        c_low, c_high = int(np.ceil(c[i] - reach)), int(np.floor(c[i] + reach))
        every, allowed = 0.0, 0.0
        for row in range(r_low, r_high + 1):
            for column in range(c_low, c_high + 1):
                away = (row - r[i]) ** 2 + (column - c[i]) ** 2
                if away >= reach * reach:
                    continue
                w = _weight(away / (bandwidth * bandwidth), kind)
                every += w
                if masked and 0 <= row < rows and 0 <= column < columns and inside[row, column]:
                    allowed += w
        own_r, own_c = int(np.floor(r[i] + 0.5)), int(np.floor(c[i] + 0.5))
        if masked and allowed < least * every:
            at_home = 0 <= own_r < rows and 0 <= own_c < columns and inside[own_r, own_c]
            if not at_home:
                left_out += 1
                continue
        scale = 1.0 / (allowed if masked else every)
        for row in range(max(r_low, 0), min(r_high, rows - 1) + 1):
            for column in range(max(c_low, 0), min(c_high, columns - 1) + 1):
                if masked and not inside[row, column]:
                    continue
                away = (row - r[i]) ** 2 + (column - c[i]) ** 2
                if away < reach * reach:
                    values[row, column] += scale * _weight(away / (bandwidth * bandwidth), kind)
    return left_out
