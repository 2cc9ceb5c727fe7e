"""Bad values in files: rows that are refused, each with what is wrong and what would be right."""

from __future__ import annotations

import sqlite3

import pandas as pd
import shapely

from gis.model import City
from gis.profile import Profile, Source
from tests.gis.bad_files import BOX, CITY, POINTS, areas, csv, read, refused, rejected, written

CASES = "id,class,reported_at,lon,lat\n"


def test_dates_that_do_not_exist(tmp_path):
    path = csv(
        tmp_path / "a.csv", CASES + "1,Noise,2025-02-30,111,35\n2,Noise,2025-02-28,111,35\n3,Noise,soon,111,35\n"
    )
    assert rejected(path, "cases") == [
        (1, "reported_at", "2025-02-30", "does not exist in the calendar"),
        (3, "reported_at", "soon", "is no date; write it as 2026-07-01 or 2026-07-01T08:00"),
    ]


def test_dates_that_can_be_read_in_two_ways(tmp_path):
    path = csv(tmp_path / "a.csv", CASES + "1,Noise,03/04/2025,111,35\n2,Noise,03/05/2025,111,35\n")
    line = refused(path, "cases")
    assert line == (
        "a.csv, column reported_at: '03/04/2025' can be read in two ways; "
        "say in the profile dates = '%m/%d/%Y' or dates = '%d/%m/%Y'"
    )
    profile = Profile(CITY, {("cases", ""): Source("cases", dates={"*": ("%d/%m/%Y",)})})
    told = read(path, "cases", profile=profile).frame
    assert told["reported_at"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d").tolist() == [
        "2025-04-03",
        "2025-05-03",
    ]


def test_date_that_does_not_exist_in_a_geopackage(tmp_path):
    frame = areas(BOX, BOX, BOX, valid_from=pd.to_datetime(["2025-01-01"] * 3))
    path = written(tmp_path / "a.gpkg", frame)
    with sqlite3.connect(path) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{name}"')
        base.execute("UPDATE a SET valid_from = '2025-02-30T00:00:00Z' WHERE fid = 2")
        base.execute("UPDATE a SET valid_from = 'spring' WHERE fid = 3")
    base.close()
    assert rejected(path, "areas") == [
        (2, "valid_from", "2025-02-30T00:00:00Z", "does not exist in the calendar"),
        (3, "valid_from", "spring", "is no date"),
    ]


def test_numbers_and_words(tmp_path):
    text = 'class,radius_m,duty,invented\na,ten,owning,yes\nb,-1,owning,no\nc,"1,5",owner,maybe\nd,inf,,1\n'
    assert rejected(csv(tmp_path / "a.csv", text), "rules") == [
        (1, "radius_m", "ten", "is no number"),
        (2, "radius_m", "-1", "is less than 0"),
        (3, "duty", "owner", "is not one of supervising, owning, maintaining, disposing"),
        (3, "radius_m", "1,5", "is no number; write a point, not a comma"),
        (3, "invented", "maybe", "is not true or false"),
        (4, "radius_m", "inf", "is infinite"),
    ]


def test_missing_value(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + ",Lamp,111,35\n")
    assert rejected(path) == [(2, "code", "", "code is missing")]


def test_duplicate_codes(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111,35\nc1,Bin,111,35\nc1,Bin,111,35\n")
    told = read(path)
    assert list(told.frame["code"]) == ["c1", "c2"]
    why = "is in row 1 already for the same time"
    assert list(told.rejects.itertuples(index=False, name=None)) == [(3, "code", "c1", why), (4, "code", "c1", why)]
    assert told.rejected == 2


def test_one_code_at_two_times(tmp_path):
    text = "code,name,valid_from,valid_to\nd,Old,,2025-01-01\nd,New,2025-01-01,\nd,Odd,2024-06-01,2024-07-01\n"
    told = read(csv(tmp_path / "a.csv", text), "departments")
    assert list(told.frame["name"]) == ["Old", "New"]
    assert list(told.rejects["why"]) == ["is in row 1 already for the same time"]
    text = "code,name,valid_from,valid_to\nd,Old,2025-01-01,2024-01-01\n"
    assert rejected(csv(tmp_path / "b.csv", text), "departments") == [
        (1, "valid_to", "2024-01-01", "is not after valid_from")
    ]


def test_fields_of_a_row(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp\nc3,Lamp,111,35,more\nc4,Lamp,111,35\n")
    told = read(path)
    assert list(told.frame.index) == [1, 4]
    assert list(told.rejects["why"]) == [
        "has 2 fields where the header has 4",
        "has 5 fields where the header has 4",
    ]
    assert told.read == 4
    path = csv(tmp_path / "b.csv", POINTS + 'c2,"Lamp,111,35\nc3,Lamp,111,35\n')
    assert [why for *_, why in rejected(path)] == [
        "a quote opened in it is never closed, so it runs to the end of the file"
    ]


CHINA = City("yanhu", "盐湖区", 4546, "Asia/Shanghai", (110.9, 34.9, 111.1, 35.1), codes="china15", edition="2026")


def test_class_of_another_edition(tmp_path):
    head = "code,class,lon,lat\n14080201001000001,01001,111,35\n"
    text = head + "14080201001000002,C0101,111,35\n14080201001000003,2026:C99999,111,35\n"
    told = read(csv(tmp_path / "a.csv", text), city=CHINA)
    assert list(told.frame["class"]) == ["2026:C01001"]
    (_, column, value, why), (_, _, _, unknown) = told.rejects.itertuples(index=False, name=None)
    assert (column, value) == ("class", "C0101")
    assert why == "is no class; did you mean 2026:C01001 (once 2013:C0101) or 2013:C0101 or 2007:C0101?"
    assert unknown.startswith("is not in the catalogue")
    profile = Profile(CHINA, {("cases", ""): Source("cases", edition="2013", kind="E")})
    text = CASES + "1,0113,2026-01-01,111,35\n2,E0113,2026-01-01,111,35\n3,2026:E06010,2026-01-01,111,35\n"
    told = read(csv(tmp_path / "b.csv", text), "cases", CHINA, profile=profile)
    assert list(told.frame["class"]) == ["2013:E0113", "2013:E0113", "2026:E06010"]


def test_codes_of_the_scheme(tmp_path):
    text = "code,class,lon,lat\n1408020100100000,01001,111,35\n14080201001OO0001,01001,111,35\n"
    text += "14080201002000001,01001,111,35\n"
    whys = [why for *_, why in rejected(csv(tmp_path / "a.csv", text), city=CHINA)]
    assert len(whys) == 3
    assert whys[1] == "has other signs than digits; did you mean 14080201001000001?"
    assert whys[2] == "holds class 2026:C01002, its class is said to be 2026:C01001"
    frame = areas(BOX, BOX, code=["140802001001003", "14080200100103"])
    path = written(tmp_path / "u.gpkg", frame)
    ((row, _, value, _),) = rejected(path, "units", CHINA)
    assert (row, value) == (2, "14080200100103")
    path = written(tmp_path / "d.gpkg", areas(BOX, BOX, code=["140802001", "14080200"]))
    assert rejected(path, "areas", CHINA, set_="street") == [(2, "code", "14080200", "is no street code of 9 digits")]


def test_zone_that_takes_no_class(tmp_path):
    frame = areas(BOX, BOX, BOX, department=["d"] * 3, classes=["*", "C 2026:E06", "2026:E99"])
    told = read(written(tmp_path / "z.gpkg", frame), "zones", CHINA)
    assert list(told.frame["classes"]) == ["*", "C 2026:E06"]
    assert told.rejects["why"][0].startswith("'2026:E99' is no class or group of classes")


def test_line_zone_without_a_width(tmp_path):
    lines = [shapely.LineString([(111, 35), (111.01, 35)])] * 3
    path = written(tmp_path / "z.gpkg", areas(*lines, department=["d"] * 3, classes=["*"] * 3, width_m=[12.0, None, 0]))
    assert rejected(path, "zones") == [
        (2, "width_m", "", "width_m is missing: a line zone needs its full width in metres"),
        (3, "width_m", "0.0", "is less than 0.001"),
    ]


def test_composite_codes(tmp_path):
    text = "code,class,lon,lat,a,b\n7-1,M,111,35,7,1\n7-2,M,111,35,7,3\n"
    path = csv(tmp_path / "a.csv", text)
    from gis.profile import Parts

    for mismatch in ("reject", "flag"):
        parts = Parts("code", ("a", "b"), "-", mismatch)
        told = read(path, profile=Profile(CITY, {("components", ""): Source("components", parts=(parts,))}))
        listed = told.rejects if mismatch == "reject" else told.flags
        assert list(listed.itertuples(index=False, name=None)) == [(2, "code", "7-2", "is not a + b, which give 7-3")]
        assert len(told.frame) == (1 if mismatch == "reject" else 2)
        assert "code = a + b: 1 of 2 rows differ: row 2" in told.notes
