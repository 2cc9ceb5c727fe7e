"""Hotspots over HTTP: joined from cells that touch, in figures that plain SQL gives too, in files that open again."""

from __future__ import annotations

import io
import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg2
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import shape

from api.pages import heat
from tests.api.conftest import Served

ASKED = {"class": "2026:E09", "from": "2026-01-01", "to": "2026-07-01"}
ONES = "reported_at >= '2026-01-01T00:00+08' AND reported_at < '2026-07-01T00:00+08'"
E09 = "(c.edition || ':' || c.kind || c.class_code) = ANY (%(classes)s)"
FROM = (
    "FROM wanmi.cases c JOIN wanmi.answers a ON a.case_id = c.id WHERE c.geom IS NOT NULL AND a.unit = ANY (%(units)s)"
)


@pytest.fixture(scope="module")
def spots(served_demo: Served) -> list[dict]:
    found = served_demo.get("/v1/hotspots", joined=1, **ASKED).json()["features"]
    assert len(found) >= 2, "the demo has several hotspots"
    return found


def classes_of(served: Served) -> list[str]:
    """Classes of the group E09 of 2026, and those of 2013 that became them, by the record's own crosswalk."""
    sql = """
    SELECT edition || ':' || kind || code FROM wanmi.classes WHERE edition = '2026' AND kind = 'E' AND major_code = '09'
    UNION SELECT '2013:' || x.kind || x.code_2013 FROM wanmi.crosswalk x
    JOIN wanmi.classes c ON c.edition = '2026' AND c.kind = x.kind AND c.code = x.code_2026
    WHERE c.kind = 'E' AND c.major_code = '09' AND x.match <> 'different'"""
    return [row[0] for row in rows(served, sql)]


def rows(served: Served, sql: str, **values: object) -> list[tuple]:
    with psycopg2.connect(served.dsn) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchall()
    connection.close()
    return found


def test_hotspots_are_cells_that_touch(served_demo: Served, spots: list[dict]):
    cells = served_demo.get("/v1/hotspots", hot=1, **ASKED).json()
    hot = {f["properties"]["code"]: f for f in cells["features"]}
    held = [code for spot in spots for code in spot["properties"]["codes"]]
    assert sorted(held) == sorted(hot), "each hot cell is in one hotspot"
    for spot in spots:
        mine = [hot[code]["properties"] for code in spot["properties"]["codes"]]
        told = spot["properties"]
        assert told["cases"] == sum(one["cases"] for one in mine) and told["cells"] == len(mine)
        assert told["z"] == max(one["z"] for one in mine) and told["id"] == max(mine, key=lambda one: one["z"])["code"]
        together = shapely.union_all([shape(hot[code]["geometry"]) for code in told["codes"]])
        assert shape(spot["geometry"]).symmetric_difference(together).area < 1e-3 * together.area
        assert shape(spot["geometry"]).contains(shapely.Point(told["lon"], told["lat"]))
    apart = [shape(spot["geometry"]).buffer(1e-7) for spot in spots]
    assert not any(a.intersects(b) for i, a in enumerate(apart) for b in apart[:i]), "hotspots do not touch"
    assert [s["properties"]["rank"] for s in spots] == list(range(1, len(spots) + 1))
    strength = [s["properties"]["z"] for s in spots]
    assert strength == sorted(strength, reverse=True)


def test_the_figures_of_a_hotspot_are_those_of_plain_sql(served_demo: Served, spots: list[dict]):
    classes = classes_of(served_demo)
    for spot in spots[:3]:
        about = spot["properties"]
        told = served_demo.get(f"/v1/hotspots/{about['id']}", **ASKED).json()
        values = {"units": about["codes"], "classes": classes}
        (count,) = rows(served_demo, f"SELECT count(*) {FROM} AND {ONES} AND {E09}", **values)[0]
        assert told["cases"] == told["counted"] == about["cases"] == count > 0
        by = f"SELECT coalesce(a.department, ''), count(*) {FROM} AND {ONES} AND {E09} GROUP BY 1"
        owners = dict(rows(served_demo, by, **values))
        assert {one["department"] or "": one["cases"] for one in told["departments"]} == owners
        names = dict(rows(served_demo, "SELECT code, name FROM wanmi.departments"))
        assert all(one["name"] == names[one["department"]] for one in told["departments"] if one["department"])
        assert told["departments"][0]["share"] == round(max(owners.values()) / count, 4)
        by = f"SELECT c.channel, count(*) {FROM} AND {ONES} AND {E09} GROUP BY 1"
        assert {one["channel"]: one["cases"] for one in told["channels"]} == dict(rows(served_demo, by, **values))
        assert sum(one["cases"] for one in told["classes"]) == count
        assert all(one["class"].startswith("2026:E09") for one in told["classes"])
        month = "to_char(reported_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-01')"
        by_month = dict(rows(served_demo, f"SELECT {month}, count(*) {FROM} AND {E09} GROUP BY 1", **values))
        course = told["trend"]
        assert course["unit"] == "month"
        assert {b["from"]: b["cases"] for b in course["bins"] if b["cases"]} == by_month
        assert [b["from"][:7] for b in course["bins"] if b["within"]] == [f"2026-0{k}" for k in range(1, 7)]
        assert sum(b["expected"] for b in course["bins"]) == pytest.approx(sum(by_month.values()), rel=0.01)


def test_the_list_of_cases_is_that_of_plain_sql(served_demo: Served, spots: list[dict]):
    about = spots[0]["properties"]
    found = served_demo.get(f"/v1/hotspots/{about['id']}/cases", limit=500, **ASKED).json()
    values = {"units": about["codes"], "classes": classes_of(served_demo)}
    sql = f"SELECT c.id {FROM} AND {ONES} AND {E09} ORDER BY reported_at DESC, c.id"
    ids = [row[0] for row in rows(served_demo, sql, **values)]
    assert found["total"] == len(ids) == about["cases"] and found["shown"] == len(found["cases"]) == min(500, len(ids))
    assert [one["id"] for one in found["cases"]] == ids[:500]
    assert set(found["cases"][0]) == {
        "id", "reported_at", "class", "name_zh", "name_en", "channel", "department", "status", "address", "unit", "lon",
        "lat",
    }  # fmt: skip
    few = served_demo.get(f"/v1/hotspots/{about['id']}/cases", limit=3, **ASKED).json()
    assert few["shown"] == 3 and few["total"] == found["total"]


def test_stability_is_that_of_the_cells(served_demo: Served, spots: list[dict]):
    about = spots[0]["properties"]
    told = served_demo.get(f"/v1/hotspots/{about['id']}/stability", **ASKED).json()
    cells = served_demo.get("/v1/hotspots", stability=1, hot=1, **ASKED).json()
    mine = [f["properties"] for f in cells["features"] if f["properties"]["code"] in about["codes"]]
    share = sum(one["stable"] * one["cases"] for one in mine) / sum(one["cases"] for one in mine)
    assert told["known"] and told["share"] == pytest.approx(share, abs=1e-3) and told["settings"] == 24
    none = served_demo.get("/v1/hotspots", joined=1, method="clusters", least=5, **ASKED).json()["features"]
    other = f"/v1/hotspots/{none[0]['properties']['id']}/stability"
    assert served_demo.get(other, method="clusters", least=5, **ASKED).json()["known"] is False


def test_without_measures_exposure_is_unknown_and_says_why(served_demo: Served, spots: list[dict]):
    told = served_demo.get(f"/v1/hotspots/{spots[0]['properties']['id']}/exposure", **ASKED).json()
    assert told["known"] is False and "not in the record" in told["why"]


@pytest.mark.parametrize(
    "way",
    [
        {"method": "moran"},
        {"cells": "h3:9"},
        {"cells": "plane"},
        {"method": "trend", "bin_days": 14},
        {"method": "clusters", "least": 5},
        {"method": "compare", "class": "2026:E"},
        {"exposure": "roads"},
    ],
)
def test_every_way_to_ask_has_hotspots_with_panels(served_demo: Served, way: dict):
    asked = ASKED | way
    found = served_demo.get("/v1/hotspots", joined=1, **asked)
    assert found.status_code == 200, found.text
    for feature in found.json()["features"][:2]:
        about = feature["properties"]
        told = served_demo.get(f"/v1/hotspots/{about['id']}", **asked).json()
        assert told["id"] == about["id"] and (told["counted"] >= about["cases"] > 0 or way.get("method") == "compare")
        assert sum(one["cases"] for one in told["departments"]) == told["counted"]


@pytest.mark.parametrize("joined", [0, 1])
def test_exports_open_again_and_say_the_same(served_demo: Served, spots: list[dict], joined: int):
    asked = ASKED | {"joined": joined, "hot": 1}
    plain = gpd.read_file(io.BytesIO(served_demo.get("/v1/hotspots", **asked).content))
    answer = served_demo.get("/v1/hotspots", format="parquet", **asked)
    assert "hotspots.parquet" in answer.headers["content-disposition"]
    cells = gpd.read_parquet(io.BytesIO(answer.content))
    assert cells.crs.is_projected and len(cells) == len(plain)
    assert cells["cases"].tolist() == plain["cases"].tolist() and np.allclose(cells["z"], plain["z"])
    assert cells.to_crs(4326).geometry.geom_equals_exact(plain.geometry, 1e-6).mean() > 0.9
    assert b"wanmi" in pq.read_schema(io.BytesIO(answer.content)).metadata
    table = pd.read_csv(io.BytesIO(served_demo.get("/v1/hotspots", format="csv", **asked).content))
    assert table["cases"].tolist() == plain["cases"].tolist() and table["lon"].between(110, 112).all()
    if joined:
        assert table["codes"].str.split().map(len).tolist() == plain["cells"].tolist()


@pytest.mark.parametrize(
    ("path", "query", "status", "says"),
    [
        ("/v1/hotspots", {"joined": 1, "method": "kde"}, 422, "kde has no hotspots"),
        ("/v1/hotspots", {"joined": 1, "method": "rates", "exposure": "roads"}, 422, "rates has no hotspots"),
        ("/v1/hotspots", {"format": "xlsx"}, 422, "geojson, parquet, csv"),
        ("/v1/hotspots/none", {}, 404, "no hotspot 'none' under this filter"),
        ("/v1/hotspots/<script>", {}, 404, "no hotspot"),
        ("/v1/hotspots/none/cases", {"limit": 0}, 422, "limit"),
        ("/v1/hotspots/none/exposure", {"class": "2026:E6"}, 422, "did you mean"),
        ("/maps/hotspots/timeline.json", {"step": "year"}, 422, "month or week"),
        ("/maps/hotspots", {"step": "year"}, 422, "month or week"),
        ("/maps/hotspots", {"method": "magic"}, 422, "method"),
        ("/tiles/heat/13/6621/3243.png", {"top": 0}, 422, "top"),
    ],
)
def test_bad_questions_are_one_clear_line(served_demo: Served, path: str, query: dict, status: int, says: str):
    answer = served_demo.get(path, **query)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["at"] + answer.json()["detail"] and "\n" not in answer.json()["detail"]


def test_the_timeline_adds_up(served_demo: Served):
    look = served_demo.get("/maps/hotspots/look.json", **ASKED).json()
    for step, first in (("month", "2026-01-01"), ("week", "2025-12-29")):
        told = served_demo.get("/maps/hotspots/timeline.json", step=step, **ASKED).json()
        bins = told["bins"]
        assert bins[0]["from"] == first and all(a["to"] == b["from"] for a, b in itertools.pairwise(bins))
        part = served_demo.get(
            "/maps/hotspots/look.json", **ASKED | {"from": bins[2]["from"], "to": bins[2]["to"]}
        ).json()
        assert part["counted"] == bins[2]["cases"] > 0
        assert told["top"] <= look["top"]
    months = served_demo.get("/maps/hotspots/timeline.json", step="month", **ASKED).json()["bins"]
    assert sum(one["cases"] for one in months) == look["counted"]


def test_one_scale_for_several_periods(served_demo: Served):
    paths = {top: served_demo.get("/tiles/heat/13/6621/3243.png", top=top) for top in (1, 1000)}
    assert paths[1].content != paths[1000].content and paths[1].headers["etag"] != paths[1000].headers["etag"]


def test_a_ramp_for_the_night(served_demo: Served):
    path = "/tiles/heat/13/6621/3243.png"
    day, night = (served_demo.get(path, theme=theme) for theme in ("light", "dark"))
    assert day.content == served_demo.get(path).content != night.content and len(day.content) == len(night.content)
    mark = night.headers["etag"]
    again = served_demo.client.get(path, params={"theme": "dark"}, headers={"if-none-match": mark})
    assert mark != day.headers["etag"] and again.status_code == 304
    for theme in heat.RAMPS:
        stops = served_demo.get("/tiles/heat/legend.json", theme=theme).json()["stops"]
        first, last = (heat.colours([share], theme=theme)[0].tobytes().hex() for share in (0, 1))
        assert (stops[0]["colour"], stops[-1]["colour"]) == (f"#{first}", f"#{last}")
    wrong = served_demo.get(path, theme="pink")
    assert wrong.status_code == 422 and wrong.json()["at"] == "theme"


def test_what_can_be_chosen_is_what_the_record_has(served_demo: Served):
    found = served_demo.get("/maps/hotspots/choices.json").json()
    now = "SELECT code FROM wanmi.departments WHERE valid_from <= now() AND now() < valid_to AND replaced_at > now()"
    assert {one["code"] for one in found["departments"]} == {row[0] for row in rows(served_demo, now)}
    assert "patrol" in found["channels"] and "community" in found["sets"] and found["areas"]
    groups = [row for row in found["classes"] if row[0] == "2026:E09"]
    assert len(groups) == 1 and groups[0][1]
    for text in ("2026:E09", "2026:C01001"):
        assert served_demo.get("/maps/hotspots/look.json", **{"class": text}).status_code == 200
