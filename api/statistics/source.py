"""Where the cases of a question come from: the record by SQL, or what a service holds of it in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from gis import counts, looked, moments, tallies
from gis.wanted import Wanted

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Source(Protocol):
    """Cases of a record under any filter; every answer is that of the SQL, in whatever order it comes."""

    @property
    def mark(self) -> str:
        """Changes when cases or answers do."""
        ...

    def places(self, wanted: Wanted) -> counts.Places:
        """Where they happened, and how many are left out; see `gis.counts.case_places`."""
        ...

    def moments(self, wanted: Wanted) -> moments.Moments:
        """Where and when, in order; see `gis.moments.case_moments`."""
        ...

    def kinds(self, wanted: Wanted) -> looked.Kinds:
        """Where, and what each is about; see `gis.looked.case_kinds`."""
        ...

    def days(self, wanted: Wanted, zone: str) -> pd.Series:
        """How many on each day; see `gis.tallies.days`."""
        ...


@dataclass(frozen=True)
class Recorded:
    """The record itself, asked anew each time."""

    engine: Engine

    @property
    def mark(self) -> str:
        """A number that grows with each change; the server's statistics lag by a second or so."""
        return str(counts.case_mark(self.engine))

    def places(self, wanted: Wanted) -> counts.Places:
        """See `Source`."""
        return counts.case_places(self.engine, wanted)

    def moments(self, wanted: Wanted) -> moments.Moments:
        """See `Source`."""
        return moments.case_moments(self.engine, wanted)

    def kinds(self, wanted: Wanted) -> looked.Kinds:
        """See `Source`."""
        return looked.case_kinds(self.engine, wanted)

    def days(self, wanted: Wanted, zone: str) -> pd.Series:
        """See `Source`."""
        return tallies.days(self.engine, wanted, zone=zone)
