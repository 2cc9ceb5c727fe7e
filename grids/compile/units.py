"""From communities and barriers to units.

1. Borders and barriers are noded on the millimetre grid (`grids.compile.planar`); their faces are the natural blocks.
2. Crumbs below the band, or too narrow to be a unit, join a neighbour of their community (`grids.compile.merge`).
3. What is above the band is divided by straight cuts (`grids.compile.split`), and the cuts join the linework, which is
   noded again: units share every corner with their neighbours, across the borders of communities too.

Every choice looks only at the community's own faces, in an order given by place, never by row. So the order of the
rows changes nothing, and an edit changes nothing in other communities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from grids.compile.linework import CUT, Faces, Ints, Lines
from grids.compile.merge import joined
from grids.errors import InputError
from grids.serials import number

NARROW_M = 12.0
"""A unit narrower than this (2A/P) is road land."""

WEIGHT = np.array([50.0, 8.0, 8.0, 1.6, 1.2, 0.8, 0.6, 0.1, 0.05, 0.0])
"""What it costs to hide a metre of border by rank: 0 border of a community, 1 to 8 barriers, 9 our own cuts."""

NEAR_M = 10.0
"""A barrier that stops this short of another is taken to meet it."""

FAR_M = 120.0
"""A dead end in a block above the band is a good place for a cut when something stands across within this distance."""

STRIP = 0.45
"""Blocks made of crumbs alone are divided when they are less compact than this and worth two units."""

MOST_SCALE = 0.01
"""A CRS whose areas differ by more than this from those on the ground is no metric CRS of the city."""

ROUNDS = 3


def build_units(
    areas: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame,
    *,
    target_m2: float = 10_000.0,
    buildings: gpd.GeoDataFrame | None = None,
    parcels: gpd.GeoDataFrame | None = None,
    taken: Iterable[str] | None = None,
    serial_digits: int = 3,
    progress: Callable[[str, float], None] | None = None,
) -> gpd.GeoDataFrame:
    """Cut communities into unit grids of about ``target_m2`` that follow the barriers.

    Parameters
    ----------
    areas
        Communities: ``code`` (unique), polygons in a metric CRS. Where two overlap the lower code has the ground.
    barriers
        Lines or polygons in the same CRS with ``rank`` (1 highest to 8; 6 where missing); what a ``tunnel`` flag or
        a ``layer`` below 0 says to be under ground bounds nothing.
    target_m2
        Wished area of a unit in m²; its band is half to twice of it.
    buildings, parcels
        Taken for later use: cuts do not yet look for gaps between them.
    taken
        Unit codes ever given: they are not given again.
    serial_digits
        3, or 2 in the older scheme.
    progress
        Called with a text and the share done.

    Returns
    -------
    GeoDataFrame
        Sorted by ``code``, with ``community``, ``kind`` and ``geometry``: polygons on the 1 mm grid that form a valid
        coverage of the whole city. Kinds: ``block`` (bounded by barriers), ``part`` (of a larger block), ``fragment``
        (below the band, with no neighbour in its community), ``road`` (narrower than `NARROW_M`).

    Raises
    ------
    InputError
        Without unique codes or a common metric CRS, with a target that is not positive, or when a community needs
        more units than its serial can count.
    """
    tell = progress or (lambda text, share: None)
    areas = _checked(areas, barriers, target_m2)
    low, high = target_m2 / 2, target_m2 * 2
    scale = _ground_scale(areas)
    if abs(scale - 1) > 0.001:  # the band holds on the ground, and in the CRS too
        target_m2, low, high = target_m2 * scale, max(low, low * scale), min(high, high * scale)
    tell("noding", 0.0)
    lines = Lines.around(areas.geometry.to_numpy()) + _barrier_lines(barriers)
    graph = lines.led_to_borders().noded()
    graph = (graph.marked() + graph.dead_ends(graph.open_areas(), NEAR_M, FAR_M, high)).noded()
    faces = graph.faces()
    community = faces.community()
    group = _groups(faces, community, low, high)
    grain = graph.grains(len(areas))
    for turn in range(ROUNDS):
        kept = graph.lines(faces.between(group))
        blocks = graph.faces(faces.between(group))
        community = blocks.community()
        divide = blocks.area > high
        if turn == 0:
            divide |= _strips(faces, group, blocks, low, high)
        large = np.flatnonzero(divide & (community >= 0))
        if not len(large):
            break
        tell("cutting", 0.4)
        parts = np.maximum(np.rint(blocks.area[large] / target_m2), 2).astype(np.int64)
        graph = (kept + blocks.cuts(large, parts, grain[community[large]], target_m2, low, high)).noded()
        faces = graph.faces()
        community = faces.community()
        group = _groups(faces, community, low, high)
    blocks = graph.faces(faces.between(group))
    community = blocks.community()
    some = np.flatnonzero(community >= 0)
    tell("numbering", 0.8)
    shapes, names = blocks.polygons(some), areas["code"].to_numpy(object)[community[some]]
    code = number(shapes, names, taken=taken, digits=serial_digits)
    kind = np.where(blocks.area[some] < low, "fragment", "block").astype(object)
    narrow = 2 * blocks.area[some] < NARROW_M * blocks.around[some]
    kind[narrow] = "road"
    # a unit that one of our own cuts bounds is part of a larger block
    free = (graph.rank == CUT) & blocks.alive
    cut = np.zeros(len(blocks.area), bool)
    cut[blocks.half[0::2][free]] = cut[blocks.half[1::2][free]] = True
    kind[cut[some] & (kind == "block")] = "part"
    order = np.argsort(code.astype(str), kind="stable")
    return gpd.GeoDataFrame(
        {
            name: pd.array(column[order], "str")
            for name, column in (("code", code), ("community", names), ("kind", kind))
        },
        geometry=shapes[order],
        crs=areas.crs,
    )


def _strips(faces: Faces, group: Ints, blocks: Faces, low: float, high: float) -> np.ndarray:
    """Blocks pieced together from crumbs alone, long and worth two units: road land along a main road, mostly."""
    whole = (faces.area >= low) & (2 * faces.area >= NARROW_M * faces.around)
    holds = np.zeros(len(faces.area) + 1, bool)
    holds[group[whole]] = True
    natural = np.zeros(len(blocks.area), bool)
    for side in (0, 1):
        some = (blocks.half[side::2] >= 0) & (faces.half[side::2] >= 0)
        natural[blocks.half[side::2][some]] |= holds[group[faces.half[side::2][some]]]
    compact = 4 * np.pi * blocks.area / blocks.around**2
    return ~natural & (blocks.area > 2.1 * low) & (compact < STRIP)


def _groups(faces: Faces, community: Ints, low: float, high: float) -> Ints:
    """Group of each face after crumbs have joined; -1 for faces outside the communities."""
    a, b, shared, cost = faces.pairs(community, WEIGHT)
    group = joined(faces.area, faces.around, a, b, shared, cost, low, high, NARROW_M)
    return np.where(community >= 0, group, -1)


def _checked(areas: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame, target_m2: float) -> gpd.GeoDataFrame:
    if "code" not in areas.columns or areas["code"].duplicated().any():
        raise InputError("areas without a unique code", where="areas", right="a column code, each value once")
    if areas.crs is None or areas.crs != barriers.crs:
        raise InputError(f"CRS {areas.crs} and {barriers.crs}", where="areas, barriers", right="one metric CRS")
    if not target_m2 > 0:
        raise InputError(f"target of {target_m2} m²", right="above 0")
    if not areas.crs.is_projected or any(axis.unit_conversion_factor != 1 for axis in areas.crs.axis_info[:2]):
        raise InputError(f"CRS {areas.crs} does not count metres", where="areas", right="a metric CRS of the city")
    return areas.sort_values("code", kind="stable")


def _ground_scale(areas: gpd.GeoDataFrame) -> float:
    """Square metres of the CRS in one on the ground, in the middle of the city."""
    low_x, low_y, high_x, high_y = areas.total_bounds
    plane = pyproj.Proj(areas.crs)
    lon, lat = plane((low_x + high_x) / 2, (low_y + high_y) / 2, inverse=True)
    scale = float(plane.get_factors(lon, lat).areal_scale)
    if not abs(scale - 1) <= MOST_SCALE:
        raise InputError(
            f"CRS {areas.crs} makes areas {scale:.2f} times too large here",
            where="areas",
            right="a metric CRS of the city",
        )
    return scale


def _barrier_lines(barriers: gpd.GeoDataFrame) -> Lines:
    rank = barriers["rank"].to_numpy(np.int64) if "rank" in barriers.columns else np.full(len(barriers), 6)
    under = np.zeros(len(barriers), bool)
    if "tunnel" in barriers.columns:
        under |= barriers["tunnel"].fillna(False).to_numpy(bool)
    if "layer" in barriers.columns:
        under |= (pd.to_numeric(barriers["layer"], errors="coerce") < 0).to_numpy()
    shapes = barriers.geometry.to_numpy()
    polygon = np.isin(shapely.get_type_id(shapes), (3, 6))
    shapes = np.where(polygon, shapely.boundary(shapes), shapes)
    parts, owner = shapely.get_parts(shapes[~under], return_index=True)
    return Lines.of(parts, rank[~under][owner])
