"""Which cases a question counts: by class, department, channel, period, area, and as known at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from psycopg2 import sql

from gis.sql import question

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """Cases that count, in the record's own words; whoever makes one has checked that they exist.

    Parameters
    ----------
    classes
        Class texts ``edition:kind+code``; None for all, cases without a class included.
    departments
        Owners by the answer; None for all, cases without an owner included.
    channels
        Channels; None for all, cases that name none included.
    begin, end
        Reported from ``begin`` until before ``end``, UTC; NaT for open.
    within, without
        Areas ``set:code``, or ``set`` for all of a set: cases on their ground or edge, in any of ``within`` and in none
        of ``without``; the areas are those that hold at ``at``. None for the whole city, and for no exception.
    at
        Instant of the areas, UTC; NaT for now.
    known_at
        Cases, areas and units that were recorded until then, UTC; NaT for now.

    Examples
    --------
    >>> Wanted(channels=("hotline",)).values()["channels"]
    ['hotline']
    """

    classes: Texts | None = None
    departments: Texts | None = None
    channels: Texts | None = None
    begin: pd.Timestamp = pd.NaT
    end: pd.Timestamp = pd.NaT
    within: Texts | None = None
    without: Texts | None = None
    at: pd.Timestamp = pd.NaT
    known_at: pd.Timestamp = pd.NaT

    def values(self) -> dict[str, Any]:
        """Parameters of `where`."""
        texts = ("classes", "departments", "channels", "within", "without")
        stamps = ("begin", "end", "at", "known_at")
        out: dict[str, Any] = {n: None if (v := getattr(self, n)) is None else list(v) for n in texts}
        return out | {n: None if pd.isna(v := getattr(self, n)) else v.to_pydatetime() for n in stamps}


ALL = Wanted()


def where() -> sql.Composed:
    """The condition of the questions about cases, by their part ``{wanted}``; cases are ``c``, answers ``a``."""
    return question("case_wanted")
