"""From a file to a file without a database, streamed: memory does not grow with the file."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from gis.batch.portion import FIELDS, Job
from gis.batch.told import Told, nothing, tally
from gis.batch.writing import Writer, checked, written
from gis.files import Limits
from gis.files.faults import Whole, no_rejects
from gis.files.planning import planned
from gis.files.table import Portion
from gis.profile import Profile, read_profile
from gis.snapshot import Snapshot
from grids.errors import InputError

PORTION = 1 << 17
"""Rows that are read, answered and written together."""
LIMITS = Limits(bytes=1 << 42, rows=1 << 40)
"""A file is streamed: nothing of it is too large but what would fill a disk."""
MOST_TOLD = 1000
"""Faults that are kept in memory; all are counted, and written where the caller says."""


@dataclass
class Assigned:
    """What came of a file.

    Parameters
    ----------
    counts
        ``rule``, ``reason``, ``cases`` of the rows that were answered, most first.
    rows
        Rows of the answers.
    rejected
        Rows at fault: they have no answer.
    rejects
        ``row, column, value, why`` of the first thousand faults.
    notes
        What was assumed or left out, one line each.
    """

    counts: pd.DataFrame
    rows: int = 0
    rejected: int = 0
    rejects: pd.DataFrame = field(default_factory=no_rejects)
    notes: list[str] = field(default_factory=list)


def assign_file(
    path: str | Path,
    out: str | Path,
    snapshot: Snapshot,
    *,
    profile: Profile | str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    set_: str | None = None,
    crs: str | None = None,
    at_column: str | None = None,
    rejects: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    size: int = PORTION,
    threads: int | None = None,
) -> Assigned:
    """Answer the cases of a file into another; no database is asked.

    Parameters
    ----------
    path
        Cases in any format of `gis.files.read_layer`. A place and a class are enough: the row's number, from 1, stands
        for a missing ``id``, the snapshot's instant for a missing ``reported_at``; a number twice is answered twice.
    out
        ``.csv`` or ``.parquet``; it appears whole or not at all. One row for each of the file, in its order: ``id``,
        ``at``, the columns of `gis.assign.Resolution.table`, and ``fault``: why a row was rejected, "" where it was
        answered. The answer of a rejected row is missing ("" in text, null else).
    mapping
        Our field -> the file's column, as in `gis.files.read_layer`.
    at_column
        Column with the instant of each case; wins over the mapping.
    rejects
        CSV for all faults, ``row, column, value, why``; None for none.
    progress
        Called with the rows done and those of the file (-1 where it does not tell).
    size
        Rows of a portion; the answers do not depend on it.
    threads
        Portions at work at the same time; all cores by default.

    Returns
    -------
    Assigned

    Raises
    ------
    InputError
        A format that we do not write, a profile of another city, or a fault of the file: then nothing is written.
    """
    checked(out)
    known = read_profile(profile) if isinstance(profile, (str, Path)) else profile
    if known and known.city.key != snapshot.city.key:
        what = f"the profile is of {known.city.key}, the snapshot of {snapshot.city.key}"
        raise InputError(what, where=known.path, right="they are of one city")
    mapping = {**(mapping or {}), **({"reported_at": at_column} if at_column else {})}
    told = progress or (lambda done, all_: None)
    with planned(
        path,
        "cases",
        snapshot.city,
        profile=known,
        mapping=mapping or None,
        set_=set_,
        crs=crs,
        limits=LIMITS,
        optional=("id", "reported_at"),
        only=FIELDS,
    ) as (table, plan):
        if plan.source.distinct:
            table.stream = None  # rows of one thing may stand anywhere
        portions = table.portions(list(plan.wanted), plan.where.kind == "geometry", size)
        done = Assigned(tally(nothing()), notes=list(plan.notes))
        whole, counts = Whole(), nothing()
        with _both(out, rejects) as (answers, faults):
            for part in ahead(portions, Job(snapshot, plan).answer, threads or os.cpu_count() or 1):
                answers.write(part.table)
                if faults is not None and len(part.rejects):
                    faults.write(_faults_table(part.rejects))
                _sum(done, part)
                whole.add(part.whole)
                counts += part.counts
                told(done.rows, table.count)
            if not done.rows:
                raise InputError("has no rows", where=plan.name, right="give a file with rows")
            whole.judge()
    done.counts = tally(counts)
    return done


def ahead(portions: Iterator[Portion], work: Callable[[Portion], Told], threads: int) -> Iterator[Told]:
    """Work on several portions at once; what comes of them is handed out in their order.

    At most ``threads + 1`` portions are held at a time. An error of one is raised in its turn.
    """
    if threads == 1:
        yield from map(work, portions)
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[Told]] = deque()
        try:
            for portion in portions:
                running.append(pool.submit(work, portion))
                del portion
                if len(running) > threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for left in running:
                left.cancel()


@contextlib.contextmanager
def _both(out: str | Path, rejects: str | Path | None) -> Iterator[tuple[Writer, Writer | None]]:
    """The file of answers and that of the faults, which appear together."""
    with contextlib.ExitStack() as stack:
        answers = stack.enter_context(written(out))
        faults = stack.enter_context(written(rejects, ending=".csv")) if rejects else None
        if faults is not None:
            faults.write(_faults_table(no_rejects()))
        yield answers, faults


def _faults_table(rejects: pd.DataFrame) -> pa.Table:
    kinds = pa.schema([("row", pa.int64()), ("column", pa.string()), ("value", pa.string()), ("why", pa.string())])
    return pa.Table.from_pandas(rejects, kinds, preserve_index=False)


def _sum(done: Assigned, part: Told) -> None:
    done.rows += len(part.table)
    done.rejected += part.rejected
    if len(done.rejects) < MOST_TOLD and len(part.rejects):
        done.rejects = pd.concat([done.rejects, part.rejects], ignore_index=True).head(MOST_TOLD)
    done.notes += [note for note in part.notes if note not in done.notes][: max(0, MOST_TOLD - len(done.notes))]
