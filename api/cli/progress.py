"""What a command shows while it works: on a terminal, after two seconds, on stderr; else nothing."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

DELAY_S = 2.0


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much of a work is done, its rate and the time left, for as long as the context lasts.

    Yields
    ------
    callable
        To be called with what is done and what there is in all, -1 where nobody knows.
    """
    if not sys.stderr.isatty():
        yield lambda done, all_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(pulse_style="cyan"), TimeElapsedColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)
    timer = threading.Timer(DELAY_S, bar.start)
    timer.daemon = True
    timer.start()

    def show(done: int, all_: int) -> None:
        said = f"{done:,} of {all_:,} {what}" if all_ >= 0 else f"{done:,} {what}"
        bar.update(task, description=said, completed=done, total=all_ if all_ >= 0 else None)

    try:
        yield show
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


@contextlib.contextmanager
def stages(title: str) -> Iterator[Callable[[str], None]]:
    """Show the stage of a work and the time it has taken, for as long as the context lasts.

    Yields
    ------
    callable
        To be called with the name of each stage, as the loaders and the snapshot do.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(pulse_style="cyan"), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=None)
    timer = threading.Timer(DELAY_S, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda stage: bar.update(task, description=f"{title}: {stage}")
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
