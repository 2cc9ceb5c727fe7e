"""From a file's columns to ours: text, numbers, integers, flags. Whole columns at a time, faults collected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gis.files.faults import Faults

FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "是", "有"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "否", "无"), False),
}
RANGE = {
    "radius_m": (0.0, 1e5),
    "width_m": (0.001, 1e4),
    "height_m": (0.0, 1e4),
    "from_m": (0.0, 1e7),
    "to_m": (0.0, 1e7),
    "accuracy_m": (0.0, 1e6),
    "lanes": (0.0, 1e3),
    "rank": (1.0, 2.0**31),
    "returns": (0.0, 2.0**31),
}
"""Least value that makes sense, and the first that does not, by field."""

INTEGERS = 2**53
"""Whole numbers beyond this are not exact in a float."""


def text(column: pd.Series) -> pd.Series:
    """Any column as text without blanks at its ends; missing is "". Dtype ``str``, same index.

    Examples
    --------
    >>> text(pd.Series([311.0, None, 2.5])).tolist()
    ['311', '', '2.5']
    """
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
        kind = column.dtype
    if pd.api.types.is_bool_dtype(kind):
        out = column.map({True: "true", False: "false"})
    elif pd.api.types.is_integer_dtype(kind):
        out = column.astype("str").mask(column.isna(), "")
    elif pd.api.types.is_float_dtype(kind):
        whole = column.notna() & (column.abs() < INTEGERS) & (column == column.round())
        out = column.astype("str").mask(whole, column.where(whole, 0).astype("int64").astype("str"))
    elif pd.api.types.is_datetime64_any_dtype(kind):
        out = column.astype("str").mask(column.isna(), "")
    elif pd.api.types.is_object_dtype(kind):
        gone = column.isna()
        out = column.map(_plain).astype("str").mask(gone, "")
    else:
        out = column.astype("str")
    return out.fillna("").astype("str").str.strip()


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def clean(column: pd.Series, name: str, faults: Faults) -> pd.Series:
    """Text that a database takes: a zero character is a fault."""
    faults.add(column.str.contains("\x00", regex=False).to_numpy(dtype=bool), name, column, "has a zero character")
    return column


def number(column: pd.Series, name: str, field: str, faults: Faults) -> pd.Series:
    """Numbers, float64; missing is NaN. Faults: no number, infinite, below what makes sense."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        shown, out = column, column.astype("float64")
    else:
        shown = text(column)
        out = pd.to_numeric(shown.mask(shown == ""), errors="coerce").astype("float64")
        wrong = (shown != "") & out.isna()
        comma = shown.str.fullmatch(r"[+-]?\d+,\d+")
        faults.add((wrong & comma).to_numpy(dtype=bool), name, shown, "is no number; write a point, not a comma")
        faults.add((wrong & ~comma).to_numpy(dtype=bool), name, shown, "is no number")
    faults.add(np.isinf(out).to_numpy(dtype=bool), name, shown, "is infinite")
    floor, ceiling = RANGE.get(field, (-np.inf, np.inf))
    faults.add(((out < floor) & (out > -np.inf)).to_numpy(dtype=bool), name, shown, f"is less than {floor:g}")
    faults.add(
        ((out >= ceiling) & (out < np.inf)).to_numpy(dtype=bool), name, shown, f"is not less than {ceiling:,.0f}"
    )
    return out.mask(np.isinf(out))


def integer(column: pd.Series, name: str, field: str, faults: Faults) -> pd.Series:
    """Whole numbers, float64 with NaN for missing (the record's columns are integers that may be null)."""
    out = number(column, name, field, faults)
    broken = (out.notna() & ((out != out.round()) | (out.abs() >= 2**31))).to_numpy(dtype=bool)
    faults.add(broken, name, text(column), "is no whole number below 2,147,483,648")
    return out.mask(broken)


def flag(column: pd.Series, name: str, faults: Faults) -> pd.Series:
    """True or false, bool; missing is False. Faults: any other word."""
    told = text(column).str.casefold()
    out = told.map(FLAGS)
    wrong = (out.isna() & (told != "")).to_numpy(dtype=bool)
    faults.add(wrong, name, text(column), "is not true or false")
    return out.eq(True)


def rewrite(column: pd.Series, values: dict[str, str] | Any, replace: tuple[tuple[str, str], ...] = ()) -> pd.Series:
    """Apply a profile's value map, then its replacements. Text in, text out.

    Examples
    --------
    >>> rewrite(pd.Series(["Ward 8", "08", "8"]), {}, ((r"^(?:Ward )?0*", ""),)).tolist()
    ['8', '8', '8']
    """
    column = text(column)
    if values:
        mapped = column.map({str(k): str(v) for k, v in values.items()})
        column = column.where(mapped.isna(), mapped).astype("str")
    for find, put in replace:
        column = column.str.replace(find, put, regex=True)
    return column.str.strip()
