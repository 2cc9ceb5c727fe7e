"""The compiler when the city has changed: what an older set of units, and a street more or less, may move."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st

from grids.compile import build_units
from tests.grids.test_compile import FEW, held, keys, streets, town, towns


def same(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> int:
    """Units of one set that are in the other bit for bit, whatever their codes."""
    return len(set(shapely.to_wkb(one.geometry.to_numpy())) & set(shapely.to_wkb(other.geometry.to_numpy())))


def lattice_of_streets(n: int = 4, step: float = 250.0) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """One community with blocks of six or seven units, one street a row."""
    size = n * step
    lines = [[(k * step, j * step), (k * step, (j + 1) * step)] for k in range(1, n) for j in range(n)]
    lines += [[(j * step, k * step), ((j + 1) * step, k * step)] for k in range(1, n) for j in range(n)]
    return town((0, 0, size, size)), streets(*lines)


def test_a_closed_street_moves_its_neighbours_alone():
    areas, lines = lattice_of_streets()
    units = build_units(areas, lines)
    held(units, areas)
    moved = [len(units) - same(units, build_units(areas, lines.drop(index=row))) for row in range(len(lines))]
    assert np.median(moved) <= 6
    assert max(moved) <= 15


def test_with_the_older_set_a_closed_or_a_new_street_moves_little():
    areas, lines = lattice_of_streets()
    units = build_units(areas, lines)
    for row in (0, 5, 11, 17):
        without = lines.drop(index=row)
        closed = build_units(areas, without, previous=units)
        held(closed, areas)
        assert same(units, closed) == len(units)  # all of them are in the band still
        old = build_units(areas, without)
        opened = build_units(areas, lines, previous=old)
        held(opened, areas)
        assert len(old) - same(old, opened) <= 6
        assert opened.area.between(5_000, 20_000).all()


def test_a_new_street_divides_the_unit_that_has_room_for_two():
    areas = town((0, 0, 360, 100))
    old = build_units(areas, streets([(180, 0), (180, 100)]))
    assert len(old) == 2
    new = build_units(areas, streets([(180, 0), (180, 100)], [(90, 0), (90, 100)]), previous=old)
    assert new.area.round().tolist() == [9_000, 9_000, 18_000]
    assert same(old, new) == 1
    # one that leaves less than a unit on one side divides nothing
    slight = build_units(areas, streets([(180, 0), (180, 100)], [(30, 0), (30, 100)]), previous=old)
    # its end is a corner on the border now
    assert (slight.symmetric_difference(old.geometry).area < 0.01).all()


def test_units_that_left_the_band_are_drawn_anew():
    areas = town((0, 0, 400, 300))
    crumbs = town(*((x, y, x + 40, y + 50) for x in range(0, 400, 40) for y in range(0, 300, 50)))
    units = build_units(areas, streets(), previous=crumbs)
    held(units, areas)
    assert units.area.between(5_000, 20_000).all()
    one = build_units(areas, streets(), previous=town((0, 0, 400, 300)))
    held(one, areas)
    assert one.area.between(5_000, 20_000).all()


def test_an_older_set_of_another_place_or_none_changes_nothing():
    areas = town((0, 0, 400, 300))
    fresh = build_units(areas, streets())
    assert keys(build_units(areas, streets(), previous=town((5_000, 0, 5_100, 100)))) == keys(fresh)
    assert keys(build_units(areas, streets(), previous=fresh.iloc[:0])) == keys(fresh)


@FEW
@given(towns(), st.integers(0, 2**31 - 1))
def test_with_the_same_streets_the_older_set_comes_out_again(made, seed):
    areas, lines = made
    units = build_units(areas, lines)
    mixed = units.sample(frac=1, random_state=seed)
    again = build_units(areas, lines.sample(frac=1, random_state=seed), previous=mixed)
    assert keys(again) == keys(units)
    assert again["kind"].tolist() == units["kind"].tolist()


@FEW
@given(towns(), st.integers(0, 2**31 - 1))
def test_edited_towns_keep_their_promises(made, seed):
    areas, lines = made
    rng = np.random.default_rng(seed)
    old = build_units(areas, lines)
    left = lines[rng.random(len(lines)) > 0.3]
    more = rng.uniform(0, 400, (2, 2, 2))
    changed = pd.concat([left, streets(*more.tolist())], ignore_index=True)
    new = build_units(areas, changed, previous=old)
    held(new, areas, slant_m=0.0002)  # marks of whole millimetres on slanting borders: 0.11 m² was seen
    assert (new.area <= 20_000.5).all()
    assert set(new["kind"][new.area < 5_000]) <= {"fragment", "road"}
    mixed = build_units(
        areas.sample(frac=1, random_state=seed),
        changed.sample(frac=1, random_state=seed),
        previous=old.sample(frac=1, random_state=seed),
    )
    assert keys(mixed) == keys(new)
