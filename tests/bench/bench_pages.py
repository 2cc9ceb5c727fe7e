"""The map pages over two million cases and 100,000 unit grids, in a real Chromium on the same two cores.

What a planner waits for: the first picture of a page (base map with its names, and what the page shows over it), all of
it after a filter was changed (colours, outlines, list, counts), tiles while the map is moved at zoom 12.
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator

import httpx
import numpy as np
from sqlalchemy import text

from api.app import create_app
from gis import postgis, store
from gis.batch.record import assign_record
from gis.crs import to_lonlat
from gis.snapshot import Snapshot
from tests.api.conftest import Served, serving, settings
from tests.bench import city
from tests.bench.paired import Row, heading
from tests.browser import DRAWN, Browser, chromium
from tests.conftest import database_name

PAGES = ("hotspots", "units", "responsibility")
TIMES, PANS = 5, 12
CLASS = "const f = document.getElementById('class'); f.value = '{}'; f.dispatchEvent(new Event('blur'));"
FIELD = "const f = document.getElementById('{}'); f.value = '{}'; f.dispatchEvent(new Event('change'));"
CHANGES = {
    "class": [CLASS.format(code) for code in ("E06", "C01", "E07", "C02", "E08")],
    "period": [FIELD.format("from", f"2025-0{month}-01") for month in (3, 4, 5, 6, 7)],
    "channel": [FIELD.format("channel", name) for name in city.CHANNELS[:5]],
}
"""What a filter is changed to, one after the other; each is new to the service."""
WATCH = f"""
window.bench = {{}};
const look = () => {{
  const page = window.wanmi && wanmi.hotspotPage;
  const drawn = (() => {{ {DRAWN} }})();
  if (drawn && !bench.drawn) bench.drawn = performance.now();
  if (drawn && (page ? page.settled : !location.pathname.endsWith('hotspots'))) bench.all = performance.now();
  else setTimeout(look, 5);
}};
document.addEventListener('DOMContentLoaded', look);
"""
"""Runs before a page's own scripts: when is the map drawn, and when is all there that is told of it?"""
CHANGE = """
const done = arguments[arguments.length - 1], page = wanmi.hotspotPage, before = page.shown.query;
const begin = performance.now();
%s
const look = () => {
  if (page.shown.query !== before && page.settled) done(performance.now() - begin); else setTimeout(look, 5);
};
look();
"""
PAN = """
const done = arguments[arguments.length - 1], [dx, dy] = arguments;
const map = window[Object.keys(window).find(k => k.startsWith('map_'))];
const box = map.getContainer().getBoundingClientRect(), begin = performance.now();
let blank = 0, longest = 0, still = 0;
map.panBy([dx, dy], {animate: true, duration: 0.3});
const look = () => {
  const now = performance.now();
  const bare = [...document.querySelectorAll('img.leaflet-tile')].some(tile => {
    const b = tile.getBoundingClientRect();
    const seen = b.right > box.left && b.left < box.right && b.bottom > box.top && b.top < box.bottom;
    return seen && !(tile.complete && tile.naturalWidth > 0);
  });
  blank = bare ? blank || now : 0;
  still = bare ? 0 : still || now;
  if (bare) longest = Math.max(longest, now - blank);
  if (still && now - still > 250 && now - begin > 600) done(longest); else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
"""The longest time in milliseconds that some tile in view was not there, while the map moves and after."""


def record(dsn: str) -> None:
    """The made city with its base map and two million cases, loaded and assigned."""
    engine = store.connect(dsn)
    made = city.make()
    store.create_city(engine, city.CITY)
    for layer in ("departments", "areas", "rules", "units", "zones"):
        store.load(engine, layer, made.frames[layer])
    for layer, frame in city.ground().items():
        store.load(engine, layer, frame)
    store.load(engine, "cases", city.recorded(made.cases))
    assign_record(engine, Snapshot.compile(city.CITY, store.city_frames(engine)))
    with engine.connect() as line:
        line.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    engine.dispose()


def run() -> Iterator[Row]:
    """Rows for ``make bench``."""
    postgis.up()
    name = database_name("bench_pages")
    dsn = postgis.ensure_database(name)
    try:
        record(dsn)
        yield from measure(dsn)
    finally:
        postgis.drop_database(name)


def measure(dsn: str) -> Iterator[Row]:
    """Rows of a record."""
    yield heading("pages over two million cases and 100,000 unit grids, Chromium and service on the same two cores")
    begin = time.perf_counter()
    with serving(create_app(settings(dsn, follow=False)), dsn) as served, chromium() as browser:
        browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        yield from _first(browser, served, "right after its start")
        while served.get("/maps/hotspots/look.json").elapsed.total_seconds() > 1:
            time.sleep(0.5)
        yield "service until all is in memory", 1, time.perf_counter() - begin, ""
        yield from _first(browser, served, "")
        yield from _changes(browser, served)
        yield from _pans(browser, served)
        yield from _weights(served)


def _row(what: str, spent: list[float], note: str = "") -> Row:
    """Milliseconds, the median and the worst."""
    told = f"median {np.median(spent) / 1e3:.2f} s, worst {max(spent) / 1e3:.2f} s"
    return what, len(spent), sum(spent) / 1e3, f"{told} {note}".rstrip()


def _open(browser: Browser, served: Served, page: str, query: str = "") -> dict[str, float]:
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.driver.get(f"{served.url}/maps/{page}?lang=zh{query}")
    browser.wait(lambda: browser.driver.execute_script("return window.bench && bench.all"), f"{page} is there", 120)
    return browser.driver.execute_script("return bench")


def _first(browser: Browser, served: Served, when: str) -> Iterator[Row]:
    for page in PAGES:
        found = [_open(browser, served, page) for _ in range(1 if when else TIMES)]
        yield _row(f"{page}: first picture {when}".rstrip(), [one["drawn"] for one in found])
        if page == "hotspots":
            yield _row(f"  with outlines, list and counts {when}".rstrip(), [one["all"] for one in found])


def _changes(browser: Browser, served: Served) -> Iterator[Row]:
    browser.driver.set_script_timeout(60)
    for what, scripts in CHANGES.items():
        _open(browser, served, "hotspots")
        spent = [browser.driver.execute_async_script(CHANGE % script) for script in scripts]
        yield _row(f"another {what}: colours, outlines, list and counts", spent)


def _pans(browser: Browser, served: Served) -> Iterator[Row]:
    (lon,), (lat,) = to_lonlat([city.WEST + city.SIDE / 2], [city.SOUTH + city.SIDE / 2], city.CITY.srid)
    for page in PAGES:
        _open(browser, served, page, f"&view=12/{lat:.4f}/{lon:.4f}")
        steps = [(700, 0), (0, 500), (-700, 0), (-700, 0), (0, -500), (0, -500), (700, 0), (700, 0)]
        spent = [browser.driver.execute_async_script(PAN, *steps[k % len(steps)]) for k in range(PANS)]
        yield _row(f"{page}: longest blank in view while moving, z 12", spent)


def _weights(served: Served) -> Iterator[Row]:
    with httpx.Client(base_url=served.url, timeout=60, headers={"accept-encoding": "identity"}) as client:
        for page in PAGES:
            sent = client.get(f"/maps/{page}?lang=zh").content
            parts = re.findall(rb'(?:src|href)="(/static/[^"]+)"', sent)
            whole: list[bytes] = [sent, *(client.get(p.decode().replace("&amp;", "&")).content for p in parts)]
            packed, unpacked = (sum(map(len, some)) / 1e3 for some in ([gzip.compress(p, 5) for p in whole], whole))
            yield f"{page}: weight without tiles", 1, 0.0, f"{packed:.0f} kB as sent, {unpacked:.0f} kB unpacked"
