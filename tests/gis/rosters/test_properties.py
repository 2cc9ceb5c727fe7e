"""Random rosters against plain loops: who is on duty, holes, the chain, rings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.rosters import Where, chain, contradiction, gaps, holes, on_duty
from gis.rosters.duty import EARLIEST, LATEST, POST, micros
from tests import town
from tests.gis.rosters import naive

DAYS = [pd.Timestamp("2026-07-01", tz="UTC") + pd.Timedelta(days=d) for d in range(8)]
PLACES = [("", "", "", ""), ("street", "S1", "", ""), ("street", "S2", "", ""), ("community", "C1", "", ""),
          ("", "", "road", "R1"), ("", "", "zone", "R1")]  # fmt: skip
WHERES = [
    Where(),
    Where((("street", "S1"),)),
    Where((("community", "C1"), ("street", "S1")), (("road", "R1"),)),
    Where((("street", "S2"), ("community", "C1")), (("zone", "R1"), ("road", "R1"))),
]
TEAMS = "ABCD"


@st.composite
def turns(draw) -> dict:
    begin = draw(st.sampled_from([None, *DAYS[:-1]]))
    end = draw(st.sampled_from([None, *[d for d in DAYS if begin is None or d > begin]]))
    set_, area, kind, place = draw(st.sampled_from(PLACES))
    above = draw(st.sampled_from(["", "", *TEAMS, "@1+5", "@enforcement"]))
    return {
        "team": draw(st.sampled_from(TEAMS)),
        "person": draw(st.sampled_from("甲乙丙")),
        "kind": draw(st.sampled_from(["chief", "chief", "1+5", "enforcement", "", "zz"])),
        "tier": draw(st.sampled_from([np.nan, 1.0, 2.0, 3.0])),
        "role": draw(st.sampled_from(["", "chief", "副街长", "队长", "patrol"])),
        "area_set": set_, "area": area, "place_kind": kind, "place": place,
        "reports_to": above,
        "after_hours": draw(st.sampled_from([0.0, 4.0, 24.0])) if above else np.nan,
        "valid_from": begin or pd.NaT, "valid_to": end or pd.NaT,
    }  # fmt: skip


@st.composite
def rosters(draw, most: int = 14) -> tuple[pd.DataFrame, list[dict]]:
    rows = draw(st.lists(turns(), max_size=most))
    kept: list[dict] = []
    for row in rows:  # as the record holds them: one truth at a time of a person in a team
        mine = [r for r in kept if (r["team"], r["person"]) == (row["team"], row["person"])]
        ends = [(_low(r["valid_from"]), _high(r["valid_to"])) for r in (*mine, row)]
        if all(b >= ends[-1][1] or e <= ends[-1][0] for b, e in ends[:-1]):
            kept.append(row | {"n": len(kept)})
    frame = town.frame("rosters", kept)
    return frame.set_axis(range(len(kept))), kept


def _low(stamp):
    return pd.Timestamp("1900", tz="UTC") if pd.isna(stamp) else stamp


def _high(stamp):
    return pd.Timestamp("2900", tz="UTC") if pd.isna(stamp) else stamp


@settings(max_examples=120, deadline=None)
@given(rosters(), st.sampled_from(WHERES), st.sampled_from([DAYS[0] - pd.Timedelta(days=1), *DAYS]))
def test_who_is_on_duty_and_who_is_not(made, where, at):
    frame, rows = made
    assert list(on_duty(frame, where, at).index) == naive.on_duty(rows, where, at)
    found = {
        (h.kind, h.tier, h.area_set, h.area, h.place_kind, h.place): (
            None if pd.isna(h.begin) else h.begin, None if pd.isna(h.end) else h.end,
            h.last_team, h.next_team, h.next_person,
        )
        for h in holes(frame, where, at, nobody=False)
    }  # fmt: skip
    assert found == naive.holes(rows, where, at)
    assert all(h.sentence() for h in holes(frame, where, at))


@settings(max_examples=120, deadline=None)
@given(rosters(), st.sampled_from(WHERES), st.sampled_from(DAYS))
def test_the_chain_climbs_as_a_loop_does(made, where, at):
    frame, rows = made
    steps, broken = chain(frame, where, at)
    told = [(s.team, s.person, None if s.after_hours is None else s.after_hours) for s in steps]
    assert told == naive.chain(rows, where, at)
    assert [s.step for s in steps] == list(range(1, len(steps) + 1))
    assert sum(s.person is None for s in steps) <= len(broken)


@settings(max_examples=120, deadline=None)
@given(rosters(20))
def test_rings_are_found_and_only_rings(made):
    frame, rows = made
    rows = [r | {"after_hours": 4.0 if r["reports_to"] else np.nan} for r in rows]
    ways: dict[str, str] = {}
    for r in rows:  # a team turns to one team only
        if r["reports_to"]:
            r["reports_to"] = ways.setdefault(r["team"], r["reports_to"])
    frame = town.frame("rosters", rows)
    moments = [DAYS[0] - pd.Timedelta(days=1), *DAYS]
    assert ("ring" in contradiction(frame)) == any(naive.in_ring(rows, at) for at in moments)


@settings(max_examples=80, deadline=None)
@given(rosters(), st.sampled_from([POST, ("team",)]))
def test_gaps_are_what_no_turn_covers(made, by):
    frame, rows = made
    found = gaps(frame, by=by)
    assert (found["begin"] < found["end"]).all()
    for at in (DAYS[0] - pd.Timedelta(days=1), *DAYS):
        groups: dict = {}
        for r in rows:
            groups.setdefault(naive.post(r) if by == POST else r["team"], []).append(naive.holds(r, at))
        missing = sum(not any(held) for held in groups.values())
        now = micros(at)
        assert ((found["begin"] <= now) & (now < found["end"])).sum() == missing
    ends = found[["begin", "end"]].to_numpy()
    assert ((ends == EARLIEST) | (ends == LATEST) | (np.abs(ends) < 10**17)).all()


def test_no_rows_have_no_gaps():
    assert len(gaps(town.frame("rosters", []))) == 0
    assert [h.lacking for h in holes(town.frame("rosters", []), WHERES[1], DAYS[0])] == [
        "no roster looks after this place"
    ]


@pytest.mark.parametrize("where", WHERES)
def test_a_roster_of_nobody_has_no_chain(where):
    assert chain(town.frame("rosters", []), where, DAYS[0]) == ([], [])
