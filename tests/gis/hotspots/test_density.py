"""Kernel density against the plain double loop; every case is spread whole over the allowed ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import hotspots
from grids.errors import InputError, TooLarge

BOX = (0.0, 0.0, 1000.0, 600.0)
FORMULAS = {  # u in bandwidths -> density of the kernel times h²
    "gaussian": lambda u: math.exp(-u * u / 2) / (2 * math.pi),
    "quartic": lambda u: 3 * (1 - u * u) ** 2 / math.pi if u < 1 else 0.0,
    "epanechnikov": lambda u: 2 * (1 - u * u) / math.pi if u < 1 else 0.0,
    "uniform": lambda u: 1 / math.pi if u < 1 else 0.0,
    "triangular": lambda u: 3 * (1 - u) / math.pi if u < 1 else 0.0,
    "triweight": lambda u: 4 * (1 - u * u) ** 3 / math.pi if u < 1 else 0.0,
}
SMOOTH = ("gaussian", "quartic", "epanechnikov", "triangular", "triweight")


def slow_density(x, y, grid, kernel, bandwidth_m, inside):
    """Cases per hectare at the cell centres, one term after the other; the mass of each kernel counted on the cells."""
    rows, columns = grid.values.shape
    out = np.zeros((rows, columns))
    formula = FORMULAS[kernel]
    for px, py in zip(x, y, strict=True):
        terms = np.zeros((rows, columns))
        for r in range(rows):
            for c in range(columns):
                cx, cy = grid.west + (c + 0.5) * grid.cell_m, grid.south + (r + 0.5) * grid.cell_m
                if inside[r, c]:
                    terms[r, c] = formula(math.hypot(cx - px, cy - py) / bandwidth_m)
        out += terms / (terms.sum() * grid.cell_m**2) * 10_000
    return out


def lake(rows: int = 30, columns: int = 50) -> np.ndarray:
    """Ground of an odd shape: a bay, a river, a far corner."""
    inside = np.ones((rows, columns), dtype=bool)
    inside[:, columns // 2] = inside[: rows // 3, : columns // 4] = False
    r, c = np.indices(inside.shape)
    return inside & (r + c < rows + columns - 12)


def on_ground(inside: np.ndarray, cell_m: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random points of which each lies in an allowed cell."""
    rng = np.random.default_rng(seed)
    at = rng.choice(np.flatnonzero(inside), n)
    r, c = np.divmod(at, inside.shape[1])
    return (c + rng.random(n)) * cell_m, (r + rng.random(n)) * cell_m


@pytest.mark.parametrize("kernel", hotspots.KERNELS)
def test_exact_density_equals_the_plain_double_loop(kernel: str):
    inside = lake()
    x, y = on_ground(inside, 20.0, 25, 1)
    grid = hotspots.kde(x, y, BOX, kernel=kernel, bandwidth_m=90, cell_m=20, inside=inside, exact=True)
    assert np.abs(grid.values - slow_density(x, y, grid, kernel, 90, inside)).max() < 1e-6


@pytest.mark.parametrize("kernel", hotspots.KERNELS)
def test_exact_density_of_two_thousand_points_equals_the_plain_sum(kernel: str):
    inside = lake()
    x, y = on_ground(inside, 20.0, 2000, 2)
    grid = hotspots.kde(x, y, BOX, kernel=kernel, bandwidth_m=90, cell_m=20, inside=inside, exact=True)
    cx, cy = grid.centres
    slow = np.zeros_like(grid.values)
    formula = np.vectorize(FORMULAS[kernel])
    for px, py in zip(x, y, strict=True):
        terms = np.where(inside, formula(np.hypot(cx[None, :] - px, cy[:, None] - py) / 90), 0.0)
        slow += terms / (terms.sum() * 20**2) * 10_000
    assert np.abs(grid.values - slow).max() < 1e-6 * slow.max() < 1e-4


@pytest.mark.parametrize("kernel", SMOOTH)
def test_far_from_edges_it_is_the_kernel_itself(kernel: str):
    x, y = np.array([503.0, 471.0]), np.array([302.0, 288.0])
    grid = hotspots.kde(x, y, BOX, kernel=kernel, bandwidth_m=100, cell_m=4, exact=True)
    cx, cy = grid.centres
    away = np.hypot(cx[None, :, None] - x, cy[:, None, None] - y) / 100
    formula = np.vectorize(FORMULAS[kernel])(away).sum(axis=2)  # cases per m² times h², h = 100 m: cases per hectare
    assert np.abs(grid.values - formula).max() < 0.002 * formula.max()


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("bandwidth_m", [45.0, 130.0, 400.0])
@pytest.mark.parametrize("kernel", hotspots.KERNELS)
def test_every_kernel_integrates_to_the_count_borders_included(kernel: str, bandwidth_m: float, exact: bool):
    inside = lake()
    x, y = on_ground(inside, 20.0, 700, 3)
    options = {"kernel": kernel, "bandwidth_m": bandwidth_m, "cell_m": 20, "exact": exact}
    grid = hotspots.kde(x, y, BOX, inside=inside, **options)
    assert grid.left_out == 0 and (grid.values[~inside] == 0).all() and (grid.values >= 0).all()
    assert grid.values.sum() * 20**2 / 10_000 == pytest.approx(700, rel=1e-9)
    wide = hotspots.kde(x, y, (-3000, -3000, 4000, 4000), **options)
    assert wide.values.sum() * 20**2 / 10_000 == pytest.approx(700, rel=1e-6)


def test_even_cases_have_an_even_density_up_to_the_border():
    inside = lake()
    x, y = on_ground(inside, 20.0, 60_000, 4)
    even = 60_000 / (inside.sum() * 400 / 10_000)
    corrected = hotspots.kde(x, y, BOX, bandwidth_m=60, cell_m=20, inside=inside).values
    edge = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1))
    edge[[0, -1], :] = edge[:, [0, -1]] = False
    # what a case at the border keeps is spread inwards: the price of holding the count is some percent at the border
    assert corrected[edge].mean() == pytest.approx(even, rel=0.1)
    assert corrected[inside].mean() == pytest.approx(even, rel=1e-6)
    assert np.abs(corrected[inside] / even - 1).mean() < 0.08
    assert hotspots.kde(x, y, BOX, bandwidth_m=60, cell_m=20).values[edge].mean() < 0.75 * even


@pytest.mark.parametrize(("kernel", "bandwidth_m", "off"), [("gaussian", 80, 0.012), ("quartic", 160, 0.03)])
def test_binned_is_near_exact(kernel: str, bandwidth_m: float, off: float):
    inside = lake()
    x, y = on_ground(inside, 20.0, 3000, 5)
    smoother = hotspots.Smoother(BOX, kernel=kernel, bandwidth_m=bandwidth_m, cell_m=20, inside=inside)
    binned, exact = smoother.density(x, y).values, smoother.density(x, y, exact=True).values
    assert np.abs(binned - exact).max() < off * exact.max()


@pytest.mark.parametrize("exact", [True, False])
def test_the_order_of_the_cases_changes_no_bit(exact: bool):
    inside = lake()
    x, y = on_ground(inside, 20.0, 2000, 6)
    turn = np.random.default_rng(6).permutation(2000)
    smoother = hotspots.Smoother(BOX, bandwidth_m=80, cell_m=20, inside=inside)
    there, back = (smoother.density(*p, exact=exact).values for p in ((x, y), (x[turn], y[turn])))
    assert there.tobytes() == back.tobytes()


def test_many_threads_change_no_bit():
    x, y = on_ground(lake(), 20.0, 600_000, 7)
    smoother = hotspots.Smoother(BOX, bandwidth_m=80, cell_m=20, inside=lake())
    whole = smoother.density(x, y).values
    parts = sum(smoother._binned(x[k::3], y[k::3])[0] for k in range(3))
    assert np.array_equal(parts, smoother._binned(x, y)[0]) and whole.sum() > 0


def test_cases_off_the_ground_go_to_the_bank_or_are_left_out():
    inside = np.ones((30, 50), dtype=bool)
    inside[:, 25:] = False  # water east of 500 m
    options = {"bandwidth_m": 50, "cell_m": 20, "inside": inside}
    for exact in (True, False):
        near = hotspots.kde([495.0, 510.0], [300.0, 300.0], BOX, exact=exact, **options)
        assert near.left_out == 0 and near.values.sum() * 400 / 10_000 == pytest.approx(2)
        far = hotspots.kde([495.0, 700.0, 5000.0], [300.0, 300.0, 0.0], BOX, exact=exact, **options)
        assert far.left_out == 2 and far.values.sum() * 400 / 10_000 == pytest.approx(1)


@given(dx=st.floats(-300, 300), dy=st.floats(-300, 300))
@settings(max_examples=20, deadline=None)
def test_density_moves_with_the_ground(dx, dy):
    x, y = np.array([100.0, 130.0, 700.0]), np.array([100.0, 300.0, 550.0])
    here = hotspots.kde(x, y, BOX, bandwidth_m=60, cell_m=20)
    there = hotspots.kde(x + dx, y + dy, (dx, dy, 1000 + dx, 600 + dy), bandwidth_m=60, cell_m=20)
    assert np.allclose(here.values, there.values, atol=1e-5)  # linear binning in whole 1/65,536 of a cell


@pytest.mark.parametrize("kernel", hotspots.KERNELS)
@pytest.mark.parametrize("exact", [True, False])
def test_density_of_nothing_one_and_all_at_one_place(kernel: str, exact: bool):
    smoother = hotspots.Smoother(BOX, kernel=kernel, bandwidth_m=80, cell_m=20, inside=lake())
    assert smoother.density([], [], exact=exact).values.sum() == 0
    one = smoother.density([610.0], [310.0], exact=exact).values
    many = smoother.density([610.0] * 50, [310.0] * 50, exact=exact).values
    assert one.sum() * 400 / 10_000 == pytest.approx(1) and np.allclose(many, 50 * one)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"x": [1.0, np.nan], "y": [1.0, 1.0]}, "point 1: 1 of 2 points have no coordinates"),
        ({"x": [1.0], "y": [1.0, 2.0]}, "same length"),
        ({"bounds": (10, 0, 0, 10)}, "west < east"),
        ({"bandwidth_m": 0}, "bandwidth_m: 0; a positive number of metres"),
        ({"bandwidth_m": 100_000}, "bandwidth_m: 100000; at most the longer side of the ground, 1000 m"),
        ({"bandwidth_m": 40, "cell_m": 25}, "cell_m: 25; at most half the bandwidth, 20 m"),
        ({"cell_m": math.nan}, "cell_m: nan"),
        ({"kernel": "gauss"}, "kernel: 'gauss'; one of gaussian, quartic, epanechnikov"),
        ({"inside": np.ones((2, 2), dtype=bool)}, "inside: bool (2, 2); bool (24, 40)"),
    ],
)
def test_bad_input_is_named(options: dict, says: str):
    with pytest.raises(InputError) as caught:
        hotspots.kde(**({"x": [1.0], "y": [1.0], "bounds": BOX} | options))
    assert says in str(caught.value)


def test_a_grid_for_the_whole_earth_is_refused():
    with pytest.raises(TooLarge, match="larger cells"):
        hotspots.kde([1.0], [1.0], (0, 0, 4e7, 4e7), cell_m=1)


def test_allowed_cells_are_in_the_city_and_not_in_the_water():
    city = [shapely.Point(0, 0).buffer(400), shapely.box(300, -100, 900, 100)]
    water = [shapely.LineString([(-500, 50), (900, -50)]).buffer(20)]
    cells = hotspots.allowed_cells((-500, -500, 1000, 500), cell_m=10, city=city, water=water)
    cx, cy = np.meshgrid(np.arange(-495, 1000, 10.0), np.arange(-495, 500, 10.0))
    dry = shapely.difference(shapely.union_all(city), water[0])
    assert np.array_equal(cells, shapely.contains_xy(dry, cx, cy))
    assert hotspots.allowed_cells((0, 0, 50, 50), cell_m=10, city=city).all()
