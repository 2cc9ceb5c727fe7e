"""Where and when events happen by nature: anchors on the ground, a weight for each kind of event, the city's rhythm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.arterials import RESIDENTIAL
from gis.demo.blocks import USES, Blocks
from gis.demo.clock import make_calendar
from gis.demo.communities import Territory
from gis.demo.plan import Plan
from gis.demo.streets import Network

FIRST_DAY, LAST_DAY = np.datetime64("2025-07-01"), np.datetime64("2026-12-31")
EDITION_DAY = np.datetime64("2026-07-01")
"""Local day from which reports carry classes of the edition 2026."""

PROFILES = {
    "living": ({"residential": 1.0, "courtyard": 0.7, "market": 1.6, "commercial": 0.8, "industrial": 0.2, "park": 0.3,
                "vacant": 0.2, "construction": 0.3}, 0.5, (0.3, 0.5, 0.8, 1.0, 1.2)),
    "shop": ({"commercial": 3.0, "market": 5.0, "courtyard": 0.75, "residential": 0.6, "station": 4.0, "hospital": 2.0,
              "school": 1.5, "industrial": 0.12, "park": 0.2, "vacant": 0.04, "construction": 0.15}, 0.8,
             (0.3, 1.2, 1.5, 1.2, 0.7)),
    "road": ({"industrial": 0.7, "vacant": 0.4, "park": 0.7}, 1.0, (2.0, 2.0, 1.6, 1.0, 0.5)),
    "green": ({"park": 6.0, "residential": 0.8, "vacant": 0.5}, 0.35, (1.0, 1.0, 1.0, 0.8, 0.6)),
    "water": ({"park": 1.5}, 1.0, (1.0, 1.0, 1.0, 1.0, 1.0)),
    "works": ({"construction": 14.0, "vacant": 1.5, "industrial": 0.7}, 0.15, (1.0, 1.0, 1.0, 1.0, 1.0)),
}  # fmt: skip
"""Weight of each use (others get the second value) and of each road kind, trunk to residential."""

SEASON = (0.86, 0.72, 1.02, 1.06, 1.08, 1.10, 1.12, 1.10, 1.06, 0.98, 0.96, 0.92)
WEEK = (1.08, 1.10, 1.08, 1.06, 1.04, 0.86, 0.78)


@dataclass(frozen=True)
class Anchors:
    """Points near which events happen.

    Attributes
    ----------
    xy
        Coordinates, (m, 2), inside the city.
    name, community
        Road name; position of the community.
    share
        For each profile the anchors' shares of its events, summing to 1.
    """

    xy: np.ndarray
    name: np.ndarray
    community: np.ndarray
    share: dict[str, np.ndarray]


def make_anchors(plan: Plan, net: Network, blocks: Blocks, territory: Territory) -> Anchors:
    """Both sides of every street each 15 m, weighted by use, road, distance to the centre and a smooth field."""
    rng = plan.stream("background")
    mine = net.inside & (net.kind <= RESIDENTIAL)
    lines, kind = net.lines[mine], net.kind[mine]
    n = np.maximum(1, np.floor(shapely.length(lines) / 15.0)).astype(np.int64)
    line = np.repeat(np.arange(len(lines)), n)
    along = (np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + 0.5) * (shapely.length(lines) / n)[line]
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines[line], along))
    back = shapely.get_coordinates(shapely.line_interpolate_point(lines[line], np.maximum(along - 1.0, 0.0)))
    way = here - back
    way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    half = net.width_m[mine][line] / 2
    left = np.column_stack([-way[:, 1], way[:, 0]]) * (half + rng.uniform(-3, 6, len(half)))[:, None]
    xy = np.round(np.vstack([here + left, here - left]), 3)
    line = np.tile(line, 2)
    block = np.full(len(xy), -1)
    shape, point = STRtree(shapely.points(xy)).query(blocks.shapes, predicate="contains_properly")
    block[point] = shape
    xy, line, block = xy[block >= 0], line[block >= 0], block[block >= 0]
    use, road = blocks.use[block], kind[line]

    r = plan.radius
    middle = shapely.get_coordinates(net.outline.centroid)[0]
    x, y = (xy - middle).T / r
    field = np.zeros(len(xy))
    for _ in range(14):
        wave, phase = rng.normal(0, 5.0, 2), rng.uniform(0, 2 * np.pi)
        field += 0.17 * np.sin(wave[0] * x + wave[1] * y + phase)
    near = np.exp(field - 0.75 * np.hypot(x, y))
    bank = shapely.dwithin(net.water, shapely.points(xy), 90.0)
    share = {}
    for profile, (uses, other, roads) in PROFILES.items():
        weight = np.array([uses.get(name, other) for name in USES])[use] * np.array(roads)[road] * near
        if profile == "water":
            weight = weight * np.where(bank, 1.0, 0.001)
        weight = np.round(weight, 9)
        share[profile] = weight / weight.sum()
    return Anchors(xy, net.name[mine][line], territory.community[block], share)


def days() -> np.ndarray:
    """The local days of the record."""
    return np.arange(FIRST_DAY, LAST_DAY + 1)


@cache
def day_weights() -> np.ndarray:
    """Share of all reports on each of `days`: season, week, slow growth; holidays are quieter. Read-only."""
    day = pd.DatetimeIndex(days())
    weight = np.array(SEASON)[day.month - 1] * np.array(WEEK)[day.day_of_week] * (1 + 0.0004 * np.arange(len(day)))
    calendar = make_calendar(FIRST_DAY, LAST_DAY)
    holiday = (calendar["note"] != "").to_numpy() & ~calendar["working"].to_numpy()
    weight = weight * np.where(calendar["note"] == "春节", 0.35, np.where(holiday, 0.65, 1.0))
    weight = weight / weight.sum()
    weight.setflags(write=False)
    return weight
