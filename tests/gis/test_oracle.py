"""The engine against plain SQL over the record, on the demo city: two answers that share no code must be one.

100,000 random points, and every vertex and edge midpoint of every zone, with classes, instants, named components
and position errors; the test for millions is marked long.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from gis import demo, exact, store
from gis.assign import Cases, assign
from gis.snapshot import Snapshot

SQL = (Path(__file__).parent / "oracle.sql").read_text(encoding="utf-8")
DAYS = pd.to_datetime(["2025-08-01", "2026-06-30T15:59:59Z", "2026-07-01", "2026-12-01"], format="ISO8601", utc=True)


@pytest.fixture(scope="module")
def city():
    return demo.make(scale=0.05, seed=3)


@pytest.fixture(scope="module")
def engine(database, city):
    engine = store.connect(database)
    store.create_city(engine, city.city)
    for layer in ("departments", "areas", "rules", "units", "components", "zones"):
        report = store.load(engine, layer, city.layers[layer])
        assert not len(report.rejects), (layer, report.rejects.head())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def snapshot(engine, city):
    return Snapshot.compile(city.city, store.city_frames(engine), at=DAYS[-1])


def middles(shape: shapely.Geometry) -> np.ndarray:
    rings = shapely.get_rings(shapely.get_parts(shape))
    return np.vstack([(c[1:] + c[:-1]) / 2 for c in map(shapely.get_coordinates, rings)])


def points(city, n: int, seed: int) -> pd.DataFrame:
    """Random points in and around the city, half of them close to components; zone vertices and edge midpoints."""
    rng = np.random.default_rng(seed)
    zones = exact.footprint(city.layers["zones"].geometry, city.layers["zones"]["width_m"])
    west, south, east, north = city.layers["areas"].total_bounds + [-200, -200, 200, 200]
    anywhere = rng.uniform((west, south), (east, north), (n - n // 2, 2))
    places = shapely.get_coordinates(city.layers["components"].geometry)
    near = places[rng.integers(0, len(places), n // 2)] + rng.normal(0, 10, (n // 2, 2))
    on_zone = np.vstack([shapely.get_coordinates(zones), *map(middles, zones)])
    xy = np.vstack([anywhere, near, on_zone])
    classes = sorted({*city.layers["components"]["class"], *city.layers["cases"]["class"], ""})
    codes = city.layers["components"]["code"].to_numpy(dtype=object)
    named = np.where(rng.random(len(xy)) < 0.05, codes[rng.integers(0, len(codes), len(xy))], "")
    return pd.DataFrame({
        "x": xy[:, 0], "y": xy[:, 1], "class": rng.choice(np.array(classes, dtype=object), len(xy)),
        "at": DAYS[rng.integers(0, len(DAYS), len(xy))], "component": named,
        "error": rng.choice([0.0, 0.0, 8.0, 25.5], len(xy)),
    })  # fmt: skip


def ask_sql(engine, asked: pd.DataFrame) -> pd.DataFrame:
    """The oracle's answers, in order."""
    klass = asked["class"].str.extract(r"^(?P<edition>[^:]+):(?P<kind>[CE])(?P<code>.+)$").fillna("")
    rows = pd.DataFrame({
        "id": np.arange(len(asked)), "x": exact.millimetres(asked["x"]), "y": exact.millimetres(asked["y"]),
        **klass, "at": asked["at"], "component": asked["component"], "error": exact.millimetres(asked["error"]),
    })  # fmt: skip
    origin = {"x0": str(int(asked["x"].median())), "y0": str(int(asked["y"].median()))}
    query = SQL.replace(":x0", origin["x0"]).replace(":y0", origin["y0"])
    raw = engine.raw_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute(
                "CREATE TEMP TABLE wanmi_points (id int, x bigint, y bigint, edition text, kind text, code text, "
                "at timestamptz, component text, error bigint)"
            )
            body = io.StringIO(rows.to_csv(index=False, header=False))
            cursor.copy_expert(
                "COPY wanmi_points FROM STDIN (FORMAT csv, FORCE_NOT_NULL (edition, kind, code, component))", body
            )
            cursor.execute(query)
            cursor.execute("SELECT * FROM oracle ORDER BY id")
            return pd.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description])
    finally:
        raw.rollback()
        raw.close()


def differences(engine, snapshot, asked: pd.DataFrame) -> pd.DataFrame:
    """Rows in which engine and oracle differ, side by side."""
    want = ask_sql(engine, asked)
    cases = Cases.read(
        snapshot, asked["x"], asked["y"], asked["class"], components=asked["component"], at=asked["at"],
        accuracy_m=asked["error"],
    )  # fmt: skip
    assert not cases.faults
    got = assign(cases, snapshot).frame()
    assert len(got) == len(want) == len(asked)
    wrong = np.zeros(len(asked), dtype=bool)
    for column in ("unit", "rule", "department", "component", "zone"):
        wrong |= got[column].to_numpy(dtype=object) != want[column].to_numpy(dtype=object)
    for name in snapshot.area_sets:
        wrong |= got[name].to_numpy(dtype=object) != want["areas"].map(lambda a, n=name: a.get(n, "")).to_numpy(
            dtype=object
        )
    return pd.concat([asked, got, want.add_suffix("_sql")], axis=1)[wrong]


def test_engine_and_sql_agree_on_100_000_points(engine, snapshot, city):
    asked = points(city, 100_000, seed=1)
    wrong = differences(engine, snapshot, asked)
    assert not len(wrong), wrong.head(3).T.to_string()


def test_the_points_ask_for_every_rule(snapshot, city):
    asked = points(city, 20_000, seed=2)
    cases = Cases.read(snapshot, asked["x"], asked["y"], asked["class"], components=asked["component"], at=asked["at"])
    rules = set(assign(cases, snapshot).frame()["rule"])
    assert rules >= {"component_named", "component_nearest", "zone_line", "zone_area", "territory", "outside"}


def test_a_planted_error_would_be_seen(engine, snapshot, city):
    """The comparison itself can fail: one zone's department changed in the engine alone is found."""
    asked = points(city, 2_000, seed=4)
    arrays = dict(snapshot.arrays)
    arrays["zones.department"] = np.roll(arrays["zones.department"], 1)
    bent = Snapshot(snapshot.city, snapshot.at, snapshot.known_at, arrays, snapshot.version)
    assert len(differences(engine, bent, asked))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_engine_and_sql_agree_on_a_million_points(engine, snapshot, city, seed):
    wrong = differences(engine, snapshot, points(city, 100_000, seed=seed))
    assert not len(wrong), wrong.head(3).T.to_string()
