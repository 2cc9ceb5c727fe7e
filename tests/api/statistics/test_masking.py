"""Under an area mask the cells beyond it are no cells: else all of the mask would stand out against empty ground."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from api.statistics.cells import find_cells
from api.statistics.masking import cut_cells, masked, taken_units
from api.statistics.selection import Selection, Units, look
from gis import counts, store
from gis.demo import Demo
from gis.hotspots.stability import survival
from tests.api.conftest import Served


def ask(served: Served, **query: object) -> dict:
    answer = served.get("/v1/hotspots", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def some(small_demo: Demo) -> tuple[str, set[str]]:
    """A street of the city, and its units."""
    units = small_demo.layers["units"]
    street = units["community"].str[:9].value_counts().index[-1]
    return street, set(units.loc[units["community"].str.startswith(street), "code"])


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"method": "moran"},
        {"method": "trend", "bin_days": 28},
        {"method": "compare", "from": "2026-03-01", "to": "2026-06-01"},
        {"method": "rates", "exposure": "roads"},
        {"exposure": "roads"},
    ],
)
def test_cells_are_those_of_the_mask(served_demo: Served, some: tuple[str, set[str]], query: dict):
    street, units = some
    within = ask(served_demo, area=f"street:{street}", **query)
    without = ask(served_demo, area=f"-street:{street}", **query)
    told, left = ({f["properties"]["code"] for f in found["features"]} for found in (within, without))
    assert told == units and within["facts"]["n_cells"] == len(units)
    assert left and not left & units


def test_an_even_mask_does_not_stand_out_as_a_whole(served_demo: Served, some: tuple[str, set[str]]):
    street, _ = some
    for query in ({"cells": "unit"}, {"cells": "plane"}, {"cells": "unit", "method": "trend", "bin_days": 28}):
        found = ask(served_demo, area=f"street:{street}", **query)
        assert found["facts"]["hot"] < 0.3 * found["facts"]["n_cells"]  # it was nearly all of them


def test_rates_under_a_mask_are_over_its_own_exposure(served_demo: Served, some: tuple[str, set[str]]):
    street, units = some
    every = ask(served_demo, method="rates", exposure="roads")["features"]
    mine = [f["properties"] for f in every if f["properties"]["code"] in units]
    road = sum(one["exposure"] or 0.0 for one in mine)
    cases = sum(one["cases"] for one in mine if one["exposure"])
    found = ask(served_demo, method="rates", exposure="roads", area=f"street:{street}")
    assert found["facts"]["usual"] == pytest.approx(cases / road, rel=0.01)


def test_the_hotspots_of_the_map_keep_to_the_mask(served_demo: Served, some: tuple[str, set[str]]):
    street, units = some
    engine = store.connect(served_demo.dsn)
    city = store.read_city(engine)
    ground = Units(engine, city)
    found = look(engine, city, counts.class_book(engine), Selection(area=f"street:{street}"), ground)
    engine.dispose()
    assert set(found.units["code"][taken_units(found)]) == units
    mine = found.units["code"].isin(units).to_numpy()
    assert np.isnan(found.gi.z[~mine]).all() and np.isfinite(found.gi.z[mine]).all()
    assert set(found.hot["code"]) <= units and len(found.hot) < 0.3 * len(units)


def test_of_a_narrow_mask_each_cell_counts_with_the_ground_it_has_there(served_demo: Served):
    engine = store.connect(served_demo.dsn)
    city = store.read_city(engine)
    ground = Units(engine, city)
    west, south, east, north = ground.bounds or (0.0, 0.0, 0.0, 0.0)
    middle = (south + north) / 2
    lane = shapely.box(west, middle, east, middle + 20.0)  # a back lane: a fifth of a unit at most
    row = gpd.GeoDataFrame({"set": ["lane"], "code": ["1"]}, geometry=[lane], crs=city.srid)
    ground.areas = gpd.GeoDataFrame(pd.concat([ground.areas, row], ignore_index=True), crs=city.srid)
    found = look(engine, city, counts.class_book(engine), Selection(), ground)
    engine.dispose()
    shapes = found.units.geometry.to_numpy()
    for within, without in ((("lane:1",), None), (None, ("lane",))):
        some = replace(found, wanted=replace(found.wanted, within=within, without=without))
        parts = masked(some, shapes)
        plain = [shapely.intersection(s, lane) if within else shapely.difference(s, lane) for s in shapes]
        assert shapely.area(parts) == pytest.approx(shapely.area(plain), abs=1e-3)
        places = found.places
        whole = find_cells(some, "unit", float("nan"), places.x, places.y, places.unit)
        cells, mine, beyond = cut_cells(some, whole)
        assert 10 < len(cells.frame) < len(shapes) + 1 and cells.near.shape == (len(mine), len(mine))
        share = shapely.area(plain) / shapely.area(shapes)
        taken = np.isin(found.units["code"], cells.frame["code"])
        assert shapely.area(mine) == pytest.approx(shapely.area(plain)[taken], abs=1e-3)
        assert shapely.area(mine).sum() + shapely.area(beyond).sum() == pytest.approx(shapely.area(shapes).sum())
        assert share[~taken].max(initial=0.0) < share[taken].max() / 2
        same = cells.at >= 0  # cases keep their unit, neighbours stay who they were
        codes = whole.frame["code"].to_numpy()
        assert (cells.frame["code"].to_numpy()[cells.at[same]] == codes[whole.at[same]]).all()
        assert (cells.near != whole.near[taken][:, taken]).nnz == 0
    assert len(cut_cells(found, whole).cells.frame) == len(shapes)


def test_stability_is_asked_on_the_masks_ground(served_demo: Served, some: tuple[str, set[str]], small_demo: Demo):
    street, _ = some
    found = ask(served_demo, area=f"street:{street}", stability=1, cells="plane", cell_m=75)
    engine = store.connect(served_demo.dsn)
    places = counts.case_places(engine)
    engine.dispose()
    units = small_demo.layers["units"]
    mine = units[units["community"].str.startswith(street)].geometry.to_numpy()
    inside = shapely.contains_xy(shapely.union_all(mine), places.x, places.y)
    x, y = places.x[inside], places.y[inside]
    box = shapely.total_bounds(units.geometry.to_numpy())
    bounds = (box[0] - 500, box[1] - 500, box[2] + 500, box[3] + 500)
    at = shapely.point_on_surface(mine)
    share = survival(x, y, shapely.get_x(at), shapely.get_y(at), bounds, city=mine, cell_m=75.0).share
    told = [f["properties"]["stable"] for f in found["features"] if f["properties"]["stable"] is not None]
    assert share.mean() < 0.4  # held against the whole city all of the street would be hot in all settings
    assert all(0 <= one <= 1 for one in told)
