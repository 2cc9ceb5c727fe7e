"""All that is told of the hotspots of a selection at once, for reports and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from api.statistics.alerting import raise_alerts
from api.statistics.exposing import Exposing
from api.statistics.gathered import Gathering, geojson
from api.statistics.gathering import gather
from api.statistics.selection import Look
from api.statistics.spot_panel import tell_exposure, tell_spot, tell_stability
from api.statistics.way import Way
from gis import counts, tallies
from grids.catalog import Catalog
from grids.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine


def tell_all(
    engine: Engine, book: Catalog, found: Look, spots: Gathering, *, measures: Path | None, most: int
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The panel of each of the first `most` hotspots by its id, and the alerts as a GeoJSON collection.

    Panels carry ``exposure_`` and ``stability_``: what the routes of those names tell.
    """
    zone = found.city.time_zone
    days = tallies.days(engine, replace(found.wanted, begin=pd.NaT, end=pd.NaT), zone=zone)
    now = pd.Timestamp.now(tz="UTC").to_pydatetime()
    names = {r["code"]: r["name"] for r in counts.read_rows(engine, "department_list", at=now, known_at=None)}
    try:
        way = Way.read(method="rates", bandwidth_m=found.selection.bandwidth_m)
        exposing = Exposing.read("rates", rates="both", file=measures)
        maps: Gathering | None = gather(engine, book, found, way, exposing=exposing)
        why = ""
    except InputError as error:
        maps, why = None, error.what
    panels = {}
    for _, spot in spots.frame.head(most).iterrows():
        told = tell_spot(engine, book, found, spots, spot, days, names)
        told["exposure_"] = tell_exposure(spot, found, maps) if maps is not None else {"known": False, "why": why}
        told["stability_"] = tell_stability(spot, spots)
        panels[str(spot["id"])] = told
    return panels, told_alerts(engine, book, found)


def told_alerts(engine: Engine, book: Catalog, found: Look) -> dict[str, Any]:
    """Alerts of the last bin as a GeoJSON collection; none, with why, where the period is too short for any."""
    try:
        return orjson.loads(geojson(raise_alerts(engine, book, found), found.city.srid))
    except InputError as error:
        return {"features": [], "parameters": {}, "facts": {"note": error.what}}
