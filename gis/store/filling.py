"""Loading straight into a table: many rows of things that the record knows nothing of.

The rows were checked on arrays, so that the table's own triggers need not look again; its keys, exclusions and checks
are tried by the server when the indexes are built anew. A table that was empty is truncated first: PostgreSQL then
neither logs the rows (wal_level = minimal) nor has to freeze them later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from gis.sql import question
from gis.store import copying
from gis.store.indexes import rebuilt
from gis.store.rows import Target
from gis.tables import SCHEMA

LAYERS = ("components", "cases", "units", "roads", "rivers", "railways", "buildings", "parcels", "drains")
"""Layers whose rows bring nothing along into other tables."""
MANY = 50_000
"""Rows from which this pays."""


def is_empty(cursor: Cursor, table: str) -> bool:
    """Tell whether a table has no row."""
    cursor.execute(sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(sql.Identifier(SCHEMA, table)))
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def fill(cursor: Cursor, to: Target, names: Sequence[str], batches: Iterator[memoryview]) -> int:
    """Send encoded rows into their table, which the caller has locked in ACCESS EXCLUSIVE mode.

    Parameters
    ----------
    names
        Columns of the batches; the table's other columns take their defaults.

    Returns
    -------
    int
        Rows written.
    """
    table = sql.Identifier(SCHEMA, to.table.name)
    cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
    frozen = _truncate(cursor, to.table.name)
    with rebuilt(cursor, to.table.name, keys=True):
        copying.copy_in(cursor, table, names, batches, options=", FREEZE" if frozen else "")
        count = cursor.rowcount
    cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))
    cursor.execute("SELECT wanmi.change_layer(%s)", (to.table.name,))
    return count


def _truncate(cursor: Cursor, table: str) -> bool:
    """Truncate an empty table; not where tables that refer to it have rows, or it has some itself."""
    cursor.execute(question("referring_tables"), {"table": table})
    all_ = [table, *(name for (name,) in cursor.fetchall())]
    if not all(is_empty(cursor, name) for name in all_):
        return False
    cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(sql.Identifier(SCHEMA, name) for name in all_)))
    return True
