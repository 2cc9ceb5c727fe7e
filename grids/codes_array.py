"""Codes by the million: checks on whole columns. An answer is an array of faults, "" where a code is fine.

A missing code ("", None, NaN) is no fault here; whether it may be missing is the layer's affair. A million right
component codes take 0.1 to 0.2 s; each wrong one some microseconds more for its wording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from grids.errors import InputError
from grids.nearmiss import tidy

Faults = NDArray[np.object_]


def check_unit(
    codes: Any, *, scheme: str = "", communities: Iterable[str] | None = None, of_community: Any = None
) -> Faults:
    """Check a column of unit grid codes.

    Parameters
    ----------
    codes
        Texts: list, numpy array, pandas or arrow column.
    scheme
        ``china15``, ``china14``, ``free`` (anything goes) or "" for 15 or 14 digits.
    communities
        Community codes that exist; None where that is not known.
    of_community
        The community that each unit is said to be in; "" where nothing is said.

    Returns
    -------
    object array of str
        One fault for each code, "" for none.

    Examples
    --------
    >>> check_unit(["140802001001003", "14080200100100B", ""]).tolist()
    ['', 'has other signs than digits; did you mean 140802001001008?', '']
    """
    column = text_column(codes)
    out = np.full(len(column), "", dtype=object)
    if scheme == "free":
        return out
    lengths = {"china15": (15,), "china14": (14,), "": (15, 14)}[scheme]
    length = _form(column, lengths, "a unit grid code", out)
    fine = (out == "") & (length > 0)
    if communities is not None:
        known = pa.array(sorted(set(communities)), pa.string())
        there = pc.is_in(pc.binary_slice(column.cast(pa.binary()), 0, 12), value_set=known.cast(pa.binary()))
        _say(out, fine & ~np.asarray(there), column, lambda code: f"is in community {code[:12]}, which is not known")
    if of_community is not None:
        said = text_column(of_community, len(column))
        differs = (_head(column, 12) != _head(said, 12)).any(axis=1) & (_lengths(said) > 0)
        at = np.flatnonzero(fine & differs & (out == ""))
        for i, one in zip(at.tolist(), said.take(pa.array(at)).to_pylist(), strict=True):
            out[i] = f"is said to be in community {one}, its first 12 digits are another"
    return out


def check_component(
    codes: Any,
    *,
    edition: str = "",
    classes: Iterable[str] | None = None,
    districts: Iterable[str] | None = None,
    of_class: Any = None,
    of_unit: Any = None,
) -> Faults:
    """Check a column of component codes.

    Parameters
    ----------
    codes
        Texts: list, numpy array, pandas or arrow column.
    edition
        ``2026`` (17 digits), ``2013`` or ``2007`` (16); "" for either, 16 digits then being of 2013.
    classes
        Classes that exist, as ``2026:C01001``; None where that is not known.
    districts
        District codes that exist.
    of_class
        The class that each component is said to be of, as ``2026:C01001``.
    of_unit
        The unit grid code that each component is said to be in: its district must be the component's.

    Returns
    -------
    object array of str
        One fault for each code, "" for none: the first found of form, class, district, stated class, stated unit.

    Examples
    --------
    >>> check_component(["14080201001000001", "1408020l001000001", "140802010010001"]).tolist()
    ... # doctest: +NORMALIZE_WHITESPACE
    ['', 'has other signs than digits; did you mean 14080201001000001?',
     'has 15 digits, a component code has 17 or 16']
    """
    column = text_column(codes)
    out = np.full(len(column), "", dtype=object)
    lengths = {"": (17, 16), "2026": (17,), "2013": (16,), "2007": (16,)}[edition]
    length = _form(column, lengths, "a component code", out)
    digits = _head(column, 11).astype(np.int32) - 48
    weights = 10 ** np.arange(6)[::-1]
    district = digits[:, :6] @ weights.astype(np.int32)
    short, long = digits[:, 6:10] @ weights[2:].astype(np.int32), digits[:, 6:11] @ weights[1:].astype(np.int32)
    klass = np.where(length == 17, long + 10_000, short)  # 4 digits below 10,000, 5 digits above
    old = edition if edition in ("2013", "2007") else "2013"
    fine = (out == "") & (length > 0)

    if classes is not None:
        table = np.zeros(110_000, dtype=bool)
        table[[number for one in classes if (number := _class_number(one, old)) >= 0]] = True
        lost = fine & ~table[np.clip(klass, 0, 109_999)]
        _say(out, lost, column, lambda code: f"holds class {_class_of(code, old)}, which is not in the catalogue")
    if districts is not None:
        known = np.array([int(one) for one in districts if one.isdigit()], dtype=np.int32)
        foreign = fine & ~np.isin(district, known)
        _say(out, foreign, column, lambda code: f"is of district {code[:6]}, which is not the city's")
    if of_class is not None:
        said = text_column(of_class, len(column)).dictionary_encode()
        texts = said.dictionary.to_pylist()
        numbers = np.array([_class_number(one, "any") for one in texts] or [-1], dtype=np.int64)
        place = np.asarray(said.indices)
        differs = fine & (numbers[place] != klass) & np.array([bool(one) for one in texts] or [False])[place]
        for i in np.flatnonzero(differs & (out == "")).tolist():
            out[i] = f"holds class {_class_of(column[i].as_py(), old)}, its class is said to be {texts[place[i]]}"
    if of_unit is not None:
        units = text_column(of_unit, len(column))
        differs = (_head(column, 6) != _head(units, 6)).any(axis=1) & (_lengths(units) > 0)
        at = np.flatnonzero(fine & differs & (out == ""))
        for i, unit in zip(at.tolist(), units.take(pa.array(at)).to_pylist(), strict=True):
            out[i] = f"is of another district than its unit grid {unit}"
    return out


def check_case_number(numbers: Any) -> Faults:
    """Check a column of case numbers against the two known forms; there is no national rule.

    For cities that use one of them. See `grids.codes.parse_case_number`.

    Examples
    --------
    >>> check_case_number(["YC202607010001", "YC202602300001", "17"]).tolist()
    ... # doctest: +NORMALIZE_WHITESPACE
    ['', 'holds the day 20260230, which does not exist',
     'has neither known form (C0101202607010001, YC202607010001); there is no national rule']
    """
    column = text_column(numbers)
    out = np.full(len(column), "", dtype=object)
    form: NDArray[np.bool_] = np.asarray(pc.match_substring_regex(column, r"^([CE]\d{4}|[A-Z]{2})\d{12}$"))
    rule = "has neither known form (C0101202607010001, YC202607010001); there is no national rule"
    other = np.logical_and(np.logical_not(form), _lengths(column) > 0)
    _say(out, other, column, lambda number: rule)
    days = pc.utf8_slice_codeunits(column, -12, -4)
    wrong = [day for day in pc.unique(days.filter(pa.array(form))).to_pylist() if not _is_day(day)]
    bad = np.logical_and(form, pc.is_in(days, value_set=pa.array(wrong, days.type)))
    _say(out, bad, column, lambda number: f"holds the day {number[-12:-4]}, which does not exist")
    return out


def text_column(values: Any, rows: int | None = None) -> pa.LargeStringArray:
    """Any column of texts (list, numpy, pandas, arrow) as one arrow array, missing ones as ""."""
    try:
        column = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, from_pandas=True)
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_null(column.type):
            column = column.cast(pa.large_string())
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise InputError(f"codes are given as {column.type}", right="codes are text: numbers lose leading zeros")
        column = column.cast(pa.large_string()).fill_null("")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError("codes are a mixture of text and other things", right="codes are text") from error
    if rows is not None and len(column) != rows:
        raise InputError(f"{rows} codes stand beside {len(column)} other values", right="as many of each")
    return column


def _bytes(column: pa.LargeStringArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets and bytes of the texts, without a copy."""
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, np.int64, len(column) + 1, column.offset * 8)
    return places, np.frombuffer(data, np.uint8) if data and len(data) else np.zeros(1, np.uint8)


def _lengths(column: pa.LargeStringArray) -> NDArray[np.int64]:
    return np.diff(_bytes(column)[0]) if len(column) else np.zeros(0, np.int64)


def _head(column: pa.LargeStringArray, width: int) -> NDArray[np.uint8]:
    """The first bytes of each text as rows of a matrix, zeros behind a shorter one."""
    if not len(column):
        return np.zeros((0, width), np.uint8)
    places, data = _bytes(column)
    length = np.diff(places)
    size = int(length[0])
    if size >= width and (length == size).all():
        start = places[0]
        return data[start : start + size * len(column)].reshape(-1, size)[:, :width]
    at = places[:-1, None] + np.arange(width)
    rows = data[np.minimum(at, len(data) - 1)]
    rows[np.arange(width) >= length[:, None]] = 0
    return rows


def _form(column: pa.LargeStringArray, lengths: tuple[int, ...], what: str, out: Faults) -> NDArray[np.int64]:
    """Find codes of the wrong length or with other signs than digits; gives the lengths in bytes."""
    length = _lengths(column)
    widest = max(lengths)
    rows = _head(column, widest)
    other = ((rows - np.uint8(48)) > 9) & (np.arange(widest) < length[:, None])
    signs: NDArray[np.bool_] = np.any(other, axis=1)
    missized = ~np.isin(length, lengths) & (length > 0) & ~signs
    right = " or ".join(str(n) for n in lengths)

    def hint(code: str) -> str:
        near = tidy(code)
        good = near.isdigit() and len(near) in lengths
        return (
            f"has other signs than digits; did you mean {near}?"
            if good
            else f"has other signs than digits, {what} has {right} digits"
        )

    _say(out, signs, column, hint)
    _say(out, missized, column, lambda code: f"has {len(code)} digits, {what} has {right}")
    return length


def _say(out: Faults, wrong: NDArray[np.bool_], column: pa.LargeStringArray, text: Callable[[str], str]) -> None:
    """Write a fault where there is none yet."""
    at = np.flatnonzero(wrong & (out == ""))
    if at.size:
        out[at] = [text(code) for code in column.take(pa.array(at)).to_pylist()]


def _class_of(code: str, old: str) -> str:
    return f"2026:C{code[6:11]}" if len(code) == 17 else f"{old}:C{code[6:10]}"


def _class_number(text: str, old: str) -> int:
    """Number of a component class in the look-up table: 4 digits as they are, 5 digits above 10,000; -1 for none."""
    edition, _, code = text.partition(":")
    if not (code[:1] == "C" and code[1:].isascii() and code[1:].isdigit()):
        return -1
    if edition == "2026" and len(code) == 6:
        return int(code[1:]) + 10_000
    return int(code[1:]) if len(code) == 5 and edition in ((old,) if old != "any" else ("2013", "2007")) else -1


def _is_day(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True
