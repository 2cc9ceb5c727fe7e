"""What an answer in full says of its doubt: shares of the candidates, what to ask, where the answer would change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from gis import decide
from gis.crs import to_lonlat
from gis.doubt import AIM, DIGITS, MOST_M, SIGMA, SPIRAL, kernel, territory_of
from gis.grouped import covers
from gis.wording import QUESTIONS, Words

if TYPE_CHECKING:
    from gis.one import One
    from gis.snapshot import Snapshot

LEAST = 0.005
"""A department with a smaller share is no candidate for that alone."""
MOST_CHANGES = 5
MOST_KEYS, STRETCHES = 512, 1 << 15
"""Most things that are told apart, and most stretches that are looked at."""


def tell(told: dict[str, Any], case: One, snapshot: Snapshot, owner: int, words: Words) -> None:
    """Write into an answer in full what its position error means for it.

    Parameters
    ----------
    told
        The answer; ``probability``, ``ask_first``, ``question``, ``changes`` and the candidates' ``probability`` are
        written, and those who own ground nearby are added to the candidates. Nothing is written where no error is
        known.
    case
        Case with a place.
    snapshot
        The city.
    owner
        Department of the answer, -1 for nobody.
    words
        Sentences of a language; a question is told in both.
    """
    if case.error < 0:
        return
    found = _Outlook(snapshot, case)
    probability = found.of(owner)
    told["probability"], told["ask_first"] = probability, probability < snapshot.city.ask_below
    told["changes"] = found.changes(owner)
    if told["ask_first"]:
        told["question"] = dict(zip(("en", "zh"), found.question(), strict=True))
    known = {snapshot.codes("departments.code")[d]: d for d in found.share}
    for candidate in told["candidates"]:
        candidate["probability"] = found.of(known.get(candidate["department"], -2))
    there = {candidate["department"] for candidate in told["candidates"]}
    told["candidates"] += found.others(there, words)


_kept = threading.local()


def _desk(sets: int) -> tuple[Any, ...]:
    """Room for one case, kept by each thread: to find a megabyte anew takes longer than to answer."""
    desks: dict[int, tuple[Any, ...]] = vars(_kept).setdefault("desks", {})
    if sets not in desks:
        desks[sets] = kernel.new_desk(len(AIM), sets, STRETCHES)
    return desks[sets]


class _Outlook:
    """Owners, and the things that give the case to them, with their shares."""

    def __init__(self, snapshot: Snapshot, case: One) -> None:
        self.snapshot, self.case = snapshot, case
        klass = case.klass if case.klass >= 0 else len(snapshot.arrays["classes.text"])
        territory = territory_of(snapshot)
        keys, share, begins = np.empty((MOST_KEYS, 3), np.int64), np.empty(MOST_KEYS), np.empty((MOST_KEYS, 3))
        outlook: Any = kernel.outlook
        m = outlook(
            case.x, case.y, klass, case.component, case.instant, max(case.error * SIGMA, 1e-3), MOST_M * 1000 * SIGMA,
            decide.ground(snapshot), territory, AIM, SPIRAL, _desk(len(territory[0])),
            keys, share, begins,
        )  # fmt: skip
        keys, share, begins = keys[:m], share[:m], begins[:m]
        self.keys: list[list[int]] = keys.tolist()
        self.begins: list[list[float]] = begins.tolist()
        self.share: dict[int, float] = {}
        for (who, _, _), part in zip(self.keys, share.tolist(), strict=True):
            self.share[who] = self.share.get(who, 0.0) + part
        rounded = np.round(np.minimum(list(self.share.values()), 1.0), DIGITS)  # as those of many are
        self._told: dict[int, float] = dict(zip(self.share, rounded.tolist(), strict=True))

    def of(self, owner: int) -> float:
        """Share of a department, -1 for nobody."""
        return self._told.get(owner, 0.0)

    def nearest(self) -> dict[int, tuple[float, int]]:
        """For each owner how far the first place is that falls to it (mm, NaN where it is not known), and its key."""
        out: dict[int, tuple[float, int]] = {}
        for z, (who, _, _) in enumerate(self.keys):
            far = self.begins[z][0]
            if who not in out or far < out[who][0]:
                out[who] = far, z
        return out

    def place(self, z: int) -> tuple[float, float]:
        """Where a key begins, metres of the city's CRS."""
        far, east, north = self.begins[z]
        return (self.case.x + far * east) / 1000.0, (self.case.y + far * north) / 1000.0

    def changes(self, owner: int) -> list[dict[str, Any]]:
        """Nearest place of each other owner, nearest first."""
        code, out = self.snapshot.codes("departments.code"), []
        for who, (far, z) in self.nearest().items():
            if who != owner and far == far and self.share[who] >= LEAST:
                x, y = self.place(z)
                lon, lat = to_lonlat([x], [y], self.snapshot.city.srid)
                out.append(
                    {
                        "lon": round(float(lon[0]), 7),
                        "lat": round(float(lat[0]), 7),
                        "department": code[who] or None,
                        "distance_m": round(far / 1000.0, 1),
                    }
                )
        return sorted(out, key=lambda change: (change["distance_m"], change["department"] or ""))[:MOST_CHANGES]

    def others(self, there: set[str | None], words: Words) -> list[dict[str, Any]]:
        """Candidates for ground nearby, of departments that are not among those of the place itself."""
        code, out = self.snapshot.codes("departments.code"), []
        for who, (far, z) in sorted(self.nearest().items(), key=lambda item: -self.share[item[0]]):
            if who < 0 or code[who] in there or self.share[who] < LEAST:
                continue
            _, layer, thing = self.keys[z]
            rule = "component_nearest" if layer < 0 else "territory"
            if layer == 0:
                rule = "zone_line" if self.snapshot.arrays["zones.is_line"][thing] else "zone_area"
            lost = words("near_begins", far / 1000) if far == far else words("near_elsewhere")
            out.append(
                {
                    "department": code[who], "probability": self.of(who), "rule": rule,
                    "evidence": self.evidence(layer, thing, words), "why_lost": lost,
                }
            )  # fmt: skip
        return out

    def evidence(self, layer: int, thing: int, words: Words) -> str:
        """What a thing is, with its code."""
        codes = self.snapshot.codes
        if layer < 0:
            return words("near_component", codes("components.code")[thing])
        if layer == 0:
            return words("near_zone", codes("zones.code")[thing], codes("zones.name")[thing])
        name = self.sets[layer - 1]
        return words("near_area", name, codes(f"areas/{name}.code")[thing])

    @property
    def sets(self) -> list[str]:
        """Area sets of the territory."""
        return [name for name in self.snapshot.area_sets if name in self.snapshot.city.territory]

    def name(self, layer: int, thing: int) -> str:
        """What people call a thing: its name, else its code."""
        codes = self.snapshot.codes
        if layer < 0:
            return str(codes("components.code")[thing])
        kind = "zones" if layer == 0 else f"areas/{self.sets[layer - 1]}"
        return str(codes(f"{kind}.name")[thing] or codes(f"{kind}.code")[thing])

    def question(self) -> tuple[str, str]:
        """What would tell the two likeliest owners apart, in English and Chinese."""
        first, second = self._two()
        if second is None or not self.begins[second][0] >= 0:
            return _said("where", self.case.error / 1000)
        (_, layer, thing), (_, layer2, thing2) = self.keys[first], self.keys[second]
        if -2 in (layer, layer2):  # one of them is nobody
            return _said("inside", self.name(*((layer2, thing2) if layer == -2 else (layer, thing))))
        name, name2 = self.name(layer, thing), self.name(layer2, thing2)
        if layer == layer2 == -1:
            return _said("components", name, name2)
        if -1 in (layer, layer2):
            return _said("component", name if layer == -1 else name2)
        road, is_line = self._road(first, second), self.snapshot.arrays["zones.is_line"]
        lines = [layer_ == 0 and bool(is_line[thing_]) for layer_, thing_ in ((layer, thing), (layer2, thing2))]
        if all(lines) and name != name2:
            return _said("either", name, name2)
        if any(lines) and not all(lines):
            return _said("on", name if lines[0] else name2)
        if road == "" and 0 in (layer, layer2) and layer != layer2:  # the territory is all that is around a zone
            return _said("inside", name if layer == 0 else name2)
        return _said("side", road or name) if road or name == name2 else _said("either", name, name2)

    def _two(self) -> tuple[int, int | None]:
        """Keys of the largest share of the two likeliest owners; None where only one is left."""
        ranked = sorted(self.share, key=lambda who: (-self.share[who], who))[:2]
        keys = [next(z for z, key in enumerate(self.keys) if key[0] == who) for who in ranked]
        return keys[0], keys[1] if len(keys) > 1 else None

    def _road(self, first: int, second: int) -> str:
        """Name of a line zone, of whatever class, on the ground where one of two things begins; "" for none."""
        farther = max(first, second, key=lambda z: (self.begins[z][0], z))
        if not self.begins[farther][0] >= 0:
            return ""
        x, y = (round(v * 1000) for v in self.place(farther))
        out = np.zeros(256, dtype=np.int64)
        count = covers(decide.ground(self.snapshot)[1][0], x, y, out, 0, 2)
        lines = self.snapshot.arrays["zones.is_line"]
        for k in out[: 2 * min(count, 128) : 2].tolist():
            if lines[k] and self.snapshot.codes("zones.name")[k]:
                return str(self.snapshot.codes("zones.name")[k])
        return ""


def _said(key: str, *values: Any) -> tuple[str, str]:
    english, chinese = QUESTIONS[key]
    return english % values, chinese % values
