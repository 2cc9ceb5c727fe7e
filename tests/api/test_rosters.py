"""Rosters over HTTP: who is on duty, the chain up to enforcement, holes by name."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema
import pytest

from api.app import create_app
from gis import postgis, store
from tests import town
from tests.api.conftest import ORDER, Served, degrees, serving, settings
from tests.conftest import database_name
from tests.gis.rosters import town_rosters
from tests.gis.rosters.town_rosters import COMMUNITY, STREET, UNIT

AT = "2026-07-15"


@pytest.fixture(scope="module")
def manned(cluster: postgis.Cluster) -> Iterator[Served]:
    """The town with its rosters, served."""
    name = database_name("api_rosters")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, town.CITY)
    frames = town_rosters.layers()
    for layer in (*ORDER, "roads", "rosters"):
        report = store.load(engine, layer, frames[layer])
        assert not len(report.rejects), report.rejects.to_string()
    engine.dispose()
    with serving(create_app(settings(dsn)), dsn) as service:
        yield service
    postgis.drop_database(name)


def test_three_tiers_the_1_and_5_and_this_months_patrol(manned: Served):
    told = manned.get("/v1/rosters", unit=COMMUNITY + "004", at=AT).json()
    assert told["unit"] == COMMUNITY + "004" and told["at"] == "2026-07-14T16:00:00Z"
    assert [(a["set"], a["code"]) for a in told["areas"]] == [
        ("community", COMMUNITY), ("patrol", "P1"), ("street", STREET), ("district", "140802")
    ]  # fmt: skip
    chiefs = [(d["tier"], d["person"]) for d in told["on_duty"] if d["kind"] == "chief"]
    assert chiefs == [(3, "周路"), (3, "王一"), (2, "李街"), (1, "赵区")]
    assert told["places"] == [{"kind": "road", "code": "w1", "name": "解放路"}]
    assert next(d["person"] for d in told["on_duty"] if d["kind"] == "1+5") == "钱长"
    assert sum(d["kind"] == "1+5" for d in told["on_duty"]) == 6
    assert [d["person"] for d in told["on_duty"] if d["kind"] == "patrol"] == ["孙甲", "孙乙"]
    assert told["holes"] == []


def test_the_chain_climbs_to_the_enforcement_of_the_place(manned: Served):
    chain = manned.get("/v1/rosters", **degrees(20, 80), at=AT).json()["chain"]
    assert [(c["step"], c["team"], c["person"], c["after_hours"]) for c in chain] == [
        (1, "C1", "王一", 0), (2, "S1", "李街", 4), (3, "D1", "赵区", 28), (4, "执1", "郑队", 76)
    ]  # fmt: skip
    assert [c["name"] for c in chain] == ["东街道办", "东街道办", "盐湖区政府", "执法队"]
    assert [c["phone"] for c in chain] == ["1-1", "2-1", None, None]


def test_a_hole_is_told_by_name(manned: Served):
    told = manned.get("/v1/rosters", unit=UNIT, at="2026-09-05T12:00").json()
    assert [h["what"] for h in told["holes"]] == [
        "nobody on the roster of team C1 (chief of community 140802001001) from 2026-09-01 00:00 to 2026-09-10 00:00; "
        "the next is 王二 of team C1"
    ]
    hole = told["holes"][0]
    assert (hole["from"], hole["to"]) == ("2026-08-31T16:00:00Z", "2026-09-09T16:00:00Z")
    assert hole["next"] == {"team": "C1", "person": "王二", "from": "2026-09-09T16:00:00Z"}
    # the road's chief is nearer than the community's; away from the road the chain begins with nobody
    assert told["chain"][0]["person"] == "周路"
    away = manned.get("/v1/rosters", **degrees(20, 80), at="2026-09-05T12:00").json()
    assert [(c["team"], c["person"]) for c in away["chain"]][:2] == [("C1", None), ("S1", "李街")]


def test_a_month_without_a_patrol(manned: Served):
    told = manned.get("/v1/rosters", **degrees(90, 190), at="2026-08-10").json()
    assert [h["what"] for h in told["holes"]] == [
        "nobody on the roster of the patrol of patrol P1 (last team 巡一) from 2026-08-01 00:00 to 2026-09-01 00:00; "
        "the next is 吴甲 of team 巡二"
    ]


def test_where_no_chief_has_a_post(manned: Served):
    told = manned.get("/v1/rosters", **degrees(350, 390), at=AT).json()
    assert [h["what"] for h in told["holes"]] == [
        "no chief of tier 3 has a post here", "no chief of tier 2 has a post here",
        "no enforcement team has a post here, where team D1 turns to",
    ]  # fmt: skip
    assert [c["person"] for c in told["chain"]] == ["赵区"]


def test_a_zone_has_a_roster_of_its_own(manned: Served):
    told = manned.get("/v1/rosters", **degrees(260, 150), at=AT).json()
    assert ("市场", "zone", "Z2") in [(d["team"], d["place_kind"], d["place"]) for d in told["on_duty"]]
    assert ("zone", "Z2") in [(p["kind"], p["code"]) for p in told["places"]]


def test_a_place_outside(manned: Served):
    told = manned.get("/v1/rosters", **degrees(3000, 0), at=AT).json()
    assert told["on_duty"] == [] and told["chain"] == [] and told["unit"] is None
    assert [h["what"] for h in told["holes"]] == ["this place lies in no area of 小镇 on record at that time"]


def test_answers_fit_their_description(manned: Served):
    described = manned.get("/openapi.json").json()["paths"]["/v1/rosters"]["get"]
    assert [p["name"] for p in described["parameters"]] == ["unit", "lon", "lat", "at", "known_at"]
    schema = described["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for x, y in ((20, 80), (120, 8), (350, 390), (260, 150), (3000, 0)):
        for when in (AT, "2026-09-05", "2025-01-01", ""):
            told = manned.get("/v1/rosters", **degrees(x, y), at=when).json()
            check.validate(told)
    assert not check.is_valid(told | {"chain": [{}]})


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, "no place is given; send unit, or lon and lat"),
        ({"unit": UNIT, "lon": 111}, "not both"),
        ({"lon": 111}, "send lon and lat"),
        ({"lon": 511, "lat": 35}, "511 is no lon"),
        ({"lon": "x", "lat": 35}, "number"),
        ({"lon": "nan", "lat": 35}, "nan is no lon"),
        ({"unit": "a\x00b"}, "null character"),
        ({"unit": "1" * 300}, "too long"),
        ({"unit": UNIT, "at": "2026-02-31"}, "is no time"),
        ({"unit": UNIT, "known_at": "soon"}, "is no time"),
        ({"unit": UNIT, "known_at": "2020-01-01"}, "is before the first record"),
        ({"unit": UNIT, "known_at": "2190-01-01"}, "has not come"),
        ({"unit": UNIT, "when": "now"}, "unknown parameter"),
    ],
)
def test_wrong_questions_are_refused_in_one_line(manned: Served, query: dict, says: str):
    answer = manned.get("/v1/rosters", **query)
    assert answer.status_code == 422 and says in answer.json()["detail"], answer.json()


def test_an_unknown_unit_is_404(manned: Served):
    answer = manned.get("/v1/rosters", unit="1", at=AT)
    assert answer.status_code == 404 and "no unit '1' at 2026-07-14T16:00:00+00:00" in answer.json()["detail"]


def test_a_city_without_rosters_says_so(served: Served):
    told = served.get("/v1/rosters", unit=UNIT).json()
    assert [h["what"] for h in told["holes"]] == ["no roster is on record"] and told["chain"] == []
