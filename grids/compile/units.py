"""From communities and barriers to units.

1. Borders and barriers are noded on the millimetre grid (`grids.compile.planar`); their faces are the natural blocks.
2. Streets that end are carried on across large blocks (`grids.compile.onward`).
3. Crumbs below the band, or too narrow to be a unit, join a neighbour of their community (`grids.compile.merge`).
4. An older set of units holds where it still can (`grids.compile.earlier`); parcels are put together to parts
   (`grids.compile.land`).
5. What is above the band is divided by straight cuts (`grids.compile.split`), and the cuts join the linework, which is
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

from grids.compile.earlier import Earlier
from grids.compile.faces import Faces, faces_of
from grids.compile.land import borders_inside, edges_inside
from grids.compile.linework import CUT, PARCEL, Graph, Ints, Lines
from grids.compile.marks import marked
from grids.compile.merge import joined
from grids.compile.onward import carried_on
from grids.compile.split import TURN
from grids.errors import InputError
from grids.serials import number

NARROW_M = 12.0
"""A unit narrower than this (2A/P) is road land."""

WEIGHT = np.array([50.0, 8.0, 8.0, 1.6, 1.2, 0.8, 0.6, 0.1, 0.05, 0.02, 0.0])
"""What it costs to hide a metre of border by rank: 0 community, 1 to 8 barriers, 9 parcels, 10 our own cuts."""

MOST_SCALE = 0.01
"""A CRS whose areas differ by more than this from those on the ground is no metric CRS of the city."""

ROUNDS = 3

ENOUGH = 0.75
"""Parcels are put together until they have this share of the target."""


def build_units(
    areas: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame,
    *,
    target_m2: float = 10_000.0,
    buildings: gpd.GeoDataFrame | None = None,
    parcels: gpd.GeoDataFrame | None = None,
    previous: gpd.GeoDataFrame | None = None,
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
    buildings
        Polygons in the same CRS: a cut is moved by up to `grids.compile.split.ASIDE_M` into the gap between them, or
        another one is chosen, where that costs less in shape than what it runs through them. Cuts stay straight, and
        on a border of communities they end at its marks: some still cross a building.
    parcels
        Polygons in the same CRS: in a block above the band they are put together to parts of about ``target_m2``;
        what is above the band after that is cut as without them. Parcels below the band join whole; ground that no
        parcel covers joins beside it.
    previous
        An older set of units, in any order: in a block above the band its borders are the first to be cut along. A
        unit of it keeps its shape, bit for bit, when no barrier divides it into two that could both be units and it
        is still in the band; with the barriers it was built from, all of it comes out again.
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
    step = float(np.sqrt(target_m2))
    lines = Lines.around(areas.geometry.to_numpy()) + _barrier_lines(barriers)
    graph = lines.led_to_borders().noded()
    angle = np.rint(graph.grains(len(areas)) / TURN) * TURN
    graph = (marked(graph, angle, step) + carried_on(graph, step, high)).noded()
    faces = faces_of(graph)
    group = _groups(faces, low, high)
    earlier = None if previous is None else Earlier(previous)
    if earlier:
        graph = earlier.joined_to(graph.lines(faces.between(group) & (graph.rank < CUT))).noded()
        faces = faces_of(graph)
        graph = earlier.smoothed(graph, faces.between(earlier.groups(faces, low, NARROW_M))).noded()
        faces = faces_of(graph)
        group = _groups(faces, low, high, earlier)
    if parcels is not None:
        graph, group = _by_parcels(graph, faces, group, parcels, target_m2, low, high, earlier)
        faces = faces_of(graph)
    for _ in range(ROUNDS):
        kept = graph.lines(faces.between(group))
        blocks = faces_of(graph, faces.between(group))
        community = blocks.community()
        large = np.flatnonzero((blocks.area > high) & (community >= 0))
        if not len(large):
            break
        tell("cutting", 0.4)
        parts = np.maximum(np.rint(blocks.area[large] / target_m2), 2).astype(np.int64)
        built = edges_inside(buildings, blocks.polygons(large))
        graph = (kept + blocks.cuts(large, parts, angle[community[large]], built, target_m2, low, high)).noded()
        faces = faces_of(graph)
        group = _groups(faces, low, high, earlier)
    blocks = faces_of(graph, faces.between(group))
    community = blocks.community()
    some = np.flatnonzero(community >= 0)
    tell("numbering", 0.8)
    shapes, names = blocks.polygons(some), areas["code"].to_numpy(object)[community[some]]
    code = number(shapes, names, taken=taken, digits=serial_digits)
    kind = np.where(blocks.area[some] < low, "fragment", "block").astype(object)
    narrow = 2 * blocks.area[some] < NARROW_M * blocks.around[some]
    kind[narrow] = "road"
    # a unit that a parcel or one of our own cuts bounds is part of a larger block
    free = (graph.rank >= PARCEL) & blocks.alive
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


def _by_parcels(
    graph: Graph, faces: Faces, group: Ints, parcels: gpd.GeoDataFrame, target: float, low: float, high: float,
    earlier: Earlier | None,
) -> tuple[Graph, Ints]:  # fmt: skip
    """The graph with borders of parcels in large blocks, and its faces in groups of about the target."""
    kept = graph.lines(faces.between(group))
    blocks = faces_of(graph, faces.between(group))
    large = np.flatnonzero((blocks.area > high) & (blocks.community() >= 0))
    ground = borders_inside(parcels, blocks.polygons(large))
    graph = (kept + Lines.of(ground, PARCEL)).noded()
    everything = graph.lines(np.ones(len(graph.u), bool))
    graph = (everything + carried_on(graph, np.sqrt(target), high)).noded()
    faces = faces_of(graph)
    return graph, _groups(faces, max(low, ENOUGH * target), high, earlier)


def _groups(faces: Faces, low: float, high: float, earlier: Earlier | None = None) -> Ints:
    """Group of each face after crumbs have joined; -1 for faces outside the communities."""
    community = faces.community()
    a, b, shared, cost = faces.pairs(community, WEIGHT)
    settled = earlier.settled(faces, low, high) if earlier else np.zeros(len(faces.area), bool)
    group = joined(faces.area, faces.around, a, b, shared, cost, settled, low, high, NARROW_M)
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
