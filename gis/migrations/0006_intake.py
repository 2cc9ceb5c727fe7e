"""Cases that come in one by one, each under the key of its sender."""

from gis.migrations import run_beside

revision = "0006"
down_revision = "0005"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
