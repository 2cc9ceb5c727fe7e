"""``wanmi demo``: a whole city from nothing, made, loaded, assigned, looked at, served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.values import Number
from grids.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from api.cli.meter import Meter
    from api.settings import Settings

KEY = "demo"


@click.command()
@click.option("--scale", type=Number(), default=1.0, show_default=True, help="Share of the full city, 0.02 to 1.")
@click.option("--seed", type=int, default=1, show_default=True, help="Equal seeds give equal cities.")
@click.option("--no-serve", is_flag=True, help="Stop when the city is there.")
@click.option("--keep", is_flag=True, help="Leave a demo city of this scale and seed as it is.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for all layers as GeoParquet.")
@click.option("--host", help="Address to listen on; WANMI_HOST or 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port; WANMI_PORT or 8000 by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo(
    scale: float,
    seed: int,
    no_serve: bool,
    keep: bool,
    out: Path | None,
    host: str | None,
    port: int | None,
    as_json: bool,
) -> None:
    """Make the demo city, load it, give every case its owner, look for hotspots, and serve it.

    The city is invented, modelled on the published figures of Yanhu District, Yuncheng. A demo city in the private
    PostGIS is made anew; with WANMI_DSN the database must be empty. The truth behind the data (planted hotspots,
    true places and owners, faults of the zones) is written to the state folder, or to --out with the layers.

    \b
    Example:
      wanmi demo
      wanmi demo --scale 0.1 --no-serve --json
      wanmi demo --seed 7 --no-serve --out city
    """
    from api.settings import Settings
    from gis.demo.plan import Plan

    plan = Plan(scale, seed)
    settings = Settings.read(city=KEY, host=host, port=port)
    found = _there(settings, plan.scale, plan.seed) if keep and out is None else None
    summary = found or build(settings, plan.scale, plan.seed, out, begun=click.get_current_context().obj)
    click.echo(json.dumps(summary, ensure_ascii=False) if as_json else text(summary))
    if not no_serve:
        from api.cli.serve import run

        run(settings)


def build(
    settings: Settings, scale: float, seed: int, out: Path | None = None, *, begun: float | None = None
) -> dict[str, Any]:
    """Make, load, assign and look; returns the summary, which is noted on the database too.

    ``begun`` is when the command began (`time.perf_counter`); seconds count from it.
    """
    from api.cli.hotspots import ask
    from api.cli.meter import Meter
    from api.cli.progress import stages
    from api.versions import record_snapshot
    from gis import demo as city
    from gis.batch.record import assign_record
    from gis.demo.record import load_demo, write_files, write_note
    from gis.state import state_folder

    with Meter(begun=begun) as meter, stages("demo") as tell:
        tell("database")
        with meter.stage("database"):
            engine, replaced = _empty(settings, meter)
        with meter.stage("make"):
            made = city.make(scale=scale, seed=seed, progress=lambda chapter, _: tell(chapter))
            counts = {name: len(frame) for name, frame in made.layers.items()}
        with meter.stage("files"):
            tell("files")
            folder = out or (Path(settings.state).expanduser() if settings.state else state_folder()) / "demo"
            write_files(made, folder, layers=out is not None)
            made.truth.clear()
        with meter.stage("load"):
            load_demo(engine, made, progress=tell)
        with meter.stage("snapshot"):
            tell("snapshot")
            snapshot = record_snapshot(settings, engine, progress=tell)
        with meter.stage("assign"):
            tell("assign")
            answered = assign_record(engine, snapshot, everything=True).counts
        version = snapshot.version
        del snapshot
        with meter.stage("hotspots"):
            tell("hotspots")
            hot = int(ask(engine, "", "", "", 150.0).gi.hot().sum())
    by_rule = answered.groupby("rule")["cases"].sum()
    reasons = answered[answered["reason"] != ""].groupby("reason")["cases"].sum()
    total = int(answered["cases"].sum())
    unassigned = {name: int(by_rule[name]) for name in ("outside", "unowned") if name in by_rule}
    summary = {
        "city": KEY,
        "scale": scale,
        "seed": seed,
        **{name: counts[name] for name in ("units", "components", "zones", "cases")},
        "layers": counts,
        "snapshot": version,
        "share_by_rule": {str(rule): round(int(n) / max(total, 1), 4) for rule, n in by_rule.items()},
        "unassigned_by_reason": {str(reason): int(n) for reason, n in reasons.items()} | unassigned,
        "hot_units": hot,
        "seconds": {name: round(value, 2) for name, value in meter.seconds.items()},
        "peak_mb": round(meter.peak_mb),
        "truth": str(folder),
        "replaced": replaced,
    }
    write_note(engine, summary)
    engine.dispose()
    return summary


def _empty(settings: Settings, meter: Meter) -> tuple[Engine, dict[str, Any] | None]:
    """An empty database for the city: the private one made anew, or that of WANMI_DSN as it is; and what it replaces.

    That is None, or ``scale`` and ``seed`` of the city that was there (None when it was not done) and how many
    ``connections`` were using it.
    """
    from api.settings import engine_for
    from gis import postgis
    from gis.demo.record import read_note
    from gis.store import read_city

    if settings.dsn:
        engine = engine_for(settings)
        try:
            holds = read_city(engine).key
        except Conflict:
            return engine, None
        where, right = f"database {engine.url.database}", "name an empty one in WANMI_DSN"
        raise Conflict(f"it holds the city {holds} already", where=where, right=right)
    state = Path(settings.state).expanduser() if settings.state else None
    postgis.up(state, say=lambda line: click.echo(f"wanmi: {line}", err=True))
    replaced = None
    if KEY in postgis.status(state).databases:
        engine = engine_for(settings)
        note = read_note(engine)
        engine.dispose()
        users = postgis.drop_database(KEY, state=state)
        replaced = {"scale": note.get("scale"), "seed": note.get("seed"), "connections": users}
        click.echo(f"wanmi: {_replaced(replaced)}", err=True)
    postgis.ensure_database(KEY, state=state)
    meter.server = postgis.status(state).pid
    return engine_for(settings), replaced


def _replaced(told: dict[str, Any]) -> str:
    """What was replaced, in words."""
    which = "one that was not done" if told["seed"] is None else f"scale {told['scale']:g}, seed {told['seed']}"
    line = f"the demo city that was there ({which}) is replaced"
    if not told["connections"]:
        return line
    return f"{line}; connections that used it were closed: {told['connections']}; start a service on it anew"


def _there(settings: Settings, scale: float, seed: int) -> dict[str, Any] | None:
    """The summary of the demo city that the database holds, None when it is another or not done."""
    from api.settings import engine_for
    from gis import postgis
    from gis.demo.record import read_note

    if not settings.dsn:
        state = Path(settings.state).expanduser() if settings.state else None
        postgis.up(state)
        if KEY not in postgis.status(state).databases:
            return None
    engine = engine_for(settings)
    note = read_note(engine)
    engine.dispose()  # what is counted as a user of the city must not be this question
    return note if (note.get("scale"), note.get("seed")) == (scale, seed) else None


def text(summary: dict[str, Any]) -> str:
    """The summary for people."""
    lines = [f"demo city, scale {summary['scale']:g}, seed {summary['seed']}, snapshot {summary['snapshot']}"]
    lines += [f"  {name:<12}{summary[name]:>10,}" for name in ("units", "components", "zones", "cases")]
    lines.append("owners by rule")
    lines += [f"  {name:<20}{share:>8.2%}" for name, share in _most(summary["share_by_rule"])]
    lines.append("without an owner")
    lines += [f"  {name:<20}{count:>8,}" for name, count in _most(summary["unassigned_by_reason"])]
    lines.append(f"hot units {summary['hot_units']:,}")
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in summary["seconds"].items())
    lines.append(f"seconds: {seconds}; at most {summary['peak_mb']:,} MB, PostgreSQL included")
    lines.append(f"truth: {summary['truth']}")
    if summary.get("replaced"):
        lines.append(_replaced(summary["replaced"]))
    return "\n".join(lines)


def _most(counts: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(counts.items(), key=lambda item: -item[1])


COMMANDS = (demo,)
