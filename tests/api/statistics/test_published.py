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
from api.statistics.published import Asked, answer, monthly_cases
from api.statistics.way import Way
from gis import counts, store
from gis.demo import Demo
from gis.publishing import read_release
from grids.errors import TooLarge
from tests.api.conftest import serving, settings
from tests.attacker import Attacker, menu, truth_of

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


def attackers(release: Path) -> list[Attacker]:
    """One for each half-year of what is published."""
    made = read_release(release)
    areas = made.ladder.areas.set_index("code")
    above: dict[str, dict[str, str]] = {}
    for unit, code in zip(made.ladder.units["code"], made.ladder.units["parent"], strict=True):
        mine = above.setdefault(unit, {})
        while code != "city":
            mine[areas.loc[code, "level"]] = code
            code = areas.loc[code, "parent"]
        above[unit] = dict(reversed(mine.items()))
    halves = ("2025H2", "2026H1", "2026H2")
    return [Attacker(above, list(made.classes.groups), half, made.figures) for half in halves]


def test_no_pair_of_figures_tells_of_fewer_than_k(release: Path) -> None:
    made, found = read_release(release), 0
    for attacker in attackers(release):
        found += len(attacker.figures)
        assert attacker.pairs(made.k) == [] and attacker.leftovers(made.k) == []
    assert found == len(made.figures)


@pytest.mark.parametrize("most", [6, pytest.param(400, marks=pytest.mark.long)])
def test_linear_programming_tells_no_cell_of_the_demo_city(release: Path, demo_dsn: str, most: int) -> None:
    """Of cells with 1 to k - 1 cases, each may hold k."""
    attacker = attackers(release)[1]
    engine = store.connect(demo_dsn)
    until = pd.Period("2026-07", "M")
    held = monthly_cases(engine, counts.class_book(engine), store.read_city(engine), until)
    engine.dispose()
    cells = menu(attacker)
    truth = attacker.matrix(cells) @ truth_of(attacker, held)
    small = np.flatnonzero((truth > 0) & (truth < 5))
    assert len(small) > 1000
    small = np.random.default_rng(0).permutation(small)[:most]
    low, high = attacker.bounds(cells.iloc[small], whole=False).T
    assert (low <= truth[small]).all() and (high > 5 - 1e-6).all() and (high - low > 5 - 1e-6).all()


def test_no_reporter_is_in_what_is_published(asked: Path, small_demo: Demo, tmp_path: Path) -> None:
    cases = small_demo.layers["cases"]
    texts = [asked.read_bytes()]
    for name, more in (("o.geojson", []), ("o.csv", []), ("k.geojson", ["--method", "kde", "--bandwidth", "200"])):
        assert main(["hotspots", "--publish", *more, "--out", str(tmp_path / name)]) == 0
        texts.append((tmp_path / name).read_bytes())
    secrets = {*cases["id"].iloc[:600], *cases["description"].iloc[:600], *cases["address"].iloc[:600]}
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
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], columns: set[str]
) -> None:
    for ending in ("geojson", "parquet", "csv"):
        out = tmp_path / f"o.{ending}"
        assert main(["hotspots", "--publish", *more, "--out", str(out)]) == 0
    assert "nan" not in capsys.readouterr().out
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
        (
            ["--method", "compare", "--from", "2026-01-01", "--versus-from", "2026-01-01", "--versus-to", "2026-07-01"],
            "the two periods overlap",
        ),
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
    monkeypatch.setenv("WANMI_RELEASE", str(release))
    file = tmp_path / "city.gpkg"
    assert main(["release", str(file), "--until", "2026-07-02", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["quarters"][-1] == "2026Q2"
    assert told.err == f"wanmi: {release} is a release of this city; give out one of them, never both\n"
    soon = f"{pd.Timestamp.now(tz='UTC') + pd.Timedelta(3, 'D'):%Y-%m-%d}"
    assert main(["release", str(tmp_path / "soon.gpkg"), "--until", soon]) == 0
    assert f"{soon} has not come yet" in capsys.readouterr().err
    assert main(["release", str(file), "--k", "7", "--until", UNTIL]) == 2
    assert "5, as published before" in capsys.readouterr().err
    assert main(["release", str(file), "--until", UNTIL]) == 0
    by = ["level", "code", "class", "period"]
    one, other = (read_release(f).figures.sort_values(by, ignore_index=True) for f in (file, release))
    pd.testing.assert_frame_equal(one, other)
    mark = file.stat().st_mtime_ns
    assert main(["release", str(file), "--until", UNTIL]) == 0
    assert "nothing new" in capsys.readouterr().out.splitlines()[-1] and file.stat().st_mtime_ns == mark


QUESTIONS = (
    {"cells": "area:community", "class": "E", "from": "2026-07-01"},
    {"cells": "area:community", "class": "2026:E06", "from": "2026-03-01", "to": "2026-08-01", "format": "csv"},
    {"class": "C", "method": "moran", "format": "csv"},
    {"method": "kde", "bandwidth_m": 400},
    {"method": "compare", "cells": "area:street", "from": "2026-07-01", "against": "length"},
)
OPTION = {"bandwidth_m": "bandwidth"}


def test_http_publishes_what_a_release_tells_and_nothing_else(
    release: Path, demo_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has the record; what it publishes are the bytes of a command that has none."""
    monkeypatch.setenv("WANMI_DSN", "dbname=nobody_asks_for_this host=/nowhere")
    with serving(create_app(settings(demo_dsn, release=str(release))), demo_dsn) as service:
        for query in QUESTIONS:
            told = service.get("/v1/hotspots", publish=1, k=5, **query)
            assert told.status_code == 200, told.text
            file = tmp_path / f"o.{query.get('format', 'geojson')}"
            words = [f"--{OPTION.get(name, name)}={value}" for name, value in query.items() if name != "format"]
            assert main(["hotspots", "--publish", "--release", str(release), *words, "--out", str(file)]) == 0
            assert told.content == file.read_bytes()
            assert "etag" not in told.headers and told.headers["cache-control"] == "no-store"
        refused = {
            "stability": 1, "department": "CG01", "channel": "hotline", "area": "street", "exposure": "roads",
            "known_at": "2026-07-01", "joined": 1, "k": 2, "method": "scan", "cells": "h3:9", "class": "2026:E06010",
            "from": "2026-07-02", "at": "2026-07-01",
        }  # fmt: skip
        for name, value in refused.items():
            answer = service.get("/v1/hotspots", **({"publish": 1} | {name: value}))
            assert answer.status_code == 422, name
            assert not re.search(r"\d{2,} cases", answer.text)
        assert "5, or leave it out" in service.get("/v1/hotspots", publish=1, k=2).json()["detail"]
        assert "publish=1 as well" in service.get("/v1/hotspots", k=5).json()["detail"]


def test_a_public_door_opens_on_nothing_else(demo_dsn: str, release: Path) -> None:
    """Whoever comes in from the street finds what is published, whether he says so or not."""
    app, inside = (create_app(settings(demo_dsn, release=str(release), public=only)) for only in (True, False))
    query = {"cells": "area:community", "class": "E", "from": "2026-07-01"}
    with serving(app, demo_dsn) as service:
        assert set(app.openapi()["paths"]) == {"/v1/hotspots", "/health", "/ready", "/metrics"}
        told = service.get("/v1/hotspots", **query)
        assert told.json()["parameters"]["published"] is True
        for publish in (0, 1):
            assert service.get("/v1/hotspots", publish=publish, **query).content == told.content
        assert service.get("/v1/hotspots", department="CG01").status_code == 422
        for path in inside.openapi()["paths"]:
            address = re.sub(r"\{[^}]*\}", "0", path)
            if path not in app.openapi()["paths"]:
                assert service.get(address).status_code == 404, path
        assert service.get("/v1/resolve", lon=111, lat=35).status_code == 404
        assert service.post("/v1/cases", json={}).status_code == 404


def test_no_other_address_takes_publish(demo_dsn: str, release: Path) -> None:
    """Nobody thinks that a picture, a panel or a count of a tile is fit for the public because he said so."""
    app = create_app(settings(demo_dsn, release=str(release)))
    with serving(app, demo_dsn) as service:
        asked = []
        for path, methods in app.openapi()["paths"].items():
            if "get" in methods and path != "/v1/hotspots":
                address = re.sub(r"\{(z|x|y)\}", "0", path)
                address = re.sub(r"\{[^}]*\}", "heat", address)
                asked.append((path, service.get(address, publish=1)))
        assert len(asked) > 20
        open_ones = {path for path, answer in asked if answer.status_code < 400}
        assert open_ones <= {"/health", "/ready", "/metrics"}
        for path, answer in asked:
            assert path in open_ones or answer.status_code in (404, 422), (path, answer.status_code)


def test_what_is_published_tells_how_it_was_asked(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = read_release(asked)
    for method in ("gi", "moran"):
        way = Way.read(method=method, cells="area:community", p="permutation", runs=99, seed=3)
        told = answer(release, way, Asked()).parameters
        assert (told["p"], told["runs"], told["seed"], told["p_by"]) == ("permutation", 99, 3, "permutation")
        assert told["p_runs"] >= 99 and told["p_why"]
    way = Way.read(method="compare", cells="area:street")
    halves = answer(release, way, Asked(begin="2026-07-01"))
    both = halves.frame["cases"].notna() & halves.frame["before"].notna()
    sums = halves.frame.loc[both, ["before", "cases"]].sum()
    assert halves.parameters["weight"] == pytest.approx(sums["cases"] / sums["before"])
    way = Way.read(method="kde", bandwidth_m=80)
    fine = answer(release, way, Asked())
    monkeypatch.setattr("api.statistics.published.MOST_SQUARES", len(fine.frame) // 3)
    coarse = answer(release, way, Asked())
    with pytest.raises(TooLarge, match="larger ones"):
        answer(release, Way.read(method="kde", bandwidth_m=80, cell_m=10), Asked())
    assert len(coarse.frame) <= len(fine.frame) // 3
    side = coarse.parameters["cell_m"]
    assert side == 2 * fine.parameters["cell_m"]
    assert np.allclose(coarse.frame.area, side**2)
    mass = [(one.frame["cases_per_ha"] * one.frame.area).sum() for one in (fine, coarse)]
    assert mass[1] == pytest.approx(mass[0], rel=1e-4)


def test_where_a_release_would_be_is_nobodys_business(demo_dsn: str, tmp_path: Path) -> None:
    missing = tmp_path / "none.gpkg"
    with serving(create_app(settings(demo_dsn, release=str(missing), public=True)), demo_dsn) as service:
        told = service.get("/v1/hotspots")
        assert told.status_code == 404 and "nothing has been published yet" in told.json()["detail"]
        assert str(tmp_path) not in told.text
