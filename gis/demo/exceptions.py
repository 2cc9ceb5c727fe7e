"""Zones that say only or never, that lie on one side of a street or along a stretch of it."""

from __future__ import annotations

import numpy as np
import shapely

from gis.demo.arterials import KINDS, RAIL_HALF_M, SECONDARY
from gis.demo.blocks import USES, Blocks
from gis.demo.communities import Territory
from gis.demo.register import Register
from gis.demo.streets import Network
from gis.exact import footprint, snap
from grids.errors import InputError

KERB_M = 4.0
"""From the wall foot of a shop to the kerb."""
SWEEPING = "2026:E06010 2026:E06012 2026:E06014 2026:E06037"
TEAMS = (("北侧", "left", "HW01"), ("南侧", "right", "HW03"))


def frontage(land: shapely.Geometry) -> shapely.LineString | None:
    """The wall foot around a block as a line with the street on its right; None where its sides cannot be told."""
    if shapely.get_type_id(land) != 3:
        return None
    ring = shapely.get_exterior_ring(land)
    wall = shapely.linestrings(shapely.get_coordinates(ring if shapely.is_ccw(ring) else shapely.reverse(ring)))
    wall = snap(wall)[0]
    try:
        footprint([wall], KERB_M, side="right")
    except InputError:
        return None
    return wall


def make_exceptions(book: Register, net: Network, blocks: Blocks, territory: Territory) -> None:
    """Add them to the register.

    A heritage site that its bureau keeps alone; hospital grounds that the street's enforcement does not enter; railway
    land without the city's sanitation; a road swept by two companies, one for each side, of which one hands over half
    way.
    """
    use = np.array(USES, object)[blocks.use]
    area = np.round(shapely.area(blocks.shapes))
    order = np.argsort(-area, kind="stable")
    street = territory.communities["street"].to_numpy(object)[territory.community]
    parks = [block for block in order if use[block] == "park"]
    site = parks[min(3, len(parks) - 1)]
    book.add("WB", "文物保护范围", "WW", "C E", blocks.land[site], effect="only", joint="CG04")
    hospital = next(block for block in order if use[block] == "hospital")
    team = f"Z{street[hospital][6:]}"
    book.add("NV", "院区街道执法不入", team, "2026:E07 2026:E08", blocks.land[hospital], effect="never")
    rail = shapely.intersection(net.rail, net.outline)
    classes = "2026:C03 2026:E06"
    book.add("NV", "铁路用地环卫不入", "CG05", classes, rail, width_m=2 * RAIL_HALF_M, effect="never")
    road, width = _longest(net)
    for where, side, team in TEAMS:
        name = f"{road[0]}{where}清扫段"
        half = round(shapely.length(road[1]) / 2, 1)
        if side == "left":
            book.add("QS", f"{name}一", team, SWEEPING, road[1], width_m=width, side=side, to_m=half)
            book.add("QS", f"{name}二", "HW02", SWEEPING, road[1], width_m=width, side=side, from_m=half)
        else:
            book.add("QS", name, team, SWEEPING, road[1], width_m=width, side=side)


def _longest(net: Network) -> tuple[tuple[str, shapely.LineString], float]:
    """Name and centreline of the longest secondary road whose sides can be told; half its width and 2 m."""
    mine = net.inside & (net.kind == SECONDARY) & (net.name != "")
    width = float(KINDS["width_m"].to_numpy()[SECONDARY]) / 2 + 2.0
    found = []
    for name in np.unique(net.name[mine].astype(str)):
        whole = shapely.line_merge(shapely.union_all(net.lines[mine & (net.name == name)]))
        parts = shapely.get_parts(whole)
        found += [(-round(shapely.length(line), 3), name, _eastward(line)) for line in parts]
    for _, name, line in sorted(found, key=lambda row: row[:2]):
        try:
            footprint([line], width, side="left")
        except InputError:
            continue
        return (name, line), width
    raise InputError("no road for both sides", where="demo", right="take a larger scale")


def _eastward(line: shapely.LineString) -> shapely.LineString:
    """The line on the grid, drawn to the east, so that its left is its north."""
    line = snap(line)[0]
    xy = shapely.get_coordinates(line)
    return line if tuple(xy[0]) <= tuple(xy[-1]) else shapely.reverse(line)
