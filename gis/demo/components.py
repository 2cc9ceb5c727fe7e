"""Components (部件) where they belong, with valid codes, departments of the Yuncheng table, and a life."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.arterials import TERTIARY
from gis.demo.departments import read_bodies
from gis.demo.places import Lines, Places
from gis.demo.plan import SRID, Plan, table
from gis.demo.streets import Network
from grids.catalog import catalog

STATES = ("intact", "damaged", "lost", "abandoned", "removed")
SOURCES = ("surveyed", "topographic", "base_map", "other")
DRAIN_M = 360_000.0
"""Published length of the city's drains at scale 1."""


def make_drains(plan: Plan, net: Network) -> tuple[gpd.GeoDataFrame, Lines]:
    """The layer ``drains``: 360 km (at scale 1) of storm and foul sewers along the carriageways, big roads first.

    The second value holds the same lines, with the way from each to its gutter.
    """
    chosen = np.flatnonzero(net.inside & (net.kind <= TERTIARY))
    chosen = chosen[np.lexsort((chosen, net.kind[chosen]))]
    total = np.cumsum(shapely.length(net.lines[chosen]))
    chosen = np.sort(chosen[: int(np.searchsorted(total, DRAIN_M * plan.scale)) + 1])
    half = net.width_m[chosen] / 2
    side = shapely.set_precision(shapely.offset_curve(net.lines[chosen], half * 0.35, join_style="mitre"), 0.001)
    good = (shapely.get_type_id(side) == 1) & (shapely.length(side) > 1)
    side, half, chosen = side[good], half[good], chosen[good]
    frame = gpd.GeoDataFrame(
        {
            "code": [f"DR{i:05d}" for i in range(1, len(side) + 1)],
            "name": net.name[chosen],
            "kind": np.where(np.arange(len(side)) % 3 == 2, "sewer", "storm"),
            "width_m": np.where(half > 15, 1.2, np.where(half > 10, 0.8, 0.6)),
        },
        geometry=side,
        crs=SRID,
    )
    return frame, Lines.of(side, half * 0.65 - 2.5)


def make_components(plan: Plan, net: Network, places: Places, units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The layer ``components``."""
    rng = plan.stream("components")
    book = catalog().classes
    book = book[(book["edition"] == "2026") & (book["kind"] == "C")]
    classes = dict(zip(book["code"], book["name_zh"], strict=True))
    mix = table("component_mix")
    counts = [plan.count(int(n)) for n in mix["count"]]
    xy = np.vstack([_inside(net, places, place, n, rng) for place, n in zip(mix["place"], counts, strict=True)])
    klass = np.repeat(np.arange(len(mix)), counts)
    xy = np.round(xy, 3)
    points = shapely.points(xy)
    unit = np.full(len(points), -1, np.int64)
    shape, point = STRtree(points).query(units.geometry.to_numpy(), predicate="intersects")
    order = np.lexsort((shape, point))[::-1]
    unit[point[order]] = shape[order]
    order = np.lexsort((xy[:, 1], xy[:, 0], klass))
    klass, xy, points, unit = klass[order], xy[order], points[order], unit[order]
    serial = np.arange(len(klass)) - np.searchsorted(klass, klass, side="left") + 1
    text = mix["code"].to_numpy(object)
    code = [f"140802{text[k]}{s:06d}" for k, s in zip(klass, serial, strict=True)]
    community = units["community"].to_numpy(object)[unit]
    three = _duties(mix, klass, community, rng)
    state = rng.choice(5, len(klass), p=[0.955, 0.028, 0.005, 0.007, 0.005])
    began = pd.Timestamp("2016-03-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 3300, len(klass)), unit="D")
    began = pd.Series(began).astype("datetime64[us, UTC]")
    gone = pd.Series(pd.NaT, index=began.index, dtype="datetime64[us, UTC]")
    removed = state == STATES.index("removed")
    gone[removed] = pd.Timestamp("2025-10-01", tz="UTC") + pd.to_timedelta(
        rng.integers(0, 360, removed.sum()), unit="D"
    )
    return gpd.GeoDataFrame(
        {
            "code": pd.array(code, "str"),
            "class": _take([f"2026:C{c}" for c in text], klass),
            "name": _take([classes.get(c, "") for c in text], klass),
            "supervising": three[0],
            "owning": three[1],
            "maintaining": three[2],
            "unit": _take(units["code"], unit),
            "state": _take(STATES, state),
            "source": _take(SOURCES, rng.choice(4, len(klass), p=[0.7, 0.2, 0.07, 0.03])),
            "valid_from": began,
            "valid_to": gone,
        },
        geometry=points,
        crs=SRID,
    )


def _inside(net: Network, places: Places, place: str, n: int, rng) -> np.ndarray:
    """``n`` places inside the city: those that fell over its border are drawn again."""
    shapely.prepare(net.outline)
    out = places.find(place, n, rng)
    for _ in range(60):
        bad = np.flatnonzero(~shapely.contains_xy(net.outline, np.round(out, 3)))
        if not len(bad):
            return out
        out[bad] = places.find(place, len(bad), rng)
    out[bad] = np.round(shapely.get_coordinates(shapely.point_on_surface(net.blocks[bad % len(net.blocks)])), 3)
    return out


def _duties(mix: pd.DataFrame, klass, community, rng) -> tuple[pd.array, ...]:
    """Supervising, owning and maintaining department of each component; some are not known."""
    bodies = read_bodies().set_index("modern")
    bodies = bodies[bodies.index != ""]
    body = mix["body"].to_numpy(object)
    text = ("2026:C" + mix["code"]).to_numpy(object)
    maintaining = np.array([bodies["maintaining"].get(t, "") or b for t, b in zip(text, body, strict=True)], object)
    supervising = np.array([bodies["supervising"].get(t, "CG") for t in text], object)
    maintain, owning, above = maintaining[klass], body[klass], supervising[klass]
    zone = np.char.startswith(community.astype(str), "140802404")
    city = np.char.startswith(maintain.astype(str), "CG")
    maintain = np.where(zone & city, "DZ", maintain)
    draw = rng.random(len(klass))
    maintain = np.where(draw < 0.02, "", maintain)
    owning = np.where(draw < 0.008, "", owning)
    above = np.where(draw < 0.002, "", above)
    return tuple(pd.array(column, "str") for column in (above, owning, maintain))


def _take(values, index) -> pd.array:
    """Texts by position."""
    return pd.array(np.asarray(list(values), object), "str").take(index)
