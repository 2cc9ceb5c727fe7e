"""``GET /v1/hotspots`` and ``wanmi hotspots`` against an exposure: Gi*, local Moran, rates, and the two maps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.app import create_app
from api.cli import main
from gis import looked, store
from gis.demo import Demo
from tests.api.conftest import Served, serving, settings


@pytest.fixture(scope="module")
def measures(small_demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measures") / "measures.csv"
    frame = small_demo.truth["exposure"].assign(nothing=0.0, minus=-1.0)
    frame.to_csv(out, index=False)
    return out


@pytest.fixture(scope="module")
def service(demo_dsn: str, measures: Path) -> Iterator[Served]:
    with serving(create_app(settings(demo_dsn, measures=str(measures))), demo_dsn) as served:
        yield served


def ask(served: Served, **query: object) -> dict:
    answer = served.get("/v1/hotspots", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("cells", "exposure"),
    [("unit", e) for e in ("components", "roads", "cases", "ground", "population", "patrols")]
    + [("area:community", "roads"), ("h3:9", "patrols"), ("h3:9", "ground"), ("plane", "population")],
)
def test_every_exposure_on_every_kind_of_cells(service: Served, cells: str, exposure: str):
    found = ask(service, **{"class": "2026:E06"}, exposure=exposure, cells=cells)
    facts, parameters = found["facts"], found["parameters"]
    assert parameters["exposure"] == exposure and parameters["p_by"] == "analytic" and parameters["uneven"] >= 0
    rows = [f["properties"] for f in found["features"]]
    assert {"cases", "expected", "ratio", "z", "p", "q", "hot"} <= set(rows[0])
    assert facts["hot"] == sum(row["hot"] for row in rows)
    unknown = [row for row in rows if row["expected"] is None]
    assert facts["unknown"] == len(unknown) and facts["unexposed"] == sum(row["cases"] for row in unknown)
    assert all(row["z"] is None and not row["hot"] for row in unknown)
    expected = sum(row["expected"] for row in rows if row["expected"] is not None)
    if not any(row["q"] is not None and row["q"] < 0.05 for row in rows):
        assert expected == pytest.approx(sum(row["cases"] for row in rows) - facts["unexposed"], rel=1e-3)


def test_local_moran_has_its_quadrants(service: Served):
    found = ask(service, **{"class": "2026:E06"}, exposure="roads", method="moran", runs=99, cells="h3:9")
    assert {f["properties"]["quadrant"] for f in found["features"]} <= {
        "", "high-high", "low-high", "low-low", "high-low"
    }  # fmt: skip
    assert found["parameters"]["p_by"] == "permutation"


def test_rates_leave_the_never_visited_unknown(service: Served, small_demo: Demo, demo_dsn: str):
    found = ask(service, method="rates", exposure="patrols", rates="found")
    visits = small_demo.truth["exposure"].set_index("unit")["patrols"]
    rows = {f["properties"]["code"]: f["properties"] for f in found["features"]}
    assert len(rows) == len(visits) and (visits == 0).any()
    for code, row in rows.items():
        assert (row["rate"] is None) == (visits[code] == 0) == (row["low"] is None)
        if visits[code] > 0:
            assert row["low"] <= row["rate"] <= row["high"]
    clean = [row for row in rows.values() if row["cases"] == 0 and row["rate"] is not None]
    assert clean and all(row["raw"] == 0 for row in clean) and found["facts"]["clean"] == len(clean)
    engine = store.connect(demo_dsn)
    cases = looked.case_kinds(engine)
    engine.dispose()
    assert sum(row["cases"] for row in rows.values()) == (cases.by(looked.PATROLS) & (cases.unit != "")).sum()
    again = service.get("/v1/hotspots", method="rates", exposure="patrols", rates="found")
    assert again.content == service.get("/v1/hotspots", method="rates", exposure="patrols", rates="found").content


def test_cases_of_other_classes_are_the_same_whoever_told_of_the_class(service: Served):
    asked = {"class": "2026:E06", "method": "rates", "exposure": "cases", "cells": "area:community"}
    every = ask(service, **asked)
    whole = ask(service, cells="area:community")
    others = [w["properties"]["cases"] - e["properties"]["cases"] for w, e in both_of(whole, every)]
    for more in ({}, {"channel": "hotline"}, {"rates": "found"}, {"department": "CG05,HW01"}):
        found = ask(service, **asked, **more)
        assert [f["properties"]["exposure"] or 0 for f in found["features"]] == others, more


def both_of(one: dict, other: dict) -> list[tuple[dict, dict]]:
    pairs = list(zip(one["features"], other["features"], strict=True))
    assert all(a["properties"]["code"] == b["properties"]["code"] for a, b in pairs)
    return pairs


def test_cases_settled_on_the_spot_count_in_hotspots_and_not_in_rates_of_filing(service: Served, small_demo: Demo):
    every, filed = (
        sum(f["properties"]["cases"] for f in ask(service, method="rates", exposure="roads", rates=r)["features"])
        for r in ("all", "filed")
    )
    plain = sum(f["properties"]["cases"] for f in ask(service)["features"])
    share = small_demo.layers["cases"]["filed_at"].notna().mean()
    assert every == plain and filed / every == pytest.approx(share, rel=0.1)


def test_both_maps_and_their_ratio(service: Served):
    found = ask(service, method="rates", rates="both", **{"class": "2026:E06"})
    rows = [f["properties"] for f in found["features"]]
    told = [row for row in rows if row["ratio"] is not None]
    assert told and found["facts"]["unknown"] == len(rows) - len(told)
    assert all(row["ratio_low"] < row["ratio"] < row["ratio_high"] for row in told)
    assert all((row["ratio"] is None) == (row["visits"] is None or row["people"] is None) for row in rows)
    assert {row["apart"] for row in rows} == {-1, 0, 1}
    usual = found["facts"]["usual"]
    assert all(row["ratio_low"] > usual for row in rows if row["apart"] == 1)


@pytest.mark.parametrize("query", [{"rates": "found", "exposure": "patrols"}, {"rates": "both"}])
@pytest.mark.parametrize("cells", ["unit", "h3:9"])
def test_rates_drawn_towards_what_the_ground_tells(service: Served, query: dict, cells: str):
    asked = {"method": "rates", "class": "2026:E07", "cells": cells} | query
    plain, ground = (
        [f["properties"] for f in ask(service, smooth=smooth, **asked)["features"]] for smooth in ("global", "ground")
    )
    name = "found_rate" if "found_rate" in plain[0] else "rate"
    low, high = ("found_low", "found_high") if "found_low" in plain[0] else ("low", "high")
    assert [row[name] is None for row in plain] == [row[name] is None for row in ground]
    known = [row for row in ground if row[name] is not None]
    assert known and all(0 <= row[low] <= row[name] <= row[high] for row in known)
    assert {row[name] for row in known} != {row[name] for row in plain if row[name] is not None}
    assert [row.get("cases", row.get("found")) for row in plain] == [r.get("cases", r.get("found")) for r in ground]


@pytest.mark.parametrize("query", [{"method": "rates"}, {}, {"method": "moran"}, {"method": "rates", "rates": "both"}])
def test_no_cases_is_an_answer(service: Served, query: dict):
    found = ask(service, **({"exposure": "patrols", "from": "1999-01-01", "to": "1999-02-01"} | query))
    assert found["facts"]["note"].startswith("no case of the selection")
    rows = [f["properties"] for f in found["features"]]
    assert rows and not any(row.get("hot") for row in rows)
    if query == {"method": "rates"}:
        assert {row["rate"] for row in rows} == {0.0, None}  # visited and clean; never visited


@pytest.mark.parametrize("query", [{}, {"exposure": "ground", "class": "2026:E06"}, {"cells": "h3:9"}])
def test_hot_cells_say_how_stable_they_are(service: Served, query: dict):
    found = ask(service, stability=1, **query)
    rows = [f["properties"] for f in found["features"]]
    assert found["parameters"]["stability_settings"] == 24
    assert all((row["stable"] is not None) == row["hot"] for row in rows)
    shares = [row["stable"] for row in rows if row["hot"]]
    assert all(0 <= share <= 1 for share in shares)
    assert not shares or max(shares) > 0.3


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ({"method": "rates"}, "exposure", "rates needs an exposure; name one"),
        ({"exposure": "roads", "method": "kde"}, "exposure", "kde takes no exposure; take method gi, moran or rates"),
        ({"exposure": "road"}, "exposure", "did you mean roads?"),
        ({"exposure": "nothing"}, "exposure", "it is zero or unknown in every cell"),
        ({"exposure": "minus"}, "exposure", "minus -1 of unit"),
        ({"exposure": "roads", "rates": "filled", "method": "rates"}, "rates", "did you mean filed?"),
        ({"exposure": "roads", "smooth": "much", "method": "rates"}, "smooth", "one of global, local, ground"),
        ({"exposure": "roads", "smooth": "local"}, "smooth", "take method rates"),
        ({"exposure": "roads", "p": "permutation"}, "p", "auto: given an exposure"),
        (
            {"exposure": "roads", "rates": "both", "method": "rates"},
            "exposure",
            "both maps have exposures of their own",
        ),
        ({"exposure": "ground", "method": "rates"}, "exposure", "take components, roads, cases or a measure"),
        ({"method": "kde", "stability": 1}, "stability", "kde has no hot cells; take method gi or moran"),
        ({"exposure": "roads", "rates": "filed", "stability": 1}, "stability", "leave rates out"),
        ({"exposure": "cases"}, "exposure", "there are no other cases"),
    ],
)
def test_bad_questions_are_one_clear_line(service: Served, query: dict, at: str, says: str):
    answer = service.get("/v1/hotspots", **query)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["at"] == at and says in told["detail"] and "\n" not in told["detail"]


def test_without_a_file_of_measures_the_answer_says_what_to_do(served_demo: Served):
    answer = served_demo.get("/v1/hotspots", exposure="population")
    if answer.status_code == 422:  # else a demo city of this checkout left its file
        assert "name a file of measures" in answer.json()["detail"]


def test_the_command_writes_what_http_answers(
    service: Served, measures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], city: None
):
    out, table = tmp_path / "two.geojson", tmp_path / "per-km.csv"
    asked = ["hotspots", "--method", "rates"]
    assert main([*asked, "--rates", "both", "--measures", str(measures), "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["never_visited"] > 0 and facts["rates"] == "both"
    assert json.loads(out.read_text()) == ask(service, method="rates", rates="both")
    assert main([*asked, "--exposure", "roads", "--out", str(table)]) == 0
    frame = pd.read_csv(table)
    assert frame["exposure"].sum() > 10
    assert np.allclose((frame["cases"] / frame["exposure"]).dropna(), frame["raw"].dropna(), rtol=1e-2)


@pytest.fixture
def city(demo_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANMI_DSN", demo_dsn)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--exposure", "people", "--measures", "gone.csv"], "there is no such file"),
        (["--method", "rates"], "--exposure: rates needs an exposure"),
    ],
)
def test_the_command_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], city: None, arguments: list[str], says: str
):
    assert main(["hotspots", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
