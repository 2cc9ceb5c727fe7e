"""Knox beside plain loops and a plain permutation; near repeats that were planted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from api.statistics.in_time import KNOX_DAYS, KNOX_M
from gis.hotspots import knox as room
from gis.hotspots.discovery import discovery_rate
from gis.hotspots.knox import knox
from grids.errors import InputError, TooLarge
from tests.gis.hotspots.test_null_worlds import most


def plain(x, y, at, distances, times):
    held = np.zeros((len(distances), len(times)), dtype=int)
    for i in range(len(x)):
        for j in range(i):
            away, apart = math.hypot(x[i] - x[j], y[i] - y[j]), abs(int(at[i]) - int(at[j]))
            d = next((k for k, end in enumerate(distances) if away <= end), None)
            t = next((k for k, end in enumerate(times) if apart <= end), None)
            if d is not None and t is not None:
                held[d, t] += 1
    return held


def cases(seed, n=250, repeats=0):
    rng = np.random.default_rng(seed)
    x, y, at = rng.integers(0, 1000, n) * 1.0, rng.integers(0, 1000, n) * 1.0, rng.integers(0, 60, n)
    first = rng.integers(0, n, repeats)
    x, y = np.r_[x, x[first] + rng.integers(-30, 31, repeats)], np.r_[y, y[first] + rng.integers(-30, 31, repeats)]
    return x, y, np.r_[at, at[first] + rng.integers(0, 3, repeats)]


def test_pairs_are_those_of_the_plain_loop():
    for seed in range(5):
        x, y, at = cases(seed)
        x[:3], y[:3] = (0, 30, 0), (0, 40, 50)  # exactly on the end of a band
        found = knox(x, y, at, distances_m=[50, 120], times=[0, 2, 7], runs=9)
        assert (found.pairs == plain(x, y, at, [50, 120], [0, 2, 7])).all()


def test_expected_and_p_are_those_of_a_plain_permutation():
    x, y, at = cases(7, n=90, repeats=8)
    found = knox(x, y, at, distances_m=[60, 150], times=[2, 9], runs=1999, seed=2)
    rng, sums, reached, runs = np.random.default_rng(1), 0, 0, 400
    for _ in range(runs):
        dealt = plain(x, y, rng.permutation(at), [60, 150], [2, 9])
        sums, reached = sums + dealt, reached + (dealt >= found.pairs)
    assert found.expected == pytest.approx(sums / runs, rel=0.08)
    p = (1 + reached) / (runs + 1)
    assert (abs(found.p - p) <= 4 * np.sqrt(np.maximum(p * (1 - p), 0.01) / runs)).all()
    assert found.ratio == pytest.approx(found.pairs / found.expected)


def test_near_repeats_are_found_and_chance_is_not():
    x, y, at = cases(3, n=1500, repeats=150)
    found = knox(x, y, at, distances_m=[50, 400], times=[2, 14], runs=199)
    assert found.p[0, 0] == 0.005 and found.ratio[0, 0] > 1.1 and found.p[1, 1] > 0.01
    assert found.q == pytest.approx(discovery_rate(found.p.ravel()).reshape(2, 2))


def alarms(worlds: int, seed: int) -> tuple[int, int]:
    """Worlds without near repeats in which any of the bands that are on offer stands out, by q and by the plain p."""
    by_q = by_p = 0
    for k in range(worlds):
        x, y, at = cases([seed, k], n=120)
        found = knox(x, y, at, distances_m=KNOX_M, times=KNOX_DAYS, runs=499, seed=k)
        by_q, by_p = by_q + (found.q < 0.05).any(), by_p + (found.p < 0.05).any()
    return int(by_q), int(by_p)


def test_few_false_alarms_in_a_hundred_null_worlds():
    by_q, by_p = alarms(100, 4)
    assert by_q <= most(100) < by_p  # twenty bands, each with its own p, would cry wolf


@pytest.mark.long
def test_few_false_alarms_in_a_thousand_null_worlds():
    by_q, by_p = alarms(1000, 5)
    print(f"\nKnox: {by_q} false alarms in 1,000 worlds by q, {by_p} by the p of a band alone")
    assert by_q <= most(1000)


def test_neither_order_nor_threads_change_it(monkeypatch):
    x, y, at = cases(5)
    one = knox(x, y, at, runs=99, seed=4)
    order = np.random.default_rng(0).permutation(len(x))
    monkeypatch.setattr("gis.hotspots.knox.os.cpu_count", lambda: 3)
    other = knox(x[order], y[order], at[order], runs=99, seed=4)
    for name in ("pairs", "expected", "p"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_bad_input(monkeypatch):
    x, y, at = cases(6, n=20)
    for text, options in (
        ("distances_m", {"distances_m": [0]}), ("distances_m", {"distances_m": [50, 20]}), ("times", {"times": [1.5]}),
        ("times", {"times": [-1]}), ("times", {"times": []}), ("runs", {"runs": 0}),
    ):  # fmt: skip
        with pytest.raises(InputError, match=text):
            knox(x, y, at, **options)
    with pytest.raises(InputError, match="whole numbers"):
        knox(x, y, at * 1.0)
    with pytest.raises(InputError, match="at least two"):
        knox([1.0], [1.0], [1])
    monkeypatch.setattr(room, "MOST_PAIRS", 10)
    with pytest.raises(TooLarge, match="shorter distance"):
        knox(x, y, at, distances_m=[2000])
