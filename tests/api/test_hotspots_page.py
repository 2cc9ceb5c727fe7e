"""The hotspot page in a real Chromium: filters, time, panel, two periods, alerts, exports, report, file, languages."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.api.conftest import Served
from tests.api.test_spots import E09, FROM, ONES, classes_of, rows
from tests.browser import Browser, chromium, serious_findings

pytestmark = pytest.mark.browser
HERE = "/maps/hotspots"
ASKED = "class=2026:E09&from=2026-01-01&to=2026-07-01"
SETTLED = "return Boolean(window.wanmi && wanmi.hotspotPage && wanmi.hotspotPage.settled)"
RAMP = "return getComputedStyle(document.querySelector('.legend .ramp')).background"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium() as found:
        folder = str(tmp_path_factory.mktemp("downloads"))
        found.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder})
        found.folder = Path(folder)  # type: ignore[attr-defined]
        yield found


def show(browser: Browser, served: Served, query: str = ASKED, *, lang: str = "en") -> None:
    browser.open(f"{served.url}{HERE}?{query}&lang={lang}", ready=SETTLED)


def settle(browser: Browser) -> None:
    browser.wait(lambda: browser.driver.execute_script(SETTLED), "the answer is shown")


def size(browser: Browser, name: str) -> None:
    width, height = SIZES[name]
    about = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)


def told(browser: Browser, name: str) -> str:
    return browser.driver.find_element(By.ID, name).text


def shown(browser: Browser) -> dict:
    return browser.driver.execute_script(
        "const s = wanmi.hotspotPage.shown; return {look: s.look, facts: s.spots?.facts, query: s.query}"
    )


def query_of(browser: Browser) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(browser.driver.current_url).query).items()}


def only_english(browser: Browser, served: Served) -> None:
    """An English page has no Chinese but the names that departments have, and the way to the other language."""
    script = """return [document.title, document.body.innerText, ...[...document.querySelectorAll("*")].flatMap(e =>
      ["aria-label", "title", "placeholder", "alt"].map(name => e.getAttribute(name) || ""))].join("\\n")"""
    text = browser.driver.execute_script(script)
    for (name,) in sorted(rows(served, "SELECT DISTINCT name FROM wanmi.departments"), key=lambda row: -len(row[0])):
        text = text.replace(name, "")
    assert set(re.findall(r"[\u3400-\u9fff]+", text)) <= {"中文"}


def picture(browser: Browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("L")).astype(float)


def test_filters_change_the_map_without_loading_the_page_again(browser: Browser, served_demo: Served):
    show(browser, served_demo)
    browser.driver.execute_script("window.stays = 1")
    before, first = picture(browser), shown(browser)
    assert first["look"]["counted"] == int(told(browser, "fact-counted").replace(",", ""))
    Select(browser.driver.find_element(By.ID, "exposure")).select_by_value("roads")
    settle(browser)
    assert query_of(browser)["exposure"] == "roads" and shown(browser)["query"] != first["query"]
    browser.driver.execute_script(
        "const f = document.getElementById('to'); f.value = '2026-02-01'; f.dispatchEvent(new Event('change'))"
    )
    settle(browser)
    assert query_of(browser)["to"] == "2026-02-01" and shown(browser)["look"]["counted"] < first["look"]["counted"]
    assert np.abs(picture(browser)[100:800, 340:1080] - before[100:800, 340:1080]).mean() > 0.5, "the colours changed"
    # a class by typing its name, with the keyboard alone
    field = browser.driver.find_element(By.ID, "class")
    field.click()
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("暴露垃圾")  # names are found in either language, and told in the page's
    options = [e.text.split("\n") for e in browser.driver.find_elements(By.CSS_SELECTOR, "#classes li")]
    assert options == [["E06010", "Exposed garbage", "City appearance and environment"]]
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("E06 ", Keys.ARROW_DOWN, Keys.ENTER)
    settle(browser)
    assert query_of(browser)["class"].startswith("2026:E06")
    browser.driver.find_element(By.ID, "clear").click()
    settle(browser)
    assert set(query_of(browser)) == {"lang"} and told(browser, "sub").startswith("All cases")
    assert browser.driver.execute_script("return window.stays") == 1, "the page was loaded anew"
    browser.driver.back()
    settle(browser)
    assert query_of(browser)["class"].startswith("2026:E06"), "the way back is kept"
    traffic = browser.traffic()
    assert traffic.failed == [] and traffic.outside(served_demo.url) == [] and browser.complaints() == []


def test_department_channel_and_area_filter_as_sql_does(browser: Browser, served_demo: Served):
    values = {"classes": classes_of(served_demo)}
    every = FROM.replace(" AND a.unit = ANY (%(units)s)", " AND a.rule NOT IN ('no_location', 'outside')")
    owner = rows(
        served_demo, f"SELECT a.department {every} AND {E09} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1", **values
    )[0][0]
    sql = f"SELECT count(*) {every} AND {ONES} AND {E09} AND a.department = %(owner)s AND c.channel = 'patrol'"
    (count,) = rows(served_demo, sql, owner=owner, **values)[0]
    show(browser, served_demo)
    browser.driver.find_element(By.CSS_SELECTOR, "#more summary").click()
    browser.wait(lambda: len(Select(browser.driver.find_element(By.ID, "channel")).options) > 2, "channels are there")
    Select(browser.driver.find_element(By.ID, "channel")).select_by_value("patrol")
    settle(browser)
    field = browser.driver.find_element(By.ID, "department")
    field.send_keys(owner, Keys.TAB)
    browser.wait(lambda: query_of(browser).get("department") == owner, "the department is taken")
    settle(browser)
    assert shown(browser)["look"]["counted"] == count > 0
    area = served_demo.get(f"{HERE}/choices.json").json()["areas"][0]
    browser.driver.find_element(By.ID, "area").send_keys(f"{area[0]}:{area[1]}", Keys.TAB)
    browser.wait(lambda: "area" in query_of(browser), "the area is taken")
    settle(browser)
    assert shown(browser)["look"]["counted"] < count


def test_a_click_opens_the_panel_with_the_figures_of_sql(browser: Browser, served_demo: Served):
    show(browser, served_demo)
    found = served_demo.get("/v1/hotspots?joined=1&" + ASKED).json()["features"]
    about = found[0]["properties"]
    # on the map itself: the number that stands in the strongest hotspot
    mark = next(e for e in browser.driver.find_elements(By.CSS_SELECTOR, ".badge") if e.text == "1")
    mark.click()
    browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-cases"), "the panel is open")
    values = {"units": about["codes"], "classes": classes_of(served_demo)}
    (count,) = rows(served_demo, f"SELECT count(*) {FROM} AND {ONES} AND {E09}", **values)[0]
    assert int(told(browser, "spot-cases").replace(",", "")) == count
    by = f"SELECT a.department, count(*) {FROM} AND {ONES} AND {E09} GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    _, most = rows(served_demo, by, **values)[0]
    first = browser.driver.find_element(By.CSS_SELECTOR, "#spot-owners li")
    assert first.find_element(By.CLASS_NAME, "count").text == f"{most:,}"
    assert first.find_element(By.CLASS_NAME, "share").text == f"{most / count:.0%}".replace("%", " %")
    figure = browser.driver.find_element(By.CSS_SELECTOR, "[data-figure=z]").text
    assert float(figure) == pytest.approx(about["z"], abs=0.005)
    assert float(browser.driver.find_element(By.CSS_SELECTOR, "[data-figure=ratio]").text) == pytest.approx(
        about["ratio"], abs=0.005
    )
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#spot svg.bars rect")) == 18
    browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-stable"), "survival is told")
    share = served_demo.get(f"/v1/hotspots/{about['id']}/stability?{ASKED}").json()["share"]
    assert told(browser, "spot-stable") == f"{int(100 * share + 0.5)} %"
    browser.driver.find_element(By.ID, "show-cases").click()
    browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#case-list li"), "the cases are listed")
    ids = [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, "#case-list li b")]
    sql = f"SELECT c.id {FROM} AND {ONES} AND {E09} ORDER BY reported_at DESC, c.id LIMIT 500"
    assert ids == [row[0] for row in rows(served_demo, sql, **values)]
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, "path.case-dot")) == len(ids)
    assert query_of(browser)["spot"] == about["id"]
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    browser.wait(lambda: not browser.driver.find_elements(By.ID, "spot-cases"), "Escape closes it")
    assert "spot" not in query_of(browser) and browser.complaints() == []


def test_the_slider_moves_and_plays_without_a_blank(browser: Browser, served_demo: Served):
    show(browser, served_demo)
    Select(browser.driver.find_element(By.ID, "step")).select_by_value("month")
    browser.wait(lambda: query_of(browser).get("t") == "2026-06-01", "the last month is shown")
    settle(browser)
    months = served_demo.get(f"{HERE}/timeline.json?{ASKED}&step=month").json()["bins"]
    assert shown(browser)["look"]["counted"] == months[-1]["cases"]
    slider = browser.driver.find_element(By.ID, "position")
    before = picture(browser)
    slider.send_keys(Keys.HOME)
    browser.wait(lambda: query_of(browser)["t"] == "2026-01-01", "the first month is shown")
    settle(browser)
    assert shown(browser)["look"]["counted"] == months[0]["cases"]
    assert np.abs(picture(browser)[100:700, 340:1080] - before[100:700, 340:1080]).mean() > 0.1, "the map changed"
    # playing: at every moment some density is whole on the map
    browser.driver.execute_script(
        """window.blanks = 0; window.seen = new Set();
        window.watch = setInterval(() => {
          const on = [...document.querySelectorAll('.leaflet-layer.heat')]
            .filter(layer => Number(getComputedStyle(layer).opacity) > .5);
          if (!on.some(l => l.querySelector('img.leaflet-tile-loaded'))) window.blanks++;
          window.seen.add(document.getElementById('now').textContent); }, 40);"""
    )
    slider.send_keys(Keys.SPACE)
    browser.wait(lambda: browser.driver.execute_script("return window.seen.size") >= 4, "it plays through the months")
    browser.driver.find_element(By.ID, "play").click()
    browser.wait(lambda: not browser.driver.execute_script("return wanmi.hotspotPage.playing"), "it stops")
    assert browser.driver.execute_script("clearInterval(window.watch); return window.blanks") == 0
    assert browser.driver.execute_script("return wanmi.hotspotPage.period.from") == query_of(browser)["t"]
    assert browser.traffic().failed == [] and browser.complaints() == []


def test_the_link_shows_the_same_again(browser: Browser, served_demo: Served):
    spot = served_demo.get("/v1/hotspots?joined=1&" + ASKED).json()["features"][1]["properties"]["id"]
    link = f"{HERE}?{ASKED}&channel=&theme=dark&lang=zh&view=15/35.02000/111.00000&spot={spot}"
    browser.open(f"{served_demo.url}{link}", ready=SETTLED)
    browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-cases"), "the panel is open")
    centre = browser.driver.execute_script(
        "const c = wanmi.map.getCenter(); return [c.lat, c.lng, wanmi.map.getZoom()]"
    )
    assert centre == pytest.approx([35.02, 111.0, 15], abs=1e-4)
    assert browser.driver.execute_script("return document.documentElement.lang") == "zh-CN"
    assert "热点 2" in told(browser, "spot") and "街面秩序" in told(browser, "sub")
    assert browser.driver.execute_script("return wanmi.dark()") is True
    heat = [url for url in browser.traffic().asked if "/tiles/heat/" in url and ".png" in url]
    assert heat and all("theme=dark" in url for url in heat), "density for the night's ground"
    by_night = browser.driver.execute_script(RAMP)
    assert browser.driver.execute_script(f"wanmi.theme('light'); {RAMP}") != by_night, "the legend follows"
    settle(browser)
    light = [url for url in browser.traffic().asked if "/tiles/heat/" in url and ".png" in url]
    assert light and not any("theme=dark" in url for url in light)
    browser.driver.execute_script("wanmi.theme('dark')")
    settle(browser)
    again = browser.driver.current_url
    first = told(browser, "spot-cases"), shown(browser)
    show(browser, served_demo, "class=C")
    browser.open(again, ready=SETTLED)
    browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-cases"), "the panel is open again")
    assert (told(browser, "spot-cases"), shown(browser)) == first
    browser.open(
        f"{served_demo.url}{HERE}?{ASKED}&lang=en&step=month&t=2026-03-01&method=moran&cells=h3:9", ready=SETTLED
    )
    assert shown(browser)["look"]["from"] == "2026-03-01"
    for name, value in (("method", "moran"), ("cells", "h3:9"), ("step", "month"), ("from", "2026-01-01")):
        assert browser.driver.find_element(By.ID, name).get_attribute("value") == value


def test_two_periods_move_together(browser: Browser, served_demo: Served):
    show(browser, served_demo, "class=2026:E09&from=2026-04-01&to=2026-07-01")
    browser.driver.find_element(By.ID, "two").click()
    browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#twin .leaflet-tile-loaded"), "a second map")
    settle(browser)
    browser.wait(lambda: told(browser, "twin-n"), "its cases are counted")
    asked = query_of(browser)
    assert (asked["versus_from"], asked["versus_to"]) == ("2025-12-31", "2026-04-01")
    other = served_demo.get(
        f"{HERE}/look.json", **{"class": "2026:E09", "from": "2025-12-31", "to": "2026-04-01"}
    ).json()
    assert int(told(browser, "twin-n").split()[0].replace(",", "")) == other["counted"]
    move = "wanmi.map.setView([35.03, 111.01], 14, {animate: false}); const c = wanmi.hotspotPage.twin.map.getCenter();"
    assert browser.driver.execute_script(f"{move} return [c.lat, c.lng]") == pytest.approx([35.03, 111.01], abs=1e-4)
    browser.driver.find_element(By.CSS_SELECTOR, "#twin .close").click()
    browser.wait(lambda: not browser.driver.find_elements(By.ID, "twin"), "one map again")
    Select(browser.driver.find_element(By.ID, "method")).select_by_value("compare")
    browser.wait(lambda: "versus_from" in query_of(browser), "a comparison shows both")
    settle(browser)
    assert shown(browser)["facts"]["counted_before"] == other["counted"] and browser.complaints() == []


def test_alerts_lead_to_their_place(browser: Browser, served_demo: Served):
    end = "class=2026:E09&to=2026-04-01"
    found = served_demo.get(f"/v1/alerts?{end}").json()
    show(browser, served_demo, end)
    browser.driver.find_element(By.ID, "tab-alerts").click()
    ready = """const list = document.getElementById('alerts');
    return list.querySelectorAll('.rows li, .soft').length && !/Replaying/.test(list.textContent)"""
    browser.wait(lambda: browser.driver.execute_script(ready), "alerts are told")
    listed = browser.driver.find_elements(By.CSS_SELECTOR, "#alerts .rows button")
    assert len(listed) == len(found["features"]) and query_of(browser)["tab"] == "alerts"
    if listed:
        listed[0].click()
        browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "path.outline.alert"), "it is drawn")


def test_exports_download_and_open_again(browser: Browser, served_demo: Served):
    show(browser, served_demo)
    facts = shown(browser)["facts"]
    folder: Path = browser.folder  # type: ignore[attr-defined]
    for form, file in (
        ("geojson", "hotspots.geojson"),
        ("parquet", "hotspots.parquet"),
        ("csv", "hotspots.csv"),
        ("png", "hotspots.png"),
    ):
        browser.driver.find_element(By.ID, f"as-{form}").click()
        browser.wait(
            lambda file=file: (folder / file).is_file() and (folder / file).stat().st_size > 0, f"{file} is there"
        )
    time.sleep(0.3)
    cells, areas = gpd.read_file(folder / "hotspots.geojson"), gpd.read_parquet(folder / "hotspots.parquet")
    table = pd.read_csv(folder / "hotspots.csv")
    assert len(cells) == len(areas) == len(table) == facts["hotspots"]
    assert cells["cases"].sum() == areas["cases"].sum() == table["cases"].sum() == facts["in_hotspots"]
    image = Image.open(folder / "hotspots.png").convert("RGB")
    assert image.width == 1440 * 2 and 900 * 2 < image.height < 1100 * 2
    pixels = np.asarray(image).astype(int)
    inside = pixels[200:1400, 700:2200]
    assert inside.std() > 10, "an empty picture"
    teal = (np.abs(pixels - (0, 103, 125)).sum(axis=2) < 30).sum()
    assert teal > 500, "no outline of a hotspot"


def test_the_report_has_a_page_for_each_hotspot(browser: Browser, served_demo: Served):
    found = served_demo.get("/v1/hotspots?joined=1&" + ASKED).json()["features"]
    browser.open(
        f"{served_demo.url}{HERE}/report?{ASKED}&lang=en", ready="return document.querySelectorAll('.page').length > 0"
    )
    count = len(browser.driver.find_elements(By.CSS_SELECTOR, ".page.spot"))
    assert count == min(len(found), 20) >= 2
    pages = count + len(browser.driver.find_elements(By.CSS_SELECTOR, ".page.title, .page.listed"))
    options = {"printBackground": True, "preferCSSPageSize": True}
    pdf = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", options)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == pages, "one sheet of paper a page"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        script = "return [...document.querySelectorAll('.page')].map(p => p.scrollHeight - p.clientHeight)"
        assert max(browser.driver.execute_script(script)) <= 0, "nothing is cut off"
        for k, feature in enumerate(found[:2]):
            page = browser.driver.find_elements(By.CSS_SELECTOR, ".page.spot")[k]
            assert f"{feature['properties']['cases']:,}" in page.text and f"Hotspot {k + 1}" in page.text
            assert page.find_element(By.CLASS_NAME, "owner").text.startswith("Owner: ")
            browser.driver.execute_script("arguments[0].scrollIntoView()", page)
            image = np.asarray(Image.open(io.BytesIO(page.screenshot_as_png)).convert("L")).astype(float)
            height = len(image)
            assert image[int(height * 0.13) : int(height * 0.38)].std() > 8, "the map is empty"
            assert (image[int(height * 0.45) : int(height * 0.9)] < 120).mean() > 0.01, "the figures are missing"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert serious_findings(browser.driver) == []
    only_english(browser, served_demo)
    report = served_demo.get(f"{HERE}/report?{ASKED}&most=1&lang=zh").text
    assert "街面秩序" in report and "Street order" not in report
    assert browser.complaints() == []
    none = served_demo.get(f"{HERE}/report", **{"class": "2026:C01001", "from": "2026-01-01", "to": "2026-01-02"})
    assert none.status_code == 200 and none.text.count('class="page ') == 1


def test_faults_are_one_line_and_what_was_shown_stays(browser: Browser, served_demo: Served):
    show(browser, served_demo)
    first = shown(browser)
    browser.driver.find_element(By.CSS_SELECTOR, "#more summary").click()
    browser.driver.find_element(By.ID, "department").send_keys("<img src=x onerror=window.hurt=1>", Keys.TAB)
    browser.wait(lambda: browser.driver.find_element(By.ID, "fault").is_displayed(), "the fault is said")
    assert "\n" not in told(browser, "fault") and "is not a department" in told(browser, "fault")
    time.sleep(1)  # what was refused is not missing: nobody is told that the service is away
    assert not browser.driver.find_element(By.ID, "notice-bar").is_displayed()
    assert told(browser, "fact-counted") == f"{first['look']['counted']:,}" and "hurt" not in query_of(browser)
    assert browser.driver.execute_script("return window.hurt") is None
    browser.driver.find_element(By.ID, "clear").click()
    settle(browser)
    assert not browser.driver.find_element(By.ID, "fault").is_displayed()
    browser.complaints()
    count = told(browser, "fact-counted")
    browser.driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    try:
        Select(browser.driver.find_element(By.ID, "method")).select_by_value("moran")
        browser.wait(lambda: "does not answer" in told(browser, "notice-bar"), "the page says that the service is away")
        assert told(browser, "fact-counted") == count and browser.driver.find_elements(By.CSS_SELECTOR, "path.outline")
    finally:
        browser.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )
    browser.wait(lambda: not told(browser, "notice-bar"), "it is back by itself")
    settle(browser)
    assert shown(browser)["query"] == "method=moran"
    browser.complaints()


def test_markup_in_names_is_text(browser: Browser, served_demo: Served):
    show(browser, served_demo)
    evil = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>"
    script = """
    const done = arguments[1], evil = arguments[0], before = window.fetch;
    window.fetch = async (...asked) => { const answer = await before(...asked);
      if (!String(asked[0]).includes("/v1/hotspots/")) return answer;
      const told = await answer.json();
      for (const row of told.departments || []) row.name = row.name_en = evil;
      for (const row of told.classes || []) row.name_zh = row.name_en = evil;
      for (const row of told.areas || []) row.name = row.name_en = evil;
      return new Response(JSON.stringify(told), {headers: {"content-type": "application/json"}}); };
    document.querySelector("#spots button").click();
    const wait = setInterval(() => {
      if (!document.getElementById("spot-owners")) return;
      clearInterval(wait);
      done(document.getElementById("spot").textContent); }, 50);
    """
    text = browser.driver.execute_async_script(script, evil)
    time.sleep(0.3)
    assert evil in text and browser.driver.execute_script("return window.hurt") is None
    assert browser.driver.find_elements(By.CSS_SELECTOR, "#spot img, #spot script") == []


@pytest.mark.parametrize("screen", SIZES)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_both_languages_on_desk_and_phone(browser: Browser, served_demo: Served, lang: str, screen: str):
    size(browser, screen)
    try:
        spot = served_demo.get("/v1/hotspots?joined=1&" + ASKED).json()["features"][0]["properties"]["id"]
        show(browser, served_demo, f"{ASKED}&step=month&theme={'dark' if lang == 'en' else 'light'}", lang=lang)
        wide = browser.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "the page is wider than the screen"
        assert serious_findings(browser.driver) == []
        show(browser, served_demo, f"{ASKED}&spot={spot}&theme={'light' if lang == 'en' else 'dark'}", lang=lang)
        browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-cases"), "the panel is open")
        browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-stable"), "all of it")
        assert serious_findings(browser.driver) == []
        text = browser.driver.execute_script("return document.body.innerText")
        assert ("责任部门" in text) == (lang == "zh") and ("Owner departments" in text) == (lang == "en")
        if screen == "phone":
            browser.driver.find_element(By.CSS_SELECTOR, "#spot .close").click()
            browser.driver.find_element(By.CSS_SELECTOR, ".handle").click()
            assert browser.driver.find_element(By.ID, "filters").is_displayed()
            assert serious_findings(browser.driver) == []
        assert browser.complaints() == [] and browser.traffic().failed == []
    finally:
        size(browser, "desk")


def test_the_page_weighs_little(browser: Browser, served_demo: Served):
    page = httpx.get(f"{served_demo.url}{HERE}?lang=en", trust_env=False)
    asked = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    total = len(page.content) + sum(
        len(httpx.get(served_demo.url + path.replace("&amp;", "&"), trust_env=False).content) for path in asked
    )
    total += len(served_demo.get(f"{HERE}/choices.json").content)
    assert total <= 1_500_000, total


def test_the_mailed_file_opens_without_a_network_and_says_the_same(
    browser: Browser, demo_dsn: str, served_demo: Served, tmp_path: Path
):
    out = tmp_path / "hotspots.html"
    code = "import sys; from api.cli import main; sys.exit(main())"
    asked = ["--class", "2026:E09", "--from", "2026-01-01", "--to", "2026-07-01"]
    command = [sys.executable, "-c", code, "hotspots", *asked, "--out", str(out)]
    done = subprocess.run(command, env={"WANMI_DSN": demo_dsn, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size < 6_000_000
    browser.driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    try:
        ready = """return Boolean(wanmi.hotspotPage && wanmi.hotspotPage.shown
            && document.querySelectorAll('.filed-tile').length > 4)"""
        browser.open(out.as_uri() + "?lang=en", ready=ready)
        traffic = browser.traffic()
        assert traffic.failed == [] and traffic.outside(out.as_uri()) == [] and browser.complaints() == []
        assert serious_findings(browser.driver) == []
        time.sleep(0.4)
        light = picture(browser)
        assert light[300:800, 400:1000].std() > 8, "an empty map"
        found = served_demo.get("/v1/hotspots?joined=1&" + ASKED).json()["features"]
        values = {"classes": classes_of(served_demo)}
        for k, button in enumerate(browser.driver.find_elements(By.CSS_SELECTOR, "#spots button")[:3]):
            button.click()
            browser.wait(
                lambda k=k: browser.driver.find_element(By.CSS_SELECTOR, "#spot h2").text.startswith(
                    f"Hotspot {k + 1}"
                ),
                "the panel",
            )
            codes = found[k]["properties"]["codes"]
            (count,) = rows(served_demo, f"SELECT count(*) {FROM} AND {ONES} AND {E09}", units=codes, **values)[0]
            assert int(told(browser, "spot-cases").replace(",", "")) == count
        assert browser.driver.find_elements(By.ID, "spot-stable") and serious_findings(browser.driver) == []
        only_english(browser, served_demo)
        browser.driver.find_element(By.ID, "switch").click()
        browser.wait(lambda: "案件热点" in browser.driver.find_element(By.CLASS_NAME, "bar").text, "the other language")
        browser.wait(lambda: browser.driver.execute_script("return Boolean(wanmi.hotspotPage.shown)"), "it is shown")
        assert serious_findings(browser.driver) == []
        assert "计入案件" in told(browser, "facts") and browser.complaints() == []
        assert browser.traffic().outside(out.as_uri()) == []
    finally:
        browser.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )
