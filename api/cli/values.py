"""Values as people type them on the command line: numbers that are numbers, instants, files that can be written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grids.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class Number(click.FloatRange):
    """A finite number, perhaps within bounds: NaN passes every comparison, so that bounds alone would let it in."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail as click does."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        """Bounds for the help; none where there are none, which click would tell as ``x<=None``."""
        return super()._describe_range() if (self.min, self.max) != (None, None) else ""


def instant(text: str, *, zone: str, where: str) -> pd.Timestamp:
    """An instant from a word of the user, UTC; as over HTTP, and ``now``.

    Parameters
    ----------
    text
        A day or time in ISO 8601, or ``now``.
    zone
        IANA name of the time zone of texts that tell none: the city's.
    where
        Names the option, for the error.

    Raises
    ------
    InputError
        The text is none, does not exist in the calendar, or lies before 1900 or after 2200.

    Examples
    --------
    >>> instant("2026-07-01", zone="Asia/Shanghai", where="--at").isoformat()
    '2026-06-30T16:00:00+00:00'
    """
    import pandas as pd

    from api.instants import read_instant

    if text.strip().lower() == "now":
        return pd.Timestamp.now(tz="UTC").as_unit("us")
    at = read_instant(text, zone, where)
    if at is None:
        raise InputError("an empty text is no time", where=where, right="write 2026-07-01 or 2026-07-01T08:30+08:00")
    return at


def writable(path: str | Path, where: str) -> Path:
    """A file that can be written to, checked before the work that fills it.

    Raises
    ------
    InputError
        Its folder is not there, or closed to us.
    """
    import os

    file = Path(path)
    folder = file.absolute().parent
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", where=where, right="make it, or name another")
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} is closed to us", where=where, right="name another")
    return file
