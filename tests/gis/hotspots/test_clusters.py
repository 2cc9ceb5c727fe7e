"""Clusters against scikit-learn, a slow replay of who came first, and polygons that hold exactly their cases."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from sklearn.cluster import DBSCAN

from gis import hotspots
from gis.hotspots import outlines as room
from gis.hotspots.dbscan import dbscan, founders
from gis.hotspots.outlines import outlines
from grids.errors import InputError


def world(seed: int) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Points with clusters, noise, lattices (many ties), repeated places; a reach and a least count."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 1500)), int(rng.integers(1, 8))
    middle = rng.uniform(0, 500, (k, 2))[rng.integers(0, k, n)]
    gathered = rng.random(n) < 0.6
    x = np.where(gathered, rng.normal(middle[:, 0], 15), rng.uniform(0, 600, n))
    y = np.where(gathered, rng.normal(middle[:, 1], 15), rng.uniform(0, 400, n))
    if seed % 3 == 1:
        x, y = np.round(x / 5) * 5, np.round(y / 5) * 5
    if seed % 3 == 2:
        again = rng.integers(0, n, n)
        x, y = x[again], y[again]
    return np.round(x, 3), np.round(y, 3), float(rng.choice([5, 10, 15, 25, 60])), int(rng.choice([2, 3, 5, 10]))


@pytest.mark.parametrize("seed", range(45))
def test_labels_equal_scikit_learns(seed: int):
    x, y, reach, least = world(seed)
    found = dbscan(x, y, reach_m=reach, least=least)
    peer = DBSCAN(eps=reach * 1000, min_samples=least, algorithm="brute").fit(np.rint(np.column_stack([x, y]) * 1000))
    assert np.array_equal(found.label, peer.labels_)
    assert np.array_equal(np.flatnonzero(found.core), peer.core_sample_indices_)
    assert found.count == peer.labels_.max() + 1


@pytest.mark.parametrize("seed", range(30))
def test_founders_are_those_of_a_replay(seed: int):
    x, y, reach, least = world(seed)
    rank = np.random.default_rng(seed).permutation(len(x))
    labels = dbscan(x, y, reach_m=reach, least=least)
    mm = np.rint(np.column_stack([x, y]) * 1000)
    near = ((mm[:, None] - mm[None]) ** 2).sum(axis=2) <= (reach * 1000) ** 2
    slow = []
    for c in range(labels.count):
        cores = np.flatnonzero((labels.label == c) & labels.core)
        slow.append(min((max(rank[p], np.sort(rank[near[p]])[least - 1]), rank[p], p) for p in cores)[2])
    assert founders(x, y, rank, labels, reach_m=reach, least=least).tolist() == slow


@pytest.mark.parametrize("seed", range(45))
def test_polygons_hold_exactly_their_cases(seed: int):
    x, y, reach, least = world(seed)
    labels = dbscan(x, y, reach_m=reach, least=least)
    shapes = outlines(x, y, labels.label, count=labels.count, reach_m=reach)
    points = shapely.points(x, y)
    assert len(shapes) == labels.count and shapely.is_valid(shapes).all() and (shapely.area(shapes) > 0).all()
    for c, shape in enumerate(shapes):
        assert np.array_equal(shapely.intersects(shape, points), labels.label == c), c


@pytest.mark.parametrize("seed", range(0, 45, 3))
def test_tiles_give_the_ground_of_one_triangulation(seed: int, monkeypatch: pytest.MonkeyPatch):
    x, y, reach, least = world(seed)
    labels = dbscan(x, y, reach_m=min(reach, 15), least=least)
    given = {"count": labels.count, "reach_m": min(reach, 15)}
    monkeypatch.setattr(room, "_MARGINS", 2)
    monkeypatch.setattr(room, "_TILE", 30)
    many = outlines(x, y, labels.label, **given)
    monkeypatch.setattr(room, "_TILE", 10**9)
    one = outlines(x, y, labels.label, **given)
    assert len(many) == len(one)
    assert all(a.normalize().equals_exact(b.normalize()) for a, b in zip(many, one, strict=True))


@pytest.mark.parametrize("places", [[(5.0, 5.0)], [(5.0, 5.0), (6.0, 5.0)], [(float(k), 2.0 * k) for k in range(9)]])
def test_clusters_at_one_place_and_on_one_line_have_ground(places: list[tuple[float, float]]):
    x, y = np.repeat(np.array(places), 3, axis=0).T
    found = hotspots.find_clusters(x, y, np.arange(len(x)), reach_m=5, least=3)
    assert len(found) == 1 and found.cases[0] == len(x) and shapely.area(found.shape[0]) > 0
    assert shapely.intersects(found.shape[0], shapely.points(x, y)).all()


def test_no_case_and_one_case_are_no_cluster():
    for n in (0, 1):
        found = hotspots.find_clusters(np.zeros(n), np.zeros(n), np.zeros(n), reach_m=5, least=2)
        assert len(found) == 0 and found.label.tolist() == [-1] * n and len(found.shape) == 0


@pytest.mark.parametrize("seed", range(0, 45, 4))
def test_the_order_of_the_cases_changes_no_bit(seed: int):
    x, y, reach, least = world(seed)
    rng = np.random.default_rng(seed)
    arrival = rng.integers(0, 50, len(x))
    one = hotspots.find_clusters(x, y, arrival, reach_m=reach, least=least)
    turn = rng.permutation(len(x))
    two = hotspots.find_clusters(x[turn], y[turn], arrival[turn], reach_m=reach, least=least)
    assert np.array_equal(one.cases, two.cases) and [s.wkb for s in one.shape] == [s.wkb for s in two.shape]
    assert np.array_equal(one.label[turn], two.label)
    for a, b in zip(one.founder, turn[two.founder], strict=True):
        assert (x[a], y[a], arrival[a]) == (x[b], y[b], arrival[b])


def city(seed: int, days: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cases of many days: places where they gather, some lasting, some from a day on."""
    rng = np.random.default_rng(seed)
    middle, start = rng.uniform(0, 3000, (30, 2)), rng.integers(0, days, 30)
    day = np.sort(rng.integers(0, days, 6000))
    at = rng.integers(0, 30, 6000)
    fresh = (start[at] <= day) & (rng.random(6000) < 0.7)
    x = np.where(fresh, rng.normal(middle[at, 0], 20), rng.uniform(0, 3000, 6000))
    y = np.where(fresh, rng.normal(middle[at, 1], 20), rng.uniform(0, 3000, 6000))
    return np.round(x, 3), np.round(y, 3), day + rng.random(6000)


@pytest.mark.parametrize("seed", range(6))
def test_founders_outlive_each_new_day(seed: int):
    x, y, when = city(seed, 60)
    known: dict[int, int] = {}  # founder -> day of its first cluster
    for day in range(40, 61):
        so_far = when < day
        number = np.flatnonzero(so_far)
        found = hotspots.find_clusters(x[so_far], y[so_far], when[so_far], reach_m=25, least=12)
        now = {int(number[f]): found.label[f] for f in found.founder}
        place = {int(case): int(label) for case, label in zip(number, found.label, strict=True)}
        for founder in known:
            # a cluster ends only where it grows together with an older one
            assert founder in now or place[founder] >= 0
            if founder not in now:
                older = next(f for f, label in now.items() if label == place[founder])
                assert known.get(older, 0) <= known[founder]
        for founder in now:
            known.setdefault(founder, day)
    assert len(known) >= 15


def test_ids_are_carried_over_by_shared_cases():
    before = ["a"] * 5 + ["b"] * 3 + ["c"] * 2 + [""] * 3
    now = np.array([0, 0, 0, 1, 1, 2, 2, 0, 3, -1, 3, 4, -1], dtype=np.int32)
    # a breaks up: the larger part keeps it; b gave one case to 0; c lives on as 3; 4 is new
    assert hotspots.carry_ids(before, now, list("vwxyz")) == ["a", "w", "b", "c", "z"]
    assert hotspots.carry_ids(["a", "b", "b"], np.zeros(3, dtype=np.int32), ["n"]) == ["b"]
    assert hotspots.carry_ids(["b", "a"], np.zeros(2, dtype=np.int32), ["n"]) == ["a"]  # a tie: the lower id
    assert hotspots.carry_ids(["n", "", ""], np.array([1, 0, 2]), ["n", "m", "n"]) == ["n-2", "n", "n-3"]
    assert hotspots.carry_ids([], np.array([], dtype=np.int32), []) == []


@pytest.mark.parametrize("seed", range(6))
def test_ids_survive_a_window_that_moves(seed: int):
    x, y, when = city(seed, 60)
    ids = np.full(len(x), "", dtype=object)
    kept = shared = 0
    for day in range(40, 60):
        mine = np.flatnonzero((when >= day - 30) & (when < day))
        found = hotspots.find_clusters(x[mine], y[mine], when[mine], reach_m=25, least=8)
        before = {i for i in ids[mine] if i}
        names = hotspots.carry_ids(ids[mine], found.label, [f"{day}-{f}" for f in found.founder])
        assert len(set(names)) == len(names)
        for c, name in enumerate(names):
            held = ids[mine][found.label == c]
            if (held != "").sum() > len(held) / 2:
                shared += 1
                kept += name in before
        ids[:] = ""
        some = found.label >= 0
        ids[mine[some]] = np.array(names, dtype=object)[found.label[some]]
    assert shared > 100 and kept == shared


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reach_m": 0}, "reach_m: 0; 1 to 2000 metres"),
        ({"reach_m": 100_000}, "reach_m: 100000; 1 to 2000 metres"),
        ({"reach_m": np.nan}, "reach_m: nan"),
        ({"least": 1}, "least: 1; 2 to 1,000,000 cases"),
        ({"x": [0.0, np.nan]}, "point 1"),
        ({"x": [0.0, 3e9]}, "km apart"),
        ({"arrival": [1]}, "one arrival for each case"),
    ],
)
def test_bad_input_is_named(options: dict, says: str):
    with pytest.raises(InputError) as caught:
        hotspots.find_clusters(**({"x": [0.0, 1.0], "y": [0.0, 1.0], "arrival": [1, 2]} | options))
    assert says in str(caught.value)


@pytest.mark.long
def test_half_a_million_cases_are_held_exactly():
    rng = np.random.default_rng(9)
    middle = rng.uniform(0, 10_000, (3000, 2))[rng.integers(0, 3000, 500_000)]
    x, y = np.round(middle + rng.normal(0, 25, (500_000, 2)), 3).T
    labels = dbscan(x, y, reach_m=30, least=60)
    shapes = outlines(x, y, labels.label, count=labels.count, reach_m=30)
    tree = shapely.STRtree(shapely.points(x, y))
    cluster, point = tree.query(shapes, predicate="intersects")
    assert np.array_equal(np.sort(point), np.flatnonzero(labels.label >= 0))
    assert np.array_equal(labels.label[point], cluster)
