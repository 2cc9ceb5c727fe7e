"""What cells hold that cases may be set against: road, components, kinds of ground; and the covariates made of them.

Unit grids are drawn along streets, so a street lies on the border between cells as often as inside one. A road is cut
into pieces, and each piece is shared alike among the cells that it touches.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from gis.hotspots.points import read_points
from gis.hotspots.weighing import Floats

PIECE_M = 10.0
TOUCH_M = 2.0
"""A piece of road belongs to the cells within so many metres of its middle."""


def road_metres(cells: ArrayLike, roads: ArrayLike) -> Floats:
    """Metres of road in each cell.

    Parameters
    ----------
    cells
        Polygons, shape (n,), in metres.
    roads
        Lines, shape (m,), in metres; of a polygon its outline counts half.

    Returns
    -------
    float64 (n,); road beyond all cells is nobody's.

    Examples
    --------
    >>> left, right = shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)
    >>> on_the_border, inside = shapely.LineString([(100, 0), (100, 100)]), shapely.LineString([(10, 50), (60, 50)])
    >>> road_metres([left, right], [on_the_border, inside]).round(6).tolist()
    [100.0, 50.0]
    """
    shapes, lines = np.asarray(cells, object), np.asarray(roads, object)
    area = np.isin(shapely.get_type_id(lines), (3, 6))
    parts, of = shapely.get_parts(np.where(area, shapely.boundary(lines), lines), return_index=True)
    long, weight = shapely.length(parts), np.where(area[of], 0.5, 1.0)
    count = np.maximum(1, np.ceil(long / PIECE_M)).astype(np.int64)
    line = np.repeat(np.arange(len(parts)), count)
    piece = (long / count)[line]
    along = (np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count) + 0.5) * piece
    middles = shapely.line_interpolate_point(parts[line], along)
    at, cell = shapely.STRtree(shapes).query(middles, predicate="dwithin", distance=TOUCH_M)
    sharers = np.bincount(at, minlength=len(middles))
    return np.bincount(cell, (piece * weight[line])[at] / sharers[at], len(shapes)).astype(float)


def things_in(cells: ArrayLike, x: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Things in each cell, or the sum of their weights; one on a common edge counts in the first of its cells.

    Parameters
    ----------
    cells
        Polygons, shape (n,), in metres.
    x, y
        Points in metres, shape (m,); no NaN.
    weight
        Of each point; 1 by default.
    """
    shapes = np.asarray(cells, object)
    x, y = read_points(x, y)
    at, cell = shapely.STRtree(shapes).query(shapely.points(x, y), predicate="intersects")
    order = np.lexsort((cell, at))
    at, first = np.unique(at[order], return_index=True)
    held = None if weight is None else np.asarray(weight, float)[at]
    return np.bincount(cell[order][first], held, len(shapes)).astype(float)


def ground_shares(cells: ArrayLike, parcels: ArrayLike, kinds: ArrayLike) -> tuple[Floats, list[str]]:
    """Share of each cell's ground that is of each kind of parcel.

    Parameters
    ----------
    cells, parcels
        Polygons, shape (n,) and (m,), in metres.
    kinds
        Kind of each parcel, shape (m,).

    Returns
    -------
    shares : float64 (n, k)
    kinds : list of str, length k, in order
    """
    shapes, ground = np.asarray(cells, object), np.asarray(parcels, object)
    names, of = np.unique(np.asarray(kinds, dtype=object).astype(str), return_inverse=True)
    out = np.zeros((len(shapes), len(names)))
    parcel, cell = shapely.STRtree(shapes).query(ground, predicate="intersects")
    np.add.at(out, (cell, of[parcel]), shapely.area(shapely.intersection(ground[parcel], shapes[cell])))
    return out / np.maximum(shapely.area(shapes), 1e-9)[:, None], names.tolist()


def covariates(
    cells: ArrayLike,
    near: sparse.csr_array,
    *,
    roads: Mapping[str, ArrayLike] | None = None,
    components: ArrayLike | None = None,
    shares: ArrayLike | None = None,
    others: Mapping[str, ArrayLike] | None = None,
    measures: Mapping[str, ArrayLike] | None = None,
) -> tuple[Floats, list[str]]:
    """A table for `gis.hotspots.exposure.by_regression`.

    Parameters
    ----------
    cells, near
        Polygons in metres, shape (n,), and who is whose neighbour, the diagonal included.
    roads
        Metres of road of each kind, shape (n,) each: ``log(m + 10)`` of each kind and of all.
    components
        Components in each cell: ``log(c + 1)``.
    shares
        Shares of kinds of ground (n, k), as they are.
    others
        Cases of other classes, by group: ``log(c + 1/2)`` in the cell, and of the mean of its neighbourhood. They tell
        where people are and look; what gathers cases of all kinds alike is then no hotspot of one.
    measures
        Any others, 0 or more: ``log(v + 1)`` of the value over its mean.

    Returns
    -------
    table : float64 (n, k)
    names : list of str, length k
    """
    shapes = np.asarray(cells, object)
    size = np.maximum(np.asarray(near.sum(axis=1), float).ravel(), 1.0)
    columns: dict[str, NDArray] = {"area": np.log(np.maximum(shapely.area(shapes), 1.0))}
    whole = np.zeros(len(shapes))
    for kind, metres in (roads or {}).items():
        whole = whole + np.asarray(metres, float)
        columns[f"road {kind}"] = np.log(np.asarray(metres, float) + 10.0)
    if roads:
        columns["road"] = np.log(whole + 10.0)
    if components is not None:
        columns["components"] = np.log(np.asarray(components, float) + 1.0)
    if shares is not None:
        columns |= {f"ground {k}": column for k, column in enumerate(np.asarray(shares, float).T)}
    for group, cases in (others or {}).items():
        held = np.asarray(cases, float)
        columns[f"cases {group}"] = np.log(held + 0.5)
        columns[f"cases {group} around"] = np.log(np.asarray(near @ held, float) / size + 0.5)
    for name, values in (measures or {}).items():
        held = np.nan_to_num(np.asarray(values, float))
        columns[name] = np.log(held / max(float(held.mean()), 1e-12) + 1.0)
    return np.column_stack(list(columns.values())), list(columns)


def carried(cells: ArrayLike, units: ArrayLike, values: ArrayLike) -> Floats:
    """Values of units carried over to other cells by the share of a unit's ground that lies in each.

    Parameters
    ----------
    cells, units
        Polygons in metres, shape (n,) and (m,).
    values
        Of each unit, shape (m,); NaN and 0 tell nothing.

    Returns
    -------
    float64 (n,); 0 where no unit with a value lies: unknown as an exposure.

    Examples
    --------
    >>> unit = shapely.box(0, 0, 100, 100)
    >>> carried([shapely.box(0, 0, 25, 100), shapely.box(25, 0, 300, 100)], [unit], [8.0]).tolist()
    [2.0, 6.0]
    """
    shapes, ground = np.asarray(cells, object), np.asarray(units, object)
    held = np.nan_to_num(np.asarray(values, float))
    unit, cell = shapely.STRtree(shapes).query(ground, predicate="intersects")
    share = shapely.area(shapely.intersection(ground[unit], shapes[cell])) / np.maximum(
        shapely.area(ground[unit]), 1e-9
    )
    return np.bincount(cell, held[unit] * share, len(shapes)).astype(float)
