"""What the maps of a service are drawn from, kept between requests."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import astuple
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import pandas as pd
import psycopg2
from fastapi import Depends, Query, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from api.held.chosen import Areas, Filter
from api.held.columns import Columns
from api.held.rows import State, places, state_of
from api.pages.basemap import BaseMap
from api.pages.names import Name, place_names
from api.service import Service, service_of
from api.statistics.filtering import area_of, wanted
from api.statistics.selection import BANDWIDTH_M, Look, Selection, Units, bounds_of, cell_of, check_future, look
from api.tiles.heat import Heat
from api.tiles.shelf import Shelf
from gis import counts
from gis.hotspots import Bounds
from gis.model import City
from gis.wanted import ALL, Wanted
from grids.catalog import Catalog
from grids.errors import WanmiError

log = logging.getLogger("wanmi")
_making = threading.Lock()
HOUR_S = 3600
MOST_HEATS = 8
"""Densities that are kept: some tens of megabytes each for a large city."""


class Atlas:
    """What the maps of a service are drawn from, read when first asked for and kept within bounds."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.shelf = Shelf()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock, self._cases = threading.RLock(), threading.RLock()
        self._bytes = 0

    def keep(self, key: Hashable, make: Callable[[], Any], *, most: int = 64) -> Any:
        """A thing by its key, made once; of each kind (first part of the key) the `most` latest used are kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            kind = [k for k in self._kept if k[0] == key[0]]  # type: ignore[index]
            for old in kind[: max(0, len(kind) - most)]:
                del self._kept[old]
        return made

    @property
    def ground(self) -> tuple[BaseMap, list[Name], str]:
        """The base map, the names on it, and its version."""

        def make() -> tuple[BaseMap, list[Name], str]:
            snapshot, engine = self.service.snapshot, self.service.engine
            city = snapshot.city
            areas = counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=city.srid)
            layers = counts.ground(engine, srid=city.srid)
            options: dict[str, Any] = {"territory": city.territory, "srid": city.srid}
            mark = hashlib.sha256(snapshot.version.encode())
            for name, frame in layers.items():
                mark.update(f"{name}{len(frame)}{frame.total_bounds if len(frame) else ''}".encode())
            return BaseMap(layers, areas, **options), place_names(areas, layers, **options), mark.hexdigest()[:12]

        with self._lock:  # some seconds and some hundred megabytes: once
            return self.keep(("ground",), make)

    @property
    def book(self) -> Catalog:
        """The class catalogue of the record."""
        return self.keep(("book", self.service.snapshot.version), lambda: counts.class_book(self.service.engine))

    @property
    def columns(self) -> Columns:
        """The cases in memory, as the record is now."""
        with self._cases:  # a large record takes half a minute: other maps do not wait for it
            made = self.keep(("columns",), lambda: Columns(self.service.engine, self.service.snapshot.city))
        made.refresh(self.service.engine)
        return made

    def units(self, known: pd.Timestamp | None = None) -> Units:
        """Unit grids and the ground of the city, as known at an instant, now by default."""
        service = self.service
        key = ("units", service.snapshot.version, str(known))
        with self._lock:
            return self.keep(key, lambda: Units(service.engine, service.snapshot.city, known_at=known), most=3)

    def heat(self, selection: Selection) -> Heat:
        """The density of a selection, in step with the record.

        Raises
        ------
        InputError
            A filter names what there is not, or the period lies in the future.
        """
        service = self.service
        engine, snapshot = service.engine, service.snapshot
        state = self.columns.state
        states = self.shelf.states(engine)
        ground = (snapshot.version, states.get("areas", ""), states.get("departments", ""))
        edition = snapshot.city.edition

        def check() -> Wanted:
            return wanted(engine, self.book, selection, edition)

        taken = self.keep(("wanted", selection, *ground), check, most=256)
        if pd.notna(selection.known_at):
            then = ("then", selection, *ground, counts.case_mark(engine))
            return self.keep(then, lambda: self._heat_then(selection), most=2)
        key = ("heat", taken, selection.bandwidth_m, *ground, state.generation)

        def make() -> Heat:
            units = self.units()
            areas = None
            if taken.within is not None or taken.without is not None:
                frame = counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=snapshot.city.srid)
                areas = Areas(area_of(frame, taken.within), area_of(frame, taken.without))
            x, y = places(state.base, state.origin) if units.bounds is None else (np.empty(0), np.empty(0))
            return self._heat(units, bounds_of(units, x / 1000, y / 1000), selection, Filter(taken, areas), state)

        with self._cases:
            made = self.keep(key, make, most=MOST_HEATS)
        made.follow(state)
        if not len(made):
            check_future(selection, snapshot.city)
        return made

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

    def look(self, selection: Selection) -> tuple[Look, str]:
        """What a selection finds, and its version: the selection with the state of the cases."""
        service = self.service
        city = service.snapshot.city
        mark = counts.case_mark(service.engine)
        key = ("look", mark, service.snapshot.version, *map(str, astuple(selection)))
        known = None if pd.isna(selection.known_at) else selection.known_at

        def make() -> Look:
            units = self.units(known)
            found = look(service.engine, city, self.book, selection, units)
            found.grid  # noqa: B018 - computed here once, not by every tile
            return found

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
        atlas_for(service).ground[0].warm()
        atlas_for(service).columns  # noqa: B018 - read by being asked for
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
