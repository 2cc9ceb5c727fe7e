"""The processes of the private PostGIS: made, started, waited for, cleared away after a kill."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2

from gis import postgis_conf
from gis.postgis_home import PORT, SUPERUSER, Cluster, run, shell
from grids.errors import Unavailable

Say = Callable[[str], None]
_ORPHANS_S = 3.0  # how long orphans of a killed server are given, before each of two signals
_LARGEST_LOG = 10 * postgis_conf.MB


def probe(cluster: Cluster) -> str:
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


def written_pid(cluster: Cluster) -> int | None:
    """Return the pid that the server wrote down; it may be long dead, or another program's by now."""
    try:
        return int((cluster.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def processes(cluster: Cluster) -> set[int]:
    """Return the pids of the server and its backends, orphans included: all work in the data folder.

    The server's own account looks them up, because root in a container may not read where others work.
    """
    script = 'for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$1" ] && echo "${p#/proc/}"; done; true'
    return {int(pid) for pid in shell(cluster.account, script, cluster.data).stdout.split()}


def send(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to those of the processes that still live."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def sweep(cluster: Cluster) -> None:
    """Remove data folders that were never finished, because their maker was killed."""
    for left in cluster.home.glob("data.new-*"):
        shutil.rmtree(left, ignore_errors=True)


def initdb(cluster: Cluster, programs: Path) -> None:
    """Make the data folder beside its place, then move it there: a half-made one never counts as whole."""
    fresh = cluster.home / f"data.new-{os.getpid()}"
    words = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
    done = run(cluster.account, programs / "initdb", "-D", fresh, "-U", SUPERUSER, *words)
    if done.returncode == 0:
        include = "include_if_exists 'wanmi.conf'\ninclude_if_exists 'local.conf'\n"
        done = shell(cluster.account, 'cat >> "$1"', fresh / "postgresql.conf", text=include)
    if done.returncode:
        raise Unavailable(f"initdb failed: {_complaint(done.stderr)}", where=str(cluster.home))
    fresh.rename(cluster.data)


def start(cluster: Cluster, programs: Path, deadline: float, say: Say) -> None:
    """Start the server and wait until it answers; a start right after a kill may need more than one try."""
    conf = postgis_conf.text(postgis_conf.settings(postgis_conf.Machine.here(cluster.home)))
    write = 'cat > "$1.new" && mv "$1.new" "$1"'
    written = shell(cluster.account, write, cluster.data / "wanmi.conf", text=conf)
    if written.returncode:
        raise Unavailable(f"cannot write: {_complaint(written.stderr)}", where=str(cluster.data))
    # In the background of a shell that ends at once, the server is nobody's child and leaves no zombie.
    launch = 'exec "$1" -D "$2" -k "$3" -p "$4" </dev/null >>"$5" 2>&1 &'
    folders = '"' + str(cluster.socket).replace('"', '""') + '"'
    for attempt in range(3):
        if probe(cluster) == "down":
            clear(cluster)
        if probe(cluster) == "down":
            if cluster.log.exists() and cluster.log.stat().st_size > _LARGEST_LOG:
                cluster.log.replace(cluster.log.with_suffix(".log.1"))
            shell(cluster.account, launch, programs / "postgres", cluster.data, folders, str(PORT), cluster.log)
        if _wait(cluster, deadline, say):
            return
        time.sleep(0.1 * 2**attempt)
    raise Unavailable(
        f"the server does not start: {_last_words(cluster.log)}",
        where=str(cluster.data),
        right=f"see {cluster.log}",
    )


def clear(cluster: Cluster) -> None:
    """End what a killed server left behind: backends that still run, and files that would bar the next start.

    Does nothing when the server answers after all.
    """
    for number in (None, signal.SIGQUIT, signal.SIGKILL):
        if number is not None:
            send(processes(cluster), number)
        until = time.monotonic() + _ORPHANS_S
        while processes(cluster):
            if probe(cluster) != "down":
                return
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        else:
            break
    else:
        raise Unavailable("processes of a killed server do not end", where=str(cluster.data))
    # PostgreSQL trusts neither a damaged file nor a pid that lives, although by now it is another program's.
    pid = written_pid(cluster)
    if pid is None or Path(f"/proc/{pid}").exists():
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (cluster.socket / name).unlink(missing_ok=True)


def _wait(cluster: Cluster, deadline: float, say: Say) -> bool:
    """Wait until the server answers; False when it died."""
    began, said = time.monotonic(), False
    while (answer := probe(cluster)) != "up":
        now = time.monotonic()
        if answer == "down" and now - began > 0.5 and not processes(cluster):
            return False
        if now > deadline:
            raise Unavailable(f"the server does not answer yet: {_last_words(cluster.log)}", where=str(cluster.data))
        if now - began > 5 and not said:
            said = True
            say("the database is recovering from a crash, please wait")
        time.sleep(0.05)
    return True


def _last_words(log: Path) -> str:
    """Return the last complaint in the server's log."""
    try:
        return _complaint(log.read_text(encoding="utf-8", errors="replace")[-20_000:])
    except OSError:
        return "it wrote no log"


def _complaint(text: str) -> str:
    """Return the last line of a program's words that complains, or else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no word"]
    wrong = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error):", line)]
    return (wrong or lines)[-1]
