"""What could decide near a case: the polygons and components within reach, and whether all of them give one owner."""

from __future__ import annotations

import numpy as np

from gis.compiled import lookup
from gis.decide import LOCALITY, NEVER, ONLY, epoch_of, owner_of, version_of
from gis.doubt.near import components, polygons, zones
from gis.grouped import ASKED

POLYGONS, COMPONENTS = 60, 128
"""More polygons, or components, near a place are not followed along rays: the engine is asked at fixed places."""


@lookup
def gather(x, y, klass, component, instant, epoch, reach, ground, territory, desk):
    """What could decide near a case.

    Counts of polygons and of components, whether the last polygon covers all, whether the owner is the same
    everywhere, whether a zone that says never is near, and that owner. What comes after a zone, or an area, that
    covers all is left out, unless a zone that says never may take it away.
    """
    who, number, owner = desk[7], desk[9], desk[10]
    _, duty, radius, of_class, wanted, slots, firsts = ground[3]
    _, begins, ends, kinds, thing, _, departments = ground[2]
    stands = ground[4][1]
    stage, slot, block = epoch_of(ground[4][0], instant), np.int64(slots[epoch, klass]), ASKED * len(wanted)
    m, last = np.int64(0), np.int64(-1)
    n, covered = _zones(x, y, instant, stage, slot + NEVER * block, m, np.bool_(True), reach, ground, desk)
    never = n > 0
    n, covered = _zones(x, y, instant, stage, slot + ONLY * block, n, never, reach, ground, desk)
    named = version_of(component, thing, begins, ends, instant)
    by_name = np.int64(-1)
    if named >= 0:
        by_name = owner_of(named, epoch, stage, kinds, departments, duty, of_class, stands)
        if n == 0 and by_name >= 0 and firsts[epoch, klass] != LOCALITY:
            return n, m, False, True, never, by_name
    if not covered:
        n, covered = _zones(x, y, instant, stage, slot, n, never, reach, ground, desk)
        if not covered:
            n, covered = _areas(x, y, instant, stage, of_class[epoch, klass], n, never, reach, ground, territory, desk)
        if wanted[klass] >= 0:
            m = components(
                ground[2][0], x, y, wanted[klass], radius[epoch, klass] + reach, instant, epoch, stage, ground[2],
                ground[3], stands, desk[8], number, owner,
            )  # fmt: skip
    if n > POLYGONS or m > COMPONENTS:
        return n, m, False, False, never, last
    same = not never and (covered or n == 0)
    last = who[n - 1, 2] if n else np.int64(-1)
    same = same and (by_name < 0 or by_name == last)
    for j in range(n):
        same = same and who[j, 2] == last
    for j in range(m):
        same = same and (owner[j] == last or owner[j] < 0)
    return n, m, covered, same, never, last


@lookup
def _zones(x, y, instant, stage, slot, n, never, reach, ground, desk):
    """Add the zones of a slot near a place to the polygons; their count, and whether the last covers all."""
    found, whole, who = desk[5], desk[6], desk[7]
    grouped, begins, ends, _, _, _, department, _ = ground[1]
    if grouped[10][slot] == grouped[10][slot + 1] or n > POLYGONS:
        return n, False
    count = zones(grouped, begins, ends, slot, instant, x, y, reach, found, whole)
    if n + count > POLYGONS:
        return np.int64(POLYGONS + 1), False
    for j in range(count):
        owner = np.int64(ground[4][1][stage, department[found[j]]])
        if owner < 0:
            continue
        who[n, 0], who[n, 1], who[n, 2] = 0, found[j], owner
        n += 1
        if whole[j] and not never:
            return n, True
    return n, False


@lookup
def _areas(x, y, instant, stage, competent, n, never, reach, ground, territory, desk):
    """Add the areas of the territory near a place to the polygons; their count, and whether the last covers all."""
    found, whole, who, stands = desk[5], desk[6], desk[7], ground[4][1]
    rasters, owners, begins, ends = territory
    of_class = np.int64(stands[stage, competent])
    for k in range(len(rasters)):
        if len(owners[k]) == 0 or n > POLYGONS:
            continue
        count = polygons(rasters[k], begins[k], ends[k], instant, x, y, reach, found, whole)
        if n + count > POLYGONS:
            return np.int64(POLYGONS + 1), False
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
