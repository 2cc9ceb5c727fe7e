"""What ``wanmi grid revise`` does: a set in files against another, or against the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.grid_report import write_csv
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from gis.revision import Planned


def revise_files(
    old: str,
    new: str,
    out: Path,
    lineage: Path | None,
    things: dict[str, str | None],
    *,
    at: str | None,
    zone: str,
    near: float,
) -> dict[str, Any]:
    """Revise a set in a file: all units with their validity, lineage, and lists of what would move."""
    import geopandas as gpd
    import pandas as pd

    from api.cli.progress import stages
    from gis.gridfiles import check_writable, read_polygons, write_layer
    from grids.carry import moves
    from grids.revise import revise

    check_writable(out)
    when = _instant(at, zone)
    beside = _lists(out, lineage)
    with stages(f"revising {Path(old).name}") as told:
        told("reading")
        before = _units(old, "--old")
        srid = before.crs.to_epsg()
        after = read_polygons(new, srid=srid)
        told("comparing")
        found = revise(before, after, at=when, tolerance_m=near)
        answer: dict[str, Any] = {"at": when.isoformat(), **found.counts, "units": len(found.units), "file": str(out)}
        listed = {"lineage": found.lineage}
        for name, key in (("components", "code"), ("cases", "id")):
            source = things[name]
            if source:
                told(name)
                listed[name] = moves(_things(source, key, srid), found.units, found.lineage, key=key)
                answer[f"{name}_move"] = len(listed[name])
        told("writing")
        done = _ended_before(before, when)
        history = pd.concat([found.units, found.ended, done[[c for c in found.units.columns if c in done]]])
        write_layer(gpd.GeoDataFrame(history, geometry="geometry", crs=srid).reset_index(drop=True), out)
        for name, table in listed.items():
            write_csv(table, beside[name])
            answer[f"{name}_file"] = str(beside[name])
    return answer


def revise_record(
    new: str,
    out: Path | None,
    lineage: Path | None,
    *,
    at: str | None,
    zone: str | None,
    city: str | None,
    load: bool,
    force: bool,
    near: float,
) -> dict[str, Any]:
    """Revise the record, or list what that would do."""
    from api.cli.progress import stages
    from api.settings import Settings, engine_for
    from gis.gridfiles import check_writable, read_polygons, write_layer
    from gis.revision import load_revision, plan_revision
    from gis.store import read_city

    if out:
        check_writable(out)
    engine = engine_for(Settings.read(city=city))
    whose = read_city(engine)
    when = _instant(at, zone or whose.time_zone)
    beside = _lists(out or Path(new.partition("|")[0]), lineage)
    with stages(f"revising the units of {whose.key}") as told:
        told("reading")
        after = read_polygons(new, srid=whose.srid)
        if load:
            planned = load_revision(engine, after, at=when, tolerance_m=near, force=force, progress=told)
        else:
            told("comparing")
            planned = plan_revision(engine, after, at=when, tolerance_m=near)
        told("lists")
        if out:
            write_layer(_history(planned), out)
        tables = {"lineage": planned.revision.lineage, "components": planned.components, "cases": planned.cases}
        for name, table in tables.items():
            write_csv(table, beside[name])
    found = planned.certificate
    moved = {f"{name}_{'moved' if load else 'move'}": len(tables[name]) for name in ("components", "cases")}
    return {
        "city": whose.key,
        "at": when.isoformat(),
        "loaded": load,
        **planned.revision.counts,
        "redrawn_within_tolerance": len(planned.redrawn),
        "units": len(planned.revision.units),
        **moved,
        "how": {n: {k: int(v) for k, v in tables[n]["how"].value_counts().items()} for n in ("components", "cases")},
        "certificate_faults": {kind: n for kind, n in found.counts.items() if n} if not found.passed else {},
        **{f"{name}_file": str(beside[name]) for name in tables},
        "next": "wanmi snapshot build" if load else "again with --load to make it so",
    }


def _history(planned: Planned) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pandas as pd

    made = planned.revision
    return gpd.GeoDataFrame(pd.concat([made.units, made.ended], ignore_index=True), crs=made.units.crs)


def _instant(at: str | None, zone: str) -> pd.Timestamp:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    import pandas as pd

    from api.cli.values import instant

    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"{zone!r} is no time zone", where="--time-zone", right="as Asia/Shanghai") from None
    return instant(at, zone=zone, where="--at") if at else pd.Timestamp.now(tz="UTC").floor("s")


def _lists(path: Path, lineage: Path | None) -> dict[str, Path]:
    """Where the lists go, checked before any work."""
    beside = {name: path.with_name(f"{path.stem}.{name}.csv") for name in ("lineage", "components", "cases")}
    beside["lineage"] = lineage or beside["lineage"]
    for one in beside.values():
        if not one.absolute().parent.is_dir():
            raise InputError("there is no such folder", where=str(one.absolute().parent))
    return beside


def _units(path: str, option: str) -> gpd.GeoDataFrame:
    from gis.gridfiles import read_polygons

    frame = read_polygons(path)
    if "code" not in frame.columns:
        raise InputError("no column code", where=f"{option} {path}", right="the units in force, with their codes")
    return frame


def _things(path: str, key: str, srid: int) -> pd.DataFrame:
    """Components or cases: a layer of points, or a CSV with what names them and their unit."""
    import pandas as pd

    from gis.gridfiles import read_polygons

    if Path(path).suffix.lower() != ".csv":
        frame: pd.DataFrame = read_polygons(path, srid=srid)
    else:
        try:
            frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot be read ({str(error).splitlines()[0]})", where=path, right="a CSV in UTF-8"
            ) from None
    lacking = [name for name in (key, "unit") if name not in frame.columns]
    if lacking:
        raise InputError(f"no column {', '.join(lacking)}", where=path, right=f"columns {key} and unit")
    return frame


def _ended_before(old: gpd.GeoDataFrame, at: Any) -> gpd.GeoDataFrame:
    """Rows of the old file that ended before: they stay as they were."""
    import pandas as pd

    if "valid_to" not in old.columns:
        return old.iloc[:0]
    old = old.assign(**{c: pd.to_datetime(old[c], utc=True) for c in ("valid_from", "valid_to") if c in old.columns})
    return old[(old["valid_to"] <= at).to_numpy()]
