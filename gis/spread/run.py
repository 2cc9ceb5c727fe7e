"""Cutting the work into partitions, handing them out, and putting together what comes back.

The cluster's own machinery does a lost worker's partitions again; here is what it leaves to its user: partitions that
are cut at rows and not at bytes, no more of them out than the workers can take, an end when nobody is left to work,
and an output that appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gis.batch.file import MOST_TOLD, Assigned
from gis.batch.told import nothing, tally
from gis.batch.writing import checked, written
from gis.files.faults import Whole
from gis.profile import Profile, read_profile
from gis.snapshot import Snapshot
from gis.spread.task import Done, Reading, Refused, Task, check_snapshot, work
from grids.errors import InputError, Unavailable

if TYPE_CHECKING:
    from distributed import Client, Future

ROWS = 1 << 19
"""Rows of a partition, at most: some tenths of a second of work, a thousand times what handing it out costs."""
WAIT_S = 60.0
"""How long to wait for a worker when there is none."""
TURN_S = 1.0
MANIFEST = "_manifest.json"
EXTRA = "pip install 'wanmi[scale]' here and on the workers"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Partition:
    """Some rows of one of the files: ``file`` its position among them, ``rows`` as of `gis.spread.task.Task`."""

    file: int
    path: str
    rows: tuple[int, int] | None
    count: int


def assign_spread(
    path: str | Path,
    out: str | Path,
    snapshot: str | Path,
    scheduler: str,
    *,
    profile: Profile | str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    set_: str | None = None,
    crs: str | None = None,
    at_column: str | None = None,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
    rows: int = ROWS,
    wait_s: float = WAIT_S,
) -> Assigned:
    """Answer the cases of Parquet files with the workers of a cluster; each of them opens the snapshot file itself.

    Parameters
    ----------
    path
        Parquet or GeoParquet: a file, or a folder with ``*.parquet``. Workers see it, ``out`` and ``snapshot`` under
        the same names.
    out
        ``.csv`` or ``.parquet``: one file. A name without an ending: a folder of ``part-00000.parquet`` … with a
        manifest, which must not be there yet. It appears whole or not at all. Rows and answers are those of
        `gis.batch.assign_file` on each file, in the order of the files' names.
    snapshot
        Snapshot file. A worker that finds another version under this name refuses.
    scheduler
        Address of the scheduler, ``tcp://host:8786``.
    profile, mapping, set_, crs, at_column, rejects
        As of `gis.batch.assign_file`; of a folder the rejects name the file as well.
    progress
        Called with the rows done and those of all files.
    rows
        Rows of a partition, at most; the answers do not depend on it.
    wait_s
        How long to wait when there is no worker.

    Raises
    ------
    InputError
        A fault of the files, a worker with another snapshot, an output that is there already: nothing is written.
    Unavailable
        No scheduler, no workers, or a partition that took several workers down with it: nothing is written.
    """
    source, target, file = Path(path).absolute(), Path(out).absolute(), Path(snapshot).absolute()
    to_folder = not target.suffix
    if not to_folder:
        checked(target)
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("is there already", where=str(out), right="name a folder that is not there yet")
    if not target.parent.is_dir():
        raise InputError("there is no such folder", where=str(target.parent), right="make it first")
    then = Snapshot.open(file, verify=False)
    known = read_profile(profile) if isinstance(profile, (str, Path)) else profile
    if known and known.city.key != then.city.key:
        what = f"the profile is of {known.city.key}, the snapshot of {then.city.key}"
        raise InputError(what, where=known.path, right="they are of one city")
    if known:  # plain dictionaries can be sent, read-only views cannot
        known = replace(known, sources=dict(known.sources), grids=dict(known.grids))
    mapping = {**(mapping or {}), **({"reported_at": at_column} if at_column else {})}
    reading = Reading(known, mapping, set_, crs)
    files = _files(source)
    parts = [part for i, name in enumerate(files) for part in _cut(i, name, then, reading, rows)]
    total = sum(part.count for part in parts)
    if not total:
        raise InputError("has no rows", where=str(path), right="give a file with rows")
    with _client(scheduler, wait_s) as client, _folder(target) as folder:
        _same_snapshot(client, str(file), then.version)
        tasks = [
            Task(str(file), then.version, part.path, part.rows, str(folder / f"part-{i:05d}.parquet"), reading)
            for i, part in enumerate(parts)
        ]
        done = _run(client, tasks, wait_s, scheduler, progress or (lambda so_far, all_: None), total)
        result = _summed(done, parts)
        if not result.rows:
            raise InputError("has no rows", where=str(path), right="give a file with rows")
        if rejects:
            _rejects(rejects, tasks, parts, done, named=len(files) > 1 or source.is_dir())
        if to_folder:
            _whole_folder(folder, target, then, tasks, parts, done)
        else:
            _one_file(target, tasks, done)
    return result


def _files(source: Path) -> list[str]:
    """The files, by name."""
    if source.is_dir():
        found = sorted(str(p) for p in source.glob("*.parquet") if not p.name.startswith((".", "_")))
        if not found:
            raise InputError("has no *.parquet", where=str(source), right="a folder of Parquet files")
        return found
    if source.suffix.lower() not in (".parquet", ".geoparquet"):
        right = "convert it, or leave --scheduler away: one machine reads every format"
        raise InputError("only Parquet can be cut into partitions", where=str(source), right=right)
    if not source.is_file():
        raise InputError("no such file", where=str(source), right="name a Parquet file, or a folder of them")
    return [str(source)]


def _cut(number: int, path: str, then: Snapshot, how: Reading, most: int) -> list[Partition]:
    """Partitions of a file: whole row groups where they are small, else spans of rows; its head is checked."""
    with how.opened(path, then.city) as (table, plan):
        whole = table.stream is None or plan.source.distinct
        count = table.count
    if whole or count <= most:
        return [Partition(number, path, None, count)] if count else []
    head = pq.read_metadata(path)
    cuts, row = [1], 1
    for i in range(head.num_row_groups):
        size = head.row_group(i).num_rows
        if row + size - cuts[-1] > most and row > cuts[-1]:
            cuts.append(row)
        pieces = -(-size // most)
        cuts += [row + size * k // pieces for k in range(1, pieces)]
        row += size
    cuts.append(row)
    return [Partition(number, path, (a, b), b - a) for a, b in itertools.pairwise(cuts) if b > a]


@contextlib.contextmanager
def _client(address: str, wait_s: float) -> Iterator[Client]:
    """A connection to the scheduler, with at least one worker behind it."""
    try:
        from distributed import Client
    except ImportError:
        raise Unavailable("distributed is not installed", right=EXTRA) from None
    right = "start 'dask scheduler' and 'dask worker ADDRESS', and give its address: tcp://host:8786"
    try:
        client = Client(address, timeout=min(wait_s, 10.0), set_as_default=False, name="wanmi")
    except (OSError, ValueError) as error:  # a name that is no address is a ValueError
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Unavailable(f"no scheduler answers ({said[:120]})", where=address, right=right) from None
    try:
        try:
            client.wait_for_workers(1, timeout=wait_s)
        except TimeoutError:
            raise Unavailable(f"has had no worker for {wait_s:.0f} s", where=address, right=right) from None
        yield client
    finally:
        client.close(timeout=5)


def _same_snapshot(client: Client, path: str, version: str) -> None:
    """Every worker opens the snapshot before the first case is answered; one that has another is told at once."""
    told: dict[str, Any] = client.run(check_snapshot, path, version, on_error="return")
    for address, answer in sorted(told.items()):
        if isinstance(answer, Refused):
            raise answer.error()
        if isinstance(answer, BaseException) and not isinstance(answer, OSError):  # OSError: a worker that just left
            raise Unavailable(f"a worker cannot work ({type(answer).__name__}: {answer})", where=address, right=EXTRA)


def _run(client: Client, tasks: list[Task], wait_s: float, address: str, told: Progress, total: int) -> list[Done]:
    """Hand out the tasks, a few for each thread of the cluster at a time; results in the order of the tasks."""
    from distributed import wait
    from distributed.client import FutureCancelledError, FuturesCancelledError
    from distributed.comm import CommClosedError

    run, waiting = uuid.uuid4().hex[:12], list(reversed(range(len(tasks))))
    running: dict[Future, int] = {}
    out: dict[int, Done] = {}
    alone = time.monotonic()
    try:
        while waiting or running:
            threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
            if threads:
                alone = time.monotonic()
            elif time.monotonic() - alone > wait_s:
                what = f"no worker has been left for {wait_s:.0f} s, {len(out)} of {len(tasks)} partitions are done"
                raise Unavailable(what, where=address, right="start workers, and begin again")
            while waiting and len(running) < max(2 * threads, 2):
                i = waiting.pop()
                running[client.submit(work, tasks[i], key=f"wanmi-{run}-{i:05d}", pure=False, retries=2)] = i
            with contextlib.suppress(TimeoutError), client.as_current():
                wait(list(running), timeout=TURN_S, return_when="FIRST_COMPLETED")
            for future in [future for future in running if future.done()]:
                i = running.pop(future)
                out[i] = _result(future, tasks[i], address)
                future.release()
            told(sum(done.rows for done in out.values()), total)
    except (FutureCancelledError, FuturesCancelledError, CommClosedError, TimeoutError):
        what = f"the scheduler is gone, {len(out)} of {len(tasks)} partitions were done"
        raise Unavailable(what, where=address, right="start it and its workers, and begin again") from None
    finally:
        if running:
            with contextlib.suppress(Exception):
                client.cancel(list(running), force=True)
    return [out[i] for i in range(len(tasks))]


def _result(future: Future, task: Task, address: str) -> Done:
    """What a partition came to; a fault of the file, of the cluster, or of the code, in one line each."""
    from distributed.scheduler import KilledWorker

    rows = "" if task.rows is None else f", rows {task.rows[0]:,} to {task.rows[1] - 1:,}"
    where = f"{task.file}{rows}"
    if future.status == "finished":
        found = future.result(timeout=30)
        if isinstance(found, Refused):
            raise found.error()
        return found  # type: ignore[no-any-return]
    if future.status != "error":
        raise Unavailable(f"the scheduler gave the work up ({future.status})", where=address, right="begin again")
    error = future.exception(timeout=30)
    if isinstance(error, KilledWorker):
        what = "several workers went down with this partition"
        raise Unavailable(what, where=where, right="give workers more memory, or look into their logs")
    raise Unavailable(f"a worker failed ({type(error).__name__}: {error})", where=where, right=EXTRA)


def _summed(done: list[Done], parts: list[Partition]) -> Assigned:
    """The sum over partitions; a fault of a whole file is raised."""
    result, counts = Assigned(tally(nothing())), nothing()
    wholes: dict[int, Whole] = {}
    for found, part in zip(done, parts, strict=True):
        result.rows += found.rows
        result.rejected += found.rejected
        counts += found.counts
        wholes.setdefault(part.file, Whole()).add(found.whole)
        if len(result.rejects) < MOST_TOLD and len(found.rejects):
            result.rejects = pd.concat([result.rejects, found.rejects], ignore_index=True).head(MOST_TOLD)
        result.notes += [n for n in found.notes if n not in result.notes][: max(0, MOST_TOLD - len(result.notes))]
    for whole in wholes.values():
        whole.judge()
    result.counts = tally(counts)
    return result


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """A folder beside the output, in which the parts gather; it is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".parts", dir=target.parent))
    folder.chmod(0o777 & ~_umask())  # workers may run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


def _tables(path: str) -> Iterator[pa.Table]:
    """The portions of a part, texts as dictionaries, as they were written."""
    with pq.ParquetFile(path) as head:
        texts = [f.name for f in head.schema_arrow if pa.types.is_string(f.type) and f.name != "id"]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for i in range(file.num_row_groups):
            yield file.read_row_group(i).replace_schema_metadata()


def _one_file(target: Path, tasks: list[Task], done: list[Done]) -> None:
    with written(target) as writer:
        for task, found in zip(tasks, done, strict=True):
            for table in _tables(task.out) if found.rows else ():
                writer.write(table)


def _rejects(target: str | Path, tasks: list[Task], parts: list[Partition], done: list[Done], *, named: bool) -> None:
    """All faults in one CSV, in the order of the rows; with the file's name where there are several."""
    kinds = pa.schema([("row", pa.int64()), ("column", pa.string()), ("value", pa.string()), ("why", pa.string())])
    with written(target, ending=".csv") as writer:
        some = [(task, part) for task, part, d in zip(tasks, parts, done, strict=True) if d.faults]
        empty = kinds.empty_table()
        writer.write(empty.add_column(0, "file", pa.array([], pa.string())) if named else empty)
        for task, part in some:
            table = pq.read_table(f"{task.out}.faults").select(kinds.names).cast(kinds)
            if named:
                table = table.add_column(0, "file", pa.array([Path(part.path).name] * len(table), pa.string()))
            writer.write(table)


def _whole_folder(
    folder: Path, target: Path, then: Snapshot, tasks: list[Task], parts: list[Partition], done: list[Done]
) -> None:
    """Add the manifest, drop what does not belong, and rename the folder into place."""
    listed, keep = [], {MANIFEST}
    for task, part, found in zip(tasks, parts, done, strict=True):
        if found.rows:
            name = Path(task.out).name
            first, stop = part.rows or (1, part.count + 1)
            listed.append(
                {
                    "part": name,
                    "rows": found.rows,
                    "rejected": found.rejected,
                    "file": Path(part.path).name,
                    "first": first,
                    "last": stop - 1,
                    "bytes": Path(task.out).stat().st_size,
                    "worker": found.worker,
                    "seconds": round(found.seconds, 3),
                }
            )
            keep.add(name)
    told = {
        "snapshot": then.version,
        "city": then.city.key,
        "rows": sum(found.rows for found in done),
        "rejected": sum(found.rejected for found in done),
        "parts": listed,
    }
    (folder / MANIFEST).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in folder.iterdir():  # what a lost worker left behind, and faults that are told elsewhere
        if path.name not in keep:
            path.unlink(missing_ok=True)
    try:
        folder.replace(target)
    except OSError as error:
        what = f"cannot be put in place ({error.strerror})"
        raise InputError(what, where=str(target), right="name a folder that is not there yet") from None
