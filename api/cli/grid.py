"""``wanmi grid``: unit grids drawn, examined, and carried over from one set to the next."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.grid_report import draw, summary, verdict, write_csv, write_findings
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from grids.certificate import Certificate, Rules

FILE = click.Path(path_type=Path)
TARGET_M2 = 10_000.0


@click.group()
def grid() -> None:
    """Unit grids (单元网格): build them from streets, check anybody's, revise a set against the one before.

    Files are GeoPackage, Shapefile, GeoJSON, FlatGeobuf or GeoParquet; of several layers one is named as in
    "city.gpkg|streets". Work is done in a metric CRS: the file's own where areas in it are true, else the city's zone.

    \b
    Example:
      wanmi grid build --areas communities.gpkg --barriers streets.gpkg --out units.gpkg
      wanmi grid check units.gpkg --areas communities.gpkg
    """


@grid.command()
@click.option("--areas", required=True, metavar="F", help="Communities: polygons with a column code.")
@click.option("--barriers", multiple=True, metavar="F", help="Streets, railways, water; OpenStreetMap files too.")
@click.option("--buildings", metavar="F", help="Buildings: large blocks are divided in the gaps between them.")
@click.option("--parcels", metavar="F", help="Parcels: large blocks are divided along them.")
@click.option("--out", required=True, type=FILE, metavar="F", help="Units; the ending says the format.")
@click.option("--target-m2", type=click.FloatRange(min=100), default=TARGET_M2, show_default=True, help="Wished area.")
@click.option("--code", metavar="COLUMN", help="Column with the code of a community, where it is not 'code'.")
@click.option("--taken", metavar="F", help="Units with codes that were ever given: they are not given again.")
@click.option("--digits", type=click.Choice(["3", "2"]), default="3", show_default=True, help="Digits of the serial.")
@click.option("--set", "set_", metavar="NAME", help="Which areas, where a column 'set' tells several sets apart.")
@click.option("--crs", metavar="EPSG:n", help="CRS of the areas, when the file does not tell or is wrong.")
@click.option("--faults", type=FILE, metavar="F.gpkg", help="Where findings go; beside --out by default.")
@click.option("--picture", type=FILE, metavar="F.png", help="Units by area over the barriers, faults in red.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def build(
    areas: str,
    barriers: tuple[str, ...],
    buildings: str | None,
    parcels: str | None,
    out: Path,
    target_m2: float,
    code: str | None,
    taken: str | None,
    digits: str,
    set_: str | None,
    crs: str | None,
    faults: Path | None,
    picture: Path | None,
    as_json: bool,
) -> int:
    """Cut communities into unit grids that follow the barriers, code them, and certify the result.

    Rank of a barrier: column rank (1 the highest), else from OpenStreetMap tags. Status 1 when the certificate fails.

    \b
    Example:
      wanmi grid build --areas communities.gpkg --barriers streets.osm.pbf --out units.gpkg
      wanmi grid build --areas wards.geojson --code NAME --barriers "base.gpkg|roads" --barriers rivers.shp \\
        --out units.gpkg --target-m2 15000 --json
    """
    import geopandas as gpd
    import pandas as pd

    from api.cli.progress import stages
    from gis.gridfiles import check_writable, read_barriers, read_polygons, write_layer
    from grids.certificate import Rules
    from grids.compile import build_units

    begin = time.perf_counter()
    check_writable(out)
    listed = _beside(out, faults)
    if picture:
        check_writable(picture, (".png",))
    with stages(f"units of {Path(areas).name}") as told:
        told("reading")
        whole = _areas(areas, code, crs, set_)
        srid = whole.crs.to_epsg()
        lines = [read_barriers(one, srid) for one in barriers]
        ground = pd.concat(lines, ignore_index=True) if lines else pd.DataFrame({"rank": [], "geometry": []})
        ground = gpd.GeoDataFrame(ground.astype({"rank": "int64"}), geometry="geometry", crs=srid)
        extra = {n: read_polygons(f, srid=srid) for n, f in (("buildings", buildings), ("parcels", parcels)) if f}
        known = read_polygons(taken, srid=srid)["code"].astype("str").tolist() if taken else None
        units = build_units(
            whole,
            ground,
            target_m2=target_m2,
            taken=known,
            serial_digits=int(digits),
            progress=lambda text, share: told(text),
            **extra,
        )
        told("certifying")
        rules = Rules(low_m2=target_m2 / 2, high_m2=target_m2 * 2, scheme=_scheme(whole["code"], digits))
        found = _certified(units, whole, ground, rules)
        told("writing")
        write_layer(units, out)
        written = write_findings(found, listed)
        if picture:
            draw(units, found, whole, ground, picture, f"Unit grids of {Path(areas.partition('|')[0]).stem}")
    answer = {
        "units": len(units),
        "by_kind": {str(k): int(n) for k, n in units["kind"].value_counts().items()},
        "barriers": len(ground),
        "file": str(out),
        **verdict(found, written),
        "seconds": round(time.perf_counter() - begin, 2),
    }
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else summary(answer))
    return 0 if found.passed else 1


@grid.command()
@click.argument("file", metavar="F")
@click.option("--areas", metavar="F", help="Communities: gaps are told, and units that reach over their border.")
@click.option("--barriers", multiple=True, metavar="F", help="Units across water, railways or main roads are told.")
@click.option("--code", metavar="COLUMN", help="Column with the code of a unit, where it is not 'code'.")
@click.option("--community", metavar="COLUMN", help="Column with its community, where the code does not say it.")
@click.option("--area-code", metavar="COLUMN", help="Column with the code of a community, where it is not 'code'.")
@click.option("--set", "set_", metavar="NAME", help="Which areas, where a column 'set' tells several sets apart.")
@click.option("--band", nargs=2, type=float, default=(5_000.0, 20_000.0), show_default=True, help="Area band, m².")
@click.option("--width", type=float, default=12.0, show_default=True, help="Least width 2A/P, metres.")
@click.option("--compactness", type=float, default=0.25, show_default=True, help="Least 4πA/P².")
@click.option("--tolerance", type=float, default=0.005, show_default=True, help="Narrower is rounding, metres.")
@click.option("--row", type=float, help="Height of a row of the numbering, metres; 100 by default.")
@click.option("--scheme", type=click.Choice(["china15", "china14", "free"]), help="Code scheme; told by the codes.")
@click.option("--strict", is_flag=True, help="Notices fail the certificate too.")
@click.option("--crs", metavar="EPSG:n", help="CRS of the units, when the file does not tell or is wrong.")
@click.option("--faults", type=FILE, metavar="F.gpkg", help="Where findings go; beside the file by default.")
@click.option("--picture", type=FILE, metavar="F.png", help="Units by area over the barriers, faults in red.")
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON.")
def check(
    file: str,
    areas: str | None,
    barriers: tuple[str, ...],
    code: str | None,
    community: str | None,
    area_code: str | None,
    set_: str | None,
    band: tuple[float, float],
    width: float,
    compactness: float,
    tolerance: float,
    row: float | None,
    scheme: str | None,
    strict: bool,
    crs: str | None,
    faults: Path | None,
    picture: Path | None,
    as_json: bool,
) -> int:
    """Certificate of a unit-grid layer, ours or anybody's: every fault with its place, and a verdict.

    Faults (gaps, overlaps, units over a community's border, unshared vertices, broken shapes, codes, their order)
    fail it: status 1. Notices (area, width, shape, barriers) do not, but with --strict. Findings are written as
    layers that a GIS shows on top of the units.

    \b
    Example:
      wanmi grid check units.gpkg --areas communities.gpkg
      wanmi grid check grid.shp --code WGDM --areas sq.shp --area-code SQDM --faults found.gpkg --json
    """
    import geopandas as gpd
    import pandas as pd

    from api.cli.progress import stages
    from gis.gridfiles import check_writable, read_barriers, read_polygons
    from grids.certificate import Rules

    begin = time.perf_counter()
    rules = Rules(
        low_m2=band[0],
        high_m2=band[1],
        width_m=width,
        compactness=compactness,
        tolerance_m=tolerance,
        scheme=scheme or "",
        row_m=row,
    )
    listed = _beside(Path(file.partition("|")[0]), faults)
    if picture:
        check_writable(picture, (".png",))
    with stages(f"checking {Path(file).name}") as told:
        told("reading")
        mine = {ours: theirs for ours, theirs in (("code", code), ("community", community)) if theirs}
        units = read_polygons(file, crs=crs, columns=mine)
        if "code" not in units.columns:
            raise InputError("no column code", where=file, right="say which with --code COLUMN")
        srid = units.crs.to_epsg()
        whole = _areas(areas, area_code, None, set_, srid=srid) if areas else None
        lines = [read_barriers(one, srid) for one in barriers]
        ground = gpd.GeoDataFrame(pd.concat(lines, ignore_index=True), crs=srid) if lines else None
        told("certifying")
        found = _certified(units, whole, ground, rules)
        told("writing")
        written = write_findings(found, listed)
        if picture:
            draw(units, found, whole, ground, picture, f"Unit grids of {Path(file.partition('|')[0]).stem}")
    answer = {"units": len(units), "crs": f"EPSG:{srid}", **verdict(found, written)}
    answer["passed"] = found.passed and not (strict and len(found.faults))
    answer["seconds"] = round(time.perf_counter() - begin, 2)
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else summary(answer))
    return 0 if answer["passed"] else 1


@grid.command()
@click.option("--old", required=True, metavar="F", help="Units in force, with those that ended: their codes are taken.")
@click.option("--new", required=True, metavar="F", help="Units to be, with their community; their codes are not used.")
@click.option("--out", required=True, type=FILE, metavar="F", help="All units, with valid_from and valid_to.")
@click.option("--at", metavar="D", help="Day or instant of the revision; now by default.")
@click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Of --at, as Asia/Shanghai.")
@click.option("--lineage", type=FILE, metavar="F.csv", help="Where the lineage goes; beside --out by default.")
@click.option("--components", metavar="F", help="Components (code, unit): what would move is listed.")
@click.option("--cases", metavar="F", help="Cases (id, unit): what would move is listed.")
@click.option("--tolerance", type=float, default=0.01, show_default=True, help="Shapes nearer are the same, metres.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def revise(
    old: str,
    new: str,
    out: Path,
    at: str | None,
    time_zone: str,
    lineage: Path | None,
    components: str | None,
    cases: str | None,
    tolerance: float,
    as_json: bool,
) -> int:
    """A new set against the old one: same shapes keep their codes, others end and begin at one instant.

    Writes all units with their validity, the lineage (who became whom, with shares), and for components and cases
    whose unit ends a list of what would move where, before anything moves.

    \b
    Example:
      wanmi grid revise --old units.gpkg --new rebuilt.gpkg --out units2.gpkg --at 2026-12-01 --time-zone Asia/Shanghai
      wanmi grid revise --old a.gpkg --new b.gpkg --out c.gpkg --components covers.gpkg --json
    """
    import geopandas as gpd
    import pandas as pd

    from api.cli.progress import stages
    from api.instants import read_instants
    from gis.gridfiles import check_writable, read_polygons, write_layer
    from grids.carry import moves
    from grids.revise import revise as revised

    begin = time.perf_counter()
    check_writable(out)
    when = read_instants([at], time_zone, lambda _: "--at")[0] if at else pd.Timestamp.now(tz="UTC").floor("s")
    beside = {name: out.with_name(f"{out.stem}.{name}.csv") for name in ("lineage", "components", "cases")}
    beside["lineage"] = lineage or beside["lineage"]
    with stages(f"revising {Path(old).name}") as told:
        told("reading")
        before = read_polygons(old)
        srid = before.crs.to_epsg()
        after = read_polygons(new, srid=srid)
        told("comparing")
        found = revised(before, after, at=when, tolerance_m=tolerance)
        answer: dict[str, Any] = {"at": when.isoformat(), **found.counts, "units": len(found.units), "file": str(out)}
        listed = {"lineage": found.lineage}
        for name, source, key in (("components", components, "code"), ("cases", cases, "id")):
            if source:
                told(name)
                listed[name] = moves(read_polygons(source, srid=srid), found.units, found.lineage, key=key)
                answer[f"{name}_move"] = len(listed[name])
        told("writing")
        done = _ended_before(before, when)
        history = pd.concat([found.units, found.ended, done[[c for c in found.units.columns if c in done]]])
        write_layer(gpd.GeoDataFrame(history, geometry="geometry", crs=srid).reset_index(drop=True), out)
        for name, table in listed.items():
            write_csv(table, beside[name])
            answer[f"{name}_file"] = str(beside[name])
    answer["seconds"] = round(time.perf_counter() - begin, 2)
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else summary(answer))
    return 0


def _areas(
    path: str, code: str | None, crs: str | None, set_: str | None, *, srid: int | None = None
) -> gpd.GeoDataFrame:
    """Communities, mended: they are the ground that is divided, not what is examined."""
    import shapely

    from gis.gridfiles import read_polygons

    frame = read_polygons(path, srid=srid, crs=crs, columns={"code": code} if code else None)
    if "code" not in frame.columns:
        raise InputError("no column code", where=path, right="say which with --code COLUMN")
    if "set" in frame.columns:
        sets = sorted(frame["set"].astype("str").unique())
        if set_ is None and len(sets) > 1:
            raise InputError(f"holds the sets {', '.join(sets)}", where=path, right="say which with --set NAME")
        frame = frame[frame["set"].astype("str") == (set_ or sets[0])].reset_index(drop=True)
        if frame.empty:
            raise InputError(f"has no set {set_!r}", where=path, right=f"one of {', '.join(sets)}")
    frame = frame.assign(code=frame["code"].astype("str").fillna("").str.strip())
    if (frame["code"] == "").any():
        raise InputError("a community without a code", where=path, right="a code for each")
    twice = frame["code"][frame["code"].duplicated()]
    if len(twice):
        raise InputError(f"code {twice.iloc[0]} twice", where=path, right="one row for each community")
    shapes = frame.geometry.to_numpy()
    flat = (shapely.get_dimensions(shapes) == 2) & ~shapely.is_empty(shapes)
    if not flat.all():
        raise InputError(f"community {frame['code'][~flat].iloc[0]} is no polygon", where=path, right="polygons")
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    return frame[["code", "geometry"]].set_geometry(list(shapes), crs=frame.crs)


def _scheme(codes: Any, digits: str) -> str:
    """Scheme of the codes that are given: 12 digits and a serial, or free text."""
    china = codes.str.fullmatch(r"[0-9]{12}").all()
    return ("china15" if digits == "3" else "china14") if china else "free"


def _certified(
    units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, barriers: gpd.GeoDataFrame | None, rules: Rules
) -> Certificate:
    from grids.certificate import certify

    return certify(
        units, areas=areas, barriers=barriers if barriers is not None and len(barriers) else None, rules=rules
    )


def _beside(path: Path, given: Path | None) -> Path:
    """Where findings go, checked before any work."""
    from gis.gridfiles import check_writable

    if given is not None:
        check_writable(given, (".gpkg",))
    return given or Path(path).with_name(f"{Path(path).stem}.faults.gpkg")


def _ended_before(old: gpd.GeoDataFrame, at: Any) -> gpd.GeoDataFrame:
    """Rows of the old file that ended before: they stay as they were."""
    import pandas as pd

    if "valid_to" not in old.columns:
        return old.iloc[:0]
    old = old.assign(**{c: pd.to_datetime(old[c], utc=True) for c in ("valid_from", "valid_to") if c in old.columns})
    return old[(old["valid_to"] <= at).to_numpy()]


COMMANDS = (grid,)
