"""Local Moran against its formula, PySAL and simulated moments."""

from __future__ import annotations

import esda
import geopandas as gpd
import numpy as np
import pytest
from libpysal import examples, graph
from scipy import sparse

from gis import hotspots


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["queen", "band"])
@pytest.mark.parametrize("column", ["CRIME", "HOVAL", "INC"])
def test_columbus_equals_pysal(kind: str, column: str):
    columbus = gpd.read_file(examples.get_path("columbus.shp"))
    y = columbus[column].to_numpy()
    centres = columbus.set_geometry(columbus.centroid)
    near = (
        graph.Graph.build_contiguity(columbus, rook=False)
        if kind == "queen"
        else graph.Graph.build_distance_band(centres, 1.5)
    )
    peer = esda.Moran_Local(y, near, transformation="r", permutations=0)
    found = hotspots.local_moran(y, sparse.csr_array(near.sparse.tocsr()))
    tied = found.quadrant > 0  # PySAL gives I = 0 to cells without neighbours, we none
    assert np.abs((found.i - peer.Is)[tied]).max() < 1e-9 and (peer.Is[~tied] == 0).all()
    assert np.array_equal(found.quadrant[tied], peer.q[tied])
    # PySAL's conditional moments are those of n / (n - 1) times its I
    n = len(y)
    some = ~np.isnan(found.z)
    assert some.sum() > 40
    apart = found.z - (peer.Is * n / (n - 1) - peer.EIc) / np.sqrt(np.where(some, peer.VIc, 1.0))
    assert np.abs(apart[some]).max() < 1e-9


def test_z_stands_against_what_chance_deals():
    rng = np.random.default_rng(1)
    near = hotspots.squares(np.ones((6, 6), dtype=bool))
    x = rng.gamma(2, 3, 36)
    found = hotspots.local_moran(x, near)
    d = x - x.mean()
    for i in (0, 7, 21):
        k = int(near.indptr[i + 1] - near.indptr[i]) - 1
        others = np.delete(d, i)
        lag = np.array([rng.choice(others, k, replace=False).mean() for _ in range(20_000)])
        dealt = 35 * d[i] * lag / (d * d).sum()
        assert found.z[i] == pytest.approx((found.i[i] - dealt.mean()) / dealt.std(), abs=0.05)


def test_the_diagonal_and_the_scale_of_weights_do_not_matter():
    near = hotspots.squares(np.ones((5, 7), dtype=bool))
    x = np.random.default_rng(2).poisson(4, 35)
    one, two = hotspots.local_moran(x, near), hotspots.local_moran(x, sparse.csr_array(near * 3.0))
    assert np.allclose(one.i, two.i) and np.allclose(one.p, two.p)


def test_lone_cells_and_even_counts_say_nothing():
    near = hotspots.band([0, 1, 2, 50], [0, 0, 0, 0], distance_m=1)
    found = hotspots.local_moran([1, 5, 2, 9], near, p="permutation")
    assert np.isnan([found.i[3], found.z[3], found.p[3], found.q[3]]).all() and found.quadrant[3] == 0
    assert not np.isnan(found.p[:3]).any()
    even = hotspots.local_moran([4, 4, 4, 4], near)
    assert np.isnan(even.i).all() and not even.hot().any()


def test_hot_is_high_among_high_only():
    inside = np.ones((20, 20), dtype=bool)
    x = np.random.default_rng(3).poisson(4, (20, 20)).astype(float)
    x[4:8, 4:8] += 30
    x[15, 15] += 60  # high among low
    x[12:16, 4:8] = 0
    found = hotspots.local_moran(x.ravel(), hotspots.squares(inside), p="permutation")
    hot = found.hot().reshape(20, 20)
    assert hot[5:7, 5:7].all() and not hot[15, 15] and not hot[12:16, 4:8].any()
    names = np.array(hotspots.QUADRANTS)[found.quadrant].reshape(20, 20)
    assert names[15, 15] == "high-low" and names[5, 5] == "high-high" and names[13, 5] == "low-low"
