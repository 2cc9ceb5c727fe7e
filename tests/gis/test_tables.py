"""The shapes of the record, as the migrations make them: they agree with `gis.tables`, and refuse contradictions."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import psycopg2.errors as refused
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql

from gis import migrations, postgis, store
from gis.crs import to_lonlat
from gis.store.engine import transaction
from gis.tables import DATED, GROUND, SCHEMA, tables
from grids.errors import Conflict
from tests import town
from tests.conftest import database_name

SRID = town.CITY.srid
SQUARE = f"ST_Multi(ST_MakeEnvelope(500000, 3878000, 500100, 3878100, {SRID}))"
POINT = f"ST_SetSRID(ST_MakePoint(500050, 3878050), {SRID})"
LINE = f"ST_SetSRID(ST_MakeLine(ST_MakePoint(500000, 3878000), ST_MakePoint(500100, 3878000)), {SRID})"

ROWS = {
    "areas": {"set": "'s'", "code": "'a'", "geom": SQUARE},
    "departments": {"code": "'d'", "name": "'D'"},
    "rules": {"edition": "'2026'", "kind": "'C'", "class_code": "'01'"},
    "units": {"code": "'u'", "geom": SQUARE},
    "components": {
        "code": "'c'",
        "edition": "'2026'",
        "kind": "'C'",
        "class_code": "'01001'",
        "owning": "'d0'",
        "geom": POINT,
    },
    "zones": {"code": "'z'", "department": "'d0'", "classes": "'*'", "geom": SQUARE, "footprint": SQUARE},
    "rosters": {"team": "'t'", "person": "'p'"},
    "ground": {"layer": "'roads'", "code": "'g'", "geom": LINE},
    "cases": {"id": "'k'", "reported_at": "now()"},
    "answers": {
        "case_id": "'k0'",
        "snapshot": "'s'",
        "at": "now()",
        "areas": "'{}'",
        "rule": "'territory'",
        "on_edge": "false",
        "ask_first": "false",
    },
}
"""A right row of each table, as SQL."""


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    with transaction(engine) as cursor:
        cursor.execute("INSERT INTO wanmi.departments (code, name) VALUES ('d0', 'D0')")
        cursor.execute("INSERT INTO wanmi.area_sets (set) VALUES ('s')")
        cursor.execute("INSERT INTO wanmi.cases (id, reported_at) VALUES ('k0', now())")
    yield engine
    engine.dispose()


@pytest.fixture
def cursor(engine: Engine) -> Iterator[Cursor]:
    """A cursor in a transaction that is taken back."""
    with transaction(engine, commit=False) as cursor:
        yield cursor


def insert(cursor: Cursor, table: str, **changes: str) -> None:
    row = {**ROWS[table], **changes}
    names = ", ".join(f'"{name}"' for name in row)
    cursor.execute(f"INSERT INTO wanmi.{table} ({names}) VALUES ({', '.join(row.values())})")


def span(begin: str, end: str = "infinity") -> dict[str, str]:
    return {"valid_from": f"'{begin}'", "valid_to": f"'{end}'"}


# Both say the same --------------------------------------------------------------------------------------


def test_tables_and_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "include_object": lambda _, name, *rest: name != "alembic_version",
                "version_table_schema": SCHEMA,
            },
        )
        assert compare_metadata(context, tables(SRID)) == []


def test_types_nullability_and_comments_agree(cursor: Cursor) -> None:
    cursor.execute(
        """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
                  col_description(c.oid, a.attnum), l.collname
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           LEFT JOIN pg_collation l ON l.oid = a.attcollation
           WHERE c.relnamespace = 'wanmi'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'"""
    )
    there = {(table, column): rest for table, column, *rest in cursor.fetchall()}
    names = {"FLOAT(53)": "double precision", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone"}
    expected = {}
    for table in tables(SRID).tables.values():
        for column in table.columns:
            kind = column.type.compile(dialect=postgresql.dialect()).replace(' COLLATE "C"', "")
            kind = names.get(kind, kind).lower().replace(",", ",")
            collation = "C" if getattr(column.type, "collation", None) else None
            expected[table.name, column.name] = [kind, column.nullable, column.comment, collation]
    assert there.keys() == expected.keys()
    for key, (kind, nullable, comment, collation) in expected.items():
        found = there[key]
        assert [found[0].lower(), *found[1:3]] == [kind, nullable, comment], key
        assert collation is None or found[3] == "C", key


def test_everything_explains_itself(cursor: Cursor) -> None:
    cursor.execute(
        """SELECT c.relname, a.attname FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE c.relnamespace = 'wanmi'::regnamespace AND c.relkind IN ('r', 'v')
             AND (coalesce(col_description(c.oid, a.attnum), '') = ''
                  OR coalesce(obj_description(c.oid, 'pg_class'), '') = '')
           UNION ALL
           SELECT proname, '' FROM pg_proc WHERE pronamespace = 'wanmi'::regnamespace
             AND coalesce(obj_description(oid, 'pg_proc'), '') = ''"""
    )
    assert cursor.fetchall() == []


def test_every_geometry_has_the_citys_srid_and_a_gist_index(cursor: Cursor) -> None:
    cursor.execute(
        "SELECT DISTINCT srid FROM geometry_columns WHERE f_table_schema = 'wanmi' AND f_table_name !~ 'lonlat' "
        "AND f_geometry_column !~ '_web$'"
    )
    assert cursor.fetchall() == [(SRID,)]
    cursor.execute("SELECT DISTINCT srid FROM geometry_columns WHERE f_geometry_column ~ '_web$'")
    assert cursor.fetchall() == [(3857,)]
    cursor.execute(
        "SELECT DISTINCT srid FROM geometry_columns WHERE f_table_schema = 'wanmi' AND f_table_name ~ 'lonlat'"
    )
    assert cursor.fetchall() == [(4490,)]
    cursor.execute(
        """SELECT c.relname FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.atttypid = 'geometry'::regtype
           WHERE c.relnamespace = 'wanmi'::regnamespace AND c.relkind = 'r' AND NOT EXISTS (
               SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
               WHERE i.indrelid = c.oid AND m.amname = 'gist')"""
    )
    assert cursor.fetchall() == []


# Forward only -------------------------------------------------------------------------------------------


def test_migrating_again_does_nothing(engine: Engine) -> None:
    def shapes() -> list[tuple]:
        with transaction(engine) as cursor:
            cursor.execute(
                """SELECT relname, relfilenode FROM pg_class WHERE relnamespace = 'wanmi'::regnamespace ORDER BY 1"""
            )
            return cursor.fetchall()

    before = shapes()
    with engine.begin() as connection:
        assert migrations.migrate(connection, srid=SRID, lonlat=4490) == []
    store.create_city(engine, town.CITY)
    assert shapes() == before


def test_a_database_on_its_way_goes_on_from_where_it_is(cluster: postgis.Cluster) -> None:
    name = database_name("half_way")
    engine = store.connect(postgis.ensure_database(name))
    try:
        with engine.begin() as connection:
            assert migrations.current(connection) == ""
            steps = migrations.migrate(connection, srid=32650, lonlat=4326)
            assert steps == sorted(steps) and steps[0] == "0001" and steps[-1] == migrations.newest()
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA wanmi CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA wanmi")
            migrations.migrate(connection, srid=SRID, lonlat=4490, to="0002")
            assert migrations.current(connection) == "0002"
        with pytest.raises(Conflict, match="at step 0002, this Wanmi needs"):
            store.read_city(engine)
        store.create_city(engine, town.CITY)
        assert store.read_city(engine) == town.CITY
    finally:
        engine.dispose()
        postgis.drop_database(name)


def test_a_newer_database_is_refused_in_one_line(engine: Engine) -> None:
    with transaction(engine) as cursor:
        cursor.execute("UPDATE wanmi.alembic_version SET version_num = '9999'")
    try:
        for attempt in (store.read_city, lambda engine: store.create_city(engine, town.CITY)):
            with pytest.raises(Conflict) as caught:
                attempt(engine)
            line = str(caught.value)
            assert "\n" not in line and "at step 9999" in line and "use the newer Wanmi" in line
    finally:
        with transaction(engine) as cursor:
            cursor.execute("UPDATE wanmi.alembic_version SET version_num = %s", [migrations.newest()])


# One truth at a time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", DATED)
def test_two_truths_at_one_time_cannot_be_stored(cursor: Cursor, table: str) -> None:
    insert(cursor, table, **span("2026-01-01", "2026-07-01"))
    insert(cursor, table, **span("2026-07-01"))  # half-open: they only touch
    insert(cursor, table, **span("2025-01-01", "2026-01-01"))
    for begin, end in (("2026-06-30", "2026-08-01"), ("-infinity", "infinity"), ("2026-02-01", "2026-03-01")):
        cursor.execute("SAVEPOINT here")
        with pytest.raises(refused.ExclusionViolation):
            insert(cursor, table, **span(begin, end))
        cursor.execute("ROLLBACK TO here")
    with pytest.raises(refused.ExclusionViolation):
        cursor.execute(f"UPDATE wanmi.{table} SET valid_to = 'infinity' WHERE valid_from = '2025-01-01'")


@pytest.mark.parametrize("table", DATED)
def test_what_was_believed_may_differ_from_what_is(cursor: Cursor, table: str) -> None:
    insert(cursor, table, recorded_at="'2026-01-01'", replaced_at="'2026-02-01'")
    insert(cursor, table, recorded_at="'2026-02-01'")
    with pytest.raises(refused.ExclusionViolation):
        insert(cursor, table, recorded_at="'2026-01-15'", replaced_at="'2026-01-20'", valid_from="'2026-01-01'")


def test_components_of_one_statement_are_checked_against_each_other(cursor: Cursor) -> None:
    with pytest.raises(refused.ExclusionViolation):
        cursor.execute(
            f"""INSERT INTO wanmi.components (code, edition, kind, class_code, geom, valid_from)
                SELECT 'same', '2026', 'C', '01001', {POINT}, f::timestamptz
                FROM (VALUES ('2026-01-01'), ('2026-02-01')) v (f)"""
        )


def race(engine: Engine, first: tuple[str, dict], second: tuple[str, dict], *, commit: bool) -> Exception | None:
    """Write one row in a transaction that stays open, another in a second one that must wait; return its error."""
    one, outcome = engine.raw_connection(), []

    def write() -> None:
        try:
            with transaction(engine) as cursor:
                insert(cursor, second[0], **second[1])
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=write)
    try:
        insert(one.cursor(), first[0], **first[1])
        thread.start()
        thread.join(0.4)
        assert thread.is_alive(), "the second writer must wait for the first"
        one.commit() if commit else one.rollback()
    finally:
        one.close()
        thread.join(10)
    return outcome[0]


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("table", ["components", "units"])
def test_two_writers_at_once_cannot_store_two_truths(engine: Engine, table: str, commit: bool) -> None:
    row = {"code": f"'race{commit}'"}
    error = race(engine, (table, row | span("2026-01-01")), (table, row | span("2026-06-01")), commit=commit)
    assert isinstance(error, Conflict) is commit and (commit or error is None)


def test_two_writers_at_once_cannot_make_a_ring(engine: Engine) -> None:
    with transaction(engine) as cursor:
        insert(cursor, "departments", code="'half1'", **span("-infinity", "2026-01-01"))
        insert(cursor, "departments", code="'half2'", **span("-infinity", "2026-01-01"))
    one = {"code": "'half1'", "parent": "'half2'", **span("2026-01-01")}
    two = {"code": "'half2'", "parent": "'half1'", **span("2026-01-01")}
    error = race(engine, ("departments", one), ("departments", two), commit=True)
    assert isinstance(error, Conflict) and "above itself" in str(error)


def test_components_are_written_in_read_committed_only(engine: Engine) -> None:
    with transaction(engine, commit=False) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(refused.FeatureNotSupported, match="READ COMMITTED"):
            insert(cursor, "components")


# References ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("areas", "department"),
        ("rules", "department"),
        ("zones", "department"),
        ("rosters", "department"),
        ("departments", "parent"),
        ("components", "supervising"),
        ("components", "owning"),
        ("components", "maintaining"),
        ("components", "class_code"),
        ("answers", "case_id"),
        ("areas", "set"),
    ],
)
def test_what_is_referred_to_must_be_recorded(cursor: Cursor, table: str, column: str) -> None:
    insert(cursor, table)
    with pytest.raises(refused.ForeignKeyViolation):
        insert(cursor, table, **{next(iter(ROWS[table])): "'other'", column: "'nobody'"})


def test_cases_refer_to_classes_and_may_have_none(cursor: Cursor) -> None:
    insert(cursor, "cases")
    insert(cursor, "cases", id="'k2'", edition="'2026'", kind="'E'", class_code="'06010'")
    with pytest.raises(refused.ForeignKeyViolation, match="2026:E99999"):
        insert(cursor, "cases", id="'k3'", edition="'2026'", kind="'E'", class_code="'99999'")


@pytest.mark.parametrize("table", ["department_codes", "area_codes", "classes"])
@pytest.mark.parametrize(
    "command", ["DELETE FROM wanmi.{}", "TRUNCATE wanmi.{} CASCADE", "UPDATE wanmi.{} SET code = 'x'"]
)
def test_codes_never_go_away(cursor: Cursor, table: str, command: str) -> None:
    with pytest.raises(refused.RestrictViolation):
        cursor.execute(command.format(table))


def test_answers_go_with_their_case(cursor: Cursor) -> None:
    insert(cursor, "cases")
    insert(cursor, "answers", case_id="'k'")
    insert(cursor, "answers")
    cursor.execute("DELETE FROM wanmi.cases WHERE id = 'k'")
    cursor.execute("SELECT case_id FROM wanmi.answers")
    assert cursor.fetchall() == [("k0",)]


# Departments are a tree ---------------------------------------------------------------------------------


def test_a_department_is_never_above_itself(cursor: Cursor) -> None:
    for code, parent in (("r1", "NULL"), ("r2", "'r1'"), ("r3", "'r2'")):
        insert(cursor, "departments", code=f"'{code}'", parent=parent)
    for code, parent in (("r1", "r1"), ("r1", "r2"), ("r1", "r3")):
        cursor.execute("SAVEPOINT here")
        with pytest.raises(refused.CheckViolation, match="above itself"):
            cursor.execute("UPDATE wanmi.departments SET parent = %s WHERE code = %s", [parent, code])
        cursor.execute("ROLLBACK TO here")


def test_a_ring_of_different_times_is_none(cursor: Cursor) -> None:
    insert(cursor, "departments", code="'y'", **span("-infinity", "2026-01-01"))
    insert(cursor, "departments", code="'x'", parent="'y'", **span("-infinity", "2026-01-01"))
    insert(cursor, "departments", code="'x'", **span("2026-01-01"))
    insert(cursor, "departments", code="'y'", parent="'x'", **span("2026-01-01"))
    with pytest.raises(refused.CheckViolation):
        cursor.execute("UPDATE wanmi.departments SET parent = 'y' WHERE code = 'x' AND valid_from = '2026-01-01'")


def test_a_ring_inside_one_statement(cursor: Cursor) -> None:
    with pytest.raises(refused.CheckViolation):
        cursor.execute(
            """INSERT INTO wanmi.departments (code, name, parent)
               VALUES ('q1', '', 'q2'), ('q2', '', 'q3'), ('q3', '', 'q1')"""
        )


# Values -------------------------------------------------------------------------------------------------

NAN = f"ST_SetSRID(ST_MakePoint('NaN', 1), {SRID})"
BOW_TIE = f"ST_Multi(ST_GeomFromText('POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))', {SRID}))"


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        *((table, span("2026-01-01", "2026-01-01")) for table in DATED),
        *((table, span("2026-02-01", "2026-01-01")) for table in DATED),
        ("rules", {"duty": "'lending'"}),
        ("rules", {"kind": "'X'"}),
        ("rules", {"radius_m": "-1"}),
        ("rules", {"radius_m": "'NaN'"}),
        ("zones", {"width_m": "0"}),
        ("zones", {"width_m": "'NaN'"}),
        ("zones", {"geom": LINE}),  # a line needs a width
        ("zones", {"geom": POINT}),
        ("zones", {"geom": BOW_TIE}),
        ("zones", {"footprint": BOW_TIE}),
        ("areas", {"geom": BOW_TIE}),
        ("units", {"geom": BOW_TIE}),
        ("units", {"geom": f"ST_GeomFromText('MULTIPOLYGON EMPTY', {SRID})"}),
        ("components", {"geom": NAN}),
        ("components", {"geom": f"ST_SetSRID(ST_MakePoint('Infinity', 1), {SRID})"}),
        ("components", {"geom": f"ST_GeomFromText('POINT EMPTY', {SRID})"}),
        ("cases", {"geom": NAN}),
        ("cases", {"accuracy_m": "-1"}),
        ("cases", {"returns": "-1"}),
        ("ground", {"layer": "'lakes'"}),
        ("ground", {"width_m": "0"}),
        ("answers", {"probability": "1.5"}),
        ("areas", {"parent": "'a'"}),  # without its set
    ],
)
def test_values_that_cannot_be(cursor: Cursor, table: str, changes: dict[str, str]) -> None:
    with pytest.raises(refused.CheckViolation):
        insert(cursor, table, **changes)


def test_another_crs_cannot_be_stored(cursor: Cursor) -> None:
    with pytest.raises(refused.InvalidParameterValue, match="SRID"):
        insert(cursor, "components", geom="ST_SetSRID(ST_MakePoint(111, 35), 4326)")


def test_one_database_holds_one_city(cursor: Cursor) -> None:
    with pytest.raises(refused.UniqueViolation):
        cursor.execute("INSERT INTO wanmi.city SELECT (c).* FROM (SELECT c FROM wanmi.city c) x")


def test_a_city_of_another_crs_contradicts_its_columns(cursor: Cursor) -> None:
    with pytest.raises(refused.CheckViolation):
        cursor.execute("UPDATE wanmi.city SET srid = 4547")


# Views --------------------------------------------------------------------------------------------------


def test_views_show_what_holds_now(cursor: Cursor) -> None:
    insert(cursor, "units", code="'ended'", **span("-infinity", "2026-01-01"))
    insert(cursor, "units", code="'replaced'", replaced_at="now()")
    insert(cursor, "units", code="'coming'", **span("2100-01-01"))
    insert(cursor, "units", code="'now'")
    for view in ("units_now", "units_lonlat"):
        cursor.execute(f"SELECT code FROM wanmi.{view} WHERE code IN ('ended', 'replaced', 'coming', 'now')")
        assert cursor.fetchall() == [("now",)]


def test_degrees_of_the_views_are_ours(cursor: Cursor) -> None:
    insert(cursor, "components")
    cursor.execute("SELECT ST_X(geom), ST_Y(geom) FROM wanmi.components_lonlat WHERE code = 'c'")
    lon, lat = to_lonlat(500050.0, 3878050.0, SRID)
    assert np.allclose(cursor.fetchone(), (float(lon), float(lat)), atol=1e-9, rtol=0)


def test_each_layer_of_the_ground_is_a_view(cursor: Cursor) -> None:
    for layer in GROUND:
        insert(cursor, "ground", layer=f"'{layer}'", code=f"'{layer}'")
    for layer in GROUND:
        cursor.execute(f"SELECT code FROM wanmi.{layer}")
        assert cursor.fetchall() == [(layer,)]


def test_cases_show_their_answers(cursor: Cursor) -> None:
    insert(cursor, "cases")
    insert(cursor, "answers", department="'d0'")
    cursor.execute("SELECT id, department, department_name, rule FROM wanmi.case_answers ORDER BY id")
    assert cursor.fetchall() == [("k", None, None, None), ("k0", "d0", "D0", "territory")]
