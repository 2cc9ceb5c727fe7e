"""The version that answered then is found, or made again to the bit; a load that came late is not passed over."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from gis import store, versions
from gis.snapshot import Snapshot
from gis.store import recorded
from gis.store.engine import transaction
from grids.errors import InputError
from tests import town
from tests.gis.versions.test_making import alike

DAYS = [pd.Timestamp(f"2026-0{month}-01", tz="UTC") for month in (5, 6, 7, 8)]


def now() -> pd.Timestamp:
    """The present, with a moment on either side."""
    time.sleep(0.01)
    found = pd.Timestamp.now(tz="UTC")
    time.sleep(0.01)
    return found


def market(engine: Engine, department: str, day: pd.Timestamp) -> None:
    zone = town.layers()["zones"].query("code == 'Z2'")
    store.load(engine, "zones", zone.assign(department=department, valid_from=day))


def owner(snapshot: Snapshot, day: pd.Timestamp) -> str:
    zones = snapshot.layer("zones")
    at = int(day.value // 1000)
    (row,) = [
        i for i, code in enumerate(snapshot.codes("zones.code")[:-1])
        if code == "Z2" and zones.begins[i] <= at < zones.ends[i]
    ]  # fmt: skip
    return snapshot.codes("departments.code")[zones.columns["department"][row]]


def test_every_earlier_knowledge_comes_again_to_the_bit(engine: Engine, tmp_path: Path):
    """Loaded, followed, corrected, retired: after each step all earlier beliefs are what they were."""
    steps = [
        lambda: market(engine, "D3", DAYS[1]),
        lambda: market(engine, "D4", DAYS[2]),
        lambda: market(engine, "D5", DAYS[1]),
        lambda: store.load(engine, "zones", town.layers()["zones"].query("code == 'Z3'").assign(valid_to=DAYS[3])),
        lambda: store.load(engine, "departments", town.frame("departments", [{"code": "NEW", "name": "新"}])),
        lambda: store.load(engine, "areas", town.frame("areas", [
            {"set": "patrol", "code": "P1", "name": "一片", "geometry": town.box(0, 0, 90, 90), "valid_from": DAYS[0]}
        ])),
        lambda: store.load(engine, "rules", town.frame("rules", [{"class": "2026:E06", "department": "D6"}])),
    ]  # fmt: skip
    believed = [(now(), versions.build(engine, None))]
    for step in steps:
        step()
        believed.append((now(), versions.build(engine, None)))
        for known_at, then in believed:
            alike(then, versions.build(engine, believed[-1][1], known_at=known_at))
    owners = [[owner(then, day) for day in DAYS] for _, then in believed[:4]]
    assert owners == [
        ["D8", "D8", "D8", "D8"], ["D8", "D3", "D3", "D3"], ["D8", "D3", "D4", "D4"], ["D8", "D5", "D4", "D4"]
    ]  # fmt: skip
    for known_at, then in believed:
        found = versions.as_known(engine, tmp_path, known_at)
        assert found is not None
        alike(found, then)


def test_a_version_that_is_kept_answers_for_as_long_as_it_was_right(engine: Engine, tmp_path: Path, monkeypatch):
    instants, kept = [], []
    for department in ("D3", "D4"):
        kept.append(versions.up_to_date(engine, tmp_path))
        instants.append(now())
        market(engine, department, DAYS[1])
    kept.append(versions.up_to_date(engine, tmp_path))
    monkeypatch.setattr(versions.making, "build", None)  # nothing is made
    for known_at, then in zip([*instants, now()], kept, strict=True):
        found = versions.as_known(engine, tmp_path, known_at)
        assert found is not None and found.version == then.version
    # a moment before the second load it was still what it had been; on its instant and after it no longer
    assert versions.as_known(engine, tmp_path, instants[1] - pd.Timedelta(microseconds=1)).version == kept[1].version
    versions.find(tmp_path, kept[0].version).unlink()
    assert versions.as_known(engine, tmp_path, instants[0], make=False) is None


def test_only_what_differs_is_read(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    known_at = now()
    then = versions.build(engine, None)
    market(engine, "D3", DAYS[1])
    versions.up_to_date(engine, tmp_path)
    asked: list[str] = []
    real = recorded.copy_out
    monkeypatch.setattr(recorded, "copy_out", lambda c, n, v, layer: asked.append(layer) or real(c, n, v, layer))
    found = versions.as_known(engine, tmp_path, known_at)
    assert found is not None and set(asked) - {"departments", "classes"} == {"zones"}
    alike(found, then)
    asked.clear()
    again = versions.as_known(engine, tmp_path, known_at)
    assert again is not None and again.version == then.version and asked == []


def test_a_load_that_was_committed_late_is_known_from_its_own_instant(engine: Engine, tmp_path: Path):
    """It began before the version that is kept, and ended after it: that version is not what was known."""
    with transaction(engine) as slow:
        slow.execute("UPDATE wanmi.zones SET replaced_at = clock_timestamp() WHERE code = 'Z2'")
        store.load(engine, "departments", town.frame("departments", [{"code": "NEW", "name": "新"}]))
        without = versions.up_to_date(engine, tmp_path)
        known_at = now()
    codes = [set(s.codes("zones.code")) for s in (without, versions.as_known(engine, tmp_path, known_at))]
    assert codes[0] - codes[1] == {"Z2"} and not codes[1] - codes[0]


def test_before_changes_were_noted_the_rows_tell(engine: Engine, tmp_path: Path):
    known_at = now()
    market(engine, "D3", DAYS[1])
    with transaction(engine) as cursor:
        cursor.execute(
            "DELETE FROM wanmi.layer_changes WHERE changed_at < (SELECT max(changed_at) FROM wanmi.layer_changes)"
        )
    found = versions.as_known(engine, tmp_path, known_at)
    assert found is not None and owner(found, DAYS[3]) == "D8" and found.known_at == known_at
    assert set(found.states) == {"record"}


def test_instants_of_which_nothing_is_known(engine: Engine, tmp_path: Path):
    for known_at, says in (
        (pd.Timestamp("2019-01-01", tz="UTC"), "2019-01-01T00:00:00+00:00 is before the first record; ask from"),
        (pd.Timestamp("2199-01-01", tz="UTC"), "2199-01-01T00:00:00+00:00 has not come yet; ask until"),
    ):
        with pytest.raises(InputError, match=says.replace("+", r"\+")) as error:
            versions.as_known(engine, tmp_path, known_at)
        assert error.value.where == "known_at"
    with transaction(engine) as cursor:
        cursor.execute("DROP SCHEMA wanmi CASCADE")
    store.create_city(engine, town.CITY)
    with pytest.raises(InputError, match="is before the first record; load the city first"):
        versions.as_known(engine, tmp_path, pd.Timestamp.now(tz="UTC"))


def test_versions_of_earlier_knowledge_are_as_many_as_the_others(engine: Engine, tmp_path: Path):
    instants = []
    for k in range(4):
        instants.append(now())
        market(engine, f"D{k + 1}", pd.Timestamp(f"2026-05-0{k + 1}", tz="UTC"))
    current = versions.up_to_date(engine, tmp_path)
    made = [versions.as_known(engine, tmp_path, known_at, most=2) for known_at in instants]
    left = {v.version for v in versions.listed(tmp_path)}
    assert left == {current.version, made[2].version, made[3].version}
    assert versions.find(tmp_path, made[3].version).parent.name == "past"
    alike(versions.again(engine, tmp_path, made[0].version), made[0])
