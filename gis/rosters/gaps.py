"""When nobody is on duty: between two turns of a post, before its first one, after its last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.rosters.duty import EARLIEST, LATEST, POST, Where, micros, spans, voice

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Hole:
    """A time in which a post or a team has nobody.

    Parameters
    ----------
    kind, tier, area_set, area, place_kind, place
        The post; "" and None for what is not told.
    begin, end
        From when until when, UTC; NaT for always and for good.
    last_team, next_team, next_person
        Who had the last turn before and has the first one after; "" for nobody.
    lacking
        Why there is no turn at all; "" for a time between turns.
    """

    kind: str = ""
    tier: int | None = None
    area_set: str = ""
    area: str = ""
    place_kind: str = ""
    place: str = ""
    begin: pd.Timestamp = pd.NaT
    end: pd.Timestamp = pd.NaT
    last_team: str = ""
    next_team: str = ""
    next_person: str = ""
    lacking: str = ""

    @property
    def team(self) -> str:
        """The team that is missed: of the last turn, else of the next one."""
        return self.last_team or self.next_team

    def sentence(self, zone: str = "UTC") -> str:
        """What is missing, in words, with times of a time zone.

        Examples
        --------
        >>> since = pd.Timestamp("2026-03-01", tz="UTC")
        >>> Hole(begin=since, last_team="A").sentence()
        'nobody on the roster of team A from 2026-03-01 00:00 on; nobody follows'
        """
        if self.lacking:
            return self.lacking
        rotates = self.last_team and self.next_team and self.last_team != self.next_team
        at = f"{self.area_set or self.place_kind} {self.area or self.place}".strip() or "the whole city"
        post = f"{self.kind or 'post'} of {at}"
        whose = f"the {post} (last team {self.last_team})" if rotates else f"team {self.team} ({post})"
        whose = whose if self.kind or self.area or self.place else f"team {self.team}"
        since = "" if pd.isna(self.begin) else f" from {_clock(self.begin, zone)}"
        if pd.isna(self.end):
            return f"nobody on the roster of {whose}{since} on; nobody follows"
        until = f" to {_clock(self.end, zone)}" if since else f" before {_clock(self.end, zone)}"
        return f"nobody on the roster of {whose}{since}{until}; the next is {self.next_person} of team {self.next_team}"


def gaps(rosters: pd.DataFrame, *, by: tuple[str, ...] = POST) -> pd.DataFrame:
    """Return every time in which a post has nobody, all time before its first turn and after its last included.

    Parameters
    ----------
    rosters
        Columns of the layer ``rosters``, as believed at one instant.
    by
        Columns whose rows stand in for one another: those of a post, or ``("team",)``.

    Returns
    -------
    DataFrame
        ``begin``, ``end`` (microseconds since 1970 UTC, half-open; the least and the largest integer for open ends),
        ``last``, ``next`` (positions in `rosters` of the turns around it, -1 for none), ordered by post and begin. Of
        turns that end or begin together, the one of the lower team, then of who speaks for it, then the lower person.
    """
    if not len(rosters):
        empty = np.empty(0, np.int64)
        return pd.DataFrame({"begin": empty, "end": empty, "last": empty, "next": empty})
    begin, end = spans(rosters)
    post = rosters.groupby(list(by), dropna=False, sort=True).ngroup().to_numpy()
    keys = {"post": post, "begin": begin, "team": rosters["team"].to_numpy(object), "voice": voice(rosters),
            "person": rosters["person"].to_numpy(object)}  # fmt: skip
    row = pd.DataFrame(keys).sort_values(list(keys), kind="stable").index.to_numpy()
    post, begin, end = post[row], begin[row], end[row]
    reach = pd.Series(end).groupby(post).cummax().to_numpy()
    first = np.r_[True, post[1:] != post[:-1]]
    before = np.where(first, EARLIEST, np.r_[EARLIEST, reach[:-1]])
    # the turn that reaches farthest so far; of those that reach as far, the first in order of team, voice, person
    farther = first | (reach > np.r_[EARLIEST, reach[:-1]])
    holder = np.maximum.accumulate(np.where(farther, np.arange(len(row)), 0))
    holder = _least_of_ties(rosters, row, post, end, holder)
    between = np.flatnonzero(begin > before)
    last_of = np.flatnonzero(np.r_[post[1:] != post[:-1], True])
    after = last_of[reach[last_of] < LATEST]
    found = pd.DataFrame(
        {
            "post": np.r_[post[between], post[after]],
            "begin": np.r_[before[between], reach[after]],
            "end": np.r_[begin[between], np.full(len(after), LATEST)],
            "last": np.r_[np.where(first[between], -1, row[holder[between - 1]]), row[holder[after]]],
            "next": np.r_[row[between], np.full(len(after), -1)],
        }
    )
    return found.sort_values(["post", "begin"], kind="stable").drop(columns="post").reset_index(drop=True)


def _least_of_ties(
    rosters: pd.DataFrame, row: Positions, post: Positions, end: Positions, holder: Positions
) -> Positions:
    """Among turns of a post that end together, the one of the least team, voice, person."""
    keys = pd.DataFrame({"post": post, "end": end, "team": rosters["team"].to_numpy(object)[row],
                         "voice": voice(rosters)[row], "person": rosters["person"].to_numpy(object)[row]})  # fmt: skip
    ordered = keys.sort_values(list(keys.columns), kind="stable")
    least = pd.Series(ordered.index, index=ordered.index).groupby([ordered["post"], ordered["end"]]).transform("first")
    return least.sort_index().to_numpy()[holder]


def holes(
    rosters: pd.DataFrame, where: Where, at: pd.Timestamp, *, tiers: tuple[int, ...] = (), nobody: bool = True
) -> list[Hole]:
    """Return the posts of a place that nobody holds at an instant, never a guess at who might.

    Parameters
    ----------
    rosters, where, at
        As in `on_duty`.
    tiers
        Tiers of chiefs that the city has: one without any post at the place is a hole too.
    nobody
        Whether a place that no post looks after at any time is told as a hole.

    Returns
    -------
    list of Hole
        In order of kind, tier and place of the posts; then tiers without a post.
    """
    here = rosters[where.rank(rosters) >= 0]
    out = _at(here, gaps(here), at)
    has = set(here.loc[here["kind"] == "chief", "tier"].dropna().astype(int))
    out += [
        Hole(kind="chief", tier=tier, lacking=f"no chief of tier {tier} has a post here")
        for tier in sorted(set(tiers) - has, reverse=True)
    ]
    if nobody and not len(here) and not out:
        out.append(Hole(lacking="no roster looks after this place"))
    return out


def hole_of(rosters: pd.DataFrame, mask: Any, at: pd.Timestamp, *, by: tuple[str, ...] = ("team",)) -> Hole | None:
    """The hole of the rows where `mask` is true, None when one of them holds at the instant."""
    some = rosters[mask]
    found = _at(some, gaps(some, by=by), at)
    return found[0] if found else None


def hole_at(rosters: pd.DataFrame, gap: Any) -> Hole:
    """One row of what `gaps` found about `rosters`, with its names."""
    return _hole(rosters, gap.begin, gap.end, gap.last, gap.next)


def _at(rows: pd.DataFrame, found: pd.DataFrame, at: pd.Timestamp) -> list[Hole]:
    now = micros(at)
    inside = found[(found["begin"] <= now) & (now < found["end"])]
    return [_hole(rows, *gap) for gap in inside.itertuples(index=False)]


def _hole(rows: pd.DataFrame, begin: int, end: int, last: int, next_: int) -> Hole:
    post = rows.iloc[last if last >= 0 else next_]
    tier = post["tier"]
    return Hole(
        **{name: str(post[name]) for name in POST if name != "tier"},
        tier=None if pd.isna(tier) else int(tier),
        begin=pd.NaT if begin == EARLIEST else pd.Timestamp(begin, unit="us", tz="UTC"),
        end=pd.NaT if end == LATEST else pd.Timestamp(end, unit="us", tz="UTC"),
        last_team=str(rows["team"].iloc[last]) if last >= 0 else "",
        next_team=str(rows["team"].iloc[next_]) if next_ >= 0 else "",
        next_person=str(rows["person"].iloc[next_]) if next_ >= 0 else "",
    )


def _clock(at: pd.Timestamp, zone: str) -> str:
    return at.tz_convert(zone).strftime("%Y-%m-%d %H:%M")
