"""Which names stand on the map, where, from which zoom on: areas, roads, water, railways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import shapely

from api.pages.mercator import pixel_m, project, to_degrees

Name = tuple[str, float, float, str, int, int, int]
"""Text, longitude, latitude, kind, first and last zoom, angle in degrees clockwise."""

AREAS = {0: ("area0", 14, 16), 1: ("area1", 12, 15), 2: ("area2", 0, 11)}
ROADS = {
    "motorway": ("main", 12), "trunk": ("main", 13), "primary": ("main", 13), "secondary": ("main", 14),
    "tertiary": ("road", 15), "residential": ("road", 16), "service": ("road", 17),
}  # fmt: skip
"""Kind of road -> kind of name, first zoom."""
SUFFIXES = ("居民委员会", "居委会", "村民委员会", "村委会", "办事处")
LAST_ZOOM = 20
APART_PX = 420
"""Distance at which the name of a line is repeated."""
SIGN_PX = 13
"""Width of a Chinese sign; a line shorter than its name stays without."""


def place_names(
    areas: pd.DataFrame, ground: Mapping[str, pd.DataFrame], *, territory: Sequence[str], srid: int
) -> list[Name]:
    """Names in order of importance.

    Parameters
    ----------
    areas
        ``set``, ``name``, geometry in the city's CRS.
    ground
        Layers with ``name``, ``kind``, geometry.
    territory
        Area sets, smallest first.
    srid
        The city's CRS.
    """
    out: list[Name] = []
    for k in reversed(range(min(len(territory), 3))):
        mine = areas[areas["set"] == territory[k]]
        # of two sets only, the larger is the city's streets; of one, its communities
        kind, first, last = AREAS[k]
        shapes = project(mine["geometry"], srid)
        middle = shapely.centroid(shapes)
        at = np.where(shapely.contains(shapes, middle), middle, shapely.point_on_surface(shapes))
        lon, lat = to_degrees(*shapely.get_coordinates(at).T) if len(at) else ((), ())
        for text, x, y in zip(mine["name"], lon, lat, strict=True):
            if text:
                out.append((shorter(text), round(x, 6), round(y, 6), kind, first, last, 0))
    lines = {"rivers": ("water", 12), "railways": ("rail", 13)}
    for layer, (kind, first) in lines.items():
        out += _along(ground.get(layer), {"": (kind, first)}, srid)
    return out + _along(ground.get("roads"), ROADS, srid)


def shorter(name: str) -> str:
    """A name without the words for its committee or office.

    Examples
    --------
    >>> shorter("凤凰社区居委会")
    '凤凰社区'
    """
    return next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s) and len(name) > len(s)), name)


def _along(frame: pd.DataFrame | None, kinds: Mapping[str, tuple[str, int]], srid: int) -> list[Name]:
    """Names along lines, repeated at a distance that suits each zoom; areas get one in their middle."""
    if frame is None or not len(frame):
        return []
    out: list[Name] = []
    order = {k: i for i, k in enumerate(kinds)}
    rows = frame[(frame["name"] != "") & (frame["kind"].isin(list(kinds)) | ("" in kinds))]
    shapes = pd.Series(project(rows["geometry"], srid), index=rows.index)
    group = rows["kind"].where(rows["kind"].isin(list(kinds)), "")
    found = sorted(shapes.groupby([group, rows["name"]]), key=lambda item: (order.get(item[0][0], 99), item[0][1]))
    for (kind, name), mine in found:
        style, first = kinds[kind]
        parts = mine.to_numpy()
        flat = shapely.get_dimensions(parts) == 2
        for middle in shapely.point_on_surface(parts[flat]):
            lon, lat = to_degrees(middle.x, middle.y)
            out.append((name, round(float(lon), 6), round(float(lat), 6), style, first, LAST_ZOOM, 0))
        merged = shapely.get_parts(shapely.line_merge(shapely.union_all(parts[~flat])))
        merged = merged[shapely.get_type_id(merged) == 1]
        for zoom in range(first, 18):
            last = LAST_ZOOM if zoom == 17 else zoom
            out += _repeated(name, merged, style, zoom, last)
    return out


def _repeated(name: str, lines: np.ndarray, style: str, zoom: int, last: int) -> list[Name]:
    out: list[Name] = []
    px = pixel_m(zoom)
    long = lines[shapely.length(lines) > (len(name) + 1) * SIGN_PX * px]
    for line in long:
        n = max(1, int(line.length / (APART_PX * px)))
        for share in (np.arange(n) + 0.5) / n:
            at = shapely.line_interpolate_point(line, share, normalized=True)
            reach = min(0.5 * len(name) * SIGN_PX * px, 0.45 * line.length)
            d = share * line.length
            a, b = (shapely.line_interpolate_point(line, np.clip(d + s * reach, 0, line.length)) for s in (-1, 1))
            angle = -np.degrees(np.arctan2(b.y - a.y, b.x - a.x))
            angle = (angle + 90) % 180 - 90
            lon, lat = to_degrees(at.x, at.y)
            out.append((name, round(float(lon), 6), round(float(lat), 6), style, zoom, last, round(float(angle))))
    return out
