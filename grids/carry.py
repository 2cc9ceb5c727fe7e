"""Carry-over: components, cases and counts of units that ended, linked again along the lineage.

What would move is listed first (`moves`), then moved (`moved`): both from the same list, so nothing moves that was
not shown.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from grids.errors import InputError

MOVES = ["key", "old", "new", "how"]


def moves(things: pd.DataFrame, units: gpd.GeoDataFrame, lineage: pd.DataFrame, *, key: str = "code") -> pd.DataFrame:
    """Things (components, cases) whose unit ended, and the unit that they would have.

    Parameters
    ----------
    things
        ``key``, ``unit`` ("" none) and, where known, ``geometry`` (points in the units' CRS; None or empty: no place).
    units
        The set in force after the revision: ``code``, geometry.
    lineage
        Of `grids.revise.revise`.
    key
        Column that names a thing.

    Returns
    -------
    DataFrame
        ``key``, ``old``, ``new`` (unit codes, "" none), ``how``, in the order of the things: ``one heir`` (only one
        unit follows), ``place`` (the heir that its point lies in; on an edge the lower code), ``other place``
        (its point lies in no heir but in another unit of the new set), ``largest share`` (no place is known: the heir
        with the largest share of the old unit; to be looked at), ``none`` (nothing follows).
        Things of units that were kept, and things without a unit, are not listed.
    """
    for name in (key, "unit"):
        if name not in things.columns:
            raise InputError(f"no column {name!r}", where="things", right=f"columns {key} and unit")
    unit = things["unit"].astype("str").fillna("")
    rows = lineage[(lineage["old"] != "") & (lineage["what"] != "kept")]
    chosen = unit.isin(rows["old"]).to_numpy()
    out = pd.DataFrame({"key": things[key].to_numpy(object)[chosen], "old": unit.to_numpy(object)[chosen]})
    heirs = rows[rows["new"] != ""].sort_values(["old", "share_of_old", "new"], ascending=[True, False, True])
    first = heirs.drop_duplicates("old").set_index("old")["new"]
    several = heirs["old"].value_counts()
    out["new"] = out["old"].map(first).fillna("")
    out["how"] = np.where(out["new"] == "", "none", np.where(out["old"].map(several) == 1, "one heir", "largest share"))
    at = np.flatnonzero((out["how"] == "largest share") | (out["how"] == "none"))
    if "geometry" in things.columns and len(at):
        points = np.asarray(things["geometry"].to_numpy(object))[chosen][at]
        _place(out, at, points, units, heirs)
    for name in ("old", "new", "how"):
        out[name] = out[name].astype("str")
    return out[MOVES]


def moved(things: pd.DataFrame, listed: pd.DataFrame, *, key: str = "code") -> pd.DataFrame:
    """The things with the units that `moves` listed.

    Raises
    ------
    InputError
        A thing of the list has another unit by now: the list is out of date.
    """
    new = listed.set_index("key")
    hit = things[key].isin(new.index).to_numpy()
    named = things[key].to_numpy(object)[hit]
    unit = things["unit"].astype("str").to_numpy(object).copy()
    stale = unit[hit] != new["old"].loc[named].to_numpy(object)
    if stale.any():
        raise InputError(
            f"{named[stale][0]} is in unit {unit[hit][stale][0]} by now", where="moves", right="list the moves again"
        )
    unit[hit] = new["new"].loc[named].to_numpy(object)
    return things.assign(unit=pd.array(unit, "str"))


def carried(counts: pd.Series, lineage: pd.DataFrame) -> pd.Series:
    """Counts by unit, carried to the new units in proportion to ground where units were split or redrawn.

    For counts whose cases are not at hand; where they are, link the cases (`moves`) and count anew.

    Parameters
    ----------
    counts
        Number by old unit code (index).
    lineage
        Of `grids.revise.revise`.

    Returns
    -------
    Series
        float by new unit code; the sum stays, but for units that nothing follows. Shares of an old unit are taken of
        the ground that its heirs have.

    Examples
    --------
    >>> lineage = pd.DataFrame({"old": ["a", "b", "b"], "new": ["a", "c", "d"], "share_of_old": [1, 0.75, 0.25]})
    >>> carried(pd.Series({"a": 3, "b": 8}), lineage).to_dict()
    {'a': 3.0, 'c': 6.0, 'd': 2.0}
    """
    rows = lineage[(lineage["old"] != "") & (lineage["new"] != "")]
    whole = rows.groupby("old")["share_of_old"].transform("sum")
    amount = rows["old"].map(counts).fillna(0).astype(float) * rows["share_of_old"] / whole
    return amount.groupby(rows["new"]).sum().rename(counts.name)


def _place(out: pd.DataFrame, at: np.ndarray, points: np.ndarray, units: gpd.GeoDataFrame, heirs: pd.DataFrame) -> None:
    """Choose by place where that decides, in place."""
    units = units.sort_values("code", kind="stable")
    codes = units["code"].to_numpy(object)
    known = ~(shapely.is_missing(points) | shapely.is_empty(points))
    thing, unit = STRtree(units.geometry.to_numpy()).query(points[known], predicate="intersects")
    thing = at[known][thing]
    hits = pd.DataFrame({"thing": thing, "old": out["old"].to_numpy(object)[thing], "new": codes[unit], "unit": unit})
    pairs = pd.MultiIndex.from_frame(heirs[["old", "new"]])
    hits["heir"] = pd.MultiIndex.from_frame(hits[["old", "new"]]).isin(pairs)
    # a heir before others, the lower code before the higher
    hits = hits.sort_values(["thing", "heir", "unit"], ascending=[True, False, True]).drop_duplicates("thing")
    out.loc[hits["thing"], "new"] = hits["new"].to_numpy(object)
    out.loc[hits["thing"], "how"] = np.where(hits["heir"], "place", "other place")
