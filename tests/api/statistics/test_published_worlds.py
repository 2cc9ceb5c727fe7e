"""Published figures of worlds in which nothing is there: hidden ones must not stand out for being told together."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from api.statistics.published import Asked, answer
from api.statistics.way import Way
from gis import hotspots
from gis.publishing import Ladder, Release, first_release
from tests.gis.hotspots.test_null_worlds import most

SIDE, GROUP, SRID = 12, "2026:E06", 4546
MONTHS = pd.period_range("2025-01", "2025-06", freq="M")
MEANS = (2.0, 4.0, 8.0)


def ladder() -> Ladder:
    """Squares of 100 m in communities of four by four, three communities a street."""
    rows = []
    for c in range(9):
        x, y = 400 * (c % 3), 400 * (c // 3)
        rows.append(("community", f"C{c}", f"S{c // 3}", shapely.box(x, y, x + 400, y + 400)))
    rows += [("street", f"S{s}", "D", shapely.box(0, 400 * s, 1200, 400 * s + 400)) for s in range(3)]
    rows.append(("district", "D", "", shapely.box(0, 0, 1200, 1200)))
    areas = gpd.GeoDataFrame(rows, columns=["set", "code", "parent", "geometry"], crs=SRID).assign(name="")
    at = [(r, c) for r in range(SIDE) for c in range(SIDE)]
    units = gpd.GeoDataFrame(
        {
            "code": [f"C{r // 4 * 3 + c // 4}{r:02d}{c:02d}" for r, c in at],
            "community": [f"C{r // 4 * 3 + c // 4}" for r, c in at],
        },
        geometry=[shapely.box(100 * c, 100 * r, 100 * c + 100, 100 * r + 100) for r, c in at],
        crs=SRID,
    )
    return Ladder.of(areas, units.sort_values("code").reset_index(drop=True), "town")


def world(ground: Ladder, k: int) -> Release:
    rng = np.random.default_rng([20261121, k])
    held = rng.poisson(MEANS[k % len(MEANS)] / len(MONTHS), (SIDE * SIDE, len(MONTHS)))
    unit, month = np.nonzero(held)
    codes = ground.units["code"].to_numpy()
    cases = pd.DataFrame({"unit": codes[unit], "class": GROUP, "month": MONTHS[month], "cases": held[unit, month]})
    return first_release(cases, ground, [GROUP], day="2025-08-01", until=pd.Period("2025-07", "M"))


def alarms(worlds: int) -> tuple[dict[str, int], float]:
    """Worlds in which anything stands out, by method; mean share of the units that are hidden."""
    ground, found, hidden = ladder(), dict.fromkeys(("gi", "moran", "gi of estimates"), 0), []
    near = hotspots.contact(ground.units.geometry.to_numpy())
    asked = Asked("", "2025-01-01", "2025-07-01")
    for k in range(worlds):
        release = world(ground, k)
        for method in ("gi", "moran"):
            made = answer(release, Way.read(method=method, cells="unit", runs=99, seed=k), asked)
            found[method] += bool((made.frame["q"] < hotspots.LEVEL).any())
        guess = release.estimate("unit", "", *(pd.Period(v, "M") for v in ("2025-01", "2025-07")))
        found["gi of estimates"] += bool((hotspots.gi_star(guess, near, p="auto", runs=99).q < hotspots.LEVEL).any())
        hidden.append(made.facts["cells_hidden"] / SIDE**2)
    return found, float(np.mean(hidden))


def test_hidden_figures_do_not_stand_out():
    found, hidden = alarms(12)
    assert 0.2 < hidden < 0.9 and max(found["gi"], found["moran"]) <= 3
    assert found["gi of estimates"] >= 4  # hidden units of an area have one estimate: they would stand out together


@pytest.mark.long
def test_few_false_alarms_in_a_thousand_null_worlds():
    found, hidden = alarms(1000)
    print(f"\npublished, {hidden:.0%} of the units hidden: {found} false alarms in 1,000 worlds of {SIDE**2} units")
    assert max(found["gi"], found["moran"]) <= most(1000)
