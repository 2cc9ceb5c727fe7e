"""The service, assembled: settings in, application out."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

from api import errors
from api.atlas import prepare
from api.middleware import BodyLimit, SafeHeaders
from api.queries import check_query
from api.routes import (
    alerts,
    base_map,
    cases,
    city,
    health,
    hotspots,
    maps,
    report,
    resolve_schema,
    responsibility_map,
    rosters,
    spots,
    static,
    tiles,
    units_map,
    vector_tiles,
)
from api.routes.framed import fault_page
from api.routes.resolve import PATH, Resolve
from api.service import Service
from api.settings import Settings
from api.warm import warm

ABOUT = """Who owns this spot, and why: answers from the snapshot named in each of them.

Coordinates are longitude and latitude (WGS 84) unless `crs` says otherwise; class codes are written
`edition:kind+code` (`2026:C01001`). Errors have one shape: `{"error", "detail", "at"}`."""


class Wanmi(FastAPI):
    """The framework's application, with `api.routes.resolve` in front of it and in its description."""

    hot: Resolve | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the hot path, pass everything else through the framework."""
        if scope["type"] == "http" and scope["path"] == PATH and self.hot is not None:
            await self.hot(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The description of all routes."""
        if self.openapi_schema is None:
            made = super().openapi()
            if self.hot is not None:
                resolve_schema.add(made)
        assert self.openapi_schema is not None
        return self.openapi_schema


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application of a city.

    Parameters
    ----------
    settings
        By default read from ``WANMI_*``.

    Returns
    -------
    FastAPI
        Opens the database and the snapshot when it starts; answers 503 until both are there.
    """
    settings = settings or Settings.read()
    service = Service(settings)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.open)
        if (snapshot := service.at_hand) is not None:
            await run_in_threadpool(warm, snapshot, settings)
        beside = threading.Thread(target=prepare, args=(service,), name="wanmi-prepare", daemon=True)
        if service.at_hand is not None and not settings.public:
            beside.start()
        yield
        if beside.is_alive():
            beside.join(5)
        service.close()

    app = Wanmi(title="Wanmi 万米", description=ABOUT, version="0.1.0", lifespan=life, docs_url=None, redoc_url=None)
    app.state.service = service
    errors.install(app, page=fault_page)
    maps_of = (base_map, maps, report, responsibility_map, tiles, units_map, vector_tiles)
    for room in (hotspots,) if settings.public else (alerts, cases, city, hotspots, rosters, spots, *maps_of):
        app.include_router(room.router, dependencies=[Depends(check_query)])
    for room in (health, static):
        app.include_router(room.router)
    app.add_middleware(BodyLimit, limit=settings.max_body_mb * 1_000_000)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(SafeHeaders)
    app.hot = None if settings.public else Resolve(service)
    return app
