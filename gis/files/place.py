"""Where the rows lie: which coordinate system, how far from the city, and what went wrong when it is elsewhere."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import is_degrees, parse_crs, to_city, to_lonlat
from gis.files.columns import text
from gis.files.faults import Faults, shown
from gis.files.table import Table
from gis.model import City
from grids.errors import InputError

NAMES = {
    "lon": ("lon", "lng", "long", "longitude", "经度"),
    "lat": ("lat", "latitude", "纬度"),
    "x": ("x", "x_m", "east", "easting", "point_x"),
    "y": ("y", "y_m", "north", "northing", "point_y"),
    "wkt": ("wkt", "geom", "geometry", "the_geom"),
}
"""Names that columns of places go by, any case."""

FOOT_M = 0.3048
"""Metres of a foot; the two of the US differ by two millionths."""

PAIRS = (("lon", "lat"), ("x", "y"), ("wkt",))


@dataclass(frozen=True)
class Where:
    """How a table says where: ``lonlat``, ``xy``, ``wkt`` (columns), ``geometry`` (its own) or ``none``."""

    kind: str
    columns: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """What to call it in a reject."""
        return ", ".join(self.columns) or "geometry"


def where_of(table: Table, place: dict[str, str]) -> Where:
    """How a table says where: as the profile or the user says, else its geometry, else columns with usual names.

    Raises
    ------
    InputError
        A column is named that is not there, half a pair is, or there is nothing of the kind.
    """
    from gis.profile import hint

    if place:
        fields = set(place)
        pair = next((pair for pair in PAIRS if fields == set(pair)), None)
        if pair is None:
            raise InputError(
                f"{' and '.join(sorted(fields))} name no place",
                where="place",
                right="name lon and lat, x and y, or wkt",
            )
        for column in place.values():
            if column not in table.columns:
                raise InputError(f"has no column {column!r}", where=table.name, right=hint(column, table.columns))
        return Where("".join(pair), tuple(place[name] for name in pair))
    if table.has_geometry:
        return Where("geometry")
    folded = {column.casefold(): column for column in reversed(table.columns)}
    for pair in PAIRS:
        found = [next((folded[n] for n in NAMES[field] if n in folded), None) for field in pair]
        if None not in found:
            return Where("".join(pair), tuple(column for column in found if column))
    right = "name them with --map lon=… --map lat=… (or x, y, or wkt); there are " + ", ".join(
        shown(c, 40) for c in table.columns[:30]
    )
    raise InputError("says nowhere where its rows lie", where=table.name, right=right)


def crs_of(table: Table, where: Where, declared: str, notes: list[str]) -> Any:
    """The coordinate system, as `gis.crs.parse_crs` gives it: declared, else the file's own.

    Raises
    ------
    InputError
        It cannot be told, or it contradicts the columns (lon and lat in a CRS of metres).
    """
    if declared:
        crs = parse_crs(declared)
        if where.kind == "lonlat" and not is_degrees(crs):
            what = f"{where.column} cannot be in {_short(declared, crs)}, which is not in degrees"
            raise InputError(what, where=table.name, right="map x and y instead of lon and lat")
        if where.kind == "geometry" and table.crs is not None and parse_crs(table.crs) != crs:
            notes.append(f"taken as {_short(declared, crs)} as declared, though the file says {_crs_name(table.crs)}")
        return crs
    if where.kind == "lonlat":
        notes.append(f"{where.column} taken as WGS 84 (--crs gcj02 or bd09 for Chinese map services)")
        return parse_crs("EPSG:4326")
    if where.kind == "geometry" and table.crs is not None:
        return parse_crs(table.crs)
    lacks = {"xy": "columns of x and y", "wkt": "a column of WKT"}.get(where.kind, "geometry")
    if table.format == "Shapefile":
        lacks = "no .prj"
    elif where.kind == "geometry":
        lacks = "no coordinate system in the file"
    right = "say --crs EPSG:n (the system of its numbers), gcj02 or bd09"
    raise InputError(f"its coordinate system cannot be told ({lacks})", where=table.name, right=right)


def _short(declared: str, crs: Any) -> str:
    """What was declared, or its name where that is a long text."""
    return declared if len(declared) <= 60 else _crs_name(crs)


def _crs_name(crs: Any) -> str:
    known = parse_crs(crs)
    return known if isinstance(known, str) else known.name


def points(data: pd.DataFrame, where: Where, faults: Faults) -> NDArray[np.object_]:
    """Points from two columns of numbers; None where either is missing or wrong."""
    xy = [_coordinate(data[column], column, faults) for column in where.columns]
    out = np.full(len(data), None, dtype=object)
    there = np.isfinite(xy[0]) & np.isfinite(xy[1])
    out[there] = shapely.points(xy[0][there], xy[1][there])
    return out


def _coordinate(column: pd.Series, name: str, faults: Faults) -> NDArray[np.float64]:
    """A column of coordinates; NaN where missing (blank or NaN) or wrong."""
    if pd.api.types.is_float_dtype(column.dtype) or pd.api.types.is_integer_dtype(column.dtype):
        out = column.to_numpy(dtype=np.float64, na_value=np.nan)
        shown: pd.Series = column
    else:
        shown = text(column)
        blank = shown.isin(["", "nan", "NaN", "NAN"])
        out = pd.to_numeric(shown.mask(blank), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = (np.isnan(out) & ~blank).to_numpy(dtype=bool)
        faults.add(wrong, name, shown, "is no number")
    faults.add(np.isinf(out), name, shown, "is infinite")
    return np.where(np.isinf(out), np.nan, out)


def from_wkt(column: pd.Series, where: Where, faults: Faults) -> NDArray[np.object_]:
    """Geometries from a column of WKT; None where missing or wrong. An SRID in front is left to ``--crs``."""
    told = text(column).str.replace(r"^SRID=\d+;", "", regex=True)
    out = shapely.from_wkt(told.where(told != "").to_numpy(dtype=object, na_value=None), on_invalid="ignore")
    faults.add(shapely.is_missing(out) & (told != "").to_numpy(dtype=bool), where.column, told, "is no WKT")
    return out


def in_city(
    shapes: NDArray[np.object_],
    crs: Any,
    city: City,
    where: Where,
    faults: Faults,
    *,
    name: str,
    strays: bool,
) -> NDArray[np.object_]:
    """Bring geometries into the city's metric CRS and check that they lie in the city.

    Parameters
    ----------
    shapes
        Geometries in ``crs``, None where missing, shape (n,).
    strays
        True for cases: a row outside the city is kept (a report from elsewhere is still a report; default points
        are told apart later). Otherwise it is a fault. A row that would lie inside with x and y exchanged always is.

    Returns
    -------
    ndarray of geometry, shape (n,)
        In the city's CRS, two-dimensional; None where missing or at fault.

    Raises
    ------
    InputError
        More than half of the rows lie outside (default points not counted): the file is wrong, not its rows. It
        tries to say why: exchanged axes, feet or metres labelled as degrees, degrees labelled as metres, another CRS.
    """
    if shapely.has_z(shapes).any() or shapely.has_m(shapes).any():
        faults.note("heights and measures (Z, M) left out")
        shapes = shapely.force_2d(shapes)
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    broken = np.zeros(len(shapes), dtype=bool)
    broken[of[~np.isfinite(xy).all(axis=1)]] = True
    faults.add(broken, where.column, "", "has a coordinate that is not a finite number")
    shapes[broken] = None
    located = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if not located.any():
        return shapes
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    degrees = is_degrees(crs)
    beyond = np.zeros(len(shapes), dtype=bool)
    if degrees:
        beyond[of[(np.abs(xy[:, 0]) > 180) | (np.abs(xy[:, 1]) > 90)]] = True
    x, y = to_city(xy[:, 0], xy[:, 1], crs, city.srid)
    lost = np.zeros(len(shapes), dtype=bool)
    lost[of[~(np.isfinite(x) & np.isfinite(y))]] = True
    bounds = _bounds(shapes)
    middle = np.column_stack([bounds[:, 0] / 2 + bounds[:, 2] / 2, bounds[:, 1] / 2 + bounds[:, 3] / 2])
    good = located & ~beyond & ~lost
    out = np.full(len(shapes), None, dtype=object)
    keep = good[of]
    out[good] = shapely.set_coordinates(shapes[good], np.column_stack([x[keep], y[keep]]))
    inside = np.zeros(len(shapes), dtype=bool)
    inside[good] = _meets(_bounds(out[good]), city)
    counted = located & ~_on_default_point(out, city)
    outside = counted & ~inside
    failed = int(outside.sum())
    there = middle[outside]
    faults.of_file(
        "place",
        failed,
        int(counted.sum()) - failed,
        lambda lost, fine: _elsewhere(there, crs, city, where, name, lost, lost + fine),
    )
    _rows(middle, degrees, beyond, lost, outside, crs, city, where, faults, strays)
    out[faults.bad] = None
    return out


def _rows(
    middle: NDArray[np.float64],
    degrees: bool,
    beyond: NDArray[np.bool_],
    lost: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    crs: Any,
    city: City,
    where: Where,
    faults: Faults,
    strays: bool,
) -> None:
    """Faults of single rows that lie elsewhere."""
    said = np.array([f"{x:.8g} {y:.8g}" for x, y in middle[outside]], dtype=object)
    rows = np.flatnonzero(outside)
    swapped = np.zeros(len(rows), dtype=bool)
    if degrees:
        swapped = _inside(middle[outside][:, ::-1], crs, city)
    faults.add(
        rows[swapped], where.column, said[swapped], "lies outside the city; with lon and lat exchanged it lies inside"
    )
    far = beyond[outside] & ~swapped
    faults.add(
        rows[far],
        where.column,
        said[far],
        "is beyond 180 degrees of longitude or 90 of latitude; are these metres or feet?",
    )
    nowhere = lost[outside] & ~swapped & ~far
    faults.add(
        rows[nowhere], where.column, said[nowhere], f"is no place that EPSG:{city.srid}, the city's system, reaches"
    )
    rest = ~(swapped | far | nowhere)
    if not strays:
        faults.add(rows[rest], where.column, said[rest], "lies outside the city's bounds " + _box_text(city))
    elif rest.any():
        faults.note(f"{rest.sum():,} rows lie outside the city's bounds and are kept", rows[rest])


def _bounds(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    return shapely.bounds(shapes).reshape(-1, 4)


@lru_cache(maxsize=8)
def city_box(city: City) -> tuple[float, float, float, float]:
    """The city's bounds in its own metric CRS: the box around the box of degrees."""
    west, south, east, north = city.bounds
    t = np.linspace(0.0, 1.0, 33)
    lon = np.concatenate([west + (east - west) * t] * 2 + [np.full_like(t, west), np.full_like(t, east)])
    lat = np.concatenate([np.full_like(t, south), np.full_like(t, north)] + [south + (north - south) * t] * 2)
    x, y = to_city(lon, lat, "EPSG:4326", city.srid)
    return float(np.nanmin(x)), float(np.nanmin(y)), float(np.nanmax(x)), float(np.nanmax(y))


def _meets(bounds: NDArray[np.float64], city: City) -> NDArray[np.bool_]:
    west, south, east, north = city_box(city)
    return (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)


def _inside(xy: NDArray[np.float64], crs: Any, city: City) -> NDArray[np.bool_]:
    x, y = to_city(xy[:, 0], xy[:, 1], crs, city.srid)
    return _meets(np.column_stack([x, y, x, y]), city)


def _on_default_point(shapes: NDArray[np.object_], city: City) -> NDArray[np.bool_]:
    """Points within a metre of a default point."""
    out = np.zeros(len(shapes), dtype=bool)
    if city.default_points:
        lon, lat = np.array(city.default_points).T
        x, y = to_city(lon, lat, "EPSG:4326", city.srid)
        spots = shapely.multipoints(np.column_stack([x, y]))
        point = shapely.get_type_id(shapes) == 0
        out[point] = shapely.distance(shapes[point], spots) <= 1.0
    return out


def _box_text(city: City) -> str:
    return "{:g} {:g} to {:g} {:g}".format(*city.bounds)


def _elsewhere(
    xy: NDArray[np.float64], crs: Any, city: City, where: Where, name: str, outside: int, counted: int
) -> InputError:
    """Say why a whole layer lies outside the city, as far as it can be told."""
    x, y = np.median(xy, axis=0)
    share = f"{outside:,} of {counted:,} rows"
    degrees = is_degrees(crs)
    if degrees and _inside(xy[:, ::-1], crs, city).mean() > 0.5:
        right = "map lon and lat the other way round" if where.columns else "exchange x and y in the file"
        what = f"lon and lat are swapped: {share} lie outside {city.key}, exchanged they lie inside"
        return InputError(what, where=name, right=right)
    small = bool((np.abs(xy[:, 0]) <= 180).all() and (np.abs(xy[:, 1]) <= 90).all())
    likely = _likely(x, y, city)
    right = (
        f"in {likely} they would lie in {city.key}; say --crs" if likely else "say --crs EPSG:n as its maker knows it"
    )
    if degrees and not small:
        what = f"numbers like {x:.7g} {y:.7g} are no degrees ({share}); they are feet or metres labelled as degrees"
        return InputError(what, where=name, right=right)
    if not degrees and small and _inside(xy, "EPSG:4326", city).mean() > 0.5:
        what = f"numbers like {x:.6g} {y:.6g} are degrees, not {_crs_name(crs)}"
        return InputError(what, where=name, right="say --crs EPSG:4326")
    if not degrees and _inside(xy * FOOT_M, crs, city).mean() > 0.5:
        what = f"numbers like {x:.9g} {y:.9g} are feet, not metres of {_crs_name(crs)} ({share} lie outside {city.key})"
        return InputError(what, where=name, right=right if likely else "multiply them by 0.3048, or say --crs in feet")
    lon, lat = to_lonlat(*to_city([x], [y], crs, city.srid), city.srid)
    what = f"lies outside {city.key}: {share}, around {lon[0]:.5f} {lat[0]:.5f}, the city is within {_box_text(city)}"
    return InputError(
        what, where=name, right=right if likely else "is it the right file, and the right coordinate system?"
    )


def _likely(x: float, y: float, city: City) -> str:
    """Registered systems in use around the city in which these numbers lie in it: at most two.

    The city's own comes first, then those on its datum, on WGS 84, and the plainest name.
    """
    from pyproj import CRS
    from pyproj.aoi import AreaOfInterest
    from pyproj.database import CRSInfo, query_crs_info
    from pyproj.enums import PJType

    west, south, east, north = city.bounds
    here = AreaOfInterest((west + east) / 2, (south + north) / 2, (west + east) / 2, (south + north) / 2)
    known = query_crs_info("EPSG", PJType.PROJECTED_CRS, here, contains=True)
    known = [info for info in known if info.area_of_use and info.area_of_use.east - info.area_of_use.west < 40]
    datum = CRS.from_epsg(city.srid).name.split(" / ")[0]
    found: list[str] = []

    def rank(info: CRSInfo) -> tuple[bool, bool, bool, int]:
        own = info.name.split(" / ")[0]
        return info.code != str(city.srid), own != datum, own != "WGS 84", len(info.name)

    for info in sorted(known, key=rank)[:150]:
        with contextlib.suppress(InputError):  # a system without a known shift to the city's is no advice
            if _inside(np.array([[x, y]]), f"EPSG:{info.code}", city)[0]:
                found.append(f"EPSG:{info.code} ({info.name})")
        if len(found) == 2:
            break
    return " or ".join(found)
