"""Square cells of the plane: a measure on them, and how many points each holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from gis.hotspots.points import Bounds, lattice, read_points


@dataclass(frozen=True)
class Grid:
    """A measure on square cells of the plane.

    Parameters
    ----------
    values
        float64 (rows, columns); row 0 is the southernmost, column 0 the westernmost; unit as the maker says.
    west, south
        Lower left corner of cell (0, 0), metres.
    cell_m
        Side of a cell, metres.
    left_out
        Points that take no part: none of the cells that count lies within their reach.
    """

    values: NDArray[np.float64]
    west: float
    south: float
    cell_m: float
    left_out: int = 0

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north in metres."""
        rows, columns = self.values.shape
        return self.west, self.south, self.west + columns * self.cell_m, self.south + rows * self.cell_m

    @property
    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Easting of the columns and northing of the rows at the cells' centres, metres."""
        rows, columns = self.values.shape
        x = self.west + (np.arange(columns, dtype=np.float64) + 0.5) * self.cell_m
        y = self.south + (np.arange(rows, dtype=np.float64) + 0.5) * self.cell_m
        return x, y

    def at(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Values at points, bilinear between cell centres; 0 beyond the grid.

        Parameters
        ----------
        x, y
            Metres, any equal shape; NaN gives 0.

        Returns
        -------
        float64, shape of ``x``.
        """
        column = (np.asarray(x, float) - self.west) / self.cell_m - 0.5
        row = (np.asarray(y, float) - self.south) / self.cell_m - 0.5
        column, row = np.nan_to_num(column, nan=-9.0), np.nan_to_num(row, nan=-9.0)
        return ndimage.map_coordinates(self.values, [row, column], order=1, mode="constant", cval=0.0)

    def coarser(self, factor: int) -> Grid:
        """The mean of blocks of `factor` by `factor` cells; blocks beyond the edge are filled with zeros.

        A density keeps its integral: the mean is over the whole block.
        """
        rows, columns = self.values.shape
        wide = np.zeros((-(-rows // factor) * factor, -(-columns // factor) * factor))
        wide[:rows, :columns] = self.values
        blocks = wide.reshape(wide.shape[0] // factor, factor, wide.shape[1] // factor, factor)
        return Grid(blocks.mean(axis=(1, 3)), self.west, self.south, self.cell_m * factor, self.left_out)


def count_squares(x: ArrayLike, y: ArrayLike, bounds: Bounds, *, cell_m: float = 100.0) -> Grid:
    """Cases in square cells of the plane (100 m: ten thousand square metres); points beyond are left out.

    A point on a common edge counts in the eastern or northern cell.
    """
    x, y = read_points(x, y)
    west, south, rows, columns = lattice(bounds, cell_m)
    c, r = np.floor((x - west) / cell_m), np.floor((y - south) / cell_m)
    inside = (c >= 0) & (r >= 0) & (c < columns) & (r < rows)
    flat = (r[inside] * columns + c[inside]).astype(np.int64)
    values = np.bincount(flat, minlength=rows * columns).reshape(rows, columns).astype(float)
    return Grid(values, west, south, float(cell_m), int((~inside).sum()))
