"""Snapshots out of the record: the current one, made of as little as has changed, and earlier ones once more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from gis import store
from gis.snapshot import Snapshot
from gis.snapshot.reuse import same_layers
from gis.versions.kept import Kept, find
from grids.errors import Conflict, NotFound

log = logging.getLogger("wanmi")


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
        if before is None or known_at is not None:
            return frozenset()
        codes = np.unique(departments["code"].to_numpy(dtype=object).astype(str))
        still = codes.tolist() == before.codes("departments.code")[:-1].tolist()
        return same_layers(before.states, states, made_by=before.maker, same_departments=still)

    with store.record(engine, known_at=known_at, same=same) as record:
        return Snapshot.compile(
            record.city, record.frames, at=at, known_at=record.known_at, progress=progress, states=record.states,
            base=before, same=record.same,
        )  # fmt: skip


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
