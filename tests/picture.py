"""The pictures of the map pages in README and docs, drawn by a real browser from the loaded demo city.

::

    wanmi demo --no-serve && python -m tests.picture            # both
    python -m tests.picture units                               # one of hotspots, units, responsibility …
"""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from selenium.webdriver.common.by import By

from api.app import create_app
from api.pages import heat
from api.pages.basemap_style import DARK, LIGHT
from api.pages.unit_picture import COLOURS, FAULT, ROAD, over_land
from api.settings import Settings
from tests.api.conftest import Served, serving
from tests.browser import DRAWN, Browser, chromium

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "img"
HOT = "class=2026:E09&from=2025-12-01&to=2026-06-01&exposure=ground"
PAGES = {
    "hotspots": f"/maps/hotspots?{HOT}&lang=en&theme=light",
    "hotspots_dark": f"/maps/hotspots?{HOT}&lang=zh&theme=dark&step=month&t=2026-03-01",
    "hotspots_phone": f"/maps/hotspots?{HOT}&lang=zh&theme=light",
    "hotspots_report": f"/maps/hotspots/report?{HOT}&lang=zh&most=1",
    "units": "/maps/units?lang=zh&theme=light",
    "units_dark": "/maps/units?lang=en&theme=dark",
    "units_phone": "/maps/units?lang=zh&theme=light",
    "base_map": "/maps/responsibility?lang=zh&theme=light",
    "base_map_dark": "/maps/responsibility?lang=en&theme=dark",
    "responsibility": "/maps/responsibility?lang=en&",
    "responsibility_phone": "/maps/responsibility?lang=zh&",
}
CLOSE = 15.8
"""Zoom of the picture of the units: each is seen, and the streets that bound them."""
WIDTH, HEIGHT = 1600, 1000
SIZES = {"responsibility": (1440, 960), "responsibility_phone": (390, 844), "units_phone": (390, 844),
         "hotspots_phone": (390, 844), "hotspots_report": (860, 1180)}  # fmt: skip
SHEETS = {"base_map": (range(9, 19), 5), "base_map_dark": ((11, 13, 15, 17), 2)}
"""Pictures of the base map at several zooms, and how many stand in a row."""
PART = (460, 340)
MIDDLE = "35.0262/111.0032"
FORM_PX, BAR_PX = 440, 52
"""Sizes of pages that are drawn in another one."""
BOUNDS = re.compile(r'"bounds": \[\[([\d.]+), ([\d.]+)\], \[([\d.]+), ([\d.]+)\]\]')
TOLD = "return Boolean(window.wanmi && wanmi.asking && wanmi.asking.last && !wanmi.asking.waiting)"
MOST_BYTES = 400_000


def draw(page: str, out: Path | None = None) -> str:
    """Draw a page of the settings' city into a file; tells the file and its size."""
    out = out or FOLDER / f"{page}.png"
    if page in SHEETS:
        return _save(_zooms(page), out, np.empty((0, 3), int))
    with serving(create_app(Settings.read())) as service, chromium(*SIZES.get(page, (WIDTH, HEIGHT))) as browser:
        question = doubtful(service) if page.startswith("responsibility") else ""
        ready = "return document.querySelectorAll('.page.spot').length > 0" if page.endswith("report") else DRAWN
        browser.open(f"{service.url}{PAGES[page]}{question}", ready=ready, seconds=120)
        if page.startswith("hotspots") and not page.endswith("report"):
            _open_spot(browser, page)
        if question:
            browser.wait(lambda: browser.driver.execute_script(TOLD), "the answer is told")
        if page.startswith("units"):
            browser.zoom(CLOSE)
        time.sleep(1)  # tiles fade in
        png = browser.driver.get_screenshot_as_png()
        if page.endswith("report"):
            png = browser.driver.find_element(By.CSS_SELECTOR, ".page.spot").screenshot_as_png
    image = Image.open(io.BytesIO(png)).convert("RGB")
    plain = page.startswith("responsibility")
    return _save(image, out, np.empty((0, 3), int) if plain else _legend(page))


def _open_spot(browser: Browser, page: str) -> None:
    """Wait for the answer; open a hotspot, but where the slider is shown."""
    settled = "return Boolean(wanmi.hotspotPage && wanmi.hotspotPage.settled)"
    browser.wait(lambda: browser.driver.execute_script(settled), "the answer is shown", 120)
    if "step=" in PAGES[page]:
        return
    browser.driver.execute_script("document.querySelector('#spots li:nth-child(2) button, #spots button').click()")
    told = "return Boolean(document.getElementById('spot-stable') && document.querySelector('#spot-exposure dl'))"
    browser.wait(lambda: browser.driver.execute_script(told), "the panel is told", 120)
    browser.wait(lambda: browser.driver.execute_script(settled), "the density is drawn", 120)


def _zooms(page: str) -> Image.Image:
    """The base map's zooms side by side."""
    zooms, columns = SHEETS[page]
    width, height = PART
    parts = []
    with serving(create_app(Settings.read())) as service, chromium(FORM_PX + width, BAR_PX + height) as browser:
        for zoom in zooms:
            browser.open(f"{service.url}{PAGES[page]}&view={zoom}/{MIDDLE}")
            browser.driver.execute_script(
                "document.querySelectorAll('.leaflet-bar, .leaflet-control-attribution').forEach(e => e.remove())"
            )
            time.sleep(0.7)  # tiles fade in
            shot = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
            parts.append(shot.crop((FORM_PX, BAR_PX, FORM_PX + width, BAR_PX + height)))
    rows = -(-len(parts) // columns)
    sheet = Image.new("RGB", (columns * (width + 4) - 4, rows * (height + 4) - 4), "white")
    for k, part in enumerate(parts):
        sheet.paste(part, (k % columns * (width + 4), k // columns * (height + 4)))
    return sheet


def _save(image: Image.Image, out: Path, over: np.ndarray) -> str:
    """Write a picture in 256 colours: the commonest exactly, those of `over`, then what the rest needs."""
    out.parent.mkdir(parents=True, exist_ok=True)
    common = [c for _, c in sorted(image.getcolors(1 << 24), reverse=True)[:64]]
    left = 256 - len(common) - len(over)
    rest = image.quantize(left, method=Image.Quantize.MEDIANCUT).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(v for c in common for v in c), *over.ravel().tolist(), *rest[: left * 3]])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    size = out.stat().st_size
    assert size <= MOST_BYTES, f"{out} has {size} bytes, at most {MOST_BYTES} are wanted"
    return f"{out}: {size:,} bytes"


def doubtful(service: Served) -> str:
    """The question for a place beside a road where three owners are in doubt, as it stands in a link."""
    bounds = BOUNDS.search(service.get("/maps/responsibility").text)
    assert bounds is not None
    west, south, east, north = (float(bounds[k]) for k in (2, 1, 4, 3))
    rng = np.random.default_rng(3)
    asked = {"class": "2026:E06013", "accuracy_m": 25, "at": "2026-07-01T09:00"}
    for _ in range(20):
        places = np.column_stack([rng.uniform(west, east, 500), rng.uniform(south, north, 500)]).round(6).tolist()
        cases = [asked | {"lon": lon, "lat": lat} for lon, lat in places]
        answers = service.post("/v1/resolve?explain=1", json={"cases": cases}).json()["cases"]
        for case, answer in zip(cases, answers, strict=True):
            shares = {c["department"]: c["probability"] or 0.0 for c in answer["candidates"]}
            if answer["ask_first"] and answer["rule"] == "zone_line" and sum(s > 0.05 for s in shares.values()) > 2:
                return urlencode(case)
    raise AssertionError("no place is in doubt")


def _legend(page: str) -> np.ndarray:
    """Colours of the page's legend, shape (n, 3), as they are seen."""
    if page.startswith("units"):
        land = DARK.land if page == "units_dark" else LIGHT.land
        seen = [*(over_land(colour, land) for colour in (*COLOURS, ROAD)), FAULT, over_land(FAULT, land)]
        return np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in seen])
    ramp = heat.colours(np.linspace(0, 1, 48)).astype(float)
    return (ramp[:, :3] * ramp[:, 3:] / 255 + 255 - ramp[:, 3:]).round().astype(int)


if __name__ == "__main__":
    for name in sys.argv[1:] or PAGES:
        print(draw(name))
