"""The base map: the city's own ground as pictures, and the names on it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from api.atlas import Atlas, atlas_of, kept, png
from api.routes.wire import Json

KEPT_TILES = 4000
"""Most tiles kept; each has some tens of kilobytes."""
router = APIRouter(tags=["maps"])


@router.get("/tiles/base/names.json", include_in_schema=False)
def names(request: Request, atlas: Annotated[Atlas, Depends(atlas_of)]) -> Response:
    """Names for the base map, important ones first."""
    _, found, version = atlas.ground
    return kept(request, version, lambda: Json({"names": found}))


@router.get("/tiles/base/{z}/{x}/{y}.png", summary="Base map, a picture", response_class=Response)
def base_tile(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    theme: Annotated[Literal["light", "dark"], Query()] = "light",
    ratio: Annotated[int, Query(ge=1, le=2, description="pixels of the picture for each of the map's")] = 1,
) -> Response:
    """The city's own roads, water, railways, buildings and borders."""
    base, _, version = atlas.ground
    return kept(
        request,
        version,
        lambda: png(
            atlas.keep(
                ("base", version, z, x, y, theme, ratio),
                lambda: base.tile(z, x, y, theme=theme, ratio=ratio),
                most=KEPT_TILES,
            )
        ),
    )
