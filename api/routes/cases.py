"""Cases: handed in one by one, looked up, listed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import numpy as np
import orjson
import pandas as pd
from fastapi import APIRouter, Depends, Header, Query, Response

from api import asked as checked
from api import forms
from api.asked import Asked, read_cases
from api.instants import read_instants
from api.routes.city import KnownAt
from api.routes.wire import Crs, Json, body_of
from api.service import Service, service_of
from gis import cases as record
from gis.answer import explain
from gis.assign import Cases
from gis.crs import to_city, to_lonlat
from gis.model import REASONS, City
from gis.snapshot import Snapshot
from grids.errors import InputError
from grids.nearmiss import suggest

router = APIRouter(tags=["cases"])
MOST = 1000
"""Most cases in a page of the list."""
WORDS = ("channel", "address", "description")
FIELDS = ("id", "lon", "lat", "class", "component", "accuracy_m", "reported_at", *WORDS)
AHEAD = pd.Timedelta(minutes=10)
"""How far the sender's clock may be ahead of ours."""
LENGTHS = {"channel": 50, "address": 500, "description": 5000}
EXAMPLE = {
    "lon": 111.003,
    "lat": 35.026,
    "class": "2026:C01001",
    "reported_at": "2026-07-01T08:30:00+08:00",
    "channel": "hotline",
    "address": "河东东街与中银大道路口",
    "description": "井盖破损",
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}},
    }
}


@router.post("/v1/cases", status_code=201, summary="Hand in a case", openapi_extra=BODY)
def hand_in(
    service: Annotated[Service, Depends(service_of)],
    body: Annotated[bytes, Depends(body_of)],
    key: Annotated[str, Header(alias="Idempotency-Key", description=f"at most {record.MAX_KEY} signs")] = "",
    crs: Crs = None,
) -> Response:
    """Records the case with its answer and says who owns it; acknowledged means on disk.

    Send an `Idempotency-Key` of your own with each case: the same key again gets the same answer and records
    nothing; the same key with another body is refused (409).
    """
    data = forms.parse_json(body)
    given = check_fields(data)
    snapshot = service.snapshot
    if len(key) > record.MAX_KEY:
        raise InputError(
            f"{len(key)} signs, {checked.shown(key, 20)}",
            where="Idempotency-Key",
            right=f"at most {record.MAX_KEY} signs",
        )
    case, cases = read_case(snapshot, given, crs)
    place = {"lon": given.get("lon"), "lat": given.get("lat"), "crs": crs or "EPSG:4326"}
    answer = explain(cases, 0, snapshot, place | {name: given.get(name) or "" for name in ("class", "component")})
    sent = hashlib.sha256(orjson.dumps([data, crs or ""], option=orjson.OPT_SORT_KEYS)).hexdigest()
    number = f"WM{pd.Timestamp.now(tz=snapshot.city.time_zone):%Y%m%d}"
    case_id, text, again = record.record_case(
        service.engine, case, answer, body=sent, key=key.strip(), number=lambda n: f"{number}{n:04d}"
    )
    headers = {"location": f"/v1/cases/{case_id}"}
    if again:
        headers["idempotent-replayed"] = "true"
    return Response(text, 201, headers, media_type="application/json")


@router.get("/v1/cases", summary="Cases, a page at a time")
def list_cases(
    service: Annotated[Service, Depends(service_of)],
    begin: Annotated[str, Query(alias="from", description="reported from")] = "",
    end: Annotated[str, Query(alias="to", description="reported before")] = "",
    department: Annotated[str, Query(description="owner by the answer")] = "",
    unit: Annotated[str, Query(description="unit grid")] = "",
    rule: Annotated[str, Query(description="rule of the answer")] = "",
    status: Annotated[str, Query(description="reported, filed, closed …")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[str, Query(description="`next` of the page before")] = "",
    known_at: KnownAt = "",
) -> Response:
    """In the order of their numbers; `next` goes into `after` for the next page, null at the end.

    With `known_at` those that were recorded until then. An answer that was given later is given anew, from what was
    known then.
    """
    city = service.snapshot.city
    known = service.known_instant(known_at)
    if known is not None and (by := [n for n in (("department", department), ("unit", unit), ("rule", rule)) if n[1]]):
        what = f"{by[0][0]} with known_at: answers of then are given anew and cannot be looked up"
        raise InputError(what, where=by[0][0], right="take what comes back and choose")
    first = read_instants([begin], city.time_zone, lambda _: "from")[0]
    last = read_instants([end], city.time_zone, lambda _: "to")[0]
    found, following = record.list_cases(
        service.engine,
        limit=limit,
        after=after,
        begin=first,
        end=last,
        known_at=known,
        department=department,
        unit=unit,
        rule=rule,
        status=status,
    )
    found = answered_then(service, found, known_at)
    return Json({"cases": placed(found, city), "next": following})


@router.get("/v1/cases/{case_id:path}", summary="A case, its answer and its steps")
def read_one(service: Annotated[Service, Depends(service_of)], case_id: str, known_at: KnownAt = "") -> Response:
    """What was reported, who owns it by the latest answer, and what happened to it; with `known_at` as known then."""
    found = record.read_case(service.engine, case_id, known_at=service.known_instant(known_at))
    return Json(placed(answered_then(service, [found], known_at), service.snapshot.city)[0])


def answered_then(service: Service, found: list[dict[str, Any]], known_at: str) -> list[dict[str, Any]]:
    """Cases with an answer by what was known then, where the one that is recorded was given later."""
    lacking = [case for case in found if case["answer"] is None] if known_at else []
    if not lacking:
        return found
    then = service.as_known(known_at)

    def column(name: str, missing: Any = "") -> np.ndarray:
        return np.array([missing if case[name] is None else case[name] for case in lacking], dtype=object)

    numbers = {name: column(name, np.nan).astype(float) for name in ("x", "y", "accuracy_m")}
    cases = Cases.read(
        then,
        numbers["x"],
        numbers["y"],
        column("class"),
        crs=f"EPSG:{then.city.srid}",
        components=column("component"),
        at=pd.to_datetime(pd.Series(column("reported_at")), utc=True),
        accuracy_m=numbers["accuracy_m"],
        channels=column("channel"),
    )
    for i, case in enumerate(lacking):
        told = record.answer_columns(case["id"], explain(cases, i, then))
        areas = orjson.loads(told.pop("areas"))
        case["answer"] = {k: v for k, v in told.items() if k != "case_id"} | {"areas": areas, "answered_at": None}
    return found


def check_fields(data: Any) -> dict[str, Any]:
    """The fields of a case that is handed in: known, of the right type, no longer than they may be."""
    if not isinstance(data, dict):
        raise InputError("the body is no object", where="body", right="send one case: " + ", ".join(FIELDS))
    faults = checked.Faults()
    for name in ("lon", "lat"):
        if name not in data:
            faults.add(name, "is missing; null says that there is none")
    if "class" not in data:
        faults.add("class", "is missing; send edition:kind+code")
    for name, value in data.items():
        if name not in FIELDS:
            near = suggest(str(name), list(FIELDS), n=1)
            faults.add(
                checked.shown(name),
                "is unknown; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(FIELDS)}"),
            )
        elif name in checked.NUMBERS:
            if value is not None and type(value) not in (int, float):
                faults.add(name, f"{_told(value)} is not a number")
        elif name == "class" and (value is None or (isinstance(value, str) and not value.strip())):
            faults.add(name, "is empty; send edition:kind+code")
        elif value is not None and not isinstance(value, str):
            faults.add(name, f"{_told(value)} is not a text")
        elif isinstance(value, str) and len(value) > LENGTHS.get(name, checked.MAX_TEXT):
            faults.add(name, f"is longer than {LENGTHS.get(name, checked.MAX_TEXT)} characters")
        elif isinstance(value, str) and "\x00" in value:
            faults.add(name, "holds a null character")
    if isinstance(data.get("id"), str) and (data["id"] != data["id"].strip() or not data["id"].isprintable()):
        faults.add("id", "has blanks around it or unprintable signs")
    faults.stop()
    return data


def _told(value: Any) -> str:
    return checked.shown(repr(value))


def read_case(snapshot: Snapshot, given: dict[str, Any], crs: str | None) -> tuple[dict[str, Any], Cases]:
    """Columns of the case for the record, and the case for the engine."""
    city = snapshot.city
    reported = read_instants([given.get("reported_at") or ""], city.time_zone, lambda _: "reported_at")[0]
    now = pd.Timestamp.now(tz="UTC")
    reported = now if pd.isna(reported) else reported
    if reported > now + AHEAD:
        raise InputError(
            f"{given['reported_at']!r} has not come yet",
            where="reported_at",
            right=f"when it was reported, at most {AHEAD.seconds // 60} minutes from now",
        )
    numbers = {n: np.array([np.nan if given.get(n) is None else given[n]], dtype=float) for n in checked.NUMBERS}
    texts = {n: np.array([given.get(n) or ""], dtype=object) for n in ("class", "component", "channel")}
    asked = Asked("one", {**numbers, **texts, "at": np.array([reported.isoformat()], dtype=object)})
    cases = read_cases(snapshot, asked, crs)
    x, y = to_city(numbers["lon"], numbers["lat"], checked.check_crs(crs), city.srid)
    # a place that the city's projection cannot hold is kept as none; the answer says why
    there = bool(np.isfinite(x[0]) and np.isfinite(y[0]) and abs(x[0]) + abs(y[0]) < 1e9)
    klass = snapshot.codes("classes.text")[cases.klass[0]]
    edition, _, code = klass.partition(":")
    accuracy = numbers["accuracy_m"][0]
    case = {
        "id": given.get("id") or "",
        "edition": edition or None,
        "kind": code[:1] or None,
        "class_code": code[1:] or None,
        "component": given.get("component") or None,
        "x": round(float(x[0]), 3) if there else None,
        "y": round(float(y[0]), 3) if there else None,
        "srid": city.srid,
        "no_location": None if there else _why_nowhere(cases),
        "accuracy_m": None if np.isnan(accuracy) else float(accuracy),
        "reported_at": reported.to_pydatetime(),
        **{name: given.get(name) or None for name in WORDS},
    }
    return case, cases


def _why_nowhere(cases: Cases) -> str:
    reason = REASONS[cases.reason[0]]
    return reason if reason in ("missing", "wrong_datum") else "missing"


def placed(found: list[dict[str, Any]], city: City) -> list[dict[str, Any]]:
    """Cases with longitude and latitude in the place of the city's metres."""
    xy = np.array([[c["x"], c["y"]] for c in found], dtype=float).reshape(-1, 2)
    lon, lat = to_lonlat(xy[:, 0], xy[:, 1], city.srid)
    out = []
    for case, a, b in zip(found, lon.round(8), lat.round(8), strict=True):
        rest = {k: v for k, v in case.items() if k not in ("x", "y", "id", "class")}
        out.append({"id": case["id"], "class": case["class"], "lon": a, "lat": b, **rest})
    return out
