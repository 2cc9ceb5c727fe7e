"""One question about where cases gather, answered by any method on any cells: for the command line and for HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from api.instants import written_instant
from api.statistics.cells import SQUARE_M, boxes, find_cells
from api.statistics.exposing import Exposing, gather_exposed
from api.statistics.gathered import Gathering
from api.statistics.hectares import cell_hectares, is_whole
from api.statistics.in_time import METHODS as IN_TIME
from api.statistics.in_time import gather_in_time
from api.statistics.masking import cut_cells, some_of
from api.statistics.selection import LEVEL, Look, Selection, cell_of
from api.statistics.steady import add_stability, check_stability
from api.statistics.way import Way
from gis import exact, hotspots, moments, raster
from gis.crs import to_lonlat
from gis.hotspots import hexagons
from gis.hotspots.points import heaps
from grids.catalog import Catalog
from grids.errors import InputError, TooLarge

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

MOST_FEATURES = 20_000
"""Most cells of a density over HTTP: coarser ones are made of the fine ones, the integral stays."""
MOST_CELLS = 250_000
"""About so many cells of a grid over HTTP at most: an answer of a hundred megabytes serves nobody."""
WITHOUT_HOT = ("kde", "clusters", "rates")
"""Methods that claim no significance."""
LEAST_DENSITY = 1e-3
"""Cells below (cases per hectare) are left out of a density's answer."""


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
        Most cells of a density; None for no bound, there and of squares and H3 cells (`MOST_CELLS`).
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
    if earlier is not None and way.method != "compare":
        raise InputError("an earlier period", where="versus_from", right="take method compare")
    if exposing is not None and way.method == "gi" and way.p != "auto":
        raise InputError(f"{way.p}", where="p", right="auto: given an exposure, p is the tail of an uneven count")
    if hot_only:
        check_hot(way.method)
    if most is not None and way.method != "kde":
        check_size(found, way)
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
        frame, settings = add_stability(frame, found, way)
        more = more | settings
    if way.method in ("gi", "moran", "rates", "compare") and "cases" in frame:
        told = told | {"in_cells": int(frame["cases"].sum())}
    every = frame
    near = found.ground.near if way.cells == "unit" and len(frame) == len(found.units) else None
    if hot_only and "hot" in frame:
        frame, near = frame[frame["hot"]].reset_index(drop=True), None
    return Gathering(frame, parameters | more, facts | told | _heaps(found, every), near)


def check_hot(method: str) -> None:
    """Refuse to tell only what stands out of what claims no significance.

    Raises
    ------
    InputError
        A density, clusters, rates.
    """
    if method in WITHOUT_HOT:
        raise InputError(f"{method} has nothing that stands out", where="hot", right="leave it out, or take method gi")


def check_size(found: Look, way: Way) -> None:
    """Refuse squares and H3 cells of which a city has too many to be sent.

    Raises
    ------
    TooLarge
        About more than `MOST_CELLS`.
    """
    kind, _, level = way.cells.partition(":")
    if kind not in ("plane", "h3") or way.method in ("clusters", "knox"):
        return
    side = SQUARE_M if np.isnan(way.cell_m) else way.cell_m
    each = side**2 if kind == "plane" else hexagons.usual_area(int(level))
    count = float(shapely.area(found.ground.ground).sum()) / each
    if count > MOST_CELLS:
        right = f"at most {MOST_CELLS:,} here: larger ones; the command line takes more"
        raise TooLarge(f"about {count:,.0f} cells", where="cell_m" if kind == "plane" else "cells", right=right)


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

    common: dict[str, Any] = {
        "method": way.method,
        "cells": way.cells,
        "class": selection.classes,
        "from": written_instant(selection.begin),
        "to": written_instant(selection.end),
        "seed": way.seed,
    }
    if way.cells == "plane" and way.method not in ("kde", "clusters", "knox"):
        common["cell_m"] = SQUARE_M if np.isnan(way.cell_m) else way.cell_m
    common |= selection.said()
    if pd.notna(found.ground.at):
        common["at"] = written_instant(found.ground.at)
    if pd.notna(selection.known_at):
        common["known_at"] = written_instant(selection.known_at)
    if way.method == "kde":
        return common | {"kernel": way.kernel, "bandwidth_m": way.bandwidth_m}
    if way.method == "clusters":
        return common | {"reach_m": way.reach_m, "least": way.least}
    if way.method in ("rates", *IN_TIME):
        return common
    return common | {"p": way.p, "runs": way.runs, "level": LEVEL}


# ---------------------------------------------------------------- cells against their surroundings


def _local(found: Look, way: Way) -> tuple[gpd.GeoDataFrame, dict[str, Any], dict[str, Any]]:
    """Cases per hectare of each cell against those around; cells at the rim of a grid are held against nothing."""
    frame, near, hectares = _cells(found, way)
    keep = is_whole(hectares, way.cells)
    options: dict[str, Any] = {"p": way.p, "runs": way.runs, "seed": way.seed}
    told: dict[str, Any] = {"n_cells": len(frame), "at_rim": int((~keep).sum())}
    density = frame["cases"].to_numpy(dtype=float) / hectares
    columns: dict[str, Any] = {"hectares": hectares.round(4), "cases_per_ha": density.round(4)}
    names = ("z", "p", "q") if way.method == "gi" else ("i", "z", "p", "q")
    columns |= {name: np.full(len(frame), np.nan) for name in names}
    quadrant, hot = np.zeros(len(frame), dtype=np.int8), np.zeros(len(frame), dtype=bool)
    if keep.sum() < 2:
        evidence = hotspots.Evidence("none", "fewer than two cells")
    else:
        ask = hotspots.gi_star if way.method == "gi" else hotspots.local_moran
        found_by = ask(density[keep], some_of(near, keep), **options)
        for name in names:
            columns[name][keep] = getattr(found_by, name)
        hot[keep], evidence = found_by.hot(), found_by.evidence
        if isinstance(found_by, hotspots.Moran):
            quadrant[keep] = found_by.quadrant
    if way.method == "moran":
        columns["quadrant"] = np.array(hotspots.QUADRANTS, dtype=object)[quadrant]
    frame = frame.assign(**columns, hot=hot)
    parameters = {"of": "cases per hectare", "p_by": evidence.by, "p_why": evidence.why, "p_runs": evidence.runs}
    return frame, parameters, told | {"hot": int(hot.sum())}


def _cells(found: Look, way: Way) -> tuple[gpd.GeoDataFrame, Any, np.ndarray]:
    """Cells with their cases, who is whose neighbour, and the hectares of each."""
    places = found.places
    cut = cut_cells(found, find_cells(found, way.cells, way.cell_m, places.x, places.y, places.unit))
    frame = cut.cells.frame
    frame.insert(len(frame.columns) - 1, "cases", cut.cells.counted())
    return frame, cut.cells.near, cell_hectares(found, cut, way.cells)


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


def _text(at: int) -> str | None:
    return written_instant(pd.Timestamp(int(at), unit="us", tz="UTC"))


def _held_before(before: gpd.GeoDataFrame, cases: moments.Moments) -> np.ndarray:
    """Id of the earlier cluster whose polygon holds each case, "" for none."""
    shapes, ids = before.geometry.to_numpy(), before["id"].to_numpy(dtype=object)
    mm = exact.millimetres(np.column_stack([cases.x, cases.y]))
    at = raster.locate(raster.build(shapes), *np.ascontiguousarray(mm.T))
    return np.where(at >= 0, ids[at], "") if len(ids) else np.full(len(at), "", dtype=object)
