"""Faults of rows, collected until the end: nothing is raised for a row, everything is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from grids.errors import InputError

Found = tuple[NDArray[np.intp], str, NDArray[np.object_], NDArray[np.object_]]
COLUMNS = ["row", "column", "value", "why"]


class Whole:
    """What only a whole file can tell, counted over its portions: is it the right file, place, format of dates?

    A file read at once is one portion. What is counted does not depend on how the file was cut.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._errors: dict[str, Callable[[int, int], InputError]] = {}

    def count(self, what: str, failed: int, passed: int, error: Callable[[int, int], InputError] | None = None) -> None:
        """Count rows that speak against the file, and for it; of ``error`` (failed, passed) the first is kept."""
        counts = self._counts.setdefault(what, [0, 0])
        counts[0] += failed
        counts[1] += passed
        if failed and error is not None:
            self._errors.setdefault(what, error)

    def add(self, other: Whole) -> None:
        """Add what another portion of the file counted."""
        for what, (failed, passed) in other._counts.items():
            self.count(what, failed, passed, other._errors.get(what))

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: errors as they are told of this portion."""
        told = {what: error(*self._counts[what]) for what, error in self._errors.items()}
        return {"counts": self._counts, "errors": {w: (e.what, e.where, e.right) for w, e in told.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._counts = state["counts"]
        self._errors = {what: partial(_said, told) for what, told in state["errors"].items()}

    def judge(self) -> None:
        """Raise the fault of the file, if there is one.

        Places: more than half of the rows lie elsewhere. All else: not one row passed.
        """
        for what, error in self._errors.items():
            failed, passed = self._counts[what]
            if failed > passed if what == "place" else not passed:
                raise error(failed, passed)


class Faults:
    """What was found about the rows of one file.

    Parameters
    ----------
    numbers
        Number of each row in the file, from 1, int64 shape (n,). Everything else speaks of positions, from 0.
    whole
        Counts faults of the file over its portions; None where these rows are the whole file.

    Attributes
    ----------
    bad
        True for rows with a fault, bool shape (n,).
    notes
        What people should know, one line each.
    """

    def __init__(self, numbers: ArrayLike, whole: Whole | None = None) -> None:
        self._whole = whole
        self.numbers: NDArray[np.int64] = np.asarray(numbers, dtype=np.int64)
        self.bad: NDArray[np.bool_] = np.zeros(len(self.numbers), dtype=bool)
        self.notes: list[str] = []
        self._faults: list[Found] = []
        self._flags: list[Found] = []

    def add(self, rows: ArrayLike, column: str, values: ArrayLike, why: str | ArrayLike, *, flag: bool = False) -> None:
        """Add one fault for each position of ``rows``.

        Parameters
        ----------
        rows
            Positions (int) or a mask (bool), shape (n,).
        column
            Column of the file, or our field where the file has none.
        values
            Offending values: one for all, or one for each of ``rows``, or for a mask one for each row of the table.
        why
            What is wrong and what would be right: as ``values``.
        flag
            True: odd, but the row is kept.
        """
        rows = np.asarray(rows)
        mask = rows if rows.dtype == bool else None
        rows = rows if mask is None else np.flatnonzero(mask)
        if not len(rows):
            return  # before a whole column is turned into objects
        values, why = np.asarray(values, dtype=object), np.asarray(why, dtype=object)
        if mask is not None:
            values = values[mask] if values.ndim else values
            why = why[mask] if why.ndim else why
        if not flag:
            self.bad[rows] = True
        found = (rows, column, np.broadcast_to(values, rows.shape), np.broadcast_to(why, rows.shape))
        (self._flags if flag else self._faults).append(found)

    def of_file(self, what: str, failed: int, passed: int, error: Callable[[int, int], InputError]) -> None:
        """Count towards a fault of the whole file; raised at once where these rows are the whole file."""
        whole = Whole() if self._whole is None else self._whole
        whole.count(what, failed, passed, error)
        if self._whole is None:
            whole.judge()

    def note(self, text: str, rows: ArrayLike | None = None) -> None:
        """Add a line for people, with the numbers of the rows (mask or positions) that it is about."""
        self.notes.append(text if rows is None else f"{text}: {rows_text(self.numbers[np.asarray(rows)])}")

    def at(self, columns: tuple[str, ...]) -> NDArray[np.bool_]:
        """Rows with a fault in one of these columns."""
        out = np.zeros(len(self.bad), dtype=bool)
        for rows, column, *_ in self._faults:
            if column in columns:
                out[rows] = True
        return out

    def keep(self, positions: NDArray[np.intp]) -> Faults:
        """What was found about some of the rows, in their new order."""
        out = Faults(self.numbers[positions], self._whole)
        out.notes = self.notes
        at = np.full(len(self.numbers), -1, dtype=np.intp)
        at[positions] = np.arange(len(positions))
        for flag, parts in ((False, self._faults), (True, self._flags)):
            for rows, column, values, why in parts:
                still = at[rows] >= 0
                out.add(at[rows][still], column, values[still], why[still], flag=flag)
        out.bad |= self.bad[positions]
        return out

    def frame(self, *, flags: bool = False) -> pd.DataFrame:
        """All faults (or flags) as ``row, column, value, why``, in order of rows."""
        parts = self._flags if flags else self._faults
        if not parts:
            return no_rejects()
        out = pd.DataFrame(
            {
                "row": np.concatenate([self.numbers[rows] for rows, *_ in parts]),
                "column": np.concatenate([np.full(len(rows), c, dtype=object) for rows, c, *_ in parts]),
                "value": np.concatenate([np.array([shown(v) for v in vs], dtype=object) for *_, vs, _ in parts]),
                "why": np.concatenate([why for *_, why in parts]),
            }
        ).astype({"column": "str", "value": "str", "why": "str"})
        return out.sort_values("row", kind="stable", ignore_index=True)


def _said(told: tuple[str, str, str], *_: int) -> InputError:
    what, where, right = told
    return InputError(what, where=where, right=right)


def no_rejects() -> pd.DataFrame:
    """An empty rejects frame."""
    return pd.DataFrame({"row": np.empty(0, np.int64)} | {c: pd.Series([], dtype="str") for c in COLUMNS[1:]})


def shown(value: object, width: int = 80) -> str:
    """A value as people may read it in one line: missing as "", long ones cut, line breaks as spaces."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = " ".join(str(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def rows_text(numbers: ArrayLike, most: int = 5) -> str:
    """``rows 3, 7, 12 and 40 more`` for the numbers of rows."""
    numbers = np.asarray(numbers)
    head = ", ".join(str(n) for n in numbers[:most])
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"row{'s' if len(numbers) > 1 else ''} {head}{more}"
