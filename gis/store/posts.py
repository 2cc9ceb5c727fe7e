"""What a file of rosters says, against itself and the record: places, tiers, the teams above.

A fault of a row leaves that row out; a ring of teams, or a team that turns to two others at once, refuses the file.
"""

from __future__ import annotations

from collections.abc import Callable, Set

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg2.extensions import cursor as Cursor

from gis.files.faults import Faults
from gis.rosters import contradiction, gaps
from gis.rosters.chain import LOCAL
from gis.rosters.duty import POST
from gis.rosters.gaps import hole_at
from gis.sql import question
from gis.store.reading import copy_out
from gis.store.rows import Columns, strings
from gis.tables import ROSTER_PLACES
from grids.errors import Conflict
from grids.nearmiss import suggest

TIERS = (1, 2, 3)
MOST_HOURS = 100_000
MOST_HOLES = 1000
"""Holes that a load tells of; the others are found when they are asked for."""


def check(cursor: Cursor, columns: Columns, faults: Faults) -> None:
    """Check rows of the layer ``rosters`` before they are written."""
    text = {name: np.array(strings(columns[name]).to_pylist(), dtype=object) for name in _TEXTS}
    tier, hours = (np.asarray(columns[name], dtype=float) for name in ("tier", "after_hours"))
    wrong = ~np.isnan(tier) & ~np.isin(tier, TIERS)
    faults.add(wrong, "tier", _numbers(tier), "is no tier; write 1 (district), 2 (street) or 3 (community)")
    _places(cursor, text, faults)
    wrong = ~np.isnan(hours) & ~((hours >= 0) & (hours < MOST_HOURS))
    faults.add(wrong, "after_hours", _numbers(hours), f"is no span of hours; write 0 to {MOST_HOURS:,}")
    above = text["reports_to"]
    lacks = (above != "") & np.isnan(hours)
    faults.add(lacks, "after_hours", "", "after_hours is missing: after how long does a case go to the team above?")
    faults.add(~np.isnan(hours) & (above == ""), "reports_to", "", "reports_to is missing: to which team after that?")
    same = (above != "") & (above == text["team"])
    faults.add(same, "reports_to", above, "is the team itself")
    _teams(cursor, text, faults)


_TEXTS = ("team", "person", "kind", "area_set", "area", "place_kind", "place", "reports_to")


def _places(cursor: Cursor, text: dict[str, NDArray[np.object_]], faults: Faults) -> None:
    set_, area, kind, place = (text[name] for name in ("area_set", "area", "place_kind", "place"))
    faults.add((area != "") & (set_ == ""), "area_set", "", "area_set is missing: of which set is the area?")
    faults.add((set_ != "") & (area == ""), "area", "", "area is missing: which one of the set?")
    faults.add((place != "") & (kind == ""), "place_kind", "", f"place_kind is missing: {' or '.join(ROSTER_PLACES)}?")
    faults.add((kind != "") & (place == ""), "place", "", "place is missing: which one?")
    faults.add((place != "") & (area != ""), "place", place, "a row has an area or a place, not both; write two rows")
    odd = (kind != "") & ~np.isin(kind.astype(str), ROSTER_PLACES)
    faults.add(odd, "place_kind", kind, f"is not one of {', '.join(ROSTER_PLACES)}")
    asked = (place != "") & (kind != "") & ~odd
    if not asked.any():
        return
    pairs = {"kinds": kind[asked].tolist(), "codes": place[asked].tolist()}
    cursor.execute(question("roster_things"), pairs)
    there = set(cursor.fetchall())
    lost = asked & np.array([pair not in there for pair in zip(kind, place, strict=True)], dtype=bool)
    why = np.array([f"no such {k} is recorded; load {k}s first" for k in kind], dtype=object)
    faults.add(lost, "place", place, why)


def _teams(cursor: Cursor, text: dict[str, NDArray[np.object_]], faults: Faults) -> None:
    """A team above is recorded, or in the file; a row that falls takes those that turn to it along."""
    cursor.execute(question("roster_known"))
    teams, kinds = cursor.fetchone()  # type: ignore[misc]
    above = text["reports_to"]
    local = np.array([name.startswith(LOCAL) for name in above], dtype=bool)
    while True:
        good = ~faults.bad
        there = set(teams) | set(text["team"][good])
        known = {LOCAL + kind for kind in set(kinds) | set(text["kind"][good]) - {""}}
        lost = good & (above != "") & ~local & ~_in(above, there.__contains__)
        faults.add(lost, "reports_to", above, _whys(above, lost, there, "team"))
        lost_kind = good & local & ~_in(above, known.__contains__)
        faults.add(lost_kind, "reports_to", above, _whys(above, lost_kind, known, "kind of team"))
        if not (lost.any() or lost_kind.any()):
            return


def _in(names: NDArray[np.object_], known: Callable[[str], bool]) -> NDArray[np.bool_]:
    return np.array([known(name) for name in names], dtype=bool)


def _whys(names: NDArray[np.object_], lost: NDArray[np.bool_], known: Set[str], noun: str) -> NDArray[np.object_]:
    """Why each name is not known; each distinct one is judged once."""
    why = {}
    for name in set(names[lost]):
        near = suggest(name, known)
        right = f"did you mean {' or '.join(near)}?" if near else "put it into the file or load it first"
        why[name] = f"no such {noun} is on the roster; {right}"
    return np.array([why.get(name, "") for name in names], dtype=object)


def _numbers(values: NDArray[np.float64]) -> NDArray[np.object_]:
    return np.array([f"{v:g}" for v in values], dtype=object)


def settle(cursor: Cursor, columns: Columns, faults: Faults) -> None:
    """Check the rosters as they are after a load, and note the holes that its rows leave behind.

    Raises
    ------
    Conflict
        Teams turn to each other in a ring, or one of them to two others at one time.
    """
    rosters = copy_out(cursor, "frame_rosters", {"at": None, "known_at": None}, "rosters")
    if wrong := contradiction(rosters):
        raise Conflict(wrong, where="rosters", right="a chain of teams ends, and each turns to one")
    found = gaps(rosters, by=POST)
    found = found[(found["last"] >= 0) & (found["next"] >= 0)].head(MOST_HOLES)
    if not len(found):
        return
    rows = {key: i for i, key in enumerate(_keys(columns))}
    for gap in found.itertuples(index=False):
        turn = rosters.iloc[gap.next]
        row = rows.get((turn["team"], turn["person"], _us(turn["valid_from"])))
        if row is not None and not faults.bad[row]:
            faults.add([row], "valid_from", "", hole_at(rosters, gap).sentence(), flag=True)


def _keys(columns: Columns) -> list[tuple[str, str, int]]:
    team, person = (pc.fill_null(strings(columns[name]), "").to_pylist() for name in ("team", "person"))
    return list(
        zip(team, person, columns["valid_from"].astype("datetime64[us]").astype(np.int64).tolist(), strict=True)
    )


def _us(stamp: pd.Timestamp) -> int:
    return int(stamp.to_datetime64().astype("datetime64[us]").astype(np.int64))
