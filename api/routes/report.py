"""``/maps/hotspots/report``: what the hotspot map shows, for paper."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse

from api.atlas import Atlas, atlas_of
from api.pages import heat
from api.pages.frame import Frame
from api.pages.hotspots import HERE
from api.pages.hotspots_report import Report, report_page
from api.pages.hotspots_words import words
from api.routes import spots as told
from api.routes.framed import frame_of, page_headers
from api.routes.hotspots import Question, question_of
from api.statistics.look_told import tell_look
from api.statistics.selection import filter_name
from gis import counts

router = APIRouter(tags=["maps"])
MOST_PAGES = 60


@router.get(f"{HERE}/report", summary="Report of the hotspots, a page to print", response_class=HTMLResponse)
def report(
    request: Request,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    question: Annotated[Question, Depends(question_of)],
    frame: Annotated[Frame, Depends(frame_of)],
    most: Annotated[int, Query(ge=1, le=MOST_PAGES, description="hotspots that have a page, the strongest first")] = 20,
) -> Response:
    """A title page with filters, method, parameters, seed and state of the data, then one page a hotspot."""
    found, spots = question.spots(atlas)
    service = atlas.service
    city, said = service.snapshot.city, words(frame.lang)
    base, names, _ = atlas.ground
    panels = []
    for spot in spots.frame["id"].astype(str).head(most):
        one = told.panel(atlas, question, spot)
        more = {
            "exposure_": told.exposure_of(atlas, question, spot),
            "stability_": told.stability_of(atlas, question, spot),
        }
        panels.append(one | more)
    look = tell_look(found, heat.top_density(found.grid))
    now = pd.Timestamp.now(tz="UTC")
    state = {
        "snapshot": service.snapshot.version[:12],
        "mark": atlas.mark,
        "made": now.tz_convert(city.time_zone).strftime("%Y-%m-%d %H:%M"),
    }
    rows = counts.read_rows(service.engine, "department_list", at=now.to_pydatetime(), known_at=None)
    phones = {row["code"]: row["phone"] for row in rows if row["phone"]}
    whole = Report(found, spots, panels, look, _asked(atlas, question, look, said, frame.lang), state, phones)
    query = "&".join(part for part in request.url.query.split("&") if part and not part.startswith("most="))
    headers, nonce = page_headers(service.settings)
    html = report_page(whole, base, names, frame=frame, back=f"{HERE}?{query}" if query else HERE, nonce=nonce)
    return HTMLResponse(html, headers=headers)


def _asked(atlas: Atlas, question: Question, look: dict[str, Any], said: dict[str, str], lang: str) -> dict[str, str]:
    """The filters in words."""
    selection, way = question.selection, question.way
    city = atlas.service.snapshot.city
    names = told.department_names(atlas)
    known = " ".join(f"{c} {names.get(c, '')}".strip() for c in selection.departments.replace(",", " ").split())
    kind, _, rest = way.cells.partition(":")
    cells = said[f"cells.{kind}"].format(name=said.get(f"set.{rest}", rest), n=rest)
    last = f"{look['to']} {said['excluded']}" if look["to"] else look["last"] or "…"
    asked = {
        said["class"]: filter_name(atlas.book, selection.classes, city.edition, lang=lang)
        if selection.classes
        else said["all_cases"],
        said["report.period"]: f"{look['from'] or look['first'] or '…'} – {last}",
        said["department"]: known or said["all"],
        said["channel"]: selection.channels or said["all"],
        said["area"]: selection.area or said["all"],
        said["method"]: said[f"method.{way.method}"],
        said["cells"]: cells,
        said["against"]: said.get(f"exposure.{question.exposing.exposure if question.exposing else ''}", ""),
        said["bandwidth"]: f"{selection.bandwidth_m:g} m",
    }
    if any(question.versus):
        asked[said["right_period"]] = " – ".join(question.versus)
    return asked
