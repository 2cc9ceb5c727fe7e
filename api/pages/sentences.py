"""The engine's sentences as the page says them: patterns of the English ones, and what they are in Chinese.

The sentences are those of `gis.wording`; here they are only turned into regular expressions that JavaScript reads.
"""

from __future__ import annotations

import re
from functools import cache

from gis.wording import RULE_NAMES, SENTENCES

_HOLE = re.compile(r"%(?:\.\d)?([dsgf])")
_BESIDE = ("area", "near_area")
"""A set and a code are no sentence: the page has names for its sets."""
_TOGETHER = {"from %s until %s": "自 %s 至 %s 止"}
"""Two pieces that follow each other in one hole."""


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    """Pattern and Chinese of each sentence; groups fill the holes ``%`` in their order.

    Examples
    --------
    >>> dict(sentences())["component (.*?) is named"]
    '案件指明部件 %'
    """
    pairs = [*_TOGETHER.items(), *(both for key, both in SENTENCES.items() if key not in _BESIDE), *RULE_NAMES.values()]
    pairs.sort(key=lambda both: -len(_HOLE.sub("", both[0])))  # what says more is tried first
    return tuple((_pattern(en.strip(" ,;")), _HOLE.sub("%", zh.strip(" ，；"))) for en, zh in pairs)


def _pattern(text: str) -> str:
    """Numbers are numbers; a name before a bracket or a rule takes what it can, brackets of its own included."""
    out, end = "", 0
    for hole in _HOLE.finditer(text):
        after = text[hole.end() :]
        name = "(.*)" if after.startswith((" (", " by rule")) else "(.*?)"
        out += _literal(text[end : hole.start()]) + (name if hole[1] == "s" else r"(-?[\d.e+]+)")
        end = hole.end()
    return (out + _literal(text[end:])).replace("by rule (.*?)", "by rule ([a-z_]*)")


def _literal(text: str) -> str:
    return re.sub(r"[.*+?^${}()|\[\]\\]", r"\\\g<0>", text)
