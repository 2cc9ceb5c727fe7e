"""A layer of unit grids made ready to be examined, and the form of what is found in it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from grids.coverage import coverage_faults
from grids.errors import InputError
from grids.labels import community_of

COLUMNS = ["kind", "severity", "unit", "other", "area_m2", "value", "why", "geometry"]
FAULT, NOTICE, NOTE = "fault", "notice", "note"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Shapes = NDArray[np.object_]


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
    difference_m2
        How much the area of a community and that of its units may differ.
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
    difference_m2: float = 0.1
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
class Layer:
    """Units with what is asked of them again and again; arrays are in their order.

    Parameters
    ----------
    label
        Code, or ``#n`` for row n where it has none.
    code, community, kind
        Texts, "" where missing.
    issue
        Number of the issue of the set that brought the unit.
    shapes
        Geometry as given.
    valid, polygon
        Which are valid and not empty; which are polygons.
    area, around
        m² and metres of border.
    places, place_codes
        Communities by code, ground of two given to the lower; None and empty where they are not known.
    member
        Position of each unit's community: as its code says, else where it lies; -1 none.
    """

    label: Shapes
    code: pd.Series
    community: pd.Series
    kind: Shapes
    issue: Ints
    shapes: Shapes
    valid: Flags
    polygon: Flags
    area: Floats
    around: Floats
    places: Shapes | None
    place_codes: Shapes
    member: Ints

    @classmethod
    def of(cls, units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, tolerance_m: float) -> Layer:
        """Make a layer ready."""
        shapes = units.geometry.to_numpy()
        code = _text(units, "code")
        number = pd.Series(np.arange(1, len(code) + 1)).astype("str")
        community = community_of(code, units.get("community"))
        places, names = (None, np.empty(0, object)) if areas is None else _apart(areas, tolerance_m)
        return cls(
            label=code.where(code != "", "#" + number).to_numpy(object),
            code=code,
            community=community,
            kind=_text(units, "kind").to_numpy(object),
            issue=_issue(units, community),
            shapes=shapes,
            valid=shapely.is_valid(shapes) & ~shapely.is_empty(shapes),
            polygon=np.isin(shapely.get_type_id(shapes), (3, 6)),
            area=shapely.area(shapes),
            around=shapely.length(shapes),
            places=places,
            place_codes=names,
            member=_members(community, shapes, places, names),
        )

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def sound(self) -> Flags:
        """Which units can be measured."""
        return self.valid & self.polygon

    @property
    def road(self) -> Flags:
        """Which units are said to be road land."""
        return self.kind == "road"

    @property
    def width(self) -> Floats:
        """2A/P in metres; NaN without a border."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 2 * self.area / self.around

    @property
    def compactness(self) -> Floats:
        """4πA/P²; NaN without a border."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 4 * np.pi * self.area / self.around**2

    def rows(self, at: Any, kind: str, why: Any, *, geometry: Any = None, **columns: Any) -> pd.DataFrame:
        """Findings about units at positions; severity is a notice or fault by kind where it is not told."""
        shapes = self.shapes[at] if geometry is None else geometry
        about = {"kind": kind, "unit": self.label[at], "why": why, "geometry": shapes}
        return pd.DataFrame({**about, **columns}, columns=COLUMNS)


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    column = frame[name].astype("str").fillna("") if name in frame else pd.Series("", frame.index, dtype="str")
    return column.reset_index(drop=True)


def _issue(units: gpd.GeoDataFrame, community: pd.Series) -> Ints:
    """Issue as told, else by the instants at which the units of a community began."""
    if "issue" in units:
        return pd.to_numeric(units["issue"], errors="coerce").fillna(0).to_numpy(np.int64)
    if "valid_from" not in units:
        return np.zeros(len(units), np.int64)
    begin = pd.to_datetime(units["valid_from"], utc=True, errors="coerce").reset_index(drop=True)
    return begin.groupby(community).rank("dense").fillna(0).to_numpy(np.int64)


def _apart(areas: gpd.GeoDataFrame, tolerance_m: float) -> tuple[Shapes, Shapes]:
    """Communities by code, and their codes; ground of two is that of the lower code."""
    codes = areas["code"].astype("str")
    if codes.duplicated().any():
        raise InputError(f"code {codes[codes.duplicated()].iloc[0]} twice", where="areas", right="each once")
    order = np.argsort(codes.to_numpy(object).astype(str), kind="stable")
    shapes = areas.geometry.to_numpy()[order].copy()
    found = coverage_faults(shapes, np.arange(len(areas)), None, tolerance_m=tolerance_m)
    both = found[found["kind"] == "overlap"].sort_values(["unit", "other"])
    for lower, higher in zip(both["unit"], both["other"], strict=True):
        shapes[higher] = shapely.difference(shapes[higher], shapes[lower])
    return shapes, codes.to_numpy(object)[order]


def _members(community: pd.Series, shapes: Shapes, places: Shapes | None, names: Shapes) -> Ints:
    if places is None:
        return np.full(len(shapes), -1, np.int64)
    member = pd.Index(names).get_indexer(community).astype(np.int64)
    lost = np.flatnonzero(member < 0)
    if len(lost):
        at = shapely.point_on_surface(shapes[lost])
        point, place = STRtree(places).query(at, predicate="intersects")
        member[lost[point[::-1]]] = place[::-1]
    return member
