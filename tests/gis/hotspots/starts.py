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
from scipy import sparse, stats

from api.statistics.beside import LEAST_GROUP
from gis.demo.background import day_weights, days
from gis.hotspots import band
from gis.hotspots.alerts import EVENTS, Alert, track
from gis.hotspots.usual import Beside

FIRST, END = np.datetime64("2025-07-01"), np.datetime64("2027-01-01")
GROUPS = ("2026:E06", "2026:E07", "2026:E09")
NEXT_TO_M = 100.0
"""A hotspot whose circle comes so near to a planted one is that one."""
SIMS = 4000
SURE = 0.95
"""A start that a limit tells with such a chance is one that it is sure of."""


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
    """Planted starts with what became of each; hotspots that appeared where none began, (class, bin); bins replayed.

    ``old`` are those of ``false`` that appeared where a hotspot was planted from the first day, or had ended.
    """

    starts: pd.DataFrame
    false: list[tuple[str, int]]
    old: list[tuple[str, int]]
    bins: int


@dataclass
class Cases:
    """Cases as the product counts them: unit (-1 none), class group ("" for those not counted), major class, local day.

    ``major`` are all cases', those of ``group`` that are left out included; ``ground`` are covariates of the units.
    """

    x: np.ndarray
    y: np.ndarray
    unit: np.ndarray
    group: np.ndarray
    major: np.ndarray
    day: np.ndarray
    near: sparse.csr_array
    ground: np.ndarray

    def counted(self, mine: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Cases of each unit in each bin."""
        bins = len(edges) - 1
        bin_of = np.searchsorted(edges, self.day, side="right") - 1
        mine = mine & (self.unit >= 0) & (bin_of >= 0) & (bin_of < bins)
        held = np.bincount(self.unit[mine] * bins + bin_of[mine], minlength=len(self.x) * bins)
        return held.reshape(-1, bins)

    def beside(self, name: str, edges: np.ndarray) -> Beside:
        """What tells of a class beside its own past."""
        majors, held = np.unique(self.major, return_counts=True)
        others = [g for g in majors[held >= LEAST_GROUP * len(self.major)] if g not in ("", name)]
        return Beside(self.ground, np.stack([self.counted(self.major == g, edges) for g in others]), self.near)


def replay(
    cases: Cases,
    spots: pd.DataFrame,
    *,
    width: int | str,
    reaches_m: tuple[float, ...],
    history: int,
    alone: bool = False,
) -> Replay:
    """Replay a city; ``alone`` by the places' own past only."""
    edges = make_edges(width)
    reaches = [band(cases.x, cases.y, distance_m=reach) for reach in reaches_m]
    rows, false, old, looked = [], [], [], 0
    for name in GROUPS:
        flat = cases.counted(cases.group == name, edges)
        beside = None if alone else cases.beside(name, edges)
        told = [a for a in track(flat, reaches, history=history, beside=beside) if EVENTS[a.event] != "ends"]
        looked += len(edges) - 2
        planted, city = spots[spots["class"] == name], flat.sum(axis=0)
        close = {
            k: np.hypot(cases.x - s["x"], cases.y - s["y"]) <= s["radius_m"] + NEXT_TO_M for k, s in planted.iterrows()
        }
        begun = started(planted)
        for key, spot in begun.iterrows():
            k = first_bin(spot, edges)
            seen = [a for a in told if a.bin >= k and close[key][a.cells].any()]
            after = min((a.bin - k for a in seen), default=-1)
            rows.append(
                {"hotspot": key, "class": name, "risk": spot["risk"], "size": spot["size"], "radius": spot["radius_m"],
                 "begins": str(local_day(spot["from"])), "expected": expected_in(spot, edges, k), "past": k,
                 "limit": limit(spot, edges, city), "limit_past": limit(spot, edges, city, past=True),
                 "after": after, "in_two": after in (0, 1), "later": after > 1, "never": after < 0}
            )  # fmt: skip
        for a in told:
            if EVENTS[a.event] == "appears":
                here = [k for k in planted.index if close[k][a.cells].any()]
                if not any(k in begun.index and _lasts(begun.loc[k], a, edges) for k in here):
                    false.append((name, a.bin))
                    old += [(name, a.bin)] if here else []
    return Replay(pd.DataFrame(rows), false, old, looked)


def expected_in(spot: pd.Series, edges: np.ndarray, k: int) -> float:
    """Cases that are usual at the place in the bin in which the hotspot begins."""
    whole = weight(local_day(spot["from"]), local_day(spot["to"]))
    return round(spot["expected"] * weight(edges[k], edges[k + 1]) / whole, 1)


def _lasts(spot: pd.Series, a: Alert, edges: np.ndarray) -> bool:
    """Whether the hotspot had begun, and had not ended when the alert's window began."""
    return first_bin(spot, edges) <= a.bin and local_day(spot["to"]) > edges[a.bin - a.window + 1]


def pooled(found: list[Replay]) -> Replay:
    """Several cities as one."""
    false, old = ([one for f in found for one in getattr(f, name)] for name in ("false", "old"))
    return Replay(pd.concat([f.starts for f in found]), false, old, sum(f.bins for f in found))


def table(found: Replay) -> str:
    """Risk by size: planted, limits (sums of the oracle's power), told within two bins, later, never."""
    by = found.starts.groupby(["risk", "size"])
    columns = {
        "planted": by.size(), "limit": by["limit"].sum().round(1), "limit_past": by["limit_past"].sum().round(1),
        "sure": by["limit"].agg(lambda v: int((v >= SURE).sum())), "in_two": by["in_two"].sum(),
        "later": by["later"].sum(), "never": by["never"].sum(),
    }  # fmt: skip
    return f"{pd.DataFrame(columns)}\n{summary(found)}"


def summary(found: Replay) -> str:
    """What is told of all starts, of those that the limits call sure, and what besides."""
    starts, lines = found.starts, []
    for name, column in (("the limit tells", "limit"), ("the limit with its past tells", "limit_past")):
        sure = starts[starts[column] >= SURE]
        lines.append(f"of {len(sure)} starts that {name} with a chance of {SURE:.0%} or more, {sure['in_two'].sum()} "
                     "were told within two bins")  # fmt: skip
    most = starts["limit"].sum()
    every = f"of {len(starts)} starts, {starts['in_two'].sum()} were told within two bins; the limit is {most:.1f}"
    false = (
        f"{len(found.false)} false alerts in {found.bins} bins ({0.05 * found.bins:.0f} at 5 %), "
        f"{len(found.old)} of them where a hotspot was planted from the first day or had ended"
    )
    return "\n".join([every, *lines, false])
