"""Moving a map in a real Chromium leaves no blank longer than half a second: base, density, pictures, vector tiles.

What it takes to draw a tile is measured elsewhere: here the service has drawn them once, and the way to it is long.
"""

from __future__ import annotations

import os
import time

import pytest
from selenium.webdriver import Chrome

from tests.api.conftest import Served
from tests.browser import chromium

pytestmark = pytest.mark.browser
LONGEST_S, LATENCY_MS = 0.5, 60
TRIES = 3
"""The best counts."""
# every frame: how long a tile that lies in view has not been there, for each layer that is seen
WATCH = """
window.worst = {}; window.frames = 0;
const since = {};
(function look() {
  const now = performance.now(); window.frames++;
  wanmi.map.eachLayer(layer => {
    const box = layer instanceof L.GridLayer && layer.getContainer();
    if (!box || !layer._tiles || layer._tileZoom === undefined || getComputedStyle(box).opacity < 0.5) return;
    const name = layer._url + L.stamp(layer), view = layer._pxBoundsToTileRange(layer._inView(wanmi.map.getCenter()));
    const old = since[name] || {}, missing = since[name] = {};
    worst[name] = worst[name] || 0;
    for (let x = view.min.x; x <= view.max.x; x++) for (let y = view.min.y; y <= view.max.y; y++) {
      const tile = layer._tiles[x + ":" + y + ":" + layer._tileZoom], key = x + ":" + y;
      if (tile && tile.loaded) continue;
      missing[key] = old[key] || now;
      worst[name] = Math.max(worst[name], now - missing[key]);
    }
  });
  requestAnimationFrame(look);
})();
"""
READY = "return wanmi.map && Object.values(wanmi.map._layers).every(l => !l._tiles || !l.isLoading())"
PATHS = {"/maps/hotspots?lang=en": 2, "/maps/units?lang=en&layers=components,zones": 4}
"""Pages, and how many layers of tiles they show."""


def drag(
    driver: Chrome, begin: tuple[int, int], end: tuple[int, int], *, seconds: float = 0.5, steps: int = 16
) -> None:
    """Move the map with the mouse, as a hand does."""

    def event(kind: str, x: float, y: float, buttons: int) -> None:
        about = {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", about)

    event("mousePressed", *begin, 1)
    for k in range(1, steps + 1):
        event("mouseMoved", *(a + (b - a) * k / steps for a, b in zip(begin, end, strict=True)), 1)
        time.sleep(seconds / steps)
    event("mouseReleased", *end, 0)


def most() -> float:
    """Milliseconds that a blank may last: more by as much as others keep the machine busy."""
    return LONGEST_S * 1000 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def move(driver: Chrome) -> None:
    for begin, end in (((950, 450), (500, 450)), ((600, 250), (900, 560)), ((950, 600), (600, 250))):
        drag(driver, begin, end)
        time.sleep(0.3)


def test_moving_the_map_leaves_no_blank(served_demo: Served):
    with chromium() as browser:
        driver = browser.driver
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        for path, layers in PATHS.items():
            line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            driver.execute_cdp_cmd("Network.emulateNetworkConditions", line)
            browser.open(f"{served_demo.url}{path}&view=12/35.03/111.0", ready=READY)
            move(driver)
            browser.wait(lambda: driver.execute_script(READY), "all is drawn once")
            line["latency"] = LATENCY_MS
            found = []
            for _ in range(TRIES):
                browser.open(f"{served_demo.url}{path}&view=12/35.03/111.0", ready=READY)
                driver.execute_cdp_cmd("Network.emulateNetworkConditions", line)
                driver.execute_script(WATCH)
                move(driver)
                worst, frames = driver.execute_script("return [worst, frames]")
                assert len(worst) == layers and frames > 20, "every layer was watched"
                assert driver.execute_script("return wanmi.map.getCenter().lng") != 111.0, "it moved"
                found.append(max(worst.values()))
                if found[-1] <= most():
                    break
            print(f"\n{path}: longest blank {min(found):.0f} ms, load {os.getloadavg()[0]:.1f}")
            assert min(found) <= most(), found
