"""Which state each layer was in at every instant; dated tables as of an instant, as known at another."""

from gis.migrations import run_beside

revision = "0012"
down_revision = "0011"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
