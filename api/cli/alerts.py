"""``wanmi alerts``: which hotspots appeared, grew or ended, and whose they are."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.values import Number
from grids.errors import InputError


@click.command()
@click.option("--class", "classes", default="", help="Class, group or kind: 2026:C01001, 2026:C01, C; all by default.")
@click.option("--from", "begin", default="", help="First day or instant, the city's time; open by default.")
@click.option("--to", "end", default="", help="End, excluded; the day of the last case by default.")
@click.option("--department", default="", help="Owners by the answer: codes, joined by commas; all by default.")
@click.option("--channel", default="", help="Channels, joined by commas; all by default.")
@click.option("--area", default="", help="SET:CODE, or SET for all of it, joined by commas; - before leaves out.")
@click.option("--bin-days", default="month", show_default=True, help="Days of a bin of time, or month.")
@click.option("--level", type=Number(), default=0.05, show_default=True, help="Chance of a false alert, bin by bin.")
@click.option("--since", default="", help="Alerts told after that instant; those of the last bin by default.")
@click.option("--goes-on", is_flag=True, help="Hotspots that merely go on too.")
@click.option("--out", type=click.Path(dir_okay=False), help="File to write: .geojson or .json.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the alerts as GeoJSON.")
def alerts(
    classes: str,
    begin: str,
    end: str,
    department: str,
    channel: str,
    area: str,
    bin_days: str,
    level: float,
    since: str,
    goes_on: bool,
    out: str | None,
    city: str | None,
    as_json: bool,
) -> None:
    """Which hotspots appeared, grew or ended with the last month, and which department owns them.

    Every place is held against its own past; a month in which nothing changed raises a false alert once in twenty
    (--level).

    \b
    Example:
      wanmi alerts --class 2026:E06
      wanmi alerts --class 2026:E09 --since 2026-06-01 --out june.geojson
    """
    from api.cli.hotspots import ask
    from api.instants import read_instants
    from api.settings import Settings, engine_for
    from api.statistics.alerting import raise_alerts
    from api.statistics.gathered import geojson
    from api.statistics.selection import BANDWIDTH_M
    from gis import counts

    if out and Path(out).suffix.lower() not in (".geojson", ".json"):
        raise InputError(f"{Path(out).suffix!r} is no format of alerts", where="--out", right=".geojson or .json")
    engine = engine_for(Settings.read(city=city))
    found = ask(engine, classes, begin, end, BANDWIDTH_M, department=department, channel=channel, area=area)
    after = read_instants([since], found.city.time_zone, lambda _: "--since")[0]
    book = counts.class_book(engine)
    answer = raise_alerts(engine, book, found, bin_days=bin_days, level=level, since=after, goes_on=goes_on)
    engine.dispose()
    text = geojson(answer, found.city.srid) if out or as_json else b""
    if out:
        Path(out).write_bytes(text)
    if as_json:
        click.echo(text.decode())
        return
    facts = answer.facts
    lines = [f"{facts['alerts']} alerts, {facts.get('alive', 0)} hotspots alive, {facts['counted']:,} cases counted"]
    for row in answer.frame.drop(columns="geometry").to_dict("records"):
        owner = f"{row['department']} {row['name'] or ''} ({row['share']:.0%})" if row["department"] else "no owner"
        what = f"{row['cases']:>6} cases, {row['expected']:.1f} expected"
        lines.append(f"  {row['hotspot']:<12} {row['event']:<8} {row['from'][:10]} to {row['to'][:10]} {what}  {owner}")
    click.echo("\n".join([*lines, facts["note"]] if "note" in facts else lines))


COMMANDS = (alerts,)
