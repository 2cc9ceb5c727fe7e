"""Whether answers hold: each is replayed from the snapshot, and every field of it compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gis.proof.asking import FIELDS, read_asked
from gis.proof.full import Writer
from gis.proof.ground import Ground
from gis.proof.replay import Questions, replay
from gis.proof.shares import SAMPLES, TOLERANCE, Spread, check_doubt, what_doubt_says, without_doubt
from gis.sealed import BESIDE, in_order, seal
from gis.wording import LANGUAGES
from grids.errors import InputError

FLOATS = frozenset(("lon", "lat", "accuracy_m", "distance_m", "probability"))
"""Fields that are no whole numbers, though a tool that rewrites JSON may write 5.0 as 5."""
PORTION = 1 << 16
SHARES = 500
"""Of more answers with a position error the shares of so many, evenly spread, are found again to half a point; those of
the others at fewer places, to three points."""
FEWER, LOOSER = 1 << 11, 0.03


@dataclass(frozen=True)
class Fault:
    """Why an answer does not hold: the field, what it says, what the snapshot gives, and what decides there."""

    field: str
    told: Any
    found: Any
    why: str = ""

    def __str__(self) -> str:
        """One line."""
        if self.why and self.told is None and self.found is None:
            return f"{self.field}: {self.why}"
        what = "the file is" if self.field == "snapshot" else "the snapshot gives"
        line = f"{self.field}: the answer says {_shown(self.told)}, {what} {_shown(self.found)}"
        return f"{line} ({self.why})" if self.why else line


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)
    return text if len(text) <= 160 else f"{text[:157]}…"


def prove(ground: Ground, answers: Sequence[Mapping[str, Any]]) -> list[list[Fault]]:
    """Replay answers in full.

    Parameters
    ----------
    ground
        The snapshot that they are to be proved from.
    answers
        As `gis.answer.answer` gives them, read from JSON.

    Returns
    -------
    list of list of Fault, shape (n,)
        Nothing for an answer that holds.

    Raises
    ------
    InputError
        One is no answer in full: without its question there is nothing to replay.
    """
    for i, answer in enumerate(answers):
        where = f"answer {i + 1}" if len(answers) > 1 else "answer"
        if not isinstance(answer, Mapping):
            raise InputError("is no answer", where=where, right="a JSON object as 'wanmi resolve --json' prints it")
        if not isinstance(answer.get("asked"), Mapping):
            right = "take the answer in full: 'wanmi resolve --json', GET /v1/resolve, POST with explain=1"
            raise InputError("does not say what was asked", where=where, right=right)
    out: list[list[Fault]] = []
    for begin in range(0, len(answers), PORTION):
        out += _portion(ground, answers[begin : begin + PORTION])
    return out


def _portion(ground: Ground, answers: Sequence[Mapping[str, Any]]) -> list[list[Fault]]:
    read = read_asked(ground, [answer["asked"] for answer in answers])
    out: list[list[Fault]] = [[] for _ in answers]
    version, city = ground.opened.version, ground.opened.city["key"]
    for i, answer in enumerate(answers):
        if i in read.wrong:
            field, why = read.wrong[i]
            out[i].append(Fault(field, None, None, why))
        if answer.get("snapshot") != version:  # nothing else of it can be told
            out[i] = [Fault("snapshot", answer.get("snapshot"), version, f"a snapshot of the city {city!r}")]
    rows = np.array([i for i, faults in enumerate(out) if not faults], dtype=np.int64)
    for i, faults in _compared(ground, answers, rows, read.questions.part(rows)):
        out[i] = faults
    again = np.array([i for i in rows.tolist() if out[i] and read.doubtful[i]], dtype=np.int64)
    if len(again):
        for other in read.alternatives(again):
            for i, faults in _compared(ground, answers, again, other):
                out[i] = faults if len(faults) < len(out[i]) else out[i]
    for i, answer in enumerate(answers):
        out[i] += _sealed(answer, ground.opened.area_sets)
    return out


def _compared(
    ground: Ground, answers: Sequence[Mapping[str, Any]], rows: np.ndarray, asked: Questions
) -> Iterator[tuple[int, list[Fault]]]:
    found = replay(ground, asked)
    writers = {language: Writer(ground, asked, found, language) for language in LANGUAGES}
    every = max(1, -(-int(((asked.error >= 0) & (asked.reason == 0)).sum()) // SHARES))
    seen = 0
    for k, i in enumerate(rows.tolist()):
        answer = answers[i]
        language = answer["asked"].get("lang", LANGUAGES[0])
        if language not in LANGUAGES:
            yield i, [Fault("asked.lang", language, None, f"it is one of {', '.join(LANGUAGES)}")]
            continue
        wanted = writers[language].answer(k)
        told, doubt = what_doubt_says({n: value for n, value in answer.items() if n not in ("asked", *BESIDE)})
        doubtful = asked.error[k] >= 0 and asked.reason[k] == 0
        if doubtful and isinstance(told.get("candidates"), list):  # those of ground nearby come after them
            told["candidates"] = told["candidates"][: len(wanted["candidates"])]
        faults = []
        if told != wanted:
            faults = [Fault(*one, wanted["why"][-1]) for one in differences(told, wanted)]
        if not doubtful:
            yield i, faults + [Fault(*one) for one in without_doubt(doubt)]
            continue
        closely = seen % every == 0
        seen += 1
        spread = Spread(ground, asked, k, SAMPLES if closely else FEWER)
        place, words = (int(asked.x[k]), int(asked.y[k])), writers[language].words
        wrong = check_doubt(spread, place, wanted, doubt, words, TOLERANCE if closely else LOOSER)
        yield i, faults + [Fault(*one) for one in wrong]


def differences(told: Any, wanted: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: the path, what is told and what is wanted; the broadest field that is missing."""
    if isinstance(told, Mapping) and isinstance(wanted, Mapping):
        for name in (*wanted, *(name for name in told if name not in wanted)):
            inner = f"{path}.{name}" if path else name
            if name not in told or name not in wanted:
                yield inner, told.get(name, "nothing of it"), wanted.get(name, "no such field")
            else:
                yield from differences(told[name], wanted[name], inner)
    elif isinstance(told, list) and isinstance(wanted, list):
        for k in range(max(len(told), len(wanted))):
            if k >= len(told) or k >= len(wanted):
                a, b = (one[k] if k < len(one) else None for one in (told, wanted))
                yield f"{path}[{k}]", a, b
                return
            yield from differences(told[k], wanted[k], f"{path}[{k}]")
    elif isinstance(told, bool) != isinstance(wanted, bool) or told != wanted:
        yield path, told, wanted


def _sealed(answer: Mapping[str, Any], sets: list[str]) -> list[Fault]:
    extra = [name for name in answer["asked"] if name not in (*FIELDS, "lang")]
    faults = [Fault(f"asked.{name}", None, None, "no question has such a field") for name in extra]
    told = answer.get("seal")
    if told is None:
        return [*faults, Fault("seal", None, None, "the answer has none: a part of it is missing")]
    try:
        known = seal(answer) == told
        if not known:  # a tool may have written it in another order, or 5.0 as 5
            ordered = in_order(answer, sets)
            known = told in (seal(ordered), seal(_restored(ordered)))
    except (TypeError, ValueError):  # a number that JSON cannot hold
        known = False
    if not known:
        faults.append(Fault("seal", None, None, "something of the answer was changed after it was given"))
    return faults


def _restored(value: Any, name: str = "") -> Any:
    """The same with numbers as they were, where a tool wrote 5.0 as 5."""
    if isinstance(value, dict):
        return {key: _restored(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_restored(one, name) for one in value]
    if name in FLOATS and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
