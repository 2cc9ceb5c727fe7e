"""Runs over the record: after any edits only what they concern is answered again, and all is as if everything was."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from gis import store
from gis.batch.record import answers, assign_record
from gis.snapshot import Snapshot
from gis.store import runs
from gis.store.engine import transaction
from gis.versions import build
from tests import town

CASES = 400
CLASSES = ("2026:C01002", "2026:E06010", "2013:E0105", "2026:C01037", "", "2026:E07001", "2013:C0103", "2026:C01003")
UTC = "UTC"


def cases(n: int = CASES, seed: int = 1) -> pd.DataFrame:
    """Cases all over the town, half of them of a component's class and not far from it."""
    rng = np.random.default_rng(seed)
    things = town.layers()["components"]
    rows = []
    for i in range(n):
        x, y = rng.uniform(-10, 410, 2)
        klass = CLASSES[rng.integers(len(CLASSES))]
        if i % 2:
            thing = things.iloc[rng.integers(len(things))]
            klass, spot = thing["class"], thing["geometry"]
            x, y = (np.array([spot.x - town.X0, spot.y - town.Y0]) + rng.normal(0, 20, 2)).tolist()
        row = {
            "id": f"K{seed}-{i:04d}",
            "class": klass,
            "reported_at": pd.Timestamp("2025-12-01", tz=UTC) + pd.Timedelta(hours=int(rng.integers(0, 24 * 300))),
            "accuracy_m": float(rng.choice([np.nan, 3.0, 25.0, 250.0], p=[0.6, 0.2, 0.15, 0.05])),
            "channel": str(rng.choice(["", "hotline", "app", "old"], p=[0.6, 0.2, 0.17, 0.03])),
            "component": "14080201002000001" if rng.random() < 0.05 else "",
            "geometry": town.point(round(x, 3), round(y, 3)),
        }
        if rng.random() < 0.05:
            row |= {"geometry": None, "no_location": "missing"}
        if rng.random() < 0.3:
            row["closed_at"] = row["reported_at"] + pd.Timedelta("1D")
        rows.append(row)
    return town.frame("cases", rows)


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    made = store.connect(database)
    store.create_city(made, dataclasses.replace(town.CITY, accuracy_m=(("hotline", 40.0), ("old", 150.0))))
    layers = town.layers()
    for layer in ("departments", "areas", "rules", "units", "components", "zones"):
        store.load(made, layer, layers[layer])
    store.load(made, "cases", cases())
    yield made
    made.dispose()


def now(engine: Engine) -> Snapshot:
    """The record as it is."""
    return build(engine, None)


def written(engine: Engine) -> pd.DataFrame:
    names = "case_id, at, unit, department, rule, reason, component, distance_m, zone, on_edge, areas::text"
    names += ", probability, ask_first"
    with transaction(engine) as cursor:
        cursor.execute(f"SELECT {names} FROM wanmi.answers ORDER BY case_id")
        return pd.DataFrame(cursor.fetchall())


def versions(engine: Engine) -> dict[str, int]:
    with transaction(engine) as cursor:
        cursor.execute("SELECT snapshot, count(*) FROM wanmi.answers GROUP BY 1")
        return dict(cursor.fetchall())


def check(engine: Engine, snapshot: Snapshot) -> None:
    """What is written is what a full run writes."""
    before = written(engine)
    assign_record(engine, snapshot, everything=True, anew=True)
    pd.testing.assert_frame_equal(before, written(engine))


def answered(engine: Engine, snapshot: Snapshot, **how: bool) -> int:
    return int(assign_record(engine, snapshot, **({"everything": True} | how)).counts["cases"].sum())


EDITS = st.one_of(
    st.tuples(st.just("zone"), st.integers(0, 8), st.integers(0, 300), st.integers(0, 300), st.integers(5, 120)),
    st.tuples(st.just("shift"), st.integers(0, 8), st.sampled_from(["department", "classes", "rank", "valid_to"])),
    st.tuples(st.just("component"), st.integers(0, 6), st.integers(90, 330), st.integers(0, 330)),
    st.tuples(st.just("owner"), st.integers(0, 6), st.integers(0, 8)),
    st.tuples(st.just("unit"), st.integers(0, 15)),
    st.tuples(st.just("area"), st.integers(0, 7), st.integers(0, 8)),
    st.tuples(st.just("rule"), st.sampled_from(["2026:C01", "2026:E", "2026:C01037", "2013:E01"]), st.integers(5, 60)),
    st.tuples(st.just("department"), st.integers(0, 8)),
    st.tuples(st.just("cases"), st.integers(2, 6)),
    st.tuples(st.just("says"), st.integers(0, 8), st.sampled_from(["effect", "duty", "joint"])),
    st.tuples(st.just("along"), st.sampled_from(["side", "from_m", "to_m"])),
    st.tuples(st.just("asks"), st.sampled_from(["2026:C", "2026:E", "2013:C01"]), st.sampled_from(["first", "duty"])),
    st.tuples(st.just("gone"), st.integers(1, 8), st.integers(1, 9)),
    st.tuples(st.just("above"), st.integers(2, 8), st.integers(0, 1)),
)


def edit(engine: Engine, what: tuple) -> None:
    """Change the record, as a load does."""
    layers, kind = town.layers(), what[0]
    if kind == "zone":
        row = layers["zones"].iloc[[what[1]]].assign(width_m=np.nan)
        store.load(
            engine, "zones", row.set_geometry([town.box(what[2], what[3], what[4], what[4])], crs=town.CITY.srid)
        )
    elif kind == "shift":
        row = layers["zones"].iloc[[what[1]]]
        values = {"department": "D1", "classes": "2026:E06 2013:C", "rank": 3.0, "valid_to": town.DAY}
        store.load(engine, "zones", row.assign(**{what[2]: values[what[2]]}))
    elif kind == "component":
        row = layers["components"].iloc[[what[1]]]
        spot = town.point(what[2], what[3])
        store.load(engine, "components", row.set_geometry([spot], crs=town.CITY.srid))
    elif kind == "owner":
        store.load(
            engine, "components", layers["components"].iloc[[what[1]]].assign(owning=f"D{what[2]}", supervising="")
        )
    elif kind == "unit":
        row = layers["units"].iloc[[what[1]]]
        store.load(
            engine, "units", row.set_geometry(shapely.buffer(row.geometry, -7, join_style="mitre"), crs=town.CITY.srid)
        )
    elif kind == "area":
        row = layers["areas"].iloc[[what[1]]]
        shape = shapely.set_precision(shapely.affinity.translate(row.geometry.iloc[0], 3, 5), 0.001)
        store.load(engine, "areas", row.assign(department=f"D{what[2]}").set_geometry([shape], crs=town.CITY.srid))
    elif kind == "rule":
        store.load(
            engine, "rules", town.frame("rules", [{"class": what[1], "radius_m": float(what[2]), "department": "D3"}])
        )
    elif kind == "says":
        values = {"effect": "never", "duty": "supervising", "joint": "D2 D3"}
        store.load(engine, "zones", layers["zones"].iloc[[what[1]]].assign(**{what[2]: values[what[2]]}))
    elif kind == "along":
        values = {"side": "left", "from_m": 120.0, "to_m": 200.5}
        store.load(engine, "zones", layers["zones"].iloc[[2]].assign(**{what[1]: values[what[1]]}))
    elif kind == "asks":
        values = {"first": "locality", "duty": "disposing"}
        store.load(engine, "rules", town.frame("rules", [{"class": what[1], what[2]: values[what[2]]}]))
    elif kind == "gone":  # it ends, or began later, or is there as before
        row, when = layers["departments"].iloc[[what[1]]], pd.Timestamp(f"2026-{what[2]:02d}-01", tz=UTC)
        store.load(engine, "departments", row.assign(valid_to=when))
    elif kind == "above":
        row = layers["departments"].iloc[[what[1]]]
        store.load(engine, "departments", row.assign(parent=f"D{what[2]}"))
    elif kind == "department":
        store.load(engine, "departments", layers["departments"].iloc[[what[1]]].assign(name="改名"))
    else:
        frame = cases(8, seed=what[1])
        store.load(
            engine, "cases", pd.concat([frame, cases().iloc[: what[1]].assign(accuracy_m=9.0)], ignore_index=True)
        )


def test_any_edits_give_what_a_full_run_gives(engine: Engine):
    answered(engine, now(engine), anew=True)
    counts: list[tuple[str, int]] = []

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=(Phase.generate,),
    )
    @given(st.lists(EDITS, min_size=1, max_size=2))
    def some(edits: list[tuple]) -> None:
        for what in edits:
            edit(engine, what)
        snapshot = now(engine)
        counts.append((edits[0][0] if len(edits) == 1 else "", answered(engine, snapshot)))
        check(engine, snapshot)

    some()
    assert np.mean([n for _, n in counts]) < 0.5 * CASES, "most edits concern few cases"


def test_one_zone_concerns_few_and_the_others_keep_their_version(engine: Engine):
    first = now(engine)
    answered(engine, first, anew=True)
    total = sum(versions(engine).values())
    assert versions(engine) == {first.version: total}
    assert answered(engine, first) == 0, "nothing has changed"
    edit(engine, ("zone", 1, 5, 5, 60))
    edit(engine, ("zone", 1, 10, 10, 50))
    second = now(engine)
    done = assign_record(engine, second, everything=True)
    some = int(done.counts["cases"].sum())
    assert done.since == first.version and 0 < some < 0.4 * total
    assert versions(engine) == {first.version: total - some, second.version: some}
    check(engine, second)


def test_a_zone_concerns_those_whose_doubt_it_reaches(engine: Engine):
    """A case 20 m from the only ground that changed: its owner stays, how sure that is does not."""
    case = {"id": "far", "class": "2026:E06010", "reported_at": town.DAY, "accuracy_m": 40.0}
    store.load(engine, "cases", town.frame("cases", [case | {"geometry": town.point(340, 340)}]))

    def zone(x: float) -> None:
        row = {"code": "ZQ", "department": "D6", "classes": "2026:E06010", "rank": 0.0}
        store.load(engine, "zones", town.frame("zones", [row | {"geometry": town.box(x, 300, 50, 90)}]))

    zone(250)
    answered(engine, now(engine), anew=True)
    before = written(engine).set_index(0).loc["far"]
    zone(270)
    snapshot = now(engine)
    answered(engine, snapshot)
    after = written(engine).set_index(0).loc["far"]
    assert before[3] == after[3] != "D6" and before[11] > after[11] > 0
    check(engine, snapshot)


def test_a_name_concerns_nobody(engine: Engine):
    answered(engine, now(engine), anew=True)
    edit(engine, ("department", 3))
    assert answered(engine, now(engine)) == 0


@pytest.mark.parametrize(
    "what",
    [("says", 1, "effect"), ("says", 3, "duty"), ("along", "side"), ("asks", "2026:C01037", "first"), ("gone", 6, 3),
     ("above", 6, 1)],
)  # fmt: skip
def test_what_a_rule_says_concerns_some_and_all_of_those(engine: Engine, what: tuple):
    answered(engine, now(engine), anew=True)
    edit(engine, what)
    snapshot = now(engine)
    assert answered(engine, snapshot) < 0.7 * CASES
    check(engine, snapshot)


def test_a_load_that_ends_after_the_snapshot_was_made_is_seen(engine: Engine):
    """It is recorded as of its beginning, which is before the instant that the snapshot knows."""
    answered(engine, now(engine), anew=True)
    with transaction(engine) as cursor:
        cursor.execute("UPDATE wanmi.zones SET replaced_at = now() WHERE code = 'Z4' AND replaced_at = 'infinity'")
        edit(engine, ("owner", 5, 2))  # another load, which is over earlier
        assert answered(engine, now(engine)) >= 0
    snapshot = now(engine)
    assert answered(engine, snapshot) > 0
    check(engine, snapshot)


def test_answers_of_others_and_lost_ones_are_given_again(engine: Engine):
    snapshot = now(engine)
    answered(engine, snapshot, anew=True)
    with transaction(engine) as cursor:
        cursor.execute("UPDATE wanmi.answers SET snapshot = 'other', department = NULL WHERE case_id < 'K1-0003'")
        cursor.execute("DELETE FROM wanmi.answers WHERE case_id = 'K1-0100'")
    with transaction(engine) as cursor:
        cursor.execute("SELECT count(*) FROM wanmi.cases WHERE id < 'K1-0003'")
        (others,) = cursor.fetchone()
    assert answered(engine, snapshot) == others + 1
    check(engine, snapshot)


def test_a_snapshot_that_is_not_the_record_answers_all(engine: Engine):
    old = now(engine)
    answered(engine, old, anew=True)
    edit(engine, ("zone", 2, 100, 100, 90))
    total = sum(versions(engine).values())
    assert answered(engine, old) == total, "the record has gone on: nothing is known of what may stand"
    new = now(engine)
    assert 0 < answered(engine, new) < total
    check(engine, new)


def test_closed_cases_are_left_alone_unless_asked(engine: Engine):
    answered(engine, now(engine), anew=True)
    edit(engine, ("rule", "2026:C01", 59))
    edit(engine, ("rule", "2026:E", 31))
    new = now(engine)
    some = answered(engine, new, everything=False)
    assert 0 < some < answered(engine, new), "a run over the open cases is no ground for all of them"
    check(engine, new)


def test_a_run_that_breaks_off_goes_on_where_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    answered(engine, now(engine), anew=True)
    edit(engine, ("rule", "2026:E", 44))
    snapshot = now(engine)
    run = runs.begin_run(engine, snapshot, everything=True)
    assert run.due is not None and len(run.due) > 60
    for frame in runs.due_frames(engine, run.due[:50], chunk=25):  # and here the power goes
        store.write_answers(engine, answers(frame, snapshot)[0], snapshot.version)
    again = runs.begin_run(engine, snapshot, everything=True)
    assert again.number == run.number and again.due == run.due[50:]
    assert answered(engine, snapshot) == len(run.due) - 50
    check(engine, snapshot)
    total = sum(versions(engine).values())
    edit(engine, ("rule", "2026:E", 45))
    snapshot = now(engine)
    run = runs.begin_run(engine, snapshot, everything=True, anew=True)
    assert run.due is None
    frame = next(store.cases_frames(engine, chunk=100))
    store.write_answers(engine, answers(frame, snapshot)[0], snapshot.version)
    assert answered(engine, snapshot, anew=True) == total - 100
    check(engine, snapshot)


CHILD = """
import sys
from gis import store
from gis.batch.record import assign_record
from gis.versions import build
engine = store.connect(sys.argv[1])
assign_record(engine, build(engine, None), everything=True, chunk=10, progress=lambda done, _: print(done, flush=True))
"""


def test_a_killed_run_goes_on_where_it_was(engine: Engine, database: str):
    edit(engine, ("rule", "2026:E", 46))
    edit(engine, ("rule", "2026:C01", 47))
    snapshot = now(engine)
    child = subprocess.Popen([sys.executable, "-c", CHILD, database], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(3)]
    child.send_signal(signal.SIGKILL)
    told += child.communicate()[0].splitlines()
    assert child.returncode == -signal.SIGKILL
    done = versions(engine)[snapshot.version]
    assert int(told[-1]) <= done <= int(told[-1]) + 10, "each portion is committed by itself"
    with transaction(engine) as cursor:
        left = "SELECT count(*) FROM wanmi.answer_runs WHERE done_at IS NULL AND snapshot = %s"
        cursor.execute(left, (snapshot.version,))
        assert cursor.fetchone() == (1,)
    rest = answered(engine, snapshot)
    assert rest > 0 and versions(engine)[snapshot.version] == done + rest
    check(engine, snapshot)
