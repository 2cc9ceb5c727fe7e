"""What the record tells of how many cases are usual in each unit grid, beside its own past: ground, other classes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from api.statistics.cells import find_cells
from api.statistics.in_time import Bins
from api.statistics.masking import some_of, taken_units
from api.statistics.selection import Look
from gis import counts
from gis.hotspots import measures
from gis.hotspots.usual import Beside, bumps
from grids.catalog import Catalog

if TYPE_CHECKING:
    from sqlalchemy import Engine

GROUND = ("roads", "parcels")
"""Layers of the ground that tell how many cases are usual."""
LEAST_GROUP = 0.005
"""Class groups with a smaller share of the cases tell nothing of where cases are usual."""


def gather_beside(book: Catalog, found: Look, ground: NDArray[np.float64], bins: Bins) -> Beside:
    """What the ground tells (`ground_of`), and the cases of other groups by the same filters.

    The department is no filter here: it owns cases of its classes, and other classes are asked for. Where the selection
    takes all classes there are no others. Units beyond the selection's areas take no part.
    """
    keep, others = taken_units(found), _others(book, found, bins)
    return Beside(ground[keep], others[:, keep], some_of(found.ground.near, keep))


def ground_of(engine: Engine, found: Look) -> NDArray[np.float64]:
    """Roads and kinds of ground of the unit grids, and smooth bumps; a city without roads or parcels goes without."""
    shapes, srid = found.units.geometry.to_numpy(), found.city.srid
    layers = counts.ground(engine, srid=srid, layers=GROUND)
    kinds = layers["roads"].groupby("kind")
    roads = {str(kind): measures.road_metres(shapes, part.geometry.to_numpy()) for kind, part in kinds}
    parcels = layers["parcels"]
    shares = measures.ground_shares(shapes, parcels.geometry.to_numpy(), parcels["kind"])[0] if len(parcels) else None
    table = measures.covariates(shapes, found.ground.near, roads=roads, shares=shares)[0]
    middle = shapely.centroid(shapes)
    return np.column_stack([table, bumps(shapely.get_x(middle), shapely.get_y(middle))])


def _others(book: Catalog, found: Look, bins: Bins) -> NDArray[np.int64]:
    """Cases of each group of classes that were not asked for, (groups, cells, bins), the groups by name."""
    none = np.zeros((0, len(found.units), len(bins)), dtype=np.int64)
    if found.wanted.classes is None:
        return none
    cases = found.source.moments(replace(found.wanted, classes=None, departments=None))
    cells = find_cells(found, "unit", float("nan"), cases.x, cases.y, cases.unit)
    bin_of, group = bins.of(cases.at), class_groups(book, cases.klass, found.wanted.classes)
    parts = []
    for name in np.unique(group[group != ""]):
        mine = group == name
        if mine.sum() >= LEAST_GROUP * len(group):
            parts.append(cells._replace(at=np.where(mine, cells.at, -1)).by_bin(bin_of, len(bins)))
    return np.stack(parts) if parts else none


def class_groups(book: Catalog, klass: pd.Categorical, without: tuple[str, ...]) -> NDArray[np.str_]:
    """Major class of each case in the edition 2026 where it has one; "" for none and for the classes ``without``."""
    names = np.asarray(klass.categories, dtype=object).astype(str)
    at = book.index(names)
    turned = np.where(at >= 0, book.to_2026[at], -1)
    group = [book.texts[t][:8] if t >= 0 else name[:8] for t, name in zip(turned, names, strict=True)]
    group = ["" if name in without else major for name, major in zip(names, group, strict=True)]
    return np.append(np.array(group, dtype="U8"), "")[klass.codes]
