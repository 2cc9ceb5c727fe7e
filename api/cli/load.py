"""Commands of ``wanmi load``."""

from __future__ import annotations

COMMANDS: tuple = ()
