"""The page of the unit grids and its pictures."""

from __future__ import annotations

import math
from typing import Annotated

import geopandas as gpd
import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse

from api.atlas import Atlas, atlas_of, kept
from api.pages.frame import Frame
from api.pages.unit_picture import UnitPicture
from api.pages.units import Sources, page
from api.routes.framed import frame_of, page_headers
from api.routes.wire import Json
from gis import counts
from gis.crs import to_city
from grids.certificate import Rules, certify
from grids.errors import InputError, NotFound
from grids.hierarchy import DIGITS, LEVELS

router = APIRouter(tags=["maps"])


def picture_of(atlas: Annotated[Atlas, Depends(atlas_of)]) -> UnitPicture:
    """The units of the record with their certificate, made once for a snapshot; a dependency of the routes.

    Raises
    ------
    NotFound
        The city has no units.
    """
    service = atlas.service
    city = service.snapshot.city

    def make() -> UnitPicture:
        now = pd.Timestamp.now(tz="UTC")
        units = counts.unit_shapes(service.engine, at=now, srid=city.srid)
        if not len(units):
            raise NotFound("the city has no unit grids", right="load some: wanmi load units FILE")
        areas = counts.area_shapes(service.engine, at=now, srid=city.srid)
        community = areas[areas["set"] == city.territory[0]] if city.territory else areas[:0]
        certificate = certify(
            units, areas=community if len(community) else None, levels=_levels(areas), rules=Rules(scheme=city.codes)
        )
        return UnitPicture(units, certificate, city.srid)

    return atlas.keep(("unit picture", service.snapshot.version), make, most=1)


def _levels(areas: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """Streets and districts whose codes are digits; other cities' sets do not say their parents by code."""
    out = {}
    for name in LEVELS[1:]:
        mine = areas[areas["set"] == name]
        if len(mine) and mine["code"].str.fullmatch(rf"[0-9]{{{DIGITS[name]}}}").all():
            out[name] = mine
    return out


Picture = Annotated[UnitPicture, Depends(picture_of)]


@router.get("/maps/units", summary="Map of the unit grids, a page", response_class=HTMLResponse)
def units(
    atlas: Annotated[Atlas, Depends(atlas_of)], picture: Picture, frame: Annotated[Frame, Depends(frame_of)]
) -> Response:
    """Unit grids over streets, coloured by area, faults of their certificate in red."""
    snapshot = atlas.service.snapshot
    ground, version = atlas.ground_soon[2], snapshot.version
    departments = dict(zip(snapshot.codes("departments.code"), snapshot.codes("departments.name"), strict=True))
    sources = Sources(
        base=f"/tiles/base/{{z}}/{{x}}/{{y}}.png?v={ground}",
        units=f"/tiles/units/{{z}}/{{x}}/{{y}}.png?v={version}",
        names=f"/tiles/base/names.json?v={ground}",
        at="/maps/units/at.json",
        tiles="/tiles/{layer}/{z}/{x}/{y}.mvt",
        classes="/maps/responsibility/classes.json",
        outside=atlas.service.settings.outside_base,
    )
    headers, nonce = page_headers(atlas.service.settings)
    html = page(picture, snapshot.city, sources, frame=frame, departments=departments, nonce=nonce)
    return HTMLResponse(html, headers=headers)


@router.get("/tiles/units/{z}/{x}/{y}.png", summary="Unit grids by area, a picture", response_class=Response)
def unit_tile(
    request: Request, z: int, x: int, y: int, atlas: Annotated[Atlas, Depends(atlas_of)], picture: Picture
) -> Response:
    """Units coloured by area, transparent where there is none."""
    version = atlas.service.snapshot.version

    def draw() -> Response:
        data = atlas.keep(("unit tile", version, z, x, y), lambda: picture.tile(z, x, y), most=2000)
        return Response(data, media_type="image/png")

    return kept(request, version, draw)


@router.get("/maps/units/at.json", summary="The unit at a place, with its measures")
def unit_at(
    atlas: Annotated[Atlas, Depends(atlas_of)],
    picture: Picture,
    lon: Annotated[float, Query(description="WGS 84 degrees")],
    lat: Annotated[float, Query(description="WGS 84 degrees")],
) -> Response:
    """Code, community, measures and findings of the unit there; ``unit`` is null where there is none."""
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90):
        raise InputError(f"no place at {lon}, {lat}", where="lon, lat", right="degrees, WGS 84")
    x, y = to_city([lon], [lat], "EPSG:4326", atlas.service.snapshot.city.srid)
    there = math.isfinite(x[0]) and math.isfinite(y[0])
    return Json({"unit": picture.at(float(x[0]), float(y[0])) if there else None})
