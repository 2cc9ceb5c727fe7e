"""What the responsibility page tells of an answer, in a real Chromium: doubt, reasons, who shares, who is on duty."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from selenium.webdriver.common.by import By

from gis.crs import to_city, to_lonlat
from gis.demo import Demo
from gis.proof import Ground, opened, prove
from tests.api.conftest import Served
from tests.api.pages.asking import (
    AT,
    EVIL,
    MAP,
    READY,
    TOLD,
    last,
    link,
    place,
    spots,
    text,
)
from tests.browser import Browser

pytestmark = pytest.mark.browser


def test_doubt_is_told_as_the_answer_has_it(
    wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]
):
    streets = city["areas"][city["areas"]["set"] == "street"].geometry
    seam = shapely.intersection(streets.iloc[0], shapely.union_all(streets.iloc[1:].to_numpy()))
    asked = {"class": "2026:E07001", "at": AT, "accuracy_m": 30}
    for share in np.linspace(0.1, 0.9, 9):
        line = max(shapely.get_parts(shapely.line_merge(seam)), key=shapely.length)
        at = shapely.line_interpolate_point(line, share, normalized=True)
        lon, lat = place(small_demo, at.x + 3, at.y)
        direct = service.get("/v1/resolve", lon=lon, lat=lat, **asked).json()
        if direct["ask_first"] and direct["owner"]:
            break
    assert direct["ask_first"], "no border of two streets is in doubt"
    for lang in ("zh", "en"):
        wide.open(link(service, lon=lon, lat=lat, **asked, lang=lang), ready=TOLD)
        answer = last(wide)
        assert answer["probability"] == direct["probability"] < 0.9
        assert answer["question"][lang] in text(wide, "#owner .askfirst")
        shares = {c["department"]: c["probability"] for c in answer["candidates"] if c["probability"]}
        shown = wide.driver.execute_script(
            "return [...document.querySelectorAll('.bars li')].map(one => [Number(one.dataset.share),"
            " one.querySelector('b').textContent, one.querySelector('i').getBoundingClientRect().width,"
            " one.getBoundingClientRect().width])"
        )
        assert [row[0] for row in shown] == sorted(shares.values(), reverse=True) and len(shown) >= 2
        for value, said, bar, whole in shown:
            assert said == f"{value:.1%}".replace("%", " %") or value < 0.001
            assert bar / whole == pytest.approx(max(value, 0.005), abs=0.02)
        marks = wide.driver.find_elements(By.CSS_SELECTOR, ".leaflet-marker-icon.turns")
        assert len(marks) == len(answer["changes"]) >= 1
        for mark, change in zip(marks, answer["changes"], strict=True):
            px, py = wide.pixel(change["lat"], change["lon"])
            box = mark.rect
            assert abs(box["x"] + box["width"] / 2 - px) < 2 and abs(box["y"] + box["height"] / 2 - py) < 2
        reach = wide.driver.execute_script(f"{MAP} return m.latLngToContainerPoint(m.getCenter()).distanceTo("
            "m.latLngToContainerPoint(L.latLng(m.getCenter()).toBounds(60).getNorthEast()))") / 2**0.5  # fmt: skip
        circle = wide.driver.find_element(By.CSS_SELECTOR, "path.accuracy").rect["width"] / 2
        assert circle == pytest.approx(reach, rel=0.05)
    assert wide.complaints() == []


def test_every_sentence_of_the_engine_is_said_in_chinese(wide: Browser, service: Served, small_demo: Demo):
    units = small_demo.layers["units"]
    west, south, east, north = units.total_bounds
    rng = np.random.default_rng(5)
    lon, lat = to_lonlat(rng.uniform(west, east, 300), rng.uniform(south, north, 300), small_demo.city.srid)
    classes = ["2026:C01003", "2026:E06010", "2026:E09001", "2013:E0113", "2026:E07001", "2026:C04001", ""]
    cases = {"lon": lon.tolist(), "lat": lat.tolist(), "class": [classes[i % len(classes)] for i in range(300)],
             "accuracy_m": [30.0 if i % 2 else None for i in range(300)], "at": [AT] * 300}  # fmt: skip
    rows = [dict(zip(cases, row, strict=True)) for row in zip(*cases.values(), strict=True)]
    answers = service.post("/v1/resolve?explain=1", json={"cases": rows}).json()["cases"]
    said = {line for answer in answers for line in answer["why"]}
    for answer in answers:
        said |= {c["evidence"] for c in answer["candidates"]}
        said |= {c["why_lost"] for c in answer["candidates"] if c["why_lost"]}
    assert len(said) > 150
    wide.open(link(service, lang="zh"), ready=READY)
    lines = sorted(said)
    chinese = wide.driver.execute_script("return arguments[0].map(line => wanmi.asking.say(line))", lines)
    for line, told_ in zip(lines, chinese, strict=True):
        left = re.sub(r"\b(Z|S|P|YH|[CE])[-A-Z0-9]*\b|[0-9TZ:.,-]+", "", told_.replace(EVIL, ""))
        assert not re.search(r"[a-z]{2,}", left), (line, told_)


def test_who_shares_the_duty(wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]):
    zones = city["zones"]
    shared = zones[(zones["joint"] != "") & (zones["effect"] != "never")].iloc[0]
    inside = shared.geometry.representative_point()
    lon, lat = place(small_demo, inside.x, inside.y)
    items = [item for item in shared["classes"].split() if item.startswith("2026:E")]
    klass = "2026:E06010" if shared["classes"] in ("*", "C E", "E") or "2026:E06" in items else items[0]
    answer = service.get("/v1/resolve", lon=lon, lat=lat, **{"class": klass, "at": AT}).json()
    assert answer["joint"], (shared["code"], klass, answer["why"])
    wide.open(link(service, lon=lon, lat=lat, **{"class": klass, "at": AT, "lang": "en"}), ready=TOLD)
    assert all(one["name"] in text(wide, ".joint") for one in answer["joint"])
    assert ("exclusive" in text(wide, ".why")) == ("(says only, " in answer["candidates"][0]["evidence"])


def test_who_stands_for_a_department_that_is_no_more(
    wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]
):
    ended = city["departments"][city["departments"]["valid_to"].notna()]["code"].tolist()
    zone = city["zones"][city["zones"]["department"].isin(ended)].iloc[0]
    for where in shapely.get_parts(zone.geometry):
        lon, lat = place(small_demo, where.representative_point().x, where.representative_point().y)
        query = {"lon": lon, "lat": lat, "class": "2026:E06010", "at": AT}
        lines = [line for line in service.get("/v1/resolve", **query).json()["why"] if "stands for it" in line]
        if lines:
            break
    assert lines, zone["code"]
    wide.open(link(service, **query, lang="zh"), ready=TOLD)
    assert "由其上级" in text(wide, ".why") and lines[0].split()[1] in text(wide, ".why")


def test_the_answer_to_take_away_is_the_one_that_came(
    wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame], tmp_path: Path
):
    lon, lat, klass = spots(small_demo, city)[0]
    query = {"lon": lon, "lat": lat, "class": klass, "at": AT}
    wide.open(link(service, **query, lang="zh"), ready=TOLD)
    wide.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    buttons = wide.driver.find_elements(By.CSS_SELECTOR, ".take button")
    assert [b.text for b in buttons] == ["复制答复（JSON）", "下载答复", "复制链接"]
    buttons[1].click()
    wide.wait(lambda: list(tmp_path.glob("answer-*.json")), "the file is there")
    file = next(tmp_path.glob("answer-*.json"))
    assert file.name == "answer-20260701T010000Z.json"
    assert json.loads(file.read_text()) == service.get("/v1/resolve", **query).json()
    # it is proved from the snapshot alone, and no longer when a word of it is changed
    answer = json.loads(file.read_text())
    kept = next(Path(os.environ["WANMI_SNAPSHOTS"]).rglob(f"*{answer['snapshot']}*.wanmi"))
    ground = Ground(opened(kept))
    assert prove(ground, [answer]) == [[]]
    changed = answer | {"owner": answer["owner"] | {"department": "S002"}}
    assert prove(ground, [changed])[0]
    buttons[0].click()
    wide.wait(lambda: "已复制" in text(wide, ".take .said"), "it is copied")


def test_who_is_on_duty_is_told(wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]):
    lon, lat, klass = spots(small_demo, city)[3]
    wide.open(link(service, lon=lon, lat=lat, **{"class": klass, "at": AT, "lang": "zh"}), ready=TOLD)
    at = pd.Timestamp(AT, tz=small_demo.city.time_zone)
    x, y = to_city([lon], [lat], "EPSG:4326", small_demo.city.srid)
    areas = city["areas"]
    here = {(a.set, a.code) for a in areas[areas.geometry.covers(shapely.Point(x[0], y[0]))].itertuples()}
    rows = city["rosters"]
    holds = ~(rows["valid_from"] > at) & ~(rows["valid_to"] <= at)
    mine = rows[holds & np.array([pair in here for pair in zip(rows["area_set"], rows["area"], strict=True)])]
    people = service.get("/v1/rosters", lon=lon, lat=lat, at=AT).json()["on_duty"]
    assert len(mine) and set(mine["person"]) <= {one["person"] for one in people}
    said = text(wide, "#rosters")
    for one in people:
        assert one["person"] in said and (one["phone"] or "") in said
