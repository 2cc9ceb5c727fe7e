"""What came of a portion of cases, and how many were answered how."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gis.assign import Resolution
from gis.files.faults import Whole
from gis.model import REASONS, RULES


@dataclass
class Told:
    """What came of a portion.

    Parameters
    ----------
    table
        ``id``, ``at``, the columns of `gis.assign.Resolution.table`, ``fault``: a row for each of the file, in its
        order (those that the profile leaves out are not among them).
    rejects
        ``row, column, value, why``, one row for each fault.
    counts
        How many were answered how: shape (rules, reasons).
    whole
        What speaks against the file as a whole: to be added up over its portions, and judged at the end.
    notes
        What was assumed or left out.
    """

    table: pa.Table
    rejects: pd.DataFrame
    counts: NDArray[np.int64]
    whole: Whole = field(default_factory=Whole)
    notes: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Rows at fault."""
        return int(self.rejects["row"].nunique())


def nothing() -> NDArray[np.int64]:
    """Counts of no answer."""
    return np.zeros((len(RULES), len(REASONS)), dtype=np.int64)


def counted(done: Resolution, there: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """How many were answered how, as in `Told`; of all, or of some rows."""
    answered = done.rule >= 0 if there is None else there & (done.rule >= 0)
    both = done.rule[answered].astype(np.int64) * len(REASONS) + done.reason[answered]
    return np.bincount(both, minlength=len(RULES) * len(REASONS)).reshape(len(RULES), len(REASONS))


def tally(counts: NDArray[np.int64]) -> pd.DataFrame:
    """Counts of `Told` as ``rule``, ``reason``, ``cases``: most first, then by name."""
    rule, reason = np.nonzero(counts)
    frame = pd.DataFrame(
        {
            "rule": pd.Series([RULES[r] for r in rule], dtype="str"),
            "reason": pd.Series([REASONS[r] for r in reason], dtype="str"),
            "cases": counts[rule, reason],
        }
    )
    return frame.sort_values(["cases", "rule", "reason"], ascending=[False, True, True], ignore_index=True)
