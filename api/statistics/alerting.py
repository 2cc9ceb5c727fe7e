"""Alerts of the record: which hotspots appeared, grew or ended with the last bins of time, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from api.instants import written_instant
from api.statistics.beside import gather_beside, ground_of
from api.statistics.cells import Cells, find_cells
from api.statistics.gathered import Gathering
from api.statistics.in_time import Bins, make_bins
from api.statistics.masking import cut_cells
from api.statistics.selection import LEVEL, Look, Selection
from gis import counts, hotspots, moments
from gis.hotspots import alerts as watch
from grids.catalog import Catalog
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

MONTH = "month"
"""Bins of a month, counted back from the end: of the calendar when that is the last of a month."""
REACHES_M = (100.0, 150.0, 200.0, 300.0, 400.0)
"""Radii of the circles around the middle of each unit."""
WINDOWS = (1, 2)
SEED = 0
YEAR_DAYS = 365
"""So much of the past is what a place is held against."""
COLUMNS = (
    "hotspot", "event", "from", "to", "cases", "expected", "ratio", "p", "department", "name", "share", "units",
)  # fmt: skip


def raise_alerts(
    engine: Engine,
    book: Catalog,
    found: Look,
    *,
    bin_days: str | int = MONTH,
    level: float = LEVEL,
    since: pd.Timestamp = pd.NaT,
    goes_on: bool = False,
    ground: NDArray[np.float64] | None = None,
) -> Gathering:
    """Alerts of a selection, told bin by bin as if nothing later had been known.

    Parameters
    ----------
    engine, book
        The record, and its class catalogue.
    found
        The cases of the selection.
    bin_days
        ``month``, or the days of a bin; the last one ends with the selection, or with the day of the last case.
    level
        Chance of a false alert that is taken, bin by bin.
    since
        Bins that end later, UTC; NaT for the last bin alone.
    goes_on
        Tell of hotspots that merely go on too.
    ground
        What the ground tells of the unit grids (`api.statistics.beside.ground_of`); read when missing.

    Returns
    -------
    Gathering
        One row an alert, by bin and hotspot: ``hotspot`` is the day of its first bin's end and its number that day,
        ``department`` (None for none) the owner of most of its cases, with that ``share``; the ground is that of its
        unit grids.

    Raises
    ------
    InputError
        A city without unit grids, too few bins, ``bin_days`` or ``level`` out of range.
    """
    days = _read_days(str(bin_days))
    if not 0 < level < 1:
        raise InputError(f"{level}", where="level", right="between 0 and 1")
    if found.ground.near is None or len(found.units) < 2:
        raise InputError("the city has no unit grids", where="city", right="load them: wanmi load units")
    selection, city = found.selection, found.city
    cases = found.source.moments(found.wanted)
    parameters: dict[str, Any] = {
        "class": selection.classes, "bin_days": days or MONTH, "level": level, "reaches_m": list(REACHES_M),
        "windows": list(WINDOWS), "runs": watch.RUNS, "seed": SEED, "goes_on": goes_on,
        "since": written_instant(since), "from": written_instant(selection.begin),
        "to": written_instant(selection.end), **selection.said(),
    }  # fmt: skip
    if pd.notna(selection.known_at):
        parameters["known_at"] = written_instant(selection.known_at)
    facts: dict[str, Any] = {"counted": len(cases.x)}
    if len(cases.x) < 2:
        return Gathering(_frame([], found), parameters, facts | {"alerts": 0, "note": "too few cases for an alert"})
    zone, least = city.time_zone, watch.LEAST_BINS
    bins = make_bins(selection, cases, zone, days, least) if days else _make_months(selection, cases, zone, least)
    history = min(max(round(YEAR_DAYS / days), 1), len(bins)) if days else 12
    new = _without_past(cases, book, city.edition, bins.edges[max(0, len(bins) - history - WINDOWS[-1])])
    cells = cut_cells(found, find_cells(found, "unit", float("nan"), cases.x, cases.y, cases.unit)).cells
    if len(cells.frame) < 2:
        return Gathering(_frame([], found), parameters, facts | {"alerts": 0, "note": "too few units for an alert"})
    cells = cells._replace(at=np.where(new, -1, cells.at))
    facts["without_past"] = int(new.sum())
    bin_of = bins.of(cases.at)
    cube = cells.by_bin(bin_of, len(bins))
    x, y = cells.middles(city.srid)
    reaches = [hotspots.band(x, y, distance_m=reach) for reach in REACHES_M]
    beside = gather_beside(book, found, ground_of(engine, found) if ground is None else ground, bins)
    facts["usual_by"] = {"ground": beside.ground.shape[1], "groups": len(beside.others)}
    told = watch.track(cube, reaches, windows=WINDOWS, history=history, level=level, seed=SEED, beside=beside)
    first = _born(told, bins, city.time_zone)
    last = len(bins) - 1
    wanted = [
        a for a in told
        if (a.bin == last if pd.isna(since) else bins.edges[a.bin + 1] > since) and (goes_on or a.event != 2)
    ]  # fmt: skip
    cases_of = _by_unit(cells)
    rows = [_row(a, bins, cells, cases, bin_of, cases_of, first) for a in wanted]
    names = {at: _names(engine, at) for at in {row["to"] for row in rows}}
    for row in rows:
        row["name"] = names[row["to"]].get(row["department"])
    events = {name: sum(watch.EVENTS[a.event] == name for a in wanted) for name in watch.EVENTS}
    facts |= {"bins": len(bins), "bins_from": bins.text(0), "bins_to": bins.text(len(bins)), "alerts": len(rows)}
    alive = sum(a.bin == last and a.event != 3 for a in told)
    return Gathering(_frame(rows, found), parameters, facts | {"events": events, "alive": alive})


def _read_days(text: str) -> int:
    """Days of a bin; 0 for months."""
    if text == MONTH:
        return 0
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 1 <= days <= 366:
        raise InputError(f"{text[:60]!r}", where="bin_days", right="month, or 1 to 366 days")
    return days


def _make_months(selection: Selection, cases: moments.Moments, zone: str, least: int) -> Bins:
    """Months back from the end of the selection, or of the day of the last case.

    Raises
    ------
    InputError
        Too few of them.
    """
    begun = pd.notna(selection.begin)
    first = selection.begin.tz_convert(zone) if begun else cases.stamp(0).tz_convert(zone).normalize()
    if pd.notna(selection.end):
        last = selection.end.tz_convert(zone).normalize()  # a day that is not over is no part of a bin
    else:
        last = cases.stamp(-1).tz_convert(zone).normalize() + pd.DateOffset(days=1)
    count = 0
    while last - pd.DateOffset(months=count + 1) >= first:
        count += 1
    if count < least:
        raise InputError(f"{count} months in the period", where="bin_days", right=f"{least} or more: or shorter bins")
    return Bins(pd.DatetimeIndex([last - pd.DateOffset(months=k) for k in range(count, -1, -1)]).tz_convert("UTC"))


def _without_past(cases: moments.Moments, book: Catalog, edition: str, since: pd.Timestamp) -> NDArray[np.bool_]:
    """Cases of classes that are new in the city's edition, while cases of an older one are part of the past.

    Nothing says how many of them there were before, so the first ones anywhere would be an alert.
    """
    none = np.zeros(len(cases.at), dtype=np.bool_)
    names = np.asarray(cases.klass.categories, dtype=object).astype(str)
    editions = np.array([name.partition(":")[0] for name in names], dtype=object)
    lately = np.unique(cases.klass.codes[cases.at >= since.value // 1000])
    if edition != "2026" or not np.isin(editions[lately], ["", edition], invert=True).any():
        return none
    older = (book.to_2026 >= 0) & (book.classes["edition"] != edition).to_numpy()
    known = book.texts[book.to_2026[older]].astype(str)
    return ((editions == edition) & ~np.isin(names, known))[cases.klass.codes]


def _born(told: list[watch.Alert], bins: Bins, zone: str) -> dict[int, str]:
    """Name of each hotspot: the last day of the bin in which it appeared, and its number among those of the bin."""
    names: dict[int, str] = {}
    day: dict[int, int] = {}
    for a in told:
        if watch.EVENTS[a.event] == "appears":
            day[a.bin] = day.get(a.bin, 0) + 1
            end = (bins.edges[a.bin + 1] - pd.Timedelta(1, "us")).tz_convert(zone)
            names[a.hotspot] = f"{end:%Y%m%d}-{day[a.bin]}"
    return names


def _by_unit(cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cases in order of their units, and where those of each unit begin."""
    order = np.argsort(cells.at, kind="stable")
    return order, np.searchsorted(cells.at[order], np.arange(len(cells.frame) + 1))


def _row(
    a: watch.Alert,
    bins: Bins,
    cells: Cells,
    cases: moments.Moments,
    bin_of: np.ndarray,
    cases_of: tuple[NDArray[np.int64], NDArray[np.int64]],
    names: dict[int, str],
) -> dict[str, Any]:
    begin, (order, begins) = a.bin - a.window + 1, cases_of
    here = np.concatenate([order[begins[i] : begins[i + 1]] for i in a.cells])
    mine = here[(bin_of[here] >= begin) & (bin_of[here] <= a.bin)]
    held = np.bincount(cases.department.codes[mine], minlength=len(cases.department.categories))
    texts = np.asarray(cases.department.categories, dtype=object)
    most = int(np.lexsort((texts.astype(str), -held))[0]) if held.any() else -1
    return {
        "hotspot": names[a.hotspot],
        "event": watch.EVENTS[a.event],
        "from": bins.text(begin),
        "to": bins.text(a.bin + 1),
        "cases": int(a.cases),
        "expected": round(a.expected, 2),
        "ratio": round(a.cases / a.expected, 2) if a.expected > 0 else None,
        "p": None if np.isnan(a.p) else a.p,
        "department": (texts[most] or None) if most >= 0 else None,
        "name": None,
        "share": round(float(held[most] / held.sum()), 4) if most >= 0 else None,
        "units": cells.frame["code"].to_numpy(dtype=object)[a.cells].tolist(),
        "geometry": shapely.union_all(cells.frame.geometry.to_numpy()[a.cells]),
    }


def _names(engine: Engine, at: str) -> dict[str, str]:
    """Names of the departments at an instant."""
    rows = counts.read_rows(engine, "department_list", at=at, known_at=None)
    return {row["code"]: row["name"] for row in rows}


def _frame(rows: list[dict[str, Any]], found: Look) -> gpd.GeoDataFrame:
    import geopandas as gpd

    columns = {name: pd.Series([row[name] for row in rows], dtype=object) for name in COLUMNS}
    shapes = np.array([row["geometry"] for row in rows], dtype=object)
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=found.city.srid)


__all__ = ["MONTH", "raise_alerts"]
