"""What is told of one hotspot: its cases, their classes, owners and channels, how it went on, how sure it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import stats

from api.instants import written_instant
from api.statistics.gathered import Gathering
from api.statistics.selection import Look
from gis import tallies
from gis.crs import to_city, to_lonlat
from gis.hotspots.intervals import exact_interval
from gis.hotspots.trend import mann_kendall
from gis.tallies import Ground
from grids.catalog import Catalog

if TYPE_CHECKING:
    from sqlalchemy import Engine

FIGURES = (
    "cases", "cells", "area_ha", "expected", "ratio", "z", "p", "q", "before", "change", "pattern", "rise", "rise_p",
    "bins_hot", "cores", "first", "last", "founded", "from", "to", "radius_m", "llr",
)  # fmt: skip
"""Columns of a hotspot that its panel repeats, where the method has them."""
MOST_CASES = 500
"""Most cases of a list; the answer says how many there are."""
LEAST_MONTHS = 5
"""With fewer months of cases the trend is told week by week."""


def ground_of(spot: pd.Series, found: Look, cells: str) -> Ground:
    """Where the cases of a hotspot are: in its unit grids as recorded, else on its shape."""
    if cells == "unit" and len(spot["codes"]) and pd.isna(found.selection.known_at):
        return Ground(found.city.srid, units=tuple(spot["codes"]))
    return Ground(found.city.srid, shape=spot["geometry"])


def tell_spot(
    engine: Engine,
    book: Catalog,
    found: Look,
    spots: Gathering,
    spot: pd.Series,
    city_days: pd.Series,
    names: dict[str, str],
) -> dict[str, Any]:
    """The panel of a hotspot.

    Parameters
    ----------
    engine, book
        The record, and its class catalogue.
    found, spots, spot
        The selection, its hotspots, and the one that is asked for.
    city_days
        Cases of the selection in the whole city by day, whatever the period (`gis.tallies.days`).
    names
        Names of departments by their codes.

    Returns
    -------
    dict
        Figures of the hotspot, ``counted`` (cases by the record, those of `cases` as long as nothing came in), shares
        of classes, departments and channels of the period's cases, largest first, ``trend`` in months or weeks.
    """
    ground = ground_of(spot, found, spots.parameters["cells"])
    if "from" in spot.index:  # a cluster in space and time has a period of its own
        begin, end = (pd.Timestamp(spot[name]) for name in ("from", "to"))
    else:
        begin, end = found.wanted.begin, found.wanted.end
    table = tallies.tally(engine, replace(found.wanted, begin=begin, end=end), ground, zone=found.city.time_zone)
    now = table[table["within"].to_numpy(dtype=bool)]
    west, south, east, north = _degrees(spot["geometry"].bounds, found.city.srid)
    told: dict[str, Any] = {"id": spot["id"], "rank": int(spot["rank"])}
    told |= {name: plain(spot[name]) for name in FIGURES if name in spot.index}
    told |= {
        "lon": spot["lon"], "lat": spot["lat"], "bounds": [west, south, east, north], "codes": list(spot["codes"]),
        "areas": _areas_of(found, spot), "counted": int(now["cases"].sum()),
        "classes": _classes(now, book, found.city.edition),
        "departments": [{"department": k or None, "name": names.get(k), **v} for k, v in _shares(now, "department")],
        "channels": [{"channel": k or None, **v} for k, v in _shares(now, "channel")],
        "trend": trend_of(table, city_days, begin, end, found.city.time_zone),
        "parameters": spots.parameters,
    }  # fmt: skip
    return told


def _shares(table: pd.DataFrame, by: str) -> list[tuple[str, dict[str, Any]]]:
    """Cases by a column with their share, the most first, ties by name."""
    sums = table.groupby(by, sort=True)["cases"].sum()
    sums = sums.iloc[np.lexsort((np.arange(len(sums)), -sums.to_numpy()))]
    whole = max(int(sums.sum()), 1)
    return [(str(key), {"cases": int(n), "share": round(int(n) / whole, 4)}) for key, n in sums.items()]


def _classes(table: pd.DataFrame, book: Catalog, edition: str) -> list[dict[str, Any]]:
    """Classes in the edition of the city where they became one, with both names."""
    texts = table["class"].to_numpy(dtype=object)
    at = book.index(texts.astype(str)) if len(texts) else np.empty(0, dtype=np.int64)
    became = np.where(at >= 0, book.to_2026[at], -1)
    now = np.array([book.texts[b] if b >= 0 else t for b, t in zip(became, texts, strict=True)], dtype=object)
    out = []
    for text, told in _shares(table.assign(**{"class": now}), "class"):
        place = int(book.index([text])[0]) if text else -1
        row = book.classes.iloc[place] if place >= 0 else {}
        zh, en = (row[name] or None if place >= 0 else None for name in ("name_zh", "name_en"))
        out.append({"class": text or None, "name_zh": zh, "name_en": en, **told})
    return out


def _areas_of(found: Look, spot: pd.Series) -> list[dict[str, str]]:
    """Areas that hold the hotspot's place, the smallest set of the territory first."""
    areas = found.ground.areas
    if not len(areas):
        return []
    x, y = to_city([spot["lon"]], [spot["lat"]], "EPSG:4326", found.city.srid)
    mine = areas[shapely.covers(areas.geometry.to_numpy(), shapely.Point(x[0], y[0]))]
    order = {name: k for k, name in enumerate(found.city.territory)}
    mine = mine[mine["set"].isin(order)].assign(order=lambda f: f["set"].map(order)).sort_values("order", kind="stable")
    return [{"set": s, "code": c, "name": n} for s, c, n in mine[["set", "code", "name"]].itertuples(index=False)]


def trend_of(
    table: pd.DataFrame, city_days: pd.Series, begin: pd.Timestamp, end: pd.Timestamp, zone: str
) -> dict[str, Any]:
    """Cases of a hotspot by month (by week when there are few), beside its share of the city's.

    Parameters
    ----------
    table
        ``day`` (days since 1970 in the city's zone) and ``cases``.
    city_days
        Cases of the whole city by day: they say over what time there are records.
    begin, end
        The period that is asked for; NaT for open.
    zone
        The city's time zone.

    Returns
    -------
    dict
        ``bins`` with their first day, the day after their last, ``cases``, ``expected`` (the hotspot's share of
        the city's of that bin), ``complete`` (the records span it), ``within`` (it lies in the period, if in part);
        ``rise`` and ``p`` of Mann-Kendall over the complete bins' ratios, None with fewer than four.
    """
    if not len(city_days):
        return {"unit": "month", "bins": [], "rise": None, "p": None}
    first, last = int(city_days.index.min()), int(city_days.index.max())
    unit = "month" if _months(first, last)[1:-1].size + 1 >= LEAST_MONTHS else "week"
    edges = _edges(first, last, unit)
    mine = table.groupby("day")["cases"].sum() if len(table) else pd.Series(dtype="int64")
    cases, city = _in_bins(mine, edges), _in_bins(city_days, edges)
    share = cases.sum() / max(city.sum(), 1)
    expected = city * share
    complete = (edges[:-1] >= first) & (edges[1:] <= last + 1)
    low = -np.inf if pd.isna(begin) else _day(begin, zone)
    high = np.inf if pd.isna(end) else _day(end - pd.Timedelta(1, "us"), zone) + 1
    rise = p = None
    if complete.sum() >= 4 and cases[complete].any():
        # against the city's own course, so that a season is no trend
        z, two_sided = mann_kendall((cases[complete] / np.maximum(city[complete], 1))[None, :])
        rise, p = round(float(z[0]), 3), round(float(two_sided[0]), 4)
    bins = [
        {
            "from": _text(a), "to": _text(b), "cases": int(n), "expected": round(float(e), 1), "complete": bool(full),
            "within": bool(b > low and a < high),
        }
        for a, b, n, e, full in zip(edges[:-1].tolist(), edges[1:].tolist(), cases, expected, complete, strict=True)
    ]  # fmt: skip
    return {"unit": unit, "bins": bins, "rise": rise, "p": p}


def days_to_bins(days: pd.Series, first: int, last: int, unit: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Edges (days since 1970) of the months or weeks that hold two days and all between, and the cases of each."""
    edges = _edges(first, last, unit)
    mine = days[(days.index >= edges[0]) & (days.index < edges[-1])]
    return edges, _in_bins(mine, edges)


def _edges(first: int, last: int, unit: str) -> NDArray[np.int64]:
    """Firsts of months, or Mondays; the last edge lies behind the last day."""
    if unit == "month":
        return _months(first, last)
    monday = first - (first + 3) % 7  # 1970-01-01 was a Thursday
    return np.arange(monday, last + 8 - (last - monday) % 7, 7)


def _months(first: int, last: int) -> NDArray[np.int64]:
    low, high = (np.datetime64(day, "D").astype("M8[M]") for day in (first, last))
    return np.arange(low, high + 2).astype("M8[D]").astype(np.int64)


def _in_bins(days: pd.Series, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    at = np.searchsorted(edges, days.index.to_numpy(dtype=np.int64), side="right") - 1
    counts = np.bincount(at, weights=days.to_numpy(dtype=float), minlength=len(edges) - 1)
    return counts[: len(edges) - 1].astype(float)


def _day(stamp: pd.Timestamp, zone: str) -> int:
    return (stamp.tz_convert(zone).tz_localize(None).normalize() - pd.Timestamp(1970, 1, 1)).days


def _text(day: int) -> str:
    return str(np.datetime64(day, "D"))


def list_cases(
    engine: Engine, book: Catalog, found: Look, ground: Ground, *, limit: int, span: tuple[Any, Any]
) -> tuple[int, list[dict[str, Any]]]:
    """How many cases a hotspot has, and the latest of them, at most so many; no reporter, no description."""
    frame = tallies.listed(engine, replace(found.wanted, begin=span[0], end=span[1]), ground, limit=limit)
    if not len(frame):
        return 0, []
    lon, lat = to_lonlat(frame["x"].to_numpy(dtype=float), frame["y"].to_numpy(dtype=float), found.city.srid)
    at = book.index(frame["class"].to_numpy(dtype=object).astype(str))
    rows = []
    for k, row in enumerate(frame.itertuples(index=False)):
        about = book.classes.iloc[int(at[k])] if at[k] >= 0 else None
        rows.append(
            {
                "id": row.id,
                "reported_at": written_instant(pd.Timestamp(row.reported_at)),
                "class": frame["class"].iloc[k] or None,
                "name_zh": None if about is None else about["name_zh"] or None,
                "name_en": None if about is None else about["name_en"] or None,
                "channel": row.channel or None,
                "department": row.department or None,
                "status": row.status or None,
                "address": row.address or None,
                "unit": row.unit or None,
                "lon": round(float(lon[k]), 7),
                "lat": round(float(lat[k]), 7),
            }
        )
    return int(frame["total"].iloc[0]), rows


def tell_exposure(spot: pd.Series, found: Look, maps: Gathering) -> dict[str, Any]:
    """What patrols find on a visit and citizens report per head in a hotspot, beside the whole city.

    Parameters
    ----------
    spot
        The hotspot; its unit grids are those whose inner point lies in it, at least the one under its own place.
    found
        The city.
    maps
        Answer of the method ``rates`` with ``rates=both`` on the unit grids.

    Returns
    -------
    dict
        Counts, exposures, rates with exact 95 % intervals (Garwood 1936), the city's rates, and ``ratio``: reported per
        head over found per visit, with the exact interval of the binomial given the sum (Clopper & Pearson 1934), and
        ``usual``, the city's. Rates over an exposure that is unknown or 0 are None.
    """
    frame = maps.frame
    inner = shapely.point_on_surface(found.units.geometry.to_numpy())
    shapely.prepare(spot["geometry"])
    at = np.flatnonzero(shapely.covers(spot["geometry"], inner))
    if not len(at):
        x, y = to_city([spot["lon"]], [spot["lat"]], "EPSG:4326", found.city.srid)
        at = np.flatnonzero(shapely.covers(found.units.geometry.to_numpy(), shapely.Point(x[0], y[0])))[:1]
    sums = {
        name: np.nan_to_num(frame[name].to_numpy(dtype=float)) for name in ("found", "visits", "reported", "people")
    }
    mine = {name: float(values[at].sum()) for name, values in sums.items()}
    told: dict[str, Any] = {"known": True, "units": len(at), **{name: _whole(mine[name]) for name in mine}}
    for rate, over in (("found", "visits"), ("reported", "people")):
        known = sums[over] > 0
        here = at[known[at]]
        count, exposure = sums[rate][here].sum(), sums[over][here].sum()
        low, high = exact_interval([count], [exposure])
        told[f"{rate}_rate"] = plain(count / exposure if exposure > 0 else np.nan)
        told[f"{rate}_low"], told[f"{rate}_high"] = plain(low[0]), plain(high[0])
        told[f"{rate}_usual"] = plain(sums[rate][known].sum() / sums[over][known].sum() if known.any() else np.nan)
    both = at[(sums["visits"][at] > 0) & (sums["people"][at] > 0)]
    ratio = _ratio(*(float(sums[name][both].sum()) for name in ("reported", "people", "found", "visits")))
    told |= dict(zip(("ratio", "ratio_low", "ratio_high"), map(plain, ratio), strict=True))
    told["usual"] = maps.facts.get("usual")
    return told


def _ratio(reported: float, people: float, found: float, visits: float) -> tuple[float, float, float]:
    if not (people > 0 and visits > 0 and reported + found > 0):
        return float("nan"), float("nan"), float("nan")
    scale = visits / people
    low = stats.beta.ppf(0.025, reported, found + 1) if reported > 0 else 0.0
    high = stats.beta.ppf(0.975, reported + 1, found) if found > 0 else 1.0

    def odds(share: float) -> float:
        return share / (1 - share) * scale if share < 1 else float("inf")

    return (reported / found * scale if found > 0 else float("nan")), odds(low), odds(high)


def tell_stability(spot: pd.Series, spots: Gathering) -> dict[str, Any]:
    """In what share of other grids and sizes a hotspot stands out too: its cells' shares, weighted by their cases."""
    share = spot.get("stable", np.nan)
    known = share is not None and not pd.isna(share)
    settings = {"settings": spots.parameters.get("stability_settings"), "how": spots.parameters.get("stability")}
    return {"known": bool(known), "share": plain(share), **settings}


def plain(value: Any) -> Any:
    """A figure for JSON: NaN and infinity are None, numbers of numpy plain ones."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 2)


def _degrees(box: tuple[float, float, float, float], srid: int) -> tuple[float, float, float, float]:
    west, south, east, north = box
    lon, lat = to_lonlat([west, east, west, east], [south, south, north, north], srid)
    return tuple(round(float(v), 7) for v in (lon.min(), lat.min(), lon.max(), lat.max()))  # type: ignore[return-value]
