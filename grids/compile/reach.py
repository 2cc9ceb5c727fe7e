"""Dead ends: where the line on from them meets other linework."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grids.compile.planar import CELL_MM, beside, cells

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _hits(
    ox: Floats, oy: Floats, dx: Floats, dy: Floats, reach: Floats, skip: Ints,
    ax: Ints, ay: Ints, bx: Ints, by: Ints, tail: Ints, head: Ints,
    ray_key: Ints, ray: Ints, edge_key: Ints, edge: Ints,
) -> tuple[Floats, Ints]:  # fmt: skip
    best = reach.copy()
    found = np.full(len(ox), -1, np.int64)
    low = 0
    for k in range(len(ray)):
        r = ray[k]
        while low < len(edge_key) and edge_key[low] < ray_key[k]:
            low += 1
        at = low
        while at < len(edge_key) and edge_key[at] == ray_key[k]:
            e = edge[at]
            at += 1
            if tail[e] == skip[r] or head[e] == skip[r]:
                continue
            ux, uy = float(bx[e] - ax[e]), float(by[e] - ay[e])
            bottom = dx[r] * uy - dy[r] * ux
            if bottom == 0.0:
                continue
            wx, wy = ax[e] - ox[r], ay[e] - oy[r]
            t = (wx * uy - wy * ux) / bottom
            s = (wx * dy[r] - wy * dx[r]) / bottom
            if 0.0 <= s <= 1.0 and t > 0.0 and (t < best[r] or (t == best[r] and e < found[r])):
                best[r], found[r] = t, e
    return best, found


def first_hit(
    origin: Ints, towards: Floats, reach: Floats, skip: Ints, x: Ints, y: Ints, u: Ints, v: Ints
) -> tuple[Ints, Ints]:
    """Where rays first meet edges.

    Parameters
    ----------
    origin, towards, reach
        Ray starts in mm (n, 2), unit directions (n, 2), and how far they may go in mm.
    skip
        Node whose edges a ray does not see.
    x, y, u, v
        Nodes in mm and edges between them.

    Returns
    -------
    ends, edge
        The millimetre point beside each hit that bends the edge least, and the edge; -1 where nothing is met.
    """
    n = len(origin)
    if not n or not len(u):
        return np.empty((n, 2), np.int64), np.full(n, -1, np.int64)
    ax, ay, bx, by = x[u], y[u], x[v], y[v]
    far = np.rint(origin + towards * reach[:, None]).astype(np.int64)
    x0 = int(min(x.min(), far[:, 0].min())) - CELL_MM
    y0 = int(min(y.min(), far[:, 1].min())) - CELL_MM
    rows = (int(max(y.max(), far[:, 1].max())) - y0) // CELL_MM + 3
    edge_key, edge = cells(ax, ay, bx, by, x0, y0, rows, CELL_MM)
    ray_key, ray = cells(origin[:, 0], origin[:, 1], far[:, 0], far[:, 1], x0, y0, rows, CELL_MM)
    at, found = _hits(
        origin[:, 0].astype(float), origin[:, 1].astype(float),
        np.ascontiguousarray(towards[:, 0]), np.ascontiguousarray(towards[:, 1]), reach.astype(float), skip,
        ax, ay, bx, by, u, v, ray_key, ray, edge_key, edge,
    )  # fmt: skip
    hit = origin + towards * at[:, None]
    e = np.maximum(found, 0)
    along = np.column_stack([bx[e] - ax[e], by[e] - ay[e]]).astype(float)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    return beside(hit, along), found
