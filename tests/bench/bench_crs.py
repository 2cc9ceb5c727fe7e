"""Coordinates: our kernels beside PROJ and beside a published shift as people write it, answers compared."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
from pyproj import Transformer
from pyproj.enums import TransformDirection

from gis import crs

POINTS = 1_000_000
RUNS = 7


def run() -> list[tuple[str, int, float, str]]:
    """A million points a time; medians of paired runs in seconds of one core, which other processes hardly change."""
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(109.5, 112.5, POINTS), rng.uniform(20, 50, POINTS)
    proj = Transformer.from_crs(4490, 4546, always_xy=True)
    x, y = proj.transform(lon, lat)
    gcj = crs.wgs_to_gcj(lon, lat)
    bd = crs.gcj_to_bd(*gcj)
    few = 20_000

    def one_by_one() -> None:
        for a, b in zip(lon[:few].tolist(), lat[:few].tolist(), strict=True):
            published(a, b)

    works: dict[str, tuple[int, Callable[[], object]]] = {
        "degrees to the city's zone": (POINTS, lambda: crs.to_city(lon, lat, 4490, 4546)),
        "  pyproj": (POINTS, lambda: proj.transform(lon, lat)),
        "the city's zone to degrees": (POINTS, lambda: crs.to_lonlat(x, y, 4546)),
        "  pyproj ": (POINTS, lambda: proj.transform(x, y, direction=TransformDirection.INVERSE)),
        "WGS 84 to GCJ-02": (POINTS, lambda: crs.wgs_to_gcj(lon, lat)),
        "  the published formula, a point at a time": (few, one_by_one),
        "GCJ-02 to WGS 84, iterated": (POINTS, lambda: crs.gcj_to_wgs(*gcj)),
        "BD-09 to the city's zone, iterated": (POINTS, lambda: crs.to_city(*bd, "bd09", 4546)),
    }
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS + 1):
        for name, (_, work) in works.items():
            begin = time.thread_time()
            work()
            spent[name].append(time.thread_time() - begin)
    rows = [(name, works[name][0], statistics.median(times[1:]), "") for name, times in spent.items()]
    way, count = crs.way("EPSG:4326", 4546), 100_000
    for name, one in (
        ("one point", lambda: way.point(111.2, 35.1)),
        ("  pyproj  ", lambda: proj.transform(111.2, 35.1)),
    ):
        begin = time.thread_time()
        for _ in range(count):
            one()
        rows.append((name, count, time.thread_time() - begin, ""))
    _compare(lon, lat, x, y, gcj, bd)
    return rows


def _compare(lon: np.ndarray, lat: np.ndarray, x: np.ndarray, y: np.ndarray, gcj: tuple, bd: tuple) -> None:
    np.testing.assert_allclose(crs.to_city(lon, lat, 4490, 4546), (x, y), rtol=0, atol=2e-8)
    np.testing.assert_allclose(crs.to_lonlat(x, y, 4546), (lon, lat), rtol=0, atol=1e-12)
    np.testing.assert_allclose(published(lon[0], lat[0]), (gcj[0][0], gcj[1][0]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(crs.gcj_to_wgs(*gcj), (lon, lat), rtol=0, atol=1e-11)
    np.testing.assert_allclose(crs.to_city(*bd, "bd09", 4546), (x, y), rtol=0, atol=1e-6)


def published(lon: float, lat: float) -> tuple[float, float]:
    """WGS 84 to GCJ-02 as the formula is written, sine by sine."""
    x, y, pi, sin = lon - 105, lat - 35, math.pi, math.sin
    common = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + common
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi) + 160 * sin(y / 12 * pi) + 320 * sin(y / 30 * pi)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + common
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi) + 150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    a, ee, phi = 6378245.0, 0.00669342162296594323, lat / 180 * pi
    m = 1 - ee * sin(phi) ** 2
    d_lat = north * 180 / (a * (1 - ee) / (m * math.sqrt(m)) * pi)
    return lon + east * 180 / (a / math.sqrt(m) * math.cos(phi) * pi), lat + d_lat
