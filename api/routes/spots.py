"""``GET /v1/hotspots/{id}``: all that is known of one hotspot, for its panel and for whoever else asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Path, Query

from api.atlas import Atlas, atlas_of
from api.pages.credits import in_english
from api.routes.hotspots import Question, question_of
from api.routes.wire import Json
from api.statistics.exposing import Exposing, measures_file
from api.statistics.gathered import Gathering
from api.statistics.gathering import gather
from api.statistics.selection import Look
from api.statistics.spot_panel import MOST_CASES, ground_of, list_cases, tell_exposure, tell_spot, tell_stability
from api.statistics.spots import find_spot
from api.statistics.steady import check_stability
from api.statistics.way import Way
from gis import counts
from grids.catalog import Catalog
from grids.errors import InputError

router = APIRouter(tags=["statistics"])
Spot = Annotated[str, Path(max_length=120, description="id of a hotspot: /v1/hotspots?joined=1 under the same filter")]


def city_days(atlas: Atlas, found: Look) -> pd.Series:
    """Cases of the selection by day, whatever the period; kept."""
    whole = replace(found.wanted, begin=pd.NaT, end=pd.NaT)
    key = ("days", found.source.mark, repr(whole))
    return atlas.keep(key, lambda: found.source.days(whole, found.city.time_zone), most=32)


def department_names(atlas: Atlas) -> dict[str, str]:
    """Names of the departments that hold now; kept with the snapshot."""

    def read() -> dict[str, str]:
        now = pd.Timestamp.now(tz="UTC").to_pydatetime()
        rows = counts.read_rows(atlas.service.engine, "department_list", at=now, known_at=None)
        return {row["code"]: row["name"] for row in rows}

    return atlas.keep(("department names", atlas.service.snapshot.version), read, most=2)


def panel(atlas: Atlas, question: Question, spot: str) -> dict[str, Any]:
    """What is told of a hotspot."""
    found, spots = question.spots(atlas)
    row = find_spot(spots, spot)
    about = {"city_days": city_days(atlas, found), "names": department_names(atlas)}
    out = tell_spot(atlas.service.engine, atlas.book, found, spots, row, **about)
    return with_english(out)


def with_english(panel: dict[str, Any]) -> dict[str, Any]:
    """A panel with ``name_en`` beside the names of areas; departments keep the names that they have."""
    for part in panel["areas"]:
        part["name_en"] = in_english(part["name"]) if part["name"] else None
    return panel


def exposure_of(atlas: Atlas, question: Question, spot: str) -> dict[str, Any]:
    """What a hotspot is held against; why it is not known where it is not."""
    found, spots = question.spots(atlas)
    row = find_spot(spots, spot)
    try:
        return tell_exposure(row, found, two_maps(atlas, question))
    except InputError as error:
        return {"known": False, "why": error.what}


def two_maps(atlas: Atlas, question: Question) -> Gathering:
    """What patrols find and citizens report in the unit grids; kept."""
    found, version = atlas.look(question.selection)
    file = measures_file(atlas.service.settings)
    exposing = Exposing.read("rates", rates="both", file=file)
    way = Way.read(method="rates", cells="unit", bandwidth_m=found.selection.bandwidth_m)
    engine = atlas.service.engine
    return atlas.keep(("two maps", version), lambda: gather(engine, atlas.book, found, way, exposing=exposing), most=8)


def stability_of(atlas: Atlas, question: Question, spot: str) -> dict[str, Any]:
    """In what share of other grids and sizes a hotspot stands out too."""
    try:
        check_stability(question.way.method, question.exposing)
    except InputError as error:
        return {"known": False, "share": None, "why": error.what}
    _, spots = question.spots(atlas, stability=True)
    return tell_stability(find_spot(spots, spot), spots)


@router.get("/v1/hotspots/{spot}", summary="A hotspot: its cases, classes, owners and course")
def hotspot(
    spot: Spot, atlas: Annotated[Atlas, Depends(atlas_of)], question: Annotated[Question, Depends(question_of)]
) -> Json:
    """Figures, shares of classes, departments and channels, and cases by month or week, under the same filter."""
    return Json(panel(atlas, question, spot))


@router.get("/v1/hotspots/{spot}/cases", summary="The cases of a hotspot")
def cases(
    spot: Spot,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    question: Annotated[Question, Depends(question_of)],
    limit: Annotated[int, Query(ge=1, le=MOST_CASES)] = 100,
) -> Json:
    """The latest first, at most `limit`; `total` tells how many there are."""
    found, spots = question.spots(atlas)
    row = find_spot(spots, spot)
    span = (found.wanted.begin, found.wanted.end)
    if "from" in row.index:
        span = (pd.Timestamp(row["from"]), pd.Timestamp(row["to"]))
    ground = ground_of(row, found, spots.parameters["cells"])
    total, rows = list_cases(atlas.service.engine, atlas.book, found, ground, limit=limit, span=span)
    return Json({"id": spot, "total": total, "shown": len(rows), "cases": rows})


@router.get("/v1/hotspots/{spot}/exposure", summary="A hotspot against patrols and citizens")
def exposure(
    spot: Spot, atlas: Annotated[Atlas, Depends(atlas_of)], question: Annotated[Question, Depends(question_of)]
) -> Json:
    """Found per visit, reported per head, and their ratio, beside the whole city; `why` where it is not known."""
    return Json(exposure_of(atlas, question, spot))


@router.get("/v1/hotspots/{spot}/stability", summary="Whether a hotspot lasts on other grids")
def stability(
    spot: Spot, atlas: Annotated[Atlas, Depends(atlas_of)], question: Annotated[Question, Depends(question_of)]
) -> Json:
    """Share of other grids, cell sizes and bandwidths in which its cells stand out too."""
    return Json(stability_of(atlas, question, spot))


def class_rows(book: Catalog) -> list[list[str]]:
    """What a class filter can be: kinds and major classes of each edition, then its classes.

    Each row is text, Chinese name, English name, name of the group above, its text, its name in English.
    """
    rows = book.classes.fillna("")
    out = []
    for edition, mine in rows.groupby("edition", sort=True):
        majors = mine[mine["major_code"] != ""].drop_duplicates(["kind", "major_code"])
        for row in majors.itertuples(index=False):
            text = f"{edition}:{row.kind}{row.major_code}"
            out.append([text, row.major_name, book.english(text), "", "", ""])
    under = (rows["edition"] + ":" + rows["kind"] + rows["major_code"]).where(rows["major_code"] != "", "")
    texts = rows["edition"] + ":" + rows["kind"] + rows["code"]
    english = under.map({text: book.english(text) for text in under.unique()})
    columns = (texts, rows["name_zh"], rows["name_en"], rows["major_name"], under, english)
    return out + [list(map(str, row)) for row in zip(*columns, strict=True)]
