"""Clusters by density: which cases lie so close together, so many at once, that they make one.

DBSCAN (Ester, Kriegel, Sander & Xu 1996, "A density-based algorithm for discovering clusters in large spatial databases
with noise") on whole millimetres, so that "within reach" has one answer. Points are sorted into squares whose diagonal
is the reach (Gunawan 2013, "A faster algorithm for DBSCAN"): a square with enough points makes all of them cores
without a distance being measured, and one pair within reach joins two squares. Labels are those of
``sklearn.cluster.DBSCAN``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from gis.exact import LIMIT_MM, millimetres
from gis.hotspots.points import read_points
from grids.errors import InputError

REACH_M = (1.0, 2000.0)
MOST_CASES = 1_000_000
"""Largest least count of a cluster's core."""
_SPARSE = 8
"""With more squares than so many a point, points are sorted by comparing, not by counting."""


@dataclass(frozen=True)
class Labels:
    """Clusters of points: ``label`` int32 (n,), -1 for none; ``core`` bool (n,); ``count`` of the clusters.

    Clusters are numbered by their first core point. A point that is no core, within reach of cores of several
    clusters, belongs to the one with the lowest number.
    """

    label: NDArray[np.int32]
    core: NDArray[np.bool_]
    count: int


@dataclass(frozen=True)
class Squares:
    """Points sorted into squares: ``order`` of the points, ``key`` of each filled square, ``begin`` of its points.

    ``width`` is the count of columns, and two columns beyond the last filled one stay empty on both sides.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    order: NDArray[np.int64]
    key: NDArray[np.int64]
    begin: NDArray[np.int64]
    width: int
    reach: int


def dbscan(x: ArrayLike, y: ArrayLike, *, reach_m: float, least: int) -> Labels:
    """Clusters of points by density.

    Parameters
    ----------
    x, y
        Points in metres, shape (n,), taken to the millimetre; no NaN.
    reach_m
        Points at most that far apart are neighbours, metres (``eps``).
    least
        A point with at least so many neighbours, itself included, is a core (``min_samples``).

    Returns
    -------
    Labels in the order of the points.

    Raises
    ------
    InputError
        NaN, a reach or a least count out of range, points too far apart.

    Examples
    --------
    >>> dbscan([0, 1, 2, 50, 51, 90], [0, 0, 0, 0, 0, 0], reach_m=1.5, least=2).label.tolist()
    [0, 0, 0, 1, 1, -1]
    """
    return label_squares(sort_squares(x, y, reach_m=reach_m), check_least(least))


def check_least(least: int) -> int:
    """The least count of a core, checked."""
    if not 2 <= least <= MOST_CASES:
        raise InputError(f"{least}", where="least", right=f"2 to {MOST_CASES:,} cases")
    return int(least)


def sort_squares(x: ArrayLike, y: ArrayLike, *, reach_m: float) -> Squares:
    """Points sorted into squares whose diagonal is at most the reach."""
    x, y = read_points(x, y)
    if not REACH_M[0] <= reach_m <= REACH_M[1]:
        raise InputError(f"{reach_m:g}", where="reach_m", right=f"{REACH_M[0]:g} to {REACH_M[1]:g} metres")
    reach = round(reach_m * 1000)
    side = int(reach / np.sqrt(2.0))
    none = np.empty(0, dtype=np.int64)
    if not len(x):
        return Squares(none, none, none, none, np.zeros(1, dtype=np.int64), 5, reach)
    mx, my = millimetres(x), millimetres(y)
    mx, my = mx - mx.min(), my - my.min()
    if max(mx.max(), my.max()) > LIMIT_MM:
        raise InputError(f"points {max(mx.max(), my.max()) / 1e6:.0f} km apart", right="at most 2,147 km")
    width = int(mx.max()) // side + 5
    key = (my // side + 2) * width + mx // side + 2
    squares = int(key.max()) + 1
    if squares <= _SPARSE * len(key) + 1_000_000:
        order, sx, sy, begin = _sorted(mx, my, key, squares)
        filled = np.flatnonzero(begin[1:] > begin[:-1])
        return Squares(sx, sy, order, filled, np.append(begin[filled], len(key)), width, reach)
    order = np.argsort(key, kind="stable")
    at = key[order]
    begin = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
    return Squares(mx[order], my[order], order, at[begin], np.append(begin, len(at)), width, reach)


def label_squares(squares: Squares, least: int) -> Labels:
    """Clusters of sorted points, in the points' own order."""
    s = squares
    n = len(s.order)
    first = _rows(s.key, s.width)
    core = np.zeros(n, dtype=np.bool_)
    _cores(s.x, s.y, s.key, s.begin, first, s.width, s.reach, least, core)
    root = np.arange(len(s.key))
    _join(s.x, s.y, s.key, s.begin, first, s.width, s.reach, core, root)
    # number clusters by their first core point
    square_of = np.repeat(np.arange(len(s.key)), np.diff(s.begin))
    earliest = np.full(len(s.key), n, dtype=np.int64)
    np.minimum.at(earliest, root[square_of[core]], s.order[core])
    found = np.flatnonzero(earliest < n)
    number = np.full(len(s.key), -1, dtype=np.int32)
    number[found[np.argsort(earliest[found])]] = np.arange(len(found), dtype=np.int32)
    of_square = np.where(np.bincount(square_of[core], minlength=len(s.key)) > 0, number[root], -1).astype(np.int32)
    label = np.where(core, of_square[square_of], -1).astype(np.int32)
    _borders(s.x, s.y, s.key, s.begin, first, s.width, s.reach, core, of_square, label)
    out, is_core = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.bool_)
    out[s.order], is_core[s.order] = label, core
    return Labels(out, is_core, len(found))


def founders(
    x: ArrayLike, y: ArrayLike, arrival: ArrayLike, labels: Labels, *, reach_m: float, least: int
) -> NDArray[np.int64]:
    """The founding case of each cluster: the one that was the first of its cores to have enough neighbours.

    A case becomes a core on the day on which it and as many cases within its reach as are needed are there. That day
    does not change when later cases come in, nor does the first such day of a cluster; where clusters grow together,
    the older founder is that of the whole. So a founder is a name that lasts.

    Parameters
    ----------
    x, y, reach_m, least
        As for `dbscan`.
    arrival
        Rank of each case by time, all different, shape (n,).
    labels
        What `dbscan` found.

    Returns
    -------
    int64 (clusters,) : number of the case.
    """
    rank = np.asarray(arrival, dtype=np.int64)
    by_time = np.argsort(rank, kind="stable")  # so that each square holds its points in the order of arrival
    x, y = np.asarray(x, float), np.asarray(y, float)
    s = sort_squares(x[by_time], y[by_time], reach_m=reach_m)
    order = by_time[s.order]
    best, who = np.full(labels.count, np.iinfo(np.int64).max), np.full(labels.count, -1, dtype=np.int64)
    arguments = s.x, s.y, s.key, s.begin, _rows(s.key, s.width), s.width, s.reach
    _found(*arguments, least, labels.label[order], labels.core[order], rank[order], best, who)
    return order[who] if labels.count else who


@njit(cache=True, nogil=True)
def _sorted(x, y, key, squares):
    """Points in the order of their keys, ties in their own, by counting: the order, x, y, where each key begins."""
    begin = np.zeros(squares + 1, dtype=np.int64)
    for i in range(len(key)):
        begin[key[i] + 1] += 1
    for k in range(squares):
        begin[k + 1] += begin[k]
    at = begin[:-1].copy()
    order, sx, sy = np.empty(len(key), np.int64), np.empty(len(key), np.int64), np.empty(len(key), np.int64)
    for i in range(len(key)):
        to = at[key[i]]
        order[to], sx[to], sy[to] = i, x[i], y[i]
        at[key[i]] = to + 1
    return order, sx, sy, begin


@njit(cache=True, nogil=True)
def _rows(key, width):
    """For each square, where the five rows around it begin among the filled squares, from two columns before."""
    out = np.empty((len(key), 5), dtype=np.int64)
    for row in range(5):
        at = 0
        for i in range(len(key)):
            wanted = key[i] + (row - 2) * width - 2
            while at < len(key) and key[at] < wanted:
                at += 1
            out[i, row] = at
    return out


@njit(cache=True, nogil=True)
def _cores(x, y, key, begin, first, width, reach, least, core):
    square = reach * reach
    boxes = np.empty((len(key), 4), dtype=np.int64)
    for i in range(len(key)):
        some = slice(begin[i], begin[i + 1])
        boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = x[some].min(), y[some].min(), x[some].max(), y[some].max()
    for i in range(len(key)):
        if begin[i + 1] - begin[i] >= least:
            core[begin[i] : begin[i + 1]] = True
            continue
        for p in range(begin[i], begin[i + 1]):
            px, py, count = x[p], y[p], begin[i + 1] - begin[i]
            for row in (2, 1, 3, 0, 4):  # the nearest first: most cores need no others
                last = key[i] + (row - 2) * width + 2
                j = first[i, row]
                while count < least and j < len(key) and key[j] <= last:
                    if j != i and _apart(px, py, boxes[j]) <= square:
                        dx, dy = max(px - boxes[j, 0], boxes[j, 2] - px), max(py - boxes[j, 1], boxes[j, 3] - py)
                        if dx * dx + dy * dy <= square:
                            count += begin[j + 1] - begin[j]
                        else:
                            for o in range(begin[j], begin[j + 1]):
                                count += (x[o] - px) * (x[o] - px) + (y[o] - py) * (y[o] - py) <= square
                    j += 1
            core[p] = count >= least


@njit(cache=True, nogil=True)
def _root(root, i):
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@njit(cache=True, nogil=True)
def _join(x, y, key, begin, first, width, reach, core, root):
    """Join squares that hold a pair of cores within reach; afterwards ``root`` names the whole."""
    square = reach * reach
    n = len(key)
    boxes = np.empty((n, 4), dtype=np.int64)
    for i in range(n):
        boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = 1, 1, 0, 0
        some = False
        for p in range(begin[i], begin[i + 1]):
            if core[p]:
                if not some:
                    boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = x[p], y[p], x[p], y[p]
                    some = True
                else:
                    boxes[i, 0], boxes[i, 1] = min(boxes[i, 0], x[p]), min(boxes[i, 1], y[p])
                    boxes[i, 2], boxes[i, 3] = max(boxes[i, 2], x[p]), max(boxes[i, 3], y[p])
    mine, theirs = np.empty(len(x), dtype=np.int64), np.empty(len(x), dtype=np.int64)
    for near in range(2):  # squares that touch first: most others are then joined already
        for i in range(n):
            if boxes[i, 0] > boxes[i, 2]:
                continue
            for row in range(2, 5):
                middle = key[i] + (row - 2) * width
                j = max(first[i, row], i + 1)
                while j < n and key[j] <= middle + 2:
                    touches = row <= 3 and middle - 1 <= key[j] <= middle + 1
                    if touches == (near == 0) and boxes[j, 0] <= boxes[j, 2]:
                        a, b = _root(root, i), _root(root, j)
                        if a != b and _linked(x, y, begin, i, j, boxes, square, core, mine, theirs):
                            root[max(a, b)] = min(a, b)
                    j += 1
    for i in range(n):
        root[i] = _root(root, i)


@njit(cache=True, nogil=True)
def _apart(px, py, box):
    """Square of the distance from a point to a box."""
    dx = max(box[0] - px, 0, px - box[2])
    dy = max(box[1] - py, 0, py - box[3])
    return dx * dx + dy * dy


@njit(cache=True, nogil=True)
def _linked(x, y, begin, i, j, boxes, square, core, mine, theirs):
    """Whether two squares hold a pair of cores within reach."""
    m, t = 0, 0
    for p in range(begin[i], begin[i + 1]):
        if core[p] and _apart(x[p], y[p], boxes[j]) <= square:
            mine[m] = p
            m += 1
    if not m:
        return False
    for p in range(begin[j], begin[j + 1]):
        if core[p] and _apart(x[p], y[p], boxes[i]) <= square:
            theirs[t] = p
            t += 1
    for a in range(m):
        p = mine[a]
        for b in range(t):
            o = theirs[b]
            if (x[o] - x[p]) ** 2 + (y[o] - y[p]) ** 2 <= square:
                return True
    return False


@njit(cache=True, nogil=True)
def _borders(x, y, key, begin, first, width, reach, core, of_square, label):
    """Give points that are no cores the lowest cluster with a core within reach."""
    square = reach * reach
    for i in range(len(key)):
        for p in range(begin[i], begin[i + 1]):
            if core[p]:
                continue
            best = -1
            for row in range(5):
                last = key[i] + (row - 2) * width + 2
                j = first[i, row]
                while j < len(key) and key[j] <= last:
                    if of_square[j] >= 0 and (best < 0 or of_square[j] < best):
                        for o in range(begin[j], begin[j + 1]):
                            if core[o] and (x[o] - x[p]) ** 2 + (y[o] - y[p]) ** 2 <= square:
                                best = of_square[j]
                                break
                    j += 1
            label[p] = best


@njit(cache=True, nogil=True)
def _found(x, y, key, begin, first, width, reach, least, label, core, rank, best, who):
    """The first moment at which a core of each cluster had enough neighbours, and the core."""
    square = reach * reach
    n = len(key)
    # any square with enough points bounds the moment from above: all its points are neighbours
    for i in range(n):
        at = begin[i] + least - 1
        if at < begin[i + 1] and core[at]:
            best[label[at]] = min(best[label[at]], rank[at] + 1)
    held = np.empty(len(x), dtype=np.int64)
    for i in range(n):
        for p in range(begin[i], begin[i + 1]):
            if not core[p]:
                continue
            c = label[p]
            if rank[p] > best[c]:
                break  # points of a square are in the order of their arrival; its cores are of one cluster
            count = 0
            for row in range(5):
                last = key[i] + (row - 2) * width + 2
                j = first[i, row]
                while j < n and key[j] <= last:
                    for o in range(begin[j], begin[j + 1]):
                        if rank[o] > best[c]:
                            break
                        if (x[o] - x[p]) ** 2 + (y[o] - y[p]) ** 2 <= square:
                            held[count] = rank[o]
                            count += 1
                    j += 1
            if count < least:
                continue
            moment = max(rank[p], np.partition(held[:count], least - 1)[least - 1])
            if moment < best[c] or (moment == best[c] and (who[c] < 0 or rank[p] < rank[who[c]])):
                best[c], who[c] = moment, p
