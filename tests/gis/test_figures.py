"""Figures say what they show: units on the axes, what was counted in the legend, Chinese names with their glyphs."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import matplotlib
import numpy as np
import pytest
import shapely
from matplotlib import font_manager

from gis import figures, hotspots
from grids.errors import InputError

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def cells() -> gpd.GeoDataFrame:
    shapes = [shapely.box(500_000 + 100 * i, 3_877_000, 500_100 + 100 * i, 3_877_100) for i in range(6)]
    values = {"cases": [1.0, 5, 9, np.nan, 40, 2], "ratio": [0.5, 1, 2, np.nan, 4, 0.25], "hot": [0, 0, 0, 0, 1, 0]}
    return gpd.GeoDataFrame(
        values | {"kind": ["new", "none", "new", "sporadic", "none", "none"]}, geometry=shapes, crs=4546
    )


def words(ax: matplotlib.axes.Axes) -> str:
    """All that is written in a figure, once it is drawn: a glyph that is missing is a warning, and that an error."""
    figure = ax.get_figure()
    figure.canvas.draw()
    legend = ax.get_legend()
    texts = [
        t.get_text() for other in figure.axes for t in (other.title, other.xaxis.label, other.yaxis.label, *other.texts)
    ]
    texts += [ax.get_title(loc="left"), *(a.get_ylabel() for a in figure.axes)]
    if legend:
        texts += [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]
    texts += [t.get_text() for a in figure.axes for t in (*a.get_xticklabels(), *a.get_yticklabels())]
    return "\n".join(texts)


def test_cells_say_unit_count_and_what_is_missing(cells: gpd.GeoDataFrame) -> None:
    ax = figures.plot_cells(
        cells,
        "cases",
        label="cases (案件)",
        title="单元网格",
        note="n = 57 cases, June 2026",
        hot="hot",
        missing="not shown",
    )
    told = words(ax)
    for text in (
        "east, km",
        "north, km (EPSG:4546)",
        "cases (案件)",
        "单元网格",
        "n = 57 cases",
        "hot, q < 0.05: 1",
        "not shown: 1",
    ):
        assert text in told, text
    assert "500.2" in told and ax.get_aspect() == 1.0


def test_degrees_are_labelled_as_degrees(cells: gpd.GeoDataFrame) -> None:
    told = words(figures.plot_cells(cells.to_crs(4326), "cases", label="cases"))
    assert "longitude, degrees" in told and "latitude, degrees (EPSG:4326)" in told


def test_ratios_have_round_ticks_around_one(cells: gpd.GeoDataFrame) -> None:
    ax = figures.plot_cells(cells, "ratio", label="ratio", middle=1.0, logarithmic=True, bounds=(0.2, 5))
    bar = next(a for a in ax.get_figure().axes if a is not ax)
    ticks = [t.get_text() for t in bar.get_yticklabels()]
    assert ticks == ["0.2", "0.5", "1", "2", "5"]
    norm = ax.collections[0].norm
    assert norm(1.0) == pytest.approx(0.5)


def test_kinds_have_a_colour_and_a_count_each(cells: gpd.GeoDataFrame) -> None:
    told = words(figures.plot_kinds(cells, "kind", figures.PATTERNS, other="no pattern"))
    assert "new: 2" in told and "sporadic: 1" in told and "no pattern: 3" in told


def test_a_density_is_drawn_where_it_is(cells: gpd.GeoDataFrame) -> None:
    x = np.full(200, 500_330.0)
    grid = hotspots.kde(
        x, np.full(200, 3_877_050.0), (500_000, 3_876_800, 500_600, 3_877_300), bandwidth_m=50, cell_m=10
    )
    ax = figures.plot_density(grid, 4546, note="n = 200 cases; gaussian kernel, bandwidth 50 m")
    told = words(ax)
    assert "cases per hectare" in told and "bandwidth 50 m" in told
    drawn = ax.images[0]
    west, _, south, _ = drawn.get_extent()
    row, column = np.unravel_index(np.nanargmax(drawn.get_array()), grid.values.shape)
    assert abs(west + (column + 0.5) * 10 - 500_330) <= 10 and abs(south + (row + 0.5) * 10 - 3_877_050) <= 10
    figures.plot_areas(cells.iloc[:2], ax, label="planted")
    told = words(ax)
    assert "planted: 2" in told and "bandwidth 50 m" in told


def test_the_ground_does_not_move_the_view(cells: gpd.GeoDataFrame) -> None:
    ax = figures.plot_cells(cells, "cases", label="cases")
    before = ax.get_xlim()
    road = gpd.GeoDataFrame(geometry=[shapely.LineString([(499_000, 3_877_050), (505_000, 3_877_050)])], crs=4546)
    figures.plot_ground({"roads": road}, ax)
    assert ax.get_xlim() == before


def test_without_chinese_glyphs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    latin = [font for font in font_manager.fontManager.ttflist if "DejaVu" in font.name]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", latin)
    with pytest.raises(InputError, match="fonts-noto-cjk"):
        figures.families()
