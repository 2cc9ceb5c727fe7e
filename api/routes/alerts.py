"""``GET /v1/alerts``: which hotspots appeared, grew or ended, and whose they are."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.atlas import Atlas, atlas_of, selection_of
from api.instants import read_instants
from api.routes.patience import patiently
from api.statistics.alerting import MONTH, raise_alerts
from api.statistics.beside import GROUND
from api.statistics.gathered import geojson
from api.statistics.selection import LEVEL, Selection

router = APIRouter(tags=["statistics"])


@router.get("/v1/alerts", summary="Hotspots that appear, grow or end, GeoJSON", response_class=Response)
async def alerts(
    request: Request,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    bin_days: Annotated[
        str, Query(max_length=40, description="`month`, or days of a bin of time; the last one ends with `to`")
    ] = MONTH,
    level: Annotated[float, Query(description="chance of a false alert that is taken, bin by bin")] = LEVEL,
    since: Annotated[
        str, Query(max_length=40, description="alerts told after that instant; those of the last bin when missing")
    ] = "",
    goes_on: Annotated[bool, Query(description="hotspots that merely go on too")] = False,
) -> Response:
    """Alerts with their cases, what was expected, their unit grids and the department that owns most of them."""
    after = read_instants([since], atlas.city.time_zone, lambda _: "since")[0]
    options = {"bin_days": bin_days, "level": level, "since": after, "goes_on": goes_on}
    return await patiently(request, partial(_answer, atlas, selection, options))


def _answer(atlas: Atlas, selection: Selection, options: dict[str, Any]) -> Response:
    found, version = atlas.look(selection)

    def make() -> bytes:
        answer = raise_alerts(atlas.service.engine, atlas.book, found, ground=atlas.covariates(found), **options)
        return geojson(answer, found.city.srid)

    told = atlas.keep(("alerts", version, atlas.ground_states(*GROUND), repr(options)), make)
    return Response(told, media_type="application/geo+json")
