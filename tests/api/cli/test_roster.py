"""``wanmi roster``: who is on duty at a place, read from the record."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from api.cli import main
from gis import store
from tests import town
from tests.gis.rosters import town_rosters
from tests.gis.rosters.town_rosters import COMMUNITY, ORDER, UNIT


@pytest.fixture(scope="module")
def manned(database: str) -> Iterator[str]:
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    frames = town_rosters.layers()
    for layer in ORDER:
        assert not len(store.load(engine, layer, frames[layer]).rejects)
    engine.dispose()
    yield database


@pytest.fixture(autouse=True)
def here(manned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANMI_DSN", manned)


def test_people_read_who_is_on_duty(capsys):
    assert main(["roster", "--unit", COMMUNITY + "001", "--at", "2026-09-05"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"unit {COMMUNITY}001, 2026-09-05 00:00, known at ")
    assert "  chief 2      李街 (chief) 2-1, S1, street 140802001" in lines
    assert "  step 1  after 0 h    nobody on duty, C1, 东街道办" in lines
    assert "  step 4  after 76 h   郑队, 执1, 执法队" in lines
    assert lines[-1] == (
        f"  hole    nobody on the roster of team C1 (chief of community {COMMUNITY}) from 2026-09-01 00:00 "
        "to 2026-09-10 00:00; the next is 王二 of team C1"
    )


def test_a_point_and_json(capsys):
    assert main(["roster", "111.0003", "35.0275", "--at", "2026-07-15", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["at"] == "2026-07-14T16:00:00Z" and list(told)[:4] == ["at", "known_at", "unit", "areas"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "no place is given; send unit, or lon and lat"),
        (["111"], "lat: is missing"),
        (["111", "35", "--unit", UNIT], "not both"),
        (["--unit", "1"], "there is no unit '1'"),
        (["--unit", UNIT, "--at", "soon"], "--at: 'soon' is no time"),
        (["--unit", UNIT, "--known-at", "2020-01-01"], "--known-at: "),
    ],
)
def test_wrong_use_is_one_line(capsys, words, says):
    assert main(["roster", *words]) == 2
    told = capsys.readouterr()
    assert told.out == "" and says in told.err and told.err.count("\n") == 1
