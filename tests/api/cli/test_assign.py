"""``wanmi assign`` over the record: what a change concerns is answered again, and the answer says since when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import main
from gis import store
from tests import town


@pytest.fixture
def record(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WANMI_DSN", database)
    monkeypatch.setenv("WANMI_STATE", str(tmp_path / "state"))
    return database


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["assign", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_record_is_answered_as_far_as_a_change_concerns(record: str, capsys: pytest.CaptureFixture[str]):
    engine = store.connect(record)
    store.create_city(engine, town.CITY)
    layers = town.layers()
    for layer in ("departments", "areas", "rules", "units", "components", "zones"):
        store.load(engine, layer, layers[layer])
    spots = [(20, 20), (60, 320), (350, 350), (250, 120)]
    rows = [
        {"id": f"K{i}", "class": "2013:E0105", "reported_at": town.DAY, "geometry": town.point(*xy)}
        for i, xy in enumerate(spots)
    ]
    store.load(engine, "cases", town.frame("cases", rows))
    first = told(capsys, "--all")
    assert first["cases"] == 4 and first["since"] is None
    assert told(capsys, "--all") == {
        "cases": 0,
        "snapshot": first["snapshot"],
        "since": first["snapshot"],
        "by_rule": {},
    }
    store.load(engine, "zones", layers["zones"].iloc[[6]].assign(department="D0"))  # two blocks: 20,20 and 60,320
    second = told(capsys)
    assert second["cases"] == 2 and second["since"] == first["snapshot"] != second["snapshot"]
    assert told(capsys, "--anew")["cases"] == 4
    store.load(engine, "zones", layers["zones"].iloc[[6]].assign(department="D1"))
    assert main(["assign"]) == 0
    assert (
        f"2 cases that a change since {second['snapshot']} concerns; all other answers stand" in capsys.readouterr().out
    )
    engine.dispose()


def test_a_file_has_no_part_in_that(record: str, capsys: pytest.CaptureFixture[str]):
    assert main(["assign", "a.csv", "--out", "b.csv", "--anew"]) == 2
    assert "--anew with FILE: a file is always answered whole" in capsys.readouterr().err
