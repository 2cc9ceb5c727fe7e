"""An answer in full, written once more by the checker from its own evidence."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gis.model import DUTIES, REASONS, RULES
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
        candidates: list[dict[str, Any]] = []
        why: list[str] = []
        self._components(i, candidates, why)
        self._covering(i, candidates, why)
        self._territory(i, candidates, why)
        why.append(self._verdict(told))
        return told | {"candidates": self._in_order(candidates, rule, told["owner"]), "why": why}

    def _department(self, at: int) -> dict[str, str] | None:
        text = self.ground.opened.text
        return {"department": text("departments.code", at), "name": text("departments.name", at)} if at >= 0 else None

    def _candidate(self, owner: int, rule: str, evidence: str, lost: str | None = None) -> dict[str, Any]:
        code = self.ground.opened.text("departments.code", owner) or None
        return {"department": code, "rule": rule, "evidence": evidence, "why_lost": lost}

    def _components(self, i: int, candidates: list[dict[str, Any]], why: list[str]) -> None:
        f, say, text = self.found, self.words, self.ground.opened.text
        if f.named[i] >= 0 and f.there[i] < 0:
            why.append(say("named_gone", text("components.code", f.named[i])))
        elif f.named[i] >= 0:
            code, owner = text("components.code", f.there[i]), int(f.named_owner[i])
            why.append(say("named", code))
            lost = None if owner >= 0 else say("component_nobody")
            candidates.append(self._candidate(owner, "component_named", say("component", code), lost))
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
            metres = math.sqrt(square) / 1000
            evidence = say("component_at", text("components.code", thing), metres, say(duty))
            lost = None if owner >= 0 else say("component_nobody")
            candidates.append(self._candidate(owner, "component_nearest", evidence, lost))

    def _covering(self, i: int, candidates: list[dict[str, Any]], why: list[str]) -> None:
        f, o, say = self.found, self.ground.opened, self.words
        mine = range(self._zones[i], self._zones[i + 1])
        why.append(say("zones_cover", len(mine)))
        for at in mine:
            z = f.zones.thing[at]
            rank = int(o["zones.rank"][z])
            ranked = "" if rank == UNRANKED else say("ranked", rank)
            border = say("on_border") if f.zones.extra[at] else ""
            level, area = say(f"level_{o['zones.level'][z]}"), float(o["zones.area_m2"][z])
            named = o.text("zones.code", z), o.text("zones.name", z)
            evidence, lost = say("zone", *named, ranked, level, area, border), None
            if not f.takes[at]:
                lost = say("zone_not_class", o.text("zones.classes", z))
            if not f.valid[at]:
                lost = say("zone_not_then", self._span(int(o["zones.begins"][z]), int(o["zones.ends"][z])))
            rule = "zone_line" if o["zones.is_line"][z] else "zone_area"
            candidates.append(self._candidate(int(o["zones.department"][z]), rule, evidence, lost))

    def _span(self, begin: int, end: int) -> str:
        first = "" if begin == ALWAYS else self.words("from", instant_text(begin))
        return first + ("" if end == FOREVER else self.words("until", instant_text(end)))

    def _territory(self, i: int, candidates: list[dict[str, Any]], why: list[str]) -> None:
        f, o, say = self.found, self.ground.opened, self.words
        held = [(name, f.areas[name][i]) for name in self.ground.territory if f.areas[name][i] >= 0]
        if not held:
            why.append(say("no_area"))
            return
        klass = int(self.asked.klass[i])
        competent = int(self.ground.of_class[f.epoch[i], klass if klass >= 0 else self.ground.no_class])
        if competent >= 0:
            candidates.append(self._candidate(competent, "territory", say("competent", o.text("classes.text", klass))))
        for name, at in held:
            department = int(o[f"areas/{name}.department"][at])
            if department >= 0:
                evidence = say("area", name, o.text(f"areas/{name}.code", at))
                candidates.append(self._candidate(department, "territory", evidence))

    def _verdict(self, told: dict[str, Any]) -> str:
        say = self.words
        if told["owner"] is None:
            return say("outside" if told["rule"] == "outside" else "unowned")
        edge = say("on_edge") if told["on_edge"] else ""
        return say("owner", told["owner"]["name"], say.rule[told["rule"]], edge)

    def _in_order(self, found: list[dict[str, Any]], rule: str, owner: dict[str, str] | None) -> list[dict[str, Any]]:
        """The winner first; every other one says why it lost."""
        code, winner = owner and owner["department"], None
        for one in found:
            if one["why_lost"] is not None:
                continue
            if winner is None and (one["rule"], one["department"]) == (rule, code):
                winner = one
            else:
                one["why_lost"] = self._lost(one["rule"], rule)
        return found if winner is None else [winner, *(one for one in found if one is not winner)]

    def _lost(self, rule: str, winner: str) -> str:
        say = self.words
        if rule == winner == "component_nearest":
            return say("lost_nearer")
        if rule == winner == "territory":
            return say("lost_territory")
        if rule.startswith("zone") and winner.startswith("zone"):
            return say("lost_zone")
        if RULES.index(rule) > RULES.index(winner):
            return say("lost_rule", say.rule[winner], say.rule[rule])
        return say("lost_nobody")
