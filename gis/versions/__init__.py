"""The life of snapshots: made of the record when it changes, kept by version, found again.

What needs the record is imported when it is first asked for: who opens a kept file waits for no database library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gis.versions.kept import Kept, Version, find, folders, is_version, listed, remembered, version_of

if TYPE_CHECKING:
    from gis.versions.asking import unchanged
    from gis.versions.following import follow
    from gis.versions.making import again, as_known, build, check_known, past_instant, up_to_date

__all__ = [
    "Kept",
    "Version",
    "again",
    "as_known",
    "build",
    "check_known",
    "find",
    "folders",
    "follow",
    "is_version",
    "listed",
    "past_instant",
    "remembered",
    "unchanged",
    "up_to_date",
    "version_of",
]
_LATER = {
    **dict.fromkeys(("again", "as_known", "build", "check_known", "past_instant", "up_to_date"), "making"),
    "follow": "following",
    "unchanged": "asking",
}


def __getattr__(name: str) -> Any:
    """What is imported late."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
