"""Whoever knows all that is published cannot tell of fewer than k cases: pairs, leftovers, linear programming."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from gis.publishing import Release, first_release
from gis.publishing.decide import Decided, areas_of_quarter, units_of_half
from gis.publishing.menu import Classes
from tests.attacker import Attacker, menu, truth_of
from tests.gis.publishing.small import GROUPS, above, counts, ladder, months, odd

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


@pytest.mark.parametrize(("shape", "mean", "seed"), [((2, 2, 3), 6.0, 0), ((2, 1, 3), 1.5, 1)])
def test_linear_programming_cannot_tell_a_small_cell_from_one_of_k(
    shape: tuple[int, int, int], mean: float, seed: int
) -> None:
    _, attacker, cases = publish(shape, mean, seed)
    check_bounds(attacker, cases, 30)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("shape", "mean"), [((2, 2, 3), 6.0), ((2, 3, 2), 1.0), ((3, 2, 3), 20.0)])
def test_linear_programming_on_the_full_menu(shape: tuple[int, int, int], mean: float, seed: int) -> None:
    _, attacker, cases = publish(shape, mean, seed)
    check_bounds(attacker, cases, None)


def check_bounds(attacker: Attacker, cases: pd.DataFrame, most: int | None) -> None:
    """Every cell of 1 to k - 1 cases may hold k, in whole cases, whatever is known; and is told within no less."""
    cells = menu(attacker)
    held = attacker.matrix(cells) @ truth_of(attacker, cases)
    small = np.flatnonzero((held > 0) & (held < 5))
    small = np.random.default_rng(0).permutation(small)[:most]
    low, high = attacker.bounds(cells.iloc[small]).T
    assert (low <= held[small] + 1e-6).all() and (high >= held[small] - 1e-6).all()
    assert (high - low > 5 - 1e-6).all()
    assert (high >= 5 - 1e-6).all()


@pytest.mark.parametrize("seed", [4, 7, 45, 316, *(pytest.param(s, marks=pytest.mark.long) for s in range(100, 316))])
def test_cities_such_as_nobody_plans(seed: int) -> None:
    made, groups, cases = odd(seed)
    release = first_release(cases, made, groups, day="2026-07-08", until=JULY)
    if len(release.figures):  # of a handful of cases nothing is shown
        attacker = Attacker(above(made), groups, "2026H1", release.figures)
        assert attacker.pairs(5) == [] and attacker.leftovers(5) == []
        check_bounds(attacker, cases, 20)


def test_exchanges_are_what_they_are_said_to_be() -> None:
    """In a city too large for linear programming: the cases change places, and what is shown stays as it is."""
    made, classes = ladder(4, 5, 6), Classes.of(GROUPS)
    table = counts(made, months("2026-01", 6), 1.5, 3)
    x = np.zeros((len(made.units), len(GROUPS), 6), dtype=np.int64)
    unit, group = pd.Index(made.units["code"]), pd.Index(classes.groups)
    month = table["month"].dt.month.to_numpy() - 1
    np.add.at(x, (unit.get_indexer(table["unit"]), group.get_indexer(table["class"]), month), table["cases"])
    of_class = np.array([[k in ("", g) or g.split(":")[1][:1] == k for g in classes.groups] for k in classes.keys])
    of_time = np.array([[1, 1, 1], *np.eye(3)])
    leaves = made.areas["code"].to_numpy()[made.tree.path[:, -1]]
    of_area = np.array([[a == "city" or (c + "-").startswith(a + "-") for c in leaves] for a in made.areas["code"]])
    of_leaf = (made.units["parent"].to_numpy() == leaves[:, None]).astype(int)
    low = np.einsum("ai,igm->agm", of_leaf, x)
    quarters = [areas_of_quarter(low[:, :, at], made.tree, classes.tree, k=5) for at in (slice(3), slice(3, 6))]
    found = [
        check_exchanges(decided, low[:, :, at], (of_area, of_class, of_time), 5)
        for decided, at in zip(quarters, (slice(3), slice(3, 6)), strict=True)
    ]
    assert min(found) > 150

    told = np.logical_and.reduce([decided.shown[made.tree.path[:, -1], :, 0] for decided in quarters])
    units = units_of_half(x, made.leaf_of_unit, made.tree, classes.tree, quarters, k=5)
    assert not units.shown[~told[made.leaf_of_unit]].any()
    half = x.sum(axis=2, keepdims=True)
    everywhere = (np.eye(len(half)), of_class, np.ones((1, 1)))
    assert check_exchanges(units, half, everywhere, 5, told_above=(of_leaf, told)) > 150
    few = np.einsum("kg,agm->ak", of_class, low) < 5
    lifted = units.moves[:, 6] < 0  # cases that are of another class, beside those that change places
    assert lifted.sum() > 20 and few[made.leaf_of_unit[units.moves[lifted, 0]], units.moves[lifted, 1]].all()


def check_exchanges(
    decided: Decided,
    x: np.ndarray,
    sums: tuple[np.ndarray, ...],
    k: int,
    *,
    told_above: tuple[np.ndarray, np.ndarray] | None = None,
) -> int:
    """How many cells there are, each of which holds k after its exchanges."""

    def told(world: np.ndarray) -> np.ndarray:
        return np.einsum("ai,kg,tm,igm->akt", *sums, world, optimize=True)

    assert np.array_equal(told(x), decided.counts) and (decided.counts[decided.shown] >= k).all()
    open_cells = {tuple(cell) for cell in np.argwhere((decided.counts > 0) & (decided.counts < k)).tolist()}
    assert not any(decided.shown[cell] for cell in open_cells)
    if told_above is not None:  # of whom nothing is told, nothing is to be proved
        of_leaf, shown = told_above
        silent = of_leaf.T @ shown.any(axis=1) == 0
        assert not decided.shown[silent].any()
        open_cells = {cell for cell in open_cells if not silent[cell[0]]}
    proved = {tuple(cell) for cell in decided.moves[:, :3].tolist()}
    assert proved == open_cells
    for cell in sorted(proved):
        other = x.copy()
        for a, c, t, a2, c2, t2, by in decided.moves[(decided.moves[:, :3] == cell).all(axis=1)][:, 3:].tolist():
            corners = itertools.product(*([p, q] if q >= 0 else [p] for p, q in ((a, a2), (c, c2), (t, t2))))
            for corner in corners:
                odd_one = sum(now != was for now, was in zip(corner, (a, c, t), strict=True)) % 2
                other[corner] += -by if odd_one else by
        after = told(other)
        assert (other >= 0).all() and np.array_equal(after[decided.shown], decided.counts[decided.shown])
        assert after[cell] >= k
        if told_above is not None:  # no area that is shown notices
            change = np.einsum("ai,kg,igm->ak", of_leaf, sums[1], other - x)
            assert not change[shown].any()
    return len(proved)


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
