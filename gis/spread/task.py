"""What a worker does: open the snapshot itself, answer one partition of a file, leave the answers as one more file.

A task is a few hundred bytes: names of files and numbers of rows. Whatever a worker makes is written under a name of
its own and renamed at the end, so that a partition done twice (its first worker was lost) is there once.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.batch.file import LIMITS, MOST_TOLD, PORTION
from gis.batch.portion import FIELDS, Job
from gis.batch.told import nothing
from gis.batch.writing import written
from gis.files.faults import Whole, no_rejects
from gis.files.planning import Plan, planned
from gis.files.table import Table
from gis.model import City
from gis.profile import Profile
from gis.snapshot import Snapshot
from grids.errors import InputError


@dataclass(frozen=True)
class Reading:
    """How the files say what our layer says: as of `gis.batch.assign_file`, the same for all partitions."""

    profile: Profile | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    set_: str | None = None
    crs: str | None = None

    def opened(self, path: str, city: City) -> AbstractContextManager[tuple[Table, Plan]]:
        """A file of cases, as `gis.files.planning.planned` opens it for answers."""
        return planned(
            path,
            "cases",
            city,
            profile=self.profile,
            mapping=dict(self.mapping) or None,
            set_=self.set_,
            crs=self.crs,
            limits=LIMITS,
            optional=("id", "reported_at"),
            only=FIELDS,
        )


@dataclass(frozen=True)
class Task:
    """One partition.

    Parameters
    ----------
    snapshot, version
        Snapshot file, and the version that it must have.
    file
        File with the cases.
    rows
        Numbers of its rows, from 1: first and beyond the last; None for all.
    out
        Where the answers go: a Parquet file; faults beside it, as ``<out>.faults``.
    reading
        How the file is read.
    """

    snapshot: str
    version: str
    file: str
    rows: tuple[int, int] | None
    out: str
    reading: Reading


@dataclass
class Done:
    """What came of a partition: counts and the first faults, never the answers themselves.

    Parameters
    ----------
    rows, rejected, faults
        Rows of the answers, those at fault, and how many faults they have.
    counts
        As of `gis.batch.told.Told`.
    rejects, notes
        The first thousand faults, and what was assumed.
    whole
        What speaks against the file: to be added up over its partitions.
    worker, seconds
        Who did it, and in which time.
    """

    rows: int
    counts: NDArray[np.int64]
    rejected: int
    rejects: pd.DataFrame
    faults: int
    notes: list[str]
    whole: Whole
    worker: str
    seconds: float


@dataclass(frozen=True)
class Refused:
    """An `InputError` on its way home."""

    what: str
    where: str
    right: str

    def error(self) -> InputError:
        """The error itself."""
        return InputError(self.what, where=self.where, right=self.right)


def work(task: Task) -> Done | Refused:
    """Answer a partition; faults of the file or the snapshot come back as `Refused`."""
    try:
        return _work(task)
    except InputError as error:
        return Refused(error.what, error.where, error.right)


def check_snapshot(path: str, version: str) -> Refused | None:
    """Open the snapshot on this worker; None when it is the one that is asked for."""
    try:
        _snapshot(path, version)
    except InputError as error:
        return Refused(error.what, error.where, error.right)
    return None


_OPEN: dict[tuple[str, str], Snapshot] = {}
_LOCK = threading.Lock()


def _snapshot(path: str, version: str) -> Snapshot:
    """The snapshot, opened and checked byte by byte once in a process; only the last one is kept."""
    with _LOCK:
        if (path, version) not in _OPEN:
            try:
                found = Snapshot.open(path)
            except InputError as error:
                raise InputError(f"{error.what} (on worker {_name()})", where=error.where, right=error.right) from None
            if found.version != version:
                what = f"is version {found.version} on worker {_name()}, not {version}"
                raise InputError(what, where=path, right="give all workers the same snapshot file")
            _OPEN.clear()
            _OPEN[path, version] = found
        return _OPEN[path, version]


def _name() -> str:
    return f"{socket.gethostname()} (process {os.getpid()})"


def _work(task: Task) -> Done:
    began = time.perf_counter()
    snapshot, how = _snapshot(task.snapshot, task.version), task.reading
    done = Done(0, nothing(), 0, no_rejects(), 0, [], Whole(), _name(), 0.0)
    with how.opened(task.file, snapshot.city) as (table, plan):
        done.notes += plan.notes
        rows = None if task.rows is None else range(*task.rows)
        if plan.source.distinct:
            table.stream, rows = None, None  # rows of one thing may stand anywhere
        job, lost = Job(snapshot, plan), [no_rejects()]
        own = f"{task.out}.{uuid.uuid4().hex}"
        with written(own, ending=".parquet") as part:
            for portion in table.portions(list(plan.wanted), plan.where.kind == "geometry", PORTION, rows):
                told = job.answer(portion)
                part.write(told.table)
                done.rows += len(told.table)
                done.counts += told.counts
                done.rejected += told.rejected
                done.whole.add(told.whole)
                done.notes += [note for note in told.notes if note not in done.notes]
                lost.append(told.rejects)
    rejects = pd.concat([some for some in lost if len(some)] or lost[:1], ignore_index=True)
    if done.rows:
        _into_place(rejects, own, task.out)
    done.rejects, done.faults = rejects.head(MOST_TOLD), len(rejects)
    done.notes = done.notes[:MOST_TOLD]
    done.seconds = time.perf_counter() - began
    return done


def _into_place(rejects: pd.DataFrame, own: str, out: str) -> None:
    """Give a partition's files the names that the others know, the answers last."""
    if len(rejects):
        rejects.to_parquet(f"{own}.faults", index=False)
        Path(f"{own}.faults").replace(f"{out}.faults")
    Path(own).replace(out)
