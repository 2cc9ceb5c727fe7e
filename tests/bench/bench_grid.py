"""Units cut, coded and certified in one go: the demo city, and made cities of 91 and 1,000 km²; ratio to n log n.

The city is a bent lattice of streets every 170 m with a third of them missing, dead ends, and communities of nine
lattice cells. Peak memory is of a process of its own, with Python and the libraries in it.
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import time

import geopandas as gpd
import numpy as np
import shapely

from grids.certificate import certify
from grids.compile import build_units
from grids.serials import number
from tests import figures

SRID = 4546
STEP_M = 170.0
SIZES = (0.0, 91.0, 1_000.0)
"""0 is the demo city."""


def made_city(km2: float, seed: int = 1) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Communities and streets of a made city of about ``km2``."""
    rng = np.random.default_rng(seed)
    n = 3 * round(math.sqrt(km2 * 1e6) / STEP_M / 3)
    node = np.stack(np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij"), -1) * STEP_M
    node = node + rng.uniform(-25, 25, node.shape) + (400_000.0, 3_800_000.0)
    east = np.stack([node[:-1], (node[:-1] + node[1:]) / 2 + rng.uniform(-8, 8, node[1:].shape), node[1:]], 2)
    north = np.stack(
        [node[:, :-1], (node[:, :-1] + node[:, 1:]) / 2 + rng.uniform(-8, 8, node[:, 1:].shape), node[:, 1:]], 2
    )
    east, north = np.round(east, 3), np.round(north, 3)
    lines, ranks = [], []
    for edges, across in ((east, 1), (north, 0)):
        main = np.broadcast_to((np.arange(n + 1) % 6 == 0)[:, None] if across == 0 else np.arange(n + 1) % 6 == 0,
                               edges.shape[:2])  # fmt: skip
        kept = main | (rng.random(edges.shape[:2]) > 0.33)
        short = ~kept & (rng.random(edges.shape[:2]) > 0.6)
        lines += [edges[kept], edges[short][:, :2]]
        ranks += [np.where(main[kept], 4, 6), np.full(int(short.sum()), 6)]
    shapes = np.concatenate([shapely.linestrings(one) for one in lines])
    streets = gpd.GeoDataFrame({"rank": np.concatenate(ranks)}, geometry=shapes, crs=SRID)
    rings = []
    for i in range(0, n, 3):
        for j in range(0, n, 3):
            ring = [*east[i : i + 3, j, :2].reshape(-1, 2), *north[i + 3, j : j + 3, :2].reshape(-1, 2)]
            ring += [*east[i : i + 3, j + 3, :0:-1][::-1].reshape(-1, 2)]
            ring += [*north[i, j : j + 3, :0:-1][::-1].reshape(-1, 2)]
            rings.append(shapely.Polygon(ring))
    codes = [f"140802{k // 999 + 1:03d}{k % 999 + 1:03d}" for k in range(len(rings))]
    return gpd.GeoDataFrame({"code": codes}, geometry=rings, crs=SRID), streets


def _city(km2: float) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """A made city, or the demo city for a size of 0."""
    return made_city(km2) if km2 else figures.demo_city()


def _measured(km2: float, pipe) -> None:
    areas, streets = _city(km2)
    # compiled code comes from the cache or is made here, outside the clock
    certify(build_units(areas.head(2), streets.head(50)), areas=areas.head(2), barriers=streets.head(50))
    start = time.perf_counter()
    units = build_units(areas, streets)
    built = time.perf_counter()
    number(units.geometry.to_numpy(), units["community"].to_numpy(object))
    coded = time.perf_counter()
    found = certify(units, areas=areas, barriers=streets)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    share = float(units.area.between(5_000, 20_000).mean())
    size = float(areas.area.sum()) / 1e6
    pipe.send((len(units), size, built - start, coded - built, done - coded, done - start, peak, found.passed, share))


def run() -> list[tuple[str, int, float, str]]:
    """Rows of (what, units, seconds, note): cut, coded and certified in one go."""
    rows, before = [], None
    for km2 in SIZES:
        here, there = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_measured, args=(km2, there))
        process.start()
        units, size, built, coded, certified, total, peak, passed, share = here.recv()
        process.join()
        note = (
            f"cut and coded {built:.1f} s (coding once more {coded:.1f} s), certificate {certified:.1f} s, "
            f"passed {passed}, peak {peak:.2f} GB, in band {share:.2%}"
        )
        if before and km2:
            more = units * math.log(units) / (before[0] * math.log(before[0]))
            note += f"; cut in {built / before[1]:.1f} times the time, n log n would be {more:.1f}"
        before = (units, built)
        rows.append((f"{size:,.0f} km²" if km2 else f"demo city, {size:,.0f} km²", units, total, note))
    return rows
