"""``wanmi release``: the figures that may be told to anybody, made and carried on."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--k", type=int, help="Cells with fewer cases are not shown; of a first release, 5 by default.")
@click.option("--until", metavar="T", help="Only half-years that were over then, ISO 8601; now by default.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print what is shown as JSON.")
def release(file: str | None, k: int | None, until: str | None, city: str | None, as_json: bool) -> None:
    """Publish the half-years that are over: counts of areas by class group and month, of units by half-year, none of
    which tells of fewer than k cases, alone or together with all others.

    FILE (WANMI_RELEASE, or release-CITY.gpkg in the state folder) is made, or carried on: what it holds is never
    changed, and cases that came in late enter no figure. wanmi hotspots --publish answers from it.

    \b
    Example:
      wanmi release
      wanmi release city.gpkg --k 10 --until 2026-07-01
    """
    import pandas as pd

    from api.cli.progress import stages
    from api.cli.values import instant
    from api.settings import Settings, engine_for
    from api.statistics.published import make_release, release_file
    from gis import counts
    from gis.publishing import K, read_release, write_release
    from gis.store import read_city
    from grids.errors import InputError

    settings = Settings.read(city=city)
    path = Path(file) if file else release_file(settings)
    engine = engine_for(settings)
    home = read_city(engine)
    earlier = read_release(path) if path.exists() else None
    if earlier is not None and k is not None and k != earlier.k:
        raise InputError(
            f"{k}", where="--k", right=f"{earlier.k}, as published before, or another FILE that nobody has"
        )
    usual = release_file(settings)
    if earlier is None and usual.exists():
        click.echo(f"wanmi: {usual} is a release of this city; give out one of them, never both", err=True)
    now = instant(until, zone=home.time_zone, where="--until") if until else None
    if now is not None and now > pd.Timestamp.now(tz="UTC"):
        what = f"{until} has not come yet; what is published of a half-year that is not over stays as it is"
        click.echo(f"wanmi: --until: {what}", err=True)
    with stages("release") as told:
        least = K if k is None else k
        made = make_release(engine, home, counts.class_book(engine), earlier=earlier, k=least, now=now, progress=told)
    engine.dispose()
    fresh = [quarter for quarter in made.quarters if earlier is None or quarter not in earlier.quarters]
    if fresh:
        write_release(made, path)
    shares = made.shares[~made.shares["period"].isin([] if earlier is None else set(earlier.shares["period"]))]
    if as_json:
        head = {"file": str(path), "k": made.k, "quarters": list(made.quarters), "fresh": fresh}
        click.echo(json.dumps(head | {"figures": len(made.figures), "shares": shares.to_dict("records")}, default=int))
        return
    lines = [f"{path}: {', '.join(fresh) or 'nothing new'}; {len(made.figures):,} figures of {made.k} cases or more"]
    for row in shares.itertuples(index=False):
        cells = f"{row.cells_shown:>7,} of {int(row.cells):>7,} cells of {made.k} or more"
        lines.append(
            f"  {row.period}  {row.level:<10} {cells}, {row.cases_shown / max(row.cases, 1):6.1%} of the cases"
        )
    click.echo("\n".join(lines))


COMMANDS = (release,)
