"""Shares of the owners: beside a Monte Carlo of the engine itself, which knows nothing of rays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.assign import assign
from gis.convert import Cases
from gis.doubt import MOST_M, SHARE_WITHIN, Shares, shares
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town

CLASSES = ("2026:C01001", "2026:C01002", "2026:C01004", "2026:E06010", "2013:E0113", "")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.compile(town.CITY, town.layers(), at=town.DAY)


def ask(snapshot: Snapshot, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places in and around the town, one in ten on a corner or a border, their classes and errors."""
    rng = np.random.default_rng(seed)
    known = snapshot.codes("classes.text")[snapshot.arrays["components.class"]]
    x, y = town.X0 + rng.uniform(-30, 430, n), town.Y0 + rng.uniform(-30, 430, n)
    x[: n // 10] = np.rint(x[: n // 10] / 100) * 100
    y[: n // 20] = np.rint(y[: n // 20] / 100) * 100
    return x, y, rng.choice([*CLASSES, *known], n), rng.uniform(5, 50, n)


def row(found: Shares, i: int) -> dict[int, float]:
    part = slice(found.start[i], found.start[i + 1])
    return dict(zip(found.department[part].tolist(), found.share[part].tolist(), strict=True))


def sampled(snapshot: Snapshot, x: float, y: float, klass: str, accuracy: float, n: int, seed: int) -> dict[int, float]:
    """Shares of the owners that the engine gives to places drawn around (x, y)."""
    off = np.random.default_rng(seed).normal(0, accuracy / math.sqrt(-2 * math.log(1 - SHARE_WITHIN)), (n, 2))
    done = assign(Cases.read(snapshot, x + off[:, 0], y + off[:, 1], np.repeat(klass, n)), snapshot)
    who, count = np.unique(done.department, return_counts=True)
    return dict(zip(who.tolist(), (count / n).tolist(), strict=True))


def compare(snapshot: Snapshot, *, cases: int, samples: int, seed: int) -> float:
    """Worst difference between the rays and the Monte Carlo, in shares."""
    x, y, klass, accuracy = ask(snapshot, cases, seed)
    found = shares(Cases.read(snapshot, x, y, klass, accuracy_m=accuracy), snapshot)
    worst = 0.0
    for i in range(cases):
        mine, theirs = row(found, i), sampled(snapshot, x[i], y[i], klass[i], accuracy[i], samples, seed + i)
        worst = max(worst, *(abs(mine.get(k, 0.0) - theirs.get(k, 0.0)) for k in {*mine, *theirs}))
    return worst


def test_as_a_monte_carlo_of_the_engine(snapshot: Snapshot) -> None:
    # four standard errors of the sample beside half a point
    assert compare(snapshot, cases=40, samples=50_000, seed=1) < 0.005 + 4 * 0.5 / math.sqrt(50_000)


@pytest.mark.long
def test_within_half_a_point_of_a_million_samples(snapshot: Snapshot) -> None:
    assert compare(snapshot, cases=200, samples=1_000_000, seed=2) < 0.005


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_shares_sum_to_one_and_none_is_negative(snapshot: Snapshot, seed: int) -> None:
    x, y, klass, accuracy = ask(snapshot, 50, seed)
    for things in (False, True):
        found = shares(Cases.read(snapshot, x, y, klass, accuracy_m=accuracy), snapshot, things=things)
        assert (found.share >= 0).all()
        np.testing.assert_allclose(np.add.reduceat(found.share, found.start[:-1]), 1.0, atol=1e-9)


def test_things_add_up_to_their_departments(snapshot: Snapshot) -> None:
    x, y, klass, accuracy = ask(snapshot, 200, 5)
    cases = Cases.read(snapshot, x, y, klass, accuracy_m=accuracy)
    by_owner, by_thing = shares(cases, snapshot), shares(cases, snapshot, things=True)
    for i in range(len(cases)):
        part = slice(by_thing.start[i], by_thing.start[i + 1])
        total: dict[int, float] = {}
        for who, share in zip(by_thing.department[part].tolist(), by_thing.share[part].tolist(), strict=True):
            total[who] = total.get(who, 0.0) + share
        assert total == pytest.approx(row(by_owner, i), abs=1e-12)


def test_neither_the_order_nor_the_threads_matter(snapshot: Snapshot) -> None:
    x, y, klass, accuracy = ask(snapshot, 500, 3)
    mixed = np.random.default_rng(4).permutation(500)
    straight = shares(Cases.read(snapshot, x, y, klass, accuracy_m=accuracy), snapshot, threads=1)
    shuffled = shares(Cases.read(snapshot, x[mixed], y[mixed], klass[mixed], accuracy_m=accuracy[mixed]), snapshot)
    assert [row(straight, i) for i in mixed] == [row(shuffled, i) for i in range(500)]


def test_an_exact_place_is_certain(snapshot: Snapshot) -> None:
    rng = np.random.default_rng(6)
    x, y = town.X0 + rng.uniform(1, 399, 300), town.Y0 + rng.uniform(1, 399, 300)
    klass = rng.choice(CLASSES, 300)
    cases = Cases.read(snapshot, x, y, klass, accuracy_m=np.zeros(300))
    sure = shares(cases, snapshot).of(assign(cases, snapshot).department)
    assert (sure > 1 - 1e-9).all()


def test_a_straight_border_through_the_place_halves_it(snapshot: Snapshot) -> None:
    # the border of the two streets; only the territory takes a case without a class there
    cases = Cases.read(snapshot, [town.X0 + 200.0], [town.Y0 + 350.0], [""], accuracy_m=[10.0])
    found = row(shares(cases, snapshot), 0)
    assert sorted(found.values()) == pytest.approx([0.5, 0.5], abs=1e-4)


def test_nothing_is_said_of_what_has_no_place(snapshot: Snapshot) -> None:
    cases = Cases.read(
        snapshot, [np.nan, town.X0 + 50, town.X0 + 50], [0.0, town.Y0 + 50, town.Y0 + 50], ["", "", ""],
        accuracy_m=[10.0, MOST_M, np.nan],
    )  # fmt: skip
    found = shares(cases, snapshot)
    assert np.diff(found.start).tolist()[0] == 0
    assert np.diff(found.start).tolist()[1] > 0
    assert np.diff(found.start).tolist()[2] == 0
    assert np.isnan(found.of(np.zeros(3, np.int32))).tolist() == [True, False, True]


def test_an_error_of_kilometres_is_answered_from_fixed_places(snapshot: Snapshot) -> None:
    """Half of the places lie within the middle radius, 0.77 of the accuracy: the town takes next to none of them."""
    for accuracy in (MOST_M + 1, 5_000.0, 1e6):
        cases = Cases.read(snapshot, [town.X0 + 200.0], [town.Y0 + 200.0], ["2013:E0113"], accuracy_m=[accuracy])
        found = row(shares(cases, snapshot), 0)
        theirs = sampled(snapshot, town.X0 + 200.0, town.Y0 + 200.0, "2013:E0113", accuracy, 100_000, 9)
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)
        assert max(abs(found.get(k, 0.0) - theirs.get(k, 0.0)) for k in {*found, *theirs}) < 0.01


def test_an_error_that_is_none_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(InputError, match="-3 m in row 1"):
        Cases.read(snapshot, [town.X0, town.X0], [town.Y0, town.Y0], ["", ""], accuracy_m=[1.0, -3.0])


def test_of_names_the_share_of_one_owner(snapshot: Snapshot) -> None:
    x, y, klass, accuracy = ask(snapshot, 40, 8)
    found = shares(Cases.read(snapshot, x, y, klass, accuracy_m=accuracy), snapshot)
    first = found.department[found.start[:-1]]
    assert found.of(first).tolist() == pytest.approx([max(row(found, i).values()) for i in range(40)])
    assert (found.of(np.full(40, 99, np.int32)) == 0).all()


def right(snapshot: Snapshot, n: int, seed: int, low: float, high: float) -> tuple[float, float, int]:
    """True places are drawn evenly, reports around them: what the likeliest owner promises, and how often it is right.

    Of the cases for which it promises between ``low`` and ``high``.
    """
    rng = np.random.default_rng(seed)
    x, y = town.X0 + rng.uniform(-250, 650, n), town.Y0 + rng.uniform(-250, 650, n)
    known = snapshot.codes("classes.text")[snapshot.arrays["components.class"]]
    klass, accuracy = rng.choice([*CLASSES, *known], n), rng.uniform(5, 50, n)
    off = rng.normal(0, 1, (2, n)) * accuracy / math.sqrt(-2 * math.log(1 - SHARE_WITHIN))
    truth = assign(Cases.read(snapshot, x, y, klass), snapshot).department
    found = shares(Cases.read(snapshot, x + off[0], y + off[1], klass, accuracy_m=accuracy), snapshot)
    first = found.start[:-1]
    promised = found.share[first]
    some = (promised >= low) & (promised < high)
    return float(promised[some].mean()), float((found.department[first] == truth)[some].mean()), int(some.sum())


def test_promises_are_kept(snapshot: Snapshot) -> None:
    promised, kept, n = right(snapshot, 60_000, 1, 0.8, 0.97)
    assert n > 2_000
    assert kept == pytest.approx(promised, abs=4 * math.sqrt(0.1 * 0.9 / n))


@pytest.mark.long
def test_of_nine_in_ten_promised_nine_in_ten_are_right(snapshot: Snapshot) -> None:
    promised, kept, n = right(snapshot, 2_000_000, 2, 0.895, 0.905)
    assert n > 10_000
    assert promised == pytest.approx(0.9, abs=0.001)
    assert 0.89 <= kept <= 0.91
