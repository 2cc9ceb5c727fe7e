"""The certificate: faults are planted, all must be found with their area, and a sound layer must have none."""

from __future__ import annotations

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon

from grids.certificate import FAULTS, NOTICES, Rules, certify
from grids.errors import InputError
from tests.grids.lattice import ORIGIN, communities, lattice
from tests.grids.planted import CLASSES, plant
from tests.grids.sound import N, changed, faults, rounded, shifted_corner, spread


def test_a_sound_layer_passes(units, areas):
    for known in (areas, None):
        found = certify(units, areas=known)
        assert found.passed and not any(found.counts.values())
    assert found.figures["in_band_share"] == 1.0
    assert shapely.coverage_is_valid(units.geometry.to_numpy())
    assert certify(units, areas=areas).figures["largest_difference_m2"] < 1e-3


@pytest.mark.parametrize("known", [True, False], ids=["areas", "alone"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_gaps_are_found(units, areas, known, seed):
    rng = np.random.default_rng(seed)
    at = spread()
    middle = shapely.get_coordinates(shapely.centroid(units.geometry.to_numpy()[at]))
    size = rng.uniform(0.3, 20, (len(at), 2))
    # holes, and pieces cut from the side, some over the corner that four units share
    where = middle + rng.choice([0, 50], len(at))[:, None] * rng.choice([-1, 1], (len(at), 2))
    tools = rounded(shapely.box(*(where - size).T, *(where + size).T))
    before = units.geometry.to_numpy()[at]
    after = rounded(shapely.difference(before, tools))
    truth = shapely.difference(before, after)
    planted = np.flatnonzero(shapely.area(truth) > 0.01)
    found = faults(certify(changed(units, at, after), areas=areas if known else None), "gap")
    tree = shapely.STRtree(found.geometry.to_numpy())
    for i in planted:
        parts = tree.query(truth[i], predicate="intersects")
        got = shapely.area(shapely.intersection(found.geometry.to_numpy()[parts], truth[i])).sum()
        assert abs(got - shapely.area(truth[i])) < 0.01
    assert abs(found["area_m2"].sum() - shapely.area(truth).sum()) < 0.01 * len(planted)


@pytest.mark.parametrize("known", [True, False], ids=["areas", "alone"])
def test_a_missing_unit_is_a_gap_of_its_size(units, areas, known):
    at = spread(4)
    rest = units.drop(index=at)
    certificate = certify(rest, areas=areas if known else None)
    found = faults(certificate, "gap")
    assert len(found) == len(at)
    joined = gpd.sjoin(found, units.iloc[at], predicate="covered_by", lsuffix="gap", rsuffix="unit")
    size = shapely.area(units.geometry.to_numpy()[joined["index_unit"]])
    assert len(joined) == len(at) and np.abs(joined["area_m2"] - size).max() < 0.01


def test_a_notch_at_the_city_edge_needs_the_communities(units, areas):
    at = np.arange(3, 27, 3)
    x = ORIGIN[0]
    y = shapely.get_coordinates(shapely.centroid(units.geometry.to_numpy()[at]))[:, 1]
    before = units.geometry.to_numpy()[at]
    after = rounded(shapely.difference(before, shapely.box(x - 50, y - 3, x + 30, y + 3)))
    truth = shapely.area(shapely.difference(before, after))
    found = faults(certify(changed(units, at, after), areas=areas), "gap")
    assert np.abs(np.sort(found["area_m2"]) - np.sort(truth)).max() < 0.01
    assert not len(faults(certify(changed(units, at, after)), "gap"))


@pytest.mark.parametrize("known", [True, False], ids=["areas", "alone"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_overlaps_are_found_by_pair(units, areas, known, seed):
    rng = np.random.default_rng(seed)
    at = spread(4)
    grown = rounded(shapely.buffer(units.geometry.to_numpy()[at], rng.uniform(0.05, 8, len(at)), join_style="mitre"))
    frame = changed(units, at, grown)
    shapes = frame.geometry.to_numpy()
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[one], shapes[two]))
    true = {
        (units["code"][i], units["code"][j]): area
        for i, j, area in zip(one, two, shared, strict=True)
        if i < j and area > 0.01
    }
    found = faults(certify(frame, areas=areas if known else None), "overlap")
    got = dict(zip(zip(found["unit"], found["other"], strict=True), found["area_m2"], strict=True))
    assert len(true) > 8 * len(at) * 0.9
    assert set(true) <= set(got)
    assert max(abs(got[pair] - area) for pair, area in true.items()) < 0.01
    assert all(area < 0.02 for pair, area in got.items() if pair not in true)


def test_shapes_that_carry_a_grid_are_measured_exactly(units):
    """Overlays of shapes with a precision of their own are rounded to it: up to 0.03 m² for one pair."""
    shapes = shapely.set_precision(units.geometry.to_numpy(), 0.001)
    at = spread(6)
    shapes[at] = shapely.set_precision(shapely.buffer(shapes[at], 2.345, join_style="mitre"), 0.001)
    found = faults(certify(units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs))), "overlap")
    plain = shapely.from_wkb(shapely.to_wkb(shapes))
    place = pd.Series(plain, index=units["code"])
    exact = shapely.area(shapely.intersection(place[found["unit"]].to_numpy(), place[found["other"]].to_numpy()))
    assert len(found) > 150 and np.abs(found["area_m2"] - exact).max() < 1e-6


@pytest.mark.parametrize("known", [True, False], ids=["areas", "alone"])
def test_units_given_twice_overlap_wholly(units, areas, known):
    again = units.iloc[spread(5)].copy()
    again["code"] = [f"{code[:12]}{int(code[12:]) + 500}" for code in again["code"]]
    found = faults(certify(pd.concat([units, again], ignore_index=True), areas=areas if known else None), "overlap")
    assert len(found) == len(again)
    assert np.abs(np.sort(found["area_m2"]) - np.sort(again.area)).max() < 0.01


def test_a_whole_layer_given_twice_overlaps(units, areas):
    small = units[units["community"].isin(areas["code"][:2])]
    again = small.assign(code=[f"{code[:12]}{int(code[12:]) + 500}" for code in small["code"]])
    both = pd.concat([small, again], ignore_index=True)
    for known in (areas[:2], None):
        assert certify(both, areas=known).counts["overlap"] == len(small)


def test_units_over_a_community_border_are_found(units, areas):
    # the last column of a community reaches into the next: its eastern neighbours give way, so no gap, no overlap
    at = np.arange(5, N - 1, 6) * N + 2
    shapes = units.geometry.to_numpy()
    reach = rounded(shapely.intersection(shapely.buffer(shapes[at], 6, join_style="mitre"), shapes[at + N]))
    new = rounded(shapely.union(shapes[at], reach))
    frame = changed(changed(units, at, new), at + N, rounded(shapely.difference(shapes[at + N], new)))
    certificate = certify(frame, areas=areas)
    found = faults(certificate, "over_community")
    assert set(found["unit"]) >= set(units["code"][at])
    mine = found.set_index("unit").loc[units["code"][at].tolist()]
    home = areas.set_index("code").geometry.loc[units["community"][at].tolist()].to_numpy()
    assert np.abs(mine["area_m2"] - shapely.area(shapely.difference(new, home))).max() < 0.01
    assert mine["other"].tolist() == units["community"][at + N].tolist()


def test_units_beyond_all_communities_are_found(units, areas):
    at = np.arange(2, 28, 4)
    middle = shapely.get_coordinates(shapely.centroid(units.geometry.to_numpy()[at]))
    spurs = shapely.box(ORIGIN[0] - 60, middle[:, 1] - 3, middle[:, 0], middle[:, 1] + 3)
    new = rounded(shapely.union(units.geometry.to_numpy()[at], spurs))
    found = faults(certify(changed(units, at, new), areas=areas), "beyond")
    assert sorted(found["unit"]) == sorted(units["code"][at])
    truth = shapely.area(shapely.difference(new, shapely.union_all(areas.geometry.to_numpy())))
    assert np.abs(np.sort(found["area_m2"]) - np.sort(truth)).max() < 0.01


@pytest.mark.parametrize("known", [True, False], ids=["areas", "alone"])
def test_vertices_that_the_neighbour_lacks_are_found(units, areas, known):
    at = spread(4)
    rings = [shapely.get_coordinates(shape)[:-1] for shape in units.geometry.to_numpy()[at]]
    new = rounded([Polygon(np.insert(ring, 1, ring[:2].mean(axis=0), axis=0)) for ring in rings])
    frame = changed(units, at, new)
    assert not shapely.coverage_is_valid(frame.geometry.to_numpy())
    certificate = certify(frame, areas=areas if known else None)
    assert certificate.counts["node"] == len(at) and not certificate.passed
    assert not certificate.counts["gap"] and not certificate.counts["overlap"]


def test_communities_may_have_fewer_vertices_than_their_units(units, areas):
    """A cut that ends on a community's border gives units a vertex that the community lacks."""
    coarse = lattice(N, bend=0.0005)
    whole = communities(coarse)
    sparse = whole.set_geometry(shapely.simplify(whole.geometry.to_numpy(), 0.002), crs=whole.crs)
    assert (
        shapely.get_num_coordinates(sparse.geometry.to_numpy()).sum()
        < 0.5 * shapely.get_num_coordinates(whole.geometry.to_numpy()).sum()
    )
    found = certify(coarse, areas=sparse)
    # no gap, no overlap: only the sum of the areas tells that the border bends by half a millimetre
    assert {kind for kind in FAULTS if found.counts[kind]} == {"difference"}
    assert certify(coarse, areas=sparse, rules=Rules(difference_m2=0.5)).passed


def test_slivers_that_nothing_else_tells_are_a_difference(units, areas):
    """Communities that are 2 mm larger than their units: no gap is wide enough, the sum of the areas tells."""
    at = np.array([0, 4, 12, 20])
    wide = areas.geometry.to_numpy().copy()
    shapes = units.geometry.to_numpy().copy()
    mine = np.flatnonzero(units["community"].isin(areas["code"][at]))
    # the units draw back from the border, the communities stay
    shapes[mine] = shapely.difference(
        shapes[mine], shapely.buffer(shapely.boundary(shapely.union_all(wide[at])), 0.002)
    )
    frame = units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs))
    found = certify(frame, areas=areas)
    told = faults(found, "difference")
    assert not found.passed and sorted(told["other"]) == sorted(areas["code"][at])
    members = pd.Series(shapely.area(shapes)).groupby(units["community"]).sum()
    truth = areas.set_index("code").geometry.area - members
    assert np.abs(told["value"].to_numpy() - truth[told["other"]].to_numpy()).max() < 0.01
    assert np.abs(shapely.area(told.geometry.to_numpy()) - told["area_m2"]).max() < 0.01
    assert found.figures["communities_off"] == len(at)
    assert not certify(frame, areas=areas, rules=Rules(difference_m2=100.0)).counts["difference"]


def test_a_gap_tells_the_difference_by_itself(units, areas):
    found = certify(units.drop(index=spread(4)), areas=areas)
    assert found.counts["gap"] and not found.counts["difference"]
    assert found.figures["communities_off"] > 0 and found.figures["largest_difference_m2"] > 1000


def test_a_shifted_unit_makes_no_difference_of_areas(units, areas):
    shapes = units.geometry.to_numpy().copy()
    at = spread(7)
    shapes[at] = rounded(shapely.transform(shapes[at], lambda xy: xy + 0.3))
    found = certify(units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs)), areas=areas)
    assert found.counts["gap"] and found.counts["overlap"] and not found.counts["difference"]


def test_broken_geometry_is_found(units, areas):
    at = spread(3)[:12]
    corners = [shapely.get_coordinates(shape)[:-1] for shape in units.geometry.to_numpy()[at]]
    bows = [Polygon(ring[[0, 8, 4, 12]]) for ring in corners[:4]]
    new = [*bows, None, Polygon(), LineString(corners[6]), corners[7], *[None] * 4]
    new[7] = shapely.Point(corners[7][0])
    certificate = certify(changed(units, at, new), areas=areas)
    found = faults(certificate, "invalid")
    assert sorted(found["unit"]) == sorted(units["code"][at])
    assert found["why"].str.contains("Self-intersection").sum() == 4


def test_units_in_pieces_are_found(units, areas):
    at = spread(3)[:9]
    mid = shapely.get_coordinates(shapely.centroid(units.geometry.to_numpy()[at]))
    new = rounded(
        shapely.difference(units.geometry.to_numpy()[at], shapely.box(*(mid - [200, 1]).T, *(mid + [200, 1]).T))
    )
    assert (shapely.get_num_geometries(new) == 2).all()
    certificate = certify(changed(units, at, new), areas=areas)
    assert sorted(faults(certificate, "parts")["unit"]) == sorted(units["code"][at])


def test_barriers_across_units_are_found(units, areas):
    at = spread(4)
    shapes = shapely.union(units.geometry.to_numpy()[at], units.geometry.to_numpy()[at + 1])
    doubles = changed(units, at, rounded(shapes)).drop(index=at + 1)
    border = shapely.intersection(units.geometry.to_numpy()[at], units.geometry.to_numpy()[at + 1])
    lines = gpd.GeoDataFrame({"rank": 3}, index=range(len(at)), geometry=shapely.line_merge(border), crs=units.crs)
    found = faults(certify(doubles, areas=areas, barriers=lines), "barrier")
    assert sorted(found["unit"]) == sorted(units["code"][at])
    assert (found["value"] == 3).all() and (found["area_m2"] > 5000).all()
    assert not certify(doubles, areas=areas, barriers=lines.assign(rank=6)).counts["barrier"]
    assert not certify(doubles, areas=areas, barriers=lines.assign(tunnel="yes")).counts["barrier"]
    # the same lines between units, and dead ends inside, are in order
    assert not certify(units, areas=areas, barriers=lines).counts["barrier"]
    middle = shapely.centroid(units.geometry.to_numpy()[at])
    stubs = shapely.linestrings(np.stack([shapely.get_coordinates(middle), shapely.get_coordinates(middle) + 400], 1))
    stubs = shapely.intersection(stubs, units.geometry.to_numpy()[at])
    assert not certify(units, barriers=lines.set_geometry(list(stubs), crs=units.crs)).counts["barrier"]


def test_order_of_rows_changes_nothing(units, areas):
    at = spread(4)
    by = np.random.default_rng(7).uniform(-12, 12, (len(at), 2))
    frame = changed(units, at, shifted_corner(units, at, by))
    one = certify(frame, areas=areas).faults
    two = certify(frame.sample(frac=1, random_state=3), areas=areas.sample(frac=1, random_state=4)).faults
    rows = [
        {
            (f.kind, frozenset([f.unit, f.other]), round(f.area_m2, 6) if f.area_m2 > 0 else 0)
            for f in found.itertuples()
        }
        for found in (one, two)
    ]
    assert rows[0] == rows[1] and len(one)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 60))
def test_every_shifted_corner_is_found(units, areas, seed, count):
    rng = np.random.default_rng(seed)
    at = rng.choice(spread(3), min(count, len(spread(3))), replace=False)
    by = rng.uniform(0.5, 9, (len(at), 2)) * rng.choice([-1, 1], (len(at), 2))
    frame = changed(units, at, shifted_corner(units, at, by))
    shapes, before = frame.geometry.to_numpy(), units.geometry.to_numpy()
    found = certify(frame, areas=areas)
    lost = shapely.area(shapely.difference(before[at], shapes[at])).sum()
    won = shapely.area(shapely.difference(shapes[at], before[at])).sum()
    gaps, overlaps, beyond = (faults(found, kind)["area_m2"].sum() for kind in ("gap", "overlap", "beyond"))
    assert abs(gaps - lost) < 0.01 * len(at)
    assert abs(overlaps + beyond - won) < 0.01 * len(at)


def test_a_hundred_thousand_units_take_less_than_the_neighbours_of_forty_thousand():
    frame = lattice(316)
    areas = communities(frame)
    rng = np.random.default_rng(5)
    at = rng.choice(len(frame), 1000, replace=False)
    shapes = frame.geometry.to_numpy().copy()
    middle = shapely.centroid(shapes[at[:500]])
    shapes[at[:500]] = shapely.difference(shapes[at[:500]], shapely.buffer(middle, 5, cap_style="square"))
    shapes[at[500:]] = shifted_corner(frame, at[500:], -rng.uniform(2, 9, (500, 2)))
    faulty = frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs))
    begin = time.process_time()
    part = frame.geometry.to_numpy()[:40_000]
    shapely.STRtree(part).query(part, predicate="touches")  # a yardstick of the machine
    yard = time.process_time() - begin
    took = []
    for layer in (frame, faulty):
        begin = time.process_time()
        found = certify(layer, areas=areas)
        took.append(time.process_time() - begin)
    assert found.counts["gap"] >= 500 and found.counts["overlap"] >= 400
    assert max(took) < 1.5 * yard


def test_wrong_input_is_told(units, areas):
    with pytest.raises(InputError, match="projected CRS in metres"):
        certify(units.to_crs(4326))
    with pytest.raises(InputError, match="one CRS for all"):
        certify(units, areas=areas.to_crs(3857))
    with pytest.raises(InputError, match="column code"):
        certify(units.drop(columns="code"))
    with pytest.raises(InputError, match="lower bound first"):
        Rules(low_m2=3e4)
    assert certify(units.iloc[:0], areas=areas).counts["gap"] >= 1
    assert set(certify(units).counts) == {*FAULTS, *NOTICES}


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_of_every_class_at_once_are_all_found(seed):
    """One fault in each of 121 communities, eleven of each class, all in one layer."""
    made = plant(66, seed=seed)
    found = certify(made.units, areas=made.areas, barriers=made.barriers, levels=made.levels)
    rows = found.faults[found.faults["severity"] != "note"]
    assert made.truth["kind"].nunique() == len(CLASSES) and len(made.truth) > 200
    for kind, planted in made.truth.groupby("kind"):
        mine = rows[rows["kind"] == kind]
        for one in planted.itertuples():
            pair = {one.unit, one.other} if kind in ("order", "overlap") else {one.unit}
            hit = mine[mine["unit"].isin(pair)]
            if kind in ("gap", "overlap", "over_community", "difference"):
                hit = hit[hit["other"].isin(pair if kind == "overlap" else {one.other})]
            if np.isfinite(one.area_m2):
                hit = hit[np.abs(hit["area_m2"] - one.area_m2) < 0.01]
            assert len(hit), one
            assert hit.geometry.notna().all()
    exact = ("invalid", "parts", "overlap", "over_community", "difference", "code", "barrier", "area_band")
    for kind in exact:
        assert found.counts[kind] == (made.truth["kind"] == kind).sum(), kind
