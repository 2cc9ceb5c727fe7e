"""Unit grids, components, the ground."""

from gis.migrations import run_beside

revision = "0003"
down_revision = "0002"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
