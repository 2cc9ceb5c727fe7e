"""The planted hotspots of a demo city against its own ground: which are found, how near, and what else stands out."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import shapely

from gis import exact, hotspots, raster
from gis.demo import Demo, make
from gis.hotspots.exposure import gi_star_exposed
from gis.hotspots.measures import covariates, ground_shares, road_metres, things_in
from grids.catalog import catalog

LEAST_GROUP = 0.005


class City:
    """A demo city's cases by unit, class group, channel and time, as the record has them (default points left out)."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.units = demo.layers["units"].sort_values("code").reset_index(drop=True)
        self.shapes = self.units.geometry.to_numpy()
        self.tree, self.near = shapely.STRtree(self.shapes), hotspots.contact(self.shapes)
        cases, book = demo.layers["cases"], catalog()
        turned = book.to_2026[book.index(cases["class"])]
        self.group = pd.Series(np.where(turned >= 0, book.texts[turned], cases["class"])).str[:8].to_numpy(str)
        self.at, self.channel = cases["reported_at"].array, cases["channel"].to_numpy(str)
        points = cases.geometry.to_numpy()
        there = ~(shapely.is_empty(points) | shapely.is_missing(points))
        there &= demo.truth["cases"]["flaw"].to_numpy() != "default_point"
        mm = np.ascontiguousarray(exact.millimetres(shapely.get_coordinates(points[there])).T)
        self.unit = np.full(len(cases), -1)
        self.unit[there] = raster.locate(raster.build(self.shapes), *mm)

    def count(self, which: np.ndarray) -> np.ndarray:
        """Cases of each unit."""
        return np.bincount(self.unit[which & (self.unit >= 0)], minlength=len(self.units)).astype(float)

    @cached_property
    def _numbered(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(self.group, return_inverse=True)

    def by_group(self, period: np.ndarray) -> dict[str, np.ndarray]:
        """Cases of each unit, by class group."""
        (names, number), n = self._numbered, len(self.units)
        some = period & (self.unit >= 0)
        held = np.bincount(number[some] * n + self.unit[some], minlength=len(names) * n)
        return dict(zip(names.tolist(), held.reshape(-1, n).astype(float), strict=True))

    @cached_property
    def ground(self) -> dict:
        """Covariates that the map and the components give."""
        layers = self.demo.layers
        parts, parcels = layers["components"].geometry, layers["parcels"]
        return {
            "roads": {k: road_metres(self.shapes, g.geometry.to_numpy()) for k, g in layers["roads"].groupby("kind")},
            "components": things_in(self.shapes, parts.x, parts.y),
            "shares": ground_shares(self.shapes, parcels.geometry.to_numpy(), parcels["kind"])[0],
        }

    def table(self, group: str, held: dict[str, np.ndarray]) -> np.ndarray:
        """Covariates that an analyst has: the ground, and cases of other classes in the period."""
        names, number = self._numbered
        many = names[np.bincount(number) > LEAST_GROUP * len(number)]
        others = {g: held[g] for g in many.tolist() if g != group}
        return covariates(self.shapes, self.near, others=others, **self.ground)[0]

    def found(self) -> pd.DataFrame:
        """Of each planted hotspot: found, its strongest unit within one unit of the centre, hot units far from any."""
        rows, asked = [], {}
        for spot in self.demo.truth["hotspots"].reset_index().to_dict("records"):
            question = spot["class"], spot["from"], spot["to"]
            if question not in asked:
                held = self.by_group(np.asarray((self.at >= spot["from"]) & (self.at < spot["to"])))
                asked[question] = gi_star_exposed(held[spot["class"]], self.table(spot["class"], held), self.near)
            hot, z = asked[question].hot(), asked[question].z
            centre = shapely.Point(spot["x"], spot["y"])
            around = np.unique(self.near[self.tree.query(centre, predicate="intersects")].indices)
            mine = self.tree.query(centre.buffer(spot["radius_m"]), predicate="intersects")
            strongest = mine[hot[mine]][np.argmax(z[mine[hot[mine]]])] if hot[mine].any() else -1
            middle = _middle(self.shapes[mine[hot[mine]]], z[mine[hot[mine]]])
            at = self.tree.query(middle, predicate="intersects") if middle is not None else np.empty(0, int)
            others = self.demo.truth["hotspots"].query("`class` == @spot['class']")
            planted = shapely.union_all(
                shapely.buffer(shapely.points(others["x"], others["y"]), others["radius_m"] + 150)
            )
            elsewhere = hot.copy()
            elsewhere[self.tree.query(planted, predicate="intersects")] = False
            rows.append(
                {
                    "risk": spot["risk"], "size": spot["size"], "found": bool(hot[around].any()),
                    "centred": bool(np.isin(at, around).any()) or bool(np.isin(strongest, around)),
                    "weighed": bool(np.isin(at, around).any()),
                    "elsewhere": int(elsewhere.sum()),
                }
            )  # fmt: skip
        return pd.DataFrame(rows)


def found_in(seed: int) -> pd.DataFrame:
    """`City.found` of the full city of a seed."""
    return City(make(scale=1.0, seed=seed)).found().assign(seed=seed)


def _middle(shapes: np.ndarray, z: np.ndarray) -> shapely.Point | None:
    if not len(shapes):
        return None
    centres = shapely.centroid(shapes)
    return shapely.Point(np.average(shapely.get_x(centres), weights=z), np.average(shapely.get_y(centres), weights=z))
