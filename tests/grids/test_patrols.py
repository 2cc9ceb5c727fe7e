"""Patrol areas: in one piece each, alike in their work."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from grids.errors import InputError
from grids.patrols import patrol_areas
from grids.polygons import borders
from tests.grids.lattice import lattice

N = 24


@pytest.fixture(scope="module")
def units():
    return lattice(N)


def connected(units, label):
    one, two, metres = borders(units.geometry.to_numpy())
    near = csr_array((np.tile(metres, 2), (np.r_[one, two], np.r_[two, one])), shape=(len(units), len(units)))
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


def test_wrong_input_is_told(units):
    with pytest.raises(InputError, match="work that is negative"):
        patrol_areas(units, -np.ones(len(units)), 2)
    with pytest.raises(InputError, match="0 areas"):
        patrol_areas(units, np.ones(len(units)), 0)
