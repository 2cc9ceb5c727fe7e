"""The ground of lines: their sides, stretches of them, and what cannot be told apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gis.exact import footprint
from gis.sides import stretch
from grids.errors import InputError


def polyline(turns: list[float], steps: list[float]) -> shapely.LineString:
    heading = np.cumsum(turns)
    xy = np.vstack(
        [[0, 0], np.cumsum(np.column_stack([np.cos(heading), np.sin(heading)]) * np.array(steps)[:, None], 0)]
    )
    return shapely.LineString(xy.round(3))


LINES = st.lists(st.tuples(st.floats(-2.6, 2.6), st.floats(4, 60)), min_size=1, max_size=6).map(
    lambda parts: polyline(*map(list, zip(*parts, strict=True)))
)


def nearest(line: shapely.LineString, place: np.ndarray) -> tuple[float, float]:
    """How far a place is from a line, and on which side: positive on its left; by the straightest look at a corner."""
    best, side = np.inf, 0.0
    for a, b in itertools.pairwise(shapely.get_coordinates(line)):
        along = b - a
        share = np.clip(np.dot(place - a, along) / np.dot(along, along), 0, 1)
        away = float(np.hypot(*(place - a - share * along)))
        turn = float(np.cross(np.append(along, 0), np.append(place - a, 0))[2] / np.hypot(*along))
        if away < best - 1e-9 or (away < best + 1e-9 and abs(turn) > abs(side)):
            best, side = min(best, away), turn
    return best, side


@settings(max_examples=120, deadline=None, derandomize=True)
@given(LINES, st.floats(2, 25), st.integers(0, 10**6))
def test_left_and_right_are_where_the_nearest_stretch_has_them(line, width, seed):
    """Of 40 places within the width, none but those near a border lie on the other side."""
    assume(line.is_simple)
    try:
        left, right = (footprint([line], width, side=side)[0] for side in ("left", "right"))
    except InputError as error:
        assert "comes back to within its width" in error.what and error.right
        return
    flat = shapely.buffer(line, width, cap_style="flat", quad_segs=8)
    low_x, low_y, high_x, high_y = flat.bounds
    rng, wrong = np.random.default_rng(seed), 0
    for place in rng.uniform((low_x, low_y), (high_x, high_y), (40, 2)):
        spot = shapely.Point(place)
        if (
            shapely.distance(shapely.boundary(left), spot) < 0.5
            or shapely.distance(shapely.boundary(right), spot) < 0.5
        ):
            continue
        assert shapely.contains(left, spot) + shapely.contains(right, spot) == shapely.contains(flat, spot)
        if shapely.contains(flat, spot):
            wrong += (nearest(line, place)[1] > 0) != shapely.contains(left, spot)
    assert wrong <= 2  # around sharp bends beyond an end the nearest stretch is a matter of taste


@settings(max_examples=60, deadline=None, derandomize=True)
@given(LINES, st.floats(2, 12))
def test_a_line_turned_about_has_its_sides_changed(line, width):
    assume(line.is_simple)
    try:
        one, two = (
            footprint([shape], width, side=side)[0]
            for shape, side in ((line, "left"), (shapely.reverse(line), "right"))
        )
    except InputError:
        return
    assert shapely.area(shapely.symmetric_difference(one, two)) < 0.02


@settings(max_examples=60, deadline=None, derandomize=True)
@given(LINES, st.floats(0.05, 0.95))
def test_stretches_follow_each_other_without_gap_or_overlap(line, share):
    at = line.length * share
    first, second = stretch(line, np.nan, at), stretch(line, at, np.nan)
    assert first.length + second.length == pytest.approx(line.length, abs=1e-6)
    assert shapely.get_coordinates(first)[-1] == pytest.approx(shapely.get_coordinates(second)[0])
    assert shapely.hausdorff_distance(shapely.union(first, second), line) < 1e-6


def test_ends_are_round_unless_chainage_cuts_them():
    line = shapely.LineString([(0, 0), (100, 0)])
    whole, start, end, cut = footprint(
        [line] * 4, 10.0, from_m=[np.nan, np.nan, 40.0, 40.0], to_m=[np.nan, 60.0, np.nan, 60.0]
    )
    assert whole.bounds == pytest.approx((-5, -5, 105, 5)) and start.bounds == pytest.approx((-5, -5, 60, 5))
    assert end.bounds == pytest.approx((40, -5, 105, 5)) and cut.bounds == pytest.approx((40, -5, 60, 5))
    assert footprint([line], 10.0, from_m=0.0)[0].bounds == pytest.approx((0, -5, 105, 5))  # cut at its first point
    assert shapely.area(cut) == pytest.approx(200)


def test_a_closed_line_has_an_inside_and_an_outside():
    ring = shapely.LineString([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)])
    inner, outer = (footprint([ring], 10.0, side=side)[0] for side in ("left", "right"))
    assert shapely.area(inner) == pytest.approx(100**2 - 80**2, abs=0.01)
    assert shapely.area(outer) == pytest.approx(4 * 1000 + 100 * np.pi, rel=0.002)
    assert shapely.area(shapely.intersection(inner, outer)) < 0.01


def test_parts_have_each_their_own_direction_and_points_twice_are_once():
    there, back = [(0, 0), (50, 0), (50, 0), (100, 0)], [(100, 40), (0, 40)]
    ground = footprint([shapely.MultiLineString([there, back])], 5.0, side="left")[0]
    assert shapely.area(ground) == pytest.approx(1000, abs=0.01)
    assert ground.bounds == pytest.approx((0, 0, 100, 40))


def test_a_hairpin_narrower_than_its_width_is_divided_by_its_legs():
    pin = shapely.LineString([(0, 0), (100, 0), (100, 6), (0, 6)])
    left, right = (footprint([pin], 10.0, side=side)[0] for side in ("left", "right"))
    assert shapely.area(left) == pytest.approx(600, abs=0.01)
    assert shapely.contains_xy(right, 50, -9) and shapely.contains_xy(right, 50, 15)
