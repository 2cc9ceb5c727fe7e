"""Who is on duty: ``wanmi roster``."""

from __future__ import annotations

import json
from typing import Any

import click

from api.cli.values import Number, instant


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("lon", type=Number(), required=False)
@click.argument("lat", type=Number(), required=False)
@click.option("--unit", metavar="CODE", default="", help="Unit grid code, instead of a point.")
@click.option("--at", metavar="T", help="Valid time, ISO 8601 (the city's time); now by default.")
@click.option("--known-at", metavar="T", help="As known then, whatever was corrected since; as known now by default.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def roster(
    lon: float | None,
    lat: float | None,
    unit: str,
    at: str | None,
    known_at: str | None,
    city: str | None,
    as_json: bool,
) -> None:
    """Who is on duty at a place, and whom a case there goes to when it is not solved.

    Chiefs at three tiers, the 1+5 team, this month's patrol, and the chain up to enforcement. A post that nobody holds
    is told with its times and who comes next.

    \b
    Example:
      wanmi roster 111.0 35.03
      wanmi roster --unit 140802001001003 --at 2026-04-15
      wanmi roster 111.0 35.03 --at 2026-04-15 --known-at 2026-04-01 --json
    """
    from api.settings import Settings, engine_for
    from api.versions import known_instant
    from api.whereabouts import where_of
    from gis.store import read_city
    from gis.store.rosters import read_rosters

    engine = engine_for(Settings.read(city=city))
    try:
        there = read_city(engine)
        zone = there.time_zone
        when = instant(at or "now", zone=zone, where="--at")
        known = known_instant(engine, there, known_at) if known_at else None
        told = read_rosters(engine, there, **where_of(there, unit, lon, lat), at=when, known_at=known)
    finally:
        engine.dispose()
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(_lines(told, zone)))


def _lines(told: dict[str, Any], zone: str) -> list[str]:
    """The answer for people; times are the city's."""
    out = [f"unit {told['unit'] or 'none'}, {_clock(told['at'], zone)}, known at {_clock(told['known_at'], zone)}"]
    for row in told["on_duty"]:
        kind = f"{row['kind'] or 'team'} {row['tier'] or ''}".strip()
        post = f"{row['area_set'] or row['place_kind'] or 'city'} {row['area'] or row['place'] or ''}".strip()
        until = f", until {_clock(row['to'], zone)}" if row["to"] else ""
        who = " ".join(filter(None, (row["person"], row["role"] and f"({row['role']})", row["phone"])))
        out.append(f"  {kind:11}  {who}, {row['team']}, {post}{until}")
    for step in told["chain"]:
        after = "" if step["after_hours"] is None else f"after {step['after_hours']:g} h"
        who = step["person"] or "nobody on duty"
        at = ", ".join(filter(None, (step["team"], step["name"], step["phone"])))
        out.append(f"  step {step['step']}  {after:12} {who}, {at}")
    return out + [f"  hole    {hole['what']}" for hole in told["holes"]]


def _clock(text: str, zone: str) -> str:
    """A time of an answer on the city's clock."""
    import pandas as pd

    return pd.Timestamp(text).tz_convert(zone).strftime("%Y-%m-%d %H:%M")


COMMANDS = (roster,)
