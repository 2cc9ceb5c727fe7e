"""One shape for every error, ours or the framework's; one table of statuses."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import psycopg2
import pytest
from fastapi import FastAPI
from sqlalchemy import exc

from api import errors
from api.errors import STATUS, Unreadable, status_of
from grids.errors import Conflict, InputError, NotFound, TooLarge, Unavailable
from tests.api.conftest import Served, serving


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x"), 422),
        (Unreadable("x"), 400),
        (TooLarge("x"), 413),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (Unavailable("x"), 503),
        (exc.OperationalError("select", {}, Exception("gone")), 503),
        (exc.TimeoutError("pool"), 503),
        (psycopg2.OperationalError("gone"), 503),
        (ValueError("x"), 500),
    ],
)
def test_a_class_has_its_status(error: Exception, status: int):
    assert status_of(error) == status


def test_every_error_of_ours_has_a_status_of_its_own():
    def kinds(kind: type) -> set[type]:
        return {kind}.union(*(kinds(k) for k in kind.__subclasses__()))

    from grids.errors import WanmiError

    assert {k for k in kinds(WanmiError) if k.__module__.split(".")[0] in ("grids", "gis", "api")} <= set(STATUS)


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nothing", 404, "there is nothing at /nothing"),
        ("DELETE", "/v1/resolve", 405, "/v1/resolve takes GET, POST, not DELETE"),
        ("POST", "/v1/units/1", 405, "/v1/units/1 takes GET, not POST"),
        ("GET", "/static/secret.py", 404, "there is no file 'secret.py'"),
        ("GET", "/static/%2e%2e/app.py", 404, "there is no"),
        ("GET", "/tiles/base/3/9/0.png", 404, "there is no tile 3/9/0"),
        ("GET", "/tiles/base/a/0/0.png", 422, "z: 'a' is wrong"),
    ],
)
def test_the_frameworks_errors_have_the_shape_too(served: Served, method: str, path: str, status: int, says: str):
    answer = served.client.request(method, path)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "detail", "at"} and says in answer.json()["detail"]


def test_an_internal_fault_tells_no_secrets():
    app = FastAPI()
    errors.install(app)

    @app.get("/break")
    def breaks() -> None:
        raise KeyError("password=hunter2")

    with serving(app) as broken:
        answer = broken.get("/break")
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "InternalFault",
        "detail": "internal fault, KeyError; the log says more",
        "at": "",
    }


def test_every_answer_carries_the_headers_of_safety(served: Served):
    for path in ("/health", "/v1/departments", "/nothing", "/docs", "/static/leaflet.js"):
        headers = served.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe-eval" not in policy and "http" not in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


def test_answers_are_compressed_when_asked(served: Served):
    at = datetime.now(UTC).isoformat()  # both clocks said: now is another instant for each
    plain, packed = (
        served.client.get("/v1/zones", params={"at": at, "known_at": at}, headers={"accept-encoding": encoding})
        for encoding in ("identity", "gzip")
    )
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_health_asks_nobody(served: Served):
    assert httpx.get(f"{served.url}/health").json() == {"status": "ok"}
