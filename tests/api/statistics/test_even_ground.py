"""Cases thrown evenly over the ground gather nowhere, however unequal the cells: questions as the service asks them.

Counts alone would: of units between half a hectare and two the large ones hold more, and touch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import shapely

from api.statistics.gathering import gather
from api.statistics.selection import Look, Selection, Units, look
from api.statistics.source import Recorded
from api.statistics.way import Way
from gis import counts, hotspots, moments, store
from gis.demo import Demo
from gis.wanted import Wanted
from tests.gis.hotspots.test_null_worlds import most

TOTALS = (300, 3_000, 30_000)
"""Cases thrown: from less than one a unit to some seventy."""


@dataclass(frozen=True)
class Thrown(Recorded):
    """The record with other cases in it."""

    cases: moments.Moments | None = None

    def moments(self, wanted: Wanted) -> moments.Moments:
        assert self.cases is not None
        return self.cases


class Even:
    """A city and its ground, over which cases are thrown; and of areas the part that a mask leaves."""

    def __init__(self, dsn: str) -> None:
        self.engine = store.connect(dsn)
        self.city, self.book = store.read_city(self.engine), counts.class_book(self.engine)
        self.units = Units(self.engine, self.city)
        self.asked: dict[str, tuple[Look, np.ndarray, shapely.STRtree]] = {}

    def ask(self, area: str) -> tuple[Look, np.ndarray, shapely.STRtree]:
        """A selection, its ground, and the same to search in."""
        if area not in self.asked:
            chosen = Selection.read(self.city, "", "2025-07-01", "2026-06-01", area=area)
            shapes = self.units.ground
            if area:
                mask = self.units.areas.set_index("set").loc[area.partition(":")[0]].set_index("code").geometry
                shapes = shapely.intersection(shapes, mask[area.partition(":")[2]])
            found = look(self.engine, self.city, self.book, chosen, self.units)
            self.asked[area] = found, shapes, shapely.STRtree(shapes)
        return self.asked[area]

    def throw(self, rng: np.random.Generator, total: int, area: str = "") -> Look:
        found, shapes, tree = self.ask(area)
        west, south, east, north = shapely.total_bounds(shapes)
        x, y = rng.uniform((west, south), (east, north), (6 * total, 2)).T
        at, unit = tree.query(shapely.points(x, y), predicate="within")
        at, first = np.unique(at, return_index=True)
        x, y, unit = x[at][:total], y[at][:total], unit[first][:total]
        assert len(x) == total
        codes = pd.Categorical.from_codes(unit, categories=self.units.codes)
        begin, end = (at.value // 1000 for at in (found.selection.begin, found.selection.end))
        stamp = np.sort(rng.integers(begin, end, total))
        none = pd.Categorical.from_codes(np.zeros(total, dtype=np.int8), categories=[""])
        cases = moments.Moments(x, y, stamp, np.arange(total), codes, none, none)
        places = replace(found.places, x=x, y=y, unit=codes)
        held = np.bincount(unit, minlength=len(self.units.codes)).astype(float)
        return replace(found, places=places, cases=held, source=Thrown(self.engine, cases))


@pytest.fixture(scope="module")
def even(demo_dsn: str, small_demo: Demo) -> Even:
    return Even(demo_dsn)


def alarm(even: Even, found: Look, method: str, cells: str) -> bool:
    made = gather(even.engine, even.book, found, Way.read(method=method, cells=cells, runs=99, bin_days=28))
    if method == "trend":  # a street may be one community: nothing to hold it against
        return "bins_hot" in made.frame and bool((made.frame["bins_hot"] + made.frame["bins_cold"]).any())
    return bool((made.frame["q"].to_numpy(dtype=float) < hotspots.LEVEL).any())


CELLS = ("unit", "area:community", "h3:9", "h3:10", "plane")


@pytest.mark.parametrize("method", ["gi", "moran", "trend"])
def test_evenly_thrown_cases_gather_nowhere(even: Even, method: str):
    alarms = 0
    for k in range(20):
        rng = np.random.default_rng([20261121, k])
        found = even.throw(rng, TOTALS[k % 3], "" if k % 2 else f"street:{street(even)}")
        alarms += alarm(even, found, method, CELLS[k % len(CELLS)])
    assert alarms <= most(20)


def street(even: Even) -> str:
    areas = even.units.areas
    return str(areas.loc[areas["set"] == "street", "code"].iloc[0])


def test_counts_alone_would(even: Even):
    """The worlds above can tell: Gi* of counts alone calls nearly every one of them a hotspot when cases are many."""
    alarms = 0
    for k in range(3):
        found = even.throw(np.random.default_rng([20261121, k]), TOTALS[2])
        assert not found.gi.hot(hotspots.LEVEL).any()
        alarms += bool(hotspots.gi_star(found.cases, even.units.near).hot(hotspots.LEVEL).any())
    assert alarms >= 2


@pytest.mark.long
@pytest.mark.parametrize("masked", [False, True])
def test_evenly_thrown_cases_gather_nowhere_in_a_thousand_worlds(even: Even, masked: bool):
    alarms = {(method, cells): 0 for method in ("gi", "moran", "trend") for cells in CELLS}
    for k in range(1000):
        found = even.throw(np.random.default_rng([20261122, k]), TOTALS[k % 3], f"street:{street(even)}" * masked)
        for method, cells in alarms:
            alarms[method, cells] += alarm(even, found, method, cells)
    print(f"\n{'under a mask' if masked else 'the whole city'}: {alarms}")
    assert max(alarms.values()) <= most(1000)
