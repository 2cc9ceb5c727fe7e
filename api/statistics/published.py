"""What is published: a release made from the record, and answers computed from a release alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from api.statistics.cells import boxes
from api.statistics.gathered import Gathering
from api.statistics.gathering import LEAST_DENSITY
from api.statistics.selection import KINDS, LEVEL, cell_of
from api.statistics.way import Way
from gis import counts, hotspots
from gis.publishing import K, Ladder, Release, carry_on, first_release
from gis.state import state_folder
from grids.catalog import Catalog
from grids.errors import InputError, TooLarge

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Engine

    from api.settings import Settings
    from gis.model import City

METHODS = ("gi", "moran", "kde", "compare")
"""What is computed from published figures; the others need single cases and are not published."""
MOST_SQUARES = 50_000
"""Most squares of a density: coarser ones are made of the fine ones; whoever passes by may ask for them."""
OTHER = "other"
"""Edition of the class groups that the city's own edition does not know, one of each kind."""


@dataclass(frozen=True)
class Asked:
    """A question to a release: a class filter; first and last day as text, the end excluded, "" for open; the same of
    the period that ``compare`` holds this one against.
    """

    classes: str = ""
    begin: str = ""
    end: str = ""
    versus_from: str = ""
    versus_to: str = ""


def release_file(settings: Settings) -> Path:
    """The release of a city: the setting's, else ``release-CITY.gpkg`` in the state folder."""
    if settings.release:
        return Path(settings.release).expanduser()
    state = Path(settings.state).expanduser() if settings.state else state_folder()
    return state / f"release-{settings.city}.gpkg"


# ---------------------------------------------------------------- from the record


def make_release(
    engine: Engine,
    city: City,
    book: Catalog,
    *,
    earlier: Release | None,
    k: int = K,
    now: pd.Timestamp | None = None,
    progress: Callable[[str], None] | None = None,
) -> Release:
    """The first release of a city, or the one after `earlier`.

    Parameters
    ----------
    earlier
        The release so far, whose figures stay as they are; None for the first.
    k
        Of a first release.
    now
        Instant at which this is decided; half-years that are not over by then are not published.
    progress
        Called with the name of each stage.

    Raises
    ------
    InputError
        No units, no half-year that is over.
    """
    now = pd.Timestamp.now(tz="UTC") if now is None else now
    until = now.tz_convert(city.time_zone).tz_localize(None).to_period("M")
    if progress is not None:
        progress("reading the record")
    held = monthly_cases(engine, book, city, until)
    day = now.tz_convert(city.time_zone).date().isoformat()
    if earlier is not None:
        return carry_on(earlier, held, day=day, until=until, progress=progress)
    ladder = city_ladder(engine, city, now)
    return first_release(held, ladder, menu_groups(book, city.edition), day=day, until=until, k=k, progress=progress)


def city_ladder(engine: Engine, city: City, at: pd.Timestamp) -> Ladder:
    """Areas and units as they hold at an instant."""
    units = counts.unit_shapes(engine, at=at, srid=city.srid)
    rows = counts.read_rows(engine, "frame_areas", at=at.to_pydatetime(), known_at=None)
    shapes = shapely.from_wkb([row.pop("geometry") for row in rows])
    columns = ["set", "code", "parent", "name"]
    areas = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns).fillna(""), geometry=shapes, crs=city.srid)
    return Ladder.of(areas, units, city.name)


def monthly_cases(engine: Engine, book: Catalog, city: City, until: pd.Period) -> pd.DataFrame:
    """Cases by unit, class group and month."""
    end = until.to_timestamp().tz_localize(city.time_zone).to_pydatetime()
    rows = counts.read_rows(engine, "case_months", zone=city.time_zone, begin=None, end=end)
    table = pd.DataFrame(rows, columns=["unit", "class", "month", "cases"])
    table["class"] = groups_of(book, table["class"].to_numpy(dtype=object), city.edition)
    table = table[table["class"] != ""]
    table = table.groupby(["unit", "class", "month"], as_index=False)["cases"].sum()
    return table.assign(month=pd.PeriodIndex(table["month"], freq="M"))


def menu_groups(book: Catalog, edition: str) -> list[str]:
    """Every class group of an edition, with or without cases, and those of what it does not know."""
    mine = book.classes[book.classes["edition"] == edition]
    code = mine["major_code"].where(mine["major_code"] != "", mine["code"])
    return sorted({*(f"{edition}:" + mine["kind"] + code), *(f"{OTHER}:{kind}" for kind in KINDS)})


def groups_of(book: Catalog, classes: NDArray[np.object_], edition: str) -> NDArray[np.object_]:
    """Class group of each class text: its major class in the city's edition (that of the class it became, where it is
    of an older one), ``other:C`` and ``other:E`` where there is none, "" for what is no class.

    Examples
    --------
    >>> from grids.catalog import catalog
    >>> groups_of(catalog(), np.array(["2026:E06010", "2013:C0101", "x"], dtype=object), "2026").tolist()
    ['2026:E06', '2026:C01', '']
    """
    texts, back = np.unique(classes.astype(str), return_inverse=True)
    at = book.index(texts)
    here = np.where(at >= 0, np.where(book.to_2026[at] >= 0, book.to_2026[at], at), -1) if edition == "2026" else at
    out = []
    for place in here:
        if place < 0:
            out.append("")
            continue
        row = book.classes.iloc[int(place)]
        own = f"{row['edition']}:{row['kind']}{row['major_code'] or row['code']}"
        out.append(own if row["edition"] == edition else f"{OTHER}:{row['kind']}")
    return np.array(out, dtype=object)[back]


# ---------------------------------------------------------------- from a release alone


def answer(release: Release, way: Way, asked: Asked) -> Gathering:
    """Answer a question from the figures of a release; nothing else is read.

    Parameters
    ----------
    release
        The figures.
    way, asked
        How to ask, and of what: a class group, whole months.

    Returns
    -------
    Gathering
        ``cases`` NaN where the figure is not shown, ``estimate`` as `Release.estimate` has it.

    Raises
    ------
    InputError
        A method, cells, class or period that is not published.
    """
    if way.method not in METHODS:
        what = f"{way.method} tells of single cases and is not published"
        raise InputError(what, where="method", right=", ".join(METHODS))
    level, classes = _level(release, way), "" if asked.classes == "*" else asked.classes
    first, last = release.months()
    begin = month(asked.begin, "from") if asked.begin else first
    end = month(asked.end, "to") if asked.end else last
    frame = release.level(level)
    shown = release.cases(level, classes, begin, end)
    guess = release.estimate(level, classes, begin, end)
    head = {
        "method": way.method, "cells": way.cells, "class": classes, "from": str(begin), "to": str(end),
        "published": True, "k": release.k, "seed": way.seed,
    }  # fmt: skip
    facts: dict[str, Any] = {
        "cells_shown": int((~np.isnan(shown)).sum()),
        "cells_hidden": int(np.isnan(shown).sum()),
        "cases_shown": int(np.nansum(shown)),
        "decided": str(release.shares["day"].max()) if len(release.shares) else "",
    }
    columns = {"code": frame["code"].to_numpy(), "cases": shown, "estimate": guess.round(3)}
    made = gpd.GeoDataFrame(columns, geometry=frame.geometry.to_numpy(), crs=frame.crs)
    if way.method == "kde":
        return _density(way, guess, frame, head, facts)
    if way.method == "compare":
        length = (end - begin).n
        since = month(asked.versus_from, "versus_from") if asked.versus_from else begin - length
        until = month(asked.versus_to, "versus_to") if asked.versus_to else begin
        if since < end and begin < until:
            right = "periods that share no month"
            raise InputError("the two periods overlap", where="versus_from", right=right)
        before = release.cases(level, classes, since, until)
        weight = length / (until - since).n if way.against == "length" else None
        head |= {"versus_from": str(since), "versus_to": str(until), "against": way.against}
        return _compared(made, before, weight, head, facts)
    return _local(way, made, head, facts)


def _level(release: Release, way: Way) -> str:
    kind, _, name = way.cells.partition(":")
    level = {"unit": "unit", "area": name, "plane": "unit"}.get(kind, "")
    if not level or (kind == "plane" and way.method != "kde"):
        right = "unit, or area: with " + ", ".join(release.ladder.levels[:-1])
        raise InputError(f"{way.cells!r} is not published", where="cells", right=right)
    return level


def month(text: str, where: str) -> pd.Period:
    """A month by its first day.

    Examples
    --------
    >>> month("2026-07-01", "from")
    Period('2026-07', 'M')
    """
    try:
        at = pd.Timestamp(text).tz_localize(None)
        if at == at.to_period("M").to_timestamp():
            return at.to_period("M")
    except (ValueError, TypeError):
        pass
    raise InputError(
        f"{text[:40]!r}", where=where, right="the first day of a month, 2026-07-01: whole months are published"
    )


def _local(way: Way, made: gpd.GeoDataFrame, head: dict[str, Any], facts: dict[str, Any]) -> Gathering:
    """Cells whose figures are shown against each other; a hidden one is unknown, and nobody's neighbour.

    Estimates are no counts: hidden cells of an area are all alike, and would stand out together in a world without any
    hotspot.
    """
    shown = ~np.isnan(made["cases"].to_numpy())
    names = ("i", "z", "p", "q") if way.method == "moran" else ("z", "p", "q")
    columns: dict[str, Any] = {name: np.full(len(made), np.nan) for name in names}
    hot, quadrant = np.zeros(len(made), dtype=bool), np.zeros(len(made), dtype=np.int8)
    by = hotspots.Evidence("none", "fewer than two cells are shown")
    if shown.sum() > 1:
        near = hotspots.contact(made.geometry.to_numpy()[shown])
        ask = hotspots.gi_star if way.method == "gi" else hotspots.local_moran
        hectares = np.maximum(shapely.area(made.geometry.to_numpy()[shown]), 1.0) / 1e4
        told = ask(made["cases"].to_numpy()[shown] / hectares, near, p=way.p, runs=way.runs, seed=way.seed)
        for name, column in columns.items():
            column[shown] = getattr(told, name)
        hot[shown], by = told.hot(), told.evidence
        if isinstance(told, hotspots.Moran):
            quadrant[shown] = told.quadrant
    if way.method == "moran":
        columns["quadrant"] = np.array(hotspots.QUADRANTS, dtype=object)[quadrant]
    columns["hot"] = hot
    head |= {
        "of": "cases per hectare",
        "p": way.p,
        "runs": way.runs,
        "p_by": by.by,
        "p_why": by.why,
        "p_runs": by.runs,
        "level": LEVEL,
    }
    return _joined(made, columns, head, facts | {"hot": int(hot.sum())})


def _compared(
    made: gpd.GeoDataFrame,
    before: NDArray[np.float64],
    weight: float | None,
    head: dict[str, Any],
    facts: dict[str, Any],
) -> Gathering:
    """Cells that are shown in both periods side by side."""
    now = made["cases"].to_numpy()
    both = ~np.isnan(now) & ~np.isnan(before)
    columns: dict[str, Any] = {name: np.full(len(made), np.nan) for name in ("ratio", "low", "high", "p", "q")}
    hot = np.zeros(len(made), dtype=bool)
    if both.any():
        told = hotspots.compare(before[both], now[both], weight=weight)
        for name, column in columns.items():
            column[both] = getattr(told, name)
        hot[both] = told.more()
        head = head | {"weight": float(now[both].sum() / before[both].sum()) if weight is None else weight}
    head = head | {"level": LEVEL, "confidence": 0.95}
    facts = facts | {"compared": int(both.sum()), "hot": int(hot.sum())}
    return _joined(made, {"before": before, **columns, "hot": hot}, head, facts)


def _density(
    way: Way, guess: NDArray[np.float64], frame: gpd.GeoDataFrame, head: dict[str, Any], facts: dict[str, Any]
) -> Gathering:
    """Cases of each cell spread evenly over its ground, then smoothed: no case has a place of its own."""
    side = cell_of(way.bandwidth_m) if np.isnan(way.cell_m) else way.cell_m
    if not np.isnan(way.cell_m) and shapely.area(frame.geometry.to_numpy()).sum() > MOST_SQUARES * side**2:
        raise TooLarge(f"more than {MOST_SQUARES:,} cells", where="cell_m", right="larger ones, or leave it out")
    west, south, east, north = (float(v) for v in frame.total_bounds)
    bounds = (west - 500.0, south - 500.0, east + 500.0, north + 500.0)
    shapes = frame.geometry.to_numpy()
    inside = hotspots.allowed_cells(bounds, city=shapes, cell_m=side)
    smoother = hotspots.Smoother(bounds, kernel=way.kernel, bandwidth_m=way.bandwidth_m, cell_m=side, inside=inside)
    row, column = np.nonzero(inside)
    x, y = bounds[0] + (column + 0.5) * side, bounds[1] + (row + 0.5) * side
    point, cell = shapely.STRtree(shapes).query(shapely.points(x, y), predicate="intersects")
    point, first = np.unique(point, return_index=True)
    cell = cell[first]
    spread = np.zeros(inside.shape)
    spread[row[point], column[point]] = guess[cell] / np.bincount(cell, minlength=len(shapes))[cell]
    grid = fine = smoother.spread(spread)
    factor = 1
    while np.count_nonzero(grid.values > LEAST_DENSITY) > MOST_SQUARES:
        factor += 1
        grid = fine.coarser(factor)
    keep = grid.values > LEAST_DENSITY
    made = gpd.GeoDataFrame(
        {"cases_per_ha": grid.values[keep].round(6)},
        geometry=boxes(grid.west, grid.south, grid.cell_m, keep),
        crs=frame.crs,
    )
    more = {"kernel": way.kernel, "bandwidth_m": way.bandwidth_m, "cell_m": grid.cell_m}
    return Gathering(made, head | more, facts | {"n_cells": len(made)})


def _joined(made: gpd.GeoDataFrame, columns: dict[str, Any], head: dict[str, Any], facts: dict[str, Any]) -> Gathering:
    shapes = made.geometry
    frame = made.drop(columns=shapes.name).assign(**columns, geometry=shapes).set_geometry("geometry", crs=made.crs)
    return Gathering(frame, head, facts | {"n_cells": len(frame)})
