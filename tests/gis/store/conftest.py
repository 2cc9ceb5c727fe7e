"""Databases for the tests of the record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gis import postgis, store
from tests import town
from tests.conftest import database_name
from tests.gis.store.village import ORDER, more_layers


@pytest.fixture
def engine(cluster: postgis.Cluster, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on a city of its own, empty."""
    name = database_name(f"s_{abs(hash(request.node.name)) % 10**8}")
    engine = store.connect(postgis.ensure_database(name))
    store.create_city(engine, town.CITY)
    yield engine
    engine.dispose()
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def full(database: str) -> Iterator[Engine]:
    """The town with everything, for reading."""
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    frames = more_layers()
    for layer in ORDER:
        report = store.load(engine, layer, frames[layer])
        assert (report.inserted, len(report.rejects)) == (len(frames[layer]), 0), (layer, report.rejects)
    yield engine
    engine.dispose()


@pytest.fixture
def code(request: pytest.FixtureRequest) -> str:
    """The code of a department that only this test loads."""
    return request.node.name
