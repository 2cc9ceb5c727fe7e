"""Alerts beside a plain replay; planted hotspots told when they begin, grow and end; worlds without any."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

from api.statistics.alerting import REACHES_M
from api.statistics.filtering import class_texts
from gis import demo
from gis.hotspots import band, contact, squares
from gis.hotspots.alerts import EVENTS, LEAST_CASES, LEAST_HISTORY, track
from grids.catalog import catalog
from grids.errors import InputError


def reaches(side: int) -> list:
    at = np.arange(side) * 100.0
    x, y = (v.ravel() for v in np.meshgrid(at, at))
    return [squares(np.ones((side, side), dtype=bool)), band(x, y, distance_m=250)]


def even(rng: np.random.Generator, side: int = 20, bins: int = 40) -> np.ndarray:
    """Places that differ, a season that all share."""
    place = rng.gamma(2.0, 0.5, side * side)
    season = 1.0 + 0.5 * np.sin(np.arange(bins) / 6)
    return rng.poisson(place[:, None] * season)


def test_the_first_bins_are_those_of_a_plain_replay():
    rng = np.random.default_rng(2)
    near = reaches(8)
    cube = rng.poisson(rng.gamma(2.0, 1.0, 64)[:, None], (64, 14))
    cube[[27, 28, 35], 9:12] += 12
    told = track(cube, near, windows=(1, 2), history=6, least=4)
    city, stood, want = cube.sum(axis=0), np.zeros((64, 14), dtype=bool), {}
    for t in range(4, 14):
        best = np.full(64, np.inf)
        for reach in near:
            for w in (1, 2):
                if t - w + 1 < 4:
                    continue
                for i in range(64):
                    mine = reach[[i]].indices
                    clean = [b for b in range(t - w, -1, -1) if not stood[i, b]][:6]
                    held, past = cube[mine, t - w + 1 : t + 1].sum(), cube[np.ix_(mine, clean)].sum()
                    due = city[t - w + 1 : t + 1].sum() / city[clean].sum()
                    if held >= LEAST_CASES and held > past * due:
                        p = stats.binom.sf(held - 1, held + past, due / (1 + due)) * 64 * 4
                        best[i] = min(best[i], p)
        stood[:, t] = best < 0.05
        want[t] = best[stood[:, t]].min() if stood[:, t].any() else None
    for t in range(4, 14):
        found = [a.p for a in told if a.bin == t and a.event != 3]
        assert (min(found) == pytest.approx(want[t], rel=1e-6)) if want[t] else not found
    assert any(want[t] for t in range(9, 12))


def test_a_hotspot_is_told_when_it_begins_grows_and_ends():
    rng = np.random.default_rng(3)
    cube = even(rng)
    spots = {8 * 20 + 5: (15, 25), 14 * 20 + 15: (22, 40)}
    for cell, (begin, end) in spots.items():
        block = [cell + r * 20 + c for r in range(2) for c in range(2)]
        cube[block, begin:end] += rng.poisson(6.0, (4, end - begin))
    cube[14 * 20 + 15, 30:] += 30
    told = track(cube, reaches(20))
    assert len({a.hotspot for a in told}) == 2
    first, second = ([a for a in told if a.hotspot == k] for k in (1, 2))
    assert EVENTS[first[0].event] == "appears" and 15 <= first[0].bin <= 16
    assert EVENTS[first[-1].event] == "ends" and 26 <= first[-1].bin <= 28 and math.isnan(first[-1].p)
    assert EVENTS[second[0].event] == "appears" and 22 <= second[0].bin <= 23
    assert any(EVENTS[a.event] == "grows" and 30 <= a.bin <= 31 for a in second) and second[-1].bin == 39
    for a in told:
        held = cube[a.cells, a.bin - a.window + 1 : a.bin + 1].sum()
        assert held == a.cases and (np.diff(a.cells) > 0).all()
        if a.event != 3:
            assert a.cases > a.expected and a.p < 0.05


def false_alerts(count: int, seed: int) -> tuple[int, int]:
    runs = alarms = 0
    near = reaches(12)
    for k in range(count):
        told = track(even(np.random.default_rng([seed, k]), 12, 30), near)
        runs += 30 - 8
        alarms += len({(a.bin) for a in told if EVENTS[a.event] == "appears"})
    return alarms, runs


def test_runs_without_a_hotspot_raise_no_more_alerts_than_said():
    alarms, runs = false_alerts(40, 5)
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.long
def test_a_thousand_worlds_without_a_hotspot():
    alarms, runs = false_alerts(1000, 6)
    assert alarms / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_nothing_later_is_known():
    cube = even(np.random.default_rng(7))
    cube[210:213, 20:] += 8
    near = reaches(20)
    whole = [(a.hotspot, a.bin, a.event, a.cases, a.p) for a in track(cube, near) if a.bin < 25]
    part = [(a.hotspot, a.bin, a.event, a.cases, a.p) for a in track(cube[:, :25], near)]
    assert whole == part != []


def test_growth_of_the_city_is_no_alert():
    rng = np.random.default_rng(8)
    place = rng.gamma(2.0, 1.0, 400)
    cube = rng.poisson(place[:, None] * np.r_[np.ones(20), 5 * np.ones(10)])
    assert not track(cube, reaches(20))


def test_bad_input():
    near = reaches(4)
    cube = np.ones((16, 12))
    for options in ({"windows": ()}, {"windows": (0,)}, {"least": 0}, {"least": 30}, {"rest": 0}):
        with pytest.raises(InputError, match="one reach and window"):
            track(cube, near, **options)
    with pytest.raises(InputError, match="one reach and window"):
        track(cube, [])
    with pytest.raises(InputError, match="at least 10"):
        track(cube[:, :9], near)
    assert not track(np.zeros((16, 12)), near)


@pytest.mark.long
def test_the_demo_citys_planted_starts():
    """Figures of docs/hotspots.md: what is told of the planted hotspots, and what besides."""
    made = demo.make(scale=1.0, seed=1)
    units, cases, spots = made.layers["units"], made.layers["cases"], made.truth["hotspots"]
    shapes = units.geometry.to_numpy()
    there = cases[(cases["no_location"] == "") & ~cases.geometry.is_empty & ~cases.geometry.isna()]
    which, at = shapely.STRtree(shapes).query(there.geometry.to_numpy(), predicate="intersects")
    unit = np.full(len(there), -1)
    unit[which] = at
    local = there["reported_at"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
    end, width = pd.Timestamp("2027-01-01"), pd.Timedelta(14, "D")
    bins = int(((end - local) / width).max())
    bin_of = bins - 1 - ((end - local) / width).astype(int).to_numpy()
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    near = [contact(shapes), *(band(x, y, distance_m=reach) for reach in REACHES_M)]
    appeared, planted, delays = 0, 0, {}
    for major in ("2026:E06", "2026:E07", "2026:E09"):
        mine = there["class"].isin(class_texts(catalog(), major, "2026")).to_numpy() & (unit >= 0) & (bin_of >= 0)
        flat = np.bincount(unit[mine] * bins + bin_of[mine], minlength=len(units) * bins)
        told = [a for a in track(flat.reshape(-1, bins), near) if a.event != 3]
        hit: set[int] = set()
        for name, spot in spots[spots["class"] == major].iterrows():
            close = np.hypot(x - spot["x"], y - spot["y"]) <= spot["radius_m"] + 100
            seen = [a for a in told if close[a.cells].any()]
            hit |= {a.hotspot for a in seen}
            start = spot["from"].tz_convert("Asia/Shanghai").tz_localize(None)
            first = bins - 1 - int((end - start) / width)
            if first >= LEAST_HISTORY:
                after = [a.bin - first for a in seen if a.bin >= first]
                delays[name] = spot["risk"], spot["size"], min(after, default=None)
        appeared += sum(a.event == 0 for a in told)
        planted += sum(a.event == 0 and a.hotspot in hit for a in told)
    print(appeared, planted, delays)
    assert appeared - planted <= 2 and planted >= 10
    large = [delay for risk, size, delay in delays.values() if risk == 3 and size == 200]
    assert len(large) == 3 and all(delay is not None and delay < 2 for delay in large)
