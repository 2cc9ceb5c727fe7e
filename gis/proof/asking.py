"""The questions that answers carry with them, in the checker's own terms."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.model import REASONS
from gis.proof.ground import Ground
from gis.proof.place import BEYOND_MM, places
from gis.proof.replay import Questions
from grids.errors import InputError

FIELDS = ("lon", "lat", "crs", "class", "component", "accuracy_m", "at")
MOST_ACCURACY_M = 1e6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = re.compile(r"\+?[0-9]{5,6}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
"""An instant beyond the year 9999."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Read:
    """Questions, and what could not be read of them.

    ``other`` is the neighbouring millimetre of a place where rounding cannot tell, shape (n, 2); ``wrong`` names by
    row the field and the reason.
    """

    questions: Questions
    other: NDArray[np.int64]
    wrong: dict[int, tuple[str, str]]

    def alternatives(self, rows: NDArray[np.int64]) -> list[Questions]:
        """The same cases at the other millimetres that they may be at."""
        q, other = self.questions.part(rows), self.other[rows]
        return [_moved(q, x, y) for x, y in ((other[:, 0], q.y), (q.x, other[:, 1]), (other[:, 0], other[:, 1]))]

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """Whether a case may be at a neighbouring millimetre."""
        return (self.other[:, 0] != self.questions.x) | (self.other[:, 1] != self.questions.y)


def _moved(q: Questions, x: NDArray[np.int64], y: NDArray[np.int64]) -> Questions:
    return Questions(x, y, q.klass, q.component, q.instant, q.error, q.reason)


def microseconds(text: Any) -> int:
    """Microseconds since 1970 UTC of an ISO 8601 text with a zone.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(text, str):
        raise ValueError("no text")
    if _FAR.fullmatch(text):
        return int(np.datetime64(text[:-1], "us").astype(np.int64))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return (moment - _EPOCH) // _MICROSECOND


def read_asked(ground: Ground, asked: Sequence[Mapping[str, Any]]) -> Read:
    """Questions of answers in full.

    Parameters
    ----------
    ground
        The city.
    asked
        ``lon``, ``lat`` (None for none), ``crs``, ``class``, ``component``, ``accuracy_m`` (None where none is
        known), ``at``, shape (n,).
    """
    n, wrong = len(asked), {}
    x, y, error = np.full(n, np.nan), np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    klass, instant = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    component, crs = [""] * n, [""] * n
    for i, one in enumerate(asked):
        try:
            for name in FIELDS:
                if name not in one:
                    raise ValueError(name, "is missing")
            x[i], y[i] = _number(one, "lon"), _number(one, "lat")
            metres = _number(one, "accuracy_m")
            if metres < 0:
                raise ValueError("accuracy_m", "is below zero")
            error[i] = -1 if math.isnan(metres) else round(min(metres, MOST_ACCURACY_M) * 1000.0)
            component[i], crs[i] = _word(one, "component"), _word(one, "crs")
            klass[i] = _position(ground, _word(one, "class"))
            try:
                instant[i] = microseconds(one["at"])
            except (ValueError, OverflowError):
                raise ValueError("at", "is no instant in UTC") from None
        except ValueError as error_:
            field, why = error_.args if len(error_.args) == 2 else ("lon", str(error_))
            wrong[i] = f"asked.{field}", why
    place, other = np.full((n, 2), BEYOND_MM), np.full((n, 2), BEYOND_MM)
    reason = np.full(n, REASONS.index("missing"), dtype=np.int8)
    for system in set(crs):
        rows = np.array([i for i, one in enumerate(crs) if one == system and i not in wrong], dtype=np.int64)
        if not len(rows):
            continue
        try:
            place[rows], reason[rows], other[rows] = places(x[rows], y[rows], system, ground.opened.city)
        except InputError as fault:
            wrong |= dict.fromkeys(rows.tolist(), ("asked.crs", fault.what))
    codes = np.char.encode(np.array(component, dtype=str), "utf-8") if n else np.empty(0, "S1")
    questions = Questions(place[:, 0], place[:, 1], klass, codes, instant, error, reason)
    return Read(questions, other, wrong)


def _number(asked: Mapping[str, Any], name: str) -> float:
    value = asked[name]
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(name, "is no number")
    return float(value)


def _word(asked: Mapping[str, Any], name: str) -> str:
    if not isinstance(asked[name], str):
        raise ValueError(name, "is no text")
    return str(asked[name])


def _position(ground: Ground, text: str) -> int:
    try:
        return ground.opened.class_of(text)
    except KeyError:
        raise ValueError("class", f"the city has no class {text!r}") from None
