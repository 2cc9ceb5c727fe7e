"""How good the compiled units are, beside a cut that sees no streets and a clipped fishnet.

``python -m tests.figures`` prints the whole table.

Places: the demo city, and Shenzhen Futian, Helsinki and Monaco from the street files of the real data. With names,
only those: ``python -m tests.figures Monaco``. Communities of the real places are made by a rule, `communities`, for
street files have none. Streets under ground (tunnels) bound nothing and are not measured. A border is "on a barrier"
within 1 m of it; natural blocks are the faces that GEOS finds between streets and community borders.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from gis.streets import read_streets
from grids.compile import build_units

FILES = {
    "Futian": ("shenzhen_futian_osm_roads.graphml", 4547),
    "Helsinki": ("Helsinki.osm.pbf", 3879),
    "Monaco": ("monaco.osm.gz", 32632),
}
PLACES = ("demo city", *FILES)
LOW, HIGH, NARROW_M = 5_000.0, 20_000.0, 12.0
STREET = 6
"""Lowest rank that bounds units here: motorway to residential, unclassified, living_street, pedestrian, rail, water."""

TARGETS = {
    "coverage valid": "true",
    "multi-part or invalid units": "0",
    "community less its units, worst, m²": "<= 0.1",
    "units in 5,000-20,000 m², %": ">= 99.5",
    "their share of the area, %": ">= 99.5",
    "natural blocks kept whole, %": ">= 97",
    "drivable streets within 10 m, %": ">= 92",
    "drivable streets within 20 m, %": ">= 96.5",
    "secondary and higher within 20 m, %": ">= 99",
    "border on barriers, small blocks, %": ">= 98",
    "mean compactness": ">= 0.65",
    "narrow units (2A/P < 12 m) not listed": "0",
    "narrow units listed as road": "",
    "units changed by row order": "0",
    "street edited: changed over 30 m away": "0",
    "street edited: changed, median of 12": "<= 6",
    "street edited: changed, most of 12": "<= 15",
    "older set given, closed: median, most": "",
    "older set given, opened: median, most": "",
    "older set given, nothing edited: changed": "0",
}


def real_folder() -> Path:
    """The folder of the real data."""
    return Path(os.environ.get("WANMI_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data").resolve()


def place(name: str, folder: Path | None = None) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Communities and barriers of a place."""
    if name == "demo city":
        return demo_city()
    file, srid = FILES[name]
    streets = read_streets((folder or real_folder()) / "streets" / file, srid)
    streets = streets[(streets["rank"] <= STREET) & ~streets["tunnel"]].reset_index(drop=True)
    return communities(streets), streets


def demo_city(scale: float = 1.0) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Communities and barriers of the demo city, as `gis.demo` gives them to the compiler."""
    from gis.demo.communities import make_territory
    from gis.demo.ground import make_barriers
    from gis.demo.plan import Plan
    from gis.demo.streets import make_network

    plan = Plan(scale, 1)
    net = make_network(plan)
    return make_territory(plan, net).communities, make_barriers(net)


def lines_of(barriers: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Barriers as lines."""
    shapes = barriers.geometry.to_numpy()
    return np.where(np.isin(shapely.get_type_id(shapes), (3, 6)), shapely.boundary(shapes), shapes)


def faces(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Faces between lines, by GEOS."""
    return shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all(lines, grid_size=0.001))))


def communities(streets: gpd.GeoDataFrame, least_m2: float = 100_000.0) -> gpd.GeoDataFrame:
    """Communities where there are none: the faces of tertiary and higher streets inside the outline of all faces.

    The smallest below 10 ha joins the neighbour with which it shares most border, until none is left.
    """
    lines = lines_of(streets)
    outline = shapely.coverage_union_all(faces(lines))
    main = lines[(streets["rank"] < STREET).to_numpy()]
    parts = faces(np.concatenate([main, [shapely.boundary(outline)]]))
    parts = parts[shapely.contains_properly(outline, shapely.point_on_surface(parts))]
    while len(parts) > 1:
        area = np.round(shapely.area(parts), 3)
        small = int(np.argmin(area))
        if area[small] >= least_m2:
            break
        shared = shapely.length(shapely.intersection(shapely.boundary(parts), shapely.boundary(parts[small])))
        shared[small] = 0
        other = int(np.argmax(shared))
        rest = np.delete(parts, [small, other] if shared[other] > 0 else [small])
        joined = [shapely.coverage_union_all(parts[[small, other]])] if shared[other] > 0 else []
        parts = np.concatenate([rest, np.array(joined, object)])
    middle = np.round(shapely.get_coordinates(shapely.centroid(parts)), 3)
    parts = shapely.set_precision(parts[np.lexsort((middle[:, 1], middle[:, 0]))], 0.001)
    code = [f"999999001{i:03d}" for i in range(1, len(parts) + 1)]
    return gpd.GeoDataFrame({"code": code}, geometry=parts, crs=streets.crs)


def street_blind(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The same compiler without any barrier."""
    empty = gpd.GeoDataFrame({"rank": np.empty(0, np.int64)}, geometry=[], crs=areas.crs)
    return build_units(areas, empty)


def fishnet(areas: gpd.GeoDataFrame, size: float = 100.0) -> gpd.GeoDataFrame:
    """Squares clipped to the communities, each piece a unit."""
    low_x, low_y, high_x, high_y = areas.total_bounds
    x, y = np.meshgrid(np.arange(low_x, high_x, size), np.arange(low_y, high_y, size))
    squares = shapely.box(x.ravel(), y.ravel(), x.ravel() + size, y.ravel() + size)
    net = gpd.GeoDataFrame(geometry=squares, crs=areas.crs)
    cut = gpd.overlay(net, areas, keep_geom_type=True).explode(ignore_index=True)
    return cut.rename(columns={"code": "community"}).assign(kind="square")


def measure(
    units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, streets: gpd.GeoDataFrame
) -> dict[str, bool | int | float]:
    """The figures of a set of units that need no second run."""
    shapes = units.geometry.to_numpy()
    area, around = shapely.area(shapes), shapely.length(shapes)
    borders = shapely.boundary(shapes)
    out: dict[str, bool | int | float] = {"units": len(units), "mean area, m²": round(float(area.mean()))}
    out["coverage valid"] = bool(shapely.coverage_is_valid(shapes))
    out["multi-part or invalid units"] = int(((shapely.get_type_id(shapes) != 3) | ~shapely.is_valid(shapes)).sum())
    sums = pd.Series(area).groupby(units["community"].to_numpy()).sum()
    given = areas.set_index("code").geometry.area
    out["community less its units, worst, m²"] = round(float((given - sums.reindex(given.index)).abs().max()), 3)
    parts = areas.explode(ignore_index=True)
    tiny = parts.geometry.to_numpy()[(parts.area < LOW).to_numpy()]
    judged = np.ones(len(units), bool)
    judged[STRtree(shapely.point_on_surface(shapes)).query(tiny, predicate="intersects")[1]] = False
    fine = (area >= LOW) & (area <= HIGH)
    out["units in 5,000-20,000 m², %"] = _percent(fine[judged].sum(), judged.sum())
    out["their share of the area, %"] = _percent(area[judged & fine].sum(), area[judged].sum())

    lines = np.concatenate([lines_of(streets), shapely.boundary(areas.geometry.to_numpy())])
    outline = shapely.union_all(areas.geometry.to_numpy())
    shapely.prepare(outline)
    blocks = faces(lines)
    blocks = blocks[shapely.contains_properly(outline, shapely.point_on_surface(blocks))]
    size = shapely.area(blocks)
    natural = blocks[(size >= LOW) & (size <= HIGH) & (2 * size / shapely.length(blocks) >= NARROW_M)]
    block, unit = STRtree(shapes).query(natural, predicate="intersects")
    held = np.zeros(len(natural))
    np.maximum.at(held, block, shapely.area(shapely.intersection(natural[block], shapes[unit])))
    out["natural blocks in the band"] = len(natural)
    out["natural blocks kept whole, %"] = _percent((held >= 0.99 * shapely.area(natural)).sum(), len(natural))

    drive = streets[streets["drivable"]]
    inside = shapely.intersection(drive.geometry.to_numpy(), outline)
    for reach in (10, 20):
        near = shapely.union_all(shapely.buffer(borders, reach))
        within = shapely.length(shapely.intersection(inside, near))
        out[f"drivable streets within {reach} m, %"] = _percent(within.sum(), shapely.length(inside).sum())
    main = (drive["rank"] <= 4).to_numpy()
    out["secondary and higher within 20 m, %"] = _percent(within[main].sum(), shapely.length(inside[main]).sum())
    near = shapely.union_all(shapely.buffer(lines, 1.0))
    border = shapely.union_all(borders)
    out["border on barriers, all, %"] = _percent(shapely.intersection(border, near).length, border.length)
    small = shapely.difference(border, shapely.union_all(shapely.buffer(blocks[size > HIGH], -0.5)))
    out["border on barriers, small blocks, %"] = _percent(shapely.intersection(small, near).length, small.length)
    compact = 4 * np.pi * area / around**2
    out["mean compactness"] = round(float(compact.mean()), 3)
    out["compactness below 0.4, %"] = _percent((compact < 0.4).sum(), len(compact))
    narrow, road = 2 * area / around < NARROW_M, (units["kind"] == "road").to_numpy()
    out["narrow units (2A/P < 12 m) not listed"] = int((narrow & ~road).sum())
    out["narrow units listed as road"] = int(road.sum())
    return out


def keys(units: gpd.GeoDataFrame) -> set[tuple[str, bytes]]:
    """Code and shape of each unit, to compare bit for bit."""
    return set(zip(units["code"], shapely.to_wkb(units.geometry.to_numpy()), strict=True))


def shuffled(areas: gpd.GeoDataFrame, streets: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> int:
    """Units that are other when the rows come in another order."""
    mixed = build_units(areas.sample(frac=1, random_state=1), streets.sample(frac=1, random_state=2))
    return len(keys(units) ^ keys(mixed))


def picked(areas: gpd.GeoDataFrame, streets: gpd.GeoDataFrame, *, trials: int = 12, seed: int = 1) -> list[int]:
    """Rows of streets between blocks, of the lowest rank."""
    lines = lines_of(streets)
    outline = shapely.union_all(areas.geometry.to_numpy())
    bounds = shapely.boundary(faces(np.concatenate([lines, shapely.boundary(areas.geometry.to_numpy())])))
    middle = shapely.line_interpolate_point(shapely.line_merge(lines), 0.5, normalized=True)
    here = np.flatnonzero((streets["rank"] == STREET).to_numpy() & ~shapely.is_missing(middle))
    beside = np.unique(STRtree(bounds).query(middle[here], predicate="dwithin", distance=0.01)[0])
    here = here[beside]
    edge = shapely.union_all(shapely.boundary(areas.geometry.to_numpy()))
    here = here[shapely.contains_properly(outline, middle[here]) & (shapely.distance(middle[here], edge) > 1)]
    return np.sort(np.random.default_rng(seed).choice(here, min(trials, len(here)), replace=False)).tolist()


@dataclass
class Edits:
    """What edits changed.

    Attributes
    ----------
    far
        Shapes that are other, bit for bit, in communities over 30 m away, in all trials of streets closed.
    near
        Units of the communities within 30 m whose shape changed by more than 1 m², for each street closed.
    closed, opened
        The same when the older set is given: for each street closed, and for each that is opened again.
    """

    far: int = 0
    near: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)


def edits(areas: gpd.GeoDataFrame, streets: gpd.GeoDataFrame, units: gpd.GeoDataFrame, *, seed: int = 1) -> Edits:
    """Take out one street at a time (`picked`), without and with the older set given."""
    out = Edits()
    for row in picked(areas, streets, seed=seed):
        close = set(areas["code"][areas.distance(streets.geometry.iloc[row]) <= 30])
        without = streets.drop(index=streets.index[row])
        new = build_units(areas, without)
        far, near = _changed(units, new, close)
        out.far += far
        out.near.append(near)
        out.closed.append(_changed(units, build_units(areas, without, previous=units), close)[1])
        out.opened.append(_changed(new, build_units(areas, streets, previous=new), close)[1])
    return out


def _changed(units: gpd.GeoDataFrame, new: gpd.GeoDataFrame, close: set[str]) -> tuple[int, int]:
    """Units of other communities that are not the same bit for bit, and of close ones that changed by over 1 m²."""
    shapes = new.geometry.to_numpy()
    kept = set(zip(new["community"], shapely.to_wkb(shapes), strict=True))
    tree, far, near = STRtree(shapes), 0, 0
    for community, shape in zip(units["community"], shapely.to_wkb(units.geometry.to_numpy()), strict=True):
        if (community, shape) in kept:
            continue
        if community not in close:
            far += 1
            continue
        was = shapely.from_wkb(shape)
        over = shapes[tree.query(was, predicate="intersects")]
        near += bool(shapely.area(shapely.symmetric_difference(over, was)).min(initial=np.inf) > 1.0)
    return far, near


def figures(name: str, folder: Path | None = None) -> pd.DataFrame:
    """The table of a place: ours, street-blind, fishnet."""
    areas, streets = place(name, folder)
    build_units(areas.head(1), streets)  # compiled code comes from the cache or is made here, outside the clock
    start = time.perf_counter()
    units = build_units(areas, streets)
    seconds = time.perf_counter() - start
    ours = {"communities": len(areas), "km²": round(float(areas.area.sum()) / 1e6, 2), "seconds": round(seconds, 2)}
    ours |= measure(units, areas, streets)
    ours["units changed by row order"] = shuffled(areas, streets, units)
    found = edits(areas, streets, units)
    ours["street edited: changed over 30 m away"] = found.far
    ours["street edited: changed, median of 12"] = float(np.median(found.near))
    ours["street edited: changed, most of 12"] = max(found.near)
    for what, some in (("closed", found.closed), ("opened", found.opened)):
        ours[f"older set given, {what}: median, most"] = f"{np.median(some):g}, {max(some)}"
    same = build_units(areas, streets, previous=units)
    ours["older set given, nothing edited: changed"] = len(keys(units) ^ keys(same))
    columns = {name: ours, "blind": measure(street_blind(areas), areas, streets)}
    columns["fishnet"] = measure(fishnet(areas), areas, streets)
    return pd.DataFrame({key: pd.Series(column, dtype=object) for key, column in columns.items()}, index=list(ours))


def _percent(part: float, whole: float) -> float:
    return round(100.0 * float(part) / float(whole), 2) if whole else float("nan")


def main(names: list[str]) -> int:
    """Print the figures of the named places, or all."""
    tables = [figures(name) for name in names or PLACES]
    table = pd.concat([pd.Series(TARGETS, name="target"), *tables], axis=1).reindex(tables[0].index)
    print(table.fillna("").to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
