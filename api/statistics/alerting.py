"""Alerts of the record: which hotspots appeared, grew or ended with the last bins of time, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from api.statistics.cells import Cells, find_cells
from api.statistics.gathering import Gathering
from api.statistics.in_time import Bins, make_bins
from api.statistics.selection import LEVEL, Look
from gis import counts, hotspots, moments
from gis.hotspots import alerts as watch
from grids.catalog import Catalog
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

BIN_DAYS = 14
REACHES_M = (200.0, 350.0)
"""Circles beside the neighbours by contact."""
LEAST_BINS = 10
COLUMNS = (
    "hotspot", "event", "from", "to", "cases", "expected", "ratio", "p", "department", "name", "share", "units",
)  # fmt: skip


def raise_alerts(
    engine: Engine,
    book: Catalog,
    found: Look,
    *,
    bin_days: int = BIN_DAYS,
    level: float = LEVEL,
    since: pd.Timestamp = pd.NaT,
    goes_on: bool = False,
) -> Gathering:
    """Alerts of a selection, told bin by bin as if nothing later had been known.

    Parameters
    ----------
    engine, book
        The record, and its class catalogue.
    found
        The cases of the selection.
    bin_days
        Days of a bin; the last one ends with the selection, or with the day of the last case.
    level
        Chance of a false alert that is taken, bin by bin.
    since
        Bins that end later, UTC; NaT for the last bin alone.
    goes_on
        Tell of hotspots that merely go on too.

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
    if not 1 <= bin_days <= 366:
        raise InputError(f"{bin_days}", where="bin_days", right="1 to 366 days")
    if not 0 < level < 1:
        raise InputError(f"{level}", where="level", right="between 0 and 1")
    if found.ground.near is None or len(found.units) < 2:
        raise InputError("the city has no unit grids", where="city", right="load them: wanmi load units")
    selection, city = found.selection, found.city
    cases = moments.case_moments(engine, found.wanted)
    parameters: dict[str, Any] = {
        "class": selection.classes, "bin_days": bin_days, "level": level, "reaches_m": list(REACHES_M),
        "since": None if pd.isna(since) else since.strftime("%Y-%m-%dT%H:%M:%SZ"), **selection.said(),
    }  # fmt: skip
    facts: dict[str, Any] = {"counted": len(cases.x)}
    if len(cases.x) < 2:
        return Gathering(_frame([], found), parameters, facts | {"alerts": 0, "note": "too few cases for an alert"})
    bins = make_bins(selection, cases, city.time_zone, bin_days, LEAST_BINS)
    cells = find_cells(found, "unit", float("nan"), cases.x, cases.y, cases.unit)
    bin_of = bins.of(cases.at)
    cube = cells.by_bin(bin_of, len(bins))
    x, y = cells.middles(city.srid)
    reaches = [cells.near, *(hotspots.band(x, y, distance_m=reach) for reach in REACHES_M)]
    told = watch.track(cube, reaches, level=level)
    first = _born(told, bins, city.time_zone)
    last = len(bins) - 1
    wanted = [
        a for a in told
        if (a.bin == last if pd.isna(since) else bins.edges[a.bin + 1] > since) and (goes_on or a.event != 2)
    ]  # fmt: skip
    rows = [_row(a, bins, cells, cases, bin_of, first) for a in wanted]
    for row in rows:
        row["name"] = _names(engine, row["to"]).get(row["department"])
    events = {name: sum(watch.EVENTS[a.event] == name for a in wanted) for name in watch.EVENTS}
    facts |= {"bins": len(bins), "bins_from": bins.text(0), "bins_to": bins.text(len(bins)), "alerts": len(rows)}
    alive = sum(a.bin == last and a.event != 3 for a in told)
    return Gathering(_frame(rows, found), parameters, facts | {"events": events, "alive": alive})


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


def _row(
    a: watch.Alert, bins: Bins, cells: Cells, cases: moments.Moments, bin_of: np.ndarray, names: dict[int, str]
) -> dict[str, Any]:
    begin = a.bin - a.window + 1
    mine = np.isin(cells.at, a.cells) & (bin_of >= begin) & (bin_of <= a.bin)
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


__all__ = ["BIN_DAYS", "raise_alerts"]
