"""Cuts that miss buildings, and parts put together from parcels."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st

from grids.compile import build_units
from tests.grids.test_compile import FEW, SRID, _frame, held, keys, streets, town, towns


def rows_of_houses(width: float, height: float, seed: int = 1) -> gpd.GeoDataFrame:
    """Houses of 26 by 12 m with gaps of 9 m, a little off their lattice."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(5, width - 30, 35.0), np.arange(5, height - 16, 21.0))
    x, y = (one.ravel() + rng.uniform(-1, 1, one.size) for one in (x, y))
    houses = shapely.box(x, y, x + 26, y + 12)
    return _frame([""] * len(houses), houses)


def lots(width: float, height: float, across: int, deep: int, *, setback: float = 0.0) -> gpd.GeoDataFrame:
    x = np.linspace(setback, width - setback, across + 1)
    y = np.linspace(setback, height - setback, deep + 1)
    cells = [shapely.box(x[i], y[j], x[i + 1], y[j + 1]) for i in range(across) for j in range(deep)]
    return _frame([""] * len(cells), cells)


def inner(units: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> shapely.Geometry:
    """The cuts: borders of units off the borders of communities."""
    borders = shapely.union_all(shapely.boundary(units.geometry.to_numpy()))
    return shapely.difference(borders, shapely.buffer(shapely.union_all(areas.boundary.to_numpy()), 0.1))


def test_cuts_run_in_the_gaps_between_buildings():
    # streets bound the block: on the border of a community cuts end at its marks, and may meet a house there
    areas, houses = town((-90, -90, 510, 510)), rows_of_houses(420, 420)
    around = streets(*([a, b] for a, b in pairwise([(0, 0), (420, 0), (420, 420), (0, 420), (0, 0)])))
    built = shapely.union_all(houses.geometry.to_numpy())
    share = []
    for given_ in (None, houses):
        units = build_units(areas, around, buildings=given_)
        held(units, areas)
        assert units.area.between(5_000, 20_000).all()
        cut = inner(units, areas)
        share.append(shapely.intersection(cut, built).length / cut.length)
    assert share[0] > 0.2
    assert share[1] < 0.05


def test_parcels_are_put_together_to_parts():
    areas = town((0, 0, 600, 300))
    for setback in (0.0, 8.0):  # with a setback they end at the street front
        parcels = lots(600, 300, 13, 6, setback=setback)
        units = build_units(areas, streets(), parcels=parcels)
        held(units, areas)
        assert units.area.between(5_000, 20_000).all()
        assert len(units) > 10
        cut = inner(units, areas)
        lines = shapely.union_all(shapely.boundary(parcels.geometry.to_numpy()))
        on = shapely.intersection(cut, shapely.buffer(lines, 0.1)).length / cut.length
        assert on > (0.99 if setback == 0 else 0.9)


def test_parcels_above_the_band_are_cut():
    areas = town((0, 0, 600, 300))
    units = build_units(areas, streets(), parcels=lots(600, 300, 2, 1))
    held(units, areas)
    assert units.area.between(5_000, 20_000).all()
    middle = shapely.box(500_299.9, 3_877_000, 500_300.1, 3_877_300)
    assert not shapely.contains(units.geometry.to_numpy(), shapely.centroid(middle)).any()


def test_natural_blocks_ask_no_parcels():
    areas, lines = town((0, 0, 300, 100)), streets([(130, -5), (130, 105)])
    assert keys(build_units(areas, lines, parcels=lots(300, 100, 9, 4))) == keys(build_units(areas, lines))


def test_nothing_given_is_as_nothing_known():
    areas = town((0, 0, 400, 300))
    none = gpd.GeoDataFrame(geometry=[], crs=SRID)
    points = gpd.GeoDataFrame(geometry=shapely.points([[500_100.0, 3_877_100.0]]), crs=SRID)
    plain = keys(build_units(areas, streets()))
    for empty in (none, points):
        assert keys(build_units(areas, streets(), buildings=empty, parcels=empty)) == plain


@FEW
@given(towns(), st.integers(0, 2**31 - 1))
def test_with_land_the_promises_hold_in_any_order(made, seed):
    areas, lines = made
    low, high = np.array(areas.total_bounds).reshape(2, 2)
    size = high - low
    houses, parcels = rows_of_houses(*size, seed=seed), lots(*size, 1 + seed % 9, 1 + seed % 4, setback=seed % 3 * 4.0)
    units = build_units(areas, lines, buildings=houses, parcels=parcels)
    held(units, areas)
    assert (units.area <= 20_000.5).all()
    assert set(units["kind"][units.area < 5_000]) <= {"fragment", "road"}
    mixed = build_units(
        areas,
        lines,
        buildings=houses.sample(frac=1, random_state=seed),
        parcels=pd.concat([parcels.iloc[::-1]]),
    )
    assert keys(mixed) == keys(units)
