"""The shares of many cases: stretches of rays are told apart by what is near them, the engine is asked for each kind.

No rule of responsibility stands here. Along a ray what decides can change only at the border of a polygon or where
another component becomes the nearest within reach; between two such places the state is the same, and so is the
answer. The shares are added up by state, and for each state `gis.decide.decide` is asked once, at the middle of its
longest stretch.
"""

from __future__ import annotations

import math

import numpy as np

from gis.compiled import kernel
from gis.decide import LOCALITY, NEVER, ONLY, decide, epoch_of, owner_of, version_of
from gis.doubt.near import components, polygons, zones
from gis.doubt.rays import crossings, nearest
from gis.grouped import ASKED, raster_of
from gis.raster import cover

SIGMAS = 3.7
"""Rays are followed so many standard deviations; the rest, a thousandth, goes to the owner where they end."""
SETS = 5
"""Area sets that the compiled kernel takes."""
POLYGONS, COMPONENTS = 60, 400
"""More polygons, or components, near a place are not followed along rays: the engine is asked at `SAMPLES` places."""


@kernel(plain=False)
def ask(x, y, klass, component, instant, epoch, ground, territory, room):
    """Owner at a place, and what gives it: layer (-1 a component, 0 a zone, k an area of set k, -2 nothing), thing."""
    rasters, owners, begins, ends = territory
    held, area = room
    inside, smallest = False, -1
    for k in range(len(rasters)):
        p, _ = cover(rasters[k], x, y, instant, begins[k], ends[k])
        held[k, 0], area[k] = -1, p
        if p >= 0:
            inside, held[k, 0] = True, owners[k][p]
            smallest = k if smallest < 0 else smallest
    _, owner, q, _, zone, _, of = decide(
        x, y, klass, component, instant, np.int64(0), epoch, inside, held, 0, ground[1], ground[2], ground[3], ground[4]
    )
    if q >= 0:
        return np.int64(owner), np.int64(-1), np.int64(q)
    if zone >= 0:
        return np.int64(owner), np.int64(0), np.int64(zone)
    if owner < 0:
        return np.int64(-1), np.int64(-2), np.int64(-1)
    k = of if of >= 0 else smallest
    return np.int64(owner), np.int64(k + 1), np.int64(area[k])


@kernel(plain=False)
def many(x, y, klass, component, instant, sigma, far, things, ground, territory, aim, spiral):
    """Shares of each case, shape (n,) each: counts of their rows, then the rows (owner, share, layer, thing).

    A negative ``sigma`` gets no rows. Beyond ``far`` no rays are followed.
    """
    rows, size = 0, 2 * len(x) + 16
    counts = np.zeros(len(x), np.int64)
    out = np.empty((size, 3), np.int32)
    out_share = np.empty(size)
    desk = new_desk(aim, len(territory[0]))
    pieces = np.empty((0, 4))
    for i in range(len(x)):
        if sigma[i] < 0:
            continue
        m, _, _ = one(
            x[i], y[i], klass[i], component[i], instant[i], sigma[i], far, things, False, ground, territory, aim,
            spiral, desk, pieces,
        )  # fmt: skip
        keys, sums = desk[0], desk[1]
        if rows + m > size:
            size = 2 * (rows + m)
            out = np.concatenate((out, np.empty((size - len(out), 3), np.int32)))
            out_share = np.concatenate((out_share, np.empty(size - len(out_share))))
        for z in range(m):
            out[rows, 0], out[rows, 1], out[rows, 2] = keys[z, 0], keys[z, 1], keys[z, 2]
            out_share[rows] = sums[z]
            rows += 1
        counts[i] = m
    return counts, out[:rows], out_share[:rows]


STATES = 2048
"""Different states of a case that are told apart; what is left goes to the last."""


@kernel(plain=False)
def new_desk(aim, sets):
    """Room for one case, used again for the next."""
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
        np.empty(len(aim), np.int64),  # 11 first event of each ray
        np.empty((4 * COMPONENTS, 2)),  # 12 the events of a ray in order
        np.empty((1 << 14, 3)),  # 13 events
        np.empty(STATES, np.int64),  # 14 which key a state has
        (np.empty((sets, 1), np.int32), np.empty(sets, np.int64)),  # 15 areas at a place: departments, numbers
    )


@kernel(plain=False)
def one(
    x, y, klass, component, instant, sigma, far, things, keep, ground, territory, aim, spiral, desk, pieces,
):  # fmt: skip
    """Shares of one case, largest first: their count, and with ``keep`` the stretches (ray, begin, end, key).

    The keys and sums stand in the first two parts of ``desk``; with ``keep`` in the order of the stretches' keys.
    """
    keys, sums, room = desk[0], desk[1], desk[15]
    epoch, reach = epoch_of(ground[3][0], instant), np.int64(sigma * SIGMAS) + 1
    n, m, covered, same, never = POLYGONS + 1, 0, False, False, False
    if sigma <= far:
        n, m, covered, same, never = gather(x, y, klass, component, instant, epoch, reach, ground, territory, desk)
    if n > POLYGONS or m > COMPONENTS:
        count = 0
        for j in range(len(spiral)):
            at_x, at_y = x + np.int64(round(sigma * spiral[j, 0])), y + np.int64(round(sigma * spiral[j, 1]))
            who, layer, thing = ask(at_x, at_y, klass, component, instant, epoch, ground, territory, room)
            count, _ = enter(keys, sums, count, who, layer, thing, things, 1.0 / len(spiral))
        in_order(keys, sums, count)
        return count, pieces, 0
    if same and not (things and (n > 1 or m > 0)):
        keys[0, 0], keys[0, 1], keys[0, 2] = ask(x, y, klass, component, instant, epoch, ground, territory, room)
        sums[0] = 1.0
        return 1, pieces, 0
    return followed(
        x, y, klass, component, instant, epoch, sigma, reach, things, keep, n, m, covered, never, ground, territory,
        aim, desk, pieces,
    )  # fmt: skip


@kernel(plain=False)
def gather(x, y, klass, component, instant, epoch, reach, ground, territory, desk):
    """What could decide near a case.

    Counts of polygons and of components, whether the last polygon covers all, whether the owner is the same
    everywhere, whether a zone that says never is near. What comes after a zone, or an area, that covers all is left
    out, unless a zone that says never may take it away.
    """
    who, number, owner = desk[7], desk[9], desk[10]
    _, _, radius, of_class, wanted, slots, firsts = ground[3]
    _, begins, ends, kinds, thing, _, departments = ground[2]
    stands = ground[4][1]
    stage, slot, block = epoch_of(ground[4][0], instant), np.int64(slots[epoch, klass]), ASKED * len(wanted)
    n, _ = _zones(x, y, instant, stage, slot + NEVER * block, 0, True, reach, ground, desk)
    never = n > 0
    n, covered = _zones(x, y, instant, stage, slot + ONLY * block, n, never, reach, ground, desk)
    if n > POLYGONS:
        return n, 0, False, False, never
    named = version_of(component, thing, begins, ends, instant)
    if (
        n == 0
        and named >= 0
        and firsts[epoch, klass] != LOCALITY
        and owner_of(named, epoch, stage, kinds, departments, ground[3][1], of_class, stands) >= 0
    ):
        return 0, 0, False, True, never
    m = 0
    if not covered:
        n, covered = _zones(x, y, instant, stage, slot, n, never, reach, ground, desk)
        if not covered and n <= POLYGONS:
            n, covered = _areas(x, y, instant, stage, of_class[epoch, klass], n, never, reach, ground, territory, desk)
        if wanted[klass] >= 0:
            m = components(
                ground[2][0], x, y, wanted[klass], radius[epoch, klass] + reach, instant, epoch, stage, ground[2],
                ground[3], stands, desk[8], number, owner,
            )  # fmt: skip
    if n > POLYGONS or m > COMPONENTS:
        return n, m, False, False, never
    same = not never and (covered or n == 0)
    last = who[n - 1, 2] if n else np.int64(-1)
    for j in range(n):
        same = same and who[j, 2] == last
    for j in range(m):
        same = same and (owner[j] == last or owner[j] < 0)
    return n, m, covered, same, never


@kernel(plain=False)
def _zones(x, y, instant, stage, slot, n, never, reach, ground, desk):
    """Add the zones of a slot near a place to the polygons; their count, and whether the last covers all."""
    found, whole, who = desk[5], desk[6], desk[7]
    grouped, begins, ends, _, _, _, department, _ = ground[1]
    count = zones(grouped, begins, ends, slot, instant, x, y, reach, found, whole)
    if n + count > POLYGONS:
        return POLYGONS + 1, False
    for j in range(count):
        owner = np.int64(ground[4][1][stage, department[found[j]]])
        if owner < 0:
            continue
        who[n, 0], who[n, 1], who[n, 2] = 0, found[j], owner
        n += 1
        if whole[j] and not never:
            return n, True
    return n, False


@kernel(plain=False)
def _areas(x, y, instant, stage, competent, n, never, reach, ground, territory, desk):
    """Add the areas of the territory near a place to the polygons; their count, and whether the last covers all."""
    found, whole, who, stands = desk[5], desk[6], desk[7], ground[4][1]
    rasters, owners, begins, ends = territory
    of_class = np.int64(stands[stage, competent])
    for k in range(len(rasters)):
        if len(owners[k]) == 0:
            continue
        count = polygons(rasters[k], begins[k], ends[k], instant, x, y, reach, found, whole)
        if n + count > POLYGONS:
            return POLYGONS + 1, False
        for j in range(count):
            owner = np.int64(stands[stage, owners[k][found[j]]])
            owner = of_class if of_class >= 0 and not never else owner
            if owner < 0 and of_class < 0:
                continue
            who[n, 0], who[n, 1], who[n, 2] = k + 1, found[j], owner
            n += 1
            if whole[j] and not never:
                return n, True
    return n, False


@kernel(plain=False)
def followed(
    x, y, klass, component, instant, epoch, sigma, reach, things, keep, n, m, covered, never, ground, territory,
    aim, desk, pieces,
):  # fmt: skip
    """Shares of one case along rays."""
    keys, sums, bits, nearest_, state, _, _, who, near, _, owner, rays, line, events, key_of, room = desk
    rasters = territory[0]
    grouped, filters = ground[1][0], ground[1][3]
    count = len(aim)
    rays[:] = -1
    size, inside = 0, np.int64(0)
    for j in range(n):
        if covered and j == n - 1:
            inside |= np.int64(1) << j
            continue
        p = who[j, 1]
        if who[j, 0] == 0:
            held, events, size = crossings(
                raster_of(grouped, filters[p]), np.int64(grouped[9][p]), j, x, y, reach, aim, rays, events, size
            )
        else:
            held, events, size = crossings(rasters[who[j, 0] - 1], p, j, x, y, reach, aim, rays, events, size)
        if held:
            inside |= np.int64(1) << j
    first = np.int64(-1)
    if m:
        sets = owner[:m]
        if things or never:  # who is kept from a place may be stood for by another of the same component
            sets = np.where((owner[:m] < 0) & (not never), np.int64(-1), np.arange(m))
        radius = ground[3][2]
        first, events, size = nearest(near, m, sets, float(radius[epoch, klass]), reach, n, aim, rays, events, size)
    states, kept, quiet, still = 0, 0, 0, 0
    for k in range(count):
        e = rays[k]
        if e < 0 and not keep:
            quiet, still = quiet + 1, k
            continue
        on = 0
        while e >= 0:
            if on + 1 >= len(line):
                break
            b = on - 1
            while b >= 0 and line[b, 0] > events[e, 0]:
                line[b + 1, 0], line[b + 1, 1] = line[b, 0], line[b, 1]
                b -= 1
            line[b + 1, 0], line[b + 1, 1] = events[e, 0], events[e, 1]
            on += 1
            e = np.int64(events[e, 2])
        bit, by = inside, first
        begin, left = 0.0, 1.0
        for e in range(on + 1):
            end, after = float(reach), 0.0
            if e < on:
                end = line[e, 0]
                after = math.exp(-0.5 * (end / sigma) ** 2)
            if end > begin:
                z = 0
                while z < states and not (bits[z] == bit and nearest_[z] == by):
                    z += 1
                if z == states:
                    if states == STATES:
                        z -= 1
                    else:
                        bits[z], nearest_[z] = bit, by
                        state[z, 0], state[z, 1] = 0.0, 0.0
                        states += 1
                state[z, 0] += left - after
                if end - begin > state[z, 1]:
                    middle = (begin + end) / 2
                    state[z, 1], state[z, 2], state[z, 3] = end - begin, middle * aim[k, 0], middle * aim[k, 1]
                if keep:
                    if kept == len(pieces):
                        pieces = np.concatenate((pieces, np.empty((len(pieces) + 256, 4))))
                    pieces[kept, 0], pieces[kept, 1], pieces[kept, 2], pieces[kept, 3] = k, begin, end, z
                    kept += 1
                begin, left = end, after
            if e < on:
                j = int(line[e, 1])
                if j < n:
                    bit ^= np.int64(1) << j
                else:
                    by = np.int64(j - n - 1)
    if quiet:
        z = 0
        while z < states and not (bits[z] == inside and nearest_[z] == first):
            z += 1
        if z == states:
            bits[z], nearest_[z] = inside, first
            state[z, 0] = 0.0
            states += 1
        state[z, 0] += quiet
        state[z, 1], state[z, 2], state[z, 3] = reach, reach / 2 * aim[still, 0], reach / 2 * aim[still, 1]
    total, keyed = 0.0, 0
    for z in range(states):
        at_x, at_y = x + np.int64(round(state[z, 2])), y + np.int64(round(state[z, 3]))
        who_, layer, thing = ask(at_x, at_y, klass, component, instant, epoch, ground, territory, room)
        keyed, key_of[z] = enter(keys, sums, keyed, who_, layer, thing, things, state[z, 0])
        total += state[z, 0]
    for z in range(keyed):
        sums[z] /= total
    for e in range(kept):
        pieces[e, 3] = key_of[int(pieces[e, 3])]
    if keep:  # what is told of the stretches names the keys as they stand
        return keyed, pieces, kept
    in_order(keys, sums, keyed)
    return keyed, pieces, kept


@kernel(plain=False)
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


@kernel(plain=False)
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


@kernel(plain=False)
def outlook(x, y, klass, component, instant, sigma, far, ground, territory, aim, spiral):
    """All that is to be told of one case.

    Rows (owner, layer, thing) with their shares, largest first; for each of them how far it begins from the place
    (mm, NaN where no rays were followed), and in which direction (x, y).
    """
    desk = new_desk(aim, len(territory[0]))
    m, pieces, kept = one(
        x, y, klass, component, instant, sigma, far, True, True, ground, territory, aim, spiral, desk, np.empty((0, 4))
    )
    keys, share = desk[0][:m].copy(), desk[1][:m].copy()
    begins = np.full((m, 3), np.nan)
    if kept == 0 and m == 1:
        begins[0, :] = 0.0
    for e in range(kept):
        k, z = int(pieces[e, 0]), int(pieces[e, 3])
        if not begins[z, 0] <= pieces[e, 1]:
            begins[z, 0], begins[z, 1], begins[z, 2] = pieces[e, 1], aim[k, 0], aim[k, 1]
    order = np.argsort(-share, kind="mergesort")
    return keys[order], share[order], begins[order]
