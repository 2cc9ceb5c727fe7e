"""Vector tiles that were drawn, kept while what they were drawn from is the same."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from api.pages.mercator import tile_box
from api.tiles.vector import Kind, Tile, kind_of, layer_states, next_turn, vector_tile
from grids.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gis.model import City

FRESH_S = 0.25
"""The record is asked what changed at most so often: a tile is at most so much older than the record."""
AWAY_S = 2.0
"""How long a database that is away is not asked again; tiles that are there are shown meanwhile."""
MOST_BYTES = 64_000_000
"""Tiles that a process keeps."""


@dataclass(frozen=True)
class Kept:
    """A tile with its mark: the digest of its bytes, so it changes exactly when they do."""

    tile: Tile
    packed: bytes
    mark: str
    states: tuple[str, ...]
    until: pd.Timestamp

    @classmethod
    def of(cls, tile: Tile, states: tuple[str, ...], until: pd.Timestamp) -> Kept:
        packed = gzip.compress(tile.data, 1, mtime=0) if len(tile.data) > 500 else b""
        return cls(tile, packed, hashlib.sha256(tile.data).hexdigest()[:20], states, until)

    def holds(self, states: tuple[str, ...]) -> bool:
        return self.states == states and (pd.isna(self.until) or pd.Timestamp.now(tz="UTC") < self.until)


class Shelf:
    """Vector tiles of one record, drawn when first asked for; safe for many threads."""

    def __init__(self, *, fresh_s: float = FRESH_S, most_bytes: int = MOST_BYTES) -> None:
        self.fresh_s, self.most_bytes = fresh_s, most_bytes
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._states: dict[str, str] = {}
        self._turns: dict[str, tuple[str, pd.Timestamp]] = {}
        self._asked = -1e9

    def tile(
        self, engine: Engine, city: City, layer: str, z: int, x: int, y: int, *, of: str = "", **values: Any
    ) -> Kept:
        """A tile of `api.tiles.vector.vector_tile`, drawn anew when one of its layers changed; `of` tells values apart.

        Raises
        ------
        NotFound
            There is no such layer or tile.
        Unavailable
            The database is away, and the tile is not here.
        """
        tile_box(z, x, y)
        kind = kind_of(layer, z)
        key = (layer, z, x, y, of)
        states = tuple(self.states(engine).get(name, "") for name in kind.states)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
        if kept is not None and kept.holds(states):
            return kept
        try:
            until = self._turn(engine, kind, states)
            made = Kept.of(vector_tile(engine, city, layer, z, x, y, **values), states, until)
        except Unavailable:
            if kept is not None:
                return kept
            raise
        self._put(key, made)
        return made

    @property
    def fresh(self) -> bool:
        """Whether the record was asked what changed within `fresh_s`."""
        return time.monotonic() - self._asked < self.fresh_s

    def holding(self, kept: Kept, layer: str, z: int) -> Callable[[], bool]:
        """Whether a tile is right without asking the record again; it keeps the tile's marks, not the tile."""
        names, states, until = kind_of(layer, z).states, kept.states, kept.until

        def holds() -> bool:
            same = self.fresh and states == tuple(self._states.get(name, "") for name in names)
            return same and (pd.isna(until) or pd.Timestamp.now(tz="UTC") < until)

        return holds

    def states(self, engine: Engine) -> dict[str, str]:
        """States of the layers, at most `fresh_s` old; those known last while the database is away."""
        now = time.monotonic()
        if self.fresh:
            return self._states
        try:
            self._states = layer_states(engine)
            self._asked = now
        except Unavailable:
            if not self._states:
                raise
            self._asked = now + AWAY_S - self.fresh_s
        return self._states

    def _turn(self, engine: Engine, kind: Kind, states: tuple[str, ...]) -> pd.Timestamp:
        """Until when the rows that hold now are the same, if nothing is recorded."""
        if not kind.dated:
            return pd.NaT
        held = self._turns.get(kind.dated)
        now = pd.Timestamp.now(tz="UTC")
        if held is None or held[0] != states[0] or (pd.notna(held[1]) and held[1] <= now):
            held = self._turns[kind.dated] = (states[0], next_turn(engine, kind.dated))
        return held[1]

    def _put(self, key: Hashable, kept: Kept) -> None:
        size = len(kept.tile.data) + len(kept.packed) + 500
        with self._lock:
            old = self._kept.pop(key, None)
            self._kept[key] = kept
            self._bytes += size - (0 if old is None else len(old.tile.data) + len(old.packed) + 500)
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.tile.data) + len(gone.packed) + 500
