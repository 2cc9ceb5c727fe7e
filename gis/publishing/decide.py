"""What is shown of a quarter, and of a half-year of units: suppression decided for all cells of the menu at once.

The two stand apart. What protects a figure of areas are cases that change their area, class or month inside one
quarter: units notice that in cells that are hidden with the area's own (`units_of_half`), or not at all, when only the
month changes. What protects a figure of a unit are cases that change places inside a community: areas do not notice.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gis.publishing.exchange import NEAR, protect, sums
from gis.publishing.menu import QUARTER, Tree

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
    need = k - counts[tuple(cells.T)]
    moves = np.empty((8 * len(cells) + 64, 8), dtype=np.int64)
    failed, told = protect(
        x.copy(), _worth(counts, areas, classes, QUARTER), hidden, cells, need, np.zeros(len(cells), dtype=bool),
        np.full(len(x), -1, dtype=np.int64), areas.span, classes.span, QUARTER.span, areas.path, classes.path,
        QUARTER.path, NEAR, moves,
    )  # fmt: skip
    if (~failed).all():
        return Decided(counts, ~hidden, np.hstack([cells[moves[:told, 0]], moves[:told, 1:]]))
    return Decided(counts, np.zeros_like(hidden), np.empty((0, 10), dtype=np.int64))


def units_of_half(
    x: NDArray[np.int64], leaf_of_unit: NDArray[np.int64], classes: Tree, closed: NDArray[np.bool_], *, k: int
) -> Decided:
    """A half-year of the units.

    Parameters
    ----------
    x
        Cases of the units by class group, int64 (units, groups).
    leaf_of_unit
        Community of each unit, int64 (units,).
    classes
        Tree over the groups.
    closed
        bool (communities, class nodes): the community's own figure of one of the two quarters is hidden, and so are
        those of its units.
    k
        As for `areas_of_quarter`.

    Returns
    -------
    With one time node. Where nothing protects a cell, nothing of its community's units is shown. A cell of a community
    with fewer than k cases of the class, which is hidden itself, can hold at least one case more or fewer.
    """
    order = np.argsort(leaf_of_unit, kind="stable")
    ends = np.searchsorted(leaf_of_unit[order], np.arange(0, len(closed) + AT_ONCE, AT_ONCE))
    parts = [order[a:b] for a, b in pairwise(ends) if b > a]
    with ThreadPoolExecutor() as threads:  # communities do not touch each other
        made = list(threads.map(lambda at: _some_units(x[at], leaf_of_unit[at], classes, closed, k), parts))
    counts = np.zeros((len(x), len(classes), 1), dtype=np.int64)
    shown = np.zeros(counts.shape, dtype=bool)
    moves = [np.empty((0, 10), dtype=np.int64)]
    for at, part in zip(parts, made, strict=True):
        counts[at], shown[at] = part.counts, part.shown
        told = part.moves.copy()
        told[:, [0, 3, 6]] = at[told[:, [0, 3, 6]]]
        moves.append(told)
    return Decided(counts, shown, np.vstack(moves))


def _some_units(
    x: NDArray[np.int64], group: NDArray[np.int64], classes: Tree, closed: NDArray[np.bool_], k: int
) -> Decided:
    """Units of whole communities, in the order of these."""
    n = len(x)
    path, span = np.arange(n)[:, None], np.column_stack([np.arange(n), np.arange(n) + 1])
    counts = sums(x[:, :, None], path, classes.path, ONE.path)
    total = np.zeros((len(closed), *counts.shape[1:]), dtype=np.int64)
    np.add.at(total, group, counts)
    alone = np.bincount(group, minlength=len(closed))[group] < 2  # the unit is its community, which is protected
    hidden = (counts < k) | closed[group][:, :, None]
    hidden[alone] = True
    cells = np.argwhere((counts > 0) & (counts < k) & ~alone[:, None, None])
    cells = _in_order(cells, np.zeros(n, dtype=np.int64), classes.depth, ONE.depth)
    few = total[group[cells[:, 0]], cells[:, 1], 0] < k
    need = np.where(few, 1, k - counts[tuple(cells.T)])
    for _ in range(2):
        moves = np.empty((8 * len(cells) + 64, 8), dtype=np.int64)
        failed, told = protect(
            x[:, :, None].copy(), np.sqrt(counts), hidden, cells, need, few, group, span, classes.span, ONE.span, path,
            classes.path, ONE.path, FAR, moves,
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
