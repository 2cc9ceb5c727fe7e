"""Whether the rows of a file of answers hold: replayed from the file of the cases beside it, all rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.model import REASONS, RULES
from gis.proof.asking import MOST_ACCURACY_M, Read
from gis.proof.check import SHARES, Fault
from gis.proof.ground import Ground
from gis.proof.opened import Opened
from gis.proof.place import places
from gis.proof.replay import Questions, Replay, replay
from gis.proof.shares import TOLERANCE, Spread
from grids.errors import InputError

NEEDED = ("unit", "department", "rule", "reason", "component", "distance_m", "zone", "on_edge")
"""Columns that answers in rows must have."""
PORTION = 1 << 17


@dataclass(frozen=True)
class Told:
    """What came of rows.

    ``rows`` is how many there were, ``left`` how many of them have no answer, ``wrong`` how many do not hold;
    ``doubtful`` how many tell a probability, ``asked`` of how many of these it was found again. ``faults`` names the
    first rows that do not hold: (row from 1, fault).
    """

    rows: int
    left: int
    wrong: int
    doubtful: int
    asked: int
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


def prove_rows(ground: Ground, answers: pd.DataFrame, read: Read, *, most: int = 20, shares: int = SHARES) -> Told:
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
    shares
        Of how many rows, evenly spread, a probability is found again, which takes a tenth of a second each; of the
        others it is only compared with ``ask_first``.

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
    known = given[(read.questions.error[given] >= 0) & (read.questions.reason[given] == 0)]
    closely = known[:: max(1, -(-len(known) // shares))] if "probability" in answers and shares else known[:0]
    faults: list[tuple[int, Fault]] = []
    for begin in range(0, len(given), PORTION):
        rows = given[begin : begin + PORTION]
        bad = _portion(ground, answers, read, rows)
        for row, fault in _doubt(ground, answers, read.questions, rows, closely):
            bad.setdefault(row, []).append(fault)
        wrong += len(bad)
        for row in sorted(bad)[: max(0, most - len({row for row, _ in faults}))]:
            faults += [(row + 1, fault) for fault in bad[row]]
    return Told(len(answers), len(answers) - len(given), wrong, len(known), len(closely), faults)


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


def _doubt(
    ground: Ground, answers: pd.DataFrame, asked: Questions, rows: NDArray[np.int64], closely: NDArray[np.int64]
) -> Iterator[tuple[int, Fault]]:
    """Faults of the probabilities of rows, and of what follows from them."""
    if "probability" not in answers or "ask_first" not in answers:
        return
    told, ask = answers["probability"].to_numpy(dtype=np.float64)[rows], answers["ask_first"].to_numpy()[rows]
    known = (asked.error[rows] >= 0) & (asked.reason[rows] == 0)
    fine = np.where(known, (told >= 0) & (told <= 1), np.isnan(told))
    for k in np.flatnonzero(~fine).tolist():
        yield int(rows[k]), Fault("probability", _plain(told[k]), "a share" if known[k] else None)
    below = known & (told < ground.opened.city["ask_below"])
    for k in np.flatnonzero(ask != below).tolist():
        yield int(rows[k]), Fault("ask_first", _plain(ask[k]), bool(below[k]))
    departments = answers["department"].to_numpy(dtype=object)
    for row in np.intersect1d(rows[fine & known], closely).tolist():
        share = Spread(ground, asked, row).share.get(departments[row] or None, 0.0)
        if not abs(answers["probability"].iat[row] - share) <= TOLERANCE:
            yield row, Fault("probability", float(answers["probability"].iat[row]), round(share, 4))


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
