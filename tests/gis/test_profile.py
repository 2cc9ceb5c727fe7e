"""Profiles: what is in them, and that every fault is told, all in one line, with what would be right."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from gis.files import Limits
from gis.files.opening import FORMATS
from gis.layers import LAYERS
from gis.model import City
from gis.profile import OPTIONS, Parts, Profile, Source, hint, read_profile, shipped
from grids.errors import InputError

CITY = """
[city]
key = "town"
name = "Town"
crs = "EPSG:4546"
time_zone = "Asia/Shanghai"
bounds = [110.9, 34.9, 111.1, 35.1]
"""


def profile(tmp_path: Path, text: str, city: str = CITY) -> Profile:
    path = tmp_path / "town.toml"
    path.write_text(city + text)
    return read_profile(path)


def fault(tmp_path: Path, text: str, city: str = CITY) -> str:
    with pytest.raises(InputError) as caught:
        profile(tmp_path, text, city)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{tmp_path / 'town.toml'}: ")
    return line.removeprefix(f"{tmp_path / 'town.toml'}: ")


def test_city(tmp_path):
    told = profile(tmp_path, 'default_points = [[110, 34]]\ncodes = "china15"\nterritory = ["street"]\n').city
    box = (110.9, 34.9, 111.1, 35.1)
    assert told == City("town", "Town", 4546, "Asia/Shanghai", box, ((110.0, 34.0),), "china15", "2026", ("street",))


def test_everything_a_source_can_say(tmp_path):
    told = profile(
        tmp_path,
        """
[layers.cases]
columns = {id = "ID", class = "Kind"}
constants = {channel = "app"}
values.class = {"A" = "B"}
replace.department = [["^0+", ""]]
dates = {reported_at = "%d/%m/%Y", closed_at = ["%d.%m.%Y", "%Y-%m-%d"]}
place = {x = "X", y = "Y"}
take = {Status = ["open", "closed"]}
leave = {Test = "yes"}
parts = [{code = "ID", of = ["a", "b"], by = "-", mismatch = "flag"}]
crs = "EPSG:2263"
encoding = "latin-1"
delimiter = ";"
time_zone = "UTC"
edition = "2013"
kind = "E"
""",
    ).layer("cases")
    assert told == Source(
        "cases",
        columns={"id": "ID", "class": "Kind"},
        constants={"channel": "app"},
        values={"class": {"A": "B"}},
        replace={"department": (("^0+", ""),)},
        dates={"reported_at": ("%d/%m/%Y",), "closed_at": ("%d.%m.%Y", "%Y-%m-%d")},
        place={"x": "X", "y": "Y"},
        take={"Status": ("open", "closed")},
        leave={"Test": ("yes",)},
        parts=(Parts("ID", ("a", "b"), "-", "flag"),),
        crs="EPSG:2263",
        encoding="latin-1",
        delimiter=";",
        time_zone="UTC",
        edition="2013",
        kind="E",
    )
    assert told.date_formats("reported_at") == ("%d/%m/%Y",)
    assert told.date_formats("due_at") == ()


def test_sets_take_over_what_their_layer_says(tmp_path):
    told = profile(
        tmp_path,
        """
[layers.areas]
crs = "EPSG:4326"
columns = {name = "NAME"}
[layers.areas.police]
columns = {code = "DIST"}
[layers.areas.district]
columns = {code = "ID", name = "TITLE"}
crs = "EPSG:4490"
""",
    )
    police = told.layer("areas", "police")
    assert police.columns == {"name": "NAME", "code": "DIST"}
    assert police.crs == "EPSG:4326"
    assert police.constants == {"set": "police"}
    assert told.layer("areas", "district").columns == {"name": "TITLE", "code": "ID"}
    assert told.layer("areas", "district").crs == "EPSG:4490"
    with pytest.raises(InputError, match=r"areas has 2 sets; --set says which: police, district"):
        told.layer("areas")
    with pytest.raises(InputError, match=r"no set 'polise' of areas; did you mean police\?"):
        told.layer("areas", "polise")
    assert told.layer("zones") == Source("zones")


def test_one_set_needs_no_name(tmp_path):
    told = profile(tmp_path, '[layers.areas.police]\ncolumns = {code = "DIST"}\n')
    assert told.layer("areas").set == "police"


def test_mapping_goes_on_top():
    source = Source(
        "cases", columns={"id": "A", "class": "B"}, constants={"channel": "x"}, place={"lon": "L", "lat": "M"}
    )
    mapped = source.with_map({"id": "Z", "channel": "C", "x": "E", "y": "N"})
    assert mapped.columns == {"id": "Z", "class": "B", "channel": "C"}
    assert mapped.constants == {}
    assert mapped.place == {"x": "E", "y": "N"}
    assert source.with_map({}) == source


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 1\n", "unknown key city.colour, known are key, name,"),
        ("[layer.cases]\n", "unknown key layer, did you mean layers?"),
        ("[layers.case]\n", "no layer 'case', did you mean cases?"),
        ("[layers.cases]\ncolums = {id = 'x'}\n", "unknown key layers.cases.colums, did you mean columns?"),
        ("[layers.cases]\ncolumns = {klass = 'x'}\n", "unknown key layers.cases.columns.klass, did you mean class?"),
        ("[layers.cases]\ncolumns = {id = 1}\n", "layers.cases.columns.id is a column's name"),
        ("[layers.cases]\nplace = {long = 'x'}\n", "unknown key layers.cases.place.long, did you mean lon?"),
        ("[layers.cases]\ndates = 'dd/mm/yyyy'\n", "layers.cases.dates.* is not a format such as '%d/%m/%Y'"),
        ("[layers.cases]\ndates = {id = '%Y'}\n", "unknown key layers.cases.dates.id, known are reported_at,"),
        ("[layers.cases]\ntime_zone = 'Asia/Xian'\n", "layers.cases.time_zone 'Asia/Xian' is no IANA name"),
        ("[layers.cases]\nencoding = 'gbkk'\n", "layers.cases.encoding 'gbkk' is unknown"),
        ("[layers.cases]\nkind = 'D'\n", "layers.cases.kind 'D' is not C (component) or E (event)"),
        ("[layers.cases]\ndelimiter = '--'\n", "layers.cases.delimiter '--' is not one character"),
        ("[layers.cases]\nreplace = {id = [['(', '']]}\n", "layers.cases.replace.id is a list of [regular expression,"),
        ("[layers.cases]\nvalues = {id = 'x'}\n", "layers.cases.values.id is a table of their value = our value"),
        ("[layers.cases]\nparts = [{code = 'a'}]\n", "layers.cases.parts is a list of {code = column, of = [columns]}"),
        ("[layers.cases]\nparts = [{code='a', of=['b'], mismatch='x'}]\n", "layers.cases.parts.mismatch 'x' is not"),
        ("[layers.cases]\ndistinct = 'yes'\n", "layers.cases.distinct is true or false"),
        ("[layers.cases]\nmajority = ['owner']\n", "unknown key layers.cases.majority.owner, known are"),
        (
            "[layers.areas.Police]\ncolumns = {}\n",
            "layers.areas.Police: a set's name is lower-case letters, digits and _",
        ),
        ("layers = 3\n", "unknown key city.layers"),
    ],
)
def test_faults(tmp_path, text, line):
    assert fault(tmp_path, text).startswith(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('key = "Town"', "city.key 'Town' is not a short lower-case name such as baltimore"),
        ('crs = "EPSG:4326"', "city.crs EPSG:4326 (WGS 84) is not a projected CRS in metres"),
        (
            'crs = "EPSG:2263"',
            "city.crs EPSG:2263 (NAD83 / New York Long Island (ftUS)) is not a projected CRS in metres",
        ),
        ('crs = "EPSG:99999"', "city.crs: there is no EPSG:99999"),
        ('crs = "UTM 49N"', "city.crs 'UTM 49N' is not like EPSG:4546"),
        ('time_zone = "China"', "city.time_zone 'China' is no IANA name such as Asia/Shanghai"),
        ("bounds = [111, 35, 110, 36]", "city.bounds [111, 35, 110, 36] are not west, south, east, north in degrees"),
        ("bounds = [34.9, 110.9, 35.1, 111.1]", "city.bounds [34.9, 110.9, 35.1, 111.1] are not west,"),
        ("default_points = [110, 34]", "city.default_points is a list of [lon, lat]"),
        ('codes = "chinese"', "city.codes 'chinese' is not one of china15, china14, free"),
    ],
)
def test_faults_of_the_city(tmp_path, line, said):
    name = line.split(" = ")[0]
    kept = [row for row in CITY.splitlines() if not row.startswith(f"{name} =")]
    assert fault(tmp_path, "", "\n".join([*kept, line, ""])).startswith(said)


def test_all_faults_come_together(tmp_path):
    line = fault(tmp_path, "[layers.cases]\nkind = 'D'\nplase = 1\n", CITY.replace('key = "town"\n', ""))
    assert line.split("; ") == [
        "city.key is missing",
        "unknown key layers.cases.plase, did you mean place or replace or parts?",
        "layers.cases.kind 'D' is not C (component) or E (event)",
    ]


def test_not_a_profile(tmp_path):
    with pytest.raises(InputError, match=r"town.toml: is no TOML: .*line 1"):
        profile(tmp_path, "", "[city\n")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"x.toml: is not UTF-8; save it as UTF-8"):
        read_profile(tmp_path / "x.toml")
    with pytest.raises(
        InputError, match=r"nowhere.toml: cannot be read \(No such file or directory\); give a TOML file"
    ):
        read_profile(tmp_path / "nowhere.toml")
    with pytest.raises(
        InputError, match=r"profile: there is no profile 'baltimor'; give a TOML file; did you mean balti"
    ):
        read_profile("baltimor")
    with pytest.raises(InputError, match=r"there is no table \[city\]"):
        profile(tmp_path, "", "")


def test_shipped_profiles_are_sound():
    names = {"baltimore", "boston", "jacksonville", "nyc"}
    assert names <= set(shipped())
    for name in shipped():
        assert read_profile(name).city.key == name


def test_the_docs_know_every_option():
    """Each option of a source is told in its docstring, and each layer takes a profile."""
    told = set(re.findall(r"\w+", Source.__doc__ or ""))
    assert set(OPTIONS) <= told
    assert all(Source(layer).with_map({}) for layer in LAYERS)


def test_hints():
    assert hint("neigborhood", ["Name", "Neighborhood", "objectid"]) == "did you mean Neighborhood?"
    assert hint("code", ["OID", "shape"]) == "known are OID, shape"
    assert hint("x", ["a\nb", "c" * 100]) == f"known are a b, {'c' * 60}"
    assert hint("code", []) == ""


def test_docs_know_everything():
    docs = (Path(__file__).parents[2] / "docs" / "loading.md").read_text()
    said = set(re.findall(r"\w+", docs))
    assert set(OPTIONS) <= said
    assert {field.name for field in dataclasses.fields(City)} <= said
    assert set(LAYERS) <= said
    assert all(ending in docs for ending in FORMATS)
    limits = Limits()
    assert f"{limits.members} files, {limits.ratio} times" in docs
    assert f"{limits.rows // 1_000_000} million rows" in docs
