"""A release: the figures that are shown, quarter by quarter; and what may be computed from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.publishing.decide import Decided, areas_of_quarter, units_of_half
from gis.publishing.menu import QUARTER, Classes, Ladder, half_of, months_of, pieces, quarter_of
from grids.errors import InputError
from grids.nearmiss import suggest

K = 5
"""Cells with fewer cases are not shown."""
LEAST_K = 2
FIGURES = ("level", "code", "class", "period", "cases")
SHARES = ("period", "level", "cells", "cells_shown", "cases", "cases_shown", "day")


@dataclass(frozen=True)
class Release:
    """Figures of a city, none of which tells of fewer than `k` cases, alone or with all the others.

    Parameters
    ----------
    ladder, classes
        What the menu is made of; the same for all quarters.
    k
        Least cases of a cell that is shown.
    quarters
        Published ones, in their order.
    figures
        Shown cells: level, code, class (a key of the classes), period (``2026-01``, ``2026Q1``, ``2026H1``), cases.
    shares
        What of each period and level is shown: cells of the finest classes and times that hold `k` cases or more, and
        cases in cells; the day on which it was decided. `cells` and `cases` are for whoever decides, a file has none.
    """

    ladder: Ladder
    classes: Classes
    k: int
    quarters: tuple[str, ...]
    figures: pd.DataFrame
    shares: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SHARES)))

    def months(self) -> tuple[pd.Period, pd.Period]:
        """First month and the one behind the last."""
        return (
            pd.Period(self.quarters[0], "Q").asfreq("M", "start"),
            pd.Period(self.quarters[-1], "Q").asfreq("M", "end") + 1,
        )

    def level(self, name: str) -> pd.DataFrame:
        """Cells of a level: code, parent, geometry, for areas also name.

        Raises
        ------
        InputError
            No such level.
        """
        levels = self.ladder.levels
        if name not in levels:
            near = suggest(name[:60], levels, n=1)
            right = f"did you mean {near[0]}?" if near else ""
            raise InputError(f"no level {name[:60]!r} is published", where="cells", right=right or ", ".join(levels))
        if name == "unit":
            return self.ladder.units
        return self.ladder.areas[self.ladder.areas["level"] == name].drop(columns="level").reset_index(drop=True)

    def cases(self, level: str, classes: str, begin: pd.Period, end: pd.Period) -> NDArray[np.float64]:
        """Cases of each cell of a level, NaN where they are not shown; in the order of `level`.

        Parameters
        ----------
        classes
            ``""``, a kind or a group.
        begin, end
            Months, the end excluded.

        Raises
        ------
        InputError
            What the menu does not offer.
        """
        self._check(classes, begin, end)
        parts = pieces(begin, end, units=level == "unit")
        if parts is None:
            what = f"units are published by half-years, not from {begin} to {end}"
            raise InputError(what, where="from", right="whole half-years, or areas of another level")
        codes = self.level(level)["code"]
        mine = self.figures[(self.figures["level"] == level) & (self.figures["class"] == classes)]
        out = np.full(len(codes), np.nan)
        single = [str(begin + i) for i in range((end - begin).n)]
        for periods in (parts, single) if level != "unit" else (parts,):  # a quarter may be hidden, its months shown
            held = mine[mine["period"].isin(periods)].groupby("code")["cases"].agg(["sum", "size"]).reindex(codes)
            out = np.where(np.isnan(out) & (held["size"] == len(periods)), held["sum"], out)
        return out.astype(float)

    def estimate(self, level: str, classes: str, begin: pd.Period, end: pd.Period) -> NDArray[np.float64]:
        """Cases of each cell, shown or not: what an area's figure leaves beside its shown parts goes to the hidden ones
        alike, to each as many as it has units. All of it is computed from figures that are shown.
        """
        self._check(classes, begin, end)
        above = np.zeros(0)
        codes: pd.Index = pd.Index([])
        for name in self.ladder.levels:
            frame = self.level(name)
            known = self.cases(name, classes, begin, end)
            if name == "city":
                above, codes = np.nan_to_num(known), pd.Index(frame["code"])
                if level == name:
                    break
                continue
            at = codes.get_indexer(frame["parent"])
            weight = np.where(np.isnan(known), self._units_in(name), 0.0)
            left = above - np.bincount(at, np.nan_to_num(known), minlength=len(above))
            whole = np.bincount(at, weight, minlength=len(above))
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.where(whole > 0, np.maximum(left, 0.0) / whole, 0.0)
            above, codes = np.where(np.isnan(known), part[at] * weight, known), pd.Index(frame["code"])
            if name == level:
                break
        return above

    def _units_in(self, level: str) -> NDArray[np.float64]:
        if level == "unit":
            return np.ones(len(self.ladder.units))
        tree = self.ladder.tree
        per_leaf = np.bincount(self.ladder.leaf_of_unit, minlength=len(tree.path)).astype(float)
        nodes = np.flatnonzero(tree.depth == self.ladder.levels.index(level))
        ends = np.concatenate([[0.0], np.cumsum(np.maximum(per_leaf, 1e-9))])
        return ends[tree.span[nodes, 1]] - ends[tree.span[nodes, 0]]

    def _check(self, classes: str, begin: pd.Period, end: pd.Period) -> None:
        if classes not in self.classes.keys:
            known = [key for key in self.classes.keys if key]
            near = suggest(classes[:60], known, n=1)
            right = f"did you mean {near[0]}?" if near else ""
            raise InputError(f"{classes[:60]!r} is not published", where="class", right=right or ", ".join(known))
        first, last = self.months()
        if not first <= begin < end <= last:
            what = f"published are {first} to {last - 1}, not {begin} to {end - 1}"
            raise InputError(what, where="from", right="whole months of the quarters published")


def first_release(
    counts: pd.DataFrame,
    ladder: Ladder,
    groups: list[str],
    *,
    day: str,
    until: pd.Period,
    k: int = K,
    progress: Callable[[str], None] | None = None,
) -> Release:
    """The first release: all half-years that are over, the first of them the first that begins with the cases or later.

    Parameters
    ----------
    counts
        Columns unit, class (a group), month (Period, monthly), cases.
    ladder, groups
        The menu; the same ever after.
    day
        On which this is decided, ISO 8601.
    until
        The first month that is not over.
    k
        Least cases of a cell that is shown, 2 or more.
    progress
        Called with the name of each stage.

    Raises
    ------
    InputError
        A k below 2, or no half-year that is over.
    """
    if k < LEAST_K:
        raise InputError(f"{k}", where="k", right=f"{LEAST_K} or more")
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in FIGURES})
    nothing = Release(ladder, Classes.of(groups), k, (), empty)
    return carry_on(nothing, counts, day=day, until=until, progress=progress)


def carry_on(
    release: Release,
    counts: pd.DataFrame,
    *,
    day: str,
    until: pd.Period,
    progress: Callable[[str], None] | None = None,
) -> Release:
    """The release with the half-years that have ended since.

    What is published stays as it is, to the letter: cases that came in late enter no figure. A half-year is decided at
    once, with its months, its quarters and its units; so no later figure can be held against an earlier one.

    Parameters
    ----------
    counts, day, until, progress
        As for `first_release`; cases of other units or classes than the release's are left out.
    """
    tell = progress or (lambda _: None)
    n_classes, tree = release.classes, release.ladder.tree
    done = set(release.quarters)
    unit = pd.Index(release.ladder.units["code"]).get_indexer(counts["unit"])
    group = pd.Index(n_classes.groups).get_indexer(counts["class"])
    mine = (unit >= 0) & (group >= 0)
    month = pd.PeriodIndex(counts["month"], freq="M")
    fresh = _quarters(release, month[mine], until)
    if not fresh and not done:
        raise InputError(
            "no half-year is over", where="cases", right="the first release needs one, with cases from its begin"
        )
    rows, shares, per_half = [], [], dict[str, list[tuple[Decided, NDArray[np.int64]]]]()
    n, amount = counts["cases"].to_numpy(), len(release.ladder.units)
    for quarter in fresh:
        tell(f"areas, {quarter}")
        x = np.zeros((amount, len(n_classes.groups), 3), dtype=np.int64)
        for at, one in enumerate(months_of(quarter)):
            here = mine & (month == one)
            np.add.at(x, (unit[here], group[here], at), n[here])
        leaves = np.zeros((len(tree.path), *x.shape[1:]), dtype=np.int64)
        np.add.at(leaves, release.ladder.leaf_of_unit, x)
        made = areas_of_quarter(leaves, tree, n_classes.tree, k=release.k)
        rows.append(_area_rows(release, made, quarter))
        shares += _area_shares(release, made, quarter, day)
        per_half.setdefault(half_of(quarter), []).append((made, x))
    for half, both in per_half.items():
        if len(both) == 2:
            tell(f"units, {half}")
            quarters, months = zip(*both, strict=True)
            x = np.concatenate(months, axis=2)
            made = units_of_half(x, release.ladder.leaf_of_unit, tree, n_classes.tree, quarters, k=release.k)
            rows.append(_unit_rows(release, made, half))
            shares.append(_unit_share(release, made, half, day))
    figures = pd.concat([release.figures, *rows], ignore_index=True) if rows else release.figures
    told = pd.DataFrame(shares, columns=list(SHARES))
    return replace(
        release,
        quarters=(*release.quarters, *map(str, fresh)),
        figures=figures.astype({"cases": np.int64}),
        shares=pd.concat([release.shares, told], ignore_index=True) if len(release.shares) else told,
    )


def _quarters(release: Release, month: pd.PeriodIndex, until: pd.Period) -> list[pd.Period]:
    """Quarters to publish: all of half-years that are over, after the last one published."""
    over = [quarter_of(until - 3)] if until.month % 3 == 1 else [quarter_of(until) - 1]
    last = over[0] if over[0].quarter % 2 == 0 else over[0] - 1
    if release.quarters:
        first = pd.Period(release.quarters[-1], "Q") + 1
    elif len(month):
        first = quarter_of(month.min())
        first = first if first.quarter % 2 else first + 1
    else:
        return []
    return list(pd.period_range(first, last, freq="Q")) if first <= last else []


def _area_rows(release: Release, made: Decided, quarter: pd.Period) -> pd.DataFrame:
    areas = release.ladder.areas
    node, key, time = np.nonzero(made.shown)
    periods = np.array([str(quarter), *map(str, months_of(quarter))], dtype=object)
    keys = np.array(release.classes.keys, dtype=object)
    columns = (
        areas["level"].to_numpy(dtype=object)[node], areas["code"].to_numpy(dtype=object)[node], keys[key],
        periods[time], made.counts[node, key, time],
    )  # fmt: skip
    return pd.DataFrame(dict(zip(FIGURES, columns, strict=True)))


def _unit_rows(release: Release, made: Decided, half: str) -> pd.DataFrame:
    node, key, _ = np.nonzero(made.shown)
    codes, keys = release.ladder.units["code"].to_numpy(dtype=object), np.array(release.classes.keys, dtype=object)
    columns = ("unit", codes[node], keys[key], half, made.counts[node, key, 0])
    return pd.DataFrame(dict(zip(FIGURES, columns, strict=True)))


def _area_shares(release: Release, made: Decided, quarter: pd.Period, day: str) -> list[tuple[object, ...]]:
    leaves = release.classes.tree.path[:, -1]
    out: list[tuple[object, ...]] = []
    for at, level in enumerate(release.ladder.levels[:-1]):
        nodes = np.flatnonzero(release.ladder.tree.depth == at)
        grid = np.ix_(nodes, leaves, QUARTER.path[:, -1])
        out.append(_share(made, grid, str(quarter), level, release.k, day))
    return out


def _unit_share(release: Release, made: Decided, half: str, day: str) -> tuple[object, ...]:
    grid = np.ix_(np.arange(len(made.counts)), release.classes.tree.path[:, -1], np.zeros(1, dtype=np.int64))
    return _share(made, grid, half, "unit", release.k, day)


def _share(made: Decided, grid: tuple[Any, ...], period: str, level: str, k: int, day: str) -> tuple[object, ...]:
    counts, shown = made.counts[grid], made.shown[grid]
    return period, level, int((counts >= k).sum()), int(shown.sum()), int(counts.sum()), int(counts[shown].sum()), day
