"""Unit grids (单元网格) by a simple block cut: streets first, straight equal-area cuts inside big blocks.

1. Borders of the communities and barriers are noded on a 1 mm grid; their faces are the blocks.
2. Blocks below half the target are merged within their community, with the neighbour that gives the roundest unit.
3. Blocks of a multiple of the target are cut into that many parts of equal area, each by the shortest of the
   straight cuts at trial angles; the cuts join the linework, which is noded again, so that neighbours share vertices.
4. Units are numbered in each community in rows from north to south, each row from west to east.
"""

from __future__ import annotations

import heapq

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.errors import InputError

GRID_M = 0.001
ANGLES = np.radians(np.array([0.0, 8.0, -8.0, 20.0, -20.0, 90.0, 45.0, -45.0]))
"""Trial directions of a cut's normal, turned from a block's long axis; the shortest cut wins, ties to the first."""

SERIAL_DIGITS = 3


def build_units(
    areas: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame, *, target_m2: float = 10_000.0
) -> gpd.GeoDataFrame:
    """Cut communities into unit grids of about ``target_m2`` that follow the barriers.

    Parameters
    ----------
    areas
        Communities: ``code`` (unique), polygons in a metric CRS that tile the city.
    barriers
        Lines (roads, rivers, railways) in the same CRS.
    target_m2
        Wished area of a unit in square metres.

    Returns
    -------
    GeoDataFrame
        ``code`` (community code and a serial of `SERIAL_DIGITS`), ``community``, ``geometry`` (polygons on the
        1 mm grid that form a valid coverage), sorted by code. Communities smaller than half the target are
        one unit each.

    Raises
    ------
    InputError
        Without ``code``, with a repeated code, without or with differing CRS, with a target that is not positive,
        or when a community would need more units than its serial can count.

    Notes
    -----
    Rows of the numbering are ``sqrt(target_m2)`` high and counted from the northernmost centroid of the community;
    within a row the western centroid comes first, ties go to the southern one.
    """
    if "code" not in areas.columns or areas["code"].duplicated().any():
        raise InputError("areas without a unique code", where="areas", right="a column code, each value once")
    if areas.crs is None or areas.crs != barriers.crs:
        raise InputError(f"CRS {areas.crs} and {barriers.crs}", where="areas, barriers", right="one metric CRS")
    if not target_m2 > 0:
        raise InputError(f"target of {target_m2} m²", right="above 0")
    areas = areas.sort_values("code", kind="stable")
    polygons = areas.geometry.to_numpy()
    lines = _canonical(np.concatenate([shapely.boundary(polygons), barriers.geometry.to_numpy()]))

    faces, community = _faces(lines, polygons)
    shapes, community = _dissolve(faces, community, _merged(faces, community, target_m2))
    parts = np.rint(shapely.area(shapes) / target_m2).astype(np.int64)
    cuts = _equal_cuts(shapes[parts > 1], parts[parts > 1])
    faces, community = _faces(np.concatenate([lines, cuts]), polygons)
    shapes, community = _dissolve(faces, community, _merged(faces, community, target_m2))

    order, serial = _serials(shapes, community, np.sqrt(target_m2))
    codes = areas["code"].to_numpy(object)[community[order]]
    if serial.max(initial=0) >= 10**SERIAL_DIGITS:
        worst = codes[np.argmax(serial)]
        raise InputError(
            f"community {worst} needs {serial.max()} units",
            where="areas",
            right=f"at most {10**SERIAL_DIGITS - 1}: take a larger target or split the community",
        )
    unit = [f"{code}{number:0{SERIAL_DIGITS}d}" for code, number in zip(codes, serial, strict=True)]
    return gpd.GeoDataFrame(
        {"code": pd.array(unit, "str"), "community": pd.array(codes, "str")}, geometry=shapes[order], crs=areas.crs
    )


def halve(
    shapes: NDArray[np.object_], at: NDArray[np.float64], unit: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.object_], NDArray[np.int64]]:
    """Cut each polygon along the straight line through ``at`` whose normal is ``unit``.

    Parameters
    ----------
    shapes
        n valid polygons.
    at, unit
        Points and unit normals, shape (n, 2), metres.

    Returns
    -------
    parts, owner, cuts, cut_owner
        Polygons on either side with the position of the polygon they come from (behind the line first), and the
        pieces of the line inside it. Parts below 1e-6 m² are dropped.
    """
    bounds = shapely.bounds(shapes)
    reach = 2 * np.hypot(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])[:, None] + 1.0
    along = np.column_stack([-unit[:, 1], unit[:, 0]])
    a, b = at + along * reach, at - along * reach
    behind = shapely.polygons(np.stack([a, b, b - unit * reach, a - unit * reach], axis=1))
    parts = np.concatenate([shapely.intersection(shapes, behind), shapely.difference(shapes, behind)])
    parts, index = shapely.get_parts(parts, return_index=True)
    kept = (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > 1e-6)
    owner = np.tile(np.arange(len(shapes)), 2)[index[kept]]
    cuts, cut_owner = shapely.get_parts(
        shapely.intersection(shapes, shapely.linestrings(np.stack([a, b], axis=1))), return_index=True
    )
    line = shapely.get_type_id(cuts) == 1
    return parts[kept], owner, cuts[line], cut_owner[line]


def _canonical(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Lines without repeats, in an order that does not depend on the rows."""
    parts = shapely.get_parts(shapely.get_parts(lines))
    parts = shapely.normalize(shapely.set_precision(parts[~shapely.is_empty(parts)], GRID_M))
    _, first = np.unique(shapely.to_wkb(parts), return_index=True)
    return parts[first]


def _faces(lines: NDArray[np.object_], polygons: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Faces of the noded lines that lie in a polygon, and its position; a face in two goes to the lower one."""
    edges = shapely.get_parts(shapely.union_all(lines, grid_size=GRID_M))
    faces = shapely.get_parts(shapely.polygonize(edges))
    face, polygon = STRtree(polygons).query(shapely.point_on_surface(faces), predicate="intersects")
    owner = np.full(len(faces), len(polygons), np.int64)
    np.minimum.at(owner, face, polygon)
    return faces[owner < len(polygons)], owner[owner < len(polygons)]


def borders(faces: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of faces that share border, lower position first, and how many metres of it."""
    rings, owner = shapely.get_rings(faces, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    low = xy.min(axis=0, initial=np.inf) if len(xy) else np.zeros(2)
    grid = np.rint((xy - low) / GRID_M).astype(np.int64)
    key = grid[:, 0] * (1 << 31) + grid[:, 1]
    same = np.flatnonzero(ring[1:] == ring[:-1])
    start, end = key[same], key[same + 1]
    length = np.hypot(*(xy[same + 1] - xy[same]).T)
    face = owner[ring[same]].astype(np.int64)
    a, b = np.minimum(start, end), np.maximum(start, end)
    order = np.lexsort((face, b, a))
    a, b, face, length = a[order], b[order], face[order], length[order]
    twin = np.flatnonzero((a[1:] == a[:-1]) & (b[1:] == b[:-1]) & (face[1:] != face[:-1]))
    pair = face[twin] * len(faces) + face[twin + 1]
    pairs, index = np.unique(pair, return_inverse=True)
    n = max(len(faces), 1)
    return pairs // n, pairs % n, np.bincount(index, length[twin], len(pairs)).astype(np.float64)


def _merged(faces: NDArray[np.object_], community: NDArray[np.int64], target_m2: float) -> NDArray[np.int64]:
    """Group number of each face after crumbs below half the target have joined a neighbour of their community.

    The smallest crumb goes first; it joins where the shared border is long and the result compact
    (4 pi A / P²) and not above twice the target; ties go to the lower position.
    """
    area, around = shapely.area(faces).tolist(), shapely.length(faces).tolist()
    near: list[dict[int, float]] = [{} for _ in faces]
    for a, b, length in zip(*(column.tolist() for column in borders(faces)), strict=True):
        if community[a] == community[b]:
            near[a][b] = near[b][a] = length
    group = np.arange(len(faces))
    heap = [(size, i) for i, size in enumerate(area) if size < target_m2 / 2]
    heapq.heapify(heap)
    gone = [False] * len(faces)

    def score(crumb: int, other: int) -> float:
        shared = near[crumb][other]
        size, border = area[crumb] + area[other], around[crumb] + around[other] - 2 * shared
        round_ = 4 * np.pi * size / border**2 if border > 0 else 0.0
        return shared / around[crumb] + 1.5 * round_ - max(0.0, size / target_m2 - 1.6)

    while heap:
        size, crumb = heapq.heappop(heap)
        if gone[crumb] or size != area[crumb] or not near[crumb]:
            continue
        best = max(near[crumb], key=lambda other: (round(score(crumb, other), 9), -other))
        shared = near[crumb].pop(best)
        area[best] += size
        around[best] += around[crumb] - 2 * shared
        gone[crumb] = True
        group[crumb] = best
        for other, length in near[crumb].items():
            del near[other][crumb]
            if other != best:
                near[best][other] = near[other][best] = near[best].get(other, 0.0) + length
        near[best].pop(crumb, None)
        if area[best] < target_m2 / 2:
            heapq.heappush(heap, (area[best], best))
    while (group != group[group]).any():
        group = group[group]
    return group


def _dissolve(
    faces: NDArray[np.object_], community: NDArray[np.int64], group: NDArray[np.int64]
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """One polygon a group, with its community."""
    groups, index, size = np.unique(group, return_inverse=True, return_counts=True)
    out = faces[groups].copy()
    order = np.argsort(index, kind="stable")
    starts = np.concatenate([[0], np.cumsum(size)])
    for i in np.flatnonzero(size > 1):
        out[i] = shapely.coverage_union_all(faces[order[starts[i] : starts[i + 1]]])
    return out, community[groups]


def _equal_cuts(shapes: NDArray[np.object_], parts: NDArray[np.int64]) -> NDArray[np.object_]:
    """Straight cuts that divide each polygon into ``parts`` equal areas, 5 mm longer at each end than the polygon."""
    found: list[NDArray[np.object_]] = []
    while len(shapes):
        share = (parts // 2) / parts
        at, unit = _shortest_cut(shapes, share)
        pieces, owner, cuts, _ = halve(shapes, at, unit)
        found.append(_longer(cuts, 0.005))
        # a piece takes as many parts as its area is worth: a bent block can fall into more than two
        worth = np.rint(shapely.area(pieces) * (parts / shapely.area(shapes))[owner]).astype(np.int64)
        shapes, parts = pieces[worth > 1], worth[worth > 1]
    return np.concatenate(found) if found else np.empty(0, object)


def _longer(lines: NDArray[np.object_], by: float) -> NDArray[np.object_]:
    """Two-point lines lengthened at both ends."""
    a, b = shapely.get_coordinates(shapely.get_point(lines, 0)), shapely.get_coordinates(shapely.get_point(lines, -1))
    step = (b - a) / np.maximum(np.hypot(*(b - a).T), 1e-9)[:, None] * by
    return shapely.linestrings(np.stack([a - step, b + step], axis=1))


def _shortest_cut(
    shapes: NDArray[np.object_], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each polygon the point and normal of the shortest trial cut with ``share`` of the area behind it.

    The area behind x = c is the closed integral of min(x, c) dy, its derivative the length of the cut, so the place
    is found for all polygons and angles at once by halving an interval, without clipping.
    """
    shapes = shapely.orient_polygons(shapes)
    box = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    first, second = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    long = np.where((np.hypot(*first.T) >= np.hypot(*second.T))[:, None], first, second)
    axis = np.arctan2(long[:, 1], long[:, 0])
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    rings, owner = shapely.get_rings(shapes, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    same = np.flatnonzero(ring[1:] == ring[:-1])
    of = owner[ring[same]]
    p, q = xy[same] - centre[of], xy[same + 1] - centre[of]
    goal = shapely.area(shapes) * share
    n = len(shapes)
    best = np.full(n, np.inf)
    at, unit = np.zeros((n, 2)), np.zeros((n, 2))
    for turn in ANGLES:
        cos, sin = np.cos(axis + turn), np.sin(axis + turn)
        px, py = p[:, 0] * cos[of] + p[:, 1] * sin[of], p[:, 1] * cos[of] - p[:, 0] * sin[of]
        qx, qy = q[:, 0] * cos[of] + q[:, 1] * sin[of], q[:, 1] * cos[of] - q[:, 0] * sin[of]
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(low, of, px)
        np.maximum.at(high, of, px)
        left, width, rise = np.minimum(px, qx), np.maximum(np.abs(qx - px), 1e-12), qy - py
        middle = (px + qx) / 2
        for _ in range(18):
            c = (low + high) / 2
            over = np.clip((left + width - c[of]) / width, 0.0, 1.0)
            area = np.bincount(of, rise * np.minimum(middle - over * over * width / 2, c[of]), n)
            less = area < goal
            low, high = np.where(less, c, low), np.where(less, high, c)
        c = (low + high) / 2
        length = np.round(np.bincount(of, rise * np.clip((left + width - c[of]) / width, 0.0, 1.0), n), 3)
        shorter = length < best
        best[shorter] = length[shorter]
        unit[shorter] = np.column_stack([cos, sin])[shorter]
        at[shorter] = (centre + np.column_stack([cos, sin]) * c[:, None])[shorter]
    return at, unit


def _serials(
    shapes: NDArray[np.object_], community: NDArray[np.int64], row_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order of the units by community and place, and the serial from 1 of each in that order."""
    xy = np.round(shapely.get_coordinates(shapely.centroid(shapes)), 3)
    north = np.full(community.max(initial=-1) + 1, -np.inf)
    np.maximum.at(north, community, xy[:, 1])
    row = np.floor((north[community] - xy[:, 1]) / row_m).astype(np.int64)
    order = np.lexsort((xy[:, 1], xy[:, 0], row, community))
    first = np.searchsorted(community[order], community[order], side="left")
    return order, np.arange(len(order)) - first + 1
