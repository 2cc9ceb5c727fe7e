"""What the tests share: a real PostGIS, a fresh database for each test module, the real data.

- ``cluster``: the checkout's private PostGIS, running. Tests that stop a server make their own.
- ``database``: DSN of a database of the test module's own, dropped at its end.
- ``real_data``: the folder of real data. A test that asks for it is marked ``real``; without the folder such
  tests are left out, and the last lines of the run say so.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from gis import postgis

PREFIX = "wanmi_test_"
ROOT = Path(__file__).resolve().parent.parent
LONGEST = (
    "notebooks/test_notebooks.py", "api/test_following.py", "gis/hotspots/test_expected_rates.py", "gis/test_oracle.py",
    "gis/hotspots/test_rates.py", "gis/test_postgis.py", "api/test_hotspots_page.py", "api/test_past.py",
    "gis/test_spread.py", "gis/test_bulk.py", "gis/test_bulk_killed.py", "gis/versions/test_making.py",
    "api/cli/test_serve.py", "gis/proof/test_check.py", "api/test_limits.py", "api/test_frame.py",
    "gis/store/test_runs.py",
    "real/test_grid_streets.py", "api/pages/test_responsibility.py", "api/statistics/test_published.py",
    "api/cli/test_db.py", "gis/versions/test_as_known.py", "gis/hotspots/test_null_worlds.py",
    "gis/test_portions.py", "api/test_units_page.py", "gis/test_responsibility_record.py", "api/test_two_clocks_doc.py",
    "gis/versions/test_histories.py",
)  # fmt: skip
"""Files that take longest begin first: no process is left alone with one of them at the end."""
_real = pytest.StashKey[dict[str, int]]()
_kept = pytest.StashKey[tempfile.TemporaryDirectory]()


@pytest.fixture(scope="session")
def cluster() -> postgis.Cluster:
    """Return the checkout's private PostGIS, running."""
    running = postgis.up(say=print)
    _drop_left_behind()
    return running


@pytest.fixture(scope="module")
def database(cluster: postgis.Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the DSN of an empty database with PostGIS that only this test module uses."""
    name = database_name(request.module.__name__.rpartition(".")[2])
    yield postgis.ensure_database(name)
    postgis.drop_database(name)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the real data."""
    return _real_folder()


def database_name(purpose: str) -> str:
    """Return a name that says which process made the database: a later run can tell whether it lives."""
    return f"{PREFIX}{os.getpid()}_{re.sub(r'[^a-z0-9_]', '_', purpose.lower())}"[:63]


def _drop_left_behind() -> None:
    """Drop the databases of test runs that were killed."""
    for name in postgis.status().databases:
        found = re.match(rf"{PREFIX}(\d+)_", name)
        if found and not Path(f"/proc/{found[1]}").exists():
            postgis.drop_database(name)


def _real_folder() -> Path:
    return Path(os.environ.get("WANMI_REAL_DATA") or ROOT.parent / "shared" / "data").resolve()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count the tests on real data; an example takes as long as a busy machine needs."""
    hypothesis.settings.register_profile("wanmi", deadline=None)
    hypothesis.settings.load_profile("wanmi")
    config.stash[_real] = {"run": 0, "left out": 0}
    config.pluginmanager.register(_Counts(config.stash[_real]))
    # what tests make of their databases is kept apart, also by the processes that they start
    config.stash[_kept] = tempfile.TemporaryDirectory(prefix="wanmi-snapshots-")
    os.environ["WANMI_SNAPSHOTS"] = config.stash[_kept].name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the snapshots that tests kept."""
    config.stash[_kept].cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first; mark the tests that ask for the real data, and leave them out when it is not there."""
    place = {ROOT / "tests" / file: i for i, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real")
    if _real_folder().is_dir():
        return
    out = [item for item in items if item.get_closest_marker("real")]
    if out:
        config.stash[_real]["left out"] = len(out)
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if not item.get_closest_marker("real")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note of a test on real data that its body has run."""
    report = yield
    if report.when == "call" and not report.skipped and item.get_closest_marker("real"):
        report.user_properties.append(("real data", True))
    return report


class _Counts:
    """Counts the tests on real data, in whatever process they ran."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.counts["run"] += report.when == "call" and ("real data", True) in map(tuple, report.user_properties)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """One of several processes that share the tests has ended; each had the same to choose from."""
        self.counts["left out"] = getattr(node, "workeroutput", {}).get("left out", 0)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that shares out the tests what was left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = session.config.stash[_real]["left out"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in the last lines whether the real data took part."""
    counts = config.stash[_real]
    if counts["left out"]:
        why = f"no folder {_real_folder()}, see WANMI_REAL_DATA"
        line = f"real data: NOT RUN, {counts['left out']} tests left out ({why})"
    elif counts["run"]:
        line = f"real data: {counts['run']} tests run"
    else:
        line = "real data: NOT RUN (none of the chosen tests reads it)"
    terminalreporter.write_line(line)
