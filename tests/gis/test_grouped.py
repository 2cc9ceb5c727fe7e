"""Rasters of many filters in one: the first of all that take a class, whatever raster it stands in; what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis import exact, grouped, raster
from gis.snapshot import Snapshot
from tests import town
from tests.oracle import side

START = np.array([500_000.0, 3_878_000.0])
FILTERS, CLASSES = 5, 4


def city(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Polygons, their filters, what these take (the last filter nothing), and the validity."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 12, (count, 2)) * 20.0 + START
    shapes = shapely.buffer(shapely.points(points), rng.integers(5, 70, count), quad_segs=2)
    shapes[::9] = shapely.multipolygons([[s, shapely.affinity.translate(s, 300, 7)] for s in shapes[::9]])
    takes = rng.random((FILTERS, CLASSES + 1)) < 0.6
    takes[-1] = False
    begins = rng.integers(0, 3, count)
    group = np.append(np.arange(FILTERS), rng.integers(0, FILTERS, count - FILTERS)).astype(np.int32)
    return exact.snap(shapes), group, takes, begins, begins + 2


@pytest.mark.parametrize("seed", range(4))
def test_the_first_of_all_wins_and_all_are_told_in_order(seed: int) -> None:
    shapes, group, takes, begins, ends = city(seed)
    index = grouped.build(shapes, group, takes)
    lattice = np.array([[i, j] for i in range(-6, 60, 2) for j in range(-6, 30)]) * 10.0 + START
    corners = shapely.get_coordinates(shapes[::5])
    places = exact.millimetres(np.vstack([lattice, corners]))
    edges = 0
    for n, (x, y) in enumerate(places):
        klass, instant = n % (CLASSES + 1), n % 5
        at = [(p, on) for p, shape in enumerate(shapes) if (on := side(x, y, shape))]
        out = np.full(80, -9)
        count = grouped.covers(index.arrays, x, y, out, 0, 2)
        assert out[: 2 * count].reshape(-1, 2).tolist() == [[p, on] for p, on in at]
        right = [(p, on == 2) for p, on in at if takes[group[p], klass] and begins[p] <= instant < ends[p]]
        found = grouped.first(index.arrays, x, y, instant, klass, begins, ends, -1)
        assert found == (right[0] if right else (-1, False))
        edges += found[1]
    assert edges > 5


def test_covering_more_than_there_is_room_for_tells_how_many() -> None:
    a, b = shapely.box(0, 0, 10, 10), shapely.box(5, 0, 15, 10)
    index = grouped.build(np.array([a, b, a]), np.array([1, 0, 0], dtype=np.int32), np.ones((2, 2), dtype=bool))
    out = np.full(7, -9)
    assert grouped.covers(index.arrays, 5000, 5000, out, 1, 3) == 3
    assert out[0] == -9 == out[3]
    out = np.full(9, -9)
    assert grouped.covers(index.arrays, 5000, 5000, out, 1, 3) == 3
    assert out.tolist() == [-9, 0, 1, -9, 1, 2, -9, 2, 1]


@pytest.mark.parametrize("changed", range(FILTERS))
def test_a_raster_that_is_kept_equals_one_that_is_made(changed: int) -> None:
    shapes, group, takes, *_ = city(7)
    before = grouped.build(shapes, group, takes)
    mine = np.flatnonzero(group == changed)
    shapes[mine[0]] = shapely.affinity.translate(shapes[mine[0]], 1, -900)
    kept = [None if g == changed else before.one(g) for g in range(FILTERS)]
    made, plain = grouped.build(shapes, group, takes, kept), grouped.build(shapes, group, takes)
    for one, two in zip(made.arrays, plain.arrays, strict=True):
        assert one.dtype == two.dtype and np.array_equal(one, two)


def test_small_filters_take_little_room() -> None:
    """Two houses at the ends of a city have a raster of a few kilobytes, whatever lies between them."""
    far = np.array([shapely.box(0, 0, 20, 20), shapely.box(30_000, 30_000, 30_020, 30_020)])
    index = grouped.build(far, np.zeros(2, dtype=np.int32), np.ones((1, 1), dtype=bool))
    assert len(index.cells) <= grouped.LEAST_CELLS
    always = np.array([0, 0]), np.array([1, 1])
    for x, right in ((20_000, (0, True)), (20_001, (-1, False)), (30_000_001, (1, False))):
        assert grouped.first(index.arrays, x, x, 0, 0, *always, -1) == right


def test_an_edited_zone_has_only_the_raster_of_its_filter_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = town.layers()
    old = Snapshot.compile(town.CITY, frames, at=town.DAY, known_at=town.DAY)
    zones = frames["zones"].copy()
    zones.loc[zones["code"] == "Z2", "geometry"] = town.box(230, 90, 400, 300)
    zones.loc[zones["code"] == "Z9", "classes"] = "2026:E06"
    edited = frames | {"zones": zones}
    plain = Snapshot.compile(town.CITY, edited, at=town.DAY, known_at=town.DAY)
    made, build = [], raster.build
    monkeypatch.setattr(raster, "build", lambda shapes, **how: made.append(len(shapes)) or build(shapes, **how))
    new = Snapshot.compile(town.CITY, edited, at=town.DAY, known_at=town.DAY, base=old)
    assert sorted(made) == [1, 2]  # the market of E, both of 2026:E06
    assert new.version == plain.version != old.version


def test_nothing_covers_nothing() -> None:
    for shapes in (np.empty(0, dtype=object), np.array([shapely.Polygon()])):
        n = len(shapes)
        index = grouped.build(shapes, np.zeros(n, dtype=np.int32), np.ones((n, 3), dtype=bool))
        none = np.zeros(n, dtype=np.int64)
        assert grouped.first(index.arrays, 5, 5, 0, 2, none, none + 1, -1) == (-1, False)
        assert grouped.covers(index.arrays, 5, 5, np.empty(2, dtype=np.int64), 0, 2) == 0
