"""What a zone says (gives, only, never), of which duty, side and stretch of its line; who is first; rings told."""

from gis.migrations import run_beside

revision = "0010"
down_revision = "0009"


def upgrade(**values: int) -> None:
    """Run the SQL file of the same name."""
    run_beside(__file__, values)
