"""Is it alive, is it ready."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.errors import answer
from api.routes.wire import Json
from api.service import Service, service_of

router = APIRouter(tags=["operations"])


@router.get("/health", summary="The process answers")
def health() -> Response:
    """Always 200 while the process lives; asks nothing of anyone."""
    return Json({"status": "ok"})


@router.get("/ready", summary="Database and snapshot are there")
def ready(service: Annotated[Service, Depends(service_of)]) -> Response:
    """200 with city and snapshot version, else 503 saying what is missing and when to ask again."""
    checks = service.checks()
    if wrong := {name: why for name, why in checks.items() if why}:
        detail = ", ".join(f"{name}: {why}" for name, why in wrong.items())
        return answer(503, "Unavailable", detail, at=next(iter(wrong)))
    snapshot = service.snapshot
    at = snapshot.known_at.isoformat().replace("+00:00", "Z")
    return Json({"status": "ready", "city": snapshot.city.key, "snapshot": snapshot.version, "known_at": at})
