"""Tiles of what happened: density as pictures, and counts under the same filter."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.atlas import Atlas, atlas_of, kept, png, selection_of
from api.pages import heat
from api.pages.mercator import from_lonlat, tile_box
from api.routes.wire import Json
from api.statistics.selection import Selection
from gis.crs import to_lonlat

router = APIRouter(tags=["maps"])


@router.get("/tiles/heat/{z}/{x}/{y}.png", summary="Density of cases, a picture", response_class=Response)
def heat_tile(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
) -> Response:
    """Cases per hectare, transparent where there are none."""
    found, version = atlas.look(selection)

    def draw() -> Response:
        grid = found.grid
        return png(heat.tile(grid, z, x, y, srid=found.city.srid, top=heat.top_density(grid)))

    return kept(request, version, draw)


@router.get("/tiles/heat/{z}/{x}/{y}.json", summary="Cases in a tile")
def heat_count(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
) -> Response:
    """How many of the selection's cases lie in a tile; on an edge they count in the eastern or northern one."""
    west, south, east, north = tile_box(z, x, y)
    found, version = atlas.look(selection)

    def count() -> Response:
        def web() -> tuple[Any, Any]:
            return from_lonlat(*to_lonlat(found.places.x, found.places.y, found.city.srid))

        px, py = atlas.keep(("web", version), web, most=4)
        inside = (west <= px) & (px < east) & (south <= py) & (py < north)
        return Json({"cases": int(inside.sum())})

    return kept(request, version, count)
