"""Heat of one selection: the density of its cases, from which tiles are cut, kept in step with the cases in memory.

The density is that of `gis.hotspots.density` (Gaussian, corrected at the border and along water) on the same cells,
from the same shares of the same cases, summed directly instead of by Fourier transform: so a value depends on its own
neighbourhood alone, and a case that changes changes the tiles within the kernel's reach and no others. Far out, where
a pixel is larger than a cell, the mean over the pixel's cells is shown.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.held import kernels as places_of
from api.held.chosen import Filter
from api.held.rows import Change, Rows, State, places
from api.pages.heat import colours, top_density
from api.pages.mercator import TILE_PX, pixel_m, tile_box, to_degrees
from api.tiles import kernels
from gis import hotspots
from gis.crs import to_city
from gis.hotspots.density import M2_PER_HA, Smoother

BLOCK = 64
"""Cells on a side of the blocks in which a density is worked out and goes stale."""
MOST_TILES = 512
KNOTS = 17
"""A tile's pixels are placed on the ground by so many knots on a side, linear between."""
_ONE = 65_536.0**2


@dataclass(frozen=True)
class Painted:
    """A tile that was painted: its PNG, the digest of that, and what it was painted from."""

    png: bytes
    mark: str
    version: int
    top: float


class Heat:
    """The density of a selection.

    Parameters
    ----------
    smoother
        The kernel on the city's ground.
    chosen
        What counts.
    state
        The cases in memory; `follow` takes a later state of the same generation.
    srid
        EPSG code of the city's CRS.
    """

    def __init__(self, smoother: Smoother, chosen: Filter, state: State, srid: int) -> None:
        self.smoother, self.chosen, self.srid = smoother, chosen, srid
        self.version = len(state.changes)
        self._lock = threading.RLock()
        which = chosen.of(state.base, state, state.alive)
        tail = state.tail.take(_all(chosen.of(state.tail, state)))
        base = state.base
        self._wx, self._wy = (base.wx, base.wy) if which is None else (base.wx[which], base.wy[which])
        self._plus: list[Rows] = [tail] if len(tail) else []
        self._minus: list[Rows] = []
        usable, self._per_mass = _weights(smoother)
        self._frame = smoother.west, smoother.south, smoother.cell_m, smoother.pad
        self._usable = usable
        self._mass = np.zeros(usable.shape, dtype=np.int64)
        self.left_out = self._share(base, state.origin, which, 1) + self._share(tail, state.origin, None, 1)
        self._values = np.zeros(smoother.shape, dtype=np.float32)
        blocks = tuple(-(-n // BLOCK) for n in smoother.shape)
        self._done, self._touched = np.zeros(blocks, dtype=np.bool_), np.zeros(blocks, dtype=np.int64)
        self._taps = _taps(smoother)
        self._inside = np.ones(smoother.shape, np.bool_) if smoother.inside is None else smoother.inside
        self._top: tuple[int, float] = (-1, 1.0)
        self._pools: dict[int, tuple[int, NDArray[np.float32]]] = {}
        self._tiles: OrderedDict[tuple[int, int, int, float | None], Painted] = OrderedDict()

    # ---------------------------------------------------------------- what counts

    def __len__(self) -> int:
        """Cases that count."""
        return len(self._wx) + sum(map(len, self._plus)) - sum(map(len, self._minus))

    @property
    def nbytes(self) -> int:
        """Bytes of its own."""
        return self._mass.nbytes + self._values.nbytes + self._wx.nbytes + self._wy.nbytes

    def _share(self, rows: Rows, origin: tuple[int, int], which: NDArray[np.int64] | None, sign: int) -> int:
        """Share cases out among the cells; those left out are counted."""
        total = len(rows) if which is None else len(which)
        left = 0
        for begin in range(0, total, 2_000_000):  # bounded memory
            part = slice(begin, begin + 2_000_000)
            x, y = places(rows, origin, part if which is None else which[part])
            left += kernels.share_out(x, y, sign, *self._frame, self._usable, self._mass)
        return left

    def follow(self, state: State) -> None:
        """Take over what changed since."""
        if self.version == len(state.changes):
            return
        with self._lock:
            for k in range(self.version, len(state.changes)):
                self._apply(state.changes[k], state, k + 1)
            self.version = len(state.changes)

    def _apply(self, change: Change, state: State, version: int) -> None:
        for rows, sign, held in ((change.gone, -1, self._minus), (change.came, 1, self._plus)):
            mine = rows.take(_all(self.chosen.of(rows, state)))
            if not len(mine):
                continue
            held.append(mine)
            self.left_out += sign * self._share(mine, state.origin, None, sign)
            reach = len(self._taps) // 2 + 2
            x, y = places(mine, state.origin)
            column = np.floor((x / 1000 - self.smoother.west) / self.smoother.cell_m).astype(int)
            row = np.floor((y / 1000 - self.smoother.south) / self.smoother.cell_m).astype(int)
            for r, c in zip(row, column, strict=True):
                part = (
                    slice(max(r - reach, 0) // BLOCK, max(r + reach, -1) // BLOCK + 1),
                    slice(max(c - reach, 0) // BLOCK, max(c + reach, -1) // BLOCK + 1),
                )
                self._done[part], self._touched[part] = False, version

    def count(self, z: int, x: int, y: int) -> int:
        """Cases in a tile; one on an edge is in the eastern, and in the southern tile.

        Raises
        ------
        NotFound
            There is no such tile.
        """
        tile_box(z, x, y)
        shift = 32 - z
        first = places_of.interleave(np.uint32(x << shift), np.uint32(y << shift))
        low = places_of.first_at(self._wx, self._wy, np.uint64(first))
        last = int(first) + (1 << (2 * shift))
        high = len(self._wx) if last >= 2**64 else places_of.first_at(self._wx, self._wy, np.uint64(last))
        out = high - low
        for held, sign in ((self._plus, 1), (self._minus, -1)):
            for rows in held:
                out += sign * int(((rows.wx >> shift == x) & (rows.wy >> shift == y)).sum()) if z else sign * len(rows)
        return int(out)

    # ---------------------------------------------------------------- density

    def _ensure(self, r0: int, r1: int, c0: int, c1: int) -> None:
        """Work out the blocks that hold these cells, where they are stale."""
        part = (slice(r0 // BLOCK, -(-r1 // BLOCK)), slice(c0 // BLOCK, -(-c1 // BLOCK)))
        missing = np.argwhere(~self._done[part])
        if not len(missing):
            return
        low, high = (
            missing.min(axis=0) + [part[0].start, part[1].start],
            missing.max(axis=0)
            + [
                part[0].start + 1,
                part[1].start + 1,
            ],
        )
        rows, columns = self.smoother.shape
        r0, r1 = int(low[0]) * BLOCK, min(int(high[0]) * BLOCK, rows)
        c0, c1 = int(low[1]) * BLOCK, min(int(high[1]) * BLOCK, columns)
        scale = np.float32(M2_PER_HA / self.smoother.cell_m**2)

        def strip(a: int, b: int) -> None:
            kernels.smooth(
                self._mass,
                self._per_mass,
                self._inside,
                self._taps,
                self.smoother.pad,
                a,
                b,
                c0,
                c1,
                scale,
                self._values,
            )

        if (r1 - r0) * (c1 - c0) > 200_000:
            middle = (r0 + r1) // 2
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(strip, (r0, middle), (middle, r1)))
        else:
            strip(r0, r1)
        self._done[low[0] : high[0], low[1] : high[1]] = True

    @property
    def grid(self) -> hotspots.Grid:
        """The density on all cells, cases per hectare."""
        with self._lock:
            self._ensure(0, self.smoother.shape[0], 0, self.smoother.shape[1])
            s = self.smoother
            return hotspots.Grid(self._values, s.west, s.south, s.cell_m, self.left_out)  # type: ignore[arg-type]

    @property
    def top(self) -> float:
        """The density that takes the darkest colour."""
        with self._lock:
            if self._top[0] != self.version:
                self._top = (self.version, top_density(self.grid))
            return self._top[1]

    def _pool(self, factor: int) -> NDArray[np.float32]:
        if factor == 1:
            return self._values
        held = self._pools.get(factor)
        if held is None or held[0] != self.version:
            self._ensure(0, self.smoother.shape[0], 0, self.smoother.shape[1])
            held = self._pools[factor] = (self.version, kernels.pooled(self._values, factor))
        return held[1]

    # ---------------------------------------------------------------- pictures

    def tile(self, z: int, x: int, y: int, *, top: float | None = None) -> Painted:
        """A tile as a picture of 256 pixels; its mark is the digest of the picture.

        `top` is the density of the darkest colour, the selection's own by default: one for several periods makes their
        pictures comparable.

        Raises
        ------
        NotFound
            There is no such tile.
        """
        box = tile_box(z, x, y)
        key = (z, x, y, top)
        with self._lock:
            top = self.top if top is None else top
            held = self._tiles.get(key)
            if held is not None and held.version == self.version and held.top == top:
                self._tiles.move_to_end(key)
                return held
            knots_x, knots_y = _knots(box, self.srid)
            factor = self._factor(z, box)
            s = self.smoother
            cell = s.cell_m * factor
            rows, columns = s.shape
            r0, r1 = (
                int(np.floor((v - s.south) / s.cell_m)) for v in (knots_y.min() - 2 * cell, knots_y.max() + 2 * cell)
            )
            c0, c1 = (
                int(np.floor((v - s.west) / s.cell_m)) for v in (knots_x.min() - 2 * cell, knots_x.max() + 2 * cell)
            )
            r0, r1, c0, c1 = max(r0, 0), min(r1 + 1, rows), max(c0, 0), min(c1 + 1, columns)
            if r0 >= r1 or c0 >= c1:
                painted = Painted(*_blank(), self.version, top)
            else:
                part = self._touched[r0 // BLOCK : -(-r1 // BLOCK), c0 // BLOCK : -(-c1 // BLOCK)]
                if held is not None and held.top == top and part.max() <= held.version:
                    painted = Painted(held.png, held.mark, self.version, top)
                else:
                    if factor == 1:
                        self._ensure(r0, r1, c0, c1)
                    values = self._pool(factor)
                    pixels = np.empty((TILE_PX, TILE_PX), dtype=np.uint8)
                    kernels.paint(values, s.west, s.south, cell, knots_x, knots_y, top, pixels)
                    painted = Painted(*_png(pixels), self.version, top)
            self._tiles[key] = painted
            self._tiles.move_to_end(key)
            while len(self._tiles) > MOST_TILES:
                self._tiles.popitem(last=False)
            return painted

    def _factor(self, z: int, box: tuple[float, float, float, float]) -> int:
        """How many cells on a side one value of a tile's picture stands for."""
        lat = float(to_degrees([0.0], [(box[1] + box[3]) / 2])[1][0])
        ground = pixel_m(z) * np.cos(np.radians(lat))
        factor = 1
        while factor * 2 * self.smoother.cell_m <= ground and factor < max(self.smoother.shape):
            factor *= 2
        return factor


def _all(which: NDArray[np.int64] | None) -> Any:
    return slice(None) if which is None else which


def _weights(smoother: Smoother) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Nodes that take cases, and the weight of a case's whole share at each."""
    usable = smoother._usable
    share = smoother._share
    if share is None:
        return usable, np.full(usable.shape, 1 / _ONE, dtype=np.float32)
    weight = np.zeros(usable.shape, dtype=np.float32)
    np.divide(1 / _ONE, share, out=weight, where=usable > 0, casting="same_kind")
    return usable, weight


def _taps(smoother: Smoother) -> NDArray[np.float32]:
    """The Gaussian on the cells along an axis, its sum one."""
    k = int(np.ceil(smoother.reach_m / smoother.cell_m)) - 1
    away = np.arange(-k, k + 1) * smoother.cell_m
    weight = np.exp(-0.5 * (away / smoother.bandwidth_m) ** 2)
    return (weight / weight.sum()).astype(np.float32)


def _knots(box: tuple[float, float, float, float], srid: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """City coordinates of knots over a tile, row 0 the northern one."""
    west, south, east, north = box
    mx, my = np.meshgrid(np.linspace(west, east, KNOTS), np.linspace(north, south, KNOTS))
    lon, lat = to_degrees(mx.ravel(), my.ravel())
    x, y = to_city(lon, lat, "EPSG:4326", srid)
    return x.reshape(KNOTS, KNOTS), y.reshape(KNOTS, KNOTS)


@cache
def _palette() -> tuple[bytes, bytes]:
    """Colours and opacities of the 256 steps from none to the top density."""
    colour = colours(np.arange(256) / 255)
    return colour[:, :3].tobytes(), colour[:, 3].tobytes()


@cache
def _blank() -> tuple[bytes, str]:
    return _png(np.zeros((TILE_PX, TILE_PX), dtype=np.uint8))


def _png(pixels: NDArray[np.uint8]) -> tuple[bytes, str]:
    image = Image.frombytes("P", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    rgb, opacity = _palette()
    image.putpalette(rgb)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3, transparency=opacity)
    data = out.getvalue()
    return data, hashlib.sha256(data).hexdigest()[:20]
