"""An answer in full, written once more by the checker from its own evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gis.model import DUTIES, EFFECTS, FIRSTS, REASONS, RULES
from gis.proof.ground import Ground
from gis.proof.replay import Questions, Replay
from gis.wording import WORDS, Words

ALWAYS, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
UNRANKED = 2**31 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(microseconds: int) -> str:
    """ISO 8601 in UTC."""
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{np.datetime64(microseconds, 'us')}Z"


class Writer:
    """Writes what each answer must say.

    Parameters
    ----------
    ground
        The city.
    asked, found
        The cases, and what `gis.proof.replay.replay` made of them.
    language
        Of the sentences: ``en`` or ``zh``.
    """

    def __init__(self, ground: Ground, asked: Questions, found: Replay, language: str = "en") -> None:
        self.ground, self.asked, self.found = ground, asked, found
        self.words: Words = WORDS[language]
        n = len(asked)
        self._zones = np.searchsorted(found.zones.case, np.arange(n + 1))
        self._near = np.searchsorted(found.near.case, np.arange(n + 1))

    def answer(self, i: int) -> dict[str, Any]:
        """Answer to case ``i``, without ``asked``, ``seal`` and what doubt says."""
        f, o = self.found, self.ground.opened
        rule, owner = RULES[f.rule[i]], int(f.owner[i])
        areas = {name: o.text(f"areas/{name}.code", at[i]) or None for name, at in f.areas.items()}
        told: dict[str, Any] = {
            "snapshot": o.version,
            "at": instant_text(int(self.asked.instant[i])),
            "known_at": o.known_at,
            "unit": None,
            "areas": areas,
            "owner": self._department(owner),
            "rule": rule,
            "reason": REASONS[self.asked.reason[i]] or None,
            "joint": [],
            "component": None,
            "zone": None,
            "on_edge": bool(f.on_edge[i]),
        }
        if f.unit[i] >= 0:
            told["unit"] = {"code": o.text("units.code", f.unit[i])} | {t: areas[t] for t in self.ground.territory}
        if f.component[i] >= 0:
            metres = round(math.sqrt(f.square[i]) / 1000.0, 3)
            told["component"] = {"code": o.text("components.code", f.component[i]), "distance_m": metres}
        if f.zone[i] >= 0:
            told["zone"] = {"code": o.text("zones.code", f.zone[i]), "name": o.text("zones.name", f.zone[i])}
        if rule == "no_location":
            return told | {"candidates": [], "why": [self.words("no_location", self.words(told["reason"]))]}
        here = _Here(self, i)
        if f.zone[i] >= 0:
            told["joint"] = [self._department(one) for one in here.joint(int(f.zone[i]), owner)]
        candidates: list[dict[str, Any]] = []
        why: list[str] = []
        self._components(i, here, candidates, why)
        self._covering(i, here, candidates, why)
        self._territory(i, here, candidates, why)
        why += [*here.said, self._verdict(told)]
        return told | {"candidates": self._in_order(i, candidates, rule, told["owner"]), "why": why}

    def _department(self, at: int) -> dict[str, str] | None:
        text = self.ground.opened.text
        return {"department": text("departments.code", at), "name": text("departments.name", at)} if at >= 0 else None

    def _candidate(self, owner: int, rule: str, evidence: str, lost: str | None = None) -> dict[str, Any]:
        code = self.ground.opened.text("departments.code", owner) or None
        return {"department": code, "rule": rule, "evidence": evidence, "why_lost": lost}

    def _components(self, i: int, here: _Here, candidates: list[dict[str, Any]], why: list[str]) -> None:
        f, say, text = self.found, self.words, self.ground.opened.text
        if f.named[i] >= 0 and f.there[i] < 0:
            why.append(say("named_gone", text("components.code", f.named[i])))
        elif f.named[i] >= 0:
            code = text("components.code", f.there[i])
            why.append(say("named", code))
            told = "component_named", say("component", code)
            candidates += self._owners(i, int(f.there[i]), int(f.named_owner[i]), here, *told)
        if f.reach[i] < 0:
            why.append(say("no_component_class"))
            return
        mine = slice(self._near[i], self._near[i + 1])
        near, owners, squares = f.near.thing[mine], f.near_owner[mine], f.near.extra[mine]
        why.append(say("components_near", len(near), f.reach[i] / 1000))
        seen: set[int] = set()
        for thing, owner, square in zip(near.tolist(), owners.tolist(), squares.tolist(), strict=True):
            if owner in seen:
                continue
            seen.add(owner)
            duty = DUTIES[self.ground.duty[f.epoch[i], self.ground.components.kind[thing]]]
            evidence = say("component_at", text("components.code", thing), math.sqrt(square) / 1000, say(duty))
            candidates += self._owners(i, thing, owner, here, "component_nearest", evidence)

    def _owners(
        self, i: int, thing: int, owner: int, here: _Here, rule: str, evidence: str
    ) -> Iterator[dict[str, Any]]:
        """A component's department; where a zone keeps it out, the next of its departments, too."""
        if owner < 0:
            yield self._candidate(owner, rule, evidence, self.words("component_nobody"))
            return
        seen: set[int] = set()
        for step in range(4):
            named = self.ground.named(np.array([thing]), self.found.epoch[[i]], step)
            who = here.stands(int(named[0]))
            if who < 0 or who in seen:
                continue
            seen.add(who)
            yield self._candidate(who, rule, evidence, here.lost(who))
            if who not in here.never:
                return

    def _covering(self, i: int, here: _Here, candidates: list[dict[str, Any]], why: list[str]) -> None:
        f, o, say = self.found, self.ground.opened, self.words
        mine = range(self._zones[i], self._zones[i + 1])
        why.append(say("zones_cover", len(mine)))
        for at in mine:
            z = f.zones.thing[at]
            effect = EFFECTS[self.ground.effect[z]]
            if effect == "never":
                continue
            who = int(o["zones.department"][z])
            if f.takes[at] and f.valid[at]:
                who = here.stands(who)
            lost = here.lost(who) if who >= 0 else say("not_there")
            if not f.takes[at]:
                lost = say("zone_not_class", o.text("zones.classes", z))
            elif not f.meets[at]:
                duties = (DUTIES[k] for k in (self.ground.zone_duty[z], f.asks[i]))
                lost = say("zone_duty", *(say(f"duty_{duty}") for duty in duties))
            if not f.valid[at]:
                lost = say("zone_not_then", self._span(int(o["zones.begins"][z]), int(o["zones.ends"][z])))
            rule = "zone_line" if o["zones.is_line"][z] else "zone_area"
            one = self._candidate(who, rule, self._zone(int(z), bool(f.zones.extra[at])), lost)
            candidates.append(one | {"_zone": int(z), "_only": effect == "only"})

    def _zone(self, z: int, on_border: bool) -> str:
        o, say = self.ground.opened, self.words
        rank, level, area = int(o["zones.rank"][z]), int(o["zones.level"][z]), float(o["zones.area_m2"][z])
        says = say("says_only") if EFFECTS[self.ground.effect[z]] == "only" else ""
        ranked = "" if rank == UNRANKED else say("ranked", rank)
        border = say("on_border") if on_border else ""
        named = o.text("zones.code", z), o.text("zones.name", z)
        return say("zone", *named, says, ranked, say(f"level_{level}"), area, border)

    def _span(self, begin: int, end: int) -> str:
        first = "" if begin == ALWAYS else self.words("from", instant_text(begin))
        return first + ("" if end == FOREVER else self.words("until", instant_text(end)))

    def _territory(self, i: int, here: _Here, candidates: list[dict[str, Any]], why: list[str]) -> None:
        f, o, say = self.found, self.ground.opened, self.words
        held = [(name, f.areas[name][i]) for name in self.ground.territory if f.areas[name][i] >= 0]
        if not held:
            why.append(say("no_area"))
            return
        klass = int(self.asked.klass[i])
        competent = int(self.ground.of_class[f.epoch[i], klass if klass >= 0 else self.ground.no_class])
        listed = [(competent, say("competent", o.text("classes.text", klass)))]
        for name, at in held:
            listed.append((int(self.ground.of_area[name][at]), say("area", name, o.text(f"areas/{name}.code", at))))
        for department, evidence in listed:
            if department >= 0:
                who = here.stands(department)
                lost = here.lost(who) if who >= 0 else say("not_there")
                candidates.append(self._candidate(who, "territory", evidence, lost))

    def _verdict(self, told: dict[str, Any]) -> str:
        say = self.words
        if told["owner"] is None:
            return say("outside" if told["rule"] == "outside" else "unowned")
        edge = say("on_edge") if told["on_edge"] else ""
        return say("owner", told["owner"]["name"], say.rule[told["rule"]], edge)

    def _in_order(
        self, i: int, found: list[dict[str, Any]], rule: str, owner: dict[str, str] | None
    ) -> list[dict[str, Any]]:
        """The winner first; every other one says why it lost."""
        f, code, winner = self.found, owner and owner["department"], None
        zone, klass = int(f.zone[i]), self.asked.klass[i] if self.asked.klass[i] >= 0 else self.ground.no_class
        only = zone >= 0 and EFFECTS[self.ground.effect[zone]] == "only"
        locality = FIRSTS[self.ground.first[f.epoch[i], klass]] == "locality"
        for one in found:
            mine = (one["rule"], one["department"]) == (rule, code) and one.get("_zone", -1) == zone
            if one["why_lost"] is None and winner is None and mine:
                winner = one
            elif one["why_lost"] is None:
                one["why_lost"] = self._lost(one["rule"], rule, only and not one.get("_only", False), locality)
        ordered = found if winner is None else [winner, *(one for one in found if one is not winner)]
        return [{name: value for name, value in one.items() if name[0] != "_"} for one in ordered]

    def _lost(self, rule: str, winner: str, by_only: bool, locality: bool) -> str:
        say, rules = self.words, (self.words.rule[winner], self.words.rule[rule])
        if by_only:
            return say("lost_only")
        if rule == winner == "component_nearest":
            return say("lost_nearer")
        if rule == winner == "territory":
            return say("lost_territory")
        if rule.startswith("zone") and winner.startswith("zone"):
            return say("lost_zone")
        if locality and winner.startswith("zone") and rule.startswith("component"):
            return say("lost_locality", *rules)
        later = RULES.index(rule) > RULES.index(winner)
        if later or (locality and winner.startswith("component") and rule == "territory"):
            return say("lost_rule", *rules)
        return say("lost_nobody")


class _Here:
    """Departments at the place and instant of a case: who stands for whom, whom a zone keeps out.

    ``said`` has a line for each that is told of, in the order in which it came up.
    """

    def __init__(self, writer: Writer, i: int) -> None:
        self.writer, self.stage = writer, int(writer.found.stage[i])
        self.said: list[str] = []
        self.never: dict[int, str] = {}
        f, ground, o = writer.found, writer.ground, writer.ground.opened
        for at in range(writer._zones[i], writer._zones[i + 1]):
            z = f.zones.thing[at]
            if EFFECTS[ground.effect[z]] == "never" and f.valid[at] and f.takes[at] and f.meets[at]:
                who = self.stands(int(o["zones.department"][z]))
                if who >= 0:
                    code = o.text("zones.code", z)
                    self.never.setdefault(who, code)
                    self.said.append(writer.words("says_never", code, o.text("departments.code", who)))

    def stands(self, department: int) -> int:
        """Who stands for a department, -1 for nobody."""
        if department < 0:
            return -1
        who = int(self.writer.ground.stands[self.stage, department])
        if who != department:
            line = self._absence(department, who)
            if line not in self.said:
                self.said.append(line)
        return who

    def _absence(self, department: int, who: int) -> str:
        ground, say = self.writer.ground, self.writer.words
        there = np.flatnonzero(ground.stands[:, department] == department)
        before = there[there < self.stage]
        if len(before):
            when = say("department_ended", instant_text(int(ground.stages[before[-1] + 1])))
        elif len(there):
            when = say("department_begins", instant_text(int(ground.stages[there[0]])))
        else:
            when = say("department_never")
        code = ground.opened.text("departments.code", department)
        above = say("stands", ground.opened.text("departments.code", who)) if who >= 0 else say("nobody_stands")
        return say("absence", code, when, above)

    def lost(self, who: int) -> str | None:
        """Why who stands cannot have the case; None when it can."""
        return self.writer.words("lost_never", self.never[who]) if who in self.never else None

    def joint(self, zone: int, lead: int) -> list[int]:
        """Who shares the duty of a zone with its lead."""
        o = self.writer.ground.opened
        begin, end = o["zones.joint_from"][zone : zone + 2].tolist()
        who = [self.stands(department) for department in o["zones.joint"][begin:end].tolist()]
        return [one for one in dict.fromkeys(who) if one >= 0 and one != lead and one not in self.never]
