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
    areas, rows, x = [], [], 0
    for s in range(streets):
        street, begin = f"S{s}", x
        for c in range(communities):
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


def above(made: Ladder) -> dict[str, dict[str, str]]:
    """Areas of each unit, by their level."""
    parent = dict(zip(made.areas["code"], made.areas["parent"], strict=True))
    return {
        u: {"street": parent[c], "community": c} for u, c in zip(made.units["code"], made.units["parent"], strict=True)
    }


def months(first: str, n: int) -> list[str]:
    return [str(p) for p in pd.period_range(first, periods=n, freq="M")]
