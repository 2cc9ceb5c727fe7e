"""Files that the checker reads: answers in JSON, answers in rows, cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import shapely

from grids.errors import InputError

TABLES = (".csv", ".parquet")
PLACES = (("lon", "lat"), ("x", "y"))
_TEXTS = ("class", "component", "no_location")
_INSTANTS = ("at", "reported_at")


def read_answers(path: str | Path) -> list[dict[str, Any]]:
    """Answers in full: one, a list of them, a line for each, or ``{"cases": […]}``.

    Raises
    ------
    InputError
        The file cannot be read, or is no JSON.
    """
    return parse_answers(_text(Path(path)), where=str(path))


def parse_answers(text: str, *, where: str) -> list[dict[str, Any]]:
    """`read_answers` of a text."""
    try:
        found = json.loads(text)
    except ValueError as whole:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise InputError(
                f"is no JSON ({whole})", where=where, right="an answer of 'wanmi resolve --json'"
            ) from None
    if isinstance(found, Mapping) and isinstance(found.get("cases"), list) and "owner" not in found:
        found = [one for one in found["cases"] if not (isinstance(one, Mapping) and one.get("fault"))]
    answers = found if isinstance(found, list) else [found]
    if not answers:
        raise InputError("holds no answer", where=where, right="an answer of 'wanmi resolve --json'")
    return answers


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read, {(error.strerror or '').lower()}", where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError(
            "is no JSON (not UTF-8)", where=str(path), right="an answer of 'wanmi resolve --json'"
        ) from None


def read_table(path: str | Path) -> pd.DataFrame:
    """Rows of a CSV or Parquet file; every column of a CSV is text. ``attrs["crs"]`` is what a GeoParquet file says."""
    path = Path(path)
    try:
        if path.suffix.lower() == ".parquet":
            table = pq.read_table(path)
        else:
            with path.open("rb") as opened:
                names = pa.csv.open_csv(opened).schema.names
            options = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
            parse = pa.csv.ParseOptions(newlines_in_values=True)
            table = pa.csv.read_csv(path, convert_options=options, parse_options=parse)
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot be read ({str(error).splitlines()[0]})", where=str(path)) from None
    frame = table.to_pandas(ignore_metadata=True)
    frame.attrs["crs"] = _geoparquet_crs((table.schema.metadata or {}).get(b"geo"))
    return frame


def _geoparquet_crs(told: bytes | None) -> str:
    """Coordinate system of the main column, "" where there is none; without a word it is that of GPS."""
    if told is None:
        return ""
    facts = json.loads(told)
    crs = facts["columns"][facts["primary_column"]].get("crs", "EPSG:4326")
    if isinstance(crs, dict) and "id" in crs:
        code = f"{crs['id']['authority']}:{crs['id']['code']}"
        return "EPSG:4326" if code == "OGC:CRS84" else code
    return json.dumps(crs) if isinstance(crs, dict) else crs or ""


def answer_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of answers in one form: texts "" for none, flags, numbers, instants in UTC."""
    out = {}
    for name in frame.columns:
        column = frame[name]
        if name in ("distance_m", "probability"):
            out[name] = _numbers(column, name)
        elif name in ("on_edge", "ask_first"):
            words = {"True": True, "true": True, "False": False, "false": False}
            out[name] = column.map(lambda v, words=words: words.get(v, v)).astype(object)
        elif name == "at":
            out[name] = _instants(column, name, "UTC")
        else:
            out[name] = _words(column)
    return pd.DataFrame(out, index=frame.index)


def case_rows(frame: pd.DataFrame, zone: str, *, names: Mapping[str, str], where: str) -> tuple[pd.DataFrame, str]:
    """Cases in one form, and their coordinate system as far as the file tells it.

    Parameters
    ----------
    frame
        As `read_table` gives it.
    zone
        IANA name of the city's time zone, for times without one.
    names
        Our field -> their column.

    Returns
    -------
    frame, crs
        ``x``, ``y``, ``class``, ``component``, ``no_location``, ``accuracy_m``, ``at``; see `gis.proof.rows.read_rows`.
        Columns lon and lat are degrees of GPS, x and y the city's metres.
    """
    n, blank = len(frame), pd.Series([""] * len(frame), index=frame.index, dtype=object)

    def theirs(name: str) -> pd.Series | None:
        if name in names and names[name] not in frame:
            raise InputError(f"has no column {names[name]!r}", where=where, right=", ".join(map(str, frame.columns)))
        return frame.get(names.get(name, name))

    crs = frame.attrs.get("crs", "")
    for pair in PLACES:
        x, y = (theirs(name) for name in pair)
        if x is not None and y is not None:
            crs = "EPSG:4326" if pair[0] == "lon" else ""
            break
    out: dict[str, Any] = {}
    if x is not None and y is not None:
        out["x"], out["y"] = _numbers(x, "x"), _numbers(y, "y")
    elif (shapes := theirs("geometry")) is not None:
        points = shapely.from_wkb(shapes.to_numpy(dtype=object, na_value=None))
        out["x"], out["y"] = shapely.get_x(points), shapely.get_y(points)
    else:
        right = "columns lon and lat, x and y, or a geometry of points; name them with --map"
        raise InputError("says nowhere where its cases lie", where=where, right=right)
    for name in _TEXTS:
        column = theirs(name)
        out[name] = blank if column is None else _words(column)
    metres = theirs("accuracy_m")
    out["accuracy_m"] = np.full(n, np.nan) if metres is None else _numbers(metres, "accuracy_m")
    told = next((column for name in _INSTANTS if (column := theirs(name)) is not None), None)
    out["at"] = pd.Series(pd.NaT, index=frame.index) if told is None else told
    out["at"] = _instants(out["at"], "at", zone)
    return pd.DataFrame(out, index=frame.index), crs


def _words(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").map(str).astype(object)


def _numbers(column: pd.Series, name: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        column = _words(column)
        column = pd.to_numeric(column.mask(column == ""), errors="coerce")
    return column.astype(np.float64)


def _instants(column: pd.Series, name: str, zone: str) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        words = _words(column)
        try:
            column = pd.to_datetime(words.mask(words == "", None), format="ISO8601", errors="raise")
        except (ValueError, TypeError):  # some have a zone and some not
            column = words.map(lambda text: pd.Timestamp(text) if text else pd.NaT)
            column = column.map(lambda t: t.tz_localize(zone) if t is not pd.NaT and t.tz is None else t)
            column = pd.to_datetime(column, utc=True)
    if column.dt.tz is None:
        column = column.dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")  # type: ignore[arg-type]
    return column.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
