"""Names of coordinate systems: what a caller may write, and what it stands for.

CGCS2000 and WGS 84 are taken as one (null shift), as PROJ does; they differ by some decimetres at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from grids.errors import InputError

CHINA = (73.66, 3.86, 135.05, 53.55)
"""West, south, east, north of the rectangle in which GCJ-02 is shifted; beyond it GCJ-02 is WGS 84.

Libraries disagree: this is the tighter of the two rectangles in use (coordtransform's). It holds the inhabited
country and strips of its neighbours; eviltransform's reaches from 72.004 to 137.8347 and 0.8293 to 55.8271.
"""

SHIFTED = ("gcj02", "bd09")
"""Names of the shifted coordinate systems, which no register knows."""

ALIASES = {"wgs84": 4326, "cgcs2000": 4490}
_RIGHT = "give EPSG:n (EPSG:4326 for GPS degrees), gcj02, bd09 or a WKT text"


def parse_crs(crs: Any) -> str | CRS:
    """Read the name of a coordinate system.

    Parameters
    ----------
    crs
        ``"EPSG:4546"`` or 4546, ``"gcj02"``, ``"bd09"``, ``"wgs84"``, ``"cgcs2000"``, a WKT, PROJ or PROJJSON
        text, or a `pyproj.CRS`. A compound system (with heights) is refused when someone writes its name; of one
        that a file carries (a `pyproj.CRS`) the horizontal part is taken.

    Returns
    -------
    str or pyproj.CRS
        ``"gcj02"``, ``"bd09"`` or a two-dimensional geographic or projected CRS.

    Raises
    ------
    InputError
        When it names nothing we know, a system with heights, or one without places on the Earth.

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
        flat = known.sub_crs_list[0]
        if not isinstance(crs, CRS):
            code = flat.to_epsg()
            right = f"give its horizontal part, {f'EPSG:{code}' if code else flat.name}"
            raise InputError(f"{_short(crs)} ({known.name}) has heights, which no case has", where="crs", right=right)
        known = flat
    if not (known.is_geographic or known.is_projected or known.type_name == "Derived Projected CRS"):
        raise InputError(
            f"{known.name!r} is a {known.type_name.lower()}, not tied to places on the Earth by longitude or a map",
            where="crs",
            right=_RIGHT,
        )
    return known.to_2d() if len(known.axis_info) > 2 else known


def is_degrees(crs: Any) -> bool:
    """Whether coordinates of this system are longitudes and latitudes in degrees."""
    try:
        return _in_degrees(crs)
    except TypeError:  # a list or dict, which no cache takes
        return _in_degrees(parse_crs(crs))


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
    west, south, east, north = CHINA
    if west <= lon <= east and south <= lat <= north:
        return 4534 + min(int((lon + 1.5) // 3) - 25, 20)
    return (32600 if lat >= 0 else 32700) + min(int((lon + 180) // 6) + 1, 60)


@lru_cache(maxsize=256)
def named(crs: Any) -> str | CRS:
    """`parse_crs` of what can be kept: a text, a number, a `pyproj.CRS`."""
    return parse_crs(crs)


@lru_cache(maxsize=256)
def _in_degrees(crs: Any) -> bool:
    known = parse_crs(crs)
    return isinstance(known, str) or bool(known.is_geographic)


def _short(crs: Any) -> str:
    text = str(crs)
    return text if len(text) <= 60 else f"{text[:57]}..."
