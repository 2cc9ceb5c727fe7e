"""What is built passes its certificate, is the identity when revised with itself, and agrees with its hierarchy."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.certificate import FAULTS, certify
from grids.compile import build_units
from grids.hierarchy import check_hierarchy
from grids.revise import revise
from tests.grids.lattice import CRS, communities, lattice

AT = pd.Timestamp("2026-12-01T00:00:00Z")


def ground(seed: int) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Communities of bent borders and streets at random: crossing, ending, doubled, along the borders and beside."""
    rng = np.random.default_rng(seed)
    units = lattice(8, block=4, seed=seed)
    areas = communities(units)
    low, high = np.array(areas.total_bounds).reshape(2, 2)
    n = int(rng.integers(0, 14))
    a = rng.uniform(low - 100, high + 100, (n, 2))
    b = a + rng.normal(0, 300, (n, 2))
    lines = [*shapely.linestrings(np.stack([a, b], 1))] if n else []
    if rng.random() < 0.5:  # a dual carriageway
        west, south, east, north = *low, *high
        for offset in (0.0, float(rng.uniform(6, 25))):
            y = (south + north) / 2 + offset
            lines.append(shapely.LineString([(west - 50, y), (east + 50, y + rng.uniform(-20, 20))]))
    if rng.random() < 0.5:  # streets on, or a few metres beside, the borders
        shift = rng.choice([0.0, 4.0])
        border = shapely.get_parts(shapely.boundary(areas.geometry.to_numpy()))
        lines += list(shapely.transform(border, lambda xy: xy + shift))
    rank = rng.integers(1, 8, len(lines))
    return areas, gpd.GeoDataFrame({"rank": rank.astype(np.int64)}, geometry=lines, crs=CRS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_built_passes(seed):
    areas, streets = ground(seed)
    units = build_units(areas, streets)
    found = certify(units, areas=areas, barriers=streets if len(streets) else None)
    assert found.passed, {k: n for k, n in found.counts.items() if n and k in FAULTS}
    assert found.figures["largest_difference_m2"] <= 0.1
    assert not found.counts["area_band"]
    assert not len(check_hierarchy(units, {"community": areas}))
    again = revise(units, units, at=AT)
    assert again.units["code"].tolist() == units["code"].tolist() and set(again.lineage["what"]) == {"kept"}


def test_a_street_more_keeps_the_codes_of_what_stays():
    areas, streets = ground(11)
    old = build_units(areas, streets)
    west, south, east, north = areas.geometry.iloc[0].bounds
    x, y = (west + east) / 2, (south + north) / 2
    # round the corner of the city: it meets no other community
    more = shapely.LineString([(west - 60, y), (x, y + 9), (x - 7, south - 60)])
    streets = pd.concat([streets, gpd.GeoDataFrame({"rank": [6]}, geometry=[more], crs=CRS)], ignore_index=True)
    new = build_units(areas, streets)
    found = revise(old, new, at=AT)
    assert found.counts["kept"] > 0.5 * len(old) and len(found.ended)
    # untouched communities keep geometry and code, bit for bit
    touched = set(found.ended["community"])
    stay = old[~old["community"].isin(touched)].set_index("code").geometry
    assert len(stay) and touched == {areas["code"][0]}
    same = found.units.set_index("code").geometry.loc[stay.index]
    assert shapely.equals_identical(shapely.normalize(same.to_numpy()), shapely.normalize(stay.to_numpy())).all()
    assert certify(found.units, areas=areas).passed
    assert not set(found.units["code"]) & set(found.ended["code"])


def test_free_codes_pass_too():
    areas = communities(lattice(6, block=3))
    areas["code"] = [f"Ward {k}" for k in range(len(areas))]
    units = build_units(areas, gpd.GeoDataFrame({"rank": np.array([], np.int64)}, geometry=[], crs=CRS))
    assert units["code"].iloc[0] == "Ward 0-001"
    assert certify(units, areas=areas).passed
    swapped = units.copy()
    swapped.loc[[0, 5], "code"] = swapped.loc[[5, 0], "code"].to_numpy()
    assert certify(swapped, areas=areas).counts["order"] == pytest.approx(2, abs=1)
