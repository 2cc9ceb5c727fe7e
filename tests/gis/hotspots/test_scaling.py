"""Ten times the cases take at most ten times the time (twelve here: a test shares its machine)."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from gis import hotspots
from gis.hotspots import hexagons
from gis.hotspots.dbscan import dbscan
from gis.hotspots.warm import warm_hotspots

FEW = 20_000


def cases(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    middle = rng.uniform(0, 8000, (800, 2))[rng.integers(0, 800, n)]
    x, y = np.clip(middle + rng.normal(0, 60, (n, 2)), 0, 7999.9).T
    return np.round(x, 3), np.round(y, 3)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
    "kde": lambda x, y: hotspots.kde(x, y, (0, 0, 8000, 8000), bandwidth_m=80, cell_m=20),
    "squares": lambda x, y: hotspots.count_squares(x, y, (0, 0, 8000, 8000)),
    "h3": lambda x, y: hexagons.count_hexagons(x + 5e5, y + 3.87e6, level=9, srid=4546),
    "clusters": lambda x, y: hotspots.find_clusters(x, y, np.arange(len(x)), reach_m=40, least=5),
    "labels": lambda x, y: dbscan(x, y, reach_m=40, least=5),
}


@pytest.mark.parametrize("name", METHODS)
def test_ten_times_the_cases_at_most_ten_times_the_time(name: str):
    warm_hotspots()
    method = METHODS[name]
    spent = []
    for n, runs in ((FEW, 3), (10 * FEW, 2)):
        x, y = cases(n)
        times = []
        for _ in range(runs):
            begin = time.process_time()
            method(x, y)
            times.append(time.process_time() - begin)
        spent.append(min(times))
    assert spent[1] < 12 * spent[0] + 0.05, spent


def test_gi_star_on_ten_times_the_cells():
    spent = []
    for side in (100, 316):
        near = hotspots.squares(np.ones((side, side), dtype=bool))
        x = np.random.default_rng(1).poisson(9, side * side)
        times = []
        for _ in range(3):
            begin = time.process_time()
            hotspots.gi_star(x, near)
            times.append(time.process_time() - begin)
        spent.append(min(times))
    assert spent[1] < 12 * spent[0] + 0.01, spent
