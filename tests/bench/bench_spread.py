"""Beyond one machine: the workers of a cluster on this one, beside one process; answers compared."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gis.batch import assign_file
from gis.crs import to_lonlat
from gis.snapshot import Snapshot
from gis.spread import assign_spread
from tests.bench import city

CASES = 1_000_000
RUNS = 3
FINE = 1 << 14


def run() -> list[tuple[str, int, float, str]]:
    """A million cases of the made city, file to file; the same work in finer partitions tells what one costs."""
    from distributed import LocalCluster

    spent: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snapshot = _write(folder)
        source, file = folder / "cases.parquet", folder / "city.wanmi"
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.ERROR
        ) as cluster:

            def two(out: str, rows: int) -> None:
                assign_spread(source, folder / out, file, cluster.scheduler_address, rows=rows)

            works = {
                "one process, one thread": lambda: assign_file(source, folder / "one.parquet", snapshot, threads=1),
                "  two workers": lambda: two("two.parquet", CASES // 8),
                "  two workers, fine partitions": lambda: two("fine.parquet", FINE),
                "  one process, two threads": lambda: assign_file(source, folder / "a.parquet", snapshot, threads=2),
            }
            for turn in range(RUNS + 1):
                for what, work in works.items():
                    begin = time.perf_counter()
                    work()
                    if turn:
                        spent.setdefault(what, []).append(time.perf_counter() - begin)
        one = pq.read_table(folder / "one.parquet")
        for other in ("two", "fine", "a"):
            assert pq.read_table(folder / f"{other}.parquet").equals(one), other
    medians = {what: statistics.median(times) for what, times in spent.items()}
    more = (medians["  two workers, fine partitions"] - medians["  two workers"]) / (-(-CASES // FINE) - 8)
    note = {"  two workers, fine partitions": f"each partition more costs {more * 1e3:.1f} ms"}
    return [(what, CASES, seconds, note.get(what, "")) for what, seconds in medians.items()]


def _write(folder: Path) -> Snapshot:
    made = city.make(cases=CASES)
    snapshot = Snapshot.compile(city.CITY, made.frames, at=city.DAY)
    snapshot.save(folder / "city.wanmi")
    cases = made.cases
    lon, lat = to_lonlat(cases["x"], cases["y"], city.CITY.srid)
    frame = pd.DataFrame({"id": np.arange(CASES).astype(str), "class": cases["class"], "lon": lon, "lat": lat})
    frame = frame.assign(reported_at=cases["at"], component=cases["component"], accuracy_m=cases["error"])
    frame.to_parquet(folder / "cases.parquet", index=False, row_group_size=1 << 17)
    return snapshot
