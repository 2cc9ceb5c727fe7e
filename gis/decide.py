"""The order of the rules as compiled code: one function decides one case, for a single one and for millions alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gis.compiled import kernel, lookup
from gis.grouped import covers, first
from gis.model import RULES
from gis.nearest import apart, closest, within
from gis.raster import cover

if TYPE_CHECKING:
    from gis.snapshot import Snapshot

RULE = {name: i for i, name in enumerate(RULES)}
UNOWNED, BY_NAME, BY_PLACE, ZONE_LINE, ZONE_AREA, TERRITORY, NO_LOCATION, OUTSIDE = range(len(RULES))

HEAD = 16
"""Numbers before the lists in what `one` writes."""


def ground(snapshot: Snapshot) -> tuple[Any, ...]:
    """What the kernels ask of a snapshot, in their order: units, zones, components, rules; made once for each."""
    kept = vars(snapshot)
    if "_ground" not in kept:
        s, arrays = snapshot, snapshot.arrays
        units, zones = s.layer("units"), s.layer("zones")
        of_zones = ("zones.filter", "filters", "zones.is_line", "zones.department")
        of_components = ("begins", "ends", "class", "thing", "place", "department")
        wanted = np.append(arrays["classes.component"], np.int32(-1))
        kept["_ground"] = (
            (units.raster.arrays, units.begins, units.ends),
            (zones.raster.arrays, zones.begins, zones.ends, *(arrays[k] for k in of_zones)),
            (s.components.arrays, *(arrays[f"components.{k}"] for k in of_components)),
            (s.rules.since, s.rules.duty, s.rules.radius_mm, s.rules.department, wanted),
        )
    return kept["_ground"]


@lookup
def epoch_of(since, instant):
    """Which state of the class rules is in force."""
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
def owner_of(q, epoch, kinds, departments, duty, of_class):
    """Department of a component by its class's duty, else by the next duty in `DUTIES`, else the class's own; -1."""
    kind = kinds[q]
    begin = duty[epoch, kind]
    for step in range(3):
        department = departments[q, (begin + step) % 3]
        if department >= 0:
            return np.int64(department)
    return np.int64(of_class[epoch, kind])


@lookup
def decide(x, y, klass, component, instant, error, epoch, inside, held, zones, components, rules):
    """Rule, department, component, its squared distance (mm²), zone and whether the place lies on the zone's border.

    ``klass`` is the last for none; ``inside`` the territory, of which ``held`` is the department.
    """
    hash_, begins, ends, kinds, thing, place, departments = components
    _, duty, radius, of_class, wanted = rules
    q = version_of(component, thing, begins, ends, instant)
    if q >= 0:
        owner = owner_of(q, epoch, kinds, departments, duty, of_class)
        if owner >= 0:
            square = apart(x - place[q, 0], y - place[q, 1])
            return BY_NAME, owner, q, square, -1, False
    if wanted[klass] >= 0:
        q, square = closest(hash_, x, y, wanted[klass], radius[epoch, klass] + error, instant, begins, ends)
        if q >= 0:
            owner = owner_of(q, epoch, kinds, departments, duty, of_class)
            if owner >= 0:
                return BY_PLACE, owner, q, square, -1, False
    grouped, from_, until, _, _, is_line, department = zones
    zone, edge = first(grouped, x, y, instant, klass, from_, until)
    if zone >= 0:
        return (ZONE_LINE if is_line[zone] else ZONE_AREA), np.int64(department[zone]), -1, -1, zone, edge
    if inside:
        competent = of_class[epoch, klass]
        owner = np.int64(competent if competent >= 0 else held)
        return (TERRITORY if owner >= 0 else UNOWNED), owner, -1, -1, -1, False
    return OUTSIDE, np.int64(-1), -1, -1, -1, False


@lookup
def hold(area, on_edge, departments, inside, held, held_edge):
    """One more area set of the territory, larger than those before: what is inside, who holds it. Shape (n,) each."""
    for i in range(len(area)):
        if area[i] >= 0:
            inside[i] = True
            if held[i] < 0 <= departments[area[i]]:
                held[i], held_edge[i] = departments[area[i]], on_edge[i]


@lookup
def many(
    x, y, klass, component, instant, error, reason, inside, held, held_edge, unit_edge, zones, components, rules,
    department, rule, thing, square, zone, edge,
):  # fmt: skip
    """Decide each case, shape (n,) each; writes the last six.

    ``unit_edge`` and ``held_edge``: on the border of the unit, of the area that holds it.
    """
    last = len(rules[4]) - 1
    for i in range(len(x)):
        if reason[i] != 0:
            rule[i], department[i], thing[i], square[i], zone[i], edge[i] = NO_LOCATION, -1, -1, -1, -1, False
            continue
        k = klass[i] if klass[i] >= 0 else last
        epoch = epoch_of(rules[0], instant[i])
        rule[i], department[i], thing[i], square[i], zone[i], on_zone = decide(
            x[i], y[i], k, component[i], instant[i], error[i], epoch, inside[i], held[i], zones, components, rules
        )
        edge[i] = unit_edge[i] or on_zone or (rule[i] == TERRITORY and held_edge[i])


@kernel
def one(x, y, klass, component, instant, error, inside, held, units, zones, components, rules, out):
    """Decide one case that has a place, and write all that could have.

    To ``out``: how long it must be (when it is shorter, nothing else is of use), rule, department, component, squared
    distance, zone, whether on the zone's border, unit, whether on its border, epoch of the rules, valid version of
    the named component, its owner, reach in mm (-1 when no component is looked for), count of zones, of components
    within reach, of their owners; then, from `HEAD` on, (zone, 2 when on its border else 1, valid, takes the class)
    for each zone that covers the place, and (squared distance, component, owner) for the nearest of each owner.
    """
    hash_, begins, ends, kinds, thing, _, departments = components
    since, duty, radius, of_class, wanted = rules
    grouped, from_, until, filter_, takes, _, _ = zones
    k = klass if klass >= 0 else len(wanted) - 1
    epoch = epoch_of(since, instant)
    rule, department, q, square, zone, on_zone = decide(
        x, y, k, component, instant, error, epoch, inside, held, zones, components, rules
    )
    unit, on_unit = cover(units[0], x, y, instant, units[1], units[2])
    named = version_of(component, thing, begins, ends, instant)
    named_owner = owner_of(named, epoch, kinds, departments, duty, of_class) if named >= 0 else np.int64(-1)
    reach = np.int64(-1)
    at, near, listed = HEAD, 0, 0
    count = covers(grouped, x, y, out, at, 4)
    if at + 4 * count <= len(out):
        for place in range(at, at + 4 * count, 4):
            p = out[place]
            out[place + 2], out[place + 3] = from_[p] <= instant < until[p], takes[filter_[p], k]
    at += 4 * count
    if wanted[k] >= 0:
        reach = radius[epoch, k] + error
        near, listed = _nearest_of_each(hash_, x, y, wanted[k], reach, instant, epoch, components, rules, out, at)
        at += 3 * listed
    out[0], out[1], out[2], out[3], out[4], out[5], out[6] = at, rule, department, q, square, zone, on_zone
    out[7], out[8], out[9], out[10], out[11], out[12] = unit, on_unit, epoch, named, named_owner, reach
    out[13], out[14], out[15] = count, near, listed


@kernel
def _nearest_of_each(hash_, x, y, klass, reach, instant, epoch, components, rules, out, at):
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
        owner = owner_of(q, epoch, kinds, departments, rules[1], rules[3])
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


def owners(snapshot: Snapshot, component: NDArray[np.int32], epoch: NDArray[np.int64]) -> NDArray[np.int32]:
    """`owner_of` for many components, shape (n,); -1 for component -1."""
    out = np.full(len(component), -1, dtype=np.int32)
    _, _, things, rules = ground(snapshot)
    _owners(component, epoch, things[3], things[6], rules[1], rules[3], out)
    return out


@lookup
def versions(component, thing, instant, begins, ends, out):
    """`version_of` for each named component, shape (n,); writes the last."""
    for i in range(len(component)):
        out[i] = version_of(component[i], thing, begins, ends, instant[i])


@lookup
def _owners(component, epoch, kinds, departments, duty, of_class, out):
    for i in range(len(component)):
        if component[i] >= 0:
            out[i] = owner_of(component[i], epoch[i], kinds, departments, duty, of_class)
