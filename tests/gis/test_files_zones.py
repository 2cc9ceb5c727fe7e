"""What zones and class rules say in a file: read as it is, or refused in one line that says what would be right."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.files import read_layer
from gis.profile import Profile, Source
from tests.gis.bad_files import BOX, CITY, areas, csv, rejected, written

LINE = shapely.LineString([(111.0, 35.0), (111.005, 35.0)])
COUNT = 9
SAID = {
    "department": ["d"] * COUNT,
    "classes": ["*"] * COUNT,
    "width_m": [np.nan, 20.0, 20.0, np.nan, np.nan, 20.0, 20.0, np.nan, np.nan],
    "effect": ["never", "only", "gives", "", "always", "", "", "", ""],
    "duty": ["owning", "disposing", "", "", "", "", "", "cleaning", ""],
    "joint": ["e f", "", "", "", "", "", "", "", ""],
    "side": ["", "left", "both", "right", "", "", "up", "", ""],
    "from_m": [np.nan, 10.0, np.nan, np.nan, np.nan, 300.0, np.nan, np.nan, 1.0],
    "to_m": [np.nan, 99.5, 456.0, np.nan, np.nan, 200.0, np.nan, np.nan, np.nan],
}
SHAPES = [BOX, LINE, LINE, BOX, BOX, LINE, LINE, BOX, BOX]
WRONG = [
    (4, "side", "right", "is the side of a line, and this is an area; leave it empty"),
    (5, "effect", "always", "is not one of gives, only, never"),
    (6, "from_m", "300.0", "is not before to_m, which is 200"),
    (7, "side", "up", "is not one of both, left, right"),
    (8, "duty", "cleaning", "is not one of supervising, owning, maintaining, disposing"),
    (9, "from_m", "1.0", "is chainage along a line, and this is an area; leave it empty"),
]


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet"])
def test_zones_are_read_with_all_they_say(tmp_path, ending):
    path = written(tmp_path / f"zones{ending}", areas(*SHAPES, **SAID))
    told = read_layer(path, "zones", CITY)
    found = [(row, column, str(value), why) for row, column, value, why in told.rejects.itertuples(index=False)]
    # the line is 456.2 m long, and chainage is measured where it lies, in metres of the city
    assert found == WRONG
    good = told.frame
    assert good.index.tolist() == [1, 2, 3]
    for name in ("effect", "duty", "joint", "side"):
        assert good[name].tolist() == SAID[name][:3], name
    assert good["to_m"].tolist()[1:] == [99.5, 456.0] and np.isnan(good["from_m"].iloc[0])


def test_chainage_beyond_the_end_is_measured_in_the_citys_metres(tmp_path):
    ends = {"to_m": [456.0, 460.0], "department": ["d"] * 2, "classes": ["*"] * 2, "width_m": [9.0] * 2}
    (fault,) = rejected(written(tmp_path / "z.geojson", areas(LINE, LINE, **ends)), "zones")
    assert (fault[0], fault[1], float(fault[2])) == (2, "to_m", 460.0) and fault[3].startswith(
        "lies beyond the end of the line, which is 456."
    )


def test_a_fault_names_the_column_of_the_file(tmp_path):
    said = {"dept": ["d"], "classes": ["*"], "how": ["sometimes"]}
    path = written(tmp_path / "z.geojson", areas(BOX, **said))
    source = Source("zones", "", columns={"code": "code", "department": "dept", "classes": "classes", "effect": "how"})
    profile = Profile(CITY, {("zones", ""): source})
    (fault,) = rejected(path, "zones", profile=profile)
    assert fault == (1, "how", "sometimes", "is not one of gives, only, never")


def test_class_rules_say_who_is_first(tmp_path):
    text = "class,duty,first\n2026:E06,disposing,locality\n2026:C01,,owner\n2026:C02,,nobody\n2026:C03,owner,\n"
    path = csv(tmp_path / "rules.csv", text)
    told = read_layer(path, "rules", CITY)
    assert told.frame[["duty", "first"]].to_numpy().tolist() == [["disposing", "locality"], ["", "owner"]]
    assert [tuple(fault) for fault in told.rejects.to_numpy()] == [
        (3, "first", "nobody", "is not one of owner, locality"),
        (4, "duty", "owner", "is not one of supervising, owning, maintaining, disposing"),
    ]
