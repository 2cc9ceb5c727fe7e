"""Patrol areas: groups of units, each in one piece, alike in their work."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from grids.errors import InputError
from grids.polygons import borders

Ints = NDArray[np.int64]
MOST_TRIED = 60
"""Pairs of units that are tried before an exchange is given up."""


def patrol_areas(
    units: gpd.GeoDataFrame, work: ArrayLike, groups: int, *, tolerance: float = 0.02, rounds: int = 4000
) -> Ints:
    """Group units into patrol areas: connected, and alike in their work.

    The city is halved again and again across its longer side, so that each side has its share of the work; then units
    on the borders change sides one by one from the busier to the quieter area, as long as that evens out the work
    and keeps both connected.

    Parameters
    ----------
    units
        ``code``, geometry: a coverage in a metric CRS.
    work
        (n,) work of each unit, not negative: cases, or weighted ones.
    groups
        Number of areas wished.
    tolerance
        Stops when no area's work is further than this share from the mean.
    rounds
        Most single changes.

    Returns
    -------
    int64 (n,)
        Area of each unit, 0 to ``groups - 1``, numbered from west to east, then north to south, by their centres.
        A city in several pieces has areas that are connected within each piece only.

    Raises
    ------
    InputError
        More groups than units, or work that is negative or missing.
    """
    work = np.asarray(work, float)
    if len(work) != len(units) or not np.isfinite(work).all() or (work < 0).any():
        raise InputError("work that is negative, missing or of another length", where="work", right="one number a unit")
    if not 1 <= groups <= len(units):
        raise InputError(f"{groups} areas of {len(units)} units", where="groups", right=f"1 to {len(units)}")
    order = np.argsort(units["code"].astype("str").to_numpy(object).astype(str), kind="stable")
    shapes = units.geometry.to_numpy()[order]
    load = work[order] if work.sum() > 0 else np.ones(len(work))
    # a unit without work counts a little, so that empty ground is shared as well
    load = load + load.sum() / len(load) * 1e-3
    near = _contacts(shapes)
    xy = shapely.get_coordinates(shapely.centroid(shapes))
    label = _halved(xy, load, groups)
    label = _connected(label, near, groups)
    label = _evened(label, near, load, groups, tolerance, rounds)
    out = np.empty(len(units), np.int64)
    out[order] = _numbered(label, xy, groups)
    return out


def _contacts(shapes: NDArray[np.object_]) -> csr_array:
    """Metres of border that units share, a symmetric matrix (n, n)."""
    one, two, length = borders(shapes)
    n = len(shapes)
    return csr_array((np.tile(length, 2), (np.r_[one, two], np.r_[two, one])), shape=(n, n))


def _halved(xy: NDArray[np.float64], load: NDArray[np.float64], groups: int) -> Ints:
    label = np.zeros(len(xy), np.int64)
    todo = [(np.arange(len(xy)), 0, groups)]
    while todo:
        at, first, k = todo.pop()
        label[at] = first
        if k == 1:
            continue
        spread = np.linalg.eigh(np.cov(xy[at].T))[1][:, -1] if len(at) > 2 else np.array([1.0, 0.0])
        spread = spread * (1 if spread[0] >= 0 else -1)
        along = at[np.lexsort((at, np.round(xy[at] @ spread, 3)))]
        share = np.cumsum(load[along]) / load[at].sum()
        # each side keeps at least as many units as it has areas
        cut = int(np.clip(np.searchsorted(share, (k // 2) / k) + 1, k // 2, len(at) - (k - k // 2)))
        todo += [(along[:cut], first, k // 2), (along[cut:], first + k // 2, k - k // 2)]
    return label


def _connected(label: Ints, near: csr_array, groups: int) -> Ints:
    """Pieces cut off from their area join the area that they share most border with."""
    label = label.copy()
    for _ in range(20):
        pairs = near.tocoo()
        inner = label[pairs.row] == label[pairs.col]
        same = csr_array((pairs.data[inner], (pairs.row[inner], pairs.col[inner])), shape=near.shape)
        _, piece = connected_components(same, directed=False)
        size = np.bincount(piece)
        # the largest piece of an area is the area; ties to the lower piece
        order = np.lexsort((np.arange(len(size)), -size, label[_first(piece)]))
        owner = label[_first(piece)][order]
        main = np.zeros(len(size), bool)
        main[order[np.r_[True, owner[1:] != owner[:-1]]]] = True
        cut_off = ~main[piece]
        across = cut_off[pairs.row] & (label[pairs.row] != label[pairs.col])
        if not across.any():
            return label
        shared = pd.DataFrame(
            {"piece": piece[pairs.row[across]], "to": label[pairs.col[across]], "border": pairs.data[across]}
        )
        shared = shared.groupby(["piece", "to"], as_index=False)["border"].sum()
        best = shared.sort_values(["piece", "border", "to"], ascending=[True, False, True]).drop_duplicates("piece")
        to = np.full(len(size), -1)
        to[best["piece"]] = best["to"]
        moves = to[piece] >= 0
        label[moves] = to[piece][moves]
    return label


def _first(piece: NDArray) -> Ints:
    """First member of each piece."""
    return np.unique(piece, return_index=True)[1]


def _evened(
    label: Ints, near: csr_array, load: NDArray[np.float64], groups: int, tolerance: float, rounds: int
) -> Ints:
    """Single units change to a quieter neighbouring area while that evens out the work."""
    label = label.copy()
    total = np.bincount(label, load, groups).astype(np.float64)
    mean = load.sum() / groups
    pairs = near.tocoo()
    row, col, border = pairs.row, pairs.col, pairs.data
    around = np.bincount(row, border, len(label))
    stuck: set[tuple[int, int]] = set()
    for _ in range(rounds):
        if np.abs(total - mean).max() <= tolerance * mean:
            break
        edge = label[row] != label[col]
        unit, to, shared = row[edge], label[col[edge]], border[edge]
        moves = pd.DataFrame({"unit": unit, "to": to, "shared": shared})
        moves = moves.groupby(["unit", "to"], as_index=False)["shared"].sum()
        unit, to = moves["unit"].to_numpy(), moves["to"].to_numpy()
        busy, quiet, size = total[label[unit]], total[to], load[unit]
        gain = (busy - mean) ** 2 + (quiet - mean) ** 2 - (busy - size - mean) ** 2 - (quiet + size - mean) ** 2
        # of moves that even out, those that shorten the border between the areas come first
        score = gain / mean**2 * (0.2 + moves["shared"].to_numpy() / around[unit])
        good = np.flatnonzero(gain > 1e-9 * mean**2)
        good = good[np.lexsort((to[good], unit[good], -np.round(score[good], 12)))]
        for k in good.tolist():
            i, target = int(unit[k]), int(to[k])
            if (i, target) in stuck or not _removable(i, label, near):
                continue
            total[label[i]] -= load[i]
            total[target] += load[i]
            label[i] = target
            break
        else:
            if not _exchanged(label, total, near, load, mean):
                break
    return label


def _exchanged(
    label: Ints, total: NDArray[np.float64], near: csr_array, load: NDArray[np.float64], mean: float
) -> bool:
    """Two units change places between neighbouring areas where no single one may: the best such pair, in place."""
    pairs = near.tocoo()
    across = label[pairs.row] != label[pairs.col]
    unit, to = pairs.row[across], label[pairs.col[across]]
    edge = np.unique(np.column_stack([label[unit], to, unit]), axis=0)
    found = []
    for busy, quiet in np.unique(edge[:, :2], axis=0).tolist():
        if total[busy] <= total[quiet]:
            continue
        ours = edge[(edge[:, 0] == busy) & (edge[:, 1] == quiet), 2]
        theirs = edge[(edge[:, 0] == quiet) & (edge[:, 1] == busy), 2]
        net = load[ours][:, None] - load[theirs][None, :]
        after = (total[busy] - net - mean) ** 2 + (total[quiet] + net - mean) ** 2
        gain = (total[busy] - mean) ** 2 + (total[quiet] - mean) ** 2 - after
        order = np.argsort(-np.round(gain, 9), axis=None, kind="stable")[:MOST_TRIED]
        i, j = np.unravel_index(order, gain.shape)
        found += [(-gain[a, b], ours[a], theirs[b]) for a, b in zip(i, j, strict=True) if gain[a, b] > 1e-9 * mean**2]
    for _, one, two in sorted(found)[:MOST_TRIED]:
        here, there = label[one], label[two]
        if not _removable(one, label, near):
            continue
        label[one] = there
        if _removable(two, label, near) and (label[_around(two, near)] == here).any():
            label[two] = here
            net = load[one] - load[two]
            total[here] -= net
            total[there] += net
            return True
        label[one] = here
    return False


def _around(i: int, near: csr_array) -> Ints:
    return near.indices[near.indptr[i] : near.indptr[i + 1]]


def _removable(i: int, label: Ints, near: csr_array) -> bool:
    """Whether the rest of a unit's area stays in one piece without it."""
    area = np.flatnonzero(label == label[i])
    if len(area) < 2:
        return False
    rest = area[area != i]
    mine = near.indices[near.indptr[i] : near.indptr[i + 1]]
    mine = mine[label[mine] == label[i]]
    if len(mine) <= 1:
        return True
    _, piece = connected_components(near[rest][:, rest], directed=False)
    return len(np.unique(piece[np.searchsorted(rest, mine)])) == 1


def _numbered(label: Ints, xy: NDArray[np.float64], groups: int) -> Ints:
    size = np.bincount(label, minlength=groups)
    x, y = (np.bincount(label, xy[:, k], groups) / np.maximum(size, 1) for k in (0, 1))
    rank = np.empty(groups, np.int64)
    rank[np.lexsort((-np.round(y, 3), np.round(x, 3)))] = np.arange(groups)
    return rank[label]
