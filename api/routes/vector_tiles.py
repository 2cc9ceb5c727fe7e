"""Vector tiles: unit grids, areas, zones, components, roads, buildings, water, and the units that stand out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.atlas import Atlas, atlas_of, selection_of
from api.statistics.filtering import check_sets, items_of
from api.statistics.selection import Selection
from api.tiles.shelf import Kept

router = APIRouter(tags=["maps"])
MVT = "application/vnd.mapbox-vector-tile"
HOUR_S = 3600


def answered(request: Request, kept: Kept) -> Response:
    """A tile, or that the browser's is still right; one asked for by a version is kept for an hour unasked."""
    mark = f'"{kept.mark}"'
    fresh = f"max-age={HOUR_S}" if "v" in request.query_params else "max-age=0, must-revalidate"
    headers = {"etag": mark, "cache-control": f"public, {fresh}", "vary": "accept-encoding"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == mark:
        return Response(status_code=304, headers=headers)
    headers |= {"x-shown": str(kept.tile.shown), "x-total": str(kept.tile.total)}
    if kept.packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(kept.packed, headers=headers | {"content-encoding": "gzip"}, media_type=MVT)
    return Response(kept.tile.data, headers=headers, media_type=MVT)


@router.get(
    "/tiles/hotspots/{z}/{x}/{y}.mvt", summary="Unit grids that stand out, a vector tile", response_class=Response
)
def hotspots(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
) -> Response:
    """Units in which cases gather (Gi*, q below 0.05), with their cases, z and q."""
    found, version = atlas.look(selection)
    hot = found.hot
    values = {
        "codes": hot["code"].tolist(),
        "cases": hot["cases"].tolist(),
        "scores": hot["z"].tolist(),
        "rates": hot["q"].tolist(),
    }
    return answered(
        request, atlas.shelf.tile(atlas.service.engine, found.city, "hotspots", z, x, y, of=version, **values)
    )


@router.get("/tiles/{layer}/{z}/{x}/{y}.mvt", summary="A layer of the record, a vector tile", response_class=Response)
def layer(
    request: Request,
    layer: str,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    sets: Annotated[
        str, Query(alias="set", max_length=200, description="of areas: only these sets, joined by commas")
    ] = "",
) -> Response:
    """Units, areas, zones, components, roads, buildings or water, as the record has them now."""
    engine, city = atlas.service.engine, atlas.service.snapshot.city
    asked = items_of(sets)
    if asked:
        check_sets(engine, asked, layer)
    kept = atlas.shelf.tile(engine, city, layer, z, x, y, of=",".join(asked), sets=asked or None)
    return answered(request, kept)
