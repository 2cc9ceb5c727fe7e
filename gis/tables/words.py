"""Words that only some columns take, and which tables are dated."""

from __future__ import annotations

GROUND = ("roads", "rivers", "railways", "buildings", "parcels", "drains")
"""Layers that share the table ``ground``."""
LINEAGE = ("moved", "split", "merged", "redrawn", "retired", "born")
"""What becomes of unit grids in a revision, those aside that keep their code."""
ROSTER_PLACES = ("zone", "road", "unit")
"""What a roster may look after instead of an area."""
DATED = ("areas", "departments", "rules", "units", "components", "zones", "rosters")
