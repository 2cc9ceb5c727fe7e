"""How stable the hotspots of an answer are: asked again on other grids, with other cell sizes and bandwidths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from api.statistics.cells import SQUARE_M
from api.statistics.masking import is_masked, masked
from gis.crs import to_city
from gis.hotspots.stability import QUARTERS, REACHES, survival
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

    from api.statistics.exposing import Exposing
    from api.statistics.selection import Look
    from api.statistics.way import Way


def check_stability(method: str, exposing: Exposing | None) -> None:
    """Refuse what has no hotspots that could be asked again.

    Raises
    ------
    InputError
        A method other than gi and moran; cases by a channel or filing alone.
    """
    if method not in ("gi", "moran"):
        raise InputError(f"{method} has no hot cells", where="stability", right="take method gi or moran")
    if exposing is not None and exposing.rates != "all":
        what = f"stability counts all cases of the selection, not those {exposing.rates}"
        raise InputError(what, where="stability", right="leave rates out")


def side_of(shapes: NDArray[np.object_], cells: str, cell_m: float) -> float:
    """Usual side of the squares, metres: as large as the cells are, to 25 m; small enough for sixteen of them."""
    if not np.isnan(cell_m) or cells in ("unit", "plane"):
        return SQUARE_M if np.isnan(cell_m) else cell_m
    area = shapely.area(shapes)
    side = min(float(np.sqrt(np.median(area))), float(np.sqrt(area.sum() / 16.0)))
    return max(25.0, round(side / 25.0) * 25.0)


def add_stability(frame: gpd.GeoDataFrame, found: Look, way: Way) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """The frame with ``stable`` before its geometry: of each hot cell, the share of the settings in which its middle
    lies in a hot square; NaN for others. With a column ``expected``, squares are held against it too.
    """
    stable = np.full(len(frame), np.nan)
    hot = frame["hot"].to_numpy(dtype=bool)
    shapes = frame.geometry.to_numpy()
    if frame.crs.is_geographic:
        srid = found.city.srid
        shapes = shapely.transform(shapes, lambda xy: np.column_stack(to_city(xy[:, 0], xy[:, 1], "EPSG:4326", srid)))
    side = side_of(shapes, way.cells, way.cell_m)
    sizes = [round(side * q / 4, 3) for q in QUARTERS]
    settings = {"cell_m": sizes, "offsets": 4, "rings": list(REACHES)}
    if hot.any():
        middle = shapely.point_on_surface(shapes[hot])
        ground = found.ground.ground if len(found.ground.ground) else shapes
        if is_masked(found):
            ground = masked(found, ground)
            ground = ground[~shapely.is_empty(ground)]
        expected = (shapes, frame["expected"].to_numpy(dtype=float)) if "expected" in frame else None
        told = survival(
            found.places.x, found.places.y, shapely.get_x(middle), shapely.get_y(middle), found.bounds,
            city=ground, cell_m=side, expected=expected, seed=way.seed,
        )  # fmt: skip
        stable[hot] = told.share.round(4)
    name = frame.geometry.name
    out = frame.assign(stable=stable)
    out = out[[*(c for c in out.columns if c != name), name]]
    return out, {"stability": settings, "stability_settings": len(QUARTERS) * 4 * len(REACHES)}
