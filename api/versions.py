"""Which snapshot a command or the service answers from: a file, a version, or the record's, which is then kept."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.settings import Settings, dsn_for, engine_for
from grids.errors import Conflict, InputError, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sqlalchemy import Engine

    from gis.model import City
    from gis.snapshot import Snapshot

log = logging.getLogger("wanmi")
KNOWN_AT = "--known-at"


def versions_folder(settings: Settings) -> Path:
    """Folder in which versions are kept."""
    from gis.state import state_folder

    if settings.snapshots:
        return Path(settings.snapshots).expanduser()
    return (Path(settings.state).expanduser() if settings.state else state_folder()) / "snapshots"


def record_name(settings: Settings) -> str:
    """What the settings call the record, for the time when it cannot be asked for its own name."""
    return settings.dsn or f"{settings.state}:{settings.city}"


def named_snapshot(settings: Settings, name: str, *, city: str = "") -> Snapshot:
    """The snapshot of a file, or a version that is kept or that the record can give again.

    Parameters
    ----------
    city
        Key of the city that it must be of; any when "".

    Raises
    ------
    InputError
        The file is none, is damaged, or of another city.
    NotFound, Unavailable
        No such version is kept, and the record does not know it or cannot be asked.
    """
    from gis import versions
    from gis.snapshot import Snapshot

    if Path(name).exists() or not versions.is_version(name):
        return Snapshot.open(name, city=city)
    folder = versions_folder(settings)
    try:
        return Snapshot.open(versions.find(folder, name), city=city)
    except NotFound as error:
        lost = error
        from gis import store

        try:
            engine = engine_for(settings)
            known = store.find_snapshot(engine, name)
        except (Unavailable, Conflict):
            raise lost from None
    if not known:
        raise lost
    return versions.again(engine, None, name)


def record_snapshot(settings: Settings, engine: Engine, *, progress: Callable[[str], None] | None = None) -> Snapshot:
    """The record as it is, kept when it was not yet."""
    from gis import versions

    return versions.up_to_date(
        engine,
        versions_folder(settings),
        where=record_name(settings),
        most=settings.keep_snapshots,
        days=settings.keep_days,
        progress=progress,
    )


def latest_snapshot(settings: Settings, *, progress: Callable[[str], None] | None = None) -> Snapshot:
    """The record as it is, for a command that asks once: the version kept last where nothing has changed since."""
    from gis import versions
    from gis.snapshot import Snapshot

    dsn = dsn_for(settings)
    if path := versions.unchanged(versions_folder(settings), record_name(settings), dsn):
        with contextlib.suppress(InputError):  # damaged: it is made anew
            return Snapshot.open(path)
    engine = engine_for(settings)
    try:
        return record_snapshot(settings, engine, progress=progress)
    finally:
        engine.dispose()


def known_snapshot(settings: Settings, known_at: str, *, progress: Callable[[str], None] | None = None) -> Snapshot:
    """The city as it was known at an instant of ``--known-at``: the version of then, or one that is made and kept.

    Raises
    ------
    InputError
        It is no time, has not come, or lies before the first record.
    """
    from api.cli.values import instant
    from gis import store, versions

    engine = engine_for(settings)
    try:
        asked = instant(known_at, zone=store.read_city(engine).time_zone, where=KNOWN_AT)
        done = versions.as_known(
            engine,
            versions_folder(settings),
            asked,
            where=record_name(settings),
            most=settings.keep_snapshots,
            days=settings.keep_days,
            progress=progress,
        )
    except InputError as error:
        raise InputError(error.what, where=KNOWN_AT, right=error.right) from None
    finally:
        engine.dispose()
    assert done is not None
    return done


def known_instant(engine: Engine, city: City, known_at: str) -> pd.Timestamp:
    """An instant of ``--known-at`` of which the record can say something, UTC.

    Raises
    ------
    InputError
        It is no time, has not come, or lies before the first record.
    """
    from api.cli.values import instant
    from gis import store, versions

    asked = instant(known_at, zone=city.time_zone, where=KNOWN_AT)
    try:
        versions.check_known(store.known(engine, asked), asked)
    except InputError as error:
        raise InputError(error.what, where=KNOWN_AT, right=error.right) from None
    return asked


def check_file_knows(snapshot: Snapshot, known_at: str) -> None:
    """Refuse to ask a file for what was known before it: it holds one state of knowledge.

    Raises
    ------
    InputError
        It is no time, has not come, or the file knows more than was known then.
    """
    from api.cli.values import instant
    from gis.versions import past_instant

    asked = instant(known_at, zone=snapshot.city.time_zone, where=KNOWN_AT)
    try:
        past_instant(asked)
    except InputError as error:
        raise InputError(error.what, where=KNOWN_AT, right=error.right) from None
    if asked < snapshot.known_at:
        what = f"the snapshot knows what was recorded until {snapshot.known_at.isoformat(timespec='seconds')}"
        raise InputError(what, where=KNOWN_AT, right="leave --snapshot out to ask the record")


def remembered(settings: Settings) -> Path | None:
    """File of the version that was current when the record could last be asked."""
    from gis import versions

    return versions.remembered(versions_folder(settings), record_name(settings))


def at_instant(snapshot: Snapshot, at: Any) -> Snapshot:
    """The same snapshot with another instant for cases that tell none."""
    return dataclasses.replace(snapshot, at=at)
