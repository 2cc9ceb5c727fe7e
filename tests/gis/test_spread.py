"""Beyond one machine: a real scheduler and real workers, one of which is killed; beside one process, bit for bit."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from distributed import Client

from api.cli import main
from gis.batch import assign_file
from gis.crs import to_lonlat
from gis.snapshot import Snapshot
from gis.spread import Reading, Refused, Task, assign_spread, work
from gis.spread.run import MANIFEST, _cut
from grids.errors import InputError, Unavailable
from tests import town

COUNT = 60_000


class Cluster:
    """A scheduler and workers as an operator starts them: processes that nobody starts again when they are gone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.children = folder, []
        self.file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        deadline = time.monotonic() + 60
        while not self.file.exists() or not self.file.read_text():
            assert time.monotonic() < deadline and self.children[0].poll() is None, (folder / "0.log").read_text()
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def worker(self, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0")
        return self._start("worker", *options, cwd=cwd)

    def _start(self, what: str, *options: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        with (self.folder / f"{len(self.children)}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(self.file), *options]
            paths = {"PYTHONPATH": str(Path(__file__).parents[2])}
            child = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=cwd or self.folder, env={**os.environ, **paths}
            )
        self.children.append(child)
        return child

    def stop(self) -> None:
        for child in reversed(self.children):
            child.kill()
            child.wait()

    def client(self, workers: int) -> contextlib.closing[Client]:
        client = Client(self.address, set_as_default=False)
        client.wait_for_workers(workers, timeout=60)
        return contextlib.closing(client)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Cluster]]:
    made: list[Cluster] = []

    def one() -> Cluster:
        made.append(Cluster(tmp_path))
        return made[-1]

    yield one
    for cluster in made:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    for _ in range(2):
        made.worker()
    with made.client(2):
        pass
    yield made
    made.stop()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the town's snapshot, cases of all kinds, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("cases")
    snapshot = Snapshot.compile(town.CITY, town.layers(), at=town.DAY)
    snapshot.save(folder / "town.wanmi")
    rng = np.random.default_rng(0)
    xy = town.X0 + rng.uniform(-100, 900, COUNT), town.Y0 + rng.uniform(-100, 900, COUNT)
    lon, lat = to_lonlat(*xy, town.CITY.srid)
    klass = np.array(["2026:C01002", "zz", "2026:E06010", ""])[rng.integers(0, 4, COUNT)]
    frame = pd.DataFrame({"class": klass, "lon": lon, "lat": lat, "accuracy_m": 5.0})
    frame.loc[::97, "lon"] = np.nan
    frame.loc[::101, "accuracy_m"] = -1.0  # wrong, but only these rows
    frame.to_parquet(folder / "cases.parquet", index=False, row_group_size=25_000)
    for ending in ("parquet", "csv"):
        rejects = folder / "one.rejects.csv"
        assign_file(folder / "cases.parquet", folder / f"one.{ending}", snapshot, rejects=rejects, threads=1)
    (folder / "month").mkdir()
    for i, part in enumerate((frame[:7], frame[7:40_000], frame[40_000:])):
        part.to_parquet(folder / "month" / f"d{i}.parquet", index=False)
    return folder


def spread(here: Path, cluster: Cluster, source: str, out: Path, **more: object):
    options: dict = {"rows": 4_000, "wait_s": 20.0, **more}
    return assign_spread(here / source, out, here / "town.wanmi", cluster.address, **options)


def test_a_file_is_answered_as_by_one_process(here: Path, cluster: Cluster, tmp_path: Path):
    seen: list[tuple[int, int]] = []
    done = spread(
        here, cluster, "cases.parquet", tmp_path / "two.parquet",
        rejects=tmp_path / "r.csv", progress=lambda so_far, all_: seen.append((so_far, all_)),
    )  # fmt: skip
    one, two = pq.read_table(here / "one.parquet"), pq.read_table(tmp_path / "two.parquet")
    assert two.schema.equals(one.schema) and two.equals(one)
    assert len(two) == done.rows == COUNT and done.rejected > COUNT // 101
    assert (tmp_path / "r.csv").read_bytes() == (here / "one.rejects.csv").read_bytes()
    assert seen[-1] == (COUNT, COUNT) and [n for n, _ in seen] == sorted(n for n, _ in seen)
    spread(here, cluster, "cases.parquet", tmp_path / "two.csv")
    assert (tmp_path / "two.csv").read_bytes() == (here / "one.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.csv", "two.csv", "two.parquet"]


def test_a_folder_becomes_a_folder_with_its_manifest(here: Path, cluster: Cluster, tmp_path: Path):
    done = spread(here, cluster, "month", tmp_path / "answers", rejects=tmp_path / "r.csv")
    told = json.loads((tmp_path / "answers" / MANIFEST).read_text())
    version = Snapshot.open(here / "town.wanmi").version
    assert (told["snapshot"], told["city"], told["rows"]) == (version, town.CITY.key, COUNT)
    assert done.rejected == told["rejected"] == sum(p["rejected"] for p in told["parts"])
    assert sorted(p["part"] for p in told["parts"]) + [] == sorted(
        p.name for p in (tmp_path / "answers").iterdir() if p.name != MANIFEST
    )
    joined = pd.concat([pd.read_parquet(tmp_path / "answers" / p["part"]) for p in told["parts"]], ignore_index=True)
    one = pd.read_parquet(here / "one.parquet")
    pd.testing.assert_frame_equal(joined.drop(columns="id"), one.drop(columns="id"))
    assert joined["id"].tolist() == [*map(str, range(1, 8)), *map(str, range(1, 39_994)), *map(str, range(1, 20_001))]
    rejects = pd.read_csv(tmp_path / "r.csv")
    assert rejects["file"].unique().tolist() == ["d0.parquet", "d1.parquet", "d2.parquet"]
    with pytest.raises(InputError, match="is there already; name a folder that is not there yet"):
        spread(here, cluster, "month", tmp_path / "answers")


def test_a_killed_workers_partitions_are_done_again(here: Path, make: Callable[[], Cluster], tmp_path: Path):
    cluster = make()
    doomed, _ = cluster.worker(), cluster.worker()
    with cluster.client(2) as watch:
        names = {pid: name for name, pid in watch.run(os.getpid).items()}
        had: list[str] = []

        def kill(so_far: int, all_: int) -> None:
            if so_far and not had:
                had.extend(watch.processing()[names[doomed.pid]])
                doomed.send_signal(signal.SIGKILL)
                doomed.wait()

        done = spread(here, cluster, "cases.parquet", tmp_path / "two.parquet", rows=1_000, progress=kill)
        assert len(watch.scheduler_info()["workers"]) == 1
    assert had, "the worker had nothing when it was killed"
    assert done.rows == COUNT
    assert pq.read_table(tmp_path / "two.parquet").equals(pq.read_table(here / "one.parquet"))


def test_without_workers_it_ends_and_nothing_is_written(here: Path, make: Callable[[], Cluster], tmp_path: Path):
    cluster, out = make(), tmp_path / "out"
    out.mkdir()
    with pytest.raises(Unavailable, match=r"has had no worker for 1 s; start 'dask scheduler'"):
        spread(here, cluster, "cases.parquet", out / "two.parquet", wait_s=1.0)
    worker = cluster.worker()

    def kill(so_far: int, all_: int) -> None:
        worker.kill()

    with cluster.client(1), pytest.raises(Unavailable, match=r"no worker has been left for 2 s, .* of 60 partitions"):
        spread(here, cluster, "cases.parquet", out / "two.parquet", wait_s=2.0, rows=1_000, progress=kill)
    with pytest.raises(Unavailable, match="no scheduler answers"):
        assign_spread(here / "cases.parquet", out / "a.csv", here / "town.wanmi", "tcp://127.0.0.1:1", wait_s=1.0)
    assert not list(out.iterdir())


def test_a_worker_with_another_snapshot_refuses(
    here: Path, make: Callable[[], Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # two machines whose disks have another file under the same name
    cluster, folders = make(), [tmp_path / "a", tmp_path / "b"]
    for folder, day in zip(folders, (town.DAY, town.DAY + pd.Timedelta(days=40)), strict=True):
        folder.mkdir()
        Snapshot.compile(town.CITY, town.layers(), at=day).save(folder / "town.wanmi")
        cluster.worker(cwd=folder)
    monkeypatch.chdir(folders[0])
    with cluster.client(2), pytest.raises(InputError, match=r"not .*give all workers the same snapshot file"):
        assign_spread(here / "cases.parquet", tmp_path / "o.csv", "/proc/self/cwd/town.wanmi", cluster.address)
    assert not (tmp_path / "o.csv").exists()


def test_a_task_is_small_and_refuses_by_itself(here: Path, tmp_path: Path):
    task = Task(str(here / "town.wanmi"), "0" * 16, str(here / "cases.parquet"), (1, 9), str(tmp_path / "p"), Reading())
    assert len(pickle.dumps(task)) < 1_000
    refused = work(task)
    assert isinstance(refused, Refused) and "is version" in str(refused.error())
    assert not list(tmp_path.iterdir())


def test_faults_of_the_file_end_it_in_one_line(here: Path, cluster: Cluster, tmp_path: Path):
    cut = tmp_path / "cut"
    cut.mkdir()
    whole = (here / "cases.parquet").read_bytes()
    (cut / "a.parquet").write_bytes(whole)
    middle = bytearray(whole)
    middle[len(whole) // 3 : len(whole) // 3 + 20_000] = bytes(20_000)  # head and end are fine, pages are not
    (cut / "b.parquet").write_bytes(middle)
    for source, says in (
        (cut, "b.parquet"),
        (tmp_path / "no.parquet", "no such file"),
        (tmp_path / "no.csv", "only Parquet can be cut into partitions"),
        (tmp_path, r"has no \*.parquet"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            assign_spread(source, tmp_path / "o.csv", here / "town.wanmi", cluster.address, rows=4_000)
        assert "\n" not in str(caught.value)
    far = pd.DataFrame({"class": "", "lon": np.full(9_000, 120.0), "lat": 30.0})
    far.to_parquet(tmp_path / "far.parquet", index=False)
    with pytest.raises(InputError, match="lies outside town"):  # a fault of the whole file, not of one partition
        assign_spread(tmp_path / "far.parquet", tmp_path / "o.csv", here / "town.wanmi", cluster.address, rows=5_000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "far.parquet"]


@pytest.mark.parametrize("most", [1, 999, 4_000, 25_000, 30_000, 59_999, 60_000, 1 << 20])
def test_partitions_are_every_row_once(here: Path, most: int):
    parts = _cut(0, str(here / "cases.parquet"), Snapshot.open(here / "town.wanmi"), Reading(), most)
    spans = [part.rows or (1, COUNT + 1) for part in parts]
    assert spans[0][0] == 1 and spans[-1][1] == COUNT + 1
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
    assert max(b - a for a, b in spans) <= most and len(parts) <= 3 * -(-COUNT // most)


def test_the_command_hands_its_work_to_the_cluster(here: Path, cluster: Cluster, tmp_path: Path, capfd):
    base = ["assign", str(here / "cases.parquet"), "--scheduler", cluster.address]
    asked = [*base, "--out", str(tmp_path / "a.csv"), "--snapshot", str(here / "town.wanmi"), "--json"]
    assert main([*asked, "--rejects", str(tmp_path / "r.csv")]) == 1
    out, err = capfd.readouterr()
    told = json.loads(out)
    assert told["cases"] + told["rejected"] == COUNT and "Traceback" not in err
    assert (tmp_path / "a.csv").read_bytes() == (here / "one.csv").read_bytes()
    assert (tmp_path / "r.csv").read_bytes() == (here / "one.rejects.csv").read_bytes()
    for arguments, says in (
        ([*base, "--out", str(tmp_path / "b.csv")], "--scheduler without --snapshot"),
        ([*base[:2], "--out", str(tmp_path)], "a folder goes with --scheduler"),
        (["assign", "--scheduler", cluster.address], "--scheduler without FILE"),
        ([*asked[:2], "--scheduler", "nowhere", *asked[4:]], "no scheduler answers"),
    ):
        assert main(arguments) == 2
        out, err = capfd.readouterr()
        assert says in err and "Traceback" not in err, err


def test_a_scheduler_that_goes_away_ends_it_in_one_line(here: Path, make: Callable[[], Cluster], tmp_path: Path):
    cluster, out = make(), tmp_path / "out"
    out.mkdir()
    cluster.worker()

    def kill(so_far: int, all_: int) -> None:
        cluster.children[0].kill()

    with pytest.raises(Unavailable, match="scheduler") as caught:
        spread(here, cluster, "cases.parquet", out / "two.parquet", wait_s=5.0, rows=1_000, progress=kill)
    assert "\n" not in str(caught.value) and not list(out.iterdir())
