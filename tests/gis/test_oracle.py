"""The engine against plain SQL over the record, on the demo city: two answers that share no code must be one.

The demo city has lines with a width, holes, zones of sixteen class filters and an area set beside the territory;
what a city seldom has is planted beside them: slivers a few millimetres wide, parts that meet in a corner, twins, a
hole filled by another zone to the millimetre, a second area set whose seams are no seams of the first.

100,000 points: anywhere, close to components, on vertices and in the middle of edges of zones, units and areas, a
millimetre beside them, on corners where four areas meet, far outside; with classes, instants, named components and
position errors. The test for a million is marked long.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import demo, exact, store
from gis.assign import Cases, assign
from gis.grouped import EDGE
from gis.snapshot import Snapshot

SQL = (Path(__file__).parent / "oracle.sql").read_text(encoding="utf-8")
DAYS = pd.to_datetime(["2025-08-01", "2026-06-30T15:59:59Z", "2026-07-01", "2026-12-01"], format="ISO8601", utc=True)


@pytest.fixture(scope="module")
def city():
    made = demo.make(scale=0.05, seed=3)
    layers = {**made.layers, "zones": awkward_zones(made.layers), "areas": crossing_areas(made.layers)}
    return dataclasses.replace(made, layers=layers)


def awkward_zones(layers: dict) -> gpd.GeoDataFrame:
    """The city's zones and, around three of its units, those that break a careless index."""
    zones, units = layers["zones"], layers["units"].geometry
    who = sorted(set(zones["department"]))
    rows = []
    for k, unit in enumerate(units.iloc[[7, len(units) // 2, len(units) - 9]]):
        west, south, _, north = unit.bounds
        x, y = (round((v[0] + v[1]) / 2, 3) for v in (unit.bounds[::2], unit.bounds[1::2]))
        box, square = shapely.box, shapely.box(x, y, x + 40, y + 40)
        hole = shapely.Polygon(square.exterior, [box(x + 10, y + 10, x + 30.001, y + 30).exterior])
        rows += [
            ("sliver", "E", box(x - 200, y + 5, x + 200, y + 5.001), np.nan),
            ("wedge", "2026:E06", shapely.Polygon([(x, y), (x + 300, y + 0.003), (x + 300, y + 0.007)]), np.nan),
            ("needle", "*", shapely.Polygon([(west, south), (x, north), (west, south + 0.02)]), np.nan),
            (
                "corners",
                "C",
                shapely.MultiPolygon([box(x, y, x + 9, y + 9), box(x + 9, y + 9, x + 18, y + 18)]),
                np.nan,
            ),
            ("hole", "*", hole, np.nan),
            ("filled", "*", box(x + 10, y + 10, x + 30.001, y + 30), np.nan),
            ("twin", "E", square, np.nan),
            ("twins", "E", square, np.nan),
            ("thread", "2026:E06 2013:E01", shapely.LineString([(x - 99, y - 7), (x, y), (x + 77, y - 3)]), 0.01),
        ]
        rows[-9:] = [(f"Z-{name}-{k}", *rest) for name, *rest in rows[-9:]]
    more = zones.iloc[[0] * len(rows)].copy()
    codes, classes, shapes, widths = zip(*rows, strict=True)
    more["code"], more["name"], more["classes"], more["rank"], more["width_m"] = codes, codes, classes, pd.NA, widths
    more["department"] = [who[i % len(who)] for i in range(len(rows))]
    more = more.set_geometry(gpd.GeoSeries(exact.snap(shapes), index=more.index, crs=zones.crs))
    return gpd.GeoDataFrame(pd.concat([zones, more])).set_axis(np.arange(len(zones) + len(more)) + 1)


def crossing_areas(layers: dict) -> gpd.GeoDataFrame:
    """The city's areas and a lattice of its own, whose corners are corners of four areas."""
    areas = layers["areas"]
    west, south, east, north = areas.total_bounds.round(3)
    x, y = (np.linspace(a, b, 6).round(3) for a, b in ((west, east), (south, north)))
    shapes = [shapely.box(x[i], y[j], x[i + 1], y[j + 1]) for i in range(5) for j in range(5)]
    more = areas.iloc[[0] * len(shapes)].copy()
    more["set"], more["code"], more["parent"], more["department"] = "beat", [f"B{k:02d}" for k in range(25)], "", ""
    more = more.set_geometry(gpd.GeoSeries(shapes, index=more.index, crs=areas.crs))
    return gpd.GeoDataFrame(pd.concat([areas, more])).set_axis(np.arange(len(areas) + len(more)) + 1)


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
    """Points of all kinds, n in all: a quarter anywhere in and around the city, a quarter close to components, the
    others on and beside borders; some far outside.
    """
    rng = np.random.default_rng(seed)
    zones = exact.footprint(city.layers["zones"].geometry, city.layers["zones"]["width_m"])
    shapes = np.concatenate([zones, city.layers["units"].geometry, city.layers["areas"].geometry])
    west, south, east, north = city.layers["areas"].total_bounds + [-200, -200, 200, 200]
    anywhere = rng.uniform((west, south), (east, north), (n // 4, 2))
    places = shapely.get_coordinates(city.layers["components"].geometry)
    near = places[rng.integers(0, len(places), n // 4)] + rng.normal(0, 10, (n // 4, 2))
    corner = shapely.get_coordinates(shapes)
    borders = np.vstack([corner, *map(middles, shapes)])
    beats = city.layers["areas"].geometry[city.layers["areas"]["set"] == "beat"].to_numpy()
    awkward = np.concatenate([beats, zones[-27:]])
    planted = np.vstack([shapely.get_coordinates(awkward), *map(middles, awkward)])
    around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) / 1000
    beside = (planted[:, None] + around).reshape(-1, 2)
    strays = corner[rng.integers(0, len(corner), n // 16)] + rng.integers(-1, 2, (n // 16, 2)) / 1000
    far = rng.uniform(-1, 1, (50, 2)) * 10.0 ** rng.integers(3, 7, (50, 1)) + (west, south)
    fixed = np.vstack([anywhere, near, beside, strays, far])
    others = borders[rng.integers(0, len(borders), max(n - len(fixed), 0))]
    xy = np.vstack([fixed, others])
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


def read(snapshot, asked: pd.DataFrame) -> Cases:
    cases = Cases.read(
        snapshot, asked["x"], asked["y"], asked["class"], components=asked["component"], at=asked["at"],
        accuracy_m=asked["error"],
    )  # fmt: skip
    assert not cases.faults
    return cases


def differences(engine, snapshot, asked: pd.DataFrame, want: pd.DataFrame | None = None) -> pd.DataFrame:
    """Rows in which engine and oracle differ, side by side."""
    want = ask_sql(engine, asked) if want is None else want
    cases = read(snapshot, asked)
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


@pytest.fixture(scope="module")
def told(engine, city) -> tuple[pd.DataFrame, pd.DataFrame]:
    """100,000 points and the oracle's answers."""
    asked = points(city, 100_000, seed=1)
    return asked, ask_sql(engine, asked)


def some(told: tuple[pd.DataFrame, pd.DataFrame], n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Some of the points."""
    at = np.random.default_rng(seed).choice(len(told[0]), n, replace=False)
    return tuple(frame.iloc[at].reset_index(drop=True) for frame in told)


def test_engine_and_sql_agree_on_100_000_points(engine, snapshot, told):
    asked, want = told
    wrong = differences(engine, snapshot, asked, want)
    assert not len(wrong), wrong.head(3).T.to_string()


def test_the_points_ask_for_every_rule(snapshot, city):
    asked = points(city, 20_000, seed=2)
    cases = Cases.read(snapshot, asked["x"], asked["y"], asked["class"], components=asked["component"], at=asked["at"])
    rules = set(assign(cases, snapshot).frame()["rule"])
    assert rules >= {"component_named", "component_nearest", "zone_line", "zone_area", "territory", "outside"}


def bent(snapshot, **arrays) -> Snapshot:
    return Snapshot(snapshot.city, snapshot.at, snapshot.known_at, {**snapshot.arrays, **arrays}, snapshot.version)


def test_a_planted_error_would_be_seen(engine, snapshot, told):
    """The comparison itself can fail: one zone's department changed in the engine alone is found."""
    asked, want = some(told, 2_000, seed=4)
    changed = {"zones.department": np.roll(snapshot.arrays["zones.department"], 1)}
    assert len(differences(engine, bent(snapshot, **changed), asked, want))


def test_a_border_moved_by_a_millimetre_would_be_seen(engine, snapshot, told):
    """One unit, one area and one zone after the other are moved by a millimetre in the engine alone."""
    asked, want = some(told, 20_000, seed=5)
    assert not len(differences(engine, snapshot, asked, want))
    rng = np.random.default_rng(6)
    for layer, code in (("units", None), ("areas/beat", "B12"), ("areas/community", None), ("zones", "Z-filled-1")):
        known = list(snapshot.codes(f"{layer}.code")[:-1])
        p = known.index(code) if code else int(rng.integers(len(known)))
        index, at, edges = snapshot.layer(layer).raster, p, snapshot.arrays[f"{layer}.raster.edges"].copy()
        mine = edges
        if layer == "zones":  # a raster for each filter
            g, at = snapshot.arrays["zones.filter"][p], index.alone[p]
            mine, index = edges[index.frame[g, EDGE] : index.frame[g + 1, EDGE]], index.one(g)
        mine[index.slabs[index.slab_of[at]] : index.slabs[index.slab_of[at + 1]], ::2] += 1
        moved = bent(snapshot, **{f"{layer}.raster.edges": edges})
        assert len(differences(engine, moved, asked, want)), (layer, known[p])


def test_shuffled_polygons_and_cases_change_nothing(engine, snapshot, city):
    frames, rng = store.city_frames(engine), np.random.default_rng(8)
    classes = frames.pop("classes", None)  # a catalogue, whose order is its own
    mixed = {k: v.iloc[rng.permutation(len(v))] for k, v in frames.items()}
    mixed |= {} if classes is None else {"classes": classes}
    again = Snapshot.compile(city.city, mixed, at=snapshot.at, known_at=snapshot.known_at)
    assert again.arrays.keys() == snapshot.arrays.keys()
    for name, array in snapshot.arrays.items():
        assert np.array_equal(array, again.arrays[name]), name
    asked = points(city, 20_000, seed=9)
    order = rng.permutation(len(asked))
    one, two = (assign(read(snapshot, rows), snapshot) for rows in (asked, asked.iloc[order]))
    for name in ("unit", "areas", "department", "rule", "component", "square", "zone", "edge"):
        assert np.array_equal(getattr(one, name)[order], getattr(two, name)), name


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_engine_and_sql_agree_on_a_million_points(engine, snapshot, city, seed):
    wrong = differences(engine, snapshot, points(city, 100_000, seed=seed))
    assert not len(wrong), wrong.head(3).T.to_string()
