"""The demo city's default points make no hotspot, by whatever method; one that nobody declared is told as a heap."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.crs import to_city
from gis.demo import make
from gis.hotspots.points import heaps
from grids.errors import InputError
from tests.every_method import DAYS, Town, piled_up


@pytest.fixture(scope="module")
def town() -> tuple[Town, tuple[np.ndarray, ...], np.ndarray]:
    demo = make(scale=0.05)
    layers = {name: demo.layers[name] for name in ("departments", "areas")}
    cases = demo.layers["cases"]
    place = ~(cases.geometry.isna() | cases.geometry.is_empty).to_numpy()
    points = cases.geometry.to_numpy()[place][::5]
    day = np.arange(len(points)) * DAYS // len(points)
    lon, lat = np.array(demo.city.default_points).T
    spots = np.column_stack(to_city(lon, lat, "EPSG:4326", demo.city.srid))
    assert (demo.truth["cases"]["flaw"] == "default_point").sum() > 100
    return Town(demo.city, layers), (shapely.get_x(points), shapely.get_y(points), day), spots


def test_no_declared_default_point_changes_any_answer(town):
    city, cases, spots = town
    x, y, day = city.located(*cases)
    assert len(x) < len(cases[0]) and min(np.hypot(x - a, y - b).min() for a, b in spots) > 1.0
    told = city.hot(x, y, day)
    piled = city.located(*piled_up(*cases, spots))
    again = city.hot(*piled)
    assert all(again[name].tobytes() == told[name].tobytes() for name in told)
    assert heaps(x, y) == []


def test_an_undeclared_one_is_told_as_a_heap(town):
    city, cases, spots = town
    x, y, day = city.undeclared().located(*cases)
    free = city.undeclared()
    told, at = free.hot(x, y, day), free.at(*spots[0])
    assert told["clusters"][at]
    (first,) = heaps(x, y)
    assert np.hypot(first.x - spots[0][0], first.y - spots[0][1]) < 0.001 and first.cases > 20


def test_heaps_are_those_of_a_plain_count():
    rng = np.random.default_rng(1)
    x, y = rng.integers(-3, 4, (2, 2000)) / 1000 + 5e5
    plain: dict[tuple[float, float], int] = {}
    for a, b in zip(x, y, strict=True):
        plain[a, b] = plain.get((a, b), 0) + 1
    want = sorted(((n, -a, -b) for (a, b), n in plain.items()), reverse=True)[:5]
    assert [(h.cases, -h.x, -h.y) for h in heaps(x, y)] == [pytest.approx(row) for row in want]
    assert heaps([], []) == [] and heaps([1.0] * 9, [1.0] * 9) == []
    assert heaps(np.append(np.arange(20_000.0), [7.0] * 18), np.zeros(20_018)) == []  # 19 of 20,018: an address
    with pytest.raises(InputError, match="no coordinates"):
        heaps([np.nan] * 20, [0.0] * 20)
