"""Commands of ``wanmi hotspots``."""

from __future__ import annotations

COMMANDS: tuple = ()
