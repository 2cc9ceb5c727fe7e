"""Where cases gather: two million cases, 100,000 cells, beside KDEpy, PySAL and scikit-learn in one run.

Ours and the peer take turns in each of the runs; medians are told, and the answers are compared.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import esda
import numpy as np
import shapely
from esda import smoothing
from KDEpy import FFTKDE
from libpysal import graph
from numba import njit
from scipy import ndimage
from sklearn.cluster import DBSCAN

from gis import hotspots
from gis.crs import to_city
from gis.hotspots import hexagons, permutation
from gis.hotspots.dbscan import dbscan
from gis.hotspots.exposure import gi_star_exposed
from gis.hotspots.getis import without_own
from gis.hotspots.rates import empirical_bayes
from gis.hotspots.stability import survival

CASES = 2_000_000
CELLS = (250, 400)
SIDE, SRID = 512, 4546
CELL_M, BANDWIDTH_M = 20.0, 80.0
RUNS = 7
Row = tuple[str, int, float, str]


def paired(*works: Callable[[], Any], runs: int = RUNS) -> tuple[list[float], list[Any]]:
    """Median seconds of each work, taking turns, after one turn that is not counted; and the last results."""
    results = [work() for work in works]
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for k, work in enumerate(works):
            begin = time.perf_counter()
            results[k] = work()
            spent[k].append(time.perf_counter() - begin)
    return [statistics.median(times) for times in spent], results


def run() -> list[Row]:
    """Rows of all methods."""
    rng = np.random.default_rng(1)
    x0, y0 = (float(v[0]) for v in to_city([111.0], [35.03], 4326, SRID))
    middle = rng.uniform(0, SIDE * CELL_M, (4000, 2))[rng.integers(0, 4000, CASES)]
    x, y = np.round(np.clip(middle + rng.normal(0, 60, (CASES, 2)), 0, SIDE * CELL_M - 0.001), 3).T.copy()
    return [*_density(x, y), *_local(), *_exposed(x, y), *_hexagons(x + x0, y + y0), *_clusters(x, y)]


def _density(x: np.ndarray, y: np.ndarray) -> list[Row]:
    bounds = (0.0, 0.0, SIDE * CELL_M, SIDE * CELL_M)
    r, c = np.indices((SIDE, SIDE))
    inside = (np.hypot(r - 256, c - 256) < 250) & (np.abs(r - c) > 2)
    smoother = hotspots.Smoother(bounds, bandwidth_m=BANDWIDTH_M, cell_m=CELL_M, inside=inside)
    free = hotspots.Smoother(bounds, bandwidth_m=BANDWIDTH_M, cell_m=CELL_M)
    axis = np.linspace(-500, SIDE * CELL_M + 500, SIDE)
    nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    points = np.column_stack([x, y])

    def peer() -> np.ndarray:
        return FFTKDE(kernel="gaussian", bw=BANDWIDTH_M).fit(points).evaluate(nodes)

    def once() -> hotspots.Grid:
        return hotspots.kde(x, y, bounds, bandwidth_m=BANDWIDTH_M, cell_m=CELL_M, inside=inside)

    def plain() -> np.ndarray:
        counts, _, _ = np.histogram2d(y, x, bins=SIDE, range=[[0, SIDE * CELL_M]] * 2)
        return ndimage.gaussian_filter(counts, BANDWIDTH_M / CELL_M, mode="constant")

    def compiled() -> np.ndarray:
        return ndimage.gaussian_filter(_counted(x, y, CELL_M, SIDE), BANDWIDTH_M / CELL_M, mode="constant")

    works: list[Callable[[], Any]] = [lambda: smoother.density(x, y), once, lambda: free.density(x, y), compiled]
    (ready, cold, open_, numba_, numpy_, kdepy), (found, _, whole, _, _, theirs) = paired(*works, plain, peer)
    held = found.values.sum() * CELL_M**2 / 10_000 + found.left_out
    if abs(held - CASES) > 1e-3 * CASES:
        raise AssertionError(f"the density holds {held} of {CASES} cases")
    at = whole.at(*nodes.T) / CASES / 10_000
    inner = ((nodes > 500) & (nodes < SIDE * CELL_M - 500)).all(axis=1)
    off = np.abs(at - theirs)[inner].max() / theirs.max()
    name = f"kde to {SIDE}x{SIDE}"
    return [
        (f"wanmi, {name}, edges corrected", CASES, ready, f"{held:,.2f} of {CASES:,} cases held"),
        (f"wanmi, {name}, ground read anew", CASES, cold, "kernel and border prepared each time"),
        (f"wanmi, {name}, no edges", CASES, open_, f"{off:.2%} of the top off KDEpy at most"),
        ("a numba loop that counts and scipy gaussian_filter", CASES, numba_, "no linear binning, no edges"),
        ("numpy histogram2d and scipy gaussian_filter", CASES, numpy_, "no linear binning, no edges"),
        (f"KDEpy FFTKDE, {name}", CASES, kdepy, "no edges"),
    ]


@njit
def _counted(x: np.ndarray, y: np.ndarray, cell: float, side: int) -> np.ndarray:
    """The plain way: the cell of each case, one after the other."""
    out = np.zeros((side, side))
    for i in range(len(x)):
        out[int(y[i] / cell), int(x[i] / cell)] += 1.0
    return out


def _local() -> list[Row]:
    near = hotspots.squares(np.ones(CELLS, dtype=bool))
    n = near.shape[0]
    off = without_own(near)
    x = np.random.default_rng(2).poisson(20, n).astype(float)
    pysal = graph.Graph.from_sparse(off.tocoo())

    def peer() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return esda.G_Local(x, pysal, "B", 0, star=True)

    (ours, auto, theirs), (found, dealt, peer_found) = paired(
        lambda: hotspots.gi_star(x, near), lambda: hotspots.gi_star(x, near, p="auto"), peer
    )
    apart = np.abs(found.z - peer_found.Zs).max()
    if apart > 1e-9:
        raise AssertionError(f"Gi* differs from PySAL by {apart}")
    (tails,), _ = paired(lambda: permutation.tails(x, off, runs=999, seed=1, cells=np.arange(n)), runs=1)
    (moran,), (local,) = paired(lambda: hotspots.local_moran(x, near, p="permutation"), runs=1)
    return [
        ("wanmi, Gi*, analytic p, FDR", n, ours, f"{apart:.0e} off PySAL"),
        ("esda G_Local (Graph), analytic p", n, theirs, "without FDR"),
        ("wanmi, Gi*, p by the rule", n, auto, f"{dealt.evidence.by}, {dealt.evidence.runs:,} runs"),
        ("wanmi, 999 conditional permutations", n, tails, "each cell by itself"),
        ("wanmi, local Moran, p by permutation, FDR", n, moran, f"up to {local.evidence.runs:,} runs"),
    ]


def _exposed(x: np.ndarray, y: np.ndarray) -> list[Row]:
    """Rates, and hotspots given an exposure, of 100,000 units; stability of 100 hotspots of all cases."""
    near = hotspots.squares(np.ones(CELLS, dtype=bool))
    n, rng = near.shape[0], np.random.default_rng(3)
    e = rng.gamma(2.0, 20.0, n)
    true = rng.gamma(2.0, 0.1, n)
    cases = rng.poisson(true * e)
    columns = np.column_stack([np.log(e + 1), rng.normal(0, 1, (n, 19))])

    def peer() -> np.ndarray:
        return np.asarray(smoothing.Empirical_Bayes(cases[:, None], e[:, None]).r).ravel()

    (moments, theirs), (mine, other) = paired(lambda: empirical_bayes(cases, e, prior="moments"), peer, runs=3)
    if np.abs(mine.rate - other).max() > 1e-9:
        raise AssertionError("rates differ from PySAL's")
    (whole, local), (found, _) = paired(
        lambda: empirical_bayes(cases, e), lambda: empirical_bayes(cases, e, near=near), runs=1
    )
    held = ((found.low <= true) & (true <= found.high)).mean()
    (single, many), (one, _) = paired(
        lambda: gi_star_exposed(cases, e, near), lambda: gi_star_exposed(cases, columns, near), runs=1
    )
    places = rng.uniform(0, SIDE * CELL_M, (2, 100))
    bounds = (0.0, 0.0, SIDE * CELL_M, SIDE * CELL_M)
    (steady,), (share,) = paired(lambda: survival(x, y, *places, bounds, city=[shapely.box(*bounds)]), runs=1)
    return [
        ("wanmi, empirical Bayes by moments, exact intervals", n, moments, "the same rates"),
        ("esda Empirical_Bayes", n, theirs, "no intervals"),
        ("wanmi, empirical Bayes with credible intervals", n, whole, f"{held:.1%} hold the true rate"),
        ("wanmi, the same towards the neighbours", n, local, ""),
        ("wanmi, Gi* given an exposure, FDR", n, single, f"{one.hot().sum()} hot"),
        ("wanmi, Gi* given 20 covariates, FDR", n, many, "regression twice"),
        ("wanmi, stability in 24 settings", len(x), steady, f"{(share.share > 0).sum()} of 100 places hot in some"),
    ]


def _hexagons(x: np.ndarray, y: np.ndarray) -> list[Row]:
    (seconds,), ((_, cases),) = paired(lambda: hexagons.count_hexagons(x, y, level=9, srid=SRID), runs=3)
    if cases.sum() != len(x):
        raise AssertionError(f"{cases.sum()} of {len(x)} cases in hexagons")
    return [("wanmi, H3 counts, level 9", len(x), seconds, f"{len(cases):,} cells")]


def _clusters(x: np.ndarray, y: np.ndarray) -> list[Row]:
    few = slice(0, 100_000)
    mm = np.rint(np.column_stack([x[few], y[few]]) * 1000)
    (ours, theirs), (labels, peer) = paired(
        lambda: dbscan(x[few], y[few], reach_m=50, least=20),
        lambda: DBSCAN(eps=50_000, min_samples=20).fit(mm),
        runs=3,
    )
    if not np.array_equal(labels.label, peer.labels_):
        raise AssertionError("labels differ from scikit-learn's")
    (many,), (found,) = paired(lambda: dbscan(x, y, reach_m=50, least=400), runs=1)
    begin = time.perf_counter()
    whole = hotspots.find_clusters(x, y, np.arange(len(x)), reach_m=50, least=400)
    spent = time.perf_counter() - begin
    return [
        ("wanmi, DBSCAN labels", mm.shape[0], ours, "the same labels"),
        ("scikit-learn DBSCAN", mm.shape[0], theirs, ""),
        ("wanmi, DBSCAN labels", len(x), many, f"{found.count:,} clusters"),
        ("wanmi, clusters, founders and polygons", len(x), spent, f"{len(whole):,} clusters"),
    ]
