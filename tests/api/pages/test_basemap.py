"""The base map: drawn where things are, whatever is missing, the same across the edge of tiles."""

from __future__ import annotations

import io

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image, ImageColor

from api.pages import basemap_palette, mercator
from api.pages.basemap import BaseMap
from api.pages.basemap_style import LIGHT
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
        (350, 205, LIGHT.roads["primary"][0]),
        (-150, -250, LIGHT.water),
        (100, 500, LIGHT.water),
        (75, 30, LIGHT.building),
        (37, 28, LIGHT.land),
        (345, 275, LIGHT.green),
        (85, 325, LIGHT.land),
        (1500, 1500, LIGHT.beyond),
    ],
)
def test_things_are_drawn_where_they_are(base: BaseMap, x: float, y: float, colour: str):
    assert np.abs(colour_at(base, x, y) - ImageColor.getrgb(colour)).max() <= 6


def test_a_city_without_ground_is_still_a_map():
    empty = BaseMap({}, town.layers()["areas"].iloc[:0], territory=(), srid=SRID)
    pixels = np.asarray(Image.open(io.BytesIO(empty.tile(14, 13247, 6487))).convert("RGB"))
    assert (
        pixels.shape == (mercator.TILE_PX, mercator.TILE_PX, 3) and len(np.unique(pixels.reshape(-1, 3), axis=0)) == 1
    )


@pytest.mark.parametrize(("z", "theme", "ratio"), [(12, "light", 1), (16, "light", 2), (18, "dark", 1)])
def test_tiles_have_no_seams(base: BaseMap, z: int, theme: str, ratio: int):
    mx, my = mercator.from_lonlat(*to_lonlat([CENTRE[0]], [CENTRE[1]], SRID))
    size = 2 * mercator.HALF_M / 2**z
    x, y = int((mx[0] + mercator.HALF_M) / size), int((mercator.HALF_M - my[0]) / size)
    tiles = [[pixels_of(base.tile(z, x + i, y + j, theme=theme, ratio=ratio)) for i in (0, 1)] for j in (0, 1)]
    (west, _, _, north), (_, south, east, _) = mercator.tile_box(z, x, y), mercator.tile_box(z, x + 1, y + 1)
    side = 2 * mercator.TILE_PX * ratio
    whole = pixels_of(base.picture((west, south, east, north), z, (side, side), theme=theme))
    parts = np.vstack([np.hstack(row) for row in tiles])
    assert parts.shape == whole.shape == (side, side, 3) and whole.std() > 3
    # one pixel in ten thousand may round another way
    assert (np.abs(parts - whole).max(axis=2) > 2).mean() < 1e-4


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_flat_colours_are_exact_in_the_palette(theme: str):
    colours = basemap_palette.flat(theme)
    pixels = np.array([colours], np.uint8)
    assert pixels_of(basemap_palette.png(pixels, theme))[0].tolist() == [list(colour) for colour in colours]
    assert len(basemap_palette.palette(theme)) <= 256


def test_night_is_dark_and_day_is_light(base: BaseMap):
    tile = (14, 13243, 6486)
    day, night = (pixels_of(base.tile(*tile, theme=theme)).mean() for theme in ("light", "dark"))
    assert day > 200 and night < 70


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


def test_names_stand_where_they_belong():
    found = place_names(town.layers()["areas"], ground(), territory=town.CITY.territory, srid=SRID)
    kinds = [n[2] for n in found]
    assert kinds == sorted(kinds, key=["area2", "area1", "area0", "water", "rail", "main", "road"].index)
    district = found[0]
    lon, lat = to_lonlat([CENTRE[0]], [CENTRE[1]], SRID)
    assert district[:2] == ("盐湖区", "Yanhu District")
    assert district[5] == [pytest.approx(lon[0], abs=1e-5), pytest.approx(lat[0], abs=1e-5)]
    main = next(n for n in found if n[0] == "河东东街")
    line = ground()["roads"].geometry.iloc[0]
    ends = to_lonlat(*np.array(line.coords).T, SRID)
    assert main[1:5] == ("Hedong East Street", "main", 12, 20)
    assert sorted(main[5][::2]) == pytest.approx(sorted(ends[0]), abs=1e-5)
    assert not any(n[0] == "" for n in found)


def test_a_name_that_the_city_gives_in_english_goes_first():
    roads = ground()["roads"].assign(name_en=["Salt Capital Avenue", "", ""])
    found = place_names(town.layers()["areas"], {"roads": roads}, territory=town.CITY.territory, srid=SRID)
    assert {"Salt Capital Avenue", "Jiefang North Road"} <= {n[1] for n in found}


def test_committees_are_left_out_of_names():
    assert shorter("河东社区居民委员会") == "河东社区" and shorter("居委会") == "居委会"
