"""The record of a city: made, loaded layer by layer, read back, answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from sqlalchemy import Engine

from gis import exact, postgis, store
from gis.model import City
from gis.store import copying
from gis.store.engine import transaction
from gis.tables import DATED
from grids.catalog import catalog
from grids.errors import Conflict, InputError, NotFound, Unavailable
from tests import town
from tests.conftest import database_name

UTC = "UTC"
ORDER = ("departments", "areas", "rules", "units", "components", "zones", "rosters", "roads", "calendars", "cases")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz=UTC)


def more_layers() -> dict[str, pd.DataFrame]:
    """The layers that the town lacks."""
    at = town.DAY
    return town.layers() | {
        "rosters": town.frame(
            "rosters",
            [
                {"team": "一组", "person": "甲", "department": "D8", "area_set": "patrol", "area": "P1",
                 "valid_from": at, "valid_to": day("2026-08-01")},
                {"team": "一组", "person": "甲", "valid_from": day("2026-08-01")},
            ],
        ),
        "roads": town.frame(
            "roads",
            [
                {"code": "w1", "name": "解放路", "kind": "primary", "width_m": 24.0, "lanes": 4.0,
                 "geometry": shapely.LineString([(town.X0, town.Y0), (town.X0 + 400, town.Y0)])},
                {"code": "w2", "geometry": town.box(0, 0, 10, 10)},
            ],
        ),
        "calendars": town.frame(
            "calendars",
            [
                {"day": pd.Timestamp("2026-10-01"), "working": False, "note": "国庆节"},
                {"day": pd.Timestamp("2026-10-10"), "working": True, "note": "调休"},
            ],
        ),
        "cases": town.frame(
            "cases",
            [
                {"id": "K1", "class": "2026:E06010", "reported_at": at, "geometry": town.point(5, 5),
                 "accuracy_m": 8.5, "channel": "hotline", "status": "closed", "closed_at": at, "returns": 1.0,
                 "address": "解放路12号, \"东\"\n后门", "department": "free text"},
                {"id": "K2", "no_location": "missing", "reported_at": at, "geometry": None},
                {"id": "K3", "class": "2013:C0103", "component": "1408020103000001", "reported_at": at,
                 "geometry": town.point(1, 1)},
            ],
        ),
    }  # fmt: skip


@pytest.fixture
def engine(cluster: postgis.Cluster, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on a city of its own, empty."""
    name = database_name(f"s_{abs(hash(request.node.name)) % 10**8}")
    engine = store.connect(postgis.ensure_database(name))
    store.create_city(engine, town.CITY)
    yield engine
    engine.dispose()
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def full(database: str) -> Iterator[Engine]:
    """The town with everything, for reading."""
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    frames = more_layers()
    for layer in ORDER:
        report = store.load(engine, layer, frames[layer])
        assert (report.inserted, len(report.rejects)) == (len(frames[layer]), 0), (layer, report.rejects)
    yield engine
    engine.dispose()


@pytest.fixture
def code(request: pytest.FixtureRequest) -> str:
    """The code of a department that only this test loads."""
    return request.node.name


def department(code: str, name: str, **more: object) -> pd.DataFrame:
    return town.frame("departments", [{"code": code, "name": name, **more}])


def versions(engine: Engine, code: str) -> list[tuple[str, str, str]]:
    """What is believed now of a department: name, from, to."""
    with transaction(engine) as cursor:
        cursor.execute(
            """SELECT name, CASE WHEN isfinite(valid_from) THEN valid_from::date::text ELSE '' END,
                      CASE WHEN isfinite(valid_to) THEN valid_to::date::text ELSE '' END
               FROM wanmi.departments WHERE code = %s AND replaced_at = 'infinity' ORDER BY valid_from""",
            [code],
        )
        return cursor.fetchall()


def came(report: store.LoadReport) -> tuple[int, int, int, int, int]:
    return report.inserted, report.changed, report.unchanged, report.retired, len(report.rejects)


# Connections and cities ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dsn", ["", "nonsense", "mysql://x/y"])
def test_a_dsn_that_is_none(dsn: str) -> None:
    with pytest.raises(InputError, match="postgresql://"):
        store.connect(dsn)


def test_no_server_is_told_in_one_line(tmp_path) -> None:
    engine = store.connect(f"postgresql:///demo?host={tmp_path}&user=nobody")
    for ask in (store.read_city, store.city_frames, lambda e: store.create_city(e, town.CITY)):
        with pytest.raises(Unavailable) as caught:
            ask(engine)
        assert "\n" not in str(caught.value) and "wanmi db status" in str(caught.value)


def test_a_database_that_is_not_there(cluster: postgis.Cluster) -> None:
    with pytest.raises(Unavailable, match=r"does not exist.*wanmi"):
        store.read_city(store.connect(postgis.dsn("wanmi_nobody_made_this")))


def test_a_database_without_a_city(cluster: postgis.Cluster) -> None:
    name = database_name("s_empty")
    engine = store.connect(postgis.ensure_database(name))
    try:
        for ask in (store.read_city, store.city_frames, lambda e: store.load(e, "departments", department("d", "D"))):
            with pytest.raises(Conflict, match="holds no city of ours; run 'wanmi demo'"):
                ask(engine)
    finally:
        engine.dispose()
        postgis.drop_database(name)


def test_the_city_is_read_as_it_was_made(engine: Engine) -> None:
    assert store.read_city(engine) == town.CITY
    changed = City(**{**town.CITY.__dict__, "name": "大镇", "territory": ("street",), "default_points": ()})
    store.create_city(engine, changed)
    assert store.read_city(engine) == changed


def test_a_database_holds_one_city(engine: Engine) -> None:
    other = City(**{**town.CITY.__dict__, "key": "other"})
    with pytest.raises(Conflict, match="holds the city 'town', not 'other'"):
        store.create_city(engine, other)
    moved = City(**{**town.CITY.__dict__, "srid": 4547})
    with pytest.raises(Conflict, match="EPSG:4546, not EPSG:4547"):
        store.create_city(engine, moved)


def test_the_catalogue_is_all_there(full: Engine) -> None:
    book = catalog()
    classes = store.city_frames(full)["classes"]
    ours = classes.sort_values(["edition", "kind", "code"], ignore_index=True)
    theirs = book.classes.sort_values(["edition", "kind", "code"], ignore_index=True)
    pd.testing.assert_frame_equal(ours, theirs)
    with transaction(full) as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM wanmi.crosswalk), (SELECT count(*) FROM wanmi.limits)")
        assert cursor.fetchone() == (len(book.crosswalk), len(book.limits))


def test_an_owner_without_other_rights(cluster: postgis.Cluster) -> None:
    """A server of others: the superuser adds the extensions, the database's owner does the rest."""
    name = database_name("s_owner")
    admin = store.connect(postgis.ensure_database(name))
    role = sql.Identifier(name)
    with transaction(admin) as cursor:
        cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(role, role))
        cursor.execute("DROP EXTENSION btree_gist, postgis")
    engine = store.connect(cluster.dsn(name).replace("user=wanmi", f"user={name}"))
    try:
        with pytest.raises(Unavailable, match=r"postgis is missing: .*superuser run CREATE EXTENSION postgis"):
            store.create_city(engine, town.CITY)
        with transaction(admin) as cursor:
            cursor.execute("CREATE EXTENSION postgis; CREATE EXTENSION btree_gist")
        store.create_city(engine, town.CITY)
        for layer in ORDER:
            assert store.load(engine, layer, more_layers()[layer]).inserted
        many = pd.concat([more_layers()["roads"].head(1)] * 50_000).assign(code=[str(i) for i in range(50_000)])
        with transaction(engine) as cursor:
            cursor.execute("TRUNCATE wanmi.ground")
        assert store.load(engine, "roads", many.set_axis(range(1, 50_001))).inserted == 50_000
    finally:
        engine.dispose()
        admin.dispose()
        postgis.drop_database(name)
        with transaction(store.connect(cluster.dsn())) as cursor:
            cursor.execute(sql.SQL("DROP ROLE {}").format(role))


def test_making_a_city_twice_at_once(cluster: postgis.Cluster) -> None:
    name = database_name("s_twice")
    dsn = postgis.ensure_database(name)
    errors: list[BaseException] = []

    def make() -> None:
        engine = store.connect(dsn)
        try:
            store.create_city(engine, town.CITY)
        except BaseException as error:
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    postgis.drop_database(name)
    assert errors == []


# Loading: what a row does to the record -----------------------------------------------------------------


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


# Loading: what is refused -------------------------------------------------------------------------------


def test_unknown_layer_and_missing_columns(full: Engine) -> None:
    with pytest.raises(NotFound, match="known are areas"):
        store.load(full, "lakes", pd.DataFrame())
    with pytest.raises(InputError, match="no column name"):
        store.load(full, "departments", pd.DataFrame({"code": ["x"]}))


@pytest.mark.parametrize(
    ("layer", "row", "column", "why"),
    [
        ("departments", {"code": "n", "name": "N", "parent": "D11"}, "parent", "did you mean D1?"),
        ("departments", {"code": "", "name": "N"}, "code", "code is missing"),
        ("areas", {"set": "patrol", "code": "P2", "department": "X9"}, "department", "no such department"),
        ("areas", {"set": "community", "code": "140802001009", "parent": "140802003"}, "parent",
         "no such street is recorded; did you mean 140802002 or 140802001?"),
        ("units", {"code": "140802009001001", "community": "140802001003"}, "community", "mean 140802001002 or"),
        ("units", {"code": "140802001001009", "geometry": None}, "geometry", "has no geometry"),
        ("units", {"code": "140802001001009", "geometry": shapely.Polygon()}, "geometry", "has no geometry"),
        ("units", {"code": "140802001001009",
                   "geometry": shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "geometry", "is not valid"),
        ("components", {"code": "1", "class": "2026:C01O01"}, "class", "did you mean 2026:C01001"),
        ("components", {"code": "1", "class": "2026:C01001", "owning": "d4"}, "owning", "did you mean D4"),
        ("components", {"code": "1", "class": "2026:C01001", "geometry": None}, "geometry", "has no geometry"),
        ("components", {"code": "1", "class": ""}, "class", "class is missing"),
        ("zones", {"code": "z", "department": "D0", "classes": "2026:E66"}, "classes", "no class or group"),
        ("zones", {"code": "z", "department": "DO", "classes": "*"}, "department", "did you mean D0"),
        ("rules", {"class": "2026:C99"}, "class", "no class or group"),
        ("rosters", {"team": "t", "person": "p", "area_set": "patrols", "area": "P1"}, "area_set", "mean patrol?"),
        ("rosters", {"team": "t", "person": "p", "area_set": "patrol", "area": "Pl"}, "area", "did you mean P1"),
        ("cases", {"id": "k", "class": "2026:E99999", "reported_at": town.DAY}, "class", "not in the catalogue"),
        ("cases", {"id": "k"}, "reported_at", "reported_at is missing"),
    ],
)  # fmt: skip
def test_rows_that_contradict_the_record_are_refused(
    full: Engine, layer: str, row: dict, column: str, why: str
) -> None:
    good = more_layers()[layer].head(1)
    shape = {"geometry": town.point(7, 7) if layer in ("components", "cases") else town.box(0, 0, 5, 5)}
    bad = town.frame(layer, [shape | row]).set_axis([17])
    frame = pd.concat([good, bad])
    if "geometry" in frame:
        frame = gpd.GeoDataFrame(frame, geometry="geometry", crs=town.CITY.srid)
    report = store.load(full, layer, frame)
    assert came(report) == (0, 0, 1, 0, 1)
    found = report.rejects.iloc[0]
    assert (found["row"], found["column"]) == (17, column)
    assert why in found["why"], found["why"]


def test_a_code_twice_in_one_file(engine: Engine) -> None:
    rows = [{"code": "d", "name": "one"}, {"code": "e", "name": "E"}, {"code": "d", "name": "two"}]
    report = store.load(engine, "departments", town.frame("departments", rows))
    assert came(report) == (2, 0, 0, 0, 1)
    assert tuple(report.rejects.iloc[0]) == (3, "code", "d", "is in row 1 already for the same time")


def test_a_refused_parent_takes_its_children_along(engine: Engine) -> None:
    rows = [
        {"code": "c", "name": "C", "parent": "b"},
        {"code": "b", "name": "B", "parent": "a"},
        {"code": "a", "name": "A", "parent": "nobody"},
        {"code": "x", "name": "X"},
    ]
    report = store.load(engine, "departments", town.frame("departments", rows))
    assert report.inserted == 1 and sorted(report.rejects["row"]) == [1, 2, 3]


def test_a_ring_is_refused_whole(engine: Engine) -> None:
    rows = [{"code": "a", "name": "A", "parent": "b"}, {"code": "b", "name": "B", "parent": "a"}]
    with pytest.raises(Conflict, match="department a would be above itself"):
        store.load(engine, "departments", town.frame("departments", rows))
    assert versions(engine, "a") == []


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


def test_components_are_linked_to_the_unit_of_their_place(full: Engine) -> None:
    told = [
        (50, 50, ""),
        (100, 50, ""),  # on an edge
        (50, 50, "140802002002002"),
        (95, 50, "140802001001004"),
        (-50, 50, "140802001001003"),
        (50, 50, "nowhere"),
    ]
    rows = [
        {"code": f"1408020100100000{n}", "class": "2026:C01001", "geometry": town.point(x, y), "unit": unit}
        for n, (x, y, unit) in enumerate(told, start=1)
    ]
    report = store.load(full, "components", town.frame("components", rows), dry_run=True)
    assert report.inserted == 6
    notes = report.notes.set_index("row")["why"].to_dict()
    assert set(notes) == {3, 5, 6}  # row 4 lies within the tolerance of the unit that it names
    assert "in 140802001001003, " in notes[3] and notes[3].endswith("m away")
    assert "in no unit grid" in notes[5] and "no such unit grid holds now" in notes[6]
    store.load(full, "components", town.frame("components", rows))
    try:
        found = store.city_frames(full)["components"].set_index("code")["unit"]
        assert [found[row["code"]] for row in rows] == [
            "140802001001003", "140802001001003", "140802001001003", "140802001001003", "140802001001003",
            "140802001001003",
        ]  # fmt: skip
    finally:
        with transaction(full) as cursor:
            cursor.execute("DELETE FROM wanmi.components WHERE code LIKE '14080201001%'")


def test_a_link_of_the_callers_own(engine: Engine) -> None:
    frame = town.frame("components", [{"code": "1", "class": "2026:C01001", "geometry": town.point(1, 1)}])
    store.load(engine, "components", frame, link=lambda x, y: np.array(["mine"] * len(x), dtype=object))
    assert store.city_frames(engine)["components"]["unit"].tolist() == ["mine"]


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


# Reading ------------------------------------------------------------------------------------------------


def same(ours: pd.DataFrame, theirs: pd.DataFrame, key: list[str]) -> None:
    """Compare what was read with what was loaded, whatever the order of rows."""
    order = [*key, *(["valid_from"] if "valid_from" in theirs else [])]
    ours, theirs = (f.sort_values(order, ignore_index=True)[list(theirs.columns)] for f in (ours, theirs))
    for column in theirs.columns[theirs.dtypes == "object"]:
        theirs[column] = theirs[column].astype("str")
    if isinstance(theirs, gpd.GeoDataFrame):
        assert_geodataframe_equal(ours, theirs, check_dtype=False)
    else:
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_column_type=False)


@pytest.mark.parametrize("layer", ["departments", "areas", "rules", "units", "components", "zones"])
def test_what_was_loaded_is_read_again(full: Engine, layer: str) -> None:
    ours, theirs = store.city_frames(full)[layer], more_layers()[layer]
    if layer in ("areas", "units"):
        theirs["geometry"] = exact.multipolygons(theirs.geometry.to_numpy())
    if layer == "zones":
        theirs["geometry"] = exact.footprint(theirs.geometry.to_numpy(), theirs["width_m"])
        assert ours.set_index("code")["is_line"].to_dict() == {f"Z{i}": i == 3 for i in range(1, 10)}
        assert np.allclose(ours["area_m2"], ours.geometry.area)
    if layer == "components":
        ours = ours.drop(columns="unit")
        theirs = theirs.drop(columns="unit")
    same(
        ours[ours["code"].isin(theirs["code"])] if "code" in theirs else ours,
        theirs,
        ["set", "code"] if layer == "areas" else ["class"] if layer == "rules" else ["code"],
    )


def test_area_sets_in_the_order_of_fallback(full: Engine) -> None:
    sets = store.city_frames(full)["area_sets"]
    assert sets["set"].tolist() == ["community", "street", "district", "patrol"]
    assert sets["position"].tolist()[:3] == [0, 1, 2] and np.isnan(sets["position"].iloc[3])


def test_what_held_at_an_instant(full: Engine) -> None:
    twin = "14080201003000009"
    for at, owner in ((town.DAY - pd.Timedelta("1us"), "D6"), (town.DAY, "D7")):
        rows = store.city_frames(full, at=at)["components"].set_index("code")
        assert rows.loc[twin, "owning"] == owner
    assert "Z5" not in set(store.city_frames(full, at="2026-01-01")["zones"]["code"])
    assert "Z5" in set(store.city_frames(full, at="2025-12-31T23:59:59Z")["zones"]["code"])


def test_what_was_believed_at_an_instant(engine: Engine) -> None:
    def believed(at: object) -> list[str]:
        return store.city_frames(engine, known_at=at)["departments"]["name"].tolist()

    times = []
    for name in ("one", "two", "three"):
        store.load(engine, "departments", department("d", name))
        with transaction(engine) as cursor:
            cursor.execute("SELECT clock_timestamp()")
            times.append(cursor.fetchone()[0])
    assert [believed(at) for at in times] == [["one"], ["two"], ["three"]]
    assert believed("2020-01-01") == [] and believed(None) == ["three"]


def test_cases_are_read_again(full: Engine) -> None:
    ours, theirs = store.cases_frame(full), more_layers()["cases"]
    assert np.isnan(ours["x"].iloc[1]) and ours["x"].iloc[0] == town.X0 + 5
    same(ours, theirs, ["id"])
    parts = list(store.cases_frames(full, chunk=2))
    assert [len(p) for p in parts] == [2, 1]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), pd.DataFrame(ours.drop(columns="geometry")))


# Answers ------------------------------------------------------------------------------------------------


def answers(ids: list[str], unit: str = "u") -> pd.DataFrame:
    n = len(ids)
    return pd.DataFrame(
        {
            "id": ids, "at": [town.DAY] * n, "unit": unit, "department": ["D1"] + [""] * (n - 1),
            "rule": "territory", "reason": "", "component": "", "distance_m": [1.25] + [np.nan] * (n - 1), "zone": "",
            "on_edge": False, "probability": np.nan, "ask_first": False, "community": "", "street": ["s1"] * n,
        }
    )  # fmt: skip


def test_answers_are_written_and_replaced(full: Engine) -> None:
    assert store.write_answers(full, answers(["K1", "K2"]), "v1") == 2
    assert store.cases_frame(full, only_open=True)["id"].tolist() == ["K2", "K3"]  # K1 is closed and answered
    assert store.write_answers(full, answers(["K2", "K3"], "w"), "v2") == 2
    with transaction(full) as cursor:
        cursor.execute("SELECT id, snapshot, unit, areas, distance_m FROM wanmi.case_answers ORDER BY id")
        assert cursor.fetchall() == [
            ("K1", "v1", "u", {"street": "s1"}, 1.25),
            ("K2", "v2", "w", {"street": "s1"}, 1.25),
            ("K3", "v2", "w", {"street": "s1"}, None),
        ]
    assert store.write_answers(full, answers(["K1"]).head(0), "v3") == 0


def test_answers_that_cannot_be_written(full: Engine) -> None:
    with pytest.raises(Conflict, match="case nobody is not recorded"):
        store.write_answers(full, answers(["K1", "nobody"]), "v1")
    with pytest.raises(InputError, match="K1 stands there twice"):
        store.write_answers(full, answers(["K1", "K1"]), "v1")
    with pytest.raises(InputError, match="no column rule"):
        store.write_answers(full, answers(["K1"]).drop(columns="rule"), "v1")


# Columns on their way -----------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")).map(lambda t: pd.Timestamp(t, tz=UTC))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | TEXTS,
            st.none() | st.floats(allow_nan=False),
            st.none() | st.integers(-(2**31), 2**31 - 1),
            st.none() | MOMENTS,
            st.none() | st.tuples(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7)),
        ),
        max_size=9,
    )
)
def test_any_values_arrive(full: Engine, rows: list[tuple]) -> None:
    text, number, integer, moment, place = zip(*rows, strict=True) if rows else [()] * 5
    x, y = (np.array([np.nan if p is None else p[i] for p in place], dtype=float) for i in (0, 1))
    columns = [
        copying.text(pd.Series(list(text), dtype="object")),
        copying.number(np.array([np.nan if n is None else n for n in number], dtype=float), "float8"),
        copying.number(pd.Series(list(integer), dtype="object"), "int4"),
        copying.instant(pd.Series(list(moment), dtype="datetime64[us, UTC]")),
        copying.points(x, y, 4546),
        copying.geometry([None if p is None else shapely.LineString([p, (0, 0)]) for p in place], 4546),
        copying.jsonb([None if t is None else f"[{len(t)}]" for t in text]),
    ]
    with transaction(full, commit=False) as cursor:
        cursor.execute(
            """CREATE TEMP TABLE came (n serial, t text, f float8, i int4, m timestamptz, p geometry(Point, 4546),
               l geometry(LineString, 4546), j jsonb)"""
        )
        names = ["t", "f", "i", "m", "p", "l", "j"]
        copying.copy_in(cursor, sql.Identifier("came"), names, [copying.rows(columns, len(rows))])
        cursor.execute("SELECT t, f, i, m, ST_X(p), ST_Y(p), ST_X(ST_StartPoint(l)), j FROM came ORDER BY n")
        found = cursor.fetchall()
    expected = [
        (t or None, f, i, None if m is None else m.to_pydatetime(), *(p or (None, None)), p and p[0], t and [len(t)])
        for t, f, i, m, p in rows
    ]
    expected = [
        (*row[:7], row[7] if text[k] is not None and text[k] != "" else None if text[k] is None else [0])
        for k, row in enumerate(expected)
    ]
    assert found == expected


def test_what_breaks_the_stream_is_raised_as_it_is(full: Engine) -> None:
    class OwnError(Exception):
        pass

    def batches() -> Iterator[memoryview]:
        yield copying.rows([copying.text(["a"])], 1)
        raise OwnError

    threads = threading.active_count()
    with pytest.raises(OwnError), transaction(full) as cursor:
        cursor.execute("CREATE TEMP TABLE broken (t text)")
        copying.copy_in(cursor, sql.Identifier("broken"), ["t"], batches())
    assert threading.active_count() == threads
