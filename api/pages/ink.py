"""Drawing with soft edges: how much of each pixel a shape covers, and colours laid over a picture by it.

Areas are summed exactly (the signed area that each edge leaves to its right), lines by the distance of a pixel's
middle.
A tile is a cut of one endless drawing: what lies outside its box changes nothing inside, so that no seam shows.
"""

from __future__ import annotations

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray
from shapely import STRtree

Box = tuple[float, float, float, float]
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Colour = tuple[int, int, int]
FINE_PX = 0.4
"""Bends finer than this part of a pixel are passed over."""


class Shapes:
    """Parts of shapes in flat arrays, found by place: one part after another, each a line or the rings of an area.

    Parameters
    ----------
    shapes
        Lines or polygons, multiple ones too, one kind of them; others and empty ones are left out.
    areas
        Whether polygons are meant.
    """

    def __init__(self, shapes: NDArray[np.object_], *, areas: bool) -> None:
        parts, self.of = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
        kinds = (3,) if areas else (1, 2)
        right = np.isin(shapely.get_type_id(parts), kinds) & ~shapely.is_empty(parts)
        parts, self.of = parts[right], self.of[right]
        self.parts = shapely.orient_polygons(parts) if areas else parts
        self.tree = STRtree(self.parts)
        # an area's rings follow each other; a line is its own only one
        rings, of = shapely.get_rings(self.parts, return_index=True) if areas else (self.parts, np.arange(len(parts)))
        self.xy, ring = shapely.get_coordinates(rings, return_index=True)
        self.ring = np.searchsorted(ring, np.arange(len(rings) + 1)).astype(np.intp)
        self.first = np.searchsorted(of, np.arange(len(parts) + 1)).astype(np.intp)
        step = np.hypot(*np.diff(self.xy, axis=0, prepend=self.xy[:1]).T)
        step[self.ring[:-1]] = 0.0
        along = np.cumsum(step)
        self.along = along - np.repeat(along[self.ring[:-1]], np.diff(self.ring)) if len(along) else along
        """Length of the way from the beginning of each ring or line to its point."""

    def __len__(self) -> int:
        return len(self.parts)

    def near(self, box: Box, margin: float = 0.0) -> Rows:
        """Parts whose envelopes touch a box widened by `margin`, in their order."""
        west, south, east, north = box
        return np.sort(self.tree.query(shapely.box(west - margin, south - margin, east + margin, north + margin)))


class Sheet:
    """A picture of a box that colours are laid on.

    Parameters
    ----------
    box
        West, south, east, north of the picture, in the unit of the shapes.
    pixels
        Height and width.
    ground
        Its first colour.
    """

    def __init__(self, box: Box, pixels: tuple[int, int], ground: Colour) -> None:
        self.box = box
        self.pixels = np.empty((*pixels, 3), np.uint8)
        self.pixels[:] = ground
        self.scale = pixels[1] / (box[2] - box[0])
        self.cover = np.zeros(pixels, np.float32)
        self.sums = np.zeros((pixels[0], pixels[1] + 1), np.float32)

    def areas(
        self, shapes: Shapes, which: Rows, colour: Colour, *, opacity: float = 1.0, shift: tuple[float, float] = (0, 0)
    ) -> None:
        """Fill parts; `shift` moves them right and down by pixels."""
        if not len(which):
            return
        west, north = self.box[0] - shift[0] / self.scale, self.box[3] + shift[1] / self.scale
        rows = _areas(self.sums, shapes.xy, shapes.ring, shapes.first, which, west, north, self.scale)
        _lay_areas(self.pixels, self.sums, *colour, opacity, *rows)

    def lines(
        self,
        shapes: Shapes,
        which: Rows,
        width_px: Floats | float,
        colour: Colour,
        *,
        opacity: float = 1.0,
        dash_px: tuple[float, float] = (0.0, 0.0),
        offset_px: float = 0.0,
    ) -> None:
        """Draw lines or the edges of areas with round joints and ends.

        Parameters
        ----------
        width_px
            Width in pixels, one for all or one for each of `which`; below one the line grows fainter instead.
        dash_px
            Lengths of dash and gap from the beginning of each line; (0, 0): none.
        offset_px
            Where the first dash begins.
        """
        if not len(which):
            return
        half = np.broadcast_to(np.asarray(width_px, float) / 2, len(which)).copy()
        on, off = dash_px
        about = (shapes.xy, shapes.along, shapes.ring, shapes.first, which, half)
        rows = _lines(self.cover, *about, self.box[0], self.box[3], self.scale, on, on + off, offset_px)
        _lay(self.pixels, self.cover, *colour, opacity, *rows)


@njit(cache=True, nogil=True)
def _areas(sums, xy, ring, first, which, west, north, scale):  # pragma: no cover - compiled
    height, width = sums.shape[0], sums.shape[1] - 1
    least, most = height, 0
    for part in which:
        for r in range(first[part], first[part + 1]):
            last = ring[r]
            for i in range(ring[r] + 1, ring[r + 1]):
                x0, y0 = (xy[last, 0] - west) * scale, (north - xy[last, 1]) * scale
                x1, y1 = (xy[i, 0] - west) * scale, (north - xy[i, 1]) * scale
                if i + 1 < ring[r + 1] and abs(x1 - x0) < FINE_PX and abs(y1 - y0) < FINE_PX:
                    continue
                last = i
                if y0 == y1:
                    continue
                sign = 1.0
                if y0 > y1:
                    sign, x0, y0, x1, y1 = -1.0, x1, y1, x0, y0
                if y1 <= 0 or y0 >= height or (x0 >= width and x1 >= width):
                    continue
                least, most = min(least, max(0, int(y0))), max(most, min(height, int(y1) + 1))
                slope = (x1 - x0) / (y1 - y0)
                if y0 < 0:
                    x0, y0 = x0 - slope * y0, 0.0
                y1 = min(y1, float(height))
                x, y = x0, y0
                for row in range(int(y0), height):
                    below = min(row + 1.0, y1)
                    if below <= y:
                        break
                    drop = below - y
                    after = x + slope * drop
                    _edge(sums, row, width, x, after, drop * sign)
                    x, y = after, below
    return least, most


@njit(cache=True, nogil=True)
def _edge(sums, row, width, xa, xb, drop):  # pragma: no cover - compiled
    """What an edge within one row of pixels leaves to its right."""
    if xa > xb:
        xa, xb = xb, xa
    if xb <= 0:
        sums[row, 0] += drop
        return
    if xa >= width:
        return
    span = xb - xa
    if xa < 0:
        sums[row, 0] += drop * (-xa / span)
        drop *= xb / span
        xa, span = 0.0, xb
    if xb > width:
        drop *= (width - xa) / span
        xb = float(width)
        span = xb - xa
    if span <= 0:
        sums[row, min(int(xa), width)] += drop
        return
    left = int(xa)
    if xb <= left + 1:
        # within one pixel: the share to the right of the edge's middle
        share = left + 1 - (xa + xb) / 2
        sums[row, left] += drop * share
        sums[row, left + 1] += drop * (1 - share)
        return
    x, before = xa, 0.0
    for pixel in range(left, min(int(np.ceil(xb)), width)):
        end = min(pixel + 1.0, xb)
        part = drop * (end - x) / span
        share = pixel + 1 - (x + end) / 2
        sums[row, pixel] += part * share
        sums[row, pixel + 1] += part * (1 - share)
        x = end
        before += part


@njit(cache=True, nogil=True)
def _lay_areas(pixels, sums, red, green, blue, opacity, least, most):  # pragma: no cover - compiled
    """Lay a colour over what the sums cover, and wipe them."""
    for row in range(least, most):
        total = 0.0
        for column in range(pixels.shape[1]):
            total += sums[row, column]
            sums[row, column] = 0.0
            cover = abs(total)
            if cover > 0.002:
                share = min(cover, 1.0) * opacity
                _mix(pixels, row, column, red, green, blue, share)
        sums[row, pixels.shape[1]] = 0.0


@njit(cache=True, nogil=True)
def _lay(pixels, cover, red, green, blue, opacity, least, most):  # pragma: no cover - compiled
    for row in range(least, most):
        for column in range(pixels.shape[1]):
            share = cover[row, column]
            if share > 0:
                cover[row, column] = 0.0
                _mix(pixels, row, column, red, green, blue, share * opacity)


@njit(cache=True, nogil=True, inline="always")
def _mix(pixels, row, column, red, green, blue, share):  # pragma: no cover - compiled
    if share > 0.998:
        pixels[row, column, 0], pixels[row, column, 1], pixels[row, column, 2] = red, green, blue
        return
    rest = 1.0 - share
    pixels[row, column, 0] = int(pixels[row, column, 0] * rest + red * share + 0.5)
    pixels[row, column, 1] = int(pixels[row, column, 1] * rest + green * share + 0.5)
    pixels[row, column, 2] = int(pixels[row, column, 2] * rest + blue * share + 0.5)


@njit(cache=True, nogil=True)
def _lines(cover, xy, along, ring, first, which, half, west, north, scale, on, period, offset):  # pragma: no cover
    height, width = cover.shape
    least, most = height, 0
    for k in range(len(which)):
        thin = min(1.0, 2 * half[k])
        wide = max(half[k], 0.5)
        reach = wide + 0.5
        for r in range(first[which[k]], first[which[k] + 1]):
            last = ring[r]
            for i in range(ring[r] + 1, ring[r + 1]):
                begun = along[last]
                ax, ay = (xy[last, 0] - west) * scale, (north - xy[last, 1]) * scale
                bx, by = (xy[i, 0] - west) * scale, (north - xy[i, 1]) * scale
                if i + 1 < ring[r + 1] and abs(bx - ax) < FINE_PX and abs(by - ay) < FINE_PX:
                    continue
                last = i
                if min(ax, bx) - reach >= width or max(ax, bx) + reach <= 0:
                    continue
                top, bottom = min(ay, by) - reach, max(ay, by) + reach
                if top >= height or bottom <= 0:
                    continue
                dx, dy = bx - ax, by - ay
                length = np.hypot(dx, dy)
                square = max(length * length, 1e-12)
                nx = -dy / length if length > 0 else 0.0
                ny = dx / length if length > 0 else 0.0
                first_row, last_row = max(0, int(np.floor(top))), min(height, int(np.ceil(bottom)) + 1)
                least, most = min(least, first_row), max(most, last_row)
                for row in range(first_row, last_row):
                    py = row + 0.5 - ay
                    low, high = min(0.0, dx) - reach, max(0.0, dx) + reach
                    if abs(nx) > 1e-9:
                        one, other = (-py * ny - reach) / nx, (-py * ny + reach) / nx
                        low, high = max(low, min(one, other)), min(high, max(one, other))
                    begin, end = max(0, int(np.floor(low + ax - 0.5))), min(width, int(np.ceil(high + ax + 0.5)))
                    for column in range(begin, end):
                        px = column + 0.5 - ax
                        t = min(1.0, max(0.0, (px * dx + py * dy) / square))
                        away = np.hypot(px - t * dx, py - t * dy)
                        share = min(1.0, wide + 0.5 - away)
                        if share <= 0:
                            continue
                        if period > 0:
                            place = (begun * scale + t * length + offset) % period
                            share *= min(1.0, max(0.0, min(place, on - place) + 0.5))
                        cover[row, column] = max(cover[row, column], np.float32(share * thin))
    return least, most
