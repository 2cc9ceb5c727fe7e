"""A monthly rotation, written out as dated rows: every month each team moves on to its next area."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grids.errors import InputError

MOST_MONTHS = 1200


def rotate(
    members: pd.DataFrame,
    *,
    area_set: str,
    areas: Sequence[str],
    first: str,
    months: int,
    zone: str,
    step: int = 1,
) -> pd.DataFrame:
    """Write a rotation out as rows of the layer ``rosters``.

    In month m (from 0) team t (from 0, in the order in which teams come first in `members`) looks after
    ``areas[(t + m * step) % len(areas)]``, from the first of that month, 0 h local time, until the next.

    Parameters
    ----------
    members
        ``team``, ``person`` and any other columns of the layer; those of area and validity are written here.
    area_set
        Set of the areas.
    areas
        Codes of the areas, in the order in which a team moves.
    first
        First month, ``2026-07``.
    months
        How many, 1 to 1200.
    zone
        Time zone of the city (IANA name).
    step
        How many areas a team moves on each month.

    Returns
    -------
    DataFrame
        ``len(members) * months`` rows, month by month, members in their order.

    Raises
    ------
    InputError
        No teams or areas, an area twice, fewer teams than areas (an area would have nobody), no such month.

    Examples
    --------
    >>> two = pd.DataFrame({"team": ["A", "B"], "person": ["Li", "Wu"]})
    >>> plan = rotate(two, area_set="patrol", areas=["P1", "P2"], first="2026-07", months=2, zone="Asia/Shanghai")
    >>> plan[["team", "area"]].agg("".join, axis=1).tolist(), str(plan["valid_to"].iloc[0])
    (['AP1', 'BP2', 'AP2', 'BP1'], '2026-07-31 16:00:00+00:00')
    """
    teams = list(dict.fromkeys(members["team"]))
    if not teams or not areas:
        raise InputError("no teams or no areas", where="rotation", right="name at least one of each")
    if len(set(areas)) < len(areas):
        raise InputError("an area comes twice", where="areas", right="name each once")
    if len(teams) < len(areas):
        what = f"{len(teams)} teams for {len(areas)} areas: each month an area would have nobody"
        raise InputError(what, where="rotation", right="more teams, or fewer and larger areas")
    if not 1 <= months <= MOST_MONTHS:
        raise InputError(f"{months} months", where="months", right=f"1 to {MOST_MONTHS}")
    try:
        begins = pd.period_range(first, periods=months + 1, freq="M").to_timestamp()
    except ValueError:
        raise InputError(f"{first!r} is no month", where="first", right="write 2026-07") from None
    stamps = pd.DatetimeIndex(begins).tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    instants = stamps.tz_convert("UTC").as_unit("us")
    month, who = np.divmod(np.arange(months * len(members)), len(members))
    turn = pd.Index(teams).get_indexer(pd.Index(members["team"]))[who]
    out = members.iloc[who].reset_index(drop=True)
    out["area_set"] = area_set
    out["area"] = np.array(list(areas), dtype=object)[(turn + month * step) % len(areas)]
    out["valid_from"], out["valid_to"] = instants[month], instants[month + 1]
    return out
