"""``wanmi db``: the private PostGIS, up, down and open to psql."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click


@click.group(name="db")
def db() -> None:
    """The private PostGIS: one database for each city, on a Unix socket that only you can open.

    WANMI_DSN selects any other PostGIS (3.3 or newer); up, status and psql then speak of that one.

    \b
    Example:
      wanmi db up
      wanmi db psql -c 'SELECT count(*) FROM wanmi.cases'
      wanmi db down
    """


_city = click.option("--city", metavar="KEY", help="Key of the city [default: WANMI_CITY, else demo].")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


@db.command()
@_city
@_json
def up(city: str | None, as_json: bool) -> None:
    """Start it, making it the first time, and print the DSN of the city's database.

    \b
    Example:
      wanmi db up
      ogrinfo "PG:$(wanmi db up)"
    """
    from api.settings import Settings
    from gis import postgis

    settings = Settings.read(city=city)
    if settings.dsn:
        server = postgis.check_server(settings.dsn)
        _print_json({"dsn": settings.dsn, **asdict(server)}) if as_json else click.echo(settings.dsn)
        return
    postgis.check_name(settings.city)
    cluster = postgis.up(_state(settings.state), say=_say)
    dsn = postgis.ensure_database(settings.city, state=_state(settings.state))
    if as_json:
        _print_json({"dsn": dsn, "data": str(cluster.data), "socket": str(cluster.socket), "note": cluster.note})
    else:
        click.echo(dsn)


@db.command()
@click.option("--immediate", is_flag=True, help="Do not wait for it to write everything; the next start recovers.")
@_json
def down(immediate: bool, as_json: bool) -> None:
    """Stop it. Open transactions are rolled back, committed ones are kept.

    \b
    Example:
      wanmi db down
    """
    from api.settings import Settings
    from gis import postgis

    stopped = postgis.down(_state(Settings.read().state), immediate=immediate)
    if as_json:
        _print_json({"stopped": stopped})
    else:
        click.echo("stopped" if stopped else "it did not run")


@db.command()
@_city
@_json
def status(city: str | None, as_json: bool) -> int:
    """Say whether it runs, where its data is, and how large the cities are. Exit status 1 when it is down.

    \b
    Example:
      wanmi db status
      wanmi db status --json
    """
    from api.settings import Settings
    from gis import postgis

    settings = Settings.read(city=city)
    if settings.dsn:
        answer = {"running": True, "dsn": settings.dsn, **asdict(postgis.check_server(settings.dsn))}
    else:
        postgis.check_name(settings.city)
        found = postgis.status(_state(settings.state))
        answer = {
            "running": found.running,
            "pid": found.pid,
            "postgres": found.postgres,
            "postgis": found.postgis,
            "data": str(found.data),
            "socket": str(found.socket),
            "databases": found.databases,
            "dsn": postgis.dsn(settings.city, state=_state(settings.state)),
            "note": found.note,
        }
    if as_json:
        _print_json(answer)
    else:
        for name, value in answer.items():
            _print_row(name, value)
    return 0 if answer["running"] else 1


@db.command(context_settings={"ignore_unknown_options": True})
@_city
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PSQL ARGUMENTS]...")
def psql(city: str | None, arguments: tuple[str, ...]) -> NoReturn:
    """Open psql on the city's database; what follows goes to psql.

    \b
    Example:
      wanmi db psql
      wanmi db psql --city baltimore -c 'SELECT count(*) FROM wanmi.cases'
    """
    from api.settings import Settings
    from gis import postgis
    from grids.errors import NotFound, Unavailable

    settings = Settings.read(city=city)
    dsn = settings.dsn
    if not dsn:
        postgis.check_name(settings.city)
        cluster = postgis.up(_state(settings.state), say=_say)
        known = postgis.status(_state(settings.state)).databases
        if settings.city not in known:
            cities = ", ".join(name for name in known if name != "postgres") or "none yet"
            raise NotFound(f"no city {settings.city} in the database", right=f"there are: {cities}")
        dsn = cluster.dsn(settings.city)
    try:
        os.execvp("psql", ["psql", dsn, *arguments])
    except FileNotFoundError:
        raise Unavailable("psql is not installed", right="run apt-get install postgresql-client") from None


def _state(text: str) -> Path | None:
    return Path(text) if text else None


def _say(line: str) -> None:
    click.echo(f"wanmi: {line}", err=True)


def _print_json(answer: dict[str, object]) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False))


def _print_row(name: str, value: object) -> None:
    """Print a fact for people; databases one a line, sizes in MB."""
    if isinstance(value, dict):
        for key, size in value.items():
            click.echo(f"{'database':<10} {key} ({size / 1e6:.0f} MB)")
    elif value not in ("", None):
        shown = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        click.echo(f"{name:<10} {shown}")


COMMANDS: tuple[click.Command, ...] = (db,)
