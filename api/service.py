"""What the routes stand on: the settings, the record and the snapshot, opened once for each process."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from fastapi import Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.asked import check_known_at
from api.errors import RETRY_AFTER_S
from api.past import Past, known_instant
from api.settings import Settings, engine_for
from api.versions import named_snapshot, record_snapshot, remembered
from grids.errors import InputError, Unavailable, WanmiError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from sqlalchemy import Engine

    from gis.snapshot import Snapshot

log = logging.getLogger("wanmi")
LOOK_S = 0.2
"""How often a process looks whether there is a newer version: two links are read, no database is asked."""


class Service:
    """The record and the snapshot of one city.

    Both open by themselves when first asked for. What is missing (the database down, the record empty) is
    tried again every few seconds, by one request at a time; the others are told at once to come back.

    A newer version of the record is opened beside and takes the place of the older between two requests. A request
    takes `snapshot` once, and ends on the one it took.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.swaps = 0
        self.opened = time.monotonic()
        self._engine: Engine | None = None
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._failed_at, self._why = -1e9, "starting"
        self._stop = threading.Event()
        self._refused = ""
        self._watch: threading.Thread | None = None
        self._past = Past(settings)

    def open(self) -> None:
        """Open what there is; what is missing is logged and tried again when a request needs it."""
        try:
            self.snapshot  # noqa: B018 - opened by being asked for
        except (WanmiError, SQLAlchemyError) as error:
            log.warning("not ready: %s", str(error).splitlines()[0])
        if self.settings.follow and not self.settings.snapshot:
            self._watch = threading.Thread(target=self._look, name="wanmi-versions", daemon=True)
            self._watch.start()

    def close(self) -> None:
        """Give the connections back."""
        self._stop.set()
        self._past.close()
        if self._watch is not None:
            self._watch.join(5)
        if self._engine is not None:
            self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """The record; raises Unavailable when there is none."""
        if self._engine is None:
            self._engine = engine_for(self.settings)
        return self._engine

    @property
    def snapshot(self) -> Snapshot:
        """The city at an instant: of the file or version of the settings, else of the record as it is."""
        if self._snapshot is None:
            self._fill()
        assert self._snapshot is not None
        return self._snapshot

    @property
    def at_hand(self) -> Snapshot | None:
        """The snapshot where it is open already, else None: asking waits for nobody."""
        return self._snapshot

    def as_known(self, known_at: str) -> Snapshot:
        """The snapshot of what was known at an instant, as a request writes it; that of now for "".

        Takes as long as opening a file, or until it is plain that one must be made first.

        Raises
        ------
        InputError
            It is no time, has not come, or lies before the first record, or before what a file of the settings knows.
        Unavailable
            It is being made: ask again.
        """
        present = self.snapshot
        asked = known_instant(known_at, present.city.time_zone)
        if asked is None or asked >= present.known_at:
            return present
        if self.settings.snapshot:
            check_known_at(present, known_at)
        return self._past.at(self.engine, asked)

    def known_instant(self, known_at: str) -> pd.Timestamp | None:
        """An instant of knowledge for a question to the record, as a request writes it; None for "".

        Raises
        ------
        InputError
            It is no time, has not come, or lies before the first record.
        """
        asked = known_instant(known_at, self.snapshot.city.time_zone)
        return None if asked is None else self._past.checked(self.engine, asked)

    def _fill(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise Unavailable("the snapshot is being built", where="snapshot", right="try again soon")
        try:
            if self._snapshot is not None:
                return
            if time.monotonic() - self._failed_at < RETRY_AFTER_S:
                raise Unavailable(self._why, where="snapshot", right="try again soon")
            try:
                self._take(read_snapshot(self.settings, self))
            except (WanmiError, SQLAlchemyError) as error:
                self._failed_at, self._why = time.monotonic(), str(error).splitlines()[0]
                raise
        finally:
            self._lock.release()

    def _take(self, snapshot: Snapshot) -> None:
        self.swaps += self._snapshot is not None
        self.opened = time.monotonic()
        self._snapshot = snapshot
        log.info("answers from snapshot %s of %s", snapshot.version, snapshot.city.key)

    def _look(self) -> None:
        """Take the newer version when there is one, for as long as the service is open."""
        while not self._stop.wait(LOOK_S):
            path = remembered(self.settings)
            if path is not None and self._snapshot is not None and self._snapshot.version not in path.name:
                self._swap(path)

    def _swap(self, path: Path) -> None:
        from api.warm import warm
        from gis.snapshot import Snapshot

        try:
            newer = Snapshot.open(path)
            warm(newer, self.settings)
            self._take(newer)
        except InputError as error:  # removed in between, or damaged: the older one stays
            if str(error) != self._refused:
                log.warning("a newer snapshot is not used: %s", error)
            self._refused = str(error)
        except Exception:
            log.exception("a newer snapshot cannot be used")
            self._stop.wait(RETRY_AFTER_S)

    def checks(self) -> dict[str, str]:
        """What must be there to serve: "" when fine, else what is wrong."""
        found = {"database": "", "snapshot": ""}
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except (WanmiError, SQLAlchemyError) as error:
            found["database"] = str(error).splitlines()[0]
        try:
            self.snapshot  # noqa: B018 - opened by being asked for
        except (WanmiError, SQLAlchemyError) as error:
            found["snapshot"] = str(error).splitlines()[0]
        return found

    def behind(self) -> bool | None:
        """Whether the record has changed since the snapshot was made; None when that cannot be told."""
        from gis.store import layer_states

        mine = self.snapshot.states
        try:
            states = layer_states(self.engine)
        except (WanmiError, SQLAlchemyError):
            return None
        return mine != states if mine.get("record") == states["record"] else None


def read_snapshot(settings: Settings, service: Service) -> Snapshot:
    """The snapshot of the settings' file or version; without one, the record's as it is.

    A record that cannot be reached, but could be before, is answered for by the version of it that was kept last.

    Raises
    ------
    InputError
        The file is none.
    Unavailable, NotFound
        There is no database, or no city in it.
    """
    from gis.snapshot import Snapshot

    if settings.snapshot:
        return named_snapshot(settings, settings.snapshot)
    try:
        return record_snapshot(settings, service.engine)
    except Unavailable as error:
        path = remembered(settings)
        if path is None:
            raise
        log.warning("answers from the version kept last: %s", str(error).splitlines()[0])
        return Snapshot.open(path)


def service_of(request: Request) -> Service:
    """The service behind a request; a dependency of the routes."""
    service: Any = request.app.state.service
    return service
