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
GEOJSON = "application/geo+json"


@router.get("/v1/units/{code:path}", summary="A unit grid, as a GeoJSON feature")
def unit(service: Annotated[Service, Depends(service_of)], code: str, at: At = "") -> Response:
    """The unit grid with this code at an instant."""
    return _one(service, "unit_read", "unit", code, at)


@router.get("/v1/components/{code:path}", summary="A component, as a GeoJSON feature")
def component(service: Annotated[Service, Depends(service_of)], code: str, at: At = "") -> Response:
    """The component with this code at an instant."""
    return _one(service, "component_read", "component", code, at)


@router.get("/v1/zones", summary="Responsibility zones, as GeoJSON")
def zones(service: Annotated[Service, Depends(service_of)], at: At = "") -> Response:
    """All zones that hold at an instant, lines and areas as drawn."""
    rows = counts.read_rows(service.engine, "zone_list", at=_instant(service, at))
    return _geo({"type": "FeatureCollection", "features": features(rows, service.snapshot.city.srid)})


@router.get("/v1/departments", summary="Departments")
def departments(service: Annotated[Service, Depends(service_of)], at: At = "") -> Response:
    """All departments that hold at an instant; `parent` makes them a tree."""
    return Json({"departments": counts.read_rows(service.engine, "department_list", at=_instant(service, at))})


def _instant(service: Service, at: str) -> Any:
    stamp = read_instants([at], service.snapshot.city.time_zone, lambda _: "at")[0]
    return (pd.Timestamp.now(tz="UTC") if pd.isna(stamp) else stamp).to_pydatetime()


def _one(service: Service, name: str, what: str, code: str, at: str) -> Response:
    rows = counts.read_rows(service.engine, name, code=code, at=_instant(service, at))
    if not rows:
        raise NotFound(f"there is no {what} {code!r}{' at ' + at if at else ' now'}", where=code)
    return _geo(features(rows, service.snapshot.city.srid)[0])


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
