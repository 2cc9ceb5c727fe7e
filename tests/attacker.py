"""Somebody who reads all that is published and wants to know of a handful of cases; no code of what hides them is used.

Known are: which unit lies in which area, which group of classes belongs to which kind, and the table of figures.
Unknown is how many cases each unit had of each group in each month: numbers that are not negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import LinearConstraint, milp


@dataclass
class Attacker:
    """Everything that was published, about the months of one half-year.

    ``above`` maps each unit to its areas: ``{unit: {level: code}}``; ``figures`` has level, code, class, period, cases.
    """

    above: dict[str, dict[str, str]]
    groups: list[str]
    half: str
    figures: pd.DataFrame

    def __post_init__(self) -> None:
        year, part = int(self.half[:4]), int(self.half[5])
        self.months = [f"{year}-{m:02d}" for m in range(6 * part - 5, 6 * part + 1)]
        self.units = sorted(self.above)
        size = (len(self.units), len(self.groups), len(self.months))
        self.number = np.arange(np.prod(size)).reshape(size)
        self.inside: dict[tuple[str, str], list[int]] = {}  # places of the units in each area
        for i, unit in enumerate(self.units):
            for area in {"city": "city", **self.above[unit], "unit": unit}.items():
                self.inside.setdefault(area, []).append(i)
        mine = self.figures["period"].map(lambda p: bool(set(self._times(p))))
        self.figures = self.figures[mine].reset_index(drop=True)
        self.rows = self.matrix(self.figures[["level", "code", "class", "period"]])
        self.told = self.figures["cases"].to_numpy(dtype=float)

    def _times(self, period: str) -> list[int]:
        year, rest = period[:4], period[4:]
        if rest[0] == "-":
            return [i for i, m in enumerate(self.months) if m == period]
        first, length = (3 * int(rest[1]) - 2, 3) if rest[0] == "Q" else (6 * int(rest[1]) - 5, 6)
        wanted = {f"{year}-{m:02d}" for m in range(first, first + length)}
        return [i for i, m in enumerate(self.months) if m in wanted]

    def cells(self, level: str, code: str, group: str, period: str) -> np.ndarray:
        """Numbers of the unknowns that a figure adds up."""
        groups = [i for i, g in enumerate(self.groups) if group in ("", g) or g.split(":")[1][:1] == group]
        return self.number[np.ix_(self.inside[level, code], groups, self._times(period))].ravel()

    def matrix(self, names: pd.DataFrame) -> sparse.csr_matrix:
        """A row of ones for what each figure adds up."""
        found = [self.cells(*row) for row in names.itertuples(index=False)]
        return _ones(found, self.number.size)

    def bounds(self, names: pd.DataFrame, *, whole: bool = True) -> np.ndarray:
        """Least and largest number of cases that each cell can hold, by linear programming; in `whole` numbers.

        Of a unit nothing is said of a month, and of a month nothing of a unit. So the unknowns may be taken as two
        tables, communities by group and month and units by group, that agree in the groups of each community: any such
        two are the sums of some cases. Of a large city that is little to solve.
        """
        lowest = list(next(iter(self.above.values())))[-1]
        base = sorted({mine[lowest] for mine in self.above.values()})
        of_unit = np.array([base.index(self.above[unit][lowest]) for unit in self.units])
        monthly = np.arange(len(base) * len(self.groups) * len(self.months))
        monthly = monthly.reshape(len(base), len(self.groups), len(self.months))
        held = monthly.size + np.arange(len(self.units) * len(self.groups)).reshape(-1, len(self.groups))
        n = monthly.size + held.size
        first = np.unique(of_unit, return_index=True)[1]

        def small(row: sparse.csr_matrix, level: str) -> np.ndarray:
            """The same sum in the two tables."""
            unit, group, month = np.unravel_index(row.indices, self.number.shape)
            if level == "unit":
                return np.unique(held[unit, group])
            one = unit == first[of_unit[unit]]  # each community once
            return monthly[of_unit[unit[one]], group[one], month[one]]

        rows = [small(row, level) for row, level in zip(self.rows, self.figures["level"], strict=True)]
        ties = [(monthly[c, g], held[of_unit == c, g]) for c in range(len(base)) for g in range(len(self.groups))]
        agree = _ones([up for up, _ in ties], n) - _ones([down for _, down in ties], n)
        known = np.concatenate([self.told, np.zeros(len(ties))])
        must = LinearConstraint(sparse.vstack([_ones(rows, n), agree]), known, known)
        out = []
        for row, level in zip(self.matrix(names), names["level"], strict=True):
            aim = _ones([small(row, level)], n).toarray().ravel()
            ends = []
            for sign in (1, -1):
                done = milp(sign * aim, constraints=must, integrality=np.full(n, int(whole)))
                assert done.status in (0, 3, 4), done.message  # 3, 4: without bound
                ends.append(sign * done.fun if done.fun is not None else np.inf)
            out.append(ends)
        return np.array(out).reshape(-1, 2)

    def pairs(self, k: int) -> list[tuple[int, int, int]]:
        """Pairs of figures, one inside the other, whose difference tells of 1 to k - 1 cases."""
        size = np.asarray(self.rows.sum(axis=1)).ravel()
        both = (self.rows @ self.rows.T).tocoo()
        inside = (both.row != both.col) & (both.data == size[both.col]) & (size[both.row] > size[both.col])
        left = self.told[both.row] - self.told[both.col]
        bad = inside & (left > 0) & (left < k)
        return list(zip(both.row[bad], both.col[bad], left[bad].astype(int), strict=True))

    def leftovers(self, k: int) -> list[tuple[object, ...]]:
        """Figures whose parts, as far as told (areas below, classes below, shorter periods), leave 1 to k - 1 cases."""
        told = {
            tuple(row[:4]): row[4] for row in self.figures[["level", "code", "class", "period", "cases"]].to_numpy()
        }
        found = []
        for (level, code, group, period), cases in told.items():
            for parts in self._splits(level, code, group, period):
                known = [told[p] for p in parts if p in told]
                left = cases - sum(known)
                if 0 < left < k:
                    found.append((level, code, group, period, left))
        return found

    def _splits(self, level: str, code: str, group: str, period: str) -> list[list[tuple[str, str, str, str]]]:
        levels = ["city", *next(iter(self.above.values())), "unit"]
        out = []
        inside = [self.units[i] for i in self.inside[level, code]]
        for below in levels[levels.index(level) + 1 :]:
            codes = {{**self.above[u], "unit": u}[below] for u in inside}
            out.append([(below, c, group, period) for c in codes])
        kinds = {g.split(":")[1][:1] for g in self.groups}
        mine = [g for g in self.groups if group == "" or g.split(":")[1][:1] == group]
        if group == "":
            out.append([(level, code, kind, period) for kind in kinds])
        if group in ("", *kinds):
            out.append([(level, code, g, period) for g in mine])
        if "Q" in period:
            out.append([(level, code, group, self.months[i]) for i in self._times(period)])
        return out


def _ones(places: list[np.ndarray], n: int) -> sparse.csr_matrix:
    """A row of ones at each of the places, of n."""
    ends = np.concatenate([[0], np.cumsum([len(f) for f in places])]).astype(int)
    flat = np.concatenate([*places, np.empty(0, int)]).astype(int)
    return sparse.csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(places), n))


def truth_of(attacker: Attacker, counts: pd.DataFrame) -> np.ndarray:
    """The unknowns as they are."""
    x = np.zeros(attacker.number.size)
    unit = {u: i for i, u in enumerate(attacker.units)}
    group = {g: i for i, g in enumerate(attacker.groups)}
    month = {m: i for i, m in enumerate(attacker.months)}
    for row in counts.itertuples(index=False):
        if str(row.month) in month:
            x[attacker.number[unit[row.unit], group[row[1]], month[str(row.month)]]] += row.cases
    return x


def menu(attacker: Attacker) -> pd.DataFrame:
    """Every cell on offer, shown or not."""
    year, part = attacker.half[:4], int(attacker.half[5])
    quarters = [f"{year}Q{2 * part - 1}", f"{year}Q{2 * part}"]
    kinds = sorted({g.split(":")[1][:1] for g in attacker.groups})
    classes = ["", *kinds, *attacker.groups]
    levels = list(next(iter(attacker.above.values())))
    areas = [("city", "city"), *sorted({(lv, attacker.above[u][lv]) for u in attacker.units for lv in levels})]
    rows = [(lv, code, c, p) for lv, code in areas for c in classes for p in [*quarters, *attacker.months]]
    rows += [("unit", u, c, attacker.half) for u in attacker.units for c in classes]
    return pd.DataFrame(rows, columns=["level", "code", "class", "period"])
