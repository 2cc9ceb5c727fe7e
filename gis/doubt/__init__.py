"""How sure an owner is: the share of the places where the case may have happened that falls to each department.

A report's position error is read as the radius that holds 68 % of a circular normal around the reported place. Rays go
out from it in fixed directions; along each ray the owner changes only where a border, the reach of a component or the
line between two components is crossed, and between two such places the normal's share is known in closed form,
``exp(-a²/2σ²) - exp(-b²/2σ²)``. So every ray is exact, only the directions are sampled: 180 of them stay within half a
point of a million-sample Monte Carlo. The rules of responsibility are the engine's own (see `gis.doubt.kernel`).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gis import decide, raster
from gis.doubt import kernel

if TYPE_CHECKING:
    from gis.convert import Cases
    from gis.snapshot import Snapshot

SHARE_WITHIN = 0.68
"""Share of the true places that lie within the stated accuracy of the reported one."""
SIGMA = 1.0 / math.sqrt(-2.0 * math.log(1.0 - SHARE_WITHIN))
"""Standard deviation to each side, of an accuracy of 1: 0.662."""

DIRECTIONS = 180
MOST_M = 500.0
"""Beyond this accuracy, or where too much is near, the engine is asked at `SAMPLES` fixed places instead."""
SAMPLES = 4096
DIGITS = 4
"""Digits of a probability that is told."""

CHUNK = 16_384

_ANGLE = (np.arange(DIRECTIONS) + 0.5) * (2 * np.pi / DIRECTIONS)
AIM = np.column_stack([np.cos(_ANGLE), np.sin(_ANGLE)])


def _spiral() -> NDArray[np.float64]:
    """Places of equal weight under a circular normal of deviation 1, shape (samples, 2): a sunflower's seeds."""
    k = np.arange(SAMPLES) + 0.5
    turn, out = k * (np.pi * (3 - math.sqrt(5))), np.sqrt(-2 * np.log1p(-k / SAMPLES))
    return np.column_stack([out * np.cos(turn), out * np.sin(turn)])


SPIRAL = _spiral()
FARTHEST = float(max(np.hypot(*SPIRAL.T).max(), kernel.SIGMAS)) * SIGMA + 0.01
"""How many times its accuracy away from a place its shares can be told by what is there: 2.8."""


@dataclass(frozen=True)
class Shares:
    """Owners of each case with their shares; those of case i are ``start[i]:start[i + 1]``, largest share first.

    ``department`` is -1 for nobody. ``layer`` and ``thing`` say what gives the case to it, where that was asked for:
    layer -1 a component, 0 a zone, k an area of the k-th set of the territory, -2 nothing; ``thing`` its position. A
    case without a place, or without a known error, has no rows.
    """

    start: NDArray[np.int64]
    department: NDArray[np.int32]
    share: NDArray[np.float64]
    layer: NDArray[np.int32]
    thing: NDArray[np.int32]

    def of(self, department: NDArray[np.int32]) -> NDArray[np.float64]:
        """Share of one department for each case, shape (n,): 0 where it has none, NaN where nothing is known."""
        n = len(self.start) - 1
        case = np.repeat(np.arange(n), np.diff(self.start))
        mine = self.department == department[case]
        out = np.bincount(case[mine], weights=self.share[mine], minlength=n).astype(np.float64)
        out[self.start[1:] == self.start[:-1]] = np.nan
        return np.minimum(out, 1.0)


def shares(cases: Cases, snapshot: Snapshot, *, things: bool = False, threads: int | None = None) -> Shares:
    """Share of each owner for each case.

    Parameters
    ----------
    cases
        Shape (n,). The owner at a place is the one that `gis.assign.assign` gives a case there whose position is
        exact; a named component that has an owner is certain.
    things
        One row for each thing that decides (component, zone, area) in place of one for each department.
    threads
        How many cores to use; all by default. The answer does not depend on it.

    Returns
    -------
    Shares
        Sums to 1 for each case that has rows; none negative.
    """
    ground, territory = decide.ground(snapshot), territory_of(snapshot)
    n = len(cases)
    order = raster.nearby(cases.x, cases.y)
    asked = cases if order is None else cases.take(order)
    klass = np.where(asked.klass < 0, len(snapshot.arrays["classes.text"]), asked.klass).astype(np.int64)
    sigma = np.where((asked.reason != 0) | (asked.error < 0), -1.0, np.maximum(asked.error * SIGMA, 1e-3))

    def work(at: int) -> tuple[NDArray, ...]:
        rows = slice(at, at + CHUNK)
        # copies, so that the kernel is compiled once, whatever the cases came from
        columns = [np.array(c[rows]) for c in (asked.x, asked.y, klass, asked.component, asked.instant, sigma)]
        return _followed(columns, things, ground, territory)

    bounds = range(0, max(n, 1), CHUNK)
    if len(bounds) == 1:
        done = [work(0)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(work, bounds))
    counts, rows, share = (np.concatenate(column) for column in zip(*done, strict=True))
    if order is not None:
        start = np.concatenate([[0], np.cumsum(counts)])
        back = np.empty(n, dtype=np.intp)
        back[order] = np.arange(n)
        counts = counts[back]
        end = np.cumsum(counts)
        place = np.repeat(start[back] - (end - counts), counts) + np.arange(len(share))
        rows, share = rows[place], share[place]
    start = np.concatenate([[0], np.cumsum(counts)])
    return Shares(start, np.ascontiguousarray(rows[:, 0]), share, rows[:, 1], rows[:, 2])


def probability(
    cases: Cases, snapshot: Snapshot, department: NDArray[np.int32], *, threads: int | None = None
) -> NDArray[np.float64]:
    """Share of the owner that each case was given, shape (n,), to `DIGITS` digits.

    Parameters
    ----------
    department
        The owner of each case, -1 for nobody.

    Returns
    -------
    float64
        1 where the error is 0; NaN without a place or without a known error.
    """
    out = np.where((cases.error < 0) | (cases.reason != 0), np.nan, 1.0)
    rows = np.flatnonzero((cases.error > 0) & (cases.reason == 0))
    if len(rows):
        out[rows] = np.round(shares(cases.take(rows), snapshot, threads=threads).of(department[rows]), DIGITS)
    return out


def _followed(columns: list[NDArray], things: bool, ground: Any, territory: Any) -> tuple[NDArray, ...]:
    """Count of rows of each case, the rows (owner, layer, thing), their shares."""
    n = len(columns[0])
    counts, begin = np.empty(n, dtype=np.int64), 0
    desk = kernel.new_desk(DIRECTIONS, len(territory[0]))
    parts: list[tuple[NDArray, NDArray]] = []
    while begin < n or not parts:
        out, share = np.empty((2 * n + kernel.STATES, 3), dtype=np.int32), np.empty(2 * n + kernel.STATES)
        begin, rows = kernel.many(
            *columns, MOST_M * 1000 * SIGMA, things, ground, territory, AIM, SPIRAL, desk, begin, counts, out, share
        )
        parts.append((out[:rows], share[:rows]))
    rows_, shares_ = zip(*parts, strict=True)
    return counts, np.concatenate(rows_), np.concatenate(shares_)


def territory_of(snapshot: Snapshot) -> tuple[Any, ...]:
    """Rasters, departments and validity of the area sets of the territory, padded to one signature."""
    kept = vars(snapshot)
    if "_territory_of_doubt" not in kept:
        nothing, none, never = raster.build([]).arrays, np.empty(0, np.int32), np.empty(0, np.int64)
        parts = []
        for name in snapshot.area_sets:
            if name in snapshot.city.territory:
                layer = snapshot.layer(f"areas/{name}")
                department = snapshot.arrays[f"areas/{name}.department"]
                parts.append((layer.raster.arrays, department, layer.begins, layer.ends))
        parts += [(nothing, none, never, never)] * (kernel.SETS - len(parts))
        kept["_territory_of_doubt"] = tuple(zip(*parts, strict=True))
    return kept["_territory_of_doubt"]
