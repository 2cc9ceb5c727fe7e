"""The scan statistic beside a plain implementation with random numbers of its own; planted clusters; null worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gis.hotspots.scan import RADII_M, members_of, scan
from grids.errors import InputError, TooLarge

RADII = (100.0, 200.0, 300.0)


def lattice(side: int) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(side) * 100.0
    return tuple(v.ravel() for v in np.meshgrid(at, at))


def plain_llr(cases: float, due: float, total: float) -> float:
    if cases < 2 or cases <= due:
        return 0.0
    rest = (total - cases) * math.log((total - cases) / (total - due)) if cases < total else 0.0
    return cases * math.log(cases / due) + rest


def plain_best(x, y, cube, expected, longest, ending_now=False, share=0.5):
    """The best of all circles in time, by plain loops over a cube and what is expected in each of its places."""
    total, bins = cube.sum(), cube.shape[1]
    best = (0.0, None)
    for c in range(len(x)):
        away = np.hypot(x - x[c], y - y[c])
        for ring, radius in enumerate((0.0, *RADII)):
            mine = away <= radius
            if expected[mine].sum() > share * total:
                break
            for s in range(bins):
                for e in range(s + 1, min(s + longest, bins) + 1):
                    if ending_now and e != bins:
                        continue
                    cases, due = cube[mine, s:e].sum(), expected[mine, s:e].sum()
                    llr = plain_llr(cases, due, total)
                    if llr > best[0] * (1 + 1e-12):
                        best = (llr, (c, (0.0, *RADII)[ring], s, e, cases, due))
    return best


def margins(cube):
    return cube.sum(axis=1)[:, None] * cube.sum(axis=0)[None, :] / cube.sum()


@pytest.mark.parametrize("model", ["permutation", "poisson"])
@pytest.mark.parametrize("ending_now", [False, True])
def test_the_best_is_that_of_plain_loops(model, ending_now):
    x, y = lattice(5)
    for seed in range(6):
        rng = np.random.default_rng([1, seed])
        weight = rng.gamma(1.0, 1.0, 25) + 0.05
        cube = rng.poisson(0.6 * weight[:, None], (25, 8))
        cube[rng.integers(25), 5:7] += 4
        exposure = weight if model == "poisson" else None
        expected = margins(cube) if exposure is None else cube.sum() * weight[:, None] / weight.sum() / 8 * np.ones(8)
        options = {"radii_m": RADII, "longest": 3, "ending_now": ending_now, "runs": 1}
        found = scan(x, y, cube, model=model, exposure=exposure, **options)
        llr, told = plain_best(x, y, cube, expected, 3, ending_now)
        if told is None:
            assert len(found) == 0
            continue
        assert found.llr[0] == pytest.approx(llr, rel=1e-9)
        mine = found.centre[0], found.radius_m[0], found.begin[0], found.end[0], found.cases[0]
        assert mine == told[:5] and found.expected[0] == pytest.approx(told[5])
        inside = members_of(found, 0, x, y)
        assert cube[inside, found.begin[0] : found.end[0]].sum() == found.cases[0]
        total = cube.sum()
        risk = found.cases[0] / found.expected[0] / ((total - found.cases[0]) / (total - found.expected[0]))
        assert found.ratio[0] == pytest.approx(risk)


@pytest.mark.parametrize("model", ["permutation", "poisson"])
def test_p_is_that_of_a_plain_implementation(model):
    x, y = lattice(4)
    rng = np.random.default_rng(4)
    weight = rng.gamma(2.0, 1.0, 16)
    cube = rng.poisson(0.5 * weight[:, None], (16, 6))
    cube[5, 2:4] += 3
    exposure = weight if model == "poisson" else None
    found = scan(x, y, cube, model=model, exposure=exposure, radii_m=RADII, longest=3, runs=1999)
    total, runs, reached = int(cube.sum()), 300, 0
    cell, time = (np.repeat(v, cube.ravel()) for v in np.indices(cube.shape).reshape(2, -1))
    share = weight / weight.sum()
    for _ in range(runs):
        dealt = np.zeros_like(cube)
        if model == "permutation":
            np.add.at(dealt, (cell, rng.permutation(time)), 1)
            expected = margins(cube)
        else:
            np.add.at(dealt, (rng.choice(16, total, p=share), rng.integers(0, 6, total)), 1)
            expected = total * share[:, None] / 6 * np.ones(6)
        reached += plain_best(x, y, dealt, expected, 3)[0] >= found.llr[0] * (1 - 1e-12)
    p = (1 + reached) / (runs + 1)
    assert abs(found.p[0] - p) <= 4 * math.sqrt(max(p * (1 - p), 0.01) / runs)
    assert 0.005 < found.p[0] < 0.9  # a p that tells nothing would agree with anything


def test_planted_clusters_are_found_and_told_apart():
    x, y = lattice(30)
    rng = np.random.default_rng(6)
    weight = rng.gamma(0.7, 1.0, 900)
    cube = rng.poisson(0.5 * weight[:, None], (900, 40))
    spots = ((7 * 30 + 8, 12, 15), (20 * 30 + 22, 30, 32), (3 * 30 + 25, 38, 40))
    for cell, begin, end in spots:
        near = np.hypot(x - x[cell], y - y[cell]) <= 100
        cube[near, begin:end] += rng.poisson(5.0, (int(near.sum()), end - begin))
    found = scan(x, y, cube, radii_m=RADII, longest=8, runs=199, seed=3)
    sure = np.flatnonzero(found.p <= 0.005)
    assert len(sure) == 3
    for cell, begin, end in spots:
        mine = [k for k in sure if math.hypot(x[found.centre[k]] - x[cell], y[found.centre[k]] - y[cell]) <= 100]
        assert len(mine) == 1
        assert abs(found.begin[mine[0]] - begin) <= 1 and abs(found.end[mine[0]] - end) <= 1
    assert (found.p[len(sure) :] > 0.05).all()
    now = scan(x, y, cube, radii_m=RADII, longest=8, ending_now=True, runs=199)
    assert now.p[0] <= 0.005 and (now.end == 40).all()
    assert math.hypot(x[now.centre[0]] - x[spots[2][0]], y[now.centre[0]] - y[spots[2][0]]) <= 100


def test_places_and_seasons_that_always_have_many_are_no_clusters_in_time():
    x, y = lattice(12)
    rng = np.random.default_rng(8)
    cell, time = np.ones(144), np.ones(24)
    cell[60:66], time[10:14] = 25.0, 6.0
    cube = rng.poisson(0.4 * cell[:, None] * time)
    assert scan(x, y, cube, radii_m=RADII, longest=8, runs=99).p[0] > 0.05
    assert scan(x, y, cube.sum(axis=1)[:, None], model="poisson", exposure=np.ones(144), runs=99).p[0] == 0.01
    assert scan(x, y, cube.sum(axis=1)[:, None], model="poisson", exposure=cell, runs=99).p[0] > 0.05


def alarms(count: int, seed: int, model: str) -> int:
    """Worlds without a cluster in which one is found at p <= 0.05."""
    x, y = lattice(8)
    found = 0
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        weight = rng.gamma(1.0, 1.0, 64) + 0.01
        cube = rng.poisson(0.3 * weight[:, None], (64, 10))
        exposure = weight if model == "poisson" else None
        made = scan(x, y, cube, model=model, exposure=exposure, radii_m=RADII, longest=4, runs=99, seed=k)
        found += len(made) > 0 and made.p[0] <= 0.05
    return found


@pytest.mark.parametrize("model", ["permutation", "poisson"])
def test_null_worlds(model):
    assert alarms(100, 9, model) / 100 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)


@pytest.mark.long
@pytest.mark.parametrize("model", ["permutation", "poisson"])
def test_a_thousand_null_worlds(model):
    found = alarms(1000, 10, model)
    print(f"\nscan, {model}: {found} false alarms in 1,000 worlds of 64 cells in 10 bins")
    assert found / 1000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


def test_a_seed_gives_the_same_on_any_number_of_threads(monkeypatch):
    x, y = lattice(6)
    cube = np.random.default_rng(11).poisson(1.0, (36, 9))
    answers = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("gis.hotspots.scan.os.cpu_count", lambda threads=threads: threads)
        found = scan(x, y, cube, radii_m=RADII, runs=50, seed=7)
        answers.append(b"".join(getattr(found, name).tobytes() for name in ("centre", "llr", "p", "expected")))
    assert len(set(answers)) == 1
    other = scan(x, y, cube, radii_m=RADII, runs=50, seed=8)
    assert other.p.tobytes() != found.p.tobytes()


def test_few_cases_and_bad_input():
    x, y = lattice(3)
    assert len(scan(x, y, np.zeros((9, 4)))) == 0
    one = np.zeros((9, 4))
    one[0, 0] = 1
    assert len(scan(x, y, one)) == 0
    for text, options in (
        ("model", {"model": "normal"}), ("longest", {"longest": 5}), ("share", {"share": 0}), ("most", {"most": 0}),
        ("exposure", {"exposure": np.ones(9)}), ("exposure", {"model": "poisson"}), ("runs", {"runs": 0}),
        ("exposure", {"model": "poisson", "exposure": np.zeros(9)}), ("radii_m", {"radii_m": [200, 100]}),
        ("radii_m", {"radii_m": [0.0]}), ("exposure", {"model": "poisson", "exposure": np.r_[0, np.ones(8)]}),
    ):  # fmt: skip
        with pytest.raises(InputError, match=text):
            scan(x, y, one, **options)
    with pytest.raises(InputError, match="whole number"):
        scan(x, y, one - 1)
    with pytest.raises(InputError, match="n, t"):
        scan(x, y, one[:5])
    with pytest.raises(TooLarge, match="longer bins"):
        scan(x, y, np.broadcast_to(np.int8(0), (9, 20_000_000)))
    assert RADII_M[0] > 0
