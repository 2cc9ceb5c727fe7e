"""Names for the map in both languages: of areas, places, roads, water, railways; pages place them (`static/names.js`).

A line's name comes with its line, so that it may follow its bends wherever it is seen, at any zoom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import shapely

from api.pages.basemap_style import road_class
from api.pages.latin import english
from api.pages.mercator import project, to_degrees

Name = tuple[str, str, str, int, int, list[float]]
"""Chinese (or as given), English, kind, first and last zoom, then longitude and latitude: a place's, or a line's."""

AREAS = {0: ("area0", 14, 18), 1: ("area1", 12, 15), 2: ("area2", 0, 11)}
"""Area set by its place in the territory -> kind of name, first and last zoom."""
ROADS = {
    "motorway": ("main", 11), "trunk": ("main", 12), "primary": ("main", 12), "secondary": ("main", 13),
    "tertiary": ("road", 14), "residential": ("road", 15), "service": ("road", 16), "path": ("road", 17),
}  # fmt: skip
"""Class of road -> kind of name, first zoom."""
PLACES = {
    "park": ("green", 14), "garden": ("green", 15), "forest": ("green", 13), "station": ("place", 13),
    "university": ("place", 14), "hospital": ("place", 15), "school": ("place", 15), "bridge": ("place", 16),
}  # fmt: skip
"""Kind of parcel -> kind of name, first zoom; others from `PLACE_ZOOM` on."""
PLACE_ZOOM, LAST_ZOOM = 16, 20
SUFFIXES = ("居民委员会", "居委会", "村民委员会", "村委会", "办事处")
PLAIN_M = 1.0
"""How far a line for a name may be from the true one."""


def place_names(
    areas: pd.DataFrame, ground: Mapping[str, pd.DataFrame], *, territory: Sequence[str], srid: int
) -> list[Name]:
    """Names in order of importance.

    Parameters
    ----------
    areas
        ``set``, ``name``, geometry in the city's CRS; ``name_en`` where the city has one.
    ground
        Layers with ``name``, ``kind``, geometry; ``name_en`` where the city has one.
    territory
        Area sets, smallest first.
    srid
        The city's CRS.
    """
    out: list[Name] = []
    last = min(len(territory), 3) - 1
    for k in reversed(range(last + 1)):
        mine = areas[areas["set"] == territory[k]]
        kind, first, until = AREAS[2 if k == last and last > 0 else k]
        shapes = project(mine["geometry"], srid)
        middle = shapely.centroid(shapes)
        at = np.where(shapely.contains(shapes, middle), middle, shapely.point_on_surface(shapes))
        for (zh, en), place in zip(_texts(mine), at, strict=True):
            if zh:
                out.append((zh, en, kind, first, until, _degrees(place)))
    for layer, kind, first in (("rivers", "water", 11), ("railways", "rail", 13)):
        out += _along(ground.get(layer), {"": (kind, first)}, srid)
    roads = ground.get("roads")
    if roads is not None and len(roads):
        classes = roads["kind"].map(road_class) if "kind" in roads else "residential"
        roads = roads.assign(kind=classes)
    out += _along(roads, ROADS, srid)
    for layer in ("parcels", "buildings"):
        out += _places(ground.get(layer), srid)
    return out


def shorter(name: str) -> str:
    """A name without the words for its committee or office.

    Examples
    --------
    >>> shorter("凤凰社区居委会")
    '凤凰社区'
    """
    return next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s) and len(name) > len(s)), name)


def _texts(frame: pd.DataFrame) -> list[tuple[str, str]]:
    given = frame["name_en"] if "name_en" in frame else [""] * len(frame)
    return [(shorter(zh), en or english(shorter(zh))) for zh, en in zip(frame["name"], given, strict=True)]


def _degrees(shape: shapely.Geometry) -> list[float]:
    lon, lat = to_degrees(*shapely.get_coordinates(shape).T)
    return np.column_stack([lon, lat]).round(6).ravel().tolist()


def _along(frame: pd.DataFrame | None, kinds: Mapping[str, tuple[str, int]], srid: int) -> list[Name]:
    """Names along lines, those of one class and name together; areas get theirs in the middle."""
    if frame is None or not len(frame):
        return []
    out: list[Name] = []
    order = {k: i for i, k in enumerate(kinds)}
    rows = frame[(frame["name"] != "") & (frame["kind"].isin(list(kinds)) | ("" in kinds))]
    rows = rows.assign(shape=project(rows["geometry"], srid))
    group = rows["kind"].where(rows["kind"].isin(list(kinds)), "")
    found = sorted(rows.groupby([group, rows["name"]]), key=lambda item: (order.get(item[0][0], 99), item[0][1]))
    for (kind, _), mine in found:
        style, first = kinds[kind]
        (zh, en), parts = _texts(mine.head(1))[0], mine["shape"].to_numpy()
        flat = shapely.get_dimensions(parts) == 2
        out += [
            (zh, en, style, first, LAST_ZOOM, _degrees(at))
            for at in shapely.maximum_inscribed_circle(parts[flat]).tolist()
            for at in [shapely.get_point(at, 0)]
        ]
        merged = shapely.get_parts(shapely.line_merge(shapely.union_all(parts[~flat])))
        merged = shapely.simplify(merged[shapely.get_type_id(merged) == 1], PLAIN_M)
        out += [
            (zh, en, style, first, LAST_ZOOM, _degrees(line)) for line in merged[np.argsort(-shapely.length(merged))]
        ]
    return out


def _places(frame: pd.DataFrame | None, srid: int) -> list[Name]:
    """Names of parcels and buildings, the greater first."""
    if frame is None or not len(frame):
        return []
    rows = frame[frame["name"] != ""]
    rows = rows.iloc[np.argsort(-shapely.area(rows["geometry"].to_numpy()), kind="stable")]
    at = shapely.point_on_surface(project(rows["geometry"], srid))
    about = [PLACES.get(kind, ("place", PLACE_ZOOM)) for kind in rows["kind"]]
    return [
        (zh, en, kind, first, LAST_ZOOM, _degrees(place))
        for (zh, en), (kind, first), place in zip(_texts(rows), about, at, strict=True)
    ]
