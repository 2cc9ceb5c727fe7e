"""One palette of 256 colours for all tiles of a theme: flat colours exactly, soft edges by the nearest."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from api.pages.basemap_style import LOOKS, Colour, rgb

CELLS = 64
"""Cells of a colour's side in the table that finds its nearest."""


def flat(theme: str) -> list[Colour]:
    """Colours that areas and lines of a theme have, each once."""
    look = LOOKS[theme]
    roads = [colour for road in look.roads.values() for colour in road]
    plain = [look.land, look.beyond, look.water, look.shore, look.building, look.building_edge, look.building_shade]
    found = [*plain, *look.parcels.values(), *roads, look.rail, look.rail_gap, *look.borders]
    return list(dict.fromkeys(rgb(colour) for colour in found))


@cache
def palette(theme: str) -> NDArray[np.uint8]:
    """The colours of a theme, shape (at most 256, 3): flat ones, then blends of those that meet."""
    look = LOOKS[theme]
    grounds = [look.land, *dict.fromkeys(look.parcels.values())]
    pairs = [(edge, fill) for fill, edge, _ in look.roads.values()]
    pairs += [(look.building, ground) for ground in grounds] + [(look.building_edge, look.building)]
    pairs += [(look.building_shade, ground) for ground in grounds[:3]] + [(look.glow, look.beyond)]
    pairs += [(edge, look.land) for _, edge, _ in look.roads.values()]
    pairs += [(thin, ground) for _, _, thin in look.roads.values() for ground in (look.land, look.beyond)]
    pairs += [(line, look.land) for line in (look.shore, look.rail, *look.borders)]
    pairs += [(look.shore, look.water), (look.shore, look.beyond), (look.rail, look.rail_gap), (look.land, look.beyond)]
    pairs += [(look.borders[k], look.roads["tertiary"][0]) for k in (0, 1)] + [(look.water, look.land)]
    pairs += [(ground, look.land) for ground in grounds[1:]]
    shades = [
        tuple(round(a + (b - a) * share) for a, b in zip(rgb(one), rgb(other), strict=True))
        for share in (0.5, 0.25, 0.75)
        for one, other in pairs
    ]
    return np.array(list(dict.fromkeys([*flat(theme), *shades]))[:256], np.uint8)


@cache
def _nearest(theme: str) -> NDArray[np.uint8]:
    """Position in the palette of the colour nearest to each cell's middle; a flat colour's cell is its own."""
    step = 256 // CELLS
    middle = np.arange(CELLS) * step + (step - 1) / 2
    cells = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), axis=-1).reshape(-1, 3)
    found = cKDTree(palette(theme).astype(float)).query(cells)[1].astype(np.uint8).reshape(CELLS, CELLS, CELLS)
    for at, (red, green, blue) in reversed(list(enumerate(flat(theme)))):
        found[red // step, green // step, blue // step] = at
    return found


@njit(cache=True, nogil=True)
def _reduce(pixels, nearest, out):  # pragma: no cover - compiled
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            red, green, blue = pixels[row, column]
            out[row, column] = nearest[red >> 2, green >> 2, blue >> 2]


def png(pixels: NDArray[np.uint8], theme: str) -> bytes:
    """PNG of pixels, shape (height, width, 3), in the palette of a theme."""
    reduced = np.empty(pixels.shape[:2], np.uint8)
    _reduce(pixels, _nearest(theme), reduced)
    image = Image.frombytes("P", (pixels.shape[1], pixels.shape[0]), reduced.tobytes())
    image.putpalette(palette(theme).ravel().tolist())
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()
