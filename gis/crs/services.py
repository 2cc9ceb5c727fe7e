"""Conversion between GPS places and those of Chinese map services, as arrays; the formulas are in `shifted`."""

from __future__ import annotations

from numpy.typing import ArrayLike

from gis.crs.ways import Pair, pair


def wgs_to_gcj(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Shift WGS 84 to GCJ-02 (degrees); unchanged beyond `CHINA`, NaN stays NaN.

    The formula is the one that coordtransform and eviltransform publish (major axis 6378245 m, ee
    0.00669342162296594323); there is no official text.

    Examples
    --------
    >>> lon, lat = wgs_to_gcj(116.404, 39.915)
    >>> print(f"{lon:.9f} {lat:.9f}")
    116.410244499 39.916404282
    """
    return _shifted("WGS_GCJ", lon, lat)


def gcj_to_wgs(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Undo `wgs_to_gcj` by iteration (4 to 6 rounds), to below a micrometre.

    At the very border of `CHINA` the shift is not one to one: a place that a shifted point inside explains is
    taken to be that point, any other is unchanged.
    """
    return _shifted("GCJ_WGS", lon, lat)


def gcj_to_bd(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Shift GCJ-02 to BD-09 (degrees), everywhere, by coordtransform's formula.

    Examples
    --------
    >>> lon, lat = gcj_to_bd(116.404, 39.915)
    >>> print(f"{lon:.9f} {lat:.9f}")
    116.410369494 39.921336994
    """
    return _shifted("GCJ_BD", lon, lat)


def bd_to_gcj(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Undo `gcj_to_bd` by iteration, to below a micrometre (the published inverse errs by up to 0.15 m)."""
    return _shifted("BD_GCJ", lon, lat)


def _shifted(kind: str, lon: ArrayLike, lat: ArrayLike) -> Pair:
    from gis.crs import shifted

    return shifted.shifted(getattr(shifted, kind), *pair(lon, lat))
