"""The city of a snapshot file as the checker asks it: layers of polygons, components, class rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gis.model import DUTIES
from gis.proof.opened import Opened
from gis.proof.polygons import Polygons, edges_in, spread
from grids.errors import InputError

_PARTS = ("cells", "starts", "lists", "first_row", "slab_of", "slabs", "edges")


@dataclass(frozen=True)
class Pairs:
    """Cases and things that may decide them: row i says that of case ``case[i]`` thing ``thing[i]`` is one.

    ``extra`` is the squared distance (mm²) of a component, whether the place is on the border of a polygon.
    """

    case: NDArray[np.int64]
    thing: NDArray[np.int64]
    extra: NDArray

    def where(self, keep: NDArray) -> Pairs:
        """Some of them, by flags or positions."""
        return Pairs(self.case[keep], self.thing[keep], self.extra[keep])

    def first(self, n: int, *keys: NDArray) -> tuple[NDArray[np.int64], NDArray]:
        """Of each of ``n`` cases the thing that comes first by ``keys``, the weightiest first; -1 and 0 for none."""
        order = np.lexsort([*reversed(keys), self.case])
        case = self.case[order]
        begins = np.flatnonzero(np.append(True, case[1:] != case[:-1])[: len(case)])
        thing, extra = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=self.extra.dtype)
        thing[case[begins]], extra[case[begins]] = self.thing[order][begins], self.extra[order][begins]
        return thing, extra


class Layer:
    """Polygons of a layer with their validity.

    ``rank`` is the place of each in the order of precedence, made anew from its columns.
    """

    def __init__(self, opened: Opened, name: str) -> None:
        self.name, self._opened = name, opened
        self.begins, self.ends = opened[f"{name}.begins"], opened[f"{name}.ends"]

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """Order of precedence: zones by rank, filter, line before area, size, code; others by code."""
        o, keys = self._opened, [self.begins, self._opened[f"{self.name}.code"]]
        if self.name == "zones":
            keys += [o["zones.area_m2"], ~o["zones.is_line"], o["zones.level"], o["zones.rank"]]
        out = np.empty(len(self.begins), dtype=np.int64)
        out[np.lexsort(keys)] = np.arange(len(out))
        return out

    @cached_property
    def polygons(self) -> Polygons:
        """Edges of the layer."""
        o, prefix = self._opened, f"{self.name}.raster."
        if self.name != "zones":
            parts = {part: o[prefix + part] for part in ("frame", "first_row", "slab_of", "slabs", "edges")}
            return Polygons(*edges_in(self.name, parts), len(self.begins))
        frame, member, found = o[prefix + "frame"], o[prefix + "member"], []
        for g in range(len(frame) - 1):
            cut = {p: slice(frame[g, 6 + k], frame[g + 1, 6 + k]) for k, p in enumerate(_PARTS)}
            parts = {p: o[prefix + p][cut[p]] for p in _PARTS[3:]}
            whose, edges = edges_in("zones", {"frame": frame[g], **parts})
            found.append((member[cut["first_row"]][whose].astype(np.int64), edges))
        if not found:
            return Polygons(np.empty(0, np.int64), np.empty((0, 4), np.int64), len(self.begins))
        whose, edges = (np.concatenate(column) for column in zip(*found, strict=True))
        return Polygons(whose, edges, len(self.begins))

    def covering(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> Pairs:
        """Polygons that cover each place, whatever their time."""
        return Pairs(*self.polygons.covering(x, y))

    def valid(self, pairs: Pairs, instant: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each holds at the instant of its case."""
        at = instant[pairs.case]
        return (self.begins[pairs.thing] <= at) & (at < self.ends[pairs.thing])


class Components:
    """Components by what they are looked for as."""

    def __init__(self, opened: Opened) -> None:
        self.begins, self.ends = opened["components.begins"], opened["components.ends"]
        self.code, self.place = opened["components.code"], opened["components.place"].astype(np.int64)
        self.kind, self.departments = opened["components.class"], opened["components.department"]
        if not (self.code[:-1] <= self.code[1:]).all():
            raise InputError("its components are not in the order of their codes", where="snapshot")
        self._of = opened["classes.component"]
        self._trees: dict[int, tuple[NDArray[np.int64], cKDTree]] = {}

    @cached_property
    def _wanted(self) -> NDArray[np.int32]:
        return self._of[self.kind] if len(self.kind) else self.kind

    def named(self, codes: NDArray[np.bytes_], instant: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """First version of each component by its code and the one that holds at an instant; -1 for none, shape (n,)."""
        n = len(codes)
        first, held = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
        if not len(self.code) or not n:
            return first, held
        begin = np.searchsorted(self.code, codes, side="left")
        count = np.searchsorted(self.code, codes, side="right") - begin
        count[codes == b""] = 0
        first[count > 0] = begin[count > 0]
        case, step = spread(count)
        version = begin[case] + step
        fine = (self.begins[version] <= instant[case]) & (instant[case] < self.ends[version])
        held[case[fine][::-1]] = version[fine][::-1]  # the first of them is written last
        return first, held

    def near(
        self,
        x: NDArray[np.int64],
        y: NDArray[np.int64],
        wanted: NDArray[np.integer],
        reach: NDArray[np.int64],
        instant: NDArray[np.int64],
    ) -> Pairs:
        """Components that are looked for as ``wanted`` within ``reach`` (mm) of places and hold then; shape (n,) each.

        ``extra`` is the squared distance.
        """
        found = []
        for kind in np.unique(wanted[wanted >= 0]).tolist():
            cases = np.flatnonzero(wanted == kind)
            members, tree = self._tree(kind)
            if not len(members):
                continue
            lists = tree.query_ball_point(np.column_stack([x[cases], y[cases]]).astype(float), reach[cases] + 1.0)
            counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
            if counts.sum():
                hits = np.concatenate([np.asarray(one, dtype=np.int64) for one in lists if one])
                found.append((np.repeat(cases, counts), members[hits]))
        none = np.empty(0, dtype=np.int64)
        case, thing = (np.concatenate(c) for c in zip(*found, strict=True)) if found else (none, none)
        square = (self.place[thing, 0] - x[case]) ** 2 + (self.place[thing, 1] - y[case]) ** 2
        keep = (square <= reach[case] ** 2) & (self.begins[thing] <= instant[case]) & (instant[case] < self.ends[thing])
        return Pairs(case[keep], thing[keep], square[keep])

    def _tree(self, kind: int) -> tuple[NDArray[np.int64], cKDTree]:
        if kind not in self._trees:
            members = np.flatnonzero(self._wanted == kind)
            self._trees[kind] = members, cKDTree(self.place[members].astype(float))
        return self._trees[kind]


class Ground:
    """All of a snapshot that an answer is checked against."""

    def __init__(self, opened: Opened) -> None:
        self.opened = o = opened
        self.units, self.zones = Layer(o, "units"), Layer(o, "zones")
        self.areas = {name: Layer(o, f"areas/{name}") for name in o.area_sets}
        self.territory = [name for name in o.area_sets if name in o.city["territory"]]
        self.of_area = {name: o[f"areas/{name}.department"] for name in o.area_sets}
        self.components = Components(o)
        self.since, self.duty, self.asks, self.first = (o[f"rules.{k}"] for k in ("since", "duty", "asks", "first"))
        self.radius_mm, self.of_class = o["rules.radius_mm"], o["rules.department"]
        self.wanted = np.append(o["classes.component"], -1)
        self.no_class, self.count = len(o["classes.text"]), len(o["departments.code"])
        self.stages, self.stands = o["departments.since"], o["departments.stands"]
        self.takes, self.of_filter = o["filters"], o["zones.filter"]
        self.effect, self.zone_duty = o["zones.effect"], o["zones.duty"]
        # the last is that of no zone
        self.of_zone, self.is_line = np.append(o["zones.department"], -1), np.append(o["zones.is_line"], False)

    def epoch(self, instant: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which state of the class rules holds at each instant."""
        return np.searchsorted(self.since, instant, side="right") - 1

    def stage(self, instant: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which state of the departments holds at each instant."""
        return np.searchsorted(self.stages, instant, side="right") - 1

    def owners(
        self,
        thing: NDArray[np.int64],
        epoch: NDArray[np.int64],
        stage: NDArray[np.int64],
        kept_out: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None,
    ) -> NDArray[np.int64]:
        """Department of each component, -1 for none: by its class's duty, else the next duty's, else the class's.

        Each as it stands at that stage; one that is ``kept_out`` is passed over. Shape (n,).
        """
        out = np.full(len(thing), -1, dtype=np.int64)
        for step in (3, 2, 1, 0):
            one = self.asked_department(thing, epoch, stage, step)
            fine = one >= 0
            if kept_out is not None:
                fine &= ~kept_out(one)
            out = np.where(fine, one, out)
        return out

    def asked_department(
        self, thing: NDArray[np.int64], epoch: NDArray[np.int64], stage: NDArray[np.int64], step: int
    ) -> NDArray[np.int64]:
        """Who stands for the department of each component that is asked at a step: three by duty, then the class's."""
        out = np.full(len(thing), -1, dtype=np.int64)
        there = np.flatnonzero(thing >= 0)
        if len(there):
            out[there] = self.stands[stage[there], self.named(thing[there], epoch[there], step)]
        return out

    def named(self, thing: NDArray[np.int64], epoch: NDArray[np.int64], step: int) -> NDArray[np.int32]:
        """The department itself, whoever stands for it; every ``thing`` is a component."""
        kind = self.components.kind[thing]
        if step == 3:
            return self.of_class[epoch, kind]
        duty = self.duty[epoch, kind].astype(np.int64)
        # supervising, owning, maintaining, from the one that is asked for on; for disposing backwards
        column = np.where(duty == DUTIES.index("disposing"), 2 - step, (duty + step) % 3)
        return self.components.departments[thing, column]
