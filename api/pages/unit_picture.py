"""Unit grids as a picture: coloured by area, faults in red; tiles for the map, and a figure with its legend."""

from __future__ import annotations

import io
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from shapely import STRtree

from api.pages.basemap import LAND, BaseMap
from api.pages.mercator import TILE_PX, Box, pixel_m, project, tile_box
from grids.certificate import FAULTS, Certificate

STEPS_M2 = (5_000.0, 7_500.0, 9_000.0, 11_000.0, 14_000.0, 20_000.0)
"""Where the colour changes; the first and last are the area band."""
PICTURE_PX = 2 * TILE_PX
"""Side of a tile's picture: two pixels for each of the map's, for sharp screens."""
COLOURS = ("#ffe873", "#d3eeb3", "#97d6b9", "#58b8bd", "#2f8fc0", "#2461a8", "#1c2b6e")
"""Below the band, five steps within it, above it: darker is larger, so that it reads without colour too."""
ROAD, EDGE, FAULT, COMMUNITY = "#9b98a3", "#4f4a57", "#e0001b", "#5b2a86"
OPACITY = 0.5
FINER = 2
FIRST_EDGE_ZOOM = 13


def step_of(area_m2: NDArray[np.float64]) -> NDArray[np.int64]:
    """Position in `COLOURS` of areas; a bound belongs to the band.

    Examples
    --------
    >>> step_of(np.array([4_999, 5_000, 10_000, 20_000, 20_001])).tolist()
    [0, 1, 3, 5, 6]
    """
    inner = np.searchsorted(STEPS_M2[:-1], area_m2, side="right")
    return np.where(np.asarray(area_m2) > STEPS_M2[-1], len(STEPS_M2), inner)


def over_land(colour: str, land: str = LAND) -> str:
    """How a colour looks on the map's land, by day unless another is given.

    Examples
    --------
    >>> over_land("#000000")
    '#7b7a78'
    """
    mixed = (a * OPACITY + b * (1 - OPACITY) for a, b in zip(_rgba(colour, 1)[:3], _rgba(land, 1)[:3], strict=True))
    return "#" + "".join(f"{round(v):02x}" for v in mixed)


class UnitPicture:
    """Unit grids with the findings of their certificate, in Mercator metres, found by place.

    Parameters
    ----------
    units
        ``code``, ``community``, geometry in the city's CRS; ``kind`` where known.
    certificate
        Of these units, in their order.
    srid
        The city's CRS.
    """

    def __init__(self, units: gpd.GeoDataFrame, certificate: Certificate, srid: int) -> None:
        self.shapes = project(units.geometry, srid)
        self.plain = units.geometry.to_numpy()
        self.step = step_of(certificate.units["area_m2"].to_numpy())
        self.road = (units["kind"] == "road").to_numpy() if "kind" in units else np.zeros(len(units), bool)
        self.certificate = certificate
        self.tree, self.plain_tree = STRtree(self.shapes), STRtree(self.plain)
        self.member = certificate.units["community"].to_numpy(object)
        faults = certificate.faults[certificate.faults["severity"] == "fault"]
        self.faults = project(faults.geometry, srid)

    def at(self, x: float, y: float) -> dict[str, object] | None:
        """The unit at a place (city's metres) with its measures and findings; None where there is none."""
        found = np.sort(self.plain_tree.query(shapely.Point(x, y), predicate="intersects"))
        if not len(found):
            return None
        row = self.certificate.units.iloc[found[0]]
        faults = self.certificate.faults
        mine = faults[(faults["unit"] == row["code"]) | (faults["other"] == row["code"])]
        return {
            "code": row["code"],
            "community": row["community"],
            "area_m2": round(float(row["area_m2"]), 1),
            "width_m": round(float(row["width_m"]), 1),
            "compactness": round(float(row["compactness"]), 3),
            "findings": mine["kind"].drop_duplicates().tolist(),
        }

    def tile(self, z: int, x: int, y: int) -> bytes:
        """PNG of a tile, transparent where there is no unit."""
        return _png(self.image(tile_box(z, x, y), z, (PICTURE_PX, PICTURE_PX)))

    def image(self, box: Box, z: int, pixels: tuple[int, int]) -> Image.Image:
        """Units in a box (Mercator metres) as at zoom `z`; `pixels` is height and width."""
        west, _, east, north = box
        image = Image.new("RGBA", (pixels[1] * FINER, pixels[0] * FINER), (255, 255, 255, 0))
        pen = ImageDraw.Draw(image)
        scale = image.width / (east - west)
        near = np.sort(self.tree.query(shapely.box(*box)))
        colours = [*(_rgba(c, OPACITY) for c in COLOURS), _rgba(ROAD, OPACITY)]
        edge = max(1, round((0.9 if z < 15 else 1.4) * FINER)) if z >= FIRST_EDGE_ZOOM else 0
        for i in near.tolist():
            fill = colours[-1] if self.road[i] else colours[self.step[i]]
            for part in shapely.get_parts(self.shapes[i]):
                if part.geom_type != "Polygon" or part.is_empty:
                    continue
                rings = [shapely.get_coordinates(ring) for ring in (part.exterior, *part.interiors)]
                pixel = [((xy - [west, north]) * [scale, -scale]).ravel().tolist() for xy in rings]
                pen.polygon(pixel[0], fill=fill)
                if edge:
                    for ring in pixel:
                        pen.line(ring, fill=_rgba(EDGE, 0.75), width=edge)
        return image.reduce(FINER)

    def outlines(self) -> NDArray[np.object_]:
        """Borders of communities, as their units draw them; of broken units those of their valid ones."""
        sound = shapely.is_valid(self.shapes) & (self.member != "")
        shapes, member = self.shapes[sound], self.member[sound]
        whole = [
            shapely.union_all(shapely.buffer(shapes[member == one], 0.05)) for one in np.unique(member.astype(str))
        ]
        return shapely.boundary(np.array(whole, object))


def figure(
    base: BaseMap, units: UnitPicture, *, title: str, width_px: int = 1600, box: Box | None = None
) -> tuple[bytes, int]:
    """PNG of units over the base map with faults in red, a legend and a scale.

    Parameters
    ----------
    base, units
        What is drawn.
    title
        Heading, in signs that Pillow's own font has (Latin).
    width_px
        Width of the map; its height follows from the ground.
    box
        Mercator metres; None for all units.

    Returns
    -------
    png, zoom
    """
    west, south, east, north = box or tuple(map(float, shapely.total_bounds(units.shapes)))
    margin = 0.02 * max(east - west, north - south)
    box = (west - margin, south - margin, east + margin, north + margin)
    metre = (box[2] - box[0]) / width_px
    zoom = int(np.clip(np.ceil(np.log2(pixel_m(0) / metre)), 9, 17))
    pixels = (round((box[3] - box[1]) / metre), width_px)
    ground = Image.open(io.BytesIO(base.picture(box, zoom, pixels))).convert("RGBA")
    ground.alpha_composite(units.image(box, zoom, pixels))
    _lines(ground, units.outlines(), box)
    _red(ground, units.faults, box)
    return _png(_framed(ground.convert("RGB"), units, title, metre / base.stretch)), zoom


def _lines(image: Image.Image, borders: NDArray[np.object_], box: Box) -> None:
    pen = ImageDraw.Draw(image)
    scale = image.width / (box[2] - box[0])
    for part in shapely.get_parts(borders):
        xy = (shapely.get_coordinates(part) - [box[0], box[3]]) * [scale, -scale]
        pen.line(xy.ravel().tolist(), fill=COMMUNITY, width=2, joint="curve")


def _red(image: Image.Image, faults: NDArray[np.object_], box: Box) -> None:
    """Findings in red: areas filled and ringed, so that the smallest are seen."""
    pen = ImageDraw.Draw(image)
    scale = image.width / (box[2] - box[0])
    for shape in faults:
        if shape is None or shape.is_empty:
            continue
        for part in shapely.get_parts(shape):
            xy = ((shapely.get_coordinates(part) - [box[0], box[3]]) * [scale, -scale]).tolist()
            flat = [v for pair in xy for v in pair]
            if part.geom_type == "Polygon" and len(xy) > 2:
                pen.polygon(flat, fill=FAULT)
            elif part.geom_type == "LineString":
                pen.line(flat, fill=FAULT, width=3)
            x, y = np.mean(xy, axis=0)
            r = max(7.0, np.ptp(np.asarray(xy), axis=0).max() / 2 + 4)
            pen.ellipse((x - r, y - r, x + r, y + r), outline=FAULT, width=2)


def _framed(picture: Image.Image, units: UnitPicture, title: str, metre_px: float) -> Image.Image:
    """The map with its heading, legend and scale below."""
    text, small = ImageFont.load_default(26), ImageFont.load_default(17)
    ink = "#2b2533"
    out = Image.new("RGB", (picture.width, picture.height + 150), "#ffffff")
    out.paste(picture, (0, 56))
    pen = ImageDraw.Draw(out)
    pen.text((16, 12), title, font=text, fill=ink)
    bounds = [f"{a / 1000:g} to {b / 1000:g}" for a, b in pairwise(STEPS_M2)]
    labels = [f"below {STEPS_M2[0] / 1000:g}", *bounds, f"above {STEPS_M2[-1] / 1000:g}"]
    x, y = 16, picture.height + 72
    pen.text((x, y), "Area, 1,000 sq m:", font=small, fill=ink)
    x += 156
    for label, colour in zip([*labels, "road land", "fault"], [*COLOURS, ROAD, FAULT], strict=True):
        shown = colour if colour == FAULT else over_land(colour)
        pen.rectangle((x, y, x + 26, y + 18), fill=shown, outline=EDGE)
        pen.text((x + 32, y), label, font=small, fill=ink)
        x += 48 + round(pen.textlength(label, font=small))
    counts = units.certificate.counts
    faults = int((units.certificate.faults["severity"] == "fault").sum())
    share = units.certificate.figures.get("in_band_share")
    facts = [
        f"{len(units.shapes):,} units",
        f"{len(set(units.member) - {''}):,} communities (violet)",
        f"{faults:,} faults",
    ]
    facts += [f"{share:.1%} within the band"] if share is not None else []
    facts += [f"{n:,} {kind.replace('_', ' ')}" for kind, n in counts.items() if n and kind in FAULTS]
    pen.text((16, y + 38), ", ".join(facts), font=small, fill=ink)
    length = next(m for m in (5000, 2000, 1000, 500, 200, 100, 50) if m / metre_px < picture.width / 4 or m == 50)
    right, wide = picture.width - 24, length / metre_px
    pen.line((right - wide, y + 52, right, y + 52), fill=ink, width=3)
    label = f"{length:,} m"
    pen.text((right - wide - pen.textlength(label, font=small) - 10, y + 40), label, font=small, fill=ink)
    return out


def _rgba(colour: str, opacity: float) -> tuple[int, int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue, round(opacity * 255)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()
