"""The base map, drawn by ourselves from the city's own ground: quiet colours, so that the subject stands out.

Names stand on it only where it is asked for: pages draw them themselves (`api.pages.names`), over the subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from api.pages import basemap_style as style
from api.pages.basemap_palette import png
from api.pages.basemap_style import LOOKS, rgb
from api.pages.ink import Shapes, Sheet
from api.pages.mercator import TILE_PX, Box, pixel_m, project, tile_box, to_degrees

LAND = style.LIGHT.land
"""The light theme's land: what lies under half-transparent pictures."""
RATIO = 2
"""Pixels for each of the map's in pictures that stand in a page."""
BUILDING_ZOOM, EDGE_ZOOM = 15, 16


class Layer:
    """Lines and areas of a layer in Mercator metres with their kinds and widths."""

    def __init__(self, frame: pd.DataFrame | None, srid: int) -> None:
        none = frame is None or not len(frame)
        shapes = np.empty(0, dtype=object) if none else project(frame["geometry"], srid)  # type: ignore[index]
        kind = np.full(len(shapes), "", object) if none or "kind" not in frame else frame["kind"].to_numpy(object)  # type: ignore[operator,index]
        width = np.full(len(shapes), np.nan) if none or "width_m" not in frame else frame["width_m"].to_numpy(float)  # type: ignore[operator,index]
        self.lines, self.areas = Shapes(shapes, areas=False), Shapes(shapes, areas=True)
        self.line_kind, self.area_kind = kind[self.lines.of], kind[self.areas.of]
        self.width = width[self.lines.of]


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
        self.layers = {n: Layer(ground.get(n), srid) for n in ("parcels", "rivers", "buildings", "roads", "railways")}
        roads = self.layers["roads"]
        classes = [style.ORDER.index(style.road_class(kind)) for kind in roads.line_kind]
        roads.line_kind = np.array(classes, dtype=np.int64)
        kinds = self.layers["parcels"].area_kind
        self.parcel_colours = {
            name: np.array([look.parcels.get(kind, "") for kind in kinds], dtype=str) for name, look in LOOKS.items()
        }
        self.borders: list[Shapes] = []
        self.land = Shapes(np.empty(0, dtype=object), areas=True)
        shapes = project(areas["geometry"], srid) if len(areas) else np.empty(0, dtype=object)
        sets = areas["set"].to_numpy(dtype=object) if len(areas) else np.empty(0, dtype=object)
        drawn: shapely.Geometry = shapely.GeometryCollection()
        for name in reversed(list(territory)):
            mine = shapes[sets == name]
            if len(mine):
                # a border between two areas is drawn once, and where it is one of a larger set only as that
                lines = shapely.line_merge(shapely.difference(shapely.union_all(shapely.boundary(mine)), drawn))
                if not self.borders:
                    self.land = Shapes(mine, areas=True)
                drawn = shapely.union(drawn, shapely.buffer(lines, 0.5, quad_segs=1))
                self.borders.insert(0, Shapes(np.array([lines], dtype=object), areas=False))
        middle = (
            shapely.get_coordinates(shapely.union_all(shapely.envelope(shapes)))[:, 1].mean() if len(shapes) else 0.0
        )
        self.stretch = float(np.cosh(middle / 6_378_137.0))

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of the city's land in degrees; None without any."""
        if not len(self.land):
            return None
        west, south, east, north = shapely.total_bounds(self.land.parts)
        lon, lat = to_degrees([west, east], [south, north])
        return float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])

    def warm(self) -> None:
        """Draw the whole city once, small, so that no request waits for what is loaded once."""
        if len(self.land):
            west, south, east, north = map(float, shapely.total_bounds(self.land.parts))
            for theme in LOOKS:
                self.picture((west, south, east, north), 15, (48, 48), theme=theme)

    def tile(self, z: int, x: int, y: int, *, theme: str = "light", ratio: int = 1) -> bytes:
        """PNG of a tile, `TILE_PX` times `ratio` on each side."""
        side = TILE_PX * ratio
        return self.picture(tile_box(z, x, y), z, (side, side), theme=theme)

    def picture(self, box: Box, z: int, pixels: tuple[int, int], *, theme: str = "light") -> bytes:
        """PNG of a box (Mercator metres) drawn as at zoom `z`; `pixels` is height and width."""
        return png(self.draw(box, z, pixels, theme=theme), theme)

    def draw(self, box: Box, z: int, pixels: tuple[int, int], *, theme: str = "light") -> NDArray[np.uint8]:
        """Pixels of a box, shape (height, width, 3)."""
        hand = _Hand(self, box, z, pixels, theme)
        hand.ground()
        hand.water()
        hand.buildings()
        hand.roads()
        hand.rails()
        hand.lines_of_areas()
        return hand.sheet.pixels


class _Hand:
    """Draws a map into a box at a zoom."""

    def __init__(self, city: BaseMap, box: Box, z: int, pixels: tuple[int, int], theme: str) -> None:
        self.city, self.box, self.z, self.theme, self.look = city, box, z, theme, LOOKS[theme]
        self.sheet = Sheet(box, pixels, rgb(self.look.beyond))
        self.ratio = self.sheet.scale * pixel_m(z)
        """Pixels for each of the map's."""
        self.metre = self.sheet.scale * city.stretch
        """Pixels for a metre on the ground."""

    def ground(self) -> None:
        """The city's land, and what it is used for."""
        land, parcels = self.city.land, self.city.layers["parcels"]
        if self.z <= 14 and self.city.borders:
            # the city shines out of what lies around it
            border = self.city.borders[-1]
            near = border.near(self.box, 20 / self.sheet.scale * self.ratio)
            self.sheet.lines(border, near, 9 * self.ratio, rgb(self.look.glow), opacity=0.28)
        self.sheet.areas(land, land.near(self.box), rgb(self.look.land))
        near = parcels.areas.near(self.box)
        colours = self.city.parcel_colours[self.theme][near]
        for colour in np.unique(colours[colours != ""]):
            self.sheet.areas(parcels.areas, near[colours == colour], rgb(str(colour)))

    def water(self) -> None:
        """Rivers and canals as wide as they are, lakes with a shore."""
        rivers, look = self.city.layers["rivers"], self.look
        near = rivers.lines.near(self.box, 60 * self.city.stretch)
        width = np.maximum(np.nan_to_num(rivers.width[near], nan=10.0) * self.metre, 1.2 * self.ratio)
        if self.z >= 14:
            self.sheet.lines(rivers.lines, near, width + 1.2 * self.ratio, rgb(look.shore))
        self.sheet.lines(rivers.lines, near, width, rgb(look.water))
        near = rivers.areas.near(self.box, 4 / self.sheet.scale * self.ratio)
        self.sheet.areas(rivers.areas, near, rgb(look.water))
        if self.z >= 11:
            self.sheet.lines(rivers.areas, near, 0.8 * self.ratio, rgb(look.shore))

    def buildings(self) -> None:
        """Buildings from close by; from closer with their edges and a shade that lifts them."""
        if self.z < BUILDING_ZOOM:
            return
        shapes, look = self.city.layers["buildings"].areas, self.look
        near = shapes.near(self.box, 4 / self.sheet.scale * self.ratio)
        if self.z >= EDGE_ZOOM:
            by = (1.6 if self.z >= 17 else 1.0) * self.ratio
            self.sheet.areas(shapes, near, rgb(look.building_shade), shift=(by, by))
        self.sheet.areas(shapes, near, rgb(look.building), opacity=1.0 if self.z > BUILDING_ZOOM else 0.85)
        if self.z >= EDGE_ZOOM:
            self.sheet.lines(shapes, near, 0.8 * self.ratio, rgb(look.building_edge))

    def roads(self) -> None:
        """Roads by class: first all casings, then all fills, the greater ones last."""
        roads = self.city.layers["roads"]
        near = roads.lines.near(self.box, 60 * self.city.stretch)
        kinds = roads.line_kind[near]
        shown = [
            (road, mine, self._width(road, roads.width[mine]))
            for order, road in enumerate(style.ORDER)
            if self.z >= style.FIRST_ZOOM[road] and len(mine := near[kinds == order])
        ]
        for road, mine, width in shown:
            if self._cased(road):
                casing = (1.3 if self.z < 15 else 1.8 if self.z < 17 else 2.2) * self.ratio
                self.sheet.lines(roads.lines, mine, width + casing, rgb(self.look.roads[road][1]))
        for road, mine, width in shown:
            fill, _, thin = self.look.roads[road]
            self.sheet.lines(roads.lines, mine, width, rgb(fill if self._cased(road) else thin))

    def _cased(self, road: str) -> bool:
        return self.z >= style.CASING_ZOOM.get(road, 14)

    def _width(self, road: str, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        usual = style.width_px(road, self.z) * self.ratio
        if self.z < style.TRUE_ZOOM:
            return np.full(len(metres), usual)
        true = metres * style.CARRIAGEWAY * self.metre
        return np.where(np.isfinite(true), np.clip(true, 0.8 * usual, 1.7 * usual), usual)

    def rails(self) -> None:
        """Railways in the manner of the country: dark with white dashes."""
        rails = self.city.layers["railways"].lines
        near, ratio = rails.near(self.box, 20 * self.city.stretch), self.ratio
        width = 0.9 if self.z < 12 else 1.6 if self.z < 13 else 3.0 if self.z < 16 else 4.2
        self.sheet.lines(rails, near, width * ratio, rgb(self.look.rail))
        if self.z >= 13:
            dash = (9.0 if self.z < 16 else 13.0) * ratio
            self.sheet.lines(rails, near, (width - 1.4) * ratio, rgb(self.look.rail_gap), dash_px=(dash, dash))

    def lines_of_areas(self) -> None:
        """Borders, each kind of area with a stroke of its own, the smallest first."""
        ratio, last = self.ratio, len(self.city.borders) - 1
        for k, border in enumerate(self.city.borders):
            kind = 2 if k == last else min(k, 1)
            first = (14, 12, 0)[kind]
            if self.z < first:
                continue
            width = (1.0, 1.3, 1.5 if self.z < 12 else 2.0)[kind]
            dash, gap = ((1.5, 3.5), (6.0, 3.5), (12.0, 4.0))[kind]
            near = border.near(self.box, 4 / self.sheet.scale * ratio)
            colour = rgb(self.look.borders[kind])
            self.sheet.lines(border, near, width * ratio, colour, dash_px=(dash * ratio, gap * ratio), opacity=0.9)
            if kind == 2:  # dash and dot
                self.sheet.lines(
                    border, near, width * ratio, colour, dash_px=(1.5 * ratio, 14.5 * ratio), offset_px=2.75 * ratio
                )
