"""Soft edges: what is covered is exactly the area, seen by shapely; dashes where they belong; cuts change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from api.pages.ink import Shapes, Sheet

BOX = (0.0, 0.0, 80.0, 60.0)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def covered(sheet: Sheet) -> np.ndarray:
    return sheet.pixels[..., 0] / 255


def blots(seed: int) -> list[shapely.Geometry]:
    """Areas with holes, some of them across the edges of the box."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(12):
        at = shapely.Point(*rng.uniform([-20, -20], [100, 80]))
        whole = shapely.affinity.rotate(
            shapely.affinity.scale(at.buffer(rng.uniform(2, 25)), 1, 0.3), rng.uniform(0, 180)
        )
        out.append(whole.difference(at.buffer(1.5)))
    return out


@pytest.mark.parametrize("seed", range(4))
def test_areas_cover_their_area(seed: int):
    window = shapely.box(*BOX)
    for shape in blots(seed):
        sheet = Sheet(BOX, (60, 80), BLACK)
        shapes = Shapes(np.array([shape], object), areas=True)
        sheet.areas(shapes, np.arange(len(shapes)), WHITE)
        assert covered(sheet).sum() == pytest.approx(shape.intersection(window).area, rel=0.01, abs=0.3)


def test_each_pixel_has_its_share():
    shape = shapely.Polygon([(3.2, 4.1), (20.7, 9.9), (11.3, 30.6)], [[(10, 10), (12, 10), (11, 13)]])
    sheet = Sheet((0, 0, 30, 40), (40, 30), BLACK)
    sheet.areas(Shapes(np.array([shape], object), areas=True), np.arange(1), WHITE)
    pixels = [[shapely.box(x, 39 - y, x + 1, 40 - y).intersection(shape).area for x in range(30)] for y in range(40)]
    assert np.abs(covered(sheet) - np.array(pixels)).max() < 0.01


def test_neighbours_leave_no_seam_between_them():
    one = shapely.Polygon([(0, 0), (17.3, 0), (40.9, 60), (0, 60)])
    sheet = Sheet(BOX, (60, 80), BLACK)
    sheet.areas(Shapes(np.array([one, shapely.box(*BOX).difference(one)], object), areas=True), np.arange(2), WHITE)
    assert covered(sheet).min() == 1


@pytest.mark.parametrize("width", [1.0, 2.4, 7.0])
def test_lines_are_as_wide_as_asked(width: float):
    line = shapely.LineString([(-10, 12), (35, 41), (95, 30)])
    sheet = Sheet(BOX, (60, 80), BLACK)
    sheet.lines(Shapes(np.array([line], object), areas=False), np.arange(1), width, WHITE)
    true = line.buffer(width / 2).intersection(shapely.box(*BOX)).area
    assert covered(sheet).sum() == pytest.approx(true, rel=0.03)


def test_a_line_thinner_than_a_pixel_is_fainter():
    line = Shapes(np.array([shapely.LineString([(5, 30.5), (75, 30.5)])], object), areas=False)
    sums = []
    for width in (0.25, 0.5, 1.0):
        sheet = Sheet(BOX, (60, 80), BLACK)
        sheet.lines(line, np.arange(1), width, WHITE)
        sums.append(covered(sheet).sum())
    assert sums[0] < sums[1] < sums[2] and sums[0] == pytest.approx(sums[2] / 4, rel=0.05)


def test_dashes_run_on_around_corners_and_across_cuts():
    line = Shapes(np.array([shapely.LineString([(0, 30), (40, 30), (40, 0)])], object), areas=False)

    def drawn(box: tuple[float, float, float, float]) -> np.ndarray:
        sheet = Sheet(box, (round(box[3] - box[1]), round(box[2] - box[0])), BLACK)
        sheet.lines(line, np.arange(1), 2.0, WHITE, dash_px=(6.0, 4.0))
        return covered(sheet)

    whole = drawn(BOX)
    assert whole[29, 2] > 0.9 and whole[29, 8] < 0.1 and whole[29, 12] > 0.9
    assert whole[30 + 3, 39] > 0.9 and whole[30 + 8, 39] < 0.1  # 43 and 48 along
    cut = drawn((23, 0, 80, 60))
    assert np.abs(whole[:, 23:] - cut).max() < 0.005


def test_what_is_no_shape_of_the_kind_is_left_out():
    given = np.array([shapely.Point(1, 1), shapely.Polygon(), None, shapely.LineString([(0, 0), (1, 1)])], object)
    assert len(Shapes(given, areas=True)) == 0
    lines = Shapes(given, areas=False)
    assert lines.of.tolist() == [3] and lines.near((0, 0, 9, 9)).tolist() == [0] and not len(lines.near((5, 5, 9, 9)))
