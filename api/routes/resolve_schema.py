"""What OpenAPI says of ``/v1/resolve``, written by hand: the route stands in front of the framework.

Tests hold the real answers against these schemas, and send requests made from them.
"""

from __future__ import annotations

from typing import Any

from api.arrow import MEDIA_TYPE
from api.asked import MAX_ACCURACY_M, MAX_TEXT, REQUIRED
from gis.model import REASONS, RULES
from gis.wording import LANGUAGES

CLASS = "edition:kind+code, or a bare code; without one, only zones that take everything and the territory"
CRS = "EPSG:n, gcj02 or bd09; by default WGS 84 degrees"
KNOWN_AT = "known time: answer by what was on record then, whatever was corrected since; by default now"
WHEN = "ISO 8601 in the years 1900 to 2200; without an offset the city's own time"
EXAMPLE = {"lon": 111.003, "lat": 35.026, "class": "2026:C01001", "accuracy_m": 10}

Schema = dict[str, Any]


def _null(schema: Schema, said: str = "") -> Schema:
    out: Schema = {"anyOf": [schema, {"type": "null"}]}
    return out | ({"description": said} if said else {})


def _object(properties: Schema, *, required: Any = None, said: str = "", closed: bool = True) -> Schema:
    out: Schema = {"type": "object", "properties": properties}
    out["required"] = list(properties if required is None else required)
    if closed:
        out["additionalProperties"] = False
    return out | ({"description": said} if said else {})


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Schema = {"type": "string"}
SHORT: Schema = {"type": "string", "maxLength": MAX_TEXT}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
ACCURACY: Schema = {"type": "number", "minimum": 0, "maximum": MAX_ACCURACY_M}
INSTANT: Schema = {"type": "string", "format": "date-time"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}

CASE: Schema = {
    "lon": _null(NUMBER, "longitude, or x of the crs; null: no place"),
    "lat": _null(NUMBER, "latitude, or y of the crs; null: no place"),
    "class": _null(SHORT, CLASS),
    "component": _null(SHORT, "component that the report names"),
    "accuracy_m": _null(ACCURACY, "position error in metres"),
    "channel": _null(SHORT, "where the report comes from: its position error where none is told"),
    "at": _null(SHORT, f"valid time, {WHEN}; the query's when missing"),
    "id": {"anyOf": [TEXT, {"type": "integer"}, {"type": "null"}], "description": "comes back"},
}
ROW: Schema = {
    "unit": _null(TEXT, "unit grid that holds the place"),
    "department": _null(TEXT, "the one that is accountable"),
    "rule": _null({"enum": list(RULES)}, "the rule that decided; null where the row is at fault"),
    "reason": _null({"enum": [reason for reason in REASONS if reason]}, "why there is no location"),
    "component": _null(TEXT, "component that decided"),
    "distance_m": _null({"type": "number", "minimum": 0}, "to that component"),
    "probability": _null(SHARE, "of the department, or that there is none; null where no position error is known"),
    "ask_first": _null(FLAG, "null where the row is at fault"),
    "fault": _null(TEXT, "what is wrong with this row, where, and what would be right: it has no answer"),
}
HEAD: Schema = {
    "snapshot": {"type": "string", "description": "version that answered"},
    "known_at": INSTANT,
    "faults": {"type": "integer", "minimum": 0, "description": "how many rows are at fault"},
    "hint": {"type": "string", "description": "what looks wrong with all places: swapped, or degrees for metres"},
}
ANSWER: Schema = {
    "snapshot": TEXT,
    "at": INSTANT,
    "known_at": INSTANT,
    "unit": _null(_object({"code": TEXT}, closed=False), "with the codes of its community, street, district"),
    "areas": {"type": "object", "additionalProperties": _null(TEXT), "description": "by area set"},
    "owner": _null(_object({"department": TEXT, "name": TEXT})),
    "rule": {"enum": list(RULES)},
    "reason": ROW["reason"],
    "joint": _list(_object({"department": TEXT, "name": TEXT}, said="shares the duty with the owner, who leads")),
    "component": _null(_object({"code": TEXT, "distance_m": {"type": "number", "minimum": 0}})),
    "zone": _null(_object({"code": TEXT, "name": TEXT})),
    "on_edge": {"type": "boolean", "description": "the place lies exactly on the border of what decided"},
    "probability": _null(SHARE, "of the owner, or that nobody owns it; null where no position error is known"),
    "ask_first": {"type": "boolean", "description": "the owner is less sure than the city wants: ask before sending"},
    "question": _null(_object({"en": TEXT, "zh": TEXT}), "what to ask, where it is to be asked first"),
    "changes": _list(
        _object(
            {
                "lon": NUMBER,
                "lat": NUMBER,
                "department": _null(TEXT),
                "distance_m": {"type": "number", "minimum": 0},
            },
            said="nearest place where the answer would be another: WGS 84, the owner there, how far it is",
        )
    ),
    "candidates": _list(
        _object(
            {
                "department": _null(TEXT),
                "probability": _null(SHARE),
                "rule": {"enum": list(RULES)},
                "evidence": TEXT,
                "why_lost": _null(TEXT),
            },
            said="the winner first",
            closed=False,
        )
    ),
    "why": _list(TEXT),
    "asked": _object(
        {
            "lon": _null(NUMBER),
            "lat": _null(NUMBER),
            "crs": TEXT,
            "class": TEXT,
            "component": TEXT,
            "accuracy_m": _null(NUMBER, "of the request, or the default of its channel"),
            "at": INSTANT,
        },
        said="the question: with it and the snapshot's file alone the answer can be proved (wanmi prove)",
        closed=False,
    ),
    "seal": {"type": "string", "description": "digest of the answer: a change of it is seen"},
}
_IN_FULL = {name: _null(schema) for name, schema in ANSWER.items()} | {"id": CASE["id"], "fault": ROW["fault"]}
_BEGIN = ("snapshot", "known_at", "faults")


def _columns_of(schema: Schema) -> Schema:
    return {name: _list(one) for name, one in schema.items()}


SCHEMAS: Schema = {
    "Case": _object(CASE, required=REQUIRED),
    "Cases": _object({"cases": _list(_ref("Case"))}),
    "CaseColumns": _object(_columns_of(CASE), required=REQUIRED, said="all of one length"),
    "Answer": _object(ANSWER, closed=False),
    "Row": _object(ROW | {"id": CASE["id"]}, required=ROW),
    "Rows": _object(HEAD | {"cases": _list(_ref("Row"))}, required=(*_BEGIN, "cases")),
    "RowColumns": _object(HEAD | _columns_of(ROW | {"id": CASE["id"]}), required=(*_BEGIN, *ROW)),
    "Answers": _object(
        HEAD | {"cases": _list(_object(_IN_FULL, required=("owner", "rule", "fault"), closed=False))},
        required=(*_BEGIN, "cases"),
        said="with explain=1",
    ),
    "AnswerColumns": _object(
        HEAD | _columns_of({k: v for k, v in _IN_FULL.items() if k not in HEAD}),
        required=(*_BEGIN, "fault"),
        said="with explain=1",
        closed=False,
    ),
    "Error": _object(
        {
            "error": {"type": "string", "description": "class of the error"},
            "detail": {"type": "string", "description": "what, where, what would be right"},
            "at": {"type": "string", "description": "field or row"},
        }
    ),
}


def _parameter(name: str, schema: Schema, said: str, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": said}


def _error(said: str) -> Schema:
    return {"description": said, "content": {"application/json": {"schema": _ref("Error")}}}


_UNAVAILABLE = _error("the snapshot is not there; Retry-After says when to ask again") | {
    "headers": {"Retry-After": {"schema": {"type": "integer"}}}
}
_FLAG = {"enum": ["1", "0"], "default": "0"}

GET: Schema = {
    "tags": ["resolve"],
    "operationId": "resolve_one",
    "summary": "Who owns this spot, and why",
    "description": "One answer in full: owner, rule, evidence, candidates with why they lost, a line for each step.",
    "parameters": [
        _parameter("lon", NUMBER, "longitude, or x of the crs", required=True),
        _parameter("lat", NUMBER, "latitude, or y of the crs", required=True),
        _parameter("class", SHORT, CLASS),
        _parameter("component", SHORT, "component that the report names"),
        _parameter("crs", TEXT, CRS),
        _parameter("accuracy_m", ACCURACY, "position error in metres: the radius that holds 68 % of the true places"),
        _parameter("channel", SHORT, "where the report comes from: its position error where none is told"),
        _parameter("at", TEXT, f"valid time, {WHEN}; now when missing"),
        _parameter("known_at", TEXT, KNOWN_AT),
        _parameter("lang", {"enum": list(LANGUAGES)}, "of the reasons in a full answer; en when missing"),
    ],
    "responses": {
        "200": {"description": "the answer", "content": {"application/json": {"schema": _ref("Answer")}}},
        "422": _error("a value is wrong; the nearest right one is named where there is one"),
        "503": _UNAVAILABLE,
    },
}
POST: Schema = {
    "tags": ["resolve"],
    "operationId": "resolve_many",
    "summary": "Who owns these, many at once",
    "description": (
        "JSON rows, JSON columns or an Arrow stream; the same form comes back in the same order. A row that is wrong "
        "has its `fault` and no answer; the others have theirs. With `strict=1` it refuses them all."
    ),
    "parameters": [
        _parameter("explain", _FLAG, "full answers instead of rows"),
        _parameter("strict", _FLAG, "refuse all for the fault of one row"),
        _parameter("crs", TEXT, CRS),
        _parameter("at", TEXT, f"valid time of rows that tell none, {WHEN}; now when missing"),
        _parameter("known_at", TEXT, KNOWN_AT),
        _parameter("lang", {"enum": list(LANGUAGES)}, "of the reasons in a full answer; en when missing"),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_ref("Cases"), _ref("CaseColumns")]},
                "examples": {
                    "rows": {"value": {"cases": [EXAMPLE]}},
                    "columns": {"value": {name: [value] for name, value in EXAMPLE.items()}},
                },
            },
            MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "responses": {
        "200": {
            "description": "one answer for each case, in their order",
            "content": {
                "application/json": {
                    "schema": {"anyOf": [_ref(n) for n in ("Rows", "RowColumns", "Answers", "AnswerColumns")]}
                },
                MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "400": _error("the body cannot be parsed, or is compressed"),
        "408": _error("no more of the body came"),
        "413": _error("the body, or the number of cases, is larger than the limit"),
        "422": _error("a parameter or the shape of the body is wrong; with strict=1 a row"),
        "503": _UNAVAILABLE,
    },
}


def add(description: Schema) -> None:
    """Add the route and its schemas to the description of the others."""
    description["paths"] = {"/v1/resolve": {"get": GET, "post": POST}, **description["paths"]}
    description.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)
