"""Gi* against its formula, PySAL and two independent false discovery rates."""

from __future__ import annotations

import math

import esda
import geopandas as gpd
import numpy as np
import pytest
import shapely
from libpysal import examples, graph
from scipy import sparse, stats
from sklearn.feature_selection import SelectFdr

from gis import hotspots
from gis.hotspots.discovery import ranked
from grids.errors import InputError

SIX = ([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30])
SIX_Y = [2, 3, 3.2, 5, 8, 7]


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


@pytest.fixture(scope="module")
def columbus() -> gpd.GeoDataFrame:
    return gpd.read_file(examples.get_path("columbus.shp"))


def matrix(near: graph.Graph, *, own: bool = True) -> sparse.csr_array:
    """A PySAL graph as our neighbours."""
    whole = near.sparse.tocsr()
    return sparse.csr_array(whole + sparse.eye_array(whole.shape[0], format="csr") if own else whole)


def test_six_points_of_getis_and_ord():
    z = hotspots.gi_star(SIX_Y, hotspots.band(*SIX, distance_m=15)).z
    assert z == pytest.approx([-1.397276, -0.289178, 0.650650, -0.289178, 1.234521, 2.024243], abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_six_points_equal_pysal():
    places = gpd.GeoSeries(gpd.points_from_xy(*SIX))
    peer = esda.G_Local(np.array(SIX_Y), graph.Graph.build_distance_band(places, 15), "B", 0, star=True)
    assert np.abs(hotspots.gi_star(SIX_Y, hotspots.band(*SIX, distance_m=15)).z - peer.Zs).max() < 1e-9


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["queen", "rook", "band"])
@pytest.mark.parametrize("column", ["CRIME", "HOVAL", "INC"])
def test_columbus_equals_pysal(columbus: gpd.GeoDataFrame, kind: str, column: str):
    y = columbus[column].to_numpy()
    if kind == "band":
        near = graph.Graph.build_distance_band(columbus.set_geometry(columbus.centroid), 2.5)
        centre = shapely.get_coordinates(columbus.centroid.to_numpy())
        mine = hotspots.band(*centre.T, distance_m=2.5)
        assert (mine != matrix(near)).nnz == 0
    else:
        near = graph.Graph.build_contiguity(columbus, rook=kind == "rook")
        mine = matrix(near)
        if kind == "queen":
            assert (hotspots.contact(columbus.geometry.to_numpy(), gap_m=1e-6) != mine).nnz == 0
    peer = esda.G_Local(y, near, "B", 0, star=True)
    found = hotspots.gi_star(y, mine)
    assert np.abs(found.z - peer.Zs).max() < 1e-9
    assert np.abs(found.p - 2 * peer.p_norm).max() < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_gi_star_equals_the_double_loop(seed: int):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 100, (2, 40))
    counts = rng.poisson(3, 40)
    near = hotspots.band(x, y, distance_m=20)
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    assert np.array_equal(near.toarray(), apart <= 20)
    assert hotspots.gi_star(counts, near).z == pytest.approx(slow_gi_star(counts.tolist(), near.toarray()))
    heavy = sparse.csr_array(near * sparse.csr_array(rng.uniform(0.1, 3, (40, 40))))
    assert hotspots.gi_star(counts, heavy).z == pytest.approx(slow_gi_star(counts.tolist(), heavy.toarray()))


def test_gi_star_without_variation_says_nothing():
    near = hotspots.band([0, 1, 9], [0, 0, 0], distance_m=2)
    for p in ("analytic", "permutation", "auto"):
        same = hotspots.gi_star([4, 4, 4], near, p=p)
        assert np.isnan(same.z).all() and np.isnan(same.q).all() and not (same.hot() | same.cold()).any()
    every = hotspots.gi_star([1, 2, 3], hotspots.band([0, 1, 2], [0, 0, 0], distance_m=5))
    assert np.isnan(every.z).all()


@pytest.mark.parametrize("seed", range(20))
def test_masks_equal_two_independent_false_discovery_rates(seed: int):
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=400) ** rng.uniform(1, 4)
    if seed % 2:
        p = np.maximum(np.round(p, 2), 0.001)  # many ties
    q = hotspots.discovery_rate(p)
    assert np.abs(q - np.asarray(stats.false_discovery_control(p))).max() < 1e-12
    for level in (0.01, 0.05, 0.2):
        peer = SelectFdr(lambda x, y: (x[0], x[0]), alpha=level).fit(p[None, :], [0])
        assert np.array_equal(q <= level, peer.get_support())
        ranked = np.sort(p)
        passes = [k for k in range(1, 401) if ranked[k - 1] <= level * k / 400]
        assert np.array_equal(q <= level, p <= (ranked[max(passes) - 1] if passes else -1.0))


def test_many_are_ranked_as_few_are():
    rng = np.random.default_rng(1)
    p = np.concatenate([rng.uniform(size=30_000) ** 9, rng.integers(0, 50, 9_000) / 49, [0.0, -0.0, 5e-324, 1.0]])
    rng.shuffle(p)
    assert np.array_equal(ranked(p), np.argsort(p, kind="stable"))
    assert np.abs(hotspots.discovery_rate(p) - stats.false_discovery_control(p)).max() < 1e-12
    odd = np.append(p - 0.5, np.nan)
    assert np.array_equal(ranked(odd), np.argsort(odd, kind="stable"))


def test_discovery_rate_of_nothing_and_of_missing_values():
    assert len(hotspots.discovery_rate([])) == 0
    assert np.isnan(hotspots.discovery_rate([np.nan, np.nan])).all()
    assert hotspots.discovery_rate([np.nan, 0.02]).tolist()[1] == 0.02


def test_auto_takes_the_normal_tail_only_where_it_holds():
    near = hotspots.squares(np.ones((40, 40), dtype=bool))
    rng = np.random.default_rng(1)
    many, few = (hotspots.gi_star(rng.poisson(mean, 1600), near, p="auto") for mean in (2000, 1))
    assert many.evidence.by == "analytic" and many.evidence.runs == 0
    assert few.evidence.by == "permutation" and few.evidence.runs >= 999 and "off by about" in few.evidence.why
    even = rng.poisson(2000, 1600).astype(float)
    even[7] = 1e6  # one large value skews all
    assert hotspots.gi_star(even, near, p="auto").evidence.by == "permutation"
    assert hotspots.gi_star(even, near, p="permutation").evidence.why.startswith("as asked")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda near: hotspots.gi_star([1.0, np.nan], near), "cell 1"),
        (lambda near: hotspots.gi_star([1.0, 2, 3], near), "shape (2, 2)"),
        (lambda near: hotspots.gi_star([1.0], near[:1, :1]), "n at least 2"),
        (lambda near: hotspots.gi_star([1.0, 2], near, p="bayes"), "p: 'bayes'; one of auto, analytic, permutation"),
        (lambda near: hotspots.gi_star([1.0, 2], near, p="permutation", runs=0), "runs: 0"),
        (lambda near: hotspots.local_moran([1.0, 2], near, p="permutation", seed=-1), "seed: -1"),
        (lambda near: hotspots.band([0], [0], distance_m=0), "distance_m: 0"),
    ],
)
def test_bad_input_is_named(call, says: str):
    with pytest.raises(InputError) as caught:
        call(hotspots.band([0, 1, 5], [0, 0, 0], distance_m=2)[:2, :2])
    assert says in str(caught.value)
