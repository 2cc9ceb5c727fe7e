"""An answer as the files that analysts open: GeoJSON, GeoParquet, CSV."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pandas as pd

from api.statistics.gathered import Gathering, geojson, in_degrees
from grids.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd

FORMATS = {
    "geojson": ("application/geo+json", ".geojson"),
    "parquet": ("application/vnd.apache.parquet", ".parquet"),
    "csv": ("text/csv; charset=utf-8", ".csv"),
}
"""Media type and ending of each format."""


def written(answer: Gathering, form: str, srid: int) -> bytes:
    """The answer in a format.

    Raises
    ------
    InputError
        A format that is none of `FORMATS`.
    """
    if form not in FORMATS:
        raise InputError(f"{form[:60]!r}", where="format", right=", ".join(FORMATS))
    if form == "parquet":
        return as_parquet(answer)
    return as_csv(answer, srid) if form == "csv" else geojson(answer, srid)


def as_csv(answer: Gathering, srid: int) -> bytes:
    """One row a cell or hotspot with ``lon``, ``lat`` of a place in it; ``codes`` joined by blanks; UTF-8 with mark."""
    import geopandas as gpd

    frame = answer.frame
    flat = frame.drop(columns=frame.geometry.name)
    if "codes" in flat:
        flat = flat.assign(codes=flat["codes"].map(" ".join))
    if "lon" not in flat:
        inner = frame.geometry.representative_point()  # the centroid of a bent one lies beside it
        middle = in_degrees(gpd.GeoDataFrame(geometry=inner, crs=frame.crs), srid).geometry
        if not middle.isna().all() or not len(flat):
            flat = flat.assign(lon=middle.x.round(7), lat=middle.y.round(7))
    return flat.to_csv(index=False).encode("utf-8-sig")


def as_parquet(answer: Gathering) -> bytes:
    """GeoParquet with ``parameters`` and ``facts`` in its metadata (``wanmi``)."""
    import pyarrow.parquet as pq

    whole = io.BytesIO()
    _plain(answer.frame).to_parquet(whole, index=False)
    table = pq.read_table(whole)
    said = json.dumps({"parameters": answer.parameters, "facts": answer.facts}, ensure_ascii=False)
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), b"wanmi": said.encode()}), out)
    return out.getvalue()


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The frame with its columns of one type each; lists stay lists."""
    mixed = {
        name: frame[name].astype("str")
        for name in frame.columns
        if frame[name].dtype == object
        and name != frame.geometry.name
        and pd.api.types.infer_dtype(frame[name]) == "string"
    }
    return frame.assign(**mixed)


__all__ = ["FORMATS", "as_csv", "as_parquet", "written"]
