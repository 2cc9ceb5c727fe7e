"""Kernel density in cases per hectare, with edge correction at the city's border and along water.

With kernel ``K`` (`KERNELS`), bandwidth ``h`` and points ``x_i``, the density at the centre ``c`` of an allowed cell is

``f(c) = sum_i K(|c - x_i| / h) / (a sum_{c' allowed} K(|c' - x_i| / h))``, ``a`` the area of a cell; elsewhere 0.

Each case's kernel is divided by its own mass on the allowed ground (Diggle 1985, "A kernel method for smoothing
point process data", Applied Statistics 34; Jones 1993, "Simple boundary correction for kernel density estimation",
Statistics and Computing 3: the Jones-Diggle correction). So every case spreads exactly one case over the allowed
ground, whatever the kernel: the density integrates to the count, borders included. The price: where cases are even, the
density is not quite, about a tenth low at the very border (uncorrected: a half), more in corners (two fifths against
three quarters), and a few percent high behind it.
The mass is taken over the cells themselves, for a sum over cells is what anyone will integrate.
A kernel reaches over a river to the other bank; its mass on the water is given to the banks.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from gis.hotspots.plane import Grid
from gis.hotspots.points import Bounds, lattice, positive, read_points
from gis.hotspots.spreading import ONE, count_beyond, share_out, sum_exactly, weights
from grids.errors import InputError

M2_PER_HA = 10_000.0
TRUNCATE = 6.0
"""The Gaussian kernel is cut at this many bandwidths (1.5e-8 of its mass lies beyond)."""
KERNELS = ("gaussian", "quartic", "epanechnikov", "uniform", "triangular", "triweight")
"""Kernels of the plane, u the distance in bandwidths; constants make the integral over the plane one.

============ ============================== ===========================================
gaussian     exp(-u²/2) / (2 pi h²)         h is the standard deviation on each axis
quartic      3 (1 - u²)² / (pi h²), u < 1   h is the radius; also called biweight
epanechnikov 2 (1 - u²) / (pi h²), u < 1    h is the radius
uniform      1 / (pi h²), u < 1             h is the radius
triangular   3 (1 - u) / (pi h²), u < 1     h is the radius
triweight    4 (1 - u²)³ / (pi h²), u < 1   h is the radius
============ ============================== ===========================================
"""
LEAST_SHARE = 0.1
"""A case that lies off the allowed ground and has less than this share of its kernel on it is left out, and counted as
such: else its whole case would pile up on the few cells that it reaches."""
_THREADED = 250_000


class Smoother:
    """A kernel on the cells of a city, prepared once and used for many sets of cases.

    Parameters
    ----------
    bounds
        West, south, east, north in metres; the grid covers at least that, in whole cells from its lower left corner.
    kernel
        One of `KERNELS`.
    bandwidth_m, cell_m
        Metres, positive; a cell is at most half a bandwidth, a bandwidth at most the longer side of the bounds.
    inside
        Cells that are allowed ground, bool (rows, columns), row 0 the southernmost (`allowed_cells`); None when the
        ground has no edge: then a kernel's mass beyond the bounds is lost to the grid, as it lies elsewhere.

    Raises
    ------
    InputError
        Bounds, kernel, bandwidth, cell or `inside` that do not fit.
    TooLarge
        More cells than are taken.
    """

    def __init__(
        self,
        bounds: Bounds,
        *,
        kernel: str = "gaussian",
        bandwidth_m: float = 150.0,
        cell_m: float = 25.0,
        inside: NDArray[np.bool_] | None = None,
    ) -> None:
        if kernel not in KERNELS:
            raise InputError(f"{kernel!r}", where="kernel", right="one of " + ", ".join(KERNELS))
        positive(bandwidth_m, "bandwidth_m"), positive(cell_m, "cell_m")
        self.kernel, self.kind = kernel, KERNELS.index(kernel)
        self.bandwidth_m, self.cell_m = float(bandwidth_m), float(cell_m)
        self.west, self.south, *shape = lattice(bounds, cell_m)
        self.shape: tuple[int, int] = (shape[0], shape[1])
        side = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
        if bandwidth_m > side:
            right = f"at most the longer side of the ground, {side:g} m"
            raise InputError(f"{bandwidth_m:g}", where="bandwidth_m", right=right)
        if cell_m > bandwidth_m / 2 * (1 + 1e-9):
            raise InputError(f"{cell_m:g}", where="cell_m", right=f"at most half the bandwidth, {bandwidth_m / 2:g} m")
        self.reach_m = self.bandwidth_m * (TRUNCATE if kernel == "gaussian" else 1.0)
        self.pad = int(self.reach_m / self.cell_m) + 2
        lattice(bounds, cell_m, margin=self.pad)
        if inside is not None and (inside.shape != self.shape or inside.dtype != np.bool_):
            raise InputError(f"{inside.dtype} {inside.shape}", where="inside", right=f"bool {self.shape}")
        self.inside = inside

    def density(self, x: ArrayLike, y: ArrayLike, *, exact: bool = False) -> Grid:
        """Density of points in cases per hectare.

        Parameters
        ----------
        x, y
            Points in metres, shape (n,); no NaN.
        exact
            Every point at its own place, n times the cells within its reach; else points are shared out linearly among
            the four cell centres around them (Wand 1994, "Fast computation of multivariate kernel estimators") and
            smoothed by fast Fourier transform. The sum is the same; a value differs from the exact one as if
            the kernel were wider by a share of about (cell / bandwidth)² / 12 for a Gaussian.

        Returns
        -------
        Grid
            Equal, bit for bit, for any order of the points.

        Raises
        ------
        InputError
            NaN among the points.
        """
        x, y = read_points(x, y)
        if exact:
            return self._exact(x, y)
        mass, left_out = self._binned(x, y)
        left_out = self._beyond(x, y) if self.inside is None else left_out
        return self._spread(mass, left_out, 1.0 / ONE**2)

    def spread(self, cases: ArrayLike) -> Grid:
        """Density of cases that are known by cell alone, float64 (rows, columns), cases per hectare.

        The cases of a cell count as if all lay at its centre; those of cells that are no allowed ground are left out.
        """
        inner = np.asarray(cases, float)
        if inner.shape != self.shape or not np.isfinite(inner).all():
            raise InputError(f"cases of shape {inner.shape}", where="cases", right=f"numbers, {self.shape}")
        mass = np.zeros(self._padded)
        mass[self._inner] = inner if self.inside is None else inner * self.inside
        return self._spread(mass, 0, 1.0)

    def _spread(self, mass: NDArray[np.int64] | NDArray[np.float64], left_out: int, unit: float) -> Grid:
        """Density of masses at the nodes, `unit` cases each."""
        weight = mass if self._per_share is None else mass * self._per_share
        per_ha = unit * M2_PER_HA / self.cell_m**2
        scale = per_ha if self.inside is None else self.inside * per_ha
        values = self._smooth(weight)[self._inner] * scale
        np.maximum(values, 0.0, out=values)  # what the transform leaves below zero is its rounding
        return self._grid(values, left_out)

    def _grid(self, values: NDArray[np.float64], left_out: int) -> Grid:
        return Grid(values, self.west, self.south, self.cell_m, left_out)

    def _exact(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Grid:
        order = np.lexsort((y, x))  # sums of floats depend on their order
        values = np.zeros(self.shape)
        inside = np.zeros((0, 0), dtype=np.bool_) if self.inside is None else self.inside
        c, r = (x[order] - self.west) / self.cell_m - 0.5, (y[order] - self.south) / self.cell_m - 0.5
        widths = self.bandwidth_m / self.cell_m, self.reach_m / self.cell_m
        left_out = sum_exactly(c, r, *widths, self.kind, LEAST_SHARE, inside, values)
        left_out = self._beyond(x, y) if self.inside is None else left_out
        values *= M2_PER_HA / self.cell_m**2
        return self._grid(values, left_out)

    def _beyond(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> int:
        """Points farther from the grid than a kernel reaches."""
        rows, columns = self.shape
        east, north = self.west + columns * self.cell_m, self.south + rows * self.cell_m
        return count_beyond(x, y, self.west, self.south, east, north, self.reach_m)

    @property
    def _padded(self) -> tuple[int, int]:
        return self.shape[0] + 2 * self.pad, self.shape[1] + 2 * self.pad

    @property
    def _inner(self) -> tuple[slice, slice]:
        return slice(self.pad, self.pad + self.shape[0]), slice(self.pad, self.pad + self.shape[1])

    @cached_property
    def _size(self) -> tuple[int, int]:
        rows, columns = self._padded
        return fft.next_fast_len(rows, real=False), fft.next_fast_len(columns, real=True)

    @cached_property
    def _spectrum(self) -> NDArray[np.complex128]:
        """Transform of the kernel on the lattice, its sum one, its centre in the corner.

        The Gaussian is the product of one on each axis, and so is its transform (cut to a square, not to a circle: that
        is 1e-8 of its mass).
        """
        away = [np.minimum(np.arange(n), n - np.arange(n)) * self.cell_m for n in self._size]
        if self.kernel == "gaussian":
            axes = [np.where(d < self.reach_m, np.exp(-0.5 * (d / self.bandwidth_m) ** 2), 0.0) for d in away]
            up, across = fft.fft(axes[0] / axes[0].sum()), fft.rfft(axes[1] / axes[1].sum())
            return np.multiply.outer(up, across)
        square = (away[0][:, None] ** 2 + away[1][None, :] ** 2) / self.bandwidth_m**2
        shape = weights(square.ravel(), self.kind, (self.reach_m / self.bandwidth_m) ** 2).reshape(self._size)
        return fft.rfft2(shape / shape.sum())

    @cached_property
    def _share(self) -> NDArray[np.float64] | None:
        """Of the kernel around each node, the share on allowed ground; None when all of it is."""
        if self.inside is None:
            return None
        ground = np.zeros(self._padded)
        ground[self._inner] = self.inside
        return self._smooth(ground)[: self._padded[0], : self._padded[1]].copy()

    @cached_property
    def _per_share(self) -> NDArray[np.float64] | None:
        """One over the share at nodes that take a part of a case, 0 at others; None when all the ground is allowed."""
        if self._share is None:
            return None
        return np.divide(1.0, self._share, out=np.zeros(self._padded), where=self._usable > 0)

    @cached_property
    def _usable(self) -> NDArray[np.uint8]:
        """Nodes that take a part of a case (1), and whose three neighbours to the north and east do too (3)."""
        if self._share is None or self.inside is None:
            return np.full(self._padded, 3, dtype=np.uint8)
        one = self._share >= LEAST_SHARE
        one[self._inner] |= self.inside
        out = one.astype(np.uint8)
        out[:-1, :-1] += 2 * (one[:-1, :-1] & one[1:, :-1] & one[:-1, 1:] & one[1:, 1:]).astype(np.uint8)
        return out

    def _smooth(self, weight: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
        """The weights smoothed, on a lattice that begins with theirs."""
        workers = min(2, os.cpu_count() or 1)
        spectrum = fft.rfft2(weight, self._size, workers=workers)
        spectrum *= self._spectrum
        return fft.irfft2(spectrum, self._size, workers=workers, overwrite_x=True)

    def _binned(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
        """Cases at each node of the padded grid, in parts of which `ONE` by `ONE` make one; how many take no part."""
        threads = min(2, os.cpu_count() or 1) if len(x) >= _THREADED else 1
        cuts = np.linspace(0, len(x), threads + 1).astype(int)
        frame = self.west, self.south, self.cell_m, self.pad

        def part(k: int) -> tuple[NDArray[np.int64], int]:
            mass = np.zeros(self._padded, dtype=np.int64)
            some = slice(cuts[k], cuts[k + 1])
            return mass, share_out(x[some], y[some], *frame, self._usable, mass)

        if threads == 1:
            parts = [part(0)]
        else:
            self._usable  # noqa: B018 - made before the threads ask for it
            with ThreadPoolExecutor(threads) as pool:
                parts = list(pool.map(part, range(threads)))
        whole = parts[0][0]
        for mass, _ in parts[1:]:
            whole += mass
        return whole, sum(left for _, left in parts)


def kde(
    x: ArrayLike,
    y: ArrayLike,
    bounds: Bounds,
    *,
    kernel: str = "gaussian",
    bandwidth_m: float = 150.0,
    cell_m: float = 25.0,
    inside: NDArray[np.bool_] | None = None,
    exact: bool = False,
) -> Grid:
    """Kernel density of points in cases per hectare, on square cells: `Smoother` made and used once.

    Parameters
    ----------
    x, y
        Points in metres, shape (n,); no NaN.
    bounds, kernel, bandwidth_m, cell_m, inside
        As `Smoother` takes them.
    exact
        As `Smoother.density` takes it.

    Returns
    -------
    Grid of cases per hectare.

    Raises
    ------
    InputError
        NaN among the points, or bounds, kernel, bandwidth, cell or `inside` that do not fit.
    TooLarge
        More cells than are taken.

    Examples
    --------
    >>> one = kde([50.0], [50.0], (0, 0, 100, 100), bandwidth_m=10, cell_m=2, exact=True)
    >>> round(float(one.values.max()), 1)  # 10,000 / (2 pi 10²) = 15.9 at the very peak
    15.8
    >>> edge = kde([1.0], [50.0], (0, 0, 100, 100), bandwidth_m=10, cell_m=2, inside=np.ones((50, 50), bool))
    >>> round(float(edge.values.sum()) * 2**2 / 10_000, 6)  # all of the case stays on the ground
    1.0
    """
    x, y = read_points(x, y)
    options = {"kernel": kernel, "bandwidth_m": bandwidth_m, "cell_m": cell_m}
    return Smoother(bounds, **options, inside=inside).density(x, y, exact=exact)  # type: ignore[arg-type]
