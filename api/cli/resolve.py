"""Commands of ``wanmi resolve``."""

from __future__ import annotations

COMMANDS: tuple = ()
