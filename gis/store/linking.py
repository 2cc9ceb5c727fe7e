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


def units_in_force(cursor: Cursor) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Read codes and polygons of the units that hold now, in order of code."""
    cursor.execute(question("units_in_force"))
    found = cursor.fetchall()
    codes = np.array([code for code, _ in found], dtype=object)
    return codes, np.asarray(shapely.from_wkb([bytes(shape) for _, shape in found]), dtype=object)


class Linker:
    """Writes the unit of each component's place; where its file names another one far off, says so.

    On a shared edge the lower code wins. Where no unit holds the place, the file's word stays.

    Parameters
    ----------
    link
        Finds a place's unit instead of our own index; None for ours.
    codes, shapes
        Units that hold now, in order of code, shape (n,).
    """

    def __init__(self, link: Link | None, codes: NDArray[np.object_], shapes: NDArray[np.object_]) -> None:
        self._link, self._codes, self._shapes = link, codes, shapes
        self._index = raster.build(shapes) if link is None and len(codes) else None
        self._words = pa.array([*codes, ""], pa.string())

    @classmethod
    def read(cls, cursor: Cursor, link: Link | None) -> Linker:
        """Return one for the units that hold now."""
        return cls(link, *units_in_force(cursor))

    def __call__(self, columns: Columns, faults: Faults) -> None:
        """Fill in the column ``unit``."""
        if self._link is None and self._index is None:
            return
        x, y = columns["geom"]
        found = self._find(x, y)
        said = columns["unit"]
        said = said if pa.types.is_dictionary(said.type) else strings(said).dictionary_encode()
        # texts are compared once each, rows by their numbers
        same_as = pc.fill_null(pc.index_in(said.dictionary, found.dictionary), -1).to_numpy(zero_copy_only=False)
        blank = pc.equal(said.dictionary, "").to_numpy(zero_copy_only=False)
        at, place = said.indices.to_numpy(), found.indices.to_numpy()
        odd = ~blank[at] & (same_as[at] != place)
        nowhere = pc.equal(found.dictionary, "").to_numpy(zero_copy_only=False)[place]
        columns["unit"] = pc.if_else(pa.array(nowhere), strings(said), strings(found)) if nowhere.any() else found
        if len(self._codes) and odd.any():
            self._report(np.flatnonzero(odd), x, y, said, found, faults)

    def _find(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> pa.DictionaryArray:
        """Units of places, "" for none."""
        if self._index is None:
            assert self._link is not None
            return pa.array(self._link(x, y), type=pa.string()).dictionary_encode()
        there = np.isfinite(x)
        found = np.full(len(x), -1, dtype=np.int32)
        found[there] = raster.locate(self._index, exact.millimetres(x[there]), exact.millimetres(y[there]))
        return pa.DictionaryArray.from_arrays(np.where(found < 0, len(self._codes), found), self._words)

    def _report(
        self,
        rows: NDArray[np.intp],
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        said: pa.Array,
        found: pa.Array,
        faults: Faults,
    ) -> None:
        claims, places = (np.array(strings(v.take(pa.array(rows))).to_pylist(), dtype=object) for v in (said, found))
        at = np.minimum(np.searchsorted(self._codes, claims), len(self._codes) - 1)
        known = self._codes[at] == claims
        away = np.full(len(rows), np.inf)
        spots = shapely.points(x[rows[known]], y[rows[known]])
        away[known] = shapely.distance(spots, self._shapes[at[known]])
        far = away > TOLERANCE_M
        why = [
            f"its place is in {place or 'no unit grid'}, "
            + (f"{distance:.0f} m away" if np.isfinite(distance) else "and no such unit grid holds now")
            for distance, place in zip(away[far], places[far], strict=True)
        ]
        faults.add(rows[far], "unit", claims[far], np.array(why, dtype=object), flag=True)
