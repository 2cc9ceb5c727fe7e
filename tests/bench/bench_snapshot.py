"""The snapshot of the city of 1,000 km²: built from PostGIS, built again after an edit, opened, asked by a process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import shapely

from gis import postgis, store
from gis.demo.record import ORDER
from gis.snapshot import Snapshot
from gis.store import connect
from gis.versions import build
from tests.bench import city
from tests.bench.paired import RUNS, Row, heading
from tests.conftest import database_name

COMMAND = "import sys; from api.cli import main; sys.exit(main(sys.argv[1:]))"


def run() -> Iterator[Row]:
    """Rows for ``make bench``: seconds are the median, or of the one run where it says so."""
    made = city.make()
    postgis.up()
    name = database_name("bench_snapshot")
    engine = connect(postgis.ensure_database(name))
    try:
        store.create_city(engine, city.CITY)
        for layer in (layer for layer in ORDER if layer in made.frames):
            store.load(engine, layer, made.frames[layer])
        things = sum(len(made.frames[layer]) for layer in ("areas", "units", "zones", "components"))
        yield heading("out of PostGIS")
        seconds, first = _median(lambda: build(engine, None), 3)
        yield "built from the record, median of 3", things, seconds, f"version {first.version}"
        with tempfile.TemporaryDirectory() as folder:
            file = first.save(Path(folder) / "city.wanmi")
            opened, before = _median(lambda: Snapshot.open(file), RUNS)
            zones = made.frames["zones"]
            edited = zones[shapely.get_dimensions(zones.geometry.to_numpy()) == 2].head(1).copy()
            edited.geometry = shapely.set_precision(shapely.buffer(edited.geometry.to_numpy(), 3.0), 0.001)
            store.load(engine, "zones", edited, valid_from="2026-10-01")
            again, after = _median(lambda: build(engine, before), 1)
            if after.version == before.version:
                raise AssertionError("the edit is not in the snapshot")
            if build(engine, None).version != after.version:
                raise AssertionError("what was built of the change differs from a whole build")
            yield "built again after one zone moved, one run", things, again, "equal to a whole build"
            yield heading("the file")
            size = file.stat().st_size / 1e6
            yield "opened, every byte checked, median of 7", things, opened, f"{size:.0f} MB, mapped by all workers"
            yield heading("a new process")
            x, y = made.cases["x"].iloc[0], made.cases["y"].iloc[0]
            ask = ["resolve", str(x), str(y), "--crs", f"EPSG:{city.CITY.srid}", "--class", made.cases["class"].iloc[0]]
            seconds, _ = _median(lambda: _told([*ask, "--snapshot", str(file)]), 3)
            yield "wanmi resolve, start to end, median of 3", 1, seconds, ""
    finally:
        engine.dispose()
        postgis.drop_database(name)


def _told(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", COMMAND, *command], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)


def _median(work: Callable[[], object], runs: int) -> tuple[float, Snapshot]:
    """Median seconds of several runs, and the last result."""
    spent, result = [], None
    for _ in range(runs):
        begin = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - begin)
    return sorted(spent)[runs // 2], result  # type: ignore[return-value]
