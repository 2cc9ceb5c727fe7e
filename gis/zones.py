"""What a responsibility zone must keep to, told in one line each; the ground that each covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from gis import exact
from gis.model import DUTIES, EFFECTS, SIDES
from gis.sides import single
from grids.errors import InputError

WORDS = {"effect": ("", *EFFECTS), "side": ("", *SIDES), "duty": ("", *DUTIES)}
"""Columns of a zone that take only these words."""
ROUNDING_M = 0.01
"""So much may a chainage lie beyond the end of a line, whose length is seldom a round number."""
LEAST_M2 = 0.01
"""Ground that two zones share counts from so much on; less is the rounding of a common border."""

Fault = tuple[NDArray[np.intp], str, NDArray[np.object_], NDArray[np.object_]]


def column(frame: Mapping[str, Any] | pd.DataFrame, name: str, count: int, missing: Any) -> NDArray[Any]:
    """A column of zones as an array, shape (n,); ``missing`` where the frame has none."""
    if name not in frame:
        return np.full(count, missing, dtype=object if isinstance(missing, str) else float)
    values = pd.Series(frame[name])
    if isinstance(missing, str):
        return values.fillna(missing).astype(object).to_numpy()
    return pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)


def faults(shapes: ArrayLike, columns: Mapping[str, Any] | pd.DataFrame) -> Iterator[Fault]:
    """What is wrong with zones: which rows, by position, in which column, the values, and why with what would be right.

    Parameters
    ----------
    shapes
        As they were drawn, shape (n,), metric CRS; None has no fault here.
    columns
        ``width_m``, ``effect``, ``duty``, ``side``, ``from_m``, ``to_m`` by name; what is left out is missing.
    """
    drawn = np.atleast_1d(np.asarray(shapes, dtype=object))
    n = len(drawn)
    told = {name: column(columns, name, n, "") for name in WORDS}
    width, begin, end = (column(columns, name, n, np.nan) for name in ("width_m", "from_m", "to_m"))
    for name, words in WORDS.items():
        yield _fault(~np.isin(told[name], words), name, told[name], f"is not one of {', '.join(words[1:])}")
    kinds = shapely.get_type_id(drawn)
    line, area = np.isin(kinds, (1, 5)), np.isin(kinds, (3, 6))
    lacking = "width_m is missing: a line zone needs its full width in metres"
    yield _fault(line & np.isnan(width), "width_m", "", lacking)
    yield _fault(width <= 0, "width_m", width, "is no width: it must be more than 0")
    sided = np.isin(told["side"], SIDES[1:])
    yield _fault(area & sided, "side", told["side"], "is the side of a line, and this is an area; leave it empty")
    for name, at in (("from_m", begin), ("to_m", end)):
        yield _fault(area & ~np.isnan(at), name, at, "is chainage along a line, and this is an area; leave it empty")
    yield _fault(begin < 0, "from_m", begin, "lies before the line's first point; it must be 0 or more")
    cut = line & ~(np.isnan(begin) & np.isnan(end))
    several = cut & np.array([single(shape) is None for shape in drawn], dtype=bool)
    parts = "is chainage along a line of several parts; give each part a zone of its own"
    yield _fault(several, "from_m", np.where(np.isnan(begin), end, begin), parts)
    length = np.where(line, shapely.length(drawn), np.nan)
    why = np.array([f"lies beyond the end of the line, which is {m:.2f} m long" for m in length], dtype=object)
    beyond = cut & ~several & (end > length + ROUNDING_M)
    yield _fault(beyond, "to_m", end, why)
    yield _fault(cut & ~several & (begin >= length), "from_m", begin, why)
    wrong = cut & ~beyond & (begin >= np.where(np.isnan(end), np.inf, end))
    why = np.array([f"is not before to_m, which is {m:g}" for m in end], dtype=object)
    yield _fault(wrong, "from_m", begin, why)


def grounds(
    shapes: ArrayLike, columns: Mapping[str, Any] | pd.DataFrame
) -> tuple[NDArray[np.object_], list[tuple[int, InputError]]]:
    """Ground of each zone, shape (n,), empty where it cannot be told; and the faults of those, by row.

    ``columns`` as for `faults`, whose rows at fault have some ground or other.
    """
    drawn = np.atleast_1d(np.asarray(shapes, dtype=object))
    n = len(drawn)
    width = np.nan_to_num(column(columns, "width_m", n, np.nan))
    side, begin, end = (column(columns, k, n, m) for k, m in (("side", ""), ("from_m", np.nan), ("to_m", np.nan)))
    odd = np.isin(side, SIDES[1:]) | ~(np.isnan(begin) & np.isnan(end))
    out = np.empty(n, dtype=object)
    out[~odd] = exact.footprint(drawn[~odd], width[~odd])
    lost = []
    for k in np.flatnonzero(odd):
        try:
            out[k] = exact.footprint(drawn[[k]], width[k], side=side[k], from_m=begin[k], to_m=end[k])[0]
        except InputError as error:
            out[k] = shapely.MultiPolygon()
            lost.append((int(k), error))
    return out, lost


def clashes(
    department: ArrayLike,
    ground: NDArray[np.object_],
    takes: NDArray[np.bool_],
    begins: NDArray[Any],
    ends: NDArray[Any],
) -> NDArray[np.intp]:
    """Pairs of ``only`` zones of different departments that claim one place, class and time, shape (k, 2), rising.

    Parameters
    ----------
    department, ground, begins, ends
        Of each such zone, shape (n,); [begins, ends) on one clock.
    takes
        Whether it takes a class, shape (n, classes).
    """
    who = np.asarray(department, dtype=object)
    if len(who) < 2:
        return np.empty((0, 2), dtype=np.intp)
    a, b = shapely.STRtree(ground).query(ground, predicate="intersects")
    first = a < b
    a, b = a[first], b[first]
    meet = (who[a] != who[b]) & (np.maximum(begins[a], begins[b]) < np.minimum(ends[a], ends[b]))
    meet &= (takes[a] & takes[b]).any(axis=1)
    a, b = a[meet], b[meet]
    shared = shapely.area(shapely.intersection(ground[a], ground[b])) >= LEAST_M2
    pairs = np.column_stack([a[shared], b[shared]])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def refuse_clashes(codes: ArrayLike, pairs: NDArray[np.intp]) -> None:
    """Raise InputError for the first of such pairs, if there is one."""
    if len(pairs):
        names = np.asarray(codes, dtype=object)
        one, two = sorted(str(names[k]) for k in pairs[0])
        more = f" (and {len(pairs) - 1} more pairs)" if len(pairs) > 1 else ""
        raise InputError(
            f"zones {one} and {two} both say 'only' for one place, class and time{more}",
            where="zones",
            right="let one of them say 'gives', or end, or cut their ground or classes so that they do not meet",
        )


def _fault(mask: NDArray[np.bool_], name: str, values: Any, why: Any) -> Fault:
    said, told = (np.broadcast_to(np.asarray(v, dtype=object), mask.shape)[mask] for v in (values, why))
    return np.flatnonzero(mask), name, said, told
