"""A slow and obvious second implementation of "who gets this case", over the frames, in plain Python."""

from __future__ import annotations

import itertools
import math

import pandas as pd
import shapely

from gis.exact import footprint

TURNS = {
    "supervising": ("supervising", "owning", "maintaining"),
    "owning": ("owning", "maintaining", "supervising"),
    "maintaining": ("maintaining", "supervising", "owning"),
    "disposing": ("maintaining", "owning", "supervising"),
}
"""Departments of a component as a duty asks for them."""


def mm(metres: float) -> int:
    return round(metres * 1000)  # half to even, as the engine


def side(px: int, py: int, polygon: shapely.Geometry) -> int:
    """0 outside, 1 inside, 2 on the border; whole millimetres, even-odd rule."""
    inside = False
    for part in getattr(polygon, "geoms", [polygon]):
        for ring in (part.exterior, *part.interiors):
            xy = [(mm(x), mm(y)) for x, y in ring.coords]
            for (x0, y0), (x1, y1) in itertools.pairwise(xy):
                turn = (x1 - x0) * (py - y0) - (y1 - y0) * (px - x0)
                if turn == 0 and min(x0, x1) <= px <= max(x0, x1) and min(y0, y1) <= py <= max(y0, y1):
                    return 2
                if (y0 > py) != (y1 > py) and (turn > 0) == (y1 > y0):
                    inside = not inside
    return int(inside)


def valid(row: dict, at: pd.Timestamp) -> bool:
    return (pd.isna(row["valid_from"]) or row["valid_from"] <= at) and (
        pd.isna(row["valid_to"]) or at < row["valid_to"]
    )


def takes(item: str, klass: str) -> int:
    """Specificity with which one filter item takes a class: 0 class, 1 major, 2 kind, 3 all; 9 not at all."""
    if item == "*":
        return 3
    edition, _, code = klass.partition(":")
    if not code:
        return 9
    if item in ("C", "E"):
        return 2 if code[0] == item else 9
    his, _, mine = item.partition(":")
    if his != edition or not code.startswith(mine) or not mine:
        return 9
    return 2 if len(mine) == 1 else 1 if len(mine) == 3 else 0 if mine == code else 9


def level(item: str) -> int:
    mine = item.partition(":")[2]
    return 3 if item == "*" else 2 if len(mine) <= 1 else 1 if len(mine) == 3 else 0


class Oracle:
    """Answers from the frames of a city, one case at a time."""

    def __init__(self, city, frames: dict[str, pd.DataFrame], crosswalk: dict[str, str]) -> None:
        self.city, self.crosswalk = city, crosswalk
        self.frames = {k: v.to_dict("records") for k, v in frames.items()}
        for z in self.frames.get("zones", []):
            z["line"] = "Line" in z["geometry"].geom_type
            along = {"side": z["side"], "from_m": z["from_m"], "to_m": z["to_m"]}
            z["ground"] = footprint([z["geometry"]], [z["width_m"]], **along)[0]

    def rule(self, klass: str, at: pd.Timestamp) -> dict:
        """Values of the rules that hold for a class: the most specific that says something."""
        out = {"duty": "", "radius_m": 20.0, "department": "", "first": "owner"}
        rows = [r for r in self.frames.get("rules", []) if valid(r, at)]
        mine = [r for r in rows if takes(r["class"], klass) < 9]
        if not mine and klass in self.crosswalk:
            mine = [r for r in rows if takes(r["class"], self.crosswalk[klass]) < 9]
        for r in sorted(mine, key=lambda r: (-level(r["class"]), r["class"])):
            for key, value in r.items():
                if key in out and value != "" and not (isinstance(value, float) and math.isnan(value)):
                    out[key] = value
        return out

    def stands(self, code: str, at: pd.Timestamp) -> str:
        """Who stands for a department at an instant: itself, or the nearest above it that is there; "" for nobody."""
        seen = set()
        while code and code not in seen:
            seen.add(code)
            versions = [d for d in self.frames["departments"] if d["code"] == code]
            if any(valid(d, at) for d in versions):
                return code
            versions.sort(
                key=lambda d: pd.Timestamp.min.tz_localize("UTC") if pd.isna(d["valid_from"]) else d["valid_from"]
            )
            begun = [d for d in versions if pd.isna(d["valid_from"]) or d["valid_from"] <= at]
            code = (begun[-1] if begun else versions[0])["parent"]
        return ""

    def owner(self, component: dict, at: pd.Timestamp, never: set[str]) -> str:
        rule = self.rule(component["class"], at)
        turns = [component[d] for d in TURNS[rule["duty"] or "owning"]]
        return self.first([*turns, rule["department"]], at, never)

    def first(self, codes: list[str], at: pd.Timestamp, never: set[str]) -> str:
        """The first of some departments that is there, or stood for, and that no zone keeps out."""
        standing = [self.stands(code, at) for code in codes]
        return next((code for code in standing if code and code not in never), "")

    def answer(self, x: float, y: float, klass: str, at: pd.Timestamp, named: str = "", error_m: float = 0.0) -> dict:
        px, py = mm(x), mm(y)
        hit = {}
        for name, rows in (("unit", self.frames.get("units", [])), *((s, None) for s in self._sets())):
            rows = rows if rows is not None else [a for a in self.frames["areas"] if a["set"] == name]
            covering = [r for r in rows if valid(r, at) and side(px, py, r["geometry"])]
            hit[name] = min(covering, key=lambda r: r["code"]) if covering else None
        out = {k: (v["code"] if v else "") for k, v in hit.items()}
        rule = self.rule(klass, at) if klass else {"duty": "", "first": "owner", "department": ""}
        zones = self.zones(px, py, klass, rule["duty"], at)
        never = {self.stands(z["department"], at) for z in zones if z["effect"] == "never"} - {""}
        steps = [lambda: self.by_component(px, py, klass, at, named, error_m, never),
                 lambda: self.by_zone(zones, "gives", at, never)]  # fmt: skip
        if rule["first"] == "locality":
            steps.reverse()
        for step in (lambda: self.by_zone(zones, "only", at, never), *steps):
            if found := step():
                return out | found
        held = [hit[s] for s in self.city.territory if hit.get(s)]
        if not held:
            return out | {"rule": "outside", "department": ""}
        department = self.first([rule["department"], *(area["department"] for area in held)], at, never)
        return out | {"rule": "territory" if department else "unowned", "department": department}

    def zones(self, px: int, py: int, klass: str, duty: str, at: pd.Timestamp) -> list[dict]:
        """Zones that cover a place, take the class and its duty and are valid, in order of precedence."""
        zones = []
        for z in self.frames.get("zones", []):
            items = z["classes"].split()
            if z["duty"] and duty and z["duty"] != duty:
                continue
            if valid(z, at) and min(takes(i, klass) for i in items) < 9 and side(px, py, z["ground"]):
                rank = 2**31 - 1 if pd.isna(z["rank"]) else int(z["rank"])
                broadest = max(level(i) for i in items)
                zones.append((rank, broadest, not z["line"], shapely.area(z["ground"]), z["code"], z))
        return [z for *_, z in sorted(zones, key=lambda t: t[:5])]

    def by_zone(self, zones: list[dict], effect: str, at: pd.Timestamp, never: set[str]) -> dict:
        for z in zones:
            department = self.first([z["department"]], at, never)
            if (z["effect"] or "gives") == effect and department:
                rule = "zone_line" if z["line"] else "zone_area"
                return {"rule": rule, "department": department, "zone": z["code"]}
        return {}

    def by_component(
        self, px: int, py: int, klass: str, at: pd.Timestamp, named: str, error_m: float, never: set[str]
    ) -> dict:
        components = [c for c in self.frames.get("components", []) if valid(c, at)]
        for c in components:
            if named and c["code"] == named and self.owner(c, at, never):
                return {"rule": "component_named", "department": self.owner(c, at, never), "component": named}
        if ":C" not in klass:
            return {}
        same = self.crosswalk.get(klass, klass)
        reach = mm(self.rule(klass, at)["radius_m"]) + mm(error_m)
        near = []
        for c in components:
            if self.crosswalk.get(c["class"], c["class"]) == same:
                d = (mm(c["geometry"].x) - px) ** 2 + (mm(c["geometry"].y) - py) ** 2
                if d <= reach * reach:
                    near.append((d, c["code"], c))
        c = min(near, key=lambda t: t[:2])[2] if near else None
        if c and self.owner(c, at, never):
            return {"rule": "component_nearest", "department": self.owner(c, at, never), "component": c["code"]}
        return {}

    def _sets(self) -> list[str]:
        return sorted({a["set"] for a in self.frames["areas"]})
