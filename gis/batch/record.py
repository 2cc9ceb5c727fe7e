"""The cases of the record, answered and written back, a portion at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Engine

from gis import store
from gis.assign import assign
from gis.batch.portion import counted, nothing, tally
from gis.convert import Cases
from gis.snapshot import Snapshot

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
        As `gis.batch.portion.Told`.
    """
    cases = Cases.read(
        snapshot,
        frame["x"],
        frame["y"],
        frame["class"],
        components=frame["component"],
        at=frame["reported_at"].dt.tz_localize(None).to_numpy(),
        accuracy_m=frame["accuracy_m"],
        no_location=frame["no_location"],
    )
    done = assign(cases, snapshot)
    at = pa.array(cases.instant, pa.timestamp("us", "UTC"))
    told = done.table().add_column(0, "id", pa.array(frame["id"], pa.string())).add_column(1, "at", at)
    return told, counted(done)


def assign_record(
    engine: Engine,
    snapshot: Snapshot,
    *,
    everything: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Answer cases of the record and write the answers back.

    Parameters
    ----------
    everything
        All cases. Otherwise those that are open (not closed), which are answered anew, and those that have no answer
        yet; a closed case keeps the answer that it has.
    progress
        Called with the count of cases done and -1, after each portion; each portion is committed by itself.

    Returns
    -------
    DataFrame
        ``rule``, ``reason``, ``cases``: how many were answered how, most first.
    """
    counts = nothing()
    for frame in store.cases_frames(engine, only_open=not everything, chunk=CHUNK):
        done, found = answers(frame, snapshot)
        store.write_answers(engine, done, snapshot.version)
        counts += found
        if progress:
            progress(int(counts.sum()), -1)
    return tally(counts)
