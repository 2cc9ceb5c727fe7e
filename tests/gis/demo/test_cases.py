"""The demo city's cases at a twentieth of its size: all that is promised of them, and the truth against the engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from gis.assign import Cases, assign
from gis.crs import to_city, to_lonlat
from gis.demo.cases import FLAWS
from gis.demo.clock import due_times
from gis.demo.plan import SRID, Plan
from gis.demo.planted import EACH
from grids.catalog import catalog
from tests.gis.demo import SCALE


def test_edition_changes_with_the_law(layers):
    cases = layers["cases"]
    day = cases["reported_at"].dt.tz_convert("Asia/Shanghai")
    old = day < pd.Timestamp("2026-07-01", tz="Asia/Shanghai")
    assert (cases["class"].str[:4] == np.where(old, "2013", "2026")).all()
    assert (catalog().index(cases["class"]) >= 0).all()
    assert day.min() < pd.Timestamp("2025-07-02", tz="Asia/Shanghai")
    assert day.max() >= pd.Timestamp("2026-12-31", tz="Asia/Shanghai")
    # a day and a week have their rhythm
    assert (day.dt.hour == 9).sum() > 4 * (day.dt.hour == 3).sum()
    assert (day.dt.day_of_week < 5).mean() > 5 / 7
    assert (cases["id"].str[2:10] == day.dt.strftime("%Y%m%d")).all()


def test_calendar_knows_holidays_and_make_up_days(layers):
    days = layers["calendars"].set_index("day")
    assert len(days) == 549 and days.index.is_unique
    assert days["working"].dtype == bool
    assert not days.loc["2026-02-17", "working"] and days.loc["2026-02-17", "note"] == "春节"
    assert days.loc["2026-02-14", "working"] and pd.Timestamp("2026-02-14").day_of_week == 5
    assert days.loc["2026-03-02", "working"] and days.loc["2026-03-02", "note"] == ""
    assert not days.loc["2026-03-01", "working"]


def test_due_times_count_working_hours():
    book = catalog()
    place = {name: int(book.index([name])[0]) for name in ("2013:E0113", "2013:C0101", "2026:E06010", "2026:E06016")}
    filed, klass, due = zip(
        # road damage: 5 work days from Friday before the Spring Festival, Saturday being a make-up day
        ("2026-02-13T10:00", "2013:E0113", "2026-02-27T10:00"),
        # cover: 2 urgent hours, also at night
        ("2026-02-17T23:30", "2013:C0101", "2026-02-18T01:30"),
        # rubbish: 4 work hours, over the noon break and the weekend; the limit of its 2013 class
        ("2026-07-03T15:00", "2026:E06010", "2026-07-06T09:00"),
        # filed at night: the clock starts in the morning
        ("2026-07-06T22:00", "2026:E06010", "2026-07-07T12:00"),
        # no limit known: 2 work days
        ("2026-07-06T08:00", "2026:E06016", "2026-07-07T18:00"),
        strict=True,
    )
    shift = np.timedelta64(8, "h")
    utc = np.array(filed, "datetime64[s]") - shift
    told = due_times(utc, np.array([place[name] for name in klass])) + shift
    assert told.astype("datetime64[m]").astype(str).tolist() == list(due)


def test_a_case_lives_in_order(layers):
    cases = layers["cases"]
    filed = cases[cases["filed_at"].notna()]
    assert (filed["filed_at"] > filed["reported_at"]).all()
    assert (filed["due_at"] > filed["filed_at"]).all()
    closed = filed[filed["closed_at"].notna()]
    assert (closed["closed_at"] > closed["filed_at"]).all()
    assert 0.85 < (closed["closed_at"] <= closed["due_at"]).mean() < 0.99
    assert 0.01 < (filed["returns"] > 0).mean() < 0.045
    assert (cases.loc[cases["filed_at"].isna(), "returns"] == 0).all()


def test_places_err_as_much_as_the_channel_says(demo, layers):
    cases, truth = layers["cases"], demo.truth["cases"]
    plain = (truth["flaw"].isin(["", "duplicate", "mistyped", "retired"])).to_numpy()
    points = cases.geometry.to_numpy()[plain]
    error = np.hypot(shapely.get_x(points) - truth["x"][plain], shapely.get_y(points) - truth["y"][plain])
    within = error.to_numpy() <= cases["accuracy_m"].to_numpy()[plain]
    assert within.mean() == pytest.approx(0.68, abs=0.015)
    for _, mine in cases["channel"][plain].reset_index(drop=True).groupby(cases["channel"][plain].to_numpy()):
        assert within[mine.index].mean() == pytest.approx(0.68, abs=0.03)


def test_flaws_are_what_the_truth_says(demo, layers, city):
    cases, truth = layers["cases"].reset_index(drop=True), demo.truth["cases"]
    assert set(truth["flaw"]) == set(FLAWS)
    points = cases.geometry.to_numpy()
    empty = shapely.is_missing(points)
    assert (empty == truth["flaw"].isin(["missing", "swapped"])).all()
    assert (
        cases["no_location"] == truth["flaw"].map({"missing": "missing", "swapped": "wrong_datum"}).fillna("")
    ).all()
    assert cases["accuracy_m"].isna().equals(pd.Series(empty))
    # Mars coordinates taken for WGS 84 lie some 500 m off; undoing the shift brings them back
    mars = (truth["flaw"] == "gcj02").to_numpy()
    x, y = shapely.get_x(points[mars]), shapely.get_y(points[mars])
    off = np.hypot(x - truth["x"][mars], y - truth["y"][mars])
    assert (off > 300).all() and (off < 900).all()
    back = np.column_stack(to_city(*to_lonlat(x, y, SRID), "gcj02", SRID))
    assert (np.hypot(*(back - truth.loc[mars, ["x", "y"]].to_numpy()).T) < 300).all()
    default = truth["flaw"] == "default_point"
    spots = np.column_stack(to_city(*np.array(demo.city.default_points).T, "EPSG:4326", SRID))
    held = shapely.get_coordinates(points[default.to_numpy()])
    near = np.hypot(held[:, None, 0] - spots[:, 0], held[:, None, 1] - spots[:, 1])
    assert (near.min(axis=1) < 0.01).all() and len(set(near.argmin(axis=1))) == 2
    assert shapely.covers(city, shapely.Point(spots[0]))
    codes = set(layers["components"]["code"])
    named = cases["component"]
    assert (named != "").mean() > 0.02
    assert set(named[truth["flaw"] == ""]) <= codes | {""}
    assert set(named[truth["flaw"] == "retired"]) <= set(
        layers["components"].loc[layers["components"]["valid_to"].notna(), "code"]
    )
    assert not (named[truth["flaw"] == "mistyped"] == truth["component"][truth["flaw"] == "mistyped"]).any()


def test_duplicates_repeat_an_earlier_report(demo, layers):
    cases, truth = layers["cases"].reset_index(drop=True), demo.truth["cases"]
    again = truth[truth["duplicate_of"] != ""]
    assert len(again) == round(0.025 * len(cases))
    first = truth.set_index("id").loc[again["duplicate_of"]]
    assert (first["x"].to_numpy() == again["x"].to_numpy()).all()
    assert (first["duplicate_of"] == "").all()
    kind = cases.set_index("id")["class"]
    assert (kind[again["id"]].to_numpy() == kind[again["duplicate_of"]].to_numpy()).all()


def test_hotspots_are_apart_inside_and_as_strong_as_planted(demo, layers, city):
    spots, truth, cases = demo.truth["hotspots"], demo.truth["cases"], layers["cases"]
    x, y, r = (spots[name].to_numpy() for name in ("x", "y", "radius_m"))
    assert (shapely.distance(shapely.points(x, y), city.boundary) > r).all()
    assert shapely.covers(city, shapely.points(x, y)).all()
    gap = np.hypot(x[:, None] - x, y[:, None] - y) - r[:, None] - r
    assert gap[~np.eye(len(x), dtype=bool)].min() >= 49
    assert spots.groupby(["size", "risk"]).size().eq(Plan(SCALE).count(EACH)).all()
    book = catalog()
    place = book.index(cases["class"])
    modern = np.where(book.to_2026[place] >= 0, book.to_2026[place], place)
    group = pd.Series(book.texts[modern].astype(str)).str[:8].to_numpy()
    total = expected = 0.0
    for name, spot in spots.iterrows():
        when = ((cases["reported_at"] >= spot["from"]) & (cases["reported_at"] < spot["to"])).to_numpy()
        near = np.hypot(truth["x"] - spot["x"], truth["y"] - spot["y"]).to_numpy() <= spot["radius_m"]
        fresh = (truth["duplicate_of"] == "").to_numpy()
        mine = fresh & near & when & (group == spot["class"])
        planted = fresh & (truth["hotspot"] == name).to_numpy()
        assert planted.sum() == spot["planted"]
        assert (planted & ~mine).sum() == 0
        assert spot["size"] <= spot["expected"] <= 1.2 * spot["size"] + 3
        assert spot["planted"] == round((spot["risk"] - 1) * spot["expected"])
        assert mine.sum() == pytest.approx(spot["risk"] * spot["expected"], abs=5 * np.sqrt(spot["expected"]) + 3)
        total, expected = total + mine.sum(), expected + spot["risk"] * spot["expected"]
    assert total / expected == pytest.approx(1.0, abs=0.08)


def test_background_is_what_was_drawn_from(demo, layers, snapshot):
    truth, background = demo.truth["cases"], demo.truth["background"]
    cases = Cases.read(snapshot, truth["x"], truth["y"], layers["cases"]["class"])
    unit = assign(cases, snapshot).frame()["unit"]
    book = catalog()
    place = book.index(layers["cases"]["class"])
    modern = np.where(book.to_2026[place] >= 0, book.to_2026[place], place)
    plain = ((truth["hotspot"] == "") & (truth["duplicate_of"] == "")).to_numpy()
    for group, rows in background.groupby("class"):
        mine = plain & (pd.Series(book.texts[modern].astype(str)).str[:8].to_numpy() == group)
        seen = unit[mine].value_counts().reindex(rows["unit"], fill_value=0).to_numpy()
        wanted = rows["expected"].to_numpy()
        assert seen.sum() == pytest.approx(wanted.sum(), rel=0.05)
        # units differ from what is expected by no more than chance and the few metres beside an anchor allow
        assert ((seen - wanted) ** 2 / np.maximum(wanted, 1)).mean() < 1.6


def test_true_owners_are_those_of_the_engine(demo, layers, snapshot):
    truth, cases = demo.truth["cases"], layers["cases"]
    then = Cases.read(
        snapshot, truth["x"], truth["y"], cases["class"], components=truth["component"], at=cases["reported_at"]
    )
    answer = assign(then, snapshot).frame()
    assert (answer["department"].to_numpy() == truth["owner"].to_numpy()).all()
    assert set(answer["rule"]) >= {"component_named", "zone_line", "zone_area", "territory"}


def test_recorded_owner_is_nearly_always_the_true_one(demo, layers):
    told, truth = layers["cases"]["department"].to_numpy(), demo.truth["cases"]["owner"].to_numpy()
    rejected = (layers["cases"]["status"] == "rejected").to_numpy()
    assert (told[rejected] == "").all()
    assert 0.985 < (told[~rejected] == truth[~rejected]).mean() < 1.0
