"""Which encoding a text is in: declared, or told from its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from grids.errors import InputError

PIECE = 1 << 22


class FileBytes:
    """The bytes of a file, read where they are asked for: a file need not fit into memory."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self.path, self.start = path, start
        self._size = path.stat().st_size - start

    def __len__(self) -> int:
        """Count of bytes from ``start`` on."""
        return self._size

    def __getitem__(self, cut: slice) -> bytes:
        begin, end, _ = cut.indices(self._size)
        with self.path.open("rb") as file:
            file.seek(self.start + begin)
            return file.read(max(end - begin, 0))


def encoding_of(data: bytes | FileBytes, *, declared: str = "", where: str = "") -> str:
    """The encoding of a text.

    UTF-8 (with or without a BOM) when every byte fits it; else GB18030 when the characters it gives are those of
    everyday Chinese; else latin-1, or Windows-1252 when it uses the bytes that latin-1 leaves to control characters.

    Parameters
    ----------
    data
        The text.
    declared
        What the city says; it wins, and the text must then fit it.
    where
        File, for messages.

    Returns
    -------
    str
        Python's name: ``utf-8``, ``utf-8-sig``, ``utf-16``, ``gb18030``, ``latin-1``, ``cp1252``, or ``declared``.

    Raises
    ------
    InputError
        The text does not fit the declared encoding, or is UTF-8 with a few broken bytes.

    Examples
    --------
    >>> encoding_of("盐湖区".encode("gb18030")), encoding_of("José, Größe".encode("latin-1"))
    ('gb18030', 'latin-1')
    """
    if declared:
        at = _misfit(data, declared)
        if at >= 0:
            what = f"byte {data[at : at + 1][0]:#04x} at position {at} is not {declared}, which the profile declares"
            raise InputError(what, where=where, right="mend the file or the profile's encoding")
        return "utf-8-sig" if data[:3] == codecs.BOM_UTF8 and declared.lower() in ("utf-8", "utf8") else declared
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    at = _misfit(data, "utf-8")
    if at < 0:
        return "utf-8-sig" if data[:3] == codecs.BOM_UTF8 else "utf-8"
    text = data[: 1 << 24].decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    right = sum(1 for c in text if c > "\x7f") - broken
    if right > 10 * broken:
        what = f"byte {data[at : at + 1][0]:#04x} at position {at} is not UTF-8, unlike {right} other characters"
        raise InputError(what, where=where, right="mend the file, or declare its encoding in the profile")
    if _chinese(data):
        return "gb18030"
    windows = any(re.search(rb"[\x80-\x9f]", piece) for piece, _ in pieces(data))
    return "cp1252" if windows and _misfit(data, "cp1252") < 0 else "latin-1"


def _misfit(data: bytes | FileBytes, encoding: str) -> int:
    """Position of the first byte that does not fit, or -1."""
    decoder = codecs.getincrementaldecoder(encoding)()
    at = 0
    for piece, last in pieces(data):
        kept = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            return min(at - kept + error.start, len(data) - 1)
        except UnicodeError:
            return at
        at += len(piece)
    return -1


def pieces(data: bytes | FileBytes) -> Iterator[tuple[bytes, bool]]:
    """Cut bytes into pieces of `PIECE`, and say which is the last."""
    for start in range(0, max(len(data), 1), PIECE):
        yield data[start : start + PIECE], start + PIECE >= len(data)


def _chinese(data: bytes | FileBytes) -> bool:
    """Whether GB18030 gives everyday Chinese.

    Nine in ten characters are of GB 2312, and half of the hanzi of its first level (the 3,755 common ones, first byte
    B0-D7): the lower-case letters of latin-1 are E0-FF, so two of them in a row give a rare hanzi.
    """
    if _misfit(data, "gb18030") >= 0:
        return False
    text = [c for c in data[: 1 << 22].decode("gb18030", errors="ignore") if c > "\x7f"]
    coded = [c.encode("gb2312", errors="ignore") for c in text]
    everyday = sum(len(c) == 2 for c in coded)
    hanzi = sum("\u4e00" <= c <= "\u9fff" for c in text)
    common = sum(len(c) == 2 and 0xB0 <= c[0] <= 0xD7 for c in coded)
    return hanzi > 0 and everyday >= 0.9 * len(text) and common >= 0.5 * hanzi
