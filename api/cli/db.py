"""Commands of ``wanmi db``."""

from __future__ import annotations

COMMANDS: tuple = ()
