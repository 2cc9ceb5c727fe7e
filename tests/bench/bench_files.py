"""File to file: a million cases of the made city, as GeoParquet and as CSV; a fresh process, and one that is warm.

The peer reads the same GeoParquet with geopandas, joins communities, units and zones, and writes its answers: it
finds neither owner nor component, and knows no precedence.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import shapely

from gis.batch import assign_file
from gis.crs import to_lonlat
from gis.snapshot import Snapshot
from tests.bench import city

CASES = 1_000_000
RUNS = 3
COMMAND = "import sys; from api.cli import main; sys.exit(main(sys.argv[1:]))"


def run() -> list[tuple[str, int, float, str]]:
    """Rows of the benchmark: each answers the same cases, and all answers are the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made, snapshot = city.kept()
        kept = snapshot.save(folder / "city.wanmi")
        source, doubtful = _write(made, snapshot, folder)
        flat = _flat(source, folder)
        out = {what: folder / f"{what}.parquet" for what in ("fresh", "warm", "csv", "one", "peer")}

        def fresh(source: Path = source, to: Path = out["fresh"]) -> None:
            command = ["assign", str(source), "--out", str(to), "--snapshot", str(kept)]
            done = subprocess.run(
                [sys.executable, "-c", COMMAND, *command], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr

        works: list[tuple[str, Callable[[], object], int]] = [
            ("wanmi assign, GeoParquet, a fresh process", fresh, RUNS),
            ("  with position errors: probabilities", lambda: fresh(doubtful, folder / "doubtful.parquet"), RUNS),
            ("  in a process that is warm", lambda: assign_file(source, out["warm"], snapshot), RUNS),
            ("  one thread", lambda: assign_file(source, out["one"], snapshot, threads=1), RUNS),
            ("  from a CSV", lambda: assign_file(flat, out["csv"], snapshot), 1),
            ("geopandas, community, unit and zones only", lambda: _peer(made, source, out["peer"]), 1),
        ]
        rows = []
        for what, work, runs in works:
            spent = []
            for turn in range(runs + (runs > 1)):
                begin = time.perf_counter()
                work()
                if turn or runs == 1:
                    spent.append(time.perf_counter() - begin)
            rows.append((what, CASES, statistics.median(spent), ""))
        first = pq.read_table(out["fresh"])
        assert len(first) == CASES
        for other in ("warm", "one"):
            assert pq.read_table(out[other]).equals(first), f"{other} differs"
        assert pq.read_table(out["csv"]).equals(first), "CSV differs"
        units = pq.read_table(out["peer"]).column("unit").to_pandas()
        assert (units == first.column("unit").to_pandas()).all(), "the peer found other units"
    return rows


def _write(made: city.Made, snapshot: Snapshot, folder: Path) -> tuple[Path, Path]:
    """Cases without position errors, and the same with them."""
    cases = made.cases.head(CASES)
    lon, lat = to_lonlat(cases["x"], cases["y"], snapshot.city.srid)
    rest = cases.drop(columns=["x", "y"]).rename(columns={"at": "reported_at", "error": "accuracy_m"})
    rest = rest.reset_index(drop=True)
    rest.insert(0, "id", pd.Series([f"K{i:07d}" for i in range(len(cases))], dtype="str"))
    frame = gpd.GeoDataFrame(rest, geometry=shapely.points(lon, lat), crs=4326)
    exact, doubtful = folder / "cases.parquet", folder / "doubtful_cases.parquet"
    frame.drop(columns="accuracy_m").to_parquet(exact, index=False)
    frame.to_parquet(doubtful, index=False)
    return exact, doubtful


def _flat(source: Path, folder: Path) -> Path:
    frame = gpd.read_parquet(source)
    flat = pd.DataFrame(frame.drop(columns="geometry")).assign(lon=frame.geometry.x, lat=frame.geometry.y)
    path = folder / "cases.csv"
    flat.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return path


def _peer(made: city.Made, source: Path, out: Path) -> None:
    cases = gpd.read_parquet(source).to_crs(city.CITY.srid)
    frames = made.frames
    communities = frames["areas"][frames["areas"]["set"] == "community"]
    found = {}
    for name, layer in (("community", communities), ("unit", frames["units"]), ("zone", frames["zones"])):
        shapes = layer[["code", "geometry"]].assign(geometry=_ground(layer))
        hit = gpd.sjoin(cases[["geometry"]], shapes, predicate="covered_by", how="left")
        found[name] = hit["code"].groupby(level=0).min().fillna("")
    pd.DataFrame({"id": cases["id"], **found}).to_parquet(out, index=False)


def _ground(layer: gpd.GeoDataFrame) -> gpd.GeoSeries:
    if "width_m" not in layer:
        return layer.geometry
    return gpd.GeoSeries(
        shapely.buffer(layer.geometry.to_numpy(), layer["width_m"].fillna(0) / 2), layer.index, layer.crs
    )
