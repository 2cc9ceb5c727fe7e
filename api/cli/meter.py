"""Seconds of each stage of a command, and the most memory that it and its PostgreSQL held at once."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PERIOD_S = 0.3


class Meter:
    """Times stages and samples memory in a thread of its own.

    Parameters
    ----------
    server
        Process id of a private PostgreSQL whose processes count too; None for none.
    begun
        When the command began, as `time.perf_counter` tells it: what passed since is the stage ``start``. None for now.

    Attributes
    ----------
    seconds
        Time of each stage; a stage that comes again adds up.
    peak_mb
        Sum over the processes of what each holds, shared pages divided among them (PSS), in millions of bytes.
    """

    def __init__(self, server: int | None = None, *, begun: float | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = begun
        self.peak_mb = 0.0
        self.server = server
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Meter:
        now = time.perf_counter()
        self._begin = now if self._begun is None else self._begun
        if self._begun is not None:
            self.seconds["start"] = now - self._begun
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.seconds["total"] = time.perf_counter() - self._begin

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def _watch(self) -> None:
        while not self._done.wait(PERIOD_S):
            self.peak_mb = max(self.peak_mb, sum(map(held, [os.getpid(), *family(self.server)])) / 1e6)


def process_began() -> float:
    """When this process began, as `time.perf_counter` tells it; now where the system does not say."""
    now = time.perf_counter()
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return now - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    return now


def family(pid: int | None) -> list[int]:
    """A process and its children, as /proc tells; empty where it does not."""
    if pid is None:
        return []
    out = [pid]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                out.append(int(folder.name))
    return out


def held(pid: int) -> int:
    """Bytes that a process holds (PSS); 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
