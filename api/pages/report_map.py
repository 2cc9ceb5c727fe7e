"""A map for paper: base map and density as one picture, outlines, numbers and names drawn over it as SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from api.pages import heat
from api.pages.mercator import Box, from_lonlat, pixel_m, project

if TYPE_CHECKING:
    from api.pages.basemap import BaseMap
    from api.pages.names import Name
    from gis.hotspots import Grid

FINE = 2
"""Pixels of the picture for each of the map's."""
QUALITY = 84
SIZES = {"area2": 17, "area1": 14, "area0": 12, "main": 11.5, "water": 12}
"""Font size of the names that a paper map has; smaller roads stay without."""


class Sheet:
    """The frame of one map: a box of the ground, and how large it is drawn.

    Parameters
    ----------
    box
        West, south, east, north in degrees of what must be seen.
    width, height
        Map pixels.
    most_zoom
        It is drawn from no closer.
    """

    def __init__(self, box: Sequence[float], width: int, height: int, *, most_zoom: float = 16.5) -> None:
        (x0, x1), (y0, y1) = from_lonlat([box[0], box[2]], [box[1], box[3]])
        metre = max((x1 - x0) / width, (y1 - y0) / height, pixel_m(0) / 2**most_zoom)
        mx, my = (x0 + x1) / 2, (y0 + y1) / 2
        self.width, self.height, self.metre = width, height, float(metre)
        self.box: Box = (
            float(mx - width * metre / 2), float(my - height * metre / 2),
            float(mx + width * metre / 2), float(my + height * metre / 2),
        )  # fmt: skip
        self.zoom = float(np.log2(pixel_m(0) / metre))

    def places(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map pixels of Mercator metres, shape (n, 2)."""
        return np.column_stack([(xy[:, 0] - self.box[0]) / self.metre, (self.box[3] - xy[:, 1]) / self.metre])

    def path(self, shape: shapely.Geometry) -> str:
        """SVG path of a shape in Mercator metres, cut a little outside the map."""
        margin = 20 * self.metre
        west, south, east, north = self.box
        cut = shapely.clip_by_rect(shape, west - margin, south - margin, east + margin, north + margin)
        parts = []
        for polygon in shapely.get_parts(cut):
            if polygon.geom_type != "Polygon" or polygon.is_empty:
                continue
            for ring in (polygon.exterior, *polygon.interiors):
                xy = self.places(shapely.get_coordinates(ring))
                parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy.tolist()) + "Z")
        return "".join(parts)


def picture(sheet: Sheet, base: BaseMap, grid: Grid, *, srid: int, top: float) -> str:
    """Base map and density in one picture, as a data address."""
    pixels = (sheet.height * FINE, sheet.width * FINE)
    ground = Image.open(io.BytesIO(base.picture(sheet.box, max(1, round(sheet.zoom)), pixels))).convert("RGBA")
    density = Image.open(io.BytesIO(heat.picture(grid, sheet.box, (sheet.height, sheet.width), srid=srid, top=top)))
    over = density.convert("RGBA").resize((pixels[1], pixels[0]), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    Image.alpha_composite(ground, over).convert("RGB").save(out, "WEBP", quality=QUALITY, method=3)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def map_html(
    sheet: Sheet,
    image: str,
    spots: Sequence[dict[str, Any]],
    names: Sequence[Name],
    *,
    lang: str,
    said: str,
    scale: str,
) -> str:
    """The map as HTML.

    Parameters
    ----------
    sheet, image
        Its frame and its picture.
    spots
        ``shape`` in Mercator metres, ``lon``, ``lat``, ``rank``, ``mine`` (drawn strongly), ``kind`` (a CSS class).
    names
        Names of the ground.
    lang
        Of the names.
    said
        What the map is, for those who cannot see it.
    scale
        Unit of the scale bar's label: ``km`` or ``m`` is put before it.
    """
    outlines = "".join(
        f'<path class="outline {escape(str(s["kind"]))}{" mine" if s["mine"] else ""}" d="{sheet.path(s["shape"])}"/>'
        for s in spots
    )
    marks = []
    for spot in spots:
        mx, my = from_lonlat([spot["lon"]], [spot["lat"]])
        x, y = sheet.places(np.column_stack([mx, my]))[0].tolist()
        if -5 <= x <= sheet.width + 5 and -5 <= y <= sheet.height + 5:
            marks.append(
                f'<circle class="mark {escape(str(spot["kind"]))}" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
                f'<text class="rank" x="{x:.1f}" y="{y + 3.7:.1f}">{spot["rank"]}</text>'
            )
    texts = "".join(_texts(sheet, names, lang))
    bar = _scale(sheet, scale)
    return (
        f'<figure class="map"><img src="{image}" alt="{escape(said)}"><svg viewBox="0 0 {sheet.width} {sheet.height}" '
        f'aria-hidden="true">{outlines}{texts}{"".join(marks)}{bar}</svg></figure>'
    )


def _texts(sheet: Sheet, names: Sequence[Name], lang: str) -> list[str]:
    """Names that fit without covering each other, the important ones first."""
    zoom, out = int(sheet.zoom + 0.3), []
    taken: list[tuple[float, float, float, float]] = []
    for zh, en, kind, first, last, at in names:
        if kind not in SIZES or not first <= zoom <= last:
            continue
        text, size = (en if lang == "en" and en else zh), SIZES[kind]
        lonlat = np.asarray(at).reshape(-1, 2)
        xy = sheet.places(np.column_stack(from_lonlat(lonlat[:, 0], lonlat[:, 1])))
        wide = sum(1.0 if ord(sign) > 255 else 0.55 for sign in text) * size
        if len(xy) == 1:
            x, y, turn = float(xy[0, 0]), float(xy[0, 1]), 0.0
        else:
            placed = _on_line(sheet, xy, wide)
            if placed is None:
                continue
            x, y, turn = placed
        reach = (abs(np.cos(np.radians(turn))) * wide + abs(np.sin(np.radians(turn))) * size) / 2
        rise = (abs(np.sin(np.radians(turn))) * wide + abs(np.cos(np.radians(turn))) * size) / 2
        box = (x - reach, y - rise, x + reach, y + rise)
        if box[0] < 2 or box[1] < 2 or box[2] > sheet.width - 2 or box[3] > sheet.height - 2:
            continue
        if any(box[0] < o[2] and box[2] > o[0] and box[1] < o[3] and box[3] > o[1] for o in taken):
            continue
        taken.append(box)
        about = f'class="name {kind}" x="{x:.1f}" y="{y + size * 0.35:.1f}" font-size="{size}"'
        turned = f' transform="rotate({turn:.1f} {x:.1f} {y:.1f})"' if turn else ""
        out.append(f"<text {about}{turned}>{escape(text)}</text>")
    return out


def _on_line(sheet: Sheet, xy: NDArray[np.float64], wide: float) -> tuple[float, float, float] | None:
    """The middle of the longest straight stretch that is seen, and its slope; None where none is long enough."""
    step = np.hypot(*np.diff(xy, axis=0).T)
    middle = (xy[1:] + xy[:-1]) / 2
    seen = (middle > 8).all(axis=1) & (middle < [sheet.width - 8, sheet.height - 8]).all(axis=1)
    step = np.where(seen, step, 0.0)
    k = int(np.argmax(step)) if len(step) else 0
    if not len(step) or step[k] < wide * 0.7:
        return None
    dx, dy = xy[k + 1] - xy[k]
    turn = float(np.degrees(np.arctan2(dy, dx)))
    turn = turn - 180 if turn > 90 else turn + 180 if turn < -90 else turn
    return float(middle[k, 0]), float(middle[k, 1]), turn


def _scale(sheet: Sheet, unit: str) -> str:
    """A scale bar of a round length near a fifth of the width, true at the middle of the map."""
    ground = sheet.metre / np.cosh((sheet.box[1] + sheet.box[3]) / 2 / 6_378_137.0)
    most = sheet.width / 5 * ground
    length = next(m * 10**k for k in (4, 3, 2, 1, 0) for m in (5, 2, 1) if m * 10**k <= most)
    px = length / ground
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    y = sheet.height - 12
    return (
        f'<path class="scale" d="M12 {y - 6}V{y}H{12 + px:.1f}V{y - 6}"/>'
        f'<text class="scale" x="{16}" y="{y - 5}">{text}{unit}</text>'
    )


def shapes_of(frame: Any, srid: int) -> NDArray[np.object_]:
    """Outlines in Mercator metres."""
    return project(frame.geometry, srid)
