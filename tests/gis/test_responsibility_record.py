"""The record of a town with every rule: plain SQL over it answers as the engine does; what cannot be is refused."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine

from gis import store
from gis.assign import assign
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from gis.versions import build
from grids.errors import Conflict, InputError
from tests import ruled_town, town
from tests.gis.test_oracle import ask_sql
from tests.gis.test_responsibility import asked, read
from tests.ruled_town import LAYERS, day, line
from tests.town import box, frame


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    made = store.connect(database)
    store.create_city(made, town.CITY)
    frames = ruled_town.layers()
    for layer in LAYERS:
        report = store.load(made, layer, frames[layer])
        assert not len(report.rejects), (layer, report.rejects)
        assert store.load(made, layer, frames[layer]).unchanged == len(frames[layer])
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def snapshot(engine: Engine) -> Snapshot:
    return build(engine, None, at=town.DAY)


def test_the_record_makes_the_snapshot_of_the_files(snapshot):
    made = Snapshot.compile(town.CITY, ruled_town.layers(), at=snapshot.at, known_at=snapshot.known_at)
    assert made.arrays.keys() == snapshot.arrays.keys()
    for name, array in made.arrays.items():
        assert np.array_equal(array, snapshot.arrays[name]), name


def test_engine_and_sql_agree_where_every_rule_stands(engine, snapshot):
    rows = asked(ruled_town.layers(), 11, 20_000)
    want = ask_sql(engine, rows)
    got = assign(read(snapshot, rows), snapshot, doubt=False).frame()
    wrong = np.zeros(len(rows), dtype=bool)
    for column in ("unit", "rule", "department", "component", "zone"):
        wrong |= got[column].to_numpy(dtype=object) != want[column].to_numpy(dtype=object)
    assert not wrong.any(), pd.concat([rows, got, want.add_suffix("_sql")], axis=1)[wrong].head(3).T.to_string()
    assert len(set(want["rule"])) >= 6 and {"O1", "S1", "S2", "U1", "U2"} <= set(want["zone"])


def test_sql_would_see_an_error_in_any_rule(engine, snapshot):
    """Each array of the rules bent in the engine alone makes the two differ."""
    rows = asked(ruled_town.layers(), 12, 6_000)
    want = ask_sql(engine, rows)
    stands, first = snapshot.arrays["departments.stands"], snapshot.arrays["rules.first"]
    same = np.broadcast_to(np.append(np.arange(stands.shape[1] - 1), -1), stands.shape).astype(np.int32)
    bent = {
        "departments.stands": same,
        "rules.first": 1 - first,
        "rules.asks": np.full_like(snapshot.arrays["rules.asks"], -1),
        "rules.duty": np.zeros_like(snapshot.arrays["rules.duty"]),
    }
    for name, array in bent.items():
        wrong = Snapshot(snapshot.city, snapshot.at, snapshot.known_at, {**snapshot.arrays, name: array})
        got = assign(read(wrong, rows), wrong, doubt=False).frame()
        assert (got["department"].to_numpy(dtype=object) != want["department"].to_numpy(dtype=object)).any(), name


# What is refused at load -------------------------------------------------------------------------------

AREA = {"code": "BAD", "department": "D1", "classes": "*", "geometry": box(0, 0, 9, 9)}
ROAD = AREA | {"geometry": line((0, 0), (80, 0)), "width_m": 9.0}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        (AREA | {"effect": "always"}, "effect", "is not one of gives, only, never"),
        (AREA | {"duty": "cleaning"}, "duty", "is not one of supervising, owning, maintaining, disposing"),
        (AREA | {"side": "left"}, "side", "is the side of a line, and this is an area; leave it empty"),
        (AREA | {"to_m": 4.0}, "to_m", "is chainage along a line, and this is an area; leave it empty"),
        (ROAD | {"width_m": np.nan}, "width_m", "width_m is missing: a line zone needs its full width in metres"),
        (ROAD | {"to_m": 90.0}, "to_m", "lies beyond the end of the line, which is 80.00 m long"),
        (ROAD | {"from_m": 60.0, "to_m": 60.0}, "from_m", "is not before to_m, which is 60"),
        (AREA | {"joint": "D1 D31"}, "joint", "no such department is recorded; did you mean D1"),
        (ROAD | {"geometry": line((0, 0), (80, 0), (80, 5), (-20, 5), (-20, -9), (90, -9), (90, 30), (0, 30)),
                 "width_m": 60.0, "side": "right"}, "side", "comes back to within its width"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_told_and_not_recorded(engine, row, column, why, dry_run):
    report = store.load(engine, "zones", frame("zones", [row]), dry_run=dry_run)
    assert (report.inserted, len(report.rejects)) == (0, 1)
    told = report.rejects.iloc[0]
    assert told["column"] == column and why in told["why"], told.to_dict()
    assert "\n" not in told["why"]
    with transaction(engine) as cursor:
        cursor.execute("SELECT count(*) FROM wanmi.zones WHERE code = 'BAD'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("dry_run", [False, True])
def test_two_zones_that_say_only_on_one_place_refuse_the_file(engine, dry_run):
    """Beside one that is recorded, O1, or both in the file; the file is refused whole, its good row too."""
    near = AREA | {"effect": "only", "geometry": box(330, 330, 30, 30)}
    for rows in ([near], [AREA | {"effect": "only"}, AREA | {"code": "BAD2", "department": "D2", "effect": "only"}]):
        with pytest.raises(InputError, match=r"zones: zones \w+ and \w+ both say 'only' for one place.*; let one of"):
            store.load(engine, "zones", frame("zones", [*rows, AREA | {"code": "BAD9"}]), dry_run=dry_run)
    assert store.load(engine, "zones", frame("zones", [near | {"department": "D3"}]), dry_run=True).inserted == 1
    with transaction(engine) as cursor:
        cursor.execute("SELECT count(*) FROM wanmi.zones WHERE code LIKE 'BAD%'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_ring_of_departments_refuses_the_file(engine, dry_run):
    ring = [{"code": a, "name": a, "parent": b} for a, b in (("R1", "R2"), ("R2", "R3"), ("R3", "R1"))]
    with pytest.raises(Conflict) as refused:
        store.load(engine, "departments", frame("departments", ring), dry_run=dry_run)
    told = str(refused.value)
    assert (
        told == "table departments: department R1 would be above itself; give it a parent that is not below it, or none"
    )


def test_the_footprint_that_is_stored_is_the_one_that_is_asked(engine):
    with transaction(engine) as cursor:
        cursor.execute("SELECT code, ST_AsBinary(footprint), side, from_m, to_m FROM wanmi.zones WHERE code LIKE 'S_'")
        stored = {code: (shapely.from_wkb(bytes(ground)), *rest) for code, ground, *rest in cursor}
    left, right, start = (stored[code][0] for code in ("S1", "S2", "S3"))
    assert [stored[code][1:] for code in ("S1", "S2", "S3")] == [
        ("left", None, None), ("right", 30.0, 190.0), ("both", None, 60.5),
    ]  # fmt: skip
    assert shapely.area(shapely.intersection(left, right)) < 0.01
    assert shapely.area(right) == pytest.approx(160 * 9, rel=0.05) and shapely.area(left) > shapely.area(right)
    assert start.bounds[0] < town.X0 + 20 - 14  # a round end where no chainage cuts it
    assert start.bounds[2] == pytest.approx(town.X0 + 80.5, abs=0.002)


def test_what_a_zone_says_follows_into_the_views(engine):
    with transaction(engine) as cursor:
        cursor.execute("SELECT effect, duty, joint, side, from_m, to_m FROM wanmi.zones_lonlat WHERE code = 'O1'")
        assert cursor.fetchone() == ("only", None, "D5 D10 D3", "both", None, None)
        cursor.execute("SELECT first, duty FROM wanmi.rules_now WHERE class_code = '01037' AND edition = '2026'")
        assert cursor.fetchone() == ("locality", "owning")


def test_a_load_without_the_columns_lets_zones_be_as_they_were(engine):
    """A frame from before they were: as one that leaves them empty, and says so of a zone that had said more."""
    zones = ruled_town.layers()["zones"]
    plain = zones[zones["code"].isin(["Z1", "Z2"])].drop(columns=["effect", "duty", "joint", "side", "from_m", "to_m"])
    assert store.load(engine, "zones", gpd.GeoDataFrame(plain, crs=town.CITY.srid), dry_run=True).unchanged == 2
    said = zones[zones["code"] == "N1"].assign(effect="", valid_from=day("2027-01-01"))
    assert store.load(engine, "zones", said, dry_run=True).changed == 1
