"""How sure an answer is, found by the checker in its own way: the rules are asked again at thousands of places.

The true place is taken to be spread around the reported one as a circular normal, of which the position error holds
68 %. The engine follows rays and is exact along each; here the rules of `gis.proof.replay` are asked at evenly spread
places of equal weight, and the owners are counted. The two must agree within half a point.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from gis.model import RULES
from gis.proof.ground import Ground
from gis.proof.place import places
from gis.proof.replay import Questions, Replay, replay
from gis.wording import QUESTIONS, Words

TOLERANCE = 0.005
SAMPLES = 1 << 14
LEAST, MOST_CHANGES = 0.005, 5
"""A department with a smaller share need not be told; so many places are told where the answer changes."""
SIGMA = 1.0 / math.sqrt(-2.0 * math.log(1.0 - 0.68))
RAYS_M = 500.0
"""Beyond this error no rays are followed, and no distances are told."""
_NOTHING = "nothing of it"
_TOLD = ("probability", "ask_first", "question", "changes")
Difference = tuple[str, Any, Any]


def what_doubt_says(told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An answer without what its position error says of it, and that: with all its candidates."""
    doubt: dict[str, Any] = {name: told.pop(name) for name in _TOLD if name in told}
    listed = told.get("candidates")
    if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
        doubt["candidates"] = listed
        told["candidates"] = [{k: v for k, v in one.items() if k != "probability"} for one in listed]
    return told, doubt


def without_doubt(doubt: dict[str, Any]) -> Iterator[Difference]:
    """What is wrong with the doubt of an answer whose position error is not known, or that has no place."""
    for name, value in (("probability", None), ("ask_first", False), ("question", None), ("changes", [])):
        told = doubt.get(name, _NOTHING)
        if told != value or isinstance(told, bool) != isinstance(value, bool):
            yield name, told, value
    for k, one in enumerate(doubt.get("candidates", ())):
        if one.get("probability", _NOTHING) is not None:
            yield f"candidates[{k}].probability", one.get("probability", _NOTHING), None


class Spread:
    """Owners of a case over the places where it may have happened.

    Parameters
    ----------
    ground
        The city.
    asked, i
        The case: with a place and a known error.
    samples
        How many places.
    """

    def __init__(self, ground: Ground, asked: Questions, i: int, samples: int = SAMPLES) -> None:
        self.ground = ground
        self.error_m = float(asked.error[i]) / 1000.0
        if asked.error[i] == 0:
            samples = 1
        # the plane filled evenly by two irrational steps (Roberts 2018, the R2 sequence), bent to a circular normal
        k = np.arange(samples)
        u, turn = (0.5 + k * 0.7548776662466927) % 1.0, (0.5 + k * 0.5698402909980532) % 1.0
        self.far = asked.error[i] * SIGMA * np.sqrt(-2.0 * np.log1p(-u)) if asked.error[i] else np.zeros(1)
        angle = 2 * np.pi * turn
        x, y = asked.x[i] + self.far * np.cos(angle), asked.y[i] + self.far * np.sin(angle)
        self.at = asked.part(np.full(samples, i))
        self.found = self._ask(np.rint(x).astype(np.int64), np.rint(y).astype(np.int64))
        code = ground.opened["departments.code"]
        owners, count = np.unique(self.found.owner, return_counts=True)
        self.share = {
            (code[d].decode() if d >= 0 else None): n / samples
            for d, n in zip(owners.tolist(), count.tolist(), strict=True)
        }

    def _ask(self, x: np.ndarray, y: np.ndarray) -> Replay:
        """The rules at places, each known exactly."""
        q = self.at
        n = len(x)
        exact = np.full(n, -1, dtype=np.int64)
        return replay(self.ground, Questions(x, y, q.klass[:n], q.component[:n], q.instant[:n], exact, q.reason[:n]))

    def owner(self, department: str | None) -> np.ndarray:
        """Whether each place falls to a department."""
        text = self.ground.opened.text
        known = {text("departments.code", d) or None: d for d in np.unique(self.found.owner).tolist()}
        return self.found.owner == known.get(department, -2)

    def owners_at(self, x: float, y: float) -> set[str | None]:
        """Departments within some decimetres of a place (metres of the city's CRS)."""
        angle = np.arange(24) * (2 * np.pi / 24)
        steps = np.concatenate([[0.0], *np.broadcast_to(np.array([[0.02], [0.1], [0.4]]), (3, 24))])
        turns = np.concatenate([[0.0], angle, angle, angle])
        px, py = x + steps * np.cos(turns), y + steps * np.sin(turns)
        n = len(px)
        if n > len(self.at):
            self.at = self.at.part(np.zeros(n, dtype=np.int64))
        found = self._ask(np.rint(px * 1000).astype(np.int64), np.rint(py * 1000).astype(np.int64))
        return {self.ground.opened.text("departments.code", d) or None for d in np.unique(found.owner).tolist()}

    def slack_m(self) -> float:
        """What a distance may differ by: places are as far apart as that."""
        return 0.5 + 0.35 * self.error_m

    @cached_property
    def names(self) -> set[str]:
        """What things near are called: zones, areas, components."""
        f, text = self.found, self.ground.opened.text
        out = set()
        for z in np.unique(f.zones.thing).tolist():
            out |= {text("zones.code", z), text("zones.name", z)}
        for name, at in f.areas.items():
            for k in np.unique(at).tolist():
                out |= {text(f"areas/{name}.code", k), text(f"areas/{name}.name", k)}
        named = np.unique(np.concatenate([f.component, f.near.thing])).tolist()
        return (out | {text("components.code", q) for q in named}) - {""}

    def known(self, one: dict[str, Any], words: Words) -> bool:
        """Whether the city has the thing that a candidate for ground nearby names, and it is of the rule's kind."""
        o, rule, told = self.ground.opened, one["rule"], one["evidence"]
        if rule == "component_nearest":
            code = _values(words.of["near_component"], str(told))
            return code is not None and code[0].encode() in set(o["components.code"].tolist())
        if rule in ("zone_line", "zone_area"):
            of_kind = np.flatnonzero(self.ground.is_line[:-1] == (rule == "zone_line")).tolist()
            named = ((o.text("zones.code", z), o.text("zones.name", z)) for z in of_kind)
            return told in {words("near_zone", *both) for both in named}
        codes = ((name, code) for name in self.ground.territory for code in o[f"areas/{name}.code"].tolist())
        return rule == "territory" and told in {words("near_area", name, code.decode()) for name, code in codes}

    def evidence(self, department: str | None, words: Words) -> dict[str, set[str]]:
        """How a thing that gives the case to a department may be told of, by rule."""
        f, text, mine = self.found, self.ground.opened.text, self.owner(department)
        out: dict[str, set[str]] = {"zone_line": set(), "zone_area": set(), "component_nearest": set()}
        for z in np.unique(f.zone[mine]).tolist():
            if z >= 0:
                rule = "zone_line" if self.ground.is_line[z] else "zone_area"
                out[rule].add(words("near_zone", text("zones.code", z), text("zones.name", z)))
        for q in np.unique(f.component[mine]).tolist():
            out["component_nearest"].add(words("near_component", text("components.code", q)))
        by_area = mine & (f.rule == RULES.index("territory"))
        out["territory"] = {
            words("near_area", name, text(f"areas/{name}.code", k))
            for name in self.ground.territory
            for k in np.unique(f.areas[name][by_area]).tolist()
            if k >= 0
        }
        return out


def check_doubt(
    spread: Spread,
    place: tuple[int, int],
    wanted: dict[str, Any],
    doubt: dict[str, Any],
    words: Words,
    tolerance: float,
) -> Iterator[Difference]:
    """What is wrong with the doubt of an answer.

    Parameters
    ----------
    spread
        Of its case.
    place
        Of the case, whole millimetres.
    wanted
        What else the answer must say.
    doubt
        Of `what_doubt_says`.
    words
        Of its language.
    tolerance
        What a probability may differ by.
    """
    owner = wanted["owner"] and wanted["owner"]["department"]
    told, below = doubt.get("probability", _NOTHING), spread.ground.opened.city["ask_below"]
    yield from _share("probability", told, spread.share.get(owner, 0.0), tolerance)
    listed = doubt.get("candidates", [])
    for k, one in enumerate(listed):
        share = spread.share.get(one.get("department"), 0.0) if one.get("department") else None
        if share is None:  # whose department is nobody has no share of its own
            share = 0.0
        yield from _share(f"candidates[{k}].probability", one.get("probability", _NOTHING), share, tolerance)
    ask = isinstance(told, (int, float)) and told < below
    if doubt.get("ask_first") is not ask:
        yield "ask_first", doubt.get("ask_first", _NOTHING), ask
    yield from _question(spread, doubt.get("question", _NOTHING), ask)
    yield from _others(spread, wanted["candidates"], listed, words, tolerance)
    crowded = any(one.get("why_lost") == words("near_elsewhere") for one in listed)
    yield from _changes(spread, place, owner, doubt.get("changes", _NOTHING), tolerance, crowded)


def _share(name: str, told: Any, share: float, tolerance: float) -> Iterator[Difference]:
    number = isinstance(told, (int, float)) and not isinstance(told, bool)
    if not (number and 0.0 <= told <= 1.0 and abs(told - share) <= tolerance):
        yield name, told, round(share, 4)


def _question(spread: Spread, told: Any, ask: bool) -> Iterator[Difference]:
    """Whether there is one when there must be, the same in both languages, about things that are near."""
    if not ask:
        if told is not None:
            yield "question", told, None
        return
    if not (isinstance(told, dict) and set(told) == {"en", "zh"} and all(isinstance(t, str) for t in told.values())):
        yield "question", told, "a question in both languages"
        return
    for key, (english, chinese) in QUESTIONS.items():
        values = _values(english, told["en"])
        if values is None or values != _values(chinese, told["zh"]):
            continue
        fine = {f"{spread.error_m:g}"} if key == "where" else spread.names
        if set(values) <= fine:
            return
    yield "question", told, "a question about things that are near, the same in both languages"


def _values(template: str, text: str) -> tuple[str, ...] | None:
    pattern = re.escape(template).replace("%s", "(.+)").replace("%g", "(.+)")
    found = re.fullmatch(pattern, text)
    return found.groups() if found else None


def _others(
    spread: Spread, base: list[dict[str, Any]], listed: list[dict[str, Any]], words: Words, tolerance: float
) -> Iterator[Difference]:
    """Candidates for ground nearby: their thing, distance and order, and whether one is missing."""
    known = {one["department"] for one in base}
    more = listed[len(base) :]
    told = {one.get("department") for one in more}
    for k, one in enumerate(more, start=len(base)):
        field, department = f"candidates[{k}]", one.get("department")
        if set(one) != {"department", "probability", "rule", "evidence", "why_lost"}:
            yield field, sorted(one), ["department", "probability", "rule", "evidence", "why_lost"]
            continue
        if department in known or department not in spread.share or department is None:
            seen = department in known or department is None
            # of a sliver every place may have been missed
            if seen or one["probability"] > LEAST + tolerance or not spread.known(one, words):
                yield f"{field}.department", department, "a department of ground nearby"
            continue
        fine = spread.evidence(department, words)
        few = spread.share[department] < 2 * LEAST  # of a sliver a place may have been missed
        if one["evidence"] not in fine.get(one["rule"], ()) and not (few and spread.known(one, words)):
            yield f"{field}.evidence", one["evidence"], " or ".join(sorted(fine.get(one["rule"], ()))) or None
        far = _values(words.of["near_begins"].replace("%.1f", "%g"), str(one["why_lost"]))
        nearest = float(spread.far[spread.owner(department)].min()) / 1000.0
        elsewhere = one["why_lost"] == words("near_elsewhere")
        if not (elsewhere if far is None else few or _near(far[0], nearest, spread.slack_m())):
            yield f"{field}.why_lost", one["why_lost"], words("near_begins", nearest)
    shares = [one["probability"] for one in more if isinstance(one.get("probability"), (int, float))]
    if shares != sorted(shares, reverse=True):
        yield "candidates", shares, "those of ground nearby by their shares, largest first"
    for department, share in spread.share.items():
        if department is not None and department not in known | told and share >= LEAST + tolerance:
            yield "candidates", "nothing of it", f"{department} with {share:.4f}"


def _near(told: str, found: float, slack: float) -> bool:
    try:
        return abs(float(told) - found) <= slack
    except ValueError:
        return False


def _changes(
    spread: Spread, place: tuple[int, int], owner: str | None, told: Any, tolerance: float, crowded: bool
) -> Iterator[Difference]:
    """Places where the answer would change: how far, who owns them, and whether one is missing.

    ``crowded``: where so much is near that no rays are followed, none is told.
    """
    fields = {"lon", "lat", "department", "distance_m"}
    if not isinstance(told, list) or not all(isinstance(one, dict) and set(one) == fields for one in told):
        yield "changes", told, "a list of places"
        return
    if not told and (spread.error_m > RAYS_M or crowded):
        return
    for k, one in enumerate(told):
        field, department = f"changes[{k}]", one["department"]
        try:
            lon, lat, metres = (float(one[name]) for name in ("lon", "lat", "distance_m"))
        except (TypeError, ValueError):
            yield field, one, "numbers"
            continue
        at, _, _ = places(np.array([lon]), np.array([lat]), "EPSG:4326", spread.ground.opened.city)
        apart = math.dist(at[0].tolist(), place) / 1000.0
        if not abs(apart - metres) <= 0.1:
            yield f"{field}.distance_m", metres, round(apart, 1)
        if department == owner or department not in spread.owners_at(*(at[0] / 1000.0)):
            yield f"{field}.department", department, "an owner of that place, and not of the case's"
    distances = [one["distance_m"] for one in told]
    if distances != sorted(distances) or len(told) > MOST_CHANGES:
        yield "changes", distances, f"the nearest first, at most {MOST_CHANGES}"
    there = {one["department"] for one in told}
    missing = [d for d, share in spread.share.items() if d not in there | {owner} and share >= LEAST + tolerance]
    if missing and len(told) < MOST_CHANGES:
        yield "changes", f"nothing of {missing[0]}", f"a place that falls to {missing[0]}"
