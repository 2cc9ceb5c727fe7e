"""Rosters by plain loops, slow and obvious: what `gis.rosters` must agree with."""

from __future__ import annotations

import itertools

import pandas as pd

LEADERS = ["chief", "leader", "街长", "路长", "组长", "队长"]
DEPUTIES = ["deputy", "副街长", "副路长", "副组长", "副队长"]
KINDS = ["chief", "1+5", "patrol", "enforcement"]


def voice(row):
    return 0 if row["role"] in LEADERS else 1 if row["role"] in DEPUTIES else 2


def holds(row, at):
    return (pd.isna(row["valid_from"]) or row["valid_from"] <= at) and (
        pd.isna(row["valid_to"]) or at < row["valid_to"]
    )


def near(row, where):
    places = [("p", *t) for t in where.things] + [("a", *a) for a in where.areas]
    if not row["place"] and not row["area"]:
        return len(places)
    key = ("p", row["place_kind"], row["place"]) if row["place"] else ("a", row["area_set"], row["area"])
    return places.index(key) if key in places else -1


def on_duty(rows, where, at):
    def told(row):
        kind = KINDS.index(row["kind"]) if row["kind"] in KINDS else len(KINDS)
        tier = 0 if pd.isna(row["tier"]) else -row["tier"]
        return (kind, row["kind"], tier, near(row, where), row["team"], voice(row), row["person"])

    found = [r for r in rows if near(r, where) >= 0 and holds(r, at)]
    return [r["n"] for r in sorted(found, key=told)]


def post(row):
    tier = None if pd.isna(row["tier"]) else int(row["tier"])
    return (row["kind"], tier, row["area_set"], row["area"], row["place_kind"], row["place"])


def hole(rows, at):
    """Begin, end, last team, next team, next person of a group that nobody holds."""
    if any(holds(r, at) for r in rows):
        return None
    before = [r for r in rows if not pd.isna(r["valid_to"]) and r["valid_to"] <= at]
    after = [r for r in rows if not pd.isna(r["valid_from"]) and r["valid_from"] > at]
    begin = max((r["valid_to"] for r in before), default=None)
    end = min((r["valid_from"] for r in after), default=None)

    def spoken(some):
        return min(some, key=lambda r: (r["team"], voice(r), r["person"]))

    last = spoken([r for r in before if r["valid_to"] == begin]) if before else None
    first = spoken([r for r in after if r["valid_from"] == end]) if after else None
    return begin, end, last, first


def holes(rows, where, at):
    here = [r for r in rows if near(r, where) >= 0]
    out = {}
    for key in {post(r) for r in here}:
        found = hole([r for r in here if post(r) == key], at)
        if found:
            begin, end, last, first = found
            out[key] = (begin, end, last["team"] if last else "", first["team"] if first else "",
                        first["person"] if first else "")  # fmt: skip
    return out


def chain(rows, where, at):
    """(team, person or None, hours or None) of each step."""
    here = [r for r in rows if near(r, where) >= 0]
    chiefs = [r for r in here if r["kind"] == "chief"]
    if chiefs:
        tier = max(0 if pd.isna(r["tier"]) else r["tier"] for r in chiefs)
        chiefs = [r for r in chiefs if (0 if pd.isna(r["tier"]) else r["tier"]) == tier]
        smallest = min(near(r, where) for r in chiefs)
        group = [r for r in chiefs if near(r, where) == smallest]
    else:
        ready = [n for n in on_duty(rows, where, at) if next(r for r in rows if r["n"] == n)["reports_to"]]
        if not ready:
            return []
        first = next(r for r in rows if r["n"] == ready[0])
        group = [r for r in rows if r["team"] == first["team"]]
    out, hours, seen = [], 0.0, set()
    for _ in itertools.count():
        there = [r for r in group if holds(r, at)]
        if there:
            row, person = min(there, key=lambda r: (r["team"], voice(r), r["person"])), True
        else:
            _, _, last, first = hole(group, at)
            row, person = last or first, False
        if row["team"] in seen:
            return out
        seen.add(row["team"])
        out.append((row["team"], row["person"] if person else None, hours))
        told = row
        if not told["reports_to"]:
            said = [r for r in rows if r["team"] == row["team"] and holds(r, at) and r["reports_to"]]
            if not said:
                return out
            told = min(said, key=lambda r: (voice(r), r["person"]))
        hours += told["after_hours"]
        above = told["reports_to"]
        if above.startswith("@"):
            group = [r for r in here if r["kind"] == above[1:]]
            smallest = min((near(r, where) for r in group), default=0)
            group = [r for r in group if near(r, where) == smallest]
        else:
            group = [r for r in rows if r["team"] == above]
        if not group:
            return out


def in_ring(rows, at):
    """Whether teams turn to each other in a ring at an instant."""
    steps: dict[str, set[str]] = {}
    for r in rows:
        if holds(r, at) and r["reports_to"]:
            above = r["reports_to"]
            teams = {q["team"] for q in rows if holds(q, at) and "@" + q["kind"] == above} | {above}
            steps.setdefault(r["team"], set()).update(teams)
    for team in steps:
        reached, ahead = set(), [team]
        while ahead:
            for above in steps.get(ahead.pop(), ()):
                if above == team:
                    return True
                if above not in reached:
                    reached.add(above)
                    ahead.append(above)
    return False
