"""Cases, their events and answers."""

from gis.migrations import run_beside

revision = "0004"
down_revision = "0003"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
