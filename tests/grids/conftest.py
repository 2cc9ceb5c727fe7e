"""What the tests of the certificate share."""

from __future__ import annotations

import geopandas as gpd
import pytest

from tests.grids.lattice import communities, lattice
from tests.grids.sound import N


@pytest.fixture(scope="session")
def units() -> gpd.GeoDataFrame:
    """A sound layer; no test may change it."""
    return lattice(N)


@pytest.fixture(scope="session")
def areas(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Its communities."""
    return communities(units)
