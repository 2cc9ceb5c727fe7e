"""``wanmi grid patrols``: patrol areas of equal work, each in one piece."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.grid_report import summary
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np


@click.command()
@click.argument("file", metavar="[F]", required=False)
@click.option("--groups", type=click.IntRange(min=1), default=5, show_default=True, help="Number of patrol areas.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="F", help="The areas, for 'wanmi load'.")
@click.option("--work", metavar="COLUMN", help="Column of F with the work of a unit; its area without it.")
@click.option("--from", "begin", metavar="D", help="Cases reported from then on, of the record.")
@click.option("--to", "end", metavar="D", help="Cases reported before, of the record.")
@click.option("--at", metavar="T", help="Units of the record that hold then, ISO 8601; now by default.")
@click.option("--known-at", metavar="T", help="Units and cases as on record then; now by default.")
@click.option("--city", metavar="KEY", help="Key of the city whose record it is; WANMI_CITY or demo.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def patrols(
    file: str | None,
    groups: int,
    out: Path,
    work: str | None,
    begin: str | None,
    end: str | None,
    at: str | None,
    known_at: str | None,
    city: str | None,
    as_json: bool,
) -> int:
    """Group unit grids into patrol areas: each in one piece, alike in their work.

    Of a file of units, or of the record's, where the work of a unit is the number of its cases. The areas are a layer
    of the set patrol.

    \b
    Example:
      wanmi grid patrols --groups 5 --out patrol.gpkg && wanmi load areas patrol.gpkg
      wanmi grid patrols units.gpkg --work cases --groups 8 --out patrol.geojson --json
    """
    from api.cli.progress import stages
    from gis.gridfiles import check_writable, write_layer
    from grids.patrols import patrol_areas

    start = time.perf_counter()
    check_writable(out)
    if file is None and work:
        raise InputError("the record counts cases", where="--work", right="name a file of units, or leave it out")
    if file is not None and (begin or end or at or known_at):
        raise InputError("cases are of the record", where="--from, --to, --at, --known-at", right="leave F out")
    with stages("patrol areas") as told:
        told("reading")
        units, load = _of_file(file, work) if file else _of_record(city, begin, end, at, known_at)
        told("grouping")
        label = patrol_areas(units, load, groups)
        told("writing")
        areas = _areas(units, load, label, groups)
        write_layer(areas, out)
    share = areas["work"] / max(float(areas["work"].sum()), 1e-12)
    answer: dict[str, Any] = {
        "units": len(units),
        "areas": groups,
        "work": float(areas["work"].sum()),
        "least_share": round(float(share.min()), 4),
        "largest_share": round(float(share.max()), 4),
        "in_several_pieces": int((areas.geometry.count_geometries() > 1).sum()),
        "file": str(out),
        "seconds": round(time.perf_counter() - start, 2),
    }
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else summary(answer))
    return 0


def _of_file(file: str, work: str | None) -> tuple[gpd.GeoDataFrame, np.ndarray]:
    import pandas as pd

    from gis.gridfiles import read_polygons

    units = read_polygons(file, columns={"work": work} if work else None)
    if "code" not in units.columns:
        raise InputError("no column code", where=file, right="units with their codes")
    if not (units.geometry.notna() & units.geometry.is_valid).all():
        raise InputError("units with broken geometry", where=file, right="wanmi grid check tells")
    if not work:
        return units, units.area.to_numpy()
    load = pd.to_numeric(units["work"], errors="coerce")
    if load.isna().any() or (load < 0).any():
        row = int(load.isna().to_numpy().argmax() if load.isna().any() else (load < 0).to_numpy().argmax()) + 1
        raise InputError(f"work of row {row} is no number from 0", where=f"{file}, {work}", right="a number for each")
    return units, load.to_numpy(float)


def _of_record(
    city: str | None, begin: str | None, end: str | None, at: str | None, known_at: str | None
) -> tuple[gpd.GeoDataFrame, np.ndarray]:
    import pandas as pd

    from api.cli.values import instant
    from api.settings import Settings, engine_for
    from api.versions import known_instant
    from gis.counts import case_places, unit_shapes
    from gis.sql import question
    from gis.store import read_city
    from gis.store.engine import transaction
    from gis.wanted import Wanted

    engine = engine_for(Settings.read(city=city))
    whose = read_city(engine)
    told = (("begin", begin, "--from"), ("end", end, "--to"))
    span = {n: instant(d, zone=whose.time_zone, where=o).to_pydatetime() if d else None for n, d, o in told}
    then = instant(at or "now", zone=whose.time_zone, where="--at")
    known = known_instant(engine, whose, known_at) if known_at else None
    units = unit_shapes(engine, at=then, srid=whose.srid, known_at=known)
    if not len(units):
        raise InputError("the city has no unit grids", where=whose.key, right="wanmi load units FILE")
    if known is not None:
        first, last = (pd.NaT if d is None else pd.Timestamp(d) for d in span.values())
        places = case_places(engine, Wanted(begin=first, end=last, known_at=known))
        return units, places.by_unit(units["code"].to_numpy(dtype=object))
    with transaction(engine) as cursor:
        cursor.execute(question("cases_by_unit"), span)
        counts = dict(cursor.fetchall())
    return units, units["code"].map(counts).fillna(0).to_numpy(float)


def _areas(units: gpd.GeoDataFrame, load: np.ndarray, label: np.ndarray, groups: int) -> gpd.GeoDataFrame:
    """Patrol areas with their units and work, numbered from west to east."""
    import geopandas as gpd
    import numpy as np
    import shapely

    shapes = units.geometry.to_numpy()
    columns = {
        "set": "patrol",
        "code": [f"P{k + 1}" for k in range(groups)],
        "units": np.bincount(label, minlength=groups),
        "work": np.bincount(label, load, groups),
    }
    whole = [shapely.coverage_union_all(shapes[label == k]) for k in range(groups)]
    return gpd.GeoDataFrame(columns, geometry=whole, crs=units.crs)
