"""What a question asks for is answered, told among the parameters, or refused: nothing is taken in silence."""

from __future__ import annotations

import pandas as pd
import pytest

from api.cli.hotspots import option
from api.statistics.in_time import just_before, make_bins
from api.statistics.selection import Selection
from api.statistics.way import Way
from gis.moments import Moments
from grids.errors import InputError
from tests.api.conftest import Served

PERIOD = {"from": "2026-03-01", "to": "2026-04-01"}


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ({"versus_from": "2026-01-01", "versus_to": "2026-02-01"}, "versus_from", "take method compare"),
        ({"method": "kde", "versus_from": "2026-01-01", "versus_to": "2026-02-01"}, "versus_from", "take method"),
        ({"method": "kde", "hot": 1}, "hot", "nothing that stands out"),
        ({"method": "clusters", "hot": 1}, "hot", "nothing that stands out"),
        ({"method": "rates", "exposure": "roads", "hot": 1}, "hot", "nothing that stands out"),
        ({"method": "compare", "versus_from": "2026-03-15", "versus_to": "2026-03-20"}, "versus_from", "overlap"),
        ({"method": "compare", "versus_from": "2026-02-01", "versus_to": "2026-03-02"}, "versus_from", "overlap"),
    ],
)
def test_what_a_method_has_no_use_for_is_refused(served_demo: Served, query: dict, at: str, says: str):
    answer = served_demo.get("/v1/hotspots", **PERIOD, **query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["at"] == at and says in answer.json()["detail"]


@pytest.mark.parametrize("method", ["gi", "moran", "trend", "compare", "scan", "rates"])
def test_squares_tell_their_side(served_demo: Served, method: str):
    more = {"bin_days": 3, "runs": 9} | ({"exposure": "roads"} if method == "rates" else {})
    for side, told in (({}, 100.0), ({"cell_m": 400}, 400.0)):
        found = served_demo.get("/v1/hotspots", method=method, cells="plane", **PERIOD, **side, **more).json()
        assert found["parameters"]["cell_m"] == told


@pytest.mark.parametrize(("query", "at"), [({"cells": "plane", "cell_m": 10}, "cell_m"), ({"cells": "h3:12"}, "cells")])
def test_more_cells_than_anybody_can_be_sent_are_refused(
    served_demo: Served, monkeypatch: pytest.MonkeyPatch, query: dict, at: str
):
    monkeypatch.setattr("api.statistics.gathering.MOST_CELLS", 10_000)
    for method in ("gi", "trend"):
        answer = served_demo.get("/v1/hotspots", method=method, **query)
        assert answer.status_code == 413 and answer.json()["at"] == at
    assert served_demo.get("/v1/hotspots", method="clusters").status_code == 200


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"bandwidth_m": 0.0}, "--bandwidth: 0; 50 to 2000 metres"),
        ({"seed": -1}, "--seed: -1; 0 to 9223372036854775807"),
        ({"least": 1}, "--least: 1; 2 to 1000000 cases"),
        ({"bin_days": 0}, "--bin-days: 0; 1 to 366 days"),
    ],
)
def test_a_figure_out_of_range_is_told_as_it_was_typed(asked: dict, line: str):
    with pytest.raises(InputError) as told:
        Way.read(**asked, named=option)
    assert str(told.value) == line


def period(begin: str, end: str, zone: str) -> Selection:
    return Selection(begin=pd.Timestamp(begin, tz=zone).tz_convert("UTC"), end=pd.Timestamp(end, tz=zone))


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Helsinki", "America/New_York", "America/Santiago"])
@pytest.mark.parametrize(("begin", "end"), [("2026-03-01", "2026-05-10"), ("2026-08-16", "2026-11-29")])
def test_weeks_are_weeks_where_clocks_change(zone: str, begin: str, end: str):
    none = Moments.__new__(Moments)  # the period is closed: no case is asked
    bins = make_bins(period(begin, end, zone), none, zone, 7, 2)
    walls = [edge.tz_convert(zone).tz_localize(None) for edge in bins.edges]
    assert len(bins) == (pd.Timestamp(end) - pd.Timestamp(begin)).days // 7
    assert str(walls[0])[:10] == begin and str(walls[-1])[:10] == end
    midnight = [wall == wall.normalize() for wall in walls]
    assert all(midnight) or zone == "America/Santiago"  # where one midnight in the year is none


def test_a_day_that_is_not_over_is_no_part_of_a_bin():
    zone = "Asia/Shanghai"
    bins = make_bins(period("2026-03-01T06:00", "2026-03-22T12:00", zone), Moments.__new__(Moments), zone, 7, 2)
    days = [edge.tz_convert(zone).isoformat()[:16] for edge in bins.edges]
    assert days == ["2026-03-08T00:00", "2026-03-15T00:00", "2026-03-22T00:00"]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Helsinki", "America/New_York"])
def test_the_time_before_begins_at_midnight_where_clocks_change(zone: str):
    before = just_before(period("2026-04-01", "2026-05-01", zone), zone)
    assert before.begin.tz_convert(zone).isoformat()[:16] == "2026-03-02T00:00"
    assert before.end == pd.Timestamp("2026-04-01", tz=zone)
