"""A unit grid or a point, as rosters are asked about it over HTTP and on the command line."""

from __future__ import annotations

from typing import Any

import numpy as np

from api.asked import MAX_TEXT, shown
from gis.crs import to_city
from gis.model import City
from grids.errors import InputError


def where_of(city: City, unit: str, lon: float | None, lat: float | None) -> dict[str, Any]:
    """A unit or a point as `gis.store.rosters.read_rosters` takes it; `lon` and `lat` are WGS 84 degrees.

    Raises
    ------
    InputError
        Neither or both are given, or a number is no longitude or latitude.
    """
    if bool(unit) == (lon is not None or lat is not None):
        what = "give a unit or a point, not both" if unit else "no place is given"
        raise InputError(what, where="unit", right="send unit, or lon and lat")
    if unit:
        if "\x00" in unit:
            raise InputError("holds a null character", where="unit", right="send a unit grid code")
        if len(unit) > MAX_TEXT:
            raise InputError(f"{shown(unit)!r} is too long", where="unit", right=f"send at most {MAX_TEXT} characters")
        return {"unit": unit}
    for name, value, most in (("lon", lon, 180), ("lat", lat, 90)):
        if value is None:
            raise InputError("is missing", where=name, right="send lon and lat")
        if not abs(value) <= most:
            raise InputError(f"{value:g} is no {name}", where=name, right=f"give degrees from -{most} to {most}")
    x, y = to_city(np.array([lon], dtype=float), np.array([lat], dtype=float), "EPSG:4326", city.srid)
    return {"x": float(x[0]), "y": float(y[0])}
