"""``GET /v1/alerts`` and ``wanmi alerts`` on the demo city: what they tell is what the record holds."""

from __future__ import annotations

import json

import pandas as pd
import psycopg2
import pytest

from api.cli import main
from api.statistics.alerting import raise_alerts
from api.statistics.gathered import geojson
from api.statistics.selection import Selection, Units, look
from gis import counts, store
from grids.catalog import catalog
from tests.api.conftest import Served


def ask(served: Served, **query: object) -> dict:
    answer = served.get("/v1/alerts", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_alerts_tell_cases_units_and_owners_of_the_record(served_demo: Served):
    found = ask(served_demo, **{"class": "E", "since": "2025-07-01", "goes_on": True, "bin_days": 14, "level": 0.9})
    facts, alerts = found["facts"], found["features"]
    assert facts["alerts"] == len(alerts) == sum(facts["events"].values()) > 0
    assert facts["usual_by"]["ground"] > 10 and facts["usual_by"]["groups"] > 0, "roads, parcels, components' cases"
    book = catalog()
    old = book.to_2026[(book.classes["edition"] != "2026").to_numpy()]
    new = sorted(set(book.texts[book.classes["edition"] == "2026"]) - set(book.texts[old[old >= 0]]))
    assert new and facts["without_past"], "classes without a past are left out"
    line = psycopg2.connect(served_demo.dsn)
    with line, line.cursor() as cursor:
        for feature in alerts:
            told = feature["properties"]
            cursor.execute(
                """SELECT coalesce(a.department, ''), count(*)
                FROM wanmi.cases c JOIN wanmi.answers a ON a.case_id = c.id
                WHERE a.unit = ANY (%s) AND c.kind = 'E' AND c.geom IS NOT NULL
                AND c.edition || ':' || c.kind || c.class_code <> ALL (%s)
                AND c.reported_at >= %s AND c.reported_at < %s GROUP BY 1 ORDER BY 2 DESC, 1""",
                (told["units"], new, told["from"], told["to"]),
            )
            rows = cursor.fetchall()
            assert sum(n for _, n in rows) == told["cases"], told
            if rows:
                assert (told["department"] or "") == rows[0][0]
                assert told["share"] == pytest.approx(rows[0][1] / told["cases"], abs=1e-4)
            if told["event"] != "ends":
                assert told["cases"] > told["expected"] and told["p"] < 0.9
    line.close()
    later = ask(served_demo, **{"class": "E", "bin_days": 14, "level": 0.9, "goes_on": True})
    last = max(f["properties"]["to"] for f in alerts)
    assert all(f["properties"]["to"] == later["facts"]["bins_to"] for f in later["features"])
    if last == later["facts"]["bins_to"]:
        assert later["features"] == [f for f in alerts if f["properties"]["to"] == last]


def test_what_is_kept_is_what_the_record_gives_anew(served_demo: Served):
    """The first asker waits, the next one has the same bytes at once; another question is another answer."""
    asked = {"class": "E", "since": "2026-01-01"}
    first, again = (served_demo.get("/v1/alerts", **asked) for _ in range(2))
    assert first.content == again.content and again.elapsed < 0.2 * first.elapsed
    engine = store.connect(served_demo.dsn)
    city, book = store.read_city(engine), counts.class_book(engine)
    found = look(engine, city, book, Selection.read(city, "E"), Units(engine, city))
    since = pd.Timestamp("2026-01-01", tz=city.time_zone).tz_convert("UTC")
    assert geojson(raise_alerts(engine, book, found, since=since), city.srid) == first.content
    engine.dispose()
    assert served_demo.get("/v1/alerts", **asked | {"level": 0.5}).content != first.content


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ({"bin_days": 0}, "bin_days", "month, or 1 to 366 days"),
        ({"level": 1}, "level", "between 0 and 1"),
        ({"bin_days": 300}, "bin_days", "3 to 2000"),
        ({"since": "yesterday"}, "since", "write 2026-07-01"),
        ({"class": "2026:E6"}, "class", "did you mean"),
        ({"colour": "red"}, "colour", "is an unknown parameter"),
    ],
)
def test_bad_questions_are_one_clear_line(served_demo: Served, query: dict, at: str, says: str):
    answer = served_demo.get("/v1/alerts", **query)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["at"] == at and says in told["detail"] and "\n" not in told["detail"]


def test_an_area_is_a_city_of_its_own(served_demo: Served):
    """Units beyond the mask take no part; a day that is not over is no part of a month; what was asked is told."""
    areas = served_demo.get("/v1/hotspots", cells="area:patrol", **{"class": "E"}).json()["features"]
    code = max(areas, key=lambda f: f["properties"]["cases"])["properties"]["code"]
    asked = {"class": "E", "area": f"patrol:{code}", "from": "2025-07-01", "to": "2026-07-15T08:00", "level": 0.9}
    found = ask(served_demo, **asked, since="2025-07-01", goes_on=True)
    told = found["parameters"]
    assert told["area"] == asked["area"] and told["goes_on"] is True and told["level"] == 0.9
    assert told["from"] == "2025-06-30T16:00:00Z" and told["to"] == "2026-07-15T00:00:00Z"
    facts = found["facts"]
    assert (facts["bins_from"], facts["bins_to"]) == ("2025-07-14T16:00:00Z", "2026-07-14T16:00:00Z")
    line = psycopg2.connect(served_demo.dsn)
    with line, line.cursor() as cursor:
        cursor.execute(
            """SELECT u.code FROM wanmi.units u, wanmi.areas a WHERE a.set = 'patrol' AND a.code = %s
            AND u.valid_to > now() AND u.replaced_at > now() AND a.valid_to > now() AND a.replaced_at > now()
            AND ST_Area(ST_Intersection(u.geom, a.geom)) > 0.4 * ST_Area(u.geom)""",
            (code,),
        )
        inside = {unit for (unit,) in cursor.fetchall()}
    line.close()
    assert found["features"] and {u for f in found["features"] for u in f["properties"]["units"]} <= inside


def test_no_cases_is_an_answer(served: Served):
    found = ask(served, **{"from": "1999-01-01", "to": "1999-12-01"})
    assert found["features"] == [] and found["facts"]["note"] == "too few cases for an alert"


def test_the_command_tells_the_same(served_demo: Served, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WANMI_DSN", served_demo.dsn)
    out = tmp_path / "alerts.geojson"
    assert main(["alerts", "--class", "E", "--since", "2025-09-01", "--bin-days", "28", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    told = ask(served_demo, **{"class": "E", "since": "2025-09-01", "bin_days": 28})
    assert json.loads(out.read_bytes()) == told
    assert said.startswith(f"{told['facts']['alerts']} alerts, {told['facts']['alive']} hotspots alive")
    assert main(["alerts", "--class", "E", "--out", str(tmp_path / "alerts.csv")]) == 2
    assert "no format of alerts" in capsys.readouterr().err
    assert pd.Timestamp(told["facts"]["bins_to"]) > pd.Timestamp("2026-01-01", tz="UTC")
