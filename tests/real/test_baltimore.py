"""Baltimore from its own files: who answers where is what the city itself wrote, and no place stays no place."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest

from gis.assign import Cases, assign
from gis.snapshot import Snapshot
from gis.store import cases_frame, city_frames, connect, read_city


@pytest.fixture(scope="module")
def loaded(real_data, load):
    folder = real_data / "baltimore"
    told = {
        set_: load("areas", folder / file, "--profile", "baltimore", "--set", set_)
        for set_, file in (("neighborhood", "Neighborhoods.shp"), ("police", "Police_Districts.geojson"))
    }
    for layer in ("departments", "rules", "cases"):
        told[layer] = load(layer, folder / "cases.csv", "--profile", "baltimore")
    return told


@pytest.fixture(scope="module")
def answers(loaded, real_data, database):
    """The city's own rows beside our answers."""
    engine = connect(database)
    snapshot = Snapshot.compile(read_city(engine), city_frames(engine))
    cases = cases_frame(engine)
    taken = Cases.read(snapshot, cases["x"], cases["y"], cases["class"], no_location=cases["no_location"])
    assert taken.faults == {}
    ours = assign(taken, snapshot).frame().set_axis(pd.Index(cases["id"]), axis=0)
    theirs = pd.read_csv(real_data / "baltimore" / "cases.csv", dtype="str", keep_default_na=False)
    return theirs.set_index("SRRecordID").join(ours)


@pytest.fixture(scope="module")
def located(answers):
    return answers[~answers["Latitude"].isin(["", "39"])]


def test_what_was_loaded(loaded):
    counts = {name: (told["read"], told["inserted"], told["rejected"]) for name, told in loaded.items()}
    assert counts == {
        "neighborhood": (278, 278, 0),
        "police": (9, 9, 0),
        "departments": (10_000, 16, 0),
        "rules": (10_000, 231, 0),
        "cases": (10_000, 10_000, 0),
    }
    notes = " | ".join(loaded["cases"]["notes"])
    assert "590 rows have no place and are kept without one" in notes
    assert "147 rows lie outside the city's bounds and are kept" in notes


def test_loading_again_changes_nothing(loaded, real_data, load):
    folder = real_data / "baltimore"
    again = load("areas", folder / "Police_Districts.geojson", "--profile", "baltimore", "--set", "police")
    assert (again["inserted"], again["changed"], again["unchanged"], again["retired"]) == (0, 0, 9, 0)
    again = load("cases", folder / "cases.csv", "--profile", "baltimore")
    assert (again["inserted"], again["changed"], again["unchanged"]) == (0, 0, 10_000)


def test_labels_of_the_city(located):
    assert len(located) == 8518
    assert (located["police"] == located["PoliceDistrict"]).mean() >= 0.995
    assert (located["neighborhood"] == located["Neighborhood"]).mean() >= 0.98


def test_misses_are_at_the_border(located, real_data):
    missed = located[located["police"] != located["PoliceDistrict"]]
    spots = gpd.points_from_xy(missed["Longitude"].astype(float), missed["Latitude"].astype(float), crs=4326)
    districts = gpd.read_file(real_data / "baltimore" / "Police_Districts.geojson").to_crs(26985)
    border = districts.boundary.union_all()
    assert gpd.GeoSeries(spots).to_crs(26985).distance(border).max() < 15


def test_owner_follows_from_the_type(located):
    inside = located[located["rule"] == "territory"]
    assert (inside["department"] == inside["Agency"]).mean() >= 0.99
    outside = located[located["rule"] != "territory"]
    assert (outside["rule"] == "outside").all()
    assert (outside["department"] == "").all()
    assert (outside[["police", "neighborhood"]] == "").all(axis=None)


def test_no_default_point_has_an_owner(answers):
    default = answers[answers["Latitude"] == "39"]
    assert len(default) == 892
    assert default["Longitude"].value_counts().to_dict() == {"-77": 885, "-76": 7}
    assert (default["rule"] == "no_location").all()
    assert (default["reason"] == "default_point").all()
    assert (default[["department", "police", "neighborhood"]] == "").all(axis=None)


def test_no_missing_place_has_an_owner(answers):
    missing = answers[answers["Latitude"] == ""]
    assert len(missing) == 590
    assert (missing["rule"] == "no_location").all()
    assert (missing["reason"] == "missing").all()
    assert (missing[["department", "police", "neighborhood"]] == "").all(axis=None)


def test_times_are_the_citys(loaded, database):
    cases = cases_frame(connect(database)).set_index("id")
    # 04/12/2018 11:11:26 AM in Baltimore's summer
    assert cases.loc["18-00269879", "reported_at"] == pd.Timestamp("2018-04-12T15:11:26Z")
    assert (cases["due_at"] == cases["reported_at"]).sum() == 222
