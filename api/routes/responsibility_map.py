"""The page that asks who is responsible, and what it draws: classes to choose from, places by code, shapes around."""

from __future__ import annotations

import math
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse

from api.asked import MAX_ACCURACY_M
from api.atlas import Atlas, atlas_of, kept
from api.errors import status_of
from api.instants import read_instant
from api.pages.frame import Frame
from api.pages.responsibility import Sources, View, page
from api.routes.city import features
from api.routes.framed import frame_of, page_headers
from api.routes.wire import Json
from gis import counts
from gis.crs import to_city
from grids.catalog import catalog
from grids.errors import InputError

router = APIRouter(tags=["maps"])
HERE = "/maps/responsibility"
MOST_COMPONENTS = 50
"""Most components that one picture shows."""
Ways = Annotated[Atlas, Depends(atlas_of)]
Text = Annotated[str, Query(max_length=200)]
Instant = Annotated[str, Query(max_length=40, description="ISO 8601; now when missing")]


@router.get(HERE, summary="Who is responsible here, a page", response_class=HTMLResponse)
def responsibility(
    atlas: Ways,
    frame: Annotated[Frame, Depends(frame_of)],
    lon: Text = "",
    lat: Text = "",
    class_: Annotated[str, Query(alias="class", max_length=200)] = "",
    at: Text = "",
    known_at: Text = "",
    accuracy_m: Text = "",
) -> Response:
    """Click a place, choose class and date: owner, rule, evidence, probabilities, losers, rosters.

    The parameters are those of a link; the page itself asks with them and says in words what is wrong with them.
    """
    service = atlas.service
    bounds, ground, editions = _ground(atlas)
    sources = Sources(
        base=f"/tiles/base/{{z}}/{{x}}/{{y}}.png?v={ground}",
        names=f"/tiles/base/names.json?v={ground}",
        classes=f"{HERE}/classes.json",
        around=f"{HERE}/around.json",
        units=f"{HERE}/units.json",
        outside=service.settings.outside_base,
    )
    city = service.snapshot.city
    view = View(city, editions, frame, bounds or city.bounds)
    headers, nonce = page_headers(service.settings)
    return HTMLResponse(page(view, sources, nonce=nonce), headers=headers)


def _ground(atlas: Atlas) -> tuple[tuple[float, float, float, float] | None, str, tuple[str, ...]]:
    """Bounds and version of the ground, editions of the classes.

    The snapshot answers without the database: so does the page, with the built-in catalogue, and says that its ground
    is missing when the tiles do not come.
    """
    try:
        base, _, version = atlas.ground_soon
        return base.bounds, version, atlas.book.editions
    except Exception as error:
        if status_of(error) != 503:
            raise
        return None, "", catalog().editions


@router.get(f"{HERE}/classes.json", include_in_schema=False)
def classes(request: Request, atlas: Ways) -> Response:
    """Classes to choose from: text, Chinese and English name, name, text and English name of the major class."""
    version = f"classes-en-{atlas.service.snapshot.version}"

    def make() -> Response:
        rows, texts = atlas.book.classes, atlas.book.texts
        majors = rows["edition"] + ":" + rows["kind"] + rows["major_code"]
        english = majors.map({text: atlas.book.english(text) for text in majors.unique()})
        columns = (texts, *(rows[name] for name in ("name_zh", "name_en", "major_name")), majors, english)
        return Json({"classes": list(zip(*columns, strict=True))})

    return kept(request, version, make)


@router.get(f"{HERE}/units.json", summary="Unit grids by the beginning of their code")
def units(
    atlas: Ways, code: Annotated[str, Query(max_length=40, description="the code, or its beginning")], at: Instant = ""
) -> Response:
    """At most eight units, each with a place inside it (WGS 84)."""
    if not code.strip():
        raise InputError("the code is empty", where="code", right="a unit grid code, or its beginning")
    service = atlas.service
    rows = counts.read_rows(service.engine, "units_like", begin=code.strip(), at=_instant(atlas, at, "at"))
    found = features(rows, service.snapshot.city.srid)
    places = [f["properties"] | dict(zip(("lon", "lat"), f["geometry"]["coordinates"], strict=True)) for f in found]
    return Json({"units": places})


@router.get(f"{HERE}/around.json", summary="Shapes and names around a place")
def around(
    atlas: Ways,
    lon: Annotated[float, Query(description="WGS 84 degrees")],
    lat: Annotated[float, Query(description="WGS 84 degrees")],
    at: Instant = "",
    known_at: Annotated[str, Query(max_length=40, description="ISO 8601; as known now when missing")] = "",
    reach_m: Annotated[float, Query(ge=0, le=MAX_ACCURACY_M, description="how far shapes may be away")] = 0.0,
    unit: Text = "",
    components: Annotated[str, Query(max_length=4000, description="codes, one a line")] = "",
) -> Response:
    """Zones and areas there, the unit and the components named, as GeoJSON; names of all departments.

    Each shape has ``kind`` (zone, area, unit, component), ``code`` and ``name``.
    """
    service = atlas.service
    srid = service.snapshot.city.srid
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90):
        raise InputError(f"no place at {lon}, {lat}", where="lon, lat", right="degrees, WGS 84")
    x, y = to_city([lon], [lat], "EPSG:4326", srid)
    when = {
        "at": _instant(atlas, at, "at"),
        "known_at": None if not known_at else _instant(atlas, known_at, "known_at"),
    }
    found: list[dict[str, Any]] = []
    if math.isfinite(x[0]) and math.isfinite(y[0]):
        # coordinates are whole millimetres: what the place lies on is within half of one
        place = {"x": float(x[0]), "y": float(y[0]), "srid": srid, "reach_m": max(reach_m, 0.0005)}
        for kind in ("area", "zone"):
            rows = counts.read_rows(service.engine, f"{kind}s_around", **place, **when)
            found += [{"kind": kind} | row for row in rows]
    codes = components.splitlines()[:MOST_COMPONENTS]
    found += counts.read_rows(service.engine, "things_named", unit=unit, components=codes, **when)
    departments = counts.read_rows(service.engine, "frame_departments", **when)
    told = {d["code"]: {name: d[name] or "" for name in ("name", "phone", "parent")} for d in departments}
    shapes = {"type": "FeatureCollection", "features": features(found, srid)}
    return Json(shapes | {"departments": told})


def _instant(atlas: Atlas, text: str, where: str) -> Any:
    stamp = read_instant(text, atlas.service.snapshot.city.time_zone, where) or pd.Timestamp.now(tz="UTC")
    return stamp.to_pydatetime()
