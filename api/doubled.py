"""Fields that a JSON object names twice: of the two values the last one would be taken in silence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from api.errors import Unreadable

DEEPEST, MOST_KEYS = 8, 32


class Doubled(dict[str, Any]):
    """An object that names a field twice: which one."""

    field = ""


def suspected(body: bytes) -> bool:
    """Whether some object of a JSON text names a field twice, or may: True where only a slow look can tell.

    One pass over the bytes, some 1 ns each. Keys with escapes, objects with many keys and deep nesting are suspect.

    Examples
    --------
    >>> suspected(b'{"lon": 1, "lat": 2, "of": [{"lon": 3}]}'), suspected(b'{"lon": 1, "lat": 2, "lon": 3}')
    (False, True)
    """
    return bool(_suspected(np.frombuffer(body, dtype=np.uint8)))


def marked(body: bytes) -> Any:
    """The same text read slowly, objects that name a field twice as `Doubled`.

    Raises
    ------
    Unreadable
        Nested too deeply.
    """

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) == len(pairs):
            return out
        names = [name for name, _ in pairs]
        found = Doubled(out)
        found.field = next(name for i, name in enumerate(names) if name in names[:i])
        return found

    try:
        return json.loads(body, object_pairs_hook=read)
    except RecursionError:
        raise Unreadable("it is nested too deeply", where="body", right="send flat cases") from None


@njit(cache=True, nogil=True)
def _suspected(text: NDArray[np.uint8]) -> bool:
    is_object = np.zeros(DEEPEST, dtype=np.bool_)
    count = np.zeros(DEEPEST, dtype=np.int64)
    keys = np.zeros((DEEPEST, MOST_KEYS), dtype=np.uint64)
    depth, n, i = -1, len(text), 0
    while i < n:
        c = text[i]
        if c == 123 or c == 91:  # { [
            depth += 1
            if depth == DEEPEST:
                return True
            is_object[depth], count[depth] = c == 123, 0
        elif c == 125 or c == 93:
            depth -= 1
            if depth < -1:
                return True
        elif c == 34:
            begin, escaped = i + 1, False
            i += 1
            while i < n and text[i] != 34:
                if text[i] == 92:
                    escaped = True
                    i += 1
                i += 1
            end = i
            j = i + 1
            while j < n and (text[j] == 32 or text[j] == 9 or text[j] == 10 or text[j] == 13):
                j += 1
            if j < n and text[j] == 58 and depth >= 0 and is_object[depth]:  # a key
                if escaped or count[depth] == MOST_KEYS:
                    return True
                key = np.uint64(14695981039346656037)  # FNV-1a, Fowler, Noll and Vo
                for k in range(begin, end):
                    key = (key ^ np.uint64(text[k])) * np.uint64(1099511628211)
                for k in range(count[depth]):
                    if keys[depth, k] == key:
                        return True
                keys[depth, count[depth]] = key
                count[depth] += 1
        i += 1
    return False
