"""A snapshot on disk: a header in JSON, then the arrays, each at a multiple of 64 bytes, ready to be mapped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grids.errors import InputError

MAGIC = b"WANMI\x00\x01\n"
RIGHT = "build it again with 'wanmi snapshot build'"


def digest(header: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> str:
    """Version of a content: the digest of the header and of every array, by name."""
    mark = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=8)
    for _, array in sorted(arrays.items()):
        mark.update(np.ascontiguousarray(array).data if array.size else b"")
    return mark.hexdigest()


def write(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Path:
    """Write a file; it appears whole or not at all."""
    path = Path(path)
    head = json.dumps(header, sort_keys=True).encode()
    part = path.with_name(path.name + ".part")
    with part.open("wb") as out:
        out.write(MAGIC + len(head).to_bytes(8, "little") + head)
        for _, array in sorted(arrays.items()):
            out.write(b"\0" * (-out.tell() % 64))
            out.write(np.ascontiguousarray(array).data if array.size else b"")
    part.replace(path)
    return path


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and mapped arrays of a file; the digest is not checked here.

    Raises
    ------
    InputError
        When it is no snapshot, or ends too early.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such snapshot file", where=str(path), right=RIGHT)
    with path.open("rb") as opened:
        if opened.read(8) != MAGIC:
            raise InputError("not a snapshot file of this version of Wanmi", where=str(path), right=RIGHT)
        size = int.from_bytes(opened.read(8), "little")
        try:
            head = json.loads(opened.read(size)) if size < path.stat().st_size else {}
        except ValueError:
            head = {}
    if not head:
        raise InputError("its header is damaged", where=str(path), right=RIGHT)
    data = np.memmap(path, dtype=np.uint8, mode="c")
    arrays, place = {}, 16 + size
    for name, (kind, shape) in sorted(head["arrays"].items()):
        dtype = np.dtype(kind)
        bytes_ = int(np.prod(shape)) * dtype.itemsize
        place += -place % 64
        if place + bytes_ > len(data):
            raise InputError("the file ends too early", where=str(path), right=RIGHT)
        # a plain view: kernels are compiled for arrays, not for memmaps
        arrays[name] = np.asarray(data[place : place + bytes_]).view(dtype).reshape(shape)
        place += bytes_
    return head, arrays
