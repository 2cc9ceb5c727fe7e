"""Releases: frozen, carried on, kept as a file; what is computed from them adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gis.publishing import Ladder, Release, carry_on, first_release, read_release, write_release
from grids.errors import InputError
from tests.attacker import Attacker
from tests.gis.publishing.small import GROUPS, above, counts, ladder, months

M = {name: pd.Period(name, "M") for name in ("2026-01", "2026-03", "2026-04", "2026-07", "2026-10", "2027-01")}


@pytest.fixture(scope="module")
def made() -> Ladder:
    return ladder(2, 3, 4)


@pytest.fixture(scope="module")
def year(made: Ladder) -> pd.DataFrame:
    return counts(made, months("2026-01", 12), 3.0, 7)


def first(year: pd.DataFrame, made: Ladder, until: str = "2026-07", k: int = 5) -> Release:
    return first_release(year, made, GROUPS, day="2026-07-08", until=M[until], k=k)


def test_only_whole_half_years_are_published(year: pd.DataFrame, made: Ladder) -> None:
    assert first(year, made).quarters == ("2026Q1", "2026Q2")
    assert first(year, made, "2026-10").quarters == ("2026Q1", "2026Q2")
    assert first(year, made, "2027-01").quarters == ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
    late = year[year["month"] > M["2026-01"]]  # a half-year that began before the cases did is none
    assert first(late, made, "2027-01").quarters[0] == "2026Q1"
    with pytest.raises(InputError, match="no half-year is over"):
        first(year, made, "2026-04")


def test_what_is_published_never_changes(year: pd.DataFrame, made: Ladder) -> None:
    release = first(year, made)
    late = pd.concat([year, year[year["month"] == M["2026-03"]]], ignore_index=True)  # as many again came in late
    gone_on = carry_on(release, late, day="2027-01-08", until=M["2027-01"])
    before = gone_on.figures.iloc[: len(release.figures)]
    pd.testing.assert_frame_equal(before, release.figures)
    fresh = gone_on.figures.iloc[len(release.figures) :]
    assert set(fresh["period"].str[:4]) == {"2026"} and not set(fresh["period"]) & set(release.figures["period"])
    whole = first(year, made, "2027-01").figures  # nothing of what was published first bears on what follows
    by = ["level", "code", "class", "period"]
    one, other = (f.sort_values(by, ignore_index=True) for f in (gone_on.figures, whole))
    pd.testing.assert_frame_equal(one, other)
    again = carry_on(gone_on, late, day="2027-02-01", until=M["2027-01"])
    assert again.quarters == gone_on.quarters and len(again.figures) == len(gone_on.figures)
    for half in ("2026H1", "2026H2"):
        attacker = Attacker(above(made), GROUPS, half, gone_on.figures)
        assert attacker.pairs(5) == [] and attacker.leftovers(5) == []


def test_the_file_says_the_same_and_is_written_whole(year: pd.DataFrame, made: Ladder, tmp_path: Path) -> None:
    release = first(year, made)
    file = tmp_path / "town.gpkg"
    write_release(release, file)
    read = read_release(file)
    pd.testing.assert_frame_equal(read.figures, release.figures, check_dtype=False)
    assert (read.k, read.quarters, read.classes.keys) == (release.k, release.quarters, release.classes.keys)
    for level in release.ladder.levels:
        one, other = (r.cases(level, "E", M["2026-01"], M["2026-07"]) for r in (release, read))
        assert np.array_equal(one, other, equal_nan=True)
    later = carry_on(read, year, day="2027-01-08", until=M["2027-01"])
    assert later.quarters[-1] == "2026Q4"
    with pytest.raises(InputError, match="there is no such release"):
        read_release(tmp_path / "none.gpkg")
    (tmp_path / "text.gpkg").write_text("no GeoPackage")
    with pytest.raises(InputError, match="it is no release"):
        read_release(tmp_path / "text.gpkg")


def test_figures_of_longer_periods_are_sums_of_shown_ones(year: pd.DataFrame, made: Ladder) -> None:
    release = first(year, made)
    truth = year.assign(community=year["unit"].str.rsplit("-", n=1).str[0])
    shown = release.cases("community", "2026:E09", M["2026-03"], M["2026-07"])
    codes = release.level("community")["code"]
    mine = truth[(truth["class"] == "2026:E09") & (truth["month"] >= M["2026-03"]) & (truth["month"] < M["2026-07"])]
    held = mine.groupby("community")["cases"].sum().reindex(codes, fill_value=0).to_numpy()
    seen = ~np.isnan(shown)
    assert seen.any() and np.array_equal(shown[seen], held[seen])


def test_estimates_use_shown_figures_and_add_up_to_the_city(year: pd.DataFrame, made: Ladder) -> None:
    release = first(year, made)
    total = release.cases("city", "", M["2026-01"], M["2026-07"])[0]
    for level in release.ladder.levels:
        guess = release.estimate(level, "", M["2026-01"], M["2026-07"])
        assert guess.sum() == pytest.approx(total) and (guess >= 0).all()
        shown = release.cases(level, "", M["2026-01"], M["2026-07"])
        seen = ~np.isnan(shown)
        assert np.array_equal(guess[seen], shown[seen])


def test_whoever_waits_is_told_what_is_decided(year: pd.DataFrame, made: Ladder) -> None:
    told: list[str] = []
    first_release(year, made, GROUPS, day="2026-07-08", until=M["2026-07"], progress=told.append)
    assert told == ["areas, 2026Q1", "areas, 2026Q2", "units, 2026H1"]


def test_shares_count_what_is_shown(year: pd.DataFrame, made: Ladder) -> None:
    told = first(year, made).shares.set_index(["period", "level"])
    assert (told["cells_shown"] <= told["cells"]).all() and (told["cases_shown"] <= told["cases"]).all()
    here = year[(year["month"] >= M["2026-01"]) & (year["month"] < M["2026-04"])]
    assert told.loc[("2026Q1", "community"), "cases"] == here["cases"].sum()
    assert told.loc[("2026Q1", "city"), "cells"] == (here.groupby(["class", "month"])["cases"].sum() >= 5).sum()


@pytest.mark.parametrize(
    ("level", "classes", "begin", "end", "words"),
    [
        ("block", "", "2026-01", "2026-07", "no level 'block' is published"),
        ("community", "2026:E06010", "2026-01", "2026-07", "'2026:E06010' is not published; C, E, 2026:C01"),
        ("community", "", "2026-01", "2027-01", "published are 2026-01 to 2026-06"),
        ("unit", "", "2026-01", "2026-04", "units are published by half-years"),
    ],
)
def test_what_is_not_on_the_menu_is_one_clear_line(
    year: pd.DataFrame, made: Ladder, level: str, classes: str, begin: str, end: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        first(year, made).cases(level, classes, M[begin], M[end])


def test_a_k_below_two_and_a_city_without_units_are_refused(year: pd.DataFrame, made: Ladder) -> None:
    with pytest.raises(InputError, match="2 or more"):
        first(year, made, k=1)
    with pytest.raises(InputError, match="no units"):
        Ladder.of(made.areas, made.units.iloc[:0].rename(columns={"parent": "community"}))


def test_a_handful_of_cases_publishes_nothing(made: Ladder) -> None:
    few = pd.DataFrame({"unit": [made.units["code"][0]], "class": ["2026:E06"], "month": [M["2026-01"]], "cases": [4]})
    assert len(first(few, made).figures) == 0
