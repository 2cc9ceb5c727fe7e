"""The frame in a real Chromium: every page in both languages and widths, by day and night, for all its readers.

One city whose names are markup serves all tests here, in one browser.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from sqlalchemy import text

from api.app import create_app
from api.pages.frame import Frame, read_view
from api.pages.frame_words import PAGES
from api.settings import Settings
from gis import postgis, store
from gis.crs import to_lonlat
from gis.demo import Demo
from grids.errors import InputError
from tests.api.conftest import ORDER, Served, serving, settings
from tests.api.pages.test_responsibility import database_away
from tests.browser import DRAWN, Browser, chromium, serious_findings
from tests.conftest import database_name

browsers = pytest.mark.browser
CHECKED = ("/maps/units", "/maps/responsibility", "/maps/hotspots")
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
LANGUAGES = {"zh": "zh-CN", "en": "en"}
EVIL = "</title></script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
MAP = "const m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
PAGE_BYTES, FIRST_PICTURE_S = 1_500_000, 2.0


@pytest.fixture(scope="module")
def evil(cluster: postgis.Cluster, small_demo: Demo) -> Iterator[Served]:
    """The small demo city with markup in the names of city, areas, departments, roads and zones; without cases."""
    name = database_name("frame")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, dataclasses.replace(small_demo.city, name=f"盐湖区{EVIL}"))
    for layer in (*ORDER, "roads", "rivers", "railways"):
        frame: pd.DataFrame = small_demo.layers[layer].copy()
        if "name" in frame:
            frame["name"] = frame["name"] + EVIL
        if layer == "areas":  # and a set of areas that is called so
            block = frame[frame["set"] == "community"].head(2)
            frame = pd.concat(
                [frame, block.assign(set="block" + EVIL, parent="", code=["b1", "b2"])], ignore_index=True
            )
        report = store.load(engine, layer, frame)
        assert not len(report.rejects), (layer, report.rejects.head())
    with engine.begin() as line:
        columns = ", ".join(f"{c} = {c} || :evil" for c in ("name_zh", "name_en", "major_name"))
        line.execute(text(f"UPDATE wanmi.classes SET {columns}"), {"evil": EVIL})
    engine.dispose()
    with serving(create_app(settings(dsn)), dsn) as service:
        yield service
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium(*SIZES["desk"]) as found:
        yield found


@pytest.fixture
def browser(chrome: Browser) -> Browser:
    size(chrome, "desk")
    return chrome


def size(browser: Browser, name: str) -> None:
    width, height = SIZES[name]
    about = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)


def js(browser: Browser, script: str) -> object:
    return browser.driver.execute_script(script)


def search(browser: Browser) -> dict[str, str]:
    return dict(js(browser, "return Object.fromEntries(new URLSearchParams(location.search))"))


# ---------------------------------------------------------------- without a browser


@pytest.mark.parametrize("text", ["1/2", "x/1/2", "5/99/0", "99/0/0", "nan/0/0"])
def test_what_is_no_view_is_refused(text: str):
    with pytest.raises(InputError) as caught:
        read_view(text)
    assert caught.value.where == "view" and "zoom/latitude/longitude" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "at"), [({"lang": "fr"}, "lang"), ({"theme": "pink"}, "theme"), ({"view": "here"}, "view")]
)
def test_a_frame_that_cannot_be_is_refused(given: dict, at: str):
    with pytest.raises(InputError) as caught:
        Frame.read("/maps/units", **given)
    assert caught.value.where == at


@pytest.mark.parametrize("path", CHECKED)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_people_get_a_page_where_there_is_none(served_demo: Served, path: str, lang: str):
    asked = {"theme": "pink", "lang": lang}
    page = served_demo.client.get(path, params=asked, headers={"accept": "text/html,*/*"})
    assert page.status_code == 422 and page.headers["content-type"].startswith("text/html")
    said = {"zh": "没有主题", "en": "is no theme"}[lang]
    assert f'<html lang="{LANGUAGES[lang]}"' in page.text and said in page.text
    assert ("链接中有错误" in page.text) == (lang == "zh")
    nonce = re.search(r"'nonce-([^']+)'", page.headers["content-security-policy"])[1]
    assert f'<script nonce="{nonce}">' in page.text
    program = served_demo.client.get(path, params=asked, headers={"accept": "application/json"})
    assert program.status_code == 422 and program.json()["at"] == "theme" and "is no theme" in program.json()["detail"]


def test_a_fault_of_the_address_is_never_markup(served_demo: Served):
    page = served_demo.client.get("/maps/units", params={"lang": "<script>window.hac"}, headers={"accept": "text/html"})
    assert page.status_code == 422 and "<script>window" not in page.text and "&lt;script&gt;" in page.text


def test_an_outside_base_map_is_off_and_needs_its_credit(served_demo: Served):
    page = served_demo.get("/maps/units")
    assert "img-src 'self' data:;" in page.headers["content-security-policy"] and '"outside": null' in page.text
    tiles = "https://tiles.example.org/{z}/{x}/{y}.png"
    with pytest.raises(InputError, match="must be named"):
        Settings.read(base_map_url=tiles)
    for wrong in ("tiles", "ftp://a/{z}/{x}/{y}", "https://a.org/{z}/{x}", "https://a.org/{z}/{x}/{y} ; script-src *"):
        with pytest.raises(InputError, match="no address of tiles"):
            Settings.read(base_map_url=wrong, base_map_credit="© them")
    found = Settings.read(base_map_url=tiles, base_map_credit="© them")
    assert found.outside_base == (tiles, "© them") and found.outside_host == "https://tiles.example.org"


# ---------------------------------------------------------------- in a browser


@browsers
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("path", CHECKED)
def test_every_page_in_every_dress(
    chrome: Browser, evil: Served, path: str, lang: str, width: str, record_property: pytest.RecordProperty
):
    size(chrome, width)
    chrome.open(f"{evil.url}{path}?lang={lang}&theme=light")
    traffic = chrome.traffic()
    assert traffic.failed == [] and traffic.outside(evil.url) == []
    weight, seconds = weigh(chrome)
    record_property("first picture, seconds", seconds)
    print(f"\n{path} {lang} {width}: {weight / 1000:.0f} kB without tiles, first picture after {seconds:.2f} s")
    assert weight <= PAGE_BYTES
    assert js(chrome, "return document.documentElement.lang") == LANGUAGES[lang]
    assert js(chrome, "return document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
    others_words(chrome, lang)
    assert serious_findings(chrome.driver) == []
    js(chrome, "wanmi.theme('dark')")
    assert serious_findings(chrome.driver) == [], "in the dark"
    if width == "phone" and (handles := chrome.driver.find_elements(By.CSS_SELECTOR, ".handle")):
        handles[0].click()
        assert serious_findings(chrome.driver) == [], "with the sheet open"
    js(chrome, "wanmi.theme('light')")
    assert "<script>" in js(chrome, "return document.querySelector('h1').textContent")
    assert js(chrome, "return window.hacked === undefined")
    assert chrome.complaints() == []


def weigh(browser: Browser) -> tuple[int, float]:
    """Bytes of a page as sent, without its tiles; seconds from asking for it to its first tile."""
    script = """
    const all = performance.getEntriesByType('resource'), page = performance.getEntriesByType('navigation')[0];
    const tiles = all.filter(e => /\\/tiles\\/.*\\/\\d+\\/\\d+\\/\\d+/.test(e.name));
    const others = all.filter(e => !tiles.includes(e));
    return [page.encodedBodySize + others.reduce((sum, e) => sum + e.encodedBodySize, 0),
            Math.min(...tiles.filter(e => e.initiatorType === 'img').map(e => e.responseEnd)) / 1000];
    """
    weight, seconds = js(browser, script)  # type: ignore[misc]
    return int(weight), float(seconds)


def others_words(browser: Browser, lang: str) -> None:
    """A page is in one language: only the way to the other one, and what has no name in it, is not."""
    named = "document.querySelectorAll('.names, option').forEach(e => { e.hidden = %s; e.style.display = '%s'; })"
    js(browser, named % ("true", "none"))  # departments and areas have the names that they have
    said = browser.driver.find_element(By.TAG_NAME, "body").text.replace(EVIL, "")
    js(browser, named % ("false", ""))
    if lang == "en":
        assert re.findall(r"[\u3400-\u9fff]+", said) == ["中文"]
    else:
        known = {"English", "Leaflet", "API", "PNG", "CSV", "GeoJSON", "GeoParquet", "Benjamini", "Hochberg"}
        known |= {"Asia", "Shanghai", "patrol", "block"}  # the zone's name, area sets'
        assert set(re.findall(r"[A-Za-z]{3,}", said)) <= known, set(re.findall(r"[A-Za-z]{3,}", said)) - known
        assert all(name["zh"] in said for path, name in PAGES.items() if path != "/docs")


@browsers
def test_the_checker_finds_what_is_wrong(browser: Browser, evil: Served):
    browser.open(f"{evil.url}/maps/units?lang=en")
    js(
        browser,
        "const bad = document.createElement('img'), faint = document.createElement('p');"
        "bad.src = '/static/icon.svg'; faint.textContent = 'hardly seen'; faint.style.color = '#ddd';"
        "document.querySelector('.panel').append(bad, faint);",
    )
    found = serious_findings(browser.driver)
    assert any("image-alt" in one for one in found) and any("color-contrast" in one for one in found)


@browsers
@pytest.mark.parametrize("path", CHECKED)
def test_a_link_shows_the_same_view_again(browser: Browser, evil: Served, path: str):
    browser.open(f"{evil.url}{path}?lang=en")
    js(browser, f"{MAP} m.setView([35.03, 111.01], 15.5, {{animate: false}})")
    browser.wait(lambda: search(browser).get("view", "").startswith("15.5/"), "the view stands in the link")
    link, view = browser.driver.current_url, search(browser)["view"]
    assert read_view(view) == pytest.approx((15.5, 35.03, 111.01), abs=2e-5)
    ways = {e.get_attribute("href") for e in browser.driver.find_elements(By.CSS_SELECTOR, ".ways a:not(.wide)")}
    assert len(ways) == 3 and all("lang=en" in way and f"view={view}" in way for way in ways)
    other = browser.driver.find_element(By.ID, "language").get_attribute("href")
    browser.open("about:blank", ready="return true")
    browser.open(link)
    at = js(browser, f"{MAP} return [m.getZoom(), m.getCenter().lat, m.getCenter().lng]")
    assert at == pytest.approx([15.5, 35.03, 111.01], abs=4e-5) and search(browser)["view"] == view
    browser.open(other)
    assert search(browser) == dict(search(browser), lang="zh", view=view)
    assert js(browser, f"{MAP} return m.getZoom()") == 15.5 and browser.complaints() == []


@browsers
def test_the_theme_is_remembered_in_the_link_and_here(browser: Browser, evil: Served):
    browser.open(f"{evil.url}/maps/units?lang=en&theme=light")
    light = js(browser, "return getComputedStyle(document.querySelector('.panel')).backgroundColor")
    browser.traffic()
    Select(browser.driver.find_element(By.ID, "theme")).select_by_value("dark")
    browser.wait(lambda: js(browser, DRAWN), "the map is drawn anew")
    assert search(browser)["theme"] == "dark"
    assert js(browser, "return getComputedStyle(document.querySelector('.panel')).backgroundColor") != light
    tiles = [url for url in browser.traffic().asked if "/tiles/base/" in url and url.endswith("theme=dark")]
    assert len(tiles) > 5
    browser.open(f"{evil.url}/maps/responsibility?lang=en")
    assert search(browser)["theme"] == "dark" and js(browser, "return document.documentElement.dataset.theme") == "dark"
    browser.open(f"{evil.url}/maps/units?lang=en&theme=light")
    assert js(browser, "return wanmi.dark()") is False
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    Select(browser.driver.find_element(By.ID, "theme")).select_by_value("auto")
    assert js(browser, "return wanmi.dark()") is True and search(browser)["theme"] == "auto"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    js(browser, "localStorage.clear()")


@browsers
def test_with_the_keyboard_alone(chrome: Browser, evil: Served, planted_unit: tuple[float, float]):
    size(chrome, "desk")
    lat, lon = planted_unit
    chrome.open(f"{evil.url}/maps/units?lang=en&view=17/{lat}/{lon}")
    body = chrome.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    active = chrome.driver.switch_to.active_element
    assert active.text == "Skip to the content" and active.rect["y"] >= 0
    stops = []
    for _ in range(14):
        chrome.driver.switch_to.active_element.send_keys(Keys.TAB)
        active = chrome.driver.switch_to.active_element
        stops.append(active.accessible_name)
        ring = js(chrome, "const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth")
        assert ring == "solid3px", (active.accessible_name, ring)
        if active.get_attribute("class").startswith("folium-map"):
            break
    assert {"Hotspots", "Who is responsible", "Copy link", "Theme", "中文", "Certificate"} <= set(stops)
    assert stops[-1].startswith("Map: arrows")
    active.send_keys(Keys.ENTER)
    chrome.wait(lambda: chrome.driver.find_elements(By.CSS_SELECTOR, ".leaflet-popup table"), "the unit is told")
    assert serious_findings(chrome.driver) == []
    assert "Code 1408" in js(chrome, "return document.getElementById('said').textContent")
    chrome.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    chrome.wait(lambda: not chrome.driver.find_elements(By.CSS_SELECTOR, ".leaflet-popup table"), "Escape closes it")
    size(chrome, "phone")
    handle = chrome.driver.find_element(By.CSS_SELECTOR, ".handle")
    handle.send_keys(Keys.ENTER)
    assert handle.get_attribute("aria-expanded") == "true"
    assert "In the area band" in chrome.driver.find_element(By.ID, "sheet-body").text
    handle.send_keys(Keys.ESCAPE)
    assert handle.get_attribute("aria-expanded") == "false" and chrome.complaints() == []


@pytest.fixture(scope="module")
def planted_unit(small_demo: Demo) -> tuple[float, float]:
    """Latitude and longitude of a place inside a unit."""
    inside = small_demo.layers["units"].geometry.iloc[40].representative_point()
    lon, lat = to_lonlat([inside.x], [inside.y], small_demo.city.srid)
    return round(float(lat[0]), 5), round(float(lon[0]), 5)


@browsers
def test_the_link_is_copied(browser: Browser, evil: Served):
    browser.open(f"{evil.url}/maps/units?lang=en&view=14/35.03/111.01")
    js(browser, "navigator.clipboard.writeText = text => { window.taken = text; return Promise.resolve(); }")
    browser.driver.find_element(By.ID, "copy-link").click()
    browser.wait(lambda: js(browser, "return document.getElementById('said').textContent") == "Copied", "it is said")
    assert js(browser, "return window.taken") == browser.driver.current_url
    assert "view=14/35.03" in browser.driver.current_url


@browsers
def test_markup_in_names_is_text(browser: Browser, evil: Served, planted_unit: tuple[float, float]):
    lat, lon = planted_unit
    for lang in LANGUAGES:
        browser.open(f"{evil.url}/maps/units?lang={lang}&view=16/{lat}/{lon}")
        drawn = js(browser, "return [...document.querySelectorAll('.names text')].map(e => e.textContent).join('')")
        assert "script" in drawn.lower()
        js(browser, f"{MAP} m.fire('click', {{latlng: L.latLng({lat}, {lon})}})")
        browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".leaflet-popup table"), "the unit is told")
        asked = f"lon={lon}&lat={lat}&class=2026:C01001&at=2026-07-01T09:00&lang={lang}"
        told = "return Boolean(wanmi.asking && wanmi.asking.last && wanmi.asking.last.scene && !wanmi.asking.waiting)"
        browser.open(f"{evil.url}/maps/responsibility?{asked}", ready=told)
        assert "window.hacked=1" in browser.driver.find_element(By.ID, "told").text
        assert js(browser, "return window.hacked === undefined && !document.querySelector('main img, main script')")
        assert browser.complaints() == []


@browsers
def test_an_outside_base_map_is_offered_and_named(browser: Browser, demo_dsn: str, evil: Served):
    host = evil.url.replace("127.0.0.1", "localhost")  # another host for a browser
    given = {"base_map_url": host + "/tiles/base/{z}/{x}/{y}.png", "base_map_credit": "© Somebody <b>else</b>"}
    with serving(create_app(settings(demo_dsn, **given))) as service:
        page = service.get("/maps/units")
        assert f"img-src 'self' data: {host};" in page.headers["content-security-policy"]
        browser.open(f"{service.url}/maps/units?lang=en&view=14/35.03/111.01")
        assert browser.traffic().outside(service.url) == [], "ours is shown first"
        js(browser, "document.querySelector('.leaflet-control-layers-base').querySelectorAll('input')[1].click()")
        browser.wait(lambda: js(browser, DRAWN), "the other map is drawn")
        traffic = browser.traffic()
        assert traffic.outside(service.url) and not traffic.outside(service.url, host) and traffic.failed == []
        assert search(browser)["base"] == "outside"
        credit = browser.driver.find_element(By.CLASS_NAME, "leaflet-control-attribution").text
        assert "© Somebody <b>else</b>" in credit
        browser.open(browser.driver.current_url)
        assert browser.traffic().outside(service.url), "the link remembers it"
        assert browser.complaints() == []


@browsers
def test_what_is_there_stays_without_the_service(browser: Browser, evil: Served, planted_unit: tuple[float, float]):
    lat, lon = planted_unit
    browser.open(f"{evil.url}/maps/units?lang=zh&view=16/{lat}/{lon}")
    away = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away)
    js(browser, f"{MAP} m.fire('click', {{latlng: L.latLng({lat}, {lon})}})")
    notice = browser.driver.find_element(By.ID, "notice-bar")
    browser.wait(lambda: "连不上服务" in notice.text, "it is said")
    assert notice.get_attribute("role") == "alert" and serious_findings(browser.driver) == []
    assert js(browser, "return document.querySelectorAll('img.leaflet-tile-loaded').length") > 5
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away | {"offline": False})
    js(browser, f"{MAP} m.fire('click', {{latlng: L.latLng({lat}, {lon})}})")
    browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".leaflet-popup table"), "it goes on")
    assert not notice.is_displayed()
    browser.complaints()


def test_without_the_database_pages_say_so(small_demo: Demo, tmp_path):
    from gis.snapshot import Snapshot

    file = Snapshot.compile(small_demo.city, small_demo.layers).save(tmp_path / "city.wanmi")
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    html = {"accept": "text/html"}
    with serving(create_app(settings(nowhere, snapshot=str(file), follow=False))) as service:
        units = service.client.get("/maps/units", params={"lang": "zh"}, headers=html)
        assert units.status_code == 503 and "数据库没有应答" in units.text and units.headers["retry-after"]
        assert service.client.get("/maps/units").json()["error"] == "Unavailable"
        ask = service.client.get("/maps/responsibility", params={"lang": "en"}, headers=html)
        assert ask.status_code == 200 and "Who is responsible" in ask.text
        west, south, east, north = np.asarray(small_demo.city.bounds, float)
        given = json.loads(re.search(r"wanmi\.stage\(\w+, (\{.*\})\);", ask.text)[1])
        assert np.allclose(given["bounds"], [[south, west], [north, east]])


def test_pages_keep_what_they_have_without_the_database(evil: Served):
    paths = [
        "/maps/units?lang=en",
        "/maps/responsibility?lang=en",
        "/tiles/base/13/6621/3243.png",
        "/tiles/base/names.json",
    ]
    before = [evil.client.get(path) for path in paths]
    assert [answer.status_code for answer in before] == [200] * 4
    with database_away(evil.dsn):
        after = [evil.client.get(path) for path in paths]
        assert [answer.status_code for answer in after] == [200] * 4
        assert after[2].content == before[2].content and after[3].content == before[3].content
