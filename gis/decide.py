"""The order of the rules as compiled code: one function decides one case, for a single one and for millions alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gis.compiled import kernel, lookup
from gis.grouped import ASKED, covers, first
from gis.model import DUTIES, EFFECTS, FIRSTS, RULES
from gis.nearest import apart, closest, within
from gis.raster import cover

if TYPE_CHECKING:
    from gis.snapshot import Snapshot

RULE = {name: i for i, name in enumerate(RULES)}
UNOWNED, BY_NAME, BY_PLACE, ZONE_LINE, ZONE_AREA, TERRITORY, NO_LOCATION, OUTSIDE = range(len(RULES))
ONLY, NEVER = EFFECTS.index("only"), EFFECTS.index("never")
DISPOSING, LOCALITY = DUTIES.index("disposing"), FIRSTS.index("locality")

HEAD = 18
"""Numbers before the lists in what `one` writes."""


def ground(snapshot: Snapshot) -> tuple[Any, ...]:
    """What the kernels ask of a snapshot, in their order: units, zones, components, rules, standing; made once."""
    kept = vars(snapshot)
    if "_ground" not in kept:
        s, arrays = snapshot, snapshot.arrays
        units, zones = s.layer("units"), s.layer("zones")
        of_zones = ("zones.filter", "filters", "zones.is_line", "zones.department", "zones.duty")
        of_components = ("begins", "ends", "class", "thing", "place", "department")
        wanted = np.append(arrays["classes.component"], np.int32(-1))
        # where the rasters of a class stand for the duty that its rule asks for, see `gis.grouped.slots`
        slot = (s.rules.asks.astype(np.int32) + 1) * np.int32(len(wanted)) + np.arange(len(wanted), dtype=np.int32)
        kept["_ground"] = (
            (units.raster.arrays, units.begins, units.ends),
            (zones.raster.arrays, zones.begins, zones.ends, *(arrays[k] for k in of_zones)),
            (s.components.arrays, *(arrays[f"components.{k}"] for k in of_components)),
            (s.rules.since, s.rules.duty, s.rules.radius_mm, s.rules.department, wanted, slot, s.rules.first),
            (arrays["departments.since"], arrays["departments.stands"]),
        )
    return kept["_ground"]


@lookup
def epoch_of(since, instant):
    """Which state of the class rules, or of the departments, is in force."""
    e = len(since) - 1
    while since[e] > instant:
        e -= 1
    return e


@lookup
def version_of(component, thing, begins, ends, instant):
    """The version of a named component that is valid at an instant, -1 for none; versions of a code stand together."""
    if component >= 0:
        for k in range(component, len(thing)):
            if thing[k] != thing[component]:
                break
            if begins[k] <= instant < ends[k]:
                return k
    return -1


@lookup
def asked_of(begin, step):
    """Which department of a component is asked in turn: by the duty, then the next; for disposing the maintaining."""
    return 2 - step if begin == DISPOSING else (begin + step) % 3


@lookup
def owner_of(q, epoch, stage, kinds, departments, duty, of_class, stands):
    """Department of a component by its class's duty, else by the next duty, else the class's own; -1.

    Each as it stands at that stage of the departments: who is not there is stood for by the one above.
    """
    kind = kinds[q]
    begin = duty[epoch, kind]
    for step in range(3):
        department = stands[stage, departments[q, asked_of(begin, step)]]
        if department >= 0:
            return np.int64(department)
    return np.int64(stands[stage, of_class[epoch, kind]])


@lookup
def struck(department, x, y, instant, slot, stage, zones, stands):
    """Whether a zone that says never keeps a department from a place; ``slot`` is that of such zones."""
    grouped, begins, ends, _, _, _, of, _ = zones
    after = np.int64(-1)
    while True:
        after, _ = first(grouped, x, y, instant, slot, begins, ends, after)
        if after < 0:
            return False
        if stands[stage, of[after]] == department:
            return True


@lookup
def owner_left(q, x, y, instant, slot, epoch, stage, kinds, departments, rules, zones, stands):
    """`owner_of` at a place where some zone says never: of the departments that none keeps from it."""
    kind = kinds[q]
    begin = rules[1][epoch, kind]
    for step in range(4):
        named = departments[q, asked_of(begin, step)] if step < 3 else rules[3][epoch, kind]
        department = np.int64(stands[stage, named])
        if department >= 0 and not struck(department, x, y, instant, slot, stage, zones, stands):
            return department
    return np.int64(-1)


@kernel(_nrt=False, forceinline=True)
def zone_of(x, y, instant, slot, never, stage, zones, stands):
    """First zone of a slot whose department stands and, where ``never`` is the slot of some that say so, is not struck.

    Its number or -1, whether the place is on its border, its department.
    """
    grouped, begins, ends, _, _, _, of, _ = zones
    zone = np.int64(-1)
    while True:
        zone, edge = first(grouped, x, y, instant, slot, begins, ends, zone)
        if zone < 0:
            return zone, False, np.int64(-1)
        owner = np.int64(stands[stage, of[zone]])
        if owner >= 0 and not (never >= 0 and struck(owner, x, y, instant, never, stage, zones, stands)):
            return zone, edge, owner


@lookup
def decide(x, y, klass, component, instant, error, epoch, inside, held, at, zones, components, rules, standing):
    """Rule, department, component, its squared distance (mm²), zone, whether on its border, area set that decided.

    ``klass`` is the last for none; ``inside`` the territory, of whose areas ``held[:, at]`` are the departments, the
    smallest area first.
    """
    hash_, begins, ends, kinds, thing, place, departments = components
    _, duty, radius, of_class, wanted, slots, firsts = rules
    grouped, from_, until, _, _, is_line, _, _ = zones
    since, stands = standing
    stage = epoch_of(since, instant)
    asks, block = grouped[10], ASKED * len(wanted)
    slot = np.int64(slots[epoch, klass])
    never = np.int64(-1)
    if asks[block] < asks[3 * block]:  # some zone of the city says only or never
        only, struck_by = slot + ONLY * block, slot + NEVER * block
        some = asks[struck_by] < asks[struck_by + 1]
        if some and first(grouped, x, y, instant, struck_by, from_, until, np.int64(-1))[0] >= 0:
            never = struck_by
        if asks[only] < asks[only + 1]:
            zone, edge, owner = zone_of(x, y, instant, only, never, stage, zones, stands)
            if zone >= 0:
                return (ZONE_LINE if is_line[zone] else ZONE_AREA), owner, -1, -1, zone, edge, -1
    by_locality = firsts[epoch, klass] == LOCALITY
    for turn in range(2):
        if (turn == 0) == by_locality:
            zone, edge, owner = zone_of(x, y, instant, slot, never, stage, zones, stands)
            if zone >= 0:
                return (ZONE_LINE if is_line[zone] else ZONE_AREA), owner, -1, -1, zone, edge, -1
            continue
        q = version_of(component, thing, begins, ends, instant)
        if q >= 0:
            if never >= 0:
                owner = owner_left(q, x, y, instant, never, epoch, stage, kinds, departments, rules, zones, stands)
            else:
                owner = owner_of(q, epoch, stage, kinds, departments, duty, of_class, stands)
            if owner >= 0:
                square = apart(x - place[q, 0], y - place[q, 1])
                return BY_NAME, owner, q, square, -1, False, -1
        if wanted[klass] >= 0:
            q, square = closest(hash_, x, y, wanted[klass], radius[epoch, klass] + error, instant, begins, ends)
            if q >= 0:
                if never >= 0:
                    owner = owner_left(q, x, y, instant, never, epoch, stage, kinds, departments, rules, zones, stands)
                else:
                    owner = owner_of(q, epoch, stage, kinds, departments, duty, of_class, stands)
                if owner >= 0:
                    return BY_PLACE, owner, q, square, -1, False, -1
    if inside:
        return territory(x, y, instant, of_class[epoch, klass], held, at, never, stage, zones, stands)
    return OUTSIDE, np.int64(-1), -1, -1, -1, False, -1


@lookup
def territory(x, y, instant, competent, held, at, never, stage, zones, stands):
    """`decide` where it comes to the territory: the class's competent department, else that of the smallest area."""
    owner, of = np.int64(-1), -1
    for t in range(len(held)):
        department = np.int64(stands[stage, held[t, at]])
        if department >= 0 and not (never >= 0 and struck(department, x, y, instant, never, stage, zones, stands)):
            owner, of = department, t
            break
    department = np.int64(stands[stage, competent])
    if department >= 0 and not (never >= 0 and struck(department, x, y, instant, never, stage, zones, stands)):
        owner = department
    return (TERRITORY if owner >= 0 else UNOWNED), owner, -1, -1, -1, False, of


@lookup
def hold(area, on_edge, departments, inside, held, held_edge):
    """One area set of the territory: what is inside, who holds it, on whose border it is. Shape (n,) each."""
    for i in range(len(area)):
        held[i], held_edge[i] = -1, on_edge[i]
        if area[i] >= 0:
            inside[i] = True
            held[i] = departments[area[i]]


@lookup
def many(
    x, y, klass, component, instant, error, reason, inside, held, held_edge, unit_edge,
    zones, components, rules, standing,
    department, rule, thing, square, zone, edge,
):  # fmt: skip
    """Decide each case, shape (n,) each; writes the last six.

    ``held``, ``held_edge``: department of the area, and whether on its border, of each set of the territory, shape
    (sets, n); ``unit_edge``: on the border of the unit.
    """
    last = len(rules[4]) - 1
    for i in range(len(x)):
        if reason[i] != 0:
            rule[i], department[i], thing[i], square[i], zone[i], edge[i] = NO_LOCATION, -1, -1, -1, -1, False
            continue
        k = klass[i] if klass[i] >= 0 else last
        epoch = epoch_of(rules[0], instant[i])
        rule[i], department[i], thing[i], square[i], zone[i], on_zone, of = decide(
            x[i], y[i], k, component[i], instant[i], error[i], epoch, inside[i], held, i,
            zones, components, rules, standing,
        )  # fmt: skip
        edge[i] = unit_edge[i] or on_zone or (of >= 0 and held_edge[of, i])


@kernel
def one(x, y, klass, component, instant, error, inside, held, units, zones, components, rules, standing, out):
    """Decide one case that has a place, and write all that could have.

    ``held``: department of the area of each set of the territory, shape (sets, 1).

    To ``out``: how long it must be (when it is shorter, nothing else is of use), rule, department, component, squared
    distance, zone, whether on the zone's border, unit, whether on its border, epoch of the rules, valid version of
    the named component, its owner, reach in mm (-1 when no component is looked for), count of zones, of components
    within reach, of their owners, stage of the departments, area set that decided; then, from `HEAD` on, (zone, 2 when
    on its border else 1, valid, 1 when it takes the class, 2 when only its duty is another) for each zone that covers
    the place, and (squared distance, component, owner) for the nearest of each owner.
    """
    hash_, begins, ends, kinds, thing, _, departments = components
    _, duty, radius, of_class, wanted, slots, _ = rules
    grouped, from_, until, filter_, takes, _, _, zone_duty = zones
    stands = standing[1]
    k = klass if klass >= 0 else len(wanted) - 1
    epoch, stage = epoch_of(rules[0], instant), epoch_of(standing[0], instant)
    rule, department, q, square, zone, on_zone, of = decide(
        x, y, k, component, instant, error, epoch, inside, held, np.int64(0), zones, components, rules, standing
    )
    unit, on_unit = cover(units[0], x, y, instant, units[1], units[2])
    named = version_of(component, thing, begins, ends, instant)
    named_owner = np.int64(-1)
    if named >= 0:
        named_owner = owner_of(named, epoch, stage, kinds, departments, duty, of_class, stands)
    reach = np.int64(-1)
    at, near, listed = HEAD, 0, 0
    asked = slots[epoch, k] // len(wanted) - 1
    count = covers(grouped, x, y, out, at, 4)
    if at + 4 * count <= len(out):
        for place in range(at, at + 4 * count, 4):
            p = out[place]
            out[place + 2], out[place + 3] = from_[p] <= instant < until[p], takes[filter_[p], k]
            if takes[filter_[p], k] and asked >= 0 and zone_duty[p] >= 0 and zone_duty[p] != asked:
                out[place + 3] = 2
    at += 4 * count
    if wanted[k] >= 0:
        reach = radius[epoch, k] + error
        near, listed = _nearest_of_each(
            hash_, x, y, wanted[k], reach, instant, epoch, stage, components, rules, stands, out, at
        )
        at += 3 * listed
    out[0], out[1], out[2], out[3], out[4], out[5], out[6] = at, rule, department, q, square, zone, on_zone
    out[7], out[8], out[9], out[10], out[11], out[12] = unit, on_unit, epoch, named, named_owner, reach
    out[13], out[14], out[15], out[16], out[17] = count, near, listed, stage, of


@kernel
def _nearest_of_each(hash_, x, y, klass, reach, instant, epoch, stage, components, rules, stands, out, at):
    """Valid components within reach: their count, and the count of their owners.

    Writes (squared distance, component, owner) for the nearest of each owner, nearest first, ties to the lower
    number, to ``out`` from ``at`` on, when they fit.
    """
    _, begins, ends, kinds, _, _, departments = components
    found = within(hash_, x, y, klass, reach)
    best = np.empty((8, 3), np.int64)
    n, m = 0, 0
    for j in range(len(found)):
        q, square = found[j, 0], found[j, 1]
        if not begins[q] <= instant < ends[q]:
            continue
        n += 1
        owner = owner_of(q, epoch, stage, kinds, departments, rules[1], rules[3], stands)
        z = 0
        while z < m and best[z, 2] != owner:
            z += 1
        if z == len(best):
            best = np.concatenate((best, np.empty_like(best)))
        if z < m and (best[z, 0], best[z, 1]) <= (square, q):
            continue
        m = max(m, z + 1)
        while z > 0 and (best[z - 1, 0], best[z - 1, 1]) > (square, q):
            best[z] = best[z - 1]
            z -= 1
        best[z, 0], best[z, 1], best[z, 2] = square, q, owner
    if at + 3 * m <= len(out):
        for z in range(m):
            out[at + 3 * z : at + 3 * z + 3] = best[z]
    return n, m


def owners(
    snapshot: Snapshot, component: NDArray[np.int32], epoch: NDArray[np.int64], instant: NDArray[np.int64]
) -> NDArray[np.int32]:
    """`owner_of` for many components, shape (n,), whatever zones say never; -1 for component -1.

    ``epoch`` is that of the class rules at ``instant``.
    """
    out = np.full(len(component), -1, dtype=np.int32)
    _, _, things, rules, (since, stands) = ground(snapshot)
    _owners(component, epoch, instant, things[3], things[6], rules[1], rules[3], since, stands, out)
    return out


@lookup
def versions(component, thing, instant, begins, ends, out):
    """`version_of` for each named component, shape (n,); writes the last."""
    for i in range(len(component)):
        out[i] = version_of(component[i], thing, begins, ends, instant[i])


@lookup
def _owners(component, epoch, instant, kinds, departments, duty, of_class, since, stands, out):
    for i in range(len(component)):
        if component[i] >= 0:
            stage = epoch_of(since, instant[i])
            out[i] = owner_of(component[i], epoch[i], stage, kinds, departments, duty, of_class, stands)
