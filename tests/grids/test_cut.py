"""The simple block cut: areas, borders, numbers, and what it refuses."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from grids.cut import build_units, halve
from grids.errors import InputError

SRID = 4546
EAST = "140802001001"


def town(*boxes: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    """Communities 140802001001, …002 and so on, one for each box."""
    codes = [f"140802001{i:03d}" for i in range(1, len(boxes) + 1)]
    return gpd.GeoDataFrame({"code": codes}, geometry=[shapely.box(*b) for b in boxes], crs=SRID)


def streets(*lines: list[tuple[float, float]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[shapely.LineString(line) for line in lines], crs=SRID)


def test_big_block_falls_into_equal_parts():
    units = build_units(town((0, 0, 400, 200)), streets())
    assert len(units) == 8
    assert np.allclose(units.area, 10_000, atol=1.0)
    assert units.crs == SRID
    assert shapely.coverage_is_valid(units.geometry.to_numpy())


def test_cut_follows_streets():
    street = streets([(130, 0), (130, 100)])
    units = build_units(town((0, 0, 230, 100)), street)
    assert sorted(units.area.round()) == [10_000, 13_000]
    assert shapely.covers(shapely.union_all(shapely.boundary(units.geometry.to_numpy())), street.geometry.iloc[0])


def test_crumbs_join_the_roundest_neighbour_of_their_community():
    # a 4,000 m² strip between two blocks: the small one gives the rounder unit
    lines = streets([(100, 0), (100, 100)], [(140, 0), (140, 100)])
    units = build_units(town((0, 0, 200, 100), (200, 0, 240, 100)), lines)
    assert units["community"].tolist() == [EAST, EAST, "140802001002"]
    assert sorted(units[units["community"] == EAST].area.round()) == [10_000, 10_000]
    # the second community is a crumb itself and stays within its border
    assert units[units["community"] == "140802001002"].area.round().tolist() == [4_000]


def test_numbers_run_from_west_to_east_in_rows_from_the_north():
    units = build_units(town((0, 0, 200, 200)), streets([(100, 0), (100, 200)], [(0, 100), (200, 100)]))
    assert units["code"].tolist() == [f"{EAST}{i:03d}" for i in (1, 2, 3, 4)]
    middle = shapely.get_coordinates(units.centroid.to_numpy())
    assert middle.round().tolist() == [[50, 150], [150, 150], [50, 50], [150, 50]]


def test_rows_in_another_order_change_nothing():
    areas = town((0, 0, 700, 500), (700, 0, 1300, 500), (0, 500, 1300, 900))
    lines = streets(
        [(-10, 120), (1310, 180)], [(300, -10), (420, 910)], [(900, -5), (830, 905)], [(0, 700), (1300, 640)]
    )
    first = build_units(areas, lines)
    again = build_units(areas.iloc[::-1], lines.iloc[[2, 0, 3, 1]])
    assert first["code"].equals(again["code"])
    assert shapely.equals_exact(first.geometry.to_numpy(), again.geometry.to_numpy(), 0.0).all()


def test_every_community_is_tiled_and_nothing_else():
    areas = town((0, 0, 700, 500), (700, 0, 1300, 500), (0, 500, 1300, 900))
    lines = streets([(-300, 120), (1500, 180)], [(300, -200), (420, 1200)])
    units = build_units(areas, lines)
    whole = units.dissolve("community").area
    assert np.allclose(whole.to_numpy(), areas.area.to_numpy(), atol=0.5)
    assert shapely.coverage_is_valid(units.geometry.to_numpy())
    assert (units.geom_type == "Polygon").all()
    assert ((units.area >= 5_000) & (units.area <= 20_000)).all()
    assert (units["code"].str[:12] == units["community"]).all()


def test_block_with_bends_and_a_hole():
    shape = (
        shapely.box(0, 0, 600, 600).difference(shapely.box(150, 150, 450, 600)).difference(shapely.box(20, 20, 60, 60))
    )
    inner = shapely.box(20, 20, 60, 60)
    areas = gpd.GeoDataFrame({"code": ["a", "b"]}, geometry=[shape, inner], crs=SRID)
    units = build_units(areas, streets())
    assert units[units["community"] == "b"].area.round().tolist() == [1_600]
    cut = units[units["community"] == "a"]
    assert cut.area.sum() == pytest.approx(shape.area, abs=0.5)
    assert ((cut.area > 4_000) & (cut.area < 20_000)).all()
    assert shapely.coverage_is_valid(units.geometry.to_numpy())


def test_halve_keeps_the_area_and_tells_the_owners():
    shapes = np.array([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 40, 10)])
    parts, owner, cuts, of = halve(shapes, np.array([[4.0, 5.0], [35.0, 5.0]]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert owner.tolist() == [0, 1, 0, 1]
    assert shapely.area(parts).round(6).tolist() == [40, 150, 60, 50]
    assert shapely.length(cuts).tolist() == [10, 10]
    assert of.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("areas", "barriers", "target", "line"),
    [
        (town((0, 0, 9, 9)).rename(columns={"code": "id"}), streets(), 1e4, "areas: areas without a unique code"),
        (town((0, 0, 9, 9)).iloc[[0, 0]], streets(), 1e4, "areas: areas without a unique code"),
        (town((0, 0, 9, 9)).set_crs(4547, allow_override=True), streets(), 1e4, "one metric CRS"),
        (town((0, 0, 9, 9)), streets(), 0.0, "target of 0.0 m²; above 0"),
        (town((0, 0, 9, 9)), streets(), float("nan"), "target of nan m²; above 0"),
        (town((0, 0, 1100, 1000)), streets(), 1e3, "community 140802001001 needs 1100 units; at most 999"),
    ],
)
def test_refusals(areas, barriers, target, line):
    with pytest.raises(InputError, match=line.replace(".", r"\.")):
        build_units(areas, barriers, target_m2=target)
