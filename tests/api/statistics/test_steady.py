"""Stability is asked on squares as large as the cells: what a community holds is no matter of a hectare."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from api.statistics.steady import side_of
from tests.api.conftest import Served

NAN = float("nan")


def test_squares_are_as_large_as_the_cells():
    cells = shapely.box(np.arange(30.0) * 740, 0, np.arange(1.0, 31) * 740, 740)
    assert side_of(cells, "area:community", NAN) == 750.0 and side_of(cells, "area:community", 300.0) == 300.0
    assert side_of(cells, "unit", NAN) == side_of(cells, "plane", NAN) == 100.0
    assert side_of(cells[:4], "area:district", NAN) == 375.0  # of few large ones sixteen squares at least
    assert side_of(shapely.box(0, 0, 10, [10, 10]), "h3:12", NAN) == 25.0


@pytest.mark.parametrize("cells", ["area:community", "h3:8", "h3:10"])
def test_the_answer_tells_which(served_demo: Served, cells: str):
    found = served_demo.get("/v1/hotspots", cells=cells, stability=1, hot=1, **{"class": "E"}).json()
    low, usual, high = found["parameters"]["stability"]["cell_m"]
    assert (low, high) == (usual * 0.75, usual * 1.5) and usual % 25 == 0
    assert (usual > 100) == (cells != "h3:10")
    assert all(0 <= f["properties"]["stable"] <= 1 for f in found["features"])
