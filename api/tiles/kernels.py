"""Compiled loops behind heat tiles: sharing out cases, smoothing a window, colouring pixels."""

from __future__ import annotations

import numpy as np
from numba import njit

from gis.hotspots.spreading import put


@njit(cache=True, nogil=True)
def share_out(x, y, sign, west, south, cell, pad, usable, mass):
    """Add (or take away) cases at the nodes around them, as `gis.hotspots.density` shares them out; x, y millimetres.

    Returns how many found no node.
    """
    rows, columns = mass.shape
    flat, may = mass.reshape(rows * columns), usable.reshape(rows * columns)
    left_out, per, shift = 0, 1.0 / cell, pad - 0.5
    for i in range(len(x)):
        c, r = (x[i] / 1000.0 - west) * per + shift, (y[i] / 1000.0 - south) * per + shift
        left_out += put(c, r, sign, rows, columns, may, flat)
    return left_out


@njit(cache=True, nogil=True)
def smooth(mass, per_mass, inside, taps, pad, r0, r1, c0, c1, scale, values):
    """Density of the cells [r0, r1) x [c0, c1): mass times its weight, the taps down and across, zero off the ground.

    A value depends on its own neighbourhood alone, whatever the window: sums run in one order.
    """
    k = len(taps) // 2
    rows, columns = r1 - r0, c1 - c0
    wide = columns + 2 * k
    down = np.zeros((rows, wide), dtype=np.float32)
    line = np.empty(wide, dtype=np.float32)
    for source in range(rows + 2 * k):
        r = r0 + pad - k + source
        any_mass = False
        for c in range(wide):
            m = mass[r, c0 + pad - k + c]
            if m != 0:
                any_mass = True
                line[c] = np.float32(m * per_mass[r, c0 + pad - k + c])
            else:
                line[c] = np.float32(0.0)
        if not any_mass:
            continue
        first, last = max(0, source - 2 * k), min(rows, source + 1)
        for target in range(first, last):
            w = taps[source - target]
            for c in range(wide):
                down[target, c] += w * line[c]
    across = np.empty(columns, dtype=np.float32)
    for r in range(rows):
        across[:] = np.float32(0.0)
        for t in range(2 * k + 1):
            w = taps[t]
            for c in range(columns):
                across[c] += w * down[r, c + t]
        for c in range(columns):
            values[r0 + r, c0 + c] = across[c] * scale if inside[r0 + r, c0 + c] else np.float32(0.0)


@njit(cache=True, nogil=True)
def pooled(values, factor):
    """Means of blocks of cells; those beyond the edge are zero."""
    rows, columns = values.shape
    out = np.zeros((-(-rows // factor), -(-columns // factor)), dtype=np.float32)
    share = np.float32(1.0 / (factor * factor))
    for r in range(rows):
        for c in range(columns):
            out[r // factor, c // factor] += values[r, c] * share
    return out


@njit(cache=True, nogil=True)
def paint(values, west, south, cell, knots_x, knots_y, top, out):
    """Palette index of each pixel of a picture: density over the top one, 0 to 255; knots are the city's metres."""
    height, width = out.shape
    ky, kx = knots_x.shape[0] - 1, knots_x.shape[1] - 1
    rows, columns = values.shape
    per = 1.0 / cell
    for i in range(height):
        v = (i + 0.5) / height * ky
        i0 = min(int(v), ky - 1)
        fv = v - i0
        for j in range(width):
            u = (j + 0.5) / width * kx
            j0 = min(int(u), kx - 1)
            fu = u - j0
            a, b, c, d = (1 - fv) * (1 - fu), (1 - fv) * fu, fv * (1 - fu), fv * fu
            x = a * knots_x[i0, j0] + b * knots_x[i0, j0 + 1] + c * knots_x[i0 + 1, j0] + d * knots_x[i0 + 1, j0 + 1]
            y = a * knots_y[i0, j0] + b * knots_y[i0, j0 + 1] + c * knots_y[i0 + 1, j0] + d * knots_y[i0 + 1, j0 + 1]
            column, row = (x - west) * per - 0.5, (y - south) * per - 0.5
            if not (column > -1.0 and row > -1.0 and column < columns and row < rows):
                out[i, j] = 0
                continue
            c0, r0 = int(np.floor(column)), int(np.floor(row))
            fc, fr = column - c0, row - r0
            total = 0.0
            for dr in range(2):
                for dc in range(2):
                    rr, cc = r0 + dr, c0 + dc
                    if 0 <= rr < rows and 0 <= cc < columns:
                        total += (fr if dr else 1 - fr) * (fc if dc else 1 - fc) * values[rr, cc]
            level = int(total / top * 255.0 + 0.5)
            out[i, j] = level if level < 255 else 255
