"""Working days, hours of reporting by channel, and when a case is due by its class's time limit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gis.demo.plan import table
from grids.catalog import catalog

OFFICE = (0, 0, 0, 0, 0, 0, 1, 5, 11, 12, 11, 8, 3, 3, 9, 11, 10, 8, 3, 2, 1, 1, 0, 0)
HOTLINE = (1, 1, 0, 0, 0, 1, 3, 6, 10, 11, 10, 8, 6, 6, 8, 9, 9, 8, 7, 7, 6, 5, 3, 2)
PHONE = (1, 1, 0, 0, 0, 1, 3, 6, 7, 7, 7, 7, 8, 7, 6, 6, 7, 8, 9, 10, 9, 7, 4, 2)
VIDEO = (2, 2, 2, 2, 2, 3, 4, 5, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 5, 5, 4, 3, 2)
HOURS = (OFFICE, VIDEO, HOTLINE, PHONE, PHONE)
"""Weight of each local hour for each channel of `gis.demo.cases.CHANNELS`."""

WORK_MINUTES = 480
"""Minutes of a working day: 8 to 12 and 14 to 18."""


LAST_WORK_DAY = np.datetime64("2027-03-31")
"""How far working days are counted; beyond the calendar, which ends with 2026, Monday to Friday."""


def make_calendar(first: np.datetime64, last: np.datetime64) -> pd.DataFrame:
    """The layer ``calendars``: Mondays to Fridays, public holidays and make-up workdays (调休), both ends included.

    Holidays are those that the State Council announced for 2025 and 2026.
    """
    day = pd.date_range(first, last, unit="us")
    special = table("holidays").set_index("day")
    text = pd.Series(day.strftime("%Y-%m-%d"))
    told = text.map(special["working"])
    working = np.where(told.isna(), day.day_of_week < 5, told == "1")
    return pd.DataFrame({"day": day, "working": working, "note": text.map(special["note"]).fillna("").astype("str")})


def times_of_day(channel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Local minute of the day of each report."""
    ends = np.cumsum(np.array(HOURS, float), axis=1)
    ends /= ends[:, -1:]
    draw = rng.random(len(channel))
    hour = np.zeros(len(channel), np.int64)
    for k in range(len(HOURS)):
        mine = channel == k
        hour[mine] = np.searchsorted(ends[k], draw[mine], side="right")
    return np.minimum(hour, 23) * 60 + rng.integers(0, 60, len(channel))


def due_times(filed_at: np.ndarray, klass: np.ndarray) -> np.ndarray:
    """When filed cases are due, as the source system counts: by the first time limit of their class.

    Urgent units run on the clock; working units count 8 to 12 and 14 to 18 in Asia/Shanghai on working days.
    Classes without a limit take two working days.

    Parameters
    ----------
    filed_at
        UTC, datetime64[s].
    klass
        Position in the catalogue of each case's class.
    """
    book = catalog()
    limits = book.limits.drop_duplicates(["edition", "kind", "code"])
    known = {
        f"{row.edition}:{row.kind}{row.code}": (float(row.limit), row.unit) for row in limits.itertuples(index=False)
    }
    back = {int(new): text for text, new in zip(book.texts, book.to_2026, strict=True) if text.startswith("2013")}
    amount, urgent = np.full(len(book), 2.0 * WORK_MINUTES), np.zeros(len(book), bool)
    for i, text in enumerate(book.texts):
        rule = known.get(text) or known.get(back.get(i, ""))
        if rule:
            value, unit = rule
            urgent[i] = unit.startswith("urgent")
            amount[i] = (
                value
                * ({"hour": 60, "day": 1440} if urgent[i] else {"hour": 60, "day": WORK_MINUTES})[
                    unit.rsplit("_", 1)[1]
                ]
            )
    minutes = amount[klass].astype("int64")
    clock = filed_at + minutes.astype("timedelta64[m]")
    local = filed_at + np.timedelta64(8, "h")
    day = local.astype("datetime64[D]")
    calendar = make_calendar(day.min(), LAST_WORK_DAY)
    works = calendar.loc[calendar["working"], "day"].to_numpy("datetime64[D]")
    first = np.searchsorted(works, day)
    into = (local - day).astype("int64") // 60
    worked = np.where(works[first] == day, np.clip(into - 480, 0, 240) + np.clip(into - 840, 0, 240), 0)
    whole, rest = np.divmod(worked + minutes - 1, WORK_MINUTES)
    rest += 1
    into = 480 + rest + np.where(rest > WORK_MINUTES // 2, 120, 0)
    work = works[first + whole].astype("datetime64[s]") + into.astype("timedelta64[m]") - np.timedelta64(8, "h")
    return np.where(urgent[klass], clock, work)
