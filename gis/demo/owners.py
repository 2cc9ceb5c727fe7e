"""The true owner of a case at its true place: the rules of the design, written a second time, plainly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from gis.exact import footprint
from gis.model import COMPONENT_DUTIES
from grids.catalog import catalog

TURNS = {
    "supervising": (0, 1, 2), "owning": (1, 2, 0), "maintaining": (2, 0, 1), "disposing": (2, 1, 0), "": (1, 2, 0),
}  # fmt: skip
"""Departments of a component, as positions in `COMPONENT_DUTIES`, in the order in which a duty asks for them."""


def owners(
    xy: NDArray, klass: NDArray, instant: NDArray, component: NDArray, layers: dict[str, pd.DataFrame]
) -> NDArray[np.object_]:
    """Department of each case.

    Parameters
    ----------
    xy
        True places inside the city, (n, 2).
    klass
        Position in the catalogue of each case's class.
    instant
        When it was reported, datetime64[us] UTC.
    component
        Position of the component that it is about, -1 for none.
    layers
        The made layers departments, rules, areas, zones, components.
    """
    here = _Here(xy, klass, instant, layers)
    own = here.by_component(component, layers["components"])
    given = here.by_zone("")
    first = np.array(here.rules["first"], object)[klass] == "locality"
    out = here.by_zone("only")
    for step in (np.where(first, given, own), np.where(first, own, given), here.competent()):
        out = np.where(out < 0, step, out)
    for name in ("community", "street", "district"):
        out = np.where(out < 0, here.by_area(layers["areas"][layers["areas"]["set"] == name]), out)
    return np.append(here.codes, "")[out]


class _Here:
    """Cases at their places and instants; departments are positions among the codes, -1 for none."""

    def __init__(self, xy: NDArray, klass: NDArray, instant: NDArray, layers: dict[str, pd.DataFrame]) -> None:
        departments = layers["departments"]
        self.n, self.klass, self.instant = len(xy), klass, instant
        self.points = shapely.points(xy)
        self.codes = departments["code"].to_numpy(object)
        self._place = pd.Index(self.codes)
        self._parent = self.place(departments["parent"])
        self._end = _instants(departments["valid_to"], "2200-01-01")
        self.rules = _rules(layers["rules"])
        self.zones = _Zones.read(layers["zones"])
        asked = np.array(self.rules["duty"], object)[klass]
        shape, point = STRtree(self.points).query(self.zones.ground, predicate="intersects")
        z = self.zones
        good = z.takes[shape, klass[point]] & (z.begin[shape] <= instant[point]) & (instant[point] < z.end[shape])
        good &= (z.duty[shape] == "") | (asked[point] == "") | (z.duty[shape] == asked[point])
        self.shape, self.point = shape[good], point[good]
        self.who = self.standing(self.place(z.department)[self.shape], self.point)
        never = z.effect[self.shape] == "never"
        self.never = np.unique(self.point[never] * len(self.codes) + self.who[never])

    def place(self, codes: pd.Series | NDArray) -> NDArray[np.intp]:
        """Positions of codes."""
        return self._place.get_indexer(np.asarray(codes, object))

    def standing(self, who: NDArray[np.intp], case: NDArray[np.intp]) -> NDArray[np.intp]:
        """Who stands for a department that the time of a case no longer knows."""
        while (gone := (who >= 0) & (self._end[who] <= self.instant[case])).any():
            who = np.where(gone, self._parent[who], who)
        return who

    def left(self, who: NDArray[np.intp], case: NDArray[np.intp]) -> NDArray[np.intp]:
        """Departments as they stand, -1 where a zone says never."""
        who = self.standing(who, case)
        return np.where(np.isin(case * len(self.codes) + who, self.never), -1, who)

    def by_zone(self, effect: str) -> NDArray[np.intp]:
        """Department of the first zone that says so."""
        who = self.left(self.who, self.point)
        mine = np.flatnonzero((self.zones.effect[self.shape] == effect) & (who >= 0))
        mine = mine[np.lexsort((self.zones.order[self.shape[mine]], self.point[mine]))]
        case, first = np.unique(self.point[mine], return_index=True)
        out = np.full(self.n, -1)
        out[case] = who[mine[first]]
        return out

    def by_component(self, component: NDArray, components: pd.DataFrame) -> NDArray[np.intp]:
        """Department of the component by the duty that its class asks for, or the next, or its class's own."""
        about = np.flatnonzero(component >= 0)
        kind = catalog().index(components["class"])[component[about]]
        three = np.column_stack([self.place(components[d]) for d in COMPONENT_DUTIES])[component[about]]
        turns = np.array([TURNS[duty] for duty in self.rules["duty"]])[kind]
        own = self.place(np.array(self.rules["department"], object))[kind]
        who = np.full(len(about), -1)
        for column in (*three[np.arange(len(about))[:, None], turns].T, own):
            who = np.where(who < 0, self.left(column, about), who)
        out = np.full(self.n, -1)
        out[about] = who
        return out

    def competent(self) -> NDArray[np.intp]:
        """Competent department of each case's class."""
        return self.left(self.place(np.array(self.rules["department"], object))[self.klass], np.arange(self.n))

    def by_area(self, areas: pd.DataFrame) -> NDArray[np.intp]:
        """Department of the area that each case lies in."""
        shape, point = STRtree(self.points).query(areas.geometry.to_numpy(), predicate="intersects")
        out = np.full(self.n, -1)
        out[point] = self.place(areas["department"])[shape]
        return self.left(out, np.arange(self.n))


@dataclass(frozen=True)
class _Zones:
    """Columns of the zones; ``order`` is their place in the order of precedence."""

    ground: NDArray[np.object_]
    takes: NDArray[np.bool_]
    begin: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    effect: NDArray[np.object_]
    duty: NDArray[np.object_]
    department: NDArray[np.object_]
    order: NDArray[np.intp]

    @staticmethod
    def read(zones: pd.DataFrame) -> _Zones:
        """From the layer."""
        book, shapes = catalog(), zones.geometry.to_numpy()
        lines = np.isin(shapely.get_type_id(shapes), (1, 5))
        along = {name: zones[name].to_numpy(object) for name in ("side", "from_m", "to_m")}
        ground = footprint(shapes, zones["width_m"].fillna(0.0).to_numpy(), **along)
        rank = zones["rank"].fillna(2**31 - 1).to_numpy("int64")
        level = np.array([book.level(text) for text in zones["classes"]])
        order = np.lexsort((zones["code"].to_numpy(str), np.round(shapely.area(ground), 3), ~lines, level, rank))
        return _Zones(
            ground,
            np.stack([book.matches(text) for text in zones["classes"]]),
            _instants(zones["valid_from"], "1900-01-01"),
            _instants(zones["valid_to"], "2200-01-01"),
            zones["effect"].to_numpy(object),
            zones["duty"].to_numpy(object),
            zones["department"].to_numpy(object),
            np.argsort(order),
        )


def _rules(rules: pd.DataFrame) -> dict[str, list[str]]:
    """What the rules say of each class of the catalogue, the specific ones after the broad."""
    book = catalog()
    told = {name: [""] * len(book.texts) for name in ("duty", "department", "first")}
    place = {text: i for i, text in enumerate(book.texts)}
    level = rules["class"].map(book.level)
    for row in rules.iloc[np.argsort(-level.to_numpy(), kind="stable")].itertuples(index=False):
        text = row[0]
        mine = [place[text]] if text in place else np.flatnonzero(book.matches(text))
        for name, column in told.items():
            if value := getattr(row, name):
                for k in mine:
                    column[k] = value
    return told


def _instants(values: pd.Series, missing: str) -> NDArray[np.datetime64]:
    return values.dt.tz_localize(None).fillna(pd.Timestamp(missing)).to_numpy("datetime64[us]")
