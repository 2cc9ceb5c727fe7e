"""A kernel read as it is written answers what it answers compiled, to the bit, and needs no numba."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gis.answer import explain
from gis.compiled import as_written, kernel
from gis.convert import Cases
from gis.crs import to_lonlat, way
from gis.snapshot import Snapshot
from tests import town
from tests.gis.test_one import NAMED, asked

SPLIT = """
import sys
from api.cli import main
status = main(sys.argv[1:])
assert "numba" not in sys.modules, "numba was loaded"
sys.exit(status)
"""


@pytest.fixture(scope="module")
def snapshot():
    return Snapshot.compile(town.CITY, town.layers(), at=town.DAY, known_at=town.DAY)


@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_the_answer_in_full(snapshot, crs):
    xy, klass, at, named, error = asked(town.layers(), seed=5)
    x, y = xy.T if crs is None else to_lonlat(*xy.T, town.CITY.srid)
    assert set(named) == set(NAMED)

    def told() -> list[dict]:
        cases = Cases.read(snapshot, x, y, klass, crs=crs, components=named, at=at, accuracy_m=error)
        return [explain(cases, i, snapshot) for i in range(len(cases))]

    compiled = told()
    with as_written():
        assert told() == compiled
    assert len({answer["rule"] for answer in compiled}) >= 6


@pytest.mark.parametrize("crs", ["EPSG:4326", "gcj02", "bd09"])
def test_a_place_to_the_bit(crs):
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform((73, 3), (136, 54), (400, 2)).T
    odd = [(np.nan, 35.0), (111.0, np.inf), (0.0, 90.0), (180.0, -90.0), (111.0, 0.0), (21.0, 0.0), (-69.0, 1e-12)]
    x, y = np.vstack([np.column_stack([lon, lat]), odd]).T
    to = way(crs, town.CITY.srid)
    compiled = to.points(x, y)
    with as_written():
        written = to.points(x, y)
    for one, other in zip(compiled, written, strict=True):
        assert np.array_equal(one.view(np.int64), other.view(np.int64))


def test_numbers_as_wide_as_they_must_be():
    @kernel(cache=False)
    def area(sides, out):
        for i in range(len(sides)):
            out[i] = sides[i, 0] * sides[i, 1]

    @kernel(cache=False, error_model="numpy")
    def over(sides):
        return 1.0 / sides[0, 0]

    sides = np.array([[2**31 - 1, 2**31 - 1], [0, 7]], dtype=np.int32)
    compiled, written = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    area(sides, compiled)
    with as_written():
        area(sides, written)
        # what Python refuses is asked of numba
        assert over(np.zeros((1, 1))) == np.inf
    assert compiled.tolist() == written.tolist() == [(2**31 - 1) ** 2, 0]


@pytest.mark.parametrize(
    "asks", [["111.0012", "35.0312"], ["500100", "3877900", "--crs", "EPSG:4546"], ["111", "35", "--crs", "gcj02"]]
)
def test_a_command_that_asks_once_loads_no_numba(snapshot, tmp_path, asks):
    file = snapshot.save(tmp_path / "town.wanmi")
    words = ["resolve", *asks, "--class", "2026:C01002", "--snapshot", str(file), "--json"]
    done = subprocess.run([sys.executable, "-c", SPLIT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"rule"' in done.stdout
