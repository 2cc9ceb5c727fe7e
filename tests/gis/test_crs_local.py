"""Grids of a city's own: parameters, control points, profiles; beside plain arithmetic."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer

from gis import crs
from gis.crs.local import MEAN_RADIUS_M, Similarity, read_grid, similarity
from gis.files import read_layer
from gis.profile import read_profile
from grids.errors import InputError

TURN = {"base": "EPSG:4546", "move": [-400_000.123, -3_800_000.456], "factor": 1.00012, "turn": 0.531}
EAST, NORTH = np.array([500_100.0, 512_345.678]), np.array([3_874_600.0, 3_880_000.001])


def turned(x, y, east, north, factor, degrees):
    """The four parameters by complex numbers, as they are not in the code."""
    z = complex(east, north) + factor * np.exp(-1j * np.radians(degrees)) * (np.asarray(x) + 1j * np.asarray(y))
    return z.real, z.imag


def test_a_turned_grid_becomes_the_citys_metres():
    local = turned(EAST, NORTH, *TURN["move"], TURN["factor"], TURN["turn"])
    np.testing.assert_allclose(Similarity(*TURN["move"], TURN["factor"], TURN["turn"])(EAST, NORTH), local, atol=1e-8)
    for srid in (4546, 32649):
        expected = (EAST, NORTH) if srid == 4546 else crs.to_city(EAST, NORTH, 4546, srid)
        got = crs.to_city(*local, read_grid("town", TURN), srid)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
    assert not crs.is_degrees(read_grid("town", TURN))


def test_a_meridian_through_the_town_on_its_own_plane():
    told = {"meridian": 111.25, "height_m": 400, "false_easting": 50_000, "false_northing": -3_800_000}
    lon, lat = 111.31, 35.02
    x, y = Transformer.from_crs(4490, "+proj=tmerc +lon_0=111.25 +ellps=GRS80", always_xy=True).transform(lon, lat)
    local = 50_000 + x * (1 + 400 / MEAN_RADIUS_M), -3_800_000 + y * (1 + 400 / MEAN_RADIUS_M)
    assert 50_000 < local[0] < 60_000 and 70_000 < local[1] < 80_000  # short numbers, as cities like them
    got = crs.to_city(*local, read_grid("town", told), 4546)
    np.testing.assert_allclose(got, crs.to_city(lon, lat, 4490, 4546), rtol=0, atol=1e-6)


def test_a_text_of_proj_is_a_grid_too():
    got = crs.to_city(
        50_000.0, 0.0, read_grid("town", {"proj": "+proj=tmerc +lon_0=111 +x_0=50000 +ellps=GRS80"}), 4546
    )
    np.testing.assert_allclose(got, (500_000.0, 0.0), rtol=0, atol=1e-6)


def test_control_points_give_the_four_parameters():
    rng = np.random.default_rng(0)
    base = np.column_stack([rng.uniform(4.9e5, 5.2e5, 9), rng.uniform(3.86e6, 3.89e6, 9)])
    local = np.column_stack(turned(*base.T, *TURN["move"], TURN["factor"], TURN["turn"]))
    found = similarity(local, base)
    assert (found.factor, found.turn) == (pytest.approx(1.00012, abs=1e-11), pytest.approx(0.531, abs=1e-9))
    assert found.worst_m < 1e-6
    told = {"base": "EPSG:4546", "points": np.column_stack([local, base]).tolist()}
    got = crs.to_city(*local.T, read_grid("town", told), 4546)
    np.testing.assert_allclose(got, base.T, rtol=0, atol=1e-5)
    local += rng.normal(0, 0.02, local.shape)  # as surveyed
    noisy = similarity(local, base)
    residual = np.hypot(*(np.column_stack(noisy(*base.T)) - local).T)
    assert noisy.worst_m == pytest.approx(residual.max()) and 0.01 < noisy.worst_m < 0.1
    for d in np.eye(4) * [0.01, 0.01, 1e-7, 1e-5]:  # least squares: any other parameters fit worse
        for sign in (1, -1):
            other = Similarity(*(np.array([noisy.east, noisy.north, noisy.factor, noisy.turn]) + sign * d))
            assert (np.hypot(*(np.column_stack(other(*base.T)) - local).T) ** 2).sum() > (residual**2).sum()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({}, "says not what it is made of; one of proj, meridian or base"),
        ({"meridain": 111}, "unknown key meridain; known are proj, base, meridian"),
        ({"meridian": 400}, "meridian 400, latitude 0, scale 1 make no grid"),
        ({"meridian": "east"}, "a value is none"),
        ({"base": "EPSG:4490"}, "is no projected system in metres"),
        ({"base": "gcj02"}, "gcj02 is no grid in metres"),
        ({"base": "EPSG:2263"}, "is no projected system in metres"),
        ({"base": "EPSG:4546", "factor": 0}, "factor 0 is no scale of a grid"),
        ({"base": "EPSG:4546", "points": [[0, 0, 1, 1]]}, "1 and 1 control points"),
        ({"base": "EPSG:4546", "points": [[0, 0], [1, 1]]}, "points are no rows of four"),
        ({"base": "EPSG:4546", "points": [[0, 0, 1, 1], [0, 0, 1, 1]]}, "all control points lie in one place"),
        ({"base": "EPSG:4546", "points": [[0, 0, 5e5, 4e6], [0, 1e3, 5e5, 4001e3], [1e3, 0, 501e3, 4000005]]}, "lies "),
        ({"proj": "+proj=nothing"}, "is no coordinate system we know"),
    ],
)
def test_what_makes_no_grid_is_told_in_one_line(told, says):
    with pytest.raises(InputError, match=r"^grids\.town: ") as caught:
        read_grid("town", told)
    assert says in str(caught.value) and "\n" not in str(caught.value)


PROFILE = """
[city]
key = "town"
name = "Town"
crs = "EPSG:4546"
time_zone = "Asia/Shanghai"
edition = "town"
bounds = [110.9, 34.9, 111.3, 35.2]

[grids.town]
meridian = 111.25
false_easting = 50000
false_northing = -3800000

[layers.components]
crs = "town"
"""


def test_a_profile_names_its_grid(tmp_path):
    (tmp_path / "p.toml").write_text(PROFILE)
    profile = read_profile(tmp_path / "p.toml")
    assert json.loads(profile.grids["town"])["name"] == "town"
    east, north = crs.to_city(50_000.0, 74_600.0, profile.grids["town"], 4546)
    (tmp_path / "c.csv").write_text("code,class,x,y\nc1,Lamp,50000,74600\n")
    for declared in (None, "town"):
        made = read_layer(tmp_path / "c.csv", "components", profile.city, profile=profile, crs=declared)
        place = made.frame["geometry"].iloc[0]
        assert (place.x, place.y) == (pytest.approx(float(east), abs=1e-3), pytest.approx(float(north), abs=1e-3))
    with pytest.raises(InputError, match="'village' is no coordinate system we know"):
        read_layer(tmp_path / "c.csv", "components", profile.city, profile=profile, crs="village")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("meridian = 111.25", "meridian = 111.25\nhight = 3", "grids.town: unknown key hight"),
        ("[grids.town]", "[grids.Town]", "a grid's name is lower-case letters"),
        ("[grids.town]", "[grids.bd09]", "grids.bd09 is the name of another coordinate system"),
        ('crs = "EPSG:4546"', 'crs = "EPSG:2326"', "city.crs: EPSG:2326, Hong Kong 1980 Grid System is made for"),
    ],
)
def test_faults_of_a_grid_are_faults_of_the_profile(tmp_path, old, new, says):
    (tmp_path / "p.toml").write_text(PROFILE.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_profile(tmp_path / "p.toml")
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_the_examples_of_the_handbook_are_grids():
    text = (Path(__file__).parents[2] / "docs" / "coordinates.md").read_text(encoding="utf-8")
    told = tomllib.loads(text.split("```toml")[1].split("```")[0])
    assert told["layers"]["components"]["crs"] in told["grids"]
    for name, table in told["grids"].items():
        x, y = crs.to_city(74_903.97, 73_263.73, read_grid(name, table), 4546)
        assert 4e5 < x < 6e5 and 3.8e6 < y < 3.9e6
    assert (x, y) == (pytest.approx(500_100.0, abs=0.01), pytest.approx(3_874_600.0, abs=0.01))
