"""What tiles are drawn from: shapes in Web Mercator beside the city's own, and what changed since one looked."""

from gis.migrations import run_beside

revision = "0014"
down_revision = "0013"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
