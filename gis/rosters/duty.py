"""Who is on duty at a place and an instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

KINDS = ("chief", "1+5", "patrol", "enforcement")
"""Kinds of teams in the order in which they are told; others follow, by code point."""

LEADERS = ("chief", "leader", "街长", "路长", "组长", "队长")
DEPUTIES = ("deputy", "副街长", "副路长", "副组长", "副队长")
"""Roles of who speaks for a team, first and second; every other role comes after them."""

POST = ("kind", "tier", "area_set", "area", "place_kind", "place")
"""Columns that name a post: what somebody of some team must look after."""

EARLIEST, LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True)
class Where:
    """A place as rosters see it.

    Parameters
    ----------
    areas
        ``(set, code)`` of the areas that hold it, the smallest first.
    things
        ``(kind, code)`` of the unit, roads and zones that it is in, the smallest first; they come before areas.
    """

    areas: tuple[tuple[str, str], ...] = ()
    things: tuple[tuple[str, str], ...] = ()

    def rank(self, rosters: pd.DataFrame) -> NDArray[np.int64]:
        """How near each row's post is, shape (n,): 0 the smallest place, -1 another place.

        A row that names no place looks after the whole city, and comes last.
        """
        place, area = (rosters[name].to_numpy(object) for name in ("place", "area"))
        kind, set_ = (rosters[name].to_numpy(object) for name in ("place_kind", "area_set"))
        rank = np.full(len(rosters), -1, dtype=np.int64)
        named = [(place, kind, *thing) for thing in self.things] + [(area, set_, *found) for found in self.areas]
        for number, (codes, sets, of, code) in reversed(list(enumerate(named))):  # a handful
            rank[(codes == code) & (sets == of) & (True if codes is place else place == "")] = number
        rank[(place == "") & (area == "")] = len(named)
        return rank


def spans(rosters: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begin and end of each row in microseconds since 1970 UTC; open ends are the least and the largest integer."""
    begin, end = (_micros(rosters[name]) for name in ("valid_from", "valid_to"))
    return np.where(begin == EARLIEST, EARLIEST, begin), np.where(end == EARLIEST, LATEST, end)


def micros(at: pd.Timestamp) -> int:
    """An instant in microseconds since 1970 UTC."""
    return int(pd.Timestamp(at).tz_convert("UTC").to_datetime64().astype("datetime64[us]").astype(np.int64))


def valid(rosters: pd.DataFrame, at: pd.Timestamp) -> NDArray[np.bool_]:
    """Which rows hold at an instant: from ``valid_from`` until before ``valid_to``; shape (n,)."""
    begin, end = spans(rosters)
    now = micros(at)
    return (begin <= now) & (now < end)


def on_duty(rosters: pd.DataFrame, where: Where, at: pd.Timestamp) -> pd.DataFrame:
    """Return the rows of who is on duty at a place.

    Parameters
    ----------
    rosters
        Columns of the layer ``rosters``, as believed at one instant.
    where
        The place.
    at
        The instant, with a time zone.

    Returns
    -------
    DataFrame
        Rows of `rosters` with their index, in order of `KINDS`, the lowest tier of chiefs (3) first, the smallest place
        first, then team, role (who speaks for the team first) and person, by code point.
    """
    rank = where.rank(rosters)
    found = (rank >= 0) & valid(rosters, at)
    rows = rosters[found]
    return rows.iloc[order(rows, rank[found])]


def order(rows: pd.DataFrame, rank: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the order in which rows are told, as `on_duty` says; shape (n,)."""
    kind, tier = rows["kind"].to_numpy(object), rows["tier"].to_numpy(float)
    known = pd.Index(KINDS, dtype=object).get_indexer(pd.Index(kind, dtype=object))
    keys = {
        "known": np.where(known < 0, len(KINDS), known),
        "kind": kind,
        "tier": np.where(np.isnan(tier), 0, -tier),
        "rank": rank,
        "team": rows["team"].to_numpy(object),
        "voice": voice(rows),
        "person": rows["person"].to_numpy(object),
    }
    return pd.DataFrame(keys).sort_values(list(keys), kind="stable").index.to_numpy()


def voice(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Who speaks for a team, by role: 0 its leader, 1 a deputy, 2 anybody else; shape (n,)."""
    role = rows["role"]
    return np.select([role.isin(LEADERS), role.isin(DEPUTIES)], [0, 1], 2).astype(np.int64)


def _micros(values: pd.Series) -> NDArray[np.int64]:
    stamps = pd.to_datetime(values, utc=True).dt.as_unit("us").dt.tz_localize(None)
    return stamps.to_numpy("datetime64[us]").view(np.int64)  # NaT is the least integer
