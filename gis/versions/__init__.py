"""The life of snapshots: made of the record when it changes, kept by version, found again."""

from gis.versions.kept import Kept, Version, find, folders
from gis.versions.making import again, up_to_date

__all__ = ["Kept", "Version", "again", "find", "folders", "up_to_date"]
