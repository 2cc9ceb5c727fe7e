"""Vector tiles in a real Chromium: `vector.js` draws on Leaflet what the tiles hold, and finds it under the pointer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gis import store
from tests.api.conftest import Served
from tests.browser import Browser, chromium

pytestmark = pytest.mark.browser
BEGIN = """
const done = arguments[arguments.length - 1], [lat, lon, zoom] = arguments;
document.body.innerHTML = '<div id="m" style="position:absolute;inset:0"></div>';
const load = (src) => new Promise((ok, no) => {
  const s = document.createElement("script"); s.src = src; s.onload = ok; s.onerror = no; document.head.append(s);
});
(async () => {
  const css = document.createElement("link");
  Object.assign(css, {rel: "stylesheet", href: "/static/leaflet.css"});
  document.head.append(css);
  await load("/static/leaflet.js");
  await load("/static/vector.js");
  window.told = []; window.clicked = [];
  window.m = L.map("m", {zoomAnimation: false, fadeAnimation: false}).setView([lat, lon], zoom);
  window.layer = wanmiVector("/tiles/units/{z}/{x}/{y}.mvt", {
    style: () => ({fill: "#ff0000", stroke: "#000000", width: 1}),
    onClick: (properties, latlng, name) => clicked.push([name, properties]),
    onNotice: (notices) => { window.told = notices; },
  });
  layer.once("load", () => done("")).addTo(m);
})().catch((error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def test_units_are_drawn_and_found_under_the_pointer(browser: Browser, served_demo: Served):
    engine = store.connect(served_demo.dsn)
    with engine.connect() as line:
        asked = (
            "SELECT code, area_m2, ST_Y(p), ST_X(p) FROM (SELECT code, area_m2, "
            "ST_Transform(ST_PointOnSurface(geom), 4326) AS p FROM wanmi.units_now ORDER BY area_m2 DESC LIMIT 20) u"
        )
        units = line.execute(text(asked)).all()
    engine.dispose()
    driver = browser.driver
    browser.open(f"{served_demo.url}/docs", ready="return document.readyState === 'complete'")
    driver.set_script_timeout(40)
    code, area, lat, lon = units[0]
    assert driver.execute_async_script(BEGIN, lat, lon, 15) == ""
    for code, area, lat, lon in units:
        driver.execute_async_script(
            "const [lat, lon, zoom, done] = arguments; m.setView([lat, lon], zoom, {animate: false});"
            "(function wait() { layer.isLoading() ? setTimeout(wait, 20) : done(); })()",
            lat, lon, 15,
        )  # fmt: skip
        found = driver.execute_script(f"return layer.at(L.latLng({lat}, {lon}))")
        assert found["properties"]["code"] == code and found["layer"] == "units"
        assert found["properties"]["area_m2"] == pytest.approx(area)
    assert driver.execute_script(f"return layer.at(L.latLng({lat} + 0.5, {lon}))") is None
    driver.execute_script(f"m.fire('click', {{latlng: L.latLng({lat}, {lon})}})")
    assert driver.execute_script("return clicked")[-1][1]["code"] == code
    red = "const c = document.querySelector('canvas.leaflet-tile-loaded'), d = c.getContext('2d')"
    red += ".getImageData(0, 0, c.width, c.height).data; let n = 0;"
    red += "for (let i = 0; i < d.length; i += 4) n += d[i] > 200 && d[i + 1] < 60 && d[i + 3] > 200; return n"
    assert driver.execute_script(red) > 1000
    driver.execute_script("layer.options.style = () => null; layer.restyle()")
    assert driver.execute_script(red) == 0
    assert driver.execute_script("return told") == []
    traffic = browser.traffic()
    assert traffic.outside(served_demo.url) == [] and not [u for u in traffic.failed if "/tiles/" in u]


def test_notices_and_other_tiles_reach_the_page(browser: Browser, served_demo: Served):
    driver = browser.driver
    browser.open(f"{served_demo.url}/docs", ready="return document.readyState === 'complete'")
    driver.set_script_timeout(40)
    assert driver.execute_async_script(BEGIN, 35.03, 111.0, 11) == ""
    driver.execute_async_script("layer.setUrl('/tiles/roads/{z}/{x}/{y}.mvt').then(arguments[0])")
    told = driver.execute_script("return told")
    assert told and all(n["layer"] == "roads" and n["shown"] < n["total"] for n in told)
    shown = served_demo.get("/tiles/roads/11/1655/810.mvt").headers
    assert {int(shown["x-total"])} <= {n["total"] for n in told}
