"""The true owner of a case at its true place: the rules of the design, written a second time, plainly."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from gis.exact import footprint
from gis.model import COMPONENT_DUTIES, DUTIES
from grids.catalog import catalog


def event_owners(
    xy: np.ndarray, klass: np.ndarray, instant: np.ndarray, zones: gpd.GeoDataFrame, areas: gpd.GeoDataFrame,
    rules: pd.DataFrame,
) -> np.ndarray:  # fmt: skip
    """Department of each event: its zone, else its class's competent department, else the territory's.

    Parameters
    ----------
    xy
        True places inside the city, (n, 2).
    klass
        Position in the catalogue of each event's class.
    instant
        When it was reported, datetime64[us] UTC.
    """
    zone = _zones(xy, klass, instant, zones)
    own = dict(zip(rules["class"], rules["department"], strict=True))
    competent = np.array([own.get(text, "") for text in catalog().texts], object)[klass]
    owner = np.where(zone >= 0, zones["department"].to_numpy(object)[zone], competent)
    rest = np.flatnonzero(owner == "")
    streets = areas[areas["set"] == "street"]
    shape, point = STRtree(shapely.points(xy[rest])).query(streets.geometry.to_numpy(), predicate="intersects")
    owner[rest] = "YH"
    owner[rest[point]] = streets["department"].to_numpy(object)[shape]
    return owner


def component_owners(components: gpd.GeoDataFrame, rules: pd.DataFrame) -> np.ndarray:
    """Department of each component by its class's duty, else the next duty in `DUTIES`, else the class's own."""
    known = dict(zip(rules["class"], rules["duty"], strict=True))
    texts = components["class"].to_numpy(object)
    duty = np.array([DUTIES.index(known[text]) for text in texts])
    three = components[list(COMPONENT_DUTIES)].to_numpy(object)
    own = dict(zip(rules["class"], rules["department"], strict=True))
    owner = np.full(len(texts), "", object)
    for step in range(len(COMPONENT_DUTIES)):
        owner = np.where(owner == "", three[np.arange(len(texts)), (duty + step) % len(COMPONENT_DUTIES)], owner)
    return np.where(owner == "", np.array([own[text] for text in texts], object), owner)


def _zones(xy: np.ndarray, klass: np.ndarray, instant: np.ndarray, zones: gpd.GeoDataFrame) -> np.ndarray:
    """Position of the zone that takes each event, -1 for none: rank, filter, line, area, code."""
    book = catalog()
    lines = np.isin(shapely.get_type_id(zones.geometry.to_numpy()), (1, 5))
    ground = footprint(zones.geometry.to_numpy(), zones["width_m"].fillna(0.0).to_numpy())
    begin = zones["valid_from"].dt.tz_localize(None).fillna(pd.Timestamp("1900-01-01")).to_numpy("datetime64[us]")
    end = zones["valid_to"].dt.tz_localize(None).fillna(pd.Timestamp("2200-01-01")).to_numpy("datetime64[us]")
    takes = np.stack([book.matches(text) for text in zones["classes"]])
    shape, point = STRtree(shapely.points(xy)).query(ground, predicate="intersects")
    good = takes[shape, klass[point]] & (begin[shape] <= instant[point]) & (instant[point] < end[shape])
    shape, point = shape[good], point[good]
    rank = zones["rank"].fillna(2**31 - 1).to_numpy("int64")
    level = np.array([book.level(text) for text in zones["classes"]])
    order = np.lexsort((zones["code"].to_numpy(str), np.round(shapely.area(ground), 3), ~lines, level, rank))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    best = np.full(len(xy), len(order), np.int64)
    np.minimum.at(best, point, place[shape])
    return np.append(order, -1)[best]
