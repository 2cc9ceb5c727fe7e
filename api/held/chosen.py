"""Which of the cases in memory a filter takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.held import kernels
from api.held.rows import SOMEWHERE, Rows, State, places
from gis import raster
from gis.wanted import Wanted

NEVER = 2**62
MANY = 100_000
"""So many rows are looked through by two threads."""


class Areas:
    """Ground that a filter takes and leaves out, by the exact test of `gis.raster`.

    Parameters
    ----------
    within, without
        Polygons in the city's CRS; None for no such filter.
    """

    def __init__(self, within: NDArray[np.object_] | None, without: NDArray[np.object_] | None) -> None:
        self._within, self._without = (
            None if s is None else raster.build(s) if len(s) else () for s in (within, without)
        )

    def takes(self, x: NDArray[np.int64], y: NDArray[np.int64], somewhere: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Places (whole millimetres) that count; who is nowhere lies in no area, and is left out by none."""
        out = np.ones(len(x), dtype=np.bool_)
        if self._within is not None:
            out &= somewhere & (raster.locate(self._within, x, y) >= 0) if self._within else False
        if self._without:
            out &= ~somewhere | (raster.locate(self._without, x, y) < 0)
        return out


@dataclass(frozen=True)
class Filter:
    """Cases that count, as `Wanted` says it, for columns in memory."""

    wanted: Wanted
    areas: Areas | None = None

    def of(self, rows: Rows, state: State, alive: NDArray[np.bool_] | None = None) -> NDArray[np.int64] | None:
        """Positions of the rows that count, in order; None for all of them."""
        w = self.wanted
        begin, end = _microsecond(w.begin, -NEVER), _microsecond(w.end, NEVER)
        everything = w.classes is None and w.departments is None and w.channels is None and self.areas is None
        living = np.ones(len(rows), dtype=np.bool_) if alive is None else alive
        if everything and begin == -NEVER and end == NEVER and living.all():
            return None
        which = _chosen(
            rows, living, begin, end, _taken(state.texts["klass"], w.classes),
            _taken(state.texts["department"], w.departments), _taken(state.texts["channel"], w.channels),
        )  # fmt: skip
        if self.areas is not None:
            x, y = places(rows, state.origin, which)
            which = which[self.areas.takes(x, y, (rows.flag[which] & SOMEWHERE) > 0)]
        return which


def _chosen(
    rows: Rows, alive: NDArray[np.bool_], begin: int, end: int,
    classes: NDArray[np.bool_], departments: NDArray[np.bool_], channels: NDArray[np.bool_],
) -> NDArray[np.int64]:  # fmt: skip
    """Positions of the rows that are taken, looked for by two threads where there are many."""

    def part(low: int, high: int) -> NDArray[np.int64]:
        s = slice(low, high)
        out = np.empty(high - low, dtype=np.int64)
        n = kernels.choose(
            rows.at[s], rows.klass[s], rows.department[s], rows.channel[s], alive[s],
            begin, end, classes, departments, channels, out,
        )  # fmt: skip
        return out[:n] + low

    middle = len(rows) // 2
    if middle < MANY:
        return part(0, len(rows))
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(part, (0, middle), (middle, len(rows)))))


def _microsecond(stamp: pd.Timestamp, missing: int) -> int:
    """The first whole microsecond that is not before an instant."""
    return missing if pd.isna(stamp) else -(-stamp.value // 1000)


def _taken(texts: dict[str, int], wanted: tuple[str, ...] | None) -> NDArray[np.bool_]:
    out = np.full(max(len(texts), 1), wanted is None)
    for text in wanted or ():
        if text in texts:
            out[texts[text]] = True
    return out
