"""Forward-only steps from an empty database to the shapes of `gis.tables`: numbered, one SQL file each.

A step is never edited once released; a change of shape is a new step. Alembic keeps the number that a database is at
and finds the steps; it needs no configuration file and no command of its own.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gis.tables import SCHEMA
from grids.errors import Conflict

HERE = Path(__file__).parent


def newest() -> str:
    """Return the number of the newest step."""
    head = _steps().get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str:
    """Return the number of the step that a database is at; "" when it has none of our shapes.

    Raises
    ------
    Conflict
        When the database was made by a newer Wanmi.
    """
    at = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()
    if at is not None and at not in {step.revision for step in _steps().walk_revisions()}:
        raise Conflict(
            f"its record is at step {at}, this Wanmi knows steps up to {newest()}",
            where=f"database {connection.engine.url.database}",
            right="use the newer Wanmi that made it",
        )
    return at or ""


def migrate(connection: Connection, *, srid: int, lonlat: int, to: str = "head") -> list[str]:
    """Bring a database to the newest step, inside the caller's transaction.

    Parameters
    ----------
    connection
        In a transaction; its user owns the schema, or may create one.
    srid
        EPSG code of the city's metric CRS, the type of all geometry columns.
    lonlat
        EPSG code of degrees, for the views: 4490 or 4326.
    to
        Number of the last step to take; by default the newest.

    Returns
    -------
    list of str
        Numbers of the steps taken; empty when there were none to take.
    """
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS 'Wanmi: the record of one city'")
    if current(connection) == newest():
        return []
    script = _steps()
    taken: list[str] = []

    def steps(revision: str, context: MigrationContext) -> list:
        found = script._upgrade_revs(to, revision)
        taken.extend(step.revision.revision for step in found)
        return found

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, version_table_schema=SCHEMA)
        environment.run_migrations(srid=srid, lonlat=lonlat)
    table = f"{SCHEMA}.alembic_version"
    connection.exec_driver_sql(f"COMMENT ON TABLE {table} IS 'Step of the record''s shapes, kept by Alembic'")
    connection.exec_driver_sql(f"COMMENT ON COLUMN {table}.version_num IS 'number of the step'")
    return taken


def run_beside(step: str, values: dict[str, int]) -> None:
    """Run the SQL file of a step's name, with ``{name}`` replaced by the number of that name."""
    text = Path(step).with_suffix(".sql").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(int(value)))
    cursor = op.get_bind().connection.cursor()  # past SQLAlchemy, which would read % as a parameter
    cursor.execute(text)
    cursor.close()


def _steps() -> ScriptDirectory:
    return ScriptDirectory(str(HERE), version_locations=[str(HERE)])
