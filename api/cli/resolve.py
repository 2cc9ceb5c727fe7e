"""Who owns this: ``wanmi resolve``, ``wanmi assign``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from api.cli.values import Number, instant, writable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from gis.assign import Cases
    from gis.snapshot import Snapshot


def open_snapshot(name: str | None, city: str | None, *, of: str | None = None) -> Snapshot:
    """The snapshot of a file or version; without one that of the record as it is, for cases of now.

    A file must be of the city ``of``, where that is given.
    The record's is the version kept last when nothing has changed since, else a new one, which is kept.
    """
    import pandas as pd

    from api.cli.progress import stages
    from api.settings import Settings, engine_for
    from api.versions import at_instant, named_snapshot, record_snapshot

    settings = Settings.read(city=city)
    if name := name or settings.snapshot:
        return named_snapshot(settings, name, city=of or "")
    engine = engine_for(settings)
    with stages("snapshot") as tell:
        done = record_snapshot(settings, engine, progress=tell)
    engine.dispose()
    return at_instant(done, pd.Timestamp.now(tz="UTC").as_unit("us"))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("lon", type=Number())
@click.argument("lat", type=Number())
@click.option("--class", "klass", default="", help="Class code with its edition: 2026:C01001.")
@click.option("--component", default="", help="Component code that the report names.")
@click.option("--crs", default="EPSG:4326", show_default=True, help="EPSG:n, gcj02 or bd09; x and y for metric ones.")
@click.option("--accuracy", type=Number(min=0), help="Position error in metres.")
@click.option("--at", metavar="T", help="Valid time, ISO 8601 (the city's time) or now; the snapshot's by default.")
@click.option("--snapshot", "file", metavar="FILE|VERSION", help="Snapshot file or version; the record by default.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def resolve(
    lon: float,
    lat: float,
    klass: str,
    component: str,
    crs: str,
    accuracy: float | None,
    at: str | None,
    file: str | None,
    city: str | None,
    as_json: bool,
) -> None:
    """Who owns this spot, and why.

    \b
    Example:
      wanmi resolve 111.0 35.03 --class 2026:C01002
      wanmi resolve -- -76.61 39.29 --city baltimore
    """
    from gis.answer import explain

    city_then = open_snapshot(file, city, of=city)
    when = instant(at, zone=city_then.city.time_zone, where="--at") if at else city_then.at
    cases = _one(city_then, lon, lat, klass, component, crs, accuracy, when)
    answer = explain(cases, 0, city_then)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    owner = answer["owner"]
    click.echo(f"{owner['name']} ({owner['department']})" if owner else "nobody")
    click.echo(f"  rule     {answer['rule']}{'  ' + answer['reason'] if answer['reason'] else ''}")
    if answer["unit"]:
        click.echo(f"  unit     {answer['unit']['code']}")
    for line in answer["why"]:
        click.echo(f"  why      {line}")
    for loser in answer["candidates"][1:]:
        click.echo(f"  lost     {loser['department'] or 'nobody'}: {loser['evidence']}; {loser['why_lost']}")
    click.echo(f"  as of    {answer['at']}, snapshot {answer['snapshot']}")


def _one(
    city_then: Snapshot,
    lon: float,
    lat: float,
    klass: str,
    component: str,
    crs: str,
    accuracy: float | None,
    when: pd.Timestamp,
) -> Cases:
    """One case, through the same door as a request over HTTP: what is refused there is refused here."""
    import numpy as np

    from api.forms import Asked
    from api.routes.resolve import read_cases

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
        },
    )
    return read_cases(city_then, asked, crs, at=when.isoformat())


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--out", type=click.Path(dir_okay=False), help="File to write the answers to (.csv, .parquet).")
@click.option("--profile", metavar="P.toml", help="How the city's files say it; or the name of one that we ship.")
@click.option(
    "--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Our field (or lon, lat, x, y, wkt) = theirs."
)
@click.option("--set", "set_", metavar="NAME", help="Variant of the profile, where it has several for cases.")
@click.option("--crs", help="Coordinate system of the file, when it does not tell.")
@click.option("--at-column", help="Column with the instant of each case; reported_at by default.")
@click.option("--rejects", type=click.Path(dir_okay=False), help="Where rejected rows are listed, fault by fault.")
@click.option(
    "--snapshot", "snapshot_file", metavar="FILE|VERSION", help="Snapshot file or version; the record by default."
)
@click.option("--all", "everything", is_flag=True, help="Every case of the record, closed and answered ones too.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def assign(
    file: str | None,
    out: str | None,
    profile: str | None,
    maps: tuple[str, ...],
    set_: str | None,
    crs: str | None,
    at_column: str | None,
    rejects: str | None,
    snapshot_file: str | None,
    city: str | None,
    everything: bool,
    as_json: bool,
) -> int:
    """Give many cases their owners: a file to a file, or the cases of the record.

    With FILE every row comes back, in order, with its answer. It needs a place and a class; the row's number stands for
    a missing id, the snapshot's instant for a missing reported_at. A row that is wrong has no answer but a fault that
    says why (status 1).

    Without FILE: the cases of the record that are open (not closed), anew, and those that have no answer yet; --all
    takes every case.

    \b
    Example:
      wanmi assign cases.csv --out answers.parquet --snapshot july.wanmi
      wanmi assign calls.csv --out answers.csv --map lon=LNG --map lat=LAT --map class=TYPE --rejects wrong.csv
      wanmi assign --city demo
    """
    from api.settings import Settings, engine_for
    from gis.batch import assign_file, assign_record

    if (file is None) != (out is None):
        raise click.UsageError("FILE and --out go together")
    if file is None or out is None:
        given = {
            "--profile": profile, "--map": maps, "--set": set_, "--crs": crs, "--at-column": at_column,
            "--rejects": rejects,
        }  # fmt: skip
        if alone := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{', '.join(alone)} without FILE: it says how to read a file")
        engine = engine_for(Settings.read(city=city))
        counts = assign_record(engine, open_snapshot(snapshot_file, city), everything=everything)
        click.echo(summary(counts, as_json))
        return 0
    if everything:
        raise click.UsageError("--all with FILE: a file is always answered whole")
    from pathlib import Path

    from api.cli.load import check_set, list_rejects, mapping_of
    from gis.profile import read_profile

    told, mapping = read_profile(profile) if profile else None, mapping_of(maps)
    check_set(set_, "cases", told)
    for path, option in ((out, "--out"), (rejects, "--rejects")):
        if path:
            writable(path, option)
    then = open_snapshot(snapshot_file, city or (told.city.key if told else None))
    counts, checked = assign_file(
        file, out, then, profile=told, mapping=mapping, set_=set_, crs=crs, at_column=at_column
    )
    listed = list_rejects(checked.rejects, Path(rejects), Path(file), "cases") if rejects else None
    click.echo(summary(counts, as_json, rejected=checked.rejected))
    for row in checked.rejects.head(5).itertuples(index=False):
        click.echo(f"row {row.row}, {row.column} {row.value!r}: {row.why}", err=True)
    if checked.rejected:
        where = f"listed in {listed}" if listed else f"see column fault of {out}"
        click.echo(f"wanmi: rejected rows: {checked.rejected:,}, {where}", err=True)
    return int(bool(checked.rejected))


def summary(counts: pd.DataFrame, as_json: bool, *, rejected: int | None = None) -> str:
    """Cases by rule and reason, as text or JSON; ``counts`` has rule, reason, cases."""
    total = int(counts["cases"].sum())
    rows = [(f"{r} {w}".strip(), int(n)) for r, w, n in counts[["rule", "reason", "cases"]].itertuples(index=False)]
    if as_json:
        refused = {} if rejected is None else {"rejected": rejected}
        return json.dumps({"cases": total, **refused, "by_rule": dict(rows)})
    lines = [f"{total:,} cases" + (f", rejected rows: {rejected:,}" if rejected else "")]
    return "\n".join([*lines, *(f"  {n:>9,}  {n / max(total, 1):6.1%}  {name}" for name, n in rows)])


COMMANDS = (resolve, assign)
