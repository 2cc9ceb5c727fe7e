"""``wanmi hotspots``: where cases gather, as a file for a GIS, a table, or a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.values import Number, instant
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

    from api.settings import Settings
    from api.statistics.gathered import Gathering
    from api.statistics.selection import Look
    from api.statistics.way import Way

ENDINGS = (".geojson", ".json", ".parquet", ".csv", ".html")
KNOWN_AT = "--known-at"
OPTIONS = {"bandwidth_m": "--bandwidth", "cell_m": "--cell", "reach_m": "--reach"}
"""Parameters whose option has another name."""


def option(name: str) -> str:
    """The option of a parameter."""
    return OPTIONS.get(name, f"--{name.replace('_', '-')}")


@click.command()
@click.option("--class", "classes", default="", help="Class, group or kind: 2026:C01001, 2026:C01, C; all by default.")
@click.option("--from", "begin", default="", help="First day or instant, the city's time; open by default.")
@click.option("--to", "end", default="", help="End, excluded; open by default.")
@click.option("--department", default="", help="Owners by the answer: codes, joined by commas; all by default.")
@click.option("--channel", default="", help="Channels, joined by commas; all by default.")
@click.option("--area", default="", help="SET:CODE, or SET for all of it, joined by commas; - before leaves out.")
@click.option("--cells", help="unit, area:SET, h3:N (5 to 12) or plane; unit by default, plane for kde and clusters.")
@click.option(
    "--method",
    default="gi",
    show_default=True,
    help="gi (Gi*), moran, rates, kde (density), clusters, trend, compare, scan or knox.",
)
@click.option("--p", "p", default="auto", show_default=True, help="Of gi, moran: analytic, permutation or auto.")
@click.option(
    "--runs", type=int, default=999, show_default=True, help="Of the permutation (to begin with), scan, knox."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the permutation, scan, knox.")
@click.option("--kernel", default="gaussian", show_default=True, help="Of kde: gaussian, quartic, epanechnikov …")
@click.option("--bandwidth", type=Number(), default=80.0, show_default=True, help="Of kde, metres.")
@click.option("--cell", type=Number(), help="Side of the squares of the plane, metres.")
@click.option("--reach", type=Number(), default=50.0, show_default=True, help="Of clusters: neighbours are so near, m.")
@click.option("--least", type=int, default=50, show_default=True, help="Of clusters: neighbours that make a core.")
@click.option("--bin-days", type=int, default=7, show_default=True, help="Of trend, scan: days of a bin of time.")
@click.option("--back", type=int, default=1, show_default=True, help="Of trend: bins before that count as near.")
@click.option("--longest", type=int, default=8, show_default=True, help="Of scan: bins of the longest cluster.")
@click.option("--versus-from", default="", help="Of compare: begin of the earlier period; the one before by default.")
@click.option("--versus-to", default="", help="Of compare: its end, excluded.")
@click.option(
    "--against", default="city", show_default=True, help="Of compare: city (its growth) or length of periods."
)
@click.option(
    "--exposure",
    default="",
    help="Of gi, moran, rates: components, roads, cases, ground, or a measure; without one cases per hectare.",
)
@click.option("--measures", type=click.Path(dir_okay=False), help="File of measures: unit, population, patrols …")
@click.option("--rates", default="", help="Which cases are set against it: all, found, reported, filed or both.")
@click.option(
    "--smooth",
    default="",
    help="Of rates: drawn towards all cells (global), neighbours (local), or the ground (ground).",
)
@click.option("--stability", is_flag=True, help="Of gi, moran: in what share of other grids and sizes each is hot.")
@click.option("--before", type=click.Path(dir_okay=False), help="Earlier clusters (GeoParquet), whose ids go on.")
@click.option("--hot", "hot_only", is_flag=True, help="Only cells that stand out.")
@click.option("--at", metavar="T", help="Units and areas as they hold then, ISO 8601; now by default.")
@click.option("--known-at", metavar="T", help="Cases, units and areas as on record then; now by default.")
@click.option("--publish", is_flag=True, help="Only what may be told to anybody, from a release: wanmi release.")
@click.option("--release", type=click.Path(dir_okay=False), help="Of --publish; WANMI_RELEASE by default.")
@click.option("--out", type=click.Path(dir_okay=False), help=f"File to write, by its ending: {' '.join(ENDINGS)}.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def hotspots(
    classes: str,
    begin: str,
    end: str,
    before: str | None,
    hot_only: bool,
    at: str | None,
    known_at: str | None,
    out: str | None,
    city: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Where cases gather: cells that hold more than their share (Gi*, local Moran), cases per hectare (kernel density),
    clusters of cases with their outlines, emerging hotspots (trend), two periods side by side (compare), clusters in
    space and time (scan), or whether cases come in twos and threes (knox).

    Cases without a location, on default points, beyond the city or not assigned never count. A page (.html) always
    shows the unit grids with their Gi* beside the density: other --cells or --method go into the other formats.

    \b
    Example:
      wanmi hotspots --class 2026:C01 --from 2026-06-01 --to 2026-07-01
      wanmi hotspots --method kde --kernel quartic --bandwidth 150 --out density.parquet
      wanmi hotspots --cells h3:9 --out hot.geojson
      wanmi hotspots --class 2026:E06 --channel hotline,wechat --area street:140802001 --out street.geojson
      wanmi hotspots --cells area:community --method moran --out communities.csv
      wanmi hotspots --method clusters --reach 50 --least 100 --out clusters.parquet
      wanmi hotspots --method trend --class 2026:E06 --bin-days 7 --out emerging.geojson
      wanmi hotspots --method compare --from 2026-06-01 --to 2026-07-01 --out june.csv
      wanmi hotspots --method scan --class 2026:C01 --out clusters.geojson
      wanmi hotspots --from 2026-07-01 --to 2026-08-01 --known-at 2026-08-01 --out as-reported.csv
      wanmi hotspots --class 2026:E06 --exposure ground --out beyond.geojson
      wanmi hotspots --method rates --exposure roads --class 2026:E09 --out per-km.csv
      wanmi hotspots --method rates --rates both --measures measures.csv --out two-maps.geojson
      wanmi hotspots --publish --cells area:community --class 2026:E06 --from 2026-04-01 --to 2026-07-01 --out open.csv
      wanmi hotspots --out hotspots.html
    """
    from api.settings import Settings, engine_for
    from api.statistics.exposing import Exposing, measures_file
    from api.statistics.gathering import gather
    from api.statistics.selection import other_period
    from api.statistics.way import Way
    from gis import counts

    way = Way.read(
        method=asked["method"],
        cells=asked["cells"],
        p=asked["p"],
        runs=asked["runs"],
        seed=asked["seed"],
        kernel=asked["kernel"],
        bandwidth_m=asked["bandwidth"],
        cell_m=asked["cell"],
        reach_m=asked["reach"],
        least=asked["least"],
        bin_days=asked["bin_days"],
        back=asked["back"],
        longest=asked["longest"],
        against=asked["against"],
        named=option,
    )
    settings = Settings.read(city=city)
    if asked["publish"]:
        given = {"at": at, "known-at": known_at, "before": before, "stability": asked["stability"]}
        given |= {n: asked[n] for n in ("department", "channel", "area", "exposure", "rates", "smooth")}
        spoken = {n: asked[n] for n in ("versus_from", "versus_to")} | {"classes": classes, "begin": begin, "end": end}
        path = Path(asked["release"]) if asked["release"] else None
        click.echo(_published(settings, path, way, spoken, given, out, hot_only=hot_only, as_json=as_json))
        return
    file = Path(asked["measures"]) if asked["measures"] else measures_file(settings)
    words: dict[str, str] = {name: asked[name] for name in ("exposure", "rates", "smooth")}
    exposing = Exposing.read(way.method, **words, file=file, named=lambda name: f"--{name}")
    check(way.cells, way.method, out)
    if before and way.method != "clusters":
        raise InputError("only clusters have ids that go on", where="--before", right="take --method clusters")
    engine = engine_for(settings)
    if out and Path(out).suffix.lower() == ".html" and (at or known_at):
        raise InputError("the page shows the present", where="--at" if at else KNOWN_AT, right="write another format")
    filters: dict[str, str] = {name: asked[name] for name in ("department", "channel", "area")}
    found = ask(engine, classes, begin, end, way.bandwidth_m, at=at, known_at=known_at, **filters)
    earlier = read_before(Path(before), found.city.srid) if before else None
    versus = other_period(found, asked["versus_from"], asked["versus_to"])
    page = bool(out) and Path(str(out)).suffix.lower() == ".html"
    steady = way.method in ("gi", "moran") and (exposing is None or exposing.rates == "all")
    options: dict[str, Any] = {
        "hot_only": hot_only and not page,
        "before": earlier,
        "earlier": versus,
        "exposing": exposing,
        "stability": asked["stability"] or (page and steady),
    }
    answer = gather(engine, counts.class_book(engine), found, way, **options)
    if out and page:
        Path(out).write_text(page_of(found, answer, engine, file), encoding="utf-8")
    elif out:
        write(found, answer, Path(out))
    click.echo(summary(answer, out, as_json=as_json))


def _published(
    settings: Settings,
    path: Path | None,
    way: Way,
    words: dict[str, str],
    given: dict[str, Any],
    out: str | None,
    *,
    hot_only: bool,
    as_json: bool,
) -> str:
    """Answer from a release alone, write the file, return the summary."""
    from api.statistics.exports import FORMATS, written
    from api.statistics.gathered import Gathering
    from api.statistics.published import Asked, answer, release_file
    from gis.publishing import read_release

    for name, value in given.items():
        if value:
            raise InputError("published figures cannot be asked for that", where=f"--{name}", right="leave it out")
    forms = {ending: form for form, (_, ending) in FORMATS.items()}
    if out and (ending := Path(out).suffix.lower()) not in forms:
        raise InputError(f"{ending!r} is no format of published figures", where="--out", right=" ".join(forms))
    release = read_release(path or release_file(settings))
    told = answer(release, way, Asked(**words))
    if hot_only and "hot" in told.frame:
        told = Gathering(told.frame[told.frame["hot"]].reset_index(drop=True), told.parameters, told.facts)
    if out:
        data = written(told, forms[Path(out).suffix.lower()], release.ladder.areas.crs.to_epsg())
        Path(out).write_bytes(data)
    return summary(told, out, as_json=as_json)


def check(cells: str, method: str, out: str | None) -> None:
    """Refuse a file that cannot be written before anything is asked.

    Raises
    ------
    InputError
        An ending that is no format, a page of what no page shows, a folder that is not there.
    """
    if out and Path(out).suffix.lower() == ".html":
        from api.statistics.spots import METHODS

        if method not in METHODS:
            what = f"the page shows hotspots beside the density, and {method} has none"
            raise InputError(what, where="--out", right=f"take --method {', '.join(METHODS)}, or write another format")
    if out and Path(out).suffix.lower() not in ENDINGS:
        raise InputError(f"{Path(out).suffix!r} is no format we write", where="--out", right=" ".join(ENDINGS))
    if out and not Path(out).absolute().parent.is_dir():
        raise InputError("there is no such folder", where=str(Path(out).absolute().parent))


def ask(
    engine: Engine,
    classes: str,
    begin: str,
    end: str,
    bandwidth: float,
    *,
    at: str | None = None,
    known_at: str | None = None,
    department: str = "",
    channel: str = "",
    area: str = "",
) -> Look:
    """What the record says of a selection; with ``known_at`` what it said then."""
    import pandas as pd

    from api.statistics.selection import Selection, Units, look
    from api.versions import known_instant
    from gis import counts
    from gis.store import read_city

    city = read_city(engine)
    then = instant(at, zone=city.time_zone, where="--at") if at else None
    known = known_instant(engine, city, known_at) if known_at else None
    items = {"departments": department, "channels": channel, "area": area}
    selection = Selection.read(city, classes, begin, end, bandwidth, known_at=known or pd.NaT, **items)
    units = Units(engine, city, at=then, known_at=known)
    return look(engine, city, counts.class_book(engine), selection, units)


def read_before(path: Path, srid: int) -> gpd.GeoDataFrame:
    """Clusters of an earlier run, as ``--out F.parquet`` wrote them.

    Raises
    ------
    InputError
        No such file, no GeoParquet, not clusters, or another CRS.
    """
    import geopandas as gpd

    right = "give the file that --method clusters --out F.parquet wrote"
    try:
        frame = gpd.read_parquet(path)
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path), right=right) from None
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as GeoParquet: {str(error).splitlines()[0]}", where=str(path)) from None
    if "id" not in frame or frame.crs is None or frame.crs.to_epsg() != srid:
        raise InputError("these are no clusters of this city", where=str(path), right=right)
    return frame


def write(found: Look, answer: Gathering, out: Path) -> None:
    """Write the cells in the format of the file's ending.

    GeoJSON and GeoParquet carry the parameters (member ``parameters``, metadata ``wanmi``).
    """
    from api.statistics.exports import FORMATS, written

    form = next((name for name, (_, own) in FORMATS.items() if own == out.suffix.lower()), "geojson")
    out.write_bytes(written(answer, form, found.city.srid))


def page_of(found: Look, answer: Gathering, engine: Engine, measures: Path | None) -> str:
    """The page of the hotspots as a file that asks nobody for anything: figures of each, alerts, pictures."""
    import pandas as pd

    from api.pages.basemap import BaseMap
    from api.pages.hotspots_file import MOST_SPOTS, Told, filed
    from api.pages.names import place_names
    from api.statistics.selection import filter_name
    from api.statistics.spots import join_spots
    from api.statistics.spots_told import tell_all
    from gis import counts

    city = found.city
    areas = counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=city.srid)
    ground = counts.ground(engine, srid=city.srid)
    options: dict[str, Any] = {"territory": city.territory, "srid": city.srid}
    spots = join_spots(answer, city.srid)
    panels, alerts = tell_all(engine, counts.class_book(engine), found, spots, measures=measures, most=MOST_SPOTS)
    base, names = BaseMap(ground, areas, **options), place_names(areas, ground, **options)
    taken, book = found.selection.classes, counts.class_book(engine)
    asked = {lang: filter_name(book, taken, city.edition, lang=lang) if taken else "" for lang in ("zh", "en")}
    return filed(found, Told(spots, panels, alerts), base, names, asked=asked)


def summary(answer: Gathering, out: str | None, *, as_json: bool) -> str:
    """Counts and parameters, and the strongest cells or largest clusters, as text or JSON."""
    facts: dict[str, Any] = {**answer.facts, **answer.parameters}
    if out:
        facts["file"] = out
    if as_json:
        return json.dumps(facts, ensure_ascii=False)
    said = {name: value for name, value in facts.items() if value not in (None, "")}
    lines = [f"{name:12} {value:,}" if type(value) is int else f"{name:12} {value}" for name, value in said.items()]
    frame = answer.frame
    if {"hot", "code", "z"} <= set(frame):
        best = frame[frame["hot"]].nlargest(10, "z")
        lines += [
            f"  {c}  {_counted(n):>6} cases  z {z:6.2f}  q {q:.2g}"
            for c, n, z, q in best[["code", "cases", "z", "q"]].to_numpy()
        ]
    elif {"code", "before"} <= set(frame):
        best = frame[frame["hot"]].nlargest(10, "low")
        lines += [
            f"  {c}  {_counted(n):>6} cases, {_counted(b)} before  ratio {r:.2f}  q {q:.2g}"
            for c, n, b, r, q in best[["code", "cases", "before", "ratio", "q"]].to_numpy()
        ]
    elif "llr" in frame:
        best = frame.head(10)[["from", "to", "cases", "expected", "p"]].to_numpy()
        lines += [f"  {a[:10]} to {b[:10]}  {n:>6} cases, {e:.1f} expected  p {p:.2g}" for a, b, n, e, p in best]
    elif "distance_m" in frame:
        told = frame[["distance_m", "days", "pairs", "ratio", "p"]].to_numpy()
        lines += [f"  to {d:g} m, to {t:g} days  {n:>9,.0f} pairs  ratio {r:.2f}  p {p:.2g}" for d, t, n, r, p in told]
    if "id" in frame:
        largest = frame.head(10)[["id", "cases", "area_ha", "last"]].to_numpy()
        lines += [f"  {i}  {n:>6} cases  {a:8.2f} ha  last {last}" for i, n, a, last in largest]
    return "\n".join(lines)


def _counted(cases: float) -> str:
    """Cases of a cell, of which what is published may be silent."""
    return "hidden" if cases != cases else f"{cases:.0f}"


COMMANDS = (hotspots,)
