"""``GET /v1/hotspots``: every method on every cell, the same bytes for the same question, bad questions refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely

from api.gathering import Way
from api.hotspots import Units, _bounds, cell_of
from gis import counts, moments, store
from gis.crs import to_city
from gis.demo import Demo
from grids.errors import InputError
from tests.api.conftest import Served


def ask(served: Served, **query: object) -> dict:
    answer = served.get("/v1/hotspots", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ({}, {"code", "community", "cases", "z", "p", "q", "hot"}),
        (
            {"cells": "area:community", "method": "moran"},
            {"code", "name", "cases", "i", "z", "p", "q", "quadrant", "hot"},
        ),
        ({"cells": "h3:9"}, {"code", "cases", "z", "p", "q", "hot"}),
        ({"cells": "plane", "cell_m": 200, "p": "permutation"}, {"cases", "z", "p", "q", "hot"}),
        ({"method": "kde", "kernel": "quartic", "bandwidth_m": 150}, {"cases_per_ha"}),
        ({"method": "clusters", "least": 30}, {"id", "cases", "cores", "area_ha", "first", "last", "founded"}),
    ],
)
def test_every_method_says_what_it_did(served_demo: Served, query: dict, columns: set[str]):
    found = ask(served_demo, **{"class": "E"}, **query)
    assert found["features"] and {frozenset(f["properties"]) for f in found["features"]} == {frozenset(columns)}
    facts, parameters = found["facts"], found["parameters"]
    assert facts["counted"] + facts["no_location"] + facts["outside"] + facts["unassigned"] == facts["cases"]
    assert parameters["class"] == "E" and parameters["seed"] == 0 and parameters["method"] == query.get("method", "gi")
    if "p" in columns:
        assert parameters["p_by"] in ("analytic", "permutation") and parameters["p_why"]
        assert (parameters["p_by"] == "permutation") == (parameters["p_runs"] > 0)
        assert facts["hot"] == sum(f["properties"]["hot"] for f in found["features"])
    again = served_demo.get("/v1/hotspots", **{"class": "E"}, **query)
    assert again.content == served_demo.get("/v1/hotspots", **{"class": "E"}, **query).content


def test_only_the_hot_ones(served_demo: Served):
    every, hot = ask(served_demo), ask(served_demo, hot=1)
    assert hot["features"] == [f for f in every["features"] if f["properties"]["hot"]] != every["features"]


def test_a_density_holds_all_cases_borders_included(served_demo: Served):
    found = ask(served_demo, method="kde", bandwidth_m=200)
    area = found["parameters"]["cell_m"] ** 2 / 10_000
    spread = sum(f["properties"]["cases_per_ha"] for f in found["features"]) * area
    assert spread == pytest.approx(found["facts"]["counted"] - found["facts"]["left_out"], rel=1e-3)
    assert found["facts"]["left_out"] == 0


def test_clusters_hold_exactly_their_cases_and_keep_their_ids(served_demo: Served, small_demo: Demo):
    last = small_demo.layers["cases"]["reported_at"].max().floor("D")
    options = {"method": "clusters", "least": 40, "reach_m": 40}
    before = ask(served_demo, **options, to=last.isoformat())
    now = ask(served_demo, **options)
    ids = [[f["properties"]["id"] for f in found["features"]] for found in (before, now)]
    assert len(ids[0]) > 3 and len(set(ids[1])) == len(ids[1])
    assert before["facts"]["counted"] < now["facts"]["counted"]
    assert set(ids[0]) <= set(ids[1])
    engine = store.connect(served_demo.dsn)
    cases = moments.case_moments(engine, classes=None, begin=None, end=None)
    engine.dispose()
    assert len(cases.x) == now["facts"]["counted"] and (np.diff(cases.at) >= 0).all()
    srid = small_demo.city.srid
    for feature in now["features"]:  # seven decimals of a degree are a centimetre: near the border it may go either way
        shape = shapely.transform(
            shapely.from_geojson(json.dumps(feature["geometry"])),
            lambda xy: np.column_stack(to_city(xy[:, 0], xy[:, 1], "EPSG:4326", srid)),
        )
        within = shapely.dwithin(shape, shapely.points(cases.x, cases.y), 0.03).sum()
        assert feature["properties"]["cases"] == pytest.approx(within, abs=2)


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ({"method": "guess"}, "method", "one of gi, moran, kde, clusters"),
        ({"method": "clusers"}, "method", "did you mean clusters?"),
        ({"cells": "h3:20"}, "cells", "h3:5 to h3:12"),
        ({"cells": "h3:²"}, "cells", "h3:5 to h3:12"),
        ({"cells": "area:ward"}, "cells", "there are community, district, patrol, street"),
        ({"cells": "unit", "method": "kde"}, "cells", "take plane, or method gi"),
        ({"p": "bayes"}, "p", "one of auto, analytic, permutation"),
        ({"runs": 0}, "runs", "1 to 99999"),
        ({"seed": -1}, "seed", "0 to"),
        ({"kernel": "gausian"}, "kernel", "did you mean gaussian?"),
        ({"method": "kde", "bandwidth_m": 0}, "bandwidth_m", "0; 50 to 2000 metres"),
        ({"method": "kde", "bandwidth_m": 100_000}, "bandwidth_m", "100000; 50 to 2000 metres"),
        ({"method": "kde", "bandwidth_m": 80, "cell_m": 50}, "cell_m", "at most half the bandwidth, 40 m"),
        ({"cell_m": "nan"}, "cell_m", "10 to 2000 metres"),
        ({"method": "clusters", "reach_m": 0}, "reach_m", "1 to 2000 metres"),
        ({"method": "clusters", "least": 1}, "least", "2 to 1e+06 cases"),
        ({"class": "2026:E6"}, "class", "did you mean"),
        ({"colour": "red"}, "colour", "is an unknown parameter"),
        ({"from": (datetime.now(UTC) + timedelta(days=9000)).date().isoformat()}, "from", "lies in the future"),
    ],
)
def test_bad_questions_are_one_clear_line(served_demo: Served, query: dict, at: str, says: str):
    answer = served_demo.get("/v1/hotspots", **query)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["at"] == at and says in told["detail"] and "\n" not in told["detail"]


@pytest.mark.parametrize("method", ["gi", "moran", "kde", "clusters"])
def test_no_cases_is_an_answer_that_says_so(served: Served, method: str):
    found = ask(served, method=method, **{"from": "1999-01-01", "to": "1999-02-01"})
    assert found["facts"]["note"].startswith("no case of the selection") and found["facts"]["counted"] == 0
    assert not any(f["properties"].get("hot") for f in found["features"])


@pytest.mark.parametrize("method", ["gi", "moran", "kde", "clusters"])
def test_one_case_is_an_answer_that_says_so(served_demo: Served, small_demo: Demo, method: str):
    cases = small_demo.layers["cases"]
    placed = cases[(cases["no_location"] == "") & ~cases.geometry.is_empty & ~cases.geometry.isna()]
    first = placed["reported_at"].drop_duplicates(keep=False)
    alone = next(t for t in first[1000:] if ((cases["reported_at"] - t).abs() < pd.Timedelta("1s")).sum() == 1)
    found = ask(
        served_demo, method=method, **{"from": alone.isoformat(), "to": (alone + pd.Timedelta("1s")).isoformat()}
    )
    assert found["facts"]["cases"] == 1
    if found["facts"]["counted"]:
        assert found["facts"]["note"] == "one case: nothing gathers"
    assert not any(f["properties"].get("hot") for f in found["features"])


def test_the_ground_of_a_city_is_its_units_without_its_waters(served_demo: Served, small_demo: Demo):
    engine = store.connect(served_demo.dsn)
    units = Units(engine, small_demo.city)
    places = counts.case_places(engine)
    engine.dispose()
    bounds = _bounds(units, places)
    smoother = units.smoother(bounds, "gaussian", 80.0, cell_of(80.0))
    assert units.smoother(bounds, "gaussian", 80.0, cell_of(80.0)) is smoother
    ha = smoother.inside.sum() * smoother.cell_m**2 / 10_000
    dry = (
        shapely.area(units.ground).sum()
        - shapely.area(shapely.intersection(units.ground, shapely.union_all(units.water))).sum()
    ) / 10_000
    assert ha == pytest.approx(dry, rel=0.02)


def test_a_way_is_checked_with_the_askers_names():
    with pytest.raises(InputError) as caught:
        Way.read(cells="hexagon", named=lambda name: f"--{name}")
    assert str(caught.value) == "--cells: 'hexagon'; unit, area:SET, h3:N or plane"
    assert cell_of(50.0) == 25.0 and cell_of(80.0) == 25.0 and cell_of(300.0) == 75.0 and cell_of(2000.0) == 100.0
