"""The demo city that the tests of it share."""

from __future__ import annotations

import pandas as pd
import pytest
import shapely

from gis.demo import Demo, make
from gis.snapshot import Snapshot
from tests.gis.demo import SCALE


@pytest.fixture(scope="session")
def demo() -> Demo:
    """A twentieth of the demo city; no test may change it."""
    return make(scale=SCALE)


@pytest.fixture(scope="session")
def layers(demo: Demo) -> dict[str, pd.DataFrame]:
    """Its frames."""
    return demo.layers


@pytest.fixture(scope="session")
def city(layers: dict[str, pd.DataFrame]) -> shapely.Polygon:
    """Its ground."""
    areas = layers["areas"]
    return areas.loc[areas["set"] == "district"].geometry.iloc[0]


@pytest.fixture(scope="session")
def snapshot(demo: Demo) -> Snapshot:
    """The city as a snapshot."""
    layers = ("areas", "departments", "rules", "units", "components", "zones")
    return Snapshot.compile(demo.city, {name: demo.layers[name] for name in layers})
