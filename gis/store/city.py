"""The city of a database: made once, read at every start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from pyproj import CRS
from sqlalchemy import Connection, Engine, exc, text

from gis import migrations
from gis.model import City
from gis.sql import question
from gis.store import copying
from gis.store.engine import first_line
from gis.tables import SCHEMA, tables
from grids.catalog import Catalog, catalog
from grids.errors import Conflict, Unavailable

EXTENSIONS = {"postgis": (3, 3), "btree_gist": (1, 0)}
"""What the record needs in its database, with the oldest version that serves."""


def create_city(engine: Engine, city: City) -> None:
    """Make a database the record of a city; does nothing when it is so already.

    Runs the migrations that are missing, writes the city's row and the class catalogue. All in one transaction.

    Raises
    ------
    Conflict
        When the database holds another city, the city in another CRS, or shapes of a newer Wanmi.
    Unavailable
        When there is no connection, or PostGIS is missing and may not be added.
    """
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('wanmi', 0))")
        _extensions(connection)
        _same_city(connection, city)
        migrations.migrate(connection, srid=city.srid, lonlat=lonlat_srid(city.srid))
        raw = connection.connection.driver_connection
        assert raw is not None
        with raw.cursor() as cursor:
            _write(cursor, city)
            fill_catalogue(cursor, catalog(), city.srid)


def read_city(engine: Engine) -> City:
    """Read the city of a database.

    Raises
    ------
    Conflict
        When the database holds no city, or shapes of a newer or older Wanmi.
    Unavailable
        When there is no connection.
    """
    name = f"database {engine.url.database}"
    right = "run 'wanmi demo', or 'wanmi load' with a profile"
    with engine.connect() as connection:
        at = migrations.current(connection) if _has_schema(connection) else ""
        if not at:
            raise Conflict("it holds no city of ours", where=name, right=right)
        if at != migrations.newest():
            raise Conflict(
                f"its record is at step {at}, this Wanmi needs step {migrations.newest()}",
                where=name,
                right="run 'wanmi load' with the city's profile, which brings it up to date",
            )
        found = _row(connection)
    if found is None:
        raise Conflict("it holds no city of ours", where=name, right=right)
    return found


def lonlat_srid(srid: int) -> int:
    """Return the EPSG code of degrees that fits a metric CRS: 4490 (CGCS2000) or 4326 (WGS 84)."""
    degrees = CRS.from_epsg(srid).geodetic_crs
    return 4490 if degrees is not None and "2000" in degrees.name and "China" in degrees.name else 4326


def fill_catalogue(cursor: Cursor, book: Catalog, srid: int) -> None:
    """Write classes, crosswalk and limits; rows that are as they were stay untouched."""
    classes = book.classes
    limits = book.limits.rename(columns={"code": "class_code", "limit": "time_limit"})
    limits = limits.assign(id=range(1, len(limits) + 1), time_limit=pd.to_numeric(limits["time_limit"]))
    for name, frame in (("classes", classes), ("crosswalk", book.crosswalk), ("limits", limits)):
        upsert(cursor, name, frame, srid)


def upsert(cursor: Cursor, name: str, frame: pd.DataFrame, srid: int) -> tuple[int, int]:
    """Write a frame whose columns are a table's into a table without validity; returns (inserted, changed)."""
    table = tables(srid).tables[f"{SCHEMA}.{name}"]
    columns = [c for c in table.columns if c.name in frame.columns]
    key = [c.name for c in table.primary_key]
    values = [c.name for c in columns if c.name not in key]
    target, staged = sql.Identifier(SCHEMA, name), sql.Identifier(f"new_{name}")
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            staged, _names([c.name for c in columns]), target
        )
    )
    encoded = [copying.encode_column(c, frame[c.name], srid) for c in columns]
    copying.copy_in(cursor, staged, [c.name for c in columns], [copying.rows(encoded, len(frame))])
    cursor.execute(
        question(
            "upsert",
            target=target,
            staged=staged,
            columns=_names([c.name for c in columns]),
            key=_names(key),
            changes=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(v)) for v in values),
            old=sql.SQL(", ").join(sql.Identifier("t", v) for v in values),
            new=sql.SQL(", ").join(sql.Identifier("excluded", v) for v in values),
        )
    )
    inserted, changed = cursor.fetchone()
    return inserted, changed


def _names(names: list[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _write(cursor: Cursor, city: City) -> None:
    west, south, east, north = city.bounds
    cursor.execute(
        question("write_city"),
        {
            "key": city.key,
            "name": city.name,
            "srid": city.srid,
            "time_zone": city.time_zone,
            "west": west,
            "south": south,
            "east": east,
            "north": north,
            "default_points": json.dumps([list(p) for p in city.default_points]),
            "codes": city.codes,
            "edition": city.edition,
            "territory": list(city.territory),
            "accuracy_m": json.dumps(dict(city.accuracy_m)),
            "ask_below": city.ask_below,
        },
    )
    cursor.execute(question("order_area_sets"), {"territory": list(city.territory)})


def _extensions(connection: Connection) -> None:
    """Add PostGIS and btree_gist where they are missing, and judge their versions."""
    where = f"database {connection.engine.url.database}"
    right = "install PostGIS on the server and have its superuser run " + "; ".join(
        f"CREATE EXTENSION {name}" for name in EXTENSIONS
    )
    for name, oldest in EXTENSIONS.items():
        found = connection.execute(text("SELECT extversion FROM pg_extension WHERE extname = :n"), {"n": name}).scalar()
        if found is None:
            try:
                connection.exec_driver_sql(f"CREATE EXTENSION {name}")
            except exc.DBAPIError as error:
                raise Unavailable(f"{name} is missing: {first_line(error.orig)}", where=where, right=right) from None
        elif tuple(int(part) for part in found.split(".")[:2]) < oldest:
            needed = ".".join(map(str, oldest))
            raise Unavailable(f"{name} {found} is too old", where=where, right=f"use {needed} or newer")


def _has_schema(connection: Connection) -> bool:
    found = connection.exec_driver_sql(f"SELECT to_regclass('{SCHEMA}.alembic_version') IS NOT NULL").scalar()
    return bool(found)


def _same_city(connection: Connection, city: City) -> None:
    """Refuse a database that holds another city."""
    if not _has_schema(connection) or not migrations.current(connection):
        return
    found = _row(connection)
    where = f"database {connection.engine.url.database}"
    if found is not None and found.key != city.key:
        raise Conflict(
            f"it holds the city {found.key!r}, not {city.key!r}", where=where, right="one database holds one city"
        )
    if found is not None and found.srid != city.srid:
        raise Conflict(
            f"{city.key} is stored in EPSG:{found.srid}, not EPSG:{city.srid}",
            where=where,
            right="load it into a new database to change its CRS",
        )


def _row(connection: Connection) -> City | None:
    """Return the city of a database that has our shapes; None before its row was written."""
    with_row = connection.exec_driver_sql(question("read_city").as_string(connection.connection.driver_connection))
    row = with_row.mappings().first()
    return None if row is None else city_of(dict(row))


def city_of(row: Mapping[str, Any]) -> City:
    """Return the city that the question ``read_city`` tells of."""
    return City(
        key=row["key"],
        name=row["name"],
        srid=row["srid"],
        time_zone=row["time_zone"],
        bounds=(row["west"], row["south"], row["east"], row["north"]),
        default_points=tuple((float(lon), float(lat)) for lon, lat in row["default_points"]),
        codes=row["codes"],
        edition=row["edition"],
        territory=tuple(row["territory"]),
        accuracy_m=tuple(sorted((channel, float(metres)) for channel, metres in row["accuracy_m"].items())),
        ask_below=row["ask_below"],
    )
