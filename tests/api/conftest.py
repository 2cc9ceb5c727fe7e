"""Real services for the tests: the small town and a small demo city in PostGIS, served by uvicorn on free ports."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from api.app import create_app
from api.atlas import Atlas
from api.cli.serve import listen
from api.onewrite import OneWrite
from api.service import Service
from api.settings import Settings
from gis import demo, postgis, store
from gis.batch.record import assign_record
from gis.crs import to_lonlat
from gis.demo import Demo
from gis.snapshot import Snapshot
from tests import town
from tests.conftest import database_name

ORDER = town.ORDER


@dataclass(frozen=True)
class Served:
    """A service that runs: its address, its record, a client."""

    url: str
    dsn: str
    client: httpx.Client

    def get(self, path: str, **query: object) -> httpx.Response:
        return self.client.get(path, params=query or None)

    def post(self, path: str, **options: object) -> httpx.Response:
        return self.client.post(path, **options)


@contextlib.contextmanager
def serving(app: FastAPI, dsn: str = "") -> Iterator[Served]:
    """Serve an application on a free port until the block ends."""
    with listen("127.0.0.1", 0) as taken:
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=3, http=OneWrite)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        while not server.started:
            assert thread.is_alive(), "the server ended before it began"
            time.sleep(0.01)
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            yield Served(url, dsn, client)
        server.should_exit = True
        thread.join(10)


@contextlib.contextmanager
def open_atlas(engine: Engine) -> Iterator[Atlas]:
    """The atlas of a record, which asks it each time what changed."""
    service = Service(settings(engine.url.render_as_string(hide_password=False), follow=False))
    service.open()
    made = Atlas(service)
    made.columns.fresh_s = made.shelf.fresh_s = 0.0
    yield made
    service.close()


def settings(dsn: str, **more: object) -> Settings:
    """Settings that take nothing from the environment."""
    return Settings(**{"dsn": dsn, "snapshot": "", "city": "demo", "max_body_mb": 64, "max_rows": 100_000} | more)


def degrees(x: float, y: float) -> dict[str, float]:
    """Longitude and latitude of a place of the town, metres from its corner."""
    lon, lat = to_lonlat([town.X0 + x], [town.Y0 + y], town.CITY.srid)
    return {"lon": round(float(lon[0]), 8), "lat": round(float(lat[0]), 8)}


@pytest.fixture(scope="session")
def town_dsn(cluster: postgis.Cluster) -> Iterator[str]:
    """The town, loaded; no test may change its layers, cases may come in."""
    name = database_name("api_town")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    town.fill(engine)
    engine.dispose()
    yield dsn
    postgis.drop_database(name)


@pytest.fixture(scope="session")
def town_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town as a snapshot file."""
    return Snapshot.compile(town.CITY, town.layers()).save(tmp_path_factory.mktemp("town") / "town.wanmi")


@pytest.fixture(scope="session")
def served(town_dsn: str) -> Iterator[Served]:
    """The town, served."""
    with serving(create_app(settings(town_dsn)), town_dsn) as service:
        yield service


@pytest.fixture(scope="session")
def small_demo() -> Demo:
    """A demo city of a twentieth of the full size."""
    return demo.make(scale=0.05)


@pytest.fixture(scope="session")
def demo_dsn(cluster: postgis.Cluster, small_demo: Demo) -> Iterator[str]:
    """The small demo city, loaded and assigned."""
    name = database_name("api_demo")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, small_demo.city)
    for layer in (*ORDER, "roads", "rivers", "railways", "buildings", "parcels", "cases"):
        store.load(engine, layer, small_demo.layers[layer])
    assign_record(engine, Snapshot.compile(small_demo.city, store.city_frames(engine)))
    engine.dispose()
    yield dsn
    postgis.drop_database(name)


@pytest.fixture(scope="session")
def served_demo(demo_dsn: str) -> Iterator[Served]:
    """The small demo city, served."""
    with serving(create_app(settings(demo_dsn)), demo_dsn) as service:
        yield service
