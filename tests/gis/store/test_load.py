"""What a row does to the record, and loads that meet."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from sqlalchemy import Engine

from gis import postgis, store
from gis.model import City
from gis.store.engine import transaction
from gis.tables import DATED
from grids.errors import Unavailable
from tests import town
from tests.conftest import database_name
from tests.gis.store.village import ORDER, came, day, department, more_layers, versions


def test_the_same_again_changes_nothing(full: Engine) -> None:
    def rows() -> list[tuple]:
        with transaction(full) as cursor:
            out = []
            for table in (*DATED, "ground", "calendars", "cases", "classes", "area_sets"):
                cursor.execute(
                    sql.SQL("SELECT count(*), max(xmin::text::bigint), max(recorded_at) FROM {}").format(
                        sql.Identifier("wanmi", table)
                    )
                    if table != "classes"
                    else "SELECT count(*), 0, 0 FROM wanmi.classes"
                )
                out.append(cursor.fetchone())
            return out

    before = rows()
    for layer, frame in more_layers().items():
        assert came(store.load(full, layer, frame)) == (0, 0, len(frame), 0, 0), layer
    assert rows() == before


def test_a_later_beginning_closes_the_version_before(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    report = store.load(full, "departments", department(code, "two", valid_from=day("2026-03-01")))
    assert came(report) == (0, 1, 0, 0, 0)
    assert versions(full, code) == [("one", "", "2026-03-01"), ("two", "2026-03-01", "")]


def test_without_a_later_beginning_it_is_corrected_in_place(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    store.load(full, "departments", department(code, "two", valid_from=day("2026-03-01")))
    assert came(store.load(full, "departments", department(code, "two!"))) == (0, 1, 0, 0, 0)
    again = department(code, "two!!", valid_from=day("2026-03-01"))
    assert came(store.load(full, "departments", again)) == (0, 1, 0, 0, 0)
    assert versions(full, code) == [("one", "", "2026-03-01"), ("two!!", "2026-03-01", "")]


def test_a_version_between_two_ends_where_the_next_begins(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    store.load(full, "departments", department(code, "three", valid_from=day("2026-06-01")))
    store.load(full, "departments", department(code, "two", valid_from=day("2026-03-01")))
    assert versions(full, code) == [
        ("one", "", "2026-03-01"),
        ("two", "2026-03-01", "2026-06-01"),
        ("three", "2026-06-01", ""),
    ]


def test_an_end_retires(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    ended = department(code, "one", valid_to=day("2026-03-01"))
    assert came(store.load(full, "departments", ended)) == (0, 0, 0, 1, 0)
    assert came(store.load(full, "departments", ended)) == (0, 0, 1, 0, 0)
    assert came(store.load(full, "departments", department(code, "one"))) == (0, 0, 1, 0, 0)
    assert versions(full, code) == [("one", "", "2026-03-01")]
    back = department(code, "one", valid_from=day("2026-05-01"))
    assert came(store.load(full, "departments", back)) == (1, 0, 0, 0, 0)
    assert versions(full, code) == [("one", "", "2026-03-01"), ("one", "2026-05-01", "")]


def test_the_same_values_from_a_later_day_say_nothing_new(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    later = department(code, "one", valid_from=day("2026-03-01"))
    assert came(store.load(full, "departments", later)) == (0, 0, 1, 0, 0)
    assert came(store.load(full, "departments", department(code, "one"), valid_from=day("2026-04-01")))[2] == 1


def test_what_holds_for_a_time_leaves_the_rest_as_it_was(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    july = {"valid_from": day("2026-07-01"), "valid_to": day("2026-08-01")}
    assert came(store.load(full, "departments", department(code, "other", **july))) == (0, 1, 0, 0, 0)
    corrected = [("one", "", "2026-07-01"), ("other", "2026-07-01", "2026-08-01"), ("one", "2026-08-01", "")]
    assert versions(full, code) == corrected
    assert came(store.load(full, "departments", department(code, "other", **july))) == (0, 0, 1, 0, 0)
    assert versions(full, code) == corrected


def test_rows_of_one_thing_are_taken_one_after_the_other(full: Engine, code: str) -> None:
    """A row that repeats the record is no less true for a row before it that changes what it repeats."""
    store.load(full, "departments", department(code, "one"))
    rows = [
        {"code": code, "name": "other", "valid_to": day("2026-02-01")},
        {"code": code, "name": "one", "valid_from": day("2026-02-01")},
    ]
    assert came(store.load(full, "departments", town.frame("departments", rows))) == (1, 1, 0, 0, 0)
    assert versions(full, code) == [("other", "", "2026-02-01"), ("one", "2026-02-01", "")]
    rows = [
        {"code": code, "name": f"in {a}", "valid_from": day(f"2026-{a:02d}-01"), "valid_to": day(f"2026-{b:02d}-01")}
        for a, b in ((3, 4), (4, 5), (7, 8))
    ]
    store.load(full, "departments", town.frame("departments", rows))
    assert versions(full, code) == [
        ("other", "", "2026-02-01"),
        ("one", "2026-02-01", "2026-03-01"),
        ("in 3", "2026-03-01", "2026-04-01"),
        ("in 4", "2026-04-01", "2026-05-01"),
        ("one", "2026-05-01", "2026-07-01"),
        ("in 7", "2026-07-01", "2026-08-01"),
        ("one", "2026-08-01", ""),
    ]
    with transaction(full) as cursor:  # what was never known is not kept as if it had been
        cursor.execute("SELECT count(*) FROM wanmi.departments WHERE code = %s AND recorded_at = replaced_at", [code])
        assert cursor.fetchone() == (0,)


def test_an_end_beyond_the_next_version_is_refused(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"))
    store.load(full, "departments", department(code, "two", valid_from=day("2026-03-01")))
    wrong = department(code, "other", valid_from=day("2026-02-01"), valid_to=day("2026-04-01"))
    report = store.load(full, "departments", wrong)
    assert came(report) == (0, 0, 0, 0, 1)
    assert "when the next recorded version begins" in report.rejects["why"].iloc[0]
    assert versions(full, code) == [("one", "", "2026-03-01"), ("two", "2026-03-01", "")]


def test_versions_of_one_thing_in_one_file(full: Engine, code: str) -> None:
    rows = [
        {"code": code, "name": "three", "valid_from": day("2026-03-01")},
        {"code": code, "name": "one", "valid_to": day("2026-02-01")},
        {"code": code, "name": "two", "valid_from": day("2026-02-01"), "valid_to": day("2026-03-01")},
    ]
    frame = town.frame("departments", rows)
    store.load(full, "departments", department(code, "zero"))
    assert came(store.load(full, "departments", frame)) == (2, 1, 0, 0, 0)
    assert versions(full, code) == [
        ("one", "", "2026-02-01"),
        ("two", "2026-02-01", "2026-03-01"),
        ("three", "2026-03-01", ""),
    ]
    assert came(store.load(full, "departments", frame)) == (0, 0, 3, 0, 0)


def test_valid_from_holds_for_rows_without_their_own(full: Engine, code: str) -> None:
    store.load(full, "departments", department(code, "one"), valid_from="2026-01-01T08:00:00+08:00")
    assert versions(full, code) == [("one", "2026-01-01", "")]


def test_undated_rows_are_replaced(engine: Engine) -> None:
    roads = more_layers()["roads"]
    store.load(engine, "roads", roads)
    changed = roads.copy()
    changed.loc[1, "name"] = "新路"
    changed.loc[2, "geometry"] = town.box(0, 0, 10, 11)
    assert came(store.load(engine, "roads", changed)) == (0, 2, 0, 0, 0)
    assert came(store.load(engine, "rivers", roads.drop(columns="lanes"))) == (2, 0, 0, 0, 0)


def test_a_dry_run_counts_and_changes_nothing(full: Engine, code: str) -> None:
    frame = department(code, "one")
    assert came(store.load(full, "departments", frame, dry_run=True)) == (1, 0, 0, 0, 0)
    assert versions(full, code) == []
    assert came(store.load(full, "departments", frame)) == (1, 0, 0, 0, 0)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two"]),
            st.one_of(st.none(), st.integers(1, 6)),
            st.one_of(st.none(), st.integers(1, 6)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_sequence_of_loads_is_one_history(full: Engine, told: list) -> None:
    """Whatever comes in, a slow model of instants agrees, and the last row loaded is what the record says."""
    code = f"h{abs(hash(str(told))) % 10**9}"
    history: dict[int, str] = {}  # month -> name; 0 is always, 7 is for ever
    with transaction(full) as cursor:
        cursor.execute("DELETE FROM wanmi.departments WHERE code = %s", [code])
    for name, begin, end in told:
        if begin is not None and end is not None and end <= begin:
            continue
        more = {}
        if begin is not None:
            more["valid_from"] = day(f"2026-{begin:02d}-01")
        if end is not None:
            more["valid_to"] = day(f"2026-{end:02d}-01")
        before = dict(history)
        report = store.load(full, "departments", department(code, name, **more))
        now = {}
        for said, since, until in versions(full, code):
            low = int(since[5:7]) if since else 0
            high = int(until[5:7]) if until else 8
            now |= dict.fromkeys(range(low, high), said)
        if len(report.rejects):
            assert now == before
        elif begin is not None:
            assert now.get(begin) == name
            assert all(now.get(m) == before.get(m) for m in range(begin) if before.get(m) is not None) or (
                # a repeated version that only ends keeps its beginning
                report.retired
            )
        history = now


def test_classes_of_a_citys_own_come_with_its_rules(cluster: postgis.Cluster) -> None:
    name = database_name("s_own")
    engine = store.connect(postgis.ensure_database(name))
    own = City(**{**town.CITY.__dict__, "key": "balt", "codes": "free", "edition": "balt"})
    case = {"id": "k", "class": "balt:EPothole (deep)", "reported_at": town.DAY, "geometry": town.point(1, 1)}
    try:
        store.create_city(engine, own)
        refused = store.load(engine, "cases", town.frame("cases", [case]))
        assert "not in the catalogue" in refused.rejects["why"].iloc[0]
        rules = town.frame("rules", [{"class": "balt:EPothole (deep)", "name": "Pothole"}])
        assert came(store.load(engine, "rules", rules)) == (1, 0, 0, 0, 0)
        assert came(store.load(engine, "cases", town.frame("cases", [case]))) == (1, 0, 0, 0, 0)
        classes = store.city_frames(engine)["classes"]
        assert classes[classes["edition"] == "balt"][["kind", "code", "name_en"]].values.tolist() == [
            ["E", "Pothole (deep)", "Pothole"]
        ]
    finally:
        engine.dispose()
        postgis.drop_database(name)


def test_loads_of_one_layer_wait_for_each_other(engine: Engine) -> None:
    """Sixteen loads of the same hundred things at once: all end, and the record is the one of the last."""
    outcome: list[object] = []

    def one(number: int) -> None:
        rows = [{"code": f"d{i}", "name": f"n{number}"} for i in range(100)]
        rows = rows if number % 2 else rows[::-1]
        try:
            outcome.append(came(store.load(engine, "departments", town.frame("departments", rows))))
        except Exception as error:
            outcome.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcome)) == ["(0, 100, 0, 0, 0)"] * 7 + ["(100, 0, 0, 0, 0)"]
    assert store.city_frames(engine)["departments"]["name"].nunique() == 1


def test_loads_of_several_layers_at_once_never_wait_in_a_ring(engine: Engine) -> None:
    frames = more_layers()
    for layer in ORDER:
        store.load(engine, layer, frames[layer])
    errors: list[Exception] = []

    def often(number: int) -> None:
        for turn in range(6):
            layer = ORDER[(number * 3 + turn * 7) % len(ORDER)]
            frame = frames[layer].copy()
            said = next(c for c in ("name", "note", "role", "address") if c in frame)
            frame[said] = f"{number} {turn}"
            try:
                store.load(engine, layer, frame.sample(frac=1, random_state=number))
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=often, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_lock_that_others_hold_is_told(engine: Engine) -> None:
    with transaction(engine) as cursor:
        cursor.execute("LOCK TABLE wanmi.departments IN ACCESS EXCLUSIVE MODE")
        gave_up = pytest.raises(Unavailable, match=r"the server gave up: .*lock timeout; try again")
        with gave_up, transaction(engine) as other:
            other.execute("SET LOCAL lock_timeout = '50ms'")
            other.execute("LOCK TABLE wanmi.departments IN ROW EXCLUSIVE MODE")
