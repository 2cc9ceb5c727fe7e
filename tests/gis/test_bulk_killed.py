"""A load that is killed at any moment, on either side, gives nothing: the record is as it was before."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from gis import postgis, store
from gis.files import read_layer
from gis.store.engine import transaction
from tests.bench import bench_load as bench
from tests.gis.test_bulk import COUNT, record, shape, write


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    engine = store.connect(database)
    bench.prepare(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def good() -> gpd.GeoDataFrame:
    return bench.components(COUNT)


NURSERY = """
import os, sys
from gis import bulk, store
from tests.bench import bench_load as bench
for line in sys.stdin:
    dsn, path = line.split()
    child = os.fork()
    if not child:
        engine = store.connect(dsn)
        bulk.load_components(engine, path, bench.CITY)
        os._exit(0)
    print("began", child, flush=True)
    print("ended", os.waitpid(child, 0)[1], flush=True)
"""
"""Starts a loader for each line that it reads; tells its pid, and how it ended."""


class Nursery:
    """Loaders that are quick to start, because all is imported already."""

    def __init__(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, "-c", NURSERY], **pipes)

    def start(self, dsn: str, path: Path) -> int:
        """Begin to load a file; returns the loader's pid."""
        self._process.stdin.write(f"{dsn} {path}\n")
        self._process.stdin.flush()
        return self._read("began")

    def end(self, pid: int, *, kill: bool = False) -> bool:
        """Wait for its end, kill it first or not; True when it had done its work."""
        if kill:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self._read("ended") == 0

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _read(self, expected: str) -> int:
        word, _, number = self._process.stdout.readline().partition(" ")
        assert word == expected, "the nursery is out of step"
        return int(number)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="module")
def path(good: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(good, tmp_path_factory.mktemp("bulk") / "c.parquet")


@pytest.fixture(scope="module")
def few(good: gpd.GeoDataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What is recorded before, in some of the tests: rows that the file changes."""
    frame = good.tail(500).assign(name="before")
    return read_layer(write(frame, tmp_path_factory.mktemp("few") / "c.parquet"), "components", bench.CITY).frame


def settle(engine: Engine) -> None:
    """Wait until the server has taken note of a death."""
    for _ in range(400):
        with transaction(engine) as cursor:
            cursor.execute(
                """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"""
            )
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.05)
    raise AssertionError("a killed load still works")


def at_work(engine: Engine, on: str) -> list[int]:
    """Return the server's processes that work on statements of other sessions that look so."""
    with transaction(engine) as cursor:
        cursor.execute(
            """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND state = 'active' AND backend_type = 'client backend' AND query ~ %s""",
            [on],
        )
        return [pid for (pid,) in cursor.fetchall()]


def wait_for(engine: Engine, on: str) -> list[int]:
    """Wait until the loader's statement looks so."""
    for _ in range(3000):
        if found := at_work(engine, on):
            return found
        time.sleep(0.002)
    raise AssertionError(f"the loader never came to {on}")


def dsn_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False).replace("+psycopg2", "")


EMPTY = ["COPY", "ADD CONSTRAINT", "CREATE INDEX"]
FILLED = ["COPY", "CREATE TEMP TABLE", "INSERT INTO", "CREATE INDEX"]


@pytest.mark.parametrize(
    ("on", "kept"), [*((on, False) for on in EMPTY), *((on, True) for on in FILLED)], ids=lambda value: str(value)
)
def test_a_killed_loader_leaves_the_record_as_it_was(
    engine: Engine, nursery: Nursery, path: Path, few: pd.DataFrame, on: str, kept: bool
) -> None:
    """SIGKILL while the server is at a certain statement, into an empty table and into one with rows."""
    with transaction(engine) as cursor:
        cursor.execute("TRUNCATE wanmi.components")
    if kept:
        store.load(engine, "components", few)
    before, indexes = record(engine), shape(engine)
    pid = nursery.start(dsn_of(engine), path)
    try:
        wait_for(engine, on)
    finally:
        done = nursery.end(pid, kill=True)
    settle(engine)
    assert not done
    assert shape(engine) == indexes
    pd.testing.assert_frame_equal(record(engine), before)


@pytest.mark.long
@pytest.mark.parametrize("kept", [False, True], ids=["empty", "with rows"])
def test_a_loader_killed_at_forty_moments(
    engine: Engine, nursery: Nursery, path: Path, few: pd.DataFrame, kept: bool
) -> None:
    with transaction(engine) as cursor:
        cursor.execute("TRUNCATE wanmi.components")
    if kept:
        store.load(engine, "components", few)
    before, indexes, killed = record(engine), shape(engine), 0
    for moment in np.random.default_rng(kept).uniform(0.0, 1.5, 40):
        pid = nursery.start(dsn_of(engine), path)
        time.sleep(moment)
        done = nursery.end(pid, kill=True)
        settle(engine)
        assert shape(engine) == indexes
        after = record(engine)
        if done or len(after) == COUNT:  # the kill may come after the commit
            assert len(after) == COUNT
            with transaction(engine) as cursor:
                cursor.execute("TRUNCATE wanmi.components")
            if kept:
                store.load(engine, "components", few)
            before = record(engine)
        else:
            killed += 1
            pd.testing.assert_frame_equal(after, before)
    assert killed >= 10


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that any account can enter, for a cluster that may be killed."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder / "state"
    postgis.down(folder / "state", immediate=True)
    shutil.rmtree(folder)


def test_a_killed_backend_leaves_the_record_as_it_was(nursery: Nursery, path: Path, state: Path) -> None:
    """SIGKILL of the server's process for the load: the server recovers as from a crash."""
    engine = store.connect(postgis.ensure_database("killed", state=state))
    try:
        bench.prepare(engine)
        indexes = shape(engine)
        for on in ("COPY", "CREATE INDEX"):
            pid = nursery.start(dsn_of(engine), path)
            for backend in wait_for(engine, on):
                os.kill(backend, signal.SIGKILL)
            assert not nursery.end(pid)
            postgis.up(state)
            assert len(record(engine)) == 0 and shape(engine) == indexes
    finally:
        engine.dispose()
