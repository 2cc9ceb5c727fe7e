"""The base map, drawn by ourselves from the city's own ground: quiet colours, so that the subject stands out.

Tiles are drawn at four times their size on each side and made smaller, which smooths all edges.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw
from shapely import STRtree

from api.pages.mercator import Box, pixel_m, project, tile_box, to_degrees

PICTURE_PX = 512
"""Side of a tile's picture: two pixels for each of the map's, for sharp screens."""
FINER = 2
"""How many times finer it is drawn before it is made smaller."""

LAND, BEYOND, WATER, WATER_EDGE = "#f7f5f1", "#eceae4", "#c6dde8", "#a9c8d8"
BUILDING, BUILDING_EDGE = "#e7e2da", "#d3ccc0"
RAIL, RAIL_GAP = "#8d8d93", "#ffffff"
GREEN = "#dbe8cf"
PARCELS = {
    "park": GREEN, "green": GREEN, "garden": GREEN, "forest": "#d2e2c4", "grass": GREEN,
    "industrial": "#ece8ee", "school": "#f2ecd9", "hospital": "#f5e4e2", "commercial": "#f6ece4", "square": "#f0ede6",
}  # fmt: skip
"""Fill of parcels by kind; kinds that are not listed are left as land."""


@dataclass(frozen=True)
class RoadStyle:
    """How a kind of road is drawn: order, colours, narrowest width in map pixels, first zoom."""

    order: int
    fill: str
    casing: str
    least_px: float
    zoom: int


ROADS = {
    "service": RoadStyle(0, "#ffffff", "#dedad2", 0.5, 16),
    "residential": RoadStyle(1, "#ffffff", "#d9d4ca", 0.6, 14),
    "tertiary": RoadStyle(2, "#ffffff", "#d3cdc2", 0.9, 13),
    "secondary": RoadStyle(3, "#ffffff", "#cbc4b7", 1.3, 11),
    "primary": RoadStyle(4, "#fdf3d3", "#d9c792", 1.7, 0),
    "trunk": RoadStyle(5, "#fbe6b0", "#d3b873", 2.0, 0),
    "motorway": RoadStyle(6, "#f6cf9c", "#cf9f60", 2.2, 0),
}
OTHER_ROAD = "residential"
CARRIAGEWAY = 0.7
"""Share of a road's width between the buildings that is drawn as road."""


BORDERS = ("#b9a7c4", "#9c86ab", "#86709a")
"""Colours of the borders of area sets, smallest first, and of the outermost."""


@cache
def palette() -> Image.Image:
    """The 256 colours of the map: those of the styles, and of soft edges between lines and what they lie on."""
    grounds = [LAND, BEYOND, WATER, GREEN, BUILDING]
    lines = [c for style in ROADS.values() for c in (style.casing, style.fill)]
    lines += [RAIL, WATER_EDGE, BUILDING_EDGE, *BORDERS]
    colours = [ImageColor.getrgb(c) for c in dict.fromkeys([*grounds, *PARCELS.values(), *lines, RAIL_GAP])]
    mixed = [
        tuple(
            round(a + (b - a) * share) for a, b in zip(ImageColor.getrgb(ground), ImageColor.getrgb(line), strict=True)
        )
        for ground in grounds[:4]
        for line in dict.fromkeys([*lines, BUILDING])
        for share in (0.25, 0.5, 0.75)
    ]
    chosen = list(dict.fromkeys([*colours, *mixed]))[:256]
    image = Image.new("P", (1, 1))
    image.putpalette([v for colour in chosen for v in colour])
    return image


@dataclass(frozen=True)
class Sheet:
    """Shapes of one layer in Mercator metres, found by place."""

    shapes: NDArray[np.object_]
    kind: NDArray[np.object_]
    width: NDArray[np.float64]
    tree: STRtree

    def near(self, box: Box, margin: float) -> NDArray[np.intp]:
        """Positions of the shapes that touch a box widened by `margin`, in their order."""
        west, south, east, north = box
        window = shapely.box(west - margin, south - margin, east + margin, north + margin)
        return np.sort(self.tree.query(window))


def sheet(frame: pd.DataFrame | None, srid: int) -> Sheet:
    """Prepare a layer; None or an empty one gives an empty sheet."""
    if frame is None or not len(frame):
        none = np.empty(0, dtype=object)
        return Sheet(none, none, np.empty(0), STRtree(none))
    shapes = project(frame["geometry"], srid)
    kind = frame["kind"].to_numpy(dtype=object) if "kind" in frame else np.full(len(frame), "", dtype=object)
    width = frame["width_m"].to_numpy(dtype=float) if "width_m" in frame else np.full(len(frame), np.nan)
    return Sheet(shapes, kind, width, STRtree(shapes))


class BaseMap:
    """The drawn ground of a city.

    Parameters
    ----------
    ground
        Layers ``roads``, ``rivers``, ``railways``, ``buildings``, ``parcels`` as frames with ``kind``,
        ``width_m`` and geometry in the city's CRS; missing ones are left out.
    areas
        Frame of the areas (``set``, geometry): the outermost set is the city's land.
    territory
        Area sets, smallest first.
    srid
        The city's CRS.
    """

    def __init__(
        self, ground: Mapping[str, pd.DataFrame], areas: pd.DataFrame, *, territory: Iterable[str], srid: int
    ) -> None:
        self.sheets = {n: sheet(ground.get(n), srid) for n in ("parcels", "rivers", "buildings", "roads", "railways")}
        self.borders: list[Sheet] = []
        self.land: list[shapely.Geometry] = []
        shapes = project(areas["geometry"], srid) if len(areas) else np.empty(0, dtype=object)
        sets = areas["set"].to_numpy(dtype=object) if len(areas) else np.empty(0, dtype=object)
        for name in territory:
            mine = shapes[sets == name]
            if len(mine):
                # a border between two areas is drawn once
                lines = shapely.get_parts(shapely.line_merge(shapely.union_all(shapely.boundary(mine))))
                none = np.full(len(lines), "", dtype=object)
                self.borders.append(Sheet(lines, none, np.full(len(lines), np.nan), STRtree(lines)))
                self.land = list(mine)
        middle = (
            shapely.get_coordinates(shapely.union_all(shapely.envelope(shapes)))[:, 1].mean() if len(shapes) else 0.0
        )
        self.stretch = float(np.cosh(middle / 6_378_137.0))

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of the city's land in degrees; None without any."""
        if not self.land:
            return None
        west, south, east, north = shapely.total_bounds(self.land)
        lon, lat = to_degrees([west, east], [south, north])
        return float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])

    def tile(self, z: int, x: int, y: int) -> bytes:
        """PNG of a tile, `PICTURE_PX` on each side."""
        return self.picture(tile_box(z, x, y), z, (PICTURE_PX, PICTURE_PX))

    def picture(self, box: Box, z: int, pixels: tuple[int, int]) -> bytes:
        """PNG of a box (Mercator metres) drawn as at zoom `z`; `pixels` is height and width."""
        pen = _Pen(box, (pixels[0] * FINER, pixels[1] * FINER))
        pen.areas(self.land, LAND)
        self._parcels(pen, z)
        self._water(pen, z)
        if z >= 15:
            self._buildings(pen, z)
        self._roads(pen, z)
        self._rails(pen, z)
        self._borders(pen, z)
        small = pen.image.reduce(FINER)
        out = io.BytesIO()
        # one palette for all tiles: flat colours stay exact, so that no edge of a tile shows
        small.quantize(palette=palette(), dither=Image.Dither.NONE).save(out, "PNG")
        return out.getvalue()

    def _parcels(self, pen: _Pen, z: int) -> None:
        found = self.sheets["parcels"]
        at = found.near(pen.box, 0)
        for kind, colour in PARCELS.items():
            pen.areas(found.shapes[at[found.kind[at] == kind]], colour)

    def _water(self, pen: _Pen, z: int) -> None:
        found = self.sheets["rivers"]
        at = found.near(pen.box, 60 * self.stretch)
        lines = shapely.get_dimensions(found.shapes[at]) == 1
        for i in at[lines]:
            width = found.width[i] if found.width[i] > 0 else 10.0
            px = max(1.0, width * self.stretch / pixel_m(z))
            pen.lines([found.shapes[i]], px, WATER)
        pen.areas(found.shapes[at[~lines]], WATER, WATER_EDGE if z >= 14 else None)

    def _buildings(self, pen: _Pen, z: int) -> None:
        found = self.sheets["buildings"]
        at = found.near(pen.box, 0)
        pen.areas(found.shapes[at], BUILDING, BUILDING_EDGE if z >= 16 else None)

    def _roads(self, pen: _Pen, z: int) -> None:
        found = self.sheets["roads"]
        at = found.near(pen.box, 60 * self.stretch)
        kinds = np.array([k if k in ROADS else OTHER_ROAD for k in found.kind[at]], dtype=object)
        shown = []
        for name, style in sorted(ROADS.items(), key=lambda item: item[1].order):
            mine = at[kinds == name]
            if z < style.zoom or not len(mine):
                continue
            width = np.nan_to_num(found.width[mine], nan=8.0) * CARRIAGEWAY * self.stretch / pixel_m(z)
            shown.append((style, found.shapes[mine], np.maximum(width, style.least_px)))
        for style, shapes, width in shown:
            if z >= 13:
                for w in np.unique(width.round(1)):
                    pen.lines(shapes[width.round(1) == w], w + (1.0 if z < 15 else 1.6), style.casing)
        for style, shapes, width in shown:
            for w in np.unique(width.round(1)):
                # without casing a white road would vanish on the land
                colour = style.fill if z >= 13 or style.order >= 4 else style.casing
                pen.lines(shapes[width.round(1) == w], w, colour)

    def _rails(self, pen: _Pen, z: int) -> None:
        found = self.sheets["railways"]
        at = found.near(pen.box, 20 * self.stretch)
        pen.lines(found.shapes[at], 1.2 if z < 13 else 3.0, RAIL)
        if z >= 13:
            pen.lines(dashes(found.shapes[at], 9.0 * pixel_m(z), 9.0 * pixel_m(z)), 1.6, RAIL_GAP)

    def _borders(self, pen: _Pen, z: int) -> None:
        styles = {0: (14, 1.0, 3.0, 4.0, BORDERS[0]), 1: (12, 1.4, 7.0, 4.0, BORDERS[1])}
        last = len(self.borders) - 1
        for k in range(len(self.borders)):
            zoom, width, on, off, colour = styles.get(k, (0, 2.0, 12.0, 4.0, BORDERS[2]))
            if k == last and last > 0:
                zoom, width, on, off, colour = 0, 2.0, 12.0, 4.0, BORDERS[2]
            if z >= zoom:
                border = self.borders[k]
                near = border.shapes[border.near(pen.box, 0)]
                pen.lines(dashes(near, on * pixel_m(z), off * pixel_m(z)), width, colour)


def dashes(lines: NDArray[np.object_], on: float, off: float) -> NDArray[np.object_]:
    """Pieces of length `on` with gaps of `off` along each line from its start, corners kept."""
    out: list[shapely.Geometry] = []
    for line in shapely.get_parts(np.asarray(lines, dtype=object)):
        xy = shapely.get_coordinates(line)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
        starts = np.arange(0.0, along[-1], on + off)
        ends = np.minimum(starts + on, along[-1])
        first, last = np.searchsorted(along, starts, "right"), np.searchsorted(along, ends, "left")
        for s, e, i, j in zip(starts, ends, first, last, strict=True):
            if e > s:
                at = np.concatenate([[s], along[i:j], [e]])
                out.append(shapely.linestrings(np.interp(at, along, xy[:, 0]), np.interp(at, along, xy[:, 1])))
    return np.array(out, dtype=object)


class _Pen:
    """Draws Mercator shapes into a picture of a box."""

    def __init__(self, box: Box, pixels: tuple[int, int]) -> None:
        self.box = box
        height, width = pixels
        self.image = Image.new("RGB", (width, height), BEYOND)
        self.draw = ImageDraw.Draw(self.image)
        self.scale = width / (box[2] - box[0])
        self.finer = FINER * PICTURE_PX / 256
        """Drawn pixels for each of the map's."""
        self.window = shapely.box(box[0], box[1], box[2], box[3]).buffer(64 / self.scale, join_style="mitre")

    def _pixels(self, shape: shapely.Geometry) -> NDArray[np.float64]:
        xy = shapely.get_coordinates(shape)
        return np.column_stack([(xy[:, 0] - self.box[0]) * self.scale, (self.box[3] - xy[:, 1]) * self.scale])

    def areas(self, shapes: Iterable[shapely.Geometry], fill: str, edge: str | None = None) -> None:
        """Fill polygons; holes take back what lies behind only where something smaller is drawn later."""
        cut = self._within(shapes)
        for part in shapely.get_parts(cut):
            if part.geom_type != "Polygon" or part.is_empty:
                continue
            if len(part.interiors) == 0:
                self.draw.polygon(self._pixels(part.exterior).ravel().tolist(), fill=fill)
            else:
                self._with_holes(part, fill)
        if edge:
            self.lines(shapely.boundary(shapely.get_parts(cut)), 0.5, edge, plain=True)

    def _with_holes(self, part: shapely.Polygon, fill: str) -> None:
        mask = Image.new("1", self.image.size, 0)
        pen = ImageDraw.Draw(mask)
        pen.polygon(self._pixels(part.exterior).ravel().tolist(), fill=1)
        for ring in part.interiors:
            pen.polygon(self._pixels(ring).ravel().tolist(), fill=0)
        self.image.paste(fill, mask=mask)

    def lines(self, shapes: Iterable[shapely.Geometry], width_px: float, colour: str, *, plain: bool = False) -> None:
        """Draw lines with round joints and ends (`plain`: without)."""
        width = max(1, round(width_px * self.finer))
        r = (width - 1) / 2
        for part in shapely.get_parts(self._within(shapes)):
            if part.geom_type not in ("LineString", "LinearRing") or part.is_empty:
                continue
            xy = self._pixels(part)
            self.draw.line(xy.ravel().tolist(), fill=colour, width=width)
            if not plain and width > 3:
                for x, y in xy.tolist():
                    self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def _within(self, shapes: Iterable[shapely.Geometry]) -> NDArray[np.object_]:
        given = np.asarray(list(shapes), dtype=object)
        if not len(given):
            return given
        given = given[shapely.intersects(self.window, given)]
        # only what reaches far beyond the picture is worth cutting
        wide = shapely.length(given) > 8 * (self.box[2] - self.box[0])
        if wide.any():
            given = given.copy()
            given[wide] = shapely.intersection(given[wide], self.window)
        return shapely.get_parts(given)
