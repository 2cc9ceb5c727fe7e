"""A monthly rotation written out as rows."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.rosters import Where, gaps, on_duty, rotate
from grids.errors import InputError
from tests import town

TWO = pd.DataFrame({"team": ["A", "A", "B"], "person": ["Li", "Wu", "He"], "kind": "patrol", "phone": ["1", "2", "3"]})


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 3), st.integers(1, 30), st.integers(-7, 7), st.integers(0, 29))
def test_every_area_has_a_team_at_every_instant(areas: int, more: int, months: int, step: int, ask: int):
    teams = areas + more
    members = pd.DataFrame({"team": [f"T{t}" for t in range(teams)], "person": [f"p{t}" for t in range(teams)]})
    codes = [f"P{i}" for i in range(areas)]
    zone = "Europe/Berlin"  # whose clocks change
    plan = rotate(members, area_set="patrol", areas=codes, first="2026-03", months=months, zone=zone, step=step)
    frame = town.frame("rosters", plan.to_dict("records"))
    month = pd.Timestamp("2026-03-01", tz=zone) + pd.DateOffset(months=ask % months)
    for at in (month, month + pd.DateOffset(months=1) - pd.Timedelta("1us")):
        for i, code in enumerate(codes):
            there = set(on_duty(frame, Where((("patrol", code),)), at.tz_convert("UTC"))["team"])
            assert there == {f"T{t}" for t in range(teams) if (t + (ask % months) * step) % areas == i}
    inner = gaps(frame)
    assert not ((inner["last"] >= 0) & (inner["next"] >= 0)).any()


def test_people_keep_what_is_told_of_them():
    plan = rotate(TWO, area_set="patrol", areas=["P1", "P2"], first="2026-12", months=2, zone="Asia/Shanghai")
    assert plan[["team", "person", "phone", "area"]].agg(" ".join, axis=1).tolist() == [
        "A Li 1 P1", "A Wu 2 P1", "B He 3 P2", "A Li 1 P2", "A Wu 2 P2", "B He 3 P1"
    ]  # fmt: skip
    ends = plan.loc[[0, 3], ["valid_from", "valid_to"]].to_numpy().ravel().tolist()
    assert [str(t)[:16] for t in ends] == [
        "2026-11-30 16:00",
        "2026-12-31 16:00",
        "2026-12-31 16:00",
        "2027-01-31 16:00",
    ]


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ({"areas": ["P1", "P2", "P3"]}, "2 teams for 3 areas: each month an area would have nobody"),
        ({"areas": ["P1", "P1"]}, "an area comes twice"),
        ({"areas": []}, "no teams or no areas"),
        ({"months": 0}, "0 months; 1 to 1200"),
        ({"first": "soon"}, "'soon' is no month"),
    ],
)
def test_plans_that_cannot_be(plan: dict, says: str):
    right = {"area_set": "patrol", "areas": ["P1", "P2"], "first": "2026-07", "months": 2, "zone": "UTC"}
    with pytest.raises(InputError, match=says):
        rotate(TWO, **(right | plan))
