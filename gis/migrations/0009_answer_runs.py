"""Runs that answered the cases, so that a later one need only answer those that a change concerns."""

from gis.migrations import run_beside

revision = "0009"
down_revision = "0008"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
