"""All rates at once from places that are off: posteriors against exact sums, and how often intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import special, stats

from gis.hotspots import dealing
from gis.hotspots.expected_rates import recovered_rates
from gis.hotspots.joint import joint_means
from gis.hotspots.rates import empirical_bayes
from gis.hotspots.whence import SIGMA, Whence, spread, whence
from grids.errors import InputError
from tests.gis.hotspots.test_whence import lattice


def test_means_of_two_cells_are_those_of_sums_over_all_deals():
    """Known coefficients, two cells, eight cases of which none is sure: the mean over 2^8 deals, by hand."""
    rng, n = np.random.default_rng(1), 8
    chance = rng.uniform(0.2, 0.8, n)
    first, cell = np.arange(n + 1) * 2, np.tile(np.array([0, 1], np.int32), n)
    chances, seen = np.column_stack([chance, 1 - chance]).ravel(), np.array([0.9, 0.8])
    eta, others = np.log([3.0, 6.0]), np.array([np.log(2.0), 0, -15, 0, 0, 0, 0])
    a, scale = 2.0, np.array([3.0, 6.0]) / 2.0
    weight, told = [], []
    for deal in range(2**n):
        mine = np.array([deal >> k & 1 for k in range(n)])
        counts = np.array([(mine == 0).sum(), (mine == 1).sum()])
        likely = np.prod(np.where(mine == 0, chance, 1 - chance))
        weight.append(likely * np.prod(stats.gamma(a, scale=1).pdf(1) ** 0 * _marginal(counts, a, scale, seen)))
        told.append((a + counts) / (1 / scale + seen))
    exact = np.average(told, axis=0, weights=weight)
    held, mean, sums = dealing.unsure(first, cell, chances, 2), np.ones(2), np.empty(n)
    dealt, idle, totals = np.zeros(2), np.zeros(2, bool), np.zeros((2, 5))
    for _ in range(20_000):
        dealing.add_up(*held[:3], mean, sums)
        dealing.deal(*held, mean, sums, dealt, rng)
        dealing.draw_means(dealt, eta, np.zeros(2, int), others, seen, idle, mean, totals, True, rng)
    assert totals[:, 1] / 20_000 == pytest.approx(exact, rel=0.01)


def _marginal(counts: np.ndarray, a: float, scale: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Chance of the counts up to the factorial, which deals of the same cases do not have."""
    rate = 1 / scale + seen
    return np.exp(special.gammaln(a + counts) - (a + counts) * np.log(rate))


def test_idle_cells_are_as_likely_as_bayes_says():
    """One cell beside a busy one, one case between them: the chance that the cell is idle, by the integral."""
    first, cell, chance = np.array([0, 2]), np.array([0, 1], np.int32), np.array([0.3, 0.7])
    eta, others = np.log([2.0, 2.0]), np.array([np.log(2.0), 0, 0, 0, 0, 0, 0])
    seen, rng = np.ones(2), np.random.default_rng(2)
    # prior: idle with 1/2, else gamma(2, mean 2); likelihood of the case: (m0 k0 + m1 k1) exp(-m0 - m1)
    none, some = 0.25**0 * 0.5, 0.5 * 2.0**-2  # integrals of exp(-m): idle 1, gamma (1 + 1)^-2
    part = 0.5 * 2 * 2.0**-3  # of m exp(-m)
    whole = 0.3 * part * (none + some) + 0.7 * part * (none + some)
    idle0 = none * 0.7 * part / whole
    held, kind, maybe = dealing.unsure(first, cell, chance, 2), np.zeros(2, int), np.arange(2)
    turned = dealing.turned(*held[:3], maybe, 2)
    mean, dealt, idle, totals, sums = np.ones(2), np.zeros(2), np.zeros(2, bool), np.zeros((2, 5)), np.empty(1)
    count = 0
    for _ in range(40_000):
        dealing.add_up(*held[:3], mean, sums)
        dealing.change(*turned, sums, mean, idle, eta, kind, others, seen, maybe, rng)
        count += idle[0]
        dealing.deal(*held, mean, sums, dealt, rng)
        dealing.draw_means(dealt, eta, kind, others, seen, idle, mean, totals, True, rng)
    assert count / 40_000 == pytest.approx(idle0, abs=0.015)
    assert totals[0, 0] / 40_000 == pytest.approx(idle0, abs=0.015)


def drawn(seed: int) -> tuple[np.ndarray, ...]:
    """Counts, log E, shares seen, kinds of cells and coefficients, some of each kind."""
    rng, n = np.random.default_rng(seed), 60
    eta, seen, kind = rng.uniform(-4, 5, n), rng.uniform(0.3, 1, n), rng.integers(0, 4, n)
    counts = rng.poisson(np.exp(eta)) * (rng.random(n) < 0.7) * 1.0
    return counts, eta, seen, kind, np.array([1.2, 0.3, -1.0, -0.5, 0.4, 0.7, 1.1])


def ways(eta: np.ndarray, kind: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape of the means, and log odds of an idle cell."""
    apart, bare = kind & 1, kind >> 1
    shape = others[0] + others[1] * (eta - 1) + others[4] * apart
    return np.exp(shape), others[2] + others[3] * (eta - 1) + others[5] * apart + others[6] * bare


def test_the_chance_of_counts_is_scipys():
    counts, eta, seen, kind, others = drawn(1)
    a, odds = ways(eta, kind, others)
    idle, m = special.expit(odds), np.exp(eta) * seen
    plain = np.log((1 - idle) * stats.nbinom(a, a / (a + m)).pmf(counts) + idle * (counts == 0))
    plain += special.gammaln(counts + 1)
    told = dealing.likely(counts, eta, np.log(seen), kind, others, dealing.gamma_table())
    assert counts.max() > 100 and told == pytest.approx(plain.sum(), abs=2e-4)
    never = np.where(counts > 0, 0, idle / (idle + (1 - idle) * stats.nbinom(a, a / (a + m)).pmf(0)))
    assert dealing.idle_chance(counts, eta, np.log(seen), kind, others) == pytest.approx(never, abs=1e-9)
    assert dealing.shapes(eta, kind, others)[0] == pytest.approx(a)


def test_the_density_of_carried_means_is_that_of_gamma_variates():
    _, eta, seen, kind, others = drawn(2)
    rng, (a, odds), table = np.random.default_rng(3), ways(eta, kind, others), dealing.gamma_table()
    idle, sure = rng.random(60) < 0.2, rng.integers(0, 3, 60) * 1.0
    mean = np.where(idle, 0.0, rng.gamma(a) * np.exp(eta) / a)
    sure[idle], score, back = 0.0, np.empty(60), np.empty(60)
    dealing.unusual(mean, idle, eta, kind, others, table, score)
    told = dealing.carried(score, idle, eta, kind, others, seen, sure, table, back)
    assert back == pytest.approx(mean, rel=1e-9)
    wide, busy = np.sqrt(special.polygamma(1, a)), ~idle
    plain = stats.gamma(a, scale=np.exp(eta) / a).logpdf(np.maximum(mean, 1e-9)) + np.log(mean + idle) + np.log(wide)
    plain += special.log_expit(-odds) + sure * np.log(mean + idle) - mean * seen
    assert told == pytest.approx(plain[busy].sum() + special.log_expit(odds[idle]).sum(), abs=2e-3)


def test_sums_of_cases_and_products_of_the_table():
    rng, n = np.random.default_rng(4), 50
    size = rng.integers(1, 5, 200)
    first, cell = np.append(0, np.cumsum(size)), rng.integers(0, n, size.sum()).astype(np.int32)
    chance, mean, sums = rng.random(size.sum()), 10.0 ** rng.uniform(-12, 8, n), np.empty((size > 1).sum())
    *pairs, sure = dealing.unsure(first, cell, chance, n)
    told, of = dealing.add_up(*pairs, mean, sums), np.repeat(np.arange(200), size)
    plain = np.bincount(of, mean[cell] * chance)[size > 1]
    assert np.sort(sums) == pytest.approx(np.sort(plain), rel=1e-6) and told == pytest.approx(np.log(plain).sum())
    assert (sure == np.bincount(cell[first[:-1][size == 1]], minlength=n)).all()
    dealt = np.empty(n)
    dealing.share(*pairs, sure, mean, dealt)
    assert dealt.sum() == pytest.approx(200)
    wide, b, left, out = rng.normal(0, 1, (5, 1003)).astype(np.float32), rng.normal(0, 1, 5), rng.random(1003), {}
    for name, kernel, given, length in (("told", dealing.told, b, 1003), ("slope", dealing.slope, left, 5)):
        out[name] = np.empty(length)
        kernel(wide, given, out[name])
    assert out["told"] == pytest.approx(b @ wide) and out["slope"] == pytest.approx(wide @ left)


def blurred(seed: int, side: int, cases: float, radius: float) -> tuple:
    """A lattice with true rates around what two covariates say, some cells idle; cases moved by a normal error."""
    rng, n = np.random.default_rng(seed), side * side
    c = rng.normal(0, 1, (n, 2))
    true = cases * np.exp(0.7 * c[:, 0] - 0.3 * c[:, 1] - 0.29) * rng.gamma(6.0, 1 / 6, n)
    true[rng.random(n) < 0.1] = 0.0
    home = np.repeat(np.arange(n), rng.poisson(true))
    xy = np.column_stack([home % side, home // side]) * 100.0 + rng.uniform(0, 100, (len(home), 2))
    xy += rng.normal(0, radius * SIGMA, xy.shape)
    kept = ((xy >= 0) & (xy < side * 100)).all(axis=1)
    xy = xy[kept]
    at = ((xy[:, 1] // 100) * side + xy[:, 0] // 100).astype(int)
    return true, c, xy, at


@pytest.mark.parametrize(("cases", "radius"), [(2.0, 60.0), (15.0, 70.0)])
def test_intervals_hold_where_half_the_cases_are_next_door(cases: float, radius: float):
    held, plain, ranks = [], [], []
    for seed in range(1, 6):  # from one world of 576 cells it may be 3 % more or less
        true, c, xy, at = blurred(seed, 24, cases, radius)
        cells, x, ones = lattice(24), np.bincount(at, minlength=576), np.ones(576)
        came = whence(*xy.T, np.full(len(xy), radius), at, spread(cells))
        found, naive = recovered_rates(came, x, ones, c, cells, sweeps=300), empirical_bayes(x, ones)
        held.append(((found.low <= true) & (true <= found.high)).mean())
        plain.append(((naive.low <= true) & (true <= naive.high)).mean())
        ranks.append([stats.spearmanr(r.rate, true).statistic for r in (found, naive)])
        assert (found.low <= found.rate).all() and (found.rate <= found.high).all()
    assert 0.93 <= np.mean(held) <= 0.975, (held, plain)
    assert np.mean(plain) < 0.9 and (np.diff(ranks, axis=1) < -0.05).all(), (plain, ranks)


def test_the_same_cases_in_any_order_give_the_same_bytes_and_a_seed_its_own():
    _, c, xy, at = blurred(3, 8, 5.0, 40.0)
    cells, rng = lattice(8), np.random.default_rng(4)
    x, e = np.bincount(at, minlength=64), np.where(np.arange(64) == 5, 0.0, 2.0)
    told = []
    for seed in (0, 0, 1):
        order = rng.permutation(len(xy))
        came = whence(*xy[order].T, np.full(len(xy), 40.0), at[order], spread(cells))
        told.append(recovered_rates(came, x, e, c, cells, seed=seed, sweeps=160))
    assert told[0].rate.tobytes() == told[1].rate.tobytes() and told[0].high.tobytes() == told[1].high.tobytes()
    assert told[0].rate.tobytes() != told[2].rate.tobytes()
    assert np.isnan(told[0].rate).nonzero()[0].tolist() == [5] and np.isnan(told[0].low[5])
    half = recovered_rates(came, x, e, c, cells, seed=1, sweeps=160, placed=0.5)
    assert half.rate[0] == pytest.approx(2 * told[2].rate[0]) and half.raw[0] == told[2].raw[0]


def test_without_an_error_of_place_a_cell_keeps_its_cases():
    """All cases sure: what is left is a regression with a gamma distribution around it, and intervals that hold."""
    rng, n = np.random.default_rng(5), 900
    c = rng.normal(0, 1, (n, 2))
    true = 6 * np.exp(0.5 * c[:, 0]) * rng.gamma(5.0, 0.2, n)
    x = rng.poisson(true)
    sure = Whence(
        np.arange(x.sum() + 1),
        np.repeat(np.arange(n, dtype=np.int32), x),
        np.ones(x.sum()),
        np.ones(n),
        np.zeros(n, bool),
    )
    found = joint_means(sure, c, np.zeros(n, np.int64), np.zeros(n, bool))
    assert 0.93 <= ((found.at(0.025) <= true) & (true <= found.at(0.975))).mean() <= 0.97
    assert found.mean.sum() == pytest.approx(x.sum(), rel=0.02)


def test_no_case_is_an_answer_and_bad_input_one_line():
    cells = lattice(2)
    came = whence([], [], [], [], spread(cells))
    assert recovered_rates(came, np.zeros(4), [1, 1, 0, 2], np.ones((4, 1)), cells).rate[:2].tolist() == [0.0, 0.0]
    one = recovered_rates(
        whence([50.0], [50.0], [30.0], [0], spread(cells)), [1, 0, 0, 0], np.ones(4), np.ones((4, 1)), cells
    )
    assert np.isfinite(one.rate).all() and (one.high > 0).all() and one.low[3] == 0
    with pytest.raises(InputError, match="covariates of shape"):
        recovered_rates(came, [1, 2], [1, 1], np.ones((3, 1)), cells)
    with pytest.raises(InputError, match="cover"):
        recovered_rates(came, np.ones(4), np.ones(4), np.ones((4, 1)), cells, cover=2.0)
    assert shapely.area(cells).sum() == 40_000
