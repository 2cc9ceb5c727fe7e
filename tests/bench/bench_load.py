"""A million components from GeoParquet into the record: read, checked, linked to their units, indexed, committed.

The peers get less to do: they write the same rows into a bare table with a GiST index, and check nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Engine

from gis import postgis
from gis.bulk import load_components
from gis.model import City
from gis.store import connect, create_city, load
from gis.store.engine import transaction
from tests.conftest import database_name

ROWS = 1_000_000
PEER = 100_000
SIDE = 100.0
UNITS = (96, 95)
CITY = City(
    key="bench",
    name="bench",
    srid=4546,
    time_zone="Asia/Shanghai",
    bounds=(110.6, 34.7, 111.4, 35.4),
    codes="china15",
    territory=("community",),
)
WEST, SOUTH = 495_000.0, 3_875_000.0


def run() -> list[tuple[str, int, float, str]]:
    """Rows for ``make bench``."""
    name = database_name("bench_load")
    engine = connect(postgis.ensure_database(name))
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measured(engine, Path(folder))
    finally:
        engine.dispose()
        postgis.drop_database(name)


def _measured(engine: Engine, folder: Path) -> list[tuple[str, int, float, str]]:
    prepare(engine)
    metres, degrees = folder / "components.parquet", folder / "degrees.parquet"
    frame = components(ROWS)
    frame.to_parquet(metres, compression="snappy")
    frame.to_crs("EPSG:4326").to_parquet(degrees, compression="snappy")
    rows = [_ours(engine, metres, "wanmi load, metres"), _ours(engine, degrees, "wanmi load, degrees")]
    rows.append(_ours(engine, metres, "wanmi load, the same again", fresh=False))
    rows += [_to_postgis(engine, frame.head(PEER)), _ogr2ogr(engine, metres)]
    return [row for row in rows if row[1]]


def units() -> gpd.GeoDataFrame:
    """Some 9,100 unit grids of 100 m side, 300 to a community."""
    east, north = np.divmod(np.arange(UNITS[0] * UNITS[1]), UNITS[1])
    x, y = WEST + east * SIDE, SOUTH + north * SIDE
    number = np.arange(len(x))
    community = pd.Series(number // 300 + 140802001001).astype(str)
    code = community + pd.Series(number % 300 + 1).astype(str).str.zfill(3)
    return gpd.GeoDataFrame(
        {"code": code, "name": "", "community": community, "valid_from": pd.NaT, "valid_to": pd.NaT},
        geometry=shapely.box(x, y, x + SIDE, y + SIDE),
        crs=f"EPSG:{CITY.srid}",
    ).set_axis(number + 1)


def departments() -> pd.DataFrame:
    """Thirty departments."""
    number = np.arange(30)
    code = pd.Series([f"11140802MB{n:08d}" for n in number])
    blank = pd.Series([""] * len(number), dtype="str")
    columns = {"code": code, "name": "部门" + code, "parent": blank, "kind": blank, "phone": blank}
    return pd.DataFrame({**columns, "valid_from": pd.NaT, "valid_to": pd.NaT}).set_axis(number + 1)


def components(count: int, *, seed: int = 1) -> gpd.GeoDataFrame:
    """Components of 70 classes anywhere in the city, in no order; their unit is the right one."""
    rng = np.random.default_rng(seed)
    klass = pd.Series([f"{n:05d}" for n in range(1001, 1071)])[rng.integers(0, 70, count)].reset_index(drop=True)
    klass = klass.where(klass != "01016", "01017")
    code = "140802" + klass + pd.Series(rng.permutation(count)).astype(str).str.zfill(6)
    x = (WEST + rng.uniform(0, UNITS[0] * SIDE, count)).round(3)
    y = (SOUTH + rng.uniform(0, UNITS[1] * SIDE, count)).round(3)
    at = (
        np.minimum((x - WEST) // SIDE, UNITS[0] - 1) * UNITS[1] + np.minimum((y - SOUTH) // SIDE, UNITS[1] - 1)
    ).astype(int)
    who = departments()["code"].to_numpy()
    names = np.array([f"部件{n}" for n in range(500)], dtype=object)
    return gpd.GeoDataFrame(
        {
            "code": code,
            "class": "2026:C" + klass,
            "name": names[rng.integers(0, len(names), count)],
            "supervising": who[rng.integers(0, len(who), count)],
            "owning": who[rng.integers(0, len(who), count)],
            "maintaining": who[rng.integers(0, len(who), count)],
            "unit": units()["code"].to_numpy()[at],
            "state": np.array(["intact", "damaged"], dtype=object)[rng.integers(0, 2, count)],
            "source": "surveyed",
        },
        geometry=shapely.points(x, y),
        crs=f"EPSG:{CITY.srid}",
    )


def prepare(engine: Engine) -> None:
    """Make the city, with its departments and units."""
    create_city(engine, CITY)
    for layer, frame in (("departments", departments()), ("units", units())):
        report = load(engine, layer, frame)
        assert len(report.rejects) == 0, report.rejects


def _ours(engine: Engine, path: Path, what: str, *, fresh: bool = True) -> tuple[str, int, float, str]:
    """Load a file by the way that the command takes; the best of three."""
    spent, busy = [], []
    for _ in range(3):
        if fresh:
            with transaction(engine) as cursor:
                cursor.execute("TRUNCATE wanmi.components")
        begin, client, server = time.perf_counter(), time.process_time(), _server_cpu(engine)
        done = load_components(engine, path, CITY)
        spent.append(time.perf_counter() - begin)
        busy.append((time.process_time() - client, _server_cpu(engine) - server))
        assert done is not None
        report = done[1]
        assert (report.inserted if fresh else report.unchanged) == ROWS and not len(report.rejects)
    mine, theirs = busy[int(np.argmin(spent))]
    return what, ROWS, min(spent), f"best of 3; processor time {mine:.1f} s of ours, {theirs:.1f} s of the server's"


def _server_cpu(engine: Engine) -> float:
    """Processor time of the pool's one connection at the server; without that of helpers that build indexes."""
    with transaction(engine) as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _to_postgis(engine: Engine, frame: gpd.GeoDataFrame) -> tuple[str, int, float, str]:
    begin = time.perf_counter()
    frame.to_postgis("bare", engine, index=False)
    return "geopandas to_postgis, bare table and index", len(frame), time.perf_counter() - begin, "no checks, no units"


def _ogr2ogr(engine: Engine, path: Path) -> tuple[str, int, float, str]:
    """ogr2ogr, where it is installed with Parquet."""
    program = shutil.which("ogr2ogr")
    what = "ogr2ogr, bare table and index"
    if program is None:
        return f"{what}: not installed", 0, 1.0, ""
    url = engine.url
    target = f"PG:host={url.query['host']} port={url.query['port']} user={url.query['user']} dbname={url.database}"
    begin = time.perf_counter()
    done = subprocess.run(
        [program, "-f", "PostgreSQL", target, str(path), "-nln", "ogr", "--config", "PG_USE_COPY", "YES"],
        capture_output=True,
    )
    seconds = time.perf_counter() - begin
    return (what, ROWS, seconds, "no checks, no units") if done.returncode == 0 else (f"{what}: no Parquet", 0, 1.0, "")
