"""Parents by code and by place."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from grids.errors import InputError
from grids.hierarchy import check_hierarchy
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


def test_wrong_input_is_told(units):
    with pytest.raises(InputError, match="no level"):
        check_hierarchy(units, {})
