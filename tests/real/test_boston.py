"""Boston: wards that need mending, labels in three spellings, City Hall for "nowhere"."""

from __future__ import annotations

import pandas as pd
import pytest

from gis.assign import Cases, assign
from gis.files import read_layer
from gis.profile import read_profile
from gis.snapshot import Snapshot

FILES = {"ward": "Wards", "police": "Police_Districts", "neighborhood": "Boston_Neighborhoods"}


@pytest.fixture(scope="module")
def sets(real_data):
    profile = read_profile("boston")
    folder = real_data / "boston"
    return {
        set_: read_layer(folder / f"{file}.geojson", "areas", profile.city, profile=profile, set_=set_)
        for set_, file in FILES.items()
    }


def answers(real_data, sets, year):
    profile, path = read_profile("boston"), real_data / "boston" / f"cases_{year}.csv"
    areas = pd.concat([told.frame for told in sets.values()])
    snapshot = Snapshot.compile(profile.city, {"areas": areas})
    cases = read_layer(path, "cases", profile.city, profile=profile)
    assert cases.rejects.empty
    x, y = cases.frame.geometry.x, cases.frame.geometry.y
    taken = Cases.read(snapshot, x, y, [""] * len(x), no_location=cases.frame["no_location"])
    ours = assign(taken, snapshot).frame().set_axis(pd.Index(cases.frame["id"]), axis=0)
    theirs = pd.read_csv(path, dtype="str", keep_default_na=False).set_index("case_enquiry_id")
    return theirs.join(ours.add_suffix("_ours"))


def test_invalid_polygons_are_mended(sets):
    assert {name: len(told.frame) for name, told in sets.items()} == {"ward": 22, "police": 12, "neighborhood": 26}
    assert all(told.rejects.empty for told in sets.values())
    assert sets["ward"].notes == ["3 invalid polygons mended without a change of area: rows 5, 19, 20"]
    assert sets["neighborhood"].notes == ["1 invalid polygons mended without a change of area: row 20"]
    assert all(told.frame.is_valid.all() for told in sets.values())


@pytest.mark.parametrize(("year", "city_hall", "missing"), [(2013, 20, 19), (2014, 3, 17)])
def test_labels_and_nowhere(real_data, sets, year, city_hall, missing):
    rows = answers(real_data, sets, year)
    assert rows["reason_ours"].value_counts().to_dict() == {
        "": len(rows) - city_hall - missing,
        "default_point": city_hall,
        "missing": missing,
    }
    located = rows[rows["reason_ours"] == ""]
    ward = located["ward"].str.replace(r"^(?:Ward )?0*", "", regex=True).str.strip()
    assert (ward == located["ward_ours"]).mean() >= 0.989
    assert (located["police_district"].str.replace("-", "") == located["police_ours"]).mean() >= 0.995
    assert (rows.loc[rows["reason_ours"] != "", ["ward_ours", "police_ours", "department_ours"]] == "").all(axis=None)
