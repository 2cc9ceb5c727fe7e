"""The responsibility page in a real Chromium: what it tells is what engine and record say, in both languages."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
import shapely
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from api.app import create_app
from gis import postgis, store
from gis.answer import explain
from gis.convert import Cases
from gis.crs import to_city, to_lonlat
from gis.demo import Demo
from gis.proof import Ground, opened, prove
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from tests.api.conftest import ORDER, Served, serving, settings
from tests.browser import Browser, chromium
from tests.conftest import database_name
from tests.gis.test_oracle import ask_sql

pytestmark = pytest.mark.browser
HERE = "/maps/responsibility"
READY = "return Boolean(window.wanmi && wanmi.asking && !wanmi.asking.waiting && document.readyState === 'complete')"
SHOWN = "wanmi.asking && wanmi.asking.last && document.querySelector('#rosters section') &&"
TOLD = READY.replace("wanmi.asking &&", SHOWN)
MAP = "const m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
DESK, PHONE = (1440, 900), (390, 844)
AT = "2026-07-01T09:00"
EVIL = '<img src=x onerror="window.hacked=1"><b>环卫</b>'


@pytest.fixture(scope="module")
def city(small_demo: Demo) -> dict[str, pd.DataFrame]:
    """The demo's layers with markup for names."""
    layers = {name: frame.copy() for name, frame in small_demo.layers.items()}
    for name, column in (("departments", "name"), ("zones", "name"), ("areas", "name"), ("rosters", "person")):
        frame = layers[name]
        frame[column] = frame[column].where(frame.index % 3 != 0, EVIL + frame.index.astype(str))
    return layers


@pytest.fixture(scope="module")
def service(cluster: postgis.Cluster, small_demo: Demo, city: dict[str, pd.DataFrame]) -> Iterator[Served]:
    """That city, served; with rosters and streets, without cases."""
    name = database_name("responsibility_page")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, small_demo.city)
    for layer in (*ORDER, "roads", "rosters"):
        report = store.load(engine, layer, city[layer])
        assert not len(report.rejects), (layer, report.rejects.head())
    engine.dispose()
    with serving(create_app(settings(dsn)), dsn) as served:
        yield served
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def snapshot(service: Served, small_demo: Demo) -> Snapshot:
    """The record compiled here, not by the service."""
    engine = store.connect(service.dsn)
    try:
        return Snapshot.compile(small_demo.city, store.city_frames(engine))
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*DESK) as found:
        yield found


@pytest.fixture
def wide(browser: Browser) -> Browser:
    size(browser, *DESK)
    return browser


def size(browser: Browser, width: int, height: int) -> None:
    about = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)


def link(service: Served, **query: object) -> str:
    return f"{service.url}{HERE}?" + "&".join(f"{name}={value}" for name, value in query.items())


def state(browser: Browser) -> dict[str, str]:
    """The question in the address of the page."""
    return {name: values[0] for name, values in parse_qs(urlsplit(browser.driver.current_url).query).items()}


def last(browser: Browser) -> dict:
    """The answer that the page shows, as it came."""
    return json.loads(browser.driver.execute_script("return wanmi.asking.last.text"))


def text(browser: Browser, where: str) -> str:
    return browser.driver.find_element(By.CSS_SELECTOR, where).get_attribute("textContent")


def told(browser: Browser, then) -> None:
    """Do something, and wait for the answer to it."""
    browser.driver.execute_script("window.before = wanmi.asking.last")
    then()
    ready = TOLD.replace("document.readyState", "wanmi.asking.last !== window.before && document.readyState")
    browser.wait(lambda: browser.driver.execute_script(ready), "the answer is told")


def place(small_demo: Demo, x: float, y: float) -> tuple[float, float]:
    lon, lat = to_lonlat([x], [y], small_demo.city.srid)
    return round(float(lon[0]), 7), round(float(lat[0]), 7)


def spots(small_demo: Demo, city: dict[str, pd.DataFrame]) -> list[tuple[float, float, str]]:
    """Places and classes of all rules: beside a component, on a road, in a park, in a block twice."""
    cover = city["components"].query("`class` == '2026:C01003'").iloc[5].geometry
    zones = city["zones"].set_index("code").geometry
    road = zones[zones.index.str.startswith("Z-RM")].iloc[0]
    road = shapely.line_interpolate_point(shapely.get_parts(road)[0], 0.4, normalized=True)
    park = zones[zones.index.str.startswith("Z-PK")].iloc[0].representative_point()
    unit = city["units"].geometry.iloc[40].representative_point()
    found = [
        (cover.x + 2, cover.y - 1, "2026:C01003"),
        (road.x, road.y, "2026:E06013"),
        (park.x, park.y, "2026:E06001"),
        (unit.x, unit.y, "2026:E09001"),
        (unit.x, unit.y, ""),
    ]
    return [(*place(small_demo, x, y), klass) for x, y, klass in found]


def test_clicks_are_answered_as_by_the_engine_and_in_sql(
    wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame], snapshot: Snapshot
):
    asked, shown = [], []
    phones = city["departments"].set_index("code")[["name", "phone"]]
    for lon, lat, klass in spots(small_demo, city):
        wide.open(link(service, **{"class": klass, "at": AT, "lang": "zh"}), ready=READY)
        wide.driver.execute_script(f"{MAP} m.setView([{lat}, {lon}], 18, {{animate: false}})")
        px, py = wide.pixel(lat, lon)
        told(wide, lambda px=px, py=py: ActionChains(wide.driver).move_by_offset(px, py).click().perform())
        ActionChains(wide.driver).move_by_offset(-px, -py).perform()
        question, answer = state(wide), last(wide)
        assert abs(float(question["lon"]) - lon) < 1e-5 and abs(float(question["lat"]) - lat) < 1e-5
        assert question["at"] == AT and question.get("class", "") == klass and question["lang"] == "zh"
        department = phones.loc[answer["owner"]["department"]]
        assert text(wide, "#owner .name") == department["name"] and department["phone"] in text(wide, "#owner .phone")
        assert (answer["unit"]["code"] if answer["unit"] else "") in text(wide, "#answer")
        for one in answer["candidates"]:
            if one["department"]:
                assert phones["name"][one["department"]] in text(wide, "#told"), one
        asked.append((float(question["lon"]), float(question["lat"]), klass))
        shown.append(answer)
    lon, lat, classes = (list(column) for column in zip(*asked, strict=True))
    at = pd.Timestamp(AT, tz=small_demo.city.time_zone).tz_convert("UTC")
    cases = Cases.read(snapshot, lon, lat, classes, crs="EPSG:4326", at=[at] * len(lon))
    for i, answer in enumerate(shown):
        direct = explain(cases, i, snapshot)
        for name in ("owner", "rule", "reason", "unit", "component", "zone", "areas", "on_edge", "candidates", "why"):
            assert answer[name] == direct[name], (name, asked[i])
    x, y = to_city(lon, lat, "EPSG:4326", small_demo.city.srid)
    rows = pd.DataFrame({"x": x, "y": y, "class": classes, "at": at, "component": "", "error": 0.0})
    engine = store.connect(service.dsn)
    sql = ask_sql(engine, rows)
    engine.dispose()
    assert sql["department"].tolist() == [a["owner"]["department"] for a in shown]
    assert sql["rule"].tolist() == [a["rule"] for a in shown]
    assert {"component_nearest", "zone_line", "zone_area", "territory"} <= set(sql["rule"])


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_in_both_languages_and_widths(
    browser: Browser,
    service: Served,
    small_demo: Demo,
    city: dict[str, pd.DataFrame],
    lang: str,
    width: tuple[int, int],
):
    size(browser, *width)
    lon, lat, klass = spots(small_demo, city)[1]
    browser.open(link(service, lon=lon, lat=lat, **{"class": klass, "at": AT, "lang": lang}), ready=TOLD)
    browser.wait(
        lambda: browser.driver.execute_script("return document.querySelectorAll('path.shape.winner').length == 1"),
        "the shapes are drawn",
    )
    traffic = browser.traffic()
    assert traffic.failed == [] and traffic.outside(service.url) == [] and browser.complaints() == []
    said = text(browser, "body")
    for zh, en in (
        ("责任单位", "Responsible"),
        ("依据", "Why"),
        ("单元网格", "Unit grid"),
        ("当时值班", "On duty then"),
    ):
        assert (zh if lang == "zh" else en) in said
    engines = "责任区" if lang == "zh" else "zone"
    assert text(browser, ".why .evidence").startswith(engines)
    look = browser.driver.execute_script(
        """
        const name = document.querySelector('#owner .name'), page = document.documentElement, far = [];
        for (const one of document.querySelectorAll('#ask *, #told *, .bar *')) {
            const box = one.getBoundingClientRect();
            const beyond = box.width && (box.right > page.clientWidth + 1 || box.left < -1);
            if (beyond && getComputedStyle(one).position !== 'absolute')
                far.push(one.outerHTML.slice(0, 80));
        }
        const named = one => (one.labels && one.labels.length) || one.textContent.trim()
            || one.getAttribute('aria-label') || one.title;
        const nameless = [...document.querySelectorAll('input, select, button, a')]
            .filter(one => one.offsetParent && !named(one));
        const map = document.querySelector('.folium-map').getBoundingClientRect();
        return {font: parseFloat(getComputedStyle(name).fontSize), top: name.getBoundingClientRect().top, far,
                wide: page.scrollWidth - page.clientWidth, nameless: nameless.map(one => one.outerHTML.slice(0, 80)),
                map: [map.width, map.height], language: page.lang};
        """
    )
    assert look["far"] == [] and look["wide"] <= 0 and look["nameless"] == []
    assert look["font"] >= 22 and look["top"] < width[1], "the owner is seen at once, and large"
    assert look["map"][0] >= 0.65 * width[0] and look["map"][1] >= 0.33 * width[1]
    assert look["language"] == ("zh-CN" if lang == "zh" else "en")


def test_a_link_shows_the_same_again(wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]):
    lon, lat, klass = spots(small_demo, city)[2]
    query = {"lon": lon, "lat": lat, "class": klass, "at": AT, "accuracy_m": 25, "lang": "en"}
    wide.open(link(service, **query), ready=TOLD)
    first, address = last(wide), state(wide)
    assert address.pop("view").startswith("18/")
    assert address == {name: str(value) for name, value in query.items()}
    assert first == service.get("/v1/resolve", **{k: v for k, v in query.items() if k != "lang"}).json()
    place_field = wide.driver.find_element(By.ID, "place")
    other = spots(small_demo, city)[3]

    def ask_elsewhere() -> None:
        place_field.send_keys(Keys.CONTROL, "a")
        place_field.send_keys(f"{other[0]}, {other[1]}", Keys.ENTER)

    told(wide, ask_elsewhere)
    assert last(wide)["unit"] != first["unit"] and state(wide)["lon"] == str(other[0])
    told(wide, wide.driver.back)
    assert last(wide) == first and state(wide) | address == state(wide)
    # the other language keeps the question
    wide.open(wide.driver.find_element(By.ID, "language").get_attribute("href"), ready=TOLD)
    assert state(wide).pop("view") and state(wide) == address | {"lang": "zh", "view": state(wide)["view"]}
    assert last(wide)["owner"] == first["owner"] and wide.driver.find_element(By.ID, "at").get_attribute("value") == AT
    assert wide.driver.find_element(By.ID, "accuracy_m").get_attribute("value") == "25"
    # an instant with an offset is told in the city's time
    wide.open(link(service, **(query | {"at": "2026-07-01T01:00:30Z"})), ready=TOLD)
    assert wide.driver.find_element(By.ID, "at").get_attribute("value") == "2026-07-01T09:00:30"
    assert last(wide)["at"] == "2026-07-01T01:00:30Z"
    # as known at an instant, to the microsecond; a day before the first record is told to be one
    known = first["known_at"]
    wide.open(link(service, **(query | {"known_at": known})), ready=TOLD)
    assert state(wide)["known_at"] == known == last(wide)["known_at"] and last(wide)["owner"] == first["owner"]
    wide.open(link(service, **(query | {"known_at": "2020-01-01"})), ready=READY)
    wide.wait(lambda: "As known at" in text(wide, "#notice"), "the page says what is wrong", 15)
    assert wide.driver.execute_script("return wanmi.asking.last") is None
    wide.complaints()


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


def test_names_are_never_markup(wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]):
    department = city["departments"].query("name.str.startswith('<img')")["code"].iloc[-1]
    seen = set()
    for lon, lat, klass in spots(small_demo, city):
        wide.open(link(service, lon=lon, lat=lat, **{"class": klass, "at": AT, "lang": "zh"}), ready=TOLD)
        wide.driver.execute_script("for (const fold of document.querySelectorAll('details')) fold.open = true")
        found = wide.driver.execute_script(
            "return [window.hacked || 0, document.querySelectorAll('#told img, #told b b, .leaflet-pane b').length,"
            " document.getElementById('told').textContent, document.querySelector('#rosters').textContent]"
        )
        assert found[:2] == [0, 0]
        seen |= {where for where, said in (("answer", found[2]), ("rosters", found[3])) if EVIL in said}
        wide.driver.execute_script(
            "for (const shape of document.querySelectorAll('path.shape'))"
            " shape.dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))"
        )
        time.sleep(0.1)
        assert wide.driver.execute_script("return window.hacked || 0") == 0
    assert seen == {"answer", "rosters"} and department
    assert wide.complaints() == []


def test_with_the_keyboard_alone(wide: Browser, service: Served):
    wide.open(link(service, lang="zh"), ready=READY)
    ways = ActionChains(wide.driver)

    def focus() -> str:
        return wide.driver.execute_script(
            "const at = document.activeElement; return at.id || at.className || at.tagName"
        )

    for _ in range(12):
        if focus() == "class":
            break
        ways.send_keys(Keys.TAB).perform()
    assert focus() == "class"
    wide.wait(lambda: wide.driver.execute_script("return performance.getEntriesByName(location.origin + '"
              + f"{HERE}/classes.json').length"), "classes are there")  # fmt: skip
    ways.send_keys("暴露垃圾").perform()
    wide.wait(lambda: wide.driver.find_elements(By.CSS_SELECTOR, "#classes li b"), "classes are listed")
    box = wide.driver.find_element(By.ID, "class")
    assert box.get_attribute("aria-expanded") == "true"
    ways.send_keys(Keys.ARROW_DOWN).perform()
    active = wide.driver.find_element(By.ID, box.get_attribute("aria-activedescendant"))
    assert "E06010" in active.text and active.get_attribute("role") == "option"
    ways.send_keys(Keys.ENTER).perform()
    assert box.get_attribute("value") == "E06010 暴露垃圾" and box.get_attribute("aria-expanded") == "false"
    for _ in range(40):
        if focus().startswith("map_"):
            break
        ways.send_keys(Keys.TAB).perform()
    assert focus().startswith("map_")
    told(wide, lambda: ActionChains(wide.driver).send_keys(Keys.ENTER).perform())
    middle = wide.driver.execute_script(f"{MAP} return [m.getCenter().lng, m.getCenter().lat]")
    question = state(wide)
    assert np.allclose([float(question["lon"]), float(question["lat"])], middle, atol=1e-6)
    assert question["class"] == "2026:E06010" and last(wide)["rule"]


def test_a_unit_is_found_by_its_code(wide: Browser, service: Served, city: dict[str, pd.DataFrame]):
    code = city["units"]["code"].iloc[33]
    wide.open(link(service, lang="en", at=AT), ready=READY)
    field = wide.driver.find_element(By.ID, "place")
    told(wide, lambda: field.send_keys(code, Keys.ENTER))
    assert last(wide)["unit"]["code"] == code and code in text(wide, ".where")
    shape = wide.driver.find_element(By.CSS_SELECTOR, "path.shape.unit")
    assert shape.rect["width"] > 20
    field.clear()
    field.send_keys(code[:10], Keys.ENTER)
    wide.wait(lambda: wide.driver.find_elements(By.CSS_SELECTOR, "#notice .several button"), "units to choose from")
    assert last(wide)["unit"]["code"] == code
    choice = wide.driver.find_elements(By.CSS_SELECTOR, "#notice .several button")[1]
    wanted = choice.text
    told(wide, choice.click)
    assert last(wide)["unit"]["code"] == wanted and text(wide, "#notice") == ""


def test_faults_are_told_in_words_and_what_was_there_stays(
    wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]
):
    lon, lat, klass = spots(small_demo, city)[1]
    wide.open(link(service, lon=lon, lat=lat, **{"class": klass, "at": AT, "lang": "zh"}), ready=TOLD)
    before, owner = last(wide), text(wide, "#owner")

    def complains(*words: str) -> None:
        wide.wait(lambda: all(word in text(wide, "#notice") for word in words), f"the page says {words}", 15)
        assert last(wide) == before and text(wide, "#owner") == owner
        assert wide.driver.find_element(By.ID, "notice").get_attribute("role") == "alert"

    def write(name: str, value: str) -> None:
        field = wide.driver.find_element(By.ID, name)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(value, Keys.ENTER)

    write("place", "somewhere <b>else</b>")
    complains("读不懂的地点", "<b>else</b>", "仍是上一次的答复")
    write("place", "14999")
    complains("没有编码为 14999 的单元网格")
    write("class", "C0110")
    complains("类别：无法查询", "did you mean", "仍是上一次的答复")
    told(wide, lambda: write("class", klass.partition(":")[2]))
    before = last(wide)
    assert text(wide, "#notice") == ""
    # the network is gone
    wide.driver.execute_cdp_cmd("Network.enable", {})
    away = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    wide.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away)
    wide.driver.find_element(By.ID, "now").click()
    complains("连不上服务", "仍是上一次的答复")
    wide.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away | {"offline": False})
    told(wide, wide.driver.find_element(By.CSS_SELECTOR, "#notice .fault button").click)
    assert text(wide, "#notice") == "" and last(wide)["at"] != before["at"]
    wide.complaints()


def test_without_the_database_the_snapshot_answers(
    wide: Browser, service: Served, small_demo: Demo, city: dict[str, pd.DataFrame]
):
    first, other = spots(small_demo, city)[1:3]
    query = {"lon": first[0], "lat": first[1], "class": first[2], "at": AT, "lang": "en"}
    wide.open(link(service, **query), ready=TOLD)
    owner = text(wide, "#owner .name")
    with database_away(service.dsn):
        ready = TOLD.replace("document.querySelector('#rosters section')", "document.querySelector('#rosters p')")
        wide.driver.execute_script("window.before = wanmi.asking.last")
        field = wide.driver.find_element(By.ID, "place")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(f"{other[0]}, {other[1]}", Keys.ENTER)
        wide.wait(
            lambda: wide.driver.execute_script(ready) and "cannot be read now" in text(wide, "#notice"), "it says so"
        )
        assert text(wide, "#owner .name") == last(wide)["owner"]["name"] and "the answer stands" in text(
            wide, "#notice"
        )
        assert "Rosters cannot be read now" in text(wide, "#rosters")
    field.send_keys(Keys.CONTROL, "a")
    told(wide, lambda: field.send_keys(f"{first[0]}, {first[1]}", Keys.ENTER))
    assert text(wide, "#owner .name") == owner and text(wide, "#notice") == ""
    wide.complaints()


@contextlib.contextmanager
def database_away(dsn: str) -> Iterator[None]:
    """Nobody can connect to the database, and who was connected is not."""
    name = dsn.split("///")[1].partition("?")[0]
    engine = store.connect(dsn.replace(f"///{name}", "///postgres"))
    try:
        with transaction(engine) as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
    finally:
        with transaction(engine) as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        engine.dispose()


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
