"""``wanmi load``: a stranger's file into the record of a city."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.values import Number, instant
from grids.errors import Conflict, InputError, Unavailable

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Engine

    from api.settings import Settings
    from gis.files import Checked
    from gis.model import City
    from gis.profile import Profile
    from gis.store import LoadReport


@click.command()
@click.argument("layer", metavar="LAYER")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--profile", metavar="P.toml", help="How the city's files say it; or the name of one that we ship.")
@click.option(
    "--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Our field (or lon, lat, x, y, wkt) = theirs."
)
@click.option("--set", "set_", metavar="NAME", help="Area set (district, street, police …), or variant of the profile.")
@click.option("--crs", metavar="EPSG:n|gcj02|bd09", help="Coordinate system, when the file does not tell or is wrong.")
@click.option("--valid-from", metavar="D", help="Day or instant from which rows without their own beginning hold.")
@click.option("--valid-to", metavar="D", help="Day or instant until which rows without their own end hold, excluded.")
@click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), help="Where rejected rows are listed.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option("--max-gb", type=Number(min=0, min_open=True), default=1.0, show_default=True, help="Largest file.")
@click.option("--city", metavar="KEY", help="Key of the city; the profile's, else WANMI_CITY or demo.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def load(
    layer: str,
    file: Path,
    profile: str | None,
    maps: tuple[str, ...],
    set_: str | None,
    crs: str | None,
    valid_from: str | None,
    valid_to: str | None,
    rejects: Path | None,
    dry_run: bool,
    max_gb: float,
    city: str | None,
    as_json: bool,
) -> int:
    """Load a file as a layer of a city: check it, convert it, list what is wrong, record the rest.

    LAYER is one of areas, departments, rules, units, components, zones, rosters, roads, rivers, railways, buildings,
    parcels, drains, calendars, cases. FILE is a GeoPackage, Shapefile (also zipped), GeoJSON, FlatGeobuf, GeoParquet,
    Parquet or CSV (lon/lat, x/y or WKT columns).

    One transaction for the file. A file that cannot be trusted as a whole is refused in one line (status 2). Rows that
    are wrong go to the rejects file with row, column, value and why, the others are loaded (status 1). With a profile
    the city is made when it is not there yet. Loading the same file twice changes nothing.

    \b
    Example:
      wanmi load areas Police_Districts.geojson --profile baltimore --set police
      wanmi load components covers.csv --map code=ID --map lon=X --map lat=Y --crs gcj02
      wanmi load areas districts_2013.geojson --profile nyc --set district --valid-from 2013-01-01 --valid-to 2025-02-08
      wanmi load cases cases.csv --profile mycity.toml --dry-run --json
    """
    from api.cli.progress import stages
    from api.settings import Settings
    from gis.files import Limits, read_layer
    from gis.profile import read_profile

    begin = time.perf_counter()
    told = read_profile(profile) if profile else None
    if told and city and city != told.city.key:
        raise InputError(f"the profile is of {told.city.key}, not of {city}", where="--city", right="leave one out")
    check_set(set_, layer, told)
    settings = Settings.read(city=told.city.key if told else city)
    engine, whose = (None, told.city) if told else _recorded(settings)
    if valid_from:
        valid_from = instant(valid_from, zone=whose.time_zone, where="--valid-from").isoformat()
    if valid_to:
        valid_to = instant(valid_to, zone=whose.time_zone, where="--valid-to").isoformat()
    with stages(f"{layer} {file.name}") as progress:
        how: dict[str, Any] = {
            "profile": told,
            "mapping": mapping_of(maps),
            "set_": set_,
            "crs": crs,
            "valid_from": valid_from,
            "valid_to": valid_to,
            "progress": progress,
            "limits": Limits(bytes=int(max_gb * 2**30)),
        }
        report: LoadReport | None
        short = _short_way(settings, engine, layer, file, whose, how, rejects, dry_run)
        if short is not None:
            checked, report = short
            listed = list_rejects(checked.rejects, rejects, file, layer)
        else:
            checked = read_layer(file, layer, whose, **how)
            # before anything is recorded: a list that cannot be written is no reason to lose it afterwards
            listed = list_rejects(checked.rejects, rejects, file, layer)
            if told:
                engine = _city_there(settings, told) if dry_run else _city_made(settings, told)
            report = _record(engine, layer, checked, dry_run, progress)
    if report is not None and len(report.rejects):
        import pandas as pd

        checked.rejects = pd.concat([checked.rejects, report.rejects], ignore_index=True)
        listed = list_rejects(checked.rejects, rejects, file, layer)
    answer = _summary(layer, file, whose, checked, report, listed, dry_run, time.perf_counter() - begin)
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else _text(answer))
    if answer["rejected"]:
        where = f"listed in {listed}" if listed else "the list could not be written"
        click.echo(f"wanmi: rejected rows: {answer['rejected']:,} of {answer['read']:,}, {where}", err=True)
        return 1
    return 0


def check_set(set_: str | None, layer: str, told: Profile | None) -> None:
    """Refuse ``--set`` where it would say nothing: the layer has no area sets and the profile no variants of it."""
    from gis.layers import LAYERS

    if not set_ or layer not in LAYERS or "set" in {column.name for column in LAYERS[layer].columns}:
        return
    if told is None or not any(set_of and name == layer for name, set_of in told.sources):
        what = f"{layer} has no sets" + (" in the profile" if told else "")
        raise InputError(
            what, where="--set", right="leave it out; areas have sets, or a profile has several for a layer"
        )


def mapping_of(maps: tuple[str, ...]) -> dict[str, str]:
    out = {}
    for text in maps:
        field, sign, column = text.partition("=")
        if not (sign and field.strip() and column.strip()):
            raise InputError(f"{text!r} is no FIELD=COLUMN", where="--map", right="write --map code=ID")
        out[field.strip()] = column.strip()
    return out


def _engine(settings: Settings, *, create: City | None) -> Engine:
    """The database of the settings; in the private PostGIS it is made when ``create`` is a city."""
    from api.settings import engine_for

    if create is not None and not settings.dsn:
        from gis import postgis

        state = Path(settings.state).expanduser() if settings.state else None
        postgis.up(state)
        postgis.ensure_database(create.key, state=state)
    return engine_for(settings)


def _recorded(settings: Settings) -> tuple[Engine, City]:
    """The database of the settings, and the city that it holds."""
    from gis.store import read_city

    engine = _engine(settings, create=None)
    return engine, read_city(engine)


def _city_made(settings: Settings, profile: Profile) -> Engine:
    """The database of the profile's city, made when it is not there."""
    from gis.store import create_city

    engine = _engine(settings, create=profile.city)
    create_city(engine, profile.city)
    return engine


def _city_there(settings: Settings, profile: Profile) -> Engine | None:
    """The database of the profile's city when it is there: a dry run makes none."""
    from gis.store import read_city

    try:
        engine = _engine(settings, create=None)
        found = read_city(engine)
    except (Conflict, Unavailable):
        return None
    if found.key != profile.city.key:
        raise Conflict(f"the database holds {found.key}, not {profile.city.key}", right="one database holds one city")
    return engine


def _short_way(
    settings: Settings,
    engine: Engine | None,
    layer: str,
    file: Path,
    city: City,
    how: dict[str, Any],
    rejects: Path | None,
    dry_run: bool,
) -> tuple[Checked, LoadReport] | None:
    """Load a large GeoParquet file in one stream, into a city that is there; None where that is not the way."""
    if layer != "components" or file.suffix.lower() not in (".parquet", ".geoparquet", ".zip") or how["valid_to"]:
        return None
    from gis.bulk import load_components
    from gis.files.faults import no_rejects

    if how["profile"]:
        engine = _city_there(settings, how["profile"])
        if engine is not None and not dry_run:
            engine = _city_made(settings, how["profile"])
    if engine is None:
        return None
    list_rejects(no_rejects(), rejects, file, layer)  # can it be written?
    return load_components(engine, file, city, dry_run=dry_run, **{k: v for k, v in how.items() if k != "valid_to"})


def _record(engine: Engine | None, layer: str, checked: Checked, dry_run: bool, progress: Any) -> LoadReport | None:
    """Load the good rows; None where there is nothing to load or no record to try it on."""
    from gis.store import load as load_rows

    if engine is None:
        checked.notes.append("there is no record of the city yet, so only the file was checked")
        return None
    if checked.frame.empty:
        return None
    return load_rows(engine, layer, checked.frame, dry_run=dry_run, progress=progress)


def list_rejects(found: pd.DataFrame, path: Path | None, file: Path, layer: str) -> Path | None:
    """Write the rejects file: where the user says, else beside the work when there are rejects."""
    if found.empty and path is None:
        return None
    path = path or Path(f"{file.stem}.{layer}.rejects.csv")
    try:
        found.sort_values("row", kind="stable").to_csv(path, index=False, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot be written ({reason})", where=str(path), right="say --rejects elsewhere") from error
    return path


def _summary(
    layer: str,
    file: Path,
    city: City,
    checked: Checked,
    report: LoadReport | None,
    listed: Path | None,
    dry_run: bool,
    seconds: float,
) -> dict[str, Any]:
    counts = ("inserted", "changed", "unchanged", "retired")
    notes = list(checked.notes)
    if report is not None and len(report.notes):
        odd = report.notes.groupby(["column", "why"], sort=False)["row"].agg(["size", "first"]).reset_index()
        notes += [f"{o.column}: {o.why} ({o.size:,} rows, first row {o.first})" for o in odd.head(20).itertuples()]
    return {
        "city": city.key,
        "layer": layer,
        "file": str(file),
        "dry_run": dry_run,
        "read": checked.read,
        **{name: getattr(report, name) if report is not None else 0 for name in counts},
        "rejected": checked.rejected,
        "faults": len(checked.rejects),
        "rejects": str(listed) if listed is not None else None,
        "flagged": len(checked.flags),
        "notes": notes,
        "seconds": round(seconds, 2),
    }


def _text(answer: dict[str, Any]) -> str:
    """The summary for people."""
    head = f"{answer['city']} {answer['layer']}: {answer['read']:,} rows read"
    done = ", ".join(f"{answer[name]:,} {name}" for name in ("inserted", "changed", "unchanged", "retired"))
    lines = [f"{head}, {done}, {answer['rejected']:,} rejected" + (" (dry run: nothing changed)" * answer["dry_run"])]
    lines += [f"  note     {note}" for note in answer["notes"]]
    if answer["rejects"]:
        lines.append(f"  rejects  {answer['rejects']} ({answer['faults']:,} faults)")
    return "\n".join(lines)


COMMANDS = (load,)
