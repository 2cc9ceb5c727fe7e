"""Who gets a case: the engine beside geopandas.sjoin and PostGIS, on one city, answers compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import text

from gis import demo, exact, postgis, raster
from gis.assign import Cases, assign
from gis.snapshot import Snapshot
from gis.store import connect
from tests.conftest import database_name

CASES = 1_000_000
PEER = 100_000
RUNS = 5


def timed(work: Callable[[], object], runs: int = RUNS) -> tuple[float, object]:
    """Median seconds of several runs after one that is not counted, and the last result."""
    result, spent = work(), []
    for _ in range(runs):
        begin = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent), result


def run() -> list[tuple[str, int, float, str]]:
    """Full answers and the unit alone by the engine; the unit alone by the peers."""
    city = demo.make(scale=1.0, seed=1)
    begin = time.perf_counter()
    snapshot = Snapshot.compile(city.city, city.layers, at="2026-12-31")
    compiled = time.perf_counter() - begin
    filed = city.layers["cases"]
    filed = filed[~(filed.geometry.is_empty | filed.geometry.isna())]
    rng = np.random.default_rng(1)
    some = rng.integers(0, len(filed), CASES)
    points = shapely.get_coordinates(filed.geometry.to_numpy())[some] + rng.normal(0, 20, (CASES, 2))
    klass = filed["class"].to_numpy(dtype=object)[some]
    x, y = exact.millimetres(points).T.copy()
    cases = Cases.read(snapshot, *points.T, klass)
    full, _ = timed(lambda: assign(cases, snapshot))
    units = city.layers["units"].sort_values("code")
    index = raster.build(units.geometry.to_numpy())
    unit, found = timed(lambda: raster.locate(index, x, y))
    rows = [
        ("wanmi, full answer (owner, rule, component)", CASES, full, f"snapshot compiled in {compiled:.1f} s"),
        ("wanmi, unit only, one thread", CASES, unit, ""),
    ]
    ours = units["code"].to_numpy(dtype=object)[found[:PEER]]
    ours[found[:PEER] < 0] = ""
    rows.append(_sjoin(units, x[:PEER], y[:PEER], ours))
    rows.extend(_postgis(units, x[:PEER], y[:PEER], ours))
    return rows


def _compare(name: str, codes: np.ndarray, ours: np.ndarray) -> str:
    different = int((codes != ours).sum())
    if different:
        raise AssertionError(f"{name} differs from the engine in {different} units")
    return "same answers"


def _sjoin(units: gpd.GeoDataFrame, x: np.ndarray, y: np.ndarray, ours: np.ndarray) -> tuple[str, int, float, str]:
    points = gpd.GeoDataFrame(geometry=shapely.points(x / 1000, y / 1000), crs=units.crs)

    def work() -> pd.Series:
        hit = gpd.sjoin(points, units[["code", "geometry"]], predicate="covered_by", how="left")
        return hit["code"].groupby(level=0).min()

    seconds, codes = timed(work, 3)
    return "geopandas.sjoin, unit only", PEER, seconds, _compare("sjoin", codes.fillna("").to_numpy(dtype=object), ours)


def _postgis(
    units: gpd.GeoDataFrame, x: np.ndarray, y: np.ndarray, ours: np.ndarray
) -> list[tuple[str, int, float, str]]:
    postgis.up()
    name = database_name("bench_assign")
    engine = connect(postgis.ensure_database(name))
    try:
        srid = units.crs.to_epsg()
        units[["code", "geometry"]].to_postgis("u", engine, index=False)
        gpd.GeoDataFrame({"id": range(len(x))}, geometry=shapely.points(x / 1000, y / 1000), crs=srid).to_postgis(
            "p", engine, index=False
        )
        with engine.begin() as link:
            link.execute(text("CREATE INDEX ON u USING gist (geometry); CREATE INDEX ON p USING gist (geometry)"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
            link.execute(text("VACUUM ANALYZE u")), link.execute(text("VACUUM ANALYZE p"))
        ways = {
            "PostGIS, from the polygons, unit only": """
                SELECT p.id, min(u.code) FROM u, LATERAL
                  (SELECT p.id FROM p WHERE ST_Covers(u.geometry, p.geometry) OFFSET 0) p GROUP BY p.id""",
            "PostGIS, from the points, unit only": """
                SELECT p.id, min(u.code) FROM p, LATERAL
                  (SELECT u.code FROM u WHERE ST_Covers(u.geometry, p.geometry) OFFSET 0) u GROUP BY p.id""",
        }
        rows = []
        for way, query in ways.items():
            with engine.connect() as link:
                seconds, hits = timed(lambda q=query, link=link: link.execute(text(q)).all(), 3)
            codes = np.full(len(x), "", dtype=object)
            for i, code in hits:
                codes[i] = code
            rows.append((way, PEER, seconds, _compare(way, codes, ours)))
        return rows
    finally:
        engine.dispose()
        postgis.drop_database(name)
