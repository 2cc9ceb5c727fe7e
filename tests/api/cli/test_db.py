"""``wanmi db`` as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gis import postgis


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """Return a state folder of this module's own."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    postgis.down(folder, immediate=True)
    shutil.rmtree(folder)


def wanmi(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the console command ``wanmi``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANMI_")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("wanmi")), *words],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_life_of_a_cluster(state: Path) -> None:
    where = {"WANMI_STATE": str(state), "WANMI_CITY": "town"}

    down = wanmi("db", "status", **where)
    assert down.returncode == 1 and "running    no" in down.stdout

    up = wanmi("db", "up", **where)
    assert up.returncode == 0, up.stderr
    assert up.stdout == f"postgresql:///town?host={state}/postgres/socket&port=5432&user=wanmi\n"

    found = json.loads(wanmi("db", "status", "--json", **where).stdout)
    assert found["running"] is True and found["dsn"] == up.stdout.strip()
    assert found["postgis"].startswith("3.") and int(found["postgres"].split(".")[0]) >= 15
    assert set(found["databases"]) == {"postgres", "town"} and found["databases"]["town"] > 1_000_000
    assert found["data"] == f"{state}/postgres/data" and Path(f"/proc/{found['pid']}").exists()

    asked = wanmi("db", "psql", "-Atc", "SELECT current_database(), postgis_lib_version() >= '3.3'", **where)
    assert (asked.returncode, asked.stdout) == (0, "town|t\n"), asked.stderr

    other = wanmi("db", "psql", "--city", "nowhere", **where)
    assert other.returncode == 2
    assert other.stderr == "wanmi: no city nowhere in the database; there are: town\n"

    assert wanmi("db", "down", "--json", **where).stdout == '{"stopped": true}\n'
    assert wanmi("db", "down", **where).stdout == "it did not run\n"


def test_another_server(database: str) -> None:
    found = json.loads(wanmi("db", "status", "--json", WANMI_DSN=database).stdout)
    assert found["running"] is True and found["dsn"] == database
    assert wanmi("db", "psql", "-Atc", "SELECT 1", WANMI_DSN=database).stdout == "1\n"
    assert wanmi("db", "up", WANMI_DSN=database).stdout == f"{database}\n"


def test_another_server_that_does_not_answer() -> None:
    done = wanmi("db", "status", WANMI_DSN="postgresql://me:secret@127.0.0.1:1/city")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "127.0.0.1/city: no connection" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("verb", ["up", "status", "psql"])
@pytest.mark.parametrize("name", ["No City", "../x", "postgres"])
def test_a_city_that_cannot_be(verb: str, name: str) -> None:
    done = wanmi("db", verb, "--city", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"wanmi: {name!r} cannot name a database; use ") and done.stderr.count("\n") == 1
