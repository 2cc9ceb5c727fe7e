"""Filters by department, channel and area: the counts are those of plain SQL, on every road into the statistics."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from api.cli import main
from api.statistics.filtering import area_items, wanted
from api.statistics.selection import Selection, Units, look
from gis import counts, looked, moments, store
from gis.demo import Demo
from grids.errors import InputError
from tests.api.conftest import Served

PLACED = "c.geom IS NOT NULL AND a.rule NOT IN ('no_location', 'outside')"


@pytest.fixture(scope="module")
def engine(demo_dsn: str) -> Iterator[Engine]:
    made = store.connect(demo_dsn)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def units(engine: Engine, small_demo: Demo) -> Units:
    return Units(engine, store.read_city(engine))


def plain(engine: Engine, condition: str) -> int:
    """Cases with a place, one by one: no index, no array, no shared SQL."""
    with engine.connect() as line:
        asked = f"SELECT count(*) FROM wanmi.cases c JOIN wanmi.answers a ON a.case_id = c.id WHERE {PLACED}"
        return line.execute(text(f"{asked} AND ({condition})")).scalar_one()


def covered(which: str) -> str:
    """In an area that holds now."""
    return (
        "EXISTS (SELECT FROM wanmi.areas w WHERE w.replaced_at = 'infinity' AND w.valid_from <= now() "
        f"AND now() < w.valid_to AND ({which}) AND ST_Intersects(w.geom, c.geom))"
    )


@pytest.fixture(scope="module")
def some(engine: Engine) -> dict[str, str]:
    """Two departments, two channels, a street and two communities of the record with cases."""
    with engine.connect() as line:
        owners = (
            "SELECT department FROM wanmi.answers WHERE department <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2"
        )
        d = list(line.execute(text(owners)).scalars())
        h = list(
            line.execute(text("SELECT channel FROM wanmi.cases GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2")).scalars()
        )
        areas = "SELECT code FROM wanmi.areas_now WHERE set = '{}' ORDER BY ST_Area(geom) DESC, code LIMIT 2"
        street = list(line.execute(text(areas.format("street"))).scalars())
        community = list(line.execute(text(areas.format("community"))).scalars())
    return {"d0": d[0], "d1": d[1], "h0": h[0], "h1": h[1], "s0": street[0], "c0": community[0], "c1": community[1]}


@pytest.mark.parametrize(
    ("asked", "condition"),
    [
        ({"departments": "{d0}"}, "a.department = '{d0}'"),
        ({"departments": "{d1}, {d0}"}, "a.department IN ('{d0}', '{d1}')"),
        ({"channels": "{h1}"}, "c.channel = '{h1}'"),
        ({"channels": "{h0} {h1}"}, "c.channel IN ('{h0}', '{h1}')"),
        ({"area": "street:{s0}"}, covered("set = 'street' AND code = '{s0}'")),
        ({"area": "community:{c0},community:{c1}"}, covered("set = 'community' AND code IN ('{c0}', '{c1}')")),
        ({"area": "-community:{c0}"}, "NOT " + covered("set = 'community' AND code = '{c0}'")),
        (
            {"area": "street, -community:{c0}", "channels": "{h0}"},
            covered("set = 'street'") + " AND NOT " + covered("set = 'community' AND code = '{c0}'")
            + " AND c.channel = '{h0}'",
        ),
        ({"area": "street"}, covered("set = 'street'")),
        ({"area": "-street"}, "NOT " + covered("set = 'street'")),
    ],
)  # fmt: skip
def test_counts_are_those_of_plain_sql(engine, units, small_demo, some, asked, condition):
    city = store.read_city(engine)
    selection = Selection.read(city, **{name: words.format(**some) for name, words in asked.items()})
    found = look(engine, city, counts.class_book(engine), selection, units)
    right = plain(engine, condition.format(**some))
    assert len(found.places) == right
    assert right > 0 or asked == {"area": "-street"}
    assert len(moments.case_moments(engine, found.wanted).x) == right
    kinds = looked.case_kinds(engine, found.wanted)
    assert len(kinds.x) == right and kinds.taken(found.wanted).all()
    assert found.places.total >= right and found.places.unanswered == 0


def test_known_then_and_filtered_now_are_both_taken(engine, small_demo, some):
    city = store.read_city(engine)
    early = Selection.read(city, channels=some["h0"], known_at=pd.Timestamp("2000-01-01", tz="UTC"))
    taken = wanted(engine, counts.class_book(engine), early, city.edition)
    assert len(counts.case_places(engine, taken)) == 0


@pytest.mark.parametrize(
    ("asked", "where", "says"),
    [
        ({"departments": "nobody-at-all"}, "department", "is not a department"),
        ({"channels": "hotlin"}, "channel", "did you mean hotline"),
        ({"area": "stret:1"}, "area", "did you mean street"),
        ({"area": "street:999"}, "area", "no area '999' in the set street"),
        ({"area": "-community:1"}, "area", "no area"),
        ({"area": ":1"}, "area", "no set of areas"),
    ],
)
def test_what_does_not_exist_is_one_clear_line(engine, small_demo, asked, where, says):
    city = store.read_city(engine)
    with pytest.raises(InputError) as caught:
        wanted(engine, counts.class_book(engine), Selection.read(city, **asked), city.edition)
    assert caught.value.where == where and says in str(caught.value)


def test_areas_are_read_from_text():
    assert area_items("") == ([], []) and area_items(" , ") == ([], [])
    assert area_items("b:2,a,-c:3,- d ，b:2") == (["a", "b:2"], ["c:3", "d"])


METHODS = ("gi", "moran", "kde", "clusters", "trend", "compare", "knox")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_counts_the_same_cases_over_http(served_demo: Served, engine, some, method):
    query = {
        "channel": some["h0"],
        "department": f"{some['d0']},{some['d1']}",
        "from": "2026-01-01",
        "to": "2026-07-01",
    }
    answer = served_demo.get("/v1/hotspots", method=method, runs=9, **query)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    span = "c.reported_at >= timestamptz '2026-01-01 00:00+08' AND c.reported_at < timestamptz '2026-07-01 00:00+08'"
    right = plain(engine, f"{span} AND c.channel = '{some['h0']}' AND a.department IN ('{some['d0']}', '{some['d1']}')")
    assert told["facts"]["counted"] == right > 0
    assert told["parameters"]["channel"] == some["h0"] and told["parameters"]["department"] == query["department"]
    held = {"gi": "cases", "moran": "cases", "compare": "cases"}.get(method)
    if held:
        assert sum(f["properties"][held] for f in told["features"]) <= right


def test_exposure_takes_the_filters_too(served_demo: Served, engine, some):
    query = {"method": "rates", "exposure": "roads", "channel": some["h0"], "area": f"street:{some['s0']}"}
    told = served_demo.get("/v1/hotspots", **query).json()
    right = plain(
        engine,
        f"c.channel = '{some['h0']}' AND a.unit <> '' AND " + covered(f"set = 'street' AND code = '{some['s0']}'"),
    )
    assert sum(f["properties"]["cases"] for f in told["features"]) == right > 0


def test_alerts_pages_and_tiles_take_them(served_demo: Served, engine, some):
    query = {"channel": some["h1"], "area": f"street:{some['s0']}"}
    right = plain(engine, f"c.channel = '{some['h1']}' AND " + covered(f"set = 'street' AND code = '{some['s0']}'"))
    assert served_demo.get("/tiles/heat/0/0/0.json", **query).json()["cases"] == right > 0
    assert served_demo.get("/v1/alerts", **query).json()["facts"]["counted"] == right
    assert served_demo.get("/maps/hotspots", **query).status_code == 200
    for path in ("/v1/hotspots", "/v1/alerts", "/tiles/heat/0/0/0.json", "/maps/hotspots"):
        answer = served_demo.get(path, channel="pigeon")
        assert (answer.status_code, answer.json()["at"]) == (422, "channel")
    none = served_demo.get("/tiles/heat/0/0/0.json", known_at="2000-01-01")
    assert (none.status_code, none.json()["at"]) == (422, "known_at")


def test_the_command_line_takes_them(demo_dsn, monkeypatch, capsys, engine, some):
    monkeypatch.setenv("WANMI_DSN", demo_dsn)
    asked = ["--department", some["d0"], "--channel", some["h0"], "--area", f"street:{some['s0']}"]
    right = plain(
        engine,
        f"c.channel = '{some['h0']}' AND a.department = '{some['d0']}' AND "
        + covered(f"set = 'street' AND code = '{some['s0']}'"),
    )
    assert main(["hotspots", "--json", *asked]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counted"] == right > 0 and facts["area"] == f"street:{some['s0']}"
    assert main(["alerts", "--json", *asked]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["counted"] == right
    assert main(["hotspots", "--area", "street:1"]) == 2
    assert "no area '1' in the set street" in capsys.readouterr().err
