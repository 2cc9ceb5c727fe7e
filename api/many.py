"""Many cases in one request: read in one of three forms, answered at once, written back in that form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from api import arrow, forms
from api.asked import Asked, Faults, check_known_at, in_language, read_cases, shown
from api.encode import Column, Decimals, Texts, Values, json_list, json_rows
from api.queries import read_query
from api.settings import Settings
from gis.answer import explain
from gis.assign import Cases, Resolution, assign
from gis.model import REASONS, RULES
from gis.snapshot import Snapshot
from grids.errors import TooLarge

PARAMETERS = ("explain", "strict", "crs", "at", "known_at", "lang")
JSON = "application/json"
DISTANCE_DIGITS, SHARE_DIGITS = 3, 4
COMPACT = ("unit", "department", "rule", "reason", "component", "distance_m", "probability", "ask_first", "fault")
"""Columns of a row without ``explain``; ``fault`` is null where nothing was wrong."""
_RULES = np.array([rule.encode() for rule in RULES])
_REASONS = np.array([reason.encode() for reason in REASONS])
_YES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Wanted:
    """How a batch is to be answered: in full, all or nothing, and the values that stand for all its rows."""

    in_full: bool
    strict: bool
    crs: str
    at: str
    known_at: str
    lang: str

    @staticmethod
    def read(query: bytes) -> Wanted:
        """Read a query; InputError names what is unknown or wrong."""
        given = read_query(query, PARAMETERS)
        faults = Faults()
        flags = {name: given.get(name, "0") for name in ("explain", "strict")}
        for name, text in flags.items():
            if text.lower() not in _YES:
                faults.add(name, f"{shown(text)!r} is wrong; send 1 or 0")
        faults.stop()
        in_full, strict = (_YES[text.lower()] for text in flags.values())
        in_language(given.get("lang", ""))
        return Wanted(in_full, strict, *(given.get(name, "") for name in ("crs", "at", "known_at", "lang")))


def answer_many(snapshot: Snapshot, settings: Settings, query: bytes, kind: str, body: bytes) -> tuple[bytes, str]:
    """Answer a batch.

    Parameters
    ----------
    query, kind, body
        Of the request: its query, its media type in lower case, its body.

    Returns
    -------
    body, media type : bytes, str
        One answer for each case, in their order; a case at fault has its ``fault`` and no answer.

    Raises
    ------
    Unreadable
        The body cannot be parsed.
    InputError
        A parameter, or the shape of the body, is wrong; or a case is, and ``strict`` is asked.
    TooLarge
        More cases than are taken.
    """
    wanted = Wanted.read(query)
    check_known_at(snapshot, wanted.known_at)
    read = arrow.read_stream if kind == arrow.MEDIA_TYPE else forms.read_json
    asked = read(body, max_rows=settings.max_rows)
    if wanted.in_full and len(asked) > settings.max_explained:
        right = f"send at most {settings.max_explained:,} with explain=1"
        raise TooLarge(f"{len(asked):,} cases to explain", where="explain", right=right)
    cases = read_cases(snapshot, asked, wanted.crs, at=wanted.at, strict=wanted.strict)
    if wanted.in_full:
        return _in_full(snapshot, asked, cases, wanted)
    done = assign(cases, snapshot).without(cases.faults)
    return _written(snapshot, asked, cases, columns_of(done, cases))


def columns_of(done: Resolution, cases: Cases) -> dict[str, Column]:
    """The columns of `COMPACT`."""
    codes = done.snapshot.arrays
    doubt = done.table(columns=("probability", "ask_first"))
    millimetres = np.rint(np.sqrt(np.maximum(done.square, 0))).astype(np.int64)
    columns: dict[str, Column] = {
        "unit": Texts(codes["units.code"], done.unit),
        "department": Texts(codes["departments.code"], done.department),
        "rule": Texts(_RULES, done.rule),
        "reason": Texts(_REASONS, np.where(done.reason == 0, -1, done.reason)),
        "component": Texts(codes["components.code"], done.component),
        "distance_m": Decimals(np.where(done.square >= 0, millimetres, -1), DISTANCE_DIGITS),
        "probability": Decimals.of(doubt["probability"].to_numpy().astype(np.float64), SHARE_DIGITS),
        "ask_first": Values.flags(doubt["ask_first"].cast(pa.int8()).fill_null(-1).to_numpy()),
        "fault": Values.sparse(len(done), cases.faults),
    }
    return {name: columns[name] for name in COMPACT}


def _written(snapshot: Snapshot, asked: Asked, cases: Cases, columns: dict[str, Column]) -> tuple[bytes, str]:
    """The columns in the form that was asked, the callers' ids before them."""
    head = _head(snapshot, asked, cases)
    if asked.form == "arrow":
        arrays = {name: column.arrow() for name, column in columns.items()}
        ids = {"id": asked.columns["id"]} if "id" in asked.columns else {}
        return arrow.write_stream(ids | arrays, {k: str(v) for k, v in head.items()}), arrow.MEDIA_TYPE
    if "id" in asked.columns:
        columns = {"id": Values.all(asked.columns["id"]), **columns}
    begin = orjson.dumps(head)[:-1]
    if asked.form == "columns":
        parts = [b'"%s":%s' % (name.encode(), json_list(column)) for name, column in columns.items()]
        return b"%s,%s}" % (begin, b",".join(parts)), JSON
    return b'%s,"cases":%s}' % (begin, json_rows(columns)), JSON


def _head(snapshot: Snapshot, asked: Asked, cases: Cases) -> dict[str, Any]:
    known = snapshot.known_at.isoformat().replace("+00:00", "Z")
    head: dict[str, Any] = {"snapshot": snapshot.version, "known_at": known, "faults": len(cases.faults)}
    return head | ({"hint": asked.hint} if asked.hint else {})


def _in_full(snapshot: Snapshot, asked: Asked, cases: Cases, wanted: Wanted) -> tuple[bytes, str]:
    """Full answers: a list of them, columns of their parts, or (Arrow) a column ``answer`` of JSON texts."""
    n, at_fault = len(cases), cases.faults
    questions = asked.questions(wanted.crs, wanted.lang)
    answers: list[dict[str, Any] | None] = [
        None if i in at_fault else explain(cases, i, snapshot, questions[i]) for i in range(n)
    ]
    fault = [at_fault.get(i) for i in range(n)]
    if asked.form == "arrow":
        texts = [None if a is None else orjson.dumps(a).decode() for a in answers]
        columns: dict[str, Column] = {"answer": Values.all(texts), "fault": Values.all(fault)}
        return _written(snapshot, asked, cases, columns)
    some = next((a for a in answers if a is not None), None)
    head = _head(snapshot, asked, cases)
    if asked.form == "columns":
        parts = {k: [a and a[k] for a in answers] for k in some or () if k not in head}
        parts = ({"id": asked.columns["id"]} if "id" in asked.columns else {}) | parts | {"fault": fault}
        return orjson.dumps(head | parts), JSON
    names = dict.fromkeys(some or ("owner", "rule"))
    rows = [(names if a is None else a) | {"fault": f} for a, f in zip(answers, fault, strict=True)]
    if "id" in asked.columns:
        rows = [{"id": i, **row} for i, row in zip(asked.columns["id"], rows, strict=True)]
    return orjson.dumps(head | {"cases": rows}), JSON
