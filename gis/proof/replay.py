"""The rules of responsibility once more, in plain code over arrays: what an answer must say, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gis.model import RULES
from gis.proof.ground import Ground, Layer, Pairs

RULE = {name: np.int8(i) for i, name in enumerate(RULES)}


@dataclass(frozen=True)
class Questions:
    """Cases as they were asked, shape (n,) each: the terms of the engine, found by the checker itself.

    ``x``, ``y`` whole millimetres, ``klass`` position of the class or -1, ``component`` the code that was named, UTF-8,
    b"" for none, ``instant`` microseconds since 1970 UTC, ``error`` millimetres, ``reason`` position in
    `gis.model.REASONS`.
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

    ``owner`` is the department; ``square`` the squared distance to the component in mm²; ``areas`` and ``area_edge``
    have an array for each area set; ``held`` is the department of the territory. ``named`` is the first version of the
    named component, ``there`` the one that holds, ``named_owner`` its owner, ``reach`` in mm, -1 where no component is
    looked for. ``zones`` are all that cover, in order of precedence, ``takes`` and ``valid`` tell which count;
    ``near`` the components within reach, nearest first, ``near_owner`` their owners.
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
    named: NDArray[np.int64]
    there: NDArray[np.int64]
    named_owner: NDArray[np.int64]
    reach: NDArray[np.int64]
    zones: Pairs
    takes: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    near: Pairs
    near_owner: NDArray[np.int64]
    starts: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def replay(ground: Ground, asked: Questions) -> Replay:
    """Answer cases anew.

    Returns
    -------
    Replay
        Shape (n,); a case without a place has rule ``no_location`` and nothing else.
    """
    n, placed = len(asked), asked.reason == 0
    epoch = ground.epoch(asked.instant)
    klass = np.where(asked.klass < 0, ground.no_class, asked.klass)
    unit, on_unit = _first(ground.units, asked, placed)
    areas, inside, held, on_held = {}, np.zeros(n, bool), np.full(n, -1, dtype=np.int64), np.zeros(n, bool)
    for name, layer in ground.areas.items():
        areas[name], on_border = _first(layer, asked, placed)
        if name in ground.territory:
            department = np.append(ground.opened[f"areas/{name}.department"].astype(np.int64), -1)[areas[name]]
            taken = (held < 0) & (department >= 0)
            held[taken], on_held[taken] = department[taken], on_border[taken]
            inside |= areas[name] >= 0

    named, there = ground.components.named(asked.component, asked.instant)
    named, there = np.where(placed, named, -1), np.where(placed, there, -1)
    named_owner = ground.owners(there, epoch)
    wanted = np.where(placed, ground.wanted[klass], -1)
    reach = np.where(wanted >= 0, ground.radius_mm[epoch, klass] + np.maximum(asked.error, 0), -1)
    near = ground.components.near(asked.x, asked.y, wanted, reach, asked.instant)
    order = np.lexsort([near.thing, near.extra, near.case])
    near = near.where(order)
    near_owner = ground.owners(near.thing, epoch[near.case])
    nearest, square = near.first(n, near.extra, near.thing)
    nearest_owner = ground.owners(nearest, epoch)

    zones = _placed(ground.zones.covering(asked.x, asked.y), placed)
    zones = zones.where(np.lexsort([ground.zones.rank[zones.thing], zones.case]))
    valid = ground.zones.valid(zones, asked.instant)
    takes = ground.opened["filters"][ground.opened["zones.filter"][zones.thing], klass[zones.case]]
    counts = zones.where(valid & takes)
    zone, on_zone = counts.first(n, ground.zones.rank[counts.thing])

    of_zones = np.append(ground.opened["zones.department"].astype(np.int64), -1)
    lines = np.append(ground.opened["zones.is_line"], False)
    competent = ground.of_class[epoch, klass].astype(np.int64)
    territory = np.where(competent >= 0, competent, held)
    steps = [
        (~placed, RULE["no_location"], np.full(n, -1)),
        (named_owner >= 0, RULE["component_named"], named_owner),
        (nearest_owner >= 0, RULE["component_nearest"], nearest_owner),
        (zone >= 0, np.where(lines[zone], RULE["zone_line"], RULE["zone_area"]), of_zones[zone]),
        (inside & (territory >= 0), RULE["territory"], territory),
        (inside, RULE["unowned"], np.full(n, -1)),
        (np.ones(n, bool), RULE["outside"], np.full(n, -1)),
    ]
    holds = [step[0] for step in steps]
    rule = np.select(holds, [np.broadcast_to(np.asarray(step[1]), n) for step in steps]).astype(np.int8)
    owner = np.select(holds, [step[2] for step in steps])
    by_name, by_place = rule == RULE["component_named"], rule == RULE["component_nearest"]
    component = np.where(by_name, there, np.where(by_place, nearest, -1))
    apart = ground.components.place[component] - np.column_stack([asked.x, asked.y]) if len(component) else None
    if apart is not None:
        square = np.where(component >= 0, (np.clip(apart, -(2**31), 2**31) ** 2).sum(axis=1), -1)
    by_zone = (rule == RULE["zone_line"]) | (rule == RULE["zone_area"])
    on_edge = on_unit & (unit >= 0) | by_zone & on_zone | (rule == RULE["territory"]) & on_held
    return Replay(
        unit, areas, owner, rule, component, square, np.where(by_zone, zone, -1), on_edge.astype(bool), epoch,
        named, there, named_owner, reach, zones, takes, valid, near, near_owner,
    )  # fmt: skip


def _first(layer: Layer, asked: Questions, placed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray]:
    """The first polygon of a layer that covers each place and holds then, and whether the place is on its border."""
    pairs = _placed(layer.covering(asked.x, asked.y), placed)
    pairs = pairs.where(layer.valid(pairs, asked.instant))
    return pairs.first(len(asked), layer.rank[pairs.thing])


def _placed(pairs: Pairs, placed: NDArray[np.bool_]) -> Pairs:
    return pairs.where(placed[pairs.case])
