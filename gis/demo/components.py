"""Components (部件) where they belong: covers on carriageways, lamps along kerbs, bins at corners, benches in parks."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.blocks import USES, Blocks
from gis.demo.departments import read_bodies
from gis.demo.plan import SRID, Plan, table
from gis.demo.streets import (
    CANAL,
    KINDS,
    PRIMARY,
    RAIL,
    RESIDENTIAL,
    SECONDARY,
    TERTIARY,
    Network,
)
from grids.catalog import catalog

STATES = ("intact", "damaged", "lost", "abandoned", "removed")
SOURCES = ("surveyed", "topographic", "base_map", "other")
DRAIN_M = 360_000.0
"""Published length of the city's drains at scale 1."""


@dataclass(frozen=True)
class Lines:
    """Lines laid end to end: a place is a distance along them."""

    shapes: np.ndarray
    half: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, net: Network, chosen: np.ndarray) -> Lines:
        """The chosen edges of the network in their order, with half their road's width."""
        shapes = net.lines[chosen]
        half = KINDS["width_m"].to_numpy()[net.kind[chosen]] / 2
        return cls(shapes, half, np.cumsum(shapely.length(shapes)))

    def at(self, along: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points at distances along the lines, ``beside`` metres to the left of them, and their line."""
        line = np.minimum(np.searchsorted(self.ends, along, side="right"), len(self.shapes) - 1)
        rest = along - np.concatenate([[0.0], self.ends])[line]
        here = shapely.get_coordinates(shapely.line_interpolate_point(self.shapes[line], rest))
        back = shapely.get_coordinates(shapely.line_interpolate_point(self.shapes[line], np.maximum(rest - 0.5, 0)))
        on = shapely.get_coordinates(shapely.line_interpolate_point(self.shapes[line], rest + 0.5))
        way = on - back
        way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
        return here + np.column_stack([-way[:, 1], way[:, 0]]) * beside[:, None], line

    @property
    def length(self) -> float:
        """Total length in metres."""
        return float(self.ends[-1])


class Places:
    """Finds n places of a kind; every method takes a count and a stream and gives (n, 2) coordinates."""

    def __init__(self, plan: Plan, net: Network, blocks: Blocks, buildings: np.ndarray, drains: Lines) -> None:
        self.plan, self.net, self.blocks = plan, net, blocks
        kind, inside = net.kind, net.inside
        self.roads = Lines.of(net, inside & (kind <= RESIDENTIAL))
        self.lit = Lines.of(net, inside & (kind <= TERTIARY))
        self.main = Lines.of(net, inside & (kind <= SECONDARY))
        self.minor = Lines.of(net, inside & ((kind == TERTIARY) | (kind == RESIDENTIAL)))
        self.canal = Lines.of(net, inside & (kind == CANAL))
        self.drains = drains
        self.buildings = buildings
        self.junctions, self.corners = _junctions(net)
        water = shapely.union_all(net.lines[kind == CANAL])
        rail = shapely.union_all(net.lines[kind == RAIL])
        roads = net.lines[inside & (kind <= TERTIARY)]
        self.bridges = shapely.get_coordinates(shapely.get_point(roads[shapely.dwithin(roads, water, 0.01)], 0))
        near = roads[shapely.dwithin(roads, rail, 0.01)]
        self.crossings = shapely.get_coordinates(near) if len(near) else self.corners[:1]
        if not len(self.bridges):
            self.bridges = self.corners[:1]

    def find(self, place: str, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` places of the kind ``place``."""
        return getattr(self, f"_{place}")(n, rng)

    def _even(self, lines: Lines, n: int, rng, beside) -> np.ndarray:
        along = (np.arange(n) + rng.uniform(0.25, 0.75, n)) * (lines.length / n)
        side = np.where(rng.random(n) < 0.5, 1.0, -1.0)
        line = np.minimum(np.searchsorted(lines.ends, along, side="right"), len(lines.shapes) - 1)
        return lines.at(along, side * beside(lines.half[line]))[0]

    def _lamp(self, n, rng):
        along = (np.arange(n) + 0.5) * (self.lit.length / n)
        line = np.minimum(np.searchsorted(self.lit.ends, along, side="right"), len(self.lit.shapes) - 1)
        side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        return self.lit.at(along + rng.normal(0, 0.4, n), side * (self.lit.half[line] - 1.2))[0]

    def _tree(self, n, rng):
        return self._even(self.roads, n, rng, lambda half: np.maximum(half - 2.0, half * 0.8))

    def _kerb(self, n, rng):
        return self._even(self.main, n, rng, lambda half: half - 1.0)

    def _minor_kerb(self, n, rng):
        return self._even(self.minor, n, rng, lambda half: half - 0.6)

    def _sidewalk(self, n, rng):
        return self._even(self.lit, n, rng, lambda half: half - rng.uniform(0.8, 2.6, len(half)))

    def _carriageway(self, n, rng):
        return self._even(self.roads, n, rng, lambda half: rng.uniform(0.3, 0.6, len(half)) * half)

    def _median(self, n, rng):
        return self._even(self.main, n, rng, lambda half: rng.uniform(0, 0.4, len(half)))

    def _bin(self, n, rng):
        half = n // 2
        return np.vstack([self._corner(half, rng), self._even(self.lit, n - half, rng, lambda h: h - 0.9)])

    def _bus(self, n, rng):
        return self._even(self.main, n, rng, lambda half: half - 1.6)

    def _shop(self, n, rng):
        return self._even(self.lit, n, rng, lambda half: half + rng.uniform(0.5, 3.0, len(half)))

    def _drain(self, n, rng):
        along = (np.arange(n) + rng.uniform(0.35, 0.65, n)) * (self.drains.length / n)
        return self.drains.at(along, np.zeros(n))[0]

    def _gutter(self, n, rng):
        along = (np.arange(n) + rng.uniform(0.35, 0.65, n)) * (self.drains.length / n)
        return self.drains.at(along, np.where(np.arange(n) % 2 == 0, 3.2, -3.2))[0]

    def _around(self, points: np.ndarray, n: int, rng, reach: float) -> np.ndarray:
        pick = np.arange(n) % len(points) if n >= len(points) else rng.permutation(len(points))[:n]
        angle = np.floor(rng.uniform(0, 4, n)) * (np.pi / 2) + rng.normal(0.78, 0.15, n)
        return points[pick] + np.column_stack([np.cos(angle), np.sin(angle)]) * (reach + rng.uniform(-2, 3, n))[:, None]

    def _junction(self, n, rng):
        return self._around(self.junctions, n, rng, 21.0)

    def _corner(self, n, rng):
        return self._around(self.corners, n, rng, 12.0)

    def _bridge(self, n, rng):
        return self._around(self.bridges, n, rng, 6.0)

    _bridge_road = _bridge

    def _rail(self, n, rng):
        return self._around(self.crossings, n, rng, 8.0)

    def _canal(self, n, rng):
        return self._even(self.canal, n, rng, lambda half: half + rng.uniform(0.5, 4.0, len(half)))

    def _within(self, uses: tuple[str, ...], n: int, rng, edge: bool = False) -> np.ndarray:
        mine = np.isin(self.blocks.use, [USES.index(use) for use in uses]) & (shapely.area(self.blocks.land) > 200)
        land = self.blocks.land[mine]
        if edge:
            ring = shapely.boundary(land)
            ends = np.cumsum(shapely.length(ring))
            along = np.sort(rng.uniform(0, ends[-1], n))
            line = np.minimum(np.searchsorted(ends, along, side="right"), len(ring) - 1)
            rest = along - np.concatenate([[0.0], ends])[line]
            parts = np.array([shapely.line_merge(r) for r in ring[line]])
            return shapely.get_coordinates(shapely.line_interpolate_point(parts, rest))
        ends = np.cumsum(shapely.area(land))
        out = np.empty((0, 2))
        while len(out) < n:
            pick = np.minimum(np.searchsorted(ends, rng.uniform(0, ends[-1], 3 * n), side="right"), len(land) - 1)
            low = shapely.bounds(land[pick])
            xy = low[:, :2] + rng.random((3 * n, 2)) * (low[:, 2:] - low[:, :2])
            out = np.vstack([out, xy[shapely.intersects_xy(land[pick], xy[:, 0], xy[:, 1])]])
        return out[:n]

    def _park(self, n, rng):
        return self._within(("park",), n, rng)

    def _park_edge(self, n, rng):
        return self._within(("park",), n, rng, edge=True)

    def _estate(self, n, rng):
        return self._within(("residential", "courtyard"), n, rng)

    def _works(self, n, rng):
        return self._within(("industrial", "vacant", "office"), n, rng)

    def _government(self, n, rng):
        return self._within(("government", "school", "hospital", "station"), n, rng)

    def _gate(self, n, rng):
        return self._within(("park", "government", "school"), n, rng, edge=True)

    def _door(self, n, rng):
        pick = (
            np.sort(rng.permutation(len(self.buildings))[:n])
            if n < len(self.buildings)
            else np.arange(n) % len(self.buildings)
        )
        box = shapely.get_coordinates(shapely.get_point(shapely.get_exterior_ring(self.buildings[pick]), 0))
        return box


def make_drains(plan: Plan, net: Network) -> tuple[gpd.GeoDataFrame, Lines]:
    """The layer ``drains``: 360 km (at scale 1) of storm and foul sewers along the carriageways, big roads first."""
    chosen = np.flatnonzero(net.inside & (net.kind <= TERTIARY))
    chosen = chosen[np.lexsort((chosen, net.kind[chosen]))]
    total = np.cumsum(shapely.length(net.lines[chosen]))
    chosen = np.sort(chosen[: int(np.searchsorted(total, DRAIN_M * plan.scale)) + 1])
    mask = np.zeros(len(net.lines), bool)
    mask[chosen] = True
    lines = Lines.of(net, mask)
    side = shapely.set_precision(shapely.offset_curve(lines.shapes, lines.half * 0.35, join_style="mitre"), 0.001)
    good = (shapely.get_type_id(side) == 1) & (shapely.length(side) > 1)
    side, half = side[good], lines.half[good]
    kind = np.where(np.arange(len(side)) % 3 == 2, "sewer", "storm")
    frame = gpd.GeoDataFrame(
        {
            "code": [f"DR{i:05d}" for i in range(1, len(side) + 1)],
            "name": net.name[chosen][good],
            "kind": kind,
            "width_m": np.where(half > 15, 1.2, np.where(half > 10, 0.8, 0.6)),
        },
        geometry=side,
        crs=SRID,
    )
    return frame, Lines(side, half, np.cumsum(shapely.length(side)))


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
    shape, point = STRtree(points).query(units.geometry.to_numpy(), predicate="intersects")[::1]
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


def _junctions(net: Network) -> tuple[np.ndarray, np.ndarray]:
    """Points where main roads meet, and where any streets do."""
    chosen = net.inside & (net.kind <= RESIDENTIAL)
    ends = np.vstack([shapely.get_coordinates(shapely.get_point(net.lines[chosen], i)) for i in (0, -1)])
    kind = np.tile(net.kind[chosen], 2)
    xy, index = np.unique(ends, axis=0, return_inverse=True)
    index = index.ravel()
    degree = np.bincount(index, minlength=len(xy))
    main = np.bincount(index, kind <= PRIMARY + 1, len(xy))
    signal = np.bincount(index, kind <= TERTIARY, len(xy))
    return xy[(degree >= 3) & (main >= 2) & (signal >= 3)], xy[degree >= 3]
