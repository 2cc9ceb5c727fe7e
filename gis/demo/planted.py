"""Planted hotspots: circles in which one class group happens more often than its background says."""

from __future__ import annotations

from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.background import EDITION_DAY, Anchors, day_weights, days
from gis.demo.plan import Plan, table
from gis.demo.streets import Network
from grids.errors import InputError

RISKS, SIZES, EACH = (1.5, 2.0, 3.0), (20, 60, 200), 10
GROUPS = ("2026:E06", "2026:E09", "2026:E07")
GAP_M, WIDEST_M = 150.0, 400.0
"""Least ground between two planted circles, and their largest radius; a small city gets by with a third of the one and
1.6 of the other."""

TRIES = 700


@cache
def event_mix() -> pd.DataFrame:
    """Event classes of both editions: text, before (2013), p (share in its period), profile, group. Read-only."""
    mix = table("event_mix")
    mix["weight"] = mix["weight"].astype(float)
    rows = []
    for before, column in ((True, "class_2013"), (False, "class_2026")):
        part = mix[mix[column] != ""]
        modern = part["class_2026"].where(part["class_2026"] != "", "")
        rows.append(
            pd.DataFrame(
                {
                    "text": ("2013:" if before else "2026:") + part[column],
                    "before": before,
                    "p": part["weight"] / part["weight"].sum(),
                    "profile": part["profile"],
                    "group": np.where(modern != "", "2026:" + modern.str[:3], "2013:" + part["class_2013"].str[:3]),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def planted_in_all(plan: Plan) -> int:
    """How many cases the hotspots add, about."""
    return round(plan.count(EACH, 1) * sum(SIZES) * sum(risk - 1 for risk in RISKS))


def make_hotspots(plan: Plan, net: Network, anchors: Anchors, n_events: int) -> pd.DataFrame:
    """Place the hotspots of the plan.

    Parameters
    ----------
    n_events
        Background events of the whole record.

    Returns
    -------
    DataFrame
        x, y, radius_m, risk, expected (background cases of the class group in the circle and time), planted (cases
        added), class (group), from, to (instants, half-open). Circles lie wholly in the city, apart from one another.
    """
    rng = plan.stream("hotspots")
    mix, day = event_mix(), days()
    edge = shapely.boundary(net.outline)
    each = plan.count(EACH, 1)
    wanted = [(size, risk) for size in sorted(SIZES, reverse=True) for risk in RISKS for _ in range(each)]
    out: list[dict] = []
    for i, (size, risk) in enumerate(wanted):
        usual = GROUPS[i % 3] if size < max(SIZES) else GROUPS[i % 2]
        # a small city may have no room for a rare class in a short time: then the most frequent one, all along
        for group, (first, last) in ((usual, _window(i, size, day)), (GROUPS[0], (day[0], day[-1] + 1))):
            rate = _rate(anchors, mix, group, (day >= first) & (day < last), n_events)
            found = _circle(rate, size, anchors.xy, edge, out, rng)
            if found:
                break
        else:
            raise InputError(f"no room for a hotspot of {size} cases", where="demo", right="take a larger scale")
        x, y, radius, expected = found
        begin, end = (pd.Timestamp(str(t), tz="Asia/Shanghai").tz_convert("UTC") for t in (first, last))
        planted = round((risk - 1) * expected)
        out.append({"x": x, "y": y, "radius_m": radius, "risk": risk, "size": size, "expected": round(expected, 2),
                    "planted": planted, "class": group, "from": begin, "to": end})  # fmt: skip
    frame = pd.DataFrame(out)
    frame.index = pd.Index([f"H{i:02d}" for i in range(1, len(frame) + 1)], name="hotspot")
    return frame


def _rate(anchors: Anchors, mix: pd.DataFrame, group: str, inside: np.ndarray, n_events: int) -> np.ndarray:
    """Expected background events of a class group at each anchor on the days ``inside``."""
    day, weight = days(), day_weights()
    rate = np.zeros(len(anchors.xy))
    for before in (True, False):
        share = weight[inside & ((day < EDITION_DAY) == before)].sum() * n_events
        some = mix[(mix["before"] == before) & (mix["group"] == group)]
        for profile, p in some.groupby("profile")["p"].sum().items():
            rate += share * p * anchors.share[str(profile)]
    return rate


def make_background(units: gpd.GeoDataFrame, anchors: Anchors, spots: pd.DataFrame, n_events: int) -> pd.DataFrame:
    """Expected background events of each unit and class group over the whole record; hotspots come on top.

    Returns
    -------
    DataFrame
        unit, class (group), expected, planted (expected cases of the hotspots); one row for each pair, units in their
        order.
    """
    mix, always = event_mix(), np.ones(len(days()), bool)
    shape, point = STRtree(shapely.points(anchors.xy)).query(units.geometry.to_numpy(), predicate="intersects")
    parts = []
    for group in GROUPS:
        expected = np.bincount(shape, _rate(anchors, mix, group, always, n_events)[point], len(units))
        more = np.zeros(len(anchors.xy))
        for spot in spots[spots["class"] == group].to_dict("records"):
            more += _added(anchors, mix, spot, n_events)
        planted = np.bincount(shape, more[point], len(units))
        columns = {"expected": np.round(expected, 4), "planted": np.round(planted, 4)}
        parts.append(pd.DataFrame({"unit": units["code"].array, "class": group, **columns}))
    return pd.concat(parts, ignore_index=True)


def _added(anchors: Anchors, mix: pd.DataFrame, spot: dict, n_events: int) -> np.ndarray:
    """Expected cases that a hotspot adds at each anchor: spread like the background in its circle and time."""
    day = days()
    first, last = (np.datetime64(spot[c].tz_convert("Asia/Shanghai").tz_localize(None), "D") for c in ("from", "to"))
    near = np.flatnonzero(np.hypot(anchors.xy[:, 0] - spot["x"], anchors.xy[:, 1] - spot["y"]) <= spot["radius_m"])
    rate = _rate(anchors, mix, spot["class"], (day >= first) & (day < last), n_events)[near]
    out = np.zeros(len(anchors.xy))
    out[near] = spot["planted"] * rate / rate.sum()
    return out


def _window(i: int, size: int, day: np.ndarray) -> tuple[np.datetime64, np.datetime64]:
    """Half the hotspots last all along, the others half a year or, if not the largest, a quarter."""
    end = day[-1] + 1
    if i % 2 == 0:
        return day[0], end
    start = np.datetime64("2025-07", "M") + (i * 5) % 12
    months = 6 if i % 4 == 1 or size == max(SIZES) else 3
    return start.astype("datetime64[D]"), min((start + months).astype("datetime64[D]"), end)


def _circle(rate, size, xy, edge, others, rng) -> tuple[float, float, float, float] | None:
    """Centre, radius and expected cases of a circle that holds ``size`` of them, inside and apart from the others."""
    total = np.cumsum(rate)
    for attempt in range(3 * TRIES):
        gap = GAP_M if attempt < TRIES else GAP_M / 3
        widest = WIDEST_M if attempt < 2 * TRIES else 1.6 * WIDEST_M
        at = np.round(xy[np.searchsorted(total, rng.uniform(0, total[-1]))], 1)
        room = min(float(shapely.distance(edge, shapely.Point(at))) - 20.0, widest)
        if others:
            x, y, r = (np.array([row[name] for row in others]) for name in ("x", "y", "radius_m"))
            room = min(room, float((np.hypot(x - at[0], y - at[1]) - r).min()) - gap)
        if room < 40.0:
            continue
        away = np.hypot(xy[:, 0] - at[0], xy[:, 1] - at[1])
        near = np.flatnonzero(away < room)
        order = near[np.argsort(np.round(away[near], 6), kind="stable")]
        held = np.cumsum(rate[order])
        if not len(held) or held[-1] < size:
            continue
        last = int(np.searchsorted(held, size))
        return float(at[0]), float(at[1]), float(np.ceil(away[order[last]])), float(held[last])
    return None
