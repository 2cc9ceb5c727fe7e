"""Emerging hotspots beside a plain implementation: kinds, Mann-Kendall, Gi* over space and time, null worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from gis.hotspots import gi_star, squares
from gis.hotspots.discovery import discovery_rate
from gis.hotspots.permutation import total
from gis.hotspots.trend import KINDS, LEAST_BINS, PATTERNS, emerging, mann_kendall, patterns
from grids.errors import InputError, TooLarge


def plain_pattern(history: list[int], trend: int) -> str:
    """The kind of a history, by the words of the definition."""
    bins = len(history)
    for side, name in ((1, "hot"), (-1, "cold")):
        on = [h == side for h in history]
        if sum(on) >= 0.9 * bins:
            if not on[-1]:
                return f"historical {name}"
            if trend == side:
                return f"intensifying {name}"
            return f"diminishing {name}" if trend == -side else f"persistent {name}"
    for side, name in ((1, "hot"), (-1, "cold")):
        on = [h == side for h in history]
        if not on[-1]:
            continue
        if sum(on) == 1:
            return f"new {name}"
        run = 0
        while run < bins and on[bins - 1 - run]:
            run += 1
        if run == sum(on):
            return f"consecutive {name}"
        return f"oscillating {name}" if -side in history else f"sporadic {name}"
    return "none"


def plain_kendall(values: list[float]) -> float:
    t = len(values)
    s = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    spread = t * (t - 1) * (2 * t + 5) - sum(g * (g - 1) * (2 * g + 5) for g in (values.count(v) for v in set(values)))
    return 0.0 if spread == 0 else (s - (s > 0) + (s < 0)) / math.sqrt(spread / 18)


def histories(kind: str, rng: np.random.Generator, n: int) -> np.ndarray:
    """Random histories that lean towards a kind, so that each kind comes up often enough."""
    bins = int(rng.integers(LEAST_BINS, 40))
    share = {"intensifying": 0.97, "persistent": 0.97, "diminishing": 0.97, "historical": 0.97}.get(kind, 0.3)
    out = (rng.random((n, bins)) < share).astype(int)
    if kind == "historical":
        out[:, -1] = 0
        out[:, :-1] |= rng.random((n, bins - 1)) < 0.9
    elif kind in ("new", "consecutive"):
        run = np.ones(n, int) if kind == "new" else rng.integers(2, 1 + bins // 2, n)
        out = (np.arange(bins) >= bins - run[:, None]).astype(int)
    else:
        out[:, -1] = 1
    if kind in ("oscillating", "new", "consecutive"):
        out[(out == 0) & (rng.random(out.shape) < 0.3)] = -1
    return out


def test_every_kind_is_that_of_the_plain_words_a_thousand_times():
    rng = np.random.default_rng(3)
    seen = dict.fromkeys(PATTERNS, 0)
    for kind in KINDS:
        for side in (1, -1):
            for _ in range(24):
                state, trend = histories(kind, rng, 80) * side, rng.integers(-1, 2, 80)
                got = patterns(state, trend)
                for k in range(80):
                    want = plain_pattern(state[k].tolist(), int(trend[k]))
                    assert PATTERNS[got[k]] == want, (state[k], trend[k])
                    seen[want] += 1
    while seen["none"] < 1000:
        state = rng.choice([-1, 0, 0, 0, 1], (100, 12))
        for k, code in enumerate(patterns(state, np.zeros(100))):
            assert PATTERNS[code] == plain_pattern(state[k].tolist(), 0)
            seen[PATTERNS[code]] += 1
    for name in ("intensifying", "persistent", "diminishing"):  # a third of the long ones each
        assert min(seen[f"{name} hot"], seen[f"{name} cold"]) >= 1000, seen
    assert min(seen.values()) >= 1000, seen


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-1, 1), min_size=10, max_size=30), st.integers(-1, 1))
def test_any_history_has_the_kind_of_the_plain_words(history, trend):
    assert PATTERNS[patterns([history], [trend])[0]] == plain_pattern(history, trend)


def test_mann_kendall_is_that_of_the_plain_loop():
    rng = np.random.default_rng(5)
    for t in (2, 10, 23):
        values = np.concatenate([rng.integers(0, 4, (300, t)), rng.integers(0, 10**6, (300, t))])
        z, p = mann_kendall(values)
        assert z == pytest.approx([plain_kendall(row.tolist()) for row in values], abs=1e-12)
        assert p == pytest.approx([math.erfc(abs(v) / math.sqrt(2)) for v in z], abs=1e-12)
    z, p = mann_kendall(np.full((1, 12), 4))
    assert (z[0], p[0]) == (0.0, 1.0)


def blocks(near: sparse.csr_array, bins: int, back: int) -> sparse.csr_array:
    """Neighbours in space and time as one matrix over all cells of the cube, bin by bin."""
    rows = [[near if 0 <= t - u <= back else None for u in range(bins)] for t in range(bins)]
    return sparse.csr_array(sparse.block_array(rows, format="csr"))


@pytest.mark.parametrize("back", [0, 1, 3])
def test_scores_are_gi_star_of_the_whole_cube(back):
    rng = np.random.default_rng(7)
    near = squares(rng.random((6, 8)) < 0.85)
    cube = rng.poisson(rng.gamma(0.5, 4.0, (near.shape[0], 12)))
    found = emerging(cube, near, back=back)
    flat = gi_star(cube.T.ravel().astype(float), blocks(near, 12, back))
    assert found.z.T.ravel() == pytest.approx(flat.z, rel=1e-5)


def test_p_is_that_of_dealing_the_cube_out():
    rng = np.random.default_rng(9)
    near = squares(np.ones((10, 12), dtype=bool))
    cube = rng.poisson(0.4, (120, 15))
    wide = blocks(near, 15, 1)
    found = emerging(cube, near)
    dealt = total(cube.T.ravel().astype(float), wide, runs=2000, seed=1).p
    from gis.hotspots import trend

    sums, own = wide @ cube.T.ravel(), np.diff(wide.indptr)
    sizes = np.unique(np.diff(near.indptr))
    table, begins = trend._tails(cube, sizes, 1)
    at = {(int(k) * (layers + 1)): begins[2 * i + layers] for i, k in enumerate(sizes) for layers in (0, 1)}
    # two neighbourhoods of equal count share a row's content, whichever row it is
    mine = np.array([table[at[int(k)] + int(s)] for k, s in zip(own, sums, strict=True)])
    often = mine > 1e-3
    assert dealt[often] == pytest.approx(mine[often], rel=0.12, abs=2e-3)
    assert found.q.shape == (120, 15) and (found.state == 0).mean() > 0.99


SPOTS = {"persistent": (5, 5), "new": (5, 24), "consecutive": (24, 5), "intensifying": (24, 24), "historical": (15, 15)}
ADDED = {
    "persistent": np.full(20, 24), "new": np.r_[np.zeros(19), 30], "consecutive": np.r_[np.zeros(16), [25] * 4],
    "intensifying": np.arange(16, 56, 2), "historical": np.r_[[26] * 19, 0],
}  # fmt: skip


def planted(reach: int) -> np.ndarray:
    """Even cases on 30 x 30 cells in 20 bins, and hotspots of so many cells around their middle."""
    rng = np.random.default_rng(11)
    cube = rng.poisson(0.5, (30, 30, 20))
    for name, (r, c) in SPOTS.items():
        spot = cube[r - reach : r + reach + 1, c - reach : c + reach + 1]
        spot += rng.poisson(ADDED[name], spot.shape)
    return cube.reshape(900, 20)


@pytest.mark.parametrize("reach", [0, 1])
def test_planted_histories_are_named(reach):
    near = squares(np.ones((30, 30), dtype=bool))
    # a lone heavy cell is no gathering of heavy cells: it takes a mean to be held against
    found = emerging(planted(reach), near, expected=None if reach else np.ones((900, 1)), back=0)
    for name, (r, c) in SPOTS.items():
        assert PATTERNS[found.pattern[30 * r + c]] == f"{name} hot"
    far = np.ones((30, 30), dtype=bool)
    for r, c in SPOTS.values():
        far[r - reach - 1 : r + reach + 2, c - reach - 1 : c + reach + 2] = False
    assert (found.state[far.ravel()] > 0).sum() <= 0.05 * (found.state > 0).sum()


def test_what_is_expected_is_held_against_a_poisson_count():
    rng = np.random.default_rng(17)
    near, mean = squares(np.ones((5, 6), dtype=bool)), rng.gamma(1.0, 3.0, (30, 11))
    cube = rng.poisson(mean)
    found = emerging(cube, near, expected=2 * mean, back=2)
    share, p = cube.sum() / mean.sum(), []
    for t in range(11):
        for i in range(30):
            mine = near[[i]].indices
            held = int(cube[mine, max(t - 2, 0) : t + 1].sum())
            rate = mean[mine, max(t - 2, 0) : t + 1].sum() * share
            assert found.z[i, t] == pytest.approx((held - rate) / math.sqrt(rate), rel=1e-5)
            p.append(min(1.0, 2 * min(stats.poisson.cdf(held, rate), stats.poisson.sf(held - 1, rate))))
    assert found.q.T.ravel() == pytest.approx(discovery_rate(p), rel=1e-5)
    with pytest.raises(InputError, match="expected: shape"):
        emerging(cube, near, expected=mean[:, :3])
    with pytest.raises(InputError, match="where none are expected"):
        emerging(cube, near, expected=np.r_[1.0, np.zeros(29)][:, None], back=0)


def worlds(count: int, seed: int, poisson: bool) -> int:
    """Of so many worlds without a hotspot, how many have a cell that is hot in any bin."""
    near, alarms = squares(np.ones((20, 20), dtype=bool)), 0
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        cube = rng.poisson((0.05, 0.5, 5.0)[k % 3], (400, 24))
        alarms += bool((emerging(cube, near, expected=np.ones((400, 1)) if poisson else None).state != 0).any())
    return alarms


@pytest.mark.parametrize("poisson", [False, True])
def test_null_worlds_raise_no_more_alarms_than_said(poisson):
    assert worlds(100, 1, poisson) / 100 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)


@pytest.mark.long
@pytest.mark.parametrize("poisson", [False, True])
def test_a_thousand_null_worlds(poisson):
    found = worlds(1000, 2, poisson)
    print(f"\ntrend{', Poisson' * poisson}: {found} false alarms in 1,000 worlds of 400 cells in 24 bins")
    assert found / 1000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


def test_shuffled_cells_have_the_same_answers_to_the_bit():
    rng = np.random.default_rng(13)
    near = squares(np.ones((12, 15), dtype=bool))
    cube = rng.poisson(rng.gamma(0.4, 3.0, (180, 14)))
    order = rng.permutation(180)
    one, other = emerging(cube, near), emerging(cube[order], sparse.csr_array(near[order][:, order]))
    for name in ("z", "q", "state", "rise", "rise_p", "pattern"):
        assert (getattr(one, name)[order] == getattr(other, name)).all(), name


def test_even_counts_and_bad_input():
    near = squares(np.ones((2, 3), dtype=bool))
    found = emerging(np.full((6, 10), 2), near)
    assert np.isnan(found.z).all() and not found.pattern.any()
    with pytest.raises(InputError, match="9 bins of time; at least 10"):
        emerging(np.zeros((6, 9)), near)
    for bad in (np.nan, -1, 0.5):
        with pytest.raises(InputError, match="whole number"):
            emerging(np.full((6, 10), bad), near)
    with pytest.raises(InputError, match="back"):
        emerging(np.ones((6, 10)), near, back=10)
    with pytest.raises(InputError, match="ones"):
        emerging(np.ones((6, 10)), near * 2.0)
    with pytest.raises(InputError, match="n, t"):
        emerging(np.ones((5, 10)), near)
    with pytest.raises(TooLarge, match="longer bins"):
        emerging(np.broadcast_to(np.int8(0), (6, 20_000_000)), near)


def test_ground_is_what_counts_are_held_against():
    """Equal ground changes nothing; evenly thrown cases of unequal cells are no hotspots, and counts alone would be."""
    rng, near = np.random.default_rng(12), squares(np.ones((20, 20), dtype=bool))
    cube = rng.poisson(3.0, (400, 12))
    plain, same = emerging(cube, near), emerging(cube, near, ground=np.full(400, 0.7))
    for name in ("z", "q", "state", "rise", "pattern"):
        assert np.array_equal(getattr(plain, name), getattr(same, name), equal_nan=True), name
    ground = np.where(np.arange(400) // 20 < 10, 1.0, 2.0)
    alone = told = 0
    for _ in range(20):
        cube = rng.poisson(6.0 * ground[:, None], (400, 12))
        told += bool((emerging(cube, near, ground=ground).state != 0).any())
        alone += bool((emerging(cube, near).state != 0).any())
    assert alone == 20 and told <= 3
    cube[105:108, -1] += 60
    found = emerging(cube, near, ground=ground)
    assert found.state[106, -1] == 1


def test_a_neighbourhood_is_held_against_as_many_values_as_its_ground_makes():
    """By plain loops: the next lower whole number of values, its own sum scaled; with less than one nothing is said."""
    rng, near = np.random.default_rng(13), squares(np.ones((4, 5), dtype=bool))
    cube, ground = rng.poisson(2.0, (20, 10)), rng.uniform(0.02, 2.0, 20)
    ground[0] = ground[1] = ground[5] = ground[6] = 0.01
    found = emerging(cube, near, ground=ground, back=0)
    pmf = np.bincount(cube.ravel()) / cube.size
    p = np.full(cube.shape, np.nan)
    for i in range(20):
        mine = near[[i]].indices
        kappa = ground[mine].sum() / ground.mean()
        k = int(kappa + 1e-9)
        if k < 1:
            continue
        sums = np.ones(1)
        for _ in range(k):
            sums = np.convolve(sums, pmf)
        for t in range(10):
            held = min(round(float(cube[mine, t].sum() * k / kappa)), len(sums) - 1)
            p[i, t] = min(1.0, 2 * min(sums[held:].sum(), sums[: held + 1].sum()))
    q = discovery_rate(p.ravel()).reshape(p.shape)
    assert np.isnan(found.q[0]).all() and np.isnan(found.z[0]).all() and (found.state[0] == 0).all()
    assert found.q == pytest.approx(q, rel=1e-5, nan_ok=True)
    for bad in (np.zeros(20), np.ones(19), np.full(20, np.nan)):
        with pytest.raises(InputError, match="above zero"):
            emerging(cube, near, ground=bad)
    with pytest.raises(InputError, match="one of both"):
        emerging(cube, near, ground=ground, expected=np.ones((20, 1)))
