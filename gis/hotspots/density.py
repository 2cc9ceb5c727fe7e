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
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from gis.hotspots.plane import Grid
from gis.hotspots.points import Bounds, lattice, positive, read_points
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
_ONE = 65_536
"""Linear binning shares a point out in whole 1/65,536 of a cell, so that sums do not depend on the order of points."""
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
        return self._spread(mass, left_out)

    def spread(self, cases: ArrayLike) -> Grid:
        """Density of cases that are known by cell alone, float64 (rows, columns), cases per hectare.

        The cases of a cell count as if all lay at its centre; those of cells that are no allowed ground are left out.
        """
        inner = np.asarray(cases, float)
        if inner.shape != self.shape or not np.isfinite(inner).all():
            raise InputError(f"cases of shape {inner.shape}", where="cases", right=f"numbers, {self.shape}")
        mass = np.zeros(self._padded)
        mass[self._inner] = inner if self.inside is None else inner * self.inside
        return self._spread(mass, 0)

    def _spread(self, mass: NDArray[np.float64], left_out: int) -> Grid:
        weight = mass if self._share is None else np.divide(mass, self._share, out=mass, where=self._usable > 0)
        values = self._smooth(weight, self._inner)
        np.maximum(values, 0.0, out=values)  # what the transform leaves below zero is its rounding
        values *= M2_PER_HA / self.cell_m**2
        if self.inside is not None:
            values *= self.inside
        return self._grid(values, left_out)

    def _grid(self, values: NDArray[np.float64], left_out: int) -> Grid:
        return Grid(values, self.west, self.south, self.cell_m, left_out)

    def _exact(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Grid:
        order = np.lexsort((y, x))  # sums of floats depend on their order
        values = np.zeros(self.shape)
        inside = np.zeros((0, 0), dtype=np.bool_) if self.inside is None else self.inside
        c, r = (x[order] - self.west) / self.cell_m - 0.5, (y[order] - self.south) / self.cell_m - 0.5
        widths = self.bandwidth_m / self.cell_m, self.reach_m / self.cell_m
        left_out = _sum_exactly(c, r, *widths, self.kind, LEAST_SHARE, inside, values)
        left_out = self._beyond(x, y) if self.inside is None else left_out
        values *= M2_PER_HA / self.cell_m**2
        return self._grid(values, left_out)

    def _beyond(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> int:
        """Points farther from the grid than a kernel reaches."""
        rows, columns = self.shape
        east, north = self.west + columns * self.cell_m, self.south + rows * self.cell_m
        return _count_beyond(x, y, self.west, self.south, east, north, self.reach_m)

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
        weights = _weights(square.ravel(), self.kind, (self.reach_m / self.bandwidth_m) ** 2).reshape(self._size)
        return fft.rfft2(weights / weights.sum())

    @cached_property
    def _share(self) -> NDArray[np.float64] | None:
        """Of the kernel around each node, the share on allowed ground; None when all of it is."""
        if self.inside is None:
            return None
        ground = np.zeros(self._padded)
        ground[self._inner] = self.inside
        return self._smooth(ground, (slice(self._padded[0]), slice(self._padded[1])))

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

    def _smooth(self, weight: NDArray[np.float64], part: tuple[slice, slice]) -> NDArray[np.float64]:
        workers = min(2, os.cpu_count() or 1)
        spectrum = fft.rfft2(weight, self._size, workers=workers)
        spectrum *= self._spectrum
        return np.ascontiguousarray(fft.irfft2(spectrum, self._size, workers=workers, overwrite_x=True)[part])

    def _binned(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        """Cases at each node of the padded grid, and how many take no part."""
        threads = min(2, os.cpu_count() or 1) if len(x) >= _THREADED else 1
        cuts = np.linspace(0, len(x), threads + 1).astype(int)
        frame = self.west, self.south, self.cell_m, self.pad

        def part(k: int) -> tuple[NDArray[np.int64], int]:
            mass = np.zeros(self._padded, dtype=np.int64)
            some = slice(cuts[k], cuts[k + 1])
            return mass, _share_out(x[some], y[some], *frame, self._usable, mass)

        if threads == 1:
            parts = [part(0)]
        else:
            self._usable  # noqa: B018 - made before the threads ask for it
            with ThreadPoolExecutor(threads) as pool:
                parts = list(pool.map(part, range(threads)))
        whole = parts[0][0]
        for mass, _ in parts[1:]:
            whole += mass
        return whole.astype(np.float64) / float(_ONE**2), sum(left for _, left in parts)


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


@njit(cache=True, nogil=True, inline="always")
def _weight(square, kind):
    """The kernel at u² (within its reach), up to its constant."""
    if kind == 0:
        return np.exp(-0.5 * square)
    if kind == 1:
        return (1.0 - square) * (1.0 - square)
    if kind == 2:
        return 1.0 - square
    if kind == 3:
        return 1.0
    if kind == 4:
        return 1.0 - np.sqrt(square)
    return (1.0 - square) * (1.0 - square) * (1.0 - square)


@njit(cache=True, nogil=True)
def _weights(square, kind, limit):
    out = np.zeros(len(square))
    for i in range(len(square)):
        if square[i] < limit:
            out[i] = _weight(square[i], kind)
    return out


@njit(cache=True, nogil=True)
def _count_beyond(x, y, west, south, east, north, reach):
    count = 0
    for i in range(len(x)):
        if max(west - x[i], x[i] - east, south - y[i], y[i] - north) >= reach:
            count += 1
    return count


@njit(cache=True, nogil=True)
def _share_out(x, y, west, south, cell, pad, usable, mass):
    """Share points out among the four nodes around each, in whole parts; returns how many found no usable node."""
    one = 65536
    rows, columns = mass.shape
    left_out = 0
    per, shift = 1.0 / cell, pad - 0.5
    for i in range(len(x)):
        c = (x[i] - west) * per + shift
        r = (y[i] - south) * per + shift
        if not (c >= 0.0 and r >= 0.0 and c < columns - 1 and r < rows - 1):
            left_out += 1
            continue
        c0, r0 = int(c), int(r)
        fc, fr = int((c - c0) * one + 0.5), int((r - r0) * one + 0.5)
        if usable[r0, c0] == 3:
            both = fr * fc
            mass[r0, c0] += one * one - one * (fr + fc) + both
            mass[r0, c0 + 1] += one * fc - both
            mass[r0 + 1, c0] += one * fr - both
            mass[r0 + 1, c0 + 1] += both
            continue
        best, at_r, at_c = -1, 0, 0
        for dr in range(2):
            for dc in range(2):
                part = (fr if dr else one - fr) * (fc if dc else one - fc)
                if usable[r0 + dr, c0 + dc] and part > best:
                    best, at_r, at_c = part, r0 + dr, c0 + dc
        if best < 0:
            left_out += 1
        else:
            mass[at_r, at_c] += one * one
    return left_out


@njit(cache=True, nogil=True)
def _sum_exactly(c, r, bandwidth, reach, kind, least, inside, values):
    """Add the kernel of each point (place in cells, from the centre of cell 0) to the cells in its reach."""
    rows, columns = values.shape
    masked = inside.size > 0
    left_out = 0
    for i in range(len(c)):
        r_low, r_high = int(np.ceil(r[i] - reach)), int(np.floor(r[i] + reach))
        c_low, c_high = int(np.ceil(c[i] - reach)), int(np.floor(c[i] + reach))
        every, allowed = 0.0, 0.0
        for row in range(r_low, r_high + 1):
            for column in range(c_low, c_high + 1):
                away = (row - r[i]) ** 2 + (column - c[i]) ** 2
                if away >= reach * reach:
                    continue
                w = _weight(away / (bandwidth * bandwidth), kind)
                every += w
                if masked and 0 <= row < rows and 0 <= column < columns and inside[row, column]:
                    allowed += w
        own_r, own_c = int(np.floor(r[i] + 0.5)), int(np.floor(c[i] + 0.5))
        if masked and allowed < least * every:
            at_home = 0 <= own_r < rows and 0 <= own_c < columns and inside[own_r, own_c]
            if not at_home:
                left_out += 1
                continue
        scale = 1.0 / (allowed if masked else every)
        for row in range(max(r_low, 0), min(r_high, rows - 1) + 1):
            for column in range(max(c_low, 0), min(c_high, columns - 1) + 1):
                if masked and not inside[row, column]:
                    continue
                away = (row - r[i]) ** 2 + (column - c[i]) ** 2
                if away < reach * reach:
                    values[row, column] += scale * _weight(away / (bandwidth * bandwidth), kind)
    return left_out
