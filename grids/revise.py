"""A new set of units against the old one: who keeps the code, who ends, who is born, and what became of whom.

A unit whose shape is the same keeps its code; every other old code ends at the instant of the revision and every other
new unit begins at it under the next free serial of its community. No code is given a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.errors import InputError
from grids.labels import community_of
from grids.serials import ROW_M, number

LINEAGE = ["old", "new", "what", "overlap_m2", "share_of_old", "share_of_new"]
WHATS = ("kept", "moved", "split", "merged", "redrawn", "retired", "born")
SIGNIFICANT = 0.01
"""Share of the smaller of two units below which an overlap is a brush of their edges, not descent."""

Shapes = NDArray[np.object_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Revision:
    """What a revision does.

    Parameters
    ----------
    units
        The set in force from now on, by code: ``code``, ``name``, ``community``, ``kind``, ``issue`` (0 the first),
        ``valid_from``, ``valid_to`` (NaT: open), geometry. Kept units have the new set's geometry, theirs within the
        tolerance, and their name and kind where the new set has none.
    ended
        Old units that end, in the same columns, ``valid_to`` the instant.
    lineage
        ``old``, ``new`` (codes, "" none), ``what``, ``overlap_m2``, ``share_of_old``, ``share_of_new``; by old, then
        new. ``kept``: same shape. ``moved``: one became one other. ``split``: one became several. ``merged``: several
        became one. ``redrawn``: several became several. ``retired``: an old one that nothing follows. ``born``: a new
        one that nothing preceded. Overlaps below `SIGNIFICANT` of the smaller unit are not listed.
    """

    units: gpd.GeoDataFrame
    ended: gpd.GeoDataFrame
    lineage: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """Number of old units by what became of them, and of new ones ``born``."""
        first = self.lineage.sort_values("what").drop_duplicates("old")
        found = first.loc[first["old"] != "", "what"].value_counts()
        out = {what: int(found.get(what, 0)) for what in WHATS}
        return {**out, "born": int((self.lineage["what"] == "born").sum())}


def revise(
    old: gpd.GeoDataFrame,
    new: gpd.GeoDataFrame,
    *,
    at: pd.Timestamp,
    taken: Iterable[str] = (),
    tolerance_m: float = 0.01,
    row_m: float = ROW_M,
) -> Revision:
    """Carry the codes of an old set over to a new one.

    Parameters
    ----------
    old
        The set in force: ``code``, geometry in a metric CRS; ``community``, ``kind``, ``issue`` (0), ``valid_from``
        and ``valid_to`` (NaT) where it has them. Rows that have ended already only keep their codes from being given.
    new
        The set to be: ``community``, or ``code`` that says it, and geometry in the same CRS. Its codes are not used.
    at
        Instant of the revision.
    taken
        Further codes that were ever given.
    tolerance_m
        Shapes are the same when the area between them is below this times the length of their border, in the same
        community. Ties (units given twice) go to the lower code and the first row by place.
    row_m
        Height of a row of the numbering.

    Raises
    ------
    InputError
        Without codes, with a code in force twice, differing CRS, an instant before units began, or when a
        community runs out of serials.
    """
    old, ended_before = _in_force(old, at)
    known = [*old["code"], *ended_before["code"], *taken]
    new = _new(new, old)
    pairs = _pairs(old.geometry.to_numpy(), new.geometry.to_numpy())
    same = _same(old, new, pairs, tolerance_m)
    kept_old, kept_new = pairs["old"].to_numpy()[same], pairs["new"].to_numpy()[same]

    fresh = np.ones(len(new), bool)
    fresh[kept_new] = False
    shapes, community = new.geometry.to_numpy()[fresh], new["community"].to_numpy(object)[fresh]
    code = np.full(len(new), "", object)
    code[kept_new] = old["code"].to_numpy(object)[kept_old]
    told = {column: new[column].to_numpy(object).copy() for column in ("name", "kind")}
    for column, text in told.items():
        text[kept_new] = np.where(text[kept_new] == "", old[column].to_numpy(object)[kept_old], text[kept_new])
    code[fresh] = number(shapes, community, taken=known, digits=_digits(known), row_m=row_m)
    issue = np.full(len(new), int(old["issue"].max()) + 1 if len(old) else 0, np.int64)
    issue[kept_new] = old["issue"].to_numpy()[kept_old]
    begin = pd.Series([at] * len(new), dtype=object)
    begin.iloc[kept_new] = old["valid_from"].to_numpy(object)[kept_old]
    columns = {
        "code": pd.array(code, "str"),
        "name": pd.array(told["name"], "str"),
        "community": new["community"].array,
        "kind": pd.array(told["kind"], "str"),
        "issue": issue,
        "valid_from": pd.to_datetime(begin, utc=True).array,
        "valid_to": pd.array([pd.NaT] * len(new), "datetime64[us, UTC]"),
    }
    units = gpd.GeoDataFrame(columns, geometry=new.geometry.to_numpy(), crs=new.crs)
    goes = np.ones(len(old), bool)
    goes[kept_old] = False
    ended = old[goes].assign(valid_to=pd.array([at] * int(goes.sum()), "datetime64[us, UTC]"))
    lineage = _lineage(old, units, pairs, same)
    return Revision(_sorted(units), _sorted(ended[list(units.columns)]), lineage)


def _sorted(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame.sort_values("code", kind="stable").reset_index(drop=True)


def _in_force(frame: gpd.GeoDataFrame, at: pd.Timestamp) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Rows in force, by code and with all columns, and rows that have ended."""
    if "code" not in frame.columns:
        raise InputError("old units without a column code", where="old", right="a column code")
    if at.tzinfo is None:
        raise InputError(f"{at} without a time zone", where="at", right="an instant, as 2026-07-01T00:00:00Z")
    code = frame["code"].astype("str").fillna("").reset_index(drop=True)
    if (code.str.strip() == "").any():
        raise InputError("an old unit without a code", where="old", right="only coded units can keep their codes")
    columns: dict[str, Any] = {"code": code}
    columns["community"] = community_of(code, frame.get("community"))
    columns["kind"], columns["name"] = _text(frame, "kind"), _text(frame, "name")
    issue = frame["issue"] if "issue" in frame else pd.Series(0, frame.index)
    columns["issue"] = issue.fillna(0).astype(np.int64).reset_index(drop=True)
    for name in ("valid_from", "valid_to"):
        given = frame[name] if name in frame else pd.Series(pd.NaT, frame.index)
        columns[name] = pd.to_datetime(given.reset_index(drop=True), utc=True).astype("datetime64[us, UTC]")
    out = gpd.GeoDataFrame(columns, geometry=_plain(frame.geometry.to_numpy()), crs=frame.crs)
    gone = (out["valid_to"] <= at).to_numpy()
    here, before = out[~gone], out[gone]
    if (here["valid_from"] > at).any():
        late = here[here["valid_from"] > at].iloc[0]
        raise InputError(f"unit {late['code']} begins after {at}", where="at", right="a later instant")
    if here["code"].duplicated().any():
        raise InputError(
            f"code {here['code'][here['code'].duplicated()].iloc[0]} twice", where="old", right="each once"
        )
    return here.sort_values("code", kind="stable").reset_index(drop=True), before


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    column = frame[name].astype("str").fillna("") if name in frame else pd.Series("", frame.index, dtype="str")
    return column.reset_index(drop=True)


def _plain(shapes: Shapes) -> Shapes:
    """Multi-part polygons of one part as polygons: formats that know one type only write them so."""
    single = (shapely.get_type_id(shapes) == 6) & (shapely.get_num_geometries(shapes) == 1)
    return np.where(single, shapely.get_geometry(shapes, 0), shapes)


def _new(frame: gpd.GeoDataFrame, old: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """New units with community and kind, in an order given by place."""
    if frame.crs != old.crs:
        raise InputError(f"CRS {old.crs} and {frame.crs}", where="old, new", right="one CRS")
    code = _text(frame, "code")
    columns = {"community": community_of(code, frame.get("community"))}
    columns |= {name: _text(frame, name) for name in ("kind", "name")}
    if (columns["community"] == "").any():
        raise InputError("a new unit without a community", where="new", right="a column community, or coded units")
    shapes = _plain(frame.geometry.to_numpy())
    if not (np.isin(shapely.get_type_id(shapes), (3, 6)) & shapely.is_valid(shapes) & ~shapely.is_empty(shapes)).all():
        raise InputError("new units with broken geometry, or none", where="new", right="run wanmi grid check")
    order = np.argsort(shapely.to_wkb(shapely.normalize(shapes)), kind="stable")
    out = gpd.GeoDataFrame(columns, geometry=shapes, crs=frame.crs)
    return out.iloc[order].reset_index(drop=True)


def _pairs(old: Shapes, new: Shapes) -> pd.DataFrame:
    """Old and new units that share ground, with how much; equal shapes are not overlaid."""
    broken = ~shapely.is_valid(old)
    old = np.where(broken, shapely.make_valid(old), old) if broken.any() else old
    a, b = STRtree(new).query(old, predicate="intersects")
    size = shapely.area(old), shapely.area(new)
    equal = shapely.equals_identical(shapely.normalize(old)[a], shapely.normalize(new)[b])
    # in a coverage a unit that stayed as it was meets its neighbours along the border only
    stayed_old, stayed_new = np.zeros(len(old), bool), np.zeros(len(new), bool)
    stayed_old[a[equal]] = stayed_new[b[equal]] = True
    asked = ~equal & ~stayed_old[a] & ~stayed_new[b]
    overlap = np.where(equal, size[0][a], 0.0)
    overlap[asked] = shapely.area(shapely.intersection(old[a[asked]], new[b[asked]]))
    kept = overlap > 0
    found = pd.DataFrame({"old": a[kept], "new": b[kept], "overlap_m2": overlap[kept]})
    found["share_of_old"] = found["overlap_m2"] / size[0][found["old"]]
    found["share_of_new"] = found["overlap_m2"] / size[1][found["new"]]
    return found.sort_values(["old", "new"], kind="stable", ignore_index=True)


def _same(old: gpd.GeoDataFrame, new: gpd.GeoDataFrame, pairs: pd.DataFrame, tolerance_m: float) -> NDArray[np.bool_]:
    """Which pairs are one unit."""
    a, b = pairs["old"].to_numpy(), pairs["new"].to_numpy()
    one, two = old.geometry.to_numpy(), new.geometry.to_numpy()
    between = shapely.area(one)[a] + shapely.area(two)[b] - 2 * pairs["overlap_m2"].to_numpy()
    near = between <= tolerance_m * shapely.length(one)[a]
    near &= old["community"].to_numpy(object)[a] == new["community"].to_numpy(object)[b]
    # units that are given twice: each old and each new one has at most one partner
    first = pairs[near].drop_duplicates("old").drop_duplicates("new").index
    out = np.zeros(len(pairs), bool)
    out[first] = True
    return out


def _digits(codes: list[str]) -> int:
    """Digits of the serials in use: 2 where all codes of digits are of the older form."""
    length = pd.Series(codes, dtype="str").str.len()[pd.Series(codes, dtype="str").str.fullmatch(r"[0-9]{14,15}")]
    return 2 if len(length) and (length == 14).all() else 3


def _lineage(
    old: gpd.GeoDataFrame, units: gpd.GeoDataFrame, pairs: pd.DataFrame, same: NDArray[np.bool_]
) -> pd.DataFrame:
    gone, fresh = np.ones(len(old), bool), np.ones(len(units), bool)
    gone[pairs["old"][same]] = fresh[pairs["new"][same]] = False
    descent = pairs[["share_of_old", "share_of_new"]].max(axis=1).to_numpy() >= SIGNIFICANT
    # what a kept unit gained or lost at its edge is within the tolerance
    descent &= gone[pairs["old"]] & fresh[pairs["new"]]
    rows = pairs[descent].copy()
    heirs, parents = rows["old"].map(rows["old"].value_counts()), rows["new"].map(rows["new"].value_counts())
    # a part counts by all it came from and all that came of it
    most_parents = parents.groupby(rows["old"]).transform("max")
    most_heirs = heirs.groupby(rows["new"]).transform("max")
    rows["what"] = np.select(
        [
            (heirs == 1) & (parents == 1),
            (most_parents == 1) & (heirs > 1),
            (most_heirs == 1) & (parents > 1),
        ],
        ["moved", "split", "merged"],
        "redrawn",
    )
    stayed = pairs[same].assign(what="kept")
    found = pd.concat([stayed, rows], ignore_index=True)
    ends = np.setdiff1d(np.flatnonzero(gone), rows["old"])
    begins = np.setdiff1d(np.flatnonzero(fresh), rows["new"])
    codes = old["code"].to_numpy(object), units["code"].to_numpy(object)
    parts = [
        found.assign(old=codes[0][found["old"]], new=codes[1][found["new"]]),
        pd.DataFrame({"old": codes[0][ends], "new": "", "what": "retired"}),
        pd.DataFrame({"old": "", "new": codes[1][begins], "what": "born"}),
    ]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else found
    table = table.reindex(columns=LINEAGE)
    for name in ("old", "new", "what"):
        table[name] = table[name].astype("str")
    numbers = ["overlap_m2", "share_of_old", "share_of_new"]
    table[numbers] = table[numbers].astype(float).fillna(0.0)
    return table.sort_values(["old", "new"], kind="stable", ignore_index=True)
