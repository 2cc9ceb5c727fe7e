"""``GET /v1/hotspots``: every method on every cell, the same bytes for the same question, bad questions refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely

from api.app import create_app
from api.statistics.selection import Units, bounds_of, cell_of
from api.statistics.way import METHODS, Way
from gis import counts, moments, postgis, store
from gis.batch.record import assign_record
from gis.crs import to_city
from gis.demo import Demo
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town
from tests.api.conftest import ORDER, Served, serving, settings
from tests.conftest import database_name


def ask(served: Served, **query: object) -> dict:
    answer = served.get("/v1/hotspots", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ({}, {"code", "community", "cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"}),
        (
            {"cells": "area:community", "method": "moran"},
            {"code", "name", "cases", "hectares", "cases_per_ha", "i", "z", "p", "q", "quadrant", "hot"},
        ),
        ({"cells": "h3:9"}, {"code", "cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"}),
        (
            {"cells": "plane", "cell_m": 200, "p": "permutation"},
            {"cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"},
        ),
        ({"method": "kde", "kernel": "quartic", "bandwidth_m": 150}, {"cases_per_ha"}),
        ({"method": "clusters", "least": 30}, {"id", "cases", "cores", "area_ha", "first", "last", "founded"}),
        (
            {"method": "trend", "cells": "h3:8", "bin_days": 14},
            {"code", "cases", "hectares", "pattern", "z", "q", "bins_hot", "bins_cold", "rise", "rise_p", "hot"},
        ),
        (
            {"method": "compare", "cells": "area:community", "from": "2026-03-01", "to": "2026-05-01"},
            {"code", "name", "cases", "before", "ratio", "low", "high", "p", "q", "less", "hot"},
        ),
        (
            {"method": "scan", "bin_days": 30, "longest": 3, "runs": 19},
            {"cluster", "cases", "expected", "ratio", "llr", "p", "from", "to", "radius_m", "cells", "hot"},
        ),
        ({"method": "knox", "runs": 19}, {"distance_m", "days", "pairs", "expected", "ratio", "p", "q", "hot"}),
    ],
)
def test_every_method_says_what_it_did(served_demo: Served, query: dict, columns: set[str]):
    found = ask(served_demo, **{"class": "E"}, **query)
    assert found["features"] and {frozenset(f["properties"]) for f in found["features"]} == {frozenset(columns)}
    facts, parameters = found["facts"], found["parameters"]
    assert facts["counted"] + facts["no_location"] + facts["outside"] + facts["unassigned"] == facts["cases"]
    assert parameters["class"] == "E" and parameters["seed"] == 0 and parameters["method"] == query.get("method", "gi")
    if "p" in columns and parameters["method"] in ("gi", "moran"):
        assert parameters["p_by"] in ("analytic", "permutation") and parameters["p_why"]
        assert (parameters["p_by"] == "permutation") == (parameters["p_runs"] > 0)
    if "hot" in columns:
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
    cases = moments.case_moments(engine)
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
        ({"method": "clusters", "least": 1}, "least", "2 to 1000000 cases"),
        ({"method": "trend", "bin_days": 0}, "bin_days", "1 to 366 days"),
        ({"method": "trend", "bin_days": 90}, "bin_days", "10 to 2000: another period, or other bins"),
        ({"method": "trend", "back": -1}, "back", "0 to 100 bins"),
        ({"method": "compare"}, "from", "say from and to"),
        ({"method": "compare", "against": "wind"}, "against", "one of city, length"),
        ({"method": "compare", "versus_from": "2026-01-01"}, "versus_to", "say both, or neither"),
        ({"method": "compare", "versus_from": "2026-02-01", "versus_to": "2026-01-01"}, "versus_to", "is not before"),
        ({"method": "trend", "versus_from": "2025-01-01", "versus_to": "2026-01-01"}, "versus_from", "method compare"),
        ({"method": "scan", "longest": 0}, "longest", "1 to 500 bins"),
        ({"method": "scan", "runs": 5000}, "runs", "at most 999 here"),
        ({"method": "knox", "cells": "unit"}, "cells", "take plane, or method gi"),
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


@pytest.mark.parametrize("method", [name for name in METHODS if name != "rates"])
def test_no_cases_is_an_answer_that_says_so(served: Served, method: str):
    found = ask(served, method=method, **{"from": "1999-01-01", "to": "1999-02-01"})
    assert found["facts"]["note"].startswith("no case of the selection") and found["facts"]["counted"] == 0
    assert not any(f["properties"].get("hot") for f in found["features"])


@pytest.mark.parametrize("method", [name for name in METHODS if name != "rates"])
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


@pytest.fixture(scope="module")
def heaped(cluster: postgis.Cluster) -> Iterator[Served]:
    """The town with thirty cases at exactly one place, months of them."""
    name = database_name("api_heaped")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, town.CITY)
    layers = town.layers()
    place = shapely.Point(town.X0 + 150, town.Y0 + 150)
    days = pd.Timestamp("2026-02-01T04:00Z") + pd.to_timedelta(np.arange(30) * 9, "D")
    rows = [
        {"id": f"K{k}", "class": "2026:E06001", "reported_at": day, "geometry": place} for k, day in enumerate(days)
    ]
    layers["cases"] = town.frame("cases", rows)
    for layer in (*ORDER, "cases"):
        store.load(engine, layer, layers[layer])
    assign_record(engine, Snapshot.compile(town.CITY, store.city_frames(engine)))
    engine.dispose()
    with serving(create_app(settings(dsn)), dsn) as service:
        yield service
    postgis.drop_database(name)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "rates"])
def test_all_cases_at_one_place_are_an_answer_that_says_so(heaped: Served, method: str):
    period = {"from": "2026-06-01", "to": "2026-09-01"} if method == "compare" else {}
    facts = ask(heaped, method=method, **period)["facts"]
    assert "look whether it is a default point" in facts["note"]
    assert method == "compare" or [heap["cases"] for heap in facts["heaps"]] == [30]
    if "heaps" in facts:
        lon, lat = facts["heaps"][0]["lon"], facts["heaps"][0]["lat"]
        x, y = to_city([lon], [lat], "EPSG:4326", town.CITY.srid)
        assert np.hypot(x[0] - town.X0 - 150, y[0] - town.Y0 - 150) < 0.2


def test_the_ground_of_a_city_is_its_units_without_its_waters(served_demo: Served, small_demo: Demo):
    engine = store.connect(served_demo.dsn)
    units = Units(engine, small_demo.city)
    places = counts.case_places(engine)
    engine.dispose()
    bounds = bounds_of(units, places.x, places.y)
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


def test_two_periods_are_those_of_the_record(served_demo: Served):
    asked = {"method": "compare", "cells": "area:street", "from": "2026-04-01", "to": "2026-06-01", "class": "E"}
    found = ask(served_demo, **asked, against="length", versus_from="2025-12-01", versus_to="2026-03-31")
    assert found["parameters"]["weight"] == pytest.approx(61 / 120)
    now, old = (
        ask(served_demo, cells="area:street", **{"class": "E", "from": begin, "to": end})
        for begin, end in (("2026-04-01", "2026-06-01"), ("2025-12-01", "2026-03-31"))
    )
    for name, other in (("cases", now), ("before", old)):
        held = {f["properties"]["code"]: f["properties"]["cases"] for f in other["features"]}
        assert {f["properties"]["code"]: f["properties"][name] for f in found["features"]} == held
    plain = ask(served_demo, **asked)
    assert plain["parameters"]["versus_from"] == "2026-01-29T16:00:00Z" and plain["parameters"]["against"] == "city"


def test_bins_are_whole_days_of_the_city_and_hold_every_case(served_demo: Served):
    asked = {"method": "trend", "cells": "unit", "bin_days": 7, "from": "2025-12-01", "to": "2026-06-01"}
    found = ask(served_demo, **asked)
    told = found["parameters"]
    assert (told["bins"], told["bins_from"], told["bins_to"]) == (26, "2025-11-30T16:00:00Z", "2026-05-31T16:00:00Z")
    assert sum(f["properties"]["cases"] for f in found["features"]) == found["facts"]["in_bins"]
    whole = ask(served_demo, cells="unit", **{"from": "2025-12-01", "to": "2026-06-01"})
    held = {f["properties"]["code"]: f["properties"]["cases"] for f in whole["features"]}
    assert {f["properties"]["code"]: f["properties"]["cases"] for f in found["features"]} == held
    assert sum(found["facts"]["patterns"].values()) == len(found["features"])


def test_a_cluster_in_time_holds_its_cases(served_demo: Served):
    asked = {"class": "E", "from": "2026-01-01", "to": "2026-06-30"}
    found = ask(served_demo, method="scan", bin_days=30, longest=2, runs=19, **asked)
    spot = found["features"][0]["properties"]
    inside = ask(served_demo, cells="unit", **{"class": "E", "from": spot["from"], "to": spot["to"]})
    ground = shapely.buffer(shapely.from_geojson(json.dumps(found["features"][0]["geometry"])), 1e-6)
    mine = [f for f in inside["features"] if ground.contains(shapely.from_geojson(json.dumps(f["geometry"])))]
    assert len(mine) == spot["cells"] and sum(f["properties"]["cases"] for f in mine) == spot["cases"]
