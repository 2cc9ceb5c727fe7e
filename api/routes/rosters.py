"""Who is on duty at a place and an instant, and whom a case goes to when it is not solved."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Response

from api.instants import read_instant
from api.routes.city import At, KnownAt
from api.routes.wire import Json
from api.service import Service, service_of
from api.whereabouts import where_of
from gis.store.rosters import read_rosters

router = APIRouter(tags=["rosters"])

_TEXT = {"type": ["string", "null"]}
_CODE = {"type": "string"}
_COUNT = {"type": ["integer", "null"]}
_POST = {"area_set": _TEXT, "area": _TEXT, "place_kind": _TEXT, "place": _TEXT}


def _list(about: str, **fields: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return {"type": "array", "items": item, "description": about}


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["at", "known_at", "unit", "areas", "places", "on_duty", "chain", "holes"],
    "properties": {
        "at": {"type": "string", "format": "date-time", "description": "valid time"},
        "known_at": {"type": "string", "format": "date-time", "description": "known time"},
        "unit": {**_TEXT, "description": "code of the unit grid; null for a point in none"},
        "areas": _list("areas that hold the place, the smallest first", set=_CODE, code=_CODE, name=_TEXT),
        "places": _list("roads and zones at the place that have a roster", kind=_CODE, code=_CODE, name=_TEXT),
        "on_duty": _list(
            "who is on duty: chiefs from tier 3 (community) to 1 (district), 1+5 teams, patrols, others",
            kind=_TEXT, tier=_COUNT, role=_TEXT, team=_CODE, person=_CODE, phone=_TEXT, department=_TEXT, name=_TEXT,
            **_POST, **{"from": _TEXT, "to": _TEXT},
        ),
        "chain": _list(
            "whom a case goes to; after_hours counts from when it came to the first step; person null: nobody on duty",
            step={"type": "integer"}, team=_CODE, kind=_TEXT, tier=_COUNT, role=_TEXT, department=_TEXT, name=_TEXT,
            person=_TEXT, phone=_TEXT, after_hours={"type": ["number", "null"]},
        ),
        "holes": _list(
            "posts that nobody holds, in words and in fields",
            what=_CODE, kind=_TEXT, tier=_COUNT, team=_TEXT, **_POST,
            **{"from": _TEXT, "to": _TEXT, "next": {"type": ["object", "null"]}},
        ),
    },
}  # fmt: skip
"""What an answer is, for OpenAPI."""


@router.get(
    "/v1/rosters",
    summary="Who is on duty at a unit grid or a point",
    responses={200: {"content": {"application/json": {"schema": SCHEMA}}}},
)
def rosters(
    service: Annotated[Service, Depends(service_of)],
    unit: Annotated[str, Query(description="unit grid code; or give lon and lat")] = "",
    lon: Annotated[float | None, Query(description="longitude, WGS 84")] = None,
    lat: Annotated[float | None, Query(description="latitude, WGS 84")] = None,
    at: At = "",
    known_at: KnownAt = "",
) -> Response:
    """Chiefs at three tiers, the 1+5 team, this month's patrol, and the chain of escalation.

    A post that nobody holds is a hole with its times and who comes next.
    """
    city = service.snapshot.city
    then = read_instant(at, city.time_zone, "at")
    known = service.known_instant(known_at)
    place = where_of(city, unit, lon, lat)
    now = pd.Timestamp.now(tz="UTC").as_unit("us")
    return Json(read_rosters(service.engine, city, **place, at=now if then is None else then, known_at=known))
