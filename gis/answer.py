"""One answer in full: the owner, the evidence, every candidate that lost and why, one line for each step taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis import decide
from gis.convert import REASON, Cases
from gis.decide import RULE
from gis.doubt.telling import tell
from gis.evidence import Departments, Here
from gis.looking import looking
from gis.model import DUTIES, EFFECTS, REASONS, RULES
from gis.one import One
from gis.ranking import Candidate, Ranking
from gis.sealed import sealed, sealed_text
from gis.snapshot import ALWAYS, FOREVER, UNRANKED, Snapshot
from gis.wording import LANGUAGES, WORDS, Words
from grids.errors import InputError

ROOM = 256
"""Numbers that a case's evidence takes as a rule; what takes more is asked for again with more room."""
_FEW = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def instant_text(microseconds: int) -> str:
    """ISO 8601 in UTC, to the second, or the microsecond where there is a part of one."""
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:  # beyond the year 9999
        return f"{np.datetime64(microseconds, 'us')}Z"


def explain(cases: Cases, i: int, snapshot: Snapshot, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The answer to case ``i`` in the shape of the interface: winner first, losers with why they lost.

    Parameters
    ----------
    cases
        Cases read for this snapshot.
    i
        Which of them.
    snapshot
        The city.
    asked
        ``lon``, ``lat``, ``crs``, ``class``, ``component`` as the caller asked them; otherwise the place is told in the
        city's CRS.

    Returns
    -------
    dict
        snapshot, at, known_at, unit, areas, owner, rule, reason, joint (departments that share a zone's duty with the
        owner), component, zone, on_edge, probability (None without a known position error), ask_first, question,
        changes, candidates, why, asked (the question), seal (see `gis.sealed`). ``owner``, ``component``, ``zone`` and
        ``unit`` are None where there is none. Its owner and rule are those of `gis.assign.assign`.

    Raises
    ------
    InputError
        When a value of the case was wrong (an unknown class): what, and what would be right.
    """
    columns = (cases.x, cases.y, cases.klass, cases.component, cases.instant, cases.error, cases.reason)
    return answer(One._make([*(int(column[i]) for column in columns), cases.faults.get(i, "")]), snapshot, asked)


def answer(case: One, snapshot: Snapshot, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`explain` for a case that was read by `gis.one.read_one`."""
    return sealed(*_told(case, snapshot, asked))


def answer_text(case: One, snapshot: Snapshot, asked: Mapping[str, Any] | None = None) -> bytes:
    """`answer` as JSON in UTF-8, byte for byte, in less time."""
    return sealed_text(*_told(case, snapshot, asked))


def _told(case: One, snapshot: Snapshot, asked: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """An answer without its question and seal, and the question."""
    if case.fault:
        raise InputError(case.fault, where="class")
    kept = vars(snapshot)
    name = "_desk_" + (asked.get("lang", LANGUAGES[0]) if asked else LANGUAGES[0])
    if name not in kept:
        kept[name] = _Desk(snapshot, WORDS[name[6:]])
    desk: _Desk = kept[name]
    if case.reason:
        told = desk.told(case, RULE["no_location"], -1)
        told |= {"candidates": [], "why": [desk.words("no_location", desk.words(REASONS[case.reason]))]}
    else:
        told = desk.answer(case)
    return told, desk.asked(case, asked)


def _texts(raw: NDArray[np.bytes_]) -> Callable[[int], str]:
    """Text by position: of a short column all are decoded once, of a long one each when it is asked for."""
    if len(raw) <= _FEW:
        return [text.decode() for text in raw.tolist()].__getitem__
    return lambda k: raw[k].decode()


class _Set(NamedTuple):
    """Areas of a set, and what is told of each; ``told`` is filled as they are met."""

    name: str
    code: Callable[[int], str]
    department: list[int]
    territory: bool
    told: dict[int, Candidate]


class _Desk:
    """What answers in full need of a snapshot, made once: its arrays for the kernels, its texts.

    What is told alike in many answers (of a zone, of an area) is told once and copied.
    """

    def __init__(self, snapshot: Snapshot, words: Words) -> None:
        arrays, rules = snapshot.arrays, snapshot.rules
        self.snapshot, self.words = snapshot, words
        self.arrays = arrays
        self.version = snapshot.version
        self.known_at = snapshot.known_at.isoformat().replace("+00:00", "Z")
        self.duty, self.of_class, self.asks, self.first = rules.duty, rules.department, rules.asks, rules.first
        self.last = len(arrays["classes.text"])
        columns = ("departments.code", "departments.name", "units.code", "components.code", "classes.text")
        self.department, self.department_name, self.unit, self.component, self.klass = (
            _texts(arrays[name]) for name in columns
        )
        self.zone, self.zone_name, self.zone_classes = (
            _texts(arrays[f"zones.{k}"]) for k in ("code", "name", "classes")
        )
        self.departments = Departments(arrays, self.department, self.zone, instant_text, words)
        self.zone_told: dict[tuple[int, int], tuple[Candidate, Candidate]] = {}
        self.competent: dict[tuple[int, int], Candidate] = {}
        self.ranked = Ranking(words)
        self.look = looking(snapshot)
        self.sets = []
        for name in snapshot.area_sets:
            code, of = _texts(arrays[f"areas/{name}.code"]), arrays[f"areas/{name}.department"].tolist()
            self.sets.append(_Set(name, code, of, name in snapshot.city.territory, {}))
        self.territory = [some.name for some in self.sets if some.territory]

    def answer(self, case: One) -> dict[str, Any]:
        """Answer a case that has a place."""
        x, y, klass, component, instant, error, _, _ = case
        found = self._found((x, y, klass, component, instant, max(error, 0)))
        areas: dict[str, str | None] = {}
        held: list[tuple[_Set, int]] = []
        borders: list[int] = []
        for at, some in enumerate(self.sets):
            k = found[2 * at]
            areas[some.name] = some.code(k) if k >= 0 else None
            if some.territory:
                borders.append(found[2 * at + 1])
                if k >= 0:
                    held.append((some, k))
        found = found[2 * len(self.sets) :]
        rule, owner = found[1], found[2]
        told = self.told(case, rule, owner, areas)
        on_edge = bool(found[6] or (found[8] and found[7] >= 0) or (found[17] >= 0 and borders[found[17]]))
        told["on_edge"] = on_edge
        if found[7] >= 0:
            told["unit"] = {"code": self.unit(found[7])} | {name: areas[name] for name in self.territory}
        if found[3] >= 0:
            told["component"] = {
                "code": self.component(found[3]),
                "distance_m": round(math.sqrt(found[4]) / 1000.0, 3),
            }
        if found[5] >= 0:
            told["zone"] = {"code": self.zone(found[5]), "name": self.zone_name(found[5])}
        here = Here(self.departments, found[16], found[decide.HEAD : decide.HEAD + 4 * found[13]])
        if found[5] >= 0:
            told["joint"] = [
                {"department": self.department(d), "name": self.department_name(d)} for d in here.joint(found[5], owner)
            ]
        why: list[str] = []
        candidates: list[dict[str, Any]] = []
        klass = klass if klass >= 0 else self.last
        self._components(case, found, here, candidates, why)
        self._zones(found, int(self.asks[found[9], klass]), here, candidates, why)
        self._territory(klass, found[9], held, here, candidates, why)
        why += [*here.said, self._verdict(told)]
        locality = bool(self.first[found[9], klass] == decide.LOCALITY)
        told["candidates"] = self.ranked(
            candidates, told, here.only if self._says(found[5]) == "only" else None, locality
        )
        told["why"] = why
        tell(told, case, self.snapshot, owner, self.words)
        return told

    def told(self, case: One, rule: int, owner: int, areas: dict[str, str | None] | None = None) -> dict[str, Any]:
        """The parts of an answer that every case has."""
        return {
            "snapshot": self.version,
            "at": instant_text(case.instant),
            "known_at": self.known_at,
            "unit": None,
            "areas": areas or {some.name: None for some in self.sets},
            "owner": {"department": self.department(owner), "name": self.department_name(owner)}
            if owner >= 0
            else None,
            "rule": RULES[rule],
            "reason": REASONS[case.reason] or None,
            "joint": [],
            "component": None,
            "zone": None,
            "on_edge": False,
            "probability": None,
            "ask_first": False,
            "question": None,
            "changes": [],
        }

    def asked(self, case: One, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """The question, in the caller's words where they are given; with it alone the answer can be replayed."""
        if given is None:
            there = not case.reason
            given = {
                "lon": case.x / 1000 if there else None,
                "lat": case.y / 1000 if there else None,
                "crs": f"EPSG:{self.snapshot.city.srid}",
                "class": self.klass(case.klass) if case.klass >= 0 else "",
                "component": self.component(case.component) if case.component >= 0 else "",
            }
        accuracy_m = case.error / 1000 if case.error >= 0 else None
        return {**given, "accuracy_m": accuracy_m, "at": instant_text(case.instant)}

    def _found(self, asked: tuple[int, ...]) -> list[int]:
        """What `gis.looking.looking` writes."""
        first = 2 * len(self.sets)
        out = np.empty(first + ROOM, dtype=np.int64)
        self.look(*asked, out)
        if (most := first + int(out[first])) > len(out):
            out = np.empty(most, dtype=np.int64)
            self.look(*asked, out)
        found: list[int] = out[:most].tolist()
        return found

    def _components(
        self, case: One, found: list[int], here: Here, candidates: list[dict[str, Any]], why: list[str]
    ) -> None:
        """Candidates by the component that the case names, then the nearest of its class of each owner."""
        epoch, named, owner, reach, zones, near, listed = found[9:16]
        say = self.words
        if case.component >= 0:
            if named < 0:
                why.append(say("named_gone", self.component(case.component)))
            else:
                code = self.component(named)
                why.append(say("named", code))
                self._owners(named, epoch, owner, here, "component_named", say("component", code), candidates)
        if reach < 0:
            why.append(say("no_component_class"))
            return
        why.append(say("components_near", near, reach / 1000))
        kinds, first = self.arrays["components.class"], decide.HEAD + 4 * zones
        for at in range(first, first + 3 * listed, 3):
            square, k, owner = found[at : at + 3]
            duty = say(DUTIES[self.duty[epoch, kinds[k]]])
            evidence = say("component_at", self.component(k), math.sqrt(square) / 1000, duty)
            self._owners(k, epoch, owner, here, "component_nearest", evidence, candidates)

    def _owners(
        self, k: int, epoch: int, owner: int, here: Here, rule: str, evidence: str, candidates: list[dict[str, Any]]
    ) -> None:
        """Candidates by one component: its owner, and the next of its departments where a zone keeps that out."""
        if owner < 0:
            candidates.append(self._candidate(owner, rule, evidence, self.words("component_nobody")))
            return
        if here.plain:
            candidates.append(self._candidate(owner, rule, evidence))
            return
        kind = self.arrays["components.class"][k]
        three, duty = self.arrays["components.department"][k].tolist(), int(self.duty[epoch, kind])
        asked = here.owners(three, duty, int(self.of_class[epoch, kind]))
        candidates += [self._candidate(who, rule, evidence, here.lost(who)) for who in asked]

    def _zones(
        self, found: list[int], asked: int, here: Here, candidates: list[dict[str, Any]], why: list[str]
    ) -> None:
        """Candidates by the zones that cover the place, in their order of precedence; those that say never are none."""
        count, say, effects, plain = found[13], self.words, self.departments.effect, here.plain
        why.append(say("zones_cover", count))
        for at in range(decide.HEAD, decide.HEAD + 4 * count, 4):
            k, side, valid, takes = found[at : at + 4]
            if effects[k] == decide.NEVER:
                continue
            taken, not_taken = self.zone_told.get((k, side)) or self._zone(k, side)
            one = (taken if takes else not_taken).copy()
            if takes and valid and not plain:
                who = here.stands(self.departments.of_zone[k])
                one["department"] = self.department(who) if who >= 0 else None
                one["why_lost"] = here.lost(who) if who >= 0 else say("not_there")
            if takes > 1:
                one["why_lost"] = here.other_duty(k, asked)
            if not valid:
                one["why_lost"] = say("zone_not_then", self._span(k))
            candidates.append(one)
            if effects[k] == decide.ONLY:
                here.only.append(one)

    def _says(self, zone: int) -> str:
        """What the zone that decided says; "" for none."""
        return EFFECTS[self.departments.effect[zone]] if zone >= 0 else ""

    def _span(self, zone: int) -> str:
        """From when until when a zone holds, in words."""
        begin, end = int(self.arrays["zones.begins"][zone]), int(self.arrays["zones.ends"][zone])
        first = "" if begin == ALWAYS else self.words("from", instant_text(begin))
        return first + ("" if end == FOREVER else self.words("until", instant_text(end)))

    def _zone(self, k: int, side: int) -> tuple[Candidate, Candidate]:
        """The candidate by a zone whose department stands, where the zone takes the class and where it does not."""
        arrays, say, rank = self.arrays, self.words, self.arrays["zones.rank"][k]
        ranked = "" if rank == UNRANKED else say("ranked", rank)
        says = "" if self._says(k) == "gives" else say("says_only")
        level, area = say(f"level_{arrays['zones.level'][k]}"), arrays["zones.area_m2"][k]
        border = say("on_border") if side == 2 else ""
        taken = self._candidate(
            int(arrays["zones.department"][k]),
            "zone_line" if arrays["zones.is_line"][k] else "zone_area",
            say("zone", self.zone(k), self.zone_name(k), says, ranked, level, area, border),
        )
        told = taken, taken | {"why_lost": say("zone_not_class", self.zone_classes(k))}
        self.zone_told[k, side] = told
        return told

    def _territory(
        self,
        klass: int,
        epoch: int,
        held: list[tuple[_Set, int]],
        here: Here,
        candidates: list[dict[str, Any]],
        why: list[str],
    ) -> None:
        """Candidates by the territory: the class's competent department, then the areas, smallest first."""
        if not held:
            why.append(self.words("no_area"))
            return
        first = self.competent.get((epoch, klass))
        if first is None:
            evidence = self.words("competent", self.klass(klass) if klass < self.last else "")
            first = self._candidate(int(self.of_class[epoch, klass]), "territory", evidence)
            self.competent[epoch, klass] = first
        self._holder(int(self.of_class[epoch, klass]), first, here, candidates)
        for some, k in held:
            told = some.told.get(k)
            if told is None:
                evidence = self.words("area", some.name, some.code(k))
                told = some.told[k] = self._candidate(some.department[k], "territory", evidence)
            self._holder(some.department[k], told, here, candidates)

    def _holder(self, department: int, told: Candidate, here: Here, candidates: list[Candidate]) -> None:
        """The candidate by a department of the territory, -1 for none, as it stands here."""
        if department < 0:
            return
        one = told.copy()
        if not here.plain:
            who = here.stands(department)
            one["department"] = self.department(who) if who >= 0 else None
            one["why_lost"] = here.lost(who) if who >= 0 else self.words("not_there")
        candidates.append(one)

    def _candidate(self, owner: int, rule: str, evidence: str, lost: str | None = None) -> dict[str, Any]:
        code = self.department(owner) if owner >= 0 else None
        return {"department": code, "probability": None, "rule": rule, "evidence": evidence, "why_lost": lost}

    def _verdict(self, told: dict[str, Any]) -> str:
        say = self.words
        if told["owner"] is None:
            return say("outside" if told["rule"] == "outside" else "unowned")
        return say("owner", told["owner"]["name"], say.rule[told["rule"]], say("on_edge") if told["on_edge"] else "")


__all__ = ["REASON", "answer", "answer_text", "explain", "instant_text"]
