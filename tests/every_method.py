"""Every method of where cases gather, asked of the cases that have a place: for tests of what must not matter."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely

from gis import hotspots
from gis.assign import Cases, assign
from gis.hotspots.compare import compare
from gis.hotspots.exposure import gi_star_exposed, local_moran_exposed
from gis.hotspots.knox import knox
from gis.hotspots.rates import empirical_bayes
from gis.hotspots.scan import members_of, scan
from gis.hotspots.trend import emerging
from gis.model import City
from gis.snapshot import Snapshot

CELL_M, BINS, DAYS = 250.0, 12, 360


class Town:
    """A city's ground on squares, and its cases as the engine places them; `declared` False forgets default points."""

    def __init__(self, city: City, layers: dict[str, gpd.GeoDataFrame], *, declared: bool = True) -> None:
        self.layers = layers
        city = city if declared else replace(city, default_points=())
        self.snapshot = Snapshot.compile(city, layers)
        self.ground = layers["areas"].geometry.to_numpy()
        self.bounds = tuple(map(float, shapely.total_bounds(self.ground)))

    def undeclared(self) -> Town:
        """The same without its default points declared."""
        return Town(self.snapshot.city, self.layers, declared=False)

    def located(self, x: np.ndarray, y: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The cases that have a place in the city."""
        taken = Cases.read(self.snapshot, x, y, [""] * len(x))
        rule = assign(taken, self.snapshot).frame()["rule"].to_numpy(str)
        mine = ~np.isin(rule, ["no_location", "outside"])
        return x[mine], y[mine], day[mine]

    def hot(self, x: np.ndarray, y: np.ndarray, day: np.ndarray) -> dict[str, np.ndarray]:
        """What each method tells, and whether the square that holds ``at`` stands out in it."""
        grid = hotspots.count_squares(x, y, self.bounds, cell_m=CELL_M)
        inside = (grid.values > 0) | hotspots.allowed_cells(self.bounds, cell_m=CELL_M, city=self.ground)
        near, counts = hotspots.squares(inside), grid.values[inside]
        cx, cy = (v[inside] for v in np.meshgrid(*grid.centres))
        column, row = ((v - o) // CELL_M for v, o in ((x, self.bounds[0]), (y, self.bounds[1])))
        cell = (np.cumsum(inside.ravel()) - 1)[(row * inside.shape[1] + column).astype(int)]
        bin_of = day * BINS // DAYS
        cube = np.bincount(cell * BINS + bin_of, minlength=len(counts) * BINS).reshape(-1, BINS)
        even = np.ones(len(counts))
        clusters = np.zeros(len(counts), dtype=bool)
        found = hotspots.find_clusters(x, y, day, reach_m=30, least=15)
        clusters[cell[found.label >= 0]] = True
        stretches = scan(cx, cy, cube, longest=4, runs=99)
        scanned = np.zeros(len(counts), dtype=bool)
        for k in np.flatnonzero(stretches.p < hotspots.LEVEL):
            scanned[members_of(stretches, int(k), cx, cy)] = True
        rates = empirical_bayes(counts, even)
        told = {
            "gi": hotspots.gi_star(counts, near, p="auto").hot(),
            "moran": hotspots.local_moran(counts, near, p="auto", runs=199).hot(),
            "gi with exposure": gi_star_exposed(counts, even, near).hot(),
            "moran with exposure": local_moran_exposed(counts, even, near, runs=199).hot(),
            "rates": rates.low > counts.mean(),
            "trend": (emerging(cube, near).state == 1).any(axis=1),
            "compare": compare(cube[:, : BINS // 2].sum(axis=1), cube[:, BINS // 2 :].sum(axis=1)).more(),
            "scan": scanned,
            "clusters": clusters,
            "density": hotspots.kde(x, y, self.bounds, bandwidth_m=CELL_M, cell_m=CELL_M / 2).values,
            "knox": knox(x, y, day, distances_m=[50, 200], times=[1, 7], runs=99).q,
        }
        self.cells = shapely.box(cx - CELL_M / 2, cy - CELL_M / 2, cx + CELL_M / 2, cy + CELL_M / 2)
        return told

    def at(self, x: float, y: float) -> int:
        """Number of the square, of those that `hot` last told of, that holds a place; -1 for none."""
        found = np.flatnonzero(shapely.intersects_xy(self.cells, x, y))
        return int(found[0]) if len(found) else -1


def piled_up(
    x: np.ndarray, y: np.ndarray, day: np.ndarray, spots: np.ndarray, n: int = 300
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cases, and so many on each of the spots, in the last quarter of the time."""
    rng = np.random.default_rng(1)
    more = np.repeat(np.asarray(spots, dtype=float), n, axis=0)
    days = rng.integers(DAYS * 3 // 4, DAYS, len(more))
    return np.concatenate([x, more[:, 0]]), np.concatenate([y, more[:, 1]]), np.concatenate([day, days])
