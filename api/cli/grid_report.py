"""What ``wanmi grid`` hands out: findings as a file, a figure, a summary for people or programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from grids.certificate import Certificate


def draw(
    units: gpd.GeoDataFrame,
    found: Certificate,
    areas: gpd.GeoDataFrame | None,
    barriers: gpd.GeoDataFrame | None,
    path: Path,
    title: str,
) -> None:
    """The units as a figure, over the barriers as they were given."""
    import geopandas as gpd
    import shapely

    from api.pages.basemap import BaseMap
    from api.pages.unit_picture import UnitPicture, figure

    srid = units.crs.to_epsg()
    ground = {}
    if barriers is not None and len(barriers) and "kind" in barriers.columns:
        said = barriers["kind"].astype("str").fillna("").str.split("=")
        key, value = said.str[0], said.str[-1]
        water = key.isin(["natural", "waterway"]) | value.isin(["river", "canal", "stream", "water"])
        rail = (key == "railway") | value.isin(["rail", "light_rail", "narrow_gauge"])
        for name, rows in (("rivers", water), ("railways", rail), ("roads", ~water & ~rail)):
            ground[name] = barriers[["geometry"]].assign(kind=value)[rows]
    outline = (
        areas
        if areas is not None
        else gpd.GeoDataFrame(geometry=[shapely.union_all(units.geometry.make_valid().array)], crs=srid)
    )
    base = BaseMap(ground, outline.assign(set="community"), territory=["community"], srid=srid)
    path.write_bytes(figure(base, UnitPicture(units, found, srid), title=title)[0])


def write_findings(found: Certificate, path: Path) -> Path | None:
    """Write findings when there are some; a list of an earlier run would mislead, so it goes when there are none."""
    from gis.gridfiles import write_faults

    if not len(found.faults):
        path.unlink(missing_ok=True)
        return None
    write_faults(found.faults, path)
    return path


def verdict(found: Certificate, written: Path | None) -> dict[str, Any]:
    """The certificate as values for JSON."""
    severity = found.faults["severity"].value_counts()
    figures = {k: round(v, 6) if isinstance(v, float) else v for k, v in found.figures.items() if k != "units"}
    return {
        "passed": found.passed,
        "faults": int(severity.get("fault", 0)),
        "notices": int(severity.get("notice", 0)),
        "counts": found.counts,
        "figures": figures,
        "faults_file": str(written) if written else None,
    }


def write_csv(table: Any, path: Path) -> None:
    """Write a table that spreadsheets open with its Chinese text whole."""
    try:
        table.to_csv(path, index=False, encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(path)) from error


def summary(answer: dict[str, Any]) -> str:
    """The summary for people."""
    lines = []
    if "passed" in answer:
        head = "certificate: passed" if answer["passed"] else "certificate: FAILED"
        lines.append(f"{head} ({answer['faults']:,} faults, {answer['notices']:,} notices)")
    for name, value in answer.items():
        if name in ("passed", "faults", "notices"):
            continue
        if isinstance(value, dict):
            inner = {k: v for k, v in value.items() if v not in (0, None)} if name == "counts" else value
            for k, v in inner.items():
                if isinstance(v, dict):
                    lines += [f"  {k:24} {_number(n)}  {why}" for why, n in v.items()]
                else:
                    lines.append(f"  {k:24} {_number(v)}")
        elif isinstance(value, list):
            lines += [f"  {name.removesuffix('s'):24} {one}" for one in value]
        elif value is not None:
            lines.append(f"  {name:24} {_number(value)}")
    return "\n".join(lines)


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
