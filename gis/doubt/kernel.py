"""The shares of many cases: stretches of rays are told apart by what is near them, the engine is asked for each kind.

No rule of responsibility stands here. Along a ray what decides can change only at the border of a polygon or where
another component becomes the nearest within reach; between two such places the state is the same, and so is the
answer. The shares are added up by state, and for each state `gis.decide.decide` is asked once, at the middle of its
longest stretch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gis.compiled import lookup
from gis.decide import decide, epoch_of
from gis.doubt.candidates import COMPONENTS, POLYGONS, gather
from gis.doubt.rays import crossings, nearest
from gis.doubt.sums import STATES, added_up, enter, in_order
from gis.raster import cover

SIGMAS = 3.7
"""Rays are followed so many standard deviations; the rest, a thousandth, goes to the owner where they end."""
SETS = 5
"""Area sets that the compiled kernel takes; more compile one of their own."""
EVENTS = 1 << 15
"""More crossings of borders than these are not followed: the engine is asked at fixed places."""


def new_desk(directions: int, sets: int, stretches: int = 0) -> tuple[Any, ...]:
    """Room for one case, used again for the next; with room for ``stretches``, so many are kept."""
    return (
        np.empty((STATES, 3), np.int64),  # 0 keys: owner, layer, thing
        np.empty(STATES),  # 1 their shares
        np.empty(STATES, np.int64),  # 2 states: which polygons hold it
        np.empty(STATES, np.int64),  # 3 the component that is nearest within reach
        np.empty((STATES, 4)),  # 4 their share, longest stretch, and its middle
        np.empty(POLYGONS, np.int64),  # 5 polygons near: number
        np.empty(POLYGONS, np.int64),  # 6 whether it covers all
        np.empty((POLYGONS, 3), np.int64),  # 7 candidates: layer, number, owner
        np.empty((COMPONENTS, 3)),  # 8 components near
        np.empty(COMPONENTS, np.int64),  # 9 their numbers
        np.empty(COMPONENTS, np.int64),  # 10 their owners
        np.empty(directions, np.int64),  # 11 first event of each ray
        np.empty((EVENTS, 2)),  # 12 the events of a ray in order
        np.empty((EVENTS, 3)),  # 13 events
        np.empty(STATES, np.int64),  # 14 which key a state has
        np.empty((sets, 1), np.int32),  # 15 areas at a place: departments
        np.empty(sets, np.int64),  # 16 their numbers
        np.empty((stretches, 4)),  # 17 stretches
    )


@lookup
def ask(x, y, klass, component, instant, epoch, ground, territory, desk):
    """Owner at a place, and what gives it: layer (-1 a component, 0 a zone, k an area of set k, -2 nothing), thing."""
    rasters, owners, begins, ends = territory
    held, area = desk[15], desk[16]
    smallest = np.int64(-1)
    for k in range(len(rasters)):
        held[k, 0], area[k] = -1, -1
        if len(begins[k]) > 0:
            area[k], _ = cover(rasters[k], x, y, instant, begins[k], ends[k])
            if area[k] >= 0:
                held[k, 0] = owners[k][area[k]]
                smallest = np.int64(k) if smallest < 0 else smallest
    zero = np.int64(0)
    _, owner, q, _, zone, _, of = decide(
        x, y, klass, component, instant, zero, epoch, smallest >= 0, held, zero,
        ground[1], ground[2], ground[3], ground[4],
    )  # fmt: skip
    if q >= 0:
        return np.int64(owner), np.int64(-1), np.int64(q)
    if zone >= 0:
        return np.int64(owner), np.int64(0), np.int64(zone)
    if owner < 0:
        return np.int64(-1), np.int64(-2), np.int64(-1)
    decided = of if of >= 0 else smallest
    return np.int64(owner), np.int64(decided + 1), np.int64(area[decided])


@lookup
def many(
    x, y, klass, component, instant, sigma, far, things, ground, territory, aim, spiral, desk, begin, counts, out,
    share,
):  # fmt: skip
    """Shares of each case from ``begin`` on, shape (n,) each.

    Writes the count of rows of each, and the rows: (owner, layer, thing) to ``out``, and ``share``. Returns how many
    cases and rows there were before the room for rows came to an end. A negative ``sigma`` gets no rows; beyond
    ``far`` no rays are followed. ``desk`` is `new_desk`.
    """
    rows = 0
    keys, sums = desk[0], desk[1]
    for i in range(begin, len(x)):
        counts[i] = 0
        if sigma[i] < 0:
            continue
        m, _ = one(
            x[i], y[i], klass[i], component[i], instant[i], sigma[i], far, things, ground, territory, aim,
            spiral, desk,
        )  # fmt: skip
        if rows + m > len(share):
            return i, rows
        for z in range(m):
            out[rows, 0], out[rows, 1], out[rows, 2] = keys[z, 0], keys[z, 1], keys[z, 2]
            share[rows] = sums[z]
            rows += 1
        counts[i] = m
    return len(x), rows


@lookup
def one(
    x, y, klass, component, instant, sigma, far, things, ground, territory, aim, spiral, desk,
):  # fmt: skip
    """Shares of one case, largest first: their count, and that of the stretches (ray, begin, end, key) that are kept.

    The keys and sums stand in the first two parts of ``desk``; where stretches are kept, in the order of their keys.
    """
    keys, sums = desk[0], desk[1]
    epoch, reach = epoch_of(ground[3][0], instant), np.int64(sigma * SIGMAS) + 1
    n, m, covered, same, never, owner = np.int64(POLYGONS + 1), np.int64(0), False, False, False, np.int64(-1)
    if sigma <= far:
        n, m, covered, same, never, owner = gather(
            x, y, klass, component, instant, epoch, reach, ground, territory, desk
        )
    if same and not things:
        keys[0, 0], keys[0, 1], keys[0, 2], sums[0] = owner, -2, -1, 1.0
        return np.int64(1), np.int64(0)
    if n <= POLYGONS and m <= COMPONENTS:
        count, kept = followed(
            x, y, klass, component, instant, epoch, sigma, reach, things, n, m, covered, never, ground, territory,
            aim, desk,
        )  # fmt: skip
        if count > 0:
            return count, kept
    count = np.int64(0)
    for j in range(len(spiral)):
        at_x, at_y = x + np.int64(round(sigma * spiral[j, 0])), y + np.int64(round(sigma * spiral[j, 1]))
        who, layer, thing = ask(at_x, at_y, klass, component, instant, epoch, ground, territory, desk)
        count, _ = enter(keys, sums, count, who, layer, thing, things, 1.0 / len(spiral))
    in_order(keys, sums, count)
    return count, np.int64(0)


@lookup
def crossed(n, covered, x, y, reach, aim, ground, territory, desk):
    """Where the rays cross the borders of the polygons: which hold the origin, as bits, and the count of events."""
    who, rays, events = desk[7], desk[11], desk[13]
    rasters = territory[0]
    grouped, filters = ground[1][0], ground[1][3]
    size, inside = np.int64(0), np.int64(0)
    for j in range(n):
        held, p = True, who[j, 1]
        if covered and j == n - 1:
            pass
        elif who[j, 0] == 0:
            frame, g, q = grouped[0], filters[p], grouped[9][p]
            at = frame[g, 10] + q
            held, size = crossings(
                frame[g, 0], frame[g, 1], frame[g, 5], grouped[4][frame[g, 9] + q], grouped[5][at], grouped[5][at + 1],
                grouped[6], frame[g, 11], grouped[7], frame[g, 12], j, x, y, reach, aim, rays, events, size,
            )  # fmt: skip
        else:
            raster = rasters[who[j, 0] - 1]
            held, size = crossings(
                raster[0][0], raster[0][1], raster[0][5], raster[4][p], raster[5][p], raster[5][p + 1],
                raster[6], np.int64(0), raster[7], np.int64(0), j, x, y, reach, aim, rays, events, size,
            )  # fmt: skip
        if held:
            inside |= np.int64(1) << np.int64(j)
    return inside, size


@lookup
def followed(
    x, y, klass, component, instant, epoch, sigma, reach, things, n, m, covered, never, ground, territory, aim, desk,
):  # fmt: skip
    """Shares of one case along rays: as `one`, none when it takes more room than there is."""
    keys, sums, near, owner, rays, events = desk[0], desk[1], desk[8], desk[10], desk[11], desk[13]
    for k in range(len(rays)):
        rays[k] = -1
    inside, size = crossed(n, covered, x, y, reach, aim, ground, territory, desk)
    first = np.int64(-1)
    if m:
        if things or never:  # who is kept from a place may be stood for by another of the same component
            for j in range(m):
                owner[j] = -1 if owner[j] < 0 and not never else j
        radius = float(ground[3][2][epoch, klass])
        first, size = nearest(near, m, owner, radius, reach, n, aim, rays, events, size)
    if size > EVENTS:
        return np.int64(0), np.int64(0)
    if size == 0:
        middle = reach / 2
        at_x, at_y = x + np.int64(round(middle * aim[0, 0])), y + np.int64(round(middle * aim[0, 1]))
        keys[0, 0], keys[0, 1], keys[0, 2] = ask(at_x, at_y, klass, component, instant, epoch, ground, territory, desk)
        sums[0] = 1.0
        return np.int64(1), np.int64(0)
    states, kept = added_up(n, inside, first, sigma, reach, aim, desk)
    state, key_of, pieces = desk[4], desk[14], desk[17]
    total, keyed = 0.0, np.int64(0)
    for z in range(states):
        at_x, at_y = x + np.int64(round(state[z, 2])), y + np.int64(round(state[z, 3]))
        who, layer, thing = ask(at_x, at_y, klass, component, instant, epoch, ground, territory, desk)
        keyed, key_of[z] = enter(keys, sums, keyed, who, layer, thing, things, state[z, 0])
        total += state[z, 0]
    for z in range(keyed):
        sums[z] /= total
    for e in range(kept):
        pieces[e, 3] = key_of[int(pieces[e, 3])]
    if len(pieces) == 0:  # what is told of the stretches names the keys as they stand
        in_order(keys, sums, keyed)
    return keyed, kept


@lookup
def outlook(x, y, klass, component, instant, sigma, far, ground, territory, aim, spiral, desk, keys, share, begins):
    """All that is to be told of one case; returns the count of rows.

    Rows of ``keys`` (owner, layer, thing) with their ``share``, largest first; ``begins`` is how far each begins from
    the place (mm, NaN where no rays were followed), and in which direction (x, y).
    """
    every = np.bool_(True)
    m, kept = one(x, y, klass, component, instant, sigma, far, every, ground, territory, aim, spiral, desk)
    mine, sums, pieces, order = desk[0], desk[1], desk[17], desk[14]
    m = min(m, len(share))
    for z in range(m):
        b = z
        while b > 0 and sums[order[b - 1]] < sums[z]:
            order[b] = order[b - 1]
            b -= 1
        order[b] = z
    for z in range(m):
        a = order[z]
        keys[z, 0], keys[z, 1], keys[z, 2], share[z] = mine[a, 0], mine[a, 1], mine[a, 2], sums[a]
        begins[z, 0], begins[z, 1], begins[z, 2] = 0.0 if m == 1 else np.nan, 0.0, 0.0
        for e in range(kept):
            if int(pieces[e, 3]) == a and not begins[z, 0] <= pieces[e, 1]:
                k = int(pieces[e, 0])
                begins[z, 0], begins[z, 1], begins[z, 2] = pieces[e, 1], aim[k, 0], aim[k, 1]
    return m
