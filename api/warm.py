"""Compile the kernels once, those of the answers' bytes too, so that their cache is warm: ``python -m api.warm``."""

from __future__ import annotations

import orjson

from api.arrow import MEDIA_TYPE, write_stream
from api.many import answer_many
from api.settings import Settings
from api.single import Question, answer_any, answer_quickly
from gis.snapshot import Snapshot
from gis.warm import warm as warm_engine


def warm(snapshot: Snapshot, settings: Settings) -> None:
    """Answer a case in every form, so that no request waits for what is done once."""
    west, south, east, north = snapshot.city.bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    question = Question(f"lon={lon}&lat={lat}".encode())
    answer_any(snapshot, question), answer_quickly(snapshot, question)
    columns = {"lon": [lon], "lat": [lat]}
    rows = {"cases": [{"lon": lon, "lat": lat}]}
    for body in (orjson.dumps(rows), orjson.dumps(columns)):
        answer_many(snapshot, settings, b"", "", body)
    answer_many(snapshot, settings, b"", MEDIA_TYPE, write_stream(columns, {}))


def warm_maps() -> None:
    """Draw a square of land with a street, so that no map waits for the compiler."""
    import geopandas as gpd
    import shapely

    from api.pages.basemap import BaseMap

    square = shapely.box(500_000, 3_877_000, 501_000, 3_878_000)
    areas = gpd.GeoDataFrame({"set": ["district"]}, geometry=[square], crs=4546)
    about = {"kind": ["primary"], "width_m": [30.0], "name": [""]}
    street = gpd.GeoDataFrame(about, geometry=[shapely.LineString(square.exterior.coords)], crs=4546)
    BaseMap({"roads": street, "railways": street}, areas, territory=["district"], srid=4546).warm()


if __name__ == "__main__":
    warm(warm_engine(), Settings.read())
    warm_maps()
