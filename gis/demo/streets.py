"""The street network: arterials on a bent mesh, local streets by splitting, railway and canal across them.

Lines are drawn straight on a plan ("logical" metres east and north of the bell tower), noded there, and then
bent to the ground by `bend`: an old town turned against the rest, rings with round corners, avenues that follow the
lake shore. Junctions are shared exactly, so the bent lines still close their blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.demo.plan import CENTRE, Plan, table
from grids.cut import halve

KINDS = pd.DataFrame(
    [
        ("trunk", 44.0, 6),
        ("primary", 36.0, 6),
        ("secondary", 26.0, 4),
        ("tertiary", 17.0, 2),
        ("residential", 10.0, 2),
        ("service", 6.0, 1),
        ("motorway", 28.0, 4),
        ("rail", 12.0, 0),
        ("canal", 26.0, 0),
    ],
    columns=["kind", "width_m", "lanes"],
)
"""Kinds of lines: width between building-side kerbs in metres, lanes; position = the line's ``kind`` number."""

TRUNK, PRIMARY, SECONDARY, TERTIARY, RESIDENTIAL, SERVICE, MOTORWAY, RAIL, CANAL = range(len(KINDS))


@dataclass(frozen=True)
class Network:
    """Noded lines on the ground and the plan they come from.

    Attributes
    ----------
    lines
        Edges between junctions, EPSG:4546.
    kind
        Position in `KINDS` of each edge.
    name
        Name of each edge, "" when it has none.
    inside
        True for the edges in the city, false for those that leave it.
    outline
        The city's territory, bounded by streets.
    blocks
        Land between the lines: polygons that tile the outline.
    quarter
        Position in `QUARTERS` of each block.
    """

    lines: np.ndarray
    kind: np.ndarray
    name: np.ndarray
    inside: np.ndarray
    outline: shapely.Polygon
    blocks: np.ndarray
    quarter: np.ndarray


QUARTERS = ("old_town", "inner", "new", "industry", "village", "lakeside")
GRAIN_M2 = np.array([15_000, 34_000, 56_000, 130_000, 16_000, 70_000], float)
"""Usual size of a block in each of `QUARTERS`."""

STEPS = (0.0, 0.5, 1.12, 1.66, 2.26, 2.82, 3.4, 3.95, 4.5)
STEP_KINDS = (PRIMARY, SECONDARY, PRIMARY, SECONDARY, TRUNK, SECONDARY, PRIMARY, SECONDARY, PRIMARY)


def make_network(plan: Plan) -> Network:
    """Draw the whole network of a city."""
    rng = plan.stream("streets")
    main, kinds, names = _arterials(plan, rng)
    shapes = shapely.get_parts(shapely.polygonize(_node(main)))
    shapes = shapes[_chosen(plan, shapes, rng)]
    quarter = _quarters(plan, shapes, rng)
    cuts, cut_kinds = _split(shapes, quarter, rng)
    lines, kind, name = _tagged(
        np.concatenate([main, cuts]),
        np.concatenate([kinds, cut_kinds]),
        np.concatenate([names, np.full(len(cuts), "", object)]),
    )
    city = shapely.coverage_union_all(shapes)
    if city.geom_type != "Polygon":
        city = max(city.geoms, key=lambda part: part.area)
    city = shapely.Polygon(city.exterior)
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    near = shapely.dwithin(city, middle, 1.0)
    keep = near | (shapely.dwithin(city, middle, 0.35 * plan.mesh) & (kind <= PRIMARY)) | (kind >= RAIL)
    lines, kind, name, near = lines[keep], kind[keep], name[keep], near[keep]
    name = _local_names(lines, kind, name)
    lines = shapely.segmentize(lines, 120.0)  # long straight edges take points between, so that they bend
    blocks = shapely.get_parts(shapely.polygonize(lines[near]))
    blocks = blocks[shapely.contains_properly(city, shapely.point_on_surface(blocks))]
    block, shape = STRtree(shapes).query(shapely.point_on_surface(blocks), predicate="intersects")
    of = np.empty(len(blocks), np.int8)
    of[block] = quarter[shape]
    factor = 1.0
    for _ in range(3):  # the bend changes areas a little; stretch until the city has the published one
        ground = shapely.transform(blocks, lambda xy, f=factor: bend(plan, xy, f))
        factor *= np.sqrt(plan.area_m2 / shapely.area(ground).sum())
    lines, ground = (shapely.transform(shape, lambda xy: bend(plan, xy, factor)) for shape in (lines, blocks))
    return Network(lines, kind, name, near, shapely.coverage_union_all(ground), ground, of)


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


def smooth(points: list[tuple[float, float]], rounds: int = 4) -> np.ndarray:
    """A polyline with its corners cut ``rounds`` times (Chaikin 1974); ends stay."""
    xy = np.asarray(points, float)
    for _ in range(rounds):
        a, b = xy[:-1], xy[1:]
        xy = np.vstack([xy[:1], np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], 1).reshape(-1, 2), xy[-1:]])
    return xy


def shore_north(plan: Plan) -> float:
    """Where the shore road runs, in plan metres north of the bell tower."""
    return -0.56 * plan.radius


def _arterials(plan: Plan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Main roads, railway and canal on the plan: lines, kinds, names."""
    mesh, shore = plan.mesh, shore_north(plan)
    reach = 4.6 * mesh
    side = {}
    for axis in "uv":
        jitter = rng.uniform(-0.06, 0.06, (2, len(STEPS))) * mesh
        jitter[:, :2] *= 0.3
        out = [
            (sign * step * mesh + jitter[i, k], STEP_KINDS[k], sign * k)
            for i, sign in enumerate((1, -1))
            for k, step in enumerate(STEPS)
            if k or sign > 0
        ]
        side[axis] = sorted(out)
    side["v"] = [row for row in side["v"] if row[0] > shore + 0.3 * mesh] + [(shore, PRIMARY, -20)]
    side["v"].sort()
    lines: list[np.ndarray] = []
    kinds: list[int] = []
    names: list[str] = []

    def add(points, kind: int, name: str) -> None:
        lines.append(np.asarray(points, float))
        kinds.append(kind)
        names.append(name)

    called = table("road_names")
    called = {(row.axis, int(row.order)): row.name for row in called.itertuples(index=False) if row.axis in "uv"}
    for axis, across in (("u", "v"), ("v", "u")):
        through = [at for at, kind, _ in side[across] if kind <= PRIMARY]
        bands = np.unique([-reach if across == "u" else shore, *through, reach])
        for at, kind, order in side[axis]:
            name = called.get((axis, order), "")
            for low, high in zip(bands[:-1], bands[1:], strict=True):
                place = at
                if kind == SECONDARY and abs(order) != 1:
                    if rng.random() < 0.16:
                        continue
                    place = at + rng.normal(0, 0.035) * mesh
                line = [(place, low), (place, high)]
                add(line if axis == "u" else [(y, x) for x, y in line], kind, name)
    diagonal = [(1.12, 0.5), (2.3, 1.5), (3.1, 2.5), (4.6, 4.3)]
    add(smooth([(x * mesh, y * mesh) for x, y in diagonal], 2), PRIMARY, "机场大道")
    west = [(-1.12, -0.5), (-2.0, -0.75), (-3.2, -0.95), (-4.6, -1.2)]
    add(smooth([(x * mesh, y * mesh) for x, y in west], 2), SECONDARY, "解放军路")
    rail = [(4.6, 3.3), (3.2, 2.05), (1.5, 0.95), (0.3, 0.72), (-1.2, 0.68), (-2.4, 0.1), (-4.6, -0.45)]
    add(smooth([(x * mesh, y * mesh) for x, y in rail]), RAIL, "南同蒲铁路")
    low = shore / mesh
    canal = [
        (4.6, 0.05),
        (3.6, -0.35),
        (2.7, 0.0),
        (1.7, -0.55),
        (0.6, 0.62 * low),
        (-0.7, 0.55 * low),
        (-1.7, 0.78 * low),
        (-2.9, 0.5 * low),
        (-4.6, 0.72 * low),
    ]
    add(smooth([(x * mesh, y * mesh) for x, y in canal]), CANAL, "姚暹渠")
    made = np.array([shapely.linestrings(line) for line in lines])
    return made, np.array(kinds, np.int8), np.array(names, object)


def _node(lines: np.ndarray) -> np.ndarray:
    """Edges between all junctions of the lines, on the millimetre grid."""
    return shapely.get_parts(shapely.union_all(lines, grid_size=0.001))


def _chosen(plan: Plan, shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The superblocks that are city: nearest the centre in an ellipse with lobes, up to the city's area."""
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    angle = np.arctan2(y, x)
    lobes = 1 + 0.09 * np.cos(3 * angle - 0.7) + 0.05 * np.cos(5 * angle + 1.9)
    r = plan.radius
    score = np.hypot((x - 0.05 * r) / 1.32, (y - 0.12 * r) / 0.86) / lobes + rng.uniform(-0.03, 0.03, len(x)) * r
    order = np.lexsort((shapely.area(shapes), score))
    total = np.cumsum(shapely.area(shapes)[order])
    return np.sort(order[: int(np.searchsorted(total, plan.area_m2)) + 1])


def _quarters(plan: Plan, shapes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The character of each superblock: position in `QUARTERS`."""
    mesh, r = plan.mesh, plan.radius
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    far = np.maximum(np.abs(x), np.abs(y)) / mesh
    quarter = np.where(far < 0.6, 0, np.where(far < 1.2, 1, 2))
    draw = rng.random(len(x))
    quarter[(far >= 0.9) & (draw < 0.09)] = 4
    quarter[(np.hypot(x / r - 0.55, y / r - 0.75) < 0.42) | (np.hypot(x / r + 1.0, y / r - 0.35) < 0.25)] = 3
    quarter[(y < shore_north(plan) + 0.55 * mesh) & (quarter == 2)] = 5
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
    rank = np.array([1, 2, 3, 4, 5, 6, 0, 7, 8])[kinds]
    order = np.lexsort((np.arange(len(lines)), rank))
    lines, kinds, names = lines[order], kinds[order], names[order]
    middle = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    edge, line = STRtree(lines).query(middle, predicate="dwithin", distance=0.05)
    best = np.full(len(edges), len(lines), np.int64)
    np.minimum.at(best, edge, line)
    assert (best < len(lines)).all()
    return edges, kinds[best], names[best]


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
    local = np.flatnonzero((kind == TERTIARY) | (kind == RESIDENTIAL))
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
    for i, row in enumerate(local):
        tail = "街" if flat[i] else "路"
        if kind[row] == RESIDENTIAL:
            tail = "巷" if cell[i] % 2 else tail
        out[row] = given[number[i]] + tail
    return out
