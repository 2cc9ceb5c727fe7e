"""What the maps of a service are drawn from, kept between requests."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import pandas as pd
import psycopg2
from fastapi import Depends, Query, Request, Response
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from api.drawn import Drawn, DrawnGround
from api.held.chosen import Areas, Filter
from api.held.columns import Columns
from api.held.counted import Held
from api.held.rows import State, places, state_of
from api.service import Service, service_of
from api.statistics.beside import GROUND, ground_of
from api.statistics.filtering import area_of, wanted
from api.statistics.selection import BANDWIDTH_M, Look, Selection, Units, bounds_of, cell_of, check_future, look_of
from api.statistics.source import Recorded, Source
from api.tiles.heat import Heat
from api.tiles.shelf import Shelf
from api.tiles.told import Told
from gis import counts
from gis.hotspots import Bounds
from gis.model import City
from gis.wanted import ALL, Wanted
from grids.catalog import Catalog
from grids.errors import Unavailable, WanmiError

log = logging.getLogger("wanmi")
_making = threading.Lock()
HOUR_S = 3600
MOST_HEATS = 8
"""Densities that are kept: some tens of megabytes each for a large city."""


class Atlas:
    """What the maps of a service are drawn from, read when first asked for and kept within bounds."""

    def __init__(self, service: Service) -> None:
        self.service, self.patience_s = service, 5.0
        self.shelf, self.told = Shelf(), Told()
        self._drawn = DrawnGround(service)
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._gates: dict[Hashable, threading.Lock] = {}
        self._lock = threading.RLock()

    def keep(self, key: Hashable, make: Callable[[], Any], *, most: int = 64) -> Any:
        """A thing by its key, made once; of each kind (first part of the key) the `most` latest used are kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            gate = self._gates.setdefault(key, threading.Lock())
        with gate:  # a page asks for several things of one question at once
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                made = make()
                with self._lock:
                    self._kept[key] = made
                    kind = [k for k in self._kept if k[0] == key[0]]  # type: ignore[index]
                    for old in kind[: max(0, len(kind) - most)]:
                        del self._kept[old]
            finally:
                with self._lock:
                    self._gates.pop(key, None)
        return made

    @property
    def ground(self) -> Drawn:
        """The base map, the names on it, and its version; it follows the record."""
        return self._drawn.get(self.shelf.states(self.service.engine))

    @property
    def ground_soon(self) -> Drawn:
        """The same for a page that somebody waits for.

        Raises
        ------
        Unavailable
            It is being read for the first time, and that takes longer.
        """
        if not self._drawn.at_hand(self.patience_s):
            what = "the whole city is being read, as after each start"
            raise Unavailable(what, where="city", right="this page opens by itself")
        return self.ground

    @property
    def area_sets(self) -> list[str]:
        """Names of the sets of areas that there ever were."""
        return self.keep(("sets", *self._ground_marks), lambda: list(counts.area_codes(self.service.engine)), most=2)

    @property
    def book(self) -> Catalog:
        """The class catalogue of the record."""
        return self.keep(("book", self.service.snapshot.version), lambda: counts.class_book(self.service.engine))

    @property
    def columns(self) -> Columns:
        """The cases in memory, as the record is now."""
        made = self.keep(("columns",), lambda: Columns(self.service.engine, self.service.snapshot.city))
        made.refresh(self.service.engine)
        return made

    def units(self, known: pd.Timestamp | None = None) -> Units:
        """Unit grids and the ground of the city, as known at an instant, now by default."""
        service = self.service
        key = ("units", service.snapshot.version, str(known))
        return self.keep(key, lambda: Units(service.engine, service.snapshot.city, known_at=known), most=3)

    def ground_states(self, *layers: str) -> tuple[str, ...]:
        """States of layers of the ground; another one when the record's roads, parcels … changed."""
        states = self.shelf.states(self.service.engine)
        return tuple(states.get(f"ground:{name}", "") for name in layers)

    def covariates(self, found: Look) -> NDArray[np.float64]:
        """What the ground tells of how many cases are usual in each unit grid; kept."""
        key = ("covariates", self.service.snapshot.version, str(found.selection.known_at), *self.ground_states(*GROUND))
        return self.keep(key, lambda: ground_of(self.service.engine, found), most=2)

    def wanted(self, selection: Selection) -> Wanted:
        """A selection in the record's own words.

        Raises
        ------
        InputError
            A filter names what there is not.
        """
        channels = self.channels

        def check() -> Wanted:
            return wanted(self.service.engine, self.book, selection, self.city.edition, known=channels)

        return self.keep(("wanted", selection, len(channels), *self._ground_marks), check, most=256)

    @property
    def channels(self) -> list[str]:
        """Channels by which cases came, in order."""
        return sorted(name for name in self.columns.state.texts["channel"] if name)

    @property
    def _ground_marks(self) -> tuple[str, str, str]:
        """What areas and departments depend on."""
        states = self.shelf.states(self.service.engine)
        return self.service.snapshot.version, states.get("areas", ""), states.get("departments", "")

    def _areas(self, taken: Wanted) -> Areas:
        """Ground of a filter's areas, as they hold now; kept."""
        engine, srid = self.service.engine, self.city.srid

        def make() -> Areas:
            frame = counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=srid)
            return Areas(area_of(frame, taken.within), area_of(frame, taken.without))

        return self.keep(("areas", taken.within, taken.without, *self._ground_marks), make, most=16)

    def heat(self, selection: Selection) -> Heat:
        """The density of a selection, in step with the record.

        Raises
        ------
        InputError
            A filter names what there is not, or the period lies in the future.
        """
        state = self.columns.state
        ground = self._ground_marks
        taken = self.wanted(selection)
        if pd.notna(selection.known_at):
            then = ("then", selection, *ground, counts.case_mark(self.service.engine))
            return self.keep(then, lambda: self._heat_then(selection), most=2)
        key = ("heat", taken, selection.bandwidth_m, *ground, state.generation)

        def make() -> Heat:
            units = self.units()
            areas = None if taken.within is None and taken.without is None else self._areas(taken)
            x, y = places(state.base, state.origin) if units.bounds is None else (np.empty(0), np.empty(0))
            return self._heat(units, bounds_of(units, x / 1000, y / 1000), selection, Filter(taken, areas), state)

        made = self.keep(key, make, most=MOST_HEATS)
        made.follow(state)
        if not len(made):
            check_future(selection, self.city)
        return made

    def holding(self) -> Callable[[], bool]:
        """Whether cases and areas are those of now, without asking the record: False when it was not asked of late."""
        columns, marks = self.columns, self._ground_marks
        state = columns.state
        now = state.generation, len(state.changes)

        def holds() -> bool:
            mine = columns.state
            fresh = columns.fresh and self.shelf.fresh
            return fresh and now == (mine.generation, len(mine.changes)) and marks == self._ground_marks

        return holds

    def _heat(self, units: Units, bounds: Bounds, selection: Selection, chosen: Filter, state: State) -> Heat:
        width = selection.bandwidth_m
        return Heat(units.smoother(bounds, "gaussian", width, cell_of(width)), chosen, state, self.city.srid)

    def _heat_then(self, selection: Selection) -> Heat:
        """What was known at an instant: read for the purpose, and never followed."""
        found, _ = self.look(selection)
        state = state_of(found.places.x, found.places.y, self.city.srid)
        return self._heat(found.ground, found.bounds, selection, Filter(ALL), state)

    @property
    def city(self) -> City:
        """The city of the service."""
        return self.service.snapshot.city

    @property
    def mark(self) -> str:
        """Changes when cases or answers do: the digest of the cases in memory."""
        return f"{self.columns.state.digest:016x}"

    def look(self, selection: Selection) -> tuple[Look, str]:
        """What a selection finds, and its version: the selection with the state of the cases.

        Raises
        ------
        InputError
            A filter names what there is not, or the period lies in the future.
        """
        if pd.notna(selection.known_at):
            source: Source = Recorded(self.service.engine)
        else:
            source = Held(self.columns.state, self._areas)
        taken, ground = self.wanted(selection), self._ground_marks
        key = ("look", source.mark, *ground, selection)

        def make() -> Look:
            known = None if pd.isna(selection.known_at) else selection.known_at
            return look_of(taken, self.city, selection, self.units(known), source)

        return self.keep(key, make, most=8), hashlib.sha256(repr(key).encode()).hexdigest()[:12]


def atlas_of(request: Request) -> Atlas:
    """The atlas of the service behind a request; a dependency of the routes."""
    return atlas_for(request.app.state.service)


def atlas_for(service: Any) -> Atlas:
    """The atlas of a service, one for all its requests."""
    with _making:
        if not hasattr(service, "atlas"):
            service.atlas = Atlas(service)
    return service.atlas


def prepare(service: Service) -> None:
    """Read ground and cases beside the first requests; what fails is tried again by whoever asks."""
    try:
        atlas = atlas_for(service)
        atlas.ground[0].warm()
        atlas.area_sets  # noqa: B018 - the page opens without the database too
        found, _ = atlas.look(Selection())
        found.gi  # noqa: B018 - what everybody asks first is ready, and what it is made from
        atlas.heat(Selection()).top  # noqa: B018
    except (WanmiError, SQLAlchemyError, psycopg2.Error) as error:
        log.info("no ground and cases in memory yet: %s", (str(error).splitlines() or [type(error).__name__])[0])


def selection_of(
    service: Annotated[Service, Depends(service_of)],
    classes: Annotated[
        str, Query(alias="class", max_length=200, description="class, group or kind: 2026:C01001, 2026:C01, C")
    ] = "",
    begin: Annotated[str, Query(alias="from", max_length=40, description="first day; open when missing")] = "",
    end: Annotated[str, Query(alias="to", max_length=40, description="end, excluded; open when missing")] = "",
    bandwidth_m: Annotated[float, Query(description="standard deviation of the kernel, metres")] = BANDWIDTH_M,
    department: Annotated[
        str, Query(max_length=400, description="codes of owners by the answer, joined by commas or blanks")
    ] = "",
    channel: Annotated[str, Query(max_length=200, description="channels, joined by commas or blanks")] = "",
    area: Annotated[
        str, Query(max_length=400, description="SET:CODE, or SET for all of it, joined by commas; - before leaves out")
    ] = "",
    known_at: Annotated[str, Query(max_length=40, description="cases on record then; now when missing")] = "",
) -> Selection:
    """The selection of a query; a dependency of the routes."""
    known = service.known_instant(known_at)
    items = {"departments": department, "channels": channel, "area": area}
    city, then = service.snapshot.city, pd.NaT if known is None else known
    return _read(city, classes, begin, end, bandwidth_m, known_at=then, **items)


_read = lru_cache(maxsize=1024)(Selection.read)  # a page asks for its tiles with one and the same question


def png(data: bytes) -> Response:
    return Response(data, media_type="image/png")


def kept(request: Request, version: str, make: Callable[[], Response]) -> Response:
    """An answer that browsers keep for an hour, and ask again by its mark."""
    mark = f'"{version}"'
    headers = {"etag": mark, "cache-control": f"public, max-age={HOUR_S}"}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    answer = make()
    answer.headers.update(headers)
    return answer
