"""The hot path on the wire: percent-encoding, pieces, slow and impatient clients, methods, headers, compression."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import socket
import time
from collections.abc import Iterator

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from api.app import create_app
from api.queries import read_query
from api.single import Question, answer_any, answer_quickly
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town
from tests.api.conftest import Served, degrees, serving, settings

HERE = {**degrees(101, 101), "class": "2026:C01002"}
QUERY = f"lon={HERE['lon']}&lat={HERE['lat']}&class={HERE['class']}&at=2026-07-01"
SAFE = ("content-security-policy", "x-content-type-options", "referrer-policy", "x-frame-options", "cache-control")


def line(served: Served) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def read_answers(wire: socket.socket, count: int) -> list[tuple[int, dict]]:
    """Answers of one connection, in the order in which they come."""
    file, out = wire.makefile("rb"), []
    for _ in range(count):
        status = int(file.readline().split()[1])
        length = 0
        while (header := file.readline().strip().lower()) != b"":
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        out.append((status, json.loads(file.read(length))))
    return out


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        (QUERY + "&component=%zz", "component", "'%zz' is no percent-encoding; write % itself as %25"),
        (QUERY + "&component=5%", "component", "'%' is no percent-encoding"),
        (QUERY + "&component=%e4%ba", "component", "it is no UTF-8"),
        (QUERY + "&%ff=1", "query", "it is no UTF-8"),
        (QUERY + "&l%6fn=1", "lon", "is given twice"),
        (QUERY.replace("lat=", "lat=%00"), "lat", "is wrong"),
    ],
)
def test_faults_of_percent_encoding_are_one_clear_line(served: Served, query: str, at: str, says: str):
    with line(served) as wire:
        wire.sendall(f"GET /v1/resolve?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        [(status, told)] = read_answers(wire, 1)
    assert status == 422 and told["at"] == at and says in told["detail"], told


@given(st.dictionaries(st.sampled_from(["lon", "class", "at"]), st.text(max_size=12)))
def test_queries_are_read_as_they_were_written(values: dict[str, str]):
    query = str(httpx.QueryParams(values)).encode()
    assert read_query(query, ["lon", "class", "at"]) == values


def test_pipelined_requests_are_answered_in_their_order(served: Served):
    places = [degrees(x, 101) for x in (101, 2000, 301, 101)] * 5
    with line(served) as wire:
        requests = [
            f"GET /v1/resolve?lon={p['lon']}&lat={p['lat']}&class=2026:E06010 HTTP/1.1\r\nHost: x\r\n\r\n"
            for p in places
        ]
        wire.sendall("".join(requests).encode())
        found = read_answers(wire, len(places))
    for place, (status, answer) in zip(places, found, strict=True):
        alone = served.get("/v1/resolve", **place, **{"class": "2026:E06010"}).json()
        assert status == 200 and (answer["rule"], answer["unit"]) == (alone["rule"], alone["unit"])


ODD = [
    QUERY,
    QUERY + "&lang=zh&crs=gcj02",
    QUERY + "&accuracy_m=20",
    QUERY + "&component=nothing",
    QUERY.replace("2026%3A", "") + "&channel=hotline",
    QUERY.replace("class=2026", "class=1926"),
    QUERY + "&lon=1",
    QUERY + "#here",
    "lon=0&lat=0&at=2026-07-01",
    "lon=999&lat=1",
    "lat=",
    "",
]


@pytest.mark.parametrize("more", [b"", b"Accept-Encoding: gzip\r\n"])
def test_answered_at_once_or_the_usual_way_it_is_the_same(served: Served, more: bytes):
    """A length, even of nothing, makes it a question that is not plain."""
    with line(served) as wire:
        for query in ODD:
            told = []
            for way in (b"", b"Content-Length: 0\r\n"):
                wire.sendall(b"GET /v1/resolve?%b HTTP/1.1\r\nHost: x\r\n%b%b\r\n" % (query.encode(), more, way))
                told.append(whole_answer(wire))
            (first, head, body), (second, others, again) = told
            assert first == second and head == others and body == again, query
            assert more or b"content-encoding" not in dict(head)
            assert not more or query != QUERY or gzip.decompress(body).startswith(b"{")


def whole_answer(wire: socket.socket) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers but the date, and body as they stand on the wire."""
    file = wire.makefile("rb")
    status, head = int(file.readline().split()[1]), []
    while text := file.readline().strip():
        name, _, value = text.partition(b": ")
        head.append((name.lower(), value))
    body = file.read(int(dict(head)[b"content-length"]))
    return status, sorted(pair for pair in head if pair[0] != b"date"), body


def test_a_question_behind_a_slow_one_waits_for_it(served: Served):
    """Pipelined: a batch that is answered beside, then a question that could be answered at once."""
    body = orjson.dumps({"cases": [HERE] * 20_000})
    post = b"POST /v1/resolve?at=2026-07-01 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with line(served) as wire:
        wire.sendall(post + f"GET /v1/resolve?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        (first, many), (second, one) = read_answers(wire, 2)
    assert (first, second) == (200, 200) and len(many["cases"]) == 20_000 and one["owner"]


@pytest.mark.parametrize("head", ["HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
def test_a_connection_ends_when_the_caller_says_so(served: Served, head: str):
    with line(served) as wire:
        wire.sendall(f"GET /v1/resolve?{QUERY} {head}\r\nHost: x\r\n\r\n".encode())
        file = wire.makefile("rb")
        assert b" 200 " in file.readline() and file.read().endswith(b"}") and not wire.recv(1)


def test_a_body_may_come_in_pieces_and_slowly(served: Served):
    body = orjson.dumps({"cases": [HERE]})
    alone = served.post("/v1/resolve?at=2026-07-01", content=body).json()
    head = b"POST /v1/resolve?at=2026-07-01 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with line(served) as wire:
        wire.sendall(head)
        for i in range(len(body)):
            wire.sendall(b"1\r\n%s\r\n" % body[i : i + 1])
            if i % 20 == 0:
                time.sleep(0.02)
                begin = time.perf_counter()
                assert served.get("/v1/resolve", **HERE).status_code == 200  # nobody else waits for it
                assert time.perf_counter() - begin < 2
        wire.sendall(b"0\r\n\r\n")
        assert read_answers(wire, 1) == [(200, alone)]


def test_a_client_that_stops_sending_is_told_and_one_that_leaves_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.routes.resolve.PAUSE_S", 0.3)
    head = b"POST /v1/resolve HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with line(served) as wire:
        wire.sendall(head + b'{"cases": [')
        [(status, told)] = read_answers(wire, 1)
        assert status == 408 and told["error"] == "TooSlow" and "no more of the body came" in told["detail"]
        assert wire.recv(1) == b""  # the connection is closed
    with line(served) as wire:
        wire.sendall(head + b'{"cases": [')
    assert served.get("/v1/resolve", **HERE).status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_told_which_there_are(served: Served, method: str):
    answer = served.client.request(method, "/v1/resolve")
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, POST"
    if method != "HEAD":
        assert f"/v1/resolve takes GET, POST, not {method}" in answer.json()["detail"]


def test_every_answer_has_the_headers_of_safety(served: Served):
    for answer in (
        served.get("/v1/resolve", **HERE),
        served.get("/v1/resolve"),
        served.client.delete("/v1/resolve"),
        served.post("/v1/resolve", json={"cases": [HERE]}),
        served.post("/v1/resolve", content=b"{"),
    ):
        assert all(name in answer.headers for name in SAFE), answer.headers
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("asked", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False), ("", False), ("*", True)],
)
def test_answers_are_compressed_where_that_is_asked(served: Served, asked: str, packed: bool):
    plain = served.get("/v1/resolve", **HERE, at="2026-07-01").json()
    with served.client.stream("GET", f"/v1/resolve?{QUERY}", headers={"accept-encoding": asked}) as answer:
        raw = b"".join(answer.iter_raw())
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert orjson.loads(gzip.decompress(raw) if packed else raw) == plain
    many = served.post("/v1/resolve", json={"cases": [HERE] * 3000}, headers={"accept-encoding": asked})
    assert len(many.json()["cases"]) == 3000 and ("content-encoding" in many.headers) is packed


def test_deep_nesting_and_large_numbers_are_one_clear_line(served: Served):
    for body, status in (
        (b'{"cases": ' + b"[" * 50_000, 400),
        (b'{"cases": [{"lon": 1, "lat": 1, "class": ' + b"[" * 900 + b"]" * 900 + b"}]}", 200),
        (b'{"cases": [{"lon": 1' + b"0" * 400 + b', "lat": 1}]}', 400),
        (b'{"cases": [{"lon": 1e999, "lat": 1}]}', 400),
        (b'{"cases": [{"lon": 1, "lat": 1, "class": "\xff"}]}', 400),
        (b'{"cases": [{"lon": 1, "lat": 1, "class": "\\ud800"}]}', 400),
        (b'{"cases": [{"lon": Infinity, "lat": 1}]}', 400),
    ):
        answer = served.post("/v1/resolve", content=body)
        assert answer.status_code == status, answer.text
        told = answer.json()
        assert told["faults"] == 1 and told["cases"][0]["fault"] if status == 200 else "it is no JSON" in told["detail"]


def test_many_unknown_classes_cost_no_more_than_a_few(served: Served):
    rows = [HERE | {"class": f"2026:C0{i:05d}x"} for i in range(5000)]
    begin = time.perf_counter()
    found = served.post("/v1/resolve", json={"cases": rows}).json()
    assert time.perf_counter() - begin < 5
    assert found["faults"] == 5000 and all(
        str(row["class"])[:9] in f["fault"] for row, f in zip(rows, found["cases"], strict=True)
    )


def test_quick_answers_are_those_of_the_slow_way():
    snapshot = Snapshot.compile(town.CITY, town.layers())
    rng = np.random.default_rng(3)
    classes = ["2026:C01002", "C01037", "2026:E06010", "2013:E0105", "", "2026:C0l002"]
    named = ["", "", "14080201002000001", "140802010020", "none"]
    systems = ["", "", "EPSG:4490", "EPSG:4546", "gcj02"]
    quick = 0
    for _ in range(400):
        place = degrees(*rng.uniform(-50, 450, 2))
        crs = str(rng.choice(systems))
        if crs == "EPSG:4546":
            place = {"lon": town.X0 + rng.uniform(-50, 450), "lat": town.Y0 + rng.uniform(-50, 450)}
        given = place | {"class": rng.choice(classes), "component": rng.choice(named), "crs": crs}
        given |= {"at": rng.choice(["2026-07-01", "2026-01-15T08:00Z"]), "accuracy_m": rng.choice([0, 5.5, 40])}
        question = Question(str(httpx.QueryParams({k: str(v) for k, v in given.items()})).encode())
        try:
            slow = answer_any(snapshot, question)
        except InputError:
            slow = None
        found = answer_quickly(snapshot, question)
        assert found is None or found == slow
        quick += found is not None
    assert quick > 150  # the quick way is the usual one


@pytest.fixture(scope="module")
def busy(town_file) -> Iterator[Served]:
    with serving(create_app(settings("postgresql:///none?host=/nowhere", snapshot=str(town_file)))) as found:
        yield found


def test_small_questions_are_answered_while_batches_run(busy: Served):
    body = orjson.dumps({name: [value] * 50_000 for name, value in (HERE | {"at": "2026-07-01"}).items()})
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        batches = [pool.submit(httpx.post, f"{busy.url}/v1/resolve", content=body, timeout=60) for _ in range(6)]
        waits = []
        while not all(batch.done() for batch in batches):
            begin = time.perf_counter()
            assert busy.get("/v1/resolve", **HERE).status_code == 200
            waits.append(time.perf_counter() - begin)
        assert all(len(batch.result().json()["unit"]) == 50_000 for batch in batches)
    assert len(waits) > 10 and float(np.median(waits)) < 0.2


@profile(max_examples=30, deadline=None)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["cases", "lon", "lat", "class", "x"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_breaks_it(busy: Served, body: bytes):
    answer = busy.post("/v1/resolve", content=body)
    assert answer.status_code in (200, 400, 422), answer.text
    assert answer.status_code == 200 or set(answer.json()) == {"error", "detail", "at"}
