"""The keeper: one process beside the workers that makes a snapshot whenever the record changes.

It has a process of its own, so that building takes no time from the answers and its memory goes with it. The workers
only look at a link in the folder of versions: what becomes of the keeper, or of the database, is nothing to them.
"""

from __future__ import annotations

import contextlib
import logging.config
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from api.settings import Settings, engine_for
from api.versions import record_snapshot
from grids.errors import WanmiError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from sqlalchemy import Engine

    from gis.snapshot import Snapshot

log = logging.getLogger("wanmi")
PAUSES_S = (0.2, 1.0, 5.0, 15.0)
"""Before a keeper that ended is started again."""
FIRST_S = 120.0
"""How long the service waits for its first snapshot before it starts without one."""


def keep(settings: Settings, *, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
    """Keep the current version up to date until told to stop; ``ready`` is called after the first attempt."""
    from gis import versions

    engine: Engine | None = None
    while engine is None and not stop.is_set():
        try:
            engine = engine_for(settings)
            record_snapshot(settings, engine)
        except (WanmiError, SQLAlchemyError) as error:
            log.warning("no snapshot yet: %s", str(error).splitlines()[0])
        ready()
        if engine is None:
            stop.wait(PAUSES_S[2])
    if engine is not None:
        versions.follow(engine, partial(record_snapshot, settings, engine), stop=stop, found=_say)
        engine.dispose()


def _say(snapshot: Snapshot) -> None:
    log.info("snapshot %s of %s, known at %s", snapshot.version, snapshot.city.key, snapshot.known_at.isoformat())


def _main(settings: Settings, log_config: dict[str, Any], ready: Any, once: bool) -> None:
    """The keeper's process: ends with the one that started it, however that ended."""
    logging.config.dictConfig(log_config)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent ends us
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), name="wanmi-parent", daemon=True).start()

    def first() -> None:
        ready.set()
        if once:
            stop.set()

    keep(settings, stop=stop, ready=first)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(0)


@contextlib.contextmanager
def keeping(settings: Settings, log_config: dict[str, Any]) -> Iterator[None]:
    """Have a keeper beside for as long as the block lasts; one that dies is started again.

    The block begins when the keeper has made the first snapshot, or could not.
    With ``follow`` off the keeper ends then.
    """
    context = multiprocessing.get_context("spawn")
    ready, over = context.Event(), threading.Event()
    once = not settings.follow

    def start() -> BaseProcess:
        process = context.Process(
            target=_main, args=(settings, log_config, ready, once), name="wanmi-keeper", daemon=True
        )
        process.start()
        return process

    keeper = start()

    def watch() -> None:
        nonlocal keeper
        ends = 0
        while True:
            keeper.join()
            ready.set()
            if once or over.wait(PAUSES_S[min(ends, len(PAUSES_S) - 1)]):
                return
            ends += 1
            log.warning("the keeper of snapshots ended (%s) and is started again", keeper.exitcode)
            keeper = start()

    watcher = threading.Thread(target=watch, name="wanmi-keeper", daemon=True)
    watcher.start()
    ready.wait(FIRST_S)
    try:
        yield
    finally:
        over.set()
        keeper.terminate()
        watcher.join(5)
