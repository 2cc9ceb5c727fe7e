"""Many cases at once: ``wanmi assign``, a file to a file or the cases of the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.resolve import open_snapshot
from api.cli.values import instant, writable

if TYPE_CHECKING:
    import pandas as pd

    from gis.batch import Assigned


@click.command()
@click.argument("file", required=False, type=click.Path())
@click.option("--out", type=click.Path(), help="File to write the answers to (.csv, .parquet).")
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
@click.option(
    "--at", metavar="T", help="Valid time of rows that tell none, ISO 8601 or now; the snapshot's by default."
)
@click.option("--known-at", metavar="T", help="As known then, whatever was corrected since; as known now by default.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Let the workers of a dask cluster do it, tcp://host:8786: FILE is Parquet or a folder of it, --out may be a "
    "folder, --snapshot a file that they all see.",
)
@click.option("--all", "everything", is_flag=True, help="Every case of the record, closed and answered ones too.")
@click.option(
    "--anew", is_flag=True, help="Answer them whatever has changed; by default only those that a change concerns."
)
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
    at: str | None,
    known_at: str | None,
    scheduler: str | None,
    city: str | None,
    everything: bool,
    anew: bool,
    as_json: bool,
) -> int:
    """Give many cases their owners: a file to a file, or the cases of the record.

    With FILE every row comes back, in order, with its answer. It needs a place and a class; the row's number stands for
    a missing id, --at (else the snapshot's instant) for a missing reported_at. A row that is wrong has no answer but a
    fault that says why (status 1).

    Without FILE: the cases of the record that are open (not closed), and those that have no answer yet; --all takes
    every case. Of those that were answered before, only the ones are answered again that something concerns which has
    changed since; --anew answers all. Broken off, it goes on where it was.

    \b
    Example:
      wanmi assign cases.csv --out answers.parquet --snapshot july.wanmi
      wanmi assign calls.csv --out answers.csv --map lon=LNG --map lat=LAT --map class=TYPE --rejects wrong.csv
      wanmi assign --city demo
      wanmi assign july/ --out answers/ --snapshot july.wanmi --scheduler tcp://10.0.0.1:8786
    """
    if (file is None) != (out is None):
        raise click.UsageError("FILE and --out go together")
    if file is None or out is None:
        given = {
            "--profile": profile, "--map": maps, "--set": set_, "--crs": crs, "--at-column": at_column,
            "--rejects": rejects, "--scheduler": scheduler, "--at": at,
        }  # fmt: skip
        if alone := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{', '.join(alone)} without FILE: it says how to read a file")
        return _assign_record(snapshot_file, city, as_json, everything=everything, anew=anew, known_at=known_at)
    if everything or anew:
        raise click.UsageError(f"{'--all' if everything else '--anew'} with FILE: a file is always answered whole")
    if scheduler and (at or known_at):
        right = "build the snapshot with it, and name that"
        raise click.UsageError(f"{'--at' if at else '--known-at'} with --scheduler: {right}")
    done = _assign_file(
        file,
        out,
        snapshot_file,
        city,
        scheduler,
        profile=profile,
        maps=maps,
        set_=set_,
        crs=crs,
        at=at,
        known_at=known_at,
        at_column=at_column,
        rejects=rejects,
    )
    click.echo(summary(done.counts, as_json, rejected=done.rejected))
    for row in done.rejects.head(5).itertuples(index=False):
        click.echo(f"row {row.row}, {row.column} {row.value!r}: {row.why}", err=True)
    if done.rejected:
        where = f"listed in {rejects}" if rejects else f"see column fault of {out}"
        click.echo(f"wanmi: rejected rows: {done.rejected:,}, {where}", err=True)
    return int(bool(done.rejected))


def _assign_file(
    file: str,
    out: str,
    snapshot_file: str | None,
    city: str | None,
    scheduler: str | None,
    *,
    profile: str | None,
    maps: tuple[str, ...],
    set_: str | None,
    at: str | None,
    known_at: str | None,
    **how: Any,
) -> Assigned:
    """Answer a file here, or with the workers of a cluster."""
    from api.cli.load import check_set, mapping_of
    from api.cli.progress import counting
    from api.versions import at_instant
    from gis.batch import assign_file
    from gis.profile import read_profile

    if not scheduler and (Path(file).is_dir() or Path(out).is_dir()):
        raise click.UsageError("a folder goes with --scheduler; without it a file is answered to a file")
    told, mapping = read_profile(profile) if profile else None, mapping_of(maps)
    check_set(set_, "cases", told)
    for path, option in ((out, "--out"), (how["rejects"], "--rejects")):
        if path:
            writable(path, option)
    of = city or (told.city.key if told else None)
    how.update(profile=told, mapping=mapping, set_=set_)
    if not scheduler:
        then = open_snapshot(snapshot_file, of, known_at=known_at)
        if at:
            then = at_instant(then, instant(at, zone=then.city.time_zone, where="--at"))
        with counting("cases") as progress:
            return assign_file(file, out, then, progress=progress, **how)
    from gis.spread import assign_spread

    with counting("cases") as progress:
        return assign_spread(file, out, _snapshot_path(snapshot_file, of), scheduler, progress=progress, **how)


def _snapshot_path(name: str | None, city: str | None) -> Path:
    """The file of a snapshot, for workers to open."""
    from api.settings import Settings
    from api.versions import versions_folder
    from gis import versions

    settings = Settings.read(city=city)
    name = name or settings.snapshot
    if not name:
        raise click.UsageError("--scheduler without --snapshot: name a snapshot file that all workers see")
    if Path(name).exists() or not versions.is_version(name):
        return Path(name)
    return versions.find(versions_folder(settings), name, city=city or "")


def _assign_record(
    snapshot_file: str | None, city: str | None, as_json: bool, *, everything: bool, anew: bool, known_at: str | None
) -> int:
    """Answer the cases of the record."""
    from api.cli.progress import counting
    from api.settings import Settings, engine_for
    from gis.batch.record import assign_record

    engine = engine_for(Settings.read(city=city))
    then = open_snapshot(snapshot_file, city, known_at=known_at)
    with counting("cases") as progress:
        done = assign_record(engine, then, everything=everything, anew=anew, progress=progress)
    click.echo(summary(done.counts, as_json, since=done.since, version=then.version))
    return 0


def summary(
    counts: pd.DataFrame, as_json: bool, *, rejected: int | None = None, since: str = "", version: str = ""
) -> str:
    """Cases by rule and reason, as text or JSON; ``counts`` has rule, reason, cases."""
    total = int(counts["cases"].sum())
    rows = [(f"{r} {w}".strip(), int(n)) for r, w, n in counts[["rule", "reason", "cases"]].itertuples(index=False)]
    if as_json:
        more: dict[str, Any] = {} if rejected is None else {"rejected": rejected}
        more |= {"snapshot": version, "since": since or None} if version else {}
        return json.dumps({"cases": total, **more, "by_rule": dict(rows)})
    lines = [f"{total:,} cases" + (f", rejected rows: {rejected:,}" if rejected else "")]
    if since:
        lines[0] += f" that a change since {since} concerns; all other answers stand"
    return "\n".join([*lines, *(f"  {n:>9,}  {n / max(total, 1):6.1%}  {name}" for name, n in rows)])


COMMANDS = (assign,)
