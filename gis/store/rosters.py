"""The rosters of a place, as they were true at one instant and known at another."""

from __future__ import annotations

from typing import Any

import pandas as pd
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine

from gis.exact import millimetres
from gis.model import City
from gis.rosters import Where, tell
from gis.rosters.answer import instant
from gis.sql import question
from gis.store.engine import transaction
from gis.store.reading import copy_out, stamp
from grids.errors import NotFound


def read_rosters(
    engine: Engine,
    city: City,
    *,
    unit: str = "",
    x: float | None = None,
    y: float | None = None,
    at: pd.Timestamp,
    known_at: pd.Timestamp | None = None,
) -> dict[str, Any]:
    """Read who is on duty at a unit grid or a point, and whom a case there goes to.

    Parameters
    ----------
    engine
        The record.
    city
        Its city.
    unit
        Code of a unit grid; without one a point is asked for.
    x, y
        Metres in the city's CRS; put on the 1 mm grid here.
    at
        Instant at which the rosters must hold.
    known_at
        Instant as of which they are believed; by default all that is known now.

    Returns
    -------
    dict
        ``at``, ``known_at`` (UTC), ``unit`` (its code; None for a point in none), ``areas`` (set, code, name: the
        smallest first), ``places`` (kind, code, name: roads and zones that have a roster), and ``on_duty``, ``chain``,
        ``holes`` as `gis.rosters.tell` gives them. What is not on record is a hole that says so.

    Raises
    ------
    NotFound
        There is no such unit grid at these instants.
    """
    values = {"at": stamp(at), "known_at": stamp(known_at)}
    on_grid = [None if value is None else float(millimetres(value)) / 1000.0 for value in (x, y)]
    spot = {"unit": unit or None, "x": on_grid[0], "y": on_grid[1], "srid": city.srid}
    with transaction(engine) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()  # type: ignore[misc]
        cursor.execute(question("roster_places"), values | spot)
        found = cursor.fetchall()
        if unit and not found:
            known = f" as known at {known_at.isoformat()}" if known_at is not None else ""
            raise NotFound(f"there is no unit {unit!r} at {at.isoformat()}{known}", where=unit)
        found.sort(key=lambda row: (row[0] == "area", row[4], row[1], row[2]))
        areas = [(kind, code) for layer, kind, code, *_ in found if layer == "area"]
        things = [(kind, code) for layer, kind, code, *_ in found if layer != "area"]
        pairs = {
            "sets": [kind for kind, _ in areas],
            "codes": [code for _, code in areas],
            "kinds": [kind for kind, _ in things],
            "places": [code for _, code in things],
        }
        rows = copy_out(cursor, "roster_rows", values | pairs, "rosters")
        cursor.execute(question("roster_facts"), values)
        tiers, first, any_known = cursor.fetchone()  # type: ignore[misc]
        departments = _departments(cursor, rows, values)
    where = Where(tuple(areas), tuple(things))
    told = tell(rows, where, at, departments=departments, tiers=tuple(tiers), zone=city.time_zone)
    if lacking := _not_recorded(first, any_known, known_at, city) or ("" if areas else _outside(city)):
        told["holes"] = [{**dict.fromkeys(_HOLE), "what": lacking}, *(told["holes"] if any_known and areas else [])]
    unit_ = next((code for layer, _, code, *_ in found if layer == "unit"), None)
    return {
        "at": instant(at),
        "known_at": instant(pd.Timestamp(now) if known_at is None else known_at),
        "unit": unit_,
        "areas": [{"set": r[1], "code": r[2], "name": r[3] or None} for r in found if r[0] == "area"],
        "places": [{"kind": r[1], "code": r[2], "name": r[3] or None} for r in found if r[0] == "place"],
        **told,
    }


_HOLE = ("what", "kind", "tier", "team", "area_set", "area", "place_kind", "place", "from", "to", "next")


def _departments(cursor: Cursor, rows: pd.DataFrame, values: dict[str, Any]) -> dict[str, tuple[str, str]]:
    codes = sorted(set(rows["department"]) - {""})
    if not codes:
        return {}
    cursor.execute(question("roster_departments"), values | {"codes": codes})
    return {code: (name, phone) for code, name, phone in cursor}


def _not_recorded(first: Any, any_known: bool, known_at: pd.Timestamp | None, city: City) -> str:
    """Why no roster is known at all; "" when one is."""
    if any_known:
        return ""
    if first is None or known_at is None or pd.Timestamp(first) <= known_at:
        return "no roster is on record"
    zone = city.time_zone
    asked, begun = (pd.Timestamp(t).tz_convert(zone).strftime("%Y-%m-%d %H:%M") for t in (known_at, first))
    return f"no roster was on record at {asked}; the first was recorded at {begun}"


def _outside(city: City) -> str:
    return f"this place lies in no area of {city.name or city.key} on record at that time"
