"""How the tests of the responsibility page ask it, and what to wait for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import shapely
from selenium.webdriver.common.by import By

from gis import store
from gis.crs import to_lonlat
from gis.demo import Demo
from gis.store.engine import transaction
from tests.api.conftest import Served
from tests.browser import Browser

HERE = "/maps/responsibility"
READY = "return Boolean(window.wanmi && wanmi.asking && !wanmi.asking.waiting && document.readyState === 'complete')"
SHOWN = "wanmi.asking && wanmi.asking.last && document.querySelector('#rosters section') &&"
TOLD = READY.replace("wanmi.asking &&", SHOWN)
MAP = "const m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
DESK, PHONE = (1440, 900), (390, 844)
AT = "2026-07-01T09:00"
EVIL = '<img src=x onerror="window.hacked=1"><b>环卫</b>'


def size(browser: Browser, width: int, height: int) -> None:
    """Give the window a size."""
    about = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)


def link(service: Served, **query: object) -> str:
    """The page's address with a question."""
    return f"{service.url}{HERE}?" + "&".join(f"{name}={value}" for name, value in query.items())


def state(browser: Browser) -> dict[str, str]:
    """The question in the address of the page."""
    return {name: values[0] for name, values in parse_qs(urlsplit(browser.driver.current_url).query).items()}


def last(browser: Browser) -> dict:
    """The answer that the page shows, as it came."""
    return json.loads(browser.driver.execute_script("return wanmi.asking.last.text"))


def text(browser: Browser, where: str) -> str:
    """What stands at a place of the page."""
    return browser.driver.find_element(By.CSS_SELECTOR, where).get_attribute("textContent")


def told(browser: Browser, then) -> None:
    """Do something, and wait for the answer to it."""
    browser.driver.execute_script("window.before = wanmi.asking.last")
    then()
    ready = TOLD.replace("document.readyState", "wanmi.asking.last !== window.before && document.readyState")
    browser.wait(lambda: browser.driver.execute_script(ready), "the answer is told")


def place(small_demo: Demo, x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude as a click gives them."""
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
