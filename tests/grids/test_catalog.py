"""The catalogue: counts and ties of its tables, look-ups, filters, near misses, cities' own classes."""

from __future__ import annotations

import re
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.catalog import MATCHES, Catalog, catalog, filter_items, filter_text
from grids.codes import parse_class
from grids.errors import InputError
from grids.shipped import read_table

BOOK = catalog()


def texts(table: pd.DataFrame) -> pd.Series:
    return table["edition"] + ":" + table["kind"] + table["code"]


# ------------------------------------------------------------------ the tables


def test_counts_of_classes_are_the_standards():
    counts = BOOK.classes.groupby(["edition", "kind"]).size().to_dict()
    assert counts == {
        ("2026", "C"): 153,
        ("2026", "E"): 97,
        ("2013", "C"): 92,
        ("2013", "E"): 98,
        ("2007", "C"): 107,
        ("2007", "E"): 54,
    }
    majors = BOOK.classes[BOOK.classes["edition"] == "2026"].groupby("major_code").size()
    assert majors.to_dict() == {
        "01": 76,
        "02": 44,
        "03": 16,
        "04": 14,
        "05": 3,
        "06": 51,
        "07": 7,
        "08": 16,
        "09": 21,
        "10": 2,
    }


def test_reserved_numbers_have_no_class():
    gone = ["01016", "05001", "05004", "05005", "05006", "05007", "05008", "06031", "07005", "09007"]
    assert not set(gone) & set(BOOK.classes.loc[BOOK.classes["edition"] == "2026", "code"])


def test_classes_are_written_alike():
    table = BOOK.classes
    assert not table.duplicated(["edition", "kind", "code"]).any()
    assert (table["major_code"] + table["minor_code"] == table["code"]).all()
    for name in ("major_name", "name_zh", "source"):
        assert (table[name].str.strip() == table[name]).all() and (table[name] != "").all()
    assert (table.groupby(["edition", "kind", "major_code"])["major_name"].nunique() == 1).all()
    for text in BOOK.texts:
        assert str(parse_class(text)) == text


def test_every_class_and_major_class_has_an_english_name():
    assert BOOK.classes["name_en"].str.fullmatch(r"[ -~]+").all(), "nothing but plain letters"
    majors = BOOK.classes["edition"] + ":" + BOOK.classes["kind"] + BOOK.classes["major_code"]
    named = {text: BOOK.english(text) for text in {*BOOK.texts, *majors}}
    assert len(named) == 601 + 33 and all(re.fullmatch(r"[ -~]+", name) for name in named.values())
    ours, shipped = read_table("english"), read_table("classes")
    assert (ours["source"] == "translation of ours").all() and not ours["name_zh"].duplicated().any()
    # no term of ours stands against a table's own, and none is there for nothing
    own = shipped[shipped["name_en"] != ""]
    terms = dict(zip(ours["name_zh"], ours["name_en"], strict=True))
    assert all(terms[zh] == en for zh, en in own[["name_zh", "name_en"]].to_numpy() if zh in terms)
    assert set(ours["name_zh"]) <= {*shipped["name_zh"], *shipped["major_name"]}
    assert own["name_en"].tolist() == BOOK.classes.loc[shipped["name_en"] != "", "name_en"].tolist()


def test_a_city_with_names_of_its_own_keeps_them():
    mine = BOOK.classes[BOOK.classes["edition"] == "2007"].assign(name_en="", major_name="市容环境")
    mine.loc[mine["code"] == "0114", "name_en"] = "Cover of nobody"
    book = Catalog(mine)
    assert book.english("2007:C0114") == "Cover of nobody" and book.english("2007:C0117") == "Pole"
    assert book.english("2007:C01") == "City appearance and environment" and book.english("2007:C0199") == ""
    assert Catalog(OWN).english("baltimore:ETRT") == "" and Catalog(OWN).english("baltimore:EBGE") == ""
    assert Catalog(mine.assign(name_zh="自己的", name_en="")).english("2007:C0117") == "自己的"


def test_the_two_older_numberings_say_different_things():
    assert BOOK.name("2007:C0114").startswith("无主井盖")
    assert BOOK.name("2013:C0114").startswith("园林井盖")
    assert BOOK.name("2013:C0101").startswith("上水井盖") and BOOK.name("2013:E0101").startswith("私搭乱建")


def test_slips_in_names_are_kept_and_noted():
    notes = read_table("class_notes")
    assert texts(notes).isin(BOOK.texts).all()
    assert "SOS" in notes.loc[texts(notes) == "2026:C01066", "note"].item()
    assert BOOK.name("2007:E0409").startswith("群发行事件")


def test_crosswalk_counts_and_ties():
    walk = BOOK.crosswalk
    assert Counter(walk["match"]) == {"same": 97, "similar": 15, "different": 4, "moved": 23, "none": 51}
    assert set(walk["match"]) == set(MATCHES)
    assert ("2013:" + walk["kind"] + walk["code_2013"]).isin(BOOK.texts).all()
    old = BOOK.classes[BOOK.classes["edition"] == "2013"]
    assert set(texts(old)) == set("2013:" + walk["kind"] + walk["code_2013"])
    there = walk[walk["code_2026"] != ""]
    assert ("2026:" + there["kind"] + there["code_2026"]).isin(BOOK.texts).all()
    assert set(walk.loc[walk["code_2026"] == "", "match"]) == {"none"}
    # names in the crosswalk are the catalogue's
    names = dict(zip(BOOK.texts, BOOK.classes["name_zh"], strict=True))
    assert [names[text] for text in "2013:" + walk["kind"] + walk["code_2013"]] == walk["name_2013"].tolist()
    assert [names[text] for text in "2026:" + there["kind"] + there["code_2026"]] == there["name_2026"].tolist()


def test_every_limit_is_counted_in_one_of_the_four_units():
    limits = BOOK.limits
    assert len(limits) == 538
    assert Counter(limits["unit"]) == {"work_day": 420, "work_hour": 72, "urgent_hour": 42, "urgent_day": 4}
    assert Counter(limits["city"]) == {"Yuncheng": 522, "": 10, "Jiyuan": 5, "Tianjin": 1}
    assert limits["limit"].str.fullmatch(r"[1-9]\d*").all()
    assert set(limits["grade"]) == {"all"}
    known = limits["edition"] != ""
    assert texts(limits[known]).isin(BOOK.texts).all()
    # two rows of a city not named carry numbers of its own, and say so
    assert limits.loc[~known, "note"].str.contains("number of the city's own").all() and (~known).sum() == 2
    key = ["edition", "kind", "code", "city", "condition_no", "grade"]
    assert not limits.duplicated(key).any()
    assert (
        limits.groupby(key[:4])["condition_no"].apply(lambda c: c.astype(int).tolist() == list(range(1, len(c) + 1)))
    ).all()


def test_published_examples_of_limits():
    limits = BOOK.limits

    def limit(text: str, words: str) -> set[str]:
        rows = limits[
            (texts(limits) == text) & (limits["city"] == "Yuncheng") & limits["condition"].str.contains(words)
        ]
        return set(rows["limit"] + " " + rows["unit"])

    assert limit("2013:C0101", "missing, shifted") == {"2 urgent_hour"}
    assert limit("2013:C0101", "25 cm²") == {"4 work_hour"}
    assert limit("2013:C0101", "rattles") == {"2 work_day"}
    assert limit("2013:C0101", "1.5 m × 1.5 m") == {"5 work_day"}
    assert limit("2013:C0104", "1/3") == {"1 work_day"}
    assert limit("2013:C0106", "25 cm²") == {"1 work_day"}
    assert limit("2013:E0113", "0.5 m²|3 mm|30 mm") == {"5 work_day"}
    assert limit("2013:E0501", "leaking") == {"1 urgent_hour"}
    assert limit("2013:E0505", "") == {"2 urgent_hour"}
    assert limit("2013:E0506", "100 m² and deeper than 15 cm") == {"2 urgent_hour"}
    assert limit("2013:E0110", "") == {"4 work_hour"} and limit("2013:E0112", "") == {"2 work_hour"}
    assert limit("2013:E0203", "light-box") == {"1 work_day"} and limit("2013:E0203", "pillar") == {"5 work_day"}
    assert limit("2013:E0101", "construction") == {"2 urgent_day"} and limit("2013:E0101", "finished") == {
        "15 work_day"
    }


def test_conditions_are_english_of_our_own():
    for table in (BOOK.limits, read_table("limits_rejected")):
        for name in ("condition", "closing") if "closing" in table else ("condition",):
            for text in table[name].unique():
                rest = text.replace("小产权房", "")
                assert not re.search("[\u3000-\u9fff]", rest), text
                assert text == text.strip() and "  " not in text and not text.endswith((".", ","))
        assert (table["condition"] != "").all()


def test_rows_in_other_units_are_rejected_with_a_reason():
    rejected = read_table("limits_rejected")
    assert Counter(rejected["unit"]) == {"hour": 7, "day": 3, "minute": 1}
    assert (rejected["reason"].str.len() > 20).all()
    assert set(rejected["code"]) == {"01xx"}


def test_every_2013_class_has_its_responsible_bodies():
    bodies = BOOK.bodies
    assert len(bodies) == 190
    assert set(texts(bodies)) == set(BOOK.texts[(BOOK.classes["edition"] == "2013").to_numpy()])
    for name in ("disposal_units", "supervising_departments"):
        for cell in bodies[name]:
            assert all(part and part == part.strip() and "、" not in part for part in cell.split(";")), cell
    water = bodies[texts(bodies) == "2013:C0101"].iloc[0]
    assert water["disposal_units"] == "运城市城市节约用水中心;各产权单位"


# ------------------------------------------------------------------ look-ups


def test_index_finds_every_class_and_nothing_else():
    assert (BOOK.index(BOOK.texts) == np.arange(len(BOOK))).all()
    assert BOOK.index(["2026:C01016", "C01001", "", None, "2026:c01001"]).tolist() == [-1] * 5
    assert BOOK.index([]).tolist() == []
    assert BOOK.index(["C01001", "2026:C01001"], edition="2026").tolist() == BOOK.index(["2026:C01001"] * 2).tolist()


def test_index_reads_a_million_texts_at_once():
    column = pd.Series(BOOK.texts[np.arange(1_000_000) % len(BOOK)]).astype("str")
    started = time.perf_counter()
    found = BOOK.index(column)
    assert time.perf_counter() - started < 1.0  # 0.02 s on an idle core
    assert (found == np.arange(1_000_000) % len(BOOK)).all()


def test_to_2026_follows_the_crosswalk_and_only_where_it_is_the_same_thing():
    turned = {
        text: BOOK.texts[place] if place >= 0 else "" for text, place in zip(BOOK.texts, BOOK.to_2026, strict=True)
    }
    assert turned["2013:C0102"] == "2026:C01002"
    assert turned["2013:C0506"] == "2026:C01069"  # moved, not padded
    assert turned["2013:C0151"] == ""  # same number, another thing
    assert turned["2013:C0178"] == ""
    assert turned["2026:E06010"] == "2026:E06010"
    by_edition = Counter(text[:4] for text, new in turned.items() if new)
    assert by_edition == {"2013": 97 + 15 + 23, "2026": 250}


def test_counterpart_says_plainly_when_there_is_none():
    assert BOOK.counterpart("2013:C0101").text == "2026:C01001"
    assert BOOK.counterpart("2013:C0178").match == "none"
    other = BOOK.counterpart("2013:C0219")
    assert (other.text, other.match) == ("", "different") and "安全岛" in other.why
    assert BOOK.counterpart("2007:C0101").why == "edition 2007 has no crosswalk to 2026: none is published"
    with pytest.raises(InputError, match="not in the catalogue"):
        BOOK.counterpart("2013:C0105")


@pytest.mark.parametrize(
    ("text", "edition", "says"),
    [
        ("2026:C0101", None, "2026:C01001 (once 2013:C0101)"),
        ("C0506", "2026", "2026:C01069 (once 2013:C0506)"),
        ("2013:C01001", None, "did you mean 2026:C01001"),
        ("2026:E01001", None, "did you mean 2026:C01001"),
        ("2026:C010O1", None, "did you mean 2026:C01001"),
        ("２０２６:Ｃ０１００１", None, "did you mean 2026:C01001"),
        ("2026:C10001", None, "2026:E10001"),
        ("C01001", None, None),
        ("2013:C0105", None, "2007:C0105"),
        ("chicago:EPothole", None, "editions are 2007, 2013, 2026"),
    ],
)
def test_unknown_classes_are_met_with_the_likely_ones(text, edition, says):
    if says is None:
        assert str(BOOK.find(text, edition=edition)) == "2026:C01001"
        return
    with pytest.raises(InputError) as caught:
        BOOK.find(text, edition=edition)
    assert says in str(caught.value)


@given(st.sampled_from(BOOK.texts.tolist()), st.integers(5, 8), st.sampled_from("OlBSZ"))
def test_a_letter_in_a_class_code_is_seen_through(text, place, letter):
    place = min(place, len(text) - 1)
    twin = {"O": "0", "l": "1", "B": "8", "S": "5", "Z": "2"}[letter]
    if text[place] == twin:
        assert BOOK.suggest(text[:place] + letter + text[place + 1 :])[0] == text


def test_check_class_judges_a_column():
    faults = BOOK.check_class(["2026:C01001", "2026:C0101", "", None, "2026:C0101"])
    assert [bool(fault) for fault in faults] == [False, True, False, False, True]
    assert "2026:C01001 (once 2013:C0101)" in faults[1]
    assert BOOK.check_class(["C01001", "C0101"], edition="2026").tolist()[0] == ""
    assert BOOK.check_class([]).tolist() == []


# ------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("written", "takes", "level"),
    [
        ("*", 601, 3),
        ("C", 153 + 92 + 107, 2),
        ("2026:E", 97, 2),
        ("2026:E06", 51, 1),
        ("2026:E06010", 1, 0),
        ("2026:E06010 2026:C01001", 2, 0),
        ("2026:E06010\n2026:E06", 51, 1),
        ("2026:E06 C", 51 + 352, 2),
        ("2013:E01 *", 601, 3),
        ('"2026:E06010"', 1, 0),
    ],
)
def test_filters(written, takes, level):
    assert BOOK.matches(written).sum() == takes
    assert BOOK.level(written) == level


def test_a_filter_takes_just_what_it_names():
    assert set(BOOK.texts[BOOK.matches("2026:E10 2013:C0101")]) == {"2026:E10001", "2026:E10002", "2013:C0101"}
    assert {text[5] for text in BOOK.texts[BOOK.matches("E")]} == {"E"}
    mine = BOOK.matches("*")
    mine[:] = False  # the caller's copy
    assert BOOK.matches("*").all()


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ('""', "is empty"),
        ('"2026:C', "quote that is not closed"),
        ('2026:C"x"', "quote that is not closed"),
        ("2026:E6", "did you mean 2026:E06"),
        ("2026:E060l0", "did you mean 2026:E06010"),
        ("2026:C0101", "2026:C01001 (once 2013:C0101)"),
        ("C01001", "did you mean 2026:C01001"),
        ("2027:E", "write *, C, 2026:E"),
        ("all", "write *, C, 2026:E"),
    ],
)
def test_bad_filters_say_what_would_be_right(written, says):
    for ask in (BOOK.matches, BOOK.level):
        with pytest.raises(InputError) as caught:
            ask(written)
        assert says in str(caught.value)


@given(st.lists(st.text(min_size=1).filter(lambda text: text == text.strip()), min_size=1, max_size=5))
def test_items_are_read_back_from_a_filter(items):
    assert filter_items(filter_text(items)) == items


# ------------------------------------------------------------------ cities' own classes

OWN = pd.DataFrame(
    {
        "edition": "baltimore",
        "kind": "E",
        "code": ["TRT-Traffic Signal Repairs", "TRT-Street Light", "BGE-StLight(s) Out", "TRT"],
        "major_code": ["TRT", "TRT", "BGE", ""],
        "major_name": ["Transport", "Transport", "", ""],
        "colour": "red",
    }
)


def test_a_city_may_have_classes_of_its_own():
    book = Catalog(OWN)
    assert book.editions == ("baltimore",)
    assert book.index(["baltimore:ETRT-Street Light", "2026:C01001"]).tolist() == [1, -1]
    assert book.to_2026.tolist() == [-1] * 4
    assert "colour" not in book.classes and (book.classes["name_zh"] == "").all()
    assert book.matches('"baltimore:ETRT-Street Light" baltimore:EBGE').tolist() == [False, True, True, False]
    assert book.matches("baltimore:ETRT-Street Light").tolist() == [False, True, False, False]  # as a whole
    assert book.matches("baltimore:ETRT").tolist() == [False, False, False, True]  # the class, not the major
    assert book.level('"baltimore:ETRT-Street Light"') == 0 and book.level("baltimore:EBGE") == 1
    with pytest.raises(InputError, match="did you mean baltimore:ETRT-Street Light"):
        book.matches('"baltimore:ETRT-Street Ligth"')
    assert str(book.find("baltimore:ETRT-Street Light")) == "baltimore:ETRT-Street Light"
    assert book.counterpart("baltimore:ETRT").why.startswith("edition baltimore has no crosswalk")


def test_own_classes_stand_beside_the_national_ones():
    book = Catalog(pd.concat([BOOK.classes, OWN]), BOOK.crosswalk)
    assert len(book) == 605
    assert book.matches("E").sum() == 249 + 4 and book.matches("baltimore:E").sum() == 4
    assert book.texts[book.to_2026[book.index(["2013:C0101"])[0]]] == "2026:C01001"


def test_a_crosswalk_may_name_classes_that_are_not_there():
    book = Catalog(BOOK.classes[BOOK.classes["edition"] == "2013"], BOOK.crosswalk)
    assert (book.to_2026 == -1).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "X"}, "neither C nor E"),
        ({"code": ""}, "no edition or no code"),
        ({"edition": "a b"}, "other signs"),
        ({"code": "TRT-Street Light"}, "stands there twice"),
    ],
)
def test_bad_class_tables_are_refused(change, says):
    bad = OWN.copy()
    bad.loc[0, list(change)] = list(change.values())
    with pytest.raises(InputError, match=says):
        Catalog(bad)
    with pytest.raises(InputError, match="columns kind are missing"):
        Catalog(OWN.drop(columns="kind"))


def test_an_empty_table_is_a_catalogue_without_classes():
    book = Catalog(OWN.iloc[:0])
    assert len(book) == 0 and book.index(["x"]).tolist() == [-1] and book.matches("*").tolist() == []
