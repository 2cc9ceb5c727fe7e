"""The private PostGIS: a PostgreSQL cluster of our own, of the distribution's packages, in the state folder.

It listens on a Unix socket only, in a folder that nobody else can enter, and runs as an unprivileged account:
the caller, or ``postgres`` when the caller is root. Any number of processes may call `up` at any time.

::

    <state>/postgres/          the home; elsewhere when the server's account cannot enter <state>
        data/                  the cluster (PGDATA); data.new-* is one that is being made
        socket/                the socket; under /tmp when the path would be too long
        server.log  lock

`gis.postgis_home` knows the folders and accounts, `gis.postgis_server` the processes, `gis.postgis_conf` the
settings of the server.
"""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from gis import postgis_home, postgis_server
from gis.postgis_home import Cluster, locate
from gis.postgis_server import Say
from grids.errors import Conflict, InputError, Unavailable

EXTENSIONS = ("postgis", "btree_gist")
OLDEST_POSTGIS = (3, 3)


@dataclass(frozen=True)
class Status:
    """What `status` found; when the server is down there is no pid, no version and no database.

    ``databases`` are sizes in bytes by name, ``note`` says why the data is not in the state folder.
    """

    running: bool
    pid: int | None
    postgres: str
    postgis: str
    data: Path
    socket: Path
    databases: dict[str, int]
    note: str


@dataclass(frozen=True)
class Server:
    """Versions of a server that fits."""

    postgres: str
    postgis: str


def dsn(database: str = "postgres", *, state: Path | None = None) -> str:
    """Return the DSN of a database of the private cluster, whether or not it runs."""
    return locate(state).dsn(database)


def up(state: Path | None = None, *, say: Say | None = None, timeout: float = 120.0) -> Cluster:
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
    if postgis_server.probe(cluster) == "up":
        return cluster
    deadline = time.monotonic() + timeout
    postgis_home.make_home(cluster)
    with postgis_home.lock(cluster, deadline):
        if postgis_server.probe(cluster) == "up":
            return cluster
        postgis_server.sweep(cluster)
        fresh = not cluster.data.exists()
        major = None if fresh else postgis_home.read_major(cluster.data)
        programs = postgis_home.find_programs(major)
        if fresh:
            postgis_server.initdb(cluster, programs)
        postgis_server.start(cluster, programs, deadline, say)
        if fresh:
            with _session(cluster.dsn("template1")) as cursor:
                _add_extensions(cursor)
    return cluster


def down(state: Path | None = None, *, immediate: bool = False, timeout: float = 120.0) -> bool:
    """Stop the private cluster; False when it did not run.

    Open transactions are rolled back. ``immediate`` stops as a power cut would, without a checkpoint: what
    was committed is recovered at the next start.
    """
    cluster = locate(state)
    if not cluster.data.is_dir():
        return False
    deadline = time.monotonic() + timeout
    with postgis_home.lock(cluster, deadline):
        running = postgis_server.processes(cluster)
        if not running:
            return False
        if (pid := postgis_server.written_pid(cluster)) in running:
            postgis_server.send({pid}, signal.SIGQUIT if immediate else signal.SIGINT)
        else:
            postgis_server.clear(cluster)
        while postgis_server.processes(cluster):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the server (pid {pid}) did not stop within {timeout:.0f} s",
                    where=str(cluster.data),
                    right="wanmi db down --immediate does not wait for it to write everything",
                )
            time.sleep(0.05)
    return True


def status(state: Path | None = None) -> Status:
    """Say how the private cluster is; starts nothing."""
    cluster = locate(state)
    if postgis_server.probe(cluster) != "up":
        return Status(False, None, "", "", cluster.data, cluster.socket, {}, cluster.note)
    with _session(cluster.dsn()) as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        postgres = cursor.fetchone()[0].split()[0]
        cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = 'postgis'")
        postgis = (cursor.fetchone() or [""])[0]
        cursor.execute("SELECT datname, pg_database_size(oid) FROM pg_database WHERE NOT datistemplate ORDER BY 1")
        databases = dict(cursor.fetchall())
    pid = postgis_server.written_pid(cluster)
    return Status(True, pid, postgres, postgis, cluster.data, cluster.socket, databases, cluster.note)


def ensure_database(name: str, *, state: Path | None = None) -> str:
    """Return the DSN of a database of the private cluster; starts the one, makes the other when missing."""
    check_name(name)
    cluster = up(state)
    with _session(cluster.dsn()) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            _create(cursor, name)
    with _session(cluster.dsn(name)) as cursor:
        _add_extensions(cursor)
    return cluster.dsn(name)


def drop_database(name: str, *, state: Path | None = None) -> int:
    """Drop a database of the private cluster, whoever is connected to it; missing is fine.

    Returns
    -------
    int
        How many connections were using it, which are closed.
    """
    check_name(name)
    with _session(dsn(state=state)) as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'", (name,)
        )
        (users,) = cursor.fetchone() or (0,)
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    return int(users)


def check_name(name: str) -> None:
    """Raise InputError unless ``name`` can name a city's database."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or name in ("postgres", "template0", "template1"):
        raise InputError(
            f"{name!r} cannot name a database",
            right="use up to 63 of a-z, 0-9 and _, a letter first (postgres, template0, template1 are taken)",
        )


def check_server(dsn: str) -> Server:
    """Check that a DSN leads to PostgreSQL >= 15 with PostGIS >= 3.3; adds the extensions when missing.

    Raises
    ------
    InputError
        The DSN cannot be read.
    Unavailable
        No answer, too old, or extensions that the user may not add; one line says which.
    """
    try:
        parts = psycopg2.extensions.parse_dsn(dsn)
    except psycopg2.ProgrammingError:  # its words would repeat the password
        raise InputError(
            "PostgreSQL cannot read this DSN",
            where="WANMI_DSN",
            right="write postgresql://user@host:5432/database",
        ) from None
    where = f"{parts.get('host', 'local socket')}/{parts.get('dbname', parts.get('user', ''))}"
    with _session(dsn, where=where) as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, version = cursor.fetchone()
        if number < postgis_home.OLDEST_POSTGRES * 10_000:
            raise Unavailable(
                f"PostgreSQL {version} is too old",
                where=where,
                right=f"use {postgis_home.OLDEST_POSTGRES} or newer",
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


def _line(error: object) -> str:
    """Return the first line of a message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


@contextlib.contextmanager
def _session(dsn: str, *, where: str = "") -> Iterator[psycopg2.extensions.cursor]:
    """Open a connection that commits each statement."""
    try:
        connection = psycopg2.connect(dsn, connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise Unavailable(f"no connection: {_line(error)}", where=where, right="is it up? (wanmi db status)") from None
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _add_extensions(cursor: psycopg2.extensions.cursor) -> None:
    """Add the extensions that a database lacks; where it has them, it may be read-only."""
    cursor.execute("SELECT extname FROM pg_extension")
    present = {name for (name,) in cursor}
    for name in EXTENSIONS:
        if name not in present:
            with contextlib.suppress(psycopg2.errors.UniqueViolation):  # another process was quicker
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
    raise Conflict(f"database {name} cannot be made: template1 is in use", right="close the sessions on template1")
