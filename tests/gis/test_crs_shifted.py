"""Shifted coordinates, GCJ-02 and BD-09: published vectors, and the way back all over the country."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod

from gis import crs

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
# its BD-09 takes another wave length than coordtransform's: (lon, lat) of BD and what it calls WGS
BD_TO_WGS_EVIL = [
    ((120.019809, 29.199786), (120.00877901149691, 29.196131605295484)),
    ((120.036455, 29.210504), (120.0253853970846, 29.206795749156136)),
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


def metres(one, other):
    _, _, far = Geod(ellps="WGS84").inv(*one, *other)
    return far


def test_published_inverses_are_no_targets_but_near():
    # coordtransform's one step back: BD-09 within 0.15 m, GCJ-02 within 3 m of the truth, which we return to exactly
    bd = crs.bd_to_gcj(116.404, 39.915)
    assert 0.01 < metres(bd, (116.39762729119315, 39.90865673957631)) < 0.15
    np.testing.assert_allclose(crs.gcj_to_bd(*bd), (116.404, 39.915), rtol=0, atol=2e-13)
    wgs = crs.gcj_to_wgs(116.404, 39.915)
    assert 0.01 < metres(wgs, (116.39775550083061, 39.91359571849836)) < 3.1
    np.testing.assert_allclose(crs.wgs_to_gcj(*wgs), (116.404, 39.915), rtol=0, atol=2e-13)


@pytest.mark.parametrize(("given_at", "theirs"), BD_TO_WGS_EVIL)
def test_eviltransform_has_another_bd(given_at, theirs):
    # up to 75 m beside coordtransform's: their values are no targets
    assert 5 < metres(crs.gcj_to_wgs(*crs.bd_to_gcj(*given_at)), theirs) < 75


def test_the_rim_of_the_country_and_beyond():
    # a rim of 0.02 degrees inside the rectangle: there and back below a micrometre; on the rim itself as well, except
    # that a place outside which a shifted place inside explains is taken for that one
    west, south, east, north = crs.CHINA
    t = np.linspace(0, 1, 5_001)
    for d in (0.02, 0.0):
        lon = np.concatenate(
            [west + d + (east - west - 2 * d) * t] * 2 + [np.full_like(t, v) for v in (west + d, east - d)]
        )
        lat = [np.full_like(t, v) for v in (south + d, north - d)] + [south + d + (north - south - 2 * d) * t] * 2
        there = (lon, np.concatenate(lat))
        assert metres(crs.gcj_to_wgs(*crs.wgs_to_gcj(*there)), there).max() < 1e-5
    lon, lat = np.meshgrid(np.linspace(west - 0.1, west - 1e-7, 500), np.linspace(20, 50, 50))
    lost = metres(crs.gcj_to_wgs(*crs.wgs_to_gcj(lon, lat)), (lon, lat))
    assert (crs.wgs_to_gcj(lon, lat)[0] == lon).all() and lost.max() < 700
    assert (lost[:, lon[0] < west - 0.01] == 0).all()  # the shift is nowhere longer than that


def test_a_place_does_not_depend_on_its_neighbours():
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(73, 136, 2_000), rng.uniform(3, 54, 2_000)
    lon[::7] = np.nan
    for forth, back in SHIFTS.values():
        for shift in (forth, back):
            whole, one = np.array(shift(lon, lat)), np.array([shift(a, b) for a, b in zip(lon, lat, strict=True)]).T
            np.testing.assert_array_equal(whole, one)
            assert np.isnan(whole[:, ::7]).all() and np.isfinite(np.delete(whole, np.s_[::7], axis=1)).all()


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
