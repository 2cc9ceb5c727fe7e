"""Planted hotspots: circles in which one class group happens more often than its background says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from gis.demo.background import EDITION_DAY, Anchors, day_weights, days
from gis.demo.plan import Plan, table
from gis.demo.streets import Network

RISKS, SIZES, EACH = (1.5, 2.0, 3.0), (20, 60, 200), 10
GROUPS = ("2026:E06", "2026:E09", "2026:E07")
GAP_M = 150.0
"""Least ground between two planted circles."""


def event_mix() -> pd.DataFrame:
    """Event classes of both editions: text, modern, before (2013 edition), p (share in its period), profile, group."""
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
        added), class (group), from, to (instants, half-open). Circles lie wholly in the city, `GAP_M` apart.
    """
    rng = plan.stream("hotspots")
    mix, day, weight = event_mix(), days(), day_weights()
    edge = shapely.boundary(net.outline)
    each = plan.count(EACH, 1)
    wanted = [(size, risk) for size in sorted(SIZES, reverse=True) for risk in RISKS for _ in range(each)]
    out: list[dict] = []
    for i, (size, risk) in enumerate(wanted):
        group = GROUPS[i % 3] if size < 200 else GROUPS[i % 2]
        first, last = _window(i, day)
        inside = (day >= first) & (day < last)
        rate = np.zeros(len(anchors.xy))
        for before in (True, False):
            share = weight[inside & ((day < EDITION_DAY) == before)].sum() * n_events
            part = mix[(mix["before"] == before) & (mix["group"] == group)]
            for profile, p in part.groupby("profile")["p"].sum().items():
                rate += share * p * anchors.share[str(profile)]
        found = _circle(rate, size, anchors.xy, edge, out, rng)
        x, y, radius, expected = found
        begin, end = (pd.Timestamp(str(t), tz="Asia/Shanghai").tz_convert("UTC") for t in (first, last))
        planted = round((risk - 1) * expected)
        out.append({"x": x, "y": y, "radius_m": radius, "risk": risk, "size": size, "expected": round(expected, 2),
                    "planted": planted, "class": group, "from": begin, "to": end})  # fmt: skip
    frame = pd.DataFrame(out)
    frame.index = pd.Index([f"H{i:02d}" for i in range(1, len(frame) + 1)], name="hotspot")
    return frame


def _window(i: int, day: np.ndarray) -> tuple[np.datetime64, np.datetime64]:
    """Half the hotspots last all along, the others half a year or a quarter."""
    end = day[-1] + 1
    if i % 2 == 0:
        return day[0], end
    start = np.datetime64("2025-07", "M") + (i * 5) % 12
    months = 6 if i % 4 == 1 else 3
    return start.astype("datetime64[D]"), min((start + months).astype("datetime64[D]"), end)


def _circle(rate, size, xy, edge, others, rng) -> tuple[float, float, float, float]:
    """Centre, radius and expected cases of a circle that holds ``size`` of them, inside and apart from the others."""
    total = np.cumsum(rate)
    for attempt in range(4000):
        gap = GAP_M if attempt < 2500 else GAP_M / 3
        at = np.round(xy[np.searchsorted(total, rng.uniform(0, total[-1]))], 1)
        room = float(shapely.distance(edge, shapely.Point(at))) - 20.0
        for row in others:
            room = min(room, float(np.hypot(row["x"] - at[0], row["y"] - at[1])) - row["radius_m"] - gap)
        if room < 40.0:
            continue
        away = np.hypot(xy[:, 0] - at[0], xy[:, 1] - at[1])
        near = np.flatnonzero(away < room)
        if rate[near].sum() < size:
            continue
        order = near[np.argsort(np.round(away[near], 6), kind="stable")]
        held = np.cumsum(rate[order])
        last = int(np.searchsorted(held, size))
        return float(at[0]), float(at[1]), float(np.ceil(away[order[last]])), float(held[last])
    raise RuntimeError(f"no room for a hotspot of {size} cases")
