"""Main roads on the plan: a jittered mesh of avenues, diagonals, and the corridors of the canal and the railway.

The plan is in metres east and north of the bell tower, straight and square; `gis.demo.streets.bend` curves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
import shapely

from gis.demo.plan import Plan, table

KINDS = pd.DataFrame(
    [
        ("trunk", 44.0, 6),
        ("primary", 36.0, 6),
        ("secondary", 26.0, 4),
        ("tertiary", 17.0, 2),
        ("residential", 10.0, 2),
        ("service", 6.0, 1),
        ("motorway", 28.0, 4),
        ("fence", 0.0, 0),
    ],
    columns=["kind", "width_m", "lanes"],
)
"""Kinds of lines: width between building-side kerbs in metres, lanes; position = the line's ``kind`` number."""

TRUNK, PRIMARY, SECONDARY, TERTIARY, RESIDENTIAL, SERVICE, MOTORWAY, FENCE = range(len(KINDS))

STEPS = (0.0, 0.5, 1.12, 1.66, 2.26, 2.82, 3.4, 3.95, 4.5)
STEP_KINDS = (PRIMARY, SECONDARY, PRIMARY, SECONDARY, PRIMARY, SECONDARY, PRIMARY, SECONDARY, PRIMARY)
"""Distances of the avenues from the centre in meshes, and their kinds."""

REACH = 4.6
CANAL_WIDTH_M, CANAL_HALF_M = 26.0, 46.0
RAIL_WIDTH_M, RAIL_HALF_M = 12.0, 24.0
"""Water and track width; half the corridor between bank roads, or between fences."""


@dataclass
class Drawing:
    """Lines drawn so far: coordinates, kind, name; and the corridors with their axes."""

    lines: list[shapely.LineString] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    axes: dict[str, shapely.LineString] = field(default_factory=dict)
    corridors: dict[str, shapely.Polygon] = field(default_factory=dict)

    def add(self, points, kind: int, name: str) -> None:
        """Draw a line."""
        self.lines.append(shapely.linestrings(np.asarray(points, float)))
        self.kinds.append(kind)
        self.names.append(name)


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


def draw_arterials(plan: Plan, rng: np.random.Generator) -> Drawing:
    """Draw the avenues, the diagonals and the corridors."""
    out = Drawing()
    mesh, shore = plan.mesh, shore_north(plan)
    ring = 2 if plan.scale < 0.1 else 4  # small cities end before the outer ring
    side = {axis: _avenues(mesh, ring, rng) for axis in "uv"}
    side["v"] = sorted([row for row in side["v"] if row[0] > shore + 0.3 * mesh] + [(shore, PRIMARY, -20)])
    called = {(row.axis, row.order): row.name for row in table("road_names").itertuples(index=False)}
    for axis, across in (("u", "v"), ("v", "u")):
        through = [at for at, kind, _ in side[across] if kind <= PRIMARY]
        bands = np.unique([-REACH * mesh if across == "u" else shore, *through, REACH * mesh])
        for at, kind, order in side[axis]:
            for low, high in pairwise(bands):
                place = at
                if kind == SECONDARY and abs(order) != 1:  # lesser avenues are broken and staggered
                    if rng.random() < 0.16:
                        continue
                    place = at + rng.normal(0, 0.035) * mesh
                line = [(place, low), (place, high)]
                out.add(line if axis == "u" else [(y, x) for x, y in line], kind, called.get((axis, str(order)), ""))
    low = shore / mesh
    diagonal = [(1.12, 0.5), (2.2, 0.95), (3.2, 1.3), (4.6, 2.1)]
    out.add(smooth([(x * mesh, y * mesh) for x, y in diagonal], 2), PRIMARY, "机场大道")
    west = [(-1.12, -0.5), (-2.0, -0.75), (-3.2, -0.95), (-4.6, -1.2)]
    out.add(smooth([(x * mesh, y * mesh) for x, y in west], 2), SECONDARY, "关圣大道")
    rail = [(4.6, 3.3), (3.2, 2.1), (1.5, 1.0), (0.3, 0.76), (-1.2, 0.72), (-2.4, 0.16), (-4.6, -0.4)]
    canal = [(4.6, 0.05), (3.6, -0.35), (2.7, -0.02), (1.7, -0.56), (0.6, 0.62 * low), (-0.7, 0.54 * low),
             (-1.7, 0.76 * low), (-2.9, 0.5 * low), (-4.6, 0.7 * low)]  # fmt: skip
    _corridor(out, "rail", rail, mesh, RAIL_HALF_M, FENCE, ("", ""))
    _corridor(out, "canal", canal, mesh, CANAL_HALF_M, TERTIARY, ("渠南路", "渠北路"))
    return out


def _avenues(mesh: float, ring: int, rng: np.random.Generator) -> list[tuple[float, int, int]]:
    """Place, kind and order (0 through the bell tower, signed) of the avenues of one direction; ``ring`` is a trunk."""
    jitter = rng.uniform(-0.06, 0.06, (2, len(STEPS))) * mesh
    jitter[:, :2] *= 0.3
    return sorted(
        (sign * step * mesh + jitter[i, k], TRUNK if k == ring else STEP_KINDS[k], sign * k)
        for i, sign in enumerate((1, -1))
        for k, step in enumerate(STEPS)
        if k or sign > 0
    )


def _corridor(out: Drawing, name: str, points, mesh: float, half: float, kind: int, names: tuple[str, str]) -> None:
    """An axis with a line on either side, which close its ground off from the blocks beside it."""
    axis = shapely.linestrings(smooth([(x * mesh, y * mesh) for x, y in points]))
    out.axes[name] = axis
    out.corridors[name] = shapely.buffer(axis, half, cap_style="flat", join_style="mitre")
    for sign, called in zip((1, -1), names, strict=True):
        bank = shapely.offset_curve(axis, sign * half, join_style="mitre")
        out.add(shapely.get_coordinates(bank), kind, called)
