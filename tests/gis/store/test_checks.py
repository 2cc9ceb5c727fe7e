"""Rows that contradict the record or each other."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine

from gis import store
from grids.errors import Conflict, InputError, NotFound
from tests import town
from tests.gis.store.village import came, department, more_layers, versions


def test_unknown_layer_and_missing_columns(full: Engine) -> None:
    with pytest.raises(NotFound, match="known are areas"):
        store.load(full, "lakes", pd.DataFrame())
    with pytest.raises(InputError, match="no column name"):
        store.load(full, "departments", pd.DataFrame({"code": ["x"]}))


@pytest.mark.parametrize(
    ("layer", "row", "column", "why"),
    [
        ("departments", {"code": "n", "name": "N", "parent": "D11"}, "parent", "did you mean D1?"),
        ("departments", {"code": "", "name": "N"}, "code", "code is missing"),
        ("areas", {"set": "patrol", "code": "P2", "department": "X9"}, "department", "no such department"),
        ("areas", {"set": "community", "code": "140802001009", "parent": "140802003"}, "parent",
         "no such street is recorded; did you mean 140802002 or 140802001?"),
        ("units", {"code": "140802009001001", "community": "140802001003"}, "community", "mean 140802001002 or"),
        ("units", {"code": "140802001001009", "geometry": None}, "geometry", "has no geometry"),
        ("units", {"code": "140802001001009", "geometry": shapely.Polygon()}, "geometry", "has no geometry"),
        ("units", {"code": "140802001001009",
                   "geometry": shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "geometry", "is not valid"),
        ("components", {"code": "1", "class": "2026:C01O01"}, "class", "did you mean 2026:C01001"),
        ("components", {"code": "1", "class": "2026:C01001", "owning": "d4"}, "owning", "did you mean D4"),
        ("components", {"code": "1", "class": "2026:C01001", "geometry": None}, "geometry", "has no geometry"),
        ("components", {"code": "1", "class": ""}, "class", "class is missing"),
        ("zones", {"code": "z", "department": "D0", "classes": "2026:E66"}, "classes", "no class or group"),
        ("zones", {"code": "z", "department": "DO", "classes": "*"}, "department", "did you mean D0"),
        ("rules", {"class": "2026:C99"}, "class", "no class or group"),
        ("rosters", {"team": "t", "person": "p", "area_set": "patrols", "area": "P1"}, "area_set", "mean patrol?"),
        ("rosters", {"team": "t", "person": "p", "area_set": "patrol", "area": "Pl"}, "area", "did you mean P1"),
        ("cases", {"id": "k", "class": "2026:E99999", "reported_at": town.DAY}, "class", "not in the catalogue"),
        ("cases", {"id": "k"}, "reported_at", "reported_at is missing"),
    ],
)  # fmt: skip
def test_rows_that_contradict_the_record_are_refused(
    full: Engine, layer: str, row: dict, column: str, why: str
) -> None:
    good = more_layers()[layer].head(1)
    shape = {"geometry": town.point(7, 7) if layer in ("components", "cases") else town.box(0, 0, 5, 5)}
    bad = town.frame(layer, [shape | row]).set_axis([17])
    frame = pd.concat([good, bad])
    if "geometry" in frame:
        frame = gpd.GeoDataFrame(frame, geometry="geometry", crs=town.CITY.srid)
    report = store.load(full, layer, frame)
    assert came(report) == (0, 0, 1, 0, 1)
    found = report.rejects.iloc[0]
    assert (found["row"], found["column"]) == (17, column)
    assert why in found["why"], found["why"]


def test_a_frame_in_another_crs(full: Engine) -> None:
    frame = more_layers()["units"].to_crs("EPSG:4326")
    with pytest.raises(InputError, match="the frame is in WGS 84; convert it to EPSG:4546"):
        store.load(full, "units", frame)


def test_a_value_that_no_server_stores(full: Engine) -> None:
    with pytest.raises(InputError, match="the server refuses a value: invalid byte sequence"):
        store.load(full, "departments", department("nul", "a\x00b"))


def test_a_code_twice_in_one_file(engine: Engine) -> None:
    rows = [{"code": "d", "name": "one"}, {"code": "e", "name": "E"}, {"code": "d", "name": "two"}]
    report = store.load(engine, "departments", town.frame("departments", rows))
    assert came(report) == (2, 0, 0, 0, 1)
    assert tuple(report.rejects.iloc[0]) == (3, "code", "d", "is in row 1 already for the same time")


def test_a_refused_parent_takes_its_children_along(engine: Engine) -> None:
    rows = [
        {"code": "c", "name": "C", "parent": "b"},
        {"code": "b", "name": "B", "parent": "a"},
        {"code": "a", "name": "A", "parent": "nobody"},
        {"code": "x", "name": "X"},
    ]
    report = store.load(engine, "departments", town.frame("departments", rows))
    assert report.inserted == 1 and sorted(report.rejects["row"]) == [1, 2, 3]


def test_a_ring_is_refused_whole(engine: Engine) -> None:
    rows = [{"code": "a", "name": "A", "parent": "b"}, {"code": "b", "name": "B", "parent": "a"}]
    with pytest.raises(Conflict, match="department a would be above itself"):
        store.load(engine, "departments", town.frame("departments", rows))
    assert versions(engine, "a") == []
