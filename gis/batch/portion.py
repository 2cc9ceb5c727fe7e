"""Some rows of a file to their answers: the one way for every format, on as many cores as there are portions at work.

Rows in which nothing is odd go straight from columns to the engine; the odd ones (no place, outside the city, a
value that is wrong) are judged by `gis.files`, as the loader would. Both give what a judgement of all rows would give.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gis.batch.given import Given
from gis.batch.plain import Plain
from gis.batch.told import Told
from gis.files.codes import classes
from gis.files.faults import Faults, Whole, no_rejects
from gis.files.judging import judge
from gis.files.planning import Plan
from gis.files.table import Portion
from gis.snapshot import Snapshot

FIELDS = ("id", "class", "component", "no_location", "accuracy_m", "channel", "reported_at")
"""Columns of the layer ``cases`` that an answer needs, besides the place; the others are not read."""


@dataclass
class Job:
    """What every portion of a file needs to know.

    Parameters
    ----------
    snapshot
        The city.
    plan
        How the file is read.
    """

    snapshot: Snapshot
    plan: Plan
    _classes: dict[str, str | None] = field(default_factory=dict)

    def answer(self, portion: Portion) -> Told:
        """Answer a portion; nothing is kept of it but counts."""
        given, whole = Given(portion, self.snapshot), Whole()
        plain = np.zeros(len(portion.numbers), dtype=bool)
        if portion.data is not None and not _rewrites(self.plan):
            plain = Plain(portion, self.plan, whole, self.classes_of).fill(given)
        odd = np.flatnonzero(~plain)
        rejects = no_rejects() if portion.rejects is None else portion.rejects
        notes: list[str] = []
        if len(odd) or (len(rejects) and not len(plain)):
            rows = portion.rows(None if len(odd) == len(plain) else odd)
            rows.rejects = portion.rejects
            checked = judge(rows, self.plan, lambda _: None, whole)
            given.judged(checked)
            rejects, notes = checked.rejects, checked.notes
        given.lose(rejects)
        return given.answer(rejects, whole, notes)

    def classes_of(self, words: list[str]) -> list[str | None]:
        """The one form of class texts; None where one is at fault. Each text is judged once for the file."""
        new = [word for word in words if word not in self._classes]
        if new:
            source, faults = self.plan.source, Faults(np.arange(len(new)))
            column = pd.Series(new, dtype="str")
            made = classes(column, "class", self.plan.city, faults, edition=source.edition, kind=source.kind)
            told = zip(new, made.tolist(), faults.bad.tolist(), strict=True)
            self._classes.update({word: None if bad else ours for word, ours, bad in told})
        return [self._classes[word] for word in words]


def _rewrites(plan: Plan) -> bool:
    """Tell whether a profile does more than name columns and places: then all rows are judged."""
    s = plan.source
    return bool(s.constants or s.values or s.replace or s.parts or s.take or s.leave or s.distinct)
