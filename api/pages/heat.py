"""Density as a picture: a ramp that grows darker steadily, by night lighter, so that it reads without colour too."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

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
NIGHT = (
    (0.00, (74, 58, 150, 0)),
    (0.06, (92, 64, 160, 76)),
    (0.18, (132, 66, 168, 140)),
    (0.36, (192, 74, 146, 185)),
    (0.56, (238, 108, 92, 210)),
    (0.76, (253, 174, 76, 226)),
    (1.00, (255, 246, 196, 238)),
)
"""The same over the night's ground: lightness rises all the way."""
RAMPS = {"light": RAMP, "dark": NIGHT}
_PNG_HEAD = 8


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


def colours(share: ArrayLike, *, theme: str = "light") -> NDArray[np.uint8]:
    """Colours of shares of the top density.

    Parameters
    ----------
    share
        0 to 1, any shape; more is as 1, NaN as 0.
    theme
        ``light`` or ``dark``.

    Returns
    -------
    uint8, shape of ``share`` + (4,): red, green, blue, opacity.
    """
    part: NDArray[np.float64] = np.clip(np.nan_to_num(np.asarray(share, float)), 0, 1)
    ramp = RAMPS[theme]
    at = [s for s, _ in ramp]
    return np.stack([np.interp(part, at, [c[k] for _, c in ramp]) for k in range(4)], axis=-1).round().astype("u1")


@cache
def _night_chunks() -> dict[bytes, bytes]:
    """Colours and opacities of 256 steps by night, as parts of a PNG by their kind."""
    colour = colours(np.arange(256) / 255, theme="dark")
    parts = {b"PLTE": colour[:, :3].tobytes(), b"tRNS": colour[:, 3].tobytes()}
    return {
        kind: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    }


def by_night(png: bytes) -> bytes:
    """A picture whose 256 colours are the steps of the ramp, in the colours of the night; its pixels stay as they are.

    Nothing is drawn again: two parts of the file are exchanged.
    """
    night, out, at = _night_chunks(), [png[:_PNG_HEAD]], _PNG_HEAD
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        end = at + 12 + size
        out.append(night.get(kind, png[at:end]))
        at = end
    return b"".join(out)


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


def stops(n: int = 24, *, theme: str = "light") -> str:
    """The ramp as CSS, for legends: colours over white, by night over the dark ground, from none to top."""
    share = np.linspace(0, 1, n)
    found = zip(share, colours(share, theme=theme), strict=True)
    parts = [f"rgba({r},{g},{b},{a / 255:.2f}) {s:.0%}" for s, (r, g, b, a) in found]
    return f"linear-gradient(to right, {', '.join(parts)})"
