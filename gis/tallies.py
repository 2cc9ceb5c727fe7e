"""Reads from the record: the cases of a hotspot, counted by class, channel, department and day, and listed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import shapely
from sqlalchemy import Engine

from gis.sql import question
from gis.store.engine import transaction
from gis.wanted import Wanted, where


@dataclass(frozen=True)
class Ground:
    """Where cases count: in unit grids by their codes, or on a shape in the city's CRS (its edge included)."""

    srid: int
    units: tuple[str, ...] | None = None
    shape: shapely.Geometry | None = None

    def values(self) -> dict[str, Any]:
        """Parameters of the questions."""
        shape = None if self.shape is None else shapely.to_wkb(self.shape)
        return {"units": None if self.units is None else list(self.units), "ground": shape, "srid": self.srid}


def tally(engine: Engine, wanted: Wanted, ground: Ground, *, zone: str) -> pd.DataFrame:
    """Cases of a ground, whenever they came in, counted.

    Parameters
    ----------
    engine
        The record.
    wanted
        Which cases; its period does not leave cases out but is told of them.
    ground
        Where.
    zone
        The city's time zone, which days are of.

    Returns
    -------
    DataFrame
        class, channel, department ("" where none), day (days since 1970), within (of the period), cases; sorted.
    """
    span = {"since": _plain(wanted.begin), "until": _plain(wanted.end), "zone": zone}
    whole = replace(wanted, begin=pd.NaT, end=pd.NaT)
    return _rows(engine, "case_tally", whole, {**ground.values(), **span})


def days(engine: Engine, wanted: Wanted, *, zone: str) -> pd.Series:
    """Cases of a selection by day (days since 1970), days without any left out."""
    frame = _rows(engine, "case_days", wanted, {"zone": zone})
    return frame.set_index("day")["cases"].astype("int64")


def listed(engine: Engine, wanted: Wanted, ground: Ground, *, limit: int) -> pd.DataFrame:
    """Cases of a ground, the latest first, at most so many: id, reported_at, class, channel, department …, x, y."""
    return _rows(engine, "case_ground", wanted, {**ground.values(), "limit": limit})


def _rows(engine: Engine, name: str, wanted: Wanted, values: dict[str, Any]) -> pd.DataFrame:
    with transaction(engine) as cursor:
        cursor.execute(question(name, wanted=where()), {**wanted.values(), **values})
        names = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=names)


def _plain(value: pd.Timestamp) -> Any:
    return None if pd.isna(value) else value.to_pydatetime()
