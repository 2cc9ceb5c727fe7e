"""Indexes taken down for a large write and built anew after it, in its transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from gis.sql import question
from gis.tables import SCHEMA


@contextlib.contextmanager
def rebuilt(cursor: Cursor, table: str, *, when: bool = True, keys: bool = False) -> Iterator[None]:
    """Drop a table's indexes, and build them again at the end.

    Parameters
    ----------
    when
        False does nothing.
    keys
        Whether those go too that primary keys and exclusions rest on. Indexes that foreign keys lean on stay.

    Notes
    -----
    Takes an ACCESS EXCLUSIVE lock: readers wait. An error, or a kill, rolls the drop back with all else.
    """
    if not when:
        yield
        return
    cursor.execute(question("table_indexes"), {"table": table})
    gone = [(i, c, d) for i, c, d, leaned_on in cursor.fetchall() if not leaned_on and (keys or c is None)]
    here = sql.Identifier(SCHEMA, table)
    for index, constraint, _ in gone:
        if constraint is None:
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(index)))
        else:
            cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(here, sql.Identifier(constraint)))
    yield
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for _, constraint, definition in gone:
        if constraint is None:
            cursor.execute(sql.SQL(definition))
        else:
            add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
            cursor.execute(add.format(here, sql.Identifier(constraint), sql.SQL(definition)))
