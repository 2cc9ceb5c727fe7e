"""Questions about cases answered from memory, as `api.statistics.source.Source`: no query, no text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.held import kernels
from api.held.chosen import Areas, Filter
from api.held.rows import FILED, NO_LOCATION, OUTSIDE, UNANSWERED, WHY, State, places
from gis.counts import Places
from gis.looked import Kinds
from gis.moments import Moments
from gis.wanted import Wanted

DAY_US = 86_400_000_000


class _Chosen(NamedTuple):
    """Rows that a filter takes: of the columns, and of what came since; None for all."""

    base: NDArray[np.int64] | None
    tail: NDArray[np.int64] | None


class Held:
    """The cases of a state.

    Parameters
    ----------
    state
        What is in memory.
    areas
        Ground of a filter's areas as they hold now; asked only for filters that name some.
    """

    def __init__(self, state: State, areas: Callable[[Wanted], Areas]) -> None:
        self.state, self._areas = state, areas

    @property
    def mark(self) -> str:
        """Digest of all cases."""
        return f"{self.state.digest:016x}"

    def places(self, wanted: Wanted) -> Places:
        """Places of the cases that are wanted, in the order of memory."""
        chosen = self._filter(wanted)
        some = self._chosen(chosen)
        rest = self.state.apart
        beside = chosen.of(rest, self.state)
        why = (rest.flag if beside is None else rest.flag[beside]) & WHY
        unanswered, nowhere, outside = (int((why == reason).sum()) for reason in (UNANSWERED, NO_LOCATION, OUTSIDE))
        at = [self._column("at", some), rest.at if beside is None else rest.at[beside]]
        ends = [end for part in at if len(part) for end in (int(part.min()), int(part.max()))]
        first, last = (_stamp(min(ends)), _stamp(max(ends))) if ends else (pd.NaT, pd.NaT)
        x, y = self._metres(some)
        total = len(x) + len(why)
        return Places(x, y, self._named("unit", some), total, unanswered, nowhere, outside, first, last)

    def moments(self, wanted: Wanted) -> Moments:
        """Cases that are wanted and have a place, by time."""
        some = self._chosen(self._filter(wanted))
        plain = (*self._metres(some), self._column("at", some), self._column("number", some))
        return Moments(*plain, *(self._named(name, some) for name in ("unit", "department", "klass"))).sorted()

    def kinds(self, wanted: Wanted) -> Kinds:
        """Cases that are wanted and have a place, with what each is about."""
        some = self._chosen(self._filter(wanted))
        unit, klass, channel, department = (self._named(n, some) for n in ("unit", "klass", "channel", "department"))
        filed = (self._column("flag", some) & FILED) > 0
        return Kinds(*self._metres(some), unit, klass, channel, department, filed)

    def days(self, wanted: Wanted, zone: str) -> pd.Series:
        """Cases that are wanted and have a place by day (days since 1970), days without any left out."""
        at = self._column("at", self._chosen(self._filter(wanted)))
        if not len(at):
            return pd.Series([], index=pd.Index([], name="day", dtype="int64"), name="cases", dtype="int64")
        first, last = (_stamp(int(end)).tz_convert(zone).tz_localize(None).normalize() for end in (at.min(), at.max()))
        days = pd.date_range(first, last + pd.Timedelta(1, "D"), freq="D", unit="us")
        midnight = days.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")
        count = np.zeros(len(days) - 1, dtype=np.int64)
        kernels.count_days(at, midnight.asi8, count)
        number = days[:-1].asi8 // DAY_US
        mine = count > 0
        return pd.Series(count[mine], index=pd.Index(number[mine], name="day"), name="cases")

    # ---------------------------------------------------------------- columns

    def _filter(self, wanted: Wanted) -> Filter:
        named = wanted.within is not None or wanted.without is not None
        return Filter(wanted, self._areas(wanted) if named else None)

    def _chosen(self, chosen: Filter) -> _Chosen:
        state = self.state
        return _Chosen(chosen.of(state.base, state, state.alive), chosen.of(state.tail, state))

    def _column(self, name: str, some: _Chosen) -> NDArray[Any]:
        base, tail = getattr(self.state.base, name), getattr(self.state.tail, name)
        base = base if some.base is None else base[some.base]
        tail = tail if some.tail is None else tail[some.tail]
        return np.concatenate([base, tail]) if len(tail) else base

    def _metres(self, some: _Chosen) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        state = self.state
        parts = ((state.base, some.base), (state.tail, some.tail))
        both = [places(rows, state.origin, slice(None) if which is None else which) for rows, which in parts]
        x, y = (np.concatenate(v) / 1000.0 for v in zip(*both, strict=True))
        return x, y

    def _named(self, name: str, some: _Chosen) -> pd.Categorical:
        codes = self._column(name, some).astype(np.int32)
        return pd.Categorical.from_codes(codes, self.state.texts[name].index, validate=False)


def _stamp(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="us", tz="UTC")
