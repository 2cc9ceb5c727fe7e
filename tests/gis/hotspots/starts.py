"""How soon planted hotspots are told, beside the most that any method could tell.

The limit is that of an oracle. It knows circle, class, start and the usual rate of the place exactly, and tests nothing
else. But a method that knows none of this must treat all gatherings of a size alike: a city that expects M cases has
room for N = M / m disjoint gatherings of m expected ones, their counts are independent, so that a chance of a false
alert of 5 % in the city leaves each 1 - 0.95^(1/N), and the exact test of Neyman and Pearson (randomized where a count
decides) at that level is the most powerful one. Two looks, at the end of each of the first two bins; the second has two
windows, which share its level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from gis.demo.background import day_weights, days
from gis.hotspots import band
from gis.hotspots.alerts import EVENTS, Alert, track

FIRST, END = np.datetime64("2025-07-01"), np.datetime64("2027-01-01")
GROUPS = ("2026:E06", "2026:E07", "2026:E09")
NEXT_TO_M = 100.0
"""A hotspot whose circle comes so near to a planted one is that one."""
SIMS = 4000


def make_edges(width: int | str) -> np.ndarray:
    """Begins of the bins and the end of the last, local days: calendar months, or so many days back from the end."""
    if width == "month":
        return pd.date_range("2025-07-01", "2027-01-01", freq="MS").to_numpy("datetime64[D]")
    count = int((END - FIRST).astype(int)) // int(width)
    return END - int(width) * np.arange(count, -1, -1)


def local_day(instant: pd.Timestamp) -> np.datetime64:
    return instant.tz_convert("Asia/Shanghai").tz_localize(None).to_datetime64().astype("datetime64[D]")


def started(spots: pd.DataFrame) -> pd.DataFrame:
    """Planted hotspots that begin after the record does."""
    return spots[[local_day(t) > FIRST for t in spots["from"]]]


def first_bin(spot: pd.Series, edges: np.ndarray) -> int:
    return int(np.searchsorted(edges, local_day(spot["from"]), side="right")) - 1


def weight(begin: np.datetime64, end: np.datetime64) -> float:
    """Share of the record's cases on the days from begin to end."""
    day = days()
    return float(day_weights()[(day >= begin) & (day < end)].sum())


def limit(spot: pd.Series, edges: np.ndarray, city: np.ndarray, *, past: bool = False, level: float = 0.05) -> float:
    """Power of the oracle to tell a start within its first two bins, by simulation.

    Parameters
    ----------
    city
        Cases of the class group in each bin.
    past
        The usual rate is not known, but counted over up to 12 bins before.
    """
    rng = np.random.default_rng(17)
    begin, end = local_day(spot["from"]), local_day(spot["to"])
    k, whole = first_bin(spot, edges), weight(begin, end)
    mean, more = [], []
    for i in range(k, min(k + 2, len(edges) - 1)):
        mean.append(spot["expected"] * weight(edges[i], edges[i + 1]) / whole)
        more.append(spot["planted"] * weight(max(edges[i], begin), min(edges[i + 1], end)) / whole)
    held = [rng.poisson(m + e, SIMS) for m, e in zip(mean, more, strict=True)]
    oldest = max(k - 12, 0)
    before = spot["expected"] * weight(edges[oldest], edges[k]) / whole
    told = np.zeros(SIMS, dtype=bool)
    looks = [(0, 1, level), (1, 1, level / 2), (0, 2, level / 2)][: 3 if len(held) > 1 else 1]
    counted = rng.poisson(before, SIMS)
    for first, length, share in looks:
        x, m = sum(held[first : first + length]), sum(mean[first : first + length])
        room = max(city[k + first : k + first + length].sum() / m, 1.0)
        alpha = 1.0 - (1.0 - share) ** (1.0 / room)
        if past:
            odds = m / (m + before + (mean[0] if first else 0.0))
            told |= stats.binom.sf(x - 1, x + counted + (held[0] if first else 0), odds) < alpha
        else:
            c = stats.poisson.isf(alpha, m)
            extra = (alpha - stats.poisson.sf(c, m)) / stats.poisson.pmf(c, m)
            told |= (x > c) | ((x == c) & (rng.random(SIMS) < extra))
    return float(told.mean())


@dataclass
class Replay:
    """Planted starts with what became of each, hotspots that appeared near none (class, bin), and bins replayed."""

    starts: pd.DataFrame
    false: list[tuple[str, int]]
    bins: int


def replay(
    x: np.ndarray, y: np.ndarray, unit: np.ndarray, group: np.ndarray, day: np.ndarray, spots: pd.DataFrame,
    *, width: int | str, reaches_m: tuple[float, ...], history: int, **options: object,
) -> Replay:  # fmt: skip
    """Replay a city.

    Parameters
    ----------
    x, y
        Middles of the units.
    unit, group, day
        Of each case: unit (-1: none), class group ("" for those not to be counted), local day.
    """
    edges = make_edges(width)
    bins = len(edges) - 1
    bin_of = np.searchsorted(edges, day, side="right") - 1
    near = [band(x, y, distance_m=reach) for reach in reaches_m]
    rows, false, looked = [], [], 0
    for name in GROUPS:
        mine = (group == name) & (unit >= 0) & (bin_of >= 0) & (bin_of < bins)
        flat = np.bincount(unit[mine] * bins + bin_of[mine], minlength=len(x) * bins).reshape(-1, bins)
        told = [a for a in track(flat, near, history=history, **options) if EVENTS[a.event] != "ends"]
        looked += bins - 1
        planted = spots[spots["class"] == name]
        touched: set[int] = set()
        for key, spot in planted.iterrows():
            close = np.hypot(x - spot["x"], y - spot["y"]) <= spot["radius_m"] + NEXT_TO_M
            seen = [a for a in told if close[a.cells].any()]
            touched |= {a.hotspot for a in seen}
            if local_day(spot["from"]) > FIRST:
                k = first_bin(spot, edges)
                city = flat.sum(axis=0)
                after = min((a.bin - k for a in seen if a.bin >= k), default=-1)
                rows.append(
                    {"hotspot": key, "class": name, "risk": spot["risk"], "size": spot["size"], "past": k,
                     "limit": limit(spot, edges, city), "limit_past": limit(spot, edges, city, past=True),
                     "after": after, "in_two": after in (0, 1), "later": after > 1, "never": after < 0}
                )  # fmt: skip
        false += _false(told, touched, name)
    return Replay(pd.DataFrame(rows), false, looked)


def _false(told: list[Alert], touched: set[int], name: str) -> list[tuple[str, int]]:
    return [(name, a.bin) for a in told if EVENTS[a.event] == "appears" and a.hotspot not in touched]


def table(found: Replay) -> str:
    """Risk by size: planted, limits (sums of the oracle's power), told within two bins, later, never."""
    by = found.starts.groupby(["risk", "size"])
    columns = {
        "planted": by.size(), "limit": by["limit"].sum().round(1), "limit_past": by["limit_past"].sum().round(1),
        "sure": by["limit"].agg(lambda v: int((v >= 0.95).sum())), "in_two": by["in_two"].sum(),
        "later": by["later"].sum(), "never": by["never"].sum(),
    }  # fmt: skip
    return f"{pd.DataFrame(columns)}\n{len(found.false)} false hotspots in {found.bins} bins: {found.false}"
