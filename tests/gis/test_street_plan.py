"""The engine answers on the street plan as docs/street-plan.md works it out, and so do the plain loops."""

from __future__ import annotations

import pytest
import shapely

from gis.answer import explain
from gis.assign import Cases, assign
from gis.exact import footprint
from tests import street_plan, town
from tests.oracle import Oracle
from tests.town import X0, Y0

CASES = street_plan.worked()


@pytest.fixture(scope="module")
def snapshot():
    return street_plan.compiled()


def test_the_page_has_all_its_cases():
    assert [case.number for case in CASES] == list(range(1, 43))
    by = {case.by for case in CASES} | {"SITE", "BRIDGE"}
    assert by >= set(street_plan.layers()["zones"]["code"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.by or case.rule}")
def test_the_answer_is_the_one_on_paper(snapshot, case):
    x, y = X0 + case.x, Y0 + case.y
    cases = Cases.read(snapshot, [x], [y], [case.klass], components=[case.named], at=[case.at])
    row = assign(cases, snapshot).frame().iloc[0]
    assert (row["department"], row["rule"], row["on_edge"]) == (case.owner, case.rule, case.edge)
    assert case.by in (row["zone"], row["component"]) and (row["zone"] or row["component"]) == case.by
    full = explain(cases, 0, snapshot)
    assert (full["owner"] or {"department": ""})["department"] == case.owner
    joint = [one["department"] for one in full["joint"]]
    assert joint == (["EST"] if case.by == "BORDER" else [])
    told = Oracle(town.CITY, street_plan.layers(), {}).answer(x, y, case.klass, case.at, case.named)
    assert (told["rule"], told["department"]) == (case.rule, case.owner)


@pytest.mark.parametrize(
    ("number", "department", "why"),
    [
        (33, "RIV", "never here: zone BRIDGE"),
        (35, "LAMP", "a zone that says only decides before everything else"),
        (39, "ZJ", "its duty there is supervising, the class asks for disposing"),
        (40, "LAMP", "rule zone_area comes before component_named: the class's rule says locality first"),
        (22, "SWP", ""),
    ],
)
def test_who_lost_and_why(snapshot, number, department, why):
    case = CASES[number - 1]
    cases = Cases.read(snapshot, [X0 + case.x], [Y0 + case.y], [case.klass], components=[case.named], at=[case.at])
    losers = {one["department"]: one["why_lost"] for one in explain(cases, 0, snapshot)["candidates"][1:]}
    assert losers.get(department, "") == why


def test_the_company_that_ended_is_told(snapshot):
    case = CASES[20]
    cases = Cases.read(snapshot, [X0 + case.x], [Y0 + case.y], [case.klass], at=[case.at])
    told = "department SWP2 ended 2026-07-01T00:00:00Z; SWP, above it, stands for it"
    assert told in explain(cases, 0, snapshot)["why"]


def test_areas_of_the_grounds_are_those_on_paper(snapshot):
    """Rectangles to the millimetre; what is round within its 32 corners of a circle."""
    area = dict(zip(snapshot.codes("zones.code"), snapshot.arrays["zones.area_m2"], strict=False))
    exact = {"SHOPA": 150, "SHOPB": 150, "BANKN": 2700, "BANKS": 2700, "MEDIAN": 520, "LAWN": 6000, "SITE": 2500}
    for code, wanted in exact.items():
        assert area[code] == pytest.approx(wanted, abs=0.01), code
    round_ = {
        "BORDER": 400 * 20 + 100 * 3.1416, "SHOPC": 300 + 25 * 3.1416 / 4, "INNER": 2 * 60 * 10 - 100,
        "OUTER": 2 * 60 * 10 + 100 * 3.1416 / 4, "ARM": 56 * 12 + 36 * 3.1416 / 2, "RING": 3.1416 * (24**2 - 16**2),
    }  # fmt: skip
    for code, wanted in round_.items():
        assert area[code] == pytest.approx(wanted, rel=0.005), code


def test_left_and_right_of_a_line_share_only_the_line():
    zones = street_plan.layers()["zones"].set_index("code")
    bend = zones.geometry["BEND"]
    left, right = (footprint([bend], 10.0, side=side)[0] for side in ("left", "right"))
    assert shapely.area(shapely.intersection(left, right)) < 0.01
    both = shapely.buffer(bend, 10.0, cap_style="flat", quad_segs=8)
    assert shapely.area(shapely.symmetric_difference(shapely.union(left, right), both)) < 0.1
    back = [footprint([shapely.reverse(bend)], 10.0, side=side)[0] for side in ("right", "left")]
    assert shapely.equals(left, back[0]) and shapely.equals(right, back[1])
