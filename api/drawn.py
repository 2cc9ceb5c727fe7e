"""The base map and its names in memory, drawn anew beside the requests when the record's ground changed."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from api.pages.basemap import BaseMap
from api.pages.names import Name, place_names
from gis import counts

if TYPE_CHECKING:
    from api.service import Service

log = logging.getLogger("wanmi")
AGAIN_S = 5.0
"""After a fault it is tried again so much later."""
Drawn = tuple[BaseMap, list[Name], str]
"""The base map, the names on it, and its version."""


class DrawnGround:
    """Holds what was drawn last; who asks never waits but for the first.

    Parameters
    ----------
    service
        Its record and its city.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._lock = threading.Lock()
        self._held: tuple[tuple[str, ...], Drawn] | None = None
        self._at_work, self._not_before = False, 0.0

    def get(self, states: Mapping[str, str]) -> Drawn:
        """The base map; when the layers' states are others than those it was drawn from, a new one is begun.

        Parameters
        ----------
        states
            State of each layer, ``ground:roads`` those of the ground.
        """
        marks = _marks(states)
        with self._lock:  # some seconds and some hundred megabytes: once
            if self._held is None:
                self._held = marks, self._draw(marks)
            elif self._held[0] != marks and not self._at_work and time.monotonic() >= self._not_before:
                self._at_work = True
                threading.Thread(target=self._again, args=(marks,), daemon=True, name="ground").start()
            return self._held[1]

    def at_hand(self, seconds: float) -> bool:
        """Whether whoever asks need not wait, or no longer than so, for a drawing that is under way."""
        if not self._lock.acquire(timeout=seconds):
            return False
        self._lock.release()
        return True

    def _again(self, marks: tuple[str, ...]) -> None:
        try:
            drawn = self._draw(marks)
            drawn[0].warm()
            with self._lock:
                self._held = marks, drawn
        except Exception:  # what was drawn before stays, and whoever asks later tries again
            log.exception("the ground could not be drawn anew")
            self._not_before = time.monotonic() + AGAIN_S
        finally:
            self._at_work = False

    def _draw(self, marks: tuple[str, ...]) -> Drawn:
        engine, city = self.service.engine, self.service.snapshot.city
        areas = counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=city.srid)
        layers = counts.ground(engine, srid=city.srid)
        options: dict[str, Any] = {"territory": city.territory, "srid": city.srid}
        mark = hashlib.sha256(repr(marks).encode())
        for name, frame in [*layers.items(), ("areas", areas)]:
            mark.update(f"{name}{len(frame)}{frame.total_bounds if len(frame) else ''}".encode())
        return BaseMap(layers, areas, **options), place_names(areas, layers, **options), mark.hexdigest()[:12]


def _marks(states: Mapping[str, str]) -> tuple[str, ...]:
    """States of the layers that the base map is drawn from."""
    return tuple(f"{name}={states[name]}" for name in sorted(states) if name == "areas" or name.startswith("ground:"))
