"""One case by itself is the same case in a batch: read, decided and told, to the bit."""

from __future__ import annotations

import numpy as np
import orjson
import pandas as pd
import pytest

from gis.answer import answer, answer_text, explain, instant_text
from gis.assign import Cases, assign
from gis.one import One, find_component, read_one
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town
from tests.gis.test_assign import CLASSES, DAYS, places

FIELDS = ("x", "y", "klass", "component", "instant", "error", "reason")
NAMED = ("", "", "14080201003000009", "14080201037000002", "nonesuch", "14080201002000001", "1" * 40)


@pytest.fixture(scope="module")
def frames():
    return town.layers()


@pytest.fixture(scope="module")
def snapshot(frames):
    return Snapshot.compile(town.CITY, frames, at=town.DAY, known_at=town.DAY)


def asked(frames, seed: int = 11):
    rng = np.random.default_rng(seed)
    xy = places(frames)
    at = pd.to_datetime(pd.Series(rng.choice(DAYS, len(xy))), format="ISO8601", utc=True)
    return (
        xy,
        rng.choice(CLASSES, len(xy)),
        at,
        rng.choice(NAMED, len(xy)),
        rng.choice([np.nan, 0.0, 7.5, 30.0], len(xy)),
    )


def test_every_answer_alone_is_the_batchs(frames, snapshot):
    xy, klass, at, named, error = asked(frames)
    batch = Cases.read(snapshot, *xy.T, klass, components=named, at=at, accuracy_m=error)
    done = assign(batch, snapshot)
    table, metres = done.frame(), done.distance_m()
    stamps = at.dt.as_unit("us").astype("int64")
    for i, row in enumerate(table.to_dict("records")):
        alone = read_one(
            snapshot, *xy[i].tolist(), klass[i], component=named[i], at_us=int(stamps[i]), accuracy_m=error[i]
        )
        assert alone == (*(getattr(batch, name)[i] for name in FIELDS), ""), i
        told = answer(alone, snapshot)
        assert told == explain(batch, i, snapshot)
        assert answer_text(alone, snapshot) == orjson.dumps(told)
        assert (told["rule"], told["on_edge"]) == (row["rule"], row["on_edge"]), i
        assert ((told["unit"] or {"code": ""})["code"], (told["zone"] or {"code": ""})["code"]) == (
            row["unit"],
            row["zone"],
        )
        assert (told["owner"] or {"department": ""})["department"] == row["department"]
        assert {k: v or "" for k, v in told["areas"].items()} == {k: row[k] for k in snapshot.area_sets}
        if told["component"]:
            assert told["component"] == {"code": row["component"], "distance_m": round(metres[i], 3)}
        else:
            assert row["component"] == ""


@pytest.mark.parametrize("crs", ["EPSG:4326", 4490, "gcj02", "bd09", "EPSG:4547", None])
def test_a_place_alone_is_the_batchs(snapshot, crs):
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform((110.8, 34.8), (111.2, 35.3), (300, 2)).T
    default = np.array(snapshot.city.default_points[0])
    odd = [(np.nan, 35.0), (111.0, np.inf), (35.0, 111.0), (500.0, 20.0), (0.0, 0.0), (180.0, 90.0), (-120.0, -45.0)]
    around = default + rng.normal(0, 1e-5, (200, 2))
    x, y = np.vstack([np.column_stack([lon, lat]), odd, [default], around]).T
    if crs in (None, "EPSG:4547"):
        (mx, my), *_ = snapshot.default_points_mm / 1000
        x, y = np.append(x, mx + np.linspace(-2, 2, 99)), np.append(y, np.full(99, my))
    batch = Cases.read(snapshot, x, y, [""] * len(x), crs=crs)
    for i in range(len(x)):
        alone = read_one(snapshot, x[i], y[i], crs=crs)
        assert alone == (*(getattr(batch, name)[i] for name in FIELDS), ""), (x[i], y[i])
    assert {0, 1} <= set(batch.reason.tolist())


def test_a_class_alone_is_the_batchs(snapshot):
    texts = ["06010", "E06010", "2026:E06010", "", "2026:E06O10", "nonsense", "2013:C0103"]
    batch = Cases.read(snapshot, [town.X0] * len(texts), [town.Y0] * len(texts), texts)
    for i, text in enumerate(texts):
        alone = read_one(snapshot, town.X0, town.Y0, text)
        assert (alone.klass, alone.fault) == (batch.klass[i], batch.faults.get(i, ""))
    with pytest.raises(InputError, match="did you mean 2026:E06010"):
        answer(read_one(snapshot, town.X0, town.Y0, "2026:E06O10"), snapshot)


def test_a_component_alone_is_found_by_its_whole_code(snapshot):
    assert find_component(snapshot, "14080201003000009") == 2
    for code in ("1408020100300000", "14080201003000009 ", "部件", "1" * 400, "\ud800"):
        assert find_component(snapshot, code) == -1
    empty = Snapshot.compile(town.CITY, {}, at=town.DAY, known_at=town.DAY)
    assert find_component(empty, "14080201003000009") == -1


def test_many_candidates_are_all_told(frames, snapshot):
    """More zones and owners over one place than the room that is made for them at first."""
    zones = frames["zones"].iloc[[0] * 90].copy()
    zones["code"], zones["geometry"] = (
        [f"A{i:03d}" for i in range(90)],
        [town.box(100, 100, 200 + i, 200) for i in range(90)],
    )
    who = pd.DataFrame({"code": [f"D{i}" for i in range(120)]}).assign(name="x", parent="", kind="", phone="")
    departments = who.assign(valid_from=pd.NaT, valid_to=pd.NaT)
    lamps = frames["components"].iloc[[0] * 111].copy()
    lamps["code"] = [f"14080201002{i:06d}" for i in range(111)]
    lamps["supervising"], lamps["owning"] = [f"D{i % 37}" for i in range(111)], ""
    lamps["geometry"] = [town.point(150 + i / 20, 120) for i in range(111)]
    full = {**frames, "zones": zones, "departments": departments, "components": lamps}
    many = Snapshot.compile(town.CITY, full, at=town.DAY, known_at=town.DAY)
    cases = Cases.read(many, [town.X0 + 150.0], [town.Y0 + 120.0], ["2026:C01002"])
    told = explain(cases, 0, many)
    assert [c["rule"] for c in told["candidates"]].count("zone_area") == 90
    nearest = [c for c in told["candidates"] if c["rule"] == "component_nearest"]
    assert [c["department"] for c in nearest] == [f"D{i}" for i in range(37)]
    assert nearest[1]["evidence"] == "component 14080201002000001 at 0.050 m, which it supervises"
    assert "111 component(s) of the class within 12 m" in told["why"]


def test_a_case_without_a_place_is_told_so(snapshot):
    told = answer(read_one(snapshot, np.nan, 0.0), snapshot)
    assert (told["rule"], told["reason"], told["candidates"]) == ("no_location", "missing", [])
    assert told["why"] == ["no usable location: missing"] and told["areas"].keys() == set(snapshot.area_sets)


def test_instants_are_written_in_utc():
    assert instant_text(0) == "1970-01-01T00:00:00Z"
    assert instant_text(1_782_864_000_000_001) == "2026-07-01T00:00:00.000001Z"
    assert instant_text(-1) == "1969-12-31T23:59:59.999999Z"
    assert instant_text(10**18) == "33658-09-27T01:46:40.000000Z"
    assert One(1, 2).instant == 0


def test_a_component_named_from_far_away_is_far(snapshot):
    """Beyond some 3,000 km the square of millimetres is more than an integer holds: it was negative."""
    code = NAMED[2]
    for x in (4e6, 3e7, -9e7):
        cases = Cases.read(snapshot, [x], [3.8e6], ["2026:C01002"], components=[code])
        told = explain(cases, 0, snapshot)
        assert told["rule"] == "component_named" and told["component"]["code"] == code
        assert told["component"]["distance_m"] == assign(cases, snapshot).distance_m().round(3)[0] > 1.9e6
