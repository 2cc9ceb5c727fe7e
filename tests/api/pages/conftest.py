"""The demo city with markup for names, served, and a window: what the tests of the responsibility page share."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from api.app import create_app
from gis import postgis, store
from gis.demo import Demo
from gis.snapshot import Snapshot
from tests.api.conftest import ORDER, Served, serving, settings
from tests.api.pages.asking import (
    DESK,
    EVIL,
    size,
)
from tests.browser import Browser, chromium
from tests.conftest import database_name


@pytest.fixture(scope="session")
def city(small_demo: Demo) -> dict[str, pd.DataFrame]:
    """The demo's layers with markup for names."""
    layers = {name: frame.copy() for name, frame in small_demo.layers.items()}
    for name, column in (("departments", "name"), ("zones", "name"), ("areas", "name"), ("rosters", "person")):
        frame = layers[name]
        frame[column] = frame[column].where(frame.index % 3 != 0, EVIL + frame.index.astype(str))
    return layers


@pytest.fixture(scope="session")
def service(cluster: postgis.Cluster, small_demo: Demo, city: dict[str, pd.DataFrame]) -> Iterator[Served]:
    """That city, served; with rosters and streets, without cases."""
    name = database_name("responsibility_page")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, small_demo.city)
    for layer in (*ORDER, "roads", "rosters"):
        report = store.load(engine, layer, city[layer])
        assert not len(report.rejects), (layer, report.rejects.head())
    engine.dispose()
    with serving(create_app(settings(dsn)), dsn) as served:
        yield served
    postgis.drop_database(name)


@pytest.fixture(scope="session")
def snapshot(service: Served, small_demo: Demo) -> Snapshot:
    """The record compiled here, not by the service."""
    engine = store.connect(service.dsn)
    try:
        return Snapshot.compile(small_demo.city, store.city_frames(engine))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A window for all of them."""
    with chromium(*DESK) as found:
        yield found


@pytest.fixture
def wide(browser: Browser) -> Browser:
    """As wide as a desk's."""
    size(browser, *DESK)
    return browser
