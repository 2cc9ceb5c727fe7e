"""The page of the unit grids: coloured by area, faults where they were planted, every unit told on a click."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy import Engine, text

from api.app import create_app
from api.pages.basemap import BaseMap
from api.pages.mercator import from_lonlat, pixel_m, tile_box
from api.pages.unit_picture import COLOURS, FAULT, UnitPicture, figure, step_of
from api.tiles import vector
from gis import postgis, store
from gis.crs import to_lonlat
from gis.demo import Demo
from grids.certificate import certify
from tests.api.conftest import Served, serving, settings
from tests.browser import Browser, chromium, serious_findings
from tests.conftest import database_name
from tests.grids.lattice import communities, lattice


@pytest.fixture(scope="module")
def planted(small_demo: Demo) -> gpd.GeoDataFrame:
    """The demo's units with a hole in one and another grown over its neighbours."""
    units = small_demo.layers["units"].copy()
    shapes = units.geometry.to_numpy().copy()
    middle = np.array([*shapely.get_coordinates(shapely.union_all(shapes).centroid)[0]])
    near = np.argsort(np.hypot(*(shapely.get_coordinates(shapely.centroid(shapes)) - middle).T))
    hole, grown = near[0], near[60]
    tool = shapely.set_precision(shapely.buffer(shapely.centroid(shapes[hole]), 15), 0.001)
    shapes[hole] = shapely.difference(shapes[hole], tool)
    shapes[grown] = shapely.set_precision(shapely.buffer(shapes[grown], 8, join_style="mitre"), 0.001)
    units = units.set_geometry(gpd.GeoSeries(shapes, index=units.index, crs=units.crs))
    units.attrs = {"hole": units["code"].iloc[hole], "grown": units["code"].iloc[grown]}
    return units


@pytest.fixture(scope="module")
def faulty(cluster: postgis.Cluster, small_demo: Demo, planted: gpd.GeoDataFrame) -> Iterator[Served]:
    """A city whose units have faults, served."""
    name = database_name("units_page")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, small_demo.city)
    for layer in ("departments", "areas", "rules", "roads", "rivers", "railways"):
        store.load(engine, layer, small_demo.layers[layer])
    report = store.load(engine, "units", planted)
    assert report.inserted == len(planted)
    engine.dispose()
    with serving(create_app(settings(dsn)), dsn) as service:
        yield service
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def place(units: gpd.GeoDataFrame, code: str) -> tuple[float, float]:
    """Latitude and longitude of the centre of a unit."""
    at = shapely.centroid(units.set_index("code").geometry[code])
    lon, lat = to_lonlat([at.x], [at.y], units.crs.to_epsg())
    return float(lat[0]), float(lon[0])


def pixels(browser: Browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")).astype(int)


def test_the_page_and_its_pictures(served_demo: Served, small_demo: Demo):
    page = served_demo.get("/maps/units?lang=zh")
    assert page.status_code == 200 and "盐湖区 单元网格" in page.text
    units = small_demo.layers["units"]
    assert f"{len(units):,} 个" in page.text
    lat, lon = place(units, units["code"].iloc[0])
    x, y = from_lonlat(lon, lat)
    z, half = 15, pixel_m(0) * 128
    tile = [int((float(x) + half) / (2 * half) * 2**z), int((half - float(y)) / (2 * half) * 2**z)]
    path = f"/tiles/units/{z}/{tile[0]}/{tile[1]}.png"
    first = served_demo.get(path)
    assert first.status_code == 200 and Image.open(io.BytesIO(first.content)).getbbox() is not None
    assert served_demo.client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
    away = served_demo.get(f"/tiles/units/{z}/0/0.png")
    assert np.asarray(Image.open(io.BytesIO(away.content)))[..., 3].max() == 0
    assert served_demo.get("/tiles/units/3/9/0.png").status_code == 404


def test_what_is_at_a_place(served_demo: Served, small_demo: Demo):
    units = small_demo.layers["units"]
    for code in units["code"].iloc[[0, 100, 200]]:
        inside = units.set_index("code").geometry[code].representative_point()
        lon, lat = to_lonlat([inside.x], [inside.y], small_demo.city.srid)
        found = served_demo.get("/maps/units/at.json", lon=lon[0], lat=lat[0]).json()["unit"]
        assert found["code"] == code and found["community"] == code[:12]
        assert found["area_m2"] == pytest.approx(units.set_index("code").geometry[code].area, abs=0.1)
    assert served_demo.get("/maps/units/at.json", lon=0, lat=0).json() == {"unit": None}
    assert served_demo.get("/maps/units/at.json", lon=0, lat=91).status_code == 422
    assert served_demo.get("/maps/units/at.json", lon="x", lat=1).status_code == 422


def test_a_city_without_units_says_so(cluster: postgis.Cluster, small_demo: Demo):
    name = database_name("no_units")
    engine = store.connect(postgis.ensure_database(name))
    store.create_city(engine, small_demo.city)
    for layer in ("departments", "areas", "rules"):
        store.load(engine, layer, small_demo.layers[layer])
    engine.dispose()
    try:
        with serving(create_app(settings(postgis.dsn(name)))) as service:
            answer = service.get("/maps/units?lang=zh")
            assert answer.status_code == 404 and "wanmi load units" in answer.text
    finally:
        postgis.drop_database(name)


@pytest.mark.browser
def test_faults_are_red_where_they_were_planted(browser: Browser, faulty: Served, planted: gpd.GeoDataFrame):
    browser.open(f"{faulty.url}/maps/units?lang=zh")
    traffic = browser.traffic()
    assert traffic.failed == [] and traffic.outside(faulty.url) == [] and browser.complaints() == []
    text = browser.driver.find_element(By.TAG_NAME, "body").text
    for part in ("质检未通过", "缝隙", "重叠", "单元面积（平方米）", "面积达标（个数）"):
        assert part in text, part
    red = np.array([int(FAULT[i : i + 2], 16) for i in (1, 3, 5)])
    for which in ("hole", "grown"):
        lat, lon = place(planted, planted.attrs[which])
        browser.view(lat, lon, 17)
        picture = pixels(browser)
        px, py = browser.pixel(lat, lon)
        y, x = np.indices(picture.shape[:2])
        near = np.hypot(x - px, y - py) < 110
        reddish = (np.abs(picture - red).sum(axis=2) < 90) & near
        assert reddish.sum() > 60, which
    # far from both nothing is red
    others = planted[~planted["code"].isin(list(planted.attrs.values()))]
    far = others.distance(planted.set_index("code").geometry[planted.attrs["hole"]]).argmax()
    browser.view(*place(planted, others["code"].iloc[far]), 17)
    map_only = pixels(browser)[60:, 310:1120]
    assert (np.abs(map_only - red).sum(axis=2) < 60).sum() == 0


@pytest.mark.browser
def test_a_click_tells_the_unit(browser: Browser, faulty: Served, planted: gpd.GeoDataFrame):
    browser.open(f"{faulty.url}/maps/units?lang=zh")
    code = planted["code"].iloc[40]
    inside = planted.set_index("code").geometry[code].representative_point()
    lon, lat = to_lonlat([inside.x], [inside.y], planted.crs.to_epsg())
    browser.view(float(lat[0]), float(lon[0]), 17)
    script = "m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
    browser.driver.execute_script(f"{script} m.fire('click', {{latlng: L.latLng({lat[0]}, {lon[0]})}});")
    browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".leaflet-popup table"), "the unit is told")
    told = browser.driver.find_element(By.CSS_SELECTOR, ".leaflet-popup table").get_attribute("textContent")
    assert code in told and "平方米" in told


# ---------------------------------------------------------------- layers over the units

LAYERS_READY = """
const canvases = [...document.querySelectorAll('canvas.wanmi-vector')];
return canvases.length > 0 && canvases.every(c => c.classList.contains('leaflet-tile-loaded'))
    && document.querySelectorAll('.names text').length > 0;
"""
IN_VIEW = """
const m = wanmi.map, half = m.getPixelBounds(), z = m.getZoom(), out = [];
for (let x = Math.floor(half.min.x / 256); x <= Math.floor(half.max.x / 256); x += 1)
  for (let y = Math.floor(half.min.y / 256); y <= Math.floor(half.max.y / 256); y += 1) out.push([z, x, y]);
return out;
"""
THERE = """
SELECT code, ST_AsMVTGeom(web, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) IS NOT NULL AS drawn
FROM (SELECT code, ST_Transform(geom, 3857) AS web FROM wanmi.components_now) c
WHERE web && ST_MakeEnvelope(:west, :south, :east, :north, 3857) ORDER BY code
"""


def said_by(engine: Engine, tiles: list[list[int]], cap: int) -> tuple[int, int]:
    """What the record says that tiles with a cap show: components, each once, and with them what each leaves out."""
    shown: set[str] = set()
    missing = 0
    with engine.connect() as line:
        for z, x, y in tiles:
            west, south, east, north = tile_box(z, x, y)
            margin = (east - west) * vector.MARGIN
            box = {"west": west - margin, "south": south - margin, "east": east + margin, "north": north + margin}
            there = line.execute(text(THERE), {"z": z, "x": x, "y": y} | box).all()
            shown |= {code for code, drawn in there[:cap] if drawn}
            missing += max(0, len(there) - cap)
    return len(shown), len(shown) + missing


@pytest.mark.browser
def test_components_and_zones_are_shown_and_a_full_tile_says_so(
    browser: Browser, served_demo: Served, monkeypatch: pytest.MonkeyPatch
):
    driver, engine = browser.driver, store.connect(served_demo.dsn)
    busy = (
        "SELECT ST_Y(p), ST_X(p) FROM (SELECT ST_Transform(c.geom, 4326) AS p FROM wanmi.components_now c"
        " ORDER BY (SELECT count(*) FROM wanmi.components_now o WHERE ST_DWithin(o.geom, c.geom, 100)) DESC, c.code"
        " LIMIT 1) busiest"
    )
    with engine.connect() as line:
        lat, lon = line.execute(text(busy)).one()
    line_of = "return document.getElementById('capped').textContent"

    # at the usual cap all is shown: nothing is said
    browser.open(f"{served_demo.url}/maps/units?lang=en&theme=light&view=16/{lat}/{lon}")
    assert driver.find_elements(By.CSS_SELECTOR, "canvas.wanmi-vector") == []
    boxes = {e.get_attribute("value"): e for e in driver.find_elements(By.CSS_SELECTOR, "#layers input")}
    assert boxes["components"].accessible_name == "Components"
    for name in ("components", "zones"):
        boxes[name].send_keys(Keys.SPACE)
        browser.wait(lambda: driver.execute_script(LAYERS_READY), f"{name} are drawn")
    assert "layers=components,zones" in driver.current_url
    assert driver.execute_script(line_of) == ""
    picture = pixels(browser)
    px, py = browser.pixel(lat, lon)
    spot = picture[int(py) - 3 : int(py) + 4, int(px) - 3 : int(px) + 4].reshape(-1, 3)
    assert (np.abs(spot - np.array([0x00, 0x67, 0x7D])).sum(axis=1) < 30).sum() > 5, "a dot lies there"
    driver.execute_script(f"wanmi.map.fire('click', {{latlng: L.latLng({lat}, {lon})}})")
    browser.wait(lambda: driver.find_elements(By.CSS_SELECTOR, ".leaflet-popup table"), "the component is told")
    told = driver.find_element(By.CSS_SELECTOR, ".leaflet-popup").text
    with engine.connect() as line:
        asked = "SELECT edition || ':' || kind || class_code, owning FROM wanmi.components_now WHERE code = :code"
        drawn = re.search(r"\b(\d{17})\b", told)[1]  # of two at one place the one above
        class_, owner = line.execute(text(asked), {"code": drawn}).one()
    assert class_ in told and owner in told and "Unit grid" in told
    driver.execute_script("wanmi.theme('dark')")
    assert serious_findings(driver) == []
    assert browser.traffic().outside(served_demo.url) == [] and browser.complaints() == []

    # with a low cap the page says how many of how many, and no more once one is near enough
    monkeypatch.setattr(vector, "CAP", 80)
    with serving(create_app(settings(served_demo.dsn)), served_demo.dsn) as service:
        browser.open(f"{service.url}/maps/units?lang=en&theme=dark&layers=components&view=16/{lat}/{lon}")
        browser.wait(lambda: driver.execute_script(LAYERS_READY), "the link shows the components")
        shown, total = said_by(engine, driver.execute_script(IN_VIEW), 80)
        assert shown < total
        right = f"{shown:,} of {total:,} components shown; zoom in for all"
        browser.wait(lambda: driver.execute_script(line_of) == right, f"{right}: {driver.execute_script(line_of)}", 5)
        line_ = driver.find_element(By.ID, "capped")
        assert line_.get_attribute("role") == "status" and line_.is_displayed() and serious_findings(driver) == []
        browser.view(lat, lon, 18)
        browser.wait(lambda: driver.execute_script(LAYERS_READY), "the nearer tiles are drawn")
        near = driver.execute_script(IN_VIEW)
        assert said_by(engine, near, 80)[0] == said_by(engine, near, 80)[1] > 0, "no tile is full there"
        assert driver.execute_script(line_of) == ""
        browser.open(f"{service.url}/maps/units?lang=zh&layers=components&view=16/{lat}/{lon}")
        browser.wait(lambda: driver.execute_script(line_of), "it is said in Chinese")
        browser.wait(lambda: driver.execute_script(line_of) == f"部件 {shown:,} / {total:,} 已显示，放大可见全部", "it")
        driver.find_element(By.CSS_SELECTOR, "#layers input").send_keys(Keys.SPACE)
        assert driver.execute_script(line_of) == "" and "layers" not in driver.current_url
        assert browser.complaints() == []
    engine.dispose()


def test_a_layer_that_is_none_is_refused(served_demo: Served):
    answer = served_demo.get("/maps/units", layers="components,zonen")
    assert answer.status_code == 422 and answer.json()["at"] == "layers" and "'zonen'" in answer.json()["detail"]


def test_colours_follow_the_area():
    assert step_of(np.array([100.0, 6_000, 9_999.9, 15_000, 19_000, 30_000])).tolist() == [0, 1, 3, 5, 5, 6]
    light = [sum(int(c[i : i + 2], 16) * w for i, w in ((1, 0.3), (3, 0.59), (5, 0.11))) for c in COLOURS]
    assert light == sorted(light, reverse=True)


def test_the_figure_has_units_faults_and_legend():
    units = lattice(12)
    shapes = units.geometry.to_numpy().copy()
    shapes[70] = shapely.difference(shapes[70], shapely.buffer(shapely.centroid(shapes[70]), 20))
    units = units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs))
    areas = communities(lattice(12)).assign(set="community")
    found = certify(units, areas=areas)
    base = BaseMap({}, areas, territory=["community"], srid=units.crs.to_epsg())
    png, zoom = figure(base, UnitPicture(units, found, units.crs.to_epsg()), title="Lattice", width_px=800)
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    assert picture.shape[1] == 800 and 900 < picture.shape[0] < 1100 and 9 <= zoom <= 17
    red = np.array([int(FAULT[i : i + 2], 16) for i in (1, 3, 5)])
    assert (np.abs(picture - red).sum(axis=2) < 30).sum() > 100
    again, _ = figure(base, UnitPicture(units, found, units.crs.to_epsg()), title="Lattice", width_px=800)
    assert again == png
