"""Alerts over a replay of the demo city's 18 months: each planted start with what could be told and what was.

::

    python -m tests.replay            # the demo city itself, seed 1
    python -m tests.replay 11 12      # other cities, and all of them together
    python -m tests.replay counts     # the demo city: what each start has in its first two months, and what is usual
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import shapely
from scipy import stats

from api.statistics.alerting import REACHES_M
from gis import demo
from gis.hotspots import contact
from gis.hotspots.measures import covariates, ground_shares, road_metres
from gis.hotspots.usual import bumps
from grids.catalog import catalog
from tests.gis.hotspots.starts import (
    Cases,
    Replay,
    first_bin,
    local_day,
    make_edges,
    pooled,
    replay,
    started,
    summary,
    table,
    weight,
)


def cases_of(made: demo.Demo) -> Cases:
    """The record as the product has it: default points left out, and classes that have no past."""
    units, cases = made.layers["units"], made.layers["cases"]
    shapes = units.geometry.to_numpy()
    there = ~(cases.geometry.is_empty | cases.geometry.isna()).to_numpy()
    there &= ~np.isin(made.truth["cases"]["flaw"].to_numpy(), ["default_point", "gcj02"])
    which, at = shapely.STRtree(shapes).query(cases.geometry.to_numpy()[there], predicate="intersects")
    unit = np.full(len(cases), -1)
    unit[np.flatnonzero(there)[which]] = at
    book = catalog()
    turned = book.to_2026[book.index(cases["class"])]
    text = np.where(turned >= 0, book.texts[turned], cases["class"]).astype(str)
    before = cases["class"].str.startswith("2013").to_numpy()
    group = np.where(np.isin(text, text[before]), text, "").astype("U8")
    day = cases["reported_at"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    near, parcels = contact(shapes), made.layers["parcels"]
    roads = {str(k): road_metres(shapes, part.geometry.to_numpy()) for k, part in made.layers["roads"].groupby("kind")}
    shares = ground_shares(shapes, parcels.geometry.to_numpy(), parcels["kind"])[0]
    ground = np.column_stack([covariates(shapes, near, roads=roads, shares=shares)[0], bumps(x, y)])
    return Cases(x, y, unit, group, text.astype("U8"), day, near, ground)


def replayed(seed: int, width: int | str = "month", *, alone: bool = False) -> Replay:
    """Replay of the full city of a seed."""
    made = demo.make(scale=1.0, seed=seed)
    history = 12 if width == "month" else round(365 / int(width))
    spots = made.truth["hotspots"]
    return replay(cases_of(made), spots, width=width, reaches_m=REACHES_M, history=history, alone=alone)


def first_counts(made: demo.Demo, cases: Cases) -> pd.DataFrame:
    """What a planted start has in its own circle in its first bin, the second, and both, beside what is usual there.

    Circle, class, start and usual rate are known here. Where there is no more than usual, no rule that goes by more
    cases can tell the start, whatever false alerts it takes; ``p`` is the least of the three Poisson tails.
    """
    points, edges, rows = made.layers["cases"].geometry.to_numpy(), make_edges("month"), []
    x, y = shapely.get_x(points), shapely.get_y(points)
    for name, spot in started(made.truth["hotspots"]).iterrows():
        k, whole = first_bin(spot, edges), weight(local_day(spot["from"]), local_day(spot["to"]))
        mine = (np.hypot(x - spot["x"], y - spot["y"]) <= spot["radius_m"]) & (cases.group == spot["class"])
        row: dict[str, object] = {"hotspot": name}
        tails = []
        for title, i, j in (("first", k, k + 1), ("second", k + 1, k + 2), ("both", k, k + 2)):
            if j < len(edges):
                held = int((mine & (cases.day >= edges[i]) & (cases.day < edges[j])).sum())
                usual = float(spot["expected"] * weight(edges[i], edges[j]) / whole)
                row |= {title: held, f"usual_{title}": round(usual, 1)}
                tails.append(float(stats.poisson.sf(held - 1, usual)))
        rows.append(row | {"p": min(tails)})
    return pd.DataFrame(rows).sort_values("p", ascending=False, kind="stable")


def each_start(found: Replay) -> str:
    """A line for each planted start: class, risk, place, when, the limits, and the month in which it was told."""
    edges = make_edges("month")
    shown = found.starts.sort_values(["risk", "size", "past"], ascending=[False, False, True], kind="stable")
    lines = [f"{'':5}{'class':9}{'risk':>4}{'cases':>6}{'radius m':>9}  {'begins':8}{'usual a month':>13}"
             f"{'limit':>7}{'with past':>10}  told"]  # fmt: skip
    for row in shown.to_dict("records"):
        told = "no" if row["after"] < 0 else str(edges[row["past"] + row["after"]])[:7]
        late = "" if row["after"] < 2 else f"  ({row['after'] + 1} months)"
        lines.append(f"{row['hotspot']:5}{row['class']:9}{row['risk']:4.1f}{row['size']:6d}{row['radius']:9.0f}  "
                     f"{row['begins'][:7]:8}{row['expected']:13.1f}{row['limit']:7.2f}{row['limit_past']:10.2f}  "
                     f"{told}{late}")  # fmt: skip
    false = ", ".join(f"{name} {str(edges[b])[:7]}" for name, b in found.false) or "none"
    return "\n".join([*lines, summary(found), f"false alerts: {false}"])


def main(seeds: list[int]) -> int:
    """Print the replay of each seed, and of several together their table."""
    every = []
    for seed in seeds:
        every.append(replayed(seed))
        print(f"\nseed {seed}\n{each_start(every[-1])}\n{table(every[-1])}", flush=True)
    if len(every) > 1:
        print(f"\nseeds {seeds}\n{table(pooled(every))}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["counts"]:
        city = demo.make(scale=1.0, seed=1)
        print(first_counts(city, cases_of(city)).to_string(index=False))
        sys.exit(0)
    sys.exit(main([int(text) for text in sys.argv[1:]] or [1]))
