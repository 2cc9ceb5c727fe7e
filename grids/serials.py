"""Serial numbers of units: west to east, then north to south, inside their community.

That phrase of the standards is no total order, so the rest is stated here. Each unit has a reference point; rows
``row_m`` high are counted from the community's northernmost reference point to the south; within a row the western
point comes first; points of one easting go from north to south, and units of one point by area, the larger first.

A code is the community's and the serial. Communities with 12 digits (China) are followed by the serial at once,
``140802001001`` and ``003`` make ``140802001001003``; with 2 digits it is the older form of 14. Any other area code is
followed by a hyphen, ``Fells Point-003``, so that the community can be read back. Serials begin at 1, and one that was
ever given is never given again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from grids.errors import InputError

REFERENCES = ("centroid", "northwest", "inside")
"""Reference points: centre of gravity, north-west corner of the bounding box, a point inside the unit."""

ROW_M = 100.0
DIGITS = (3, 2)

_CHINA = re.compile(r"\d{12}", re.ASCII)
_FREE = re.compile(r"(?P<community>.+)-(?P<serial>\d{2,3})", re.ASCII | re.DOTALL)


def unit_code(community: str, serial: int, *, digits: int = 3) -> str:
    """Code of a unit.

    Examples
    --------
    >>> unit_code("140802001001", 3), unit_code("140802001001", 3, digits=2), unit_code("Fells Point", 3)
    ('140802001001003', '14080200100103', 'Fells Point-003')
    """
    return f"{community}{'' if _CHINA.fullmatch(community) else '-'}{serial:0{digits}d}"


def split_code(code: str) -> tuple[str, int]:
    """Community and serial of a unit code; serial 0 and the whole text where it is not of our schemes.

    Examples
    --------
    >>> split_code("140802001001003"), split_code("Fells Point-003"), split_code("Z17")
    (('140802001001', 3), ('Fells Point', 3), ('Z17', 0))
    """
    if re.fullmatch(r"\d{14,15}", code, re.ASCII):
        return code[:12], int(code[12:])
    free = _FREE.fullmatch(code)
    return (free["community"], int(free["serial"])) if free else (code, 0)


def reference_points(shapes: ArrayLike, *, reference: str = "centroid") -> NDArray[np.float64]:
    """Reference points of polygons, rounded to 1 mm, shape (n, 2); see `REFERENCES`."""
    shapes = np.asarray(shapes, object)
    if reference == "centroid":
        xy = shapely.get_coordinates(shapely.centroid(shapes))
    elif reference == "northwest":
        xy = shapely.bounds(shapes).reshape(-1, 4)[:, [0, 3]]
    elif reference == "inside":
        xy = shapely.get_coordinates(shapely.point_on_surface(shapes))
    else:
        raise InputError(f"no reference point {reference!r}", right=f"one of {', '.join(REFERENCES)}")
    return np.round(xy, 3)


def rank_in_community(
    shapes: ArrayLike,
    community: ArrayLike,
    *,
    reference: str = "centroid",
    row_m: float = ROW_M,
    north: float | None = None,
) -> NDArray[np.int64]:
    """Place of each unit in the order of its community, from 0.

    Parameters
    ----------
    shapes
        n polygons in metres.
    community
        Community of each: any sortable values.
    reference
        One of `REFERENCES`.
    row_m
        Row tolerance: height of a row in metres.
    north
        Northing from which rows are counted; None for the northernmost reference point of each community.

    Examples
    --------
    >>> boxes = shapely.box([100, 0, 0], [0, 0, 100], [200, 100, 100], [100, 100, 200])
    >>> rank_in_community(boxes, ["a", "a", "a"]).tolist()
    [2, 1, 0]
    """
    if not row_m > 0:
        raise InputError(f"row tolerance of {row_m} m", right="above 0")
    shapes = np.asarray(shapes, object)
    group, _ = pd.factorize(np.asarray(community, object), sort=True)
    xy = reference_points(shapes, reference=reference)
    top = np.full(group.max(initial=-1) + 1, -np.inf if north is None else north)
    if north is None:
        np.maximum.at(top, group, xy[:, 1])
    row = np.floor((top[group] - xy[:, 1]) / row_m).astype(np.int64)
    order = np.lexsort((-np.round(shapely.area(shapes), 3), -xy[:, 1], xy[:, 0], row, group))
    first = np.searchsorted(group[order], group[order], side="left")
    out = np.empty(len(shapes), np.int64)
    out[order] = np.arange(len(shapes)) - first
    return out


def number(
    shapes: ArrayLike,
    community: ArrayLike,
    *,
    taken: Iterable[str] | None = None,
    digits: int = 3,
    reference: str = "centroid",
    row_m: float = ROW_M,
) -> NDArray[np.object_]:
    """Codes for units that have none.

    Parameters
    ----------
    shapes
        n polygons in metres.
    community
        Community code of each.
    taken
        Unit codes ever given, in force or retired: a community's new serials follow its highest one.
    digits
        Digits of the serial, 3 (15-digit codes) or 2 (14).
    reference, row_m
        As in `rank_in_community`.

    Returns
    -------
    object array of str

    Raises
    ------
    InputError
        When a community runs out of serials: 999 with 3 digits, 99 with 2.
    """
    if digits not in DIGITS:
        raise InputError(f"serials of {digits} digits", right="3 digits, or 2 in the older scheme")
    names = np.asarray(community, object)
    serial = rank_in_community(shapes, names, reference=reference, row_m=row_m) + 1
    highest: dict[str, int] = {}
    for code in taken if taken is not None else ():
        area, last = split_code(str(code))
        highest[area] = max(highest.get(area, 0), last)
    if highest:
        serial = serial + np.array([highest.get(name, 0) for name in names], np.int64)
    if serial.max(initial=0) >= 10**digits:
        worst = int(np.argmax(serial))
        used = highest.get(names[worst], 0)
        raise InputError(
            f"community {names[worst]} needs serials up to {serial[worst]}" + (f", {used} are taken" if used else ""),
            where="areas",
            right=f"at most {10**digits - 1}: take a larger target, split the community"
            + (", or use 3 digits" if digits == 2 else ""),
        )
    return np.array(
        [unit_code(name, one, digits=digits) for name, one in zip(names, serial.tolist(), strict=True)], object
    )
