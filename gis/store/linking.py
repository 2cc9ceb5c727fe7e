"""In which unit grid a point lies, for components as they are loaded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from psycopg2.extensions import cursor as Cursor

from gis import exact, raster
from gis.files.faults import Faults
from gis.sql import question
from gis.store.rows import Columns, strings

Link = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.object_]]
"""(x, y) in metres of the city's CRS -> code of the unit of each point, "" for none."""

TOLERANCE_M = 10.0
"""How far a component may lie from the unit that its file names: class C of the position classes, ±10 m."""


def units_in_force(cursor: Cursor) -> tuple[NDArray[np.object_], NDArray[np.object_]] | None:
    """Read codes and polygons of the units that hold now, in order of code; None where there are none."""
    cursor.execute(question("units_in_force"))
    found = cursor.fetchall()
    if not found:
        return None
    codes = np.array([code for code, _ in found], dtype=object)
    return codes, shapely.from_wkb([bytes(shape) for _, shape in found])


def link_to(codes: NDArray[np.object_], shapes: NDArray[np.object_]) -> Link:
    """Return a function that finds the unit of points; on a shared edge the lower code wins."""
    index, names = raster.build(shapes), np.append(codes, "")

    def link(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.object_]:
        there = np.isfinite(x)
        found = np.full(len(x), -1, dtype=np.int32)
        found[there] = raster.locate(index, exact.millimetres(x[there]), exact.millimetres(y[there]))
        return names[found]

    return link


def link_components(
    columns: Columns, link: Link, faults: Faults, units: tuple[NDArray[np.object_], NDArray[np.object_]] | None
) -> None:
    """Write the unit of each component's place; where its file names another one far off, say so.

    Where no unit holds the place, the file's word stays.
    """
    x, y = columns["geom"]
    said, found = strings(columns["unit"]), pa.array(link(x, y), type=pa.string())
    nowhere = pc.equal(found, "")
    columns["unit"] = pc.if_else(nowhere, said, found)
    odd = pc.and_(pc.not_equal(said, ""), pc.not_equal(said, found)).to_numpy(zero_copy_only=False)
    if units is None or not odd.any():
        return
    codes, shapes = units
    rows = np.flatnonzero(odd)
    claims = np.array(said.take(pa.array(rows)).to_pylist(), dtype=object)
    at = np.minimum(np.searchsorted(codes, claims), len(codes) - 1)
    known = codes[at] == claims
    away = np.full(len(rows), np.inf)
    away[known] = shapely.distance(shapely.points(x[rows[known]], y[rows[known]]), shapes[at[known]])
    far = away > TOLERANCE_M
    places = found.take(pa.array(rows)).to_pylist()
    why = [
        f"its place is {f'{d:.0f} m away, ' if np.isfinite(d) else ''}in {place or 'no unit grid'}"
        + ("" if np.isfinite(d) else "; no such unit grid holds now")
        for d, place in zip(away[far], np.array(places, dtype=object)[far], strict=True)
    ]
    faults.add(rows[far], "unit", claims[far], np.array(why, dtype=object), flag=True)
