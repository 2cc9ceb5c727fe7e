"""A folder of versions: one file each, the current one named by a link, the oldest removed.

``<folder>/<city>-<record>/<known_at>-<version>.wanmi``. A record has a folder of its own: two databases of one city are
never mistaken. The link is replaced in one step, so that who reads it finds the old version or the new one. A file that
is removed lives on for those that map it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gis.snapshot import Snapshot
from gis.snapshot.file import read_header
from grids.errors import InputError, NotFound

ENDING = ".wanmi"
CURRENT = "current" + ENDING
PAST = "past"
"""Folder within that of a record: versions of earlier knowledge, made when someone asked for it."""
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{16})\.wanmi")
_VERSION = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True)
class Version:
    """A version that is kept: its name, the instant as of which the record was read, its file."""

    version: str
    known_at: pd.Timestamp
    path: Path

    @property
    def bytes(self) -> int:
        """Size of the file; 0 when it has just been removed."""
        with contextlib.suppress(OSError):
            return self.path.stat().st_size
        return 0

    @property
    def current(self) -> bool:
        """Whether the link names it."""
        with contextlib.suppress(OSError):
            return (self.path.parent / CURRENT).readlink().name == self.path.name
        return False


class Kept:
    """The versions of one record.

    Parameters
    ----------
    folder
        Folder of all versions, of all cities.
    city
        Key of the city.
    record
        Name of its record, the state ``record`` of `gis.store.layer_states`.
    """

    def __init__(self, folder: str | Path, city: str, record: str) -> None:
        self.folder = Path(folder) / f"{city}-{record[:8]}"

    @classmethod
    def at(cls, folder: Path) -> Kept:
        """The versions in one of `folders`."""
        city, _, record = folder.name.rpartition("-")
        return cls(folder.parent, city, record)

    @property
    def past(self) -> Kept:
        """The versions that were made because someone asked what had been known at an earlier instant."""
        return Kept._of(self.folder / PAST)

    @classmethod
    def _of(cls, folder: Path) -> Kept:
        found = cls.__new__(cls)
        found.folder = folder
        return found

    def versions(self) -> list[Version]:
        """What is kept, the latest first."""
        return _versions(self.folder)

    def current_path(self) -> Path | None:
        """File that the link names; None when there is none."""
        return _current(self.folder)

    def current(self) -> Snapshot | None:
        """The current version; None when there is none that can be used."""
        path = self.current_path()
        with contextlib.suppress(InputError):
            return Snapshot.open(path) if path else None
        return None

    def current_states(self) -> dict[str, str]:
        """States of the record's layers that the current version was made of; reads the header only."""
        path = self.current_path()
        with contextlib.suppress(InputError):
            return read_header(path)["states"] if path else {}
        return {}

    def add(self, snapshot: Snapshot, *, current: bool = True) -> Path:
        """Keep a version, and let the link name it.

        Raises
        ------
        OSError
            When the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = snapshot.known_at.strftime("%Y%m%dT%H%M%S.%fZ")
        path = snapshot.save(self.folder / f"{stamp}-{snapshot.version}{ENDING}")
        if current:
            link = self.folder / f"{CURRENT}.{os.getpid()}.part"
            link.unlink(missing_ok=True)
            link.symlink_to(path.name)
            link.replace(self.folder / CURRENT)
        return path

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """Let one process at a time build; the others wait.

        The lock is the folder's, since that is what they share; it goes with the process that holds it, however it
        ended, and neither with a connection nor with the database.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "build.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _sweep(self.folder)
            yield

    def prune(self, *, most: int = 0, days: float = 0) -> list[Version]:
        """Remove what is more than ``most`` versions, or was kept for longer than ``days``; 0 sets no limit.

        The current version stays. Returns what was removed.
        """
        found = self.versions()
        if not any(v.current for v in found):
            return []
        oldest = time.time() - days * 86_400
        gone = []
        for i, version in enumerate(found):
            late = (most > 0 and i >= most) or (days > 0 and _modified(version.path) < oldest)
            if late and not version.current:
                version.path.unlink(missing_ok=True)
                gone.append(version)
        return gone

    def trim(self, most: int) -> None:
        """Remove what is more than ``most`` versions, those made first; 0 sets no limit."""
        found = sorted(self.versions(), key=lambda v: _modified(v.path), reverse=True)
        for version in found[most:] if most > 0 else ():
            version.path.unlink(missing_ok=True)

    def remember(self, where: str) -> None:
        """Note where this record is, its DSN or another name, for the time when it cannot be asked."""
        pointer = self.folder.parent / f".record-{_mark(where)}"
        if not pointer.is_symlink() or pointer.readlink().name != self.folder.name:
            link = pointer.with_name(f"{pointer.name}.{os.getpid()}.part")
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder.name)
            link.replace(pointer)


def remembered(folder: str | Path, where: str) -> Path | None:
    """Current version of the record that was there when it could last be asked; reads two links and no database."""
    pointer = Path(folder) / f".record-{_mark(where)}"
    return _current(pointer.resolve()) if pointer.is_symlink() else None


def folders(folder: str | Path, city: str = "") -> list[Path]:
    """Folders of the records of which something is kept."""
    pattern = f"{city or '*'}-{'[0-9a-f]' * 8}"
    return sorted(p for p in Path(folder).glob(pattern) if p.is_dir())


def listed(folder: str | Path, city: str = "") -> list[Version]:
    """Versions that are kept, of one city or of all, the latest first."""
    all_ = (v for f in folders(folder, city) for one in (f, f / PAST) for v in _versions(one))
    return sorted(all_, key=lambda v: v.path.name, reverse=True)


def version_of(path: Path) -> str:
    """Version of a kept file, by its name; "" for another file."""
    name = _NAME.fullmatch(path.name)
    return name[2] if name else ""


def is_version(text: str) -> bool:
    """Whether a text could be a version, or how one begins, and no file's name."""
    return bool(_VERSION.fullmatch(text))


def find(folder: str | Path, version: str, city: str = "") -> Path:
    """File of a version, told by its first digits.

    Raises
    ------
    NotFound
        When no such version is kept.
    InputError
        When several begin so.
    """
    found = {v.version: v.path for v in listed(folder, city) if v.version.startswith(version)}
    if not found:
        right = "'wanmi snapshot list' shows what is kept"
        raise NotFound(f"no version {version} is kept", where="snapshot", right=right)
    if len(found) > 1:
        raise InputError(f"{len(found)} versions begin with {version}", where="snapshot", right="give more digits")
    return next(iter(found.values()))


def _versions(folder: Path) -> list[Version]:
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("*" + ENDING))
    found = [Version(name[2], pd.Timestamp(name[1]), path) for path, name in named if name]
    return sorted(found, key=lambda v: v.path.name, reverse=True)


def _current(folder: Path) -> Path | None:
    with contextlib.suppress(OSError):
        path = folder / (folder / CURRENT).readlink()
        return path if path.is_file() else None
    return None


def _modified(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return time.time()


def _sweep(folder: Path) -> None:
    """Remove what builders that were killed left half written; whoever writes here holds the lock."""
    for path in folder.glob("*.part"):
        path.unlink(missing_ok=True)


def _mark(where: str) -> str:
    return hashlib.sha256(where.encode()).hexdigest()[:16]
