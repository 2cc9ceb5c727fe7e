"""Those who wait for a long answer leave everybody else a thread."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from api.routes.patience import AT_ONCE
from gis import store
from tests.api.conftest import Served

ASKERS, THREADS = 60, 40
"""More ask than the server has threads for plain requests."""


@pytest.mark.parametrize(
    ("path", "asked_for"), [("/v1/hotspots", {"method": "clusters", "least": 10}), ("/v1/alerts", {"class": "E"})]
)
def test_many_who_wait_keep_no_thread_from_others(served_demo: Served, path: str, asked_for: dict[str, object]):
    engine = store.connect(served_demo.dsn)
    with httpx.Client(base_url=served_demo.url, timeout=60, trust_env=False) as client:
        then = served_demo.get("/ready").json()["known_at"]

        def ask(k: int) -> int:
            params = asked_for | {"known_at": then, "bandwidth_m": 80 + k % 3}  # read from the record, not memory
            return client.get(path, params=params).status_code

        with ThreadPoolExecutor(ASKERS) as pool, engine.connect() as held:
            held.execute(sa.text("LOCK TABLE cases IN ACCESS EXCLUSIVE MODE"))  # whoever asks waits
            asked = [pool.submit(ask, k) for k in range(ASKERS)]
            time.sleep(1.0)
            for _ in range(3):
                begun = time.perf_counter()
                assert served_demo.get("/health").json() == {"status": "ok"}
                assert time.perf_counter() - begun < 10
            assert sum(not one.done() for one in asked) > THREADS
            held.rollback()
            assert {one.result() for one in asked} == {200}
    engine.dispose()
    assert AT_ONCE < THREADS
