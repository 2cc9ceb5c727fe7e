"""What the routes stand on: the settings, the record and the snapshot, opened once for each process."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from fastapi import Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.errors import RETRY_AFTER_S
from api.settings import Settings, engine_for
from grids.errors import Unavailable, WanmiError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gis.snapshot import Snapshot

log = logging.getLogger("wanmi")


class Service:
    """The record and the snapshot of one city.

    Both open by themselves when first asked for. What is missing (the database down, the record empty) is
    tried again every few seconds, by one request at a time; the others are told at once to come back.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine: Engine | None = None
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._failed_at, self._why = -1e9, "starting"

    def open(self) -> None:
        """Open what there is; what is missing is logged and tried again when a request needs it."""
        try:
            self.snapshot  # noqa: B018 - opened by being asked for
        except (WanmiError, SQLAlchemyError) as error:
            log.warning("not ready: %s", str(error).splitlines()[0])

    def close(self) -> None:
        """Give the connections back."""
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
        """The city at an instant, from its file or compiled from the record."""
        if self._snapshot is None:
            self._fill()
        assert self._snapshot is not None
        return self._snapshot

    @property
    def at_hand(self) -> Snapshot | None:
        """The snapshot where it is open already, else None: asking waits for nobody."""
        return self._snapshot

    def _fill(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise Unavailable("the snapshot is being built", where="snapshot", right="try again soon")
        try:
            if self._snapshot is not None:
                return
            if time.monotonic() - self._failed_at < RETRY_AFTER_S:
                raise Unavailable(self._why, where="snapshot", right="try again soon")
            self._snapshot = read_snapshot(self.settings, self)
            log.info("snapshot %s of %s", self._snapshot.version, self._snapshot.city.key)
        except (WanmiError, SQLAlchemyError) as error:
            self._failed_at, self._why = time.monotonic(), str(error).splitlines()[0]
            raise
        finally:
            self._lock.release()

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


def read_snapshot(settings: Settings, service: Service) -> Snapshot:
    """The snapshot of the settings' file; without one, compiled from the record.

    Raises
    ------
    InputError
        The file is none.
    Unavailable, NotFound
        There is no database, or no city in it.
    """
    from gis.snapshot import Snapshot

    if settings.snapshot:
        return Snapshot.open(settings.snapshot)
    from gis import store

    city = store.read_city(service.engine)
    return Snapshot.compile(city, store.city_frames(service.engine))


def service_of(request: Request) -> Service:
    """The service behind a request; a dependency of the routes."""
    return request.app.state.service
