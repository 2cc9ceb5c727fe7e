"""``wanmi serve`` on the command line: what goes wrong is one line, several workers share one snapshot."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click.testing
import httpx
import pytest

from api.cli import main
from api.cli.serve import listen
from gis import store
from gis.store.engine import transaction
from grids.errors import Unavailable
from tests.api.conftest import degrees
from tests.api.test_limits import start, wait_until


def test_a_port_in_use_is_one_line(town_file: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--snapshot", str(town_file)]) == 2
    line = capsys.readouterr().err
    assert line == (
        f"wanmi: http://127.0.0.1:{port}: the port is in use; "
        f"stop what listens there, or take another port: wanmi serve --port {port + 1}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "192.0.2.1"], "cannot listen there"),
        (["--host", "no such host"], "cannot listen there"),
        (["--port", "0"], "0 is not in the range"),
        (["--workers", "none"], "'none' is not a valid integer"),
        (["--snapshot", "/none.wanmi"], "/none.wanmi: no such snapshot file"),
        (["--snapshot", "pyproject.toml"], "not a snapshot file"),
        (["--snapshot", "0123456789abcdef"], "no version 0123456789abcdef is kept"),
    ],
)
def test_wrong_use_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["serve", *arguments]) == 2
    line = capsys.readouterr().err
    assert says in line and line.count("\n") == 1 and "Traceback" not in line


def test_help_has_an_example():
    from api.cli.hotspots import hotspots
    from api.cli.serve import serve

    for command in (serve, hotspots):
        text = click.testing.CliRunner().invoke(command, ["--help"]).output
        assert "Example:" in text and f"wanmi {command.name}" in text


def test_an_address_that_is_free_is_listened_on():
    with listen("127.0.0.1", 0) as line, socket.create_connection(line.getsockname(), timeout=2):
        assert line.proto == socket.IPPROTO_TCP  # else asyncio would hold small answers back for 40 ms
    with pytest.raises(Unavailable):
        listen("256.0.0.1", 8000)


def children(process: subprocess.Popen) -> list[int]:
    return [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_two_workers_answer_alike_and_what_they_acknowledged_survives_a_kill_of_all(town_dsn: str, tmp_path: Path):
    both = start(town_dsn, WANMI_WORKERS="2", WANMI_STATE=str(tmp_path))
    query = {**degrees(101, 101), "class": "2026:C01002", "at": "2026-07-01"}
    assert len({httpx.get(f"{both.url}/v1/resolve", params=query).text for _ in range(20)}) == 1
    assert len(children(both.process)) >= 2
    given: list[str] = []
    case = {**degrees(101, 101), "class": "2026:C01002"}

    def send(k: int) -> None:
        with httpx.Client(base_url=both.url, timeout=20) as client, contextlib.suppress(httpx.TransportError):
            for i in range(10_000):
                answer = client.post("/v1/cases", json=case, headers={"Idempotency-Key": f"all-{both.port}-{k}-{i}"})
                assert answer.status_code == 201, answer.text
                given.append(answer.json()["id"])

    with both.process, ThreadPoolExecutor(4) as pool:
        doing = [pool.submit(send, k) for k in range(4)]
        assert wait_until(lambda: len(given) > 60)
        for pid in [*children(both.process), both.process.pid]:
            os.kill(pid, signal.SIGKILL)
        for one in doing:
            one.result(30)
    assert len(given) > 60
    engine = store.connect(town_dsn)
    with transaction(engine) as cursor:
        cursor.execute(
            "SELECT count(*) FROM wanmi.cases c JOIN wanmi.answers a ON a.case_id = c.id "
            "JOIN wanmi.intake i ON i.case_id = c.id WHERE c.id = ANY (%s)",
            (given,),
        )
        assert cursor.fetchone()[0] == len(given) == len(set(given))
    engine.dispose()
