"""The engine against a plain-loop oracle on the small town: every rule, every tie, every edge."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import exact
from gis.answer import explain
from gis.assign import Cases, assign, locate
from gis.model import RULES
from gis.snapshot import Snapshot
from grids.catalog import catalog
from grids.errors import InputError
from tests import town
from tests.oracle import Oracle

CLASSES = (
    "2026:E06010",
    "2026:E07001",
    "2026:C01002",
    "2026:C01003",
    "2026:C01037",
    "2013:E0105",
    "2013:C0103",
    "",
)
DAYS = ("2025-06-01", "2026-02-01", "2026-06-30T23:59:59.999999", "2026-07-01")


@pytest.fixture(scope="module")
def frames():
    return town.layers()


@pytest.fixture(scope="module")
def snapshot(frames):
    return Snapshot.compile(town.CITY, frames, at=town.DAY, known_at=town.DAY)


@pytest.fixture(scope="module")
def oracle(frames):
    book = catalog()
    text = (book.classes["edition"] + ":" + book.classes["kind"] + book.classes["code"]).to_numpy()
    same = {text[i]: text[k] for i, k in enumerate(book.to_2026) if k >= 0}
    return Oracle(town.CITY, frames, same)


def places(frames) -> np.ndarray:
    """Every vertex and edge midpoint of every polygon, a lattice on the seams, and random points, some outside."""
    rng = np.random.default_rng(7)
    shapes = [
        *frames["areas"].geometry,
        *exact.footprint(frames["zones"].geometry, frames["zones"]["width_m"]),
    ]
    corners = np.vstack([shapely.get_coordinates(s) for s in shapes])
    middles = np.vstack([(c[1:] + c[:-1]) / 2 for c in map(shapely.get_coordinates, shapes)])
    seams = np.array([[x, y] for x in range(0, 401, 50) for y in range(0, 401, 50)]) + [town.X0, town.Y0]
    random = rng.uniform(-30, 430, (400, 2)) + [town.X0, town.Y0]
    return np.vstack([corners, middles, seams, random, [[0, 0], [1e7, 1e7]]])


def test_every_answer_is_the_oracles(frames, snapshot, oracle):
    xy = places(frames)
    rng = np.random.default_rng(3)
    klass = rng.choice(CLASSES, len(xy))
    at = pd.to_datetime(pd.Series(rng.choice(DAYS, len(xy))), format="ISO8601", utc=True)
    named = rng.choice(["", "", "", "14080201003000009", "14080201037000002", "nonesuch"], len(xy))
    error = rng.choice([0.0, 5.0, 30.0], len(xy))
    cases = Cases.read(snapshot, xy[:, 0], xy[:, 1], klass, components=named, at=at, accuracy_m=error)
    got = assign(cases, snapshot).frame()
    seen = set()
    for i, row in enumerate(got.to_dict("records")):
        want = oracle.answer(xy[i, 0], xy[i, 1], klass[i], at[i], named[i], error[i])
        seen.add(want["rule"])
        for key in ("rule", "department", "unit", "community", "street", "district", "patrol"):
            assert row[key] == want[key], (i, xy[i] - [town.X0, town.Y0], klass[i], at[i], key, row, want)
        assert row["component"] == want.get("component", "")
        assert row["zone"] == want.get("zone", "")
    assert seen == {"component_named", "component_nearest", "zone_line", "zone_area", "territory", "outside"}


def test_the_answer_in_full_agrees_with_the_batch(frames, snapshot):
    xy = places(frames)[::5]
    klass = np.resize(CLASSES, len(xy))
    cases = Cases.read(snapshot, xy[:, 0], xy[:, 1], klass)
    table = assign(cases, snapshot).frame()
    for i in range(len(xy)):
        full = explain(cases, i, snapshot)
        assert full["rule"] == table["rule"][i]
        assert (full["owner"] or {"department": ""})["department"] == table["department"][i]
        assert full["snapshot"] == snapshot.version
        if full["owner"]:
            first, *losers = full["candidates"]
            assert (first["department"], first["rule"], first["why_lost"]) == (
                full["owner"]["department"],
                full["rule"],
                None,
            )
            assert all(c["why_lost"] for c in losers)
        assert full["why"]


def test_row_order_changes_nothing_to_the_bit(frames, snapshot):
    rng = np.random.default_rng(5)
    mixed = {k: v.iloc[rng.permutation(len(v))] for k, v in frames.items()}
    again = Snapshot.compile(town.CITY, mixed, at=town.DAY, known_at=town.DAY)
    assert again.version == snapshot.version
    for name, array in snapshot.arrays.items():
        assert np.array_equal(array, again.arrays[name]), name
    xy = places(frames)
    order = rng.permutation(len(xy))
    klass = np.resize(CLASSES, len(xy))
    one = assign(Cases.read(snapshot, *xy.T, klass), snapshot).frame()
    two = assign(Cases.read(snapshot, *xy[order].T, klass[order]), snapshot).frame()
    pd.testing.assert_frame_equal(one.iloc[order].reset_index(drop=True), two)


def test_chunks_and_threads_change_nothing(frames, snapshot, monkeypatch):
    xy = places(frames)
    cases = Cases.read(snapshot, *xy.T, np.resize(CLASSES, len(xy)))
    whole = assign(cases, snapshot).frame()
    monkeypatch.setattr("gis.assign.CHUNK", 37)
    monkeypatch.setattr("gis.raster.FEW", 5)
    pd.testing.assert_frame_equal(assign(cases, snapshot, threads=2).frame(), whole)


def test_where_a_case_is_without_its_owner(frames, snapshot, monkeypatch):
    xy = places(frames)
    klass = np.resize(CLASSES, len(xy))
    cases = Cases.read(snapshot, *xy.T, klass)
    done = assign(cases, snapshot)
    unit, areas, zone = locate(cases, snapshot)
    assert np.array_equal(unit, done.unit) and np.array_equal(areas, done.areas)
    by_zone = np.isin(done.rule, [RULES.index("zone_line"), RULES.index("zone_area")])
    assert np.array_equal(zone[by_zone], done.zone[by_zone]) and by_zone.sum() > 100
    lost = np.isin(done.rule, [RULES.index("territory"), RULES.index("outside")])
    assert (zone[lost] == -1).all() and lost.sum() > 50
    monkeypatch.setattr("gis.assign.LEAST", 50)
    monkeypatch.setattr("gis.raster.FEW", 5)
    chunked = locate(cases, snapshot, sets=("street", "patrol"), threads=3)
    assert np.array_equal(chunked[0], unit) and np.array_equal(chunked[2], zone)
    assert np.array_equal(chunked[1], areas[:, [snapshot.area_sets.index(k) for k in ("street", "patrol")]])


def test_no_location_says_why(snapshot):
    lon, lat = 111.0005, 35.0305
    x = [np.nan, lon, 35.03, 500.0, 111.0001, 0.0]
    y = [35.0, lat, 111.0, 20.0, np.inf, 0.0]
    cases = Cases.read(snapshot, x, y, ["2026:E06010"] * 6, crs="EPSG:4326")
    table = assign(cases, snapshot).frame()
    assert table["rule"].tolist() == ["no_location"] * 5 + ["outside"]
    assert table["reason"].tolist() == [
        "missing",
        "default_point",
        "wrong_datum",
        "wrong_datum",
        "missing",
        "",
    ]
    assert (table["department"] == "").all()
    assert (table[["unit", "community", "district", "zone", "component"]] == "").all(axis=None)


def test_default_point_in_metres_within_a_metre(snapshot):
    (x, y), *_ = snapshot.default_points_mm / 1000
    cases = Cases.read(snapshot, [x + 0.9, x + 1.1], [y, y], ["", ""])
    assert assign(cases, snapshot).frame()["reason"].tolist() == ["default_point", ""]


def test_unknown_class_is_a_fault_of_its_row_only(snapshot):
    x, y = town.X0 + 120.0, town.Y0 + 120.0
    cases = Cases.read(snapshot, [x, x], [y, y], ["2026:E06O10", "2026:E06010"])
    assert cases.faults[0].startswith("class '2026:E06O10' is unknown; did you mean 2026:E06010")
    assert assign(cases, snapshot).frame()["zone"].tolist() == ["Z1", "Z1"]
    with pytest.raises(InputError, match="did you mean"):
        explain(cases, 0, snapshot)


def test_a_bare_class_takes_the_citys_edition(snapshot):
    assert (snapshot.class_index(["06010", "E06010", "2026:E06010"]) >= 0).all()
    assert len(set(snapshot.class_index(["06010", "E06010", "2026:E06010"]))) == 1


def test_the_file_gives_the_same_city(snapshot, tmp_path, frames):
    path = snapshot.save(tmp_path / "town.wanmi")
    back = Snapshot.open(path)
    assert (back.version, back.city, back.at) == (snapshot.version, snapshot.city, snapshot.at)
    xy = places(frames)
    one, two = (assign(Cases.read(s, *xy.T, np.resize(CLASSES, len(xy))), s).frame() for s in (snapshot, back))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("where", [0, 9, 40, -1])
def test_a_flipped_byte_is_found(snapshot, tmp_path, where):
    path = snapshot.save(tmp_path / "town.wanmi")
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="build it again"):
        Snapshot.open(path)


@pytest.mark.parametrize("size", [0, 5, 12, 300, 5000])
def test_a_file_that_ends_early_is_found(snapshot, tmp_path, size):
    path = snapshot.save(tmp_path / "town.wanmi")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="build it again"):
        Snapshot.open(path)


def test_an_empty_city_answers_outside():
    empty = Snapshot.compile(town.CITY, {}, at=town.DAY, known_at=town.DAY)
    table = assign(Cases.read(empty, [town.X0], [town.Y0], ["2026:C01002"]), empty).frame()
    assert table["rule"].tolist() == ["outside"]
    assert len(assign(Cases.read(empty, [], [], []), empty).frame()) == 0


def test_a_zone_of_an_unknown_department_is_refused(frames):
    zones = frames["zones"].copy()
    zones.loc[1, "department"] = "D99"
    with pytest.raises(InputError, match="D99"):
        Snapshot.compile(town.CITY, frames | {"zones": gpd.GeoDataFrame(zones)}, at=town.DAY)


def test_the_answers_in_arrow_are_those_of_the_frame(frames, snapshot):
    xy = places(frames)
    klass = np.resize(np.array([*CLASSES, "2026:C01999"], dtype=object), len(xy))
    cases = Cases.read(snapshot, xy[:, 0], xy[:, 1], klass, at=DAYS[2])
    done = assign(cases, snapshot)
    told = done.table().to_pandas(types_mapper=None)
    expected = done.frame()
    assert list(told.columns) == list(expected.columns)
    for name in expected.columns:
        pd.testing.assert_series_equal(told[name].astype(expected[name].dtype), expected[name])
    # of fewer cases than the city has rows, only the words that they need
    few = assign(Cases.read(snapshot, *xy[-5:].T, klass[-5:], at=DAYS[2]), snapshot).table()
    assert few.to_pylist() == done.table().slice(len(xy) - 5).to_pylist()
    assert len(few["zone"].chunk(0).dictionary) <= 6 < len(snapshot.words("zones.code")[0])
    # a row at fault has no answer, the others are as they were
    faults = {**cases.faults, 0: "said so"}
    silent = done.without(faults)
    table = silent.table(faults=faults, nulls=True)
    lost = np.isin(np.arange(len(xy)), list(faults))
    assert np.array_equal(table["fault"].is_valid().to_numpy(), lost) and lost.sum() > 10
    assert table["fault"][0].as_py() == "said so" and "did you mean" in table["fault"][8].as_py()
    for name in ("unit", "department", "rule", "component", "distance_m", "zone", "street"):
        assert table[name].filter(lost).null_count == lost.sum()
        assert table[name].filter(~lost).to_pylist() == done.table(nulls=True)[name].filter(~lost).to_pylist()
    assert table.select(["rule", "unit"]).equals(silent.table(columns=("rule", "unit"), nulls=True))
