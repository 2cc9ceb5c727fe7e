"""Whether the rows of a file of answers hold: replayed from the file of the cases beside it, all rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.model import REASONS, RULES
from gis.proof.asking import MOST_ACCURACY_M, Read
from gis.proof.check import Fault
from gis.proof.ground import Ground
from gis.proof.opened import Opened
from gis.proof.place import places
from gis.proof.replay import Questions, Replay, replay
from grids.errors import InputError

NEEDED = ("unit", "department", "rule", "reason", "component", "distance_m", "zone", "on_edge")
"""Columns that answers in rows must have."""
PORTION = 1 << 17


@dataclass(frozen=True)
class Told:
    """What came of rows.

    ``rows`` is how many there were, ``left`` how many of them have no answer, ``wrong`` how many do not hold, and
    ``faults`` names the first of these: (row from 1, fault).
    """

    rows: int
    left: int
    wrong: int
    faults: list[tuple[int, Fault]]


def read_rows(ground: Ground, cases: pd.DataFrame, *, crs: str) -> Read:
    """Cases of a file in the checker's terms.

    Parameters
    ----------
    cases
        ``x``, ``y`` (NaN for none), ``class``, ``component``, ``no_location`` ("" for none), ``accuracy_m`` (NaN for
        none), ``at`` (``datetime64[us, UTC]``, NaT for the snapshot's), shape (n,).
    crs
        Of the coordinates; "" for the city's own.

    Returns
    -------
    Read
        ``wrong`` has the rows whose class the city has not.
    """
    o = ground.opened
    x, y = (cases[name].to_numpy(dtype=np.float64) for name in ("x", "y"))
    place, reason, other = places(x, y, crs, o.city)
    said = cases["no_location"].to_numpy(dtype=object)
    for word in set(said.tolist()) - {""}:
        reason[said == word] = REASONS.index(word if word in REASONS else "missing")
    row, words = pd.factorize(cases["class"].to_numpy(dtype=object))
    positions = [_position(o, word) for word in words.tolist()]
    klass = np.array([-1 if at is None else at for at in positions], dtype=np.int64)
    unknown = np.array([at is None for at in positions], dtype=bool)
    stamps = cases["at"].astype("datetime64[us, UTC]")
    default = pd.Timestamp(o.header["at"]).as_unit("us").tz_convert("UTC").to_datetime64().astype(np.int64)
    instant = np.where(stamps.isna(), default, stamps.astype("int64"))
    metres = cases["accuracy_m"].to_numpy(dtype=np.float64)
    error = np.rint(np.clip(np.nan_to_num(metres), 0, MOST_ACCURACY_M) * 1000.0).astype(np.int64)
    component = np.char.encode(cases["component"].to_numpy(dtype=object).astype(str), "utf-8")
    asked = Questions(
        place[:, 0], place[:, 1], klass[row], component, instant, np.where(np.isnan(metres), -1, error), reason
    )
    no_class = "class", "the city has no such class"
    return Read(asked, other, dict.fromkeys(np.flatnonzero(unknown[row]).tolist(), no_class))


def _position(opened: Opened, text: str) -> int | None:
    try:
        return opened.class_of(text)
    except KeyError:
        return None


def prove_rows(ground: Ground, answers: pd.DataFrame, read: Read, *, most: int = 20) -> Told:
    """Replay rows of answers.

    Parameters
    ----------
    ground
        The snapshot.
    answers
        Columns of `NEEDED`, of the area sets, ``at``, ``probability``, ``ask_first``: those that are there are
        compared. Texts are "" for none; ``rule`` is "" in a row that has no answer.
    read
        Of `read_rows`: row by row the cases of the answers.
    most
        Rows that do not hold of which the faults are told; all are counted.

    Raises
    ------
    InputError
        A column is missing, or there are more or fewer cases than answers.
    """
    for name in NEEDED:
        if name not in answers:
            raise InputError(f"has no column {name!r}", where="answers", right="give what 'wanmi assign' wrote")
    if len(answers) != len(read.questions):
        what = f"{len(answers)} answers and {len(read.questions)} cases"
        raise InputError(what, where="cases", right="give the file that was answered")
    given = np.flatnonzero(answers["rule"].to_numpy(dtype=object) != "")
    wrong = 0
    faults: list[tuple[int, Fault]] = []
    for begin in range(0, len(given), PORTION):
        rows = given[begin : begin + PORTION]
        bad = _portion(ground, answers, read, rows)
        wrong += len(bad)
        for row in sorted(bad)[: max(0, most - len({row for row, _ in faults}))]:
            faults += [(row + 1, fault) for fault in bad[row]]
    return Told(len(answers), len(answers) - len(given), wrong, faults)


def _portion(ground: Ground, answers: pd.DataFrame, read: Read, rows: NDArray[np.int64]) -> dict[int, list[Fault]]:
    """Faults by row."""
    bad = _faults(ground, answers, read.questions.part(rows), rows)
    again = np.array([row for row in bad if read.doubtful[row]], dtype=np.int64)
    if len(again):
        for other in read.alternatives(again):
            still = _faults(ground, answers, other, again)
            for row in again.tolist():
                if row in bad and row not in still:
                    del bad[row]
    for row, (field, why) in read.wrong.items():
        if rows[0] <= row <= rows[-1] and row in rows:
            bad[row] = [Fault(field, None, None, why)]
    return bad


def _faults(ground: Ground, answers: pd.DataFrame, asked: Questions, rows: NDArray[np.int64]) -> dict[int, list[Fault]]:
    out: dict[int, list[Fault]] = {}
    for name, wanted in columns(ground, asked, replay(ground, asked)).items():
        if name not in answers:
            continue
        told = answers[name].to_numpy(dtype=object)[rows]
        if name == "distance_m":
            metres = answers[name].to_numpy(dtype=np.float64)[rows]
            same = (metres == wanted) | (metres == np.round(wanted, 3)) | (np.isnan(metres) & np.isnan(wanted))
        else:
            same = told == wanted
        for k in np.flatnonzero(~same.astype(bool)).tolist():
            out.setdefault(int(rows[k]), []).append(Fault(name, _plain(told[k]), _plain(wanted[k])))
    return out


def columns(ground: Ground, asked: Questions, found: Replay) -> dict[str, NDArray]:
    """What rows of answers must say; texts "" and numbers NaN for none."""
    o = ground.opened

    def text(name: str, at: NDArray[np.int64]) -> NDArray[np.object_]:
        used, place = np.unique(at, return_inverse=True)
        words = np.array([o.text(name, k) for k in used.tolist()], dtype=object)
        return words[place] if len(words) else np.empty(0, dtype=object)

    out = {
        "unit": text("units.code", found.unit),
        "department": text("departments.code", found.owner),
        "rule": np.array(RULES, dtype=object)[found.rule],
        "reason": np.array(REASONS, dtype=object)[asked.reason],
        "component": text("components.code", found.component),
        "distance_m": np.where(found.square >= 0, np.sqrt(np.maximum(found.square, 0)) / 1000.0, np.nan),
        "zone": text("zones.code", found.zone),
        "on_edge": found.on_edge,
        "at": pd.Series(asked.instant.view("datetime64[us]")).dt.tz_localize("UTC").to_numpy(dtype=object),
    }
    return out | {name: text(f"areas/{name}.code", at) for name, at in found.areas.items()}


def _plain(value: Any) -> Any:
    if value is pd.NaT or (isinstance(value, float) and np.isnan(value)) or value == "":
        return None
    return value.item() if isinstance(value, np.generic) else value
