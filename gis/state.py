"""The state folder: where a checkout keeps what it makes (private PostGIS, snapshots, caches)."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path


def checkout() -> Path | None:
    """Return the checkout that this module runs from, None when Wanmi is installed elsewhere."""
    root = Path(__file__).resolve().parent.parent
    project = root / "pyproject.toml"
    if project.is_file() and 'name = "wanmi"' in project.read_text(encoding="utf-8"):
        return root
    return None


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the state folder (absolute; it need not exist yet).

    ``WANMI_STATE`` when set, else ``.wanmi`` in the checkout, else ``wanmi`` in the user's state folder
    (``XDG_STATE_HOME``, by default ``~/.local/state``).
    """
    if chosen := environment.get("WANMI_STATE"):
        return Path(chosen).expanduser().absolute()
    if root := checkout():
        return root / ".wanmi"
    return user_state(environment) / "wanmi"


def user_state(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which the user's programs keep their state."""
    chosen = Path(environment.get("XDG_STATE_HOME", ""))
    return chosen if chosen.is_absolute() else Path.home() / ".local" / "state"


def label(state: Path) -> str:
    """Return a short name for a state folder that no other folder has: ``wanmi-3f9a2c1e``."""
    named = state.parent if state.name == ".wanmi" else state
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "", named.name)[:32].strip(".-") or "wanmi"
    return f"{readable}-{digest(state)}"


def digest(folder: Path) -> str:
    """Return eight hexadecimal digits that stand for a folder's path."""
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
