"""The certificate of 100,000 units: sound, and with 1,000 faults planted, beside what shapely offers for it."""

from __future__ import annotations

import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely

from grids.certificate import certify
from tests.grids.lattice import communities, lattice

SIDE = 316
FAULTS = 1_000


def spoilt(units: gpd.GeoDataFrame, count: int = FAULTS, seed: int = 5) -> gpd.GeoDataFrame:
    """Half of the faults are holes in units, half are units shifted by 3 m."""
    at = np.random.default_rng(seed).choice(len(units), count, replace=False)
    shapes = units.geometry.to_numpy().copy()
    holes, moved = at[: count // 2], at[count // 2 :]
    tools = shapely.buffer(shapely.centroid(shapes[holes]), 5, cap_style="square")
    shapes[holes] = shapely.difference(shapes[holes], tools)
    shapes[moved] = shapely.transform(shapes[moved], lambda xy: xy + 3)
    return units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs))


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds of the better of two runs, and the answer."""
    took = []
    for _ in range(2):
        begin = time.perf_counter()
        answer = work()
        took.append(time.perf_counter() - begin)
    return min(took), answer


def run() -> list[tuple[str, int, float, str]]:
    """Rows of (what, units, seconds, note)."""
    units = lattice(SIDE)
    areas, faulty = communities(units), spoilt(units)
    rows = []
    for name, layer in (("certificate, sound", units), (f"certificate, {FAULTS:,} planted", faulty)):
        seconds, found = _timed(lambda layer=layer: certify(layer, areas=areas))
        counts = ", ".join(f"{n:,} {kind}" for kind, n in found.counts.items() if n) or "passed"  # type: ignore[attr-defined]
        rows.append((name, len(units), seconds, counts))
    shapes = units.geometry.to_numpy()
    seconds, valid = _timed(lambda: shapely.coverage_is_valid(shapes))
    rows.append(("  shapely coverage_is_valid, no places", len(units), seconds, f"{valid}: a verdict, no list"))

    def overlaps() -> int:
        one, two = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
        return int((one < two).sum())

    seconds, pairs = _timed(overlaps)
    rows.append(("  shapely tree of overlaps, no gaps", len(units), seconds, f"{pairs} overlaps"))
    return rows
