"""The city at an instant as a file, and the versions that are kept: ``wanmi snapshot``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from api.cli.values import Number, instant, writable

if TYPE_CHECKING:
    from gis.snapshot import Snapshot


@click.group()
def snapshot() -> None:
    """The city at an instant as one file, from which answers need no database.

    \b
    Example:
      wanmi snapshot build --at 2026-07-01 --out july.wanmi
      wanmi snapshot info july.wanmi
      wanmi snapshot list
    """


@snapshot.command("build")
@click.option(
    "--at", metavar="T", help="Valid time of cases that tell none, ISO 8601 (the city's time); now by default."
)
@click.option("--known-at", metavar="T", help="As known then, ISO 8601; now by default.")
@click.option("--out", default="city.wanmi", show_default=True, type=click.Path(dir_okay=False), help="File to write.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(at: str | None, known_at: str | None, out: str, city: str | None, as_json: bool) -> int:
    """Compile the record of a city into a file. Exit status 1 when nothing is known of the city.

    \b
    Example:
      wanmi snapshot build --at 2026-07-01 --out july.wanmi
      wanmi snapshot build --at 2026-07-01 --known-at 2026-07-02 --out believed.wanmi
    """
    from api.cli.progress import stages
    from api.settings import Settings, engine_for
    from api.versions import at_instant, known_snapshot
    from gis.store import read_city
    from gis.versions import build as make

    file, settings = writable(out, "--out"), Settings.read(city=city)
    engine = engine_for(settings)
    there = read_city(engine)
    then = instant(at, zone=there.time_zone, where="--at") if at else None
    with stages("snapshot") as tell:
        if known_at is None:
            done = make(engine, None, at=then, progress=tell)
        else:
            now = instant("now", zone=there.time_zone, where="--at")
            done = at_instant(known_snapshot(settings, known_at, progress=tell), now if then is None else then)
    done.save(file)
    _tell(done, out, as_json)
    if _anything(done):
        return 0
    what = f"nothing of {done.city.key} is on record at {done.known_at.isoformat(timespec='seconds')}"
    click.echo(f"wanmi: {what}: {out} holds an empty city; wanmi load brings layers in", err=True)
    return 1


@snapshot.command("info")
@click.argument("name", metavar="FILE|VERSION")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, as_json: bool) -> None:
    """Whose city it is, of when, and how much is in it; its digest is checked.

    \b
    Example:
      wanmi snapshot info july.wanmi
      wanmi snapshot info 3f9a2c1e
    """
    from pathlib import Path

    from api.settings import Settings
    from api.versions import versions_folder
    from gis import versions
    from gis.snapshot import Snapshot

    file = name
    if not Path(name).exists() and versions.is_version(name):
        file = str(versions.find(versions_folder(Settings.read()), name))
    _tell(Snapshot.open(file), file, as_json)


@snapshot.command("list")
@click.option("--city", help="Key of the city; all by default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(city: str | None, as_json: bool) -> None:
    """The versions that are kept, the latest first; a star marks what answers are given from now.

    \b
    Example:
      wanmi snapshot list --city demo
    """
    from api.settings import Settings
    from api.versions import versions_folder
    from gis import versions

    rows = [
        {
            "version": v.version,
            "current": v.current,
            "city": v.path.parent.name.rpartition("-")[0],
            "record": v.path.parent.name.rpartition("-")[2],
            "known_at": v.known_at.isoformat(),
            "megabytes": round(v.bytes / 1e6, 1),
            "file": str(v.path),
        }
        for v in versions.listed(versions_folder(Settings.read()), city or "")
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        star = "*" if row["current"] else " "
        click.echo(
            f"{star} {row['version']}  {row['city']}-{row['record']}  {row['known_at']}  {row['megabytes']:8} MB"
        )


@snapshot.command("prune")
@click.option(
    "--most", type=click.IntRange(1), help="Versions to keep of each record; WANMI_KEEP_SNAPSHOTS by default."
)
@click.option("--days", type=Number(min=0), help="Days for which they are kept; WANMI_KEEP_DAYS by default.")
@click.option("--city", help="Key of the city; all by default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(most: int | None, days: float | None, city: str | None, as_json: bool) -> None:
    """Remove versions that are too many or too old. The current one stays, and so does what a process has open.

    A version that is removed can be made again while the record still gives it: name it, as if it were kept.

    \b
    Example:
      wanmi snapshot prune --most 5
    """
    from api.settings import Settings
    from api.versions import versions_folder
    from gis import versions

    settings = Settings.read()
    most = settings.keep_snapshots if most is None else most
    days = settings.keep_days if days is None else days
    gone = [
        v
        for folder in versions.folders(versions_folder(settings), city or "")
        for v in versions.Kept.at(folder).prune(most=most, days=days)
    ]
    if as_json:
        click.echo(json.dumps({"removed": [v.version for v in gone]}))
    else:
        click.echo(f"{len(gone)} versions removed")


@snapshot.command("follow")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
def follow(city: str | None) -> None:
    """Keep the current version up to date until interrupted, for workers that something else than 'wanmi serve' runs.

    \b
    Example:
      wanmi snapshot follow --city demo
    """
    import logging.config
    import signal
    import threading

    from api.cli.serve import log_config
    from api.keeper import keep
    from api.settings import Settings

    settings = Settings.read(city=city)
    logging.config.dictConfig(log_config(settings.log_level))
    stop = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    keep(settings, stop=stop)


def _anything(done: Snapshot) -> bool:
    """Whether a snapshot holds anything that could own a case or give it a place."""
    counts = [len(done.layer(name)) for name in ("units", "zones", *(f"areas/{a}" for a in done.area_sets))]
    return any(counts) or any(len(done.arrays[name]) for name in ("components.begins", "departments.code"))


def _tell(done: Snapshot, file: str, as_json: bool) -> None:
    from pathlib import Path

    facts = {
        "file": file,
        "version": done.version,
        "city": done.city.name,
        "crs": f"EPSG:{done.city.srid}",
        "at": done.at.isoformat(),
        "known_at": done.known_at.isoformat(),
        "units": len(done.layer("units")),
        "zones": len(done.layer("zones")),
        "components": len(done.arrays["components.begins"]),
        "departments": len(done.arrays["departments.code"]),
        **{name: len(done.layer(f"areas/{name}")) for name in done.area_sets},
        "megabytes": round(Path(file).stat().st_size / 1e6, 1),
    }
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else "\n".join(f"{k:12} {v}" for k, v in facts.items()))


COMMANDS = (snapshot,)
