"""Small invented cities with cases, for what is published of them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.publishing import Ladder

GROUPS = ["2026:C01", "2026:C02", "2026:E06", "2026:E07", "2026:E09"]


def ladder(streets: int, communities: int, units: int) -> Ladder:
    """A row of streets, each with communities, each with units of 100 m."""
    return uneven([[units] * communities] * streets)


def uneven(sizes: list[list[int]]) -> Ladder:
    """The same of streets with so many units in each of their communities."""
    areas, rows, x = [], [], 0
    for s, mine in enumerate(sizes):
        street, begin = f"S{s}", x
        for c, units in enumerate(mine):
            community = f"{street}-{c}"
            areas.append(("community", community, street, shapely.box(x * 100, 0, (x + units) * 100, 100)))
            rows += [
                (f"{community}-{u}", community, shapely.box((x + u) * 100, 0, (x + u + 1) * 100, 100))
                for u in range(units)
            ]
            x += units
        areas.append(("street", street, "", shapely.box(begin * 100, 0, x * 100, 100)))
    level, code, parent, shape = zip(*areas, strict=True)
    frame = gpd.GeoDataFrame(
        {"set": level, "code": code, "parent": parent, "name": code}, geometry=list(shape), crs=4546
    )
    code, parent, shape = zip(*rows, strict=True)
    return Ladder.of(
        frame, gpd.GeoDataFrame({"code": code, "community": parent}, geometry=list(shape), crs=4546), "city"
    )


def counts(made: Ladder, months: list[str], mean: float, seed: int, spread: float = 1.0) -> pd.DataFrame:
    """Cases of each unit, group and month: some units and groups have many times what others have."""
    rng = np.random.default_rng(seed)
    units = made.units["code"].to_numpy()
    rate = np.exp(rng.normal(0, spread, len(units)))[:, None] * np.exp(rng.normal(0, 1.2, len(GROUPS)))
    rate = rate * np.exp(rng.normal(0, 0.6, rate.shape))
    x = rng.poisson((rate * mean / rate.mean())[:, :, None] * np.ones(len(months)))
    u, g, m = np.nonzero(x)
    month = pd.PeriodIndex(months, freq="M")
    return pd.DataFrame({"unit": units[u], "class": np.array(GROUPS)[g], "month": month[m], "cases": x[u, g, m]})


ALL = ["2026:C01", "2026:C02", "2026:C03", "2026:E06", "2026:E07", "2026:E09", "other:C", "other:E"]


def odd(seed: int) -> tuple[Ladder, list[str], pd.DataFrame]:
    """A city such as nobody plans: streets of one community, communities of one unit, kinds of one group or without
    any; few cases or many, all of a group or spread, months with next to none. Ladder, groups, cases of half a year.
    """
    rng = np.random.default_rng(seed)
    sizes = [rng.integers(1, 6, rng.integers(1, 4)).tolist() for _ in range(rng.integers(1, 4))]
    groups = sorted(rng.choice(ALL, rng.integers(1, len(ALL) + 1), replace=False).tolist())
    made = uneven(sizes)
    units = made.units["code"].to_numpy()
    of_group = np.exp(rng.normal(0, rng.uniform(0, 2.5), len(groups)))
    rate = np.exp(rng.normal(0, rng.uniform(0, 2), len(units)))[:, None] * of_group
    rate = rate * (rng.random(rate.shape) > rng.uniform(0, 0.6))
    month = np.exp(rng.normal(0, rng.uniform(0, 1), (1, len(groups), 6)))
    x = rng.poisson((rate * np.exp(rng.uniform(-3, 3)) / (rate.mean() or 1.0))[:, :, None] * month)
    x[0, 0, 0] += not x[:, :, :3].any()
    u, g, m = np.nonzero(x)
    period = pd.PeriodIndex(months("2026-01", 6), freq="M")
    table = {"unit": units[u], "class": np.array(groups)[g], "month": period[m], "cases": x[u, g, m]}
    return made, groups, pd.DataFrame(table)


def above(made: Ladder) -> dict[str, dict[str, str]]:
    """Areas of each unit, by their level."""
    parent = dict(zip(made.areas["code"], made.areas["parent"], strict=True))
    return {
        u: {"street": parent[c], "community": c} for u, c in zip(made.units["code"], made.units["parent"], strict=True)
    }


def months(first: str, n: int) -> list[str]:
    return [str(p) for p in pd.period_range(first, periods=n, freq="M")]
