"""Ready or not: the service starts without its database and heals when it comes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from api.app import create_app
from gis import postgis, store
from tests import town
from tests.api.conftest import Served, degrees, serving, settings
from tests.conftest import database_name

HERE = {**degrees(101, 101), "class": "2026:C01002"}


def test_ready_names_the_snapshot(served: Served):
    ready = served.get("/ready")
    assert ready.status_code == 200 and ready.json()["status"] == "ready" and len(ready.json()["snapshot"]) >= 12


def test_without_a_database_it_says_so_and_when_to_ask_again():
    dsn = "postgresql:///none?host=/nowhere"
    with serving(create_app(settings(dsn))) as lost:
        assert lost.get("/health").status_code == 200
        for path in ("/ready", "/v1/resolve?lon=1&lat=1&class=C01001", "/v1/cases", "/maps/hotspots"):
            answer = lost.get(path)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["error"] == "Unavailable" and "no connection" in answer.json()["detail"]
        told = [lost.get("/v1/resolve?lon=1&lat=1&class=C01001").json()["detail"] for _ in range(6)]
        assert len(set(told)) == 1, "it says the same each time"


def test_a_snapshot_file_answers_without_a_database(town_file: Path):
    with serving(create_app(settings("postgresql:///none?host=/nowhere", snapshot=str(town_file)))) as offline:
        assert offline.get("/v1/resolve", **HERE).json()["owner"]["department"] == "D0"
        assert offline.get("/ready").status_code == 503
        assert "database" in offline.get("/ready").json()["detail"]


def test_it_heals_when_the_city_comes(cluster: postgis.Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.service.RETRY_AFTER_S", 0.2)
    name = database_name("api_heals")
    dsn = cluster.dsn(name)
    with serving(create_app(settings(dsn))) as service:
        try:
            assert service.get("/ready").status_code == 503
            postgis.ensure_database(name)
            time.sleep(0.3)
            empty = service.get("/ready")
            assert empty.status_code == 503 and "city" in empty.json()["detail"]
            engine = store.connect(dsn)
            store.create_city(engine, town.CITY)
            layers = town.layers()
            for layer in ("departments", "areas"):
                store.load(engine, layer, layers[layer])
            engine.dispose()
            until = time.monotonic() + 5  # also while it is asked all the time
            while service.get("/ready").status_code != 200 and time.monotonic() < until:
                time.sleep(0.02)
            assert service.get("/v1/resolve", **HERE).json()["rule"] == "territory"
            page = service.get("/maps/hotspots")  # without units there is nothing to outline, but a map
            assert page.status_code == 200 and town.CITY.name in page.text
            told = service.get("/maps/hotspots/look.json")
            assert told.status_code == 200 and told.json()["counted"] == 0
        finally:
            service.client.close()
            postgis.drop_database(name)
