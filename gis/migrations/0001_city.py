"""The city and the class catalogue."""

from gis.migrations import run_beside

revision = "0001"
down_revision = None


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
