"""What kind a unit grid is and which issue of the set brought it; what became of the units of a revision."""

from gis.migrations import run_beside

revision = "0007"
down_revision = "0006"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
