"""GCJ-02 and BD-09, the shifted coordinates of Chinese map services, and the way back by iteration.

There is no official text; the formulas are those that coordtransform publishes (for GCJ-02 eviltransform publishes
the same). The published one-step inverses are no targets: that of GCJ-02 errs by up to 3 m, that of BD-09 by up to
0.15 m, more than the 0.5 m and the 0.1 m that would go unnoticed. Nor are eviltransform's values of BD-09, which
takes another wave length and comes out up to 75 m elsewhere.

Each place is worked on by itself, so its result does not depend on its neighbours in the array.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gis.compiled import kernel
from gis.crs.names import CHINA

_WEST, _SOUTH, _EAST, _NORTH = CHINA
_RIM = 0.05
"""Degrees; no shift is longer (0.0085 at most)."""
_EDGE = 1e-9
"""Degrees; a place on the very rim is found again a rounding beside it."""
_A, _EE = 6378245.0, 0.00669342162296594323
_X_PI = math.pi * 3000.0 / 180.0
_STILL = 1e-12
"""Degrees; a round that moves a place less, a ten-thousandth of a millimetre, is the last."""
_ROUNDS = 20
WGS_GCJ, GCJ_WGS, GCJ_BD, BD_GCJ, BD_WGS = range(5)
"""Kinds of conversion that `shift` knows."""


@kernel(inline="always")
def _times(a, b, c, d):
    return a * c - b * d, a * d + b * c


@kernel
def _waves(v):
    """Sines of v pi times 1/30, 1/12, 1/3, 1, 2 and 6: powers of one complex number, so that two calls do for all."""
    c1, s1 = math.cos(v * (math.pi / 60.0)), math.sin(v * (math.pi / 60.0))
    c2, s2 = _times(c1, s1, c1, s1)
    c4, s4 = _times(c2, s2, c2, s2)
    c5, s5 = _times(c4, s4, c1, s1)
    c10, s10 = _times(c5, s5, c5, s5)
    c20, s20 = _times(c10, s10, c10, s10)
    c40, s40 = _times(c20, s20, c20, s20)
    c60, s60 = _times(c40, s40, c20, s20)
    c120, s120 = _times(c60, s60, c60, s60)
    c240, s240 = _times(c120, s120, c120, s120)
    return s2, s5, s20, s60, s120, c240 * s120 + s240 * c120


@kernel
def _gcj_shift(lon, lat):
    """Degrees that GCJ-02 adds to a WGS 84 place."""
    x, y = lon - 105.0, lat - 35.0
    root = math.sqrt(abs(x))
    x30, x12, x3, x1, x2, x6 = _waves(x)
    y30, y12, y3, y1, _, _ = _waves(y)
    common = (20.0 * x6 + 20.0 * x2) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20.0 * y1 + 40.0 * y3 + 160.0 * y12 + 320.0 * y30) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20.0 * x1 + 40.0 * x3 + 150.0 * x12 + 300.0 * x30) * 2.0 / 3.0
    phi = lat * (math.pi / 180.0)
    s = math.sin(phi)
    m = 1.0 - _EE * s * s
    root_m = math.sqrt(m)
    d_lon = east * 180.0 / (_A / root_m * math.cos(phi) * math.pi)
    return d_lon, north * 180.0 / (_A * (1.0 - _EE) / (m * root_m) * math.pi)


@kernel
def _bd_shift(lon, lat):
    """Degrees that BD-09 adds to a GCJ-02 place: longer by up to 0.00002, turned by up to 0.000003, and moved."""
    turn = 0.000003 * math.cos(lon * _X_PI)
    c, s = 1.0 - turn * turn / 2.0, turn - turn * turn * turn / 6.0
    r = math.sqrt(lon * lon + lat * lat)
    longer = 0.00002 * math.sin(lat * _X_PI) / r if r > 0.0 else 0.0
    x, y = lon * c - lat * s, lon * s + lat * c
    return x + x * longer + 0.0065 - lon, y + y * longer + 0.006 - lat


@kernel
def _inside(lon, lat):
    return _WEST <= lon <= _EAST and _SOUTH <= lat <= _NORTH


@kernel
def _gcj_undone(lon, lat):
    if not (_WEST - _RIM < lon < _EAST + _RIM and _SOUTH - _RIM < lat < _NORTH + _RIM):
        return lon, lat
    a, b = lon, lat
    for _ in range(_ROUNDS):
        d_lon, d_lat = _gcj_shift(a, b)
        new_a, new_b = lon - d_lon, lat - d_lat
        moved = max(abs(new_a - a), abs(new_b - b))
        a, b = new_a, new_b
        if moved < _STILL:
            break
    inside = _WEST - _EDGE <= a <= _EAST + _EDGE and _SOUTH - _EDGE <= b <= _NORTH + _EDGE
    return (a, b) if inside else (lon, lat)


@kernel
def _bd_undone(lon, lat):
    a, b = lon, lat
    for _ in range(_ROUNDS):
        d_lon, d_lat = _bd_shift(a, b)
        new_a, new_b = lon - d_lon, lat - d_lat
        moved = max(abs(new_a - a), abs(new_b - b))
        a, b = new_a, new_b
        if not moved >= _STILL:
            break
    return a, b


@kernel
def shift(kind, lon, lat):
    """Convert one place (degrees) by one of the kinds above; NaN stays NaN, and so does infinity become it."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return math.nan, math.nan
    if kind == GCJ_WGS:
        return _gcj_undone(lon, lat)
    if kind == BD_WGS:
        a, b = _bd_undone(lon, lat)
        return _gcj_undone(a, b)
    if kind == BD_GCJ:
        return _bd_undone(lon, lat)
    if kind == WGS_GCJ and not _inside(lon, lat):
        return lon, lat
    d_lon, d_lat = _gcj_shift(lon, lat) if kind == WGS_GCJ else _bd_shift(lon, lat)
    return lon + d_lon, lat + d_lat


@kernel
def _shift_many(kind, lon, lat, out_lon, out_lat):
    for i in range(len(lon)):
        out_lon[i], out_lat[i] = shift(kind, lon[i], lat[i])


def shifted(
    kind: int, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`shift` of each place; new arrays of the same shape."""
    out_lon, out_lat = np.empty(lon.shape), np.empty(lat.shape)
    _shift_many(kind, lon.ravel(), lat.ravel(), out_lon.reshape(-1), out_lat.reshape(-1))
    return out_lon, out_lat
