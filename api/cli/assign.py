"""Many cases at once: ``wanmi assign``, a file to a file or the cases of the record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from api.cli.resolve import open_snapshot
from api.cli.values import writable

if TYPE_CHECKING:
    import pandas as pd


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
    if (file is None) != (out is None):
        raise click.UsageError("FILE and --out go together")
    if file is None or out is None:
        given = {
            "--profile": profile, "--map": maps, "--set": set_, "--crs": crs, "--at-column": at_column,
            "--rejects": rejects,
        }  # fmt: skip
        if alone := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{', '.join(alone)} without FILE: it says how to read a file")
        return _assign_record(snapshot_file, city, everything, as_json)
    if everything:
        raise click.UsageError("--all with FILE: a file is always answered whole")
    from api.cli.load import check_set, mapping_of
    from api.cli.progress import counting
    from gis.batch import assign_file
    from gis.profile import read_profile

    told, mapping = read_profile(profile) if profile else None, mapping_of(maps)
    check_set(set_, "cases", told)
    for path, option in ((out, "--out"), (rejects, "--rejects")):
        if path:
            writable(path, option)
    then = open_snapshot(snapshot_file, city or (told.city.key if told else None))
    with counting("cases") as progress:
        done = assign_file(
            file,
            out,
            then,
            profile=told,
            mapping=mapping,
            set_=set_,
            crs=crs,
            at_column=at_column,
            rejects=rejects,
            progress=progress,
        )
    click.echo(summary(done.counts, as_json, rejected=done.rejected))
    for row in done.rejects.head(5).itertuples(index=False):
        click.echo(f"row {row.row}, {row.column} {row.value!r}: {row.why}", err=True)
    if done.rejected:
        where = f"listed in {rejects}" if rejects else f"see column fault of {out}"
        click.echo(f"wanmi: rejected rows: {done.rejected:,}, {where}", err=True)
    return int(bool(done.rejected))


def _assign_record(snapshot_file: str | None, city: str | None, everything: bool, as_json: bool) -> int:
    """Answer the cases of the record."""
    from api.cli.progress import counting
    from api.settings import Settings, engine_for
    from gis.batch.record import assign_record

    engine = engine_for(Settings.read(city=city))
    then = open_snapshot(snapshot_file, city)
    with counting("cases") as progress:
        counts = assign_record(engine, then, everything=everything, progress=progress)
    click.echo(summary(counts, as_json))
    return 0


def summary(counts: pd.DataFrame, as_json: bool, *, rejected: int | None = None) -> str:
    """Cases by rule and reason, as text or JSON; ``counts`` has rule, reason, cases."""
    total = int(counts["cases"].sum())
    rows = [(f"{r} {w}".strip(), int(n)) for r, w, n in counts[["rule", "reason", "cases"]].itertuples(index=False)]
    if as_json:
        refused = {} if rejected is None else {"rejected": rejected}
        return json.dumps({"cases": total, **refused, "by_rule": dict(rows)})
    lines = [f"{total:,} cases" + (f", rejected rows: {rejected:,}" if rejected else "")]
    return "\n".join([*lines, *(f"  {n:>9,}  {n / max(total, 1):6.1%}  {name}" for name, n in rows)])


COMMANDS = (assign,)
