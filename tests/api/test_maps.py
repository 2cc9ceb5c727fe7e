"""Pictures, names and pages over HTTP: kept by browsers, the same for the same question, bad questions refused."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from api.pages import mercator
from api.routes import static
from api.statistics.filtering import class_texts
from api.statistics.selection import Selection, groups
from gis import counts, store
from gis.demo import Demo
from gis.wanted import Wanted
from grids.catalog import catalog
from grids.errors import InputError
from tests import town
from tests.api.conftest import Served

TILE = "13/6621/3243"


def test_the_front_leads_to_the_map(served_demo: Served):
    front = served_demo.get("/")
    assert front.status_code == 307 and front.headers["location"] == "/maps/hotspots"


@pytest.mark.parametrize(
    "path", [f"/tiles/base/{TILE}.png", f"/tiles/heat/{TILE}.png?class=E", "/tiles/base/names.json"]
)
def test_pictures_are_kept_by_their_mark(served_demo: Served, path: str):
    first = served_demo.get(path) if "?" not in path else served_demo.client.get(path)
    assert first.status_code == 200 and "max-age" in first.headers["cache-control"]
    again = served_demo.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
    other = served_demo.client.get(path, headers={"if-none-match": '"other"'})
    assert other.status_code == 200 and other.content == first.content


def test_another_selection_has_another_mark(served_demo: Served):
    marks = {
        served_demo.client.get(f"/tiles/heat/{TILE}.png", params=q).headers["etag"]
        for q in ({}, {"class": "C"}, {"class": "E"}, {"from": "2026-01-01"}, {"bandwidth_m": 300})
    }
    assert len(marks) == 5


def test_case_counts_of_tiles_add_up(served_demo: Served, small_demo: Demo):
    def cases(z: int, x: int, y: int) -> int:
        return served_demo.get(f"/tiles/heat/{z}/{x}/{y}.json").json()["cases"]

    x, y = 6621 // 2, 3243 // 2
    assert cases(12, x, y) == sum(cases(13, 2 * x + i, 2 * y + j) for i in (0, 1) for j in (0, 1))
    engine = store.connect(served_demo.dsn)
    places = counts.case_places(engine)
    engine.dispose()
    assert cases(0, 0, 0) == len(places) > 0
    assert places.total == len(small_demo.layers["cases"])
    assert places.total == len(places) + places.no_location + places.outside and places.unanswered == 0
    assert places.no_location > 0


def test_default_points_and_lost_cases_never_count(served_demo: Served, small_demo: Demo):
    engine = store.connect(served_demo.dsn)
    places = counts.case_places(engine)
    engine.dispose()
    from gis.crs import to_city

    lon, lat = np.array(small_demo.city.default_points[0])
    x, y = to_city([lon], [lat], "EPSG:4326", small_demo.city.srid)
    assert np.hypot(places.x - x[0], places.y - y[0]).min() > 1.0


def test_counts_by_class_and_period_are_those_of_the_record(served_demo: Served, small_demo: Demo):
    engine = store.connect(served_demo.dsn)
    cases = small_demo.layers["cases"]
    texts = class_texts(catalog(), "2026:E06", "2026")
    selection = Selection.read(small_demo.city, "2026:E06", "2026-01-01", "2026-04-01")
    found = counts.case_places(engine, Wanted(classes=tuple(texts), begin=selection.begin, end=selection.end))
    engine.dispose()
    mine = (
        cases["class"].isin(texts) & (cases["reported_at"] >= selection.begin) & (cases["reported_at"] < selection.end)
    )
    assert found.total == mine.sum() > 100
    assert any(t.startswith("2013:") for t in texts)  # cases of before the new edition belong to it
    assert found.by_unit(np.array(sorted(set(found.unit)), dtype=object)).sum() == len(found)


def test_class_filters(served_demo: Served):
    book = catalog()
    assert class_texts(book, "", "2026") is None and class_texts(book, "*", "2026") is None
    assert class_texts(book, "C01001", "2026")[-1] == "2026:C01001"
    assert set(class_texts(book, "C", "2026")) | set(class_texts(book, "E", "2026")) == set(book.texts)
    assert groups(book, "2026")["2026:E06"] == "事件 · 市容环境类"
    with pytest.raises(InputError) as caught:
        class_texts(book, "2026:E6", "2026")
    assert caught.value.where == "class" and "did you mean" in str(caught.value)


@pytest.mark.parametrize("path", ["/maps/hotspots", f"/tiles/heat/{TILE}.png", f"/tiles/heat/{TILE}.json"])
@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ({"class": "2026:E6"}, "class", "did you mean"),
        ({"class": '"'}, "class filter", "quote"),
        ({"from": "2026-02-30"}, "from", "is no time"),
        ({"from": "2026-03-01", "to": "2026-02-01"}, "to", "is not before"),
        ({"bandwidth_m": 1}, "bandwidth_m", "50 to 2000 metres"),
        ({"bandwidth_m": "nan"}, "bandwidth_m", "50 to 2000 metres"),
        ({"bandwidth_m": "wide"}, "bandwidth_m", "valid number"),
    ],
)
def test_bad_questions_are_one_clear_line(served_demo: Served, path: str, query: dict, at: str, says: str):
    answer = served_demo.get(path, **query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["at"] == at and says in answer.json()["detail"]


def test_the_page_asks_nobody_but_us(served_demo: Served):
    page = served_demo.get("/maps/hotspots", **{"class": "E", "from": "2026-01-01"})
    assert page.status_code == 200 and '<html lang="zh-CN" data-theme="auto">' in page.text
    addresses = re.findall(r"""(?:src|href|action)=["']([^"']+)|url\(([^)]+)\)|["'](https?:[^"']+)""", page.text)
    assert addresses and all((a or b or c).startswith(("/", "data:", "?lang=", "#")) for a, b, c in addresses)
    nonce = re.search(r"'nonce-([^']+)'", page.headers["content-security-policy"])[1]
    assert re.findall(r"<script(?![^>]*(?:src=|nonce=))", page.text) == [] and f'nonce="{nonce}"' in page.text
    assert "件/公顷" in page.text and 'id="filters"' in page.text and 'id="time"' in page.text


def test_the_page_is_told_what_was_asked(served_demo: Served):
    asked = {"class": "C01001", "from": "2026-01-01", "to": "2026-04-01", "bandwidth_m": 400}
    told = served_demo.get("/maps/hotspots/look.json", **asked).json()
    assert (told["from"], told["to"], told["bandwidth_m"]) == ("2026-01-01", "2026-04-01", 400)
    assert told["cases"] >= told["counted"] > 0
    assert told["cases"] == told["counted"] + told["no_location"] + told["outside"] + told["unassigned"]
    hours = served_demo.get("/maps/hotspots/look.json", to="2026-04-01T12:00").json()
    assert hours["to"] == "2026-04-01 12:00" and hours["from"] is None and hours["first"] == "2025-07-01"


def test_what_is_asked_is_escaped_in_the_page(served: Served):
    evil = '"x:E<script>alert(1)</script>"'
    answer = served.get("/maps/hotspots", **{"class": evil})
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/json"


def test_a_city_without_cases_or_ground_has_a_page_too(served: Served):
    page = served.get("/maps/hotspots", **{"from": "1999-01-01", "to": "1999-02-01"})
    assert page.status_code == 200 and town.CITY.name in page.text
    picture = served.get(f"/tiles/base/{TILE}.png")
    assert Image.open(io.BytesIO(picture.content)).size == (256, 256)
    heat = served.get(f"/tiles/heat/{TILE}.png", **{"from": "1999-01-01", "to": "1999-02-01"})
    assert np.asarray(Image.open(io.BytesIO(heat.content)))[..., 3].max() == 0


@pytest.mark.parametrize("name", sorted(static.FILES))
def test_scripts_and_styles_are_served_with_their_version(served: Served, name: str):
    url = static.url(name)
    answer = served.client.get(url)
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].split(";")[0] == static.FILES[name][1]
    assert "immutable" not in served.client.get(f"/static/{name}?v=old").headers["cache-control"]


def test_the_lock_of_the_scripts_names_no_host_and_runs_nothing():
    lock = (static.PAGES / "package-lock.json").read_text()
    assert '"resolved"' not in lock and "http" not in lock
    assert "ignore-scripts=true" in (static.PAGES / ".npmrc").read_text()


def test_mercator_knows_the_tile_of_the_demo():
    west, south, east, north = mercator.tile_box(*map(int, TILE.split("/")))
    lon, lat = mercator.to_degrees([west, east], [south, north])
    assert lon[0] < 111.0 < lon[1] and lat[0] < 35.03 < lat[1]
