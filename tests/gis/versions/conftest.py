"""What the tests of versions share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gis import store
from gis.store.engine import transaction
from tests import town


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """The town in a record of its own, new for each test."""
    engine = store.connect(database)
    with transaction(engine) as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS wanmi CASCADE")
    town.fill(engine)
    yield engine
    engine.dispose()
