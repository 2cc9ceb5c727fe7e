"""The pages in a real Chromium: drawn whole, asking nobody else, the planted hotspots where they were planted."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.by import By

from gis.crs import to_lonlat
from gis.demo import Demo
from tests.api.conftest import Served
from tests.browser import Browser, chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def lightness(browser: Browser) -> np.ndarray:
    """What is on the screen, 0 black to 255 white."""
    image = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png()))
    return np.asarray(image.convert("L")).astype(float)


def test_the_map_is_drawn_from_what_is_ours_alone(browser: Browser, served_demo: Served):
    browser.open(f"{served_demo.url}/")
    for zoom in (12, 16, 18):
        browser.view(35.03, 111.0, zoom)
    traffic = browser.traffic()
    assert traffic.failed == [] and traffic.outside(served_demo.url) == []
    for path in ("/static/leaflet.js", "/static/leaflet.css", "/tiles/base/", "/tiles/heat/", "/tiles/base/names.json"):
        assert any(url.startswith(served_demo.url + path) for url in traffic.asked), path
    assert browser.complaints() == []
    assert browser.driver.current_url.endswith("/maps/hotspots?view=18/35.03000/111.00000")


def test_chinese_signs_are_drawn_and_not_boxes(browser: Browser, served_demo: Served):
    browser.open(f"{served_demo.url}/maps/hotspots")
    drawn = browser.driver.execute_script(
        """
        const font = getComputedStyle(document.body).fontFamily;
        return ['盐', '湖', '案', '\\ue123', '\\uf456'].map(sign => {
            const canvas = document.createElement('canvas');
            const pen = canvas.getContext('2d');
            pen.font = '40px ' + font;
            pen.fillText(sign, 20, 60);
            return canvas.toDataURL();
        });
        """
    )
    assert drawn[3] == drawn[4], "two signs that no font has are drawn as the same box"
    assert len(set(drawn[:3])) == 3 and drawn[3] not in drawn[:3]
    # in one look: the page may draw its names anew between two
    look = "return [...document.querySelectorAll('.names text')].map(name => name.textContent)"
    assert len(set(browser.driver.execute_script(look))) > 3


def test_planted_hotspots_are_seen_where_they_were_planted(browser: Browser, served_demo: Served, small_demo: Demo):
    planted = small_demo.truth["hotspots"]
    planted = planted[(planted["risk"] == 3) & (planted["size"] >= 60)]
    assert len(planted) >= 2
    for row in planted.itertuples():
        days = [
            t.tz_convert("Asia/Shanghai").strftime("%Y-%m-%d")
            for t in (row[planted.columns.get_loc(c) + 1] for c in ("from", "to"))
        ]
        group = row[planted.columns.get_loc("class") + 1]
        browser.open(f"{served_demo.url}/maps/hotspots?class={group}&from={days[0]}&to={days[1]}")
        lon, lat = to_lonlat([row.x], [row.y], small_demo.city.srid)
        browser.view(lat[0], lon[0], 15)
        browser.wait(lambda: browser.driver.execute_script("return wanmi.hotspotPage.settled"), "the density is drawn")
        light = lightness(browser)
        px, py = browser.pixel(lat[0], lon[0])
        metre = 1 / (156_543 / 2**15 * np.cos(np.radians(lat[0])))
        y, x = np.indices(light.shape)
        away = np.hypot(x - px, y - py) / metre
        clear = (x > 310) & (x < 1120) & (y > 60) & (y < 860)  # beside the panels
        inside = light[clear & (away < 0.7 * row.radius_m)]
        around = light[clear & (away > row.radius_m + 150) & (away < row.radius_m + 500)]
        assert len(inside) > 500 and len(around) > 5000
        # darker at its place than nearly everywhere around it
        assert np.median(inside) < np.quantile(around, 0.2), (row.Index, np.median(inside), np.median(around))
        assert np.median(inside) < np.median(around) - 10, (row.Index, np.median(inside), np.median(around))
    assert browser.traffic().failed == []


def test_the_documentation_needs_nobody_either(browser: Browser, served_demo: Served):
    browser.open(f"{served_demo.url}/docs", ready="return document.querySelectorAll('.opblock').length > 8")
    traffic = browser.traffic()
    assert traffic.failed == [] and traffic.outside(served_demo.url) == []
    assert browser.complaints() == []
    paths = {e.text.replace("\u200b", "") for e in browser.driver.find_elements(By.CLASS_NAME, "opblock-summary-path")}
    assert {"/v1/resolve", "/v1/cases", "/v1/cases/{case_id}", "/maps/hotspots", "/ready"} <= paths


def test_the_documentation_is_drawn_from_what_is_ours_alone(browser: Browser, served_demo: Served):
    listed = "return document.querySelectorAll('.opblock').length >= 10"
    browser.open(f"{served_demo.url}/docs", ready=listed)
    text = browser.driver.find_element(By.TAG_NAME, "body").text
    assert "Wanmi 万米" in text and "/v1/resolve" in text and "Who owns this spot" in text
    for block in browser.driver.find_elements(By.CSS_SELECTOR, ".opblock-summary-path"):
        if block.text.replace("\u200b", "") == "/v1/cases":
            block.click()
            break
    browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".opblock-body"), "a route unfolds")
    traffic = browser.traffic()
    assert traffic.failed == [] and traffic.outside(served_demo.url) == []
    assert browser.complaints() == []
    ink = lightness(browser)
    assert (ink < 128).mean() > 0.002, "the page is blank"
