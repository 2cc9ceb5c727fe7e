"""One case, read from the caller's values in microseconds: no arrays, but the same as a row of `gis.convert.Cases`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gis.convert import DEFAULT_POINT_MM, MAX_ACCURACY_M, REASON, unknown_class
from gis.crs import is_degrees, way
from gis.snapshot import Snapshot
from grids.errors import InputError

BEYOND_MM = 10**12
"""Where a place goes that no city's projection holds."""


class One(NamedTuple):
    """One case as the engine takes it, with the fields of `gis.convert.Cases`; ``fault`` is "" when there is none."""

    x: int
    y: int
    klass: int = -1
    component: int = -1
    instant: int = 0
    error: int = -1
    reason: int = 0
    fault: str = ""


def read_one(
    snapshot: Snapshot,
    x: float,
    y: float,
    class_: str = "",
    *,
    crs: Any = None,
    component: str = "",
    at_us: int | None = None,
    accuracy_m: float | None = None,
    channel: str = "",
) -> One:
    """Read one case.

    Parameters
    ----------
    snapshot
        The city that will answer.
    x, y
        Coordinates, lon/lat order for degrees; NaN or infinite is a missing location.
    class_
        Class text, "" for none; a bare code takes the city's edition.
    crs
        As `gis.crs.parse_crs` reads it; None is the city's own metric CRS. A name or a parsed one costs least.
    component
        Component code that the report names, "" for none.
    at_us
        Instant in microseconds since 1970 UTC; the snapshot's when None.
    accuracy_m
        Position error in metres, 0 or more; None or NaN is none known.
    channel
        Where the report comes from: its error where none is told, see `gis.model.City.accuracy_m`.

    Returns
    -------
    One
        Equal to the row that `gis.convert.Cases.read` makes of the same values.
    """
    mm_x, mm_y, reason = _place(snapshot, float(x), float(y), crs)
    klass, fault = snapshot.class_of(class_), ""
    if klass < 0 and class_:
        fault = unknown_class(snapshot, class_)
    if accuracy_m is None or accuracy_m != accuracy_m:
        accuracy_m = snapshot.city.error_of(channel) if channel else -1.0
    elif accuracy_m < 0:
        raise InputError(f"{accuracy_m:g} m", where="accuracy_m", right="metres, 0 or more")
    error = round(min(accuracy_m, MAX_ACCURACY_M) * 1000.0) if accuracy_m >= 0 else -1
    if at_us is None:
        at_us = snapshot.at.as_unit("us")._value
    named = find_component(snapshot, component) if component else -1
    return One(mm_x, mm_y, klass, named, at_us, error, reason, fault)


def find_component(snapshot: Snapshot, code: str) -> int:
    """Position of the first version of a component by its code, -1 when there is none."""
    known = snapshot.arrays["components.code"]
    text = code.encode("utf-8", "replace")
    if len(text) > known.dtype.itemsize or not len(known):
        return -1
    # a text of another width would have the whole column converted
    wanted = np.array(text, dtype=known.dtype)
    at = int(known.searchsorted(wanted))
    return at if at < len(known) and known[at] == text else -1


def _place(snapshot: Snapshot, x: float, y: float, crs: Any) -> tuple[int, int, int]:
    """Whole millimetres of the city's CRS and the reason for having no place."""
    city, reason = snapshot.city, 0
    if not (math.isfinite(x) and math.isfinite(y)):
        reason = REASON["missing"]
    if crs is not None and not reason:
        if is_degrees(crs):
            reason = _no_place(city, x, y)
        if not reason:
            x, y = way(crs, city.srid, bounds=city.bounds).point(x, y)
    if reason or not (math.isfinite(x) and math.isfinite(y)) or abs(x) > 1e8 or abs(y) > 1e8:
        return BEYOND_MM, BEYOND_MM, reason
    mm_x, mm_y = round(x * 1000.0), round(y * 1000.0)
    for px, py in _default_points(snapshot):
        if (mm_x - px) ** 2 + (mm_y - py) ** 2 <= DEFAULT_POINT_MM**2:
            reason = REASON["default_point"]
    return mm_x, mm_y, reason


def _no_place(city: Any, lon: float, lat: float) -> int:
    west, south, east, north = city.bounds
    for point in city.default_points:
        if abs(lon - point[0]) < 1e-5 and abs(lat - point[1]) < 1e-5:
            return REASON["default_point"]
    swapped = west <= lat <= east and south <= lon <= north and not (west <= lon <= east and south <= lat <= north)
    return REASON["wrong_datum"] if swapped or abs(lon) > 180 or abs(lat) > 90 else 0


def _default_points(snapshot: Snapshot) -> list[list[int]]:
    kept = vars(snapshot)
    if "_default_points" not in kept:
        kept["_default_points"] = snapshot.default_points_mm.tolist()
    return kept["_default_points"]
