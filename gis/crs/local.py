"""Grids of a city's own (城市独立坐标系): metres that no register knows, described by parameters or control points.

Such a grid is a Gauss-Kruger projection on a meridian through the city, often on a plane at the city's height and with
an origin near the town, or a similarity (four parameters: two shifts, turn, scale) of a registered one. Either way it
becomes one text in PROJJSON, which every door takes as it takes ``EPSG:n``. (Not WKT: there a derived system does not
tell the axes of its base, and PROJ exchanges those of the CGCS2000 zones.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import TransverseMercatorConversion

from gis.crs.names import parse_crs
from grids.errors import InputError

MEAN_RADIUS_M = 6_371_000.0
"""With which a height becomes a scale: 1 + height / radius, as surveyors do for a city's projection plane."""


PARAMETERS = ("meridian", "latitude", "scale", "height_m", "false_easting", "false_northing")
KEYS = ("proj", "base", *PARAMETERS, "move", "factor", "turn", "points", "tolerance_m")
"""What a grid's table may say, see `read_grid`."""
TOLERANCE_M = 0.1


@dataclass(frozen=True)
class Similarity:
    """Four parameters: ``local = move + factor * turned(base)``, turned by ``turn`` degrees clockwise.

    Parameters
    ----------
    east, north
        Metres: where the origin of the base lies in the local grid.
    factor
        Scale of the local grid against the base.
    turn
        Degrees by which the local axes are turned counter-clockwise against the base's.
    worst_m
        Largest distance of a control point from where the parameters put it, metres of the local grid.
    """

    east: float = 0.0
    north: float = 0.0
    factor: float = 1.0
    turn: float = 0.0
    worst_m: float = 0.0

    def __call__(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Base to local, metres; any shape."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        a = self.factor * np.cos(np.radians(self.turn))
        b = self.factor * np.sin(np.radians(self.turn))
        return np.asarray(self.east + a * x + b * y), np.asarray(self.north - b * x + a * y)


def similarity(local: ArrayLike, base: ArrayLike) -> Similarity:
    """Find the four parameters from control points by least squares.

    Parameters
    ----------
    local, base
        East and north of the same points in both grids, metres, shape (n, 2), n >= 2.

    Raises
    ------
    InputError
        Fewer than two points, points of different count, or all in one place.

    Examples
    --------
    >>> found = similarity([(0, 0), (0, 1000)], [(500000, 3874000), (500000, 3875000)])
    >>> round(found.factor, 9), round(found.turn, 9), round(found.worst_m, 6)
    (1.0, 0.0, 0.0)
    """
    there = np.asarray(local, dtype=np.float64).reshape(-1, 2)
    here = np.asarray(base, dtype=np.float64).reshape(-1, 2)
    right = "two points or more, each with local east, local north, base east, base north"
    if len(there) != len(here) or len(here) < 2 or not (np.isfinite(there).all() and np.isfinite(here).all()):
        raise InputError(f"{len(there)} and {len(here)} control points", where="points", right=right)
    middle, target = here.mean(axis=0), there.mean(axis=0)
    u, v = here - middle, there - target
    size = float((u * u).sum())
    if size < 1.0:
        raise InputError("all control points lie in one place", where="points", right=right)
    a = float((u * v).sum()) / size
    b = float((u[:, 1] * v[:, 0] - u[:, 0] * v[:, 1]).sum()) / size
    factor, turn = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)))
    east = float(target[0] - a * middle[0] - b * middle[1])
    north = float(target[1] + b * middle[0] - a * middle[1])
    off = np.column_stack(Similarity(east, north, factor, turn)(here[:, 0], here[:, 1])) - there
    return Similarity(east, north, factor, turn, float(np.hypot(off[:, 0], off[:, 1]).max()))


def meridian_grid(
    meridian: float,
    *,
    latitude: float = 0.0,
    scale: float = 1.0,
    height_m: float = 0.0,
    false_easting: float = 500_000.0,
    false_northing: float = 0.0,
    base: str = "EPSG:4490",
) -> CRS:
    """Make a Gauss-Kruger grid on a meridian of its own.

    Parameters
    ----------
    meridian, latitude
        Central meridian and latitude of the origin, degrees of ``base``.
    scale
        Scale on the meridian.
    height_m
        Height of the city's projection plane above the ellipsoid; the scale is multiplied by 1 + height / 6,371,000.
    false_easting, false_northing
        Coordinates of the origin, metres.
    base
        Geographic system: CGCS2000 by default.

    Raises
    ------
    InputError
        A base that is not geographic, or a number out of its range.
    """
    geographic = parse_crs(base)
    if isinstance(geographic, str) or not geographic.is_geographic:
        raise InputError(f"{base} is not in degrees", where="base", right="a geographic system: EPSG:4490")
    numbers = (meridian, latitude, scale, height_m, false_easting, false_northing)
    if not (np.isfinite(numbers).all() and abs(meridian) <= 180 and abs(latitude) < 90 and 0.9 < scale < 1.1):
        raise InputError(
            f"meridian {meridian:g}, latitude {latitude:g}, scale {scale:g} make no grid",
            where="grid",
            right="degrees within 180 and 90, a scale near 1",
        )
    conversion = TransverseMercatorConversion(
        latitude_natural_origin=latitude,
        longitude_natural_origin=meridian,
        false_easting=false_easting,
        false_northing=false_northing,
        scale_factor_natural_origin=scale * (1.0 + height_m / MEAN_RADIUS_M),
    )
    return ProjectedCRS(conversion, name=f"grid on {meridian:g}", geodetic_crs=geographic)


def derived_grid(name: str, base: CRS, four: Similarity) -> CRS:
    """Make a grid that is a similarity of ``base``.

    Parameters
    ----------
    name
        Name for messages.
    base
        Projected system in metres.
    four
        Base to local.
    """
    if not base.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in base.axis_info):
        raise InputError(f"{base.name} is no projected system in metres", where="base", right="EPSG:4546, for one")
    plain = base.to_json_dict()
    for key in ("$schema", "id", "scope", "area", "bbox", "usages", "remarks"):
        plain.pop(key, None)
    plain["name"] = base.name
    # the similarity is of east and north, while the register has north first in some systems
    plain["coordinate_system"] = plane = {
        "subtype": "Cartesian",
        "axis": [
            {"name": "Easting", "abbreviation": "E", "direction": "east", "unit": "metre"},
            {"name": "Northing", "abbreviation": "N", "direction": "north", "unit": "metre"},
        ],
    }

    def parameter(label: str, value: float, unit: str, code: int) -> dict[str, object]:
        return {"name": label, "value": value, "unit": unit, "id": {"authority": "EPSG", "code": code}}

    told = {
        "type": "DerivedProjectedCRS",
        "name": name,
        "base_crs": plain,
        "conversion": {
            "name": f"{name} from {base.name}",
            "method": {"name": "Similarity transformation", "id": {"authority": "EPSG", "code": 9621}},
            "parameters": [
                parameter("Ordinate 1 of evaluation point in target CRS", four.east, "metre", 8621),
                parameter("Ordinate 2 of evaluation point in target CRS", four.north, "metre", 8622),
                parameter("Scale factor for source CRS axes", four.factor, "unity", 1061),
                parameter("Rotation angle of source CRS axes", four.turn, "degree", 8614),
            ],
        },
        "coordinate_system": plane,
    }
    return CRS.from_json(json.dumps(told))


def read_grid(name: str, told: Mapping[str, Any]) -> str:
    """Read a city's own grid from a table of its profile.

    Parameters
    ----------
    name
        Name of the grid, for messages.
    told
        One of ``proj`` (a PROJ text), ``base`` (``EPSG:n``, projected) or ``meridian`` (with ``latitude``, ``scale``,
        ``height_m``, ``false_easting``, ``false_northing`` as of `meridian_grid`, on the degrees of ``base``); and
        perhaps a similarity of that: ``move`` ([east, north]), ``factor`` and ``turn`` as of `Similarity`, or control
        ``points`` ([local east, local north, base east, base north], two or more) that must fit to ``tolerance_m``
        (0.1 by default).

    Returns
    -------
    str
        PROJJSON, for `gis.crs.parse_crs`.

    Raises
    ------
    InputError
        Unknown or missing keys, values that are none, control points that do not fit.

    Examples
    --------
    >>> grid = read_grid("town", {"meridian": 111.25, "height_m": 400, "false_easting": 50000})
    >>> parse_crs(grid).name
    'town'
    """
    where = f"grids.{name}"
    try:
        return json.dumps(_grid(name, told).to_json_dict())
    except InputError as error:
        raise InputError(error.what, where=where, right=error.right) from None
    except (TypeError, ValueError) as error:
        raise InputError(f"a value is none ({error})", where=where, right="numbers; lists of two or four") from None


def _grid(name: str, told: Mapping[str, Any]) -> CRS:
    if unknown := [key for key in told if key not in KEYS]:
        raise InputError(f"unknown key {unknown[0]}", right="known are " + ", ".join(KEYS))
    of = [key for key in ("proj", "meridian", "base") if key in told]
    if not of or of[:2] == ["proj", "meridian"]:
        raise InputError("says not what it is made of", right="one of proj, meridian or base")
    if of[0] == "meridian":
        numbers = {key: float(told[key]) for key in PARAMETERS if key in told}
        plane = meridian_grid(**numbers, base=str(told.get("base", "EPSG:4490")))
    else:
        found = parse_crs(told[of[0]])
        if isinstance(found, str):
            raise InputError(f"{found} is no grid in metres", right="a projected system: EPSG:4546")
        plane = found
    if "points" in told:
        points = np.asarray(told["points"], dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 4:
            raise InputError("points are no rows of four", right="[local east, local north, base east, base north]")
        four = similarity(points[:, :2], points[:, 2:])
        limit = float(told.get("tolerance_m", TOLERANCE_M))
        if four.worst_m > limit:
            what = f"a control point lies {four.worst_m:.3g} m from where the others put it, more than {limit:g} m"
            raise InputError(what, right="check the points (east before north?) and the base, or raise tolerance_m")
    else:
        east, north = (float(v) for v in told.get("move", (0.0, 0.0)))
        four = Similarity(east, north, float(told.get("factor", 1.0)), float(told.get("turn", 0.0)))
        if not (0.5 < four.factor < 2.0 and np.isfinite([east, north, four.turn]).all()):
            raise InputError(f"factor {four.factor:g} is no scale of a grid", right="a number near 1")
    return derived_grid(name, plane, four)
