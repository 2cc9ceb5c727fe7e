"""The responsibility page in a real Chromium: what it tells is what engine and record say, in both languages."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from gis import store
from gis.answer import explain
from gis.convert import Cases
from gis.crs import to_city
from gis.demo import Demo
from gis.snapshot import Snapshot
from tests.api.conftest import Served
from tests.api.pages.asking import (
    AT,
    DESK,
    EVIL,
    HERE,
    MAP,
    PHONE,
    READY,
    TOLD,
    database_away,
    last,
    link,
    size,
    spots,
    state,
    text,
    told,
)
from tests.browser import Browser
from tests.gis.test_oracle import ask_sql

pytestmark = pytest.mark.browser


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
    complains("类别：无法查询", "是否为", "仍是上一次的答复")
    told(wide, lambda: write("class", klass.partition(":")[2]))
    before = last(wide)
    assert text(wide, "#notice") == ""
    # the network is gone
    wide.driver.execute_cdp_cmd("Network.enable", {})
    away = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    wide.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away)
    wide.driver.find_element(By.ID, "now").click()
    complains("连不上服务", "仍是上一次的答复")
    back = away | {"offline": False}
    told(wide, lambda: wide.driver.execute_cdp_cmd("Network.emulateNetworkConditions", back))  # it asks again by itself
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
