"""What was known then: the service's snapshots of earlier knowledge, opened when they are asked for.

A version that is kept is opened at once. Another is made in a process of its own, one at a time and below all others in
priority, so that neither its work nor its memory is the service's; who asks meanwhile is told to come back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from subprocess import PIPE
from typing import TYPE_CHECKING

import pandas as pd
import psycopg2
from sqlalchemy.exc import SQLAlchemyError

from api.instants import read_instant
from api.settings import Settings, engine_for
from api.versions import record_name, versions_folder
from grids.errors import NotFound, Unavailable, WanmiError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gis.snapshot import Snapshot

WAIT_S = 3.0
"""How long a request waits for a snapshot that is being made before it is told to come back."""
MOST_OPEN = 3
"""So many snapshots of earlier knowledge are open in a process."""
FRESH_S = 60.0
"""After so long the record is asked again whether an earlier knowledge is still what it was taken for."""


@dataclass
class _Open:
    """A snapshot that is open, and from when until when it is what was known."""

    snapshot: Snapshot
    since: pd.Timestamp
    until: pd.Timestamp
    looked: float

    def covers(self, known_at: pd.Timestamp) -> bool:
        return self.since <= known_at and (pd.isna(self.until) or known_at < self.until)


class Past:
    """Snapshots of earlier knowledge of one record.

    Parameters
    ----------
    settings
        Where the record and its kept versions are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._lock = threading.Lock()
        self._first = pd.NaT
        self._maker: subprocess.Popen[str] | None = None
        self._making: tuple[pd.Timestamp, Future[tuple[str, str]] | None] = (pd.NaT, None)

    def at(self, engine: Engine, known_at: pd.Timestamp) -> Snapshot:
        """The city as it was known at an instant.

        Raises
        ------
        InputError
            The instant lies before the first record.
        Unavailable
            It is being made, or cannot be.
        """
        from gis import store, versions

        found = self._at_hand(known_at)
        if found is not None and time.monotonic() - found.looked < FRESH_S:
            return found.snapshot
        try:
            then = versions.check_known(store.known(engine, known_at), known_at)
        except (SQLAlchemyError, psycopg2.Error, Unavailable):
            if found is not None:
                return found.snapshot
            raise
        if found is not None and then.like(found.snapshot.states):
            found.looked = time.monotonic()
            return found.snapshot
        snapshot = versions.as_known(engine, versions_folder(self.settings), known_at, make=False)
        if snapshot is None:
            snapshot = self._made(known_at)
        told = then.states is not None
        until = then.until if told else known_at + pd.Timedelta(microseconds=1)
        with self._lock:
            since = then.since if told else known_at
            self._open[snapshot.version] = _Open(snapshot, since, until, time.monotonic())
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        return snapshot

    def checked(self, engine: Engine, known_at: pd.Timestamp) -> pd.Timestamp:
        """An instant of knowledge of which the record can say something.

        Raises
        ------
        InputError
            It lies before the first record.
        """
        from gis import store, versions

        if pd.isna(self._first) or known_at < self._first:
            self._first = versions.check_known(store.known(engine, known_at), known_at).first
        return known_at

    def close(self) -> None:
        """End what is being made."""
        if self._maker is not None and self._maker.poll() is None:
            self._maker.terminate()

    def _at_hand(self, known_at: pd.Timestamp) -> _Open | None:
        with self._lock:
            for version, one in self._open.items():
                if one.covers(known_at):
                    self._open.move_to_end(version)
                    return one
        return None

    def _made(self, known_at: pd.Timestamp) -> Snapshot:
        """Have it made, or wait a while for the one that is being made."""
        from gis import versions
        from gis.snapshot import Snapshot

        with self._lock:
            making, coming = self._making
            if coming is None or (coming.done() and making != known_at):
                making, coming = self._making = known_at, Future()
                threading.Thread(target=self._make, args=self._making, name="wanmi-past", daemon=True).start()
        if making != known_at:
            raise _being_made(making)
        try:
            version, city = coming.result(timeout=WAIT_S)
        except TimeoutError:
            raise _being_made(known_at) from None
        finally:
            with self._lock:
                if coming.done() and self._making[1] is coming:
                    self._making = known_at, None
        try:
            return Snapshot.open(versions.find(versions_folder(self.settings), version, city))
        except NotFound:
            right = "'wanmi snapshot build --known-at' writes it into a file, wherever you say"
            raise Unavailable("the snapshots' folder keeps nothing", where="known_at", right=right) from None

    def _make(self, known_at: pd.Timestamp, coming: Future[tuple[str, str]]) -> None:
        """Run the maker; what it has to do goes by its input, so that no list of processes shows a password."""
        try:
            command = [sys.executable, "-c", "from api.past import make; make()"]
            told = json.dumps({"settings": self.settings.model_dump(), "known_at": known_at.isoformat()})
            with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as maker:
                self._maker = maker
                out, _ = maker.communicate(told + "\n")
            said = json.loads(out.splitlines()[-1]) if out.strip() else {}
            if "version" not in said:
                why = said.get("why", f"its maker ended with {maker.returncode}")
                raise Unavailable(why, where="known_at", right="try again soon")
            coming.set_result((said["version"], said["city"]))
        except Exception as error:
            coming.set_exception(error)


def known_instant(text: str, zone: str) -> pd.Timestamp | None:
    """The instant of a ``known_at``; None of "".

    Raises
    ------
    InputError
        It is no time, or has not come yet.
    """
    from gis.versions import past_instant

    asked = read_instant(text, zone, "known_at")
    return None if asked is None else past_instant(asked)


def _being_made(known_at: pd.Timestamp) -> Unavailable:
    what = f"the city as known at {known_at.isoformat()} is being made"
    return Unavailable(what, where="known_at", right="try again in some seconds")


def make() -> None:
    """Make one snapshot of earlier knowledge, as the input says, and tell its version: the maker's process."""
    from gis import versions

    os.nice(10)
    told = json.loads(sys.stdin.readline())
    settings = Settings(**told["settings"])
    try:
        engine = engine_for(settings)
        made = versions.as_known(
            engine,
            versions_folder(settings),
            pd.Timestamp(told["known_at"]),
            most=settings.keep_snapshots,
            where=record_name(settings),
        )
        assert made is not None
        print(json.dumps({"version": made.version, "city": made.city.key}))
    except (WanmiError, SQLAlchemyError, psycopg2.Error) as error:
        print(json.dumps({"why": str(error).splitlines()[0]}))
