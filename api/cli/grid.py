"""``wanmi grid``: unit grids drawn, examined, and carried over from one set to the next."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.grid_patrols import patrols
from api.cli.grid_report import draw, summary, verdict, write_findings
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from grids.certificate import Certificate, Rules

FILE = click.Path(path_type=Path)
TARGET_M2 = 10_000.0


@click.group()
def grid() -> None:
    """Unit grids (单元网格): build them from streets, check anybody's, revise a set against the one before, group them.

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
@click.option("--previous", metavar="F", help="Units in force: what still holds of them keeps its shape.")
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
    previous: str | None,
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
      wanmi grid build --areas communities.gpkg --barriers new.osm.pbf --previous units.gpkg --out rebuilt.gpkg
      wanmi grid build --areas wards.geojson --code NAME --barriers "base.gpkg|roads" --barriers rivers.shp \\
        --out units.gpkg --target-m2 15000 --json
    """
    import geopandas as gpd
    import pandas as pd

    from api.cli.progress import stages
    from gis.gridareas import idle_barriers, read_areas
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
        ground_of = read_areas(areas, code=code, set_=set_, crs=crs)
        whole = ground_of.frame
        srid = whole.crs.to_epsg()
        lines = [read_barriers(one, srid) for one in barriers]
        ground = pd.concat(lines, ignore_index=True) if lines else pd.DataFrame({"rank": [], "geometry": []})
        ground = gpd.GeoDataFrame(ground.astype({"rank": "int64"}), geometry="geometry", crs=srid)
        extra = {n: read_polygons(f, srid=srid) for n, f in (("buildings", buildings), ("parcels", parcels)) if f}
        if previous:
            extra["previous"] = _in_force(read_polygons(previous, srid=srid))
        notes = ground_of.notes + idle_barriers(barriers, lines, whole)
        known = _coded(taken, "--taken", srid)["code"].tolist() if taken else None
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
        "notes": notes,
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
@click.option("--levels", metavar="F", help="Areas with a column set (street, district): parents by code and place.")
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
    levels: str | None,
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

    Faults (gaps, overlaps, units over a community's border, areas that do not add up, unshared vertices, broken
    shapes, codes, their order, parents) fail it: status 1. Notices (area, width, shape, barriers) do not, but with
    --strict. Findings are written as layers that a GIS shows on top of the units.

    \b
    Example:
      wanmi grid check units.gpkg --areas communities.gpkg
      wanmi grid check grid.shp --code WGDM --areas sq.shp --area-code SQDM --faults found.gpkg --json
    """
    import geopandas as gpd
    import pandas as pd

    from api.cli.progress import stages
    from gis.gridareas import on_millimetres, read_areas, read_levels
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
            right = f"say which with --code COLUMN; columns: {', '.join(units.columns.drop('geometry')) or 'none'}"
            raise InputError("no column code", where=file, right=right)
        if not units.geom_type.isin(["Polygon", "MultiPolygon"]).any():
            raise InputError("has no polygons", where=file, right="a layer of unit grids")
        srid = units.crs.to_epsg()
        grid = on_millimetres(units)
        ground_of = read_areas(areas, code=area_code, set_=set_, srid=srid, grid=grid) if areas else None
        whole = ground_of.frame if ground_of else None
        above = read_levels(levels, srid) if levels else None
        lines = [read_barriers(one, srid) for one in barriers]
        ground = gpd.GeoDataFrame(pd.concat(lines, ignore_index=True), crs=srid) if lines else None
        told("certifying")
        found = _certified(units, whole, ground, rules, above)
        told("writing")
        written = write_findings(found, listed)
        if picture:
            draw(units, found, whole, ground, picture, f"Unit grids of {Path(file.partition('|')[0]).stem}")
    notes = ground_of.notes if ground_of else []
    answer = {"units": len(units), "crs": f"EPSG:{srid}", "notes": notes, **verdict(found, written)}
    answer["passed"] = found.passed and not (strict and len(found.faults))
    answer["seconds"] = round(time.perf_counter() - begin, 2)
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else summary(answer))
    return 0 if answer["passed"] else 1


@grid.command()
@click.option("--old", metavar="F", help="Units in force, with those that ended; the record's without it.")
@click.option("--new", required=True, metavar="F", help="Units to be, with their community; their codes are not used.")
@click.option("--out", type=FILE, metavar="F", help="All units, with valid_from and valid_to. Needed with --old.")
@click.option("--load", is_flag=True, help="Revise the record: what is listed without it happens, in one transaction.")
@click.option("--force", is_flag=True, help="Load a set that fails its certificate.")
@click.option("--at", metavar="D", help="Day or instant of the revision; now by default.")
@click.option("--time-zone", metavar="ZONE", help="Of --at, as Asia/Shanghai; the city's, or UTC with --old.")
@click.option("--city", metavar="KEY", help="Key of the city whose record it is; WANMI_CITY or demo.")
@click.option(
    "--lineage", type=FILE, metavar="F.csv", help="Where the lineage goes; beside --out, or --new, by default."
)
@click.option("--components", metavar="F", help="Components (code, unit): what would move is listed. With --old.")
@click.option("--cases", metavar="F", help="Cases (id, unit): what would move is listed. With --old.")
@click.option("--tolerance", type=float, default=0.01, show_default=True, help="Shapes nearer are the same, metres.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def revise(
    old: str | None,
    new: str,
    out: Path | None,
    load: bool,
    force: bool,
    at: str | None,
    time_zone: str | None,
    city: str | None,
    lineage: Path | None,
    components: str | None,
    cases: str | None,
    tolerance: float,
    as_json: bool,
) -> int:
    """A new set against the old one: same shapes keep their codes, others end and begin at one instant.

    Lists the lineage (who became whom, with shares), and which components and cases would be linked to another unit,
    and how it is known which. With --old the old set is a file, and --out holds all units with their validity. Without
    it the old set is the record's: run it once to see the lists, then with --load to make it so.

    \b
    Example:
      wanmi grid revise --old units.gpkg --new rebuilt.gpkg --out units2.gpkg --at 2026-12-01 --time-zone Asia/Shanghai
      wanmi grid revise --new rebuilt.gpkg
      wanmi grid revise --new rebuilt.gpkg --load --json
    """
    from api.cli.grid_revise import revise_files, revise_record

    begin = time.perf_counter()
    if not tolerance >= 0:
        raise InputError(f"{tolerance}", where="--tolerance", right="0 or more metres")
    if old is None:
        if components or cases:
            given = "--components" if components else "--cases"
            raise InputError("those of the record are listed", where=given, right="leave it out, or give --old")
        answer = revise_record(
            new, out, lineage, at=at, zone=time_zone, city=city, load=load, force=force, near=tolerance
        )
    else:
        if load:
            raise InputError("the old set is the record's", where="--load", right="leave --old out")
        if out is None:
            raise InputError("where the revised set goes is not told", where="--out", right="--out F.gpkg")
        things = {"components": components, "cases": cases}
        answer = revise_files(old, new, out, lineage, things, at=at, zone=time_zone or "UTC", near=tolerance)
    answer["seconds"] = round(time.perf_counter() - begin, 2)
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else summary(answer))
    return 0


def _coded(path: str, option: str, srid: int) -> gpd.GeoDataFrame:
    """A layer with codes, "" for missing ones."""
    from gis.gridfiles import read_polygons

    frame = read_polygons(path, srid=srid)
    if "code" not in frame.columns:
        raise InputError("no column code", where=f"{option} {path}", right="units with their codes")
    return frame.assign(code=frame["code"].astype("str").fillna(""))


def _in_force(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Units without those that ended."""
    return units[units["valid_to"].isna().to_numpy()] if "valid_to" in units.columns else units


def _scheme(codes: Any, digits: str) -> str:
    """Scheme of the codes that are given: 12 digits and a serial, or free text."""
    china = codes.str.fullmatch(r"[0-9]{12}").all()
    return ("china15" if digits == "3" else "china14") if china else "free"


def _certified(
    units: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame | None,
    barriers: gpd.GeoDataFrame | None,
    rules: Rules,
    levels: dict[str, gpd.GeoDataFrame] | None = None,
) -> Certificate:
    from grids.certificate import certify

    some = barriers if barriers is not None and len(barriers) else None
    return certify(units, areas=areas, barriers=some, levels=levels, rules=rules)


def _beside(path: Path, given: Path | None) -> Path:
    """Where findings go, checked before any work."""
    from gis.gridfiles import check_writable

    if given is not None:
        check_writable(given, (".gpkg",))
    return given or Path(path).with_name(f"{Path(path).stem}.faults.gpkg")


grid.add_command(patrols)
COMMANDS = (grid,)
