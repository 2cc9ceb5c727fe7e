"""How far off a city's channels are as a rule, and how sure an owner must be."""

from gis.migrations import run_beside

revision = "0013"
down_revision = "0012"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
