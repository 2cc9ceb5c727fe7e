"""What is shown of a quarter, and of a half-year of units: suppression decided for all cells of the menu at once.

The two stand apart. What protects a figure of areas are cases that change their area, class or month inside one
quarter: units notice that in cells that are hidden with the area's own (`units_of_half`), or not at all, when only the
month changes. What protects a figure of a unit are cases that change places inside a community: areas do not notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gis.publishing.exchange import NEAR, protect, sums
from gis.publishing.menu import MONTHS_OF_QUARTER, QUARTER, Tree

ONE = Tree(np.array([-1]))
AT_ONCE = 20
"""Communities whose units one thread decides."""
FAR = 256
"""Units on either side that are looked at for an exchange: more find more partners that are hidden anyway."""


@dataclass(frozen=True)
class Decided:
    """Counts of all cells of the menu, and which of them are shown.

    Parameters
    ----------
    counts
        int64 (area nodes, class nodes, time nodes).
    shown
        bool, same shape.
    moves
        Exchanges found, int64 (m, 10): area, class, time node of the protected cell; area, class, time leaf, their
        partners (-1 none), cases (fewer than 0: the cell shrinks).
    """

    counts: NDArray[np.int64]
    shown: NDArray[np.bool_]
    moves: NDArray[np.int64]


def areas_of_quarter(x: NDArray[np.int64], areas: Tree, classes: Tree, *, k: int) -> Decided:
    """A quarter of all areas.

    Parameters
    ----------
    x
        Cases of the lowest areas by class group and month, int64 (areas, groups, 3).
    areas, classes
        Trees over them.
    k
        Cells with fewer cases are hidden; those with at least one are protected: from what is shown nobody can tell
        that they do not hold k.

    Returns
    -------
    Where nothing protects a cell (a city of a handful of cases), nothing of the quarter is shown.
    """
    counts = sums(x, areas.path, classes.path, QUARTER.path)
    hidden = counts < k
    cells = _in_order(np.argwhere((counts > 0) & hidden), areas.depth, classes.depth, QUARTER.depth)
    none = np.empty((0, 4), dtype=np.int64)
    need = k - counts[tuple(cells.T)]
    moves = np.empty((8 * len(cells) + 64, 8), dtype=np.int64)
    failed, told = protect(
        x.copy(), _worth(counts, areas, classes, QUARTER), hidden, cells, need, np.full(len(x), -1, dtype=np.int64),
        x[:0], none, np.empty((0, 0, 2), dtype=np.int64), areas.span, classes.span, QUARTER.span, areas.path,
        classes.path, QUARTER.path, NEAR, moves,
    )  # fmt: skip
    if (~failed).all():
        return Decided(counts, ~hidden, np.hstack([cells[moves[:told, 0]], moves[:told, 1:]]))
    return Decided(counts, np.zeros_like(hidden), np.empty((0, 10), dtype=np.int64))


def units_of_half(
    x: NDArray[np.int64],
    leaf_of_unit: NDArray[np.int64],
    areas: Tree,
    classes: Tree,
    quarters: Sequence[Decided],
    *,
    k: int,
) -> Decided:
    """A half-year of the units.

    Parameters
    ----------
    x
        Cases of the units by class group and month, int64 (units, groups, 6).
    leaf_of_unit
        Community of each unit, int64 (units,).
    areas, classes
        Trees over the communities and the groups.
    quarters
        What was decided of the two quarters. Where a community's own figure of one of them is hidden, so are those of
        its units.
    k
        As for `areas_of_quarter`.

    Returns
    -------
    With one time node. Where nothing protects a cell, nothing of its community's units is shown. Where a community
    holds fewer than k cases of a class, its own figure is hidden, and may hold k: the exchanges that say so are carried
    out in its units first, which do not notice, and what its units hold is exchanged among them after that.
    """
    leaves = areas.path[:, -1]
    closed = np.any([~quarter.shown[leaves, :, 0] for quarter in quarters], axis=0)
    held = np.sum([quarter.counts[leaves, :, 0] for quarter in quarters], axis=0)
    lifts, span_l = _lifts(quarters, areas, classes, held, k)
    order = np.argsort(leaf_of_unit, kind="stable")
    ends = np.searchsorted(leaf_of_unit[order], np.arange(0, len(closed) + AT_ONCE, AT_ONCE))
    parts = [order[a:b] for a, b in pairwise(ends) if b > a]

    def decide(at: NDArray[np.int64]) -> Decided:
        return _some_units(x[at], leaf_of_unit[at], classes, closed, lifts, span_l, k)

    with ThreadPoolExecutor() as threads:  # communities do not touch each other
        made = list(threads.map(decide, parts))
    counts = np.zeros((len(x), len(classes), 1), dtype=np.int64)
    shown = np.zeros(counts.shape, dtype=bool)
    moves = [np.empty((0, 10), dtype=np.int64)]
    for at, part in zip(parts, made, strict=True):
        counts[at], shown[at] = part.counts, part.shown
        told = part.moves.copy()
        mine = told[:, [0, 3, 6]]
        told[:, [0, 3, 6]] = np.where(mine >= 0, at[mine], -1)
        moves.append(told)
    return Decided(counts, shown, np.vstack(moves))


def _lifts(
    quarters: Sequence[Decided], areas: Tree, classes: Tree, held: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Exchanges that lift the communities' figures of fewer than k cases in a quarter to k, as `protect` takes them:
    those of one quarter each, which is enough.
    """
    lowest = areas.path.shape[1] - 1
    span_l = np.zeros((len(areas.path), len(classes), 2), dtype=np.int64)
    rows: list[NDArray[np.int64]] = []
    for at, quarter in enumerate(quarters):
        told = quarter.moves
        told = told[(told[:, 2] == 0) & (areas.depth[told[:, 0]] == lowest)]
        leaf, node = told[:, 3], told[:, 1]
        told = told[(held[leaf, node] < k) & (span_l[leaf, node, 1] == 0)]
        order = np.lexsort((told[:, 1], told[:, 3]))
        told = told[order]
        begin = sum(len(row) for row in rows)
        leaf, node = told[:, 3], told[:, 1]
        first = np.flatnonzero(np.diff(leaf * len(classes) + node, prepend=-1))
        ends = np.append(first, len(told))[1:]
        span_l[leaf[first], node[first]] = np.column_stack([first, ends]) + begin
        rows.append(np.column_stack([told[:, 4], told[:, 7], told[:, 5] + at * MONTHS_OF_QUARTER, told[:, 9]]))
    return np.vstack(rows), span_l


def _some_units(
    monthly: NDArray[np.int64],
    group: NDArray[np.int64],
    classes: Tree,
    closed: NDArray[np.bool_],
    lifts: NDArray[np.int64],
    span_l: NDArray[np.int64],
    k: int,
) -> Decided:
    """Units of whole communities, in the order of these."""
    x, n = monthly.sum(axis=2), len(monthly)
    path, span = np.arange(n)[:, None], np.column_stack([np.arange(n), np.arange(n) + 1])
    counts = sums(x[:, :, None], path, classes.path, ONE.path)
    alone = np.bincount(group, minlength=len(closed))[group] < 2  # the unit is its community, which is protected
    hidden = (counts < k) | closed[group][:, :, None]
    hidden[alone] = True
    silent = np.all(closed, axis=1)[group]  # nothing of the community is shown
    cells = np.argwhere((counts > 0) & (counts < k) & ~(alone | silent)[:, None, None])
    cells = _in_order(cells, np.zeros(n, dtype=np.int64), classes.depth, ONE.depth)
    need = k - counts[tuple(cells.T)]
    for _ in range(2):
        moves = np.empty((8 * len(cells) + 64, 8), dtype=np.int64)
        failed, told = protect(
            x[:, :, None].copy(), np.sqrt(counts), hidden, cells, need, group, monthly.copy(), lifts, span_l, span,
            classes.span, ONE.span, path, classes.path, ONE.path, FAR, moves,
        )  # fmt: skip
        if not failed.any():
            return Decided(counts, ~hidden, np.hstack([cells[moves[:told, 0]], moves[:told, 1:]]))
        hidden[np.isin(group, group[cells[failed, 0]])] = True
    return Decided(counts, np.zeros_like(hidden), np.empty((0, 10), dtype=np.int64))


DEARER = 1.5
"""A figure is worth so many times what one with as many cases is worth a level below."""
PRICELESS = 1e9


def _worth(counts: NDArray[np.int64], *trees: Tree) -> NDArray[np.float64]:
    """What is lost by hiding each figure: more for many cases and coarse cells; the total is hidden last of all."""
    out = np.sqrt(counts)
    for axis, tree in enumerate(trees):
        scale = DEARER ** (tree.path.shape[1] - 1 - tree.depth)
        out = out * np.expand_dims(scale, tuple(i for i in range(out.ndim) if i != axis))
    out[0, 0, 0] += PRICELESS
    return out


def _in_order(cells: NDArray[np.int64], *depths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Coarse cells first: what is hidden for them serves the fine ones too."""
    if not len(cells):
        return cells.reshape(0, 3)
    depth = np.sum([d[cells[:, i]] for i, d in enumerate(depths)], axis=0)
    return cells[np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0], depth))]
