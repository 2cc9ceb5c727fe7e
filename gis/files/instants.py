"""Dates and instants: ISO 8601 unless the profile says otherwise, read in the city's time zone, kept in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.files.columns import text
from gis.files.faults import Faults, shown
from grids.errors import InputError

ISO = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?(?:Z|[+-]\d{2}(?::?\d{2})?))?)?"
"""A date, or a date with a time of day, perhaps with a zone."""

LOOSE = r"(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?"
"""Year first and without zeros: as clear as ISO 8601, and common in China."""

ZONED = r"(?:Z|[T ]\d{2}:\d{2}.*[+-]\d{2}(?::?\d{2})?)$"
YEARS = (1800, 2200)


def instants(
    column: pd.Series,
    name: str,
    faults: Faults,
    *,
    zone: str,
    formats: Sequence[str] = (),
    where: str = "",
) -> pd.Series:
    """A column of instants, ``datetime64[us, UTC]``; missing is NaT.

    A time without a zone is read in ``zone``. An hour that the clock shows twice is taken as the first one; an hour
    that it leaps over is taken as the first instant after the leap. Both are noted.

    Parameters
    ----------
    formats
        strptime formats tried in order; none for ISO 8601.

    Raises
    ------
    InputError
        Not one value of the column can be read: the format is wrong, and that is a fault of the file.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        far = beyond(column.to_numpy(dtype=np.dtype(f"datetime64[{column.dt.unit}]")))
        if far.any():
            faults.add(far, name, "an instant", f"is not between {YEARS[0]} and {YEARS[1]}")
            column = column.mask(far)
        local = column
        if column.dt.tz is not None:
            return column.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        return _localised(local, name, np.arange(len(local)), faults, zone)
    told = text(column)
    there = (told != "").to_numpy()
    out = pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    if not there.any():
        return out
    if not formats:
        told = _iso(told)
        shape = told.str.fullmatch(ISO).to_numpy(dtype=bool)
        zoned = shape & told.str.contains(ZONED, regex=True).to_numpy(dtype=bool)
        out[zoned] = pd.to_datetime(told[zoned], format="ISO8601", errors="coerce", utc=True).astype(out.dtype)
        bare = shape & ~zoned
        local = pd.to_datetime(told[bare], format="ISO8601", errors="coerce")
        out[bare] = _localised(local, name, np.flatnonzero(bare), faults, zone)
    else:
        shape = np.zeros(len(told), dtype=bool)
        for form in formats:
            todo = there & out.isna().to_numpy()
            shape |= todo & told.str.fullmatch(_pattern(form)).to_numpy(dtype=bool)
            out[todo] = _read(told[todo], form, name, np.flatnonzero(todo), faults, zone)
    wrong = there & out.isna().to_numpy()
    # one that looks like a date, or is one, says that the format is right
    example = told[there].iloc[0]
    hopeless = int((wrong & ~shape).sum())
    faults.of_file(
        f"dates of {name}", hopeless, int(there.sum()) - hopeless, lambda *_: _unreadable(example, name, where, formats)
    )
    faults.add(wrong & shape, name, told, "does not exist in the calendar")
    right = "write it as 2026-07-01 or 2026-07-01T08:00" if not formats else "the profile's format is " + formats[0]
    faults.add(wrong & ~shape, name, told, f"is no date; {right}")
    year = out.dt.year
    odd = (out.notna() & ~year.between(*YEARS)).to_numpy(dtype=bool)
    faults.add(odd, name, told, f"is not between {YEARS[0]} and {YEARS[1]}")
    return out.mask(odd)


def beyond(stamps: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Where instants lie outside `YEARS`; NaT does not."""
    first, last = (np.datetime64(str(year), "Y").astype(stamps.dtype) for year in (YEARS[0], YEARS[1] + 1))
    return ~np.isnat(stamps) & ((stamps < first) | (stamps >= last))


def _iso(told: pd.Series) -> pd.Series:
    """Loose forms that begin with the year, as ISO 8601; all else as it is."""
    loose = ~told.str.fullmatch(ISO) & told.str.fullmatch(LOOSE)
    if not loose.any():
        return told
    y, m, d, *clock = (part.str.zfill(2) for _, part in told[loose].str.extract(f"^{LOOSE}$").items())
    hour, minute, second = (part.fillna("00") for part in clock)
    return told.mask(loose, y + "-" + m + "-" + d + "T" + hour + ":" + minute + ":" + second)


def _read(told: pd.Series, form: str, name: str, at: np.ndarray, faults: Faults, zone: str) -> pd.Series:
    if "%z" in form or "%Z" in form:
        return pd.to_datetime(told, format=form, errors="coerce", utc=True).astype("datetime64[us, UTC]")
    return _localised(pd.to_datetime(told, format=form, errors="coerce"), name, at, faults, zone)


def _localised(local: pd.Series, name: str, at: np.ndarray, faults: Faults, zone: str) -> pd.Series:
    """Local times as instants; ``at`` are their positions in the file."""
    local = local.astype("datetime64[us]")
    first = np.ones(len(local), dtype=bool)
    out = local.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    leapt = ((out.dt.tz_localize(None) != local) & local.notna()).to_numpy()
    if leapt.any():
        faults.note(f"{name}: hours that the clock leaps over, taken as the end of the leap", at[leapt])
    later = local.dt.tz_localize(zone, ambiguous=~first, nonexistent="shift_forward")
    twice = ((later != out) & local.notna()).to_numpy()
    if twice.any():
        faults.note(f"{name}: hours that the clock shows twice, taken as the first", at[twice])
    return out.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def days(column: pd.Series, name: str, faults: Faults, *, formats: Sequence[str] = (), where: str = "") -> pd.Series:
    """A column of calendar days, ``datetime64[us]`` at midnight without zone; missing is NaT."""
    out = instants(column, name, faults, zone="UTC", formats=formats, where=where)
    return out.dt.tz_localize(None).dt.normalize()


def instant(told: str, *, zone: str, where: str) -> pd.Timestamp:
    """One instant from a word of the user, in ``zone`` unless it says its own; an `InputError` when it is none."""
    match = re.fullmatch(ISO, told.strip())
    try:
        if match is None:
            raise ValueError(told)
        out = pd.Timestamp(datetime.fromisoformat(told.strip().replace(" +", "+")))
    except ValueError as error:
        what = f"{shown(told)!r} does not exist in the calendar" if match else f"{shown(told)!r} is no date"
        raise InputError(what, where=where, right="write it as 2026-07-01 or 2026-07-01T08:00+08:00") from error
    if out.tz is None:
        out = out.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return out.tz_convert("UTC").as_unit("us")


def _unreadable(example: str, name: str, where: str, formats: Sequence[str]) -> InputError:
    """Not one date could be read: say how the first looks and what to write in the profile."""
    place = f"{where}, column {name}" if where else name
    if formats:
        return InputError(
            f"{example!r} does not fit the format {formats[0]!r}", where=place, right="mend dates in the profile"
        )
    match = re.match(r"(\d{1,4})([/.])(\d{1,2})\2(\d{1,4})(.*)$", example)
    if match is None:
        return InputError(
            f"{example!r} is no date",
            where=place,
            right="write it as 2026-07-01, or give its format in the profile (dates)",
        )
    sep, rest = match[2], match[5]
    clock = " %I:%M:%S %p" if rest.strip().lower().endswith("m") else " %H:%M" if rest.strip() else ""
    clock = clock.replace("%M", "%M:%S") if rest.count(":") == 2 and "%p" not in clock else clock
    forms = [f"%m{sep}%d{sep}%Y{clock}", f"%d{sep}%m{sep}%Y{clock}"]
    both = " or ".join(f"dates = '{form}'" for form in forms)
    return InputError(f"{example!r} can be read in two ways", where=place, right=f"say in the profile {both}")


def _pattern(form: str) -> str:
    """What a text in a strptime format looks like, whether or not its date exists."""
    digits = dict.fromkeys("dmHIMSy", r"\d{1,2}") | {
        "Y": r"\d{4}",
        "f": r"\d{1,6}",
        "j": r"\d{1,3}",
        "p": r"[A-Za-z.]{2,4}",
    }
    out = re.sub(r"\\?%(.)", lambda m: digits.get(m[1], ".+?"), re.escape(form).replace(r"\%", "%"))
    return out.replace(r"\ ", r"\s+")
