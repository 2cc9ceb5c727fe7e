"""The base map: drawn where things are, whatever is missing, the same across the edge of tiles."""

from __future__ import annotations

import io

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image, ImageColor

from api.pages import basemap, mercator
from api.pages.basemap import BaseMap, dashes
from api.pages.names import place_names, shorter
from gis.crs import to_lonlat
from grids.errors import NotFound
from tests import town

SRID = town.CITY.srid
CENTRE = (town.X0 + 200, town.Y0 + 200)


def layer(**columns: list) -> gpd.GeoDataFrame:
    shapes = columns.pop("geometry")
    n = len(shapes)
    about = {"code": [str(i) for i in range(n)], "name": [""] * n, "kind": [""] * n, "width_m": [np.nan] * n}
    return gpd.GeoDataFrame(about | columns, geometry=shapes, crs=SRID)


def ground() -> dict[str, gpd.GeoDataFrame]:
    x, y = town.X0, town.Y0
    return {
        "roads": layer(
            name=["河东东街", "解放北路", ""],
            kind=["primary", "residential", "corridor"],
            width_m=[36.0, np.nan, 8.0],
            geometry=[
                shapely.LineString([(x - 3000, y + 200), (x + 3000, y + 200)]),
                shapely.LineString([(x + 200, y - 2000), (x + 200, y + 2000)]),
                shapely.LineString([(x, y), (x + 50, y + 50)]),
            ],
        ),
        "rivers": layer(
            kind=["lake", "canal"],
            width_m=[np.nan, 26.0],
            geometry=[town.box(-300, -300, 200, 200), shapely.LineString([(x, y + 500), (x + 400, y + 500)])],
        ),
        "railways": layer(kind=["rail"], geometry=[shapely.LineString([(x - 900, y - 900), (x + 900, y + 900)])]),
        "buildings": layer(
            kind=["apartments"], geometry=[town.box(20, 20, 60, 20).difference(town.box(30, 25, 10, 10))]
        ),
        "parcels": layer(kind=["park", "odd"], geometry=[town.box(260, 260, 100, 100), town.box(60, 300, 50, 50)]),
    }


@pytest.fixture(scope="module")
def base() -> BaseMap:
    return BaseMap(ground(), town.layers()["areas"], territory=town.CITY.territory, srid=SRID)


def colour_at(base: BaseMap, x: float, y: float, z: int = 17) -> np.ndarray:
    """The map's colour at a place of the town, metres from its corner."""
    mx, my = mercator.from_lonlat(*to_lonlat([town.X0 + x], [town.Y0 + y], SRID))
    reach = 40 * mercator.pixel_m(z)  # a picture has two pixels for each of the map's
    box = (mx[0] - reach, my[0] - reach, mx[0] + reach, my[0] + reach)
    pixels = np.asarray(Image.open(io.BytesIO(base.picture(box, z, (160, 160)))).convert("RGB")).astype(int)
    return np.median(pixels[78:82, 78:82].reshape(-1, 3), axis=0)


@pytest.mark.parametrize(
    ("x", "y", "colour"),
    [
        (350, 205, basemap.ROADS["primary"].fill),
        (-150, -250, basemap.WATER),
        (100, 500, basemap.WATER),
        (75, 30, basemap.BUILDING),
        (35, 30, basemap.LAND),
        (345, 275, basemap.GREEN),
        (85, 325, basemap.LAND),
        (1500, 1500, basemap.BEYOND),
    ],
)
def test_things_are_drawn_where_they_are(base: BaseMap, x: float, y: float, colour: str):
    assert np.abs(colour_at(base, x, y) - ImageColor.getrgb(colour)).max() <= 6


def test_a_city_without_ground_is_still_a_map():
    empty = BaseMap({}, town.layers()["areas"].iloc[:0], territory=(), srid=SRID)
    pixels = np.asarray(Image.open(io.BytesIO(empty.tile(14, 13247, 6487))).convert("RGB"))
    assert (
        pixels.shape == (basemap.PICTURE_PX, basemap.PICTURE_PX, 3)
        and len(np.unique(pixels.reshape(-1, 3), axis=0)) == 1
    )


def test_lines_run_on_across_the_edge_of_tiles(base: BaseMap):
    mx, my = mercator.from_lonlat(*to_lonlat([CENTRE[0]], [CENTRE[1]], SRID))
    z = 16
    size = 2 * mercator.HALF_M / 2**z
    x, y = int((mx[0] + mercator.HALF_M) / size), int((mercator.HALF_M - my[0]) / size)
    left, right = (
        np.asarray(Image.open(io.BytesIO(base.tile(z, x + k, y))).convert("RGB")).astype(int) for k in (0, 1)
    )
    differs = np.abs(left[:, -1] - right[:, 0]).max(axis=1) > 60
    assert differs.mean() < 0.03


@pytest.mark.parametrize("tile", [(0, 1, 0), (21, 0, 0), (-1, 0, 0), (3, 0, -1)])
def test_tiles_that_are_not_there(base: BaseMap, tile: tuple[int, int, int]):
    with pytest.raises(NotFound, match="there is no tile"):
        base.tile(*tile)


def test_tiles_cover_the_world_once():
    west, south, east, north = mercator.tile_box(5, 25, 12)
    parts = [mercator.tile_box(6, x, y) for x in (50, 51) for y in (24, 25)]
    assert min(p[0] for p in parts) == pytest.approx(west) and max(p[3] for p in parts) == pytest.approx(north)
    assert sum((p[2] - p[0]) * (p[3] - p[1]) for p in parts) == pytest.approx((east - west) * (north - south))


def test_mercator_there_and_back():
    lon, lat = np.random.default_rng(1).uniform([-179, -84], [179, 84], (100, 2)).T
    back = mercator.to_degrees(*mercator.from_lonlat(lon, lat))
    assert np.allclose(back, (lon, lat), atol=1e-9)


def test_the_grid_of_a_picture_is_where_its_pixels_are():
    box = mercator.tile_box(13, 6621, 3243)
    x, y = mercator.city_grid(box, (256, 256), SRID)
    step = (box[2] - box[0]) / 256
    columns, rows = np.meshgrid(np.arange(256) + 0.5, np.arange(256) + 0.5)
    from gis.crs import to_city

    lon, lat = mercator.to_degrees(box[0] + columns * step, box[3] - rows * step)
    exact = to_city(lon, lat, "EPSG:4326", SRID)
    assert max(np.abs(x - exact[0]).max(), np.abs(y - exact[1]).max()) < 0.05 * step


def test_dashes_keep_corners_and_gaps():
    line = shapely.LineString([(0, 0), (10, 0), (10, 10)])
    parts = dashes(np.array([line]), 6, 2)
    assert [p.length for p in parts] == [6, 6, 4]
    assert parts[1].coords[1] == (10, 0)  # the dash around the corner
    assert shapely.union_all(parts).difference(line.buffer(1e-9)).is_empty


def test_names_stand_where_they_belong(base: BaseMap):
    found = place_names(town.layers()["areas"], ground(), territory=town.CITY.territory, srid=SRID)
    kinds = [n[3] for n in found]
    assert kinds == sorted(kinds, key=["area2", "area1", "area0", "water", "rail", "main", "road"].index)
    district = found[0]
    lon, lat = to_lonlat([CENTRE[0]], [CENTRE[1]], SRID)
    assert district[0] == "盐湖区" and district[1:3] == (
        pytest.approx(lon[0], abs=1e-5),
        pytest.approx(lat[0], abs=1e-5),
    )
    main = [n for n in found if n[0] == "河东东街"]
    assert {n[4] for n in main} == set(range(13, 18)) and all(abs(n[6]) <= 2 for n in main)
    steep = [n for n in found if n[0] == "解放北路"]
    assert steep and all(abs(n[6]) >= 88 for n in steep)


def test_committees_are_left_out_of_names():
    assert shorter("河东社区居民委员会") == "河东社区" and shorter("居委会") == "居委会"
