"""Every class at every unit grid of the demo city has an owner, before the reform and after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from gis.assign import Cases, assign
from gis.demo import Demo, make
from gis.demo.plan import REFORM
from gis.model import EFFECTS, FIRSTS, RULES
from gis.snapshot import Snapshot
from grids.catalog import catalog

LAYERS = ("areas", "departments", "rules", "units", "components", "zones")


def matrix(demo: Demo) -> tuple[Snapshot, pd.DataFrame, np.ndarray]:
    """Answers for each class at a place of each unit, a day before the reform and a day after: counts by rule, owner.

    Also which zones decided anything.
    """
    snapshot = Snapshot.compile(demo.city, {name: demo.layers[name] for name in LAYERS})
    units = demo.layers["units"].geometry.to_numpy()
    place = shapely.get_coordinates(shapely.point_on_surface(units)).round(3)
    aside = place + (1.5, 0.0)  # such a point is what the city's source systems write when they know none
    there = shapely.contains_xy(units, *aside.T)
    place[there] = aside[there]
    classes = np.append(catalog().texts.astype(object), "")
    counts, used = [], np.zeros(len(snapshot.codes("zones.code")), dtype=bool)
    for at in (REFORM - pd.Timedelta("1D"), REFORM + pd.Timedelta("1D")):
        for part in np.array_split(classes, max(1, len(classes) * len(place) // 2_000_000)):
            klass = np.repeat(part, len(place))
            cases = Cases.read(snapshot, *np.tile(place, (len(part), 1)).T, klass, at=[at] * len(klass))
            assert not cases.faults
            done = assign(cases, snapshot)
            used[done.zone] = True
            told = pd.DataFrame({"after": at > REFORM, "rule": done.rule, "department": done.department})
            counts.append(told.value_counts())
    total = pd.concat(counts).groupby(level=[0, 1, 2]).sum().reset_index(name="cases")
    total["rule"] = np.array(RULES, dtype=object)[total["rule"]]
    total["department"] = snapshot.codes("departments.code")[total["department"]]
    return snapshot, total, used[:-1]


def complete(demo: Demo) -> pd.DataFrame:
    """What `matrix` counts, after it was found to be whole."""
    snapshot, total, used = matrix(demo)
    by_rule = total.groupby("rule")["cases"].sum()
    assert by_rule.sum() == 2 * len(demo.layers["units"]) * (len(catalog().texts) + 1)
    assert set(by_rule.index) == {"component_nearest", "zone_line", "zone_area", "territory"}, by_rule.to_dict()
    assert (total["department"] != "").all()
    assert "HW02" in set(total.loc[~total["after"], "department"])
    assert "HW02" not in set(total.loc[total["after"], "department"])  # the company ended
    says = snapshot.arrays["zones.effect"]
    assert used[says == EFFECTS.index("only")].all() and not used[says == EFFECTS.index("never")].any()
    return total


def test_every_class_at_every_unit_has_an_owner():
    complete(make(scale=0.02))


def test_the_city_uses_every_kind_of_rule():
    demo = make(scale=0.02)
    zones, rules, departments = (demo.layers[name] for name in ("zones", "rules", "departments"))
    assert set(zones["effect"]) == {"", "only", "never"} and set(zones["side"]) == {"", "left", "right"}
    assert {"owning", "supervising"} <= set(zones["duty"]) and (zones["joint"] != "").sum() >= 3
    assert zones["from_m"].notna().any() and zones["to_m"].notna().sum() >= 2
    assert set(rules["first"]) == {"", FIRSTS[1]} and {"maintaining", "owning", "disposing"} <= set(rules["duty"])
    ended = departments[departments["valid_to"].notna()]
    assert ended["valid_to"].eq(REFORM).all() and (ended["parent"] != "").all() and len(ended)


@pytest.mark.long
def test_every_class_at_every_unit_of_the_full_city_has_an_owner():
    total = complete(make())
    print(total.groupby(["after", "rule"])["cases"].sum().to_string())
