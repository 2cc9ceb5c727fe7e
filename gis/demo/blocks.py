"""Blocks and what stands on them: land use, road land, and the parcels that streets leave over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.arterials import CANAL_WIDTH_M
from gis.demo.plan import CENTRE, Plan
from gis.demo.streets import QUARTERS, Network

USES = (
    "residential",
    "courtyard",
    "commercial",
    "office",
    "industrial",
    "school",
    "hospital",
    "park",
    "market",
    "government",
    "construction",
    "vacant",
    "station",
    "greenway",
    "railway",
)
"""Land uses; arrays hold positions in this tuple."""

SHARES = {
    "old_town": (0.30, 0.30, 0.19, 0.05, 0.00, 0.04, 0.02, 0.035, 0.025, 0.03, 0.01, 0.00),
    "inner": (0.58, 0.04, 0.11, 0.06, 0.02, 0.05, 0.02, 0.05, 0.02, 0.02, 0.02, 0.01),
    "new": (0.60, 0.02, 0.07, 0.05, 0.03, 0.05, 0.01, 0.06, 0.01, 0.01, 0.05, 0.04),
    "industry": (0.10, 0.01, 0.04, 0.05, 0.62, 0.01, 0.00, 0.04, 0.01, 0.01, 0.06, 0.05),
    "village": (0.06, 0.80, 0.03, 0.00, 0.04, 0.02, 0.00, 0.01, 0.02, 0.00, 0.01, 0.01),
    "lakeside": (0.38, 0.03, 0.07, 0.04, 0.02, 0.04, 0.01, 0.27, 0.01, 0.01, 0.05, 0.07),
    "campus": (0.12, 0.00, 0.00, 0.00, 0.00, 0.88, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "parkland": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 1.00, 0.00, 0.00, 0.00, 0.00),
    "canal": (0.0,) * 13 + (1.0,),
    "rail": (0.0,) * 14 + (1.0,),
}
"""Share of the first uses among the blocks of a quarter."""

SETBACK_M = 4.0


@dataclass(frozen=True)
class Blocks:
    """Land between streets.

    Attributes
    ----------
    shapes
        Polygons bounded by centre lines; they tile the city.
    land
        What the road, railway and canal land leaves of each: MultiPolygons, possibly empty.
    quarter, use
        Positions in `QUARTERS` and `USES`.
    """

    shapes: np.ndarray
    land: np.ndarray
    quarter: np.ndarray
    use: np.ndarray


def make_blocks(plan: Plan, net: Network) -> Blocks:
    """Give every block a use and take the road land off it."""
    rng = plan.stream("blocks")
    shapes, quarter = net.blocks, net.quarter
    draw = rng.random(len(shapes))
    use = np.zeros(len(shapes), np.int8)
    for i, name in enumerate(QUARTERS):
        edges = np.cumsum(SHARES[name]) / sum(SHARES[name])
        mine = quarter == i
        use[mine] = np.searchsorted(edges, draw[mine], side="right")
    use = np.minimum(use, len(USES) - 1)
    area = np.round(shapely.area(shapes))
    land = quarter < QUARTERS.index("canal")
    bank = land & shapely.dwithin(net.water, shapes, 60.0)
    use[bank & (rng.random(len(shapes)) < 0.25)] = USES.index("park")
    middle = centroids(shapes)
    beside = np.flatnonzero(land & shapely.dwithin(net.rail, shapes, 40.0) & (area > 15_000))
    use[beside[np.argmin(np.round(np.hypot(*(middle[beside] - CENTRE).T)))]] = USES.index("station")
    for wanted in ("hospital", "market", "industrial", "construction", "park", "vacant", "school"):
        # small cities miss rare uses by chance: the plainest block takes them
        if not (use == USES.index(wanted)).any():
            free = np.flatnonzero(use == 0)
            use[free[np.argsort(np.round(area[free]), kind="stable")[len(free) // 2]]] = USES.index(wanted)
    return Blocks(shapes, _land(net), quarter, use)


def _land(net: Network) -> np.ndarray:
    """Each block without the road land at its border and a setback, and without the water."""
    wide = net.width_m > 0
    taken = shapely.buffer(net.lines[wide], net.width_m[wide] / 2 + SETBACK_M, quad_segs=2)
    taken = np.append(taken, shapely.buffer(net.water, CANAL_WIDTH_M / 2))
    block, line = STRtree(taken).query(net.blocks, predicate="intersects")
    order = np.lexsort((line, block))
    block, line = block[order], line[order]
    starts = np.searchsorted(block, np.arange(len(net.blocks) + 1))
    cover = np.array([shapely.union_all(taken[line[a:b]]) for a, b in pairwise(starts)])
    return shapely.difference(net.blocks, cover)


def centroids(shapes: np.ndarray) -> np.ndarray:
    """Centroids as (n, 2), rounded to the millimetre so that comparisons do not hang on the last bit."""
    return np.round(shapely.get_coordinates(shapely.centroid(shapes)), 3)


def use_frame(blocks: Blocks) -> pd.DataFrame:
    """Area in hectares and number of blocks of each use."""
    names = np.array(USES, object)[blocks.use]
    return (
        pd.DataFrame({"use": names, "ha": shapely.area(blocks.shapes) / 1e4}).groupby("use")["ha"].agg(["sum", "size"])
    )
