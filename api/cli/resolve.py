"""Who owns this: ``wanmi resolve``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from api.cli.values import Number, instant

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from gis.assign import Cases
    from gis.snapshot import Snapshot


def open_snapshot(
    name: str | None, city: str | None, *, of: str | None = None, known_at: str | None = None
) -> Snapshot:
    """The snapshot of a file or version; without one that of the record as it is, for cases of now.

    A file must be of the city ``of``, where that is given.
    The record's is the version kept last when nothing has changed since, else a new one, which is kept; with
    ``known_at`` the version of then.
    """
    import pandas as pd

    from api.cli.progress import stages
    from api.settings import Settings
    from api.versions import at_instant, check_file_knows, known_snapshot, latest_snapshot, named_snapshot

    settings = Settings.read(city=city)
    if name := name or settings.snapshot:
        named = named_snapshot(settings, name, city=of or "")
        if known_at is not None:
            check_file_knows(named, known_at)
        return named
    with stages("snapshot") as tell:
        if known_at is None:
            done = latest_snapshot(settings, progress=tell)
        else:
            done = known_snapshot(settings, known_at, progress=tell)
    return at_instant(done, pd.Timestamp.now(tz="UTC").as_unit("us"))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("lon", type=Number())
@click.argument("lat", type=Number())
@click.option("--class", "klass", default="", help="Class code with its edition: 2026:C01001.")
@click.option("--component", default="", help="Component code that the report names.")
@click.option("--crs", default="EPSG:4326", show_default=True, help="EPSG:n, gcj02 or bd09; x and y for metric ones.")
@click.option("--accuracy", type=Number(min=0), help="Position error in metres: holds 68 % of the true places.")
@click.option("--channel", default="", help="Where the report comes from: its error where none is told.")
@click.option("--at", metavar="T", help="Valid time, ISO 8601 (the city's time) or now; the snapshot's by default.")
@click.option("--known-at", metavar="T", help="As known then, whatever was corrected since; as known now by default.")
@click.option("--snapshot", "file", metavar="FILE|VERSION", help="Snapshot file or version; the record by default.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the reasons.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def resolve(
    lon: float,
    lat: float,
    klass: str,
    component: str,
    crs: str,
    accuracy: float | None,
    channel: str,
    at: str | None,
    known_at: str | None,
    file: str | None,
    city: str | None,
    lang: str,
    as_json: bool,
) -> None:
    """Who owns this spot, and why.

    \b
    Example:
      wanmi resolve 111.0 35.03 --class 2026:C01002
      wanmi resolve 111.0 35.03 --class 2026:C01002 --at 2026-07-02 --known-at 2026-07-02
      wanmi resolve -- -76.61 39.29 --city baltimore
    """
    from api.asked import in_language
    from gis.answer import explain
    from gis.compiled import as_written

    city_then = open_snapshot(file, city, of=city, known_at=known_at)
    when = instant(at, zone=city_then.city.time_zone, where="--at") if at else city_then.at
    with as_written():
        cases = _one(city_then, lon, lat, klass, component, crs, accuracy, channel, when)
        asked = {"lon": lon, "lat": lat, "crs": crs or "EPSG:4326", "class": klass, "component": component}
        answer = explain(cases, 0, city_then, asked | in_language(lang))
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    owner = answer["owner"]
    click.echo(f"{owner['name']} ({owner['department']})" if owner else "nobody")
    for one in answer["joint"]:
        click.echo(f"  with     {one['name']} ({one['department']})")
    click.echo(f"  rule     {answer['rule']}{'  ' + answer['reason'] if answer['reason'] else ''}")
    if answer["unit"]:
        click.echo(f"  unit     {answer['unit']['code']}")
    if answer["probability"] is not None:
        to_ask = f", ask first: {answer['question'][lang]}" if answer["question"] else ""
        click.echo(f"  sure     {answer['probability']:.1%}{to_ask}")
    for change in answer["changes"]:
        there = f"{change['lon']:.6f},{change['lat']:.6f}"
        click.echo(f"  changes  {change['distance_m']:g} m away at {there}: {change['department'] or 'nobody'}")
    for line in answer["why"]:
        click.echo(f"  why      {line}")
    for loser in answer["candidates"][1:]:
        click.echo(f"  lost     {loser['department'] or 'nobody'}: {loser['evidence']}; {loser['why_lost']}")
    click.echo(f"  as of    {answer['at']}, known at {answer['known_at']}, snapshot {answer['snapshot']}")


def _one(
    city_then: Snapshot,
    lon: float,
    lat: float,
    klass: str,
    component: str,
    crs: str,
    accuracy: float | None,
    channel: str,
    when: pd.Timestamp,
) -> Cases:
    """One case, through the same door as a request over HTTP: what is refused there is refused here."""
    import numpy as np

    from api.asked import Asked, read_cases

    def text(value: str) -> np.ndarray:
        return np.array([value], dtype=object)

    asked = Asked(
        "one",
        {
            "lon": np.array([lon]),
            "lat": np.array([lat]),
            "accuracy_m": np.array([np.nan if accuracy is None else accuracy]),
            "class": text(klass),
            "component": text(component),
            "at": text(""),
            "channel": text(channel),
        },
    )
    return read_cases(city_then, asked, crs, at=when.isoformat())


COMMANDS = (resolve,)
