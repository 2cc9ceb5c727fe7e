"""The planted hotspots of the demo cities: in the density, and against the ground by Gi*."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import pytest
import shapely

from gis import demo, hotspots
from grids.catalog import catalog
from tests.gis.hotspots.planted import City, found_in


@pytest.mark.long
def test_every_large_planted_hotspot_of_the_full_demo_stands_out():
    city = demo.make(scale=1.0)
    cases, planted = city.layers["cases"], city.truth["hotspots"]
    x, y = shapely.get_x(cases.geometry.to_numpy()), shapely.get_y(cases.geometry.to_numpy())
    walk = catalog()
    turned = walk.to_2026[walk.index(cases["class"])]
    group = np.where(turned >= 0, walk.texts[turned], cases["class"])
    planted = planted[(planted["risk"] == 3) & (planted["size"] >= 60)]
    assert len(planted) == 20
    circle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    for name, row in planted.iterrows():
        mine = np.isfinite(x) & (cases["reported_at"] >= row["from"]) & (cases["reported_at"] < row["to"])
        mine &= pd.Series(group, index=cases.index).str.startswith(row["class"])
        bounds = (row["x"] - 1500, row["y"] - 1500, row["x"] + 1500, row["y"] + 1500)
        grid = hotspots.kde(x[mine], y[mine], bounds, bandwidth_m=80)

        def at(reach: float, grid=grid, row=row) -> np.ndarray:
            return grid.at(row["x"] + reach * np.cos(circle), row["y"] + reach * np.sin(circle))

        inside = max(at(0.0).mean(), at(row["radius_m"] / 2).mean())
        around = np.median(np.concatenate([at(row["radius_m"] + k) for k in (100, 150, 200, 250)]))
        assert inside > 1.1 * around, (name, inside, around)


def test_the_largest_hotspot_of_small_cities_is_found():
    """Of a twentieth of the city, nine circles cover a good part; still the strongest stands out, and little else."""
    for seed in (1, 2):
        city = City(demo.make(scale=0.05, seed=seed))
        found = city.found()
        large = found[(found["risk"] == 3) & (found["size"] == 200)]
        assert len(large) == 1 and large[["found", "centred", "weighed"]].all(axis=None), (seed, large)
        assert found["elsewhere"].max() <= 0.005 * len(city.units), (seed, found["elsewhere"].tolist())


@pytest.mark.long
def test_planted_hotspots_of_eight_other_cities():
    """The method was chosen on the demo's own seed; these are cities that it never saw."""
    with ProcessPoolExecutor(2) as pool:
        found = pd.concat(pool.map(found_in, range(2, 10)))
    power = found.groupby(["risk", "size"])[["found", "centred", "weighed", "elsewhere"]].agg(["sum", "size"])
    print(f"\nplanted in eight other cities: found, centred, hot units far from any\n{power.to_string()}")
    large = found[(found["risk"] == 3) & (found["size"] >= 60)]
    # not all: circles of 60 to 90 m on the corner of three units are diluted, wide ones are found but off the centre
    assert len(large) == 160 and large["found"].sum() >= 154 and (large["found"] & large["centred"]).sum() >= 151


@pytest.mark.long
def test_planted_hotspots_of_the_full_city():
    found = found_in(1)
    power = found.groupby(["risk", "size"])[["found", "centred", "elsewhere"]].mean()
    print(f"\nshare found within one unit of the centre, q < 0.05; hot units far from any planted one\n{power}")
    large = found[(found["risk"] == 3) & (found["size"] >= 60)]
    assert len(large) == 20 and large["found"].all() and large["centred"].all()
