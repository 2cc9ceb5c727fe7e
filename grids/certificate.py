"""Certificate of a layer of unit grids, ours or anybody's: every fault with its place, and a verdict.

A **fault** makes the layer unfit: cases would belong to nobody, to two units, or to a code that misleads. A
**notice** is a unit that a surveyor would look at again: its size, its width, its shape, a barrier across it.

==================  ==========  ===============================================================================
kind                            what it says of a unit
==================  ==========  ===============================================================================
``invalid``         fault       its geometry is broken, empty or no polygon
``parts``           fault       it lies in several pieces
``gap``             fault       nobody covers this part of the community
``overlap``         fault       two units cover this
``over_community``  fault       it reaches into another community
``beyond``          fault       it reaches beyond all communities
``node``            fault       a neighbour's vertex lies on its edge, where it has none
``code``            fault       code missing, malformed, given twice, or of another community than the place
``order``           fault       serial out of order (west to east, then north to south)
``area_band``       notice      smaller or larger than the band, though its community has room
``narrow``          notice      narrower (2A/P) than wished
``ragged``          notice      compactness 4πA/P² below the wish
``barrier``         notice      a barrier of high rank parts it into pieces that could each be a unit
==================  ==========  ===============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.coverage import coverage_faults
from grids.crossing import crossings
from grids.errors import InputError
from grids.labels import code_faults, community_of, order_faults

FAULTS = ("invalid", "parts", "gap", "overlap", "over_community", "beyond", "node", "code", "order")
NOTICES = ("area_band", "narrow", "ragged", "barrier")
COLUMNS = ["kind", "severity", "unit", "other", "area_m2", "value", "why", "geometry"]


@dataclass(frozen=True)
class Rules:
    """What a layer is measured by.

    Parameters
    ----------
    low_m2, high_m2
        Area band of a unit. About 10,000 m² is what sources say; bounds are found in none.
    width_m, compactness
        Least 2A/P in metres, and least 4πA/P².
    tolerance_m
        What is narrower than this is rounding, not a gap, an overlap or a crossing.
    firm_rank
        Barriers up to this rank (1 highest) must not part a unit: water, railways, main roads.
    scheme
        Code scheme (`grids.codes.parse_unit`): ``china15``, ``china14``, ``free``; "" for 15 or 14 digits.
    row_m
        Height of a row of the numbering; None for that of `grids.serials`.
    """

    low_m2: float = 5_000.0
    high_m2: float = 20_000.0
    width_m: float = 12.0
    compactness: float = 0.25
    tolerance_m: float = 0.005
    firm_rank: int = 4
    scheme: str = ""
    row_m: float | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, float) and not (np.isfinite(value) and value >= 0):
                raise InputError(f"{value}", where=one.name, right="0 or more")
        if self.low_m2 > self.high_m2:
            raise InputError(f"{self.low_m2:g} to {self.high_m2:g} m²", where="band", right="the lower bound first")


@dataclass(frozen=True)
class Certificate:
    """What was found.

    Parameters
    ----------
    faults
        One row for each finding, with geometry in the layer's CRS: ``kind``, ``severity`` (``fault``, ``notice``),
        ``unit`` and ``other`` (codes; ``#n`` for row n of a unit without one; "" none), ``area_m2`` and ``value`` (NaN
        where they do not apply), ``why``.
    units
        Measures of every unit, in its order: ``code``, ``community``, ``area_m2``, ``width_m``, ``compactness``.
    figures
        Figures of the layer as a whole.
    """

    faults: gpd.GeoDataFrame
    units: pd.DataFrame
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """The verdict: no fault; notices do not count."""
        return not (self.faults["severity"] == "fault").any()

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind, all kinds."""
        found = self.faults["kind"].value_counts()
        return {kind: int(found.get(kind, 0)) for kind in (*FAULTS, *NOTICES)}


def certify(
    units: gpd.GeoDataFrame,
    *,
    areas: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    rules: Rules | None = None,
) -> Certificate:
    """Examine a layer of unit grids.

    Parameters
    ----------
    units
        ``code``, geometry in a metric CRS; ``community`` where codes do not say it; ``kind`` (``road`` units are not
        measured by band, width and shape); ``issue`` (number of the revision that brought the unit, 0 the first: the
        order is that of the latest issue among itself). Others are not looked at.
    areas
        Communities: ``code``, polygons in the same CRS. Without them gaps are what units enclose.
    barriers
        ``rank`` (1 highest) and lines or areas in the same CRS; those in a ``tunnel`` or on a ``layer`` below 0
        part nothing.
    rules
        What the layer is measured by.

    Raises
    ------
    InputError
        Without ``code`` or a metric CRS, or with differing ones.

    Notes
    -----
    Communities are not judged: where two overlap the ground is that of the lower code, as in `grids.compile`.
    Takes about 2 s for 100,000 units of 16 vertices with 1,000 faults; see `grids.twins`.
    """
    rules = rules or Rules()
    _same_crs(units, areas=areas, barriers=barriers)
    areas = None if areas is None else _apart(areas, rules.tolerance_m)
    frame = _frame(units, areas)
    shapes = frame.geometry.to_numpy()
    valid = shapely.is_valid(shapes) & ~shapely.is_empty(shapes)
    polygons = np.isin(shapely.get_type_id(shapes), (3, 6))
    known = None if areas is None else areas.geometry.to_numpy()
    member = _members(frame, areas)
    measures = _measures(frame)
    found = [
        _shape_faults(frame, valid, polygons),
        _coverage(frame, areas, coverage_faults(shapes, member, known, valid=valid, tolerance_m=rules.tolerance_m)),
        _coded(frame, areas, rules),
        _ordered(frame, valid & polygons, rules),
        _sizes(frame, measures, known, rules),
    ]
    if barriers is not None:
        found.append(_barriers(frame, barriers, valid & polygons, rules))
    rows = [part for part in found if len(part)]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
    faults = gpd.GeoDataFrame(_typed(_moved(table, measures)), geometry="geometry", crs=units.crs)
    return Certificate(faults, measures, _figures(frame, measures, faults, areas, rules))


def _same_crs(units: gpd.GeoDataFrame, **others: gpd.GeoDataFrame | None) -> None:
    if "code" not in units.columns:
        raise InputError("units without a column code", where="units", right="a column code")
    crs = units.crs
    if crs is None or not crs.is_projected or any(axis.unit_name not in ("metre", "meter") for axis in crs.axis_info):
        name = crs.name if crs is not None else "no CRS"
        raise InputError(f"units in {name}", where="units", right="a projected CRS in metres: areas are measured")
    for name, frame in others.items():
        if frame is not None and frame.crs != crs:
            other = frame.crs.name if frame.crs is not None else "no CRS"
            raise InputError(f"{other} beside units in {crs.name}", where=name, right="one CRS for all")


def _apart(areas: gpd.GeoDataFrame, tolerance_m: float) -> gpd.GeoDataFrame:
    """Communities by code; ground of two is that of the lower code."""
    areas = areas.assign(code=areas["code"].astype("str")).sort_values("code", kind="stable", ignore_index=True)
    shapes = areas.geometry.to_numpy().copy()
    found = coverage_faults(shapes, np.arange(len(areas)), None, tolerance_m=tolerance_m)
    both = found[found["kind"] == "overlap"].sort_values(["unit", "other"])
    for lower, higher in zip(both["unit"], both["other"], strict=True):
        shapes[higher] = shapely.difference(shapes[higher], shapes[lower])
    return areas.set_geometry(gpd.GeoSeries(shapes, crs=areas.crs))


def _frame(units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Code, label, community, kind, issue and geometry of each unit, missing texts as ""."""
    code = units["code"].astype("str").fillna("").reset_index(drop=True)
    number = pd.Series(np.arange(1, len(code) + 1)).astype("str")
    columns = {"code": code, "label": code.where(code != "", "#" + number)}
    columns["community"] = community_of(code, units.get("community"))
    kind = units["kind"].astype("str").fillna("") if "kind" in units else pd.Series("", units.index)
    columns["kind"] = kind.reset_index(drop=True)
    issue = units["issue"] if "issue" in units else pd.Series(0, units.index)
    columns["issue"] = issue.fillna(0).astype(np.int64).reset_index(drop=True)
    return gpd.GeoDataFrame(columns, geometry=units.geometry.to_numpy(), crs=units.crs)


def _members(frame: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None) -> NDArray[np.int64]:
    """Position of each unit's community: as its code says, else where it lies; -1 none."""
    if areas is None:
        return np.full(len(frame), -1, np.int64)
    codes = areas["code"].astype("str")
    if codes.duplicated().any():
        raise InputError(f"code {codes[codes.duplicated()].iloc[0]} twice", where="areas", right="each once")
    member = pd.Index(codes).get_indexer(frame["community"]).astype(np.int64)
    lost = np.flatnonzero(member < 0)
    if len(lost):
        at = shapely.point_on_surface(frame.geometry.to_numpy()[lost])
        point, area = STRtree(areas.geometry.to_numpy()).query(at, predicate="intersects")
        member[lost[point[::-1]]] = area[::-1]
    return member


def _measures(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    area, around = shapely.area(frame.geometry.to_numpy()), shapely.length(frame.geometry.to_numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        width, compact = 2 * area / around, 4 * np.pi * area / around**2
    out = frame[["code", "community"]].copy()
    return pd.DataFrame(out).assign(area_m2=area, width_m=width, compactness=compact)


def _of(frame: gpd.GeoDataFrame, at: Any, kind: str, why: Any, *, geometry: Any = None, **columns: Any) -> pd.DataFrame:
    """Rows about units at positions."""
    shapes = frame.geometry.to_numpy()[at] if geometry is None else geometry
    about = {"kind": kind, "unit": frame["label"].to_numpy(object)[at], "why": why, "geometry": shapes}
    return pd.DataFrame({**about, **columns}, columns=COLUMNS)


def _shape_faults(frame: gpd.GeoDataFrame, valid: NDArray, polygons: NDArray) -> pd.DataFrame:
    shapes = frame.geometry.to_numpy()
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    other = ~empty & ~polygons
    broken = ~empty & polygons & ~valid
    several = valid & polygons & (shapely.get_num_geometries(shapes) > 1)
    at = [np.flatnonzero(which) for which in (empty, other, broken, several)]
    many = shapely.get_num_geometries(shapes[at[3]])
    rows = [
        _of(frame, at[0], "invalid", "has no geometry"),
        _of(frame, at[1], "invalid", [f"is a {one.geom_type}, not a polygon" for one in shapes[at[1]]]),
        _of(frame, at[2], "invalid", shapely.is_valid_reason(shapes[at[2]])),
        _of(frame, at[3], "parts", [f"lies in {n} pieces" for n in many], value=many.astype(float)),
    ]
    return pd.concat(rows, ignore_index=True)


def _coverage(frame: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, found: pd.DataFrame) -> pd.DataFrame:
    """Rows of the coverage with names; a unit that lies mostly in another community has the wrong code."""
    if not len(found):
        return pd.DataFrame(columns=COLUMNS)
    unit, other = found["unit"].to_numpy(np.int64), found["other"].to_numpy(np.int64)
    kind, area = found["kind"].to_numpy(object), found["area_m2"].to_numpy(float)
    labels = np.append(frame["label"].to_numpy(object), "")
    places = np.append(np.array([] if areas is None else areas["code"], object), "")
    pair = kind == "overlap"
    others = np.where(pair, labels[np.where(pair, other, -1)], places[np.where(pair, -1, other)])
    whole = np.append(shapely.area(frame.geometry.to_numpy()), np.inf)[unit]
    stray = (kind == "over_community") & (area > 0.5 * whole)
    told = {
        "gap": "is covered by no unit",
        "overlap": "is covered by both",
        "over_community": "reaches into another community",
        "beyond": "reaches beyond all communities",
        "node": "has no vertex where its neighbour has one",
    }
    why = np.where(stray, "lies in another community than its code says", [told[one] for one in kind])
    out = {
        "kind": np.where(stray, "code", kind),
        "unit": labels[unit],
        "other": others,
        "area_m2": np.where(kind == "node", np.nan, area),
        "why": why,
        "geometry": found["geometry"].to_numpy(object),
    }
    return pd.DataFrame(out, columns=COLUMNS)


def _coded(frame: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, rules: Rules) -> pd.DataFrame:
    known = None if areas is None else areas["code"].astype("str")
    why = code_faults(frame["code"], frame["community"], scheme=rules.scheme, communities=known)
    at = np.flatnonzero(why != "")
    return _of(frame, at, "code", why[at])


def _ordered(frame: gpd.GeoDataFrame, sound: NDArray, rules: Rules) -> pd.DataFrame:
    latest = frame["issue"] == frame["issue"].max()
    at = np.flatnonzero(sound & latest.to_numpy())
    shapes = frame.geometry.to_numpy()[at]
    wrong, expected = order_faults(frame["code"].iloc[at], frame["community"].iloc[at], shapes, row_m=rules.row_m)
    why = [f"stands where serial {n} belongs (west to east, then north to south)" for n in expected[wrong]]
    return _of(frame, at[wrong], "order", why, value=expected[wrong].astype(float))


def _sizes(
    frame: gpd.GeoDataFrame, measures: pd.DataFrame, areas: NDArray[np.object_] | None, rules: Rules
) -> pd.DataFrame:
    area, width = measures["area_m2"].to_numpy(), measures["width_m"].to_numpy()
    judged = (frame["kind"] != "road").to_numpy() & (area > 0)
    small, large = judged & (area < rules.low_m2), judged & (area > rules.high_m2)
    # a community part below the band cannot hold a unit within it
    small[np.flatnonzero(small)] = ~_no_room(frame, np.flatnonzero(small), areas, rules.low_m2)
    at = [np.flatnonzero(which) for which in (small, large)]
    narrow = np.flatnonzero(judged & (width < rules.width_m))
    ragged = np.flatnonzero(judged & (measures["compactness"].to_numpy() < rules.compactness))
    compact = measures["compactness"].to_numpy()[ragged]
    band = f"{rules.low_m2:,.0f} to {rules.high_m2:,.0f} m²"
    rows = [
        _of(frame, at[0], "area_band", f"is below the band of {band}", area_m2=area[at[0]], value=area[at[0]]),
        _of(frame, at[1], "area_band", f"is above the band of {band}", area_m2=area[at[1]], value=area[at[1]]),
        _of(frame, narrow, "narrow", f"is narrower (2A/P) than {rules.width_m:g} m", value=width[narrow]),
        _of(frame, ragged, "ragged", f"has a compactness below {rules.compactness:g}", value=compact),
    ]
    return pd.concat(rows, ignore_index=True)


def _no_room(
    frame: gpd.GeoDataFrame, at: NDArray[np.int64], areas: NDArray[np.object_] | None, low_m2: float
) -> NDArray[np.bool_]:
    """Which units lie in a community part that is itself below the band."""
    shapes = frame.geometry.to_numpy()
    if areas is None:
        whole = pd.Series(shapely.area(shapes)).groupby(frame["community"]).transform("sum").to_numpy()
        return whole[at] < low_m2
    parts = shapely.get_parts(areas)
    point, part = STRtree(parts).query(shapely.point_on_surface(shapes[at]), predicate="intersects")
    out = np.zeros(len(at), bool)
    out[point] = shapely.area(parts)[part] < low_m2
    return out


def _barriers(
    frame: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame, sound: NDArray[np.bool_], rules: Rules
) -> pd.DataFrame:
    rank = pd.to_numeric(barriers["rank"]).to_numpy()
    ground = np.ones(len(barriers), bool)
    if "tunnel" in barriers:
        said = barriers["tunnel"].astype("str").fillna("").str.lower()
        ground &= said.isin(["", "no", "false", "0", "none", "nan"]).to_numpy()
    if "layer" in barriers:
        ground &= ~(pd.to_numeric(barriers["layer"], errors="coerce") < 0).to_numpy()
    firm = ground & (rank <= rules.firm_rank)
    at = np.flatnonzero(sound)
    found = crossings(
        frame.geometry.to_numpy()[at],
        barriers.geometry.to_numpy()[firm],
        rank[firm].astype(np.int64),
        part_m2=rules.low_m2,
    )
    why = [f"is parted by a barrier of rank {r}" for r in found["rank"]]
    of = at[found["unit"].to_numpy(np.int64)]
    lines = found["geometry"].to_numpy(object)
    return _of(frame, of, "barrier", why, geometry=lines, area_m2=found["area_m2"], value=found["rank"].astype(float))


def _moved(table: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Faults in the order of the kinds, the largest first."""
    place = {kind: n for n, kind in enumerate((*FAULTS, *NOTICES))}
    table = table.assign(severity=np.where(table["kind"].isin(FAULTS), "fault", "notice"), at=table["kind"].map(place))
    size = -table["area_m2"].astype(float).fillna(0.0).round(6)
    table = table.assign(size=size).sort_values(["at", "size", "unit", "other"], kind="stable", na_position="first")
    return table[COLUMNS].reset_index(drop=True)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    for name in ("kind", "severity", "unit", "other", "why"):
        table[name] = table[name].astype("str").fillna("")
    for name in ("area_m2", "value"):
        table[name] = table[name].astype(float)
    return table


def _figures(
    frame: gpd.GeoDataFrame,
    measures: pd.DataFrame,
    faults: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame | None,
    rules: Rules,
) -> dict[str, Any]:
    area = measures["area_m2"].to_numpy()
    judged = (frame["kind"] != "road").to_numpy()
    off = faults[faults["kind"] == "area_band"]
    # units of communities without room are neither within the band nor a miss
    within = judged & (area >= rules.low_m2) & (area <= rules.high_m2)
    missed, missed_m2 = len(off), float(off["area_m2"].sum())
    out: dict[str, Any] = {
        "units": len(frame),
        "road_units": int((~judged).sum()),
        "communities": int(frame["community"].nunique()),
        "area_m2": float(area.sum()),
        "in_band": int(within.sum()),
        "in_band_share": _share(float(within.sum()), missed),
        "in_band_share_of_area": _share(float(area[within].sum()), missed_m2),
        "mean_compactness": float(np.nanmean(measures["compactness"])) if len(frame) else None,
        "median_compactness": float(np.nanmedian(measures["compactness"])) if len(frame) else None,
    }
    if areas is not None and len(areas):
        whole = pd.Series(shapely.area(areas.geometry.to_numpy()), index=areas["code"].astype("str"))
        have = measures.groupby("community")["area_m2"].sum().reindex(whole.index, fill_value=0.0)
        out["largest_difference_m2"] = float((whole - have).abs().max())
    return out


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest > 0 else None
