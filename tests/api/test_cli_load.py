"""``wanmi load`` as a user meets it: statuses, summaries, rejects files, and a record that is whole or untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import psycopg2
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.cli import main
from gis import postgis
from tests.conftest import database_name

PROFILE = """
[city]
key = "town"
name = "Town"
crs = "EPSG:4546"
time_zone = "Asia/Shanghai"
bounds = [110.9, 34.9, 111.1, 35.1]
edition = "town"

[layers.components]
columns = {code = "ID", owning = "owner"}
constants = {class = "town:CLamp"}
place = {lon = "X", lat = "Y"}

[layers.rules]
columns = {class = "class"}
"""
LAMPS = "ID,owner,X,Y\nc1,d1,111.0,35.0\nc2,d1,111.001,35.0\nc3,d1,111.002,35.0\n"


@pytest.fixture(scope="module", autouse=True)
def _record(database, tmp_path_factory):
    """A town with a department and a class, in the module's database."""
    folder = tmp_path_factory.mktemp("town")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANMI_DSN", database)
        (folder / "town.toml").write_text(PROFILE)
        (folder / "d.csv").write_text("code,name\nd1,Lighting\n")
        (folder / "r.csv").write_text("class\ntown:CLamp\n")
        for layer, file in (("departments", "d.csv"), ("rules", "r.csv")):
            assert main(["load", layer, str(folder / file), "--profile", str(folder / "town.toml")]) == 0
        yield


@pytest.fixture
def town(tmp_path, monkeypatch) -> Path:
    """A folder to work in, with the profile and a file of lamps."""
    monkeypatch.chdir(tmp_path)
    Path("town.toml").write_text(PROFILE)
    Path("lamps.csv").write_text(LAMPS)
    return tmp_path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(["load", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def told(capsys, *arguments: str) -> dict:
    status, out, err = run(capsys, *arguments, "--json")
    assert err.count("\n") == status
    return json.loads(out)


def components(database: str) -> list[tuple]:
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT code, ST_AsText(geom), owning, replaced_at FROM wanmi.components ORDER BY 1, 2, 4")
        rows = cursor.fetchall()
    connection.close()
    return rows


def test_load_and_load_again(town, capsys, database):
    status, out, err = run(capsys, "components", "lamps.csv", "--profile", "town.toml")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == (
        "town components: 3 rows read, 3 inserted, 0 changed, 0 unchanged, 0 retired, 0 rejected"
    )
    before = components(database)
    assert len(before) == 3
    again = told(capsys, "components", "lamps.csv", "--profile", "town.toml")
    assert (again["inserted"], again["changed"], again["unchanged"], again["rejected"]) == (0, 0, 3, 0)
    assert components(database) == before
    assert not list(town.glob("*.rejects.csv"))


def test_without_a_profile(town, capsys):
    Path("plain.csv").write_text("code,class,lon,lat\np1,town:CLamp,111,35\n")
    answer = told(capsys, "components", "plain.csv", "--city", "town")
    assert (answer["city"], answer["inserted"]) == ("town", 1)
    answer = told(
        capsys,
        "components",
        "lamps.csv",
        "--map",
        "code=ID",
        "--map",
        "class=owner",
        "--map",
        "lon=X",
        "--map",
        "lat=Y",
    )
    assert answer["rejected"] == 3


def test_rejects(town, capsys):
    Path("lamps.csv").write_text(LAMPS + "c3,d1,111,35\nc4,d9,111,35\nc5,d1,999,35\n")
    status, out, err = run(capsys, "components", "lamps.csv", "--profile", "town.toml")
    assert status == 1
    assert err == "wanmi: rejected rows: 3 of 6, listed in lamps.components.rejects.csv\n"
    assert "6 rows read" in out
    assert "3 rejected" in out
    assert "  rejects  lamps.components.rejects.csv (3 faults)" in out
    listed = pd.read_csv("lamps.components.rejects.csv", dtype="str").to_numpy().tolist()
    assert listed == [
        ["4", "ID", "c3", "is in row 3 already for the same time"],
        ["5", "owning", "d9", "no such department is recorded; did you mean d1?"],
        ["6", "X, Y", "999 35", "is beyond 180 degrees of longitude or 90 of latitude; are these metres or feet?"],
    ]
    answer = told(capsys, "components", "lamps.csv", "--profile", "town.toml", "--rejects", "bad.csv")
    assert (answer["rejected"], answer["faults"], answer["rejects"]) == (3, 3, "bad.csv")
    assert len(pd.read_csv("bad.csv")) == 3


def test_rejects_that_cannot_be_written(town, capsys, database):
    before = components(database)
    Path("lamps.csv").write_text(LAMPS.replace("c1", "new"))
    status, _, err = run(capsys, "components", "lamps.csv", "--profile", "town.toml", "--rejects", "no/such/folder.csv")
    assert status == 2
    reason = "Cannot save file into a non-existent directory: 'no/such'"
    assert err == f"wanmi: no/such/folder.csv: cannot be written ({reason}); say --rejects elsewhere\n"
    assert components(database) == before


def test_dry_run_changes_nothing(town, capsys, database):
    before = components(database)
    Path("lamps.csv").write_text(LAMPS.replace("111.0,", "111.01,").replace("c3", "c9") + "c7,d9,111,35\n")
    answer = told(capsys, "components", "lamps.csv", "--profile", "town.toml", "--dry-run")
    assert answer["dry_run"] is True
    assert answer["inserted"] >= 1
    assert answer["changed"] == 1
    assert answer["rejected"] == 1
    assert components(database) == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["components", "no.csv"], "no.csv: there is no such file; looked for "),
        (["component", "lamps.csv"], "there is no layer 'component'; did you mean components"),
        (["components", "lamps.csv", "--map", "code"], "--map: 'code' is no FIELD=COLUMN; write --map code=ID"),
        (["components", "lamps.csv", "--map", "cod=ID"], "--map: components has no field 'cod'; did you mean code"),
        (["components", "lamps.csv", "--crs", "EPSG:2263"], "lamps.csv: X, Y cannot be in EPSG:2263, which is not in"),
        (["components", "lamps.csv", "--valid-from", "2025-02-30"], "--valid-from: '2025-02-30' is no time; write"),
        (["components", "lamps.csv", "--valid-from", "1500-01-01"], "--valid-from: the year of '1500-01-01' is not"),
        (["components", "lamps.csv", "--city", "other"], "--city: the profile is of town, not of other; leave one out"),
        (["components", "lamps.csv", "--max-gb", "nan"], "Invalid value for '--max-gb': nan is not a finite number"),
        (["components", "lamps.csv", "--max-gb", "0.00000001"], "lamps.csv: has 0.0 GB; at most 9.31e-09 GB; split it"),
        (["components", "lamps.csv", "--set", "foo"], "--set: components has no sets in the profile; leave it out"),
        (["zones", "lamps.csv"], "lamps.csv: has no column for code, department, classes of zones; "),
    ],
)
def test_wrong_use(town, capsys, database, arguments, line):
    before = components(database)
    status, out, err = run(capsys, *arguments, "--profile", "town.toml")
    assert (status, out) == (2, "")
    assert err.startswith(f"wanmi: {line}")
    assert err.count("\n") == 1
    assert components(database) == before


def test_a_city_that_is_not_the_databases(town, capsys):
    Path("town.toml").write_text(PROFILE.replace('"town"', '"other"', 1))
    status, _, err = run(capsys, "components", "lamps.csv", "--profile", "town.toml")
    assert status == 2
    assert "it holds the city 'town', not 'other'; one database holds one city" in err
    status, _, err = run(capsys, "components", "lamps.csv", "--profile", "town.toml", "--dry-run")
    assert status == 2
    assert "the database holds town, not other" in err


def test_every_layer_with_a_file(town, capsys):
    """Roads, zones, units and the rest go the same way in."""
    box, line = shapely.box(111.0, 35.0, 111.01, 35.01), shapely.LineString([(111, 35), (111.01, 35.01)])
    frames = {
        "areas": ({"code": ["s1"], "name": ["One"]}, box, ["--set", "street"]),
        "units": ({"code": ["u1"], "community": [""]}, box, []),
        "zones": ({"code": ["z1"], "department": ["d1"], "classes": ["*"], "width_m": [12.0]}, line, []),
        "roads": ({"name": ["A"], "kind": ["primary"], "width_m": [20.0], "lanes": [4]}, line, []),
        "rivers": ({"name": ["B"]}, line, []),
        "railways": ({"name": ["C"]}, line, []),
        "drains": ({"name": ["D"]}, line, []),
        "buildings": ({"kind": ["apartments"], "height_m": [30.0]}, box, []),
        "parcels": ({"kind": ["residential"]}, box, []),
    }
    for layer, (columns, shape, more) in frames.items():
        path = f"{layer}.gpkg"
        pyogrio.write_dataframe(gpd.GeoDataFrame(columns, geometry=[shape], crs=4326), path)
        answer = told(capsys, layer, path, "--profile", "town.toml", *more)
        assert (answer["layer"], answer["inserted"], answer["rejected"]) == (layer, 1, 0), answer
    tables = {
        "rosters": "team,person,role,area_set,area\nA,Li,patrol,street,s1\n",
        "calendars": "day,working\n2026-10-01,no\n",
        "cases": "id,class,reported_at,lon,lat\n1,town:CLamp,2026-07-01,111,35\n2,,2026-07-01,,\n",
    }
    for layer, text in tables.items():
        Path(f"{layer}.csv").write_text(text)
        answer = told(capsys, layer, f"{layer}.csv", "--profile", "town.toml")
        assert (answer["inserted"], answer["rejected"]) == (len(text.splitlines()) - 1, 0), answer


def test_mixed_geometry_is_told(town, capsys):
    shapes = [shapely.box(111.0, 35.0, 111.01, 35.01), shapely.LineString([(111, 35), (111.01, 35.01)])]
    frame = gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=shapes, crs=4326)
    frame.to_file("drains.geojson")
    answer = told(capsys, "drains", "drains.geojson", "--profile", "town.toml", "--dry-run")
    assert answer["rejected"] == 1
    assert "geometry is mixed: 1 LineString, 1 Polygon" in answer["notes"]


def test_feet_that_pass_for_metres(town, capsys):
    x, y = (round(v / 0.3048, 2) for v in (500_000.0, 3_875_000.0))
    Path("feet.csv").write_text(f"code,class,x,y\nf1,town:CLamp,{x},{y}\n")
    status, _, err = run(capsys, "components", "feet.csv", "--city", "town", "--crs", "EPSG:4546")
    assert status == 2
    assert f"numbers like {x:.9g} {y:.9g} are feet, not metres of CGCS2000" in err
    assert err.endswith("; multiply them by 0.3048, or say --crs in feet\n")


HARM = st.tuples(st.floats(0, 1), st.binary(max_size=5), st.integers(0, 5))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(harm=HARM)
def test_broken_bytes_leave_the_record_whole(town, capsys, database, harm):
    """Whatever the bytes, each good row is there in full, or nothing changed; one line, no traceback."""
    share, piece, gone = harm
    data = LAMPS.replace("c", "h").encode()
    at = int(share * len(data))
    Path("h.csv").write_bytes(data[:at] + piece + data[at + gone :])
    before = len(components(database))
    status, out, err = run(capsys, "components", "h.csv", "--profile", "town.toml", "--json")
    after = len(components(database))
    assert "Traceback" not in err
    assert "internal fault" not in err
    if status == 2:
        assert err.count("\n") == 1
        assert after == before
    else:
        answer = json.loads(out)
        assert after - before == answer["inserted"] + answer["changed"]
        assert (status == 1) == bool(answer["rejected"])


def test_private_database_of_a_new_city(cluster, tmp_path, capsys, monkeypatch):
    """On a fresh database the profile makes the city; a file that is refused makes nothing."""
    monkeypatch.delenv("WANMI_DSN")
    key = database_name("new")[:31]
    (tmp_path / "new.toml").write_text(PROFILE.replace('"town"', f'"{key}"', 1))
    (tmp_path / "d.csv").write_text("code,name\nd1,Lighting\n")
    (tmp_path / "bad.csv").write_text("code\nd1\n")
    arguments = ["--profile", str(tmp_path / "new.toml")]
    try:
        assert run(capsys, "departments", str(tmp_path / "bad.csv"), *arguments)[0] == 2
        assert key not in postgis.status().databases
        answer = told(capsys, "departments", str(tmp_path / "d.csv"), *arguments, "--dry-run")
        assert "there is no record of the city yet, so only the file was checked" in answer["notes"]
        assert key not in postgis.status().databases
        assert told(capsys, "departments", str(tmp_path / "d.csv"), *arguments)["inserted"] == 1
        assert key in postgis.status().databases
    finally:
        postgis.drop_database(key)


def test_help_and_no_bar_without_a_terminal(town):
    environment = {**os.environ, "COLUMNS": "200"}
    command = [str(Path(sys.executable).with_name("wanmi")), "load"]
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, env=environment, check=True).stdout
    assert "Example:" in text
    for option in ("--profile", "--map", "--set", "--crs", "--valid-from", "--rejects", "--dry-run", "--json"):
        assert option in text
    done = subprocess.run(
        [*command, "components", "lamps.csv", "--profile", "town.toml"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
