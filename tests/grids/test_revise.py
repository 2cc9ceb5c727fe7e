"""Revision and carry-over: codes stay with shapes, ended codes stay ended, and everything can be traced."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.carry import carried, moved, moves
from grids.certificate import FAULTS, certify
from grids.errors import InputError
from grids.revise import revise
from tests.grids.lattice import communities, lattice

N = 12
AT = pd.Timestamp("2026-07-01T00:00:00Z")
LATER = pd.Timestamp("2026-08-01T00:00:00Z")


@pytest.fixture(scope="module")
def units():
    return lattice(N)


def halves(shape):
    west, south, east, north = shape.bounds
    cut = shapely.box(west - 1, south - 1, (west + east) / 2, north + 1)
    return [shapely.intersection(shape, cut), shapely.difference(shape, cut)]


def edited(units, *, split=(), merge=(), drop=()):
    """New set, uncoded: units split in halves, joined with the one to the north, left out."""
    shapes = units.geometry.to_numpy()
    gone = {*split, *drop, *(i for pair in merge for i in pair)}
    rows = [(c, s) for i, (c, s) in enumerate(zip(units["community"], shapes, strict=True)) if i not in gone]
    rows += [(units["community"][i], part) for i in split for part in halves(shapes[i])]
    rows += [(units["community"][i], shapely.union(shapes[i], shapes[j])) for i, j in merge]
    return gpd.GeoDataFrame({"community": [r[0] for r in rows]}, geometry=[r[1] for r in rows], crs=units.crs)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_same_set_is_the_identity(seed):
    units = lattice(N, seed=seed)
    found = revise(units, units.drop(columns="code").sample(frac=1, random_state=seed), at=AT)
    assert found.units["code"].tolist() == sorted(units["code"])
    assert not len(found.ended) and set(found.lineage["what"]) == {"kept"}
    by_code = units.set_index("code").geometry.loc[found.units["code"].tolist()]
    assert shapely.equals_identical(by_code.to_numpy(), found.units.geometry.to_numpy()).all()
    assert found.units["valid_from"].isna().all() and found.units["valid_to"].isna().all()


def test_split_merged_and_retired_units(units):
    new = edited(units, split=[14, 40], merge=[(60, 61)], drop=[100])
    found = revise(units, new, at=AT)
    code = units["code"]
    assert found.counts == {
        "kept": N * N - 5, "moved": 0, "split": 2, "merged": 2, "redrawn": 0, "retired": 1, "born": 0
    }  # fmt: skip
    kept = found.units[found.units["code"].isin(code)]
    assert len(kept) == N * N - 5
    fresh = found.units[~found.units["code"].isin(code)]
    assert len(fresh) == 5 and (fresh["valid_from"] == AT).all() and (fresh["issue"] == 1).all()
    assert (found.ended["valid_to"] == AT).all()
    assert sorted(found.ended["code"]) == sorted(code[[14, 40, 60, 61, 100]])
    # next free serials of their communities
    for name, mine in fresh.groupby("community"):
        top = int(code[units["community"] == name].str.slice(12).max())
        assert [int(c[12:]) for c in mine["code"]] == list(range(top + 1, top + 1 + len(mine)))
    one = found.lineage[found.lineage["old"] == code[14]]
    assert one["what"].tolist() == ["split", "split"] and one["share_of_old"].sum() == pytest.approx(1)
    assert one["share_of_new"].tolist() == pytest.approx([1, 1])
    two = found.lineage[found.lineage["old"].isin(code[[60, 61]])]
    assert set(two["what"]) == {"merged"} and two["new"].nunique() == 1
    assert two["share_of_new"].sum() == pytest.approx(1)


def test_kept_units_may_shift_within_the_tolerance_only(units):
    new = units.drop(columns="code").copy()
    shapes = new.geometry.to_numpy().copy()
    shapes[5] = shapely.transform(shapes[5], lambda xy: xy + 0.004)
    shapes[90] = shapely.transform(shapes[90], lambda xy: xy + 0.5)
    found = revise(units, new.set_geometry(gpd.GeoSeries(shapes, crs=units.crs)), at=AT)
    assert found.counts["kept"] == N * N - 1 and found.counts["moved"] == 1
    row = found.lineage[found.lineage["what"] == "moved"].iloc[0]
    assert row["old"] == units["code"][90] and row["new"] not in set(units["code"])
    assert 0.98 < row["share_of_old"] < 1


def test_many_to_many_is_redrawn_and_new_ground_is_born(units):
    shapes = units.geometry.to_numpy()
    both = shapely.union(shapes[50], shapes[51])
    west, south, east, north = both.bounds
    cut = shapely.box(west - 1, south - 1, (west + east) / 2, north + 1)
    rest = units.drop(index=[50, 51])[["community"]]
    names = [*rest["community"], units["community"][50], units["community"][50], units["community"][0]]
    away = shapely.transform(shapes[0], lambda xy: xy - 500)
    new = [*np.delete(shapes, [50, 51]), shapely.intersection(both, cut), shapely.difference(both, cut), away]
    found = revise(units, gpd.GeoDataFrame({"community": names}, geometry=new, crs=units.crs), at=AT)
    assert found.counts["redrawn"] == 2 and found.counts["born"] == 1
    assert (found.lineage["what"] == "redrawn").sum() == 4


def test_a_unit_of_another_community_is_another_unit(units):
    new = units[["community", "geometry"]].copy()
    new.loc[3, "community"] = units["community"].iloc[-1]
    found = revise(units, new, at=AT)
    assert found.counts["moved"] == 1
    assert found.lineage.loc[found.lineage["what"] == "moved", "share_of_old"].tolist() == [1.0]


def test_codes_are_never_given_again(units):
    """Split, join again, split again: each time new codes, and all history stays."""
    first = revise(units, edited(units, split=[14]), at=AT)
    history = pd.concat([first.units, first.ended], ignore_index=True)
    second = revise(history, units[["community", "geometry"]], at=LATER)
    history = pd.concat([second.units, second.ended, first.ended], ignore_index=True)
    third = revise(history, edited(units, split=[14]), at=LATER + pd.Timedelta(days=1))
    assert units["code"][14] not in set(second.units["code"])
    ever = set(units["code"]) | set(first.units["code"]) | set(second.units["code"])
    born = third.units[third.units["issue"] == third.units["issue"].max()]
    assert len(born) == 2 and not set(born["code"]) & ever
    for one in (first, second, third):
        found = certify(one.units, areas=communities(units))
        # the neighbours of a halved unit lack the ends of the cut, and that is all
        assert {kind for kind in FAULTS if found.counts[kind]} <= {"node"}


def test_ends_and_beginnings_meet(units):
    found = revise(units.assign(valid_from=AT), edited(units, split=[14]), at=LATER)
    assert (found.units["valid_from"].isin([AT, LATER])).all()
    assert (found.ended["valid_from"] == AT).all() and (found.ended["valid_to"] == LATER).all()
    assert found.units["valid_from"].dtype == found.ended["valid_to"].dtype


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_order_of_rows_changes_nothing(units, data):
    some = st.integers(0, N * N - 1)
    split = data.draw(st.lists(some, max_size=4, unique=True))
    drop = data.draw(st.lists(some.filter(lambda i: i not in split), max_size=3, unique=True))
    new = edited(units, split=split, drop=drop)
    one = revise(units, new, at=AT)
    two = revise(units.sample(frac=1, random_state=1), new.sample(frac=1, random_state=2), at=AT)
    assert one.units["code"].tolist() == two.units["code"].tolist()
    assert shapely.equals_identical(one.units.geometry.to_numpy(), two.units.geometry.to_numpy()).all()
    pd.testing.assert_frame_equal(one.lineage, two.lineage)
    # every old unit is told of, and shares of those that have heirs make up the whole
    assert set(one.lineage["old"]) - {""} == set(units["code"])
    shares = one.lineage[one.lineage["new"] != ""].groupby("old")["share_of_old"].sum()
    assert np.abs(shares - 1).max() < 1e-6


def test_the_older_scheme_and_free_codes_go_on(units):
    short = units.assign(code=[f"{c[:12]}{c[13:]}" for c in units["code"]])
    found = revise(short, edited(units, split=[14]), at=AT)
    assert found.units["code"].str.len().unique().tolist() == [14]
    names = units["community"].map({c: f"Ward {k}" for k, c in enumerate(sorted(set(units["community"])))})
    free = units.assign(community=names, code=[f"{n}-{c[12:]}" for n, c in zip(names, units["code"], strict=True)])
    found = revise(free, edited(free, split=[14]), at=AT)
    assert sorted(set(found.units["code"]) - set(free["code"])) == [f"{names[14]}-037", f"{names[14]}-038"]


def test_what_would_move_is_listed_before_it_moves(units):
    found = revise(units, edited(units, split=[14], merge=[(60, 61)], drop=[100]), at=AT)
    rng = np.random.default_rng(1)
    at = rng.choice(N * N, 3000)
    low = shapely.bounds(units.geometry.to_numpy()[at])
    points = shapely.points(rng.uniform(low[:, :2], low[:, 2:]))
    inside = shapely.intersects(units.geometry.to_numpy()[at], points)
    cases = pd.DataFrame({"id": np.arange(3000).astype(str), "unit": units["code"].to_numpy()[at], "geometry": points})
    cases = cases[inside].reset_index(drop=True)
    cases.loc[cases.index[cases["unit"] == units["code"][14]][:3], "geometry"] = None
    before = cases.copy()
    listed = moves(cases, found.units, found.lineage, key="id")
    pd.testing.assert_frame_equal(cases, before)
    assert set(listed["old"]) <= set(units["code"][[14, 60, 61, 100]])
    assert len(listed) == cases["unit"].isin(units["code"][[14, 60, 61, 100]]).sum()
    assert (listed["how"] == "largest share").sum() == 3
    assert set(listed.loc[listed["old"] == units["code"][60], "how"]) == {"one heir"}
    assert set(listed.loc[listed["old"] == units["code"][100], "how"]) == {"none"}
    after = moved(cases, listed, key="id")
    shape = found.units.set_index("code").geometry
    placed = after[(after["unit"] != "") & after["geometry"].notna()]
    assert shapely.intersects(shape.loc[placed["unit"].tolist()].to_numpy(), placed["geometry"].to_numpy()).all()
    assert (after["unit"] == "").sum() == (cases["unit"] == units["code"][100]).sum()
    # moving twice by one list is refused
    with pytest.raises(InputError, match="by now"):
        moved(after, listed, key="id")


def test_counts_are_carried_and_their_sum_stays(units):
    found = revise(units, edited(units, split=[14, 40], merge=[(60, 61)]), at=AT)
    counts = pd.Series(np.arange(len(units)), index=units["code"], name="cases")
    after = carried(counts, found.lineage)
    assert after.sum() == pytest.approx(counts.sum()) and set(after.index) == set(found.units["code"])
    heir = found.lineage.set_index("old")["new"][units["code"][60]]
    assert after[heir] == 121


def test_wrong_input_is_told(units):
    with pytest.raises(InputError, match="time zone"):
        revise(units, units, at=pd.Timestamp("2026-07-01"))
    with pytest.raises(InputError, match="one CRS"):
        revise(units, units.to_crs(4326), at=AT)
    with pytest.raises(InputError, match="twice"):
        revise(pd.concat([units, units[:1]]), units, at=AT)
    with pytest.raises(InputError, match="later instant"):
        revise(units.assign(valid_from=LATER), units, at=AT)
    with pytest.raises(InputError, match="without a community"):
        revise(units, units[["geometry"]], at=AT)
