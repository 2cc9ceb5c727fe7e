"""The planted hotspots of the demo city in the density."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from gis import hotspots
from grids.catalog import catalog


@pytest.mark.long
def test_every_large_planted_hotspot_of_the_full_demo_stands_out():
    from gis import demo

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
