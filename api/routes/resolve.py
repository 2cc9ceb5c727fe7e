"""Who owns this, and why: one case by GET, many by POST."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from fastapi import APIRouter, Depends, Query, Request, Response

from api import arrow, forms
from api.forms import Asked
from api.instants import read_instant, read_instants
from api.routes.wire import Json, body_of
from api.service import Service, service_of
from gis.answer import explain
from gis.assign import Cases, Resolution, assign
from gis.model import REASONS, RULES, City
from gis.snapshot import Snapshot
from grids.catalog import catalog
from grids.codes import CLASS_DIGITS, check_component
from grids.errors import InputError, TooLarge

router = APIRouter(tags=["resolve"])
COMPACT = (
    "unit",
    "department",
    "rule",
    "reason",
    "component",
    "distance_m",
    "probability",
    "ask_first",
)
"""Columns of a row without ``explain``."""

EXAMPLE = {"cases": [{"lon": 111.003, "lat": 35.026, "class": "2026:C01001", "accuracy_m": 10}]}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "examples": {
                    "rows": {"value": EXAMPLE},
                    "columns": {"value": {"lon": [111.003], "lat": [35.026], "class": ["2026:C01001"]}},
                },
            },
            arrow.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
CLASS = "edition:kind+code, or a bare code; without one, only zones that take everything and the territory"
Crs = Annotated[str | None, Query(description="EPSG:n, gcj02 or bd09; by default WGS 84 degrees")]
At = Annotated[str | None, Query(description="valid time, ISO 8601; without an offset the city's; now when missing")]


@router.get("/v1/resolve", summary="Who owns this spot, and why")
def resolve_one(
    service: Annotated[Service, Depends(service_of)],
    lon: Annotated[float, Query(description="longitude, or x of the crs")],
    lat: Annotated[float, Query(description="latitude, or y of the crs")],
    class_: Annotated[str, Query(alias="class", description=CLASS, max_length=200)] = "",
    component: Annotated[str, Query(description="component that the report names", max_length=200)] = "",
    crs: Crs = None,
    accuracy_m: Annotated[float | None, Query(description="position error in metres")] = None,
    at: At = None,
    known_at: Annotated[str | None, Query(description="known time; this service answers as of its snapshot")] = None,
) -> Response:
    """One answer in full: owner, rule, evidence, candidates with why they lost, a line for each step."""
    for name, value in (("lon", lon), ("lat", lat)):
        if not np.isfinite(value):
            raise InputError(f"{value} is no coordinate", where=name, right="send a number")
    if accuracy_m is not None and np.isnan(accuracy_m):
        raise InputError("nan is no distance", where="accuracy_m", right="send metres, or leave it out")
    asked = Asked(
        "one",
        {
            "lon": np.array([lon]),
            "lat": np.array([lat]),
            "accuracy_m": np.array([np.nan if accuracy_m is None else accuracy_m]),
            "class": np.array([class_], dtype=object),
            "component": np.array([component], dtype=object),
            "at": np.array([at or ""], dtype=object),
        },
    )
    check_known_at(service.snapshot, known_at)
    cases = read_cases(service.snapshot, asked, crs)
    return Json(explain(cases, 0, service.snapshot))


@router.post("/v1/resolve", summary="Who owns these, many at once", openapi_extra=BODY)
def resolve_many(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    body: Annotated[bytes, Depends(body_of)],
    in_full: Annotated[bool, Query(alias="explain", description="full answers instead of rows")] = False,
    crs: Crs = None,
    at: At = None,
    known_at: Annotated[str | None, Query(description="known time; this service answers as of its snapshot")] = None,
) -> Response:
    """JSON rows, JSON columns or an Arrow stream; the same form comes back in the same order."""
    snapshot, settings = service.snapshot, service.settings
    check_known_at(snapshot, known_at)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    read = arrow.read_stream if kind == arrow.MEDIA_TYPE else forms.read_json
    asked = read(body, max_rows=settings.max_rows)
    if in_full and len(asked) > settings.max_explained:
        right = f"send at most {settings.max_explained:,} with explain=1"
        raise TooLarge(f"{len(asked):,} cases to explain", where="explain", right=right)
    cases = read_cases(snapshot, asked, crs, at=at or "")
    if in_full:
        return full(snapshot, asked, cases)
    return compact(snapshot, asked, assign(cases, snapshot))


def read_cases(
    snapshot: Snapshot,
    asked: Asked,
    crs: str | None,
    *,
    at: str = "",
) -> Cases:
    """Cases for the engine from checked columns; InputError names every value that is wrong.

    `at` is the instant of the rows that tell none, now when it is "".
    """
    system = forms.check_crs(crs)
    forms.check_places(asked, system, snapshot.city)
    zone = snapshot.city.time_zone
    default = read_instant(at, zone, "at") or pd.Timestamp.now(tz="UTC")
    instants: Any
    if len(asked) == 1:  # one instant needs no column, which would take longer than all the rest
        instants = read_instant(asked.columns["at"][0], zone, asked.where(0, "at")) or default
    else:
        instants = read_instants(asked.columns["at"], zone, lambda i: asked.where(i, "at")).fillna(default)
    cases = Cases.read(
        snapshot,
        asked.columns["lon"],
        asked.columns["lat"],
        asked.columns["class"],
        crs=system,
        components=asked.columns["component"],
        at=instants,
        accuracy_m=asked.columns["accuracy_m"],
    )
    faults = forms.Faults()
    for i, what in sorted(cases.faults.items()):
        faults.add(asked.where(i, "class"), class_fault(asked.columns["class"][i], what, snapshot.city))
    named = asked.columns["component"]
    if snapshot.city.codes != "free":
        lost = np.flatnonzero((cases.component < 0) & (named != ""))
        told: Any = check_component(named[lost], classes=catalog().texts) if len(lost) else []
        for i, what in zip(lost.tolist(), told, strict=True):
            if what:
                faults.add(asked.where(i, "component"), f"{named[i]!r} {what}")
    faults.stop()
    return cases


def class_fault(text: str, what: str, city: City) -> str:
    """What is wrong with a class text: a code of another edition is told as that, else what the engine said."""
    if city.edition not in CLASS_DIGITS:
        return what
    try:
        catalog().find(text, edition=city.edition)
    except InputError as error:
        return str(error)
    return what


def check_known_at(snapshot: Snapshot, known_at: str | None) -> None:
    """This service knows one state of knowledge, its snapshot's: any instant from then on is that state."""
    asked = read_instant(known_at or "", snapshot.city.time_zone, "known_at")
    if asked is not None and asked < snapshot.known_at:
        raise InputError(
            f"{known_at} is before what this service's snapshot knows",
            where="known_at",
            right=f"ask from {snapshot.known_at.isoformat()} on, or build a snapshot with --known-at",
        )


def compact(snapshot: Snapshot, asked: Asked, done: Resolution) -> Response:
    """Rows of `COMPACT` in the form that was asked."""
    named: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "unit": (snapshot.codes("units.code"), done.unit),
        "department": (snapshot.codes("departments.code"), done.department),
        "rule": (np.array([*RULES, ""], dtype=object), done.rule),
        "reason": (np.array([*REASONS, ""], dtype=object), done.reason),
        "component": (snapshot.codes("components.code"), done.component),
    }
    distance = done.distance_m().round(3)
    n = len(done)
    if asked.form == "arrow":
        columns: dict[str, Any] = {name: _strings(codes, at) for name, (codes, at) in named.items()}
        columns["distance_m"] = pa.array(distance, from_pandas=True)
        columns["probability"] = pa.nulls(n, pa.float64())
        columns["ask_first"] = pa.array(np.zeros(n, dtype=bool))
        return _arrow(snapshot, asked, columns)
    lists: dict[str, Any] = {name: _or_none(codes)[at].tolist() for name, (codes, at) in named.items()}
    lists["distance_m"] = distance
    lists["probability"] = [None] * n
    lists["ask_first"] = [False] * n
    lists = {name: lists[name] for name in COMPACT}
    if "id" in asked.columns:
        lists = {"id": asked.columns["id"].tolist(), **lists}
    if asked.form == "columns":
        return Json({**_from(snapshot), **lists})
    lists["distance_m"] = distance.tolist()
    rows = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return Json({**_from(snapshot), "cases": rows})


def full(snapshot: Snapshot, asked: Asked, cases: Cases) -> Response:
    """Full answers: a list of them, columns of their parts, or (Arrow) a column ``answer`` of JSON texts."""
    answers = [explain(cases, i, snapshot) for i in range(len(cases))]
    if "id" in asked.columns:
        answers = [{"id": i, **a} for i, a in zip(asked.columns["id"].tolist(), answers, strict=True)]
    if asked.form == "rows":
        return Json({**_from(snapshot), "cases": answers})
    if asked.form == "columns":
        parts = answers[0] if answers else {}
        return Json({**_from(snapshot), **{k: [a[k] for a in answers] for k in parts if k not in _from(snapshot)}})
    texts = pa.array([orjson.dumps(a).decode() for a in answers], pa.string())
    return _arrow(snapshot, asked, {"answer": texts})


def _from(snapshot: Snapshot) -> dict[str, str]:
    known = snapshot.known_at.isoformat().replace("+00:00", "Z")
    return {"snapshot": snapshot.version, "known_at": known}


def _or_none(codes: np.ndarray) -> np.ndarray:
    out = codes.copy()
    out[codes == ""] = None
    return out


def _strings(codes: np.ndarray, at: np.ndarray) -> pa.Array:
    taken = pa.array(_or_none(codes), pa.string())
    return taken.take(pa.array(np.where(at < 0, len(codes) - 1, at)))


def _arrow(snapshot: Snapshot, asked: Asked, columns: dict[str, Any]) -> Response:
    if "id" in asked.columns:
        columns = {"id": pa.array(asked.columns["id"], pa.string()), **columns}
    return Response(arrow.write_stream(columns, _from(snapshot)), media_type=arrow.MEDIA_TYPE)
