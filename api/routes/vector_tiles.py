"""Vector tiles: unit grids, areas, zones, components, roads, buildings, water, and the units that stand out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.atlas import Atlas, atlas_of, selection_of
from api.statistics.filtering import check_sets, items_of
from api.statistics.selection import Selection
from api.tiles.answer import answer_tile
from api.tiles.shelf import Kept

router = APIRouter(tags=["maps"])
MVT = "application/vnd.mapbox-vector-tile"


def answered(request: Request, kept: Kept, **told: Any) -> Response:
    """A tile with what it shows, of how much."""
    shown = {"x-shown": str(kept.tile.shown), "x-total": str(kept.tile.total)}
    return answer_tile(request, kept.mark, kept.tile.data, MVT, packed=kept.packed, headers=shown, **told)


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
    return answered(request, kept, told=atlas.told, holds=atlas.shelf.holding(kept, layer, z))
