"""Settings: rows that the docs name, read from the environment once, wrong ones told in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from api.settings import Settings, engine_for, rows
from gis import postgis
from grids.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_the_docs_name_every_setting_with_its_default(row):
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    line = next((line for line in text.splitlines() if f"`{row.name}`" in line and line.startswith("|")), "")
    assert row.help in line and (not row.default or f"`{row.default}`" in line)


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANMI_PORT", "9001")
    monkeypatch.setenv("WANMI_CITY", "baltimore")
    assert Settings.read(port=None).port == 9001
    assert Settings.read(port=9002).port == 9002 and Settings.read().city == "baltimore"


def test_every_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANMI_PORT", "many")
    monkeypatch.setenv("WANMI_LOG_LEVEL", "loud")
    with pytest.raises(InputError) as caught:
        Settings.read()
    line = str(caught.value)
    assert "WANMI_PORT='many'" in line and "WANMI_LOG_LEVEL='loud'" in line and "\n" not in line


def test_nothing_is_read_at_import():
    code = "import os; os.environ['WANMI_PORT'] = 'bad'; import api.app, api.settings, api.cli.serve; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "fine", done.stderr


def test_the_engine_is_the_dsns_or_the_private_clusters(cluster: postgis.Cluster):
    given = engine_for(Settings(dsn=cluster.dsn("postgres"), city="elsewhere"))
    with given.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_database()").scalar() == "postgres"
    given.dispose()
    own = engine_for(Settings(dsn="", city="postgres"))
    assert own.url.database == "postgres" and own.url.query["host"] == str(cluster.socket)
    own.dispose()
