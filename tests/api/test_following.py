"""Answers follow the record: swapped under load, workers and keeper killed, the database gone; never a wrong one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg2
import pytest

from api.app import create_app
from api.cli import main
from gis import postgis, store, versions
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from tests import town
from tests.api.conftest import degrees, serving, settings
from tests.api.test_limits import Process, start
from tests.conftest import database_name

SPOTS = [{**degrees(x, y), "class": "2026:E06010", "at": "2026-07-01"} for x, y in ((260, 150), (30, 30), (350, 50))]
"""Two of them lie in a zone that is edited: its department is the number of the edit."""
EDIT = "UPDATE wanmi.zones SET department = %s WHERE code IN ('Z2', 'Z6')"


@pytest.fixture
def dsn(cluster: postgis.Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A town whose layers a test may change."""
    name = database_name(f"follow_{request.node.name[:30]}")
    dsn = postgis.ensure_database(name)
    fill(dsn)
    yield dsn
    postgis.drop_database(name)


def fill(dsn: str) -> None:
    engine = store.connect(dsn)
    town.fill(engine)
    engine.dispose()


def edit(dsn: str, department: str) -> None:
    with contextlib.closing(psycopg2.connect(dsn)) as line, line, line.cursor() as cursor:
        cursor.execute(EDIT, (department,))


@contextlib.contextmanager
def running(dsn: str, folder: Path, **more: str) -> Iterator[Process]:
    """``wanmi serve`` until the block ends, however it does."""
    found = start(dsn, WANMI_SNAPSHOTS=str(folder), **more)
    try:
        yield found
    finally:
        found.process.terminate()
        try:
            found.process.wait(15)
        except subprocess.TimeoutExpired:
            found.process.kill()
        assert found.process.stderr is not None
        found.process.stderr.close()


def owner(url: str, spot: int = 0) -> str:
    return httpx.get(f"{url}/v1/resolve", params=SPOTS[spot], timeout=20).json()["owner"]["department"]


def becomes(what: Callable[[], object], wanted: object, seconds: float = 90) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError, KeyError, TypeError):
            if what() == wanted:
                return True
        time.sleep(0.05)
    return False


def children(pid: int, name: str) -> list[int]:
    """Processes that a process began, of those whose command says so."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if name in Path(f"/proc/{child}/cmdline").read_text():
                found.append(int(child))
    return found


class Load(threading.Thread):
    """Requests one after the other; what came back, and what failed."""

    def __init__(self, url: str, many: bool) -> None:
        super().__init__(daemon=True)
        self.url, self.many, self.over = url, many, threading.Event()
        self.answers: list[tuple[str, int, str]] = []
        self.failed: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            for i in range(10**9):
                if self.over.is_set():
                    return
                try:
                    self.ask(client, i % len(SPOTS))
                except (httpx.TransportError, KeyError, AssertionError) as error:
                    self.failed.append(repr(error))

    def ask(self, client: httpx.Client, k: int) -> None:
        if not self.many:
            answer = client.get("/v1/resolve", params=SPOTS[k])
            assert answer.status_code == 200, answer.text
            found = answer.json()
            self.answers.append((found["snapshot"], k, found["owner"]["department"]))
            return
        answer = client.post("/v1/resolve", json={"cases": SPOTS})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        self.answers += [(found["snapshot"], i, row["department"]) for i, row in enumerate(found["cases"])]


def said_by(folder: Path, version: str) -> list[str]:
    """What a version's file answers for the spots, asked on the command line's way: without any service."""
    from gis.assign import Cases, assign

    snapshot = Snapshot.open(versions.find(folder, version))
    lon, lat, klass, at = ([spot[name] for spot in SPOTS] for name in ("lon", "lat", "class", "at"))
    cases = Cases.read(snapshot, lon, lat, klass, crs="EPSG:4326", at=at)
    return assign(cases, snapshot).frame()["department"].tolist()


def test_swapped_under_load_no_answer_is_wrong_and_none_is_lost(dsn: str, tmp_path: Path):
    with running(dsn, tmp_path, WANMI_KEEP_SNAPSHOTS="0") as served:
        load = [Load(served.url, many=k % 2 == 1) for k in range(4)]
        for one in load:
            one.start()
        for i in range(20):
            edit(dsn, f"D{(i + 1) % 9}")
            time.sleep(0.35)
        assert becomes(lambda: owner(served.url), f"D{20 % 9}")
        metrics = httpx.get(f"{served.url}/metrics").text
        for one in load:
            one.over.set()
        for one in load:
            one.join(30)
    assert [line for one in load for line in one.failed] == []
    answers = [answer for one in load for answer in one.answers]
    named = {version for version, _, _ in answers}
    # edits that come together are one version, but there were many
    assert len(named) > 5 and f"wanmi_snapshot_swaps_total {len(named) - 1}" in metrics
    truth = {version: said_by(tmp_path, version) for version in named}
    assert len({tuple(t) for t in truth.values()}) > 3, "the versions must differ where it is asked"
    wrong = [answer for answer in answers if answer[2] != truth[answer[0]][answer[1]]]
    assert wrong == [] and len(answers) > 500


def test_who_is_killed_is_replaced_and_answers_go_on(dsn: str, tmp_path: Path):
    with running(dsn, tmp_path, WANMI_WORKERS="2") as served:
        keeper, *workers = children(served.process.pid, "spawn_main")
        edit(dsn, "D1")
        assert becomes(lambda: owner(served.url), "D1")
        os.kill(keeper, signal.SIGKILL)
        edit(dsn, "D2")  # nobody hears this one
        assert owner(served.url) in ("D1", "D2")
        assert becomes(lambda: owner(served.url), "D2"), "the keeper that came after found what it had not heard"
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):  # one that said nothing for long was replaced already
                os.kill(worker, signal.SIGKILL)
            assert becomes(lambda: owner(served.url), "D2")
        edit(dsn, "D3")
        assert becomes(lambda: {owner(served.url) for _ in range(8)}, {"D3"}), "every worker answers from the newest"


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder with a cluster that may be killed, where any account can enter, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory(prefix="wanmi-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "state"
        postgis.down(Path(folder) / "state", immediate=True)


def test_answers_go_on_without_the_database_and_follow_it_when_it_is_back(state: Path, tmp_path: Path):
    cluster = postgis.up(state)
    dsn = postgis.ensure_database("town", state=state)
    fill(dsn)
    with running(dsn, tmp_path / "kept") as served:
        assert owner(served.url, 2) == "D4"
        main_pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
        os.kill(main_pid, signal.SIGKILL)
        assert becomes(lambda: httpx.get(f"{served.url}/ready").status_code, 503)
        for _ in range(20):
            assert owner(served.url, 2) == "D4"
        assert "wanmi_snapshot_behind NaN" in httpx.get(f"{served.url}/metrics").text
        with running(dsn, tmp_path / "kept", ready="/health") as second:  # begun while it is away
            assert becomes(lambda: owner(second.url, 2), "D4")
        postgis.up(state)
        edit(dsn, "D1")
        assert becomes(lambda: owner(served.url, 2), "D1")
        assert httpx.get(f"{served.url}/ready").json()["record_behind"] is False


def test_without_following_the_answers_stay(dsn: str, tmp_path: Path):
    with serving(create_app(settings(dsn, snapshots=str(tmp_path), follow=False)), dsn) as served:
        before = owner(served.url)
        edit(dsn, "D1")
        time.sleep(1)
        ready = httpx.get(f"{served.url}/ready").json()
        assert owner(served.url) == before != "D1" and ready["record_behind"] is True
        version = ready["snapshot"]
    named = settings(dsn, snapshots=str(tmp_path), snapshot=version[:10])
    with serving(create_app(named), dsn) as served:  # an old version, by name
        assert owner(served.url) == before and httpx.get(f"{served.url}/ready").json()["snapshot"] == version


def test_a_notification_that_is_lost_costs_a_poll(dsn: str, tmp_path: Path):
    engine = store.connect(dsn)
    stop, found = threading.Event(), []
    with transaction(engine) as cursor:  # nobody is told
        cursor.execute(
            "CREATE OR REPLACE FUNCTION wanmi.change_layer(changed text) RETURNS void LANGUAGE sql AS $$ "
            "UPDATE wanmi.layer_states SET state = gen_random_uuid(), changed_at = clock_timestamp() "
            "WHERE layer = changed $$"
        )
    thread = threading.Thread(
        target=versions.follow,
        args=(engine, lambda: versions.up_to_date(engine, tmp_path)),
        kwargs={"stop": stop, "poll_s": 0.5, "found": found.append},
    )
    thread.start()
    assert becomes(lambda: len(found), 1)
    edit(dsn, "D1")
    assert becomes(lambda: len(found), 2, 5)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    engine.dispose()


def test_one_transaction_tells_once_and_a_vain_one_never(dsn: str):
    with contextlib.closing(psycopg2.connect(dsn)) as ear, contextlib.closing(psycopg2.connect(dsn)) as mouth:
        ear.autocommit = True
        with ear.cursor() as cursor:
            cursor.execute("LISTEN wanmi_record")

        def told() -> int:
            time.sleep(0.2)
            ear.poll()
            count = len(ear.notifies)
            ear.notifies.clear()
            return count

        with mouth, mouth.cursor() as cursor:
            for k in range(5):
                cursor.execute(EDIT, (f"D{k}",))
            cursor.execute("UPDATE wanmi.departments SET name = name || 'x'")
            cursor.execute("DELETE FROM wanmi.components WHERE code = '14080201037000002'")
            assert told() == 0, "not before the commit"
        assert told() == 1
        with mouth, mouth.cursor() as cursor:
            cursor.execute("UPDATE wanmi.zones SET name = 'x' WHERE false")
            cursor.execute("INSERT INTO wanmi.cases (id, reported_at) VALUES ('k', now())")
        assert told() == 0
        with mouth.cursor() as cursor:
            cursor.execute("TRUNCATE wanmi.rules")
        mouth.rollback()
        assert told() == 0


def test_a_million_rows_that_pass_the_triggers_by_are_told_too(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gis.store.filling.MANY", 1)
    engine = store.connect(dsn)
    with transaction(engine) as cursor:
        cursor.execute("DELETE FROM wanmi.components")
    before = store.layer_states(engine)
    store.load(engine, "components", town.layers()["components"])
    after = store.layer_states(engine)
    assert {k for k in after if after[k] != before[k]} == {"components"}
    engine.dispose()


def test_versions_on_the_command_line(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("WANMI_DSN", dsn)
    monkeypatch.setenv("WANMI_SNAPSHOTS", str(tmp_path))
    place = [str(SPOTS[0]["lon"]), str(SPOTS[0]["lat"]), "--class", "2026:E06010", "--at", "2026-07-01"]

    def ask(*arguments: str) -> dict | list:
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    old = ask("resolve", *place)
    assert ask("resolve", *place)["snapshot"] == old["snapshot"], "nothing changed, nothing is built"
    edit(dsn, "D1")
    new = ask("resolve", *place)
    assert (old["owner"]["department"], new["owner"]["department"]) == ("D8", "D1")
    listed = ask("snapshot", "list")
    assert [(v["version"], v["current"], v["city"]) for v in listed] == [
        (new["snapshot"], True, "town"), (old["snapshot"], False, "town")
    ]  # fmt: skip
    assert ask("resolve", *place, "--snapshot", old["snapshot"])["owner"] == old["owner"]
    assert ask("snapshot", "info", old["snapshot"][:6])["version"] == old["snapshot"]
    assert main(["snapshot", "list"]) == 0
    assert capsys.readouterr().out.startswith(f"* {new['snapshot']}  town-")
    assert ask("snapshot", "prune", "--most", "1") == {"removed": [old["snapshot"]]}
    assert [v["version"] for v in ask("snapshot", "list", "--city", "town")] == [new["snapshot"]]
    # the edit overwrote its row, so that the record cannot give the old version again, and says so
    assert main(["resolve", *place, "--snapshot", old["snapshot"]]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and f"not {old['snapshot']}" in line
    assert main(["resolve", *place, "--snapshot", new["snapshot"], "--city", "demo"]) == 2
    assert "a snapshot of 'town', not of 'demo'" in capsys.readouterr().err
