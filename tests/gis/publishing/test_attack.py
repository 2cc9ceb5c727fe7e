"""Whoever knows all that is published cannot tell of fewer than k cases: pairs, leftovers, linear programming."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gis.publishing import Release, first_release
from tests.attacker import Attacker, menu, truth_of
from tests.gis.publishing.small import GROUPS, above, counts, ladder, months

JULY = pd.Period("2026-07", "M")


def publish(shape: tuple[int, int, int], mean: float, seed: int, k: int = 5) -> tuple[Release, Attacker, pd.DataFrame]:
    made = ladder(*shape)
    cases = counts(made, months("2026-01", 6), mean, seed)
    release = first_release(cases, made, GROUPS, day="2026-07-08", until=JULY, k=k)
    return release, Attacker(above(made), GROUPS, "2026H1", release.figures), cases


def test_what_is_shown_is_true_and_never_small() -> None:
    release, attacker, cases = publish((2, 2, 3), 6.0, 1)
    assert (release.figures["cases"] >= 5).all()
    assert np.array_equal(attacker.rows @ truth_of(attacker, cases), attacker.told)
    assert set(release.figures["level"]) == {"city", "street", "community", "unit"}


@pytest.mark.parametrize(("shape", "mean", "k"), [((2, 2, 3), 6.0, 5), ((2, 3, 2), 1.0, 5), ((3, 2, 3), 20.0, 10)])
def test_no_pair_and_no_leftover_tells_of_fewer_than_k(shape: tuple[int, int, int], mean: float, k: int) -> None:
    for seed in range(6):
        release, attacker, _ = publish(shape, mean, seed, k)
        assert len(release.figures) > 10
        assert attacker.pairs(k) == []
        assert attacker.leftovers(k) == []


def test_an_attack_finds_what_only_small_cells_were_taken_out_of() -> None:
    release, attacker, cases = publish((2, 2, 3), 6.0, 1)
    cells = menu(attacker)
    held = attacker.matrix(cells) @ truth_of(attacker, cases)
    naive = cells.assign(cases=held.astype(int))[held >= 5]
    bare = Attacker(attacker.above, GROUPS, "2026H1", naive)
    assert bare.pairs(5) and bare.leftovers(5)
    small = (held > 0) & (held < 5)
    low, high = bare.bounds(cells[small].iloc[:40]).T
    assert (np.round(high) == np.round(low)).any()
    assert len(naive) > len(release.figures)


@pytest.mark.parametrize(("shape", "mean", "seed"), [((2, 2, 2), 6.0, 0), ((2, 1, 3), 1.5, 1)])
def test_linear_programming_cannot_tell_a_small_cell_from_one_of_k(
    shape: tuple[int, int, int], mean: float, seed: int
) -> None:
    check_bounds(shape, mean, seed, 60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("shape", "mean"), [((2, 2, 3), 6.0), ((2, 3, 2), 1.0), ((3, 2, 3), 20.0)])
def test_linear_programming_on_the_full_menu(shape: tuple[int, int, int], mean: float, seed: int) -> None:
    check_bounds(shape, mean, seed, None)


def check_bounds(shape: tuple[int, int, int], mean: float, seed: int, most: int | None) -> None:
    """Every cell of 1 to k - 1 cases may hold k, whatever is known, and is told within no less than k."""
    _, attacker, cases = publish(shape, mean, seed)
    cells = menu(attacker)
    held = attacker.matrix(cells) @ truth_of(attacker, cases)
    small = np.flatnonzero((held > 0) & (held < 5))
    small = np.random.default_rng(0).permutation(small)[:most]
    low, high = attacker.bounds(cells.iloc[small]).T
    assert (low <= held[small] + 1e-6).all() and (high >= held[small] - 1e-6).all()
    assert (high - low > 5 - 1e-6).all()
    assert (high >= 5 - 1e-6).all()
