"""The seal of an answer: a digest of all that it says: a change of it is seen even where it would still be true.

It is no signature: whoever changes an answer can seal it anew. What it then says is proved, or not, by replaying it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

BESIDE = ("id", "fault", "seal")
"""Fields that may stand in an answer beside what it says."""
ORDER = (
    "snapshot", "at", "known_at", "unit", "areas", "owner", "rule", "reason", "joint", "component", "zone", "on_edge",
    "probability", "ask_first", "question", "changes", "candidates", "why", "asked",
)  # fmt: skip
"""Order of the fields of an answer; the seal is of the fields in their order."""
INNER = (
    "lon", "lat", "crs", "class", "component", "lang", "accuracy_m", "code", "department", "name", "probability",
    "rule", "evidence", "why_lost", "distance_m", "en", "zh", "at",
)  # fmt: skip
"""Order of the fields within them, each of which has some; area sets keep that of the snapshot."""


def seal(answer: Mapping[str, Any]) -> str:
    """Seal of an answer, 16 hexadecimal digits.

    Parameters
    ----------
    answer
        Fields of an answer in full in their order; those of `BESIDE` do not count.
    """
    said = {name: value for name, value in answer.items() if name not in BESIDE}
    return sha256(orjson.dumps(said)).hexdigest()[:16]


def sealed(answer: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with the question that it answers, and its seal."""
    answer["asked"] = asked
    answer["seal"] = sha256(orjson.dumps(answer)).hexdigest()[:16]
    return answer


def sealed_text(answer: dict[str, Any], asked: Mapping[str, Any]) -> bytes:
    """`sealed` as JSON, written once: equal byte for byte to that of the answer with its seal."""
    answer["asked"] = asked
    text = orjson.dumps(answer)
    return b'%b,"seal":"%b"}' % (text[:-1], sha256(text).hexdigest()[:16].encode())


def in_order(value: Any, sets: Sequence[str], order: Sequence[str] = ORDER) -> Any:
    """An answer with its fields in their order, whatever order a tool wrote them in."""
    if isinstance(value, list):
        return [in_order(one, sets, INNER) for one in value]
    if not isinstance(value, dict):
        return value
    known = {name: at for at, name in enumerate((*order, *sets))}
    names = sorted(value, key=lambda name: known.get(name, len(known)))
    return {name: in_order(value[name], sets, INNER) for name in names}
