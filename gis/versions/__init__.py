"""The life of snapshots: made of the record when it changes, kept by version, found again."""

from gis.versions.following import follow
from gis.versions.kept import Kept, Version, find, folders, is_version, listed, remembered, version_of
from gis.versions.making import again, build, up_to_date

__all__ = [
    "Kept",
    "Version",
    "again",
    "build",
    "find",
    "folders",
    "follow",
    "is_version",
    "listed",
    "remembered",
    "up_to_date",
    "version_of",
]
