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


@pytest.mark.parametrize(
    ("seed", "mean"),
    [(1, 6.0), pytest.param(2, 20.0, marks=pytest.mark.long), pytest.param(3, 2.0, marks=pytest.mark.long)],
)
def test_no_pair_of_questions_tells_of_fewer_than_k(seed: int, mean: float) -> None:
    """All filters and periods on offer, as anybody may ask for them: every pair of which one holds the other."""
    release, attacker, _ = publish((2, 2, 3), mean, seed)
    parent = dict(zip(release.ladder.areas["code"], release.ladder.areas["parent"], strict=True))
    asked = []  # units, groups and months of a question, and what is answered
    for level in release.ladder.levels:
        codes = release.level(level)["code"]
        units = [{u for u in attacker.units if level == "city" or level_of(u, parent, level) == code} for code in codes]
        for classes in release.classes.keys:
            groups = {g for g in GROUPS if classes in ("", g) or g.partition(":")[2][:1] == classes}
            for first in range(6):
                for last in range(first + 1, 7):
                    if level == "unit" and (first, last) != (0, 6):
                        continue
                    begin = pd.Period("2026-01", "M")
                    told = release.cases(level, classes, begin + first, begin + last)
                    asked += [(u, groups, set(range(first, last)), v) for u, v in zip(units, told, strict=True)]
    asked = [a for a in asked if not np.isnan(a[3])]
    masks = [
        np.array([[item in a[part] for item in every] for a in asked], dtype=float)
        for part, every in enumerate((attacker.units, GROUPS, range(6)))
    ]
    inside = np.ones((len(asked), len(asked)), dtype=bool)  # whether the second is part of the first
    for mask in masks:
        inside &= mask @ mask.T == mask.sum(axis=1)
    value = np.array([a[3] for a in asked])
    left = value[:, None] - value[None, :]
    assert inside.sum() > 1_500
    assert (left[inside] >= 0).all()
    assert not ((left > 0) & (left < 5) & inside).any()


def level_of(unit: str, parent: dict[str, str], level: str) -> str:
    community = unit.rsplit("-", 1)[0]
    return {"unit": unit, "community": community, "street": parent[community]}[level]
