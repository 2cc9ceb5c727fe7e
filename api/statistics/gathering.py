"""One question about where cases gather, answered by any method on any cells: for the command line and for HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import shapely

from api.statistics.cells import boxes, find_cells
from api.statistics.exposing import Exposing, gather_exposed
from api.statistics.in_time import METHODS as IN_TIME
from api.statistics.in_time import gather_in_time
from api.statistics.selection import BANDWIDTH_M, BANDWIDTHS_M, LEVEL, Look, Selection, cell_of
from api.statistics.steady import add_stability, check_stability
from gis import exact, hotspots, moments, raster
from gis.crs import to_lonlat
from gis.hotspots import dbscan, hexagons, permutation
from gis.hotspots.points import heaps
from grids.catalog import Catalog
from grids.errors import InputError, TooLarge
from grids.nearmiss import suggest

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from sqlalchemy import Engine

METHODS = ("gi", "moran", "kde", "clusters", "rates", *IN_TIME)
SQUARES_M = (10.0, 2000.0)
MOST_FEATURES = 20_000
"""Most cells of a density over HTTP: coarser ones are made of the fine ones, the integral stays."""
LEAST_DENSITY = 1e-3
"""Cells below (cases per hectare) are left out of a density's answer."""


@dataclass(frozen=True)
class Way:
    """How to ask: the method, the cells, and what the method takes. `read` checks it.

    ``cells`` is ``unit``, ``area:SET``, ``h3:N`` or ``plane``; ``cell_m`` NaN for the usual side of squares.
    """

    method: str = "gi"
    cells: str = "unit"
    p: str = "auto"
    runs: int = permutation.RUNS
    seed: int = 0
    kernel: str = "gaussian"
    bandwidth_m: float = BANDWIDTH_M
    cell_m: float = float("nan")
    reach_m: float = 50.0
    least: int = 50
    bin_days: int = 7
    back: int = 1
    longest: int = 8
    against: str = "city"

    @classmethod
    def read(
        cls,
        *,
        method: str = "gi",
        cells: str | None = None,
        p: str = "auto",
        runs: int = permutation.RUNS,
        seed: int = 0,
        kernel: str = "gaussian",
        bandwidth_m: float = BANDWIDTH_M,
        cell_m: float | None = None,
        reach_m: float = 50.0,
        least: int = 50,
        bin_days: int = 7,
        back: int = 1,
        longest: int = 8,
        against: str = "city",
        named: Callable[[str], str] = str,
    ) -> Way:
        """Check what was asked, before anything is read.

        Parameters
        ----------
        named
            How the asker writes a parameter (``--cells``), for errors.

        Raises
        ------
        InputError
            The first parameter that is wrong.
        """
        _one_of(method, METHODS, named("method"))
        free = method in ("kde", "clusters", "knox")
        cells = cells or ("plane" if free else "unit")
        kind, _, rest = cells.partition(":")
        levels = hexagons.LEVELS
        if kind == "h3" and not (rest.isascii() and rest.isdigit() and int(rest) in levels):
            right = f"h3:{levels.start} to h3:{levels.stop - 1}"
            raise InputError(f"h3 level {rest!r}", where=named("cells"), right=right)
        if kind not in ("unit", "area", "h3", "plane") or (kind in ("unit", "plane") and ":" in cells):
            raise InputError(f"{cells!r}", where=named("cells"), right="unit, area:SET, h3:N or plane")
        if free and kind != "plane":
            noun = {"kde": "a density has", "knox": "pairs of cases have"}.get(method, "clusters have")
            right = f"take plane, or {named('method')} gi"
            raise InputError(f"{noun} no cells of kind {cells}", where=named("cells"), right=right)
        _one_of(p, ("auto", "analytic", "permutation"), named("p"))
        _within(runs, 1, permutation.MOST_RUNS, named("runs"))
        _within(seed, 0, 2**63 - 1, named("seed"))
        _one_of(kernel, hotspots.KERNELS, named("kernel"))
        _within(bandwidth_m, *BANDWIDTHS_M, "bandwidth_m", "metres")
        if cell_m is not None:
            _within(cell_m, *SQUARES_M, named("cell_m"), "metres")
            if method == "kde" and cell_m > bandwidth_m / 2:
                right = f"at most half the bandwidth, {bandwidth_m / 2:g} m"
                raise InputError(f"{cell_m:g}", where=named("cell_m"), right=right)
        _within(reach_m, *dbscan.REACH_M, named("reach_m"), "metres")
        _within(least, 2, dbscan.MOST_CASES, named("least"), "cases")
        _within(bin_days, 1, 366, named("bin_days"), "days")
        _within(back, 0, 100, named("back"), "bins")
        _within(longest, 1, 500, named("longest"), "bins")
        _one_of(against, ("city", "length"), named("against"))
        side = float("nan") if cell_m is None else float(cell_m)
        return cls(
            method, cells, p, runs, seed, kernel, float(bandwidth_m), side, float(reach_m), least,
            bin_days, back, longest, against,
        )  # fmt: skip


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        near = suggest(value[:60], list(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "one of " + ", ".join(known)
        raise InputError(f"{value[:60]!r}", where=where, right=hint)


def _within(value: float, low: float, high: float, where: str, unit: str = "") -> None:
    if not low <= value <= high:
        raise InputError(f"{value:g}", where=where, right=f"{low:g} to {high:g} {unit}".rstrip())


@dataclass(frozen=True)
class Gathering:
    """The answer: one row a cell or cluster, in an order that is always the same.

    Parameters
    ----------
    frame
        Geometry in degrees (WGS 84) for H3 cells, else in the city's CRS.
    parameters
        All that was asked, seed included, and how p came about.
    facts
        How many cases there are, count, and why others do not; what was found.
    near
        Which rows are neighbours, a sparse matrix; None where nobody said.
    """

    frame: gpd.GeoDataFrame
    parameters: dict[str, Any]
    facts: dict[str, Any]
    near: Any = field(default=None, repr=False, compare=False)

    def plot(self, ax: Axes | None = None, *, ground: Mapping[str, pd.DataFrame] | None = None) -> Axes:
        """A figure of it, as `api.statistics.drawn.draw`."""
        from api.statistics.drawn import draw

        return draw(self, ax, ground=ground)

    def explore(self, *, column: str | None = None, height: int = 480) -> Any:
        """A map of it to move and point at (folium), as `api.pages.explored.explore`."""
        from api.pages.explored import explore

        return explore(self, column=column, height=height)


def gather(
    engine: Engine,
    book: Catalog,
    found: Look,
    way: Way,
    *,
    most: int | None = None,
    hot_only: bool = False,
    before: gpd.GeoDataFrame | None = None,
    earlier: Selection | None = None,
    exposing: Exposing | None = None,
    stability: bool = False,
) -> Gathering:
    """Answer a question.

    Parameters
    ----------
    engine, book
        The record, and its class catalogue.
    found
        The cases of the selection.
    way
        How to ask.
    most
        Most cells of a density; None for no bound.
    hot_only
        Only cells that stand out.
    before
        Clusters of an earlier answer (``id``, geometry in the city's CRS), whose ids are taken over.
    earlier
        The period that ``compare`` holds this one against; the stretch right before it by default.
    exposing
        What gi, moran and rates set the cases against; None for the counts themselves.
    stability
        Whether hot cells of gi and moran are asked for on other grids too.

    Raises
    ------
    InputError
        There is no such set of areas or exposure; a period that the method cannot do with.
    """
    if stability:
        check_stability(way.method, exposing)
    facts = _counts(found)
    parameters = _asked(found, way)
    if way.method == "kde":
        frame, more, told = _density(found, way, most)
    elif way.method == "clusters":
        frame, more, told = _clusters(found, way, before)
    elif exposing is not None:
        frame, more, told = gather_exposed(engine, book, found, way, exposing)
    elif way.method in IN_TIME:
        frame, more, told = gather_in_time(found, way, earlier)
    else:
        frame, more, told = _local(found, way)
    if stability:
        frame, settings = add_stability(frame, found, way.cell_m, way.seed)
        more = more | settings
    every = frame
    near = found.ground.near if way.cells == "unit" and len(frame) == len(found.units) else None
    if hot_only and "hot" in frame:
        frame, near = frame[frame["hot"]].reset_index(drop=True), None
    return Gathering(frame, parameters | more, facts | told | _heaps(found, every), near)


def _heaps(found: Look, frame: gpd.GeoDataFrame) -> dict[str, Any]:
    """Cases at exactly one place, if there are many: an address, or a default point that nobody declared."""
    piled = heaps(found.places.x, found.places.y)
    if not piled:
        return {}
    srid = found.city.srid
    lon, lat = to_lonlat([h.x for h in piled], [h.y for h in piled], srid)
    hot = frame[frame["hot"]] if "hot" in frame else frame.iloc[:0]
    x, y = (lon, lat) if frame.crs.is_geographic else ([h.x for h in piled], [h.y for h in piled])
    shapes = hot.geometry.to_numpy()
    on = [bool(shapely.intersects_xy(shapes, a, b).any()) for a, b in zip(x, y, strict=True)]
    rows = zip(lon.round(6).tolist(), lat.round(6).tolist(), piled, on, strict=True)
    return {"heaps": [{"lon": a, "lat": b, "cases": h.cases, "hot": told} for a, b, h, told in rows]}


def _counts(found: Look) -> dict[str, Any]:
    places = found.places
    facts: dict[str, Any] = {
        "cases": places.total,
        "counted": len(places),
        "no_location": places.no_location,
        "outside": places.outside,
        "unassigned": places.unanswered,
    }
    one_place = len(places) > 1 and np.ptp(places.x) == 0 and np.ptp(places.y) == 0
    few = {0: "no case of the selection has a place: nothing gathers", 1: "one case: nothing gathers"}
    if len(places) in few:
        facts["note"] = few[len(places)]
    elif one_place:
        facts["note"] = f"all {len(places):,} cases lie at one place: look whether it is a default point"
    return facts


def _asked(found: Look, way: Way) -> dict[str, Any]:
    selection = found.selection

    def stamp(value: pd.Timestamp) -> str | None:
        return None if pd.isna(value) else value.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")

    common = {
        "method": way.method,
        "cells": way.cells,
        "class": selection.classes,
        "from": stamp(selection.begin),
        "to": stamp(selection.end),
        "seed": way.seed,
    }
    common |= selection.said()
    if pd.notna(selection.known_at):
        common["known_at"] = stamp(selection.known_at)
    if way.method == "kde":
        return common | {"kernel": way.kernel, "bandwidth_m": way.bandwidth_m}
    if way.method == "clusters":
        return common | {"reach_m": way.reach_m, "least": way.least}
    if way.method in ("rates", *IN_TIME):
        return common
    return common | {"p": way.p, "runs": way.runs, "level": LEVEL}


# ---------------------------------------------------------------- cells against their surroundings


def _local(found: Look, way: Way) -> tuple[gpd.GeoDataFrame, dict[str, Any], dict[str, Any]]:
    frame, near = _cells(found, way)
    options: dict[str, Any] = {"p": way.p, "runs": way.runs, "seed": way.seed}
    told: dict[str, Any] = {"n_cells": len(frame)}
    if len(frame) < 2:
        none = np.full(len(frame), np.nan)
        evidence = hotspots.Evidence("none", "fewer than two cells")
        frame = frame.assign(z=none, p=none, q=none, hot=False)
    elif way.method == "gi":
        gi = hotspots.gi_star(frame["cases"], near, **options)
        frame, evidence = frame.assign(z=gi.z, p=gi.p, q=gi.q, hot=gi.hot()), gi.evidence
    else:
        local = hotspots.local_moran(frame["cases"], near, **options)
        kind = np.array(hotspots.QUADRANTS, dtype=object)[local.quadrant]
        frame = frame.assign(i=local.i, z=local.z, p=local.p, q=local.q, quadrant=kind, hot=local.hot())
        evidence = local.evidence
    parameters = {"p_by": evidence.by, "p_why": evidence.why, "p_runs": evidence.runs}
    return frame, parameters, told | {"hot": int(frame["hot"].sum())}


def _cells(found: Look, way: Way) -> tuple[gpd.GeoDataFrame, Any]:
    """Cells with their cases, and who is whose neighbour."""
    places = found.places
    cells = find_cells(found, way.cells, way.cell_m, places.x, places.y, places.unit)
    frame = cells.frame
    frame.insert(len(frame.columns) - 1, "cases", cells.counted())
    return frame, cells.near


# ---------------------------------------------------------------- density


def _density(found: Look, way: Way, most: int | None) -> tuple[gpd.GeoDataFrame, dict[str, Any], dict[str, Any]]:
    import geopandas as gpd

    side = cell_of(way.bandwidth_m) if np.isnan(way.cell_m) else way.cell_m
    smoother = found.ground.smoother(found.bounds, way.kernel, way.bandwidth_m, side)
    grid = smoother.density(found.places.x, found.places.y)
    top = float(grid.values.max(initial=0.0))
    fine, factor = grid, 1
    while most is not None and np.count_nonzero(grid.values > LEAST_DENSITY) > most:
        factor += 1
        grid = fine.coarser(factor)
    if factor > 1 and not np.isnan(way.cell_m):
        raise TooLarge(f"more than {most:,} cells", where="cell_m", right="larger ones, or leave it out")
    inside = grid.values > LEAST_DENSITY
    columns = {"cases_per_ha": grid.values[inside].round(6)}
    frame = gpd.GeoDataFrame(columns, geometry=boxes(grid.west, grid.south, grid.cell_m, inside), crs=found.city.srid)
    told = {"n_cells": len(frame), "most_cases_per_ha": round(top, 3), "left_out": grid.left_out}
    edges = "kernel mass kept on the city's ground (Diggle)" if smoother.inside is not None else "none"
    return frame, {"cell_m": grid.cell_m, "edges": edges}, told


# ---------------------------------------------------------------- clusters


def _clusters(
    found: Look, way: Way, before: gpd.GeoDataFrame | None
) -> tuple[gpd.GeoDataFrame, dict[str, Any], dict[str, Any]]:
    import geopandas as gpd

    city = found.city
    cases = found.source.moments(found.wanted)
    made = hotspots.find_clusters(cases.x, cases.y, cases.at, reach_m=way.reach_m, least=way.least)
    fresh = [_name(cases, int(i), city.time_zone) for i in made.founder]
    held = _held_before(before, cases) if before is not None else np.full(len(cases.x), "", dtype=object)
    ids = hotspots.carry_ids(held, made.label, fresh)
    mine = made.label >= 0
    first, last = np.full(len(made), np.iinfo(np.int64).max), np.full(len(made), np.iinfo(np.int64).min)
    np.minimum.at(first, made.label[mine], cases.at[mine])
    np.maximum.at(last, made.label[mine], cases.at[mine])
    area = shapely.area(made.shape) / 10_000.0
    columns = {
        "id": ids,
        "cases": made.cases.astype(int),
        "cores": np.bincount(made.label[made.core], minlength=len(made)).astype(int),
        "area_ha": area.round(4),
        "first": [_text(v) for v in first],
        "last": [_text(v) for v in last],
        "founded": [_text(cases.at[i]) for i in made.founder],
    }
    frame = gpd.GeoDataFrame(columns, geometry=list(made.shape), crs=city.srid)
    told = {"n_cells": len(frame), "clusters": len(frame), "in_clusters": int(mine.sum())}
    return frame, {}, told


def _name(cases: moments.Moments, founder: int, zone: str) -> str:
    """The id of a cluster: the day on which its founding case came in, and a mark of that case."""
    day = cases.stamp(founder).tz_convert(zone).strftime("%Y%m%d")
    return f"{day}-{int(cases.number[founder]) % 2**32:08x}"


def _text(at: int) -> str:
    return pd.Timestamp(int(at), unit="us", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")


def _held_before(before: gpd.GeoDataFrame, cases: moments.Moments) -> np.ndarray:
    """Id of the earlier cluster whose polygon holds each case, "" for none."""
    shapes, ids = before.geometry.to_numpy(), before["id"].to_numpy(dtype=object)
    mm = exact.millimetres(np.column_stack([cases.x, cases.y]))
    at = raster.locate(raster.build(shapes), *np.ascontiguousarray(mm.T))
    return np.where(at >= 0, ids[at], "") if len(ids) else np.full(len(at), "", dtype=object)


# ---------------------------------------------------------------- as GeoJSON


def in_degrees(frame: gpd.GeoDataFrame, srid: int) -> gpd.GeoDataFrame:
    """A frame of the city's CRS in WGS 84; one that is in degrees as it is."""
    if frame.crs.is_geographic:
        return frame

    def move(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], srid))

    return frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), move), crs=4326)


def geojson(answer: Gathering, srid: int) -> bytes:
    """The answer as a GeoJSON FeatureCollection, with ``parameters`` and ``facts`` beside the features.

    Coordinates have seven decimals (a centimetre); equal answers are equal byte for byte.
    """
    frame = in_degrees(answer.frame, srid)
    exact_shapes = frame.geometry.to_numpy()
    shapes = shapely.transform(exact_shapes, lambda xy: xy.round(7))
    bent = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)  # hairline spikes that rounding folds over
    shapes[bent] = shapely.set_precision(exact_shapes[bent], 1e-7)
    columns = {name: _plain(frame[name]) for name in frame.columns if name != frame.geometry.name}
    features = [
        {
            "type": "Feature",
            "geometry": orjson.Fragment(text or "null"),
            "properties": dict(zip(columns, row, strict=True)),
        }
        for text, row in zip(shapely.to_geojson(shapes), zip(*columns.values(), strict=True), strict=True)
    ]
    head = {"type": "FeatureCollection", "parameters": answer.parameters, "facts": answer.facts}
    return orjson.dumps(head | {"features": features})


def _plain(column: pd.Series) -> list[Any]:
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    return column.tolist()
