"""The record followed: told of a change, or finding one by itself, it has the current version made anew."""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable

import psycopg2
from psycopg2.extensions import connection as Connection
from sqlalchemy import Engine, exc

from gis.snapshot import Snapshot
from grids.errors import WanmiError

log = logging.getLogger("wanmi")

CHANNEL = "wanmi_record"
QUIET_S, LONGEST_S = 0.1, 1.0
"""A change is waited out until nothing more came for so long, and never longer than the other."""
POLL_S = 5.0
"""How often the record's states are asked for when nothing is told: a lost notification costs no more than this."""
RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses after a failure, one after the other, the last again and again."""


def follow(
    engine: Engine,
    renew: Callable[[], Snapshot],
    *,
    stop: threading.Event,
    poll_s: float = POLL_S,
    found: Callable[[Snapshot], None] = lambda _: None,
) -> None:
    """Call ``renew`` whenever the record has changed, until told to stop.

    Parameters
    ----------
    engine
        The record.
    renew
        Brings the current version up to date, and returns it; cheap when nothing has changed.
    stop
        Ends it within a fraction of a second, a build aside.
    poll_s
        Seconds after which ``renew`` is called although nothing was told.
    found
        Told each version that is new.

    Notes
    -----
    A database that is down, was killed or restarted is tried again for ever, a few seconds apart; whatever was missed
    meanwhile is found by the first ``renew`` after that. A build that fails is tried again when the record changes, or
    at the next poll.
    """
    failures, version, said = 0, "", ""
    line: Connection | None = None
    while not stop.is_set():
        try:
            if line is None:
                line = _listen(engine)
            snapshot = renew()
            if snapshot.version != version:
                version = snapshot.version
                found(snapshot)
            failures, said = 0, ""
            _wait(line, stop, poll_s)
        except (WanmiError, exc.SQLAlchemyError, psycopg2.Error, OSError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            if why != said:
                log.warning("the record is not followed: %s", why)
            said = why
            _close(line)
            line = None
            stop.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1
        except Exception as error:
            if repr(error) != said:
                log.exception("a snapshot could not be made")
            said = repr(error)
            _close(line)
            line = None
            stop.wait(RETRY_S[-1])
    _close(line)


def _listen(engine: Engine) -> Connection:
    """A connection of its own that listens; outside the pool, which would lend it to others."""
    raw = engine.raw_connection()
    inner = raw.driver_connection
    raw.detach()
    assert isinstance(inner, Connection)
    inner.autocommit = True
    with inner.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    return inner


def _wait(line: Connection, stop: threading.Event, poll_s: float) -> None:
    """Wait for a notification and the quiet after it, or until it is time to look by oneself."""
    until, told = time.monotonic() + poll_s, 0.0
    while not stop.is_set() and (now := time.monotonic()) < until:
        ready, _, _ = select.select([line], [], [], min(until - now, QUIET_S if told else 0.2))
        if ready:
            line.poll()
        if line.notifies:
            line.notifies.clear()
            told = told or now
            until = told + LONGEST_S
        elif told and not ready:
            return


def _close(line: Connection | None) -> None:
    if line is not None:
        try:
            line.close()
        except psycopg2.Error:
            return
