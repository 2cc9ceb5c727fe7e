"""Cases as JSON: a list of objects, or a list for each field. Read into `api.asked.Asked`; the rows at fault are noted.

What is written as it should be is decoded straight into its types. Anything else is read again, slowly, and told: of a
request that cannot be read at all an error, of a row its fault.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import numpy as np
import orjson
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from api import doubled
from api.asked import KNOWN, NUMBERS, REQUIRED, TEXTS, Asked, Faults, Form, shown
from api.errors import Unreadable
from gis.convert import Distinct
from grids.codes import suggest
from grids.errors import InputError, TooLarge

MOST_MEANT = 100
"""Rows at fault whose unknown fields are told with the nearest known ones."""
_ROWS = re.compile(rb'\s*\{\s*"cases"')


class _Case(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    lon: float | None
    lat: float | None
    class_: str | None = msgspec.field(default=None, name="class")
    component: str | None = None
    accuracy_m: float | None = None
    at: str | None = None
    channel: str | None = None
    id: str | int | UnsetType | None = UNSET


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    cases: list[_Case]


class _Columns(msgspec.Struct, forbid_unknown_fields=True):
    lon: list[float | None]
    lat: list[float | None]
    class_: list[str | None] | UnsetType = msgspec.field(default=UNSET, name="class")
    component: list[str | None] | UnsetType = UNSET
    accuracy_m: list[float | None] | UnsetType = UNSET
    at: list[str | None] | UnsetType = UNSET
    channel: list[str | None] | UnsetType = UNSET
    id: list[str | int | None] | UnsetType = UNSET


_DECODE_ROWS = msgspec.json.Decoder(_Rows)
_DECODE_COLUMNS = msgspec.json.Decoder(_Columns)


def read_json(body: bytes, *, max_rows: int) -> Asked:
    """Read ``{"cases": [{"lon":, "lat":, "class":, …}]}`` or ``{"lon": […], "lat": […], "class": […], …}``.

    Raises
    ------
    Unreadable
        Empty, or not JSON (NaN is no JSON).
    InputError
        Another shape, unknown columns, columns of different lengths.
    TooLarge
        More than `max_rows` cases.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        if doubled.suspected(body):
            return _read_slowly(body, max_rows)
        if _ROWS.match(body):
            return _rows(_DECODE_ROWS.decode(body).cases, max_rows)
        return _columns(_DECODE_COLUMNS.decode(body), max_rows)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        return _read_slowly(body, max_rows)


def _rows(cases: list[_Case], max_rows: int) -> Asked:
    _limit(len(cases), max_rows)
    ids = [case.id for case in cases]
    return _asked(
        "rows",
        [case.lon for case in cases],
        [case.lat for case in cases],
        [case.accuracy_m for case in cases],
        [case.class_ for case in cases],
        [case.component for case in cases],
        [case.at for case in cases],
        [case.channel for case in cases],
        None if ids.count(UNSET) == len(ids) else [None if i is UNSET else i for i in ids],
    )


def _columns(read: _Columns, max_rows: int) -> Asked:
    given = (read.lon, read.lat, read.accuracy_m, read.class_, read.component, read.at, read.channel, read.id)
    names = (*NUMBERS, *TEXTS)
    _check_lengths({n: len(c) for n, c in zip(names, given, strict=True) if not isinstance(c, UnsetType)}, max_rows)
    none: list[None] = [None] * len(read.lon)
    accuracy_m, klass, component, at, channel = (none if isinstance(c, UnsetType) else c for c in given[2:-1])
    ids = None if isinstance(read.id, UnsetType) else read.id
    return _asked("columns", read.lon, read.lat, accuracy_m, klass, component, at, channel, ids)


def _asked(
    form: Form,
    lon: list,
    lat: list,
    accuracy_m: list,
    klass: list,
    component: list,
    at: list,
    channel: list,
    ids: list | None,
) -> Asked:
    n = len(lon)
    columns: dict[str, Any] = {"lon": _floats(lon), "lat": _floats(lat)}
    columns["accuracy_m"] = np.full(n, np.nan) if accuracy_m.count(None) == n else _floats(accuracy_m)
    none = Distinct([], np.full(n, -1, dtype=np.int32))
    texts = {"class": klass, "component": component, "at": at, "channel": channel}
    columns |= {name: values if any(values) else none for name, values in texts.items()}
    return Asked(form, columns if ids is None else columns | {"id": ids})


def _floats(values: list[float | None]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def _limit(n: int, most: int) -> None:
    if n > most:
        raise TooLarge(f"{n:,} cases", where="cases", right=f"send at most {most:,} in one request")


def _check_lengths(lengths: Mapping[str, int], max_rows: int) -> None:
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"columns of different lengths: {dict(lengths)}", where="body", right="one value for each case"
        )
    _limit(lengths["lon"], max_rows)


# ---------------------------------------------------------------- slowly, to say what is wrong


def parse_json(body: bytes) -> Any:
    """Any JSON in UTF-8, with or without its mark; Unreadable says where it breaks.

    Raises InputError where the object, or one in its ``cases``, names a field twice.
    """
    data = _parse(body)
    cases = data.get("cases") if isinstance(data, dict) else None
    for found in (data, *(cases if isinstance(cases, list) else ())):
        if isinstance(found, doubled.Doubled):
            raise _twice(found)
    return data


def _parse(body: bytes) -> Any:
    """Any JSON; objects that name a field twice are `doubled.Doubled`."""
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise Unreadable("the body is empty", where="body", right="send JSON")
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        nan = re.search(rb"\b(NaN|-?Infinity)\b", body)
        right = "write null where there is no value" if nan else "send JSON in UTF-8"
        raise Unreadable(f"it is no JSON, {error}", where="body", right=right) from None
    return doubled.marked(body) if doubled.suspected(body) else data


def _twice(found: doubled.Doubled) -> InputError:
    name = shown(found.field)
    return InputError(f"{name!r} is given twice in one object", where=name, right="send it once")


def _read_slowly(body: bytes, max_rows: int) -> Asked:
    data = _parse(body)
    if not isinstance(data, dict):
        raise InputError(f"the body is a {_kind(data)}", where="body", right='send {"cases": […]} or columns')
    if isinstance(data, doubled.Doubled):
        raise _twice(data)
    if "cases" in data:
        cases = data["cases"]
        if others := sorted(set(data) - {"cases"}):
            raise InputError(f"field {others[0]!r} beside cases", where="body", right="crs goes in the query")
        if not isinstance(cases, list):
            raise InputError(f"cases is a {_kind(cases)}", where="cases", right="a list of cases")
        _limit(len(cases), max_rows)
        return _rows_slowly(cases)
    faults = Faults()
    for what in _wrong_names(data):
        faults.add("body", what)
    for name, values in data.items():
        if name in KNOWN and not isinstance(values, list):
            faults.add(name, f"is a {_kind(values)}, not a list")
    faults.stop()
    _check_lengths({name: len(values) for name, values in data.items()}, max_rows)
    asked = Asked("columns", {"lon": data["lon"]})
    _typed(asked, data)
    return asked


def _rows_slowly(cases: list[Any]) -> Asked:
    columns: dict[str, list[Any]] = {name: [None] * len(cases) for name in KNOWN}
    asked = Asked("rows", {"lon": cases})
    named = False
    for i, case in enumerate(cases):
        if not isinstance(case, dict):
            asked.faults[i] = [("", f"is a {_kind(case)}, not an object")]
            continue
        meant = len(asked.faults) < MOST_MEANT
        wrong = [_twice(case).what] if isinstance(case, doubled.Doubled) else _wrong_names(case, meant=meant)
        if wrong:
            asked.faults[i] = [("", what) for what in wrong]
        for name in KNOWN:
            columns[name][i] = case.get(name)
        named = named or "id" in case
    if not named:
        del columns["id"]
    _typed(asked, columns)
    return asked


def _typed(asked: Asked, columns: Mapping[str, list[Any]]) -> None:
    """Give the columns their types; a value of another type is noted and left out."""
    n = len(asked)
    out: dict[str, list[Any]] = {}
    for name in KNOWN:
        values = columns.get(name)
        if values is None:
            if name != "id":
                out[name] = [None] * n
            continue
        right = (int, float) if name in NUMBERS else (str, int) if name == "id" else (str,)
        out[name] = values
        if set(map(type, values)) - {*right, type(None)}:
            fine = [value is None or type(value) in right for value in values]
            wanted = "a number" if name in NUMBERS else "a text"
            asked.blame(np.flatnonzero(~np.array(fine)), name, partial(_told_as, values, wanted))
            out[name] = [value if ok else None for value, ok in zip(values, fine, strict=True)]
    asked.columns = {name: _floats(values) if name in NUMBERS else values for name, values in out.items()}


def _told_as(values: list[Any], wanted: str, i: int) -> str:
    return f"is a {_kind(values[i])}, not {wanted}"


def _wrong_names(given: Mapping[str, Any], *, meant: bool = True) -> list[str]:
    """Required fields that are missing, and fields that nobody knows, with the nearest known if it is to be found."""
    lost = [f"{name} is missing; null says that there is none" for name in REQUIRED if name not in given]
    for name in given:
        if name not in KNOWN:
            near = suggest(name, list(KNOWN), n=1) if meant and len(name) <= 60 else []
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(KNOWN)}"
            lost.append(f"unknown field {shown(name)!r}; {hint}")
    return lost


def _kind(value: Any) -> str:
    kinds = {list: "list", str: "text", bool: "truth value", type(None): "null"}
    return kinds.get(type(value), "object" if isinstance(value, dict) else "number")
