"""Density and Gi* against the slow and obvious, and against planted hotspots."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import hotspots
from grids.catalog import catalog
from grids.errors import InputError, TooLarge

BOX = (0.0, 0.0, 1000.0, 600.0)


def slow_density(x, y, grid, bandwidth_m):
    """Cases per hectare at the cell centres, one term after the other."""
    rows, columns = grid.values.shape
    out = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            cx, cy = grid.west + (c + 0.5) * grid.cell_m, grid.south + (r + 0.5) * grid.cell_m
            for px, py in zip(x, y, strict=True):
                d2 = (cx - px) ** 2 + (cy - py) ** 2
                out[r, c] += math.exp(-d2 / (2 * bandwidth_m**2)) / (2 * math.pi * bandwidth_m**2) * 10_000
    return out


def slow_gi_star(x, near):
    """Gi*, by the formula's letters."""
    n = len(x)
    mean = sum(x) / n
    s = math.sqrt(sum(v * v for v in x) / n - mean * mean)
    z = []
    for i in range(n):
        w = [near[i][j] for j in range(n)]
        top = sum(w[j] * x[j] for j in range(n)) - mean * sum(w)
        z.append(top / (s * math.sqrt((n * sum(v * v for v in w) - sum(w) ** 2) / (n - 1))))
    return z


def test_density_equals_the_plain_sum():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-50, 1050, 60), rng.uniform(-50, 650, 60)  # some lie beyond the bounds
    grid = hotspots.kde(x, y, BOX, bandwidth_m=80, cell_m=20)
    slow = slow_density(x, y, grid, 80)
    assert grid.values.shape == (30, 50)
    assert np.abs(grid.values - slow).max() < 0.02 * slow.max()


def test_density_holds_all_cases():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(400, 600, 500), rng.uniform(250, 350, 500)
    grid = hotspots.kde(x, y, (-600, -600, 1600, 1200), bandwidth_m=100, cell_m=25)
    assert grid.values.sum() * 25**2 / 10_000 == pytest.approx(500, rel=1e-9)


@given(dx=st.floats(-300, 300), dy=st.floats(-300, 300))
@settings(max_examples=20, deadline=None)
def test_density_moves_with_the_ground(dx, dy):
    x, y = np.array([100.0, 130.0, 700.0]), np.array([100.0, 300.0, 550.0])
    here = hotspots.kde(x, y, BOX, bandwidth_m=60, cell_m=20)
    there = hotspots.kde(x + dx, y + dy, (dx, dy, 1000 + dx, 600 + dy), bandwidth_m=60, cell_m=20)
    assert np.allclose(here.values, there.values, atol=1e-9)


def test_density_of_nothing_is_nothing():
    assert hotspots.kde([], [], BOX).values.sum() == 0


def test_grid_at_reads_between_centres():
    grid = hotspots.Grid(np.array([[0.0, 2.0], [4.0, 6.0]]), 0.0, 0.0, 10.0)
    assert grid.at([5.0, 10.0, 10.0, -999.0, np.nan], [5.0, 5.0, 10.0, 5.0, 5.0]).tolist() == [0, 1, 3, 0, 0]
    assert grid.bounds == (0, 0, 20, 20)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: hotspots.kde([1.0, np.nan], [1.0, 1.0], BOX), "point 1: 1 of 2 points have no coordinates"),
        (lambda: hotspots.kde([1.0], [1.0, 2.0], BOX), "same length"),
        (lambda: hotspots.kde([1.0], [1.0], (10, 0, 0, 10)), "west < east"),
        (lambda: hotspots.kde([1.0], [1.0], BOX, bandwidth_m=0), "bandwidth_m: 0"),
        (lambda: hotspots.kde([1.0], [1.0], BOX, cell_m=math.nan), "cell_m: nan"),
        (lambda: hotspots.gi_star([1.0, np.nan], hotspots.band([0, 1], [0, 0], distance_m=2)), "cell 1"),
        (lambda: hotspots.gi_star([1.0, 2, 3], hotspots.band([0, 1], [0, 0], distance_m=2)), "shape (2, 2)"),
        (lambda: hotspots.count_squares([1.0], [1.0], (0, 0, 0, 9)), "west < east"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError) as caught:
        call()
    assert says in str(caught.value)


def test_a_grid_for_the_whole_earth_is_refused():
    with pytest.raises(TooLarge, match="larger cells"):
        hotspots.kde([1.0], [1.0], (0, 0, 4e7, 4e7), cell_m=1)


def test_six_points_of_getis_and_ord():
    near = hotspots.band([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30], distance_m=15)
    z = hotspots.gi_star([2, 3, 3.2, 5, 8, 7], near).z
    assert z == pytest.approx([-1.397276, -0.289178, 0.650650, -0.289178, 1.234521, 2.024243], abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_gi_star_equals_the_double_loop(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 100, (2, 40))
    counts = rng.poisson(3, 40)
    near = hotspots.band(x, y, distance_m=20)
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    assert np.array_equal(near.toarray(), apart <= 20)
    assert hotspots.gi_star(counts, near).z == pytest.approx(slow_gi_star(counts.tolist(), near.toarray()))


def test_gi_star_without_variation_says_nothing():
    near = hotspots.band([0, 1, 9], [0, 0, 0], distance_m=2)
    same = hotspots.gi_star([4, 4, 4], near)
    assert np.isnan(same.z).all() and np.isnan(same.q).all() and not same.hot().any()
    every = hotspots.gi_star([1, 2, 3], hotspots.band([0, 1, 2], [0, 0, 0], distance_m=5))
    assert np.isnan(every.z).all()


def test_contact_takes_edges_corners_and_hairline_gaps():
    boxes = shapely.box(
        np.array([0.0, 10, 20.0005, 0, 10, 20, 35]), np.array([0.0, 0, 0, 10, 10, 10, 0]),
        np.array([10.0, 20, 30, 10, 20, 30, 45]), np.array([10.0, 10, 10, 20, 20, 20, 10]),
    )  # fmt: skip
    near = hotspots.contact(boxes).toarray()
    assert (near == near.T).all() and (np.diag(near) == 1).all() and set(np.unique(near)) == {0, 1}
    assert near.sum(axis=1).tolist() == [4, 6, 4, 4, 6, 4, 1]


def test_discovery_rate_against_its_definition():
    p = np.random.default_rng(3).uniform(size=50) ** 2
    q = hotspots.discovery_rate(p)
    for level in (0.01, 0.05, 0.2):
        ranked = np.sort(p)
        passes = [k for k in range(1, 51) if ranked[k - 1] <= level * k / 50]
        cut = ranked[max(passes) - 1] if passes else -1.0
        assert ((q <= level) == (p <= cut)).all()


def test_null_world_has_few_discoveries_and_a_planted_one_is_found():
    rng = np.random.default_rng(4)
    west, south = np.meshgrid(np.arange(60) * 100.0, np.arange(60) * 100.0)
    near = hotspots.contact(shapely.box(west, south, west + 100, south + 100).ravel())
    base = rng.poisson(4, 3600).astype(float)
    assert hotspots.gi_star(base, near).hot().mean() < 0.01
    planted = (np.abs(west - 3000) <= 100) & (np.abs(south - 3000) <= 100)
    base[planted.ravel()] = rng.poisson(12, planted.sum())  # risk 3, about 72 more cases
    hot = hotspots.gi_star(base, near).hot()
    assert hot[planted.ravel()].mean() > 0.7 and hot[~planted.ravel()].mean() < 0.02


def test_squares_count_every_point_once():
    grid = hotspots.count_squares([0, 99.9, 100, 250, 300, -1], [0, 0, 0, 150, 10, 5], (0, 0, 300, 200))
    assert grid.values.tolist() == [[2, 1, 0], [0, 0, 1]]


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
