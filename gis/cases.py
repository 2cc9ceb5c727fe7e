"""Cases one by one: recorded with their answer in one transaction, read again, listed.

Whole files of cases go through `gis.store.load`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pandas as pd
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine

from gis.sql import question
from gis.store.engine import transaction
from grids.errors import Conflict, NotFound

MAX_KEY = 255
"""Longest key of a sender."""


def record_case(
    engine: Engine,
    case: dict[str, Any],
    answer: dict[str, Any],
    *,
    body: str,
    key: str = "",
    number: Callable[[int], str] = "WM{:04d}".format,
) -> tuple[str, str, bool]:
    """Record a case with its answer; when this returns, both are on disk.

    Parameters
    ----------
    engine
        The record.
    case
        Columns of ``case_add.sql``; ``id`` "" for a number of ours.
    answer
        The answer in full, as `gis.answer.explain` gives it.
    body
        Digest of what was sent.
    key
        The sender's Idempotency-Key; "" for none.
    number
        Makes a case number from the next of ours.

    Returns
    -------
    id, answer, replayed : str, str, bool
        The case's number, what is answered as JSON, and whether it was recorded before under this key.

    Raises
    ------
    Conflict
        The key came before with another body, or the case's number is taken; nothing is written.
    """
    with transaction(engine) as cursor:
        if key and (before := _before(cursor, key, body)):
            return *before, True
        if not case["id"]:
            cursor.execute(question("case_number"))
            case = case | {"id": number(cursor.fetchone()[0])}  # type: ignore[index]
        text = orjson.dumps({"id": case["id"], **answer}).decode()
        mark = key or f"wanmi:{uuid.uuid4()}"
        cursor.execute(question("intake_claim"), {"key": mark, "body": body, "case_id": case["id"], "answer": text})
        if cursor.fetchone() is None:
            before = _before(cursor, mark, body)
            assert before is not None
            return *before, True
        cursor.execute(question("case_add"), case)
        if cursor.fetchone() is None:
            raise Conflict(
                f"case {case['id']!r} is recorded already",
                where="id",
                right="send each case once, with an Idempotency-Key to send it again",
            )
        step = {"case_id": case["id"], "kind": "report", "at": case["reported_at"]}
        cursor.execute(question("case_event_add"), step | {"actor": case["channel"], "note": None})
        cursor.execute(question("answer_add"), answer_columns(case["id"], answer))
    return case["id"], text, False


def _before(cursor: Cursor, key: str, body: str) -> tuple[str, str] | None:
    cursor.execute(question("intake_read"), {"key": key})
    row = cursor.fetchone()
    if row is None:
        return None
    sent, case_id, answer = row
    if sent != body:
        raise Conflict(
            f"key {key[:40] + '…' if len(key) > 40 else key!r} came before with another body",
            where="Idempotency-Key",
            right="take a new key for each case",
        )
    return case_id, answer


def answer_columns(case_id: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Columns of the table answers from an answer in full."""
    component, zone, owner, unit = (answer[k] or {} for k in ("component", "zone", "owner", "unit"))
    return {
        "case_id": case_id,
        "snapshot": answer["snapshot"],
        "at": answer["at"],
        "unit": unit.get("code"),
        "areas": orjson.dumps({k: v for k, v in answer["areas"].items() if v}).decode(),
        "department": owner.get("department"),
        "rule": answer["rule"],
        "reason": answer["reason"],
        "component": component.get("code"),
        "distance_m": component.get("distance_m"),
        "zone": zone.get("code"),
        "on_edge": answer["on_edge"],
        "probability": answer["probability"],
        "ask_first": answer["ask_first"],
    }


def read_cases(engine: Engine, ids: list[str], *, known_at: pd.Timestamp | None = None) -> list[dict[str, Any]]:
    """Cases by number, in the order of their numbers; those that are not recorded are left out.

    Instants are ISO 8601 in UTC; ``x``, ``y`` are metres in the city's CRS, None without a place. ``answer`` is
    None for a case that was not answered yet.

    Parameters
    ----------
    known_at
        Leave out what was recorded later: cases, their answers, and that they were filed or closed. Cases have one time
        only: what else was changed in them since is told as it is.
    """
    with transaction(engine) as cursor:
        cursor.execute(question("case_read"), {"ids": ids, "known_at": _or_none(known_at)})
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]
    first = names.index("snapshot")
    out = []
    for row in rows:
        answer = {name: row[name] for name in names[first:]}
        answer["component"] = answer.pop("found_component")
        case = {name: row[name] for name in names[:first]}
        if known_at is not None:
            for name in ("filed_at", "closed_at"):
                if _later(case[name], known_at):
                    case |= {name: None, "status": None}
        given = answer["snapshot"] and not _later(answer["answered_at"], known_at)
        out.append(case | {"answer": answer if given else None})
    return out


def _later(text: str | None, known_at: pd.Timestamp | None) -> bool:
    return text is not None and known_at is not None and pd.Timestamp(text) > known_at


def _or_none(stamp: pd.Timestamp | None) -> datetime | None:
    return None if stamp is None or pd.isna(stamp) else stamp.to_pydatetime()


def read_case(engine: Engine, case_id: str, *, known_at: pd.Timestamp | None = None) -> dict[str, Any]:
    """One case with its answer and its steps; with ``known_at`` as `read_cases` tells it then.

    Raises
    ------
    NotFound
        It is not recorded.
    """
    found = read_cases(engine, [case_id], known_at=known_at)
    if not found:
        raise NotFound(f"there is no case {case_id!r}", where="id")
    with transaction(engine) as cursor:
        cursor.execute(question("case_events"), {"id": case_id, "known_at": _or_none(known_at)})
        steps = [dict(zip(("kind", "at", "actor", "note"), map(_plain, row), strict=True)) for row in cursor]
    return found[0] | {"events": steps}


def list_cases(
    engine: Engine,
    *,
    limit: int,
    after: str = "",
    begin: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    known_at: pd.Timestamp | None = None,
    **equal: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of cases in the order of their numbers.

    Parameters
    ----------
    engine
        The record.
    limit
        Most cases of the page.
    after
        Number of the last case of the page before, "" for the first page.
    begin, end
        When they were reported, half-open.
    known_at
        Those that were recorded until then, as `read_cases` tells them.
    equal
        ``department``, ``unit``, ``rule``, ``status`` that they have; None for any.

    Returns
    -------
    cases, next : list of dict, str or None
        ``next`` is the ``after`` of the next page, None when there is none.
    """
    values = {name: equal.get(name) or None for name in ("department", "unit", "rule", "status")}
    instants = {"begin": _or_none(begin), "end": _or_none(end), "known_at": _or_none(known_at)}
    with transaction(engine) as cursor:
        cursor.execute(question("case_list"), {**values, **instants, "after": after, "limit": limit + 1})
        ids = [row[0] for row in cursor.fetchall()]
    more = len(ids) > limit
    return read_cases(engine, ids[:limit], known_at=known_at), (ids[limit - 1] if more else None)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
