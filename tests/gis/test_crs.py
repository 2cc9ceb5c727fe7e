"""Coordinates: round trips through a city's plane, names of systems, metric zones."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from gis import crs
from grids.errors import InputError


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


def gauss_kruger(lon, lat, lon_0, *, f=1 / 298.257222101, a=6378137.0, k=1.0, x_0=500_000.0):
    """The textbook's way: the meridian's arc by quadrature, then powers of the longitude. Nothing of ours or PROJ's."""
    e2 = f * (2 - f)
    phi, t = np.radians(lat), np.tan(np.radians(lat))
    nodes, weights = np.polynomial.legendre.leggauss(48)
    at = phi[:, None] * (nodes + 1) / 2
    arc = (a * (1 - e2) * (1 - e2 * np.sin(at) ** 2) ** -1.5 * weights).sum(axis=1) * phi / 2
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    eta2 = e2 / (1 - e2) * np.cos(phi) ** 2
    m = np.cos(phi) * np.radians(lon - lon_0)
    t2 = t * t
    east = m + m**3 / 6 * (1 - t2 + eta2)
    east += m**5 / 120 * (5 - 18 * t2 + t2**2 + 14 * eta2 - 58 * t2 * eta2 + 13 * eta2**2 - 64 * t2 * eta2**2)
    east += m**7 / 5040 * (61 - 479 * t2 + 179 * t2**2 - t2**3)
    north = m**2 / 2 + m**4 / 24 * (5 - t2 + 9 * eta2 + 4 * eta2**2)
    north += m**6 / 720 * (61 - 58 * t2 + t2**2 + 270 * eta2 - 330 * t2 * eta2)
    north += m**8 / 40320 * (1385 - 3111 * t2 + 543 * t2**2 - t2**3)
    return k * n * east + x_0, k * (arc + n * t * north)


@pytest.mark.parametrize(
    ("srid", "lon_0", "half", "more"),
    [
        (4534, 75, 1.5, {}),
        (4546, 111, 1.5, {}),
        (4525, 111, 1.5, {"x_0": 37_500_000.0}),  # 3 degrees, with the zone's number
        (4508, 111, 3.0, {}),  # 6 degrees
        (4497, 111, 3.0, {"x_0": 19_500_000.0}),  # 6 degrees, with the zone's number
        (32649, 111, 3.0, {"f": 1 / 298.257223563, "k": 0.9996}),
    ],
)
def test_zones_agree_with_the_textbooks_series(srid, lon_0, half, more):
    rng = np.random.default_rng(srid)
    lon, lat = lon_0 + rng.uniform(-half, half, 5_000), rng.uniform(18, 54, 5_000)
    expected = gauss_kruger(lon, lat, lon_0, **more)
    proj = Transformer.from_crs(4490 if srid < 10_000 else 4326, srid, always_xy=True).transform(lon, lat)
    np.testing.assert_allclose(proj, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        crs.to_city(lon, lat, 4490 if srid < 10_000 else 4326, srid), expected, rtol=0, atol=1e-4
    )


def test_every_chinese_zone_has_its_meridian_and_number():
    for first, step, prefix in ((4491, 6, True), (4502, 6, False), (4513, 3, True), (4534, 3, False)):
        for i in range(11 if step == 6 else 21):
            meridian = 75 + step * i
            zone = (meridian + 3) // 6 if step == 6 else meridian // 3
            x, y = crs.to_city(meridian, 35.0, 4490, first + i)
            assert abs(x - (500_000 + 1e6 * zone * prefix)) < 1e-6 and abs(y - 3874592.9016) < 1e-3
            assert crs.way(4490, first + i).zone is not None


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


@pytest.mark.parametrize("srid", [27700, 26985])
def test_ways_through_another_datum_are_left_to_proj(srid):
    assert crs.way(4326, srid).zone is None  # British and US grids


@pytest.mark.parametrize("system", [2436, 4214, 2384, 4610, 4555])
def test_a_datum_without_a_known_shift_is_refused(system):
    # Beijing 1954, Xi'an 1980, New Beijing: PROJ would join them as if they were CGCS2000, 100 m off
    with pytest.raises(InputError, match=r"no shift between .* is registered; without one") as caught:
        crs.to_city(117.0, 35.0, system, 4546)
    assert "control points" in str(caught.value) and "\n" not in str(caught.value)


def test_hong_kong_goes_through_wgs_84_into_cgcs2000():
    # PROJ alone joins the two without a shift; the published origin of the grid in WGS 84 is 22 18 43.68, 114 10 42.8
    way = crs.way(2326, 4547)
    x, y = crs.to_city([836694.05], [819069.80], 2326, 4547)
    assert way.first is not None and way.point(836694.05, 819069.80) == (x[0], y[0])
    lon, lat = crs.to_lonlat(x, y, 4547)
    wgs = Transformer.from_crs(2326, 4326, always_xy=True).transform(836694.05, 819069.80)
    np.testing.assert_allclose((lon[0], lat[0]), wgs, rtol=0, atol=1e-10)
    _, _, ballpark = Geod(ellps="WGS84").inv(lon[0], lat[0], 114.178555555556, 22.3121333333333)
    assert 200 < ballpark < 400
    np.testing.assert_allclose(way.back(x, y), ([836694.05], [819069.80]), rtol=0, atol=1e-3)


def test_a_system_made_for_elsewhere_is_refused():
    shanxi = (110.8, 34.9, 111.3, 35.3)
    with pytest.raises(
        InputError, match=r"EPSG:2326, Hong Kong 1980 Grid System is made for 113.8 to 114.5 E"
    ) as caught:
        crs.to_city(836694.0, 819069.0, "EPSG:2326", 4546, bounds=shanxi)
    assert "the city lies around 111 E, 35.1 N" in str(caught.value)
    with pytest.raises(InputError, match=r"made for 73\.62 to 134.8 E"):
        crs.way("cgcs2000", 26985, bounds=(-76.8, 39.1, -76.5, 39.4))
    for fine in ("EPSG:4326", "EPSG:4490", "gcj02", "EPSG:4547", "EPSG:32649", "+proj=tmerc +lon_0=111 +ellps=GRS80"):
        crs.way(fine, 4546, bounds=shanxi)
    assert "is 1.2 degrees off" in crs.fit(crs.parse_crs(4547), shanxi)
    assert crs.fit(crs.parse_crs(4546), shanxi) == "" == crs.fit("bd09", shanxi)


def test_the_area_of_a_system_may_cross_the_date_line():
    fiji = crs.parse_crs("EPSG:3460")  # 176.81 E to 178.15 W
    assert crs.fit(fiji, (177.3, -18.2, 177.5, -18.0)) == "" == crs.fit(fiji, (-179.9, -17.0, -179.8, -16.8))
    with pytest.raises(InputError, match="Fiji"):
        crs.fit(fiji, (150.0, -18.2, 150.2, -18.0))


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


def test_a_system_with_heights_is_refused_by_name_and_cut_where_a_file_carries_it():
    with pytest.raises(InputError, match=r"EPSG:6697 .* has heights, which no case has; give .*EPSG:6668"):
        crs.parse_crs("EPSG:6697")
    assert crs.parse_crs(CRS.from_epsg(6697)).to_epsg() == 6668
    with pytest.raises(InputError, match="is a vertical crs, not tied to places"):
        crs.parse_crs("EPSG:5773")


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
    started = time.process_time()
    crs.to_city(lon.ravel(), lat.ravel(), "EPSG:4326", 4546)
    assert time.process_time() - started < 2.0  # 0.15 s on an idle core


def test_one_point_costs_microseconds_not_a_look_up():
    crs.to_city(111.0, 35.0, "EPSG:4326", 4546)
    started = time.process_time()
    for _ in range(200):
        crs.to_city(111.0, 35.0, "EPSG:4326", 4546)
    assert time.process_time() - started < 0.2  # a transformer made anew costs 80 ms each


def test_cases_in_a_system_made_for_elsewhere_are_refused_one_or_many():
    from gis.convert import Cases
    from gis.one import read_one
    from gis.snapshot import Snapshot
    from tests import town

    snapshot = Snapshot.compile(town.CITY, town.layers(), at=town.DAY)
    for ask in (
        lambda: Cases.read(snapshot, [836694.0], [819069.0], [""], crs="EPSG:2326"),
        lambda: read_one(snapshot, 836694.0, 819069.0, crs="EPSG:2326"),
    ):
        with pytest.raises(InputError, match="Hong Kong 1980 Grid System is made for"):
            ask()
