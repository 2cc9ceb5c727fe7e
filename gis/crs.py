"""Coordinate systems: the only room that knows two of them.

Coordinates are stored once, in the city's metric CRS; everything else is converted here, at the door. Order is
always longitude, latitude or x (east), y (north), whatever the register says of the axes. NaN passes through.

GCJ-02 and BD-09, the shifted coordinates of Chinese map services, are accepted when declared and inverted by
iteration. The published one-step inverses are no targets: that of GCJ-02 errs by up to 3 m, that of BD-09 by up
to 0.15 m, more than the 0.5 m and the 0.1 m that would go unnoticed; they serve as first guesses at best.

CGCS2000 and WGS 84 are taken as one (null shift), as PROJ does; they differ by some decimetres at most.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from grids.errors import InputError

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

CHINA = (73.66, 3.86, 135.05, 53.55)
"""West, south, east, north of the rectangle in which GCJ-02 is shifted; beyond it GCJ-02 is WGS 84.

Libraries disagree: this is the tighter of the two rectangles in use (coordtransform's). It holds the inhabited
country and strips of its neighbours; eviltransform's reaches from 72.004 to 137.8347 and 0.8293 to 55.8271.
"""

SHIFTED = ("gcj02", "bd09")
"""Names of the shifted coordinate systems, which no register knows."""

ALIASES = {"wgs84": 4326, "cgcs2000": 4490}
_RIGHT = "give EPSG:n (EPSG:4326 for GPS degrees), gcj02, bd09 or a WKT text"
_A, _EE = 6378245.0, 0.00669342162296594323
_X_PI = np.pi * 3000.0 / 180.0
_BLOCK = 32_768
"""Points worked on at a time: the dozen intermediate arrays then stay in the processor's cache."""


def parse_crs(crs: Any) -> str | CRS:
    """Read the name of a coordinate system.

    Parameters
    ----------
    crs
        ``"EPSG:4546"`` or 4546, ``"gcj02"``, ``"bd09"``, ``"wgs84"``, ``"cgcs2000"``, a WKT, PROJ or PROJJSON
        text, or a `pyproj.CRS`. Of a compound system (with heights) the horizontal part is taken.

    Returns
    -------
    str or pyproj.CRS
        ``"gcj02"``, ``"bd09"`` or a two-dimensional geographic or projected CRS.

    Raises
    ------
    InputError
        When it names nothing we know, or a system without places on the Earth.

    Examples
    --------
    >>> parse_crs("GCJ-02")
    'gcj02'
    >>> parse_crs("EPSG:4546").name
    'CGCS2000 / 3-degree Gauss-Kruger CM 111E'
    """
    if isinstance(crs, str):
        word = crs.strip().lower().replace("-", "").replace("_", "").replace(" ", "")
        if word in SHIFTED:
            return word
        crs = ALIASES.get(word, crs.strip())
        if isinstance(crs, str) and not any(mark in crs for mark in ":[{+"):
            near = "; did you mean gcj02?" if "gcj" in word or "mars" in word or "amap" in word else ""
            near = "; did you mean bd09?" if word.startswith(("bd", "baidu")) else near
            what = f"{crs!r} is no coordinate system we know{near}" if crs else "no coordinate system is given"
            raise InputError(what, where="crs", right=_RIGHT)
    try:
        known = CRS.from_user_input(crs)
    except (CRSError, TypeError, ValueError) as error:
        raise InputError(f"{_short(crs)} is no coordinate system we know", where="crs", right=_RIGHT) from error
    if known.is_compound:
        known = known.sub_crs_list[0]
    if not (known.is_geographic or known.is_projected):
        raise InputError(
            f"{known.name!r} is a {known.type_name.lower()}, not tied to places on the Earth by longitude or a map",
            where="crs",
            right=_RIGHT,
        )
    return known.to_2d() if len(known.axis_info) > 2 else known


def is_degrees(crs: Any) -> bool:
    """Whether coordinates of this system are longitudes and latitudes in degrees."""
    known = parse_crs(crs)
    return isinstance(known, str) or known.is_geographic


def to_city(x: ArrayLike, y: ArrayLike, crs: Any, srid: int) -> Pair:
    """Convert coordinates to the city's metric CRS.

    Parameters
    ----------
    x, y
        Longitude and latitude, or east and north, of one shape; NaN where missing.
    crs
        Their coordinate system, as `parse_crs` reads it.
    srid
        EPSG code of the city's CRS, projected and in metres.

    Returns
    -------
    x, y : float64 arrays, metres
        New arrays of the same shape; NaN where either was missing or the projection has no such place.
    """
    x, y = _pair(x, y)
    try:
        source = _known(crs)
    except TypeError:  # a list or dict, which no cache takes
        crs = source = parse_crs(crs)
    if isinstance(source, str):  # never compare a CRS with a word: pyproj would look the word up, 0.1 s
        x, y = gcj_to_wgs(*bd_to_gcj(x, y)) if source == "bd09" else gcj_to_wgs(x, y)
        crs = 4326
    return _finite(*_transformer(crs, srid, True).transform(x, y))


def to_lonlat(x: ArrayLike, y: ArrayLike, srid: int) -> Pair:
    """Convert metres of the city's CRS to longitude and latitude (WGS 84, degrees); NaN stays NaN."""
    x, y = _pair(x, y)
    return _finite(*_transformer(4326, srid, False).transform(x, y))


def city_srid(lon: float, lat: float) -> int:
    """EPSG code of the metric CRS for a city with this centre (WGS 84, degrees).

    Inside `CHINA` the CGCS2000 3-degree Gauss-Kruger zone (EPSG:4534 at 75° E to EPSG:4554 at 135° E), elsewhere
    the UTM zone (EPSG:326zz north, 327zz south; its exceptions for Norway and Svalbard are not followed). A
    centre on the border of two zones takes the eastern one. `CHINA` is a rectangle, so a neighbour's city may get
    a Chinese zone: any projected CRS in metres serves, its profile may name another.

    Examples
    --------
    >>> city_srid(111.0, 35.03), city_srid(-76.61, 39.29), city_srid(151.2, -33.87)
    (4546, 32618, 32756)
    """
    if not (-180 <= lon <= 180 and -80 <= lat <= 84):
        raise InputError(
            f"no metric zone has its centre at longitude {lon}, latitude {lat}",
            where="centre",
            right="longitude is within -180 and 180, latitude within -80 and 84 degrees",
        )
    if _in_china(np.asarray(lon), np.asarray(lat)):
        return 4534 + min(int((lon + 1.5) // 3) - 25, 20)
    return (32600 if lat >= 0 else 32700) + min(int((lon + 180) // 6) + 1, 60)


def wgs_to_gcj(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Shift WGS 84 to GCJ-02 (degrees); unchanged beyond `CHINA`.

    The formula is the one that coordtransform and eviltransform publish (major axis 6378245 m, ee
    0.00669342162296594323); there is no official text.

    Examples
    --------
    >>> lon, lat = wgs_to_gcj(116.404, 39.915)
    >>> print(f"{lon:.9f} {lat:.9f}")
    116.410244499 39.916404282
    """
    lon, lat = _pair(lon, lat)
    inside = _in_china(lon, lat)
    out_lon, out_lat = lon.copy(), lat.copy()
    if inside.any():
        shift_lon, shift_lat = _gcj_shift(lon[inside], lat[inside])
        out_lon[inside] += shift_lon
        out_lat[inside] += shift_lat
    return out_lon, out_lat


def gcj_to_wgs(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Undo `wgs_to_gcj` by iteration (4 to 6 rounds), to below a micrometre.

    At the very border of `CHINA` the shift is not one to one: a place that a shifted point inside explains is
    taken to be that point, any other is unchanged.
    """
    lon, lat = _pair(lon, lat)
    west, south, east, north = CHINA
    near = (lon > west - 0.05) & (lon < east + 0.05) & (lat > south - 0.05) & (lat < north + 0.05)
    out_lon, out_lat = lon.copy(), lat.copy()
    if near.any():
        back_lon, back_lat = _undo(_gcj_shift, lon[near], lat[near])
        inside = _in_china(back_lon, back_lat)
        out_lon[near] = np.where(inside, back_lon, lon[near])
        out_lat[near] = np.where(inside, back_lat, lat[near])
    return out_lon, out_lat


def gcj_to_bd(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Shift GCJ-02 to BD-09 (degrees), everywhere, by coordtransform's formula.

    Examples
    --------
    >>> lon, lat = gcj_to_bd(116.404, 39.915)
    >>> print(f"{lon:.9f} {lat:.9f}")
    116.410369494 39.921336994
    """
    lon, lat = _pair(lon, lat)
    shift_lon, shift_lat = _bd_shift(lon, lat)
    return np.asarray(lon + shift_lon), np.asarray(lat + shift_lat)


def bd_to_gcj(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Undo `gcj_to_bd` by iteration, to below a micrometre (the published inverse errs by up to 0.15 m)."""
    lon, lat = _pair(lon, lat)
    real = np.isfinite(lon) & np.isfinite(lat)
    out_lon, out_lat = np.where(real, lon, np.nan), np.where(real, lat, np.nan)
    if real.any():
        out_lon[real], out_lat[real] = _undo(_bd_shift, lon[real], lat[real])
    return out_lon, out_lat


def _in_china(lon: NDArray, lat: NDArray) -> NDArray[np.bool_]:
    west, south, east, north = CHINA
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _gcj_shift(lon: NDArray, lat: NDArray) -> Pair:
    """Degrees that GCJ-02 adds to a WGS 84 place."""
    x, y, pi = lon - 105.0, lat - 35.0, np.pi
    root = np.sqrt(np.abs(x))
    common = (20.0 * np.sin(6.0 * x * pi) + 20.0 * np.sin(2.0 * x * pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    d_lat += (20.0 * np.sin(y * pi) + 40.0 * np.sin(y / 3.0 * pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(y / 12.0 * pi) + 320.0 * np.sin(y * pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    d_lon += (20.0 * np.sin(x * pi) + 40.0 * np.sin(x / 3.0 * pi)) * 2.0 / 3.0
    d_lon += (150.0 * np.sin(x / 12.0 * pi) + 300.0 * np.sin(x / 30.0 * pi)) * 2.0 / 3.0
    phi = lat / 180.0 * pi
    m = 1.0 - _EE * np.sin(phi) ** 2
    root_m = np.sqrt(m)
    return d_lon * 180.0 / (_A / root_m * np.cos(phi) * pi), d_lat * 180.0 / (_A * (1 - _EE) / (m * root_m) * pi)


def _bd_shift(lon: NDArray, lat: NDArray) -> Pair:
    """Degrees that BD-09 adds to a GCJ-02 place."""
    z = np.sqrt(lon * lon + lat * lat) + 0.00002 * np.sin(lat * _X_PI)
    theta = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _X_PI)
    return z * np.cos(theta) + 0.0065 - lon, z * np.sin(theta) + 0.006 - lat


def _undo(shift: Callable[[NDArray, NDArray], Pair], lon: NDArray, lat: NDArray) -> Pair:
    """Find where the shift starts that ends here: each round shrinks the error some 50 to 200 times."""
    out_lon, out_lat = lon.copy(), lat.copy()
    for start in range(0, lon.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        for _ in range(20):
            d_lon, d_lat = shift(out_lon[part], out_lat[part])
            new_lon, new_lat = lon[part] - d_lon, lat[part] - d_lat
            moved = max(np.abs(new_lon - out_lon[part]).max(), np.abs(new_lat - out_lat[part]).max())
            out_lon[part], out_lat[part] = new_lon, new_lat
            if moved < 1e-12:  # a ten-thousandth of a millimetre
                break
    return out_lon, out_lat


def _pair(x: ArrayLike, y: ArrayLike) -> Pair:
    try:
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"coordinates must be numbers ({error})", where="coordinates") from error
    if x.shape != y.shape:
        raise InputError(f"{x.size} x and {y.size} y coordinates", where="coordinates", right="as many of each")
    return x, y


def _finite(x: Any, y: Any) -> Pair:
    """PROJ says infinity where it has no answer; we say NaN."""
    x, y = np.asarray(x), np.asarray(y)
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return (np.where(lost, np.nan, x), np.where(lost, np.nan, y)) if lost.any() else (x, y)


@lru_cache(maxsize=256)
def _known(crs: Any) -> str | CRS:
    return parse_crs(crs)


@lru_cache(maxsize=256)
def _transformer(source: Any, srid: int, towards_city: bool) -> Transformer:
    """Transformers are costly to make and safe to share between threads (pyproj >= 3.1)."""
    city = parse_crs(int(srid))
    if isinstance(city, str) or not city.is_projected or city.axis_info[0].unit_conversion_factor != 1.0:
        raise InputError(
            f"EPSG:{srid} does not measure in metres", where="srid", right="name a projected CRS in metres"
        )
    source = parse_crs(source)
    here, there = (source, city) if towards_city else (city, source)
    return Transformer.from_crs(here, there, always_xy=True)


def _short(crs: Any) -> str:
    text = str(crs)
    return text if len(text) <= 60 else f"{text[:57]}..."
