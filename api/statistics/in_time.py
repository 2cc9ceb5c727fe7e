"""Where cases gather in time: emerging hotspots, two periods beside each other, clusters in space and time, Knox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pandas.api.types import union_categoricals

from api.instants import written_instant
from api.statistics.cells import Cells, find_cells
from api.statistics.hectares import cell_hectares
from api.statistics.masking import cut_cells
from api.statistics.selection import LEVEL, Look, Selection
from gis import hotspots, moments
from gis.hotspots import knox as near_repeats
from gis.hotspots import scan as scanning
from gis.hotspots import trend as emerging
from gis.hotspots.compare import compare
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from api.statistics.way import Way

METHODS = ("trend", "compare", "scan", "knox")
MOST_BINS = 2000
KNOX_DAYS = (0, 1, 3, 7, 14)
KNOX_M = (50.0, 100.0, 200.0, 400.0)
Answer = tuple[Any, dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Bins:
    """Stretches of whole days of the city, the last one complete: bin k holds edges[k] <= time < edges[k + 1]."""

    edges: pd.DatetimeIndex

    def __len__(self) -> int:
        """Count of bins."""
        return len(self.edges) - 1

    def of(self, at: np.ndarray) -> np.ndarray:
        """Bin of each instant (microseconds since 1970, UTC); -1 and len for those before and after."""
        return np.searchsorted(self.edges.as_unit("us").asi8, at, side="right") - 1

    def text(self, k: int) -> str:
        """Begin of a bin, ISO 8601 in UTC."""
        return self.edges[k].strftime("%Y-%m-%dT%H:%M:%SZ")


def make_bins(selection: Selection, cases: moments.Moments, zone: str, days: int, least: int) -> Bins:
    """Bins of so many days that end with the selection, or with the day of the last case.

    Raises
    ------
    InputError
        Too few bins, or too many.
    """
    first = selection.begin if pd.notna(selection.begin) else cases.stamp(0)
    if pd.notna(selection.end):
        last = _wall(selection.end, zone).normalize()  # a day that is not over is no part of a bin
    else:
        last = _wall(cases.stamp(-1), zone).normalize() + pd.Timedelta(1, "D")
    # by the clock on the wall: a day on which clocks change is a day
    count = (last - _wall(first, zone)) // pd.Timedelta(days, "D")
    if not least <= count <= MOST_BINS:
        what = f"{count} bins of {days} day{'s' if days > 1 else ''} in the period"
        raise InputError(what, where="bin_days", right=f"{least} to {MOST_BINS}: another period, or other bins")
    edges = [_instant(last - pd.Timedelta(days * k, "D"), zone) for k in range(count, -1, -1)]
    return Bins(pd.DatetimeIndex(edges))


def _wall(at: pd.Timestamp, zone: str) -> pd.Timestamp:
    """What the clocks of a zone show at an instant, without a zone."""
    return at.tz_convert(zone).tz_localize(None)


def _instant(wall: pd.Timestamp, zone: str) -> pd.Timestamp:
    """The instant (UTC) at which clocks show a time: the first of two, the next there is of none."""
    return wall.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")


def gather_in_time(found: Look, way: Way, earlier: Selection | None) -> Answer:
    """Answer by a method of `METHODS`: rows, parameters and facts, as `api.statistics.gathering.gather` joins them.

    Raises
    ------
    InputError
        A period with too few bins, an earlier period that is none.
    """
    if way.method == "compare":
        return _compare(found, way, earlier)
    cases = found.source.moments(found.wanted)
    if way.method == "knox":
        return _knox(found, way, cases)
    cut = cut_cells(found, find_cells(found, way.cells, way.cell_m, cases.x, cases.y, cases.unit))
    cells = cut.cells
    if len(cases.x) < 2 or len(cells.frame) < 2:
        return _nothing(cells, way)
    if way.method == "scan":
        return _scan(found, way, cases, cells)
    return _trend(found, way, cases, cells, cell_hectares(found, cut, way.cells))


def _nothing(cells: Cells, way: Way) -> Answer:
    frame = cells.frame.iloc[:0]
    return frame.assign(cases=0, hot=False), {}, {"n_cells": 0, "hot": 0}


# ---------------------------------------------------------------- emerging hotspots


def _trend(found: Look, way: Way, cases: moments.Moments, cells: Cells, hectares: np.ndarray) -> Answer:
    bins = make_bins(found.selection, cases, found.city.time_zone, way.bin_days, emerging.LEAST_BINS)
    cube = cells.by_bin(bins.of(cases.at), len(bins))
    made = emerging.emerging(cube, cells.near, ground=hectares, back=min(way.back, len(bins) - 1))
    names = np.array(emerging.PATTERNS, dtype=object)[made.pattern]
    columns = {
        "cases": cube.sum(axis=1),
        "hectares": hectares.round(4),
        "pattern": names,
        "z": made.z[:, -1].astype(float).round(4),
        "q": made.q[:, -1].astype(float),
        "bins_hot": (made.state == 1).sum(axis=1),
        "bins_cold": (made.state == -1).sum(axis=1),
        "rise": made.rise.round(4),
        "rise_p": made.rise_p,
        "hot": made.state[:, -1] == 1,
    }
    frame = _with(cells.frame, columns)
    parameters = {
        "bin_days": way.bin_days, "back": way.back, "bins": len(bins), "level": LEVEL,
        "bins_from": bins.text(0), "bins_to": bins.text(len(bins)),
        "p_by": "exact", "p_why": "sums of a neighbourhood, by its ground, when all counts are dealt anew",
    }  # fmt: skip
    kinds = {str(name): int(n) for name, n in zip(*np.unique(names.astype(str), return_counts=True), strict=True)}
    told = {"n_cells": len(frame), "in_bins": int(cube.sum()), "patterns": kinds, "hot": int(frame["hot"].sum())}
    return frame, parameters, told


# ---------------------------------------------------------------- two periods


def _compare(found: Look, way: Way, earlier: Selection | None) -> Answer:
    now = found.selection
    before = earlier or just_before(now, found.city.time_zone)
    if (pd.isna(now.end) or before.begin < now.end) and (pd.isna(now.begin) or now.begin < before.end):
        right = "periods that share no instant: a case is no witness against itself"
        raise InputError("the two periods overlap", where="versus_from", right=right)
    old = found.source.places(replace(found.wanted, begin=before.begin, end=before.end))
    both = found.places
    x, y = np.concatenate([both.x, old.x]), np.concatenate([both.y, old.y])
    units = union_categoricals([both.unit, old.unit])
    cells = cut_cells(found, find_cells(found, way.cells, way.cell_m, x, y, units)).cells
    new = cells._replace(at=cells.at[: len(both)]).counted()
    past = cells._replace(at=cells.at[len(both) :]).counted()
    weight = None if way.against == "city" else _length(now) / _length(before)
    parameters = {
        "against": way.against, "versus_from": written_instant(before.begin),
        "versus_to": written_instant(before.end), "level": LEVEL,
        "confidence": 0.95,
    }  # fmt: skip
    told: dict[str, Any] = {"n_cells": len(cells.frame), "counted_before": len(old)}
    if not past.sum() or not new.sum():
        if len(both) > 1:  # fewer are told of already
            told["note"] = "no case in the earlier period: nothing to compare"
        none = np.full(len(new), np.nan)
        made = hotspots.Change(none, none, none, none, none)
    else:
        made = compare(past, new, weight=weight)
        parameters["weight"] = float(new.sum() / past.sum()) if weight is None else weight
    columns = {
        "cases": new,
        "before": past,
        "ratio": np.where(np.isfinite(made.ratio), made.ratio, np.nan).round(6),
        "low": made.low.round(6),
        "high": np.where(np.isfinite(made.high), made.high, np.nan).round(6),
        "p": made.p,
        "q": made.q,
        "less": made.less(),
        "hot": made.more(),
    }
    frame = _with(cells.frame, columns)
    return frame, parameters, told | {"hot": int(frame["hot"].sum()), "less": int(frame["less"].sum())}


def just_before(now: Selection, zone: str) -> Selection:
    """The stretch of the same length right before, by the clock on the wall: it begins at midnight if this one does.

    Raises
    ------
    InputError
        An open period.
    """
    if pd.isna(now.begin) or pd.isna(now.end):
        raise InputError("no period", where="from", right="say from and to: they are held against the time before")
    begin, end = _wall(now.begin, zone), _wall(now.end, zone)
    return replace(now, begin=_instant(begin - (end - begin), zone), end=now.begin)


def _length(of: Selection) -> float:
    if pd.isna(of.begin) or pd.isna(of.end):
        raise InputError("an open period has no length", where="against", right="say from and to of both, or city")
    return (of.end - of.begin) / pd.Timedelta(1, "s")


# ---------------------------------------------------------------- clusters in space and time


def _scan(found: Look, way: Way, cases: moments.Moments, cells: Cells) -> Answer:
    import geopandas as gpd

    city = found.city
    bins = make_bins(found.selection, cases, city.time_zone, way.bin_days, 2)
    cube = cells.by_bin(bins.of(cases.at), len(bins))
    x, y = cells.middles(city.srid)
    longest = min(way.longest, len(bins) // 2)
    made = scanning.scan(x, y, cube, longest=longest, runs=way.runs, seed=way.seed)
    shapes = cells.frame.geometry.to_numpy()
    mine = [scanning.members_of(made, k, x, y) for k in range(len(made))]
    columns = {
        "cluster": np.arange(1, len(made) + 1),
        "cases": made.cases.astype(int),
        "expected": made.expected.round(4),
        "ratio": np.where(np.isfinite(made.ratio), made.ratio, np.nan).round(4),  # no case elsewhere
        "llr": made.llr.round(6),
        "p": made.p,
        "from": [bins.text(int(k)) for k in made.begin],
        "to": [bins.text(int(k)) for k in made.end],
        "radius_m": made.radius_m,
        "cells": [len(some) for some in mine],
        "hot": made.p < LEVEL,
    }
    ground = [shapely.union_all(shapes[some]) for some in mine]
    frame = gpd.GeoDataFrame(columns, geometry=np.array(ground, dtype=object), crs=cells.frame.crs)
    parameters = {
        "model": made.model, "runs": made.runs, "bin_days": way.bin_days, "bins": len(bins), "longest": longest,
        "radii_m": list(scanning.RADII_M), "bins_from": bins.text(0), "bins_to": bins.text(len(bins)), "level": LEVEL,
    }  # fmt: skip
    return frame, parameters, {"n_cells": len(cells.frame), "clusters": len(frame), "hot": int(frame["hot"].sum())}


def _knox(found: Look, way: Way, cases: moments.Moments) -> Answer:
    import geopandas as gpd

    parameters: dict[str, Any] = {"runs": way.runs, "distances_m": list(KNOX_M), "days": list(KNOX_DAYS)}
    names = ("distance_m", "days", "pairs", "expected", "ratio", "p", "q", "hot")
    if len(cases.x) < 2:
        nothing = gpd.GeoDataFrame({name: [] for name in names}, geometry=[], crs=found.city.srid)
        return nothing, parameters, {"pairs": 0, "hot": 0}
    local = pd.to_datetime(cases.at, unit="us", utc=True).tz_convert(found.city.time_zone).tz_localize(None)
    day = (local.normalize() - pd.Timestamp(1970, 1, 1)).days.to_numpy().astype(np.int64)
    made = near_repeats.knox(cases.x, cases.y, day, distances_m=KNOX_M, times=KNOX_DAYS, runs=way.runs, seed=way.seed)
    d, t = (v.ravel() for v in np.indices(made.pairs.shape))
    q = made.q.ravel()
    columns = {
        "distance_m": made.distances_m[d], "days": made.times[t], "pairs": made.pairs.ravel(),
        "expected": made.expected.ravel().round(4), "ratio": made.ratio.ravel().round(6), "p": made.p.ravel(),
        "q": q, "hot": q < LEVEL,
    }  # fmt: skip
    frame = gpd.GeoDataFrame(columns, geometry=np.full(len(q), None), crs=found.city.srid)
    return frame, parameters, {"pairs": int(made.pairs.sum()), "hot": int(frame["hot"].sum())}


def _with(frame: gpd.GeoDataFrame, columns: dict[str, Any]) -> gpd.GeoDataFrame:
    """The cells with more columns, geometry last."""
    shapes = frame.geometry
    return frame.drop(columns=shapes.name).assign(**columns, geometry=shapes).set_geometry("geometry", crs=frame.crs)


__all__ = ["METHODS", "Bins", "gather_in_time", "make_bins"]
