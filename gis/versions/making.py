"""Snapshots out of the record: the current one, made of as little as has changed, and earlier ones once more."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from gis import store
from gis.snapshot import Snapshot
from gis.snapshot.file import read_header
from gis.snapshot.reuse import same_layers
from gis.versions.kept import Kept, find
from grids.errors import Conflict, InputError, NotFound

log = logging.getLogger("wanmi")
AHEAD = pd.Timedelta(minutes=1)
"""How far a clock may be ahead of ours before its now is the future."""


def up_to_date(
    engine: Engine,
    folder: str | Path | None,
    *,
    where: str = "",
    most: int = 0,
    days: float = 0,
    progress: Callable[[str], None] | None = None,
) -> Snapshot:
    """The record as it is: the kept version when nothing has changed since, else a new one, which is then kept.

    Parameters
    ----------
    folder
        Folder of versions; None keeps nothing.
    where
        Name under which `remembered` finds the record again when it cannot be asked; its URL by default.
    most, days
        How many are kept, and for how long; 0 sets no limit.
    progress
        Called with the name of each stage when there is something to build.

    Returns
    -------
    Snapshot
        Mapped from its file. Only one process at a time builds it, the others wait for that one.

    Raises
    ------
    Unavailable, Conflict
        There is no database, or no city in it.
    """
    city = store.read_city(engine)
    states = store.layer_states(engine)
    if folder is None:
        return build(engine, None, progress=progress)
    kept = Kept(folder, city.key, states["record"])
    where = where or str(engine.url)
    try:
        if kept.current_states() == states and (there := kept.current()) is not None:
            kept.remember(where)
            return there
        with kept.building():
            before = kept.current()
            if before is not None and before.states == store.layer_states(engine):
                kept.remember(where)
                return before
            made = build(engine, before, progress=progress)
            path = kept.add(made)
            kept.remember(where)
    except OSError as error:
        log.warning("snapshots cannot be kept in %s: %s", kept.folder, error.strerror)
        return build(engine, None, progress=progress)
    store.note_snapshot(engine, made.version, at=made.at, known_at=made.known_at)
    kept.prune(most=most, days=days)
    return Snapshot.open(path, verify=False)  # this very process has just made it


def build(
    engine: Engine,
    before: Snapshot | None,
    *,
    at: Any = None,
    known_at: Any = None,
    progress: Callable[[str], None] | None = None,
) -> Snapshot:
    """Compile the record; what has not changed since an earlier snapshot is taken from that.

    Parameters
    ----------
    at
        Instant of cases that tell none; now by default.
    known_at
        Instant as of which rows are believed; by default all that is known.
    """

    def same(states: Any, departments: pd.DataFrame) -> frozenset[str]:
        if before is None:
            return frozenset()
        codes = np.unique(departments["code"].to_numpy(dtype=object).astype(str))
        still = codes.tolist() == before.codes("departments.code")[:-1].tolist()
        return same_layers(before.states, states, made_by=before.maker, same_departments=still)

    with store.record(engine, known_at=known_at, same=same) as record:
        return Snapshot.compile(
            record.city, record.frames, at=at, known_at=record.known_at, progress=progress, states=record.states,
            base=before, same=record.same,
        )  # fmt: skip


def as_known(
    engine: Engine,
    folder: str | Path | None,
    known_at: Any,
    *,
    make: bool = True,
    where: str = "",
    most: int = 0,
    days: float = 0,
    progress: Callable[[str], None] | None = None,
) -> Snapshot | None:
    """The city as it was known at an earlier instant: the version that answered then, else one that is made now.

    Parameters
    ----------
    folder
        Folder of versions; None keeps nothing.
    known_at
        Instant as of which rows are believed.
    make
        Whether it is made when it is not kept; else None is returned then.
    where, most, days
        As `up_to_date` takes them; ``most`` is also how many versions of earlier knowledge are kept beside the others.

    Returns
    -------
    Snapshot or None
        Its ``known_at`` is that of the last change until then. It is exactly right: nothing was recorded between that
        and the instant that was asked for. Where the record and this Wanmi are those of then, it is the version of then
        to the bit.

    Raises
    ------
    InputError
        The instant has not come, or lies before the first record.
    Unavailable, Conflict
        There is no database, or no city in it.
    """
    then = check_known(store.known(engine, known_at), known_at)
    if folder is None:
        return build(engine, None, known_at=known_at, progress=progress) if make else None
    kept = Kept(folder, store.read_city(engine).key, store.layer_states(engine)["record"])
    if (found := _kept(kept, then)) is not None or not make:
        return found
    if then.states is not None and pd.isna(then.until):  # it is what is known now
        return up_to_date(engine, folder, where=where, most=most, days=days, progress=progress)
    try:
        with kept.past.building():
            if (found := _kept(kept, then)) is not None:
                return found
            made = build(engine, kept.current(), known_at=known_at, progress=progress)
            path = kept.past.add(made, current=False)
            kept.past.trim(most)
    except OSError as error:
        log.warning("snapshots cannot be kept in %s: %s", kept.folder, error.strerror)
        return build(engine, kept.current(), known_at=known_at, progress=progress)
    store.note_snapshot(engine, made.version, at=made.at, known_at=made.known_at)
    return Snapshot.open(path, verify=False)  # this very process has just made it


def check_known(then: store.Known, known_at: Any) -> store.Known:
    """Refuse an instant of which the record can say nothing: one that has not come, or before all that it knows.

    Raises
    ------
    InputError
        Naming it, and what could be asked.
    """
    at = past_instant(known_at)
    if pd.isna(then.first) or at < then.first:
        right = "load the city first" if pd.isna(then.first) else f"ask from {then.first.isoformat()} on"
        raise InputError(f"{at.isoformat()} is before the first record", where="known_at", right=right)
    return then


def past_instant(known_at: Any) -> pd.Timestamp:
    """Refuse an instant of knowledge that has not come yet.

    Raises
    ------
    InputError
        Naming it.
    """
    at, now = pd.Timestamp(known_at), pd.Timestamp.now(tz="UTC")
    if at > now + AHEAD:
        right = f"ask until {now.isoformat(timespec='seconds')}; what holds on a day to come is asked with at"
        raise InputError(f"{at.isoformat()} has not come yet", where="known_at", right=right)
    return at


def _kept(kept: Kept, then: store.Known) -> Snapshot | None:
    """A version that is kept and was made of the states of then, by this Wanmi or an earlier one."""
    if then.states is None:
        return None
    for version in (*kept.versions(), *kept.past.versions()):
        with contextlib.suppress(InputError, OSError):  # of another layout, damaged, or just removed
            if then.like(read_header(version.path)["states"]):
                return Snapshot.open(version.path)
    return None


def again(engine: Engine, folder: str | Path | None, version: str) -> Snapshot:
    """A version that answered once: its file, else compiled anew from what the record knew then.

    Raises
    ------
    NotFound
        When neither the folder nor the record knows it.
    Conflict
        When the record of today no longer gives it.
    """
    if folder is not None:
        try:
            return Snapshot.open(find(folder, version))
        except NotFound:
            pass
    noted = store.find_snapshot(engine, version)
    if len(noted) != 1:
        right = "'wanmi snapshot list' shows what is kept"
        raise NotFound(f"{len(noted) or 'no'} versions begin with {version}", where="snapshot", right=right)
    whole, at, known_at = noted[0]
    made = build(engine, None, at=at, known_at=known_at)
    if made.version != whole:
        raise Conflict(
            f"the record as known at {known_at.isoformat()} gives {made.version}, not {whole}",
            where="snapshot",
            right="the city, its classes or Wanmi have changed since; keep files of what must be replayed",
        )
    return made
