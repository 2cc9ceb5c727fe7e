"""Views for people, QGIS and services."""

from gis.migrations import run_beside

revision = "0005"
down_revision = "0004"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
