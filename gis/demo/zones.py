"""Responsibility zones with the faults that real cities have; each fault is written down in the truth."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.demo.arterials import CANAL_HALF_M, KINDS, RAIL_HALF_M, SECONDARY, TRUNK
from gis.demo.blocks import USES, Blocks
from gis.demo.communities import Territory
from gis.demo.departments import seat
from gis.demo.exceptions import KERB_M, frontage, make_exceptions
from gis.demo.plan import REFORM, SRID, Plan
from gis.demo.register import Register
from gis.demo.streets import Network
from gis.exact import footprint, snap

ROAD_CARE = "2026:E06013 2026:E06016 2026:E06050 2026:E06051 2026:E06052 2013:E0505"
ROAD_CLEANING = "2026:E06010 2026:E06012 2026:E06014 2026:E06037"
WATER = "2026:E06015 2026:E06023 2026:E06024 2026:E06025 2026:E06026 2026:E06046 2013:E0181 2013:E0182"
FRONTAGE = "2026:E06007 2026:E07006 2026:E09005 2026:E09006"
SANITATION = "2026:E06"
EXPIRY = pd.Timestamp("2026-03-31 16:00", tz="UTC")


def make_zones(
    plan: Plan, net: Network, blocks: Blocks, territory: Territory, areas: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The layer ``zones`` and the truth about its faults."""
    rng = plan.stream("zones")
    book = Register()
    _roads(book, net)
    _water_and_rail(book, net)
    _places(book, plan, blocks, territory, rng)
    _enforcement(book, areas)
    _sanitation(book, areas)
    _contested(book, areas)
    _dated(book, blocks, areas)
    make_exceptions(book, net, blocks, territory)
    zones = gpd.GeoDataFrame(book.rows, geometry="geometry", crs=SRID)
    zones["rank"] = zones["rank"].astype("Int64")
    for column in ("valid_from", "valid_to"):
        zones[column] = pd.to_datetime(zones[column], utc=True).astype("datetime64[us, UTC]")
    return zones, gpd.GeoDataFrame(book.faults, geometry="geometry", crs=SRID)


def _roads(book: Register, net: Network) -> None:
    """Main roads as lines with a width: the city's municipal and sanitation centres, by named road."""
    width = KINDS["width_m"].to_numpy()
    main = net.inside & (net.kind <= SECONDARY) & (net.name != "")
    for name in np.unique(net.name[main].astype(str)):
        mine = main & (net.name == name)
        line = shapely.line_merge(shapely.union_all(net.lines[mine]))
        kind = int(net.kind[mine].min())
        book.add("RM", f"{name}市政养护段", "CG01", ROAD_CARE, line, width_m=width[kind])
        if kind < SECONDARY:
            book.add("RS", f"{name}清扫保洁段", "CG05", ROAD_CLEANING, line, width_m=width[kind] + 4)
        if kind == TRUNK:
            book.add("RP", f"{name}停车管理段", "GA01", "2026:E09009 2026:E09010", line, width_m=width[kind], rank=3)


def _water_and_rail(book: Register, net: Network) -> None:
    """A river section by line, and railway land for everything on it."""
    canal = shapely.intersection(net.water, net.outline)
    book.add("WR", "姚暹渠城区段", "SW01", WATER, canal, width_m=2 * CANAL_HALF_M, joint="CG02")
    rail = shapely.intersection(net.rail, net.outline)
    book.add("TL", "铁路用地", "TL", "C E", rail, width_m=2 * RAIL_HALF_M, rank=2)


def _places(book: Register, plan: Plan, blocks: Blocks, territory: Territory, rng: np.random.Generator) -> None:
    """Parks, markets, campuses, building sites, estates and shop fronts."""
    use = np.array(USES, object)[blocks.use]
    area = np.round(shapely.area(blocks.shapes))
    street = territory.communities["street"].to_numpy(object)[territory.community]

    def largest(kind: str, full: float) -> np.ndarray:
        mine = np.flatnonzero(use == kind)
        return mine[np.argsort(-area[mine], kind="stable")][: plan.count(full, 2)]

    for i, block in enumerate(largest("park", 90)):
        book.add("PK", f"公园绿地{i + 1}", "CG04", "C E", blocks.land[block], **({"rank": 1} if i < 3 else {}))
    for i, block in enumerate(largest("market", 26)):
        joint = seat(street[block])
        book.add("MK", f"农贸市场{i + 1}", "SJ", "2026:E09 2013:E0498", blocks.shapes[block], joint=joint)
    for i, block in enumerate(largest("hospital", 12)):
        book.add("HS", f"医院{i + 1}院区", "WJ", "*", blocks.land[block])
    for i, block in enumerate(largest("construction", 40)):
        book.add("JS", f"建设工地{i + 1}", "ZJ", "2026:E08", blocks.land[block], duty="supervising")
    for i, block in enumerate(largest("residential", 40)):
        book.add("XQ", f"物业小区{i + 1}", "SY", "C 2026:E06010 2026:E06041", blocks.land[block], duty="owning")
    shops = np.flatnonzero((use == "commercial") & (shapely.area(blocks.land) > 4000))
    for i, block in enumerate(np.sort(rng.permutation(shops)[: plan.count(60, 3)])):
        land = blocks.land[block]
        wall = frontage(land)
        if i % 2 == 0 and wall is not None:  # from the wall foot to the kerb; every other one only where its doors are
            some = {"to_m": round(wall.length * 0.4, 1)} if i % 4 == 0 else {}
            name = f"门前三包责任区{i + 1}"
            book.add("MQ", name, seat(street[block]), FRONTAGE, wall, width_m=KERB_M, side="right", **some)
            continue
        front = shapely.difference(shapely.buffer(land, 4.0, join_style="mitre"), shapely.buffer(land, -2.0))
        front = shapely.intersection(front, blocks.shapes[block])
        book.add("MQ", f"门前三包责任区{i + 1}", seat(street[block]), FRONTAGE, front)


def _enforcement(book: Register, areas: gpd.GeoDataFrame) -> None:
    """Advertising and building sites: the enforcement team of each street."""
    streets = areas[areas["set"] == "street"]
    for row in streets.itertuples(index=False):
        book.add("ZF", f"{row.name}执法责任区", f"Z{row.code[6:]}", "2026:E07 2026:E08", row.geometry)
    zone = streets[streets["code"] == "140802404"].geometry.iloc[0]
    book.add("KF", "开发区综合管理区", "DZ", "E", zone)


def _sanitation(book: Register, areas: gpd.GeoDataFrame) -> None:
    """Sanitation contracts by street groups, drawn by hand: overlaps, gaps and slivers at their seams."""
    sides = areas[areas["set"] == "patrol"].set_index("code").geometry
    team = {"P1": "CG05", "P2": "HW03", "P3": "HW01", "P4": "HW01", "P5": "HW02"}
    whole = {code: sides[code] for code in team}
    made = dict(whole)
    seams = []
    for i, a in enumerate(team):
        for b in list(team)[i + 1 :]:
            seam = shapely.line_merge(shapely.intersection(whole[a], whole[b]))
            if shapely.length(seam) > 120:
                seams.append((round(shapely.length(seam), 3), a, b, seam))
    seams.sort(key=lambda row: (-row[0], row[1], row[2]))
    found = []
    treatments = ("overlap", "gap", "sliver_overlap", "sliver_gap")
    for k, (_, a, b, seam) in enumerate(seams):
        sort = treatments[k % 4]
        reach = {"overlap": 45.0, "gap": 30.0, "sliver_overlap": 0.4, "sliver_gap": 0.4}[sort]
        band = shapely.buffer(seam, reach, cap_style="flat")
        before = made[a], made[b]
        if sort.endswith("overlap"):
            made[a] = shapely.union(made[a], shapely.intersection(band, made[b]))
        else:
            made[a] = shapely.difference(made[a], band)
        found.append((sort, a, b, seam, before))
    codes = {p: book.add("HW", f"环卫作业片区{p[1:]}", team[p], SANITATION, _polygonal(made[p])) for p in team}
    for sort, a, b, seam, _ in found:
        if sort.endswith("overlap"):
            where = shapely.intersection(made[a], made[b])
        else:
            near = shapely.buffer(seam, 60.0)
            where = shapely.difference(near, shapely.union_all(list(made.values())))
            where = shapely.intersection(where, shapely.union_all(list(whole.values())))
        where = _polygonal(where)
        if shapely.area(where) > 0:
            note = "both contracts claim it" if sort.endswith("overlap") else "neither contract covers it"
            book.fault(sort, [codes[a], codes[b]], where, f"{note}: {team[a]}, {team[b]}")


def _contested(book: Register, areas: gpd.GeoDataFrame) -> None:
    """A border road that two street offices claim with equal right, and a plot handed over twice."""
    streets = areas[areas["set"] == "street"].reset_index(drop=True)
    best = []
    for i in range(len(streets)):
        for j in range(i + 1, len(streets)):
            seam = shapely.intersection(streets.geometry[i], streets.geometry[j])
            if shapely.length(seam) > 60:
                best.append((-round(shapely.length(seam), 3), i, j))
    best.sort()
    for _, i, j in best[:2]:
        seam = shapely.line_merge(shapely.intersection(streets.geometry[i], streets.geometry[j]))
        seam = shapely.line_merge(shapely.multilinestrings([p for p in shapely.get_parts(seam) if p.length > 0.01]))
        pair = []
        for k in (i, j):
            name = f"{streets.name[k]}界路保洁段"
            pair.append(book.add("JL", name, seat(streets.code[k]), "2026:E06 2026:E09", seam, width_m=20.0))
        where = footprint(np.array([seam]), 20.0)[0]
        book.fault("contested_border", pair, where, f"border of {streets.name[i]} and {streets.name[j]}")


def _dated(book: Register, blocks: Blocks, areas: gpd.GeoDataFrame) -> None:
    """An expired zone without a successor, one replaced, one to come; one claimed twice; one beyond the border."""
    use = np.array(USES, object)[blocks.use]
    area = np.round(shapely.area(blocks.land))
    order = np.argsort(-area, kind="stable")
    plots = [block for block in order if use[block] == "residential" and area[block] > 2500]
    at = min(len(plots) * 3 // 4, len(plots) - 4)
    old, changed, coming, double = (blocks.land[block] for block in plots[at : at + 4])
    code = book.add("LS", "临时代管区", "CG08", "2026:E06", old, valid_to=EXPIRY)
    book.fault("expired", [code], old, "ended 2026-04-01 local time, nobody took over")
    before = book.add("YJ", "移交前养护区", "ZJ", "C E", changed, valid_to=REFORM)
    after = book.add("YJ", "移交后养护区", "CG01", "C E", changed, valid_from=REFORM)
    book.fault("handed_over", [before, after], changed, "changes hands on 2026-07-01 local time; no fault")
    code = book.add(
        "XS", "新设责任区", "CG10", "2026:E09", coming, valid_from=pd.Timestamp("2026-12-31 16:00", tz="UTC")
    )
    book.fault("to_come", [code], coming, "begins after the last case; no fault")
    pair = [book.add("CF", f"重复划定区{i}", d, "2026:E06 2026:E09", double) for i, d in ((1, "CG10"), (2, "CG09"))]
    book.fault("duplicate", pair, double, "one polygon, two departments")
    city = areas.loc[areas["set"] == "district"].geometry.iloc[0]
    corner = shapely.buffer(
        shapely.Point(shapely.get_coordinates(shapely.get_exterior_ring(city))[0]), 180.0, quad_segs=6
    )
    code = book.add("YW", "越界养护区", "CG04", "2026:C04", corner)
    book.fault(
        "beyond_border", [code], _polygonal(shapely.difference(snap(corner)[0], city)), "reaches over the border"
    )


def _polygonal(shape):
    """Only the polygons of a geometry."""
    parts = shapely.get_parts(shape)
    parts = parts[shapely.get_type_id(parts) == 3]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
