"""Rosters that contradict themselves or the record are refused in one clear line; holes are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from gis import store
from gis.files import read_layer
from gis.rosters import Where
from gis.store.engine import transaction
from gis.store.reading import copy_out
from gis.store.rosters import read_rosters
from grids.errors import Conflict, NotFound
from tests import town
from tests.gis.rosters import naive, town_rosters
from tests.gis.rosters.town_rosters import COMMUNITY, ORDER, STREET, UNIT, local
from tests.gis.store.village import came, day

GOOD = {"team": "C1", "person": "王一", "kind": "chief", "tier": 3.0, "area_set": "street", "area": STREET}


@pytest.fixture
def city(engine: Engine) -> Iterator[Engine]:
    """The town without rosters."""
    frames = town_rosters.layers()
    for layer in ORDER:
        if layer != "rosters":
            store.load(engine, layer, frames[layer])
    yield engine


@pytest.fixture(scope="module")
def full_town(database: str) -> Iterator[Engine]:
    """The town with its rosters, for loads that are taken back."""
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    frames = town_rosters.layers()
    for layer in ORDER:
        report = store.load(engine, layer, frames[layer])
        assert (report.inserted, len(report.rejects)) == (len(frames[layer]), 0), report.rejects.to_string()
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ({"tier": 4.0}, "tier", "is no tier; write 1 (district), 2 (street) or 3 (community)"),
        ({"tier": 0.0}, "tier", "is no tier"),
        ({"tier": 1.5}, "tier", "is no tier"),
        ({"area": "14080200l"}, "area", "no such street is recorded; did you mean 140802001"),
        ({"area_set": ""}, "area_set", "of which set is the area?"),
        ({"area": ""}, "area", "which one of the set?"),
        ({"area_set": "", "area": "", "place": "w1"}, "place_kind", "zone or road or unit?"),
        ({"area_set": "", "area": "", "place_kind": "road"}, "place", "which one?"),
        ({"area_set": "", "area": "", "place_kind": "park", "place": "w1"}, "place_kind", "is not one of zone, road"),
        ({"place_kind": "road", "place": "w1"}, "place", "not both"),
        ({"area_set": "", "area": "", "place_kind": "road", "place": "w7"}, "place", "no such road is recorded"),
        ({"area_set": "", "area": "", "place_kind": "zone", "place": "w1"}, "place", "no such zone is recorded"),
        ({"area_set": "", "area": "", "place_kind": "unit", "place": "1"}, "place", "no such unit is recorded"),
        ({"reports_to": "S1"}, "after_hours", "after how long"),
        ({"after_hours": 4.0}, "reports_to", "to which team"),
        ({"reports_to": "S1", "after_hours": -1.0}, "after_hours", "is no span of hours; write 0 to 100,000"),
        ({"reports_to": "Sl", "after_hours": 1.0}, "reports_to", "no such team is on the roster; did you mean S1?"),
        ({"reports_to": "@enforcer", "after_hours": 1.0}, "reports_to", "no such kind of team is on the roster"),
        ({"team": "新", "reports_to": "新", "after_hours": 1.0}, "reports_to", "is the team itself"),
        ({"department": "D99"}, "department", "no such department"),
    ],
)  # fmt: skip
def test_rows_are_refused(full_town: Engine, row: dict, column: str, why: str) -> None:
    bad = town.frame("rosters", [GOOD | {"person": "新人"} | row]).set_axis([17])
    report = store.load(full_town, "rosters", bad, dry_run=True)
    assert (report.inserted, report.changed) == (0, 0)
    assert len(report.rejects) == 1, report.rejects.to_string()
    found = report.rejects.iloc[0]
    assert (found["row"], found["column"]) == (17, column)
    assert why in found["why"], found["why"]


@pytest.mark.parametrize("end", ["2026-07-01", "2026-08-01"])
def test_dates_backwards_are_refused_in_the_file(tmp_path: Path, end: str) -> None:
    path = tmp_path / "rosters.csv"
    path.write_text(f"team,person,valid_from,valid_to\nA,Li,2026-08-01,{end}\nA,Wu,2026-07-01,2026-08-01\n")
    told = read_layer(path, "rosters", town.CITY)
    assert list(told.frame["person"]) == ["Wu"] and list(told.rejects["column"]) == ["valid_to"]


def test_a_person_twice_in_a_post(full_town: Engine) -> None:
    twice = [GOOD | {"person": "新人", "valid_from": day(f"2026-0{m}-01"), "valid_to": day(f"2026-0{m + 2}-01")}
             for m in (5, 6)]  # fmt: skip
    report = store.load(full_town, "rosters", town.frame("rosters", twice), dry_run=True)
    assert came(report) == (1, 0, 0, 0, 1)
    assert tuple(report.rejects.iloc[0]) == (2, "person", "新人", "is in row 1 already for the same time")
    # one after the other is no fault, nor is one person in two teams
    twice[1]["valid_from"], twice[1]["valid_to"] = day("2026-07-01"), pd.NaT
    more = [*twice, twice[0] | {"team": "新队"}]
    assert came(store.load(full_town, "rosters", town.frame("rosters", more), dry_run=True)) == (3, 0, 0, 0, 0)


def test_a_team_above_that_falls_takes_those_below_along(full_town: Engine) -> None:
    rows = [
        {"team": "下", "person": "甲", "reports_to": "中", "after_hours": 1.0},
        {"team": "中", "person": "乙", "reports_to": "上", "after_hours": 1.0},
        {"team": "上", "person": "丙", "tier": 9.0},
        {"team": "旁", "person": "丁", "reports_to": "S1", "after_hours": 1.0},
    ]
    report = store.load(full_town, "rosters", town.frame("rosters", rows), dry_run=True)
    assert report.inserted == 1 and sorted(report.rejects["row"]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("steps", "ring"),
    [
        ([("a", "b"), ("b", "a")], "team a → b → a: a ring of teams, always"),
        ([("a", "b"), ("b", "c"), ("c", "b")], "team b → c → b: a ring of teams, always"),
        ([("D1", "C1")], "team C1 → S1 → D1 → C1: a ring of teams, at 2026-03-01T00:00:00+00:00"),
        ([("执1", "D1")], "team @enforcement → 执1 → D1 → @enforcement: a ring of teams"),
    ],
)  # fmt: skip
def test_a_ring_refuses_the_file(full_town: Engine, steps: list, ring: str) -> None:
    begin = day("2026-03-01") if len(steps) == 1 else pd.NaT
    rows = [{"team": low, "person": "新人", "reports_to": high, "after_hours": 1.0, "valid_from": begin}
            for low, high in steps]  # fmt: skip
    if steps[0][0] == "D1":  # the one there is turns elsewhere already, and ends when the new one begins
        rows.insert(0, {"team": "D1", "person": "赵区", "valid_to": begin, "reports_to": "@enforcement",
                        "after_hours": 48.0})  # fmt: skip
    before = _rows(full_town)
    with pytest.raises(Conflict, match=re.escape(ring)) as told:
        store.load(full_town, "rosters", town.frame("rosters", rows))
    assert "\n" not in str(told.value)
    assert _rows(full_town) == before


def test_a_ring_of_different_times_is_none(full_town: Engine) -> None:
    then = day("2026-03-01")
    rows = [
        {"team": "a", "person": "甲", "reports_to": "b", "after_hours": 1.0, "valid_to": then},
        {"team": "b", "person": "乙", "reports_to": "a", "after_hours": 1.0, "valid_from": then},
        {"team": "a", "person": "甲", "valid_from": then},
    ]
    assert came(store.load(full_town, "rosters", town.frame("rosters", rows), dry_run=True)) == (3, 0, 0, 0, 0)


def test_a_correction_that_turns_a_chain_round_is_no_ring(city: Engine) -> None:
    one = [{"team": "a", "person": "甲", "reports_to": "b", "after_hours": 1.0}, {"team": "b", "person": "乙"}]
    assert store.load(city, "rosters", town.frame("rosters", one)).inserted == 2
    other = [{"team": "b", "person": "乙", "reports_to": "a", "after_hours": 1.0}, {"team": "a", "person": "甲"}]
    assert store.load(city, "rosters", town.frame("rosters", other)).changed == 2
    assert store.load(city, "rosters", town.frame("rosters", other)).unchanged == 2


def test_a_team_that_turns_to_two_refuses_the_file(full_town: Engine) -> None:
    rows = [{"team": "C1", "person": "新人", "reports_to": "D1", "after_hours": 2.0, "valid_from": day("2026-02-01")}]
    with pytest.raises(Conflict, match="team C1 turns to S1 after 4 h and to D1 after 2 h at one time"):
        store.load(full_town, "rosters", town.frame("rosters", rows))


def test_holes_between_turns_are_noted(city: Engine) -> None:
    report = store.load(city, "rosters", town_rosters.layers()["rosters"])
    assert not len(report.rejects)
    assert sorted(report.notes["why"]) == [
        "nobody on the roster of team C1 (chief of community 140802001001) from 2026-08-31 16:00 to 2026-09-09 16:00; "
        "the next is 王二 of team C1",
        "nobody on the roster of the patrol of patrol P1 (last team 巡一) from 2026-07-31 16:00 to 2026-08-31 16:00; "
        "the next is 吴甲 of team 巡二",
    ]
    assert sorted(report.notes["row"]) == [2, 14]


def test_what_was_known_stays_known(city: Engine) -> None:
    """The chief of July is corrected twice; each state of knowledge keeps its answer."""
    names, known = ["王一", "王错", "王对"], []
    for name in names:
        rows = [GOOD | {"person": old, "valid_from": local("2026-01-01"), "valid_to": local("2026-01-02")}
                for old in names[: names.index(name)]]  # fmt: skip
        rows.append(GOOD | {"person": name, "valid_from": local("2026-01-01")})
        store.load(city, "rosters", town.frame("rosters", rows))
        with transaction(city) as cursor:
            cursor.execute("SELECT clock_timestamp()")
            known.append(pd.Timestamp(cursor.fetchone()[0]))
    for name, instant in zip(names, known, strict=True):
        told = read_rosters(city, town.CITY, unit=UNIT, at=local("2026-07-01"), known_at=instant)
        assert [d["person"] for d in told["on_duty"]] == [name]
    assert [d["person"] for d in read_rosters(city, town.CITY, unit=UNIT, at=local("2026-07-01"))["on_duty"]] == [
        "王对"
    ]


def test_before_the_first_roster_was_recorded(city: Engine) -> None:
    with transaction(city) as cursor:
        cursor.execute("SELECT clock_timestamp()")
        before = pd.Timestamp(cursor.fetchone()[0])
    here = {"unit": UNIT, "at": local("2026-07-15")}
    assert [h["what"] for h in read_rosters(city, town.CITY, **here)["holes"]] == ["no roster is on record"]
    store.load(city, "rosters", town_rosters.layers()["rosters"])
    told = read_rosters(city, town.CITY, **here, known_at=before)
    assert told["on_duty"] == told["chain"] == [] and len(told["holes"]) == 1
    asked = before.tz_convert(town.CITY.time_zone).strftime("%Y-%m-%d %H:%M")
    assert told["holes"][0]["what"].startswith(f"no roster was on record at {asked}; the first was recorded at ")
    with pytest.raises(NotFound, match=r"there is no unit .* as known at 2020-01-01"):
        read_rosters(city, town.CITY, **here, known_at=day("2020-01-01"))


def test_any_two_clocks_against_a_plain_look_at_all_versions(city: Engine) -> None:
    rng = np.random.default_rng(7)
    days = [day("2026-07-01") + pd.Timedelta(days=d) for d in range(12)]
    for _ in range(12):
        rows = []
        for person in rng.permutation(list("甲乙丙丁"))[: rng.integers(1, 4)]:
            begin, end = sorted(rng.choice(len(days), 2, replace=False))
            set_, area = (("street", STREET), ("patrol", "P1"), ("community", COMMUNITY))[rng.integers(3)]
            rows.append({"team": "AB"[rng.integers(2)], "person": person, "kind": "patrol", "area_set": set_,
                         "area": area, "valid_from": days[begin], "valid_to": days[end]})  # fmt: skip
        store.load(city, "rosters", town.frame("rosters", rows))
    with transaction(city) as cursor:
        cursor.execute("SELECT * FROM wanmi.rosters ORDER BY recorded_at")
        names = [c.name for c in cursor.description]
        versions = [dict(zip(names, map(_known, row), strict=True)) | {"tier": np.nan} for row in cursor]
    assert len({v["recorded_at"] for v in versions}) > 6 and any(v["replaced_at"] < FOR_EVER for v in versions)
    units = {STREET + "002002": ("patrol", "street"), COMMUNITY + "002": ("community", "patrol", "street")}
    codes = {"community": COMMUNITY, "street": STREET, "patrol": "P1"}
    moments = sorted({v[name] for v in versions for name in ("recorded_at", "replaced_at")} - {FOR_EVER})
    told = 0
    for _ in range(60):
        at = days[rng.integers(len(days))] + pd.Timedelta(hours=int(rng.integers(0, 24)))
        known = moments[rng.integers(len(moments))] + pd.Timedelta(microseconds=int(rng.integers(-1, 2)))
        unit = list(units)[rng.integers(2)]
        where = Where(tuple((s, codes[s]) for s in units[unit]))
        believed = [
            v | {"n": (v["team"], v["person"])} for v in versions if v["recorded_at"] <= known < v["replaced_at"]
        ]
        try:
            found = read_rosters(city, town.CITY, unit=unit, at=at, known_at=known)
        except NotFound:
            continue  # before the units were recorded
        assert [(d["team"], d["person"]) for d in found["on_duty"]] == naive.on_duty(believed, where, at)
        told += len(found["on_duty"])
    assert told > 20


FOR_EVER = pd.Timestamp("2900-01-01", tz="UTC")


def _known(value: Any) -> Any:
    """A value of the record as plain Python; its endless instants as one that compares."""
    if isinstance(value, datetime):
        return FOR_EVER if value.year > 2800 else pd.Timestamp(value)
    return "" if value is None else value


def _rows(engine: Engine) -> int:
    with transaction(engine) as cursor:
        return len(copy_out(cursor, "frame_rosters", {"at": None, "known_at": None}, "rosters"))
