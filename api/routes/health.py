"""Is it alive, is it ready."""

from __future__ import annotations

import time
from typing import Annotated

import pandas as pd
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
    """200 with city and snapshot version, else 503 saying what is missing and when to ask again.

    ``record_behind`` is true while a change of the record is not yet in the snapshot.
    """
    checks = service.checks()
    if wrong := {name: why for name, why in checks.items() if why}:
        detail = ", ".join(f"{name}: {why}" for name, why in wrong.items())
        return answer(503, "Unavailable", detail, at=next(iter(wrong)))
    snapshot = service.snapshot
    return Json(
        {
            "status": "ready",
            "city": snapshot.city.key,
            "snapshot": snapshot.version,
            "known_at": _instant(snapshot.known_at),
            "opened_s_ago": round(time.monotonic() - service.opened, 1),
            "record_behind": service.behind(),
        }
    )


@router.get("/metrics", summary="Snapshot and record, for Prometheus")
def metrics(service: Annotated[Service, Depends(service_of)]) -> Response:
    """Text in the format of Prometheus, of the process that answers; 503 before there is a snapshot."""
    snapshot = service.snapshot
    behind = service.behind()
    facts = [
        (
            "wanmi_snapshot_known_timestamp_seconds",
            "instant as of which the record is known",
            snapshot.known_at.timestamp(),
        ),
        ("wanmi_snapshot_opened_seconds", "how long answers have come from it", time.monotonic() - service.opened),
        ("wanmi_snapshot_swaps_total", "snapshots that took the place of another in this process", service.swaps),
        ("wanmi_snapshot_behind", "1 when the record has changed since, NaN when it cannot be asked", behind),
    ]
    lines = [
        "# HELP wanmi_snapshot_info snapshot that answers",
        "# TYPE wanmi_snapshot_info gauge",
        f'wanmi_snapshot_info{{city="{snapshot.city.key}",version="{snapshot.version}"}} 1',
    ]
    for name, what, value in facts:
        kind = "counter" if name.endswith("_total") else "gauge"
        told = "NaN" if value is None else f"{float(value):.3f}".rstrip("0").rstrip(".")
        lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}", f"{name} {told}"]
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _instant(value: pd.Timestamp) -> str:
    return value.isoformat().replace("+00:00", "Z")
