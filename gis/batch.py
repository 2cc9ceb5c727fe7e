"""Many cases at once: from a file to a file without a database, or those of the record, answered and written back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import shapely
from sqlalchemy import Engine

from gis import files, store
from gis.assign import Cases, assign
from gis.profile import read_profile
from gis.snapshot import Snapshot
from grids.errors import InputError

CHUNK = 500_000
"""Cases of the record that are held in memory at a time."""


def answers(frame: pd.DataFrame, snapshot: Snapshot) -> pd.DataFrame:
    """Answer canonical cases.

    Parameters
    ----------
    frame
        Columns of the layer ``cases``; places as ``x`` and ``y`` or as point geometry, metres of the city's CRS, NaN
        or empty for none. Each case is answered for its ``reported_at``.

    Returns
    -------
    DataFrame
        ``id``, ``at`` and the columns of `gis.assign.Resolution.frame`, in the order of the cases.
    """
    x, y = (frame["x"], frame["y"]) if "x" in frame else _places(frame)
    cases = Cases.read(
        snapshot,
        x,
        y,
        frame["class"],
        components=frame["component"],
        at=frame["reported_at"],
        accuracy_m=frame["accuracy_m"],
        no_location=frame["no_location"],
    )
    done = assign(cases, snapshot).frame()
    done.insert(0, "id", frame["id"].to_numpy())
    done.insert(1, "at", pd.to_datetime(pd.Series(cases.instant), unit="us", utc=True).dt.as_unit("us"))
    return done


def _places(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    shapes = frame["geometry"].to_numpy()
    return shapely.get_x(shapes), shapely.get_y(shapes)


def assign_record(
    engine: Engine,
    snapshot: Snapshot,
    *,
    everything: bool = False,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Answer the cases of the record that have no answer yet, or all of them, and write the answers back.

    Parameters
    ----------
    progress
        Called with the count of cases done, after each portion; each portion is committed by itself.

    Returns
    -------
    DataFrame
        ``rule``, ``reason``, ``cases``: how many were answered how, most first.
    """
    counts = []
    for frame in store.cases_frames(engine, only_open=not everything, chunk=CHUNK):
        done = answers(frame, snapshot)
        store.write_answers(engine, done, snapshot.version)
        counts.append(done.groupby(["rule", "reason"], sort=True).size())
        if progress:
            progress(len(done))
    return tally(counts)


def assign_file(
    path: str | Path,
    out: str | Path,
    snapshot: Snapshot,
    *,
    profile: str | Path | None = None,
    crs: str | None = None,
    at_column: str | None = None,
) -> tuple[pd.DataFrame, files.Checked]:
    """Answer the cases of a file into another; no database is asked.

    Parameters
    ----------
    path
        Cases in any format of `gis.files.read_layer`.
    out
        ``.csv`` or ``.parquet``: ``id``, ``at`` and the answer, one row for each good row, in their order.
    at_column
        Column with the instant of each case.

    Returns
    -------
    DataFrame
        ``rule``, ``reason``, ``cases``.
    Checked
        What the file gave: rejects and notes.
    """
    out = Path(out)
    if out.suffix not in (".csv", ".parquet"):
        raise InputError(
            f"cannot write {out.suffix or 'a file without an ending'}", where=str(out), right=".csv or .parquet"
        )
    known = read_profile(profile) if profile else None
    mapping = {"reported_at": at_column} if at_column else None
    checked = files.read_layer(path, "cases", snapshot.city, profile=known, mapping=mapping, crs=crs)
    done = answers(checked.frame, snapshot)
    part = out.with_name(out.name + ".part")
    if out.suffix == ".csv":
        done.to_csv(part, index=False)
    else:
        done.to_parquet(part, index=False)
    part.replace(out)
    return tally([done.groupby(["rule", "reason"], sort=True).size()]), checked


def tally(counts: list[pd.Series]) -> pd.DataFrame:
    """Sum counts by rule and reason, most first, then by name."""
    if not counts:
        return pd.DataFrame({"rule": [], "reason": [], "cases": []})
    total = pd.concat(counts).groupby(level=[0, 1]).sum().rename("cases").reset_index()
    return total.sort_values(["cases", "rule", "reason"], ascending=[False, True, True], ignore_index=True)
