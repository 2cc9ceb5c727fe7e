"""Rosters of chiefs at three tiers, of roads and zones, and whom a team turns to."""

from gis.migrations import run_beside

revision = "0011"
down_revision = "0010"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
