"""Unit, community, street, district: what codes say and where things lie must agree.

The parents of a unit grid are in its code: 12 digits community, 9 street, 6 district. The same parents follow from the
ground: each level tiles the one above it.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.errors import InputError
from grids.labels import community_of

LEVELS = ("community", "street", "district")
DIGITS = {"community": 12, "street": 9, "district": 6}
MISMATCHES = ["level", "code", "by_code", "by_place", "share", "why", "geometry"]
OUTSIDE_SHARE = 0.001
"""Share of an area that may lie beyond its parent: lines of two sources never agree to the millimetre."""


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
