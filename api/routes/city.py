"""The city: its units, components, zones and departments at an instant."""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
import pandas as pd
import shapely
from fastapi import APIRouter, Depends, Query, Response

from api.instants import read_instants
from api.routes.wire import Json
from api.service import Service, service_of
from gis import counts
from gis.crs import to_lonlat
from grids.errors import NotFound

router = APIRouter(tags=["city"])
At = Annotated[str, Query(description="valid time, ISO 8601; now when missing")]
KnownAt = Annotated[
    str,
    Query(description="known time, ISO 8601: what was on record then, whatever was corrected since; now when missing"),
]
GEOJSON = "application/geo+json"


@router.get("/v1/units/{code:path}", summary="A unit grid, as a GeoJSON feature")
def unit(service: Annotated[Service, Depends(service_of)], code: str, at: At = "", known_at: KnownAt = "") -> Response:
    """The unit grid with this code at an instant."""
    return _one(service, "unit_read", "unit", code, at, known_at)


@router.get("/v1/components/{code:path}", summary="A component, as a GeoJSON feature")
def component(
    service: Annotated[Service, Depends(service_of)], code: str, at: At = "", known_at: KnownAt = ""
) -> Response:
    """The component with this code at an instant."""
    return _one(service, "component_read", "component", code, at, known_at)


@router.get("/v1/zones", summary="Responsibility zones, as GeoJSON")
def zones(service: Annotated[Service, Depends(service_of)], at: At = "", known_at: KnownAt = "") -> Response:
    """All zones that hold at an instant, lines and areas as drawn."""
    asked, told = _asked(service, at, known_at)
    rows = counts.read_rows(service.engine, "zone_list", **asked)
    return _geo({"type": "FeatureCollection", **told, "features": features(rows, service.snapshot.city.srid)})


@router.get("/v1/departments", summary="Departments")
def departments(service: Annotated[Service, Depends(service_of)], at: At = "", known_at: KnownAt = "") -> Response:
    """All departments that hold at an instant; `parent` makes them a tree."""
    asked, told = _asked(service, at, known_at)
    return Json({**told, "departments": counts.read_rows(service.engine, "department_list", **asked)})


def _asked(service: Service, at: str, known_at: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The two times for a question to the record, None for the record's own now; and for its answer."""
    now = pd.Timestamp.now(tz="UTC")
    known = service.known_instant(known_at)
    stamp = read_instants([at], service.snapshot.city.time_zone, lambda _: "at")[0]
    stamp = now if pd.isna(stamp) else stamp
    told = {"at": _iso(stamp), "known_at": _iso(now if known is None else known)}
    return {"at": stamp.to_pydatetime(), "known_at": None if known is None else known.to_pydatetime()}, told


def _iso(stamp: pd.Timestamp) -> str:
    return stamp.as_unit("us").isoformat().replace("+00:00", "Z")


def _one(service: Service, name: str, what: str, code: str, at: str, known_at: str) -> Response:
    asked, told = _asked(service, at, known_at)
    rows = counts.read_rows(service.engine, name, code=code, **asked)
    if not rows:
        when = f" at {at}" if at else " now"
        when += f" as known at {known_at}" if known_at else ""
        raise NotFound(f"there is no {what} {code!r}{when}", where=code)
    return _geo(features(rows, service.snapshot.city.srid)[0] | told)


def features(rows: list[dict[str, Any]], srid: int) -> list[dict[str, Any]]:
    """GeoJSON features (WGS 84) of rows with their geometry as ``wkb`` in the city's CRS."""

    def degrees(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], srid)).round(8)

    shapes = shapely.transform(shapely.from_wkb([bytes(row.pop("wkb")) for row in rows]), degrees)
    texts = shapely.to_geojson(shapes)
    return [
        {"type": "Feature", "properties": row, "geometry": json.loads(text)}
        for row, text in zip(rows, texts, strict=True)
    ]


def _geo(content: dict[str, Any]) -> Response:
    answer = Json(content)
    answer.headers["content-type"] = GEOJSON
    return answer
