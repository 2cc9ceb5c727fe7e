"""What is published of a record: over HTTP, on the command line, in files; and that no reporter is in it."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from api.app import create_app
from api.cli import main
from gis.demo import Demo
from gis.publishing import read_release
from tests.api.conftest import serving, settings
from tests.attacker import Attacker

UNTIL = "2027-01-02"


@pytest.fixture(scope="module")
def release(demo_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of the small demo city, made by the command."""
    file = tmp_path_factory.mktemp("release") / "city.gpkg"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANMI_DSN", demo_dsn)
        assert main(["release", str(file), "--until", UNTIL]) == 0
    return file


@pytest.fixture
def asked(release: Path, demo_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WANMI_RELEASE", str(release))
    monkeypatch.setenv("WANMI_DSN", "dbname=nobody_asks_for_this host=/nowhere")  # answers come from the file alone
    return release


def test_figures_are_the_records_own(release: Path, small_demo: Demo) -> None:
    made = read_release(release)
    assert made.quarters == ("2025Q3", "2025Q4", "2026Q1", "2026Q2", "2026Q3", "2026Q4")
    assert {"city", "district", "street", "community", "unit"} == set(made.figures["level"])
    assert (made.figures["cases"] >= made.k).all() and len(made.figures) > 3000
    first, last = made.months()
    total = made.cases("city", "", first, last)[0]
    assert 0.9 * len(small_demo.layers["cases"]) < total <= len(small_demo.layers["cases"])


def test_no_pair_of_figures_tells_of_fewer_than_k(release: Path) -> None:
    made = read_release(release)
    areas = made.ladder.areas.set_index("code")
    above: dict[str, dict[str, str]] = {}
    for unit, code in zip(made.ladder.units["code"], made.ladder.units["parent"], strict=True):
        mine = above.setdefault(unit, {})
        while code != "city":
            mine[areas.loc[code, "level"]] = code
            code = areas.loc[code, "parent"]
        above[unit] = dict(reversed(mine.items()))
    found = 0
    for half in ("2025H2", "2026H1", "2026H2"):
        attacker = Attacker(above, list(made.classes.groups), half, made.figures)
        found += len(attacker.figures)
        assert attacker.pairs(made.k) == [] and attacker.leftovers(made.k) == []
    assert found == len(made.figures)


def test_no_reporter_is_in_what_is_published(asked: Path, small_demo: Demo, tmp_path: Path) -> None:
    cases = small_demo.layers["cases"]
    texts = [asked.read_bytes()]
    for name, more in (("o.geojson", []), ("o.csv", []), ("k.geojson", ["--method", "kde", "--bandwidth", "200"])):
        assert main(["hotspots", "--publish", *more, "--out", str(tmp_path / name)]) == 0
        texts.append((tmp_path / name).read_bytes())
    secrets = {*cases["id"].iloc[:3000], *cases["description"].iloc[:3000], *cases["address"].iloc[:3000]}
    secrets |= set(small_demo.layers["rosters"]["phone"]) | set(small_demo.layers["departments"]["phone"])
    names = {*made_names(asked)}
    looked = 0
    for secret in secrets - names - {""}:
        if len(secret) > 5:
            looked += 1
            assert not any(secret.encode() in text for text in texts), secret
    assert looked > 1000
    for text in texts[1:]:
        assert not re.search(rb"\d\d:\d\d(:\d\d)?", text)  # no time of day
        assert not re.search(rb"1[3-9]\d{9}(?!\d)", re.sub(rb"\d+\.\d+|\d{12,}", b"", text))  # no mobile telephone


def made_names(file: Path) -> set[str]:
    with sqlite3.connect(file) as base:
        return {row[0] for row in base.execute("SELECT name FROM areas")}


@pytest.mark.parametrize(
    ("more", "columns"),
    [
        (["--cells", "area:community"], {"code", "cases", "estimate", "z", "p", "q", "hot"}),
        (["--method", "moran"], {"code", "cases", "estimate", "quadrant", "hot"}),
        (["--method", "kde", "--bandwidth", "200"], {"cases_per_ha"}),
        (
            ["--method", "compare", "--cells", "area:street", "--from", "2026-10-01"],
            {"cases", "before", "ratio", "hot"},
        ),
    ],
)
def test_every_method_that_is_published_answers_from_the_file(
    asked: Path, tmp_path: Path, more: list[str], columns: set[str]
) -> None:
    for ending in ("geojson", "parquet", "csv"):
        out = tmp_path / f"o.{ending}"
        assert main(["hotspots", "--publish", *more, "--out", str(out)]) == 0
    frame = gpd.read_parquet(tmp_path / "o.parquet")
    assert columns <= set(frame.columns)
    told = json.loads((tmp_path / "o.geojson").read_text())
    assert told["parameters"]["published"] is True and told["parameters"]["k"] == 5
    if "cases" in frame:
        assert (frame["cases"].dropna() >= 5).all()
        shown = [f["properties"]["cases"] for f in told["features"]]
        assert np.array_equal(pd.Series(shown, dtype=float), frame["cases"], equal_nan=True)
    else:
        total = read_release(asked).cases("city", "", *read_release(asked).months())[0]
        mass = (frame["cases_per_ha"] * frame.area / 10_000).sum()
        assert mass == pytest.approx(total, rel=0.01)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--method", "scan"], "scan tells of single cases and is not published"),
        (["--method", "clusters"], "clusters tells of single cases"),
        (["--cells", "h3:9"], "'h3:9' is not published"),
        (["--from", "2026-01-15"], "whole months are published"),
        (["--from", "2026-01-01", "--to", "2026-04-01"], "units are published by half-years"),
        (["--class", "2026:E06010"], "'2026:E06010' is not published"),
        (["--channel", "hotline"], "--channel: published figures cannot be asked for that"),
        (["--known-at", "2026-01-01"], "--known-at: published figures cannot be asked for that"),
        (["--release", "none.gpkg"], "there is no such release"),
        (["--out", "o.html"], "is no format of published figures"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_what_is_not_published_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], more: list[str], line: str
) -> None:
    assert main(["hotspots", "--publish", *more]) == 2
    told = capsys.readouterr().err
    assert line in told and told.count("\n") == 1


def test_a_release_is_carried_on_and_its_k_stays(
    release: Path, demo_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANMI_DSN", demo_dsn)
    file = tmp_path / "city.gpkg"
    assert main(["release", str(file), "--until", "2026-07-02", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quarters"][-1] == "2026Q2"
    assert main(["release", str(file), "--k", "7", "--until", UNTIL]) == 2
    assert "5, as published before" in capsys.readouterr().err
    assert main(["release", str(file), "--until", UNTIL]) == 0
    by = ["level", "code", "class", "period"]
    one, other = (read_release(f).figures.sort_values(by, ignore_index=True) for f in (file, release))
    pd.testing.assert_frame_equal(one, other)
    mark = file.stat().st_mtime_ns
    assert main(["release", str(file), "--until", UNTIL]) == 0
    assert "nothing new" in capsys.readouterr().out.splitlines()[-1] and file.stat().st_mtime_ns == mark


def test_http_publishes_the_same(release: Path, demo_dsn: str) -> None:
    with serving(create_app(settings(demo_dsn, release=str(release))), demo_dsn) as service:
        query = {"publish": 1, "cells": "area:community", "class": "E", "from": "2026-07-01"}
        told = service.get("/v1/hotspots", **query).json()
        made = read_release(release)
        want = made.cases("community", "E", pd.Period("2026-07", "M"), pd.Period("2027-01", "M"))
        shown = pd.Series([f["properties"]["cases"] for f in told["features"]], dtype=float)
        assert np.array_equal(shown, want, equal_nan=True)
        assert service.get("/v1/hotspots", **query, format="csv").text.count("\n") == len(want) + 1
        for more in ({"stability": 1}, {"department": "CG01"}, {"method": "scan", "cells": "unit"}):
            assert service.get("/v1/hotspots", **(query | more)).status_code == 422
