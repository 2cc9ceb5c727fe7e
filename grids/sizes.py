"""Sizes and shapes of units: the area band with the reason of each miss, width, compactness, and the sum of areas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from grids.coverage import thin
from grids.examined import COLUMNS, NOTE, NOTICE, Flags, Floats, Ints, Layer, Rules, Shapes

ROOM, ROAD, ALONE, ISLAND, FULL, JOIN, DIVIDE = (
    "its community part is below the band itself",
    "it is road land",
    "it has no neighbour in its community",
    "it is an island: barriers part it from all its neighbours",
    "no neighbour has room for it",
    "it could join a neighbour",
    "it could be divided",
)
"""Reasons why a unit is outside the band. The first two explain it: such a unit is noted, and no miss."""

ON_BARRIER_M = 1.0
"""A border this near a barrier runs on it."""


def size_rows(layer: Layer, barriers: Shapes | None, rules: Rules) -> tuple[pd.DataFrame, pd.Series]:
    """Notices of area, width and shape.

    Parameters
    ----------
    barriers
        Lines of the barriers above ground; None when they are not known.

    Returns
    -------
    rows, reasons
        Findings; number of units outside the band by reason.
    """
    small = (layer.area > 0) & (layer.area < rules.low_m2)
    large = layer.area > rules.high_m2
    off = np.flatnonzero(small | large)
    reason, other = _reasons(layer, off, barriers, rules)
    band = f"{rules.low_m2:,.0f} to {rules.high_m2:,.0f} m²"
    side = np.where(small[off], "below", "above")
    why = [f"is {a} the band of {band}: {b}" for a, b in zip(side, reason, strict=True)]
    noted = np.isin(reason, (ROOM, ROAD))
    severity = np.where(noted, NOTE, NOTICE)
    size = layer.area[off]
    narrow = np.flatnonzero((layer.area > 0) & (layer.width < rules.width_m))
    road = layer.road[narrow]
    slim = f"is narrower (2A/P) than {rules.width_m:g} m"
    ragged = np.flatnonzero((layer.area > 0) & ~layer.road & (layer.compactness < rules.compactness))
    rows = [
        layer.rows(off, "area_band", why, area_m2=size, value=size, other=other, severity=severity),
        layer.rows(
            narrow,
            "narrow",
            np.where(road, f"{slim}: listed as a road unit", slim),
            value=layer.width[narrow],
            severity=np.where(road, NOTE, NOTICE),
        ),
        layer.rows(
            ragged,
            "ragged",
            f"has a compactness below {rules.compactness:g}",
            value=layer.compactness[ragged],
            severity=NOTICE,
        ),
    ]
    return pd.concat(rows, ignore_index=True), pd.Series(reason, dtype="str").value_counts()


def _reasons(layer: Layer, off: Ints, barriers: Shapes | None, rules: Rules) -> tuple[Shapes, Shapes]:
    """Why each of some units is outside the band, and the neighbour that it could join."""
    reason, other = np.full(len(off), DIVIDE, object), np.full(len(off), "", object)
    small = np.flatnonzero(layer.area[off] < rules.low_m2)
    if len(small):
        reason[small], other[small] = _below(layer, off[small], barriers, rules.high_m2)
        reason[small[_no_room(layer, off[small], rules.low_m2)]] = ROOM
    reason[layer.road[off] & (reason != ROOM)] = ROAD
    other[reason != JOIN] = ""
    return reason, other


def _below(layer: Layer, at: Ints, barriers: Shapes | None, high_m2: float) -> tuple[Shapes, Shapes]:
    """Why units below the band did not join a neighbour."""
    reason, other = np.full(len(at), ALONE, object), np.full(len(at), "", object)
    shapes = layer.shapes.copy()
    shapes[~layer.sound] = None
    one, two = STRtree(shapes).query(shapes[at], predicate="intersects")
    names = layer.community.to_numpy(object)
    kept = (at[one] != two) & (names[at[one]] == names[two])
    one, two = one[kept], two[kept]
    shared = shapely.intersection(shapely.boundary(shapes[at[one]]), shapely.boundary(shapes[two]))
    kept = shapely.length(shared) > ON_BARRIER_M
    one, two, shared = one[kept], two[kept], shared[kept]
    open_m = shapely.length(shared)
    if barriers is not None and len(barriers):
        pair, line = STRtree(barriers).query(shared, predicate="dwithin", distance=ON_BARRIER_M)
        for k in np.unique(pair):
            near = shapely.union_all(shapely.buffer(barriers[line[pair == k]], ON_BARRIER_M))
            open_m[k] = shapely.length(shapely.difference(shared[k], near))
    table = pd.DataFrame({"one": one, "two": two, "open": open_m})
    table["fits"] = layer.area[two] + layer.area[at[one]] <= high_m2
    reason[table["one"].unique()] = FULL
    best = table.groupby("one")["open"].max()
    if barriers is not None:
        reason[best.index[best <= ON_BARRIER_M]] = ISLAND
    joins = table[table["fits"] & (table["open"] > ON_BARRIER_M)]
    joins = joins.assign(code=layer.label[joins["two"]]).sort_values(
        ["one", "open", "code"], ascending=[True, False, True]
    )
    joins = joins.drop_duplicates("one")
    reason[joins["one"]], other[joins["one"]] = JOIN, joins["code"].to_numpy(object)
    return reason, other


def _no_room(layer: Layer, at: Ints, low_m2: float) -> Flags:
    """Which units lie in a community part that is itself below the band."""
    if layer.places is None:
        whole = pd.Series(layer.area).groupby(layer.community).transform("sum").to_numpy()
        return whole[at] < low_m2
    parts = shapely.get_parts(layer.places)
    point, part = STRtree(parts).query(shapely.point_on_surface(layer.shapes[at]), predicate="intersects")
    out = np.zeros(len(at), bool)
    out[point] = shapely.area(parts)[part] < low_m2
    return out


def differences(layer: Layer) -> Floats:
    """Area of each community less that of its units, m².

    Rounding alone makes no difference: of shapes as they are and shapes on the millimetre grid, which the record
    holds, the smaller one counts.
    """
    if layer.places is None:
        return np.empty(0)
    count = len(layer.places)
    known = layer.member >= 0

    def less(units: Floats, places: Floats) -> Floats:
        return places - np.bincount(layer.member[known], units[known], count)

    out = less(layer.area, shapely.area(layer.places))
    off = np.flatnonzero(np.abs(out) > 1e-6)
    mine = np.flatnonzero(np.isin(layer.member, off))
    area, whole = layer.area.copy(), shapely.area(layer.places)
    area[mine], whole[off] = _rounded_area(layer.shapes[mine]), _rounded_area(layer.places[off])
    rounded = less(area, whole)
    return np.where(np.abs(rounded) < np.abs(out), rounded, out)


def _rounded_area(shapes: Shapes) -> Floats:
    return shapely.area(shapely.transform(shapes, lambda xy: np.rint(xy * 1e3) / 1e3))


def difference_rows(layer: Layer, found: pd.DataFrame, difference: Floats, rules: Rules) -> pd.DataFrame:
    """Communities whose area is not that of their units, by what nothing else that was found there tells.

    Parameters
    ----------
    found
        Of `grids.coverage.coverage_faults`.
    difference
        Of `differences`.
    """
    if layer.places is None:
        return pd.DataFrame(columns=COLUMNS)
    asked = np.abs(difference) > rules.difference_m2
    rest = difference - _told(layer, found, asked)
    at = np.flatnonzero(asked & (np.abs(rest) > rules.difference_m2))
    shapes = [_slivers(layer, k, rules.tolerance_m) for k in at.tolist()]
    missing = rest[at] > 0
    size = np.abs(rest[at])
    why = [
        f"its units {'leave' if less else 'have'} {m2:.2f} m² {'of it' if less else 'more than it'}, in slivers"
        for less, m2 in zip(missing, size, strict=True)
    ]
    columns = {"kind": "difference", "unit": "", "other": layer.place_codes[at], "area_m2": size}
    rows = {**columns, "value": rest[at], "why": why, "geometry": np.array([*shapes, None], object)[:-1]}
    return pd.DataFrame(rows, columns=COLUMNS)


def _told(layer: Layer, found: pd.DataFrame, asked: Flags) -> Floats:
    """By how much the findings let the area of each asked community differ from that of its units, m².

    Where units are broken their areas say nothing: then no difference is anybody's (NaN).
    """
    assert layer.places is not None
    out = np.zeros(len(layer.places) + 1)
    member = np.append(layer.member, -1)
    unit, other = found["unit"].to_numpy(np.int64), found["other"].to_numpy(np.int64)
    kind, area = found["kind"].to_numpy(object), found["area_m2"].to_numpy(float)
    for one, place, sign in (("gap", other, 1), ("over_community", other, 1), ("over_community", member[unit], -1),
                             ("beyond", member[unit], -1)):  # fmt: skip
        some = kind == one
        np.add.at(out, place[some], sign * area[some])
    # ground that is covered twice counts twice, but where a stranger's part was counted as missing
    pair = np.flatnonzero(kind == "overlap")
    ends = np.stack([member[unit[pair]], member[other[pair]]])
    shapes = found["geometry"].to_numpy(object)[pair]
    for k, place in enumerate(ends):
        some = np.flatnonzero((place >= 0) & np.append(asked, False)[place] & ((k == 0) | (ends[0] != place)))
        inside = shapely.area(shapely.intersection(shapes[some], layer.places[place[some]]))
        np.add.at(out, place[some], -inside)
    broken = ~layer.sound & (layer.member >= 0)
    out[layer.member[broken]] = np.nan
    return out[:-1]


def _slivers(layer: Layer, place: int, tolerance_m: float) -> shapely.Geometry:
    """Slivers that a community and its units do not share; its border where there are none."""
    assert layer.places is not None
    mine = layer.shapes[(layer.member == place) & layer.sound]
    rest = shapely.symmetric_difference(layer.places[place], shapely.union_all(mine))
    parts = shapely.get_parts(rest)
    parts = parts[(shapely.get_type_id(parts) == 3) & thin(parts, 2 * tolerance_m)]
    return shapely.multipolygons(parts) if len(parts) else shapely.boundary(layer.places[place])
