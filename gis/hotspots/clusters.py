"""Clusters of cases as things: what they hold, where they lie, and names that last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis.exact import millimetres
from gis.hotspots.dbscan import check_least, dbscan, founders
from gis.hotspots.outlines import outlines
from gis.hotspots.points import read_points
from grids.errors import InputError


@dataclass(frozen=True)
class Clusters:
    """Clusters by density, the largest first (ties: the older founder).

    Parameters
    ----------
    label
        Cluster of each case, -1 for none, int32 (n,).
    core
        Whether a case has enough others within reach, bool (n,).
    cases
        Cases of each cluster, int64 (k,).
    founder
        Number of the founding case of each, int64 (k,): see `gis.hotspots.dbscan.founders`.
    shape
        MultiPolygon of each, metres, (k,): covers exactly its cases.
    """

    label: NDArray[np.int32]
    core: NDArray[np.bool_]
    cases: NDArray[np.int64]
    founder: NDArray[np.int64]
    shape: NDArray[np.object_]

    def __len__(self) -> int:
        """Count of the clusters."""
        return len(self.cases)


def find_clusters(
    x: ArrayLike, y: ArrayLike, arrival: ArrayLike, *, reach_m: float = 50.0, least: int = 50
) -> Clusters:
    """Clusters of cases by density, with polygons and founders.

    Parameters
    ----------
    x, y
        Cases in metres, shape (n,), taken to the millimetre; no NaN.
    arrival
        When each case came in: a number or an instant, shape (n,). Cases of one instant are told apart by their place.
    reach_m
        Cases at most that far apart are neighbours, metres.
    least
        A case with at least so many neighbours, itself included, is a core.

    Returns
    -------
    Clusters
        The same for any order of the cases: they are sorted by arrival and place first, so that a case within reach
        of two clusters belongs to the one whose first core came in earlier.

    Raises
    ------
    InputError
        NaN, lengths that differ, a reach or a least count out of range.

    Examples
    --------
    >>> found = find_clusters([0, 1, 2, 50, 51, 90], [0, 0, 1, 0, 0, 0], range(6), reach_m=1.5, least=2)
    >>> found.label.tolist(), found.cases.tolist(), found.founder.tolist()
    ([0, 0, 0, 1, 1, -1], [3, 2], [0, 3])
    """
    x, y = read_points(x, y)
    when = np.asarray(arrival)
    if when.shape != x.shape:
        raise InputError(f"{len(x)} places and arrivals of shape {when.shape}", right="one arrival for each case")
    check_least(least)
    order = np.lexsort((millimetres(y), millimetres(x), when))
    rank = np.arange(len(x))
    x, y = x[order], y[order]
    labels = dbscan(x, y, reach_m=reach_m, least=least)
    first = founders(x, y, rank, labels, reach_m=reach_m, least=least)
    cases = np.bincount(labels.label[labels.label >= 0], minlength=labels.count).astype(np.int64)
    size = np.lexsort((first, -cases))
    number = np.full(labels.count + 1, -1, dtype=np.int32)
    number[size] = np.arange(labels.count, dtype=np.int32)
    sorted_labels = number[labels.label]
    shape = outlines(x, y, sorted_labels, count=labels.count, reach_m=reach_m)
    label, core = np.empty(len(x), dtype=np.int32), np.empty(len(x), dtype=np.bool_)
    label[order], core[order] = sorted_labels, labels.core
    return Clusters(label, core, cases[size], order[first[size]], shape)


def carry_ids(
    before: Sequence[str] | NDArray[np.object_], now: NDArray[np.int32], fresh: Sequence[str] | NDArray[np.object_]
) -> list[str]:
    """Ids for clusters, taken over from an earlier run where they are the same cluster.

    The rule: pairs of an earlier id and a cluster of now are taken by the count of the cases that they share, most
    first; ties go to the lower id, then to the lower cluster. Each id and each cluster is taken once. So of a cluster
    that breaks up the largest part keeps the id, where clusters grow together the id of the one that brings most
    cases stays, and a cluster that shares no case with an earlier one has its fresh id.

    Parameters
    ----------
    before
        Id of each case in the earlier run, "" for none or for a case that is new, shape (n,).
    now
        Cluster of each case now, -1 for none, shape (n,).
    fresh
        Id of each cluster of now if it has no earlier one, shape (k,).

    Returns
    -------
    list of str, length k
        All different: a fresh id that is taken over by another cluster gets ``-2``, ``-3`` … behind it.

    Examples
    --------
    >>> carry_ids(["a", "a", "a", "b", "", ""], np.array([0, 1, 1, 1, 0, 2]), ["k", "l", "m"])
    ['k', 'a', 'm']
    """
    old, number = np.unique(np.asarray(before, dtype=object).astype(str), return_inverse=True)
    both = (old[number] != "") & (now >= 0) if len(number) else np.zeros(0, dtype=bool)
    pairs, shared = np.unique(np.column_stack([number[both], now[both]]), axis=0, return_counts=True)
    ids: list[str] = [""] * len(fresh)
    taken: set[str] = set()
    for at in np.lexsort((pairs[:, 1], pairs[:, 0], -shared)):
        name, cluster = str(old[pairs[at, 0]]), int(pairs[at, 1])
        if name not in taken and not ids[cluster]:
            ids[cluster] = name
            taken.add(name)
    for cluster, name in enumerate(fresh):
        if not ids[cluster]:
            new, k = str(name), 2
            while new in taken:
                new, k = f"{name}-{k}", k + 1
            ids[cluster] = new
            taken.add(new)
    return ids
