"""The way in for planners, and the page of the hotspots with what only it needs: filters, counts, time."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from api.atlas import Atlas, atlas_of, kept, selection_of
from api.pages import heat
from api.pages.frame import Frame
from api.pages.hotspots import HERE, Sources, View, page
from api.routes import spots as told
from api.routes.framed import frame_of, page_headers
from api.routes.hotspots import Question, question_of
from api.routes.wire import Json
from api.statistics.exposing import RECORDED, measures_file
from api.statistics.filtering import wanted
from api.statistics.look_told import bins_of, exposure_names, tell_look
from api.statistics.selection import Selection
from gis import counts
from grids.errors import InputError

router = APIRouter(tags=["maps"])
STEPS = ("month", "week")


@router.get("/", include_in_schema=False)
def front() -> Response:
    """The way in for planners."""
    return RedirectResponse(HERE, 307)


@router.get(HERE, summary="Hotspot map, a page", response_class=HTMLResponse)
def hotspots(
    atlas: Annotated[Atlas, Depends(atlas_of)],
    question: Annotated[Question, Depends(question_of)],
    frame: Annotated[Frame, Depends(frame_of)],
    step: Annotated[str, Query(max_length=10, description="month or week: what the slider moves by")] = "",
    t: Annotated[str, Query(max_length=10, description="first day of the month or week that is shown")] = "",
    two: Annotated[bool, Query(description="two periods side by side")] = False,
    spot: Annotated[str, Query(max_length=120, description="id of the hotspot whose panel is open")] = "",
    tab: Annotated[str, Query(max_length=10, description="alerts: the list of alerts is open")] = "",
) -> Response:
    """Where cases gather: density, hotspots, time, alerts; the page asks for everything else itself."""
    del t, two, spot, tab  # read by the page's script
    _known_step(step, also="")
    base, _, ground = atlas.ground_soon
    city, engine = atlas.service.snapshot.city, atlas.service.engine
    wanted(engine, atlas.book, question.selection, city.edition)  # refuses what names nothing
    sets = atlas.area_sets
    order = {name: k for k, name in enumerate(city.territory)}
    exposures = [*RECORDED, *exposure_names(measures_file(atlas.service.settings))]
    view = View(
        city,
        base.bounds or _bounds(city.bounds),
        sorted(set(atlas.book.classes["edition"])),
        sorted(sets, key=lambda name: (order.get(name, len(order)), name)),
        exposures,
    )
    sources = Sources(
        base=f"/tiles/base/{{z}}/{{x}}/{{y}}.png?v={ground}",
        names=f"/tiles/base/names.json?v={ground}",
        outside=atlas.service.settings.outside_base,
    )
    headers, nonce = page_headers(atlas.service.settings)
    return HTMLResponse(page(view, sources, frame=frame, nonce=nonce), headers=headers)


def _bounds(city: Any) -> tuple[float, float, float, float]:
    west, south, east, north = city
    return float(west), float(south), float(east), float(north)


def _known_step(step: str, *, also: str | None = None) -> None:
    if step not in STEPS and step != also:
        raise InputError(f"{step!r}", where="step", right=" or ".join(STEPS))


@router.get(f"{HERE}/look.json", summary="What a selection counts")
def look(
    request: Request,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
) -> Response:
    """Cases counted and left out, first and last day, the density of the darkest colour."""
    found, version = atlas.look(selection)
    mark = atlas.mark
    return kept(
        request,
        version,
        lambda: Json({"mark": mark, "version": version, **tell_look(found, atlas.heat(selection).top)}),
    )


@router.get(f"{HERE}/timeline.json", summary="Cases by month or week")
def timeline(
    request: Request,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    step: Annotated[str, Query(max_length=10, description="month or week")] = "month",
) -> Response:
    """Bins of the period with their cases, and the density of the darkest colour that all of them share."""
    _known_step(step)
    found, version = atlas.look(selection)

    def make() -> Response:
        days = told.city_days(atlas, found)
        bins = bins_of(days, found, step)
        most = max((b["cases"] for b in bins), default=0)
        share = most / max(len(found.places), 1)
        return Json({"step": step, "bins": bins, "top": heat.round_up(atlas.heat(selection).top * share)})

    return kept(request, f"{version}-{step}", make)


@router.get(f"{HERE}/choices.json", summary="What the hotspot page can filter by")
def choices(request: Request, atlas: Annotated[Atlas, Depends(atlas_of)]) -> Response:
    """Classes with their groups, departments, channels, areas of all sets."""
    engine, service = atlas.service.engine, atlas.service
    city = service.snapshot.city

    def make() -> Response:
        shapes = atlas.keep(
            ("area names", service.snapshot.version),
            lambda: counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=city.srid)[["set", "code", "name"]],
            most=2,
        )
        names = told.department_names(atlas)
        return Json(
            {
                "classes": told.class_rows(atlas.book),
                "departments": [{"code": code, "name": name} for code, name in names.items()],
                "channels": atlas.channels,
                "sets": sorted(set(shapes["set"])),
                "areas": shapes.to_numpy(dtype=object).tolist(),
            }
        )

    return kept(request, f"en-{service.snapshot.version[:12]}-{atlas.mark}", make)
