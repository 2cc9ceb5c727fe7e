"""The certificate of what is said of units: codes, parents, order, sizes; faults are planted, all must be found."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString

from grids.certificate import NOTICES, Rules, certify
from tests.grids.lattice import ORIGIN
from tests.grids.sound import N, faults, rounded, spread


def test_code_faults_are_found(units, areas):
    at = spread(2)[:40]
    frame = units.copy()
    other = areas["code"].to_numpy(object)
    bad = {}
    for k, i in enumerate(at):
        code = frame["code"][i]
        away = other[(list(other).index(code[:12]) + 7) % len(other)]
        bad[i] = ("", code[:14], code[:-1] + "O", "999999999999001", f"{away}{700 + k}")[k % 5]
    frame.loc[list(bad), "code"] = list(bad.values())
    frame["community"] = frame["code"].str.slice(0, 12)
    doubled = spread(2)[60:64]
    frame.loc[doubled, "code"] = frame["code"][doubled + 1].to_numpy()
    found = faults(certify(frame, areas=areas), "code")
    named = {frame["code"][i] or f"#{i + 1}" for i in [*at, *doubled]}
    assert set(found["unit"]) == named


def test_parents_by_code_and_place_must_agree(units, areas):
    def above(digits):
        whole = areas.assign(code=areas["code"].str.slice(0, digits)).dissolve("code").reset_index()
        return whole[["code", "geometry"]]

    levels = {"street": above(9), "district": above(6)}
    assert certify(units, areas=areas, levels=levels).passed and certify(units, levels=levels).passed
    wrong = levels["district"].assign(code="140803")
    found = faults(certify(units, areas=areas, levels={**levels, "district": wrong}), "parent")
    assert found["other"].tolist() == ["140802001"] and "140802 by code, 140803 by place" in found["why"].item()
    street = levels["street"].assign(code="140802009")
    found = certify(units, levels={"street": street})
    assert found.counts["parent"] == len(units) and not found.passed


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_swapped_serials_are_found(units, areas, data):
    frame = units.copy()
    swapped = []
    for name in data.draw(st.lists(st.sampled_from(areas["code"].tolist()), min_size=1, max_size=6, unique=True)):
        at = frame.index[frame["community"] == name]
        i, j = data.draw(st.lists(st.sampled_from(at.tolist()), min_size=2, max_size=2, unique=True))
        frame.loc[[i, j], "code"] = frame.loc[[j, i], "code"].to_numpy()
        swapped.append({frame["code"][i], frame["code"][j]})
    found = faults(certify(frame), "order")
    # one of the two may be said to stand right: then it is the other
    assert all(pair & set(found["unit"]) for pair in swapped)
    assert set(found["unit"].str.slice(0, 12)) == {code[:12] for pair in swapped for code in pair}


def test_later_issues_are_ordered_among_themselves(units):
    frame = units.assign(issue=0)
    # retired and born again under the next free serials: no fault, though their places lie among the others
    born = frame.index[frame["community"] == frame["community"][0]][:3]
    codes = sorted(frame["code"][born])
    frame.loc[born, "issue"] = 1
    frame.loc[born, "code"] = [f"{codes[0][:12]}{n:03d}" for n in (39, 38, 37)]
    found = certify(frame)
    assert found.passed == (not found.counts["order"])
    assert set(faults(found, "order")["unit"]) <= set(frame["code"][born])
    assert certify(frame.drop(columns="issue")).counts["order"] > 0


def test_order_is_judged_within_each_issue_of_a_community(units, areas):
    """Units of the first issue stay under judgement after a revision elsewhere, and after some of them ended."""
    born = units.index[units["community"] == areas["code"][0]][:4]
    frame = units.assign(issue=0).drop(index=born)
    assert certify(frame).passed
    # the northernmost row of a community ends: rows of the rest are no longer counted from it
    north = shapely.bounds(frame.geometry.to_numpy())[:, 3]
    mine = frame.index[frame["community"] == areas["code"][3]]
    top = mine[np.argsort(-north[frame.index.get_indexer(mine)])[:7]]
    frame = frame.drop(index=top)
    assert not certify(frame).counts["order"]
    i, j = frame.index[frame["community"] == areas["code"][8]][[2, 20]]
    frame.loc[[i, j], "code"] = frame.loc[[j, i], "code"].to_numpy()
    assert 1 <= certify(frame).counts["order"] <= 2
    # instants of beginning tell issues apart where they are not numbered
    stamp = pd.Timestamp("2026-07-01", tz="UTC")
    later = units.assign(valid_from=pd.Timestamp("2025-01-01", tz="UTC"))
    codes = sorted(later["code"][born])
    later.loc[born, "valid_from"] = stamp
    later.loc[born, "code"] = [f"{codes[0][:12]}{n:03d}" for n in (37, 38, 39, 40)]
    place = certify(later.drop(columns="valid_from")).counts["order"]
    assert certify(later).counts["order"] < place


def test_sizes_are_noticed_and_do_not_fail(units, areas):
    at = spread(4)[:3]
    shapes = units.geometry.to_numpy()
    merged = rounded(shapely.union_all(shapes[[at[0], at[0] + 1, at[0] + N, at[0] + N + 1]]))
    strip = shapely.box(*(np.array([0, 0, 200, 9]) + np.tile(ORIGIN, 2)))
    frame = gpd.GeoDataFrame(
        {"code": ["140802001001001", "140802001002001"]}, geometry=[merged.item(), strip], crs=units.crs
    )
    found = certify(frame)
    assert found.passed
    assert {kind for kind in NOTICES if found.counts[kind]} == {"area_band", "narrow", "ragged"}
    assert faults(found, "narrow")["value"].iloc[0] == pytest.approx(2 * 1800 / 418)
    road = certify(frame.assign(kind=["block", "road"]))
    assert not road.counts["narrow"] and road.figures["road_units"] == 1


def test_a_community_without_room_is_no_miss(units):
    small = shapely.box(*(np.array([0, 0, 50, 60]) + np.tile(ORIGIN, 2)))
    frame = gpd.GeoDataFrame({"code": ["140802001001001"]}, geometry=[small], crs=units.crs)
    area = gpd.GeoDataFrame({"code": ["140802001001"]}, geometry=[small], crs=units.crs)
    assert not certify(frame, areas=area).counts["area_band"] and not certify(frame).counts["area_band"]


def boxes(*corners, codes, **columns):
    shapes = [shapely.box(*(np.array(c, float) + np.tile(ORIGIN, 2))) for c in corners]
    return gpd.GeoDataFrame({"code": codes, **columns}, geometry=shapes, crs=4546)


def test_each_unit_outside_the_band_is_listed_with_its_reason():
    units = boxes(
        (0, 0, 60, 60), (60, 0, 200, 140), (0, 60, 60, 140), (200, 0, 400, 200), (0, 140, 200, 150),
        (1000, 0, 1050, 50), (400, 0, 440, 100), (440, 0, 540, 100),
        codes=[f"140802001001{n:03d}" for n in range(1, 6)] + ["140802001002001", "140802001003001", "140802001003002"],
        kind=["block"] * 4 + ["road"] + ["block"] * 3,
    )  # fmt: skip
    areas = units.assign(code=units["code"].str.slice(0, 12)).dissolve("code").reset_index()[["code", "geometry"]]
    wall = boxes((440, -50, 440, 150), codes=[""], rank=[3])
    wall = wall.set_geometry([LineString([(500_440, 3_899_950), (500_440, 3_900_150)])], crs=4546)
    found = faults(certify(units, areas=areas, barriers=wall), "area_band").set_index("unit")
    reason = {code[11:]: why.partition(": ")[2] for code, why in found["why"].items()}
    assert reason == {
        "1001": "it could join a neighbour",
        "1003": "it could join a neighbour",
        "1004": "it could be divided",
        "1005": "it is road land",
        "2001": "its community part is below the band itself",
        "3001": "it is an island: barriers part it from all its neighbours",
    }
    severity = found["severity"].to_dict()
    assert {code for code, one in severity.items() if one == "note"} == {"140802001001005", "140802001002001"}
    assert found.geometry.notna().all() and (found["area_m2"] == found["value"]).all()
    figures = certify(units, areas=areas, barriers=wall).figures
    assert sum(figures["out_of_band"].values()) == 6 and figures["in_band"] == 2
    assert figures["in_band_share"] == pytest.approx(2 / 6)
    # without the wall it could join; with a neighbour that is full it could not
    alone = faults(certify(units, areas=areas), "area_band").set_index("unit")
    assert "could join" in alone.loc["140802001003001", "why"]
    full = faults(certify(units, areas=areas, rules=Rules(high_m2=13_000.0)), "area_band")
    assert "no neighbour has room" in full.set_index("unit").loc["140802001003001", "why"]


def test_ground_of_two_communities_is_that_of_the_lower_code(units, areas):
    greedy = areas.copy()
    greedy.loc[7, "geometry"] = shapely.buffer(areas.geometry[7], 30, join_style="mitre").intersection(
        shapely.union_all(areas.geometry.to_numpy())
    )
    lower = greedy.assign(code=greedy["code"].where(greedy.index != 7, "140802000001"))
    assert certify(units, areas=greedy).counts["over_community"] > 0
    moved = units["community"].where(units["community"] != areas["code"][7], "140802000001")
    frame = units.assign(community=moved, code=moved + units["code"].str.slice(12))
    # the lower code takes the ground of its neighbours: their units lie in it
    assert certify(frame, areas=lower).counts["over_community"] > 0
    # the higher code yields it: nothing is wrong
    higher = greedy.assign(code=greedy["code"].where(greedy.index != 7, "140802999999"))
    moved = units["community"].where(units["community"] != areas["code"][7], "140802999999")
    assert certify(units.assign(community=moved, code=moved + units["code"].str.slice(12)), areas=higher).passed
