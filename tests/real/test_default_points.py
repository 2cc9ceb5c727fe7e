"""No default point of Baltimore or Boston makes a hotspot, by whatever method; and what an undeclared one does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gis.crs import to_city
from gis.files import read_layer
from gis.hotspots.points import heaps
from gis.profile import read_profile
from tests.every_method import DAYS, Town, piled_up

FILES = {
    "baltimore": ("neighborhood", "Neighborhoods.shp", "cases.csv"),
    "boston": ("ward", "Wards.geojson", "cases_2013.csv"),
}


def city_of(real_data, key: str):
    profile = read_profile(key)
    set_, file, cases = FILES[key]
    folder = real_data / key
    areas = read_layer(folder / file, "areas", profile.city, profile=profile, set_=set_).frame
    frame = read_layer(folder / cases, "cases", profile.city, profile=profile).frame
    place = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    x, y = frame.geometry.x.to_numpy()[place], frame.geometry.y.to_numpy()[place]
    at = pd.to_datetime(frame["reported_at"])[place]
    day = (np.argsort(np.argsort(at.to_numpy(), kind="stable")) * DAYS // place.sum()).astype(np.int64)
    town = Town(profile.city, {"areas": areas})
    lon, lat = np.array(profile.city.default_points).T
    return town, (x, y, day), np.column_stack(to_city(lon, lat, "EPSG:4326", profile.city.srid))


@pytest.mark.parametrize("key", FILES)
def test_no_declared_default_point_changes_any_answer(real_data, key):
    town, cases, spots = city_of(real_data, key)
    x, y, day = town.located(*cases)
    for spot in spots:
        assert np.hypot(x - spot[0], y - spot[1]).min() > 1.0
    told = town.hot(x, y, day)
    piled = town.located(*piled_up(*cases, spots))
    assert all(np.array_equal(a, b) for a, b in zip(piled, (x, y, day), strict=True))
    again = town.hot(*piled)
    assert all(again[name].tobytes() == told[name].tobytes() for name in told)
    assert not any(told[name][at] for at in [town.at(*s) for s in spots] if at >= 0 for name in ("scan", "compare"))
    assert not any(np.hypot(h.x - s[0], h.y - s[1]) < 1 for h in heaps(x, y) for s in spots)


def test_an_undeclared_one_is_found_as_a_heap(real_data):
    town, cases, spots = city_of(real_data, "boston")
    free = town.undeclared()
    piled = free.located(*piled_up(*cases, spots))
    told, at = free.hot(*piled), free.at(*spots[0])
    assert told["trend"][at] and told["clusters"][at] and told["scan"][at]
    first = heaps(piled[0], piled[1])[0]
    assert first.cases >= 300 and np.hypot(first.x - spots[0][0], first.y - spots[0][1]) < 1


def test_a_default_point_beyond_the_city_makes_none_even_undeclared(real_data):
    town, cases, _ = city_of(real_data, "baltimore")
    free = town.undeclared()
    assert len(free.located(*cases)[0]) == len(town.located(*cases)[0])
