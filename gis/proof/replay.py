"""The rules of responsibility once more, in plain code over arrays: what an answer must say, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.model import EFFECTS, FIRSTS, RULES
from gis.proof.ground import Ground, Layer, Pairs

RULE = {name: np.int8(i) for i, name in enumerate(RULES)}
ONLY, NEVER, GIVES = (EFFECTS.index(word) for word in ("only", "never", "gives"))
FAR_MM = 2_000_000_000
LOCALITY = FIRSTS.index("locality")


@dataclass(frozen=True)
class Questions:
    """Cases as they were asked, shape (n,) each: the terms of the engine, found by the checker itself.

    ``x``, ``y`` whole millimetres, ``klass`` position of the class or -1, ``component`` the code that was named, UTF-8,
    b"" for none, ``instant`` microseconds since 1970 UTC, ``error`` millimetres, -1 for none known, ``reason``
    position in `gis.model.REASONS`.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    klass: NDArray[np.int64]
    component: NDArray[np.bytes_]
    instant: NDArray[np.int64]
    error: NDArray[np.int64]
    reason: NDArray[np.int8]

    def __len__(self) -> int:
        """Count of cases."""
        return len(self.x)

    def part(self, rows: NDArray) -> Questions:
        """Some of them."""
        return Questions(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Replay:
    """What the answers must say: positions in the snapshot, -1 for none; then the evidence.

    ``owner`` is the department; ``square`` the squared distance to the component in mm²; ``areas`` has an array for
    each area set. ``epoch`` and ``stage`` say which state of the class rules and of the departments holds, ``asks`` the
    duty that the class's rule names. ``named`` is the first version of the named component, ``there`` the one that
    holds, ``named_owner`` its owner, whatever zones say; ``reach`` in mm, -1 where no component is looked for.
    ``zones`` are all that cover, in order of precedence, ``takes`` (the class), ``meets`` (the duty) and ``valid``
    tell which count; ``near`` the components within reach, nearest first, ``near_owner`` their owners.
    """

    unit: NDArray[np.int64]
    areas: dict[str, NDArray[np.int64]]
    owner: NDArray[np.int64]
    rule: NDArray[np.int8]
    component: NDArray[np.int64]
    square: NDArray[np.int64]
    zone: NDArray[np.int64]
    on_edge: NDArray[np.bool_]
    epoch: NDArray[np.int64]
    stage: NDArray[np.int64]
    asks: NDArray[np.int8]
    named: NDArray[np.int64]
    there: NDArray[np.int64]
    named_owner: NDArray[np.int64]
    reach: NDArray[np.int64]
    zones: Pairs
    takes: NDArray[np.bool_]
    meets: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    near: Pairs
    near_owner: NDArray[np.int64]


class _Struck:
    """Departments that a zone keeps from the place of a case."""

    def __init__(self, case: NDArray[np.int64], department: NDArray[np.int64], count: int) -> None:
        self.count = count + 1
        self.keys = np.unique(case[department >= 0] * self.count + department[department >= 0])

    def __call__(self, case: NDArray[np.int64], department: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each is, shape (n,)."""
        if not len(self.keys):
            return np.zeros(len(case), dtype=bool)
        return (department >= 0) & np.isin(case * self.count + department, self.keys)


def replay(ground: Ground, asked: Questions) -> Replay:
    """Answer cases anew.

    Returns
    -------
    Replay
        Shape (n,); a case without a place has rule ``no_location`` and nothing else.
    """
    n, placed = len(asked), asked.reason == 0
    every = np.arange(n)
    epoch, stage = ground.epoch(asked.instant), ground.stage(asked.instant)
    klass = np.where(asked.klass < 0, ground.no_class, asked.klass)
    asks = ground.asks[epoch, klass]
    unit, on_unit = _first(ground.units, asked, placed)

    zones = _placed(ground.zones.covering(asked.x, asked.y), placed)
    zones = zones.where(np.lexsort([ground.zones.rank[zones.thing], zones.case]))
    valid = ground.zones.valid(zones, asked.instant)
    takes = ground.takes[ground.of_filter[zones.thing], klass[zones.case]]
    meets = (ground.zone_duty[zones.thing] < 0) | (asks[zones.case] < 0)
    meets = meets | (ground.zone_duty[zones.thing] == asks[zones.case])
    counts = valid & takes & meets
    leads = ground.stands[stage[zones.case], ground.of_zone[zones.thing]].astype(np.int64)
    effect = ground.effect[zones.thing]
    never = counts & (effect == NEVER)
    struck = _Struck(zones.case[never], leads[never], ground.count)
    may = counts & (leads >= 0) & ~struck(zones.case, leads)

    def first_zone(of: int) -> tuple[NDArray[np.int64], NDArray]:
        found = zones.where(may & (effect == of))
        return found.first(n, ground.zones.rank[found.thing])

    only, on_only = first_zone(ONLY)
    gives, on_gives = first_zone(GIVES)

    named, there = ground.components.named(asked.component, asked.instant)
    named, there = np.where(placed, named, -1), np.where(placed, there, -1)
    by_name = ground.owners(there, epoch, stage, lambda d: struck(every, d))
    wanted = np.where(placed, ground.wanted[klass], -1)
    reach = np.where(wanted >= 0, ground.radius_mm[epoch, klass] + np.maximum(asked.error, 0), -1)
    near = ground.components.near(asked.x, asked.y, wanted, reach, asked.instant)
    near = near.where(np.lexsort([near.thing, near.extra, near.case]))
    nearest, square = near.first(n, near.extra, near.thing)
    by_place = ground.owners(nearest, epoch, stage, lambda d: struck(every, d))

    areas, inside, held, on_held = {}, np.zeros(n, dtype=bool), np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=bool)
    for name, layer in ground.areas.items():
        areas[name], on_border = _first(layer, asked, placed)
        if name in ground.territory:
            department = ground.stands[stage, np.append(ground.of_area[name], -1)[areas[name]]].astype(np.int64)
            taken = (held < 0) & (department >= 0) & ~struck(every, department)
            held[taken], on_held[taken] = department[taken], on_border[taken]
            inside |= areas[name] >= 0
    competent = ground.stands[stage, ground.of_class[epoch, klass]].astype(np.int64)
    competent[struck(every, competent)] = -1
    territory = np.where(competent >= 0, competent, held)

    def zone_step(zone: NDArray[np.int64], when: NDArray[np.bool_]) -> tuple[NDArray, NDArray, NDArray]:
        rule = np.where(ground.is_line[zone], RULE["zone_line"], RULE["zone_area"])
        return (zone >= 0) & when, rule, ground.stands[stage, ground.of_zone[zone]]

    locality = ground.first[epoch, klass] == LOCALITY
    nobody, always = np.full(n, -1), np.ones(n, dtype=bool)
    steps = [
        (~placed, RULE["no_location"], nobody),
        zone_step(only, always),
        zone_step(gives, locality),
        (by_name >= 0, RULE["component_named"], by_name),
        (by_place >= 0, RULE["component_nearest"], by_place),
        zone_step(gives, ~locality),
        (inside & (territory >= 0), RULE["territory"], territory),
        (inside, RULE["unowned"], nobody),
        (always, RULE["outside"], nobody),
    ]
    holds = [step[0] for step in steps]
    rule = np.select(holds, [np.broadcast_to(np.asarray(step[1]), n) for step in steps]).astype(np.int8)
    owner = np.select(holds, [step[2] for step in steps]).astype(np.int64)

    zoned = (rule == RULE["zone_line"]) | (rule == RULE["zone_area"])
    zone = np.where(zoned, np.where(only >= 0, only, gives), -1)
    on_zone = np.where(only >= 0, on_only, on_gives).astype(bool)
    found_by_name = rule == RULE["component_named"]
    component = np.where(found_by_name, there, np.where(rule == RULE["component_nearest"], nearest, -1))
    square = np.where(component >= 0, square, -1)
    rows = np.flatnonzero(found_by_name)
    # to each side no more than 2,000 km are told
    apart = ground.components.place[there[rows]] - np.column_stack([asked.x[rows], asked.y[rows]])
    square[rows] = (np.clip(apart, -FAR_MM, FAR_MM) ** 2).sum(axis=1)
    on_edge = on_unit & (unit >= 0) | zoned & on_zone | (rule == RULE["territory"]) & on_held
    return Replay(
        unit, areas, owner, rule, component, square, zone, on_edge.astype(bool), epoch, stage, asks,
        named, there, ground.owners(there, epoch, stage), reach, zones, takes, meets, valid, near,
        ground.owners(near.thing, epoch[near.case], stage[near.case]),
    )  # fmt: skip


def _first(layer: Layer, asked: Questions, placed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray]:
    """The first polygon of a layer that covers each place and holds then, and whether the place is on its border."""
    pairs = _placed(layer.covering(asked.x, asked.y), placed)
    pairs = pairs.where(layer.valid(pairs, asked.instant))
    return pairs.first(len(asked), layer.rank[pairs.thing])


def _placed(pairs: Pairs, placed: NDArray[np.bool_]) -> Pairs:
    return pairs.where(placed[pairs.case])
