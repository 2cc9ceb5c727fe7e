"""``wanmi prove``: holds, does not hold, wrong use; each in clear lines."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from api.cli import main
from tests.api.conftest import degrees

SPOTS = [degrees(x, y) for x, y in ((100, 100), (300, 300), (250.5, 120), (200, 200), (390, 10))]
CLASSES = ["2026:C01002", "2026:C01037", "2026:E06010", "2026:E07001", ""]


@pytest.fixture
def answers(town_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict]:
    out = []
    for spot, klass in zip(SPOTS, CLASSES, strict=True):
        place = [str(spot["lon"]), str(spot["lat"]), "--class", klass, "--snapshot", str(town_file), "--json"]
        assert main(["resolve", *place, "--accuracy", "8", "--lang", "zh"]) == 0
        out.append(json.loads(capsys.readouterr().out))
    return out


def written(tmp_path: Path, text: str, name: str = "answer.json") -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def prove(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status, and what it printed."""
    status = main(["prove", *arguments])
    out, err = capsys.readouterr()
    assert "internal fault" not in err and (not err or (out == "" and err.count("\n") == 1))
    return status, out or err


def test_one_answer_a_list_and_lines_hold(answers, town_file, tmp_path, capsys):
    forms = {
        json.dumps(answers[0]): "holds: replayed from snapshot ",
        json.dumps(answers, ensure_ascii=False, indent=1): "5 answers hold: replayed from snapshot ",
        "\n".join(map(json.dumps, answers)): "5 answers hold: ",
        json.dumps({"snapshot": "…", "cases": [{**answers[1], "fault": None}]}): "holds: ",
    }
    for text, says in forms.items():
        status, out = prove(capsys, written(tmp_path, text), "--snapshot", str(town_file))
        assert (status, out.count("\n")) == (0, 1) and out.startswith(says), out
    assert any("部件" in line or "责任区" in line for answer in answers for line in answer["why"])


def test_a_changed_answer_says_which_field_and_why(answers, town_file, tmp_path, capsys):
    answer = answers[0] | {"owner": {"department": "D5", "name": "路灯所"}}
    status, out = prove(capsys, written(tmp_path, json.dumps(answer)), "--snapshot", str(town_file))
    assert status == 1
    first, *_, seal, last = out.splitlines()
    assert first.startswith("owner.department: the answer says 'D5', the snapshot gives 'D0' (")
    assert seal == "seal: something of the answer was changed after it was given" and last == "does not hold"
    status, out = prove(capsys, written(tmp_path, json.dumps([*answers, answer])), "--snapshot", str(town_file))
    assert (status, out.splitlines()[-1]) == (1, "1 of 6 answers do not hold") and out.startswith("answer 6: owner.")
    status, out = prove(capsys, written(tmp_path, json.dumps(answer)), "--snapshot", str(town_file), "--json")
    told = json.loads(out)
    assert status == 1 and not told["holds"] and told["faults"][0]["field"] == "owner.department"


def test_rows_with_the_cases_beside(town_file, tmp_path, capsys):
    cases = pd.DataFrame(SPOTS).assign(**{"class": CLASSES, "id": [f"c{i}" for i in range(5)], "accuracy_m": 8.0})
    cases["reported_at"] = "2026-07-01T08:00"
    for ending in ("csv", "parquet"):
        source, out = tmp_path / "cases.csv", tmp_path / f"answers.{ending}"
        cases.to_csv(source, index=False)
        assert main(["assign", str(source), "--out", str(out), "--snapshot", str(town_file)]) == 0
        capsys.readouterr()
        arguments = [str(out), "--cases", str(source), "--snapshot", str(town_file)]
        status, said = prove(capsys, *arguments)
        assert (status, said.split(":")[0]) == (0, "5 answers hold"), said
        rows = pd.read_csv(out, dtype=str, keep_default_na=False) if ending == "csv" else pd.read_parquet(out)
        rows.loc[2, "department"] = "D1"
        rows.to_csv(out, index=False) if ending == "csv" else rows.to_parquet(out)
        status, said = prove(capsys, *arguments)
        assert status == 1 and said.startswith("answer 3: department: the answer says 'D1', the snapshot gives ")
    renamed = cases.rename(columns={"lon": "经度", "lat": "纬度"})
    renamed.to_csv(source, index=False)
    assert prove(capsys, *arguments)[0] == 2
    assert prove(capsys, *arguments, "--map", "lon=经度", "--map", "lat=纬度")[0] == 1


def test_cases_in_geoparquet_say_their_coordinate_system(town_file, tmp_path, capsys):
    points = gpd.points_from_xy([s["lon"] for s in SPOTS], [s["lat"] for s in SPOTS])
    frame = gpd.GeoDataFrame({"class": CLASSES}, geometry=points, crs=4326)
    source, out = tmp_path / "cases.parquet", tmp_path / "answers.parquet"
    for crs in (4326, 4546):
        frame.to_crs(crs).to_parquet(source)
        assert main(["assign", str(source), "--out", str(out), "--snapshot", str(town_file)]) == 0
        capsys.readouterr()
        status, said = prove(capsys, str(out), "--cases", str(source), "--snapshot", str(town_file))
        assert (status, said.split(":")[0]) == (0, "5 answers hold"), (crs, said)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "answer.json: is no JSON (Expecting property name"),
        ("[]", "answer.json: holds no answer; an answer of 'wanmi resolve --json'"),
        ('{"owner": null}', "answer: does not say what was asked; take the answer in full"),
        ("3", "answer: is no answer; a JSON object"),
    ],
)
def test_what_is_no_answer(text, says, town_file, tmp_path, capsys):
    status, out = prove(capsys, written(tmp_path, text), "--snapshot", str(town_file))
    assert status == 2 and says in out


def test_wrong_use_is_one_line(answers, town_file, tmp_path, capsys):
    name = written(tmp_path, json.dumps(answers[0]))
    assert prove(capsys, name) == (2, "wanmi: Missing option '--snapshot'. (see 'wanmi prove --help')\n")
    assert "no such snapshot file" in prove(capsys, name, "--snapshot", "none.wanmi")[1]
    assert "not a snapshot file" in prove(capsys, name, "--snapshot", name)[1]
    assert "no such file" in prove(capsys, "none.json", "--snapshot", str(town_file))[1]
    rows = written(tmp_path, "id,rule\n", "rows.csv")
    said = prove(capsys, rows, "--snapshot", str(town_file))
    assert said[0] == 2 and "rows of answers do not say what was asked; name the file that was answered" in said[1]
    assert (
        "has no column 'unit'"
        in prove(capsys, rows, "--cases", written(tmp_path, "lon,lat\n", "c.csv"), "--snapshot", str(town_file))[1]
    )
    newer = tmp_path / "newer.wanmi"
    data = bytearray(town_file.read_bytes())
    data[6] = 99
    newer.write_bytes(data)
    assert "layout 99, newer than this checker" in prove(capsys, name, "--snapshot", str(newer))[1]


def test_an_answer_from_another_snapshot(answers, town_file, tmp_path, capsys):
    text = json.dumps(answers[0] | {"snapshot": "0123456789abcdef"})
    status, out = prove(capsys, written(tmp_path, text), "--snapshot", str(town_file))
    assert status == 1 and out.startswith("snapshot: the answer says '0123456789abcdef', the file is '")
