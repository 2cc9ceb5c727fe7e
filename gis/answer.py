"""One answer in full: the owner, the evidence, every candidate that lost and why, one line for each step taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gis.assign import REASON, RULE, Cases, Resolution, assign, owner_of_component
from gis.model import DUTIES, REASONS, RULES
from gis.nearest import within
from gis.raster import covering
from gis.snapshot import ALWAYS, FOREVER, UNRANKED, Snapshot
from grids.errors import InputError

LEVELS = ("names the class itself", "names its major class", "names its kind", "takes everything")
DUTY_WORDS = dict(zip(DUTIES, ("supervises", "owns", "maintains"), strict=True))


def instant_text(microseconds: int) -> str:
    """ISO 8601 in UTC, to the second, or the microsecond where there is a part of one."""
    return pd.Timestamp(microseconds, unit="us", tz="UTC").isoformat().replace("+00:00", "Z")


def _span(begin: int, end: int) -> str:
    first = "" if begin == ALWAYS else f" from {instant_text(begin)}"
    return first + ("" if end == FOREVER else f" until {instant_text(end)}")


def explain(cases: Cases, i: int, snapshot: Snapshot) -> dict[str, Any]:
    """The answer to case ``i`` in the shape of the interface: winner first, losers with why they lost.

    Parameters
    ----------
    cases
        Cases read for this snapshot.
    i
        Which of them.
    snapshot
        The city.

    Returns
    -------
    dict
        snapshot, at, known_at, unit, owner, rule, reason, component, zone, probability (None: doubt is not
        computed yet), ask_first, candidates, why. ``owner``, ``component``, ``zone`` and ``unit`` are None where
        there is none. Its owner and rule are those of `gis.assign.assign`.

    Raises
    ------
    InputError
        When a value of the case was wrong (an unknown class): what, and what would be right.
    """
    if i in cases.faults:
        raise InputError(cases.faults[i], where="class")
    one = cases.part(slice(i, i + 1))
    done = assign(one, snapshot, threads=1)
    rule, department = RULES[done.rule[0]], int(done.department[0])
    answer: dict[str, Any] = {
        "snapshot": snapshot.version,
        "at": instant_text(int(one.instant[0])),
        "known_at": snapshot.known_at.isoformat().replace("+00:00", "Z"),
        "unit": _unit(snapshot, done),
        "areas": {
            s: snapshot.codes(f"areas/{s}.code")[done.areas[0, k]] or None for k, s in enumerate(snapshot.area_sets)
        },
        "owner": _department(snapshot, department),
        "rule": rule,
        "reason": REASONS[one.reason[0]] or None,
        "component": None,
        "zone": None,
        "on_edge": bool(done.edge[0]),
        "probability": None,
        "ask_first": False,
    }
    if done.component[0] >= 0:
        answer["component"] = {
            "code": snapshot.codes("components.code")[done.component[0]],
            "distance_m": round(float(done.distance_m()[0]), 3),
        }
    if done.zone[0] >= 0:
        answer["zone"] = {k: snapshot.codes(f"zones.{k}")[done.zone[0]] for k in ("code", "name")}
    if one.reason[0] != REASON[""]:
        return answer | {"candidates": [], "why": [f"no usable location: {REASONS[one.reason[0]]}"]}
    story = _Story(snapshot, one)
    story.components()
    story.zones()
    story.territory(done)
    answer["candidates"] = story.ranked(rule, department)
    answer["why"] = [*story.why, _verdict(answer)]
    return answer


def _verdict(answer: dict[str, Any]) -> str:
    if answer["owner"] is None:
        return {"outside": "outside the territory: nobody is responsible"}.get(
            answer["rule"], "the territory names no department"
        )
    edge = "; the place lies exactly on a border, where the lower code wins" if answer["on_edge"] else ""
    return f"{answer['owner']['name']} by rule {answer['rule']}{edge}"


def _department(snapshot: Snapshot, k: int) -> dict[str, str] | None:
    if k < 0:
        return None
    return {
        "department": snapshot.codes("departments.code")[k],
        "name": snapshot.codes("departments.name")[k],
    }


def _unit(snapshot: Snapshot, done: Resolution) -> dict[str, str | None] | None:
    if done.unit[0] < 0:
        return None
    out = {"code": snapshot.codes("units.code")[done.unit[0]]}
    for k, name in enumerate(snapshot.area_sets):
        if name in snapshot.city.territory:
            out[name] = snapshot.codes(f"areas/{name}.code")[done.areas[0, k]] or None
    return out


class _Story:
    """Collects the candidates of one located case, in the order in which the rules ask."""

    def __init__(self, snapshot: Snapshot, one: Cases) -> None:
        self.s, self.one, self.at = snapshot, one, int(one.instant[0])
        self.x, self.y = one.x[0], one.y[0]
        self.epoch = int(np.searchsorted(snapshot.rules.since, self.at, side="right") - 1)
        last = len(snapshot.arrays["classes.text"])
        self.klass = last if one.klass[0] < 0 else int(one.klass[0])
        self.found: list[dict[str, Any]] = []
        self.why: list[str] = []

    def _say(self, k: int, rule: str, evidence: str, lost: str | None = None) -> None:
        code = self.s.codes("departments.code")[k] or None
        self.found.append(
            {"department": code, "probability": None, "rule": rule, "evidence": evidence, "why_lost": lost}
        )

    def _owner(self, component: int) -> int:
        return int(owner_of_component(self.s, np.array([component], dtype=np.int32), np.array([self.epoch]))[0])

    def _valid(self, name: str, k: int) -> bool:
        return bool(self.s.arrays[f"{name}.begins"][k] <= self.at < self.s.arrays[f"{name}.ends"][k])

    def components(self) -> None:
        """Candidates by the component that the case names, then by the nearest of its class."""
        arrays, code = self.s.arrays, self.s.codes("components.code")
        first = int(self.one.component[0])
        if first >= 0:
            thing = arrays["components.thing"]
            versions = [k for k in range(first, len(thing)) if thing[k] == thing[first]][:64]
            valid = [k for k in versions if self._valid("components", k)]
            if not valid:
                self.why.append(f"component {code[first]} is named but was not there at that instant")
            for k in valid[:1]:
                owner = self._owner(k)
                self.why.append(f"component {code[k]} is named")
                lost = None if owner >= 0 else "the component has no department"
                self._say(owner, "component_named", f"component {code[k]}", lost)
        wanted = int(np.append(arrays["classes.component"], -1)[self.klass])
        if wanted < 0:
            self.why.append("the class is not about a component: none is looked for")
            return
        reach = int(self.s.rules.radius_mm[self.epoch, self.klass] + self.one.error[0])
        near = within(self.s.components.arrays, self.x, self.y, wanted, reach)
        near = sorted((int(d), int(k)) for k, d in near if self._valid("components", k))
        self.why.append(f"{len(near)} component(s) of the class within {reach / 1000:g} m")
        seen: set[int] = set()
        for d, k in near:
            owner = self._owner(k)
            if owner in seen:
                continue
            seen.add(owner)
            duty = DUTY_WORDS[DUTIES[self.s.rules.duty[self.epoch, arrays["components.class"][k]]]]
            evidence = f"component {code[k]} at {np.sqrt(d) / 1000:.3f} m, which it {duty}"
            lost = None if owner >= 0 else "the component has no department"
            self._say(owner, "component_nearest", evidence, lost)

    def zones(self) -> None:
        """Candidates by the zones that cover the place, in their order of precedence."""
        arrays = self.s.arrays
        code, name = self.s.codes("zones.code"), self.s.codes("zones.name")
        covers = covering(self.s.layer("zones").raster.arrays, self.x, self.y)
        self.why.append(f"{len(covers)} zone(s) cover the place")
        for k, side in covers:
            rule = "zone_line" if arrays["zones.is_line"][k] else "zone_area"
            lost = None
            if not self._valid("zones", k):
                lost = "not valid then: it holds" + _span(arrays["zones.begins"][k], arrays["zones.ends"][k])
            elif not arrays["filters"][arrays["zones.filter"][k], self.klass]:
                lost = f"it takes {self.s.codes('zones.classes')[k]}, not this class"
            rank = arrays["zones.rank"][k]
            ranked = "" if rank == UNRANKED else f"rank {rank}, "
            evidence = (
                f"zone {code[k]} {name[k]} ({ranked}{LEVELS[arrays['zones.level'][k]]}, "
                f"{arrays['zones.area_m2'][k]:.0f} m²{', the place is on its border' if side == 2 else ''})"
            )
            self._say(int(arrays["zones.department"][k]), rule, evidence, lost)

    def territory(self, done: Resolution) -> None:
        """Candidates by the territory: the class's competent department, then the areas, smallest first."""
        held = [
            (k, name)
            for k, name in enumerate(self.s.area_sets)
            if name in self.s.city.territory and done.areas[0, k] >= 0
        ]
        if not held:
            self.why.append("no area of the territory covers the place")
            return
        competent = int(self.s.rules.department[self.epoch, self.klass])
        if competent >= 0:
            text = self.s.codes("classes.text")[self.klass]
            self._say(competent, "territory", f"competent department of class {text}")
        for k, name in held:
            area = int(done.areas[0, k])
            of = int(self.s.arrays[f"areas/{name}.department"][area])
            if of >= 0:
                self._say(of, "territory", f"{name} {self.s.codes(f'areas/{name}.code')[area]}")

    def ranked(self, rule: str, department: int) -> list[dict[str, Any]]:
        """Candidates with the winner first; each loser says why it lost."""
        code = self.s.codes("departments.code")[department]
        won = next((f for f in self.found if (f["rule"], f["department"], f["why_lost"]) == (rule, code, None)), None)
        for f in self.found:
            if f is not won and f["why_lost"] is None:
                f["why_lost"] = _why_lost(f["rule"], rule)
        return [won, *(f for f in self.found if f is not won)] if won else self.found


def _why_lost(rule: str, winner: str) -> str:
    if rule == winner == "component_nearest":
        return "another component is nearer"
    if rule == winner == "territory":
        return "a nearer duty comes first in the territory"
    if rule.startswith("zone") and winner.startswith("zone"):
        return "a zone before it: by rank, narrower filter, line before area, size, code"
    if RULE[rule] > RULE[winner]:
        return f"rule {winner} comes before {rule}"
    return "it names no department"
