"""The base map follows the record: what is loaded later is drawn without a new start, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import shapely

from api.app import create_app
from api.atlas import atlas_for
from gis import store
from tests import town
from tests.api.conftest import Served, serving, settings

PATH = "/tiles/base/names.json"


def road(code: str, name: str, y: float) -> dict:
    line = shapely.LineString([(town.X0, town.Y0 + y), (town.X0 + 400, town.Y0 + y)])
    return {"code": code, "name": name, "kind": "primary", "width_m": 20.0, "geometry": line}


@pytest.fixture
def small(database: str) -> Iterator[Served]:
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    layers = town.layers()
    for layer in ("departments", "areas", "units"):
        assert not len(store.load(engine, layer, layers[layer]).rejects)
    assert not len(store.load(engine, "roads", town.frame("roads", [road("R1", "旧路", 150.0)])).rejects)
    with serving(create_app(settings(database)), database) as service:
        yield service
    engine.dispose()


def named(service: Served) -> tuple[str, str]:
    answer = service.get(PATH)
    assert answer.status_code == 200
    return answer.text, answer.headers["etag"]


def test_a_road_that_is_loaded_later_is_drawn(small: Served):
    first, mark = named(small)
    assert "旧路" in first and "新路" not in first
    page = small.get("/maps/units").text
    assert mark.strip('"') in page and named(small) == (first, mark), "nothing changed, nothing is drawn anew"
    engine = store.connect(small.dsn)
    store.load(engine, "roads", town.frame("roads", [road("R1", "旧路", 150.0), road("R2", "新路", 250.0)]))
    engine.dispose()
    begun = time.monotonic()
    while "新路" not in (now := named(small))[0]:
        assert time.monotonic() - begun < 20, "it never came"
        time.sleep(0.1)
    assert now[1] != mark and now[1].strip('"') in small.get("/maps/units").text
    assert "旧路" in now[0]


def test_who_opens_a_page_while_the_city_is_read_is_told_what_is_waited_for(small: Served, database: str):
    app = create_app(settings(database, follow=False))
    with serving(app, database) as service:
        atlas = atlas_for(app.state.service)
        atlas.patience_s = 0.1
        assert service.get("/maps/units").status_code == 200
        with atlas._drawn._lock:  # as while it is drawn for the first time
            for path in ("/maps/units", "/maps/hotspots"):
                page = service.client.get(path, params={"lang": "zh"}, headers={"accept": "text/html"})
                assert page.status_code == 503 and "正在读入全市数据；读完后本页会自动打开" in page.text
                assert "wanmi.returning()" in page.text
            assert service.client.get("/maps/responsibility").status_code == 200, "answers need no map"
        assert service.get("/maps/units").status_code == 200
