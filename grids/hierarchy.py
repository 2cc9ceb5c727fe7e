"""Unit, community, street, district: what codes say and where things lie must agree. And patrol areas: groups of units.

The parents of a unit grid are in its code: 12 digits community, 9 street, 6 district. The same parents follow from the
ground: each level tiles the one above it.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from shapely import STRtree

from grids.errors import InputError
from grids.labels import community_of
from grids.twins import edges_of, twins

LEVELS = ("community", "street", "district")
DIGITS = {"community": 12, "street": 9, "district": 6}
MISMATCHES = ["level", "code", "by_code", "by_place", "share", "why", "geometry"]
OUTSIDE_SHARE = 0.001
"""Share of an area that may lie beyond its parent: lines of two sources never agree to the millimetre."""

Ints = NDArray[np.int64]


def check_hierarchy(
    units: gpd.GeoDataFrame, areas: dict[str, gpd.GeoDataFrame], *, outside: float = OUTSIDE_SHARE
) -> gpd.GeoDataFrame:
    """Where the parents by code and by place differ.

    Parameters
    ----------
    units
        ``code``, ``community`` where codes do not say it, geometry in a metric CRS.
    areas
        Level (of `LEVELS`) -> ``code``, ``parent`` where codes do not say it, geometry in the same CRS. Levels may be
        missing; each is compared with the next one there is.
    outside
        Share of an area that may lie outside its parent.

    Returns
    -------
    GeoDataFrame
        One row for each unit or area with a fault: ``level`` (``unit``, ``community``, ``street``), ``code``,
        ``by_code`` and ``by_place`` (the two parents, "" none), ``share`` (of its area inside the parent by code),
        ``why``, geometry. Empty where all agree.
    """
    levels = [level for level in LEVELS if level in areas]
    if not levels:
        raise InputError("no level of areas", where="areas", right=", ".join(LEVELS))
    rows = []
    for child, parent in zip(["unit", *levels], levels, strict=False):
        frame = units if child == "unit" else areas[child]
        if frame.crs != areas[parent].crs:
            raise InputError(f"{child} and {parent} in two CRS", where=parent, right="one metric CRS")
        said = _parent_by_code(frame, child, parent)
        rows.append(_compared(frame, child, said, areas[parent], outside))
    table = pd.concat(rows, ignore_index=True)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=units.crs)


def parents(code: pd.Series, community: pd.Series | None = None) -> pd.DataFrame:
    """Community, street and district of unit codes; street and district "" where codes are free.

    Examples
    --------
    >>> parents(pd.Series(["140802001001003", "Ward 3-017"])).to_numpy().tolist()
    [['140802001001', '140802001', '140802'], ['Ward 3', '', '']]
    """
    whole = community_of(code, community)
    china = whole.str.fullmatch(r"[0-9]{12}")
    columns = {"community": whole}
    for level in ("street", "district"):
        columns[level] = whole.str.slice(0, DIGITS[level]).where(china, "")
    return pd.DataFrame(columns)


def _parent_by_code(frame: gpd.GeoDataFrame, child: str, parent: str) -> NDArray[np.object_]:
    if child == "unit":
        whole = parents(frame["code"], frame.get("community"))
        return whole[parent].to_numpy(object)
    if "parent" in frame.columns:
        return frame["parent"].astype("str").fillna("").to_numpy(object)
    code = frame["code"].astype("str")
    china = code.str.fullmatch(rf"[0-9]{{{DIGITS[child]}}}")
    return code.str.slice(0, DIGITS[parent]).where(china, "").to_numpy(object)


def _compared(
    frame: gpd.GeoDataFrame, child: str, said: NDArray[np.object_], above: gpd.GeoDataFrame, outside: float
) -> pd.DataFrame:
    shapes, tops = frame.geometry.to_numpy(), above.geometry.to_numpy()
    names = above["code"].astype("str").to_numpy(object)
    one, two = STRtree(tops).query(shapes, predicate="intersects")
    inside = shapely.STRtree(tops).query(shapes, predicate="covered_by")
    whole = np.isin(one * len(tops) + two, inside[0] * len(tops) + inside[1])
    area = shapely.area(shapes)
    shared = area[one]
    shared[~whole] = shapely.area(shapely.intersection(shapes[one[~whole]], tops[two[~whole]]))
    pairs = pd.DataFrame({"child": one, "name": names[two], "shared": shared})
    pairs = pairs.sort_values(["child", "shared", "name"], ascending=[True, False, True])
    most = pairs.drop_duplicates("child").set_index("child")["name"].reindex(range(len(frame))).fillna("")
    own = pairs[pairs["name"].to_numpy() == said[pairs["child"]]].groupby("child")["shared"].sum()
    share = own.reindex(range(len(frame)), fill_value=0.0).to_numpy() / np.where(area > 0, area, 1.0)
    by_place = most.to_numpy(object)
    known = np.isin(said, names)
    why = np.select(
        [said == "", ~known, by_place != said, share < 1 - outside],
        [
            "says no parent",
            "says a parent that is not there",
            "lies in another area than it says",
            "lies partly outside the area that it says",
        ],
        "",
    )
    at = np.flatnonzero(why != "")
    columns = {
        "level": child,
        "code": frame["code"].astype("str").to_numpy(object)[at],
        "by_code": said[at],
        "by_place": by_place[at],
        "share": share[at],
        "why": why[at],
        "geometry": shapes[at],
    }
    return pd.DataFrame(columns, columns=MISMATCHES)


def contacts(shapes: ArrayLike) -> csr_array:
    """Metres of border that units share, a symmetric matrix (n, n); units of a coverage with shared vertices."""
    shapes = np.asarray(shapes, object)
    n = len(shapes)
    edges = edges_of(shapes, np.floor(shapely.total_bounds(shapes)[:2]) - 1 if n else np.zeros(2))
    group, _, size = twins(edges)
    pair = np.flatnonzero(size[group] == 2) if n else np.empty(0, np.int64)
    pair = pair[np.argsort(group[pair], kind="stable")]
    one, two = edges.owner[pair[0::2]], edges.owner[pair[1::2]]
    a, b = edges.points(edges.a[pair[0::2]]), edges.points(edges.b[pair[0::2]])
    length = np.hypot(*(b - a).T) if len(pair) else np.empty(0)
    apart = one != two
    one, two, length = one[apart], two[apart], length[apart]
    return csr_array((np.tile(length, 2), (np.r_[one, two], np.r_[two, one])), shape=(n, n))


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
    near = contacts(shapes)
    xy = shapely.get_coordinates(shapely.centroid(shapes))
    label = _halved(xy, load, groups)
    label = _connected(label, near, groups)
    label = _evened(label, near, load, groups, tolerance, rounds)
    out = np.empty(len(units), np.int64)
    out[order] = _numbered(label, xy, groups)
    return out


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
    total = np.bincount(label, load, groups)
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
            break
    return label


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
