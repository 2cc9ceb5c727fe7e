"""Serial numbers: order inside a community, schemes, limits, no reuse."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from grids.codes import check_unit
from grids.errors import InputError
from grids.serials import number, rank_in_community, split_code, unit_code

TOWN = "140802001001"


def squares(places: list[tuple[int, int]], size: float = 80.0) -> np.ndarray:
    x, y = np.array(places, float).T * 100
    return shapely.box(x, y, x + size, y + size)


def test_rows_from_north_to_south_and_each_from_west_to_east():
    codes = number(squares([(0, 0), (1, 0), (0, 1), (1, 1), (2, 1)]), [TOWN] * 5)
    assert [code[-3:] for code in codes] == ["004", "005", "001", "002", "003"]
    assert (check_unit(codes, scheme="china15") == "").all()


def test_the_row_tolerance_says_what_is_one_row():
    shapes = shapely.box([0, 100], [0, 30], [80, 180], [80, 110])
    assert rank_in_community(shapes, ["a", "a"], row_m=50).tolist() == [0, 1]
    assert rank_in_community(shapes, ["a", "a"], row_m=20).tolist() == [1, 0]


def test_the_reference_point_decides():
    tall, low = shapely.box(0, 0, 50, 200), shapely.box(60, 80, 110, 130)
    assert rank_in_community([tall, low], ["a", "a"], reference="northwest", row_m=50).tolist() == [0, 1]
    assert rank_in_community([tall, low], ["a", "a"], reference="centroid", row_m=4).tolist() == [1, 0]
    with pytest.raises(InputError, match="one of centroid, northwest, inside"):
        rank_in_community([tall], ["a"], reference="middle")


def test_each_community_counts_for_itself():
    codes = number(squares([(0, 0), (1, 0), (2, 0)]), ["b", "a", "b"])
    assert codes.tolist() == ["b-001", "a-001", "b-002"]


def test_two_digits():
    assert number(squares([(0, 0)]), [TOWN], digits=2).tolist() == [TOWN + "01"]
    with pytest.raises(InputError, match="use 3 digits"):
        number(squares([(i, 0) for i in range(100)]), [TOWN] * 100, digits=2)


def test_more_than_999_is_an_error_with_advice():
    shapes = squares([(i % 40, i // 40) for i in range(1000)])
    assert number(shapes[:999], [TOWN] * 999)[0].startswith(TOWN)
    with pytest.raises(InputError, match="at most 999: take a larger target, split the community"):
        number(shapes, [TOWN] * 1000)


def test_taken_serials_are_never_given_again():
    codes = number(squares([(0, 0), (1, 0)]), [TOWN, "a"], taken=[TOWN + "007", TOWN + "003", "b-200"])
    assert codes.tolist() == [TOWN + "008", "a-001"]


@given(st.text(min_size=1, max_size=12), st.integers(1, 999))
def test_a_code_is_read_back(community, serial):
    assert split_code(unit_code(community, serial)) == (community, serial)


@given(st.permutations(range(12)))
def test_row_order_changes_nothing(order):
    shapes = squares([(i % 4, i // 4) for i in range(12)])
    whole = number(shapes, [TOWN] * 12)
    assert number(shapes[list(order)], [TOWN] * 12).tolist() == whole[list(order)].tolist()
