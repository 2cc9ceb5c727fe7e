"""The way in for planners, and the page of the hotspots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from api.atlas import Atlas, atlas_of, selection_of
from api.pages.hotspots import Sources, page
from api.routes.wire import nonce_headers
from api.statistics.selection import Selection, filter_name, groups

router = APIRouter(tags=["maps"])


@router.get("/", include_in_schema=False)
def front() -> Response:
    """The way in for planners."""
    return RedirectResponse("/maps/hotspots", 307)


@router.get("/maps/hotspots", summary="Hotspot map, a page", response_class=HTMLResponse)
def hotspots(
    request: Request,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
) -> Response:
    """Where cases gather: density, units that stand out, filters by class and period."""
    found, version = atlas.look(selection)
    ground = atlas.ground[2]
    query = request.url.query
    heat_url = "/tiles/heat/{z}/{x}/{y}.png?" + (f"{query}&" if query else "") + f"v={version}"
    choices = groups(atlas.book, found.city.edition)
    if (chosen := selection.classes) not in ("", "*") and chosen not in choices:
        choices[chosen] = filter_name(atlas.book, chosen, found.city.edition)
    sources = Sources(
        base=f"/tiles/base/{{z}}/{{x}}/{{y}}.png?v={ground}",
        heat=heat_url,
        names=f"/tiles/base/names.json?v={ground}",
        groups=choices,
    )
    headers, nonce = nonce_headers()
    return HTMLResponse(page(found, sources, nonce=nonce), headers=headers)
