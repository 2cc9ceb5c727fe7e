"""Near misses: what was probably meant by a code or word that nobody knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TWINS = ("0OoQD", "1lI|!i", "2Zz", "5Ss", "6Gb", "8B", "9gq", "uv", "nm", "-_ ")
"""Signs that people and OCR take for one another."""

_AS_DIGIT = str.maketrans("OoQDlI|!iZzSsGbBgq", "000011111225566899")
_CODE = re.compile(r"(?P<edition>\w+:)?(?P<kind>[CEce])?(?P<digits>[^:]+)")


def tidy(text: str) -> str:
    """Write a code as it should look: full-width signs narrow, blanks and dashes out, twin letters as digits.

    A text that does not become digits (after an edition and a kind), or had few to begin with, only loses its
    outer blanks and full width.

    Examples
    --------
    >>> tidy("010l03"), tidy("２０２６：c０1OO1"), tidy("140802-001-001-003"), tidy(" TRT-Signal ")
    ('010103', '2026:C01001', '140802001001003', 'TRT-Signal')
    """
    text = unicodedata.normalize("NFKC", text).strip()
    parts = _CODE.fullmatch(re.sub(r"[\s\-_.]", "", text))
    if not parts:
        return text
    digits = parts["digits"].translate(_AS_DIGIT)
    written = sum(sign.isdigit() for sign in parts["digits"])
    if not (digits.isascii() and digits.isdigit()) or 2 * written < len(digits):
        return text
    edition = parts["edition"] or ""
    year = edition[:-1].translate(_AS_DIGIT)
    return f"{year + ':' if year.isdigit() else edition}{(parts['kind'] or '').upper()}{digits}"


def suggest(text: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known texts nearest to a text, best first.

    Nearness is an edit distance with a swap of neighbours as one slip (optimal string alignment). Twins such as
    O and 0, another case, a swap and a neighbouring digit cost less than any other slip. Ties go by the text.

    Parameters
    ----------
    text
        What was written.
    known
        What exists; any number (100,000 codes of 15 digits take some 0.2 s).
    n
        At most so many.

    Returns
    -------
    list of str
        Empty when nothing is near: beyond one slip in four signs, or three slips.

    Examples
    --------
    >>> suggest("010l03", ["010103", "010113", "020103"])
    ['010103', '010113', '020103']
    >>> suggest("２０２６:C01O01", ["2026:C01001", "2026:C01002"], n=1)
    ['2026:C01001']
    >>> suggest("xyz", ["2026:C01001"])
    []
    """
    known = list(dict.fromkeys(known))
    plain = unicodedata.normalize("NFKC", text).strip()
    if not known or not plain:
        return []
    cost = _distance(plain, [unicodedata.normalize("NFKC", one) for one in known])
    limit = max(1.0, min(3.0, len(plain) / 4))
    near = np.flatnonzero(cost <= limit + 1e-6).tolist()
    return [known[i] for i in sorted(near, key=lambda i: (round(float(cost[i]), 4), known[i]))[:n]]


def _slip_costs(sign: str) -> NDArray[np.float32]:
    """Cost of having written ``sign`` for each of the first 128 signs."""
    costs = np.ones(128, dtype=np.float32)
    if sign.isdigit() and sign.isascii():
        for digit in (int(sign) - 1, int(sign) + 1):
            if 0 <= digit <= 9:
                costs[ord(str(digit))] = 0.9
    for case in {sign.lower(), sign.upper()}:
        if len(case) == 1 and ord(case) < 128:
            costs[ord(case)] = 0.1
    for twins in TWINS:
        if sign in twins:
            for other in twins:
                costs[ord(other)] = min(costs[ord(other)], 0.3)
    if ord(sign) < 128:
        costs[ord(sign)] = 0.0
    return costs


def _distance(text: str, known: list[str]) -> NDArray[np.float32]:
    """Weighted optimal string alignment distance from one text to each of many, all of them at a time."""
    words = np.array(known, dtype=np.str_)
    width = max(1, words.dtype.itemsize // 4)
    signs = np.ascontiguousarray(words.view(np.uint32).reshape(len(known), width).T)
    length = np.char.str_len(words)
    swap = np.float32(0.6)
    before = np.zeros((width + 1, len(known)), dtype=np.float32)
    above = np.repeat(np.arange(width + 1, dtype=np.float32)[:, None], len(known), axis=1)
    for i, sign in enumerate(text):
        slip = np.where(signs < 128, _slip_costs(sign)[np.minimum(signs, 127)], np.float32(1.0))
        slip[signs == ord(sign)] = 0.0
        row = np.empty_like(above)
        row[0] = i + 1
        for j in range(1, width + 1):
            best = np.minimum(above[j], row[j - 1])
            best += 1.0
            np.minimum(best, above[j - 1] + slip[j - 1], out=best)
            if i and j > 1:
                swapped = (signs[j - 1] == ord(text[i - 1])) & (signs[j - 2] == ord(sign))
                np.minimum(best, before[j - 2] + np.where(swapped, swap, np.float32(9.0)), out=best)
            row[j] = best
        before, above = above, row
    return above[length, np.arange(len(known))]
