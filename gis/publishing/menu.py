"""The fixed menu: a ladder of areas, a tree of classes, and periods of whole months."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.publishing.exchange import paths, spans
from grids.errors import InputError

KINDS = ("C", "E")
MONTHS_OF_QUARTER = 3


@dataclass(frozen=True)
class Tree:
    """Nodes (n) over leaves (m), all leaves equally deep, those of a node side by side.

    Parameters
    ----------
    parent
        int64 (n,): parent of each node, -1 the root.
    """

    parent: NDArray[np.int64]
    path: NDArray[np.int64] = field(init=False)
    """Nodes from the root to each leaf, (m, levels)."""
    span: NDArray[np.int64] = field(init=False)
    """First leaf of each node and the one behind its last, (n, 2)."""
    depth: NDArray[np.int64] = field(init=False)
    """Level of each node, 0 the root."""

    def __post_init__(self) -> None:
        path = paths(self.parent)
        depth = np.empty(len(self.parent), dtype=np.int64)
        for level in range(path.shape[1]):
            depth[path[:, level]] = level
        for name, value in (("path", path), ("span", spans(path, len(self.parent))), ("depth", depth)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.parent)


QUARTER = Tree(np.array([-1, 0, 0, 0]))
"""A quarter and its months."""


@dataclass(frozen=True)
class Ladder:
    """Areas, each inside one of the level above, down to communities; and the units in these.

    Parameters
    ----------
    areas
        Columns level, code, parent (code at the level above, "" for the one at the top), name, geometry; all levels but
        units, coarse to fine, all equally deep. `of` makes one.
    units
        Columns code, parent (the code of an area of the last level), geometry.
    """

    areas: gpd.GeoDataFrame
    units: gpd.GeoDataFrame

    @classmethod
    def of(cls, areas: gpd.GeoDataFrame, units: gpd.GeoDataFrame, name: str = "") -> Ladder:
        """The ladder of a city: the sets that hold its units' communities, by the areas' own parents.

        Parameters
        ----------
        areas
            Columns set, code, parent, name, geometry; sets that no community leads to are left out.
        units
            Columns code, community, geometry.
        name
            Of the city, which becomes the top.

        Raises
        ------
        InputError
            No units, or units of a community that is no area.
        """
        if not len(units):
            raise InputError("the city has no units", where="units", right="load units first")
        first = units["community"].iloc[0]
        base = areas.loc[areas["code"] == first, "set"]
        if not len(base):
            raise InputError(f"no area {first!r}", where="community", right="load the set of communities first")
        mine = areas[areas["set"] == base.iloc[0]]
        levels: list[gpd.GeoDataFrame] = []
        while len(mine):
            levels.insert(0, mine)
            above = areas[areas["code"].isin(set(mine["parent"]) - {""}) & (areas["set"] != mine["set"].iloc[0])]
            if not set(mine["parent"]) <= set(above["code"]) or above["set"].nunique() != 1:
                break
            mine = above
        if missing := set(units["community"]) - set(levels[-1]["code"]):
            raise InputError(f"no area {min(missing)!r}", where="community", right="load all communities first")
        top = gpd.GeoDataFrame(
            {"level": ["city"], "code": ["city"], "parent": [""], "name": [name]},
            geometry=[levels[0].geometry.union_all()],
            crs=units.crs,
        )
        rows = [top]
        for level in levels:
            parent = level["parent"] if level is not levels[0] else "city"
            made = {"level": level["set"], "code": level["code"], "parent": parent, "name": level["name"]}
            rows.append(gpd.GeoDataFrame(made, geometry=level.geometry.to_numpy(), crs=units.crs))
        small = units.rename(columns={"community": "parent"})[["code", "parent", "geometry"]]
        return cls(_nested(pd.concat(rows, ignore_index=True)), small.sort_values("code", ignore_index=True))

    @property
    def levels(self) -> list[str]:
        """Names of the levels, coarse to fine, ``unit`` the last."""
        return [*dict.fromkeys(self.areas["level"]), "unit"]

    @cached_property
    def tree(self) -> Tree:
        """Areas as a tree, in the order of `areas`."""
        place = {key: i for i, key in enumerate(zip(self.areas["level"], self.areas["code"], strict=True))}
        above = dict(zip(self.levels[1:], self.levels, strict=False))
        rows = zip(self.areas["level"], self.areas["parent"], strict=True)
        return Tree(np.array([place[above[level], parent] if level in above else -1 for level, parent in rows]))

    @cached_property
    def leaf_of_unit(self) -> NDArray[np.int64]:
        """Leaf of the tree (community) of each unit."""
        codes = self.areas["code"].to_numpy()[self.tree.path[:, -1]]
        return pd.Index(codes).get_indexer(self.units["parent"]).astype(np.int64)


def _nested(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Level by level, each level in the order of the one above, then by code."""
    levels = list(dict.fromkeys(areas["level"]))
    order: dict[str, int] = {"": 0}
    rows = []
    for level in levels:
        mine = areas[areas["level"] == level]
        mine = mine.assign(_at=mine["parent"].map(order)).sort_values(["_at", "code"]).drop(columns="_at")
        order = {code: i for i, code in enumerate(mine["code"])}
        rows.append(mine)
    return pd.concat(rows, ignore_index=True)


@dataclass(frozen=True)
class Classes:
    """All classes, the kinds, and the groups (major classes) of each: filters as elsewhere, "" for all.

    Parameters
    ----------
    keys
        ``""``, kinds, groups, in the order of the tree.
    tree
        Kinds without a group have none here.
    """

    keys: tuple[str, ...]
    tree: Tree

    @classmethod
    def of(cls, groups: list[str]) -> Classes:
        """From groups such as ``2026:E06``."""
        by_kind = {kind: sorted(g for g in set(groups) if g.partition(":")[2][:1] == kind) for kind in KINDS}
        by_kind = {kind: mine for kind, mine in by_kind.items() if mine}
        if not by_kind:
            raise InputError("no class group", where="classes", right="cases with classes")
        kinds = list(by_kind)
        parent = [-1, *[0] * len(kinds), *(1 + i for i, kind in enumerate(kinds) for _ in by_kind[kind])]
        leaves = (group for mine in by_kind.values() for group in mine)
        return cls(("", *kinds, *leaves), Tree(np.array(parent)))

    @property
    def groups(self) -> tuple[str, ...]:
        """The leaves."""
        return tuple(self.keys[i] for i in self.tree.path[:, -1])


def quarter_of(month: pd.Period) -> pd.Period:
    """The quarter of a month."""
    return month.asfreq("Q")


def half_of(quarter: pd.Period) -> str:
    """The half-year of a quarter.

    Examples
    --------
    >>> half_of(pd.Period("2026Q3", "Q"))
    '2026H2'
    """
    return f"{quarter.year}H{(quarter.quarter + 1) // 2}"


def months_of(quarter: pd.Period) -> list[pd.Period]:
    """Its three months."""
    first = quarter.asfreq("M", "start")
    return [first + i for i in range(MONTHS_OF_QUARTER)]


def pieces(begin: pd.Period, end: pd.Period, *, units: bool) -> list[str] | None:
    """Periods of the menu that make up the months from `begin` until before `end`; None when there are none such.

    Units have half-years alone; areas quarters where whole, else months.

    Examples
    --------
    >>> pieces(pd.Period("2026-03", "M"), pd.Period("2026-08", "M"), units=False)
    ['2026-03', '2026Q2', '2026-07']
    >>> pieces(pd.Period("2026-01", "M"), pd.Period("2026-07", "M"), units=True)
    ['2026H1']
    """
    out, at = [], begin
    if units:
        if begin >= end or begin.month not in (1, 7) or end.month not in (1, 7):
            return None
        while at < end:
            out.append(half_of(quarter_of(at)))
            at += 6
        return out
    while at < end:
        whole = at.month % 3 == 1 and at + 3 <= end
        out.append(str(quarter_of(at)) if whole else str(at))
        at += 3 if whole else 1
    return out or None
