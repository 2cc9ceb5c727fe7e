"""The demo city at a twentieth of its size: all that is promised of its ground, its duties and its people."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import STRtree

from gis.crs import to_lonlat
from gis.demo import Demo, make
from gis.demo.plan import FULL_AREA_M2, SRID, Plan
from gis.demo.planted import EACH, RISKS, SIZES
from gis.exact import footprint
from gis.layers import LAYERS
from gis.rosters import Where, chain, contradiction, gaps, on_duty
from gis.rosters.gaps import hole_at
from grids.catalog import catalog
from grids.codes_array import check_component, check_unit
from grids.errors import InputError
from tests.gis.demo import SCALE

GROUND = {"roads", "rivers", "railways", "buildings", "parcels", "drains"}


def digest(made: Demo) -> dict[str, str]:
    """A fingerprint of every frame, bit for bit."""
    out = {}
    for name, frame in (made.layers | {f"truth {name}": frame for name, frame in made.truth.items()}).items():
        total = hashlib.sha256()
        for column in frame.columns:
            values = frame[column]
            if column == "geometry":
                total.update(b"".join(wkb or b"-" for wkb in shapely.to_wkb(values.to_numpy())))
            else:
                total.update(pd.util.hash_pandas_object(values).to_numpy().tobytes())
        out[name] = total.hexdigest()
    return out


def test_same_seed_same_city_on_another_processor(demo):
    # the child computes without the vector instructions of this machine and with another hash seed
    code = "from tests.gis.demo import test_demo as t; print(t.digest(t.make(scale=t.SCALE)))"
    off = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX2 FMA3"
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": off, "PYTHONHASHSEED": "7"}
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == str(digest(demo))


def test_another_seed_another_city(demo):
    other = make(scale=0.02, seed=2)
    assert set(other.layers) == set(demo.layers)
    assert digest(other)["roads"] != digest(make(scale=0.02, seed=3))["roads"]


def test_frames_are_canonical(layers):
    assert set(layers) == set(LAYERS)
    for name, frame in layers.items():
        layer = LAYERS[name]
        assert [c for c in frame.columns if c != "geometry"] == [c.name for c in layer.columns], name
        assert frame.index[0] == 1 and frame.index.is_monotonic_increasing
        for column in layer.columns:
            if column.kind == "text":
                assert frame[column.name].dtype == "str", (name, column.name)
                assert not frame[column.name].isna().any(), (name, column.name)
                assert not (column.required and (frame[column.name] == "").any()), (name, column.name)
            if column.kind == "instant":
                assert str(frame[column.name].dtype) == "datetime64[us, UTC]", (name, column.name)
        dated = ["valid_from"] if layer.dated else []
        assert not frame.duplicated([*layer.key, *dated]).any(), name
        if layer.geometry:
            assert frame.crs == SRID
            shapes = frame.geometry.to_numpy()
            there = shapes[~shapely.is_missing(shapes)]
            assert name == "cases" or len(there) == len(shapes)
            assert set(frame.geom_type.dropna()) <= set(layer.geometry), name
            assert shapely.is_valid(there).all() and not shapely.is_empty(there).any(), name
            on_grid = shapely.get_coordinates(there) * 1000
            assert np.abs(on_grid - np.rint(on_grid)).max() < 1e-3, name


def test_counts(demo, layers):
    plan = Plan(SCALE)
    assert len(layers["cases"]) == plan.count(527_000)
    assert abs(len(layers["components"]) - 150_000 * SCALE) < 100
    assert abs(len(layers["units"]) - 9_100 * SCALE) < 0.06 * 9_100 * SCALE
    assert layers["cases"]["filed_at"].notna().sum() == plan.count(40_200)
    assert (layers["cases"]["status"] == "closed").sum() == plan.count(38_300)
    assert layers["cases"]["closed_at"].notna().sum() == plan.count(38_300)
    covers = layers["components"]["class"].isin(["2026:C01002", "2026:C01003", "2026:C01004"]).sum()
    assert covers == sum(plan.count(n) for n in (3_900, 4_600, 4_500))
    assert layers["drains"].length.sum() == pytest.approx(360_000 * SCALE, rel=0.03)
    assert layers["components"]["class"].nunique() == 152  # all of 2026 but harbour equipment
    assert len(demo.truth["hotspots"]) == len(RISKS) * len(SIZES) * plan.count(EACH)


def test_territory_tiles(layers, city):
    areas = layers["areas"]
    assert city.area == pytest.approx(FULL_AREA_M2 * SCALE, rel=1e-4)
    units = layers["units"]
    for name in ("community", "street", "patrol"):
        shapes = areas.loc[areas["set"] == name].geometry.to_numpy()
        assert shapely.coverage_is_valid(shapes)
        assert shapely.area(shapes).sum() == pytest.approx(city.area, abs=1e-3)
        assert shapely.equals(shapely.coverage_union_all(shapes), city)
    parent = areas.set_index("code")["parent"]
    assert (parent[areas.loc[areas["set"] == "community", "code"]].to_numpy() ==
            areas.loc[areas["set"] == "community", "code"].str[:9].to_numpy()).all()  # fmt: skip
    assert (areas["set"] == "patrol").sum() == 5
    assert set(units["community"]) == set(areas.loc[areas["set"] == "community", "code"])


def test_units_are_about_ten_thousand_square_metres(layers, city):
    units = layers["units"]
    shapes, area = units.geometry.to_numpy(), units.area
    assert shapely.coverage_is_valid(shapes)
    assert area.sum() == pytest.approx(city.area, abs=0.1)
    assert ((area >= 5_000) & (area <= 20_000)).all()
    assert area.median() == pytest.approx(10_000, rel=0.05)
    assert (check_unit(units["code"]) == "").all()
    roads = layers["roads"]
    main = roads[roads["kind"].isin(["trunk", "primary", "secondary", "tertiary"])]
    inside = shapely.intersection(main.geometry.to_numpy(), shapely.buffer(city, -1))
    borders = shapely.union_all(shapely.boundary(shapes))
    # only a crumb of a block, which its neighbour took in, may have a street inside its unit
    crossed = shapely.length(shapely.difference(inside, shapely.buffer(borders, 0.01))).sum()
    assert crossed < 0.01 * shapely.length(inside).sum()


def test_every_component_lies_in_the_city_and_in_its_unit(layers, city):
    components, units = layers["components"], layers["units"]
    assert (check_component(components["code"]) == "").all()
    assert (components["code"].str[6:11] == components["class"].str[6:]).all()
    assert (catalog().index(components["class"]) >= 0).all()
    points = components.geometry.to_numpy()
    assert shapely.covers(city, points).all()
    unit = units.set_index("code").geometry[components["unit"]].to_numpy()
    assert shapely.covers(unit, points).all()
    known = set(layers["departments"]["code"]) | {""}
    for duty in ("supervising", "owning", "maintaining"):
        assert set(components[duty]) <= known
    assert (components[["supervising", "owning", "maintaining"]] == "").all(axis=1).any()


def test_things_stand_where_they_belong(layers):
    components, roads, parcels = layers["components"], layers["roads"], layers["parcels"]
    ground = STRtree(shapely.buffer(roads.geometry.to_numpy(), roads["width_m"].to_numpy() / 2))
    built = STRtree(layers["buildings"].geometry.to_numpy())
    parks = STRtree(parcels[parcels["kind"].isin(["park", "greenway"])].geometry.to_numpy())

    def share(tree: STRtree, code: str) -> float:
        points = components[components["class"] == f"2026:C{code}"].geometry.to_numpy()
        return len(np.unique(tree.query(points, predicate="intersects")[0])) / len(points)

    for code in ("01002", "01003", "01004", "01037", "04002"):  # covers, grates, lamps, street trees
        assert share(ground, code) > 0.99, code
        assert share(built, code) == 0.0, code
    assert share(parks, "04007") == 1.0  # benches
    lamps = components[components["class"] == "2026:C01037"].geometry
    away = STRtree(lamps.to_numpy()).query_nearest(lamps.to_numpy(), exclusive=True, return_distance=True)[1]
    assert 15 < np.median(away) < 60


def test_buildings_keep_off_roads_water_and_rails(layers):
    buildings = layers["buildings"].geometry.to_numpy()
    roads, rails, rivers = layers["roads"], layers["railways"], layers["rivers"]
    for frame, room in ((roads, 0.0), (rails, 5.0), (rivers[rivers["kind"] == "canal"], 0.0)):
        land = shapely.buffer(frame.geometry.to_numpy(), frame["width_m"].to_numpy() / 2 + room)
        assert not len(STRtree(buildings).query(land, predicate="intersects")[0])
    assert not len(STRtree(buildings).query(rivers[rivers["kind"] == "water"].geometry, predicate="intersects")[0])
    pairs = STRtree(buildings).query(buildings, predicate="intersects")
    assert (pairs[0] == pairs[1]).all()
    assert layers["buildings"]["height_m"].between(3, 120).all()


def test_roads_have_a_hierarchy_and_bridges(layers):
    roads, parcels = layers["roads"], layers["parcels"]
    kinds = ["motorway", "trunk", "primary", "secondary", "tertiary", "residential", "service"]
    assert set(kinds) <= set(roads["kind"])
    named = roads[roads["kind"].isin(kinds[1:6])]["name"]
    assert (named != "").mean() > 0.95
    water = layers["rivers"].query("kind == 'canal'").geometry.iloc[0]
    over = roads[roads.geometry.crosses(water)]
    spans = parcels[parcels["kind"] == "bridge"]
    inside = over[over.geometry.within(shapely.box(*layers["areas"].total_bounds))]
    assert len(spans) and len(spans) <= len(over)
    assert inside.intersects(shapely.union_all(spans.geometry.to_numpy())).mean() > 0.8


def test_the_planted_faults_of_zones_are_there(demo, layers):
    zones, faults = layers["zones"].set_index("code"), demo.truth["zones"]
    shape = dict(zip(zones.index, footprint(zones.geometry.to_numpy(), zones["width_m"].fillna(0)), strict=True))
    seen = set(faults["fault"])
    assert seen >= {"overlap", "gap", "sliver_overlap", "sliver_gap", "contested_border", "expired", "duplicate",
                    "beyond_border"}  # fmt: skip
    city = layers["areas"].query("set == 'district'").geometry.iloc[0]
    for fault in faults.itertuples(index=False):
        codes = fault.zones.split()
        where = fault.geometry.buffer(-0.05)
        if fault.fault in ("overlap", "sliver_overlap", "contested_border", "duplicate"):
            a, b = codes
            assert shapely.covers(shape[a], where) and shapely.covers(shape[b], where), fault.fault
            assert zones.loc[a, "classes"] == zones.loc[b, "classes"]
            assert pd.isna(zones.loc[a, "rank"]) and pd.isna(zones.loc[b, "rank"])
        if fault.fault in ("contested_border", "duplicate"):
            assert zones.loc[codes[0], "department"] != zones.loc[codes[1], "department"]
        if fault.fault in ("gap", "sliver_gap"):
            contracts = [shape[code] for code in zones.index[zones.index.str.startswith("Z-HW-")]]
            assert not shapely.intersects(contracts, where).any() and shapely.covers(city, where)
        if fault.fault == "sliver_overlap":
            assert shapely.area(fault.geometry) / shapely.length(fault.geometry) < 0.5
        if fault.fault == "expired":
            assert zones.loc[codes[0], "valid_to"] < pd.Timestamp("2026-07-01", tz="UTC")
        if fault.fault == "beyond_border":
            assert shapely.intersection(shape[codes[0]], city).area > 0
            assert not shapely.intersects(city, where)
    levels = {catalog().level(text) for text in layers["zones"]["classes"]}
    assert levels == {0, 1, 2, 3}
    assert zones["rank"].notna().any() and zones["width_m"].notna().any()


def test_rules_name_every_class_of_2026(layers):
    rules = layers["rules"].set_index("class")
    modern = [text for text in catalog().texts if text.startswith("2026")]
    assert set(modern) <= set(rules.index)
    assert rules.loc["2026:C01037", ["department", "duty"]].tolist() == ["CG01", "maintaining"]
    assert rules.loc["2026:E06001", "department"] == ""  # the territory's
    assert rules["invented"].sum() and not rules.loc["2013:C0137", "invented"]
    assert set(rules["department"]) <= set(layers["departments"]["code"]) | {""}
    assert set(layers["areas"]["department"]) <= set(layers["departments"]["code"]) | {""}
    assert set(layers["departments"]["parent"]) <= set(layers["departments"]["code"]) | {""}


def test_teams_move_on_every_month(layers):
    rosters = layers["rosters"][layers["rosters"]["kind"] == "patrol"]
    assert rosters["person"].nunique() == 55 and rosters["team"].nunique() == 5
    assert len(rosters) == 55 * 18 - 11  # one team has a month without a turn
    month = rosters.groupby(["valid_from", "team"])["area"].nunique()
    assert (month == 1).all()
    assert sorted(rosters.groupby("valid_from")["area"].nunique()) == [4] + [5] * 17
    one = rosters[rosters["person"] == rosters["person"].iloc[1]].sort_values("valid_from")
    assert (one["area"].to_numpy()[1:] != one["area"].to_numpy()[:-1]).all()
    assert (one["valid_to"].to_numpy()[:-1] == one["valid_from"].to_numpy()[1:]).all()
    assert one["valid_from"].iloc[0] == pd.Timestamp("2025-07-01", tz="Asia/Shanghai")


def test_every_community_has_chiefs_and_a_way_to_enforcement(layers):
    areas, rosters = layers["areas"], layers["rosters"]
    assert contradiction(rosters) == ""
    at = pd.Timestamp("2026-07-15", tz="Asia/Shanghai")
    some = areas[areas["set"] == "community"]
    for code, street in zip(some["code"], some["parent"], strict=True):
        here = Where((("community", code), ("street", street), ("district", "140802")))
        there = on_duty(rosters, here, at)
        chiefs = there.loc[(there["kind"] == "chief") & (there["role"] == "chief"), "tier"]
        assert chiefs.tolist() == [3, 2, 1] and (there["kind"] == "1+5").sum() == 6
        steps, broken = chain(rosters, here, at)
        assert [s.kind for s in steps] == ["chief"] * 3 + ["enforcement"] and not broken
        assert [s.after_hours for s in steps] == [0, 4, 28, 76] and steps[-1].team == f"执法{street}"
    roads = set(rosters.loc[rosters["place_kind"] == "road", "place"])
    assert roads and roads <= set(layers["roads"]["code"])


def test_the_holes_of_the_rosters_are_the_planted_ones(demo, layers):
    rosters = layers["rosters"]
    found = gaps(rosters)
    found = found[(found["last"] >= 0) & (found["next"] >= 0)]
    told = {(h.kind, h.area, h.begin, h.end, h.last_team, h.next_team)
            for h in (hole_at(rosters, gap) for gap in found.itertuples())}  # fmt: skip
    planted = demo.truth["rosters"][["kind", "area", "from", "to", "last_team", "next_team"]]
    assert told == set(planted.itertuples(index=False, name=None)) and len(told) == 2


def test_city_holds_all_of_it_in_its_bounds(demo, layers):
    west, south, east, north = demo.city.bounds
    for name in ("areas", "components", *GROUND):
        frame = layers[name]
        assert isinstance(frame, gpd.GeoDataFrame)
        low_x, low_y, high_x, high_y = frame.total_bounds
        lon, lat = to_lonlat([low_x, high_x, low_x, high_x], [low_y, high_y, high_y, low_y], SRID)
        assert lon.min() >= west and lon.max() <= east and lat.min() >= south and lat.max() <= north, name


@pytest.mark.parametrize(
    ("scale", "seed", "line"),
    [(0.0, 1, "scale 0; 0.02 to 1"), (5.0, 1, "scale 5; 0.02 to 1"), (0.1, -1, "seed -1; 0 or more")],
)
def test_refusals(scale, seed, line):
    with pytest.raises(InputError, match=line):
        make(scale=scale, seed=seed)
