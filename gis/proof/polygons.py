"""Which polygons cover a place, decided on whole millimetres by the checker's own arithmetic.

Of a layer in the file only the edges are taken, from the rows in which it lists them; that each edge stands in every
row that it touches, and nowhere else, is checked. They are cut anew into bands of each polygon; a place is tested
against the edges of the one band of a polygon that it lies in, by the even-odd rule, all in 64-bit integers.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from grids.errors import InputError

Edges = NDArray[np.int64]
_WANTED = 6
"""Edges of a band, roughly."""
_MOST = 2_000_000
"""Most pairs of a place and an edge that are looked at together."""


def spread(counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 0, 3): whose each one is (0, 0, 2, 2, 2), and which of his it is (0, 1, 0, 1, 2)."""
    counts = counts.astype(np.int64)
    whose = np.repeat(np.arange(len(counts)), counts)
    begins = np.cumsum(counts) - counts
    return whose, np.arange(len(whose)) - begins[whose]


def edges_in(name: str, raster: dict[str, NDArray]) -> tuple[NDArray[np.int64], Edges]:
    """Edges of the polygons of a layer and whose each is, from its rows in the file.

    Parameters
    ----------
    name
        Of the layer, for what is told.
    raster
        ``frame`` (x and y of the origin, size of a row), ``first_row``, ``slab_of``, ``slabs``, ``edges``.

    Raises
    ------
    InputError
        An edge stands in a row that it does not touch, or is missing in one that it does.
    """
    frame, local = raster["frame"], raster["edges"].astype(np.int64)
    of_slab, _ = spread(np.diff(raster["slab_of"]))
    row = np.arange(len(of_slab)) - raster["slab_of"][of_slab] + raster["first_row"][of_slab]
    of_edge, _ = spread(np.diff(raster["slabs"]))
    low = np.minimum(local[:, 1], local[:, 3]) // frame[2]
    high = np.maximum(local[:, 1], local[:, 3]) // frame[2]
    here, whose = row[of_edge], of_slab[of_edge]
    first = here == low
    listed = np.bincount(whose, minlength=len(raster["first_row"]))
    due = np.bincount(whose[first], weights=(high - low + 1)[first], minlength=len(raster["first_row"]))
    if len(of_edge) != len(local) or (here < low).any() or (here > high).any() or (listed != due).any():
        raise InputError(f"the rows of {name} do not hold the edges of their polygons", where="snapshot")
    return whose[first], local[first] + np.tile(frame[:2], 2)


class Polygons:
    """Polygons by their edges.

    Parameters
    ----------
    whose
        Polygon of each edge, 0 to ``count - 1``, shape (m,).
    edges
        x0, y0, x1, y1 in whole millimetres, shape (m, 4); the span of all of them is below 2**31.
    count
        How many polygons.
    """

    def __init__(self, whose: NDArray[np.int64], edges: Edges, count: int) -> None:
        self.count = count
        if not len(edges):
            self.edges = edges
            return
        bottom, top = np.minimum(edges[:, 1], edges[:, 3]), np.maximum(edges[:, 1], edges[:, 3])
        low, high = np.full(count, 2**62), np.full(count, -(2**62))
        np.minimum.at(low, whose, bottom)
        np.maximum.at(high, whose, top)
        bands = np.maximum(1, np.bincount(whose, minlength=count) // _WANTED)
        height = np.maximum(1, (high - low) // bands + 1)
        bands = np.where(high < low, 0, (high - low) // height + 1)
        base = np.cumsum(bands) - bands
        first = base[whose] + (bottom - low[whose]) // height[whose]
        last = base[whose] + (top - low[whose]) // height[whose]
        edge, step = spread(last - first + 1)
        band = first[edge] + step
        order = np.argsort(band, kind="stable")
        self.edges, band = edges[edge[order]], band[order]
        total = int(bands.sum())
        self.polygon, number = spread(bands)
        self.begin = np.searchsorted(band, np.arange(total + 1))
        sizes = np.diff(self.begin)
        west = np.minimum(self.edges[:, 0], self.edges[:, 2])
        east = np.maximum(self.edges[:, 0], self.edges[:, 2])
        # a polygon that is there has an edge in each of its bands
        at = self.begin[:-1][sizes > 0]
        self.box = np.zeros((total, 4), dtype=np.int64)
        self.box[sizes > 0, 0], self.box[sizes > 0, 2] = np.minimum.reduceat(west, at), np.maximum.reduceat(east, at)
        self.box[:, 1] = low[self.polygon] + number * height[self.polygon]
        self.box[:, 3] = np.minimum(self.box[:, 1] + height[self.polygon] - 1, high[self.polygon])
        self._grid()

    def _grid(self) -> None:
        """Squares of one size, each with the bands whose boxes meet it."""
        self.low, high = self.box[:, :2].min(axis=0), self.box[:, 2:].max(axis=0)
        size = int(max(1024, np.median(self.box[:, 2:] - self.box[:, :2], axis=0).min()))
        while ((high - self.low) // size + 1).prod() > 16 * len(self.box) + (1 << 14):
            size *= 2
        self.size, (self.columns, self.rows) = size, ((high - self.low) // size + 1).tolist()
        first, last = (self.box[:, :2] - self.low) // size, (self.box[:, 2:] - self.low) // size
        wide, tall = (last - first + 1).T
        band, step = spread(wide * tall)
        square = (first[band, 1] + step // wide[band]) * self.columns + first[band, 0] + step % wide[band]
        order = np.argsort(square, kind="stable")
        self.listed = band[order]
        self.starts = np.searchsorted(square[order], np.arange(self.columns * self.rows + 1))

    def covering(
        self, x: NDArray[np.int64], y: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Polygons that cover places (whole millimetres, shape (n,)), borders included.

        Returns
        -------
        place, polygon, on_border : shape (k,)
            A row for each place and each polygon that covers it, places rising.
        """
        none = np.empty(0, dtype=np.int64)
        if not len(self.edges):
            return none, none, none.astype(bool)
        c, r = (x - self.low[0]) // self.size, (y - self.low[1]) // self.size
        there = np.flatnonzero((c >= 0) & (c < self.columns) & (r >= 0) & (r < self.rows))
        square = r[there] * self.columns + c[there]
        found = [(none, none)]
        counts = self.starts[square + 1] - self.starts[square]
        for part in _portions(counts, _MOST // 8):
            whose, step = spread(counts[part])
            place, band = there[part][whose], self.listed[self.starts[square[part]][whose] + step]
            px, py, box = x[place], y[place], self.box[band]
            near = (box[:, 0] <= px) & (px <= box[:, 2]) & (box[:, 1] <= py) & (py <= box[:, 3])
            found.append((place[near], band[near]))
        place, band = (np.concatenate(column) for column in zip(*found, strict=True))
        counts = self.begin[band + 1] - self.begin[band]
        side = np.zeros(len(place), dtype=np.int8)
        for part in _portions(counts, _MOST):
            side[part] = self._sides(x[place[part]], y[place[part]], band[part])
        inside = side > 0
        return place[inside], self.polygon[band[inside]], side[inside] == 2

    def _sides(self, x: NDArray[np.int64], y: NDArray[np.int64], band: NDArray[np.int64]) -> NDArray[np.int8]:
        """0 outside, 1 inside, 2 on the border, for each pair of a place and a band."""
        pair, step = spread(self.begin[band + 1] - self.begin[band])
        at = self.begin[band][pair] + step
        x0, y0, x1, y1 = (self.edges[at, k] - (x, y)[k % 2][pair] for k in range(4))
        turn = x0 * y1 - x1 * y0  # of the edge around the place; below 2**63
        between = (np.minimum(x0, x1) <= 0) & (np.maximum(x0, x1) >= 0)
        between &= (np.minimum(y0, y1) <= 0) & (np.maximum(y0, y1) >= 0)
        on = np.bincount(pair[(turn == 0) & between], minlength=len(band)) > 0
        passes = ((y0 > 0) != (y1 > 0)) & ((turn > 0) == (y1 > y0))
        inside = np.bincount(pair[passes], minlength=len(band)) % 2 == 1
        return np.where(on, 2, inside).astype(np.int8)


def _portions(counts: NDArray[np.integer], most: int) -> list[slice]:
    """Slices of rows whose counts add up to about so many."""
    if not len(counts):
        return []
    number = np.cumsum(counts) // most
    cuts = np.flatnonzero(np.diff(number)) + 1
    ends = [0, *cuts.tolist(), len(counts)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]
