"""The city of a database: made, read, refused; connections that fail."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
from psycopg2 import sql
from sqlalchemy import Engine

from gis import postgis, store
from gis.model import City
from gis.store.engine import transaction
from grids.catalog import catalog
from grids.errors import Conflict, InputError, Unavailable
from tests import town
from tests.conftest import database_name
from tests.gis.store.village import ORDER, department, more_layers


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
