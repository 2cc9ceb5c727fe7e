"""P by permutation against all permutations there are, against PySAL, and on any number of threads."""

from __future__ import annotations

import itertools

import esda
import numpy as np
import pytest
from libpysal import graph
from scipy import sparse, special, stats

from gis import hotspots
from gis.hotspots import permutation, trust
from gis.hotspots.getis import without_own


def path(n: int) -> sparse.csr_array:
    """Cells in a row, each beside the next."""
    return hotspots.band(np.arange(n), np.zeros(n), distance_m=1)


def every_deal(x: np.ndarray, near: np.ndarray, *, own: bool) -> tuple[np.ndarray, np.ndarray]:
    """Shares of all permutations in which a cell's neighbourhood holds at least, and at most, what it does."""
    n = len(x)
    upper, lower = np.zeros(n), np.zeros(n)
    deals = np.array(list(itertools.permutations(range(n))))
    for i in range(n):
        mine = np.flatnonzero(near[i])
        mine = mine if own else mine[mine != i]
        kept = deals if own else deals[deals[:, i] == i]
        sums = x[kept[:, mine]].sum(axis=1)
        upper[i], lower[i] = (sums >= x[mine].sum()).mean(), (sums <= x[mine].sum()).mean()
    return upper, lower


@pytest.mark.parametrize("own", [True, False])
def test_p_is_that_of_all_permutations(own: bool):
    x = np.array([0.0, 1, 1, 7, 3, 0, 12, 2])
    near = path(8)
    upper, lower = every_deal(x, near.toarray(), own=own)
    exact = np.minimum(1, 2 * np.minimum(upper, lower))
    found = (
        permutation.total(x, near, runs=999, seed=3)
        if own
        else permutation.conditional(x, without_own(near), runs=99_900, seed=3)
    )
    assert found.runs == 99_900
    assert np.abs(found.p - exact).max() < 4 * 2 * np.sqrt(0.25 / 99_900)


@pytest.mark.long  # PySAL compiles for half a minute
@pytest.mark.filterwarnings("ignore")
def test_conditional_p_is_pysals_within_chance():
    rng = np.random.default_rng(1)
    x = rng.gamma(2, 3, 100)  # no ties: PySAL counts them on one side only
    side = np.arange(10.0)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    near = hotspots.band(*places.T, distance_m=1.5)
    peer = esda.Moran_Local(
        x, graph.Graph.from_sparse(without_own(near).tocoo()), permutations=9999, seed=1, transformation="r"
    )
    mine = hotspots.local_moran(x, near, p="permutation", runs=9999, seed=1)
    tested = ~np.isnan(mine.p)
    apart = np.abs(mine.p - np.minimum(1, 2 * peer.p_sim))
    # two counts of 9,999 runs, doubled: a standard error of 0.014 where p is one half, the largest of a hundred
    assert tested.all() and apart.mean() < 0.015 and apart.max() < 4.5 * 0.0142


def test_a_seed_is_an_answer_and_threads_are_none(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(2)
    near = hotspots.squares(np.ones((40, 40), dtype=bool))
    x = rng.poisson(1, 1600).astype(float)

    def answers(seed: int) -> list[bytes]:
        return [
            permutation.total(x, near, seed=seed).p.tobytes(),
            permutation.conditional(x, without_own(near), seed=seed).p.tobytes(),
        ]

    first = answers(5)
    assert answers(5) == first and all(a != b for a, b in zip(answers(6), first, strict=True))
    monkeypatch.setattr(permutation, "_threads", lambda: 1)
    assert answers(5) == first
    monkeypatch.setattr(permutation, "_threads", lambda: 7)
    assert answers(5) == first


def test_what_no_run_reached_goes_on_until_it_is_settled():
    near = hotspots.squares(np.ones((60, 60), dtype=bool))
    x = np.random.default_rng(3).poisson(1, 3600).astype(float)
    x[[1830, 1831, 1890]] = 30
    off = without_own(near)
    found = permutation.conditional(x, off, runs=999)
    assert found.runs > 9_000 and found.p.min() < 2e-4  # 999 runs alone tell no p below 2e-3
    q = hotspots.discovery_rate(found.p)
    assert q[[1831 - 60, 1830 + 1 - 60]].max() < 0.05
    plain = permutation.tails(x, off, runs=999, seed=0, cells=np.arange(3600))
    settled = np.minimum(*plain) > 0
    assert np.allclose(found.p[settled], np.minimum(1, 2 * (np.minimum(*plain)[settled] + 1) / 1000))


def test_weights_are_dealt_with_too():
    rng = np.random.default_rng(4)
    x = rng.poisson(3, 60).astype(float)
    near = sparse.csr_array(path(60).multiply(rng.uniform(0.5, 2, (60, 60))))
    found = hotspots.gi_star(x, near, p="permutation", runs=4999)
    slow = np.empty(60)
    dense = near.toarray()
    for i in range(60):
        w = np.delete(dense[i], i)
        others = np.delete(x, i)
        k = np.flatnonzero(w)
        sums = np.array([(w[k] * rng.choice(others, len(k), replace=False)).sum() for _ in range(4000)])
        held = (w * others).sum()
        slow[i] = min(1, 2 * min((sums >= held - 1e-9).mean(), (sums <= held + 1e-9).mean()))
    assert np.abs(found.p - slow).max() < 0.06


def test_p_is_even_when_nothing_is_there():
    rng = np.random.default_rng(5)
    near = hotspots.squares(np.ones((12, 12), dtype=bool))
    p = np.concatenate([permutation.total(rng.normal(size=144), near, seed=k).p for k in range(60)])
    assert stats.kstest(p[::13], "uniform").pvalue > 0.001 and np.mean(p < 0.05) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("mean", [10.0, 40.0, 400.0])
def test_the_tail_error_is_that_of_the_normal_tail(mean: float):
    """A Poisson sum at the quantile that decides, against the first Edgeworth term."""
    n, size = 900, 9
    x = np.random.default_rng(6).poisson(mean, 200_000).astype(float)[: n * 200]
    z = -special.ndtri(0.05 / (2 * n))
    held = size * mean
    cut = held + z * np.sqrt(held)
    true = stats.gamma(held, scale=1).sf(cut) * 0.5 + stats.poisson(held).sf(np.ceil(cut) - 1) * 0.5
    off = true / special.ndtr(-z) - 1
    said = trust.tail_error(x[:n], np.full(n, 9.0))
    assert 0.3 < said / off < 3.5
