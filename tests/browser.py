"""A real Chromium without a window, and what it asked for while it drew a page."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip
DRAWN = """
const tiles = [...document.querySelectorAll('img.leaflet-tile, img.leaflet-image-layer')];
return document.readyState === 'complete' && tiles.length > 0 && tiles.every(t => t.complete && t.naturalWidth > 0)
    && tiles.every(t => !t.classList.contains('leaflet-tile') || t.classList.contains('leaflet-tile-loaded'))
    && document.querySelectorAll('.names text').length > 0;
"""
AXE = Path(__file__).resolve().parent.parent / "api/pages/node_modules/axe-core/axe.min.js"
"""Deque's checker of pages for people who cannot see, or have no mouse; a development package of the pages."""
GRAVE = ("serious", "critical")


def serious_findings(driver: Chrome) -> list[str]:
    """What axe-core finds serious or critical in the page as it stands now: rule, what is wrong, where, why."""
    if not driver.execute_script("return Boolean(window.axe)"):
        # into the page's own world past its content policy, as an extension would be
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text()})
    script = (
        "const done = arguments[arguments.length - 1];"
        # it does not know how Leaflet blends tiles, and would give up on all contrasts
        "const plain = document.createElement('style');"
        "plain.textContent = 'img.leaflet-tile { mix-blend-mode: normal !important }'; document.head.append(plain);"
        "axe.run(document, {resultTypes: ['violations', 'incomplete']})"
        ".then(found => [found.violations, found.incomplete.filter(one => one.error).map(one => one.error.message)])"
        ".catch(error => [[], [String(error)]]).then(found => { plain.remove(); done(found); });"
    )
    found, broken = driver.execute_async_script(script)
    assert not broken, broken
    return [
        f"{one['impact']} {one['id']}: {one['help']}; {node['target']} {node['html'][:160]} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


@dataclass(frozen=True)
class Traffic:
    """What a page asked for: addresses, and those that failed with why."""

    asked: list[str]
    failed: list[str]

    def outside(self, *ours: str) -> list[str]:
        """Addresses that are not ours."""
        return [url for url in self.asked if not url.startswith((*ours, "data:"))]


class Browser:
    """A Chromium and what it has to tell."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, *, ready: str = DRAWN, seconds: float = 40) -> None:
        """Go to a page and wait until it is drawn."""
        self.traffic()
        self.driver.get(url)
        self.wait(lambda: self.driver.execute_script(ready), f"{url} is drawn", seconds)

    def wait(self, done: Callable[[], object], what: str, seconds: float = 40) -> None:
        """Wait for something to be so."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"{what}: not after {seconds} s; {self.complaints()}"
            time.sleep(0.05)

    def view(self, lat: float, lon: float, zoom: int) -> None:
        """Show a place of the map, and wait until it is drawn."""
        script = "m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
        self.driver.execute_script(f"{script} m.setView([{lat}, {lon}], {zoom}, {{animate: false}})")
        self.wait(lambda: self.driver.execute_script(DRAWN), "the map is drawn")
        time.sleep(0.4)  # tiles fade in

    def zoom(self, zoom: float) -> None:
        """Look at the middle of the map from another height, and wait until it is drawn."""
        script = "m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
        self.driver.execute_script(f"{script} m.setZoom({zoom}, {{animate: false}})")
        self.wait(lambda: self.driver.execute_script(DRAWN), "the map is drawn")

    def pixel(self, lat: float, lon: float) -> tuple[float, float]:
        """Where a place is on the screen."""
        return tuple(
            self.driver.execute_script(
                "m = window[Object.keys(window).find(k => k.startsWith('map_'))];"
                f"p = m.latLngToContainerPoint([{lat}, {lon}]); b = m.getContainer().getBoundingClientRect();"
                "return [p.x + b.x, p.y + b.y];"
            )
        )

    def traffic(self) -> Traffic:
        """What was asked for since the last time."""
        asked, failed, urls = [], [], {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            kind, about = message["method"], message["params"]
            if kind == "Network.requestWillBeSent":
                urls[about["requestId"]] = about["request"]["url"]
                asked.append(about["request"]["url"])
            elif kind == "Network.loadingFailed" and not about.get("canceled"):
                failed.append(f"{urls.get(about['requestId'])}: {about['errorText']}")
            elif kind == "Network.responseReceived" and about["response"]["status"] >= 400:
                failed.append(f"{about['response']['url']}: {about['response']['status']}")
        return Traffic(asked, failed)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the last time."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]


@contextlib.contextmanager
def chromium(width: int = 1440, height: int = 900, density: float = 1) -> Iterator[Browser]:
    """Start a browser whose page has exactly this size."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": density, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield Browser(driver)
    finally:
        driver.quit()
