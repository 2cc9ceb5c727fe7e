"""The transverse Mercator projection of one zone, for one point and for many by the same arithmetic.

Krüger's series in the third flattening n to its sixth order (C. F. F. Karney, Transverse Mercator with an accuracy
of a few nanometers, 2011, equations 7 to 9, 11, 14, 35 and 36), which PROJ takes as well; the two differ by less
than a hundredth of a micrometre inside a zone. No fused or reordered arithmetic: a point alone gives the same bits as
the same point among a million.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gis.compiled import kernel

LON_0, RADIUS, X_0, Y_0, EE, TO_GRID, TO_EARTH, TO_LATITUDE, SIZE = 0, 1, 2, 3, 4, 5, 11, 17, 23
"""Where a zone's array holds its central meridian (degrees), scaled rectifying radius and false origin (metres),
squared eccentricity, and three times six coefficients."""

_FAR = 2.623395162778
"""Where PROJ ends the series, in units of the radius east of the central meridian."""
_RAD, _DEG = math.pi / 180.0, 180.0 / math.pi
_ALPHA = (
    (1 / 2, -2 / 3, 5 / 16, 41 / 180, -127 / 288, 7891 / 37800),
    (13 / 48, -3 / 5, 557 / 1440, 281 / 630, -1983433 / 1935360),
    (61 / 240, -103 / 140, 15061 / 26880, 167603 / 181440),
    (49561 / 161280, -179 / 168, 6601661 / 7257600),
    (34729 / 80640, -3418889 / 1995840),
    (212378941 / 319334400,),
)
_BETA = (
    (1 / 2, -2 / 3, 37 / 96, -1 / 360, -81 / 512, 96199 / 604800),
    (1 / 48, 1 / 15, -437 / 1440, 46 / 105, -1118711 / 3870720),
    (17 / 480, -37 / 840, -209 / 4480, 5569 / 90720),
    (4397 / 161280, -11 / 504, -830251 / 7257600),
    (4583 / 161280, -108847 / 3991680),
    (20648693 / 638668800,),
)
_DELTA = (  # conformal to geographic latitude
    (2, -2 / 3, -2, 116 / 45, 26 / 45, -2854 / 675),
    (7 / 3, -8 / 5, -227 / 45, 2704 / 315, 2323 / 945),
    (56 / 15, -136 / 35, -1262 / 105, 73814 / 2835),
    (4279 / 630, -332 / 35, -399572 / 14175),
    (4174 / 315, -144838 / 6237),
    (601676 / 22275,),
)


def zone(
    lon_0: float,
    *,
    a: float = 6378137.0,
    f: float = 1 / 298.257222101,
    k: float = 1.0,
    x_0: float = 500_000.0,
    y_0: float = 0.0,
    lat_0: float = 0.0,
) -> NDArray[np.float64]:
    """Prepare a zone for `forward` and `inverse`.

    Parameters
    ----------
    lon_0, lat_0
        Central meridian and latitude of the origin, degrees.
    a, f
        Major axis in metres and flattening of the ellipsoid; CGCS2000 by default.
    k
        Scale on the central meridian.
    x_0, y_0
        False easting and northing, metres.

    Returns
    -------
    float64 array, shape (23,)
        As `LON_0` and the others tell.

    Examples
    --------
    >>> x, y = forward(111.0, 35.0, zone(111.0))
    >>> print(f"{x:.4f} {y:.4f}")
    500000.0000 3874592.9016
    """
    n = f / (2.0 - f)
    out = np.zeros(SIZE)
    out[LON_0], out[X_0], out[EE] = lon_0, x_0, f * (2.0 - f)
    out[RADIUS] = k * a / (1.0 + n) * (1.0 + n**2 / 4 + n**4 / 64 + n**6 / 256)
    for start, table in ((TO_GRID, _ALPHA), (TO_EARTH, _BETA), (TO_LATITUDE, _DELTA)):
        for j, row in enumerate(table):
            out[start + j] = sum(c * n ** (j + 1 + m) for m, c in enumerate(row))
    out[Y_0] = y_0
    out[Y_0] = 2 * y_0 - forward(lon_0, lat_0, out)[1] if lat_0 else y_0
    return out


@kernel(error_model="numpy")
def forward(lon, lat, z):
    """Project one place (degrees) to metres; NaN where there is no answer."""
    if not (abs(lat) <= 90.0 and abs(lon) <= 572.9):
        return math.nan, math.nan
    d = lon - z[0]
    if abs(d) > 180.0:
        d -= 360.0 * math.floor(d / 360.0 + 0.5)
    s, c = math.sin(lat * _RAD), math.cos(lat * _RAD)
    # the conformal latitude's tangent times c, by the short series that so small an eccentricity allows
    t = z[4] * s * s
    r = 1 / 7 + t * (1 / 9 + t * (1 / 11 + t * (1 / 13 + t / 15)))
    q = z[4] * s * (1.0 + t * (1 / 3 + t * (1 / 5 + t * r)))
    sigma = q * (1.0 + q * q / 6.0 * (1.0 + q * q / 20.0))
    a = s * math.sqrt(1.0 + sigma * sigma) - sigma
    b, u = c * math.cos(d * _RAD), c * math.sin(d * _RAD)
    h = a * a + b * b
    if h <= 0.0:
        return math.nan, math.nan
    xi, eta = math.atan2(a, b), math.asinh(u / math.sqrt(h))
    re, im = _series(
        2.0 * a * b / h, (b * b - a * a) / h, 2.0 * u * math.sqrt(h + u * u) / h, 1.0 + 2.0 * u * u / h, z, 5
    )
    xi, eta = xi + re, eta + im
    if not abs(eta) <= _FAR:
        return math.nan, math.nan
    return z[1] * eta + z[2], z[1] * xi + z[3]


@kernel(error_model="numpy")
def inverse(x, y, z):
    """Longitude and latitude (degrees) of one place in metres; NaN where there is no answer."""
    xi, eta = (y - z[3]) / z[1], (x - z[2]) / z[1]
    if not (abs(eta) <= _FAR and abs(xi) < 1e6):
        return math.nan, math.nan
    e = math.exp(2.0 * eta)
    re, im = _series(math.sin(2.0 * xi), math.cos(2.0 * xi), 0.5 * (e - 1.0 / e), 0.5 * (e + 1.0 / e), z, 11)
    xi, eta = xi - re, eta - im
    u, s, b = math.sinh(eta), math.sin(xi), math.cos(xi)
    h = u * u + b * b
    w = s * s + h  # 1 over the squared cosine of the conformal latitude, times h
    chi = math.atan2(s, math.sqrt(h))
    twice_sin, twice_cos = 2.0 * s * math.sqrt(h) / w, 2.0 * (h - s * s) / w
    one, two = 0.0, 0.0
    for j in range(5, -1, -1):
        one, two = z[17 + j] + twice_cos * one - two, one
    lat = chi + twice_sin * one
    lon = math.atan2(u, b) * _DEG + z[0]
    if abs(lon) > 180.0:
        lon -= 360.0 * math.floor(lon / 360.0 + 0.5)
    return lon, lat * _DEG


@kernel(inline="always")
def _series(sin_xi, cos_xi, sinh_eta, cosh_eta, z, start):
    """Sum of six complex sines, z[start + j] sin 2(j + 1)(xi + i eta), by Clenshaw; given at the double argument."""
    c_re, c_im = 2.0 * cos_xi * cosh_eta, -2.0 * sin_xi * sinh_eta
    one_re, one_im, two_re, two_im = 0.0, 0.0, 0.0, 0.0
    for j in range(5, -1, -1):
        new_re = z[start + j] + c_re * one_re - c_im * one_im - two_re
        new_im = c_re * one_im + c_im * one_re - two_im
        one_re, one_im, two_re, two_im = new_re, new_im, one_re, one_im
    s_re, s_im = sin_xi * cosh_eta, cos_xi * sinh_eta
    return s_re * one_re - s_im * one_im, s_re * one_im + s_im * one_re


@kernel
def forward_many(lon, lat, z, x, y):
    """`forward` of each place, into ``x`` and ``y``; shape (n,) each."""
    for i in range(len(lon)):
        x[i], y[i] = forward(lon[i], lat[i], z)


@kernel
def inverse_many(x, y, z, lon, lat):
    """`inverse` of each place, into ``lon`` and ``lat``; shape (n,) each."""
    for i in range(len(x)):
        lon[i], lat[i] = inverse(x[i], y[i], z)
