"""The square tiles of web maps: where a tile lies, and back to the city's metres.

Web Mercator (EPSG:3857) is only how a screen shows the city; nothing is measured or stored in it.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from gis.crs import to_city, to_lonlat
from grids.errors import NotFound

RADIUS_M = 6_378_137.0
HALF_M = np.pi * RADIUS_M
"""Half the width of the world, Mercator metres."""
TILE_PX = 256
MAX_ZOOM = 20
Box = tuple[float, float, float, float]


def tile_box(z: int, x: int, y: int) -> Box:
    """West, south, east, north of a tile, Mercator metres.

    Raises
    ------
    NotFound
        There is no such tile.

    Examples
    --------
    >>> [round(v) for v in tile_box(1, 1, 0)]
    [0, 0, 20037508, 20037508]
    """
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise NotFound(
            f"there is no tile {z}/{x}/{y}", where="tile", right=f"zoom 0 to {MAX_ZOOM}, x and y below 2^zoom"
        )
    size = 2 * HALF_M / 2**z
    west, north = x * size - HALF_M, HALF_M - y * size
    return west, north - size, west + size, north


def pixel_m(z: int) -> float:
    """Side of a pixel at a zoom, Mercator metres."""
    return 2 * HALF_M / 2**z / TILE_PX


def from_lonlat(lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mercator metres of WGS 84 degrees."""
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    return np.radians(lon) * RADIUS_M, np.arcsinh(np.tan(np.radians(lat))) * RADIUS_M


def to_degrees(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """WGS 84 degrees of Mercator metres: longitude, latitude."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    return np.degrees(x / RADIUS_M), np.degrees(np.arctan(np.sinh(y / RADIUS_M)))


def project(shapes: ArrayLike, srid: int) -> NDArray[np.object_]:
    """Geometries of the city's CRS in Mercator metres."""

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(from_lonlat(*to_lonlat(xy[:, 0], xy[:, 1], srid)))

    return shapely.transform(np.asarray(shapes, dtype=object), move)


def city_grid(box: Box, pixels: tuple[int, int], srid: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """City coordinates of the pixel centres of a picture of `box`; row 0 is the northern one.

    The projection is worked out on every sixteenth pixel and is linear between: over a city the error is far
    below a pixel.

    Parameters
    ----------
    box
        Mercator metres.
    pixels
        Height and width.

    Returns
    -------
    x, y : float64 (height, width), metres
    """
    height, width = pixels
    west, south, east, north = box
    knots_y, knots_x = max(2, height // 16 + 1), max(2, width // 16 + 1)
    mx, my = np.meshgrid(np.linspace(west, east, knots_x), np.linspace(north, south, knots_y))
    lon, lat = to_degrees(mx, my)
    x, y = to_city(lon, lat, "EPSG:4326", srid)
    rows = (np.arange(height) + 0.5) / height * (knots_y - 1)
    columns = (np.arange(width) + 0.5) / width * (knots_x - 1)
    at = np.meshgrid(rows, columns, indexing="ij")
    return tuple(ndimage.map_coordinates(v, at, order=1, mode="nearest") for v in (x, y))
