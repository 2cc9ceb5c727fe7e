"""The ways between a caller's coordinates and the city's: found once, then gone by one point or by a million.

Where the way is "degrees on the city's datum into a transverse Mercator zone" (CGCS2000, UTM, and GCJ-02 and BD-09
before them), our own kernels go it, a third faster than PROJ and with the same bits for one point and for many.
PROJ says whether it is that way, and goes all others itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection

from gis.crs import datum
from gis.crs.names import named, parse_crs
from grids.errors import InputError

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

BACK = TransformDirection.INVERSE
_STEP = re.compile(
    r"proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad step proj=(tmerc|utm) ([^|]*?) ?(?:pipeline)?"
)


@dataclass(frozen=True)
class Way:
    """The way from one coordinate system into the city's metres.

    Parameters
    ----------
    shift
        Kind of `gis.crs.shifted` that undoes a Chinese map service's shift first; -1 for none.
    zone
        Zone of `gis.crs.krueger`, None where PROJ goes the way.
    transformer
        PROJ's way after the shift and the first step.
    first
        A step to degrees of WGS 84 where PROJ knows no other way, else None.
    """

    shift: int
    zone: NDArray[np.float64] | None
    transformer: Transformer
    first: Transformer | None = None

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Convert one place; NaN where there is none. The bits of `points`, without its cost."""
        from gis.crs import krueger, shifted

        if self.shift >= 0:
            x, y = shifted.shift(self.shift, x, y)
        if self.first is not None:
            x, y = self.first.transform(x, y)
        if self.zone is not None:
            return krueger.forward(x, y, self.zone)  # type: ignore[no-any-return]
        there = self.transformer.transform(x, y)
        return there if np.isfinite(there).all() else (np.nan, np.nan)

    def points(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Pair:
        """Convert places, any shape; new arrays."""
        from gis.crs import krueger, shifted

        if self.shift >= 0:
            x, y = shifted.shifted(self.shift, x, y)
        if self.first is not None:
            x, y = _finite(*self.first.transform(x, y))
        if self.zone is None:
            return _finite(*self.transformer.transform(x, y))
        east, north = np.empty(x.shape), np.empty(y.shape)
        krueger.forward_many(x.ravel(), y.ravel(), self.zone, east.reshape(-1), north.reshape(-1))
        return east, north

    def back(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Pair:
        """Convert the city's metres to the other system, any shape; the shift is left undone. New arrays."""
        from gis.crs import krueger

        if self.zone is None:
            x, y = _finite(*self.transformer.transform(x, y, direction=BACK))
        else:
            lon, lat = np.empty(x.shape), np.empty(y.shape)
            krueger.inverse_many(x.ravel(), y.ravel(), self.zone, lon.reshape(-1), lat.reshape(-1))
            x, y = lon, lat
        return (x, y) if self.first is None else _finite(*self.first.transform(x, y, direction=BACK))


def way(crs: Any, srid: int, *, bounds: datum.Box | None = None) -> Way:
    """The way from ``crs`` to EPSG:``srid``; found once in a process for each pair.

    Parameters
    ----------
    bounds
        West, south, east, north of the city in degrees: a system that is made for elsewhere is refused.

    Raises
    ------
    InputError
        When ``crs`` is unknown, is made for elsewhere, has no known shift to the city's datum, or when the city's
        CRS does not measure in metres.
    """
    try:
        return _way(crs, srid, bounds)
    except TypeError:  # a list or dict, which no cache takes
        return _way(parse_crs(crs), srid, bounds)


def to_city(x: ArrayLike, y: ArrayLike, crs: Any, srid: int, *, bounds: datum.Box | None = None) -> Pair:
    """Convert coordinates to the city's metric CRS.

    Parameters
    ----------
    x, y
        Longitude and latitude, or east and north, of one shape; NaN where missing.
    crs
        Their coordinate system, as `parse_crs` reads it.
    srid
        EPSG code of the city's CRS, projected and in metres.
    bounds
        As of `way`.

    Returns
    -------
    x, y : float64 arrays, metres
        New arrays of the same shape; NaN where either was missing or the projection has no such place.
    """
    x, y = pair(x, y)
    return way(crs, srid, bounds=bounds).points(x, y)


def to_lonlat(x: ArrayLike, y: ArrayLike, srid: int) -> Pair:
    """Convert metres of the city's CRS to longitude and latitude (WGS 84, degrees); NaN stays NaN."""
    x, y = pair(x, y)
    return _way(4326, srid, None).back(x, y)


def pair(x: ArrayLike, y: ArrayLike) -> Pair:
    """Two arrays of numbers, of one shape."""
    try:
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"coordinates must be numbers ({error})", where="coordinates") from error
    if x.shape != y.shape:
        raise InputError(f"{x.size} x and {y.size} y coordinates", where="coordinates", right="as many of each")
    return x, y


@lru_cache(maxsize=256)
def _way(crs: Any, srid: int, bounds: datum.Box | None) -> Way:
    """Transformers are costly to make and safe to share between threads (pyproj >= 3.1)."""
    city = named(int(srid))
    if isinstance(city, str) or not city.is_projected or city.axis_info[0].unit_conversion_factor != 1.0:
        raise InputError(
            f"EPSG:{srid} does not measure in metres", where="srid", right="name a projected CRS in metres"
        )
    source = parse_crs(crs)
    kind = -1
    if isinstance(source, str):  # never compare a CRS with a word: pyproj would look the word up, 0.1 s
        from gis.crs.shifted import BD_WGS, GCJ_WGS

        kind, source = BD_WGS if source == "bd09" else GCJ_WGS, named(4326)
        if isinstance(source, str):
            raise AssertionError
    if bounds is not None:
        datum.fit(source, bounds)
    first, transformer = datum.steps(source, city, bounds)
    return Way(kind, _zone(transformer, city), transformer, first)


def _zone(transformer: Transformer, city: CRS) -> NDArray[np.float64] | None:
    """Zone of the kernels, where PROJ goes from degrees straight into one; None for any other way."""
    step = _STEP.fullmatch(transformer.definition)
    if step is None or city.ellipsoid is None:
        return None
    told = {name: value for name, _, value in (word.partition("=") for word in step[2].split())}
    known = {"lat_0", "lon_0", "k", "x_0", "y_0", "ellps", "a", "b", "rf", "zone", "south"}
    f = 1.0 / city.ellipsoid.inverse_flattening if city.ellipsoid.inverse_flattening else 0.0
    if not told.keys() <= known or not 0.0 < f < 0.0034:
        return None
    from gis.crs.krueger import zone

    if step[1] == "utm":
        lon_0, y_0 = 6.0 * int(told["zone"]) - 183.0, 1e7 if "south" in told else 0.0
        return zone(lon_0, a=city.ellipsoid.semi_major_metre, f=f, k=0.9996, y_0=y_0)
    number = {key: float(told.get(key, 0.0)) for key in ("lon_0", "lat_0", "x_0", "y_0")}
    return zone(**number, a=city.ellipsoid.semi_major_metre, f=f, k=float(told.get("k", 1.0)))


def _finite(x: Any, y: Any) -> Pair:
    """PROJ says infinity where it has no answer; we say NaN."""
    x, y = np.asarray(x), np.asarray(y)
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return (np.where(lost, np.nan, x), np.where(lost, np.nan, y)) if lost.any() else (x, y)
