"""Contradictions that no single row shows: rings of teams, and a team that turns to two others at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.rosters.chain import LOCAL
from gis.rosters.duty import EARLIEST, spans


def contradiction(rosters: pd.DataFrame) -> str:
    """Return what is wrong with the teams of a roster as a whole, in one line; "" when nothing is.

    A team that turns to a kind of team (``@enforcement``) turns to every team of that kind: which one it is depends on
    the place.

    Parameters
    ----------
    rosters
        Columns of the layer ``rosters``, as believed at one instant.

    Returns
    -------
    str
        Of several faults: two teams above at once before rings; the lower team before the higher, by code point.

    Notes
    -----
    A ring is one only when all its steps hold at one instant. Linear but for teams in a possible ring, whose steps are
    looked at for each instant at which one of them begins.
    """
    rows = rosters[(rosters["reports_to"] != "").to_numpy()]
    if not len(rows):
        return ""
    return _two_ways(rows) or _ring(rosters, rows)


def _two_ways(rows: pd.DataFrame) -> str:
    """A team whose people turn to different teams, or after different hours, at one time."""
    begin, end = spans(rows)
    team = rows["team"].to_numpy(object)
    way = rows.groupby(["reports_to", "after_hours"], dropna=False).ngroup().to_numpy()
    order = np.lexsort((way, begin, pd.factorize(team, sort=True)[0]))
    team, way, begin, end = team[order], way[order], begin[order], end[order]
    told = rows.iloc[order]
    group = pd.Series(pd.factorize(team)[0])
    several = group.map(pd.Series(way).groupby(group).nunique() > 1).to_numpy()
    for name in dict.fromkeys(team[several]):
        mine = np.flatnonzero(team == name)
        clash = (
            (begin[mine][:, None] < end[mine]) & (begin[mine] < end[mine][:, None]) & (way[mine][:, None] != way[mine])
        )
        if clash.any():
            a, b = (told.iloc[mine[i]] for i in np.argwhere(clash)[0])
            one, other = (f"{r['reports_to']} after {r['after_hours']:g} h" for r in (a, b))
            return f"team {name} turns to {one} and to {other} at one time"
    return ""


def _ring(rosters: pd.DataFrame, rows: pd.DataFrame) -> str:
    begin, end = spans(rows)
    edges = pd.DataFrame(
        {"low": rows["team"].to_numpy(object), "high": rows["reports_to"].to_numpy(object), "begin": begin, "end": end}
    )
    kinds = rosters[(LOCAL + rosters["kind"].astype(object)).isin(edges["high"]).to_numpy()]
    if len(kinds):
        starts, ends = spans(kinds)
        local = {"low": (LOCAL + kinds["kind"].astype(object)).to_numpy(), "high": kinds["team"].to_numpy(object)}
        edges = pd.concat([edges, pd.DataFrame(local | {"begin": starts, "end": ends})], ignore_index=True)
    names, number = np.unique(np.r_[edges["low"], edges["high"]].astype(str), return_inverse=True)
    low, high = number[: len(edges)], number[len(edges) :]
    keep = _in_rings(low, high, len(names))
    low, high, begin, end = low[keep], high[keep], edges["begin"].to_numpy()[keep], edges["end"].to_numpy()[keep]
    for now in np.unique(begin):
        holds = (begin <= now) & (now < end)
        ring = _in_rings(low[holds], high[holds], len(names))
        if ring.any():
            when = "always" if now == EARLIEST else f"at {pd.Timestamp(now, unit='us', tz='UTC').isoformat()}"
            return f"team {_walk(low[holds][ring], high[holds][ring], names)}: a ring of teams, {when}"
    return ""


def _in_rings(low: NDArray[np.int64], high: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which steps lie on a ring."""
    graph = coo_array((np.ones(len(low), np.int8), (low, high)), shape=(count, count))
    _, part = connected_components(graph, directed=True, connection="strong")
    alone = np.bincount(part, minlength=count)[part[low]] == 1
    return (part[low] == part[high]) & (~alone | (low == high))


def _walk(low: NDArray[np.int64], high: NDArray[np.int64], names: NDArray[np.str_]) -> str:
    """A ring in words, from its lowest team on."""
    up = dict(sorted(zip(low.tolist(), high.tolist(), strict=True), reverse=True))
    here, path = int(low.min()), []
    while here not in path:
        path.append(here)
        here = up[here]
    ring = path[path.index(here) :]
    first = min(range(len(ring)), key=ring.__getitem__)
    ring = ring[first:] + ring[:first]
    return " → ".join(str(names[i]) for i in [*ring, ring[0]])
