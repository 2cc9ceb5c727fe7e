"""From a caller's coordinates to whole millimetres of the city's, by PROJ and by formulas written out here.

The engine goes most of these ways by kernels of its own; here PROJ goes them all. The two differ by some nanometres,
so that one place in ten thousand might round to the neighbouring millimetre: where the thousandth of a millimetre
cannot tell, both are places of the case, and the answer must hold for one of them.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import TransformerGroup

from gis.model import REASONS
from grids.errors import InputError

Floats = NDArray[np.float64]
SLACK_MM = 1e-3
"""What the two ways may differ by, with room to spare."""
BEYOND_MM = 10**12
_FAR_M = 1e8
_DEFAULT_MM, _DEFAULT_DEGREES = 1000, 1e-5
_CHINA = (73.66, 3.86, 135.05, 53.55)
_WORDS = {"wgs84": 4326, "cgcs2000": 4490}


def places(
    x: Floats, y: Floats, crs: str, city: dict[str, Any]
) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
    """Places of cases in whole millimetres.

    Parameters
    ----------
    x, y
        Shape (n,); NaN where there is none.
    crs
        ``EPSG:4326``, ``gcj02`` …; "" is the city's own.
    city
        As the header of a snapshot has it.

    Returns
    -------
    millimetres : int64, shape (n, 2)
        `BEYOND_MM` where there is no place, or one that no city's projection holds.
    reason : int8, shape (n,)
        Position in `gis.model.REASONS`.
    other : int64, shape (n, 2)
        The neighbouring millimetre where rounding cannot tell; else the same.

    Raises
    ------
    InputError
        The coordinate system is unknown.
    """
    degrees, reason = is_degrees(crs), np.zeros(len(x), dtype=np.int8)
    reason[~(np.isfinite(x) & np.isfinite(y))] = REASONS.index("missing")
    if crs and degrees:
        west, south, east, north = city["bounds"]
        inside = (west <= x) & (x <= east) & (south <= y) & (y <= north)
        swapped = (west <= y) & (y <= east) & (south <= x) & (x <= north) & ~inside
        with np.errstate(invalid="ignore"):
            for lon, lat in city["default_points"]:
                near = (np.abs(x - lon) < _DEFAULT_DEGREES) & (np.abs(y - lat) < _DEFAULT_DEGREES)
                reason[near & (reason == 0)] = REASONS.index("default_point")
            wrong = swapped | (np.abs(x) > 180) | (np.abs(y) > 90)
        reason[wrong & (reason == 0)] = REASONS.index("wrong_datum")
    east_m, north_m = _converted(np.where(reason == 0, x, np.nan), np.where(reason == 0, y, np.nan), crs, city)
    with np.errstate(invalid="ignore"):
        lost = ~(np.isfinite(east_m) & np.isfinite(north_m)) | (np.abs(east_m) > _FAR_M) | (np.abs(north_m) > _FAR_M)
    exact = np.column_stack([np.where(lost, BEYOND_MM / 1000, v) for v in (east_m, north_m)]) * 1000.0
    rounded = np.rint(exact)
    doubtful = np.abs(np.abs(exact - rounded) - 0.5) < SLACK_MM if crs else np.zeros(exact.shape, dtype=bool)
    other = np.where(doubtful, rounded + np.where(exact > rounded, 1.0, -1.0), rounded)
    out = rounded.astype(np.int64)
    for px, py in _default_points(city):
        dx, dy = (np.clip(np.abs(out[:, k] - p), 0, 2**30) for k, p in enumerate((px, py)))
        reason[(dx**2 + dy**2 <= _DEFAULT_MM**2) & (reason == 0)] = REASONS.index("default_point")
    return out, reason, other.astype(np.int64)


def is_degrees(crs: str) -> bool:
    """Whether the coordinates are longitudes and latitudes."""
    return bool(crs) and (_shifted(crs) or _system(crs).is_geographic)


def _default_points(city: dict[str, Any]) -> list[list[int]]:
    points = np.asarray(city["default_points"], dtype=float).reshape(-1, 2)
    if not len(points):
        return []
    x, y = _converted(points[:, 0], points[:, 1], "EPSG:4326", {**city, "bounds": None})
    fine = np.isfinite(x) & np.isfinite(y) & (np.abs(x) < 1e9) & (np.abs(y) < 1e9)
    listed: list[list[int]] = np.rint(np.column_stack([x, y])[fine] * 1000).astype(np.int64).tolist()
    return listed


def _shifted(crs: str) -> bool:
    return _word(crs) in ("gcj02", "bd09")


def _word(crs: str) -> str:
    return crs.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


@lru_cache(maxsize=64)
def _system(crs: str) -> CRS:
    try:
        system = CRS.from_user_input(_WORDS.get(_word(crs), crs))
    except CRSError:
        right = "the one that the case was asked in"
        raise InputError(f"{crs!r} is no coordinate system", where="crs", right=right) from None
    return system.to_2d() if len(system.axis_info) > 2 else system


def _converted(x: Floats, y: Floats, crs: str, city: dict[str, Any]) -> tuple[Floats, Floats]:
    """Metres of the city's system; NaN or infinite where there are none."""
    if not crs:
        return x, y
    system: int | str = 4326
    if _shifted(crs):
        x, y = _unshifted(x, y, _word(crs))
    else:
        epsg = _system(crs).to_epsg()
        if epsg == city["srid"]:
            return x, y
        system = epsg or crs
    for way in _ways(system, city["srid"], tuple(city["bounds"] or ())):
        x, y = (np.asarray(v) for v in way.transform(x, y))
    return x, y


@lru_cache(maxsize=64)
def _ways(system: int | str, srid: int, box: tuple[float, ...]) -> tuple[Transformer, ...]:
    """PROJ's way; between an old datum and a modern one the best that is registered, through WGS 84 if need be."""
    source, city, wgs = CRS.from_user_input(system), CRS.from_epsg(srid), CRS.from_epsg(4326)
    if _as_large(source, city):
        return (Transformer.from_crs(source, city, always_xy=True),)
    direct = _registered(source, city, box)
    if direct is not None:
        return (direct,)
    first, then = _registered(source, wgs, box), _registered(wgs, city, box)
    if first is not None and _as_large(wgs, city):
        return first, Transformer.from_crs(wgs, city, always_xy=True)
    if then is not None and _as_large(source, wgs):
        return (Transformer.from_crs(source, city, always_xy=True),)
    raise InputError(f"no shift from {source.name} to the city's datum is registered", where="crs")


def _as_large(one: CRS, other: CRS) -> bool:
    a, b = one.ellipsoid, other.ellipsoid
    if a is None or b is None or (one.datum and other.datum and one.datum.name == other.datum.name):
        return True
    return abs(a.semi_major_metre - b.semi_major_metre) + abs(a.semi_minor_metre - b.semi_minor_metre) < 1.0


def _registered(source: CRS, to: CRS, box: tuple[float, ...]) -> Transformer | None:
    interest = AreaOfInterest(*box) if box else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            group = TransformerGroup(source, to, True, interest, allow_ballpark=False)  # type: ignore[arg-type]
        except ProjError:
            return None
    for way in group.transformers:
        area = way.area_of_use
        fits = not box or area is None or area.west > area.east
        fits = fits or (
            area.west - 0.5 <= box[0]
            and box[2] <= area.east + 0.5
            and area.south - 0.5 <= box[1]
            and box[3] <= area.north + 0.5
        )
        if 0.0 <= way.accuracy <= 5.0 and fits:
            return way
    return None


# ---------------------------------------------------------------- the shifts of Chinese map services


def _unshifted(x: Floats, y: Floats, kind: str) -> tuple[Floats, Floats]:
    """Degrees of WGS 84 from shifted ones: the shift of the place itself is found by going back and forth."""
    with np.errstate(invalid="ignore"):
        if kind == "bd09":
            x, y = _found_again(x, y, _bd09)
        a, b = _found_again(x, y, _gcj02)
        west, south, east, north = _CHINA
        rim = 1e-9
        inside = (west - rim <= a) & (a <= east + rim) & (south - rim <= b) & (b <= north + rim)
    return np.where(inside, a, x), np.where(inside, b, y)


def _found_again(x: Floats, y: Floats, forth: Any) -> tuple[Floats, Floats]:
    a, b = x, y
    for _ in range(20):
        fa, fb = forth(a, b)
        a, b = a + (x - fa), b + (y - fb)
    return a, b


def _gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """GCJ-02 of a place in WGS 84, by the formula as it is published; no official text is."""
    pi, sin = math.pi, np.sin
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    north = north + (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north = north + (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east = east + (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east = east + (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    a, ee = 6378245.0, 0.00669342162296594323
    phi = np.radians(lat)
    magic = 1.0 - ee * sin(phi) ** 2
    d_lat = north * 180.0 / (a * (1.0 - ee) / magic**1.5 * pi)
    d_lon = east * 180.0 / (a / np.sqrt(magic) * np.cos(phi) * pi)
    return lon + d_lon, lat + d_lat


def _bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """BD-09 of a place in GCJ-02, by the formula as it is published."""
    wave = math.pi * 3000.0 / 180.0
    z = np.hypot(lon, lat) + 0.00002 * np.sin(lat * wave)
    theta = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * wave)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006
