"""Commands of ``wanmi demo``."""

from __future__ import annotations

COMMANDS: tuple = ()
