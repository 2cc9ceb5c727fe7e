"""Whom a case goes to, step by step, when it is not solved: from the chief of its place up to enforcement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.rosters.duty import Where, micros, order, spans, valid, voice
from gis.rosters.gaps import Hole, hole_of

LOCAL = "@"
"""``reports_to`` that begins so names a kind of team: the one of the case's place."""


Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Step:
    """A step of escalation.

    Parameters
    ----------
    step
        1, 2, 3 …
    team, kind, tier, role, department
        Who is asked; of the turn that holds, else of the one before (or after) the hole.
    person, phone
        Who speaks for the team; None and "" when nobody is on duty.
    after_hours
        Hours after the case came to the first step; None when a step below does not tell.
    """

    step: int
    team: str
    kind: str
    tier: int | None
    role: str
    department: str
    person: str | None
    phone: str
    after_hours: float | None


def chain(rosters: pd.DataFrame, where: Where, at: pd.Timestamp) -> tuple[list[Step], list[Hole]]:
    """Climb from the chief of a place to the end of the chain.

    It begins at the chiefs of the lowest tier that has a post here (3, then 2, then 1; of the smallest place), or,
    where no chief has any, at the first on duty who has somebody above. A team with several people is spoken for by
    its leader, else by a deputy, else by the lower name. A team that nobody is on duty for stays a step of the chain,
    without a person, and the case goes the way of its last turn (of the next one when it had none).

    Parameters
    ----------
    rosters, where, at
        As in `gis.rosters.on_duty`.

    Returns
    -------
    steps : list of Step
    holes : list of Hole
        Where the chain has nobody, or ends because a team above is not there.
    """
    rank = where.rank(rosters)
    now = valid(rosters, at)
    steps: list[Step] = []
    holes: list[Hole] = []
    mask, by = _start(rosters, rank, now)
    after: float | None = 0.0
    seen: set[str] = set()
    while mask is not None:
        row, hole = _speaker(rosters, mask, now, at, by)
        if hole is not None:
            holes.append(hole)
        team = str(row["team"])
        if team in seen:
            holes.append(Hole(lacking=f"the chain comes back to team {team}"))
            break
        seen.add(team)
        steps.append(_step(len(steps) + 1, row, after, away=hole is not None))
        above, hours = _above(rosters, row, now)
        if not above:
            break
        after = None if after is None or np.isnan(hours) else after + hours
        mask, by = _team(rosters, rank, above)
        if not mask.any():
            lacking = (
                f"no {above[1:]} team has a post here" if above.startswith(LOCAL) else f"no team {above} is on record"
            )
            holes.append(Hole(lacking=f"{lacking}, where team {team} turns to"))
            break
    return steps, holes


def _start(rosters: pd.DataFrame, rank: NDArray[np.int64], now: Mask) -> tuple[Mask | None, tuple[str, ...]]:
    """Rows of the post at which a chain begins, None where there is none; and what they have in common."""
    chiefs = (rank >= 0) & (rosters["kind"] == "chief").to_numpy()
    if chiefs.any():
        tier = np.nan_to_num(rosters["tier"].to_numpy(float))
        chiefs &= tier == tier[chiefs].max()
        return chiefs & (rank == rank[chiefs].min()), ("kind",)
    some = (rank >= 0) & now & (rosters["reports_to"] != "").to_numpy()
    if not some.any():
        return None, ()
    first = rosters[some].iloc[order(rosters[some], rank[some])[0]]["team"]
    return (rosters["team"] == first).to_numpy(), ("team",)


def _team(rosters: pd.DataFrame, rank: NDArray[np.int64], above: str) -> tuple[Mask, tuple[str, ...]]:
    """Rows of the team above, and what they have in common."""
    if not above.startswith(LOCAL):
        return (rosters["team"] == above).to_numpy(), ("team",)
    local = (rank >= 0) & (rosters["kind"] == above[len(LOCAL) :]).to_numpy()
    return (local & (rank == rank[local].min()) if local.any() else local), ("kind",)


def _speaker(
    rosters: pd.DataFrame, mask: Mask, now: Mask, at: pd.Timestamp, by: tuple[str, ...]
) -> tuple[pd.Series, Hole | None]:
    """The row of who speaks for some rows at an instant; where nobody does, of the turn around the hole."""
    there = rosters[mask & now]
    if len(there):
        keys = pd.DataFrame({"team": there["team"].to_numpy(object), "voice": voice(there),
                             "person": there["person"].to_numpy(object)})  # fmt: skip
        return there.iloc[keys.sort_values(["team", "voice", "person"], kind="stable").index[0]], None
    hole = hole_of(rosters, mask, at, by=by)
    assert hole is not None  # no row holds
    return _around(rosters, mask, hole), hole


def _around(rosters: pd.DataFrame, mask: Mask, hole: Hole) -> pd.Series:
    """The turn before a hole, else the one after it."""
    begin, end = spans(rosters)
    if hole.last_team:
        some = mask & (end == micros(hole.begin)) & (rosters["team"] == hole.last_team).to_numpy()
    else:
        some = mask & (begin == micros(hole.end)) & (rosters["team"] == hole.next_team).to_numpy()
    rows = rosters[some]
    keys = pd.DataFrame({"voice": voice(rows), "person": rows["person"].to_numpy(object)})
    return rows.iloc[keys.sort_values(["voice", "person"], kind="stable").index[0]]


def _above(rosters: pd.DataFrame, row: pd.Series, now: Mask) -> tuple[str, float]:
    """Whom a team turns to and after how many hours: any of its people may say so, the speaker first."""
    if row["reports_to"]:
        return str(row["reports_to"]), float(row["after_hours"])
    mine = rosters[(rosters["team"] == row["team"]).to_numpy() & now & (rosters["reports_to"] != "").to_numpy()]
    if not len(mine):
        return "", np.nan
    keys = pd.DataFrame({"voice": voice(mine), "person": mine["person"].to_numpy(object)})
    told = mine.iloc[keys.sort_values(["voice", "person"], kind="stable").index[0]]
    return str(told["reports_to"]), float(told["after_hours"])


def _step(number: int, row: pd.Series, after: float | None, *, away: bool) -> Step:
    return Step(
        step=number,
        team=str(row["team"]),
        kind=str(row["kind"]),
        tier=None if pd.isna(row["tier"]) else int(row["tier"]),
        role=str(row["role"]),
        department=str(row["department"]),
        person=None if away else str(row["person"]),
        phone="" if away else str(row["phone"]),
        after_hours=after,
    )
