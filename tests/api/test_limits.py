"""Bodies that are too large: refused early, streamed or declared, without ever being held."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.cli.serve import listen
from tests.api.conftest import Served, degrees

LIMIT_MB = 8
CASE = {**degrees(101, 101), "class": "2026:C01002"}


@dataclass
class Process:
    """``wanmi serve`` as a process of its own."""

    process: subprocess.Popen
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def peak_kb(self) -> int:
        """Most memory that it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def start(dsn: str, *, ready: str = "/ready", **more: str) -> Process:
    port = free_port()
    ours = ("WANMI_STATE", "WANMI_SNAPSHOTS")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANMI_") or k in ours}
    environment |= {"WANMI_DSN": dsn, "WANMI_MAX_BODY_MB": str(LIMIT_MB), "WANMI_LOG_LEVEL": "warning"} | more
    code = "import sys; from api.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    found = Process(process, port)
    for _ in range(600):
        try:
            if httpx.get(f"{found.url}{ready}").status_code == 200:
                return found
        except httpx.TransportError:
            if process.poll() is not None:
                raise AssertionError(process.communicate()[1].decode()) from None
        time.sleep(0.05)
    raise AssertionError("wanmi serve did not become ready")


@pytest.fixture(scope="module")
def process(town_dsn: str) -> Iterator[Process]:
    found = start(town_dsn)
    yield found
    with found.process:
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(15) in (0, -signal.SIGTERM)


def upload(port: int, path: str, *, megabytes: int, chunked: bool) -> tuple[int | None, bytes, int]:
    """Send a body of zeros until it is all sent or refused: status, answer, megabytes that went out."""
    piece = b"0" * 1_000_000
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {megabytes * 1_000_000}\r\n\r\n"
        line.sendall(head.encode())
        try:
            for _ in range(megabytes):
                line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                sent += 1
        except OSError:
            pass  # the server has hung up, as it should
        try:
            answer = http.client.HTTPResponse(line)
            answer.begin()
            return answer.status, answer.read(), sent
        except (OSError, http.client.HTTPException):
            return None, b"", sent


@pytest.mark.parametrize("path", ["/v1/resolve", "/v1/cases"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "declared"])
def test_two_gigabytes_are_refused_without_being_held(process: Process, path: str, chunked: bool):
    before = process.peak_kb()
    status, body, sent = upload(process.port, path, megabytes=2000, chunked=chunked)
    assert sent < 100, "it took far more than its limit"
    # a client that goes on sending may lose the answer with the connection; one that listens gets it
    assert status in (413, None)
    if status:
        assert b"TooLarge" in body
    assert process.peak_kb() - before < 60_000
    assert httpx.get(f"{process.url}/health").status_code == 200


def test_a_body_just_beyond_the_limit_is_told_so(process: Process):
    for content in (b" " * (LIMIT_MB * 1_000_000 + 1), iter([b" " * 1_000_000] * (LIMIT_MB + 1))):
        answer = httpx.post(f"{process.url}/v1/resolve", content=content, timeout=20)
        assert answer.status_code == 413
        assert answer.json()["error"] == "TooLarge" and "larger than 8,000,000 bytes" in answer.json()["detail"]
    fits = b'{"cases": []' + b" " * (LIMIT_MB * 1_000_000 - 20) + b"}"
    assert httpx.post(f"{process.url}/v1/resolve", content=fits, timeout=20).status_code == 200


@pytest.mark.parametrize("path", ["/v1/resolve", "/v1/cases"])
def test_compressed_bodies_are_not_taken(served: Served, path: str):
    bomb = gzip.compress(b" " * 50_000_000)
    answer = served.post(path, content=bomb, headers={"content-encoding": "gzip"})
    assert answer.status_code == 400
    assert "content-encoding 'gzip' is not taken; send it plain" in answer.json()["detail"]


def test_a_worker_that_is_killed_under_load_is_replaced_and_all_end_with_their_parent(town_file: Path):
    both = start("postgresql:///none?host=/nowhere", ready="/health", WANMI_SNAPSHOT=str(town_file), WANMI_WORKERS="2")
    rows = [CASE | degrees(x, 101) | {"at": "2026-07-01"} for x in (101, 301, 2000)]
    with both.process:
        truth = httpx.post(f"{both.url}/v1/resolve", json={"cases": rows}, timeout=30).json()
        assert len({row["unit"] for row in truth["cases"]}) == 3
        stop, answers, lost = threading.Event(), [], []

        def ask() -> None:
            while not stop.is_set():
                try:
                    answers.append(httpx.post(f"{both.url}/v1/resolve", json={"cases": rows}, timeout=30).json())
                except httpx.TransportError as error:
                    lost.append(error)  # the connection went with its worker; the client knows

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        time.sleep(1)
        workers = spawned(both.process.pid)
        os.kill(workers[0], signal.SIGKILL)
        at_the_kill, end = len(answers), time.monotonic() + 30
        while len(spawned(both.process.pid)) < 2 or len(answers) < at_the_kill + 20:
            assert time.monotonic() < end, "no worker in its place, or no more answers"
            time.sleep(0.05)
        stop.set()
        for client in clients:
            client.join()
        workers = [workers[1], *set(spawned(both.process.pid)) - {workers[1]}]
        assert len(workers) == 2 and workers[0] in spawned(both.process.pid)
        with httpx.Client(base_url=both.url) as idle:  # a connection that stays open holds nobody back
            assert idle.get("/health").status_code == 200
            both.process.kill()
            assert wait_until(lambda: all(map(gone, workers)), 180), "workers live on"
    with listen("127.0.0.1", both.port):
        pass
    assert all(answer == truth for answer in answers) and len(lost) < len(answers)


def spawned(pid: int) -> list[int]:
    """The workers of a service that live."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_text()
            if "spawn_main" in command and Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(int(child))
    return found


def wait_until(what: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
