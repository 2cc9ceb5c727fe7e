"""Shared borders and straight cuts."""

from __future__ import annotations

import numpy as np
import shapely

from grids.polygons import borders, halve


def test_halve_keeps_the_area_and_tells_the_owners():
    shapes = np.array([shapely.box(0, 0, 10, 10), shapely.box(30, 0, 40, 10)])
    parts, owner, cuts, of = halve(shapes, np.array([[4.0, 5.0], [35.0, 5.0]]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert sorted(zip(owner.tolist(), shapely.area(parts).round().tolist(), strict=True)) == [
        (0, 40),
        (0, 60),
        (1, 50),
        (1, 50),
    ]
    assert of.tolist() == [0, 1]
    assert shapely.length(cuts).tolist() == [10, 10]


def test_a_bent_polygon_falls_into_more_than_two():
    bent = shapely.box(0, 0, 30, 20) - shapely.box(10, 5, 20, 20)
    parts, owner, cuts, of = halve(np.array([bent]), np.array([[0.0, 10.0]]), np.array([[0.0, 1.0]]))
    assert sorted(shapely.area(parts).tolist()) == [100, 100, 250]
    assert owner.tolist() == [0, 0, 0]
    assert len(cuts) == len(of) == 2


def test_borders_are_told_once_with_their_length():
    boxes = shapely.box([0, 10, 0], [0, 0, 10], [10, 20, 10], [10, 10, 20])
    a, b, metres = borders(boxes)
    assert list(zip(a.tolist(), b.tolist(), metres.tolist(), strict=True)) == [(0, 1, 10.0), (0, 2, 10.0)]
    several = np.array([shapely.multipolygons([box]) for box in boxes])
    assert [x.tolist() for x in borders(several)] == [x.tolist() for x in (a, b, metres)]
