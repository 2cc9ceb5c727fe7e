"""``wanmi snapshot`` and ``wanmi resolve`` over the town: answers, and one line for all that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from api.cli import main
from api.cli.values import instant
from grids.errors import InputError
from tests import town
from tests.api.conftest import degrees

SPOT = degrees(100, 100)
PLACE = [str(SPOT["lon"]), str(SPOT["lat"])]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr of a command that exits with 2."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "internal fault" not in err, err
    return err.strip().removeprefix("wanmi: ")


def test_an_answer_from_a_file(town_file: Path, capsys: pytest.CaptureFixture[str]):
    asked = ["resolve", *PLACE, "--class", "2026:C01002", "--snapshot", str(town_file)]
    assert main([*asked, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["owner"]["department"], answer["rule"]) == ("D0", "component_nearest")
    assert main([*asked, "--at", "2026-07-02T08:00", "--accuracy", "5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("市城管局 (D0)") and "as of    2026-07-02T00:00:00" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["NaN", "35"], "is not a finite number"),
        (["111", "inf"], "is not a finite number"),
        ([*PLACE, "--accuracy", "nan"], "is not a finite number"),
        ([*PLACE, "--accuracy", "-1"], "-1.0 is not in the range x>=0"),
        (
            [*PLACE, "--at", "xx"],
            "--at: 'xx' is no time; write 2026-07-01 or 2026-07-01T08:30+08:00",
        ),
        ([*PLACE, "--at", "1800-01-01"], "--at: the year of '1800-01-01' is not between 1900 and 2200"),
        (PLACE[::-1], "look swapped; send lon 111.00"),
        ([*PLACE, "--class", "zz"], "'zz' is no class code; write edition, kind and digits, as in 2026:C01001 or 2013"),
        ([*PLACE, "--class", "2026:C01999"], "did you mean 2026:C01"),
        ([*PLACE, "--crs", "moon"], "moon"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], says: str, town_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch
):
    monkeypatch.setenv("WANMI_SNAPSHOT", str(town_file))
    assert says in refused(capsys, "resolve", *arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--at", "xx"], "--at: 'xx' is no time; write 2026-07-01 or"),
        (["--known-at", "2026-02-30"], "--known-at: '2026-02-30' is no time"),
        (["--known-at", "9000-01-01"], "is not between 1900 and 2200"),
        (["--out", "/nonexist/x.wanmi"], "--out: there is no folder /nonexist; make it"),
        (["--out", "."], "'--out': File '.' is a directory"),
    ],
)
def test_no_snapshot_of_nonsense(
    arguments: list[str], says: str, town_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path
):
    monkeypatch.setenv("WANMI_DSN", town_dsn)
    monkeypatch.chdir(tmp_path)
    assert says in refused(capsys, "snapshot", "build", *arguments)
    assert not list(tmp_path.iterdir())


def test_a_snapshot_tells_when_nothing_was_known(
    town_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path
):
    monkeypatch.setenv("WANMI_DSN", town_dsn)
    out = str(tmp_path / "town.wanmi")
    assert main(["snapshot", "build", "--at", "2026-07-01", "--out", out, "--json"]) == 0
    facts, err = capsys.readouterr()
    assert err == "" and json.loads(facts)["at"] == "2026-06-30T16:00:00+00:00"
    assert json.loads(facts)["units"] == len(town.layers()["units"])
    early = ["snapshot", "build", "--known-at", "2020-01-01", "--out", str(tmp_path / "none.wanmi")]
    said = refused(capsys, *early)
    assert said.startswith("--known-at: 2019-12-31T16:00:00+00:00 is before the first record; ask from ")
    assert not (tmp_path / "none.wanmi").exists()
    assert "has not come yet" in refused(capsys, *early[:3], "2199-01-01")


CASES = (
    f"TYPE,LNG,LAT\n2026:C01002,{PLACE[0]},{PLACE[1]}\nzz,{PLACE[0]},{PLACE[1]}\n2026:E06010,{PLACE[0]},{PLACE[1]}\n"
)
MAPS = [word for pair in ("class=TYPE", "lon=LNG", "lat=LAT") for word in ("--map", pair)]


@pytest.fixture
def calls(town_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of cases with columns of its own, in a folder to work in; the town answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANMI_SNAPSHOT", str(town_file))
    file = Path("calls.csv")
    file.write_text(CASES)
    return file


def test_a_file_is_answered_row_for_row(calls: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["assign", "calls.csv", "--out", "a.csv", *MAPS, "--rejects", "wrong.csv", "--json"]) == 1
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert (facts["cases"], facts["rejected"], sum(facts["by_rule"].values())) == (2, 1, 2)
    assert err.splitlines()[0].startswith("row 2, TYPE 'zz': is no class code")
    assert err.splitlines()[-1] == "wanmi: rejected rows: 1, listed in wrong.csv"
    told = pd.read_csv("a.csv", dtype=str, keep_default_na=False)
    assert told["id"].tolist() == ["1", "2", "3"] and (told["fault"] != "").tolist() == [False, True, False]
    listed = pd.read_csv("wrong.csv", dtype=str)
    assert listed[["row", "column", "value"]].to_numpy().tolist() == [["2", "TYPE", "zz"]]
    assert main(["assign", "calls.csv", "--out", "a.csv", *MAPS]) == 1
    out, err = capsys.readouterr()
    assert "2 cases, rejected rows: 1" in out and err.splitlines()[-1].endswith("see column fault of a.csv")
    calls.write_text(CASES.replace("zz", "2026:C01002"))
    assert main(["assign", "calls.csv", "--out", "a.parquet", *MAPS, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["rejected"] == 0 and err == ""


def test_a_profile_by_file_or_by_name(calls: Path, capsys: pytest.CaptureFixture[str]):
    calls.write_text(CASES.replace("zz", "2026:C01002"))
    city = (
        'key = "town"\nname = "t"\ncrs = "EPSG:4546"\ntime_zone = "Asia/Shanghai"\nbounds = [110.9, 34.9, 111.1, 35.2]'
    )
    how = '[layers.cases]\ncolumns = {class = "TYPE"}\nplace = {lon = "LNG", lat = "LAT"}\n'
    Path("town.toml").write_text(f"[city]\n{city}\n{how}")
    assert main(["assign", "calls.csv", "--out", "a.csv", "--profile", "town.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 3
    shipped = ["assign", "calls.csv", "--out", "a.csv", "--profile"]
    assert "the profile is of baltimore, the snapshot of town" in refused(capsys, *shipped, "baltimore")
    assert "there is no profile 'baltimor'" in refused(capsys, *shipped, "baltimor")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["calls.csv"], "FILE and --out go together"),
        (["calls.csv", "--out", "no/a.csv"], "--out: there is no folder"),
        (["calls.csv", "--out", "a.csv", "--rejects", "no/a.csv"], "--rejects: there is no folder"),
        (["calls.csv", "--out", "a.xlsx", *MAPS], "a.xlsx: cannot write .xlsx; .csv or .parquet"),
        (["calls.csv", "--out", "a.csv", "--map", "class"], "--map: 'class' is no FIELD=COLUMN"),
        (["calls.csv", "--out", "a.csv", "--all"], "--all with FILE: a file is always answered whole"),
        (["--map", "class=TYPE", "--rejects", "r.csv"], "--map, --rejects without FILE: it says how to read a file"),
    ],
)
@pytest.mark.usefixtures("calls")
def test_wrong_use_of_assign(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert says in refused(capsys, "assign", *arguments)
    assert not Path("a.csv").exists()


def test_instants_of_the_command_line():
    def read(text: str) -> pd.Timestamp:
        return instant(text, zone="Asia/Shanghai", where="--at")

    assert read("2026-07-01T00:00Z") == pd.Timestamp("2026-07-01", tz="UTC")
    assert read("2026-07-01T08:00") == pd.Timestamp("2026-07-01", tz="UTC")
    assert abs(read("now") - pd.Timestamp.now(tz="UTC")) < pd.Timedelta("1min")
    for text in ("", "xx", "today", "nan", "2026-02-30", "1899-12-30", "2201-02-01", "2026-07-01T00Z", "٢٠٢٦-07-01"):
        with pytest.raises(InputError, match="--at"):
            read(text)
