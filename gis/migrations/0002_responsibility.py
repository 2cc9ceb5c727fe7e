"""Departments, areas, class rules, zones, rosters, calendars."""

from gis.migrations import run_beside

revision = "0002"
down_revision = "0001"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
