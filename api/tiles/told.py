"""Marks of tiles that were told lately, by address: a browser whose tile still holds is told so without a route."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST = 8192


@dataclass(frozen=True)
class _One:
    mark: bytes
    head: bytes
    holds: Callable[[], bool]


class Told:
    """What was told by address; safe for many threads.

    ``holds`` says whether a tile is right without asking anybody: False when the record was not asked of late.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, _One] = OrderedDict()

    def put(self, address: bytes, mark: str, head: bytes, holds: Callable[[], bool]) -> None:
        """Remember a mark, and the lines of headers that go with it."""
        with self._lock:
            self._kept[address] = _One(mark.encode(), head, holds)
            self._kept.move_to_end(address)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def still(self, address: bytes, mark: bytes) -> bytes | None:
        """Headers of the answer that a browser's tile is right; None when that is not sure, or it is not."""
        one = self._kept.get(address)
        return one.head if one is not None and one.mark == mark.removeprefix(b"W/") and one.holds() else None
