"""Vector tiles: read by GDAL they hold what the record holds, say what they leave out, and change exactly with it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from sqlalchemy import Engine, text

from api.pages.mercator import from_lonlat, tile_box
from api.tiles.shelf import Shelf
from api.tiles.vector import LAYERS, kind_of, vector_tile
from gis import postgis, store
from gis.model import City
from gis.store.engine import transaction
from grids.errors import NotFound, Unavailable
from tests import town
from tests.api.conftest import Served
from tests.conftest import database_name

ROUTES = [name for name in LAYERS if name != "hotspots"]


@pytest.fixture(scope="module")
def engine(demo_dsn: str) -> Iterator[Engine]:
    made = store.connect(demo_dsn)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def city(engine: Engine) -> City:
    return store.read_city(engine)


def tiles_of(city: City, z: int) -> list[tuple[int, int, int]]:
    """All tiles that the city lies in."""
    west, south, east, north = city.bounds
    (x0, x1), (y0, y1) = from_lonlat([west, east], [south, north])
    size = (tile_box(z, 0, 0)[2] - tile_box(z, 0, 0)[0]) or 1.0
    half = tile_box(0, 0, 0)[2]
    columns = range(int((x0 + half) // size), int((x1 + half) // size) + 1)
    rows = range(int((half - y1) // size), int((half - y0) // size) + 1)
    return [(z, x, y) for x in columns for y in rows]


def read(data: bytes, tile: tuple[int, int, int], folder: Path) -> dict[str, gpd.GeoDataFrame]:
    """Layers of a tile as GDAL reads them, Mercator metres."""
    if not data:
        return {}
    z, x, y = tile
    file = folder / f"{z}-{x}-{y}.mvt"
    file.write_bytes(data)
    options = {"X": str(x), "Y": str(y), "Z": str(z), "CLIP": "NO"}
    return {str(name): pyogrio.read_dataframe(file, layer=name, **options) for name in pyogrio.list_layers(file)[:, 0]}


def held(engine: Engine, asked: str) -> gpd.GeoDataFrame:
    with engine.connect() as line:
        return gpd.read_postgis(text(asked), line, geom_col="geom")


@pytest.mark.parametrize("layer", ["units", "areas", "zones", "roads", "water"])
def test_bounds_that_are_too_small_cut_nothing(engine: Engine, city: City, layer: str):
    west, south, east, north = city.bounds
    small = dataclasses.replace(city, bounds=(west, south, west + (east - west) / 9, south + (north - south) / 9))
    for z in (0, 11, 13):
        tiles = tiles_of(city, z)
        place = tiles[len(tiles) // 2]  # beyond the bounds that are too small
        right, told = (vector_tile(engine, one, layer, *place) for one in (city, small))
        assert (told.shown, told.total) == (right.shown, right.total) and (right.total > 0 or z == 13), z


SHAPES = {
    "units": "SELECT code, community, area_m2, ST_Transform(geom, 3857) AS geom FROM wanmi.units_now",
    "areas": "SELECT set || ':' || code AS code, ST_Transform(geom, 3857) AS geom FROM wanmi.areas_now",
    "zones": "SELECT code, department, ST_Transform(footprint, 3857) AS geom FROM wanmi.zones_now",
    "components": "SELECT code, class_code, ST_Transform(geom, 3857) AS geom FROM wanmi.components_now",
    "roads": "SELECT code, kind, ST_Transform(geom, 3857) AS geom FROM wanmi.roads",
    "buildings": "SELECT code, kind, ST_Transform(geom, 3857) AS geom FROM wanmi.buildings",
    "water": "SELECT code, kind, ST_Transform(geom, 3857) AS geom FROM wanmi.rivers",
}


@pytest.mark.parametrize("layer", ROUTES)
def test_a_tile_holds_what_the_record_holds_there(engine, city, tmp_path, layer):
    every = held(engine, SHAPES[layer])
    z = max(least for least, _ in LAYERS[layer]) or 13
    z = max(z, 14) if layer == "roads" else z
    seen, size, half = 0, tile_box(z, 0, 0)[2] - tile_box(z, 0, 0)[0], tile_box(0, 0, 0)[2]
    middle = every.geometry.centroid.iloc[:: max(1, len(every) // 5)]
    picked = {(z, int((p.x + half) // size), int((half - p.y) // size)) for p in middle}
    for deeper in picked:
        made = vector_tile(engine, city, layer, *deeper)
        edge = shapely.box(*tile_box(*deeper))
        there = every[every.intersects(edge)]
        layers = read(made.data, deeper, tmp_path)
        assert "notice" not in layers and made.shown == made.total
        drawn = layers[layer]
        drawn["key"] = drawn["set"] + ":" + drawn["code"] if layer == "areas" else drawn["code"]
        assert set(there["code"]) <= set(drawn["key"]), deeper  # and a few in the margin
        assert len(drawn) == made.shown and drawn["key"].is_unique
        pixel = (edge.bounds[2] - edge.bounds[0]) / 4096
        mine = every.set_index("code").loc[drawn["key"]]
        reach = shapely.box(*np.array(edge.bounds) + np.array([-64, -64, 64, 64]) * pixel)
        right = shapely.intersection(mine.geometry.to_numpy(), reach)
        assert drawn.geometry.is_valid.all()
        assert np.nanmax(shapely.hausdorff_distance(right, drawn.geometry.to_numpy())) < 3 * pixel
        assert set(kind_of(layer, z).attributes) >= set(drawn.columns) - {"geometry", "key", "mvt_id"}
        seen += len(drawn)
    assert seen >= len(picked)


@pytest.mark.parametrize(("layer", "sums"), [("components", "components"), ("buildings", "buildings")])
@pytest.mark.parametrize("z", [9, 12])
def test_sums_far_out_add_up(engine, city, tmp_path, layer, sums, z):
    total = 0
    for tile in tiles_of(city, z):
        drawn = read(vector_tile(engine, city, layer, *tile).data, tile, tmp_path).get(layer)
        if drawn is not None:
            west, south, east, north = tile_box(*tile)
            at_x, at_y = drawn.geometry.x, drawn.geometry.y
            total += drawn[sums][(west <= at_x) & (at_x < east) & (south < at_y) & (at_y <= north)].sum()
    assert total == len(held(engine, SHAPES[layer])) > 0


def test_units_far_out_are_their_areas_with_their_count(engine, city, tmp_path):
    parts = {}
    for tile in tiles_of(city, 10):
        layers = read(vector_tile(engine, city, "units", *tile).data, tile, tmp_path)
        if "units" in layers:
            parts |= dict(zip(layers["units"]["code"], layers["units"]["units"], strict=True))
    units = held(engine, SHAPES["units"])
    assert parts == units["community"].value_counts().to_dict()


def test_a_tile_with_more_than_its_cap_says_so(engine, city, tmp_path):
    tile = (12, 3310, 1621)
    whole, cut = vector_tile(engine, city, "units", *tile), vector_tile(engine, city, "units", *tile, cap=50)
    layers = read(cut.data, tile, tmp_path)
    assert len(layers["units"]) == cut.shown <= 50 < whole.shown
    said = layers["notice"].iloc[0]
    assert (said["layer"], said["shown"]) == ("units", cut.shown) and said["total"] >= whole.shown == cut.total
    kept = held(engine, SHAPES["units"]).set_index("code")["area_m2"]
    assert kept[layers["units"]["code"]].min() >= kept.nlargest(50).min() * 0.5  # the largest stay


def test_small_roads_that_are_not_drawn_far_out_are_told(engine, city, tmp_path):
    tile = (10, 827, 405)
    made = vector_tile(engine, city, "roads", *tile)
    said = read(made.data, tile, tmp_path)["notice"].iloc[0]
    assert said["total"] == made.total == len(held(engine, SHAPES["roads"])) > made.shown == said["shown"]


def test_what_does_not_exist_is_one_clear_line(served_demo: Served):
    for path, at, says in (
        ("/tiles/unit/12/3310/1621.mvt", "layer", "did you mean units?"),
        ("/tiles/units/99/0/0.mvt", "tile", "zoom 0 to 20"),
        ("/tiles/units/-1/0/0.mvt", "tile", "zoom 0 to 20"),
        ("/tiles/units/3/8/0.mvt", "tile", "below 2^zoom"),
    ):
        answer = served_demo.get(path)
        assert answer.status_code == 404 and answer.json()["at"] == at and says in answer.json()["detail"], path
    for path, query, at in (
        ("/tiles/units/a/0/0.mvt", {}, "z"),
        ("/tiles/areas/0/0/0.mvt", {"set": "stret"}, "set"),
        ("/tiles/units/0/0/0.mvt", {"set": "street"}, "set"),
        ("/tiles/units/0/0/0.mvt", {"class": "C"}, "class"),
        ("/tiles/hotspots/0/0/0.mvt", {"class": "2026:E6"}, "class"),
    ):
        answer = served_demo.get(path, **query)
        assert answer.status_code == 422 and answer.json()["at"] == at, answer.text


def test_a_tile_beside_the_city_is_empty(served_demo: Served):
    answer = served_demo.get("/tiles/units/12/0/0.mvt")
    assert (answer.status_code, answer.content, answer.headers["x-total"]) == (200, b"", "0")


def test_areas_by_set_and_kept_by_their_mark(served_demo: Served, tmp_path):
    path, tile = "/tiles/areas/10/827/405.mvt", (10, 827, 405)
    first = served_demo.get(path, set="street")
    assert set(read(first.content, tile, tmp_path)["areas"]["set"]) == {"street"}
    assert len(first.content) < len(served_demo.get(path).content)
    again = served_demo.client.get(path, params={"set": "street"}, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    weak = served_demo.client.get(
        path, params={"set": "street"}, headers={"if-none-match": "W/" + first.headers["etag"]}
    )
    assert weak.status_code == 304
    plain = served_demo.client.get(path, params={"set": "street"}, headers={"accept-encoding": "identity"})
    assert plain.content == first.content and "content-encoding" not in plain.headers
    assert "must-revalidate" in first.headers["cache-control"]
    assert "max-age=3600" in served_demo.get(path, v="1").headers["cache-control"]


def test_hotspots_are_those_of_the_statistics(served_demo: Served, tmp_path):
    query = {"class": "2026:E06"}
    told = served_demo.get("/v1/hotspots", hot="true", **query).json()["features"]
    tile = (8, 206, 101)
    drawn = read(served_demo.get("/tiles/hotspots/8/206/101.mvt", **query).content, tile, tmp_path)["hotspots"]
    right = {f["properties"]["code"]: (f["properties"]["cases"], f["properties"]["z"]) for f in told}
    assert {c: (n, z) for c, n, z in zip(drawn["code"], drawn["cases"], drawn["z"], strict=True)} == right


# ---------------------------------------------------------------- marks, in a town of their own


@pytest.fixture
def town_engine(cluster: postgis.Cluster) -> Iterator[Engine]:
    name = database_name("tiles_town")
    engine = store.connect(postgis.ensure_database(name))
    town.fill(engine)
    yield engine
    engine.dispose()
    postgis.drop_database(name)


def around(engine: Engine, z: int) -> list[tuple[int, int, int]]:
    """Tiles of a zoom over the units of the town, and beside them."""
    west, south, east, north = held(engine, SHAPES["units"]).total_bounds
    size, half = tile_box(z, 0, 0)[2] - tile_box(z, 0, 0)[0], tile_box(0, 0, 0)[2]
    columns = range(int((west + half) // size) - 1, int((east + half) // size) + 2)
    rows = range(int((half - north) // size) - 1, int((half - south) // size) + 2)
    return [(z, x, y) for x in columns for y in rows]


ONE = "WHERE code = (SELECT code FROM wanmi.{0} ORDER BY md5(code || {1}) LIMIT 1)"
EDITS = (
    ("units", "name = 'n{1}'"),
    ("components", "state = 's{1}'"),
    ("zones", "name = 'n{1}'"),
    ("areas", "name = 'n{1}'"),
    ("components", "geom = ST_Translate(geom, 3, -2)"),
    ("units", "name = name"),
)


def test_marks_change_exactly_with_the_tile(town_engine: Engine):
    """After random edits a mark differs from the one before where the tile drawn from nothing does, and only there."""
    engine, city = town_engine, town.CITY
    shelf, rng = Shelf(fresh_s=0.0), np.random.default_rng(7)
    asked = [
        (layer, *tile)
        for layer in ("units", "zones", "areas", "components")
        for z in (15, 17)
        for tile in around(engine, z)
    ]
    before = {key: (shelf.tile(engine, city, *key).mark, vector_tile(engine, city, *key).data) for key in asked}
    moved = 0
    for k in range(12):
        with transaction(engine) as cursor:
            table, change = EDITS[rng.integers(len(EDITS))]
            cursor.execute(f"UPDATE wanmi.{table} SET {change} {ONE}".format(table, k))
        for key in asked:
            mark, data = shelf.tile(engine, city, *key).mark, vector_tile(engine, city, *key).data
            assert (mark != before[key][0]) == (data != before[key][1]), key
            moved += mark != before[key][0]
            before[key] = mark, data
    assert 12 < moved < 12 * len(asked) / 3


def test_a_row_that_begins_to_hold_later_is_drawn_then(town_engine: Engine):
    engine, city = town_engine, town.CITY
    shelf = Shelf(fresh_s=0.0)
    key = ("components", *next(t for t in around(engine, 15) if shelf.tile(engine, city, "components", *t).tile.shown))
    first = shelf.tile(engine, city, *key)
    with transaction(engine) as cursor:
        cursor.execute(
            "INSERT INTO wanmi.components (code, edition, kind, class_code, geom, valid_from) "
            "SELECT code || '-later', edition, kind, class_code, geom, clock_timestamp() + interval '1 second' "
            "FROM wanmi.components WHERE replaced_at = 'infinity' AND valid_to = 'infinity'"
        )
    assert shelf.tile(engine, city, *key).mark == first.mark
    time.sleep(1.2)
    assert shelf.tile(engine, city, *key).tile.shown > first.tile.shown


def test_the_ground_has_states_too(town_engine: Engine):
    engine, city = town_engine, town.CITY
    shelf = Shelf(fresh_s=0.0)
    tiles = around(engine, 15)
    assert not any(shelf.tile(engine, city, "roads", *t).tile.shown for t in tiles)
    with transaction(engine) as cursor:
        cursor.execute(
            "INSERT INTO wanmi.ground (layer, code, kind, geom) "
            "SELECT 'roads', 'r', 'residential', ST_Boundary(ST_Envelope(geom)) FROM wanmi.units LIMIT 1"
        )
    assert any(shelf.tile(engine, city, "roads", *t).tile.shown for t in tiles)
    with transaction(engine) as cursor:
        cursor.execute("DELETE FROM wanmi.ground")
    assert not any(shelf.tile(engine, city, "roads", *t).tile.shown for t in tiles)


def test_the_database_away_leaves_what_is_here(town_engine: Engine, monkeypatch):
    engine, city = town_engine, town.CITY
    shelf = Shelf(fresh_s=0.0)
    tile = around(engine, 15)[0]
    here = shelf.tile(engine, city, "units", *tile)
    gone = store.connect("postgresql:///nowhere?host=/nowhere&user=wanmi")
    assert shelf.tile(gone, city, "units", *tile) == here
    with pytest.raises(Unavailable):
        shelf.tile(gone, city, "zones", *tile)
    with pytest.raises(Unavailable):
        Shelf().tile(gone, city, "units", *tile)
    gone.dispose()


def test_the_shelf_is_bounded(town_engine: Engine):
    engine, city = town_engine, town.CITY
    shelf = Shelf(most_bytes=20_000)
    for tile in around(engine, 17):
        shelf.tile(engine, city, "units", *tile)
    assert 0 < shelf._bytes <= 20_000
    with pytest.raises(NotFound):
        shelf.tile(engine, city, "nothing", 1, 0, 0)


def test_the_handbook_names_every_layer_and_attribute():
    text_ = (Path(__file__).parents[2] / "docs" / "tiles.md").read_text(encoding="utf-8")
    for name, kinds in LAYERS.items():
        assert f"| `{name}` |" in text_, name
        for _, kind in kinds:
            for attribute in kind.attributes:
                assert f"`{attribute}`" in text_, (name, attribute)
