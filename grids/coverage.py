"""Where a layer of units is no coverage of its communities: gaps, overlaps, borders crossed, unshared vertices.

The edge twins (`grids.twins`) say where to look; what is found there is then measured exactly, with the shapes as
they are. Nothing is computed for units whose borders all match.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.twins import Edges, Ints, divided, edges_of, left_over, twins

COLUMNS = ["kind", "unit", "other", "area_m2", "geometry"]
Shapes = NDArray[np.object_]
MOST_IN_FACE = 500
"""Units in one face beyond which they are compared whole, not cut by it."""


@dataclass(frozen=True)
class Ground:
    """Units and communities, prepared: valid shapes for exact work, and trees to find them by place."""

    units: Shapes
    member: Ints
    areas: Shapes | None
    tolerance_m: float
    unit_tree: STRtree
    area_tree: STRtree | None

    @classmethod
    def of(
        cls, units: Shapes, member: Ints, areas: Shapes | None, tolerance_m: float, valid: NDArray[np.bool_] | None
    ) -> Ground:
        """Prepare shapes; only invalid ones are mended."""
        units, areas = _mended(units, valid), None if areas is None else _mended(areas, None)
        return cls(units, member, areas, tolerance_m, STRtree(units), None if areas is None else STRtree(areas))


def coverage_faults(
    units: Shapes, member: Ints, areas: Shapes | None, *, valid: NDArray[np.bool_] | None = None, tolerance_m: float
) -> pd.DataFrame:
    """Faults of a layer of units as a coverage.

    Parameters
    ----------
    units
        n polygons in a metric CRS.
    member
        (n,) position in ``areas`` of the community that each unit belongs to, -1 unknown.
    areas
        Communities; None when they are not known: then only what units enclose can be a gap, and a notch that is open
        to the outside is not seen.
    valid
        (n,) which units are valid, where that is known already.
    tolerance_m
        What is narrower than this (2A/P) is noise of rounding, not a gap or an overlap.

    Returns
    -------
    DataFrame
        ``kind`` (``gap``, ``overlap``, ``over_community``, ``beyond``, ``node``), ``unit`` (position, -1 none),
        ``other`` (position of the other unit in an overlap, of the community in the rest, -1 none), ``area_m2``,
        ``geometry``.
        Overlaps are one row for each pair of units, with the area of the whole intersection.
    """
    low = _low(units, areas)
    edges = edges_of(units, low)
    group, balance, size = twins(edges)
    loose = edges[balance[group] != 0]
    pieces, of, cut = divided(loose, tolerance_m)
    lost = left_over(pieces)
    found = [_nodes(loose, pieces, of, cut, lost)]
    if areas is None:
        rest = pieces[lost]
    else:
        label = member[edges.owner]
        total, squares = np.bincount(group, label, len(size)), np.bincount(group, label.astype(float) ** 2, len(size))
        inner = (size == 2) & (balance == 0) & (2 * squares == total**2) & (total >= 0)
        outer = ~inner[group]
        ring = edges_of(areas, low, sign=-1)
        chain, label = edges[outer] + ring, np.concatenate([label[outer], ring.owner])
        open_ = left_over(chain, label)
        chain, label = chain[open_], label[open_]
        pieces, of, _ = divided(chain, tolerance_m)
        rest = pieces[left_over(pieces, label[of])]
    if len(rest):
        found += _measured(Ground.of(units, member, areas, tolerance_m, valid), rest)
    rows = [row for row in found if len(row)]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def thin(shapes: Shapes, tolerance_m: float) -> NDArray[np.bool_]:
    """Which shapes are nowhere to be called wide: 2A/P at most the tolerance."""
    return 2 * shapely.area(shapes) <= tolerance_m * shapely.length(shapes)


def flat(shapes: Shapes) -> Shapes:
    """The polygons in shapes, without the points and lines that an overlay leaves."""
    kind = shapely.get_type_id(shapes)
    shapes = np.where(np.isin(kind, (3, 6, 7)), shapes, shapely.Polygon())
    for i in np.flatnonzero(kind == 7):
        parts = shapely.get_parts(shapes[i])
        shapes[i] = shapely.union_all(parts[shapely.get_type_id(parts) == 3])
    return shapes


def _mended(shapes: Shapes, valid: NDArray[np.bool_] | None) -> Shapes:
    shapes = np.where(shapely.is_missing(shapes), shapely.Polygon(), shapes)
    # shapes that carry a grid of their own would have their overlays rounded to it
    gridded = shapely.get_precision(shapes) > 0
    shapes[gridded] = shapely.set_precision(shapes[gridded], 0.0, mode="pointwise")
    bad = ~(shapely.is_valid(shapes) if valid is None else valid)
    shapes[bad] = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
    return shapes


def _low(units: Shapes, areas: Shapes | None) -> NDArray[np.float64]:
    every = [shapely.total_bounds(shapes)[:2] for shapes in (units, areas) if shapes is not None and len(shapes)]
    low = np.nanmin(np.array([*every, [np.inf, np.inf]]), axis=0)
    return np.where(np.isfinite(low), np.floor(low) - 1, 0.0)


def _rows(kind: str, unit: Ints, other: Ints, geometry: Shapes) -> pd.DataFrame:
    columns = {"kind": kind, "unit": unit, "other": other, "area_m2": shapely.area(geometry), "geometry": geometry}
    return pd.DataFrame(columns, columns=COLUMNS)


def _nodes(loose: Edges, pieces: Edges, of: Ints, cut: tuple[Ints, Ints], lost: NDArray[np.bool_]) -> pd.DataFrame:
    """Vertices of one unit on the edge of its neighbour, which has none there: the border matches, its edges do not."""
    edge, point = cut
    if not len(edge):
        return _rows("node", edge, edge, np.empty(0, object))
    ends, place = np.unique(np.concatenate([point, pieces.a, pieces.b]), return_inverse=True)
    n, m = len(point), len(pieces)
    met = np.concatenate([(of * len(ends) + place[n : n + m])[~lost], (of * len(ends) + place[n + m :])[~lost]])
    matched = np.isin(edge * len(ends) + place[:n], met)
    at = np.unique(np.column_stack([loose.owner[edge[matched]], point[matched]]), axis=0)
    return _rows("node", at[:, 0], np.full(len(at), -1), shapely.points(loose.points(at[:, 1])))


def _measured(ground: Ground, rest: Edges) -> list[pd.DataFrame]:
    """Faces of the lines that remain, told apart by who covers them, and measured.

    How often a community is covered by its own units is the same everywhere in a face, so one point tells whether
    all of it is in order; what else lies in a faulty face is found by cutting units with it.
    """
    ends = np.unique(np.sort(np.column_stack([rest.a, rest.b]), axis=1), axis=0)
    lines = shapely.linestrings(np.stack([rest.points(ends[:, 0]), rest.points(ends[:, 1])], axis=1))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(lines)]))
    faces = faces[~thin(faces, ground.tolerance_m)]
    at = shapely.point_on_surface(faces)
    face, unit = ground.unit_tree.query(at, predicate="intersects")
    covered = np.bincount(face, minlength=len(faces))
    if ground.area_tree is None:
        gaps = _enclosed(ground, faces[covered == 0], at[covered == 0])
        return [gaps, _overlaps(ground, *_pieces(ground, faces[covered > 1]))]
    home, area = ground.area_tree.query(at, predicate="intersects")
    own = np.full(len(faces), -2)
    own[face] = ground.member[unit]
    fine = np.zeros(len(faces), bool)
    fine[home] = own[home] == area
    fine &= (covered == 1) & (np.bincount(home, minlength=len(faces)) == 1)
    bare = covered[home] == 0
    pieces = _pieces(ground, faces[~fine & (covered > 0)])
    return [
        _gaps(ground, faces[home[bare]], area[bare]),
        _overlaps(ground, *pieces),
        *_crossings(ground, pieces[1], pieces[2]),
    ]


def _pieces(ground: Ground, faces: Shapes) -> tuple[Ints, Ints, Shapes]:
    """Face, unit and shape of what units have in faces; in a face of very many units these are left whole."""
    face, unit = ground.unit_tree.query(faces, predicate="intersects")
    pieces = ground.units[unit]
    few = np.bincount(face, minlength=len(faces))[face] <= MOST_IN_FACE
    pieces[few] = flat(shapely.intersection(faces[face[few]], pieces[few]))
    wide = ~thin(pieces, ground.tolerance_m)
    return face[wide], unit[wide], pieces[wide]


def _overlaps(ground: Ground, face: Ints, unit: Ints, pieces: Shapes) -> pd.DataFrame:
    one, two = STRtree(pieces).query(pieces)
    met = (face[one] == face[two]) & (unit[one] < unit[two])
    one, two = one[met], two[met]
    met = ~thin(flat(shapely.intersection(pieces[one], pieces[two])), ground.tolerance_m)
    pairs = np.unique(np.column_stack([unit[one[met]], unit[two[met]]]), axis=0)
    a, b = pairs[:, 0], pairs[:, 1]
    return _rows("overlap", a, b, flat(shapely.intersection(ground.units[a], ground.units[b])))


def _gaps(ground: Ground, faces: Shapes, area: Ints) -> pd.DataFrame:
    """What no unit covers of each community, one row for each connected piece."""
    pieces, of = [], []
    for one in np.unique(area):
        parts = shapely.get_parts(shapely.union_all(shapely.buffer(faces[area == one], 10 * ground.tolerance_m)))
        pieces.append(parts)
        of.append(np.full(len(parts), one))
    if not pieces:
        return _rows("gap", np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, object))
    around, area = np.concatenate(pieces), np.concatenate(of)
    inside = shapely.intersection(around, ground.areas[area])  # type: ignore[index]
    bare = flat(_without(inside, ground.units, ground.unit_tree))
    # the widened face may reach a neighbouring sliver: only what is wide counts
    parts, index = shapely.get_parts(bare, return_index=True)
    wide = ~thin(parts, ground.tolerance_m)
    parts, area = parts[wide], area[index[wide]]
    return _rows("gap", np.full(len(parts), -1), area, parts)


def _enclosed(ground: Ground, faces: Shapes, at: Shapes) -> pd.DataFrame:
    """What units enclose and do not cover: each face anew from the units as they are, not from their rounded edges."""
    bare = _without(shapely.buffer(faces, 10 * ground.tolerance_m), ground.units, ground.unit_tree)
    parts, index = shapely.get_parts(flat(bare), return_index=True)
    parts = parts[shapely.intersects(parts, at[index])]
    return _rows("gap", np.full(len(parts), -1), np.full(len(parts), -1), parts)


def _without(shapes: Shapes, others: Shapes, tree: STRtree) -> Shapes:
    """Shapes less all others that they meet."""
    at, other = tree.query(shapes, predicate="intersects")
    order = np.argsort(at, kind="stable")
    at, other = at[order], other[order]
    bounds = np.searchsorted(at, np.arange(len(shapes) + 1))
    taken = np.array([shapely.union_all(others[other[i:j]]) for i, j in pairwise(bounds.tolist())], dtype=object)
    return shapely.difference(shapes, taken)


def _crossings(ground: Ground, unit: Ints, pieces: Shapes) -> list[pd.DataFrame]:
    """Units that reach into another community than their own, or beyond all."""
    there: Any = (ground.areas, ground.area_tree)
    at, area = ground.area_tree.query(pieces, predicate="intersects")  # type: ignore[union-attr]
    shared = flat(shapely.intersection(pieces[at], ground.areas[area]))  # type: ignore[index]
    wide = ~thin(shared, ground.tolerance_m) & (ground.member[unit[at]] != area)
    over = np.unique(np.column_stack([unit[at[wide]], area[wide]]), axis=0)
    shapes = flat(shapely.intersection(ground.units[over[:, 0]], ground.areas[over[:, 1]]))  # type: ignore[index]
    out = [_rows("over_community", over[:, 0], over[:, 1], shapes)]
    inside = np.bincount(at, shapely.area(shared), len(pieces))
    outside = np.flatnonzero(2 * (shapely.area(pieces) - inside) > ground.tolerance_m * shapely.length(pieces))
    outside = outside[~thin(flat(_without(pieces[outside], *there)), ground.tolerance_m)]
    beyond = np.unique(unit[outside])
    return [*out, _rows("beyond", beyond, np.full(len(beyond), -1), flat(_without(ground.units[beyond], *there)))]
