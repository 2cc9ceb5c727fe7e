"""``[city]`` and ``[grids]`` of a profile, checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from gis.model import CODE_SCHEMES, City
from gis.profile.model import is_zone, unknown
from grids.errors import InputError


def read_city(table: Any, faults: list[str]) -> City | None:
    if not isinstance(table, dict):
        faults.append("there is no table [city]")
        return None
    names = [f.name for f in dataclasses.fields(City)]
    unknown(table, (*names, "crs"), "city", faults)
    start = len(faults)
    for name, kind in (("key", str), ("name", str), ("time_zone", str), ("bounds", list)):
        if not isinstance(table.get(name), kind):
            faults.append(f"city.{name} is missing" if name not in table else f"city.{name} is no {kind.__name__}")
    key, bounds = table.get("key", ""), table.get("bounds", [])
    if "key" in table and isinstance(key, str) and not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", key):
        faults.append(f"city.key {key!r} is not a short lower-case name such as baltimore")
    if isinstance(table.get("time_zone"), str) and not is_zone(table["time_zone"]):
        faults.append(f"city.time_zone {table['time_zone']!r} is no IANA name such as Asia/Shanghai")
    if isinstance(bounds, list) and "bounds" in table and not _is_box(bounds):
        faults.append(f"city.bounds {bounds} are not west, south, east, north in degrees")
    srid = _srid(table, faults)
    if len(faults) == start:
        _fits(srid, bounds, faults)
    points = table.get("default_points", [])
    if not isinstance(points, list) or not all(_is_numbers(p, 2) for p in points):
        faults.append("city.default_points is a list of [lon, lat]")
    codes, territory = table.get("codes", "free"), table.get("territory", list(City.territory))
    if codes not in CODE_SCHEMES:
        faults.append(f"city.codes {codes!r} is not one of {', '.join(CODE_SCHEMES)}")
    if not isinstance(territory, list) or not all(isinstance(t, str) for t in territory):
        faults.append("city.territory is a list of area sets, smallest first")
    accuracy, below = table.get("accuracy_m", {}), table.get("ask_below", City.ask_below)
    if not isinstance(accuracy, dict) or not all(_is_number(m, 0.0, 1e6) for m in accuracy.values()):
        faults.append("city.accuracy_m is a table: channel = metres, 0 or more")
    if not _is_number(below, 0.0, 1.0):
        faults.append("city.ask_below is a probability, 0 to 1")
    if len(faults) > start:
        return None
    return City(
        key,
        table["name"],
        srid,
        table["time_zone"],
        (float(bounds[0]), float(bounds[1]), float(bounds[2]), float(bounds[3])),
        tuple((float(x), float(y)) for x, y in points),
        codes,
        str(table.get("edition", "2026")),
        tuple(territory),
        tuple(sorted((channel, float(metres)) for channel, metres in accuracy.items())),
        float(below),
    )


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _fits(srid: int, bounds: list[float], faults: list[str]) -> None:
    from gis.crs import fit, parse_crs

    try:
        fit(parse_crs(srid), (bounds[0], bounds[1], bounds[2], bounds[3]))
    except InputError as error:
        faults.append(f"city.crs: {error.what}")


def read_grids(table: Any, faults: list[str]) -> dict[str, str]:
    """Name -> PROJJSON of the city's own grids."""
    from gis.crs import ALIASES, SHIFTED
    from gis.crs.local import read_grid

    if not isinstance(table, dict) or not all(isinstance(told, dict) for told in table.values()):
        faults.append("grids is a table, one for each grid of the city's own")
        return {}
    out = {}
    for name, told in table.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
            faults.append(f"grids.{name}: a grid's name is lower-case letters, digits and _")
            continue
        if name in (*SHIFTED, *ALIASES):
            faults.append(f"grids.{name} is the name of another coordinate system")
            continue
        try:
            out[name] = read_grid(name, told)
        except InputError as error:
            faults.append(str(error))
    return out


def _srid(table: Mapping[str, Any], faults: list[str]) -> int:
    """EPSG code of ``crs`` or ``srid``: a projected CRS in metres."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if "crs" in table and "srid" in table:
        faults.append("city has both crs and srid; one is enough")
    text = str(table.get("crs", table.get("srid", "")))
    match = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", text, re.IGNORECASE)
    if match is None:
        faults.append(f"city.crs {text!r} is not like EPSG:4546" if text else "city.crs is missing")
        return 0
    try:
        crs = CRS.from_epsg(int(match[1]))
    except CRSError:
        faults.append(f"city.crs: there is no EPSG:{match[1]}")
        return 0
    if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info):
        faults.append(f"city.crs EPSG:{match[1]} ({crs.name}) is not a projected CRS in metres")
    return int(match[1])


def _is_numbers(value: Any, n: int) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == n
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    )


def _is_box(value: Any) -> bool:
    if not _is_numbers(value, 4):
        return False
    west, south, east, north = value
    return -180 <= west < east <= 180 and -90 <= south < north <= 90
