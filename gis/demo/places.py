"""Where things stand: along kerbs, at corners, on carriageways, in parks, on banks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.demo.arterials import CANAL_WIDTH_M, RESIDENTIAL, SECONDARY, TERTIARY
from gis.demo.blocks import USES, Blocks
from gis.demo.streets import Network

Coords = np.ndarray


@dataclass(frozen=True)
class Lines:
    """Lines laid end to end, without the junctions at their ends: a place is a distance along them.

    Attributes
    ----------
    shapes, half
        The lines and half the width of the road on each.
    skip
        Metres left out at the start of each.
    ends
        Running total of what remains.
    """

    shapes: np.ndarray
    half: np.ndarray
    skip: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, shapes: np.ndarray, half: np.ndarray, clear: np.ndarray | None = None) -> Lines:
        """Lines with ``clear`` metres, shape (n, 2), left out at both ends; never more than three quarters of them."""
        length = shapely.length(shapes)
        clear = np.zeros((len(shapes), 2)) if clear is None else clear
        clear = clear * np.minimum(1.0, 0.75 * length / np.maximum(clear.sum(axis=1), 1e-9))[:, None]
        return cls(shapes, half, clear[:, 0], np.cumsum(length - clear.sum(axis=1)))

    @property
    def length(self) -> float:
        """Total length in metres."""
        return float(self.ends[-1])

    def line(self, along: np.ndarray) -> np.ndarray:
        """Position of the line at each distance."""
        return np.minimum(np.searchsorted(self.ends, along, side="right"), len(self.shapes) - 1)

    def at(self, along: np.ndarray, beside: np.ndarray) -> Coords:
        """Points at distances along the lines, ``beside`` metres to the left of them."""
        line = self.line(along)
        rest = along - np.concatenate([[0.0], self.ends])[line] + self.skip[line]
        return offset(self.shapes[line], rest, beside)


def offset(shapes: np.ndarray, along: np.ndarray, beside: np.ndarray) -> Coords:
    """Points ``along`` metres from the start of lines and ``beside`` metres to their left."""
    back, here, on = (
        shapely.get_coordinates(shapely.line_interpolate_point(shapes, np.maximum(along + step, 0.0)))
        for step in (-0.5, 0.0, 0.5)
    )
    way = on - back
    way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    return here + np.column_stack([-way[:, 1], way[:, 0]]) * beside[:, None]


class Places:
    """Finds n places of a kind; every finder takes a count and a stream and gives coordinates, shape (n, 2)."""

    def __init__(self, net: Network, blocks: Blocks, buildings: np.ndarray, drains: Lines) -> None:
        self.blocks, self.buildings, self.drains = blocks, buildings, drains
        streets = np.flatnonzero(net.inside & (net.kind <= RESIDENTIAL))
        shapes, kind, half = net.lines[streets], net.kind[streets], net.width_m[streets] / 2
        clear, degree, main = _junctions(shapes, kind, half)

        def some(mine: np.ndarray) -> Lines:
            return Lines.of(shapes[mine], half[mine], clear[mine])

        self.roads, self.lit = some(kind <= RESIDENTIAL), some(kind <= TERTIARY)
        self.main, self.minor = some(kind <= SECONDARY), some((kind == TERTIARY) | (kind == RESIDENTIAL))
        length = shapely.length(shapes)
        sides = [
            offset(shapes, np.clip(at, 0.0, length), side * (half - 1.0))
            for at in (clear[:, 0] + 1.5, length - clear[:, 1] - 1.5)
            for side in (1, -1)
        ]
        ends = np.repeat(degree.T, 2, axis=0).ravel() >= 3
        busy = np.repeat(main.T, 2, axis=0).ravel() >= 2
        corner = np.vstack(sides)
        self.corners = corner[ends]
        self.junctions = corner[ends & busy] if (ends & busy).any() else corner[ends]
        city_water, city_rail = (shapely.intersection(axis, net.outline) for axis in (net.water, net.rail))
        banks = shapely.get_parts(city_water)
        self.banks = Lines.of(banks, np.full(len(banks), CANAL_WIDTH_M / 2))
        mainly = shapes[kind <= TERTIARY]
        self.bridges = _crossings(mainly, city_water, self.corners)
        self.tracks = _crossings(mainly, city_rail, self.corners)

    def find(self, place: str, n: int, rng: np.random.Generator) -> Coords:
        """``n`` places of the kind ``place``."""
        return getattr(self, f"_{place}")(n, rng)

    def _even(self, lines: Lines, n: int, rng, beside) -> Coords:
        along = (np.arange(n) + rng.uniform(0.25, 0.75, n)) * (lines.length / n)
        side = np.where(rng.random(n) < 0.5, 1.0, -1.0)
        return lines.at(along, side * beside(lines.half[lines.line(along)]))

    def _lamp(self, n, rng):
        along = (np.arange(n) + 0.5) * (self.lit.length / n) + rng.normal(0, 0.4, n)
        side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        return self.lit.at(along, side * (self.lit.half[self.lit.line(along)] - 1.2))

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

    def _bus(self, n, rng):
        return self._even(self.main, n, rng, lambda half: half - 1.6)

    def _shop(self, n, rng):
        return self._even(self.lit, n, rng, lambda half: half + rng.uniform(0.5, 3.0, len(half)))

    def _bin(self, n, rng):
        half = n // 2
        return np.vstack([self._corner(half, rng), self._even(self.lit, n - half, rng, lambda h: h - 0.9)])

    def _canal(self, n, rng):
        return self._even(self.banks, n, rng, lambda half: half + rng.uniform(0.5, 6.0, len(half)))

    def _drain(self, n, rng):
        along = (np.arange(n) + rng.uniform(0.35, 0.65, n)) * (self.drains.length / n)
        return self.drains.at(along, np.zeros(n))

    def _gutter(self, n, rng):
        along = (np.arange(n) + rng.uniform(0.35, 0.65, n)) * (self.drains.length / n)
        return self.drains.at(along, self.drains.half[self.drains.line(along)])

    def _around(self, points: Coords, n: int, rng, reach: float) -> Coords:
        few = n < len(points)
        pick = rng.permutation(len(points))[:n] if few else np.arange(n) % len(points)
        return points[pick] + rng.uniform(-reach, reach, (n, 2))

    def _junction(self, n, rng):
        return self._around(self.junctions, n, rng, 1.2)

    def _corner(self, n, rng):
        return self._around(self.corners, n, rng, 0.8)

    def _bridge(self, n, rng):
        return self._around(self.bridges, n, rng, 4.0)

    def _rail(self, n, rng):
        return self._around(self.tracks, n, rng, 8.0)

    def _land(self, uses: tuple[str, ...]) -> np.ndarray:
        mine = np.isin(self.blocks.use, [USES.index(use) for use in uses]) & (shapely.area(self.blocks.land) > 200)
        return self.blocks.land[mine]

    def _within(self, uses: tuple[str, ...], n: int, rng) -> Coords:
        land = self._land(uses)
        ends = np.cumsum(shapely.area(land))
        shapely.prepare(land)
        out = np.empty((0, 2))
        while len(out) < n:
            pick = np.minimum(np.searchsorted(ends, rng.uniform(0, ends[-1], 2 * n + 8), side="right"), len(land) - 1)
            low = shapely.bounds(land[pick])
            xy = low[:, :2] + rng.random((len(pick), 2)) * (low[:, 2:] - low[:, :2])
            out = np.vstack([out, xy[shapely.intersects_xy(land[pick], xy[:, 0], xy[:, 1])]])
        return out[:n]

    def _around_land(self, uses: tuple[str, ...], n: int, rng) -> Coords:
        rings = shapely.get_exterior_ring(shapely.get_parts(self._land(uses)))
        lines = Lines.of(rings, np.ones(len(rings)))
        return lines.at(np.sort(rng.uniform(0, lines.length, n)), rng.uniform(-0.5, 1.5, n))

    def _park(self, n, rng):
        return self._within(("park", "greenway"), n, rng)

    def _park_edge(self, n, rng):
        return self._around_land(("park",), n, rng)

    def _estate(self, n, rng):
        return self._within(("residential", "courtyard"), n, rng)

    def _works(self, n, rng):
        return self._within(("industrial", "vacant", "office"), n, rng)

    def _government(self, n, rng):
        return self._within(("government", "school", "hospital", "station"), n, rng)

    def _gate(self, n, rng):
        return self._around_land(("park", "government", "school"), n, rng)

    def _door(self, n, rng):
        count = len(self.buildings)
        pick = np.sort(rng.permutation(count)[:n]) if n < count else np.arange(n) % count
        return shapely.get_coordinates(shapely.get_point(shapely.get_exterior_ring(self.buildings[pick]), 0))


def _crossings(roads: np.ndarray, axis, otherwise: Coords) -> Coords:
    """Points where roads cross an axis; the first of ``otherwise`` where none does."""
    hit = shapely.intersection(roads, axis)
    points = shapely.get_parts(hit[~shapely.is_empty(hit)])
    points = points[shapely.get_type_id(points) == 0]
    return shapely.get_coordinates(points) if len(points) else otherwise[:1]


def _junctions(shapes: np.ndarray, kind: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For both ends of each street, shape (n, 2): metres that the streets across take, streets there, main roads there.

    The street itself and one more as wide, which continues it, do not lie across.
    """
    n = len(shapes)
    ends = np.vstack([shapely.get_coordinates(shapely.get_point(shapes, i)) for i in (0, -1)])
    _, node = np.unique(ends, axis=0, return_inverse=True)
    node = node.ravel()
    own = np.tile(half, 2)
    degree = np.bincount(node)
    widest = np.zeros(len(degree))
    np.maximum.at(widest, node, own)
    same = np.bincount(node, own == widest[node])
    second = np.zeros(len(degree))
    less = own < widest[node]
    np.maximum.at(second, node[less], own[less])
    across = np.where(less | (same[node] > 2), widest[node], second[node])
    main = np.bincount(node, np.tile(kind <= SECONDARY, 2))
    return across.reshape(2, n).T, degree[node].reshape(2, n).T, main[node].reshape(2, n).T
