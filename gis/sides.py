"""The ground on one side of a line, and stretches of a line by chainage."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from grids.errors import InputError

TO_LEFT = {"left": True, "right": False}
_STEP = 0.001
_QUADRANT = 8


def stretch(line: shapely.Geometry, from_m: float, to_m: float) -> shapely.Geometry:
    """The part of a line between two chainages, metres from its first point; NaN for its own end.

    Of a line in one part only; others are returned as they are.
    """
    if np.isnan(from_m) and np.isnan(to_m):
        return line
    one = single(line)
    if one is None:
        return line
    xy = shapely.get_coordinates(one)
    at = np.append(0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T)))
    begin, end = (0.0 if np.isnan(from_m) else from_m), (at[-1] if np.isnan(to_m) else min(to_m, at[-1]))
    ends = np.column_stack([np.interp([begin, end], at, xy[:, k]) for k in (0, 1)])
    return shapely.LineString(np.vstack([ends[:1], xy[(begin < at) & (at < end)], ends[1:]]))


def single(line: shapely.Geometry) -> shapely.LineString | None:
    """The one part of a line; None when it has several or none."""
    parts = shapely.get_parts(line)
    return parts[0] if len(parts) == 1 else None


def band(line: shapely.LineString, half_m: float, *, round_start: bool, round_end: bool) -> shapely.Geometry:
    """Ground within ``half_m`` of a line; an end is cut square, or has a half disc before it."""
    flat = shapely.buffer(line, half_m, cap_style="flat", quad_segs=_QUADRANT)
    xy = shapely.get_coordinates(line)
    caps = []
    for wanted, end, before in ((round_start, xy[0], xy[1]), (round_end, xy[-1], xy[-2])):
        if wanted:
            out = (end - before) / np.hypot(*(end - before)) * half_m
            across = np.array([-out[1], out[0]])
            front = shapely.Polygon([end - across, end - across + out, end + across + out, end + across])
            caps.append(shapely.intersection(shapely.buffer(shapely.Point(end), half_m, quad_segs=_QUADRANT), front))
    return shapely.union_all([flat, *caps])


def one_side(line: shapely.Geometry, width_m: float, *, left: bool) -> shapely.Geometry:
    """Ground within a width of a line on one side of it, in its drawn direction; square at the ends.

    The line, drawn on straight beyond its ends, cuts the ground within its width in two; bends are rounded. Ground that
    the line itself divides from none of its sides goes by the nearest segment.

    Parameters
    ----------
    line
        LineString or MultiLineString, metric CRS; each part has its own direction.
    width_m
        How far the ground reaches from the line.
    left
        Left of the line, else right.

    Raises
    ------
    InputError
        When the line comes back to within its width so that one piece of ground lies on both sides of it.
    """
    return shapely.union_all([_half(part, width_m, left) for part in shapely.get_parts(line)])


def _half(line: shapely.LineString, width_m: float, left: bool) -> shapely.Geometry:
    xy = shapely.get_coordinates(line)
    xy = xy[np.append(True, (xy[1:] != xy[:-1]).any(axis=1))]
    if len(xy) < 2:
        return shapely.Polygon()
    ground = shapely.buffer(line, width_m, cap_style="flat", quad_segs=_QUADRANT)
    along = np.diff(xy, axis=0)
    along /= np.hypot(along[:, 0], along[:, 1])[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]]) * (_STEP if left else -_STEP)
    cuts = [line]
    if (xy[0] != xy[-1]).any():
        for end, out in ((xy[0], -along[0]), (xy[-1], along[-1])):
            cuts.append(shapely.LineString([end, end + out * 2 * width_m]))
    drawn = shapely.union_all([shapely.boundary(ground), *cuts])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(drawn)))
    inner = shapely.point_on_surface(faces)
    faces, inner = (v[shapely.contains(ground, inner)] for v in (faces, inner))
    middle = (xy[1:] + xy[:-1]) / 2
    mine, other = (
        np.bincount(
            shapely.STRtree(faces).query(shapely.points(middle + step), predicate="within")[1], minlength=len(faces)
        )
        > 0
        for step in (across, -across)
    )
    if (mine & other).any():
        x, y = shapely.get_coordinates(inner[mine & other][0])[0]
        right = "draw it in shorter pieces, a zone for each, or make it narrower"
        raise InputError(f"the line comes back to within its width near {x:.0f} {y:.0f}, on both sides", right=right)
    neither = np.flatnonzero(~mine & ~other)
    mine[neither] = [_is_left(xy, shapely.get_coordinates(inner[k])[0]) == left for k in neither]
    return shapely.union_all(faces[mine])


def _is_left(xy: NDArray[np.float64], place: NDArray[np.float64]) -> bool:
    """Whether a place lies to the left of the segment that is nearest to it."""
    begin, along = xy[:-1], np.diff(xy, axis=0)
    share = np.clip(((place - begin) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
    away = np.hypot(*(place - begin - share[:, None] * along).T)
    turn = along[:, 0] * (place - begin)[:, 1] - along[:, 1] * (place - begin)[:, 0]
    return bool(turn[np.argmin(away)] > 0)
