"""Times over HTTP: ISO 8601 and nothing else, in sane years, the city's own where they name no offset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from api.instants import read_instants
from grids.errors import InputError
from tests.api.conftest import Served, degrees

HERE = {**degrees(101, 101), "class": "2026:C01002"}
WORDS = ["now", "today", "NaT", "nan", "null", "2026", "202607", "2026-W27-3", "1751328000", "08:30", "1 July 2026"]


@pytest.mark.parametrize("word", WORDS)
def test_words_and_halves_are_no_times(word: str):
    for texts in ([word], [word] * 40):  # few and many go different ways
        with pytest.raises(InputError) as caught:
            read_instants(texts, "Asia/Shanghai", lambda i: f"at[{i}]")
        assert caught.value.where == "at[0]" and "write 2026-07-01 or 2026-07-01T08:30+08:00" in str(caught.value)


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31T23:59:59Z", "2201-01-01", "9999-12-31T23:59:59+08:00"])
def test_years_are_those_of_a_city(text: str):
    for texts in ([text], [text] * 40):
        with pytest.raises(InputError, match="is not between 1900 and 2200"):
            read_instants(texts, "Asia/Shanghai", str)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_few_and_many_are_read_alike(zone: str):
    texts = [
        "2026-07-01",
        "",
        "2026-07-01T08:30",
        "2026-07-01 08:30:15",
        "2026-07-01T08:30:15.123456789Z",
        "2026-07-01t08:30z",
        "2026-07-01T08:30+08",
        "2026-07-01T08:30 08:00",
        "2026-07-01T08:30-0330",
        " 2026-07-01T08:30 ",
        "2026-03-08T02:30",  # New York's clock leaps over it
        "2026-11-01T01:30",  # and shows this twice
        "1940-06-01T00:30",  # Shanghai's leapt over this one
        "1900-01-01",
        "2200-12-31T23:59:59",
    ]
    few = [read_instants([t], zone, str)[0] for t in texts]
    many = read_instants(np.array(texts * 5, dtype=object), zone, str)
    assert len(many) == 5 * len(texts) and many.unit == "us"
    for text, one, other in zip(texts, few, many, strict=False):
        assert one is other is pd.NaT if not text else one == other, text
    assert few[7] == few[6] == pd.Timestamp("2026-07-01T00:30Z")


def test_hours_that_a_clock_skips_or_repeats():
    leapt, twice = read_instants(["2026-03-08T02:30", "2026-11-01T01:30"], "America/New_York", str)
    assert (leapt, twice) == (pd.Timestamp("2026-03-08T07:00Z"), pd.Timestamp("2026-11-01T05:30Z"))


@pytest.mark.parametrize("word", ["now", "today", "0001-01-01", "2262-01-01"])
def test_no_route_takes_a_word_for_a_time(served: Served, word: str):
    case = HERE | {"at": word}
    answers = {
        "at": served.get("/v1/resolve", **case),
        "cases[0].at": served.post("/v1/resolve?strict=1", json={"cases": [case]}),
        "at ": served.post(f"/v1/resolve?at={word}", json={"cases": [HERE]}),
        "reported_at": served.post("/v1/cases", json=HERE | {"reported_at": word}),
        "from": served.get("/v1/cases", **{"from": word}),
        "at  ": served.get("/v1/zones", at=word),
        "known_at": served.get("/v1/resolve", **HERE, known_at=word),
        "to": served.get("/maps/hotspots", to=word),
    }
    for at, answer in answers.items():
        assert answer.status_code == 422 and answer.json()["at"] == at.strip(), (at, answer.text)


def test_a_plus_that_the_query_lost_is_given_back(served: Served):
    query = "&".join(f"{k}={v}" for k, v in HERE.items())
    answer = served.client.get(f"/v1/resolve?{query}&at=2026-07-01T08:30+08:00")
    assert answer.status_code == 200 and answer.json()["at"] == "2026-07-01T00:30:00Z"
