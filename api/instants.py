"""Times over HTTP: ISO 8601 in sane years; one without an offset is the city's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grids.errors import InputError

YEARS = (1900, 2200)
"""First and last year that is taken: beyond them a time is a slip, not a time of a city."""
RIGHT = "write 2026-07-01 or 2026-07-01T08:30+08:00"
LONGEST = 40
"""No time has more letters."""
FEW = 16
"""Up to so many are read one by one, which is faster than to set up columns."""
MOST_TOLD = 5
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
# a + that is not escaped in a query arrives as a blank
_OFFSET = r"[+ -][0-9]{2}(?::?[0-9]{2})?"
_ISO = re.compile(rf"{_DAY}(?:[Tt ]{_CLOCK}(?P<offset>[Zz]|{_OFFSET})?)?")
_LOST_PLUS = re.compile(rf"({_DAY}[Tt ]{_CLOCK}) ([0-9]{{2}}(?::?[0-9]{{2}})?)")
_ZONED = rf"{_CLOCK}(?:[Zz]|{_OFFSET})$"


def read_instants(
    texts: Sequence[str] | NDArray[np.object_], zone: str, where: Callable[[int], str]
) -> pd.DatetimeIndex:
    """Instants of ISO 8601 texts, UTC; a time without an offset is the city's; "" is NaT.

    Parameters
    ----------
    texts
        ``2026-07-01``, ``2026-07-01T08:30``, ``2026-07-01T00:30:00Z``, ``…+08:00``; shape (n,). A blank before the
        offset is a ``+`` that a query lost.
    zone
        The city's time zone (IANA name). An hour that its clock skips moves forward; one that it repeats is taken
        as the first.
    where
        Names the place of value i, for the error.

    Raises
    ------
    InputError
        Naming the texts that are no time, a day that does not exist, or a year beyond `YEARS`.

    Examples
    --------
    >>> read_instants(["2026-07-01", "2026-07-01T00:00Z", ""], "Asia/Shanghai", str)[:2].astype(str).tolist()
    ['2026-06-30 16:00:00+00:00', '2026-07-01 00:00:00+00:00']
    """
    stamps, wrong = parse_instants(texts, zone)
    _refuse([text.strip() for text in texts], wrong, where)
    return stamps


def parse_instants(texts: Sequence[str] | NDArray[np.object_], zone: str) -> tuple[pd.DatetimeIndex, list[int]]:
    """Instants as `read_instants` reads them, and the places of those that are none: `fault_of` says why."""
    told = [text.strip() for text in texts]
    if len(told) > FEW:
        return _many(told, zone)
    stamps = [_one(text, zone) for text in told]
    wrong = [i for i, stamp in enumerate(stamps) if stamp is None and told[i]]
    return pd.DatetimeIndex(stamps, dtype="datetime64[us, UTC]"), wrong


def read_instant(text: str, zone: str, where: str) -> pd.Timestamp | None:
    """One instant of a text as `read_instants` reads it, None of "".

    Examples
    --------
    >>> read_instant("2026-07-01T08:30", "Asia/Shanghai", "at")
    Timestamp('2026-07-01 00:30:00+0000', tz='UTC')
    """
    stamp = _one(text.strip(), zone)
    if stamp is None and text.strip():
        _refuse([text.strip()], [0], lambda _: where)
    return None if stamp is None else pd.Timestamp(stamp)


def instant_us(text: str, zone: str) -> int | None:
    """Microseconds since 1970 UTC of a text as `read_instants` reads it, None where it is no time or "".

    Examples
    --------
    >>> instant_us("1970-01-01T08:00:01", "Asia/Shanghai")
    1000000
    """
    stamp = _one(text.strip(), zone)
    return None if stamp is None else (stamp - _EPOCH) // _MICROSECOND


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _one(text: str, zone: str) -> datetime | None:
    """The instant of one text, None where there is none; the same few often come again and again."""
    return _read(text, zone) if len(text) <= LONGEST else None


@lru_cache(maxsize=4096)
def _read(text: str, zone: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None or not YEARS[0] <= int(text[:4]) <= YEARS[1]:
        return None
    try:
        stamp = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text).upper())
    except ValueError:
        return None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=_zone(zone))
        there = stamp.astimezone(UTC)
        if there.astimezone(_zone(zone)).replace(tzinfo=None) != stamp.replace(tzinfo=None):
            first = pd.Timestamp(stamp.replace(tzinfo=None)).tz_localize(zone, nonexistent="shift_forward")
            return first.tz_convert("UTC").to_pydatetime()
        return there
    return stamp.astimezone(UTC)


def _many(told: list[str], zone: str) -> tuple[pd.DatetimeIndex, list[int]]:
    """The same in columns."""
    codes, kinds = pd.factorize(np.asarray(told, dtype=object))  # the same few times often come again and again
    values = pd.Series(kinds, dtype=str)
    fine = values.str.fullmatch(_ISO.pattern) & values.str[:4].str.fullmatch("[0-9]{4}")
    fine &= pd.to_numeric(values.str[:4].where(fine), errors="coerce").between(*YEARS)
    values = values.where(fine, "").str.replace(_LOST_PLUS.pattern, r"\1+\2", regex=True).str.upper()
    zoned = values.str.contains(_ZONED)
    out = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    for mask, local in ((fine & zoned, False), (fine & ~zoned, True)):
        if not mask.any():
            continue
        stamps = pd.to_datetime(values[mask], format="ISO8601", errors="coerce", utc=not local)
        if local:
            first = np.ones(len(stamps), dtype=bool)
            stamps = stamps.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").dt.tz_convert("UTC")
        out[mask] = stamps.dt.as_unit("us")
    lost = out.isna().to_numpy() & (kinds != "")
    return pd.DatetimeIndex(out)[codes], np.flatnonzero(lost[codes]).tolist()


def _refuse(told: list[str], wrong: list[int], where: Callable[[int], str]) -> None:
    """Raise for the values at `wrong`; nothing when there is none."""
    if not wrong:
        return
    lines = [f"{where(i)}: {fault_of(told[i])}" for i in wrong[:MOST_TOLD]]
    lines[0] = fault_of(told[wrong[0]])
    if more := len(wrong) - MOST_TOLD:
        lines += [f"and {more} more"] if more > 0 else []
    raise InputError(" | ".join(lines), where=where(wrong[0]))


def fault_of(text: str) -> str:
    """Why a text is no instant, and what would be right."""
    shown = repr(text if len(text) <= 60 else text[:60] + "…")
    if _ISO.fullmatch(text) and not YEARS[0] <= int(text[:4]) <= YEARS[1]:
        return f"the year of {shown} is not between {YEARS[0]} and {YEARS[1]}"
    return f"{shown} is no time; {RIGHT}"


def written_instant(at: pd.Timestamp) -> str | None:
    """An instant as it is told, ISO 8601 in UTC to the second; None for NaT."""
    return None if pd.isna(at) else at.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
