"""Certificate of a layer of unit grids, ours or anybody's: every fault with its place, and a verdict.

A **fault** makes the layer unfit: cases would belong to nobody, to two units, or to a code that misleads. A
**notice** is a unit that a surveyor would look at again: its size, its width, its shape, a barrier across it. A
**note** is a unit whose size has its reason: road land, or a part of a community that is itself below the band.

==================  ==========  ===============================================================================
kind                            what it says of a unit
==================  ==========  ===============================================================================
``invalid``         fault       its geometry is broken, empty or no polygon
``parts``           fault       it lies in several pieces
``gap``             fault       nobody covers this part of the community
``overlap``         fault       two units cover this
``over_community``  fault       it reaches into another community
``beyond``          fault       it reaches beyond all communities
``difference``      fault       area of a community and of its units differ, and none of the above tells why: slivers
``node``            fault       a neighbour's vertex lies on its edge, where it has none
``code``            fault       code missing, malformed, given twice, or of another community than the place
``order``           fault       serial out of order (west to east, then north to south) among its issue of the set
``parent``          fault       street or district by the code is another than by the place
``area_band``       notice      smaller or larger than the band, with the reason
``narrow``          notice      narrower (2A/P) than wished
``ragged``          notice      compactness 4πA/P² below the wish
``barrier``         notice      a barrier of high rank parts it into pieces that could each be a unit
==================  ==========  ===============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from grids.coverage import coverage_faults
from grids.crossing import crossings
from grids.errors import InputError
from grids.examined import COLUMNS, FAULT, NOTE, NOTICE, Floats, Layer, Rules, Shapes
from grids.hierarchy import check_hierarchy
from grids.labels import code_faults, order_faults
from grids.sizes import difference_rows, differences, size_rows

FAULTS = (
    "invalid", "parts", "gap", "overlap", "over_community", "beyond", "difference", "node", "code", "order", "parent",
)  # fmt: skip
NOTICES = ("area_band", "narrow", "ragged", "barrier")

__all__ = ["FAULTS", "NOTICES", "Certificate", "Rules", "certify"]


@dataclass(frozen=True)
class Certificate:
    """What was found.

    Parameters
    ----------
    faults
        One row for each finding, with geometry in the layer's CRS: ``kind``, ``severity`` (``fault``, ``notice``,
        ``note``), ``unit`` and ``other`` (codes; ``#n`` for row n of a unit without one; "" none), ``area_m2`` and
        ``value`` (NaN where they do not apply), ``why``.
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
        """The verdict: no fault; notices and notes do not count."""
        return not (self.faults["severity"] == FAULT).any()

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults and notices by kind, all kinds; notes are not counted."""
        found = self.faults.loc[self.faults["severity"] != NOTE, "kind"].value_counts()
        return {kind: int(found.get(kind, 0)) for kind in (*FAULTS, *NOTICES)}


def certify(
    units: gpd.GeoDataFrame,
    *,
    areas: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    levels: dict[str, gpd.GeoDataFrame] | None = None,
    rules: Rules | None = None,
) -> Certificate:
    """Examine a layer of unit grids.

    Parameters
    ----------
    units
        ``code``, geometry in a metric CRS; ``community`` where codes do not say it; ``kind`` (``road`` units are not
        measured by band, width and shape, but noted); ``issue`` (number of the revision that brought the unit, 0 the
        first: serials are in order among the units of one issue; without it ``valid_from`` tells issues apart). Others
        are not looked at.
    areas
        Communities: ``code``, polygons in the same CRS. Without them gaps are what units enclose, and areas of
        communities are not compared.
    barriers
        ``rank`` (1 highest) and lines or areas in the same CRS; those in a ``tunnel`` or on a ``layer`` below 0
        part nothing.
    levels
        ``street``, ``district``: areas above the communities, as of `grids.hierarchy.check_hierarchy`.
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
    layer = Layer.of(units, areas, rules.tolerance_m)
    found = coverage_faults(layer.shapes, layer.member, layer.places, valid=layer.valid, tolerance_m=rules.tolerance_m)
    difference = differences(layer)
    lines, rank = _above_ground(barriers)
    sizes, reasons = size_rows(layer, lines, rules)
    parts = [
        _shape_faults(layer),
        _coverage(layer, found),
        difference_rows(layer, found, difference, rules),
        _coded(layer, rules),
        _ordered(layer, rules),
        _above(units, areas, levels),
        sizes,
    ]
    if lines is not None and rank is not None:
        parts.append(_barriers(layer, lines, rank, rules))
    rows = [part for part in parts if len(part)]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
    faults = gpd.GeoDataFrame(_typed(_sorted(table)), geometry="geometry", crs=units.crs)
    return Certificate(faults, _measures(layer), _figures(layer, faults, difference, reasons, rules))


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


def _measures(layer: Layer) -> pd.DataFrame:
    columns = {"area_m2": layer.area, "width_m": layer.width, "compactness": layer.compactness}
    return pd.DataFrame({"code": layer.code, "community": layer.community, **columns})


def _shape_faults(layer: Layer) -> pd.DataFrame:
    shapes = layer.shapes
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    other = ~empty & ~layer.polygon
    broken = ~empty & layer.polygon & ~layer.valid
    several = layer.sound & (shapely.get_num_geometries(shapes) > 1)
    at = [np.flatnonzero(which) for which in (empty, other, broken, several)]
    many = shapely.get_num_geometries(shapes[at[3]])
    rows = [
        layer.rows(at[0], "invalid", "has no geometry"),
        layer.rows(at[1], "invalid", [f"is a {one.geom_type}, not a polygon" for one in shapes[at[1]]]),
        layer.rows(at[2], "invalid", shapely.is_valid_reason(shapes[at[2]])),
        layer.rows(at[3], "parts", [f"lies in {n} pieces" for n in many], value=many.astype(float)),
    ]
    return pd.concat(rows, ignore_index=True)


def _coverage(layer: Layer, found: pd.DataFrame) -> pd.DataFrame:
    """Rows of the coverage with names; a unit that lies mostly in another community has the wrong code."""
    if not len(found):
        return pd.DataFrame(columns=COLUMNS)
    unit, other = found["unit"].to_numpy(np.int64), found["other"].to_numpy(np.int64)
    kind, area = found["kind"].to_numpy(object), found["area_m2"].to_numpy(float)
    labels, places = np.append(layer.label, ""), np.append(layer.place_codes, "")
    pair = kind == "overlap"
    others = np.where(pair, labels[np.where(pair, other, -1)], places[np.where(pair, -1, other)])
    whole = np.append(layer.area, np.inf)[unit]
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


def _coded(layer: Layer, rules: Rules) -> pd.DataFrame:
    known = None if layer.places is None else pd.Series(layer.place_codes, dtype="str")
    why = code_faults(layer.code, layer.community, scheme=rules.scheme, communities=known)
    at = np.flatnonzero(why != "")
    return layer.rows(at, "code", why[at])


def _ordered(layer: Layer, rules: Rules) -> pd.DataFrame:
    at = np.flatnonzero(layer.sound)
    wrong, expected = order_faults(
        layer.code.iloc[at], layer.community.iloc[at], layer.shapes[at], issue=layer.issue[at], row_m=rules.row_m
    )
    why = [f"stands where serial {n} belongs (west to east, then north to south)" for n in expected[wrong]]
    return layer.rows(at[wrong], "order", why, value=expected[wrong].astype(float))


def _above(
    units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, levels: dict[str, gpd.GeoDataFrame] | None
) -> pd.DataFrame:
    """Where streets and districts by code and by place differ; of units only where communities are not known."""
    if not levels:
        return pd.DataFrame(columns=COLUMNS)
    known = levels if areas is None else {"community": areas, **levels}
    found = check_hierarchy(units, known)
    if areas is not None:  # what is wrong between units and communities is told already
        found = found[found["level"] != "unit"]
    code, of_unit = found["code"].to_numpy(object), (found["level"] == "unit").to_numpy()
    why = [
        f"{f.level} {f.code} {f.why}: {f.by_code or 'none'} by code, {f.by_place or 'none'} by place"
        for f in found.itertuples()
    ]
    columns = {"kind": "parent", "unit": np.where(of_unit, code, ""), "other": np.where(of_unit, "", code)}
    columns |= {"value": found["share"].to_numpy(), "why": why, "geometry": found.geometry.to_numpy()}
    return pd.DataFrame(columns, columns=COLUMNS)


def _above_ground(barriers: gpd.GeoDataFrame | None) -> tuple[Shapes | None, Shapes | None]:
    """Lines and ranks of the barriers above ground; of areas the border."""
    if barriers is None:
        return None, None
    ground = np.ones(len(barriers), bool)
    if "tunnel" in barriers:
        said = barriers["tunnel"].astype("str").fillna("").str.lower()
        ground &= said.isin(["", "no", "false", "0", "none", "nan"]).to_numpy()
    if "layer" in barriers:
        ground &= ~(pd.to_numeric(barriers["layer"], errors="coerce") < 0).to_numpy()
    shapes = barriers.geometry.to_numpy()[ground]
    rank = pd.to_numeric(barriers["rank"]).to_numpy()[ground]
    return np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes), rank


def _barriers(layer: Layer, lines: Shapes, rank: Shapes, rules: Rules) -> pd.DataFrame:
    firm = rank <= rules.firm_rank
    at = np.flatnonzero(layer.sound)
    found = crossings(layer.shapes[at], lines[firm], rank[firm].astype(np.int64), part_m2=rules.low_m2)
    why = [f"is parted by a barrier of rank {r}" for r in found["rank"]]
    of = at[found["unit"].to_numpy(np.int64)]
    inside = found["geometry"].to_numpy(object)
    return layer.rows(of, "barrier", why, geometry=inside, area_m2=found["area_m2"], value=found["rank"].astype(float))


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Findings in the order of the kinds, the largest first."""
    place = {kind: n for n, kind in enumerate((*FAULTS, *NOTICES))}
    by_kind = pd.Series(np.where(table["kind"].isin(FAULTS), FAULT, NOTICE), table.index)
    table = table.assign(severity=table["severity"].fillna(by_kind), at=table["kind"].map(place))
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
    layer: Layer, faults: gpd.GeoDataFrame, difference: Floats, reasons: pd.Series, rules: Rules
) -> dict[str, Any]:
    off = faults[(faults["kind"] == "area_band") & (faults["severity"] == NOTICE)]
    # units of communities without room are neither within the band nor a miss
    within = ~layer.road & (layer.area >= rules.low_m2) & (layer.area <= rules.high_m2)
    missed, missed_m2 = len(off), float(off["area_m2"].sum())
    out: dict[str, Any] = {
        "units": len(layer),
        "road_units": int(layer.road.sum()),
        "communities": int(layer.community.nunique()),
        "area_m2": float(layer.area.sum()),
        "in_band": int(within.sum()),
        "in_band_share": _share(float(within.sum()), missed),
        "in_band_share_of_area": _share(float(layer.area[within].sum()), missed_m2),
        "out_of_band": {reason: int(n) for reason, n in sorted(reasons.items())},
        "mean_compactness": float(np.nanmean(layer.compactness)) if len(layer) else None,
        "median_compactness": float(np.nanmedian(layer.compactness)) if len(layer) else None,
    }
    if len(difference):
        out["largest_difference_m2"] = float(np.abs(difference).max())
        out["communities_off"] = int((np.abs(difference) > rules.difference_m2).sum())
    return out


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest > 0 else None
