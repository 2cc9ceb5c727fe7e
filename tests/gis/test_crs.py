"""Coordinates: published vectors, round trips over the country, names of systems, metric zones."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from gis import crs
from grids.errors import InputError

# (lon, lat) in and out; the first from coordtransform's tests, the rest computed from the published formula
WGS_TO_GCJ = [
    ((116.404, 39.915), (116.41024449916938, 39.91640428150164)),
    ((111.0, 35.03), (111.00578019924303, 35.02924464340622)),
    ((121.6147, 38.914), (121.61964328890618, 38.91477726578321)),
    ((118.1, 24.46), (118.10497242724796, 24.457358208094444)),
    ((105.5926, 30.5328), (105.59600928193825, 30.53000560417676)),
    ((113.617, 34.87), (113.62305389474409, 34.86893811581699)),
]
# eviltransform's own vectors; its code uses another Earth radius, so a tolerance of 2 cm
WGS_TO_GCJ_EVIL = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]
SHIFTS = {
    "gcj02": (crs.wgs_to_gcj, crs.gcj_to_wgs),
    "bd09": (crs.gcj_to_bd, crs.bd_to_gcj),
}


@pytest.mark.parametrize(("given_at", "expected"), WGS_TO_GCJ)
def test_wgs_to_gcj_reproduces_the_published_values_to_the_last_digits(given_at, expected):
    np.testing.assert_allclose(crs.wgs_to_gcj(*given_at), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("given_at", "expected"), WGS_TO_GCJ_EVIL)
def test_wgs_to_gcj_agrees_with_eviltransform(given_at, expected):
    np.testing.assert_allclose(crs.wgs_to_gcj(*given_at), expected, rtol=0, atol=2e-7)


def test_gcj_to_bd_reproduces_the_published_value():
    expected = (116.41036949371029, 39.92133699351021)
    np.testing.assert_allclose(crs.gcj_to_bd(116.404, 39.915), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SHIFTS)
def test_shifts_are_undone_within_a_hundredth_of_a_millimetre_all_over_the_country(name):
    forth, back = SHIFTS[name]
    west, south, east, north = crs.CHINA
    lon, lat = (a.ravel() for a in np.meshgrid(np.arange(west, east, 0.29), np.arange(south, north, 0.23)))
    again = back(*forth(lon, lat))
    _, _, metres = Geod(ellps="WGS84").inv(lon, lat, *again)
    assert lon.size > 40_000
    assert metres.max() < 1e-5


def test_published_one_step_inverses_are_far_from_the_truth():
    # why they are no targets: at Yuncheng "subtract the shift of the shifted point" misses by 3 m
    lon, lat = crs.wgs_to_gcj(111.0, 35.03)
    again_lon, again_lat = crs.wgs_to_gcj(lon, lat)
    _, _, metres = Geod(ellps="WGS84").inv(111.0, 35.03, 2 * lon - again_lon, 2 * lat - again_lat)
    assert 2.5 < metres < 3.5


def test_an_undeclared_datum_errs_by_half_a_kilometre():
    right = crs.to_city(*crs.wgs_to_gcj(111.0, 35.03), "gcj02", 4546)
    wrong = crs.to_city(*crs.wgs_to_gcj(111.0, 35.03), "EPSG:4326", 4546)
    assert 400 < np.hypot(right[0] - wrong[0], right[1] - wrong[1]) < 650


@pytest.mark.parametrize(("lon", "lat"), [(73.5, 39.0), (135.2, 48.0), (100.0, 3.8), (120.0, 53.6), (-76.6, 39.3)])
def test_beyond_the_rectangle_gcj_is_wgs(lon, lat):
    assert crs.wgs_to_gcj(lon, lat) == (lon, lat)
    assert crs.gcj_to_wgs(lon, lat) == (lon, lat)


@pytest.mark.parametrize("system", ["EPSG:4326", "gcj02", "bd09", "EPSG:4490", 4547])
def test_nan_passes_through_and_spoils_nothing_else(system):
    x, y = (np.array([111.0, np.nan, 111.0]), np.array([35.0, 35.0, np.nan]))
    if system == 4547:
        x, y = x + 200_000, y + 3_800_000
    east, north = crs.to_city(x, y, system, 4546)
    assert np.isfinite(east[0]) and np.isfinite(north[0])
    assert np.isnan(east[1:]).all() and np.isnan(north[1:]).all()


def test_what_no_projection_can_hold_is_nan_not_infinity():
    east, _ = crs.to_city([111.0, 111.0], [35.0, 95.0], "EPSG:4326", 4546)
    assert np.isfinite(east[0]) and np.isnan(east[1])


def test_central_meridian_of_the_zone_is_at_500_km():
    east, north = crs.to_city(111.0, 35.0, "EPSG:4326", 4546)
    assert east == pytest.approx(500_000, abs=1e-6)
    assert 3_870_000 < north < 3_880_000


def test_x_is_always_east_whatever_the_register_says():
    # EPSG:4547 names north first, EPSG:4490 latitude first
    expected = crs.to_city(111.2, 35.1, "EPSG:4326", 4546)
    np.testing.assert_allclose(crs.to_city(111.2, 35.1, "EPSG:4490", 4546), expected, atol=1e-9)
    x, y = crs.to_city(111.2, 35.1, "EPSG:4326", 4547)
    np.testing.assert_allclose(crs.to_city(x, y, CRS.from_epsg(4547), 4546), expected, atol=1e-4)


ZONES = [4546, 4508, 4525, 4491, 32649, 32756, 3067, 25832, 2326]


@pytest.mark.parametrize("srid", ZONES)
def test_our_own_projection_equals_proj(srid):
    geodetic = 4326 if srid != 2326 else 4611  # Hong Kong 1980 has a datum shift to WGS 84
    way = crs.way(geodetic, srid)
    assert way.zone is not None
    rng = np.random.default_rng(srid)
    lon, lat = way.zone[0] + rng.uniform(-6, 6, 20_000), rng.uniform(-85, 85, 20_000)
    proj = Transformer.from_crs(geodetic, srid, always_xy=True)
    expected = np.array(proj.transform(lon, lat))
    np.testing.assert_allclose(crs.to_city(lon, lat, geodetic, srid), expected, rtol=0, atol=2e-8)
    again = np.array(way.back(*expected))
    np.testing.assert_allclose(again, (lon, lat), rtol=0, atol=2e-12)


def test_our_own_projection_ends_where_proj_ends():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-400, 400, 50_000), rng.uniform(-91, 91, 50_000)
    expected = np.array(Transformer.from_crs(4326, 4546, always_xy=True).transform(lon, lat))
    got = np.array(crs.to_city(lon, lat, 4326, 4546))
    assert 0.01 < np.isnan(got[0]).mean() < 0.1
    np.testing.assert_array_equal(np.isnan(got), ~np.isfinite(expected))
    here = ~np.isnan(got[0])
    np.testing.assert_allclose(got[:, here], expected[:, here], rtol=0, atol=1e-3)


@pytest.mark.parametrize("system", ["EPSG:4326", "EPSG:4490", "gcj02", "bd09"])
def test_a_point_alone_has_the_bits_of_a_point_among_many(system):
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(74, 134, 5_001), rng.uniform(4, 53, 5_001)
    way = crs.way(system, 4546)
    x, y = crs.to_city(lon, lat, system, 4546)
    assert [way.point(a, b) for a, b in zip(lon.tolist(), lat.tolist(), strict=True)] == list(
        zip(x.tolist(), y.tolist(), strict=True)
    )
    turned = crs.to_city(lon[::-3], lat[::-3], system, 4546)  # strided, backwards, other neighbours
    np.testing.assert_array_equal(turned, (x[::-3], y[::-3]))
    assert np.isnan(way.point(np.nan, 35.0)).all() and np.isnan(way.point(111.0, np.inf)).all()


@pytest.mark.parametrize("srid", [27700, 26985, 2433])
def test_ways_through_another_datum_are_left_to_proj(srid):
    # British and US grids, Beijing 1954
    way = crs.way(4326, srid) if srid != 2433 else crs.way(2433, 4546)
    assert way.zone is None


def test_feet_are_turned_into_metres():
    # the same place in New York in US survey feet and in degrees
    feet = crs.to_city(984_950.0, 212_234.0, "EPSG:2263", 32618)
    lon, lat = crs.to_lonlat(*feet, 32618)
    assert (lon, lat) == (pytest.approx(-73.9973, abs=2e-4), pytest.approx(40.7492, abs=2e-4))


def test_the_callers_arrays_are_left_alone():
    lon, lat = np.array([111.0, 111.1]), np.array([35.0, 35.1])
    for system in ("EPSG:4326", "gcj02", "bd09"):
        crs.to_city(lon, lat, system, 4546)
    crs.to_lonlat(lon, lat, 4546)
    assert lon.tolist() == [111.0, 111.1] and lat.tolist() == [35.0, 35.1]


@settings(max_examples=150, deadline=None)
@given(st.floats(109.5, 112.5), st.floats(20.0, 50.0), st.sampled_from(["EPSG:4326", "gcj02", "bd09"]))
def test_to_city_and_back(lon, lat, system):
    there = {"EPSG:4326": (lon, lat), "gcj02": crs.wgs_to_gcj(lon, lat)}
    there["bd09"] = crs.gcj_to_bd(*there["gcj02"])
    again = crs.to_lonlat(*crs.to_city(*there[system], system, 4546), 4546)
    np.testing.assert_allclose(again, (lon, lat), rtol=0, atol=5e-9)  # half a millimetre


@pytest.mark.parametrize("name", ["gcj02", "GCJ-02", " bd09 ", "BD_09"])
def test_shifted_systems_are_read_in_any_spelling(name):
    assert crs.parse_crs(name) in crs.SHIFTED


@pytest.mark.parametrize("name", ["EPSG:4326", "epsg:4326", 4326, "wgs84", CRS.from_epsg(4326).to_wkt(), "EPSG:4979"])
def test_one_system_by_many_names(name):
    known = crs.parse_crs(name)
    assert known.is_geographic and len(known.axis_info) == 2
    np.testing.assert_allclose(crs.to_city(111.0, 35.0, name, 4546), crs.to_city(111.0, 35.0, 4326, 4546), atol=1e-6)


def test_heights_are_dropped_from_a_compound_system():
    assert crs.parse_crs("EPSG:6697").is_geographic  # JGD2011 with heights


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("EPSG:999999", "'EPSG:999999'|EPSG:999999 is no"),
        ("mars", "did you mean gcj02"),
        ("baidu", "did you mean bd09"),
        ("feet", "'feet' is no coordinate system we know"),
        ("", "no coordinate system is given"),
        (None, "None is no coordinate system"),
        (["EPSG:4326"], "is no coordinate system"),
        ("EPSG:4978", "not tied to places"),
        ('LOCAL_CS["city grid",UNIT["metre",1]]', "not tied to places"),
    ],
)
def test_unknown_systems_say_what_would_be_right(name, says):
    with pytest.raises(InputError, match=says) as caught:
        crs.to_city(111.0, 35.0, name, 4546)
    assert "give EPSG:n" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("srid", [4326, 2263])
def test_a_city_is_measured_in_metres(srid):
    with pytest.raises(InputError, match="does not measure in metres"):
        crs.to_city(111.0, 35.0, "EPSG:4326", srid)


def test_bad_coordinates():
    with pytest.raises(InputError, match="2 x and 1 y"):
        crs.to_city([1.0, 2.0], [1.0], "EPSG:4326", 4546)
    with pytest.raises(InputError, match="must be numbers"):
        crs.to_city(["east"], [1.0], "EPSG:4326", 4546)


def test_is_degrees():
    assert all(crs.is_degrees(name) for name in ("EPSG:4326", "gcj02", "bd09", 4490))
    assert not crs.is_degrees("EPSG:2263")


@pytest.mark.parametrize(
    ("lon", "lat", "srid"),
    [
        (111.0, 35.03, 4546),  # Yuncheng
        (121.61, 38.91, 4550),  # Dalian, nearest meridian 123
        (118.1, 24.46, 4548),
        (112.5, 35.0, 4547),  # on the border of two zones: the eastern one
        (73.7, 39.0, 4534),
        (135.0, 48.0, 4554),
        (-76.61, 39.29, 32618),
        (151.2, -33.87, 32756),
        (180.0, 0.0, 32660),
    ],
)
def test_city_srid(lon, lat, srid):
    assert crs.city_srid(lon, lat) == srid
    assert CRS.from_epsg(srid).is_projected


def test_city_srid_takes_the_nearest_meridian():
    for lon in np.arange(74, 135, 0.5):
        name = CRS.from_epsg(crs.city_srid(lon, 35.0)).name
        assert "CGCS2000 / 3-degree Gauss-Kruger CM" in name
        assert abs(float(name.split("CM ")[1].rstrip("E")) - lon) <= 1.5


def test_city_srid_refuses_the_poles():
    with pytest.raises(InputError, match="latitude 89"):
        crs.city_srid(10.0, 89.0)


def test_a_million_points_are_quick():
    lon, lat = np.meshgrid(np.linspace(110.9, 111.1, 1000), np.linspace(34.9, 35.1, 1000))
    crs.to_city(111.0, 35.0, "EPSG:4326", 4546)
    started = time.perf_counter()
    crs.to_city(lon.ravel(), lat.ravel(), "EPSG:4326", 4546)
    assert time.perf_counter() - started < 2.0  # 0.15 s on an idle core


def test_one_point_costs_microseconds_not_a_look_up():
    crs.to_city(111.0, 35.0, "EPSG:4326", 4546)
    started = time.perf_counter()
    for _ in range(200):
        crs.to_city(111.0, 35.0, "EPSG:4326", 4546)
    assert time.perf_counter() - started < 0.2  # a transformer made anew costs 80 ms each
