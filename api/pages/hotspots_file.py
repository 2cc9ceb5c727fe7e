"""The hotspot page as a file to mail: pictures, figures and scripts stand in it, and it asks nobody for anything."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from api.pages import heat
from api.pages.credits import in_english
from api.pages.frame import Frame
from api.pages.hotspots import HERE, SCRIPTS, Sources, View, page
from api.pages.hotspots_words import words
from api.pages.mercator import HALF_M, TILE_PX, from_lonlat, tile_box
from api.statistics.gathered import Gathering, geojson, in_degrees
from api.statistics.look_told import tell_look
from gis.crs import to_lonlat

if TYPE_CHECKING:
    from api.pages.basemap import BaseMap
    from api.pages.names import Name
    from api.statistics.selection import Look

ZOOMS = (10, 13)
"""The whole city is in the file at these zooms and those between."""
CLOSE = 15
"""Zoom at which the ground of hotspots is in it too, the strongest first."""
BUDGET = 3_500_000
"""Bytes that all pictures may take; what would go beyond is left out, and the page enlarges what is there."""
MOST_SPOTS = 60
QUALITY = 82
Draw = Callable[[int, int, int], Image.Image]
Tiles = dict[str, str]


@dataclass(frozen=True)
class Told:
    """Answers that the file holds: hotspots (joined), the panel of each by its id, alerts as GeoJSON."""

    spots: Gathering
    panels: dict[str, dict[str, Any]]
    alerts: dict[str, Any]


def filed(
    found: Look,
    told: Told,
    base: BaseMap,
    names: list[Name],
    *,
    asked: Mapping[str, str] | None = None,
    lang: str = "zh",
) -> str:
    """The file's HTML.

    Parameters
    ----------
    found, told
        The selection, and what is told of it.
    base, names
        The base map, drawn into the file at the zooms it needs, and its names.
    asked
        The class filter in words by language; none, or empty, for all cases.
    lang
        Language that it opens in; a button in it turns to the other.
    """
    bounds = base.bounds or corners(found)
    top = heat.top_density(found.grid)
    ground, density = pictures(found, told.spots, base, bounds, top)
    collection = json.loads(geojson(_first(told.spots), found.city.srid))
    look = tell_look(found, top)
    data = {
        "ground": ground,
        "heat": density,
        "look": look,
        "spots": collection,
        "panels": {name: panel | {"areas": _in_both(panel["areas"])} for name, panel in told.panels.items()},
        "alerts": told.alerts,
        "made": pd.Timestamp.now(tz=found.city.time_zone).strftime("%Y-%m-%d %H:%M"),
        "words": {name: _asked(found, (asked or {}).get(name, ""), name) for name in ("zh", "en")},
    }
    view = View(found.city, bounds, data=data, scripts=(*SCRIPTS[:-2], "filed.js", *SCRIPTS[-2:]))
    frame = Frame(HERE, lang=lang, standalone=True)
    return page(view, Sources(names=list(names)), frame=frame)


def _in_both(areas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Areas with their names in English beside the ones that they have."""
    return [area | {"name_en": in_english(area["name"]) if area["name"] else None} for area in areas]


def _first(spots: Gathering) -> Gathering:
    return Gathering(spots.frame.head(MOST_SPOTS), spots.parameters, spots.facts)


def _asked(found: Look, asked: str, lang: str) -> str:
    """The filters in a line: the class in words, the others as they were asked."""
    parts = [asked or words(lang)["all_cases"], *found.selection.said().values()]
    return " · ".join(parts)


def corners(found: Look) -> tuple[float, float, float, float]:
    """West, south, east, north of the ground that is drawn, degrees."""
    west, south, east, north = found.bounds
    lon, lat = to_lonlat([west, east, west, east], [south, south, north, north], found.city.srid)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def pictures(
    found: Look, spots: Gathering, base: BaseMap, bounds: tuple[float, float, float, float], top: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tiles of the base map and of the density as data addresses, within the budget."""
    srid = found.city.srid

    def ground(z: int, x: int, y: int) -> Image.Image:
        # twice as fine as a tile is: one zoom closer it is still sharp
        data = base.picture(tile_box(z, x, y), z, (2 * TILE_PX, 2 * TILE_PX))
        return Image.open(io.BytesIO(data)).convert("RGB")

    def density(z: int, x: int, y: int) -> Image.Image:
        return Image.open(io.BytesIO(heat.tile(found.grid, z, x, y, srid=srid, top=top)))

    wanted = [(z, x, y) for z in range(ZOOMS[0], ZOOMS[1] + 1) for x, y in _within(bounds, z)]
    near = spots.frame.head(MOST_SPOTS)
    boxes = in_degrees(near, srid).bounds.to_numpy() if len(near) else np.empty((0, 4))
    close = [(CLOSE, x, y) for box in boxes for x, y in _within(tuple(box), CLOSE)]
    left = BUDGET
    out: tuple[Tiles, Tiles] = ({}, {})
    for place in dict.fromkeys([*wanted, *close]):
        made = [_address(draw(*place)) for draw in (ground, density)]
        left -= sum(map(len, made))
        if left < 0 and place[0] > ZOOMS[1]:
            break
        for tiles, text in zip(out, made, strict=True):
            tiles["{}/{}/{}".format(*place)] = text
    return {"least": ZOOMS[0], "tiles": out[0]}, {"least": ZOOMS[0], "tiles": out[1]}


def _within(box: tuple[float, ...], z: int) -> Iterator[tuple[int, int]]:
    """Tiles of a zoom that a box in degrees touches."""
    west, south, east, north = box
    mx, my = from_lonlat([west, east], [south, north])
    side = 2 * HALF_M / 2**z
    x0, x1 = ((np.asarray(mx) + HALF_M) // side).astype(int)
    y1, y0 = ((HALF_M - np.asarray(my)) // side).astype(int)
    for y in range(int(y0), int(y1) + 1):
        for x in range(int(x0), int(x1) + 1):
            yield x, y


def _address(image: Image.Image) -> str:
    """A picture as a data address; "" for one on which nothing is."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[1] == 0:
        return ""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
