"""Stretches of rays added up: by the state that holds along them, and shares by who decides there."""

from __future__ import annotations

import math

import numpy as np

from gis.compiled import lookup

STATES = 2048
"""More different states are not told apart: the last takes the rest."""


@lookup
def added_up(n, inside, first, sigma, reach, aim, desk):
    """Stretches of all rays added up by state: the count of states, and of stretches that were kept.

    So many of them are kept as there is room for.

    Marks below ``n`` are polygons, of which ``inside`` has those that hold the origin; ``first`` is the component that
    is the nearest there. Each ray begins with a share of 1.
    """
    bits, by, state, rays, line, events, pieces = desk[2], desk[3], desk[4], desk[11], desk[12], desk[13], desk[17]
    far = float(reach)
    bits[0], by[0], state[0, 0], state[0, 1], state[0, 2], state[0, 3] = inside, first, 0.0, 0.0, 0.0, 0.0
    states, kept = np.int64(1), np.int64(0)
    for k in range(len(rays)):
        on, e = 0, rays[k]
        while e >= 0:
            b, t = on, events[e, 0]
            while b > 0 and line[b - 1, 0] > t:
                line[b, 0], line[b, 1] = line[b - 1, 0], line[b - 1, 1]
                b -= 1
            line[b, 0], line[b, 1] = t, events[e, 1]
            on += 1
            e = np.int64(events[e, 2])
        bit, set_, z = inside, first, np.int64(0)
        begin, left = 0.0, 1.0
        for e in range(on + 1):
            end, after = far, 0.0
            if e < on:
                end = line[e, 0]
                after = math.exp(-0.5 * (end / sigma) * (end / sigma))
            if end > begin:
                if bits[z] != bit or by[z] != set_:
                    z = np.int64(0)
                    while z < states and (bits[z] != bit or by[z] != set_):
                        z += 1
                    if z == STATES:
                        z -= 1
                    elif z == states:
                        bits[z], by[z], state[z, 0], state[z, 1] = bit, set_, 0.0, 0.0
                        states += 1
                state[z, 0] += left - after
                if end - begin > state[z, 1]:
                    middle = 0.5 * (begin + end)
                    state[z, 1], state[z, 2], state[z, 3] = end - begin, middle * aim[k, 0], middle * aim[k, 1]
                if kept < len(pieces):
                    pieces[kept, 0], pieces[kept, 1], pieces[kept, 2], pieces[kept, 3] = k, begin, end, z
                    kept += 1
                begin, left = end, after
            if e < on:
                j = int(line[e, 1])
                if j < n:
                    bit ^= np.int64(1) << np.int64(j)
                else:
                    set_ = np.int64(j - n - 1)
    return states, kept


@lookup
def enter(keys, sums, m, who, layer, thing, things, share):
    """Add a share to its key, which is the owner, or with ``things`` what gives the case to it."""
    z = 0
    while z < m and not (keys[z, 0] == who and (not things or (keys[z, 1] == layer and keys[z, 2] == thing))):
        z += 1
    if z == len(keys):
        z -= 1
    elif z == m:
        keys[z, 0], keys[z, 1], keys[z, 2] = who, layer, thing
        sums[z] = 0.0
        m += 1
    sums[z] += share
    return m, z


@lookup
def in_order(keys, sums, m):
    """Largest share first, then the lower owner, layer and thing."""
    for z in range(1, m):
        key0, key1, key2, value = keys[z, 0], keys[z, 1], keys[z, 2], sums[z]
        b = z - 1
        while b >= 0 and (
            sums[b] < value or (sums[b] == value and (keys[b, 0], keys[b, 1], keys[b, 2]) > (key0, key1, key2))
        ):
            keys[b + 1, 0], keys[b + 1, 1], keys[b + 1, 2] = keys[b, 0], keys[b, 1], keys[b, 2]
            sums[b + 1] = sums[b]
            b -= 1
        keys[b + 1, 0], keys[b + 1, 1], keys[b + 1, 2], sums[b + 1] = key0, key1, key2, value
