"""PostGIS is stopped while pages are open, and while they are opened: they say so, and come back by themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from api.app import create_app
from gis import postgis, store
from tests import town
from tests.api.conftest import Served, serving, settings
from tests.api.test_drawn import road
from tests.browser import DRAWN, Browser, chromium, serious_findings

pytestmark = pytest.mark.browser
SETTLED = "return Boolean(window.wanmi && wanmi.hotspotPage && wanmi.hotspotPage.settled)"
LAYERS = ("departments", "areas", "units")


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder with a cluster that may be stopped, where any account can enter, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory(prefix="wanmi-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "state"
        postgis.down(Path(folder) / "state", immediate=True)


@pytest.fixture
def served(state: Path) -> Iterator[Served]:
    postgis.up(state)
    dsn = postgis.ensure_database("town", state=state)
    engine = store.connect(dsn)
    store.create_city(engine, town.CITY)
    layers = town.layers()
    for layer in LAYERS:
        assert not len(store.load(engine, layer, layers[layer]).rejects)
    store.load(engine, "roads", town.frame("roads", [road("R1", "一路", 150.0)]))
    engine.dispose()
    with serving(create_app(settings(dsn, follow=False)), dsn) as service:
        yield service


def said(browser: Browser) -> str:
    return browser.driver.execute_script("return document.body.innerText")


def test_pages_say_so_keep_what_they_have_and_come_back(state: Path, served: Served):
    with chromium() as browser:
        driver = browser.driver
        browser.open(f"{served.url}/maps/hotspots?lang=zh", ready=SETTLED)
        tiles = driver.execute_script("return document.querySelectorAll('.ground img.leaflet-tile-loaded').length")
        counted = driver.find_element(By.ID, "fact-counted").text
        notice = driver.find_element(By.ID, "notice-bar")
        # ---- it stops while a page is open
        postgis.down(state, immediate=True)
        # what is in memory is answered as ever: a filter that was never asked needs the record
        driver.execute_script(
            "const field = document.getElementById('area');"
            "field.value = 'street:140802001'; field.dispatchEvent(new Event('change'))"
        )
        browser.wait(lambda: "连不上服务" in notice.text, "it is said")
        assert serious_findings(driver) == []
        assert driver.find_element(By.ID, "fact-counted").text == counted, "what was shown stays"
        kept = driver.execute_script("return document.querySelectorAll('.ground img.leaflet-tile-loaded').length")
        assert kept == tiles > 3
        driver.execute_script("window.stays = 1")
        postgis.up(state)
        browser.wait(lambda: not notice.is_displayed() and driver.execute_script(SETTLED), "it goes on by itself")
        shown = driver.execute_script("return [wanmi.hotspotPage.shown.query, window.stays]")
        assert shown == ["area=street%3A140802001", 1]
        # ---- pages are opened while it is away
        postgis.down(state, immediate=True)
        first = driver.current_window_handle
        driver.get(f"{served.url}/maps/units?lang=zh")
        assert "数据库没有应答" in said(browser) and "恢复后本页会自动打开" in said(browser)
        assert serious_findings(driver) == []
        driver.switch_to.new_window("tab")
        driver.get(f"{served.url}/maps/hotspots?lang=en&class=E&area=street:140802001")
        browser.wait(lambda: "does not answer" in said(browser), "what names areas needs the record, and it is said")
        assert "Traceback" not in said(browser) and serious_findings(driver) == []
        # what is in memory is shown as ever
        driver.get(f"{served.url}/maps/hotspots?lang=en&class=E")
        browser.wait(lambda: driver.execute_script(SETTLED), "the hotspots come from memory")
        assert driver.find_element(By.ID, "fact-counted").text == "0" and serious_findings(driver) == []
        postgis.up(state)
        assert "class=E" in driver.current_url and not driver.find_element(By.ID, "notice-bar").is_displayed()
        driver.switch_to.window(first)
        browser.wait(lambda: driver.execute_script(DRAWN), "the units come by themselves")
        assert "lang=zh" in driver.current_url and not driver.find_element(By.ID, "notice-bar").is_displayed()
