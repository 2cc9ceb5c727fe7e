"""Ground layers for the map: roads, water, railway and the parcels between them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.demo.blocks import USES, Blocks
from gis.demo.plan import SRID, Plan
from gis.demo.streets import CANAL, KINDS, RAIL, Network, bend, shore_north, smooth


def make_roads(net: Network) -> gpd.GeoDataFrame:
    """The layer ``roads``: edges between junctions."""
    return _lines(net, net.kind < RAIL, "R", lanes=True)


def make_railways(net: Network) -> gpd.GeoDataFrame:
    """The layer ``railways``."""
    return _lines(net, net.kind == RAIL, "L")


def make_rivers(plan: Plan, net: Network) -> gpd.GeoDataFrame:
    """The layer ``rivers``: the canal as lines, and the salt lake south of the shore road as a polygon."""
    canal = _lines(net, net.kind == CANAL, "W")
    canal["kind"] = "canal"
    r, top = plan.radius, shore_north(plan) - 0.06 * plan.radius
    ring = smooth([(-1.5 * r, top - 0.3 * r), (-1.1 * r, top - 0.02 * r), (-0.5 * r, top), (0.3 * r, top - 0.03 * r),
                   (1.0 * r, top - 0.01 * r), (1.5 * r, top - 0.22 * r), (1.3 * r, top - 0.5 * r),
                   (0.2 * r, top - 0.46 * r), (-1.2 * r, top - 0.52 * r), (-1.5 * r, top - 0.3 * r)], 4)  # fmt: skip
    lake = shapely.difference(shapely.Polygon(bend(plan, ring, 1.0)), shapely.buffer(net.outline, 60.0))
    lake = shapely.set_precision(max(shapely.get_parts(lake), key=lambda part: part.area), 0.001)
    row = {"code": "WL0001", "name": "盐湖", "kind": "water", "width_m": np.nan, "geometry": lake}
    return gpd.GeoDataFrame(pd.concat([canal, pd.DataFrame([row])], ignore_index=True), geometry="geometry", crs=SRID)


def parcels(blocks: Blocks) -> gpd.GeoDataFrame:
    """The layer ``parcels``: what the streets leave of each block, with its land use."""
    land = shapely.set_precision(blocks.land, 0.001)
    some = shapely.area(land) > 50
    return gpd.GeoDataFrame(
        {
            "code": [f"P{i:05d}" for i in range(1, some.sum() + 1)],
            "name": "",
            "kind": np.array(USES, object)[blocks.use[some]],
            "width_m": np.nan,
        },
        geometry=land[some],
        crs=SRID,
    )


def _lines(net: Network, mine: np.ndarray, letter: str, lanes: bool = False) -> gpd.GeoDataFrame:
    kind = net.kind[mine]
    frame = gpd.GeoDataFrame(
        {
            "code": [f"{letter}{i:05d}" for i in range(1, mine.sum() + 1)],
            "name": net.name[mine],
            "kind": KINDS["kind"].to_numpy(object)[kind],
            "width_m": KINDS["width_m"].to_numpy()[kind],
        },
        geometry=net.lines[mine],
        crs=SRID,
    )
    if lanes:
        frame["lanes"] = KINDS["lanes"].to_numpy()[kind]
    return frame
