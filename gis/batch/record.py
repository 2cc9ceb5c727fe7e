"""The cases of the record, answered and written back, a portion at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Engine

from gis import store
from gis.assign import assign
from gis.batch.told import counted, nothing, tally
from gis.convert import Cases
from gis.snapshot import Snapshot
from gis.store import runs

CHUNK = 500_000
"""Cases of the record that are held in memory at a time."""


def answers(frame: pd.DataFrame, snapshot: Snapshot) -> tuple[pa.Table, NDArray[np.int64]]:
    """Answer cases of the record.

    Parameters
    ----------
    frame
        Columns of the layer ``cases``; places as ``x`` and ``y``, metres of the city's CRS, NaN for none. Each case is
        answered for its ``reported_at``.

    Returns
    -------
    pyarrow.Table
        ``id``, ``at`` and the columns of `gis.assign.Resolution.table`, in the order of the cases. A case whose class
        the city no longer has is answered without one: a case must have an owner.
    counts
        As `gis.batch.told.Told`.
    """
    cases = Cases.read(
        snapshot,
        frame["x"],
        frame["y"],
        frame["class"],
        components=frame["component"],
        at=frame["reported_at"].dt.tz_localize(None).to_numpy(),
        accuracy_m=frame["accuracy_m"],
        channels=frame["channel"],
        no_location=frame["no_location"],
    )
    done = assign(cases, snapshot)
    at = pa.array(cases.instant, pa.timestamp("us", "UTC"))
    told = done.table().add_column(0, "id", pa.array(frame["id"], pa.string())).add_column(1, "at", at)
    return told, counted(done)


@dataclass
class Answered:
    """What came of a run.

    Parameters
    ----------
    counts
        ``rule``, ``reason``, ``cases``: how many were answered how, most first.
    since
        Version whose answers stand, because nothing that concerns their cases has changed since; "" when all were
        given anew.
    """

    counts: pd.DataFrame
    since: str = ""


def assign_record(
    engine: Engine,
    snapshot: Snapshot,
    *,
    everything: bool = False,
    anew: bool = False,
    progress: Callable[[int, int], None] | None = None,
    chunk: int = CHUNK,
) -> Answered:
    """Answer cases of the record and write the answers back.

    When it is done, each case of its scope has the answer that ``snapshot`` gives. Where a run before it was done,
    only those are answered that something concerns which has changed since; the answers of the others stand, and
    keep the version that gave them (see `gis.store.runs`). Broken off, it is taken up where it was.

    Parameters
    ----------
    everything
        All cases. Otherwise those that are open (not closed), and those that have no answer yet; a closed case keeps
        the answer that it has.
    anew
        Answer all of them, whatever has changed.
    progress
        Called with the count of cases done and that of all, -1 where it is not known, after each portion; each portion
        is committed by itself.
    chunk
        Cases of a portion.
    """
    run = runs.begin_run(engine, snapshot, everything=everything, anew=anew)
    if run.due is None:
        frames = store.cases_frames(engine, only_open=not everything, chunk=chunk)
    else:
        frames = runs.due_frames(engine, run.due, chunk=chunk)
    counts = nothing()
    for frame in frames:
        done, found = answers(frame, snapshot)
        store.write_answers(engine, done, snapshot.version)
        counts += found
        if progress:
            progress(int(counts.sum()), -1 if run.due is None else len(run.due))
    runs.end_run(engine, run, int(counts.sum()))
    return Answered(tally(counts), run.since)
