"""Where the private PostGIS lives, and as which account: folders, accounts, programs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from gis.state import digest, label, state_folder, user_state
from grids.errors import Unavailable

INSTALL = "apt-get install postgresql-15 postgresql-15-postgis-3"
SUPERUSER = "wanmi"
OLDEST_POSTGRES = 15
PORT = 5432
"""Names the socket's file; no TCP port is opened."""
_SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Account:
    """The system account that the server runs as."""

    name: str
    uid: int


@dataclass(frozen=True)
class Cluster:
    """Where the private cluster lives, whether or not it runs.

    Parameters
    ----------
    home
        Its folder: ``data/``, ``socket/``, ``server.log`` and ``lock``.
    account
        Who runs it, and owns all of that.
    note
        One line that says why the home is not in the state folder; "" when it is.
    """

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
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_BYTES:
            return folder
        return Path(f"/tmp/wanmi-{self.account.uid}-{digest(self.home)}")

    def dsn(self, database: str = "postgres") -> str:
        """Return the DSN of one of its databases."""
        where = urlencode({"host": self.socket, "port": PORT, "user": SUPERUSER}, quote_via=quote, safe="/")
        return f"postgresql:///{quote(database, safe='')}?{where}"


def locate(state: Path | None = None) -> Cluster:
    """Say where the private cluster of a state folder lives or would be made; makes nothing.

    The server's account must be able to enter its home. ``postgres`` cannot enter a checkout below a private
    folder (mode 700); then the home is in a folder of the system, and the cluster's ``note`` says so.
    """
    state = (state or state_folder()).expanduser().absolute()
    wish = state / "postgres"
    account = _account(wish)
    system = Path("/var/lib/wanmi") if os.geteuid() == 0 else user_state() / "wanmi"
    elsewhere = system / label(state)
    if _usable(wish, account) and (_exists(wish / "data") or not _exists(elsewhere / "data")):
        return Cluster(wish, account)
    note = f"account {account.name} cannot use {state}, so the database lives in {elsewhere}"
    return Cluster(elsewhere, _account(elsewhere), note)


def make_home(cluster: Cluster) -> None:
    """Make the home and the socket's folder, private to the server's account."""
    root = os.geteuid() == 0
    try:
        for folder in reversed([folder for folder in cluster.home.parents if not folder.exists()]):
            folder.mkdir(exist_ok=True)
            if root:
                folder.chmod(0o755)  # whatever root's umask: another account must pass through
        for folder in (cluster.home, cluster.socket):
            folder.mkdir(mode=0o700, exist_ok=True)
            if root and folder.lstat().st_uid == 0:
                os.chown(folder, cluster.account.uid, -1, follow_symlinks=False)
            found = folder.lstat()
            if found.st_uid != cluster.account.uid or found.st_mode & 0o170077 != 0o040000:
                raise Unavailable(
                    f"{folder} must be a folder that is private to {cluster.account.name} (mode 700)",
                    right="mend it, or set WANMI_STATE to another folder",
                )
    except OSError as error:
        raise Unavailable(
            f"cannot make {error.filename}: {error.strerror}", right="set WANMI_STATE to another folder"
        ) from None


@contextlib.contextmanager
def lock(cluster: Cluster, deadline: float) -> Iterator[None]:
    """Let one process at a time start or stop the server; the kernel frees the lock when its holder dies."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(cluster.home / "lock", flags, 0o600)
    try:
        if os.geteuid() == 0:
            os.fchown(handle, cluster.account.uid, -1)  # its owner may want to start it next
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "another process keeps starting or stopping the server", where=str(cluster.home)
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def find_programs(major: int | None = None, *, root: Path = Path("/")) -> Path:
    """Return the folder of the newest server programs that come with PostGIS, or those of one major version.

    Parameters
    ----------
    major
        The version that wrote the data folder; None for the newest, 15 or newer.
    root
        Folder below which the distribution's packages are unpacked.
    """
    found = {
        int(folder.name): folder / "bin"
        for folder in (root / "usr/lib/postgresql").glob("[1-9]*")
        if os.access(folder / "bin/postgres", os.X_OK)
        and (root / "usr/share/postgresql" / folder.name / "extension/postgis.control").is_file()
    }
    if major is None:
        major = max((version for version in found if version >= OLDEST_POSTGRES), default=None)
        if major is None:
            raise Unavailable("PostgreSQL with PostGIS is not installed", right=f"run {INSTALL}")
    elif major not in found:
        raise Unavailable(
            f"PostgreSQL {major} wrote the data, and is not installed with PostGIS",
            right=f"run {INSTALL.replace('15', str(major))}, or move the data folder away and load anew",
        )
    return found[major]


def read_major(data: Path) -> int:
    """Return the major version that wrote a data folder."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise Unavailable(
            "not a data folder of PostgreSQL (PG_VERSION is missing or unreadable)",
            where=str(data),
            right="move it away to begin with an empty one",
        ) from None


def run(account: Account, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as the server's account, in its own session, without the caller's ``PG*`` variables.

    Whatever is written below the home is written this way, so that root never follows another account's links.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    identity: dict = {}
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
        check=False,
        **identity,
    )


def shell(account: Account, script: str, *words: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a line of sh as the server's account; ``words`` are its $1, $2 …"""
    return run(account, "/bin/sh", "-c", script, "sh", *words, text=text)


def _account(home: Path) -> Account:
    """Return who runs the server: the caller; for root an existing cluster's owner, else ``postgres``."""
    uid = os.geteuid()
    if uid == 0:
        with contextlib.suppress(OSError):
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


def _usable(home: Path, account: Account) -> bool:
    """Tell whether the account can live in a folder, or the caller make it there so that it can."""
    there = home
    while not _exists(there):
        there = there.parent
    test = 'test -x "$1" && test -w "$1"' if there == home else 'test -x "$1"'
    return os.access(there, os.W_OK | os.X_OK) and shell(account, test, there).returncode == 0


def _exists(path: Path) -> bool:
    """Tell whether a path exists; what the caller may not look at counts as missing."""
    try:
        return path.exists()
    except OSError:
        return False
