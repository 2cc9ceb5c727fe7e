"""The compiler: what it cuts, joins and keeps; its promises on random towns."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grids.compile import build_units
from grids.errors import InputError

SRID = 4546
ORIGIN = (500_000.0, 3_877_000.0)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def town(*shapes) -> gpd.GeoDataFrame:
    """Communities 140802001001, …002 and so on."""
    codes = [f"140802001{i:03d}" for i in range(1, len(shapes) + 1)]
    shapes = [shapely.box(*one) if isinstance(one, tuple) else one for one in shapes]
    return _frame(codes, shapes)


def _frame(codes, shapes, **columns) -> gpd.GeoDataFrame:
    moved = shapely.transform(np.array(shapes, object), lambda xy: np.round(xy + ORIGIN, 3))
    return gpd.GeoDataFrame({"code": codes} | columns, geometry=moved, crs=SRID)


def streets(*lines, rank=6, **columns) -> gpd.GeoDataFrame:
    shapes = [shapely.LineString(line) if isinstance(line, list) else line for line in lines]
    ranks = np.broadcast_to(rank, len(shapes))
    return _frame([""] * len(shapes), shapes, rank=ranks, **columns)


def at(units: gpd.GeoDataFrame, x: float, y: float) -> int:
    """Row of the unit at a place."""
    (row,) = units.sindex.query(shapely.Point(x + ORIGIN[0], y + ORIGIN[1]), predicate="within")
    return int(row)


def held(units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, *, slant_m: float = 0.0) -> None:
    """What every answer holds; areas to a tenth of a square metre, or to `slant_m` along the border if that is more."""
    shapes = units.geometry.to_numpy()
    assert (shapely.get_type_id(shapes) == 3).all()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    assert (shapely.get_coordinates(shapes) == np.round(shapely.get_coordinates(shapes), 3)).all()
    assert units["code"].is_unique
    assert units["code"].is_monotonic_increasing
    whole = units.dissolve("community").geometry.reindex(areas["code"])
    given = areas.set_index("code").geometry
    assert ((whole.area - given.area).abs() <= np.maximum(0.1, slant_m * given.length)).all()
    # long borders that run almost along an axis may wave by half a millimetre, in their marks
    assert (whole.symmetric_difference(given).area <= 0.0005 * given.length).all()


def keys(units: gpd.GeoDataFrame) -> list[tuple[str, bytes]]:
    return list(zip(units["code"], shapely.to_wkb(units.geometry.to_numpy()), strict=True))


def test_a_block_within_the_band_stays_whole():
    areas = town((0, 0, 300, 100))
    units = build_units(areas, streets([(130, -5), (130, 105)]))
    held(units, areas)
    assert at(units, 10, 10) != at(units, 140, 10)
    assert units.iloc[at(units, 10, 10)]["kind"] == "block"
    assert round(units.area.iloc[at(units, 10, 10)]) == 13_000


def test_a_large_block_is_divided_into_parts_of_about_the_target():
    areas = town((0, 0, 400, 300))
    units = build_units(areas, streets())
    held(units, areas)
    assert 10 <= len(units) <= 14
    assert units.area.between(5_000, 20_000).all()
    assert set(units["kind"]) == {"part"}
    assert (4 * np.pi * units.area / units.length**2).mean() > 0.7


def test_the_target_is_a_parameter():
    areas = town((0, 0, 400, 300))
    units = build_units(areas, streets(), target_m2=30_000)
    held(units, areas)
    assert units.area.between(15_000, 60_000).all()
    assert len(units) in (3, 4, 5)


def test_crumbs_join_inside_their_community_only():
    areas = town((0, 0, 140, 100), (140, 0, 180, 100))
    units = build_units(areas, streets([(100, 0), (100, 100)]))
    held(units, areas)
    assert units["community"].tolist() == ["140802001001", "140802001002"]
    assert units["kind"].tolist() == ["block", "fragment"]


def test_a_crumb_keeps_to_its_side_of_the_barrier_of_higher_rank():
    # a crumb of 3,000 m² between a river and a lane: it joins across the lane
    areas = town((0, 0, 230, 100))
    for river, lane in ((100, 130), (130, 100)):
        lines = streets([(river, 0), (river, 100)], [(lane, 0), (lane, 100)], rank=[1, 7])
        units = build_units(areas, lines)
        held(units, areas)
        assert (at(units, 115, 50) == at(units, 50, 50)) == (river == 130)
        assert (at(units, 115, 50) == at(units, 180, 50)) == (river == 100)


def test_a_median_joins_and_no_unit_is_narrow():
    areas = town((0, 0, 420, 220))
    units = build_units(areas, streets([(0, 100), (420, 100)], [(0, 112), (420, 112)], rank=4))
    held(units, areas)
    assert (2 * units.area / units.length > 12).all()
    assert units.area.between(5_000, 20_000).all()


def test_a_roundabout_vanishes_in_a_unit():
    ring = shapely.Point(100, 100).buffer(15, 16).exterior
    areas = town((0, 0, 200, 200))
    arms = [[(0, 100), (85, 100)], [(115, 100), (200, 100)], [(100, 0), (100, 85)], [(100, 115), (100, 200)]]
    units = build_units(areas, streets(ring, *arms))
    held(units, areas)
    assert len(units) == 4


def test_dead_ends_bound_nothing_and_do_not_disturb():
    areas = town((0, 0, 120, 100))
    assert len(build_units(areas, streets([(60, 0), (60, 50)]))) == 1


def test_a_barrier_that_stops_short_is_continued():
    areas = town((0, 0, 240, 100))
    units = build_units(areas, streets([(120, 0), (120, 93)]))
    held(units, areas)
    assert len(units) == 2
    assert units.area.round().tolist() == [12_000, 12_000]


def test_two_ends_that_miss_each_other_by_a_little_are_joined():
    areas = town((0, 0, 240, 100))
    units = build_units(areas, streets([(120, 0), (120, 47)], [(121, 53), (121, 100)]))
    held(units, areas)
    assert len(units) == 2


def test_what_runs_under_ground_bounds_nothing():
    areas = town((0, 0, 180, 100))
    line = [(90, 0), (90, 100)]
    assert len(build_units(areas, streets(line, tunnel=[False], layer=[0]))) == 2
    assert len(build_units(areas, streets(line, tunnel=[True], layer=[0]))) == 1
    assert len(build_units(areas, streets(line, tunnel=[False], layer=[-1]))) == 1


def test_holes_islands_rings_and_communities_of_several_parts():
    lake = shapely.box(100, 100, 200, 200)
    two = shapely.MultiPolygon([shapely.box(400, 0, 500, 100), shapely.box(600, 0, 700, 150)])
    areas = town(shapely.box(0, 0, 300, 300) - lake, two, lake)
    ring = shapely.box(30, 30, 60, 60).exterior
    units = build_units(areas, streets(ring))
    held(units, areas)
    assert len(units) > 9


def test_a_street_as_an_area_gives_no_narrow_unit():
    road = shapely.unary_union([shapely.box(0, 95, 300, 109), shapely.box(143, 0, 157, 200)])
    areas = town((0, 0, 300, 200))
    units = build_units(areas, streets(road))
    held(units, areas)
    assert (2 * units.area / units.length > 12).all()
    assert units.area.between(5_000, 20_000).all()


def test_a_border_beside_the_centreline_makes_no_strips():
    areas = town((0, 0, 300, 206), (0, 206, 300, 400))
    units = build_units(areas, streets([(0, 200), (300, 200)], [(100, 0), (100, 400)], [(200, 0), (200, 400)]))
    held(units, areas)
    assert (2 * units.area / units.length > 12).all()


def test_where_communities_overlap_the_lower_code_has_the_ground():
    areas = town((0, 0, 110, 100), (100, 0, 200, 100))
    units = build_units(areas, streets())
    assert shapely.coverage_is_valid(units.geometry.to_numpy())
    assert units.area.round().tolist() == [11_000, 9_000]


def test_a_cut_on_one_side_of_a_border_leaves_the_other_side_bit_for_bit():
    areas = town((0, 0, 400, 300), (0, 300, 400, 500))
    lines = streets([(0, 100), (400, 100)])
    one, other = build_units(areas, lines), build_units(areas, lines.iloc[:0])
    north = "140802001002"
    assert keys(one[one["community"] == north]) == keys(other[other["community"] == north])
    assert keys(one[one["community"] != north]) != keys(other[other["community"] != north])


def test_taken_serials_are_not_given_again():
    areas = town((0, 0, 240, 100))
    units = build_units(areas, streets(), taken=["140802001001007"])
    assert units["code"].tolist()[:2] == ["140802001001008", "140802001001009"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.drop(columns="code"), "unique code"),
        (lambda a: pd.concat([a, a]), "unique code"),
        (lambda a: a.set_crs(4547, allow_override=True), "one metric CRS"),
        (lambda a: a.set_crs(None, allow_override=True), "one metric CRS"),
    ],
)
def test_refused_with_a_line(change, said):
    with pytest.raises(InputError, match=said):
        build_units(change(town((0, 0, 200, 100))), streets())


def test_a_crs_that_is_not_metric_is_refused():
    for srid in (4326, 3857, 2225):
        areas = town((0, 0, 200, 100)).set_crs(srid, allow_override=True)
        with pytest.raises(InputError, match="metric CRS"):
            build_units(areas, streets().set_crs(srid, allow_override=True))


@st.composite
def towns(draw):
    """Two to four communities side by side, with random streets across them."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    edges = np.cumsum(np.concatenate([[0], rng.uniform(60, 400, draw(st.integers(2, 4)))]))
    height = rng.uniform(60, 500)
    bend = rng.uniform(-25, 25, (len(edges), 2))
    shapes = [
        shapely.Polygon([(a + p[0], 0), (b + q[0], 0), (b + q[1], height), (a + p[1], height)])
        for a, b, p, q in zip(edges[:-1], edges[1:], bend[:-1], bend[1:], strict=True)
    ]
    lines = []
    for _ in range(draw(st.integers(0, 14))):
        start = rng.uniform([-50, -50], [edges[-1] + 50, height + 50])
        steps = rng.normal(0, 90, (int(rng.integers(1, 5)), 2))
        lines.append(np.vstack([start, start + np.cumsum(steps, axis=0)]).tolist())
    ranks = rng.integers(1, 9, len(lines))
    return town(*shapes), streets(*lines, rank=ranks)


@FEW
@given(towns())
def test_the_units_are_the_community(made):
    areas, lines = made
    held(build_units(areas, lines), areas)


@FEW
@given(towns(), st.integers(0, 2**31 - 1))
def test_order_and_direction_of_rows_change_nothing(made, seed):
    areas, lines = made
    turned = lines.set_geometry(lines.geometry.reverse())
    other = build_units(areas.sample(frac=1, random_state=seed), turned.sample(frac=1, random_state=seed))
    assert keys(build_units(areas, lines)) == keys(other)


@FEW
@given(towns())
def test_parts_large_enough_are_in_the_band(made):
    areas, lines = made
    units = build_units(areas, lines)
    assert (units.area <= 20_000.5).all()
    small = units[units.area < 5_000]
    assert set(small["kind"]) <= {"fragment", "road"}
