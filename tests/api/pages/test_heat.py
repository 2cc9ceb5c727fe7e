"""The colours of density: ordered without colour too, none where there is nothing."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from api.pages import heat
from api.pages.mercator import TILE_PX, from_lonlat, tile_box, to_degrees
from gis.crs import to_lonlat
from gis.hotspots import Grid, kde


def lightness(colour: np.ndarray) -> np.ndarray:
    """CIE lightness of colours laid over the map's land colour."""
    rgb, alpha = colour[..., :3] / 255, colour[..., 3:] / 255
    over = rgb * alpha + np.array([247, 245, 241]) / 255 * (1 - alpha)
    linear = np.where(over <= 0.04045, over / 12.92, ((over + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16


def test_more_is_darker_all_the_way():
    light = lightness(heat.colours(np.linspace(0, 1, 101)))
    assert (np.diff(light) < 0).all() and light[0] - light[-1] > 55


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
