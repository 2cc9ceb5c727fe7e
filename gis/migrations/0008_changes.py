"""What changed in the layers that answers rest on, told when it is committed; the snapshots that were made of them."""

from gis.migrations import run_beside

revision = "0008"
down_revision = "0007"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
