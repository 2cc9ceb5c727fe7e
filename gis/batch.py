"""Many cases at once: from a file to a file without a database, or those of the record, answered and written back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import shapely
from sqlalchemy import Engine

from gis import files, store
from gis.assign import Cases, assign
from gis.profile import Profile, read_profile
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
    """Answer cases of the record and write the answers back.

    Parameters
    ----------
    everything
        All cases. Otherwise those that are open (not closed), which are answered anew, and those that have no answer
        yet; a closed case keeps the answer that it has.
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
    profile: Profile | str | Path | None = None,
    mapping: Mapping[str, str] | None = None,
    set_: str | None = None,
    crs: str | None = None,
    at_column: str | None = None,
) -> tuple[pd.DataFrame, files.Checked]:
    """Answer the cases of a file into another; no database is asked.

    Parameters
    ----------
    path
        Cases in any format of `gis.files.read_layer`. A place and a class are enough: the row's number, from 1, stands
        for a missing ``id``, the snapshot's instant for a missing ``reported_at``; a number twice is answered twice.
    out
        ``.csv`` or ``.parquet``, see `whole`; it appears whole or not at all.
    mapping
        Our field -> the file's column, as in `gis.files.read_layer`.
    at_column
        Column with the instant of each case; wins over the mapping.

    Returns
    -------
    DataFrame
        ``rule``, ``reason``, ``cases`` of the rows that were answered.
    Checked
        What the file gave: rejects and notes.

    Raises
    ------
    InputError
        A format that we do not write, a profile of another city, or a fault of the file.
    """
    out = Path(out)
    ending = out.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(
            f"cannot write {out.suffix or 'a file without an ending'}", where=str(out), right=".csv or .parquet"
        )
    known = read_profile(profile) if isinstance(profile, (str, Path)) else profile
    if known and known.city.key != snapshot.city.key:
        what = f"the profile is of {known.city.key}, the snapshot of {snapshot.city.key}"
        raise InputError(what, where=known.path, right="they are of one city")
    mapping = {**(mapping or {}), **({"reported_at": at_column} if at_column else {})}
    checked = files.read_layer(
        path,
        "cases",
        snapshot.city,
        profile=known,
        mapping=mapping or None,
        set_=set_,
        crs=crs,
        optional=("id", "reported_at"),
    )
    for frame in (checked.frame, checked.lost):
        if len(frame):
            frame["id"] = frame["id"].mask(frame["id"] == "", frame.index.astype("str").to_series(frame.index))
    done = answers(checked.frame, snapshot)
    told = whole(done.set_axis(checked.frame.index, axis=0), checked)
    part = out.with_name(out.name + ".part")
    if ending == ".csv":
        told.to_csv(part, index=False)
    else:
        told.to_parquet(part, index=False)
    part.replace(out)
    return tally([done.groupby(["rule", "reason"], sort=True).size()]), checked


def whole(done: pd.DataFrame, checked: files.Checked) -> pd.DataFrame:
    """Answers and rejected rows together, one row for each of the file, in its order.

    Parameters
    ----------
    done
        Answers, index = row of the file.
    checked
        What the file gave.

    Returns
    -------
    DataFrame
        Columns of ``done``, and ``fault``: why a row was rejected, "" where it was answered. The answer of a rejected
        row is missing ("" in text, null else); so is the ``id`` of one that fell apart.
    """
    rejects = checked.rejects
    value = (" '" + rejects["value"] + "'").where(rejects["value"] != "", "")
    fault = (rejects["column"] + value + ": " + rejects["why"]).groupby(rejects["row"]).agg("; ".join)
    rows = done.index.union(fault.index).union(checked.lost.index)
    flags = {name: "boolean" for name in done.columns if done[name].dtype == bool}
    out = done.astype(flags).reindex(rows)
    if len(checked.lost):
        out["id"] = out["id"].fillna(checked.lost["id"])
    text = [name for name in out.columns if pd.api.types.is_string_dtype(done[name].dtype)]
    out[text] = out[text].fillna("").astype("str")
    out["fault"] = fault.reindex(rows).fillna("").astype("str")
    return out.reset_index(drop=True)


def tally(counts: list[pd.Series]) -> pd.DataFrame:
    """Sum counts by rule and reason, most first, then by name."""
    if not counts:
        return pd.DataFrame({"rule": [], "reason": [], "cases": []})
    total = pd.concat(counts).groupby(level=[0, 1]).sum().rename("cases").reset_index()
    return total.sort_values(["cases", "rule", "reason"], ascending=[False, True, True], ignore_index=True)
