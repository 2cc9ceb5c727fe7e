"""``wanmi hotspots``: where cases gather, as a file for a GIS, a table, or a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.cli.values import Number
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

    from api.hotspots import Look

ENDINGS = (".geojson", ".json", ".parquet", ".csv", ".html")
SQUARE_M = 100.0
"""Side of the squares of ``--cells plane --method gi``: ten thousand square metres."""
H3 = range(5, 13)


@click.command()
@click.option("--class", "classes", default="", help="Class, group or kind: 2026:C01001, 2026:C01, C; all by default.")
@click.option("--from", "begin", default="", help="First day or instant, the city's time; open by default.")
@click.option("--to", "end", default="", help="End, excluded; open by default.")
@click.option("--cells", help="unit, plane or h3:N (5 to 12); unit for gi and plane for kde by default.")
@click.option("--method", type=click.Choice(["gi", "kde"]), default="gi", show_default=True, help="Gi* or density.")
@click.option("--bandwidth", type=Number(), default=80.0, show_default=True, help="Of the density, metres.")
@click.option("--out", type=click.Path(dir_okay=False), help=f"File to write, by its ending: {' '.join(ENDINGS)}.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def hotspots(
    classes: str,
    begin: str,
    end: str,
    cells: str | None,
    method: str,
    bandwidth: float,
    out: str | None,
    city: str | None,
    as_json: bool,
) -> None:
    """Where cases gather: cells that hold more than their share (Gi*), or cases per hectare (kernel density).

    Cases without a location, on default points, beyond the city or not assigned never count. A page (.html) always
    shows the unit grids with their Gi* beside the density: other --cells or --method go into the other formats.

    \b
    Example:
      wanmi hotspots --class 2026:C01 --from 2026-06-01 --to 2026-07-01
      wanmi hotspots --method kde --out density.parquet
      wanmi hotspots --cells h3:9 --out hot.geojson
      wanmi hotspots --out hotspots.html
    """
    from api.settings import Settings, engine_for

    kind = cells or ("plane" if method == "kde" else "unit")
    check(kind, method, out)
    engine = engine_for(Settings.read(city=city))
    found = ask(engine, classes, begin, end, bandwidth)
    frame = table(found, kind, method)
    if out:
        write(found, frame, Path(out), engine)
    click.echo(summary(found, frame, kind, method, out, as_json=as_json))


def check(cells: str, method: str, out: str | None) -> None:
    """Refuse what cannot be done before anything is asked.

    Raises
    ------
    InputError
        Unknown cells, a method that does not go with them, or an ending that is no format.
    """
    name, _, level = cells.partition(":")
    if name == "h3" and not (level.isdigit() and int(level) in H3):
        raise InputError(f"h3 level {level!r}", where="--cells", right=f"h3:{H3.start} to h3:{H3.stop - 1}")
    if name not in ("unit", "plane", "h3") or (name != "h3" and level):
        raise InputError(f"{cells!r}", where="--cells", right="unit, plane or h3:N")
    if method == "kde" and name != "plane":
        raise InputError(f"a density has no cells of kind {cells}", where="--cells", right="take plane, or --method gi")
    if out and Path(out).suffix.lower() == ".html" and (name, method) != ("unit", "gi"):
        what = f"the page shows Gi* of unit grids and the density, not {cells} with {method}"
        raise InputError(what, where="--out", right="leave out --cells and --method, or write another format")
    if out and Path(out).suffix.lower() not in ENDINGS:
        raise InputError(f"{Path(out).suffix!r} is no format we write", where="--out", right=" ".join(ENDINGS))
    if out and not Path(out).absolute().parent.is_dir():
        raise InputError("there is no such folder", where=str(Path(out).absolute().parent))


def ask(engine: Engine, classes: str, begin: str, end: str, bandwidth: float) -> Look:
    """What the record says of a selection."""
    from api.hotspots import Selection, Units, look
    from gis import counts
    from gis.store import read_city

    city = read_city(engine)
    selection = Selection.read(city, classes, begin, end, bandwidth)
    return look(engine, city, counts.class_book(engine), selection, Units(engine, city))


def table(found: Look, cells: str, method: str) -> gpd.GeoDataFrame:
    """One row a cell: units with their Gi*, H3 cells or squares with theirs, or the density of the plane.

    Geometry is in degrees (WGS 84) for H3 cells, else in the city's CRS; cells without cases are left out of
    densities.
    """
    import geopandas as gpd
    import numpy as np
    import shapely

    from gis import hotspots as h

    name, _, level = cells.partition(":")
    if name == "unit":
        frame = found.units.assign(cases=found.cases.astype(int))
        return frame.assign(z=found.gi.z, p=found.gi.p, q=found.gi.q, hot=found.gi.hot())
    if name == "h3":
        return _h3(found, int(level))
    grid = (
        found.grid
        if method == "kde"
        else h.count_squares(found.places.x, found.places.y, found.bounds, cell_m=SQUARE_M)
    )
    rows, columns = (v.ravel() for v in np.indices(grid.values.shape))
    west, south = grid.west + columns * grid.cell_m, grid.south + rows * grid.cell_m
    boxes = shapely.box(west, south, west + grid.cell_m, south + grid.cell_m)
    if method == "kde":
        frame = gpd.GeoDataFrame({"cases_per_ha": grid.values.ravel().round(6)}, geometry=boxes, crs=found.city.srid)
        return frame[frame["cases_per_ha"] > 1e-3].reset_index(drop=True)
    gi = h.gi_star(grid.values.ravel(), h.contact(boxes))
    frame = gpd.GeoDataFrame({"cases": grid.values.ravel().astype(int)}, geometry=boxes, crs=found.city.srid)
    return frame.assign(z=gi.z, p=gi.p, q=gi.q, hot=gi.hot())


def _h3(found: Look, level: int) -> gpd.GeoDataFrame:
    """Gi* over the H3 cells that the units cover, or that hold cases; each with its neighbours of the first ring."""
    import geopandas as gpd
    import h3
    import numpy as np
    import shapely
    from scipy import sparse

    from gis import hotspots as h
    from gis.crs import to_lonlat

    lon, lat = to_lonlat(found.places.x, found.places.y, found.city.srid)
    of = np.array([h3.latlng_to_cell(a, b, level) for a, b in zip(lat, lon, strict=True)], dtype=object)
    cells, counts = np.unique(of.astype(str), return_counts=True) if len(of) else (np.array([], dtype=str), [])
    held = dict(zip(cells.tolist(), np.asarray(counts).tolist(), strict=True))
    middle = shapely.get_coordinates(shapely.centroid(found.units.geometry.to_numpy()))
    lon, lat = to_lonlat(middle[:, 0], middle[:, 1], found.city.srid)
    names = sorted({*held, *(h3.latlng_to_cell(a, b, level) for a, b in zip(lat, lon, strict=True))})
    place = {name: i for i, name in enumerate(names)}
    pairs = [(i, place[n]) for name, i in place.items() for n in h3.grid_disk(name, 1) if n in place]
    i, j = np.array(pairs, dtype=int).reshape(-1, 2).T
    near = sparse.csr_array((np.ones(len(i)), (i, j)), shape=(len(names), len(names)))
    cases = np.array([held.get(name, 0) for name in names])
    gi = h.gi_star(cases, near)
    shapes = [shapely.Polygon([(b, a) for a, b in h3.cell_to_boundary(name)]) for name in names]
    frame = gpd.GeoDataFrame({"code": names, "cases": cases}, geometry=shapes, crs=4326)
    return frame.assign(z=gi.z, p=gi.p, q=gi.q, hot=gi.hot())


def write(found: Look, frame: gpd.GeoDataFrame, out: Path, engine: Engine) -> None:
    """Write the cells in the format of the file's ending; HTML is the page itself, asking nobody for anything."""
    import geopandas as gpd

    ending = out.suffix.lower()
    if ending == ".html":
        out.write_text(_page(found, engine), encoding="utf-8")
    elif ending == ".parquet":
        frame.to_parquet(out, index=False)
    elif ending == ".csv":
        middle = frame.geometry.representative_point() if frame.crs.is_geographic else frame.geometry.centroid
        middle = in_degrees(gpd.GeoDataFrame(geometry=middle, crs=frame.crs), found.city.srid).geometry
        flat = frame.drop(columns="geometry").assign(lon=middle.x.round(7), lat=middle.y.round(7))
        flat.to_csv(out, index=False, encoding="utf-8-sig")
    else:
        degrees = in_degrees(frame, found.city.srid)
        degrees.to_file(out, driver="GeoJSON", engine="pyogrio", COORDINATE_PRECISION=7)


def in_degrees(frame: gpd.GeoDataFrame, srid: int) -> gpd.GeoDataFrame:
    """A frame of the city's CRS in WGS 84; one that is in degrees as it is."""
    import numpy as np
    import shapely

    from gis.crs import to_lonlat

    if frame.crs.is_geographic:
        return frame

    def move(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], srid))

    return frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), move), crs=4326)


def _page(found: Look, engine: Engine) -> str:
    import pandas as pd

    from api.pages.basemap import BaseMap
    from api.pages.hotspots import page, pictures
    from api.pages.names import place_names
    from gis import counts

    city = found.city
    areas = counts.area_shapes(engine, at=pd.Timestamp.now(tz="UTC"), srid=city.srid)
    ground = counts.ground(engine, srid=city.srid)
    options: dict[str, Any] = {"territory": city.territory, "srid": city.srid}
    return page(found, pictures(found, BaseMap(ground, areas, **options), place_names(areas, ground, **options)))


def summary(found: Look, frame: gpd.GeoDataFrame, cells: str, method: str, out: str | None, *, as_json: bool) -> str:
    """Counts, and the strongest cells, as text or JSON."""
    places = found.places
    facts: dict[str, Any] = {
        "cases": places.total,
        "counted": len(places),
        "no_location": places.no_location,
        "outside": places.outside,
        "unassigned": places.unanswered,
        "method": method,
        "cells": cells,
        "n_cells": len(frame),
    }
    if method == "gi":
        facts["hot"] = int(frame["hot"].sum())
    else:
        facts["bandwidth_m"] = found.selection.bandwidth_m
        facts["most_cases_per_ha"] = round(float(found.grid.values.max()), 3)
    if out:
        facts["file"] = out
    if as_json:
        return json.dumps(facts, ensure_ascii=False)
    lines = [
        f"{name:12} {value:,}" if isinstance(value, int) else f"{name:12} {value}" for name, value in facts.items()
    ]
    if method == "gi" and "code" in frame:
        best = frame[frame["hot"]].nlargest(10, "z")
        lines += [
            f"  {c}  {n:>6} cases  z {z:6.2f}  q {q:.2g}" for c, n, z, q in best[["code", "cases", "z", "q"]].to_numpy()
        ]
    return "\n".join(lines)


COMMANDS = (hotspots,)
