"""The street network: arterials on a bent mesh, local streets by splitting, canal and railway across them.

Lines are drawn straight on a plan (`gis.demo.arterials`), noded there, and then bent to the ground by `bend`: an old
town turned against the rest, rings with round corners, avenues that follow the lake shore. Junctions are shared
exactly, so the bent lines still close their blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import STRtree

from gis.demo.arterials import (
    KINDS,
    MOTORWAY,
    PRIMARY,
    RESIDENTIAL,
    SECONDARY,
    TERTIARY,
    TRUNK,
    Drawing,
    draw_arterials,
    shore_north,
    smooth,
)
from gis.demo.plan import CENTRE, Plan, table
from grids.polygons import borders, halve

QUARTERS = ("old_town", "inner", "new", "industry", "village", "lakeside", "campus", "parkland", "canal", "rail")
GRAIN_M2 = np.array([15e3, 34e3, 56e3, 130e3, 16e3, 70e3, 260e3, 330e3, np.inf, np.inf])
"""Usual size of a block in each of `QUARTERS`."""


MARGIN = 0.8
"""How far beyond the city things are drawn, in meshes."""


@dataclass(frozen=True)
class Network:
    """Noded lines on the ground and the blocks between them, EPSG:4546.

    Attributes
    ----------
    lines, kind, name
        Edges between junctions; position in `KINDS`; name, "" when it has none.
    inside
        True for the edges in the city, false for those that leave it.
    outline
        The city's territory, bounded by streets.
    blocks, quarter, superblock
        Land between the lines, polygons that tile the outline; position in `QUARTERS`; number of the face of main
        roads that each lies in.
    water, rail
        Axes of the canal and the railway, beyond the city too.
    frame
        The picture: nothing is drawn beyond.
    """

    lines: np.ndarray
    kind: np.ndarray
    name: np.ndarray
    inside: np.ndarray
    outline: shapely.Polygon
    blocks: np.ndarray
    quarter: np.ndarray
    superblock: np.ndarray
    water: shapely.LineString
    rail: shapely.LineString
    frame: shapely.Polygon

    @property
    def width_m(self) -> np.ndarray:
        """Width of each edge in metres."""
        return KINDS["width_m"].to_numpy()[self.kind]


def make_network(plan: Plan) -> Network:
    """Draw the whole network of a city."""
    rng = plan.stream("streets")
    drawn = draw_arterials(plan, rng)
    main = np.array(drawn.lines)
    shapes = shapely.get_parts(shapely.polygonize(_node(main)))
    shapes = shapes[_chosen(plan, shapes, rng)]
    quarter = _quarters(plan, drawn, shapes, rng)
    cuts, cut_kinds = _split(shapes, quarter, rng)
    lines, kind, name = _tagged(
        np.concatenate([main, cuts]),
        np.concatenate([np.array(drawn.kinds), cut_kinds]),
        np.concatenate([np.array(drawn.names, object), np.full(len(cuts), "", object)]),
    )
    city = shapely.coverage_union_all(shapes)
    city = shapely.Polygon(max(shapely.get_parts(city), key=lambda part: part.area).exterior)
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    inside = shapely.dwithin(city, middle, 1.0)
    keep = inside | _leaving(plan, city, lines, kind)
    lines, kind, name, inside = lines[keep], kind[keep], name[keep], inside[keep]
    name = _local_names(lines, kind, name)
    lines = shapely.segmentize(lines, 120.0)  # long straight edges take points between, so that they bend
    blocks = shapely.get_parts(shapely.polygonize(lines[inside]))
    blocks = blocks[shapely.contains_properly(city, shapely.point_on_surface(blocks))]
    block, shape = STRtree(shapes).query(shapely.point_on_surface(blocks), predicate="intersects")
    of = np.empty(len(blocks), np.int64)
    of[block] = shape
    factor = 1.0
    for _ in range(3):  # the bend changes areas a little; stretch until the city has the published one
        ground = shapely.transform(blocks, lambda xy, f=factor: bend(plan, xy, f))
        factor *= np.sqrt(plan.area_m2 / shapely.area(ground).sum())

    def bent(shape):
        return shapely.transform(shape, lambda xy: bend(plan, xy, factor))

    lines, ground = bent(lines), bent(blocks)
    near = shapely.box(-1.9 * plan.radius, -1.9 * plan.radius, 2.0 * plan.radius, 1.9 * plan.radius)
    frame = shapely.box(*(shapely.total_bounds(ground) + np.array([-1, -1, 1, 1]) * MARGIN * plan.mesh))
    ring_road, canal, rail = (
        max(shapely.get_parts(shapely.intersection(bent(shapely.intersection(axis, near)), frame)), key=shapely.length)
        for axis in (_motorway(plan), drawn.axes["canal"], drawn.axes["rail"])
    )
    lines = shapely.intersection(lines, frame)
    drawn_on = (shapely.get_type_id(lines) == 1) & ~shapely.is_empty(lines)
    lines, kind, name, inside = lines[drawn_on], kind[drawn_on], name[drawn_on], inside[drawn_on]
    return Network(
        np.append(lines, ring_road),
        np.append(kind, np.int8(MOTORWAY)),
        np.append(name, "运城绕城高速"),
        np.append(inside, False),
        shapely.coverage_union_all(ground),
        ground,
        quarter[of],
        of,
        canal,
        rail,
        frame,
    )


def _motorway(plan: Plan) -> shapely.LineString:
    """A motorway round the city, away from the lake."""
    r = plan.radius
    turns = (
        (-2.25, -0.75),
        (-1.75, -0.1),
        (-1.6, 0.9),
        (-0.9, 1.42),
        (0.6, 1.52),
        (1.7, 1.1),
        (1.9, 0.1),
        (2.3, -0.7),
    )
    return shapely.linestrings(smooth([(x * r, y * r) for x, y in turns]))


def _leaving(plan: Plan, city, lines: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Which edges outside the city are drawn too: main roads that lead away from it, some way out."""
    a, b = (shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1))
    way, out = b - a, (a + b) / 2
    along = np.abs((way * out).sum(axis=1)) / np.maximum(np.hypot(*way.T) * np.hypot(*out.T), 1e-9)
    gap = shapely.distance(city, shapely.line_interpolate_point(lines, 0.5, normalized=True)) / plan.mesh
    return (along > 0.75) & (((kind == TRUNK) & (gap < 1.3)) | ((kind == PRIMARY) & (gap < 0.75)))


def bend(plan: Plan, xy: np.ndarray, factor: float) -> np.ndarray:
    """Plan coordinates to the ground: (n, 2) metres to (n, 2) metres of EPSG:4546, on the millimetre grid."""
    mesh, r = plan.mesh, plan.radius
    u, v = xy[:, 0] * factor, xy[:, 1] * factor
    for east, north, degrees, reach in ((0.0, 0.0, -11.0, 0.85), (2.9, 0.35, 13.0, 1.1), (-2.6, 1.0, 9.0, 1.2)):
        du, dv = u - east * mesh, v - north * mesh
        turn = np.radians(degrees) * np.exp(-(du * du + dv * dv) / (2 * (reach * mesh) ** 2))
        cos, sin = np.cos(turn), np.sin(turn)
        u, v = east * mesh + cos * du - sin * dv, north * mesh + sin * du + cos * dv
    u, v = u * (1 - 0.07 * (v / r) ** 2), v * (1 - 0.05 * (u / (1.4 * r)) ** 2)
    x = u + 0.035 * r * np.sin(2.9 * v / r + 0.6)
    y = v + 0.045 * r * np.sin(2.3 * u / r - 0.9) + 0.03 * r * np.cos(1.1 * u / r)
    cos, sin = np.cos(np.radians(-3.5)), np.sin(np.radians(-3.5))
    return np.round(np.column_stack([CENTRE[0] + cos * x - sin * y, CENTRE[1] + sin * x + cos * y]), 3)


def _node(lines: np.ndarray) -> np.ndarray:
    """Edges between all junctions of the lines, on the millimetre grid."""
    return shapely.get_parts(shapely.union_all(lines, grid_size=0.001))


def _chosen(plan: Plan, shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The superblocks that are city: nearest the centre in an ellipse with lobes, up to the city's area."""
    x, y = np.round(shapely.get_coordinates(shapely.centroid(shapes)), 3).T
    area, r = shapely.area(shapes), plan.radius
    angle = np.arctan2(y, x)
    lobes = 1 + 0.09 * np.cos(3 * angle - 0.7) + 0.05 * np.cos(5 * angle + 1.9)
    score = np.hypot((x - 0.05 * r) / 1.32, (y - 0.12 * r) / 0.86) / lobes + rng.uniform(-0.03, 0.03, len(x)) * r
    a, b, shared = borders(shapes)
    around = shapely.length(shapes)
    held = np.zeros(len(shapes))
    for _ in range(3):  # corners that stick out give way to bays
        order = np.lexsort((area, np.round(score - 0.45 * r * held, 3)))
        chosen = order[: int(np.searchsorted(np.cumsum(area[order]), plan.area_m2)) + 1]
        city = np.isin(np.arange(len(shapes)), chosen)
        held = (np.bincount(a, shared * city[b], len(shapes)) + np.bincount(b, shared * city[a], len(shapes))) / around
    return np.flatnonzero(city)


def _quarters(plan: Plan, drawn: Drawing, shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The character of each superblock: position in `QUARTERS`."""
    mesh, r = plan.mesh, plan.radius
    x, y = np.round(shapely.get_coordinates(shapely.centroid(shapes)), 3).T
    area = shapely.area(shapes)
    far = np.maximum(np.abs(x), np.abs(y)) / mesh
    quarter = np.where(far < 0.6, 0, np.where(far < 1.2, 1, 2))
    draw = rng.random(len(x))
    quarter[(far >= 0.9) & (draw < 0.08)] = QUARTERS.index("village")
    works = (np.hypot(x / r - 0.55, y / r - 0.75) < 0.42) | (np.hypot(x / r + 1.0, y / r - 0.35) < 0.25)
    quarter[works] = QUARTERS.index("industry")
    quarter[(y < shore_north(plan) + 0.55 * mesh) & (quarter == 2)] = QUARTERS.index("lakeside")
    middling = (area > 0.1 * mesh**2) & (area < 0.4 * mesh**2)
    wanted = (("parkland", (0.35, -0.2)), ("campus", (0.62, 0.3)), ("parkland", (-0.75, 0.1)),
              ("campus", (-0.35, 0.75)), ("parkland", (1.05, 0.0)))  # fmt: skip
    for name, at in wanted if plan.scale > 0.3 else wanted[:2]:
        free = np.flatnonzero(middling & (quarter > 0) & (quarter < QUARTERS.index("campus")))
        if len(free) > 2:
            gap = np.hypot(x[free] / r - at[0], y[free] / r - at[1])
            quarter[free[np.argmin(np.round(gap, 6))]] = QUARTERS.index(name)
    points = shapely.point_on_surface(shapes)
    for name in ("canal", "rail"):
        quarter[shapely.contains_properly(drawn.corridors[name], points)] = QUARTERS.index(name)
    return quarter.astype(np.int8)


def _split(shapes: np.ndarray, quarter: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Local streets: superblocks halved across their long side until blocks have their quarter's size."""
    target = GRAIN_M2[quarter] * rng.uniform(0.8, 1.3, len(shapes))
    todo, size = shapes, target
    cuts: list[np.ndarray] = []
    kinds: list[np.ndarray] = []
    for _ in range(12):
        wide = shapely.area(todo) > size * rng.uniform(1.35, 2.1, len(todo))
        todo, size = todo[wide], size[wide]
        if not len(todo):
            break
        big = shapely.area(todo) > 4.4 * size
        halves, owner, line, of = _halve(todo, rng.uniform(0.4, 0.6, len(todo)), rng.normal(0, 0.022, len(todo)))
        cuts.append(line)
        kinds.append(np.where(big[of], TERTIARY, RESIDENTIAL))
        todo, size = halves, size[owner]
    return np.concatenate(cuts), np.concatenate(kinds).astype(np.int8)


def _halve(shapes: np.ndarray, share: np.ndarray, lean: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut each polygon across its long side at ``share`` of it, leaning by ``lean`` radians: parts, owners, cuts."""
    box = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    first, second = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    long_first = (np.hypot(*first.T) >= np.hypot(*second.T))[:, None]
    along, across = np.where(long_first, first, second), np.where(long_first, second, first)
    unit = along / np.hypot(*along.T)[:, None]
    cos, sin = np.cos(lean)[:, None], np.sin(lean)[:, None]
    unit = unit * cos + np.column_stack([-unit[:, 1], unit[:, 0]]) * sin
    return halve(shapes, box[:, 0] + along * share[:, None] + across * 0.5, unit)


def _tagged(lines, kinds, names) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Node the lines and give each edge the kind and name of the highest line it lies on."""
    edges = _node(lines)
    order = np.lexsort((np.arange(len(lines)), kinds))
    lines, kinds, names = lines[order], kinds[order], names[order]
    middle = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    edge, line = STRtree(lines).query(middle, predicate="dwithin", distance=0.05)
    best = np.full(len(edges), len(lines), np.int64)
    np.minimum.at(best, edge, line)
    assert (best < len(lines)).all()
    return edges, kinds[best].astype(np.int8), names[best]


def _local_names(lines, kind, name) -> np.ndarray:
    """Side suffixes for main roads, and names of their own for local streets."""
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True)).T
    called = table("road_names")
    ends = tuple("路街")
    out = name.astype(object).copy()
    for i in np.flatnonzero((kind <= SECONDARY) & (name != "")):
        text = name[i]
        if text.endswith(ends) and not text.endswith("环路"):
            side = ("北" if y[i] >= 0 else "南") if text.endswith("路") else ("东" if x[i] >= 0 else "西")
            out[i] = text[:-1] + side + text[-1]
    local = np.flatnonzero(((kind == TERTIARY) | (kind == RESIDENTIAL)) & (name == ""))
    given = called.loc[called["axis"] == "local", "name"].to_numpy(object)
    a, b = (
        shapely.get_coordinates(shapely.get_point(lines[local], 0)),
        shapely.get_coordinates(shapely.get_point(lines[local], -1)),
    )
    flat = np.abs(b[:, 0] - a[:, 0]) > np.abs(b[:, 1] - a[:, 1])
    # streets on one bearing and one band of the plan share a name
    band = np.where(flat, np.round(y[local] / 180), np.round(x[local] / 180)).astype(int)
    cell = np.where(flat, np.round(x[local] / 1400), np.round(y[local] / 1400)).astype(int)
    number = (band * 7 + cell * 31 + 1000) % len(given)
    lane = (kind[local] == RESIDENTIAL) & (cell % 2 == 1)
    out[local] = given[number] + np.select([lane, flat], ["巷", "街"], "路").astype(object)
    return out
