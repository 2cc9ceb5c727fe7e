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
            "--at: 'xx' is no time; write 2026-07-01 or 2026-07-01T08:30+08:00 (ISO 8601), or now",
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
    assert main(["snapshot", "build", "--known-at", "2020-01-01", "--out", out, "--json"]) == 1
    facts, err = capsys.readouterr()
    assert json.loads(facts)["units"] == 0
    assert (
        err.startswith("wanmi: nothing of town was on record at 2019-12-31T16:00:00+00:00: ") and err.count("\n") == 1
    )


def test_instants_of_the_command_line():
    def read(text: str) -> pd.Timestamp:
        return instant(text, zone="Asia/Shanghai", where="--at")

    assert read("2026-07-01T00:00Z") == pd.Timestamp("2026-07-01", tz="UTC")
    assert read("2026-07-01T08:00") == pd.Timestamp("2026-07-01", tz="UTC")
    assert abs(read("now") - pd.Timestamp.now(tz="UTC")) < pd.Timedelta("1min")
    for text in ("", "xx", "today", "nan", "2026-02-30", "1899-12-30", "2201-02-01", "2026-07-01T00Z", "٢٠٢٦-07-01"):
        with pytest.raises(InputError, match="--at"):
            read(text)
