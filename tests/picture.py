"""The README's picture of the map page, drawn by a real browser from the loaded demo city.

::

    wanmi demo --no-serve && python -m tests.picture
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from api.app import create_app
from api.pages import heat
from api.settings import Settings
from tests.api.conftest import serving
from tests.browser import chromium

OUT = Path(__file__).resolve().parent.parent / "docs" / "img" / "hotspots.png"
QUERY = "class=2026:E09&from=2025-12-01&to=2026-06-01"
WIDTH, HEIGHT = 1600, 1000
MOST_BYTES = 400_000


def draw(out: Path = OUT, query: str = QUERY) -> int:
    """Draw the page of the settings' city into a file; returns its size in bytes."""
    with serving(create_app(Settings.read())) as service, chromium(WIDTH, HEIGHT) as browser:
        browser.open(f"{service.url}/maps/hotspots?{query}")
        time.sleep(1)  # tiles fade in
        png = browser.driver.get_screenshot_as_png()
    out.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(png)).convert("RGB")
    # the commonest colours exactly, the ramp of the legend, then what the rest needs
    common = [c for _, c in sorted(image.getcolors(1 << 24), reverse=True)[:64]]
    ramp = heat.colours(np.linspace(0, 1, 48)).astype(float)
    over = ramp[:, :3] * ramp[:, 3:] / 255 + 255 - ramp[:, 3:]
    rest = image.quantize(144, method=Image.Quantize.MEDIANCUT).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(v for c in common for v in c), *over.round().astype(int).ravel(), *rest[: 144 * 3]])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    size = out.stat().st_size
    assert size <= MOST_BYTES, f"{out} has {size} bytes, at most {MOST_BYTES} are wanted"
    return size


if __name__ == "__main__":
    print(f"{OUT}: {draw(*(Path(a) for a in sys.argv[1:2])):,} bytes")
