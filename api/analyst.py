"""The front for notebooks: questions to the record of a city as Python calls, answers that plot themselves."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from api.statistics.alerting import raise_alerts
from api.statistics.exposing import Exposing
from api.statistics.gathered import Gathering
from api.statistics.gathering import gather
from api.statistics.published import Asked, answer, make_release
from api.statistics.selection import BANDWIDTH_M, Look, Selection, Units, look, other_period
from api.statistics.way import Way
from gis import counts, store
from gis.publishing import K, Release
from grids.catalog import Catalog


class Analyst:
    """Asks the record of a city; what stays the same between questions (units, classes) is read once.

    Parameters
    ----------
    record
        DSN of the city's database, or an engine on it.
    measures
        File of measures of units for rates (CSV or Parquet: ``unit`` and columns of numbers).

    Examples
    --------
    ::

        city = Analyst("dbname=demo host=/run/wanmi")
        city.hotspots("2026:E06", "2026-06-01", "2026-07-01", exposure="ground").plot(ground=city.ground)
    """

    def __init__(self, record: str | Engine, *, measures: Path | str | None = None) -> None:
        self.engine = store.connect(record) if isinstance(record, str) else record
        self.city = store.read_city(self.engine)
        self.measures = Path(measures) if measures else None

    @cached_property
    def units(self) -> Units:
        """Unit grids of now, with their neighbours."""
        return Units(self.engine, self.city)

    @cached_property
    def book(self) -> Catalog:
        """Classes of the record."""
        return counts.class_book(self.engine)

    @cached_property
    def ground(self) -> dict[str, pd.DataFrame]:
        """Roads, rivers and what else lies under a map."""
        return counts.ground(self.engine, srid=self.city.srid)

    def look(
        self, classes: str = "", begin: str = "", end: str = "", *, bandwidth_m: float = BANDWIDTH_M, **filters: str
    ) -> Look:
        """The cases of a selection; `filters` are ``departments``, ``channels``, ``area``."""
        selection = Selection.read(self.city, classes, begin, end, bandwidth_m, **filters)
        return look(self.engine, self.city, self.book, selection, self.units)

    def hotspots(
        self,
        classes: str = "",
        begin: str = "",
        end: str = "",
        *,
        exposure: str = "",
        rates: str = "",
        smooth: str = "",
        stability: bool = False,
        hot_only: bool = False,
        versus: tuple[str, str] = ("", ""),
        filters: dict[str, str] | None = None,
        **way: Any,
    ) -> Gathering:
        """What ``wanmi hotspots`` answers, under the same names: `way` takes method, cells, p, runs, seed, kernel,
        bandwidth_m, cell_m, reach_m, least, bin_days, back, longest, against.

        Raises
        ------
        InputError
            Naming what is wrong.
        """
        asked = Way.read(**way)
        exposing = Exposing.read(asked.method, exposure=exposure, rates=rates, smooth=smooth, file=self.measures)
        found = self.look(classes, begin, end, bandwidth_m=asked.bandwidth_m, **(filters or {}))
        options: dict[str, Any] = {"exposing": exposing, "stability": stability, "hot_only": hot_only}
        earlier = other_period(found, *versus)
        return gather(self.engine, self.book, found, asked, earlier=earlier, **options)

    def alerts(self, classes: str = "", begin: str = "", end: str = "", *, since: str = "", **more: Any) -> Gathering:
        """What ``wanmi alerts`` tells; `more` takes bin_days, level, goes_on."""
        after = pd.Timestamp(since, tz=self.city.time_zone).tz_convert("UTC") if since else pd.NaT
        return raise_alerts(self.engine, self.book, self.look(classes, begin, end), since=after, **more)

    def release(self, earlier: Release | None = None, *, k: int = K, until: str = "") -> Release:
        """What may be told to anybody, as ``wanmi release`` makes it; `until` is the day on which it is decided."""
        now = pd.Timestamp(until, tz=self.city.time_zone).tz_convert("UTC") if until else None
        return make_release(self.engine, self.city, self.book, earlier=earlier, k=k, now=now)

    @staticmethod
    def published(release: Release, classes: str = "", begin: str = "", end: str = "", **way: Any) -> Gathering:
        """An answer from a release alone, as ``wanmi hotspots --publish``."""
        return answer(release, Way.read(**way), Asked(classes, begin, end))
