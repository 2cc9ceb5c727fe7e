"""Who looks and who reports: residents and patrol visits of each unit, and the true rates behind the two maps.

What happens is fixed by the background and the hotspots; how often patrols come is drawn here, from a stream of chance
of its own, and who lives where follows from the buildings. So the true rates are known: what a patrol finds on a
visit, what a thousand residents report, and the reporting rate, which is their ratio.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.happened import CHANNEL_SHARES, CHANNELS, DUPLICATE_SHARE
from gis.demo.plan import Plan

CITIZENS = ("hotline", "wechat", "app")
DWELLINGS = ("apartments", "house")
STOREY_M, M2_PER_PERSON = 3.0, 42.0
USUAL_VISITS = 60.0
"""Median visits of a unit in the record's 18 months; they differ by habit of the patrols (between communities) and by
chance (between units), each by a factor of about two."""
HABIT, CHANCE = 0.6, 0.6
NEVER = 0.3
"""Share of the units in which no patrol ever found anything that none ever visited; the others are clean."""


def make_reporting(
    plan: Plan,
    units: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    cases: pd.DataFrame,
    channel: pd.Series,
    background: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What may be known of each unit, and what may not.

    Parameters
    ----------
    cases, channel
        True places of the cases, and the channel of each.
    background
        Expected cases of each unit and class group.

    Returns
    -------
    exposure
        unit, population (residents), patrols (visits over the whole record; 0: never): one row a unit.
    reporting
        unit, class (group), per_visit (cases that a patrol finds on a visit; NaN where never visited), per_1000 (cases
        that a thousand residents report; NaN where nobody lives), reporting (the ratio of both): one row a pair.
    """
    rng = plan.stream("patrol visits")
    shapes = units.geometry.to_numpy()
    tree, n = STRtree(shapes), len(units)
    home = buildings["kind"].isin(DWELLINGS).to_numpy()
    block = buildings.geometry.to_numpy()[home]
    floor = shapely.area(block) * np.round(buildings["height_m"].to_numpy()[home] / STOREY_M)
    people = np.rint(np.bincount(*_held(tree, shapely.centroid(block), floor / M2_PER_PERSON), n))

    patrolled = cases.loc[(channel == "patrol").to_numpy(), ["x", "y"]].to_numpy()
    found = np.bincount(*_held(tree, shapely.points(patrolled), np.ones(len(patrolled))), n)
    community, of = np.unique(units["community"].to_numpy(str), return_inverse=True)
    habit = rng.normal(0, HABIT, len(community))[of] + rng.normal(0, CHANCE, n)
    visits = np.maximum(np.rint(USUAL_VISITS * np.exp(habit)), 1.0)
    visits[(rng.random(n) < NEVER) & (found == 0)] = 0.0

    exposure = pd.DataFrame({"unit": units["code"].array, "population": people, "patrols": visits})
    held = exposure.set_index("unit").loc[background["unit"]]
    expected = (background["expected"] + background["planted"]).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        per_visit = np.where(held["patrols"] > 0, _share(("patrol",)) * expected / held["patrols"], np.nan)
        per_1000 = np.where(held["population"] > 0, _share(CITIZENS) * expected * 1000 / held["population"], np.nan)
        ratio = np.where(expected > 0, per_1000 / 1000 / per_visit, np.nan)
    reporting = background[["unit", "class"]].assign(per_visit=per_visit, per_1000=per_1000, reporting=ratio)
    return exposure, reporting


def _held(tree: STRtree, points: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit of each point that lies in one (the first of several), and its weight."""
    point, unit = tree.query(points, predicate="intersects")
    point, first = np.unique(point, return_index=True)
    return unit[first], weight[point]


def _share(channels: tuple[str, ...]) -> float:
    """Cases by these channels for each thing that happens; second reports come by another one."""
    share = dict(zip(CHANNELS, CHANNEL_SHARES, strict=True))
    again = DUPLICATE_SHARE / (1.0 - DUPLICATE_SHARE) / (len(CHANNELS) - 1)
    return sum(share[c] + again * (1.0 - share[c]) for c in channels)
