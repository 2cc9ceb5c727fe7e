"""The colours of density: ordered without colour too, none where there is nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from api.pages import heat
from api.pages.basemap_style import LOOKS, rgb
from api.pages.mercator import TILE_PX, from_lonlat, tile_box, to_degrees
from gis.crs import to_lonlat
from gis.hotspots import Grid, kde

BLIND = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What is seen of linear red, green, blue with each kind of colour blindness (Machado 2009)."""


def lightness(colour: np.ndarray, land: tuple[int, ...] = (247, 245, 241), kind: str = "none") -> np.ndarray:
    """CIE lightness of colours laid over the map's land colour."""
    seen, alpha = colour[..., :3] / 255, colour[..., 3:] / 255
    over = seen * alpha + np.array(land) / 255 * (1 - alpha)
    linear = np.where(over <= 0.04045, over / 12.92, ((over + 0.055) / 1.055) ** 2.4)
    y = np.clip(linear @ np.array(BLIND[kind]).T, 0, 1) @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(np.maximum(y, 0.008856)) - 16


@pytest.mark.parametrize("kind", BLIND)
def test_more_is_darker_all_the_way_and_by_night_lighter(kind: str):
    share = np.linspace(0, 1, 101)
    light = lightness(heat.colours(share), kind=kind)
    assert (np.diff(light) < 0).all() and light[0] - light[-1] > 55
    for ground in (LOOKS["dark"].land, LOOKS["dark"].beyond, LOOKS["dark"].green):
        night = lightness(heat.colours(share, theme="dark"), rgb(ground), kind)
        assert (np.diff(night) > 0).all() and night[-1] - night[0] > 60, (kind, ground)
        assert np.diff(night[::10]).min() > 3, "no stretch of it looks alike"


def test_a_picture_by_night_is_the_same_in_other_colours():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    day = Image.fromarray(pixels, "P")
    colour = heat.colours(np.arange(256) / 255)
    day.putpalette(colour[:, :3].tobytes())
    file = io.BytesIO()
    day.save(file, "PNG", transparency=colour[:, 3].tobytes())
    assert (np.asarray(Image.open(file).convert("RGBA")).reshape(-1, 4) == colour).all()
    night = Image.open(io.BytesIO(heat.by_night(file.getvalue()))).convert("RGBA")
    night.load()
    assert (np.asarray(night).reshape(-1, 4) == heat.colours(np.arange(256) / 255, theme="dark")).all()


def test_nothing_is_transparent_and_too_much_is_the_top():
    assert heat.colours([0.0, np.nan])[:, 3].tolist() == [0, 0]
    assert heat.colours([5.0]).tolist() == heat.colours([1.0]).tolist()


def test_the_top_is_a_round_number_above_nearly_all():
    for scale in (0.01, 0.7, 3.3, 480, 9e4):
        values = np.random.default_rng(1).gamma(2, scale, (100, 100))
        top = heat.top_density(Grid(values, 0, 0, 25))
        assert (values <= top).mean() > 0.998 and float(f"{top:.1e}") == top
    assert heat.top_density(Grid(np.zeros((3, 3)), 0, 0, 25)) == 1


def test_a_tile_is_darkest_where_the_cases_are():
    x, y = np.full(50, 500_000.0), np.full(50, 3_878_000.0)
    grid = kde(x, y, (498_000, 3_876_000, 502_000, 3_880_000), bandwidth_m=100, cell_m=25)
    lon, lat = to_lonlat(x[:1], y[:1], 4546)
    mx, my = from_lonlat(lon, lat)
    z = 15
    size = 2 * 20_037_508.342789244 / 2**z
    tx, ty = int((mx[0] + 20_037_508.342789244) / size), int((20_037_508.342789244 - my[0]) / size)
    png = heat.tile(grid, z, tx, ty, srid=4546, top=heat.top_density(grid))
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    assert pixels.shape == (TILE_PX, TILE_PX, 4)
    row, column = np.unravel_index(lightness(pixels).argmin(), pixels.shape[:2])
    west, south, east, north = tile_box(z, tx, ty)
    found = to_degrees(west + (column + 0.5) / TILE_PX * (east - west), north - (row + 0.5) / TILE_PX * (north - south))
    assert abs(found[0] - lon[0]) < 4e-4 and abs(found[1] - lat[0]) < 4e-4
    far = heat.tile(grid, z, tx + 9, ty, srid=4546, top=10)
    assert np.asarray(Image.open(io.BytesIO(far)))[..., 3].max() == 0
