"""Shares follow every rule of responsibility, and the answers that tell of them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import shapely

from gis.answer import explain
from gis.assign import assign
from gis.convert import Cases
from gis.crs import to_city
from gis.doubt import SIGMA, shares
from gis.one import read_one
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town
from tests.bench import city

CLASSES = ("2026:C01001", "2026:C01002", "2026:C01037", "2026:E06010", "2013:E0113", "2013:C0103", "")


def ruled(*, never: bool = True) -> dict[str, pd.DataFrame]:
    """The town with zones that say only and never, duties, a side of a street, a locality first, a department gone."""
    made = town.layers()
    more = [
        {"code": "N1", "department": "D7", "classes": "*", "effect": "never", "geometry": town.box(60, 140, 90, 120)},
        {
            "code": "N2",
            "department": "D4",
            "classes": "2026:C",
            "effect": "never",
            "geometry": town.box(95, 60, 60, 60),
        },
        {"code": "N3", "department": "D2", "classes": "*", "effect": "never", "geometry": town.box(0, 250, 60, 60)},
    ]
    rows = [
        {"code": "O1", "department": "D8", "classes": "2026:E 2026:C01002", "effect": "only",
         "geometry": town.box(150, 60, 50, 60)},
        {"code": "L1", "name": "人民路", "department": "D3", "classes": "2013:E", "width_m": 12.0, "side": "left",
         "geometry": shapely.LineString([(town.X0 + 20, town.Y0 + 320), (town.X0 + 380, town.Y0 + 340)])},
        {"code": "T1", "department": "D6", "classes": "2013:E", "duty": "disposing", "geometry":
         town.box(250, 20, 60, 60)},
        {"code": "T2", "department": "D5", "classes": "2013:E", "duty": "owning", "geometry":
         town.box(300, 40, 60, 60)},
    ]  # fmt: skip
    zones = town.frame("zones", [*rows, *(more if never else [])])
    made["zones"] = pd.concat([made["zones"], zones], ignore_index=True)
    rules = [{"class": "2026:C01037", "first": "locality"}, {"class": "2013:E", "duty": "disposing"}]
    made["rules"] = pd.concat([made["rules"], town.frame("rules", rules)], ignore_index=True)
    gone = made["departments"]["code"] == "D5"
    made["departments"].loc[gone, "valid_to"] = pd.Timestamp("2026-05-01", tz="UTC")
    return made


@pytest.fixture(scope="module")
def strict() -> Snapshot:
    return Snapshot.compile(town.CITY, ruled(), at=town.DAY)


@pytest.fixture(scope="module")
def plain() -> Snapshot:
    """The town, with a channel that is 10 m off as a rule."""
    own = dataclasses.replace(town.CITY, accuracy_m=(("hotline", 10.0), ("video", 0.0)))
    return Snapshot.compile(own, town.layers(), at=town.DAY)


def worst(snapshot: Snapshot, cases: Cases, samples: int) -> float:
    """Largest difference between the shares and the owners that the engine gives to places drawn around."""
    found, off = shares(cases, snapshot), 0.0
    for i in range(len(cases)):
        away = np.random.default_rng(i).normal(0, cases.error[i] * SIGMA, (2, samples))
        x, y = (np.rint(v[i] + d).astype(np.int64) for v, d in ((cases.x, away[0]), (cases.y, away[1])))
        same = {k: np.repeat(getattr(cases, k)[i], samples) for k in ("klass", "component", "instant", "reason")}
        done = assign(Cases(x=x, y=y, error=np.full(samples, -1), **same), snapshot).department
        mine = slice(found.start[i], found.start[i + 1])
        told = dict(zip(found.department[mine].tolist(), found.share[mine].tolist(), strict=True))
        assert sum(told.values()) == pytest.approx(1.0, abs=1e-9) and min(told.values()) >= 0
        for who in {*told, *done.tolist()}:
            off = max(off, abs(told.get(who, 0.0) - float(np.mean(done == who))))
    return off


def drawn(snapshot: Snapshot, n: int, seed: int) -> Cases:
    rng = np.random.default_rng(seed)
    x, y = town.X0 + rng.uniform(0, 400, n), town.Y0 + rng.uniform(0, 400, n)
    named = rng.choice(["", "", "14080201037000001", "14080201002000001"], n)
    return Cases.read(snapshot, x, y, rng.choice(CLASSES, n), components=named, accuracy_m=rng.uniform(5, 50, n))


def test_every_rule_is_followed(strict: Snapshot) -> None:
    assert worst(strict, drawn(strict, 60, 1), 40_000) < 0.005 + 4 * 0.5 / math.sqrt(40_000)


def test_that_would_be_seen(strict: Snapshot) -> None:
    """Had the shares not heard of never, or of only, they would be beyond that."""
    lax = Snapshot.compile(town.CITY, ruled(never=False), at=town.DAY)
    cases = drawn(strict, 300, 1)
    before = shares(cases, lax).of(assign(cases, strict).department)
    assert (np.abs(before - shares(cases, strict).of(assign(cases, strict).department)) > 0.05).sum() > 5


@pytest.mark.long
def test_three_thousand_zones_within_half_a_point_of_a_million_samples() -> None:
    made = city.make(components=300_000, cases=20_000)
    snapshot = Snapshot.compile(city.CITY, made.frames, at=city.DAY)
    read, error = made.cases, np.random.default_rng(1).uniform(5, 50, len(made.cases))
    cases = Cases.read(snapshot, read["x"], read["y"], read["class"], at=read["at"], accuracy_m=error)
    found = shares(cases, snapshot)
    unsure = np.flatnonzero(found.share[found.start[:-1]] < 0.98)
    assert worst(snapshot, cases.take(unsure[:: max(1, len(unsure) // 150)]), 1_000_000) < 0.005


def test_an_answer_says_where_it_would_change(plain: Snapshot) -> None:
    """Ten metres from the border of two streets, and with an error of twenty."""
    case = Cases.read(plain, [town.X0 + 190.0], [town.Y0 + 350.0], [""], accuracy_m=[20.0])
    told = explain(case, 0, plain)
    assert told["owner"]["department"] == "D2" and told["ask_first"]
    # how much of a normal of deviation 13.25 m lies beyond 10 m
    beyond = 0.5 * math.erfc(10.0 / (20.0 * SIGMA) / math.sqrt(2))
    assert told["probability"] == pytest.approx(1 - beyond, abs=1e-3)
    [change] = told["changes"]
    x, y = to_city([change["lon"]], [change["lat"]], "EPSG:4326", town.CITY.srid)
    assert change["department"] == "D3" and change["distance_m"] == 10.0
    assert x[0] == pytest.approx(town.X0 + 200, abs=0.05) and y[0] == pytest.approx(town.Y0 + 350, abs=0.3)
    assert all("街道0" in text and "街道1" in text for text in told["question"].values())
    share = {c["department"]: c["probability"] for c in told["candidates"]}
    assert share["D2"] + share["D3"] == pytest.approx(1.0, abs=1e-3) and share["D1"] == 0.0
    nearby = next(c for c in told["candidates"] if c["department"] == "D3")
    assert nearby["rule"] == "territory" and "10.0" in nearby["why_lost"]


@pytest.mark.parametrize(
    ("x", "y", "klass", "accuracy", "words"),
    [
        (195, 110, "2026:E06010", 20, "公园"),  # at the edge of a zone
        (104, 100, "2026:C01002", 8, "14080201002000001"),  # between two components
        (100, 213, "2013:E0113", 25, "解放路"),  # beside a street's zone
        (200, 200, "", 5_000, "5000"),
    ],
)
def test_a_question_names_what_divides(plain: Snapshot, x, y, klass, accuracy, words) -> None:
    case = Cases.read(plain, [town.X0 + x], [town.Y0 + y], [klass], accuracy_m=[accuracy])
    told = explain(case, 0, plain)
    assert told["ask_first"] and set(told["question"]) == {"en", "zh"}
    assert all(words in text for text in told["question"].values())


def test_one_and_many_say_the_same(strict: Snapshot) -> None:
    cases = drawn(strict, 80, 4)
    done = assign(cases, strict)
    told = [explain(cases, i, strict) for i in range(len(cases))]
    assert [t["probability"] for t in told] == done.probability.tolist()
    assert [t["ask_first"] for t in told] == done.ask_first.tolist() == (done.probability < 0.8).tolist()
    assert all((t["question"] is None) is not t["ask_first"] for t in told)


def test_a_channel_has_the_error_that_its_city_gives_it(plain: Snapshot) -> None:
    x, y, klass = [town.X0 + 195.0] * 6, [town.Y0 + 350.0] * 6, [""] * 6
    channels = ["hotline", "video", "app", "", None, "hotline"]
    metres = [np.nan] * 5 + [30.0]
    cases = Cases.read(plain, x, y, klass, accuracy_m=metres, channels=channels)
    assert cases.error.tolist() == [10_000, 0, -1, -1, -1, 30_000]
    done = assign(cases, plain)
    assert np.isnan(done.probability).tolist() == [False, False, True, True, True, False]
    assert 0.7 < done.probability[0] < 0.9 and done.probability[1] == 1.0
    assert not done.ask_first[2:5].any()
    for i, (channel, accuracy) in enumerate(zip(channels, metres, strict=True)):
        one = read_one(plain, x[i], y[i], accuracy_m=accuracy, channel=channel or "")
        assert one.error == cases.error[i]


def test_no_error_no_doubt(plain: Snapshot) -> None:
    case = Cases.read(plain, [town.X0 + 200.0], [town.Y0 + 350.0], [""])
    told = explain(case, 0, plain)
    assert (told["probability"], told["ask_first"], told["question"], told["changes"]) == (None, False, None, [])
    assert {c["probability"] for c in told["candidates"]} == {None}
    table = assign(case, plain).table()
    assert table["probability"].to_pylist() == [None] and table["ask_first"].to_pylist() == [False]


def test_an_error_below_nothing_is_refused(plain: Snapshot) -> None:
    with pytest.raises(InputError, match="-1 m"):
        read_one(plain, town.X0, town.Y0, accuracy_m=-1.0)


def test_doubt_can_be_left_out(plain: Snapshot) -> None:
    cases = drawn(plain, 50, 2)
    done = assign(cases, plain, doubt=False)
    assert np.isnan(done.probability).all() and not done.ask_first.any()
    assert (done.department == assign(cases, plain).department).all()
