"""The front for notebooks gives the answers of the commands, drawn and to point at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from api.analyst import Analyst
from api.cli import main
from api.statistics.drawn import grid_of, told
from gis.demo import Demo

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def city(demo_dsn: str, small_demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    file = tmp_path_factory.mktemp("measures") / "measures.parquet"
    small_demo.truth["exposure"].to_parquet(file)
    return Analyst(demo_dsn, measures=file)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_it_answers_as_the_command_does(
    city: Analyst, demo_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANMI_DSN", demo_dsn)
    out = tmp_path / "o.geojson"
    assert main(["hotspots", "--class", "2026:E06", "--cells", "area:community", "--out", str(out)]) == 0
    rows = [f["properties"] for f in json.loads(out.read_text())["features"]]
    mine = city.hotspots("2026:E06", cells="area:community").frame
    assert [row["code"] for row in rows] == mine["code"].tolist()
    assert [row["cases"] for row in rows] == mine["cases"].tolist()
    assert np.allclose([row["z"] for row in rows], mine["z"])


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ({"method": "gi"}, ["z of Gi*", "hot, q < 0.05", "2026:E06"]),
        ({"method": "kde", "bandwidth_m": 120}, ["cases per hectare", "gaussian kernel, bandwidth 120 m"]),
        ({"method": "gi", "exposure": "roads"}, ["ratio", "against roads"]),
        ({"method": "rates", "exposure": "population"}, ["cases per resident"]),
        ({"method": "trend", "bin_days": 28, "cells": "area:community"}, ["no pattern"]),
        (
            {"method": "compare", "cells": "area:community", "begin": "2026-07-01", "end": "2026-10-01"},
            ["ratio", "2026-07-01 until 2026-10-01"],
        ),
        ({"method": "clusters"}, ["cases"]),
    ],
)
def test_every_method_draws_itself_with_what_was_counted(city: Analyst, way: dict, words: list[str]) -> None:
    answer = city.hotspots("2026:E06", **way)
    ax = answer.plot(ground={name: city.ground[name] for name in ("roads", "rivers")})
    figure = ax.get_figure()
    figure.canvas.draw()  # a glyph that is missing is an error
    legend = ax.get_legend()
    texts = [t.get_text() for t in ax.texts] + [a.get_ylabel() for a in figure.axes]
    if legend:
        texts += [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]
    told_all = "\n".join(texts)
    for text in (*words, f"n = {answer.facts['counted']:,} cases"):
        assert text in told_all, (text, told_all)
    assert "EPSG:4546" in ax.get_ylabel()


def test_a_density_is_the_same_as_squares_and_as_a_grid(city: Analyst) -> None:
    answer = city.hotspots("2026:E06", method="kde", bandwidth_m=120)
    grid = grid_of(answer)
    column, row = np.meshgrid(*grid.centres)
    held = grid.values > 0
    middle = answer.frame.geometry.centroid
    one = {(round(x), round(y)): v for x, y, v in zip(column[held], row[held], grid.values[held], strict=True)}
    other = {(round(x), round(y)): v for x, y, v in zip(middle.x, middle.y, answer.frame["cases_per_ha"], strict=True)}
    assert one == other
    assert "bandwidth 120 m" in told(answer)


def test_the_map_to_point_at_asks_nobody(city: Analyst) -> None:
    answer = city.hotspots("2026:E06", cells="area:community")
    html = answer.explore().get_root().render()
    fetched = re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:)([^"']+)""", html)
    fetched += re.findall(r"@import|url\((?!data:|#)[^)]*", html)
    assert fetched == []
    assert "leaflet" in html.lower() and all(code in html for code in answer.frame["code"])


def test_a_release_is_answered_without_the_record(city: Analyst) -> None:
    release = city.release(until="2027-01-02")
    answer = city.published(release, "E", "2026-07-01", "2027-01-01", cells="area:street")
    assert answer.parameters["published"] and (answer.frame["cases"].dropna() >= 5).all()
    assert "published, k = 5" in told(answer)
