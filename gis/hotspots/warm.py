"""Use every compiled kernel of this room once, so that the cache holds them: ``python -m gis.hotspots.warm``."""

from __future__ import annotations

import numpy as np
import shapely

from gis.hotspots.alerts import track
from gis.hotspots.clusters import find_clusters
from gis.hotspots.density import Smoother
from gis.hotspots.discovery import ranked
from gis.hotspots.expected_rates import recovered_rates
from gis.hotspots.getis import gi_star
from gis.hotspots.moran import local_moran
from gis.hotspots.neighbours import squares
from gis.hotspots.usual import Beside
from gis.hotspots.whence import spread, whence


def warm_hotspots() -> None:
    """Density, Gi*, local Moran, clusters, alerts and rates of a handful of cases."""
    x, y = np.array([1.0, 2.0, 3.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0, 3.0, 9.0])
    for inside in (None, np.ones((10, 10), dtype=np.bool_)):
        smoother = Smoother((0, 0, 10, 10), bandwidth_m=2, cell_m=1, inside=inside)
        smoother.density(x, y)
        smoother.density(x, y, exact=True)
    counts, near = np.arange(9.0), squares(np.ones((3, 3), dtype=np.bool_))
    gi_star(counts, squares(np.eye(9, dtype=np.bool_)), p="permutation", runs=1)
    gi_star(counts, near, p="permutation", runs=1)
    local_moran(counts, near, p="permutation", runs=1)
    find_clusters(x, y, np.arange(5), reach_m=2, least=2)
    ranked(np.zeros(20_000))
    bins = np.array([[9], [9], [9], [9], [40], [9], [9], [9], [9]]) * np.array([1, 1, 1, 2])
    for beside in (None, Beside(np.arange(9.0)[:, None], np.ones((1, 9, 4), dtype=np.int64), near)):
        track(bins, [near], runs=2, beside=beside)
    cells = np.array([shapely.box(5 * k, 0, 5 * k + 5, 10) for k in range(2)])
    came = whence(x, y, np.full(5, 5.0), np.arange(5) // 4, spread(cells))
    recovered_rates(came, [4, 1], [1, 1], np.zeros((2, 1)), cells, sweeps=8)


if __name__ == "__main__":
    warm_hotspots()
