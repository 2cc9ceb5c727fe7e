"""Steps between datums, and whether a coordinate system is made for where the city lies.

PROJ joins two datums without any shift when it knows none ("ballpark"). Between the modern ones, whose ellipsoids are
as large to the decimetre (WGS 84, CGCS2000, NAD 83, ETRS89), that is off by a metre or two. Between an old one and a
modern one it is off by some hundred metres, and nothing would tell: so such a way is refused. Old systems that are
registered against WGS 84 only (Hong Kong 1980) go through it into CGCS2000.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.exceptions import ProjError
from pyproj.transformer import TransformerGroup

from grids.errors import InputError

COARSEST_M = 5.0
"""A shift between datums that is registered as less accurate than this is none."""
MARGIN = 3.0
"""Degrees by which a city may lie beyond the area that a system is made for: a neighbouring zone still serves."""
_ALIKE_M = 1.0
Box = tuple[float, float, float, float]


def steps(source: CRS, city: CRS, bounds: Box | None = None) -> tuple[Transformer | None, Transformer]:
    """PROJ's way between two systems: perhaps a step to WGS 84 degrees first, then the way from there (or from
    ``source``) to the city.

    Parameters
    ----------
    bounds
        Of the city, degrees; a shift between datums counts when it is made for the whole of them, else for the whole
        area that both systems are made for.

    Raises
    ------
    InputError
        The datums differ and no shift between them is registered that is good to 5 m.
    """
    if _alike(source, city):
        return None, Transformer.from_crs(source, city, always_xy=True)
    around = bounds or _common(source, city)
    direct = _best(source, city, around)
    if direct is not None:
        return None, direct
    wgs = CRS.from_epsg(4326)
    first, then = _best(source, wgs, around), _best(wgs, city, around)
    if first is not None and _alike(wgs, city):
        return first, Transformer.from_crs(wgs, city, always_xy=True)
    if then is not None and _alike(source, wgs):
        return None, Transformer.from_crs(source, city, always_xy=True)
    raise InputError(
        f"no shift between {_base(source)} and {_base(city)} that is good to {COARSEST_M:.0f} m is registered; "
        "without one all places would lie some 100 m off",
        where="crs",
        right="convert it first, or give control points as a grid of the city's own (docs/coordinates.md)",
    )


@lru_cache(maxsize=256)
def fit(crs: str | CRS, bounds: Box) -> str:
    """Tell whether a system is made for where the city lies.

    Parameters
    ----------
    crs
        As `gis.crs.parse_crs` gives it.
    bounds
        West, south, east, north of the city, degrees.

    Returns
    -------
    str
        "" when the area for which the system is registered meets the city, or is not known; else a remark.

    Raises
    ------
    InputError
        The city lies more than `MARGIN` degrees beyond that area.

    Examples
    --------
    >>> from gis.crs import parse_crs
    >>> fit(parse_crs("EPSG:4546"), (111.0, 35.0, 111.1, 35.1))
    ''
    >>> print(fit(parse_crs("EPSG:4547"), (111.0, 35.0, 111.1, 35.1)))
    CGCS2000 / 3-degree Gauss-Kruger CM 114E is made for 112.5 to 115.5 E, 21.52 to 45.45 N; the city is 1.4 degrees off
    """
    area = None if isinstance(crs, str) else crs.area_of_use
    if isinstance(crs, str) or area is None:
        return ""
    west, south, east, north = bounds
    spans = [(area.west, area.east)] if area.west <= area.east else [(area.west, 180.0), (-180.0, area.east)]
    across = min(max(0.0, w - east, west - e) for w, e in spans)
    off = max(across, area.south - north, south - area.north)
    if off <= 0.0:
        return ""
    made = f"{crs.name} is made for {_span(area.west, area.east, 'WE')}, {_span(area.south, area.north, 'SN')}"
    if off <= MARGIN:
        return f"{made}; the city is {off:.1f} degrees off"
    code = crs.to_epsg(min_confidence=100)
    raise InputError(
        f"{f'EPSG:{code}, ' if code else ''}{made}; the city lies around "
        f"{_span((west + east) / 2, None, 'WE')}, {_span((south + north) / 2, None, 'SN')}",
        where="crs",
        right="name the system of the numbers, as their maker knows it",
    )


def _span(low: float, high: float | None, sides: str) -> str:
    """Degrees as people write them: 109.5 to 112.5 E."""

    def side(value: float) -> str:
        return sides[value >= 0]

    if high is None:
        return f"{abs(low):.4g} {side(low)}"
    if side(low) == side(high):
        return f"{abs(low):.4g} to {abs(high):.4g} {side(high)}"
    return f"{abs(low):.4g} {side(low)} to {abs(high):.4g} {side(high)}"


def _alike(one: CRS, other: CRS) -> bool:
    """Whether two systems have ellipsoids of one size, or datums of one name."""
    a, b = one.ellipsoid, other.ellipsoid
    if a is None or b is None or _datum(one) == _datum(other):
        return True
    return abs(a.semi_major_metre - b.semi_major_metre) + abs(a.semi_minor_metre - b.semi_minor_metre) < _ALIKE_M


def _datum(crs: CRS) -> str:
    return crs.datum.name if crs.datum else crs.name


def _base(crs: CRS) -> str:
    return crs.geodetic_crs.name if crs.geodetic_crs else crs.name


BESIDE_DEG = 1.5
"""So far beyond what a system is made for, and beyond a city, coordinates in it are still fine for drawing."""


@lru_cache(maxsize=64)
def reach(srid: int, bounds: Box) -> Box:
    """Degrees within which a city's coordinates can lie: where its system is of use, and around the bounds it is given.

    Parameters
    ----------
    srid
        EPSG code of the city's CRS.
    bounds
        West, south, east, north of the city, degrees.
    """
    area = CRS.from_epsg(srid).area_of_use
    west, south, east, north = bounds
    if area is not None and area.west < area.east:
        west, south = min(west, area.west), min(south, area.south)
        east, north = max(east, area.east), max(north, area.north)
    b = BESIDE_DEG
    return max(west - b, -180.0), max(south - b, -85.0), min(east + b, 180.0), min(north + b, 85.0)


def _common(source: CRS, city: CRS) -> Box | None:
    """The area that both systems are made for; None where it is not known or empty."""
    areas = [crs.area_of_use for crs in (source, city) if crs.area_of_use]
    if not areas or any(area.west > area.east for area in areas):
        return None
    box = (
        max(area.west for area in areas),
        max(area.south for area in areas),
        min(area.east for area in areas),
        min(area.north for area in areas),
    )
    return box if box[0] < box[2] and box[1] < box[3] else None


def _best(source: CRS, to: CRS, around: Box | None) -> Transformer | None:
    """PROJ's best way that is no ballpark, good enough and made for the whole box; None when there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of grids that are not installed: the next best way is judged by itself
        try:
            interest = AreaOfInterest(*around) if around else None
            found = TransformerGroup(source, to, True, interest, allow_ballpark=False)  # type: ignore[arg-type]
        except ProjError:
            return None
    fine = (way for way in found.transformers if 0.0 <= way.accuracy <= COARSEST_M and _covers(way, around))
    return next(fine, None)


def _covers(way: Transformer, box: Box | None) -> bool:
    area = way.area_of_use
    if area is None or box is None or area.west > area.east:
        return True
    west, south, east, north = box
    slack = 0.5  # areas are drawn roughly
    across = area.west - slack <= west and east <= area.east + slack
    return across and area.south - slack <= south and north <= area.north + slack


__all__ = ["COARSEST_M", "MARGIN", "fit", "steps"]
