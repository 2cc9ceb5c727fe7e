"""Reports (案件): background and planted events, component faults, what the source system recorded of them, and flaws."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import to_city, to_lonlat, wgs_to_gcj
from gis.demo.background import EDITION_DAY, FIRST_DAY, Anchors, day_weights, days, make_anchors
from gis.demo.blocks import Blocks
from gis.demo.clock import due_times, times_of_day
from gis.demo.communities import Territory
from gis.demo.owners import component_owners, event_owners
from gis.demo.plan import SRID, Plan
from gis.demo.planted import event_mix, make_hotspots
from gis.demo.streets import Network
from gis.model import City
from grids.catalog import catalog

REPORTS, FILED, CLOSED, SCORED = 527_000, 40_200, 38_300, 482_000
"""Published counts: received, filed, closed; scored directly, without being filed."""

COMPONENT_SHARE, DUPLICATE_SHARE, RETURN_SHARE = 0.11, 0.025, 0.026
CHANNELS = ("patrol", "video", "hotline", "wechat", "app")
CHANNEL_SHARES = (0.40, 0.31, 0.13, 0.09, 0.07)
ACCURACY_M = (5.0, 3.0, 70.0, 18.0, 10.0)
FILING = (1.0, 0.5, 6.0, 3.5, 3.5)
"""How much likelier a report of a channel is filed."""

FLAWS = ("", "gcj02", "swapped", "default_point", "missing", "duplicate", "mistyped", "retired")
SIGMA = 1 / 1.5096
"""Standard deviation of each axis for a 68 % radius of 1: sqrt(-2 ln 0.32) = 1.5096."""


def make_cases(
    plan: Plan, city: City, net: Network, blocks: Blocks, territory: Territory, components: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame, rules: pd.DataFrame,
) -> tuple[gpd.GeoDataFrame, dict[str, pd.DataFrame]]:  # fmt: skip
    """The layer ``cases`` and the truth ``cases`` and ``hotspots``."""
    rng = plan.stream("cases")
    anchors = make_anchors(plan, net, blocks, territory)
    total = plan.count(REPORTS)
    n_double = round(total * DUPLICATE_SHARE)
    n_parts = round(total * COMPONENT_SHARE)
    n_events = total - n_double - n_parts - _planted(plan)
    spots = make_hotspots(plan, net, anchors, n_events)
    n_events = total - n_double - n_parts - int(spots["planted"].sum())
    true = pd.concat(
        [
            _events(anchors, net, n_events, rng),
            _planted_events(anchors, spots, rng),
            _component_faults(components, n_parts, rng),
        ],
        ignore_index=True,
    )
    true["owner"] = _owners(true, components, zones, territory, rules)
    true = _with_duplicates(true, n_double, rng)
    true = true.iloc[np.lexsort((true["x"], true["minute"], true["day"]))].reset_index(drop=True)
    return _recorded(plan, city, true, components, territory, spots, rng)


def _planted(plan: Plan) -> int:
    from gis.demo.planted import EACH, RISKS, SIZES

    return round(plan.count(EACH, 1) * sum(SIZES) * sum(risk - 1 for risk in RISKS))


def _classes(day: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Row of `event_mix` for events on the given days, and its profile."""
    mix = event_mix()
    row = np.empty(len(day), np.int64)
    for before in (True, False):
        mine = np.flatnonzero((day < EDITION_DAY) == before)
        rows = np.flatnonzero(mix["before"].to_numpy() == before)
        ends = np.cumsum(mix["p"].to_numpy()[rows])
        row[mine] = rows[np.minimum(np.searchsorted(ends, rng.random(len(mine)), side="right"), len(rows) - 1)]
    return row, mix["profile"].to_numpy(object)[row]


def _draw(share: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` positions drawn by their shares."""
    ends = np.cumsum(share)
    return np.minimum(np.searchsorted(ends, rng.random(n) * ends[-1], side="right"), len(ends) - 1)


def _events(anchors: Anchors, net: Network, n: int, rng: np.random.Generator) -> pd.DataFrame:
    day = days()[_draw(day_weights(), n, rng)]
    row, profile = _classes(day, rng)
    anchor = np.empty(n, np.int64)
    for name, share in anchors.share.items():
        mine = np.flatnonzero(profile == name)
        anchor[mine] = _draw(share, len(mine), rng)
    xy = _beside(anchors.xy[anchor], rng)
    shapely.prepare(net.outline)
    out = ~shapely.contains_xy(net.outline, xy)
    xy[out] = anchors.xy[anchor[out]]
    return _true(xy, day, event_mix()["text"].to_numpy(object)[row], anchors, anchor, rng)


def _beside(xy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points up to 9 m away."""
    return np.round(xy + rng.uniform(-6.4, 6.4, xy.shape), 3)


def _planted_events(anchors: Anchors, spots: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The cases added by the hotspots; inside their circle and time, spread like the background in it."""
    mix, day, weight = event_mix(), days(), day_weights()
    parts = []
    for name, spot in spots.iterrows():
        first, last = (
            np.datetime64(spot[c].tz_convert("Asia/Shanghai").tz_localize(None), "D") for c in ("from", "to")
        )
        n = int(spot["planted"])
        when = np.flatnonzero((day >= first) & (day < last))
        chosen = day[when[_draw(weight[when], n, rng)]]
        away = np.hypot(anchors.xy[:, 0] - spot["x"], anchors.xy[:, 1] - spot["y"])
        near = np.flatnonzero(away <= spot["radius_m"])
        row, anchor = np.empty(n, np.int64), np.empty(n, np.int64)
        for before in (True, False):
            mine = np.flatnonzero((chosen < EDITION_DAY) == before)
            rows = np.flatnonzero((mix["before"] == before) & (mix["group"] == spot["class"]))
            # a class where its anchors in the circle are heavy is planted more often, as in the background
            heavy = np.array([anchors.share[p][near].sum() for p in mix["profile"].to_numpy(object)[rows]])
            row[mine] = rows[_draw(mix["p"].to_numpy()[rows] * heavy, len(mine), rng)]
        profile = mix["profile"].to_numpy(object)[row]
        for p in np.unique(profile.astype(str)):
            mine = np.flatnonzero(profile == p)
            anchor[mine] = near[_draw(anchors.share[p][near], len(mine), rng)]
        xy = _beside(anchors.xy[anchor], rng)
        out = np.hypot(xy[:, 0] - spot["x"], xy[:, 1] - spot["y"]) > spot["radius_m"]
        xy[out] = anchors.xy[anchor[out]]
        part = _true(xy, chosen, mix["text"].to_numpy(object)[row], anchors, anchor, rng)
        part["hotspot"] = name
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _component_faults(components: gpd.GeoDataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Faults of components, at their places; before the new edition only classes that the old one has."""
    book = catalog()
    old = {
        book.texts[new]: book.texts[i] for i, new in enumerate(book.to_2026) if new >= 0 and book.texts[i][:4] == "2013"
    }
    text = components["class"].to_numpy(object)
    weight = np.where(np.isin(text, ["2026:C01003", "2026:C01002", "2026:C01004", "2026:C01037"]), 3.0, 1.0)
    there = components["valid_to"].isna().to_numpy()
    day = days()[_draw(day_weights(), n, rng)]
    which = np.empty(n, np.int64)
    before = day < EDITION_DAY
    known = np.isin(text, list(old))
    which[before] = _draw(weight * known * there, int(before.sum()), rng)
    which[~before] = _draw(weight * there, int((~before).sum()), rng)
    modern = text[which]
    klass = np.where(before, np.array([old.get(t, t) for t in modern], object), modern)
    xy = shapely.get_coordinates(components.geometry.to_numpy()[which])
    out = _true(xy, day, klass, None, which, rng)
    out["component"] = which
    return out


def _true(xy, day, text, anchors: Anchors | None, anchor, rng) -> pd.DataFrame:
    n = len(xy)
    channel = _draw(np.array(CHANNEL_SHARES), n, rng).astype(np.int8)
    return pd.DataFrame(
        {
            "x": xy[:, 0],
            "y": xy[:, 1],
            "day": (day - FIRST_DAY).astype(np.int64),
            "minute": times_of_day(channel, rng),
            "channel": channel,
            "class": pd.Categorical(text, categories=catalog().texts),
            "component": -1,
            "hotspot": "",
            "road": pd.Series(anchors.name[anchor] if anchors else np.full(n, ""), dtype="str"),
            "community": anchors.community[anchor] if anchors else -1,
        }
    )


def _owners(true: pd.DataFrame, components, zones, territory, rules) -> np.ndarray:
    owner = np.empty(len(true), object)
    part = true["component"].to_numpy()
    event = part < 0
    owner[~event] = component_owners(components, rules)[part[~event]]
    rows = true[event]
    local = days()[rows["day"]].astype("datetime64[m]") + rows["minute"].to_numpy().astype("timedelta64[m]")
    instant = (local - np.timedelta64(8, "h")).astype("datetime64[us]")
    xy = rows[["x", "y"]].to_numpy()
    owner[event] = event_owners(xy, rows["class"].cat.codes.to_numpy(), instant, zones, territory, rules)
    return owner


def _with_duplicates(true: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Second reports of things already reported, by another channel up to two days later."""
    true["first"] = np.arange(len(true))
    true["double"] = False
    again = true.iloc[np.sort(rng.permutation(len(true))[:n])].copy()
    change, day = int((EDITION_DAY - FIRST_DAY).astype(int)), again["day"].to_numpy()
    later = np.minimum(day + rng.integers(0, 3, n), len(days()) - 1)
    again["day"] = np.where((later < change) == (day < change), later, day)
    again["channel"] = ((again["channel"] + rng.integers(1, 5, n)) % 5).astype(np.int8)
    again["minute"] = np.minimum(again["minute"] + rng.integers(5, 200, n), 1439)
    again["double"] = True
    return pd.concat([true, again], ignore_index=True)


def _recorded(plan, city, true, components, territory, spots, rng) -> tuple[gpd.GeoDataFrame, dict[str, pd.DataFrame]]:
    """What the source system holds of the true cases."""
    n = len(true)
    ids = _ids(true["day"].to_numpy())
    day = days()[true["day"]]
    channel = true["channel"].to_numpy()
    accuracy = np.round(np.array(ACCURACY_M)[channel] * rng.uniform(0.6, 1.6, n), 1)
    xy = true[["x", "y"]].to_numpy()
    seen = xy + rng.normal(0, 1, (n, 2)) * (accuracy * SIGMA)[:, None]
    component = true["component"].to_numpy()
    flaw, named = _flaws(channel, component, true["double"].to_numpy(), components, rng)
    empty = np.isin(flaw, (FLAWS.index("missing"), FLAWS.index("swapped")))
    shifted = flaw == FLAWS.index("gcj02")
    lon, lat = to_lonlat(seen[shifted, 0], seen[shifted, 1], SRID)
    seen[shifted] = np.column_stack(to_city(*wgs_to_gcj(lon, lat), "EPSG:4326", SRID))
    spot = np.column_stack(to_city(*np.array(city.default_points).T, "EPSG:4326", SRID))
    default = np.flatnonzero(flaw == FLAWS.index("default_point"))
    seen[default] = spot[(rng.random(len(default)) < 0.2).astype(int)]
    points = shapely.points(np.round(seen, 3))
    points[empty] = None

    minute = day.astype("datetime64[m]") + true["minute"].to_numpy().astype("timedelta64[m]") - np.timedelta64(8, "h")
    reported = (minute.astype("datetime64[s]") + rng.integers(0, 60, n).astype("timedelta64[s]")).astype(
        "datetime64[us]"
    )
    text = true["class"].cat.codes.to_numpy()
    filed = _filed(plan, channel, true["double"].to_numpy(), rng)
    filed_at = np.where(
        filed, reported + rng.integers(4 * 60, 110 * 60, n).astype("timedelta64[s]"), np.datetime64("NaT")
    )
    due_at = np.full(n, np.datetime64("NaT"), "datetime64[us]")
    due_at[filed] = due_times(filed_at[filed], text[filed])
    closed_at, status = _closed(plan, filed, filed_at, due_at, rng)
    owner = true["owner"].to_numpy(object)
    returns = np.zeros(n, np.int64)
    back = np.flatnonzero(filed)[rng.random(int(filed.sum())) < RETURN_SHARE]
    returns[back] = 1 + (rng.random(len(back)) < 0.15)
    department = owner.copy()
    wrong = rng.random(n) < 0.006
    department[wrong] = owner[rng.permutation(n)[: wrong.sum()]]
    department[status == 1] = ""  # rejected reports went to nobody
    frame = gpd.GeoDataFrame(
        {
            "id": ids,
            "class": _taken(catalog().texts, text),
            "component": _taken(np.append(_names(components, named[1]), ""), named[0]),
            "no_location": _taken(["", "missing", "wrong_datum"],
                                  np.select([flaw == FLAWS.index("missing"), flaw == FLAWS.index("swapped")], [1, 2], 0)),
            "accuracy_m": np.where(empty, np.nan, accuracy),
            "channel": _taken(CHANNELS, channel),
            "reported_at": _instants(reported),
            "filed_at": _instants(filed_at),
            "due_at": _instants(due_at),
            "closed_at": _instants(closed_at),
            "status": _taken(("scored", "rejected", "filed", "closed"), status),
            "department": pd.array(department, "str"),
            "returns": returns,
            "address": _addresses(true, territory),
            "description": _taken(["" if name is None else name for name in catalog().classes["name_zh"]], text),
        },
        geometry=gpd.GeoSeries(points, crs=SRID),
    )  # fmt: skip
    first = np.empty(n, np.int64)
    first[true["first"].to_numpy()[~true["double"].to_numpy()]] = np.flatnonzero(~true["double"].to_numpy())
    codes = components["code"].to_numpy(object)
    truth = pd.DataFrame(
        {
            "id": ids,
            "x": true["x"].to_numpy(),
            "y": true["y"].to_numpy(),
            "component": _taken(np.append(codes, ""), component),
            "flaw": _taken(FLAWS, flaw),
            "owner": pd.array(owner, "str"),
            "hotspot": _taken([*spots.index, ""], spots.index.get_indexer(true["hotspot"])),
            "duplicate_of": _taken(
                np.append(np.asarray(ids, object), ""), np.where(true["double"], first[true["first"]], n)
            ),
        }
    )
    return frame, {"cases": truth, "hotspots": spots}


def _ids(day: np.ndarray):
    """Case numbers: two letters, local day, four digits."""
    serial = np.arange(len(day)) - np.searchsorted(day, day, side="left") + 1
    head = np.char.add("YC", np.char.replace(days().astype(str), "-", "")).astype(object)
    tail = np.char.zfill(np.arange(serial.max() + 1).astype(str), 4).astype(object)
    return pd.array(head[day] + tail[serial], "str")


def _flaws(channel, component, double, components, rng) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Position in `FLAWS` of each case, and which component it names (position, -1 none) with the codes to use."""
    n = len(channel)
    flaw = np.zeros(n, np.int8)
    draw = rng.random(n)
    public = np.isin(channel, (3, 4))
    for low, high, name, mine in (
        (0.0, 0.018, "gcj02", public),
        (0.018, 0.023, "swapped", public),
        (0.03, 0.06, "missing", channel == 2),
        (0.06, 0.10, "default_point", channel == 2),
        (0.03, 0.034, "default_point", public),
    ):
        flaw[mine & (draw >= low) & (draw < high)] = FLAWS.index(name)
    flaw[double & (flaw == 0)] = FLAWS.index("duplicate")
    chance = np.array([0.5, 0.35, 0.03, 0.08, 0.15])[channel]
    named = np.where((component >= 0) & (rng.random(n) < chance), component, -1)
    codes = components["code"].to_numpy(object).copy()
    slip = np.flatnonzero((named >= 0) & (flaw == 0) & (rng.random(n) < 0.02))
    gone = np.flatnonzero(components["valid_to"].notna().to_numpy())
    retired = slip[: len(slip) // 2] if len(gone) else slip[:0]
    mistyped = slip[len(retired) :]
    flaw[retired], flaw[mistyped] = FLAWS.index("retired"), FLAWS.index("mistyped")
    if len(retired):
        named[retired] = gone[rng.integers(0, len(gone), len(retired))]
    wrong = []
    for i, (code, at) in enumerate(zip(codes[named[mistyped]], rng.integers(6, 17, len(mistyped)), strict=True)):
        wrong.append(code[:at] + str((int(code[at]) + 1 + i % 9) % 10) + code[at + 1 :])
    named[mistyped] = len(codes) + np.arange(len(mistyped))
    named[named < 0] = len(codes) + len(wrong)
    return flaw, (named, np.array(wrong, object))


def _names(components, wrong: np.ndarray) -> np.ndarray:
    return np.concatenate([components["code"].to_numpy(object), wrong])


def _filed(plan: Plan, channel, double, rng) -> np.ndarray:
    """Which reports are filed: the published number, hotline and citizens first."""
    n = len(channel)
    key = np.log(np.maximum(rng.random(n), 1e-300)) / np.array(FILING)[channel]
    key[double] = -np.inf
    out = np.zeros(n, bool)
    out[np.argsort(-key, kind="stable")[: plan.count(FILED)]] = True
    return out


def _closed(plan: Plan, filed, filed_at, due_at, rng) -> tuple[np.ndarray, np.ndarray]:
    """Closing times and status (0 scored, 1 rejected, 2 filed, 3 closed) with the published counts."""
    n = len(filed)
    status = np.where(filed, 2, 0).astype(np.int8)
    rest = np.flatnonzero(~filed)
    status[rest[rng.permutation(len(rest))[: max(0, len(rest) - plan.count(SCORED))]]] = 1
    rows = np.flatnonzero(filed)
    span = (due_at[rows] - filed_at[rows]).astype("int64")
    taken = np.maximum((span * np.exp(rng.normal(-0.75, 0.5, len(rows)))).astype("int64"), 20 * 60 * 1_000_000)
    taken -= taken % 1_000_000
    closed = np.full(n, np.datetime64("NaT"), "datetime64[us]")
    chosen = np.sort(rng.permutation(len(rows))[: plan.count(CLOSED)])
    closed[rows[chosen]] = filed_at[rows[chosen]].astype("datetime64[us]") + taken[chosen].astype("timedelta64[us]")
    status[rows[chosen]] = 3
    return closed, status


def _addresses(true: pd.DataFrame, territory: Territory):
    """Where, in words: community and road."""
    names = territory.communities["name"].to_numpy(object)
    road = pd.Categorical(true["road"])
    community = true["community"].to_numpy()
    key = np.where(community < 0, -1, community * len(road.categories) + road.codes)
    keys, index = np.unique(key, return_inverse=True)
    text = [
        "" if k < 0 else f"{names[k // len(road.categories)]}{road.categories[k % len(road.categories)]}" for k in keys
    ]
    return _taken(text, index.ravel())


def _taken(values, index: np.ndarray):
    """Texts by position."""
    return pd.array(np.asarray(list(values), object), "str").take(index)


def _instants(values: np.ndarray) -> pd.Series:
    return pd.Series(values.astype("datetime64[us]")).dt.tz_localize("UTC")
