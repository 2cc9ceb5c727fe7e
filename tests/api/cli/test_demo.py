"""``wanmi demo`` with a small city in a private PostGIS of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pandas as pd
import psycopg2
import pytest

from api.cli import main
from api.cli.meter import Meter, family, held
from gis import postgis
from gis.layers import LAYERS
from gis.store import connect, read_city

SMALL = ["demo", "--scale", "0.02", "--no-serve"]


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A state folder of the module's own, which any account can enter."""
    folder = Path(tempfile.mkdtemp(prefix="wanmi-demo-"))
    folder.chmod(0o755)
    before = {name: os.environ.pop(name, None) for name in ("WANMI_STATE", "WANMI_DSN", "WANMI_CITY")}
    os.environ["WANMI_STATE"] = str(folder)
    yield folder
    postgis.down(folder, immediate=True)
    del os.environ["WANMI_STATE"]
    os.environ.update({name: value for name, value in before.items() if value is not None})
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def summary(state: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What ``wanmi demo`` notes about the city it made, with its files in a folder."""
    out = tmp_path_factory.mktemp("demo") / "city"
    assert main([*SMALL, "--out", str(out)]) == 0
    engine = connect(postgis.dsn("demo", state=state))
    from gis.demo.record import read_note

    note = read_note(engine)
    engine.dispose()
    return note


def test_summary_counts_what_the_record_holds(state, summary):
    assert summary["scale"] == 0.02 and summary["seed"] == 1
    assert summary["cases"] == 10_540 and summary["units"] > 150 and summary["components"] > 3_000
    assert sum(summary["share_by_rule"].values()) == pytest.approx(1.0, abs=0.001)
    assert {"component_named", "component_nearest", "zone_line", "zone_area", "territory"} <= set(
        summary["share_by_rule"]
    )
    assert {"missing", "default_point", "wrong_datum"} <= set(summary["unassigned_by_reason"])
    assert list(summary["seconds"]) == [
        "start",
        "database",
        "make",
        "files",
        "load",
        "snapshot",
        "assign",
        "hotspots",
        "total",
    ]
    assert sum(summary["seconds"].values()) == pytest.approx(2 * summary["seconds"]["total"], abs=1.0)
    assert 100 < summary["peak_mb"] < 2_000
    engine = connect(postgis.dsn("demo", state=state))
    assert read_city(engine).name == "盐湖区"
    with engine.connect() as connection:
        for layer in ("units", "components", "zones", "cases", "rosters"):
            held_rows = connection.exec_driver_sql(f"SELECT count(*) FROM wanmi.{layer}").scalar()
            assert held_rows == summary["layers"][layer], layer
        assert connection.exec_driver_sql("SELECT count(*) FROM wanmi.answers").scalar() == summary["cases"]
    engine.dispose()


def test_layers_and_truth_are_written_beside_the_data(summary):
    folder = Path(summary["truth"])
    names = {path.stem for path in folder.glob("*.parquet")}
    tables = ("cases", "hotspots", "background", "zones", "rosters", "exposure", "reporting")
    assert names == set(LAYERS) | {f"truth_{t}" for t in tables}
    spots = pd.read_parquet(folder / "truth_hotspots.parquet")
    assert len(spots) == 9 and spots.index.name == "hotspot"
    units = gpd.read_parquet(folder / "units.parquet")
    assert len(units) == summary["units"] and units.crs == 4546


def test_keep_leaves_the_city_as_it_is(state, summary, capsys):
    begin = time.perf_counter()
    assert main([*SMALL, "--keep", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert time.perf_counter() - begin < 1.5
    assert main([*SMALL, "--keep"]) == 0
    out = capsys.readouterr().out
    assert "demo city, scale 0.02, seed 1" in out and "without an owner" in out and "MB, PostgreSQL included" in out


def test_another_seed_is_made_anew(state, summary, capsys):
    assert summary["replaced"] is None
    with contextlib.closing(psycopg2.connect(postgis.dsn("demo", state=state))):  # a service, say
        assert main([*SMALL, "--seed", "3", "--keep", "--json"]) == 0
    out, err = capsys.readouterr()
    other = json.loads(out)
    assert other["replaced"] == {"scale": 0.02, "seed": 1, "connections": 1}
    assert (
        "the demo city that was there (scale 0.02, seed 1) is replaced; connections that used it were closed: 1" in err
    )
    assert other["seed"] == 3 and other["snapshot"] != summary["snapshot"]
    assert (state / "demo" / "truth_cases.parquet").is_file()
    assert not (state / "demo" / "cases.parquet").exists()


def test_a_named_database_must_be_empty(state, summary, capsys, monkeypatch):
    monkeypatch.setenv("WANMI_DSN", postgis.dsn("demo", state=state))
    assert main(SMALL) == 2
    line = capsys.readouterr().err.strip()
    assert line == "wanmi: database demo: it holds the city demo already; name an empty one in WANMI_DSN"


@pytest.mark.parametrize("given", [["--scale", "7"], ["--seed", "-1"], ["--scale", "x"], ["--scale", "nan"]])
def test_wrong_use_makes_nothing(given, capsys):
    assert main(["demo", "--no-serve", *given]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_clock_of_a_command_starts_with_its_process():
    question = "import time; time.sleep(0.3); from api.cli.meter import Meter, process_began as b; m = Meter(begun=b())"
    code = f"{question}\nwith m: pass\nprint(m.seconds['start'], m.seconds['total'])"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    start, total = map(float, done.stdout.split())
    assert 0.3 < start <= total < time.perf_counter() - began + 0.05
    with Meter() as meter:
        pass
    assert list(meter.seconds) == ["total"]


def test_meter_sees_time_and_memory():
    with Meter(os.getpid()) as meter:
        with meter.stage("hold"):
            block = bytearray(b"x" * 50_000_000)
            time.sleep(0.7)
        with meter.stage("hold"):
            del block
    assert meter.seconds["hold"] == pytest.approx(meter.seconds["total"], abs=0.4)
    assert meter.peak_mb > 50
    assert os.getpid() in family(os.getpid()) and family(None) == []
    assert held(os.getpid()) > 1e6 and held(2**30) == 0
