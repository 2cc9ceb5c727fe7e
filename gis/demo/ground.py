"""Ground layers for the map: roads, water, railway and the parcels between them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import data
from gis.demo.arterials import (
    CANAL_WIDTH_M,
    FENCE,
    KINDS,
    RAIL_WIDTH_M,
    SERVICE,
    TERTIARY,
    shore_north,
    smooth,
)
from gis.demo.blocks import USES, Blocks
from gis.demo.plan import SRID, Plan
from gis.demo.streets import Network, bend


def make_roads(net: Network, service: np.ndarray) -> gpd.GeoDataFrame:
    """The layer ``roads``: edges between junctions, and service roads inside the blocks."""
    real = net.kind != FENCE
    kind = np.concatenate([net.kind[real], np.full(len(service), SERVICE)])
    return _frame(
        "R",
        np.concatenate([net.lines[real], service]),
        name=np.concatenate([net.name[real], np.full(len(service), "", object)]),
        kind=KINDS["kind"].to_numpy(object)[kind],
        width_m=KINDS["width_m"].to_numpy()[kind],
        lanes=KINDS["lanes"].to_numpy()[kind],
    )


def make_barriers(net: Network) -> gpd.GeoDataFrame:
    """What bounds unit grids: the streets of the city by rank, the fences of the railway, the canal."""
    ranks = pd.read_csv(Path(data.__file__).parent / "barriers.csv", keep_default_na=False)
    rank = ranks[ranks["key"] == "highway"].set_index("value")["rank"].to_dict() | {"fence": 2}
    kind = KINDS["kind"].to_numpy(object)[net.kind[net.inside]]
    frame = {"kind": [*kind, "canal"], "rank": [*(rank[one] for one in kind), 1]}
    frame["drivable"] = [*(one != "fence" for one in kind), False]
    water = shapely.intersection(net.water, net.outline)
    return gpd.GeoDataFrame(frame, geometry=[*net.lines[net.inside], water], crs=SRID)


def make_railways(net: Network) -> gpd.GeoDataFrame:
    """The layer ``railways``: two tracks in their corridor."""
    tracks = shapely.offset_curve(net.rail, np.array([2.5, -2.5]), join_style="mitre")
    return _frame("L", tracks, name="南同蒲铁路", kind="rail", width_m=RAIL_WIDTH_M / 2)


def make_rivers(plan: Plan, net: Network) -> gpd.GeoDataFrame:
    """The layer ``rivers``: the canal as a line, and the salt lake south of the shore road as a polygon."""
    r, top = plan.radius, shore_north(plan) - 0.06 * plan.radius
    ring = [(-1.5 * r, top - 0.3 * r), (-1.1 * r, top - 0.02 * r), (-0.5 * r, top), (0.3 * r, top - 0.03 * r),
            (1.0 * r, top - 0.01 * r), (1.5 * r, top - 0.22 * r), (1.3 * r, top - 0.5 * r), (0.2 * r, top - 0.46 * r),
            (-1.2 * r, top - 0.52 * r), (-1.5 * r, top - 0.3 * r)]  # fmt: skip
    lake = shapely.difference(shapely.Polygon(bend(plan, smooth(ring), 1.0)), shapely.buffer(net.outline, 60.0))
    lake = shapely.intersection(lake, net.frame)
    lake = max(shapely.get_parts(lake), key=lambda part: part.area)
    shapes = np.array([net.water, lake])
    return _frame("W", shapes, name=["姚暹渠", "盐湖"], kind=["canal", "water"], width_m=[CANAL_WIDTH_M, np.nan])


def make_parcels(net: Network, blocks: Blocks) -> gpd.GeoDataFrame:
    """The layer ``parcels``: what the streets leave of each block, with its land use, and bridges over the canal."""
    some = shapely.area(blocks.land) > 50
    over = net.inside & (net.kind <= TERTIARY) & shapely.crosses(net.lines, net.water)
    span = shapely.intersection(
        shapely.buffer(net.lines[over], net.width_m[over] / 2, cap_style="flat"),
        shapely.buffer(net.water, CANAL_WIDTH_M / 2 + 6.0),
    )
    bridges = [f"{name}桥" if name else "" for name in net.name[over]]
    return _frame(
        "P",
        np.concatenate([blocks.land[some], span]),
        name=np.concatenate([np.full(some.sum(), "", object), bridges]),
        kind=np.concatenate([np.array(USES, object)[blocks.use[some]], np.full(over.sum(), "bridge")]),
        width_m=np.nan,
    )


def _frame(letter: str, shapes: np.ndarray, **columns) -> gpd.GeoDataFrame:
    """A ground layer with codes in row order, on the millimetre grid."""
    code = [f"{letter}{i:05d}" for i in range(1, len(shapes) + 1)]
    return gpd.GeoDataFrame({"code": code, **columns}, geometry=shapely.set_precision(shapes, 0.001), crs=SRID)
