"""Reports (案件): what the source system made of what happened, with its errors, and the truth beside it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import to_city, to_lonlat, wgs_to_gcj
from gis.demo.background import days
from gis.demo.clock import due_times
from gis.demo.communities import Territory
from gis.demo.happened import CHANNELS
from gis.demo.plan import SRID, Plan
from gis.model import City
from grids.catalog import catalog

FILED, CLOSED, SCORED = 40_200, 38_300, 482_000
"""Published counts: filed, closed; scored directly, without being filed."""

RETURN_SHARE = 0.026
ACCURACY_M = (5.0, 3.0, 70.0, 18.0, 10.0)
FILING = (1.0, 0.5, 6.0, 3.5, 3.5)
"""Usual position error of each channel (68 % radius), and how much likelier its reports are filed."""

NAMING = (0.5, 0.35, 0.03, 0.08, 0.15)
"""How often a report of each channel names the component that it is about."""

OPENINGS = ("", "视频发现", "市民来电反映", "市民反映", "市民上报")
STATUS = ("scored", "rejected", "filed", "closed")
FLAWS = ("", "gcj02", "swapped", "default_point", "missing", "duplicate", "mistyped", "retired")
SIGMA = 1 / 1.5096
"""Standard deviation of each axis for a 68 % radius of 1: sqrt(-2 ln 0.32) = 1.5096."""


def make_cases(
    plan: Plan, city: City, true: pd.DataFrame, territory: Territory, components: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """The layer ``cases`` from what happened (`gis.demo.happened`), and the truth about them.

    Truth of a case: id, x, y (true place), component (code), flaw (one of `FLAWS`), owner, hotspot, duplicate_of.
    """
    rng = plan.stream("reports")
    n = len(true)
    ids = _ids(true["day"].to_numpy())
    channel, component = true["channel"].to_numpy(), true["component"].to_numpy()
    double = true["double"].to_numpy()
    accuracy = np.round(np.array(ACCURACY_M)[channel] * rng.uniform(0.6, 1.6, n), 1)
    flaw = _flaws(channel, component, double, rng)
    flaw, named = _named(flaw, channel, component, components, rng)
    points, empty = _points(city, true[["x", "y"]].to_numpy(), accuracy, flaw, rng)
    life = _life(plan, true, rng)
    owner = true["owner"].to_numpy(object)
    book = catalog()
    frame = gpd.GeoDataFrame(
        {
            "id": ids,
            "class": _taken(book.texts, true["class"].cat.codes.to_numpy()),
            "component": named,
            "no_location": _taken(["", "missing", "wrong_datum"], empty * (1 + (flaw == FLAWS.index("swapped")))),
            "accuracy_m": np.where(empty, np.nan, accuracy),
            "channel": _taken(CHANNELS, channel),
            **life,
            "department": _departments(owner, life["status"], rng),
            "address": _addresses(true, territory),
            "description": _descriptions(true),
        },
        geometry=gpd.GeoSeries(points, crs=SRID),
    )
    first = np.empty(n, np.int64)
    first[true["first"].to_numpy()[~double]] = np.flatnonzero(~double)
    original = np.where(double, first[true["first"]], n)
    truth = pd.DataFrame(
        {
            "id": ids,
            "x": true["x"].to_numpy(),
            "y": true["y"].to_numpy(),
            "component": _taken(np.append(components["code"].to_numpy(object), ""), component),
            "flaw": _taken(FLAWS, flaw),
            "owner": pd.array(owner, "str"),
            "hotspot": true["hotspot"].array,
            "duplicate_of": _taken(np.append(ids.to_numpy(object), ""), original),
        }
    )
    return frame, truth


def _ids(day: np.ndarray):
    """Case numbers: two letters, local day, four digits."""
    serial = np.arange(len(day)) - np.searchsorted(day, day, side="left") + 1
    head = np.char.add("YC", np.char.replace(days().astype(str), "-", "")).astype(object)
    tail = np.char.zfill(np.arange(serial.max() + 1).astype(str), 4).astype(object)
    return pd.array(head[day] + tail[serial], "str")


def _flaws(channel, component, double, rng) -> np.ndarray:
    """Position in `FLAWS` of each case, as far as its place is concerned."""
    flaw = np.zeros(len(channel), np.int8)
    draw = rng.random(len(channel))
    hotline, phone = channel == CHANNELS.index("hotline"), channel >= CHANNELS.index("wechat")
    for low, high, name, mine in (
        (0.000, 0.018, "gcj02", phone),
        (0.018, 0.023, "swapped", phone),
        (0.030, 0.034, "default_point", phone),
        (0.030, 0.060, "missing", hotline),
        (0.060, 0.100, "default_point", hotline),
    ):
        flaw[mine & (draw >= low) & (draw < high)] = FLAWS.index(name)
    flaw[double & (flaw == 0)] = FLAWS.index("duplicate")
    return flaw


def _named(flaw, channel, component, components, rng) -> tuple[np.ndarray, pd.array]:
    """Component codes that reports name, some mistyped or of a component long gone; flaws updated."""
    n = len(channel)
    codes = components["code"].to_numpy(object)
    chance = np.array(NAMING)[channel]
    named = np.where((component >= 0) & (rng.random(n) < chance), component, -1)
    slip = np.flatnonzero((named >= 0) & (flaw == 0) & (rng.random(n) < 0.02))
    gone = np.flatnonzero(components["valid_to"].notna().to_numpy())
    retired, mistyped = slip[::2], slip[1::2]
    if not len(gone):
        retired, mistyped = slip[:0], slip
    flaw[retired], flaw[mistyped] = FLAWS.index("retired"), FLAWS.index("mistyped")
    named[retired] = gone[rng.integers(0, max(len(gone), 1), len(retired))]
    wrong = [
        code[:at] + str((int(code[at]) + 1 + i % 9) % 10) + code[at + 1 :]
        for i, (code, at) in enumerate(zip(codes[named[mistyped]], rng.integers(6, 17, len(mistyped)), strict=True))
    ]
    named[mistyped] = len(codes) + np.arange(len(mistyped))
    return flaw, _taken([*codes, *wrong, ""], named)


def _points(city: City, xy: np.ndarray, accuracy, flaw, rng) -> tuple[np.ndarray, np.ndarray]:
    """Points as recorded, None for none; and which are empty."""
    seen = xy + rng.normal(0, 1, xy.shape) * (accuracy * SIGMA)[:, None]
    empty = (flaw == FLAWS.index("missing")) | (flaw == FLAWS.index("swapped"))
    shifted = flaw == FLAWS.index("gcj02")
    lonlat = to_lonlat(seen[shifted, 0], seen[shifted, 1], SRID)
    seen[shifted] = np.column_stack(to_city(*wgs_to_gcj(*lonlat), "EPSG:4326", SRID))
    lon, lat = np.array(city.default_points).T
    spots = np.column_stack(to_city(lon, lat, "EPSG:4326", SRID))
    default = np.flatnonzero(flaw == FLAWS.index("default_point"))
    seen[default] = spots[(rng.random(len(default)) < 0.2).astype(np.int64)]
    points = shapely.points(np.round(seen, 3))
    points[empty] = None
    return points, empty


def _life(plan: Plan, true: pd.DataFrame, rng) -> dict[str, object]:
    """Times, status and returns of each case, with the published counts of filed and closed ones."""
    n = len(true)
    local = days()[true["day"]].astype("datetime64[s]") + true["minute"].to_numpy().astype("timedelta64[m]")
    reported = local - np.timedelta64(8, "h") + rng.integers(0, 60, n).astype("timedelta64[s]")
    filed = np.flatnonzero(_filed(plan, true, rng))
    k = len(filed)
    filed_at = reported[filed] + rng.integers(4 * 60, 110 * 60, k).astype("timedelta64[s]")
    due_at = due_times(filed_at, true["class"].cat.codes.to_numpy()[filed])
    span = (due_at - filed_at).astype("timedelta64[s]").astype("int64")
    taken = np.maximum(np.floor(span * np.exp(rng.normal(-0.75, 0.5, k))), 20 * 60).astype("timedelta64[s]")
    closed = np.sort(rng.permutation(k)[: plan.count(CLOSED)])
    status = np.zeros(n, np.int8)
    rest = np.setdiff1d(np.arange(n), filed, assume_unique=True)
    status[rest[rng.permutation(len(rest))[: max(0, len(rest) - plan.count(SCORED))]]] = STATUS.index("rejected")
    status[filed] = STATUS.index("filed")
    status[filed[closed]] = STATUS.index("closed")
    returns = np.zeros(n, np.int64)
    back = filed[rng.random(k) < RETURN_SHARE]
    returns[back] = 1 + (rng.random(len(back)) < 0.15)
    return {
        "reported_at": _instants(reported, np.arange(n), n),
        "filed_at": _instants(filed_at, filed, n),
        "due_at": _instants(due_at, filed, n),
        "closed_at": _instants((filed_at + taken)[closed], filed[closed], n),
        "status": _taken(STATUS, status),
        "returns": returns,
    }


def _filed(plan: Plan, true: pd.DataFrame, rng) -> np.ndarray:
    """Which reports are filed: the published number, those of the hotline and of citizens first, no second reports."""
    channel = true["channel"].to_numpy()
    key = np.log(np.maximum(rng.random(len(channel)), 1e-300)) / np.array(FILING)[channel]
    key[true["double"].to_numpy()] = -np.inf
    out = np.zeros(len(channel), bool)
    out[np.argsort(-key, kind="stable")[: plan.count(FILED)]] = True
    return out


def _departments(owner: np.ndarray, status, rng):
    """Final owners as the source system has them: the true one but for a few slips, none for rejected reports."""
    out = owner.copy()
    slip = np.flatnonzero(rng.random(len(out)) < 0.006)
    out[slip] = owner[rng.permutation(len(out))[: len(slip)]]
    out[status == "rejected"] = ""
    return pd.array(out, "str")


def _addresses(true: pd.DataFrame, territory: Territory):
    """Where, in words: community and road."""
    names = territory.communities["name"].to_numpy(object)
    road = pd.Categorical(true["road"])
    community = true["community"].to_numpy()
    key = community * len(road.categories) + road.codes
    keys, index = np.unique(key, return_inverse=True)
    text = [f"{names[k // len(road.categories)]}{road.categories[k % len(road.categories)]}" for k in keys]
    return _taken(text, index.ravel())


def _descriptions(true: pd.DataFrame):
    """What, in words: how the channel puts it, and the class."""
    names = catalog().classes["name_zh"].to_list()
    text = [f"{opening}{name}" for opening in OPENINGS for name in names]
    return _taken(text, true["channel"].to_numpy().astype(np.int64) * len(names) + true["class"].cat.codes.to_numpy())


def _taken(values, index: np.ndarray):
    """Texts by position; -1 is the last one."""
    return pd.array(np.asarray(list(values), object), "str").take(index, allow_fill=False)


def _instants(values: np.ndarray, rows: np.ndarray, n: int) -> pd.Series:
    """A column of n UTC instants, missing but in the given rows."""
    out = np.full(n, np.datetime64("NaT"), "datetime64[us]")
    out[rows] = values.astype("datetime64[us]")
    return pd.Series(out).dt.tz_localize("UTC")
