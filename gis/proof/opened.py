"""The file of a snapshot, read by the checker itself: every byte is checked, nothing of the engine is asked.

The layout, as `gis.snapshot.file` documents it: ``WANMI\\0``, the number of the layout, a line feed; the length of the
header (8 bytes, little endian), its BLAKE3 digest (32 bytes), the header in JSON; zeros up to a multiple of 64; then
the arrays, each at a multiple of 64 bytes from there, zeros between. The header names for each array its kind, shape,
place and digest (16 bytes), and the version: the digest (8 bytes) of the city, of ``known_at`` and of all that.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from grids.errors import InputError

LAYOUTS = (5,)
"""Layouts that this checker knows."""
_MARK = b"WANMI\x00"
_PLACE = 64
_OTHER = "take the file as it was when the answer was given"


class Opened:
    """A snapshot as the checker sees it: its header and its arrays, all of them checked.

    ``version``, ``known_at`` (ISO 8601 in UTC) and ``city`` are those of the header.
    """

    def __init__(self, header: dict[str, Any], arrays: dict[str, NDArray]) -> None:
        self.header, self.arrays = header, arrays
        self.version: str = header["version"]
        self.known_at: str = header["known_at"].replace("+00:00", "Z")
        self.city: dict[str, Any] = header["city"]
        self._texts: dict[str, list[str]] = {}

    def __getitem__(self, name: str) -> NDArray:
        """Array of a name."""
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        """Whether there is an array of this name: later layouts have more."""
        return name in self.arrays

    def text(self, name: str, at: int) -> str:
        """Text of a column at a position; "" for -1."""
        return self.arrays[name][at].decode() if at >= 0 else ""

    @cached_property
    def area_sets(self) -> list[str]:
        """Names of the area sets, those of the territory first."""
        return [name.decode() for name in self.arrays["area_sets"].tolist()]

    @cached_property
    def classes(self) -> dict[str, int]:
        """Position of each class by its text."""
        return {text.decode(): i for i, text in enumerate(self.arrays["classes.text"].tolist())}

    def class_of(self, text: str) -> int:
        """Position of a class; -1 for "". A bare code takes the city's edition.

        Raises
        ------
        KeyError
            The city has no such class, or two.
        """
        if not text:
            return -1
        if text in self.classes:
            return self.classes[text]
        bare = [f"{self.city['edition']}:{kind}{text}" for kind in ("", "C", "E")] if ":" not in text else []
        found = [self.classes[one] for one in bare if one in self.classes]
        if len(found) != 1:
            raise KeyError(text)
        return found[0]


def opened(path: str | Path) -> Opened:
    """Read a snapshot file and check every byte of it.

    Raises
    ------
    InputError
        It is no snapshot, one of a layout that is not known here, or not as it was written.
    """
    path = Path(path)
    where = str(path)
    try:
        data = np.asarray(np.memmap(path, dtype=np.uint8, mode="r")) if path.stat().st_size else np.empty(0, np.uint8)
    except FileNotFoundError:
        raise InputError("no such snapshot file", where=where, right="name the file") from None
    except OSError as error:
        raise InputError(f"cannot be read, {(error.strerror or '').lower()}", where=where) from None
    if bytes(data[:6]) != _MARK or bytes(data[7:8]) != b"\n":
        raise InputError("not a snapshot file", where=where, right="name a file of 'wanmi snapshot build'")
    layout = int(data[6])
    if layout not in LAYOUTS:
        newest = LAYOUTS[-1]
        age, right = (
            ("newer than this checker", "prove it with the Wanmi that wrote it, or a later one")
            if layout > newest
            else ("older than this checker", "prove it with the Wanmi that wrote it")
        )
        what = f"a snapshot file of layout {layout}, {age} (it reads {', '.join(map(str, LAYOUTS))})"
        raise InputError(what, where=where, right=right)
    size = int.from_bytes(bytes(data[8:16]), "little")
    begin = (48 + size + _PLACE - 1) // _PLACE * _PLACE
    head = bytes(data[48 : 48 + size])
    if len(data) < begin or blake3(head).digest() != bytes(data[16:48]) or data[48 + size : begin].any():
        raise InputError("its header is damaged", where=where, right=_OTHER)
    header = json.loads(head)
    arrays, end = {}, begin
    for name, (kind, shape, place, digest) in sorted(header["arrays"].items(), key=lambda entry: entry[1][2]):
        at, dtype = begin + place, np.dtype(kind)
        piece = data[at : at + dtype.itemsize * int(np.prod(shape))]
        many = blake3.AUTO if len(piece) > 1 << 20 else 1
        if data[end:at].any() or blake3(piece.data, max_threads=many).hexdigest(16) != digest:
            raise InputError(f"its content does not match its digest ({name})", where=where, right=_OTHER)
        arrays[name] = piece.view(dtype).reshape(shape)
        end = at + len(piece)
    if end != len(data):
        raise InputError("something follows its end", where=where, right=_OTHER)
    listed = {name: [kind, shape, digest] for name, (kind, shape, _, digest) in header["arrays"].items()}
    facts = {"city": header["city"], "known_at": header["known_at"], "arrays": listed}
    if blake3(json.dumps(facts, sort_keys=True).encode()).hexdigest(8) != header["version"]:
        raise InputError("its content does not match its version", where=where, right=_OTHER)
    return Opened(header, arrays)
