"""The private PostGIS against all that befalls a server: each test starts, kills or moves a real one."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from gis import postgis, postgis_home, postgis_server
from grids.errors import InputError, Unavailable

ROOT = os.geteuid() == 0


@pytest.fixture
def state() -> Iterator[Path]:
    """Return a state folder of the test's own, which any account can enter, unlike the folders of pytest."""
    yield from _state()


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """Return a state folder with a running cluster that the tests of this module may kill."""
    for state in _state():
        _query(postgis.ensure_database("city", state=state), "CREATE TABLE kept AS SELECT 1 AS row")
        yield state


def _state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wanmi-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder / "state"
    for home in folder.rglob("postgres/data"):
        postgis.down(home.parent.parent, immediate=True)
    shutil.rmtree(folder)


def _query(dsn: str, text: str) -> list[tuple]:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall() if cursor.description else []


def _kill_all(state: Path) -> None:
    cluster = postgis.locate(state)
    postgis_server.send(postgis_server.processes(cluster), signal.SIGKILL)


def _python(code: str, state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"from pathlib import Path; from gis import postgis; {code}", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _pid(state: Path) -> int:
    pid = postgis.status(state).pid
    assert pid is not None
    return pid


# Starting -----------------------------------------------------------------------------------------------


def test_started_twice(own: Path) -> None:
    postgis.up(own)
    pid = _pid(own)
    postgis.up(own)
    assert _pid(own) == pid


def test_started_by_many_at_once_from_nothing(state: Path) -> None:
    code = "import sys; s = Path(sys.argv[1]); postgis.ensure_database('city', state=s); print(postgis.status(s).pid)"
    starters = [_python(code, state) for _ in range(3)]
    answers = [starter.communicate(timeout=100) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 3, answers
    assert {out.strip() for out, _ in answers} == {str(_pid(state))}


def test_first_start_killed_half_way(state: Path) -> None:
    starter = _python("import sys; postgis.up(Path(sys.argv[1]))", state)
    home = state / "postgres"
    while not list(home.glob("data.new-*/base")):
        assert starter.poll() is None, starter.communicate()
        time.sleep(0.002)
    starter.kill()
    starter.communicate()
    assert not (home / "data").exists(), "the kill came too late to test anything"
    dsn = postgis.ensure_database("city", state=state)
    assert _query(dsn, "SELECT count(*) FROM pg_extension WHERE extname IN ('postgis', 'btree_gist')") == [(2,)]
    postgis.down(state)
    postgis.up(state)  # by now the orphaned initdb has ended, and what it left is removed
    assert sorted(path.name for path in home.iterdir()) == ["data", "lock", "server.log", "socket"]


def test_port_5432_is_taken(state: Path) -> None:
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # then a server of this machine has taken it, as well
            other.bind(("127.0.0.1", 5432))
            other.listen()
        dsn = postgis.ensure_database("city", state=state)
        assert _query(dsn, "SHOW listen_addresses") == [("",)]
        assert _query(dsn, "SELECT inet_server_addr(), postgis_lib_version() >= '3.3'") == [(None, True)]


def test_server_is_durable_and_closed(own: Path) -> None:
    dsn = postgis.ensure_database("city", state=own)
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_level": "minimal",
        "jit": "off",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "random_page_cost": "1.1",
    }
    assert {name: _query(dsn, f"SHOW {name}")[0][0] for name in expected} == expected
    assert _query(dsn, "SELECT datcollate, datctype FROM pg_database WHERE datname = 'city'") == [("C.UTF-8",) * 2]
    cluster = postgis.locate(own)
    for folder in (cluster.home, cluster.data, cluster.socket):
        assert folder.stat().st_mode & 0o777 == 0o700
    uid = Path(f"/proc/{_pid(own)}").stat().st_uid
    assert uid == cluster.account.uid != 0


# Killing ------------------------------------------------------------------------------------------------


class _Endless:
    """A file of rows that does not end; ``flowing`` is set once the server has taken a good many."""

    def __init__(self) -> None:
        self.flowing, self.reads = threading.Event(), 0

    def read(self, size: int = 8192) -> str:
        self.reads += 1
        if self.reads > 200:
            self.flowing.set()
        return "1\n" * 4000


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(_kill_all, id="all processes killed"),
        pytest.param(lambda state: postgis.down(state, immediate=True), id="down --immediate"),
        pytest.param(postgis.down, id="down"),
    ],
)
def test_stopped_in_the_middle_of_a_load(own: Path, stop: Callable[[Path], object]) -> None:
    dsn = postgis.ensure_database("city", state=own)
    _query(dsn, "DROP TABLE IF EXISTS loaded; CREATE TABLE loaded AS SELECT 7 AS row")
    rows, failed = _Endless(), []

    def load() -> None:
        with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            try:
                cursor.execute("INSERT INTO loaded VALUES (8)")
                cursor.copy_expert("COPY loaded FROM STDIN", rows)
                connection.commit()
            except psycopg2.Error as error:
                failed.append(error)

    loader = threading.Thread(target=load)
    loader.start()
    assert rows.flowing.wait(30)
    stop(own)
    loader.join(30)
    assert len(failed) == 1
    postgis.up(own)
    assert _query(dsn, "SELECT row FROM loaded") == [(7,)]


def test_postmaster_killed_while_a_query_computes(own: Path) -> None:
    dsn = postgis.ensure_database("city", state=own)
    failed = []

    def compute() -> None:
        try:
            _query(dsn, "SELECT sum(sqrt(i)) FROM generate_series(1, 10000000000) i")
        except psycopg2.Error as error:
            failed.append(error)

    worker = threading.Thread(target=compute)
    worker.start()
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sqrt(i)%' AND pid <> pg_backend_pid()"
    while _query(dsn, busy) != [(1,)]:
        time.sleep(0.02)
    killed = _pid(own)
    os.kill(killed, signal.SIGKILL)
    postgis.up(own, timeout=60)
    worker.join(30)
    assert len(failed) == 1
    assert _pid(own) != killed
    assert _query(dsn, "SELECT row FROM kept") == [(1,)]


@pytest.mark.long
def test_what_was_acknowledged_survives_kills_at_any_moment(own: Path) -> None:
    dsn = postgis.ensure_database("city", state=own)
    _query(dsn, "CREATE TABLE told (number bigint PRIMARY KEY)")
    acknowledged = 0

    def tell() -> None:
        nonlocal acknowledged
        session = contextlib.closing(psycopg2.connect(dsn))
        with contextlib.suppress(psycopg2.Error), session as connection, connection.cursor() as cursor:
            while True:
                cursor.execute("INSERT INTO told SELECT coalesce(max(number), 0) + 1 FROM told")
                connection.commit()
                acknowledged += 1

    for seed in range(20):
        teller = threading.Thread(target=tell)
        teller.start()
        time.sleep(random.Random(seed).uniform(0.05, 0.5))
        _kill_all(own)
        teller.join(30)
        postgis.up(own)
        ((count, last),) = _query(dsn, "SELECT count(*), max(number) FROM told")
        assert acknowledged <= count == last <= acknowledged + 1, f"after kill {seed}"
        acknowledged = count  # a commit whose answer was cut off may stand
    assert acknowledged > 1000


@pytest.mark.parametrize("content", ["", "no pid\n", "-1\n\x00\x00", "alive"])
def test_pid_file_is_damaged_or_names_another_program(own: Path, content: str) -> None:
    cluster = postgis.up(own)
    file = cluster.data / "postmaster.pid"
    written = file.read_text()
    _kill_all(own)
    sleeper = subprocess.Popen(["sleep", "60"], user=cluster.account.uid) if ROOT else subprocess.Popen(["sleep", "60"])
    try:
        # The new owner of the pid runs under the same account: PostgreSQL alone would take it for its like.
        file.write_text(re.sub(r"^\d+", str(sleeper.pid), written) if content == "alive" else content)
        lock = cluster.socket / f".s.PGSQL.{postgis_home.PORT}.lock"
        lock.write_text(re.sub(r"^\d+", str(sleeper.pid), lock.read_text()))
        postgis.up(own)
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()
    assert _query(cluster.dsn("city"), "SELECT row FROM kept") == [(1,)]


def test_socket_removed_by_a_cleaner(own: Path) -> None:
    cluster = postgis.up(own)
    (cluster.socket / f".s.PGSQL.{postgis_home.PORT}").unlink()
    assert not postgis.status(own).running
    postgis.up(own)
    assert _query(cluster.dsn("city"), "SELECT row FROM kept") == [(1,)]


def test_down_when_down(state: Path) -> None:
    assert postgis.down(state) is False
    postgis.up(state)
    assert postgis.down(state) is True
    assert postgis.down(state) is False
    assert not postgis.status(state).running


# Places -------------------------------------------------------------------------------------------------


def test_a_folder_that_the_account_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))  # where it goes when the caller is not root
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    checkout.chmod(0o700 if ROOT else 0o500)
    lines: list[str] = []
    cluster = postgis.up(checkout / ".wanmi", say=lines.append)
    try:
        assert len(lines) == 1 and f"cannot use {checkout / '.wanmi'}" in lines[0] and str(cluster.home) in lines[0]
        assert cluster.home.name.startswith("checkout-") and not cluster.home.is_relative_to(checkout)
        assert postgis.locate(checkout / ".wanmi") == cluster
        assert postgis.locate(tmp_path / "other" / "checkout" / ".wanmi").home != cluster.home
        assert _query(postgis.dsn(state=checkout / ".wanmi"), "SELECT 1") == [(1,)]
    finally:
        postgis.down(checkout / ".wanmi", immediate=True)
        shutil.rmtree(cluster.home)


def test_a_long_path_with_spaces_and_quotes(state: Path) -> None:
    deep = state.joinpath(*["a 'long' folder, with \"quotes\" and $HOME in it 万米"] * 4)
    dsn = postgis.ensure_database("city", state=deep)
    cluster = postgis.locate(deep)
    assert cluster.home.is_relative_to(deep) and cluster.socket.parent == Path("/tmp")
    assert _query(dsn, "SELECT 1") == [(1,)]
    postgis.down(deep)
    shutil.rmtree(cluster.socket)


def test_a_short_socket_folder_of_someone_else_is_refused(state: Path) -> None:
    deep = state / ("x" * 120)
    taken = postgis.locate(deep).socket
    taken.mkdir(mode=0o755)
    try:
        with pytest.raises(Unavailable, match=r"wanmi-\d+-\w+ must be a folder that is private to .*; mend it"):
            postgis.up(deep)
    finally:
        taken.rmdir()


def test_state_folder_moved_while_running_and_after_a_kill(state: Path) -> None:
    _query(postgis.ensure_database("city", state=state), "CREATE TABLE kept AS SELECT 1 AS row")
    pid = _pid(state)
    second = state.rename(state.with_name("second"))
    postgis.up(second)
    assert _pid(second) == pid
    _kill_all(second)
    third = second.rename(state.with_name("third"))
    postgis.up(third)
    assert _query(postgis.dsn("city", state=third), "SELECT row FROM kept") == [(1,)]


def test_data_of_another_major_version(state: Path) -> None:
    cluster = postgis.locate(state)
    postgis_home.make_home(cluster)
    cluster.data.mkdir()
    (cluster.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(Unavailable, match=r"^PostgreSQL 12 wrote the data, .* apt-get install postgresql-12 "):
        postgis.up(state)
    (cluster.data / "PG_VERSION").unlink()
    with pytest.raises(Unavailable, match=r"not a data folder of PostgreSQL .* move it away"):
        postgis.up(state)
    assert cluster.data.is_dir()


def test_a_server_that_cannot_start_says_why(state: Path) -> None:
    cluster = postgis.up(state)
    postgis.down(state)
    (cluster.data / "local.conf").write_text("shared_buffers = 'much'\n")
    (cluster.data / "local.conf").chmod(0o644)
    with pytest.raises(Unavailable, match=r"does not start: .*local\.conf.* contains errors; see .*server\.log$"):
        postgis.up(state)


def test_packages_are_missing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"apt-get install postgresql-15 postgresql-15-postgis-3$"):
        postgis_home.find_programs(root=tmp_path)


@pytest.mark.skipif(not ROOT, reason="only root can become another account")
def test_another_account_cannot_connect(own: Path) -> None:
    postgis.up(own)
    done = subprocess.run(
        ["psql", postgis.dsn(state=own), "-c", "SELECT 1"], user=65534, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 2 and "Permission denied" in done.stderr


# Databases ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Demo", "1st", "a-b", "a;drop", "postgres", "template1", "x" * 64, "盐湖"])
def test_names_that_no_database_can_have(name: str) -> None:
    with pytest.raises(InputError, match="cannot name a database; use up to 63"):
        postgis.ensure_database(name)


def test_drop_database_that_is_in_use(own: Path) -> None:
    dsn = postgis.ensure_database("gone", state=own)
    with contextlib.closing(psycopg2.connect(dsn)):
        postgis.drop_database("gone", state=own)
    assert "gone" not in postgis.status(own).databases
    postgis.drop_database("gone", state=own)


# Other servers ------------------------------------------------------------------------------------------


def test_check_server(database: str) -> None:
    server = postgis.check_server(database)
    assert int(server.postgres.split(".")[0]) >= 15 and server.postgis.startswith("3.")


def test_check_server_adds_what_is_missing(own: Path) -> None:
    cluster = postgis.up(own)
    with contextlib.closing(psycopg2.connect(cluster.dsn())) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE bare TEMPLATE template0")
        connection.cursor().execute("CREATE ROLE guest LOGIN")
    guest = cluster.dsn("bare").replace("user=wanmi", "user=guest")
    with pytest.raises(
        Unavailable, match=r"/bare: PostGIS cannot be added: .*; install it .* CREATE EXTENSION postgis;"
    ):
        postgis.check_server(guest)
    postgis.check_server(cluster.dsn("bare"))
    assert postgis.check_server(guest).postgis.startswith("3.")


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("OLDEST_POSTGRES", 99, r"PostgreSQL 1\d\.\d+.* is too old; use 99 or newer"),
        ("OLDEST_POSTGIS", (9, 9), r"PostGIS 3\.\S+ is too old; use 9.9 or newer"),
    ],
)
def test_check_server_that_is_too_old(
    database: str, monkeypatch: pytest.MonkeyPatch, name: str, value: object, line: str
) -> None:
    monkeypatch.setattr(postgis_home if name == "OLDEST_POSTGRES" else postgis, name, value)
    with pytest.raises(Unavailable, match=line):
        postgis.check_server(database)


def test_check_server_without_an_answer() -> None:
    with pytest.raises(Unavailable, match=r"^127.0.0.1/city: no connection: .*refused"):
        postgis.check_server("postgresql://someone:secret@127.0.0.1:1/city")


def test_check_server_says_nothing_of_the_password() -> None:
    for dsn in ("postgresql://someone:secret@127.0.0.1:1/city", "postgresql://someone:secret@[::1"):
        with pytest.raises((Unavailable, InputError)) as caught:
            postgis.check_server(dsn)
        assert "secret" not in str(caught.value)
