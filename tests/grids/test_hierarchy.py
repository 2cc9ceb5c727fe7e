"""Parents by code and by place, and patrol areas."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from grids.errors import InputError
from grids.hierarchy import check_hierarchy, contacts, patrol_areas
from tests.grids.lattice import communities, lattice

N = 24


@pytest.fixture(scope="module")
def units():
    """Sixteen communities of 36 units, in four streets of one district."""
    frame = lattice(N)
    column, row = np.divmod(np.arange(N * N), N)
    street = column // 12 * 2 + row // 12 + 1
    within = column // 6 % 2 * 2 + row // 6 % 2 + 1
    community = [f"140802{s:03d}{c:03d}" for s, c in zip(street, within, strict=True)]
    code = [f"{c}{old[12:]}" for c, old in zip(community, frame["code"], strict=True)]
    return frame.assign(code=pd.array(code, "str"), community=pd.array(community, "str"))


@pytest.fixture(scope="module")
def areas(units):
    found = {"community": communities(units)}
    for level, digits in (("street", 9), ("district", 6)):
        found[level] = communities(units.assign(community=units["community"].str.slice(0, digits)))
    return found


def test_code_and_place_agree(units, areas):
    assert not len(check_hierarchy(units, areas))
    assert not len(check_hierarchy(units, {"street": areas["street"]}))


def test_each_planted_disagreement_is_found(units, areas):
    frame = units.copy()
    at = [3, 100, 250]
    others = ["140802004004", "140802001003", "140802009001"]
    frame.loc[at, "code"] = [f"{c}90{k}" for k, c in enumerate(others)]
    frame["community"] = frame["code"].str.slice(0, 12)
    streets = areas["street"].copy()
    streets.loc[0, "code"] = "140803001"
    found = check_hierarchy(frame, {**areas, "street": streets})
    assert sorted(found.loc[found["level"] == "unit", "code"]) == sorted(frame["code"][at])
    first = found[found["code"] == frame["code"][3]].iloc[0]
    assert (first["by_code"], first["by_place"], first["share"]) == ("140802004004", units["community"][3], 0.0)
    assert found.loc[found["code"] == frame["code"][250], "why"].item() == "says a parent that is not there"
    # four communities say a street that is not there, the street says a district that is not
    assert (found["level"] == "community").sum() == 4 and (found["level"] == "street").sum() == 1


def test_a_unit_partly_outside_its_community_is_found(units, areas):
    shapes = units.geometry.to_numpy().copy()
    shapes[150] = shapely.buffer(shapes[150], 40)
    found = check_hierarchy(units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs)), areas)
    assert found["code"].tolist() == [units["code"][150]] and 0.3 < found["share"].item() < 0.999


def test_contacts_are_the_shared_borders(units):
    near = contacts(units.geometry.to_numpy())
    shapes = units.geometry.to_numpy()
    assert (near - near.T).count_nonzero() == 0
    one, two = shapely.STRtree(shapes).query(shapes, predicate="touches")
    length = shapely.length(shapely.intersection(shapes[one], shapes[two]))
    dense = near.toarray()
    assert np.abs(dense[one, two] - length).max() < 1e-6 and dense.sum() == pytest.approx(length.sum())


def connected(units, label):
    near = contacts(units.geometry.to_numpy())
    return all(
        connected_components(near[at][:, at], directed=False)[0] == 1
        for at in (np.flatnonzero(label == k) for k in np.unique(label))
    )


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9))
def test_patrol_areas_are_connected_and_balanced(units, seed, groups):
    rng = np.random.default_rng(seed)
    xy = shapely.get_coordinates(shapely.centroid(units.geometry.to_numpy()))
    spots = xy[rng.integers(0, len(xy), 4)]
    far = np.hypot(*(xy[:, None] - spots[None]).transpose(2, 0, 1)).min(axis=1)
    work = rng.poisson(3 + 30 * np.exp(-far / 300)).astype(float)
    label = patrol_areas(units, work, groups)
    assert set(label) == set(range(groups)) and connected(units, label)
    total = np.bincount(label, work)
    assert np.abs(total / total.mean() - 1).max() < 0.06
    # rows in another order: the same areas
    mixed = rng.permutation(len(units))
    assert (patrol_areas(units.iloc[mixed], work[mixed], groups) == label[mixed]).all()


def test_patrol_areas_of_idle_units_share_the_ground(units):
    label = patrol_areas(units, np.zeros(len(units)), 5)
    assert np.ptp(np.bincount(label)) <= 5 and connected(units, label)
    assert (patrol_areas(units, np.ones(len(units)), 1) == 0).all()


def test_wrong_input_is_told(units, areas):
    with pytest.raises(InputError, match="work that is negative"):
        patrol_areas(units, -np.ones(len(units)), 2)
    with pytest.raises(InputError, match="0 areas"):
        patrol_areas(units, np.ones(len(units)), 0)
    with pytest.raises(InputError, match="no level"):
        check_hierarchy(units, {})
    with pytest.raises(InputError, match="two CRS"):
        check_hierarchy(units, {"community": areas["community"].to_crs(4326)})
