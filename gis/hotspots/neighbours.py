"""Which cells are neighbours: sparse matrices of weights, each cell its own neighbour."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, spatial

from gis.hotspots.points import positive, read_points


def band(x: ArrayLike, y: ArrayLike, *, distance_m: float) -> sparse.csr_array:
    """Neighbours within a distance: 1 where places lie at most `distance_m` apart, each its own neighbour.

    Parameters
    ----------
    x, y
        Places in metres, shape (n,); no NaN.
    distance_m
        Reach in metres, that distance included.

    Returns
    -------
    Symmetric (n, n) matrix of ones, diagonal included.
    """
    x, y = read_points(x, y)
    positive(distance_m, "distance_m")
    tree = spatial.KDTree(np.column_stack([x, y]))
    pairs = tree.query_pairs(distance_m, output_type="ndarray")
    return symmetric(pairs[:, 0], pairs[:, 1], len(x))


def contact(cells: ArrayLike, *, gap_m: float = 1.0) -> sparse.csr_array:
    """Neighbours by contact (queen): 1 where two cells share an edge or a corner, each its own neighbour.

    Unit grids differ in size by a factor of ten and more; a fixed distance would leave the large ones
    alone and give the small ones dozens of neighbours, so contact is the rule for them.

    Parameters
    ----------
    cells
        Polygons, shape (n,), in metres.
    gap_m
        Cells at most that far apart count as touching (borders that were drawn twice never meet exactly).

    Returns
    -------
    Symmetric (n, n) matrix of ones, diagonal included.
    """
    cells = np.asarray(cells)
    tree = shapely.STRtree(cells)
    left, right = tree.query(cells, predicate="dwithin", distance=gap_m)
    return symmetric(left[left < right], right[left < right], len(cells))


def squares(inside: NDArray[np.bool_]) -> sparse.csr_array:
    """Neighbours of square cells by contact: the eight around each; cells that are not `inside` are none.

    Parameters
    ----------
    inside
        Cells that count, bool (rows, columns); numbered row by row.

    Returns
    -------
    Symmetric (n, n) matrix of ones, diagonal included, n the count of cells inside.
    """
    number = np.full((inside.shape[0] + 2, inside.shape[1] + 2), -1, dtype=np.int64)
    number[1:-1, 1:-1][inside] = np.arange(int(inside.sum()))
    own = number[1:-1, 1:-1][inside]
    left, right = [], []
    for dr, dc in ((0, 1), (1, -1), (1, 0), (1, 1)):
        other = number[1 + dr : number.shape[0] - 1 + dr, 1 + dc : number.shape[1] - 1 + dc][inside]
        left.append(own[other >= 0])
        right.append(other[other >= 0])
    return symmetric(np.concatenate(left), np.concatenate(right), len(own))


def symmetric(left: NDArray, right: NDArray, n: int) -> sparse.csr_array:
    """The matrix of ones of pairs of n cells, each pair given once, with the diagonal."""
    own = np.arange(n)
    rows, columns = np.concatenate([left, right, own]), np.concatenate([right, left, own])
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    matrix.sort_indices()
    return matrix
