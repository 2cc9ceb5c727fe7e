"""The answer to a question about where cases gather, and its form as GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely

from gis.crs import to_lonlat

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Gathering:
    """The answer: one row a cell or cluster, in an order that is always the same.

    Parameters
    ----------
    frame
        Geometry in degrees (WGS 84) for H3 cells, else in the city's CRS.
    parameters
        All that was asked, seed included, and how p came about.
    facts
        How many cases there are, count, and why others do not; what was found.
    near
        Which rows are neighbours, a sparse matrix; None where nobody said.
    """

    frame: gpd.GeoDataFrame
    parameters: dict[str, Any]
    facts: dict[str, Any]
    near: Any = field(default=None, repr=False, compare=False)

    def plot(self, ax: Axes | None = None, *, ground: Mapping[str, pd.DataFrame] | None = None) -> Axes:
        """A figure of it, as `api.statistics.drawn.draw`."""
        from api.statistics.drawn import draw

        return draw(self, ax, ground=ground)

    def explore(self, *, column: str | None = None, height: int = 480) -> Any:
        """A map of it to move and point at (folium), as `api.pages.explored.explore`."""
        from api.pages.explored import explore

        return explore(self, column=column, height=height)


def in_degrees(frame: gpd.GeoDataFrame, srid: int) -> gpd.GeoDataFrame:
    """A frame of the city's CRS in WGS 84; one that is in degrees as it is."""
    if frame.crs.is_geographic:
        return frame

    def move(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], srid))

    return frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), move), crs=4326)


def geojson(answer: Gathering, srid: int) -> bytes:
    """The answer as a GeoJSON FeatureCollection, with ``parameters`` and ``facts`` beside the features.

    Coordinates have seven decimals (a centimetre); equal answers are equal byte for byte.
    """
    frame = in_degrees(answer.frame, srid)
    exact_shapes = frame.geometry.to_numpy()
    shapes = shapely.transform(exact_shapes, lambda xy: xy.round(7))
    bent = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)  # hairline spikes that rounding folds over
    shapes[bent] = shapely.set_precision(exact_shapes[bent], 1e-7)
    columns = {name: _plain(frame[name]) for name in frame.columns if name != frame.geometry.name}
    features = [
        {
            "type": "Feature",
            "geometry": orjson.Fragment(text or "null"),
            "properties": dict(zip(columns, row, strict=True)),
        }
        for text, row in zip(shapely.to_geojson(shapes), zip(*columns.values(), strict=True), strict=True)
    ]
    head = {"type": "FeatureCollection", "parameters": answer.parameters, "facts": answer.facts}
    return orjson.dumps(head | {"features": features})


def _plain(column: pd.Series) -> list[Any]:
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    return column.tolist()
