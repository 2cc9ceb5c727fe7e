"""Commands of ``wanmi serve``."""

from __future__ import annotations

COMMANDS: tuple = ()
