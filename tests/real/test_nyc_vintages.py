"""New York's community districts in two vintages of one set, each under its dates; every case from the one in force."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest

from gis import versions
from gis.assign import Cases, assign
from gis.store import cases_frame, city_frames, connect

OLD, NEW = "community_districts_71_2013.geojson", "community_districts_59.geojson"
DAY = "2025-02-08"
TURN = pd.Timestamp(DAY, tz="America/New_York")
"""A day of ours: the newer file does not say since when it holds, and the cases must lie on both sides."""


@pytest.fixture(scope="module")
def vintages(real_data, load, database):
    """The city as known before the newer file was loaded, and as known now."""
    folder = real_data / "nyc"
    old = ["--map", "code=BoroCD", "--map", "name=BoroCD", "--valid-from", "2013-01-01", "--valid-to", DAY]
    assert load("areas", folder / OLD, "--profile", "nyc", "--set", "district", *old)["inserted"] == 71
    load("departments", folder / "cases.csv", "--profile", "nyc")
    load("rules", folder / "cases.csv", "--profile", "nyc", "--set", "complaints")
    assert load("cases", folder / "cases.csv", "--profile", "nyc")["inserted"] == 4969
    before = pd.Timestamp.now(tz="UTC")
    assert load("areas", folder / NEW, "--profile", "nyc", "--set", "district", "--valid-from", DAY)["inserted"] == 59
    engine = connect(database)
    return versions.build(engine, None, known_at=before), versions.build(engine, None)


@pytest.fixture(scope="module")
def answers(vintages, database):
    """Each case at its own instant: its place, and its district as was known before and is known now."""
    cases = cases_frame(connect(database))
    out = cases[["id", "reported_at", "geometry"]].set_index("id")
    for name, city in zip(("then", "now"), vintages, strict=True):
        taken = Cases.read(
            city, cases["x"], cases["y"], cases["class"], no_location=cases["no_location"], at=cases["reported_at"]
        )
        out[name] = assign(taken, city).frame()["district"].to_numpy()
    return out


@pytest.fixture(scope="module")
def polygons(real_data):
    named = {OLD: "BoroCD", NEW: "boro_cd"}
    read = {file: gpd.read_file(real_data / "nyc" / file).to_crs(26918) for file in named}
    return {
        file: read[file].assign(code=read[file][name].astype(str))[["code", "geometry"]] for file, name in named.items()
    }


def test_each_case_is_answered_from_the_districts_in_force(answers, polygons):
    """A plain point in polygon, on the file in force when the case was reported, says the same of every row."""
    early = answers["reported_at"] < TURN
    assert early.sum() > 1000 and (~early).sum() > 1000
    for mine, file in ((early, OLD), (~early, NEW)):
        located = answers[mine & answers.geometry.notna()]
        joined = located.sjoin(polygons[file], predicate="within", how="left")
        assert joined.index.is_unique
        assert (joined["code"].fillna("") == located["now"]).all()
    located = answers[early & answers.geometry.notna()]
    other = located.sjoin(polygons[NEW], predicate="within", how="left")
    assert (other["code"].fillna("") != located["now"]).sum() > 20, "the vintages differ"


def test_before_the_newer_file_was_loaded_it_was_not_known(answers):
    early = answers["reported_at"] < TURN
    assert (answers.loc[early, "then"] == answers.loc[early, "now"]).all()
    assert (answers.loc[~early, "then"] == "").all()  # the older one was to end, and nothing was known to follow


def test_parks_have_a_district_until_their_vintage_ends(vintages, database):
    engine = connect(database)
    counts = [len(city_frames(engine, at=at)["areas"]) for at in (TURN - pd.Timedelta(microseconds=1), TURN)]
    assert counts == [71, 59]
