"""Use every compiled kernel of this room once, so that the compile cache holds them."""

from __future__ import annotations

import numpy as np

from gis.hotspots.clusters import find_clusters
from gis.hotspots.density import Smoother
from gis.hotspots.discovery import ranked
from gis.hotspots.getis import gi_star
from gis.hotspots.moran import local_moran
from gis.hotspots.neighbours import squares


def warm_hotspots() -> None:
    """Density, Gi*, local Moran and clusters of a handful of cases."""
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
