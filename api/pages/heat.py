"""Density as a picture: a ramp that grows darker steadily, so that it reads without colour too."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from api.pages.mercator import TILE_PX, Box, city_grid, tile_box
from gis.hotspots import Grid

RAMP = (
    (0.00, (255, 246, 190, 0)),
    (0.06, (255, 238, 150, 62)),
    (0.18, (254, 214, 98, 135)),
    (0.36, (250, 159, 61, 180)),
    (0.56, (227, 89, 55, 205)),
    (0.76, (164, 35, 92, 218)),
    (1.00, (62, 11, 84, 230)),
)
"""Share of the top density -> red, green, blue, opacity; lightness falls all the way (checked by a test)."""


def top_density(grid: Grid) -> float:
    """The density that takes the darkest colour: a round number (1, 1.5, 2, 3, 5, 7 × 10ᵏ) at the 99.9 % cell.

    The percentile is taken among cells with any density to speak of; 1 when there is none.

    Examples
    --------
    >>> top_density(Grid(np.array([[0.0, 8.2]]), 0, 0, 25))
    10.0
    """
    shown = grid.values[grid.values > 1e-3]
    if not len(shown):
        return 1.0
    return round_up(float(np.quantile(shown, 0.999)))


def round_up(value: float) -> float:
    """The round number (1, 1.5, 2, 3, 5, 7 × 10ᵏ) that a value reaches at most; 1 for 0.

    Examples
    --------
    >>> round_up(0.16), round_up(71)
    (0.2, 100.0)
    """
    if value <= 0:
        return 1.0
    base = 10.0 ** np.floor(np.log10(value))
    return float(next(m * base for m in (1, 1.5, 2, 3, 5, 7, 10) if m * base >= value * 0.999))


def colours(share: ArrayLike) -> NDArray[np.uint8]:
    """Colours of shares of the top density.

    Parameters
    ----------
    share
        0 to 1, any shape; more is as 1, NaN as 0.

    Returns
    -------
    uint8, shape of ``share`` + (4,): red, green, blue, opacity.
    """
    part: NDArray[np.float64] = np.clip(np.nan_to_num(np.asarray(share, float)), 0, 1)
    at = [s for s, _ in RAMP]
    return np.stack([np.interp(part, at, [c[k] for _, c in RAMP]) for k in range(4)], axis=-1).round().astype("u1")


def picture(grid: Grid, box: Box, pixels: tuple[int, int], *, srid: int, top: float) -> bytes:
    """PNG of the density in a box (Mercator metres); `pixels` is height and width."""
    x, y = city_grid(box, pixels, srid)
    image = Image.fromarray(colours(grid.at(x, y) / top), "RGBA")
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=4)
    return out.getvalue()


def tile(grid: Grid, z: int, x: int, y: int, *, srid: int, top: float) -> bytes:
    """PNG of a tile of the density."""
    return picture(grid, tile_box(z, x, y), (TILE_PX, TILE_PX), srid=srid, top=top)


def stops(n: int = 24) -> str:
    """The ramp as CSS, for legends: colours over white, from none to top."""
    share = np.linspace(0, 1, n)
    parts = [f"rgba({r},{g},{b},{a / 255:.2f}) {s:.0%}" for s, (r, g, b, a) in zip(share, colours(share), strict=True)]
    return f"linear-gradient(to right, {', '.join(parts)})"
