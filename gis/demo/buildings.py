"""Buildings: rows of slabs in estates, courtyards in the old town and villages, sheds in industry, blocks elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from gis.demo.blocks import USES, Blocks
from gis.demo.plan import SRID, Plan


@dataclass(frozen=True)
class Pattern:
    """How a use is built: size of a building, room between buildings, share built, kind, storeys, service road."""

    long: tuple[float, float]
    deep: tuple[float, float]
    gap: tuple[float, float]
    row: tuple[float, float]
    filled: float
    kind: str
    storeys: tuple[int, int]
    spine: bool = False


PATTERNS = {
    "residential": Pattern((34, 62), (11, 15), (9, 14), (22, 36), 0.93, "apartments", (5, 28), True),
    "courtyard": Pattern((11, 19), (8, 12), (1.5, 4), (3, 8), 0.90, "house", (1, 3)),
    "commercial": Pattern((30, 70), (22, 40), (8, 16), (12, 22), 0.85, "commercial", (2, 9), True),
    "office": Pattern((36, 70), (16, 26), (16, 30), (24, 40), 0.75, "office", (5, 22)),
    "industrial": Pattern((60, 130), (24, 50), (12, 24), (12, 22), 0.80, "industrial", (1, 2), True),
    "school": Pattern((45, 80), (12, 18), (16, 30), (30, 50), 0.60, "school", (3, 6), True),
    "hospital": Pattern((50, 85), (16, 26), (14, 24), (22, 34), 0.75, "hospital", (4, 14), True),
    "park": Pattern((10, 18), (8, 12), (60, 120), (70, 130), 0.25, "pavilion", (1, 1)),
    "market": Pattern((50, 90), (18, 26), (6, 9), (8, 11), 0.92, "retail", (1, 2)),
    "government": Pattern((50, 85), (15, 22), (18, 30), (28, 44), 0.7, "government", (4, 12)),
    "construction": Pattern((30, 50), (14, 18), (18, 30), (30, 50), 0.35, "construction", (2, 18)),
    "vacant": Pattern((12, 24), (8, 12), (60, 120), (60, 120), 0.15, "shed", (1, 1)),
    "station": Pattern((90, 140), (28, 40), (20, 30), (30, 50), 0.6, "train_station", (2, 3)),
}


SPINE_M2 = 18_000.0
"""Blocks of more land than this have a service road through their middle, between two columns of buildings."""


def make_buildings(plan: Plan, blocks: Blocks) -> tuple[gpd.GeoDataFrame, np.ndarray]:
    """The layer ``buildings``: rectangles in the frame of their block, clear of road land; and the service roads."""
    rng = plan.stream("buildings")
    shapes, kinds, heights, spines = [], [], [], []
    for name, pattern in PATTERNS.items():
        mine = np.flatnonzero((blocks.use == USES.index(name)) & (shapely.area(blocks.land) > 300))
        if not len(mine):
            continue
        made, block, middle = _rows(blocks.land[mine], pattern, rng)
        wide = (shapely.area(blocks.land[mine]) > SPINE_M2) & pattern.spine
        parts = shapely.intersection(middle[wide], blocks.shapes[mine][wide])
        spines.append(parts[(shapely.get_type_id(parts) == 1) & (shapely.length(parts) > 20)])
        storeys = rng.integers(pattern.storeys[0], pattern.storeys[1] + 1, len(mine))
        shapes.append(made)
        kinds += [pattern.kind] * len(made)
        heights.append(3.0 * storeys[block] + rng.integers(0, 2, len(made)) * 3.0)
    made = shapely.set_precision(np.concatenate(shapes), 0.001)
    frame = gpd.GeoDataFrame(
        {
            "code": [f"B{i:06d}" for i in range(1, len(made) + 1)],
            "name": "",
            "kind": kinds,
            "width_m": np.nan,
            "height_m": np.concatenate(heights),
        },
        geometry=made,
        crs=SRID,
    )
    return frame, shapely.set_precision(np.concatenate(spines), 0.001)


def _rows(land: np.ndarray, pattern: Pattern, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Rectangles in rows over each piece of land, and the position of their land; only those wholly on it.

    Third, for each piece a line up through the gap between its middle columns; empty where it has but one column.
    """
    box = shapely.get_coordinates(shapely.oriented_envelope(land)).reshape(-1, 5, 2)
    first, second = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    flat = (np.abs(first[:, 0]) >= np.abs(first[:, 1]))[:, None]  # slabs lie east-west, to face south
    along, up = np.where(flat, first, second), np.where(flat, second, first)
    origin = box[:, 0]
    width, height = np.hypot(*along.T), np.hypot(*up.T)
    along, up = along / width[:, None], up / height[:, None]
    n = len(land)
    long, deep = rng.uniform(*pattern.long, n), rng.uniform(*pattern.deep, n)
    gap, row = rng.uniform(*pattern.gap, n), rng.uniform(*pattern.row, n)
    across = np.maximum(1, np.floor((width + gap) / (long + gap)).astype(int))
    rows = np.maximum(1, np.floor((height + row) / (deep + row)).astype(int))
    count = across * rows
    of = np.repeat(np.arange(n), count)
    k = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    i, j = k % across[of], k // across[of]
    slack_x = (width - across * (long + gap) + gap)[of] / 2
    slack_y = (height - rows * (deep + row) + row)[of] / 2
    m = len(of)
    size = long[of] * rng.uniform(0.86, 1.0, m)
    depth = deep[of] * rng.uniform(0.92, 1.0, m)
    x = slack_x + i * (long + gap)[of] + rng.uniform(0, 1, m) * (long[of] - size)
    y = slack_y + j * (deep + row)[of] + rng.uniform(0, 1, m) * (deep[of] - depth)
    corner = []
    for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1)):
        corner.append(origin[of] + along[of] * (x + dx * size)[:, None] + up[of] * (y + dy * depth)[:, None])
    made = shapely.polygons(np.round(np.stack(corner, axis=1), 3))
    shapely.prepare(land)
    kept = (rng.random(m) < pattern.filled) & shapely.contains(land[of], made)
    at = (width - across * (long + gap) + gap) / 2 + (across // 2) * (long + gap) - gap / 2
    foot = origin + along * at[:, None]
    middle = shapely.linestrings(np.stack([foot - up * 30.0, foot + up * (height + 30.0)[:, None]], axis=1))
    middle[across < 2] = shapely.LineString()
    return made[kept], of[kept], middle
