"""The forms in which cases travel over HTTP: JSON rows, JSON columns, an Arrow stream. Checked here, once.

A form is read into `Asked`, flat arrays in the caller's order; answers go back in the form that was read.
All faults of a request are collected and told together.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from api.errors import Unreadable
from gis.crs import is_degrees, parse_crs
from gis.model import City
from grids.codes import suggest
from grids.errors import InputError, TooLarge

NUMBERS = ("lon", "lat", "accuracy_m")
TEXTS = ("class", "component", "at", "id")
OTHERS = ("cases", "reported_at", "channel", "address", "description")
REQUIRED = ("lon", "lat")
MAX_TEXT = 200
"""Longest text of a field; no code or time is near that long."""
MAX_ACCURACY_M = 100_000
"""Largest position error: beyond that a place says nothing of a city."""
MAX_FAULTS = 5
"""Faults that an error line spells out; the others are counted."""
_CRS = re.compile(r"(?i)(epsg:\s*\d{4,6}|[a-z][a-z0-9 _-]{2,11})")

Form = Literal["one", "rows", "columns", "arrow"]


@dataclass(frozen=True)
class Asked:
    """Cases as asked, shape (n,): ``lon``, ``lat``, ``accuracy_m`` float64, NaN missing; texts, "" missing.

    ``id`` is None when the caller gave none; it only comes back.
    """

    form: Form
    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        """Count of cases."""
        return len(self.columns["lon"])

    def where(self, i: int, name: str) -> str:
        """The place of a value in the caller's own words: ``class``, ``cases[3].class`` or ``class[3]``."""
        if self.form == "one":
            return name
        return f"cases[{i}].{name}" if self.form == "rows" else f"{name}[{i}]"


@dataclass
class Faults:
    """Faults found so far, raised together."""

    found: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, where: str, what: str) -> None:
        """Note a fault; only the first few are kept in words."""
        self.count += 1
        if len(self.found) < MAX_FAULTS:
            self.found.append((where, what))

    def add_rows(self, rows: NDArray[np.intp], where: Callable[[int], str], what: Callable[[int], str]) -> None:
        """Note one fault for each row."""
        for i in rows[:MAX_FAULTS].tolist():
            self.add(where(i), what(i))
        self.count += max(0, len(rows) - MAX_FAULTS)

    def stop(self) -> None:
        """Raise InputError when anything was found: the first place, every line."""
        if not self.found:
            return
        (where, what), others = self.found[0], self.found[1:]
        lines = [what, *(f"{w}: {t}" for w, t in others)]
        if more := self.count - len(self.found):
            lines.append(f"and {more} more")
        raise InputError(" | ".join(lines), where=where)


def shown(text: str, most: int = 60) -> str:
    """A text that someone sent, short enough to be told back."""
    return text if len(text) <= most else text[:most] + "…"


# ---------------------------------------------------------------- reading


def read_json(body: bytes, *, max_rows: int) -> Asked:
    """Read ``{"cases": [{"lon":, "lat":, "class":, …}]}`` or ``{"lon": […], "lat": […], "class": […], …}``.

    Raises
    ------
    Unreadable
        Empty, or not JSON (NaN is no JSON).
    InputError
        Another shape, missing or unknown fields, values of a wrong type.
    TooLarge
        More than `max_rows` cases.
    """
    data = parse_json(body)
    if not isinstance(data, dict):
        raise InputError(f"the body is a {_kind(data)}", where="body", right='send {"cases": […]} or columns')
    if "cases" in data:
        cases = data["cases"]
        if others := sorted(set(data) - {"cases"}):
            raise InputError(f"field {others[0]!r} beside cases", where="body", right="crs goes in the query")
        if not isinstance(cases, list):
            raise InputError(f"cases is a {_kind(cases)}", where="cases", right="a list of cases")
        _limit(len(cases), max_rows)
        return Asked("rows", _rows(cases))
    _check_names("body", data)
    faults = Faults()
    for name, values in data.items():
        if not isinstance(values, list):
            faults.add(name, f"is a {_kind(values)}, not a list")
    faults.stop()
    lengths = {name: len(values) for name, values in data.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"columns of different lengths: {lengths}", where="body", right="one value for each case")
    _limit(lengths["lon"], max_rows)
    return Asked("columns", _typed(data, "columns"))


def parse_json(body: bytes) -> Any:
    """Any JSON in UTF-8, with or without its mark; Unreadable says where it breaks.

    Raises InputError where an object names one of our fields twice.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise Unreadable("the body is empty", where="body", right="send JSON")
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        nan = re.search(rb"\b(NaN|-?Infinity)\b", body)
        right = "write null where there is no value" if nan else "send JSON in UTF-8"
        raise Unreadable(f"it is no JSON, {error}", where="body", right=right) from None
    _check_doubled(body, data)
    return data


def _check_doubled(body: bytes, data: Any) -> None:
    """Refuse objects with a field twice: of the two values the last one would be taken in silence.

    The names are counted first, which is cheap; only where one stands more often than there are objects to hold
    it, the body is read again, slowly.
    """
    if not isinstance(data, dict):
        return
    cases = data.get("cases")
    rows = cases if isinstance(cases, list) else [data]
    if all(body.count(b'"%s"' % name.encode()) <= len(rows) for name in (*NUMBERS, *TEXTS, *OTHERS)):
        return

    def pairs(found: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in found]
        if len(set(names)) < len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise InputError(f"{shown(twice)!r} is given twice in one object", where=shown(twice), right="send it once")

    json.loads(body, object_pairs_hook=pairs)


def _kind(value: Any) -> str:
    kinds = {dict: "object", list: "list", str: "text", bool: "truth value", type(None): "null"}
    return kinds.get(type(value), "number")


def _limit(n: int, most: int) -> None:
    if n > most:
        raise TooLarge(f"{n:,} cases", where="cases", right=f"send at most {most:,} in one request")


def _check_names(where: str, given: Mapping[str, Any]) -> None:
    """Required fields are there, unknown ones are not."""
    known = (*NUMBERS, *TEXTS)
    faults = Faults()
    for name in REQUIRED:
        if name not in given:
            faults.add(where, f"{name} is missing; null says that there is none")
    for name in given:
        if name not in known:
            near = suggest(str(name), list(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            faults.add(where, f"unknown field {name!r}; {hint}")
    faults.stop()


def _rows(cases: list[Any]) -> dict[str, NDArray[Any]]:
    faults = Faults()
    seen: set[str] = set()
    wanted = set(REQUIRED)
    for i, case in enumerate(cases):
        if not isinstance(case, dict):
            faults.add(f"cases[{i}]", f"is a {_kind(case)}, not an object")
        elif not (wanted <= case.keys()) or not (case.keys() <= seen):
            try:
                _check_names(f"cases[{i}]", case)
                seen |= case.keys()
            except InputError as error:
                faults.add(error.where, error.what)
    faults.stop()
    names = [n for n in (*NUMBERS, *TEXTS) if n in seen or n in REQUIRED]
    return _typed({n: [case.get(n) for case in cases] for n in names}, "rows")


def _typed(columns: Mapping[str, list[Any]], form: Form) -> dict[str, NDArray[Any]]:
    """Columns of the right types, with every fault of type told."""
    faults = Faults()
    out: dict[str, NDArray[Any]] = {}
    n = len(columns["lon"])
    for name in (*NUMBERS, *TEXTS):
        values = columns.get(name)
        if values is None:
            if name != "id":
                out[name] = np.full(n, np.nan) if name in NUMBERS else np.full(n, "", dtype=object)
            continue
        right = (int, float) if name in NUMBERS else (str, int) if name == "id" else (str,)
        kinds = set(map(type, values)) - set(right)
        if kinds - {type(None)}:
            for i, value in enumerate(values):
                if value is not None and type(value) not in right:
                    wanted = "a number" if name in NUMBERS else "a text"
                    at = f"cases[{i}].{name}" if form == "rows" else f"{name}[{i}]"
                    faults.add(at, f"is a {_kind(value)}, not {wanted}")
            continue
        if name in NUMBERS:
            out[name] = np.array([np.nan if v is None else v for v in values], dtype=float)
        elif name == "id":
            out[name] = np.array(values, dtype=object)
        else:
            out[name] = np.array(["" if v is None else v for v in values], dtype=object)
            if n and max(map(len, out[name])) > MAX_TEXT:
                i = int(np.argmax([len(v) > MAX_TEXT for v in out[name]]))
                at = f"cases[{i}].{name}" if form == "rows" else f"{name}[{i}]"
                faults.add(at, f"is longer than {MAX_TEXT} characters")
    faults.stop()
    return out


# ---------------------------------------------------------------- checking against the city


def check_crs(crs: str | None) -> Any:
    """The coordinate system of a request, by default WGS 84; only names, no definitions, over HTTP."""
    if crs is None or crs == "":
        return "EPSG:4326"
    if not _CRS.fullmatch(crs.strip()):
        raise InputError(f"{crs[:60]!r} is no coordinate system we know", where="crs", right="EPSG:n, gcj02 or bd09")
    return parse_crs(crs)


def check_places(asked: Asked, crs: Any, city: City) -> None:
    """Refuse coordinates that cannot be places in the named system, and axes that are swapped.

    A single case that lies in the city only when its two numbers change places is refused with that hint; so
    is a batch of which no case lies in the city as given, and some do when swapped. Degrees of the city where
    the system is not in degrees are refused when every case has them. Other places are the
    engine's to judge (beyond the city, default point, wrong datum).
    """
    lon, lat, accuracy = (asked.columns[n] for n in NUMBERS)
    faults = Faults()
    for name, value in (("lon", lon), ("lat", lat), ("accuracy_m", accuracy)):
        faults.add_rows(np.flatnonzero(np.isinf(value)), partial(asked.where, name=name), lambda _: "is infinite")
    faults.add_rows(
        np.flatnonzero(accuracy < 0),
        lambda i: asked.where(i, "accuracy_m"),
        lambda i: f"{accuracy[i]:g} is below zero; give metres",
    )
    faults.add_rows(
        np.flatnonzero((accuracy > MAX_ACCURACY_M) & np.isfinite(accuracy)),
        lambda i: asked.where(i, "accuracy_m"),
        lambda i: f"{accuracy[i]:g} is too large; give 0 to {MAX_ACCURACY_M:,} metres",
    )
    faults.stop()
    west, south, east, north = city.bounds
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    swapped = (west <= lat) & (lat <= east) & (south <= lon) & (lon <= north)
    bounds = f"{city.name} lies in longitude {west:g} to {east:g}, latitude {south:g} to {north:g}"
    if not is_degrees(crs):
        there = np.isfinite(lon) & np.isfinite(lat)
        if there.any() and (inside | swapped)[there].all():
            i = int(np.argmax(there))
            raise InputError(
                f"lon {lon[i]:g}, lat {lat[i]:g} look like degrees, and {crs} is not in degrees",
                where=asked.where(i, "lon"),
                right=f"leave crs out (WGS 84), or send x and y of the crs: {bounds}",
            )
        return
    if swapped.any() and not inside.any():
        i = int(np.argmax(swapped))
        raise InputError(
            f"lon {lon[i]:g}, lat {lat[i]:g} look swapped",
            where=asked.where(i, "lon"),
            right=f"send lon {lat[i]:g}, lat {lon[i]:g}: {bounds}",
        )
    for name, value, most in (("lon", lon, 180), ("lat", lat, 90)):
        # the swapped rows of a mixed batch are answered as wrong datum
        for i in np.flatnonzero((np.abs(value) > most) & ~swapped).tolist():
            faults.add(asked.where(i, name), f"{value[i]:g} is beyond ±{most}; send degrees, or name the crs: {bounds}")
    faults.stop()
