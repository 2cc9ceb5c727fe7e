"""Units, components, zones and departments over HTTP."""

from __future__ import annotations

import pytest
import shapely

from tests import town
from tests.api.conftest import Served, degrees


def test_a_unit_is_a_feature_in_degrees(served: Served):
    answer = served.get("/v1/units/140802001001002")
    assert answer.headers["content-type"] == "application/geo+json"
    unit = answer.json()
    assert unit["properties"]["community"] == "140802001001" and unit["properties"]["area_m2"] == pytest.approx(1e4)
    shape = shapely.geometry.shape(unit["geometry"])
    here = degrees(150, 150)
    assert shape.contains(shapely.Point(here["lon"], here["lat"])) and shape.is_valid


def test_a_component_changes_at_its_instant(served: Served):
    code = "14080201003000009"
    before = served.get(f"/v1/components/{code}", at="2026-06-30").json()["properties"]
    after = served.get(f"/v1/components/{code}", at="2026-07-02").json()["properties"]
    assert (before["owning"], after["owning"]) == ("D6", "D7")
    assert before["class"] == "2026:C01003"


def test_zones_hold_at_an_instant(served: Served):
    def codes(**query: str) -> set[str]:
        return {f["properties"]["code"] for f in served.get("/v1/zones", **query).json()["features"]}

    assert "Z5" not in codes() and codes() | {"Z5"} == codes(at="2025-06-01")
    lines = [f for f in served.get("/v1/zones").json()["features"] if f["properties"]["is_line"]]
    assert [f["properties"]["code"] for f in lines] == ["Z3"] and lines[0]["geometry"]["type"].endswith("LineString")


def test_departments_are_a_tree(served: Served):
    found = served.get("/v1/departments").json()["departments"]
    codes = {d["code"] for d in found}
    assert len(found) == len(town.layers()["departments"])
    assert all(d["parent"] is None or d["parent"] in codes for d in found)


@pytest.mark.parametrize("path", ["/v1/units/1", "/v1/components/14080201001000001", "/v1/units/%E4%B8%87"])
def test_what_is_not_there_is_404(served: Served, path: str):
    answer = served.get(path)
    assert answer.status_code == 404 and answer.json()["error"] == "NotFound"


@pytest.mark.parametrize("path", ["/v1/units/1", "/v1/components/1", "/v1/zones", "/v1/departments"])
def test_times_that_are_none(served: Served, path: str):
    answer = served.get(path, at="2026-02-31")
    assert answer.status_code == 422 and answer.json()["at"] == "at"
