"""Tiles of what happened: density as pictures, and counts under the same filter."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response

from api.atlas import Atlas, atlas_of, selection_of
from api.pages.heat import by_night, colours
from api.routes.wire import Json
from api.statistics.selection import Selection
from api.tiles.answer import answer_tile

router = APIRouter(tags=["maps"])
STEPS = 12
"""Colours of the legend."""
Theme = Annotated[Literal["light", "dark"], Query(description="colours for a light ground, or for a dark one")]


@router.get("/tiles/heat/legend.json", summary="What the colours of the heat mean")
def heat_legend(
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    theme: Theme = "light",
) -> Response:
    """Density of each colour, the kernel and its bandwidth, and how many cases the picture is drawn from."""
    heat = atlas.heat(selection)
    share = np.linspace(0, 1, STEPS)
    colour = [f"#{r:02x}{g:02x}{b:02x}{a:02x}" for r, g, b, a in colours(share, theme=theme).tolist()]
    return Json(
        {
            "unit": "cases per hectare",
            "top": heat.top,
            "stops": [
                {"value": round(heat.top * s, 6), "colour": c} for s, c in zip(share.tolist(), colour, strict=True)
            ],
            "cases": len(heat),
            "left_out": heat.left_out,
            "kernel": heat.smoother.kernel,
            "bandwidth_m": heat.smoother.bandwidth_m,
            "cell_m": heat.smoother.cell_m,
            "edges": "kernel mass kept on the city's ground (Diggle)" if heat.smoother.inside is not None else "none",
        }
    )


@router.get("/tiles/heat/{z}/{x}/{y}.png", summary="Density of cases, a picture", response_class=Response)
def heat_tile(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    top: Annotated[
        float | None,
        Query(gt=0, le=1e9, description="cases per hectare of the last colour; the selection's own when missing"),
    ] = None,
    theme: Theme = "light",
) -> Response:
    """Cases per hectare, transparent where there are none; one `top` for several periods makes them comparable."""
    holds = atlas.holding() if pd.isna(selection.known_at) else None
    painted = atlas.heat(selection).tile(z, x, y, top=top)
    if theme == "dark":
        return answer_tile(request, f"{painted.mark}-dark", by_night(painted.png), "image/png")
    return answer_tile(request, painted.mark, painted.png, "image/png", told=atlas.told, holds=holds)


@router.get("/tiles/heat/{z}/{x}/{y}.json", summary="Cases in a tile")
def heat_count(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
) -> Response:
    """How many of the selection's cases lie in a tile; on an edge they count in the eastern or southern one."""
    holds = atlas.holding() if pd.isna(selection.known_at) else None
    heat = atlas.heat(selection)
    cases = heat.count(z, x, y)
    body = bytes(Json({"cases": cases, "of": len(heat), "capped": False}).body)
    return answer_tile(request, f"{cases}-{len(heat)}", body, "application/json", told=atlas.told, holds=holds)
