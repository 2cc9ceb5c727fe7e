"""Works timed in turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

RUNS = 7
Row = tuple[str, int, float, str]


def heading(text: str) -> Row:
    """A row that begins a new comparison: what follows is measured against the first below."""
    return text, 0, 0.0, ""


def paired(works: Sequence[tuple[str, int, Callable[[], Any]]], *, runs: int = RUNS) -> list[Row]:
    """Time works in turns.

    Parameters
    ----------
    works
        (what, rows, work), ours first.
    runs
        Rounds that count; a first one that does not warms up.

    Returns
    -------
    rows
        Median seconds of each; the note of a peer has the median over the rounds of our rate to its rate.
    """
    spent: list[list[float]] = [[] for _ in works]
    for turn in range(runs + 1):
        for mine, (_, _, work) in zip(spent, works, strict=True):
            begin = time.perf_counter()
            work()
            if turn:
                mine.append(time.perf_counter() - begin)
    rows = []
    for mine, (what, count, _) in zip(spent, works, strict=True):
        ratios = [a / b * works[0][1] / count for a, b in zip(mine, spent[0], strict=True)]
        note = f"ours is {statistics.median(ratios):.1f} times as fast" if mine is not spent[0] else ""
        rows.append((what, count, statistics.median(mine), note))
    return rows
