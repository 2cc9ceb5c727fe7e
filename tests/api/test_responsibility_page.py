"""What the responsibility page is made from: its languages, classes, units by code, shapes around a place."""

from __future__ import annotations

import re

import pytest
import shapely
from shapely.geometry import shape

from gis import counts, store
from gis.crs import to_city
from tests import town
from tests.api.conftest import Served, degrees

HERE = "/maps/responsibility"


@pytest.mark.parametrize(
    ("query", "browser", "lang"),
    [
        ({}, "", "zh-CN"),
        ({}, "fr-FR,fr;q=0.9", "zh-CN"),
        ({}, "fr,en-GB;q=0.8,zh;q=0.5", "en"),
        ({}, "zh-TW,en;q=0.9", "zh-CN"),
        ({"lang": "en"}, "zh-CN", "en"),
        ({"lang": "zh"}, "en", "zh-CN"),
    ],
)
def test_the_language_is_the_links_else_the_browsers(served: Served, query: dict, browser: str, lang: str):
    page = served.client.get(HERE, params=query, headers={"accept-language": browser})
    assert page.status_code == 200 and f'<html lang="{lang}" ' in page.text
    assert ("责任查询" in page.text) == (lang == "zh-CN") and ("Who is responsible" in page.text) == (lang == "en")
    assert (town.CITY.name if lang == "zh-CN" else "Xiao Town") in page.text


def test_the_page_asks_nobody_but_us_and_carries_no_answer(served: Served):
    page = served.get(HERE, lon="1", lat="<script>alert(1)</script>", **{"class": "</script>"})
    assert page.status_code == 200 and "alert(1)" not in page.text
    addresses = re.findall(r"""(?:src|href|action)=["']([^"']+)|url\(([^)]+)\)|["'](https?:[^"']+)""", page.text)
    assert addresses and all((a or b or c).startswith(("/", "data:", "?lang=", "#")) for a, b, c in addresses)
    nonce = re.search(r"'nonce-([^']+)'", page.headers["content-security-policy"])[1]
    assert re.findall(r"<script(?![^>]*(?:src=|nonce=))", page.text) == [] and f'nonce="{nonce}"' in page.text


@pytest.mark.parametrize(
    ("path", "query", "at"),
    [
        ("", {"lang": "fr"}, "lang"),
        ("", {"department": "X"}, "department"),
        ("/around.json", {"lon": 111}, "lat"),
        ("/around.json", {"lon": 111, "lat": 91}, "lon, lat"),
        ("/around.json", {"lon": "nan", "lat": 35}, "lon, lat"),
        ("/around.json", {"lon": 111, "lat": 35, "at": "soon"}, "at"),
        ("/around.json", {"lon": 111, "lat": 35, "known_at": "2026-13-01"}, "known_at"),
        ("/around.json", {"lon": 111, "lat": 35, "reach_m": -1}, "reach_m"),
        ("/units.json", {}, "code"),
        ("/units.json", {"code": " "}, "code"),
        ("/units.json", {"code": "1", "at": "soon"}, "at"),
    ],
)
def test_bad_questions_are_one_clear_line(served: Served, path: str, query: dict, at: str):
    answer = served.get(HERE + path, **query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["at"] == at and "\n" not in answer.json()["detail"]


def test_all_classes_can_be_chosen(served: Served):
    answer = served.get(f"{HERE}/classes.json")
    engine = store.connect(served.dsn)
    book = counts.class_book(engine)
    engine.dispose()
    found = answer.json()["classes"]
    assert [row[0] for row in found] == book.texts.tolist()
    cover = next(row for row in found if row[0] == "2026:C01003")
    assert cover[1] == "雨水井盖" and cover[2] and cover[4] == "2026:C01"
    again = served.client.get(f"{HERE}/classes.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_units_by_the_beginning_of_their_code(served: Served):
    units = town.layers()["units"].set_index("code").geometry
    some = units.index[0]
    found = served.get(f"{HERE}/units.json", code=some).json()["units"]
    assert [one["code"] for one in found] == [some]
    x, y = to_city([found[0]["lon"]], [found[0]["lat"]], "EPSG:4326", town.CITY.srid)
    assert units[some].contains(shapely.Point(x[0], y[0]))
    several = [one["code"] for one in served.get(f"{HERE}/units.json", code=some[:9]).json()["units"]]
    assert several == sorted(code for code in units.index if code.startswith(some[:9]))[:8] and len(several) > 1
    for none in ("no such", "%", "_" * len(some), "\\"):
        assert served.get(f"{HERE}/units.json", code=none).json() == {"units": []}


def test_shapes_around_a_place_are_those_of_the_record(served: Served):
    layers = town.layers()
    at = {"lon": 0.0, "lat": 0.0} | degrees(233, 171)
    unit = served.get("/v1/resolve", **at).json()["unit"]["code"]
    component = layers["components"]["code"].iloc[0]
    found = served.get(f"{HERE}/around.json", **at, unit=unit, components=f"{component}\nnone").json()
    x, y = to_city([at["lon"]], [at["lat"]], "EPSG:4326", town.CITY.srid)
    place = shapely.Point(x[0], y[0])
    by_kind: dict[str, set[str]] = {}
    for one in found["features"]:
        by_kind.setdefault(one["properties"]["kind"], set()).add(one["properties"]["code"])
        assert shape(one["geometry"]).is_valid
    areas = layers["areas"]
    assert by_kind["area"] == set(areas["code"][areas.geometry.covers(place)])
    assert by_kind["unit"] == {unit} and by_kind["component"] == {component}
    resolved = served.get("/v1/resolve", **at).json()
    zones = [one for one in resolved["candidates"] if one["rule"].startswith("zone")]
    told = {one["evidence"].split()[1] for one in zones if not (one["why_lost"] or "").startswith("not valid then")}
    assert told == by_kind["zone"] and len(told) < len(zones), "one zone here does not hold now"
    names = layers["departments"].set_index("code")["name"]
    assert {code: one["name"] for code, one in found["departments"].items()} == names.to_dict()


def test_far_away_there_is_nothing(served: Served):
    found = served.get(f"{HERE}/around.json", lon=-170, lat=-80).json()
    assert found["features"] == [] and found["departments"]
    before = served.get(f"{HERE}/around.json", **degrees(250, 150), known_at="1999-01-01").json()
    assert before["features"] == [] and before["departments"] == {}
