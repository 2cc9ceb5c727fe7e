"""The seal of an answer: a digest of all that it says: a change of it is seen even where it would still be true.

It is no signature: whoever changes an answer can seal it anew. What it then says is proved, or not, by replaying it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from blake3 import blake3

BESIDE = ("id", "fault", "seal")
"""Fields that may stand in an answer beside what it says."""


def seal(answer: Mapping[str, Any]) -> str:
    """Seal of an answer, 16 hexadecimal digits.

    Parameters
    ----------
    answer
        Fields of an answer in full, in any order; those of `BESIDE` do not count.
    """
    said = {name: value for name, value in answer.items() if name not in BESIDE}
    return blake3(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest(8)


def sealed(answer: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with the question that it answers, and its seal."""
    answer["asked"] = dict(asked)
    answer["seal"] = seal(answer)
    return answer
