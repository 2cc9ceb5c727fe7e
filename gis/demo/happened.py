"""What truly happened: background and planted events, faults of components, second reports; and who owns each."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.demo.background import EDITION_DAY, FIRST_DAY, Anchors, day_weights, days, make_anchors
from gis.demo.blocks import Blocks
from gis.demo.clock import times_of_day
from gis.demo.communities import Territory
from gis.demo.owners import owners
from gis.demo.plan import Plan
from gis.demo.planted import event_mix, make_background, make_hotspots, planted_in_all
from gis.demo.streets import Network
from grids.catalog import catalog

REPORTS = 527_000
"""Published count of reports received."""

COMPONENT_SHARE, DUPLICATE_SHARE = 0.11, 0.025
CHANNELS = ("patrol", "video", "hotline", "wechat", "app")
CHANNEL_SHARES = (0.40, 0.31, 0.13, 0.09, 0.07)


def happened(
    plan: Plan, net: Network, blocks: Blocks, territory: Territory, layers: dict[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All that is reported, in order of time, the hotspots planted in it, and the background that they stand out from.

    The first frame has x, y (true place), day (position in `days`), minute (local), channel (position in
    `CHANNELS`), class (categorical over the catalogue), component (position, -1 none), hotspot, road, community
    (position, -1 unknown), owner, first (row before sorting), double (a second report of ``first``).
    """
    rng = plan.stream("cases")
    anchors = make_anchors(plan, net, blocks, territory)
    total = plan.count(REPORTS)
    n_double, n_parts = round(total * DUPLICATE_SHARE), round(total * COMPONENT_SHARE)
    spots = make_hotspots(plan, net, anchors, total - n_double - n_parts - planted_in_all(plan))
    n_events = total - n_double - n_parts - int(spots["planted"].sum())
    true = pd.concat(
        [
            _events(anchors, net, n_events, rng),
            _planted_events(anchors, spots, rng),
            _component_faults(layers["components"], territory, n_parts, rng),
        ],
        ignore_index=True,
    )
    true["owner"] = _owners(true, layers)
    true = _with_duplicates(true, n_double, rng)
    true = true.iloc[np.lexsort((true["x"], true["minute"], true["day"]))].reset_index(drop=True)
    return true, spots, make_background(layers["units"], anchors, spots, n_events)


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


def _component_faults(
    components: gpd.GeoDataFrame, territory: Territory, n: int, rng: np.random.Generator
) -> pd.DataFrame:
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
    home = territory.communities["code"]
    out["community"] = pd.Index(home).get_indexer(components["unit"].str[:12])[which]
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


def _owners(true: pd.DataFrame, layers: dict[str, pd.DataFrame]) -> np.ndarray:
    local = days()[true["day"]].astype("datetime64[m]") + true["minute"].to_numpy().astype("timedelta64[m]")
    instant = (local - np.timedelta64(8, "h")).astype("datetime64[us]")
    xy, part = true[["x", "y"]].to_numpy(), true["component"].to_numpy()
    return owners(xy, true["class"].cat.codes.to_numpy(), instant, part, layers)


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
