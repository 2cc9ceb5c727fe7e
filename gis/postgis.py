"""The private PostGIS: a PostgreSQL cluster of our own, from the distribution's packages, in the state folder.

It listens on a Unix socket only, whose folder nobody else can enter, and runs as an unprivileged account:
the caller, or ``postgres`` when the caller is root. Any number of processes may call `up` at any time.

::

    <state>/postgres/          the home; elsewhere when the server's account cannot enter <state>
        data/                  the cluster (PGDATA); data.new-* is one that is being made
        socket/                the socket; under /tmp when the path would be too long
        server.log  lock
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gis import postgis_conf
from gis.state import digest, label, state_folder, user_state
from grids.errors import Conflict, InputError, Unavailable

INSTALL = "apt-get install postgresql-15 postgresql-15-postgis-3"
SUPERUSER = "wanmi"
EXTENSIONS = ("postgis", "btree_gist")
OLDEST_POSTGRES, OLDEST_POSTGIS = 15, (3, 3)
_PORT = 5432  # names the socket's file; no TCP port is opened
_SOCKET_PATH_BYTES = 107
_PACKAGES = Path("/usr/lib/postgresql")
_Say = Callable[[str], None]


@dataclass(frozen=True)
class Account:
    """The system account that the server runs as."""

    name: str
    uid: int


@dataclass(frozen=True)
class Cluster:
    """Where the private cluster lives, whether or not it runs; ``note`` says why it is not in the state folder."""

    home: Path
    account: Account
    note: str = ""

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def socket(self) -> Path:
        """Folder of the socket; a short one when the path would be too long for the system."""
        folder = self.home / "socket"
        if len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_BYTES:
            return folder
        return Path(f"/tmp/wanmi-{self.account.uid}-{digest(self.home)}")

    def dsn(self, database: str = "postgres") -> str:
        """Return the DSN of one of its databases."""
        where = urlencode({"host": self.socket, "port": _PORT, "user": SUPERUSER}, quote_via=quote, safe="/")
        return f"postgresql:///{quote(database, safe='')}?{where}"


@dataclass(frozen=True)
class Status:
    """What `status` found; the versions are "" and the databases empty when the server is down."""

    running: bool
    pid: int | None
    version: str
    postgis: str
    data: Path
    socket: Path
    databases: dict[str, int]
    """Size in bytes by name."""
    dsn: str
    note: str


@dataclass(frozen=True)
class Server:
    """Versions of a server that fits."""

    postgres: str
    postgis: str


# Public -------------------------------------------------------------------------------------------------


def dsn(database: str = "postgres", *, state: Path | None = None) -> str:
    """Return the DSN of a database of the private cluster, whether or not it runs."""
    return locate(state).dsn(database)


def up(state: Path | None = None, *, say: _Say | None = None, timeout: float = 120.0) -> Cluster:
    """Start the private cluster, making it the first time; returns at once when it runs.

    Parameters
    ----------
    state
        State folder; by default that of `gis.state.state_folder`.
    say
        Takes lines about what is unusual: another folder than asked for, a recovery that takes long.
    timeout
        Seconds that a start (with the recovery after a crash) may take.

    Raises
    ------
    Unavailable
        Packages are missing, the data folder is another major version's, or the server does not start.
    """
    cluster = locate(state)
    say = say or (lambda line: None)
    if cluster.note:
        say(cluster.note)
    if _probe(cluster) == "up":
        return cluster
    deadline = time.monotonic() + timeout
    _make_home(cluster)
    with _lock(cluster, deadline):
        if _probe(cluster) == "up":
            return cluster
        fresh = not cluster.data.exists()
        programs = find_programs() if fresh else find_programs(_major(cluster.data))
        if fresh:
            _initdb(cluster, programs)
        _start(cluster, programs, deadline, say)
        if fresh:
            with _session(cluster.dsn("template1")) as cursor:
                _add_extensions(cursor)
    return cluster


def down(state: Path | None = None, *, immediate: bool = False, timeout: float = 120.0) -> bool:
    """Stop the private cluster; False when it did not run.

    Open transactions are rolled back. ``immediate`` stops as a power cut would, without a checkpoint: what was
    committed is recovered at the next start.
    """
    cluster = locate(state)
    if not cluster.data.is_dir():
        return False
    deadline = time.monotonic() + timeout
    with _lock(cluster, deadline):
        running = _processes(cluster)
        if not running:
            return False
        if (pid := _pid(cluster)) in running:
            _signal({pid}, signal.SIGQUIT if immediate else signal.SIGINT)
        else:
            _clear(cluster)
        while _processes(cluster):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the server (pid {pid}) did not stop within {timeout:.0f} s", where=str(cluster.data)
                )
            time.sleep(0.05)
    return True


def status(state: Path | None = None) -> Status:
    """Say how the private cluster is; starts nothing."""
    cluster = locate(state)
    version, postgis, databases, pid = "", "", {}, None
    if running := _probe(cluster) == "up":
        pid = _pid(cluster)
        with _session(cluster.dsn()) as cursor:
            cursor.execute("SELECT current_setting('server_version')")
            version = cursor.fetchone()[0].split()[0]
            cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = 'postgis'")
            postgis = (cursor.fetchone() or [""])[0]
            cursor.execute(
                "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datallowconn ORDER BY 1"
            )
            databases = {name: size for name, size in cursor if not name.startswith("template")}
    return Status(
        running, pid, version, postgis, cluster.data, cluster.socket, databases, cluster.dsn(), cluster.note
    )


def ensure_database(name: str, *, state: Path | None = None) -> str:
    """Return the DSN of a database with PostGIS in the private cluster, made when missing; starts the cluster."""
    check_name(name)
    cluster = up(state)
    with _session(cluster.dsn()) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            _create(cursor, name)
    with _session(cluster.dsn(name)) as cursor:
        _add_extensions(cursor)
    return cluster.dsn(name)


def drop_database(name: str, *, state: Path | None = None) -> None:
    """Drop a database of the private cluster, whoever is connected to it; nothing happens when there is none."""
    check_name(name)
    with _session(dsn(state=state)) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def check_name(name: str) -> None:
    """Raise InputError unless ``name`` can name a city's database."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or name in ("postgres", "template0", "template1"):
        raise InputError(
            f"{name!r} cannot name a database",
            right="use up to 63 lower-case letters, digits and _, a letter first; postgres and template* are taken",
        )


def check_server(dsn: str) -> Server:
    """Check that a DSN leads to a database of PostgreSQL >= 15 with PostGIS >= 3.3; adds the extensions when missing.

    Raises
    ------
    InputError
        The DSN cannot be read.
    Unavailable
        No answer, too old, or extensions that the user may not add; one line says which.
    """
    try:
        parts = psycopg2.extensions.parse_dsn(dsn)
    except psycopg2.ProgrammingError as error:
        raise InputError(
            f"no DSN: {_line(error)}", where="WANMI_DSN", right="write postgresql://user@host:5432/database"
        ) from None
    where = f"{parts.get('host', 'local socket')}/{parts.get('dbname', parts.get('user', ''))}"
    with _session(dsn, where=where) as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, version = cursor.fetchone()
        if number < OLDEST_POSTGRES * 10_000:
            raise Unavailable(
                f"PostgreSQL {version} is too old", where=where, right=f"use {OLDEST_POSTGRES} or newer"
            )
        try:
            _add_extensions(cursor)
        except psycopg2.Error as error:
            raise Unavailable(
                f"PostGIS cannot be added: {_line(error)}",
                where=where,
                right="install it on the server and have its superuser run "
                + "; ".join(f"CREATE EXTENSION {name}" for name in EXTENSIONS),
            ) from None
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'postgis'")
        postgis = cursor.fetchone()[0]
    if tuple(int(part) for part in re.findall(r"\d+", postgis)[:2]) < OLDEST_POSTGIS:
        oldest = ".".join(map(str, OLDEST_POSTGIS))
        raise Unavailable(f"PostGIS {postgis} is too old", where=where, right=f"use {oldest} or newer")
    return Server(version.split()[0], postgis)


def find_programs(major: int | None = None, *, packages: Path = _PACKAGES) -> Path:
    """Return the folder of the newest server programs (>= 15) that have PostGIS, or those of one major version."""
    found = {
        int(folder.name): folder / "bin"
        for folder in packages.glob("*")
        if folder.name.isdigit()
        and os.access(folder / "bin" / "postgres", os.X_OK)
        and _has_postgis(int(folder.name))
    }
    if major is not None and major not in found:
        raise Unavailable(
            f"the data was written by PostgreSQL {major}, which is not installed with PostGIS",
            right=f"run {INSTALL.replace('15', str(major))}, or move the data folder away and load the city again",
        )
    fitting = [version for version in found if version >= OLDEST_POSTGRES]
    if not fitting:
        raise Unavailable("PostgreSQL with PostGIS is not installed", right=f"run {INSTALL}")
    return found[max(fitting) if major is None else major]


def locate(state: Path | None = None) -> Cluster:
    """Say where the private cluster of a state folder lives or would be made; makes nothing.

    The server's account must be able to enter its home. A checkout below a private folder (mode 700) is no such
    place for ``postgres``; then the home is in a folder of the system, and the cluster's ``note`` says so.
    """
    state = (state or state_folder()).absolute()
    wish = state / "postgres"
    account = _account(wish)
    system = Path("/var/lib/wanmi") if os.geteuid() == 0 else user_state() / "wanmi"
    elsewhere = system / label(state)
    if _usable(wish, account) and ((wish / "data").exists() or not (elsewhere / "data").exists()):
        return Cluster(wish, account)
    note = f"account {account.name} cannot use {state}, so the database lives in {elsewhere}"
    return Cluster(elsewhere, _account(elsewhere), note)


# Accounts and folders -----------------------------------------------------------------------------------


def _account(home: Path) -> Account:
    """Return who runs the server: the caller; for root the owner of an existing cluster, else ``postgres``."""
    uid = os.geteuid()
    if uid == 0:
        with contextlib.suppress(FileNotFoundError):
            uid = (home / "data").stat().st_uid
    if uid == 0:
        try:
            uid = pwd.getpwnam("postgres").pw_uid
        except KeyError:
            raise Unavailable("PostgreSQL with PostGIS is not installed", right=f"run {INSTALL}") from None
    try:
        return Account(pwd.getpwuid(uid).pw_name, uid)
    except KeyError:
        return Account(str(uid), uid)


def _run(account: Account, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as the server's account, in its own session, without the caller's PostgreSQL settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    identity = {}
    if os.geteuid() == 0:
        try:
            group = pwd.getpwuid(account.uid).pw_gid
        except KeyError:
            group = account.uid
        identity = {"user": account.uid, "group": group, "extra_groups": []}
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd="/",
        env={**environment, "LC_ALL": "C.UTF-8"},
        umask=0o077,
        start_new_session=True,
        **identity,
    )


def _shell(
    account: Account, script: str, *words: str | Path, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a line of sh as the server's account; ``words`` are $1, $2 …"""
    return _run(account, "/bin/sh", "-c", script, "sh", *words, text=text)


def _usable(home: Path, account: Account) -> bool:
    """Tell whether the account can live in a folder, or the caller make it there so that it can."""
    there = home
    while not there.exists() and there != there.parent:
        there = there.parent
    test = 'test -x "$1" && test -w "$1"' if there == home else 'test -x "$1"'
    return os.access(there, os.W_OK | os.X_OK) and _shell(account, test, there).returncode == 0


def _make_home(cluster: Cluster) -> None:
    """Make the home and the socket's folder, private to the server's account."""
    cluster.home.parent.mkdir(parents=True, exist_ok=True)
    for folder in (cluster.home, cluster.socket):
        try:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                if os.geteuid() == 0:
                    os.chown(folder, cluster.account.uid, -1)
            found = folder.lstat()
        except OSError as error:
            raise Unavailable(
                f"cannot make {folder}: {error.strerror}", right="set WANMI_STATE to another folder"
            ) from None
        if found.st_uid != cluster.account.uid or found.st_mode & 0o170077 != 0o040000:
            raise Unavailable(
                f"{folder} must be a folder that is private to {cluster.account.name} (mode 700)",
                right="mend it, or set WANMI_STATE to another folder",
            )


@contextlib.contextmanager
def _lock(cluster: Cluster, deadline: float) -> Iterator[None]:
    """Let one process at a time start or stop the server; the kernel frees the lock when its holder dies."""
    handle = os.open(cluster.home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "another process keeps starting or stopping it", where=str(cluster.home)
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _has_postgis(major: int) -> bool:
    return Path(f"/usr/share/postgresql/{major}/extension/postgis.control").is_file()


def _major(data: Path) -> int:
    """Return the major version that wrote a data folder."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise Unavailable(
            "this is no data folder of PostgreSQL (PG_VERSION is missing or unreadable)",
            where=str(data),
            right="move it away to begin with an empty one",
        ) from None


# Processes ----------------------------------------------------------------------------------------------


def _pid(cluster: Cluster) -> int | None:
    """Return the pid that the server wrote down; it may be long dead, or another process's by now."""
    try:
        return int((cluster.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _processes(cluster: Cluster) -> set[int]:
    """Return the pids of the server and its backends, orphans included: all work in the data folder.

    Looked up by the server's own account, because root in a container may not read where others work.
    """
    script = 'for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$1" ] && echo "${p#/proc/}"; done; true'
    return {int(pid) for pid in _shell(cluster.account, script, cluster.data).stdout.split()}


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _probe(cluster: Cluster) -> str:
    """Return "up", "down", or "busy" while the server starts, recovers or stops."""
    try:
        psycopg2.connect(cluster.dsn(), connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        answer = str(error)
        if "FATAL" not in answer:
            return "down"
        busy = ("starting up", "shutting down", "not yet accepting", "in recovery mode")
        return "busy" if any(word in answer for word in busy) else "up"
    return "up"


def _clear(cluster: Cluster) -> None:
    """End what a killed server left behind: backends that still run, and files that would bar the next start."""
    for number in (None, signal.SIGQUIT, signal.SIGKILL):
        if number is not None:
            _signal(_processes(cluster), number)
        for _ in range(100):
            if _probe(cluster) != "down":
                return
            if not _processes(cluster):
                break
            time.sleep(0.05)
        else:
            continue
        break
    else:
        raise Unavailable("processes of a killed server do not end", where=str(cluster.data))
    # PostgreSQL mistrusts a pid that lives, although by now it is another program's, and a damaged file.
    pid = _pid(cluster)
    if pid is None or Path(f"/proc/{pid}").exists():
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{_PORT}", f".s.PGSQL.{_PORT}.lock"):
        (cluster.socket / name).unlink(missing_ok=True)


def _initdb(cluster: Cluster, programs: Path) -> None:
    """Make the data folder beside its place and move it there, so that a half-made one is never taken for whole."""
    for left in cluster.home.glob("data.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = cluster.home / f"data.new-{os.getpid()}"
    words = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
    done = _run(cluster.account, programs / "initdb", "-D", fresh, "-U", SUPERUSER, *words)
    include = "include_if_exists 'wanmi.conf'\ninclude_if_exists 'local.conf'\n"
    if done.returncode == 0:
        done = _shell(cluster.account, 'cat >> "$1"', fresh / "postgresql.conf", text=include)
    if done.returncode:
        raise Unavailable(f"initdb failed: {_line(done.stderr)}", where=str(cluster.home))
    fresh.rename(cluster.data)


def _start(cluster: Cluster, programs: Path, deadline: float, say: _Say) -> None:
    """Start the server and wait until it answers; a start right after a kill may need more than one try."""
    values = postgis_conf.settings(postgis_conf.Machine.here(cluster.home))
    written = _shell(
        cluster.account,
        'cat > "$1.new" && mv "$1.new" "$1"',
        cluster.data / "wanmi.conf",
        text=postgis_conf.text(values),
    )
    if written.returncode:
        raise Unavailable(f"cannot write: {_line(written.stderr)}", where=str(cluster.data))
    # In the background of a shell that ends at once, the server is nobody's child and can leave no zombie.
    launch = 'exec "$1" -D "$2" -k "$3" -p "$4" </dev/null >>"$5" 2>&1 &'
    folders = '"' + str(cluster.socket).replace('"', '""') + '"'
    for attempt in range(5):
        if _probe(cluster) == "down":
            _clear(cluster)
        if _probe(cluster) == "down":
            _rotate(cluster.log)
            _shell(
                cluster.account, launch, programs / "postgres", cluster.data, folders, str(_PORT), cluster.log
            )
        if _wait(cluster, deadline, say):
            return
        time.sleep(0.1 * 2**attempt)
    raise Unavailable(
        f"the private PostGIS does not start: {_last_words(cluster.log)}",
        where=str(cluster.data),
        right=f"see {cluster.log}",
    )


def _wait(cluster: Cluster, deadline: float, say: _Say) -> bool:
    """Wait until the server answers; False when it died."""
    began, said = time.monotonic(), False
    while (answer := _probe(cluster)) != "up":
        now = time.monotonic()
        if answer == "down" and now - began > 0.5 and not _processes(cluster):
            return False
        if now > deadline:
            raise Unavailable(f"it does not answer yet: {_last_words(cluster.log)}", where=str(cluster.data))
        if now - began > 5 and not said:
            said = True
            say("the database is recovering from a crash, please wait")
        time.sleep(0.05)
    return True


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > 10 * postgis_conf.MB:
        log.replace(log.with_suffix(".log.1"))


def _last_words(log: Path) -> str:
    """Return the last complaint in the server's log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
    except OSError:
        return "no log"
    found = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR):", line)] or lines or ["no word"]
    return found[-1].strip()


# Sessions -----------------------------------------------------------------------------------------------


def _line(error: object) -> str:
    """Return the first line of a message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


@contextlib.contextmanager
def _session(dsn: str, *, where: str = "") -> Iterator[psycopg2.extensions.cursor]:
    """Open a connection that commits each statement."""
    try:
        connection: Connection = psycopg2.connect(dsn, connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise Unavailable(
            f"no connection: {_line(error)}", where=where, right="is it up? (wanmi db status)"
        ) from None
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _add_extensions(cursor: psycopg2.extensions.cursor) -> None:
    cursor.execute("SET client_min_messages = warning")
    for name in EXTENSIONS:
        cursor.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))


def _create(cursor: psycopg2.extensions.cursor, name: str) -> None:
    """Create a database; others may be creating one at the same moment, from the same template."""
    for _ in range(100):
        try:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            return
        except (psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
            return
        except psycopg2.errors.ObjectInUse:
            time.sleep(0.1)
    raise Conflict(
        f"database {name} cannot be made: template1 is in use", right="close the sessions on template1"
    )
