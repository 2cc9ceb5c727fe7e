"""Bad files: each is refused, or its bad rows are, in one line that says what, where and what would be right."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from gis.files import Checked, Limits, read_layer
from gis.model import City
from gis.profile import Profile, Source
from grids.errors import InputError, NotFound, TooLarge

CITY = City("town", "Town", 4546, "Asia/Shanghai", (110.9, 34.9, 111.1, 35.1), ((110.95, 34.95),), "free", "town")
ARKANSAS = City("jax", "Jax", 26915, "America/Chicago", (-92.25, 34.78, -92.03, 34.95), codes="free", edition="jax")
BOX = shapely.box(111.0, 35.0, 111.01, 35.01)


def areas(*shapes: shapely.Geometry, crs: str | None = "EPSG:4326", **columns: list) -> gpd.GeoDataFrame:
    columns = {"code": [f"a{i}" for i in range(1, len(shapes) + 1)], **columns}
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def written(path: Path, frame: gpd.GeoDataFrame) -> Path:
    drivers = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        pyogrio.write_dataframe(frame, path, driver=drivers[path.suffix])
    return path


def csv(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def geojson(path: Path, *geometries: object, **properties: list) -> Path:
    features = [
        {"type": "Feature", "properties": {"code": f"a{i}"} | {k: v[i] for k, v in properties.items()}, "geometry": g}
        for i, g in enumerate(geometries)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def read(path: Path, layer: str = "components", city: City = CITY, **options: object) -> Checked:
    if layer == "areas":
        options.setdefault("set_", "block")
    return read_layer(path, layer, city, **options)


def refused(path: Path, layer: str = "components", city: City = CITY, **options: object) -> str:
    """The one line of a file that is refused."""
    with pytest.raises(InputError) as caught:
        read(path, layer, city, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def rejected(path: Path, layer: str = "components", city: City = CITY, **options: object) -> list[tuple]:
    """(row, column, value, why) of the rows that are refused."""
    return list(read(path, layer, city, **options).rejects.itertuples(index=False, name=None))


POINTS = "code,class,lon,lat\nc1,Lamp,111.0,35.0\n"


# ------------------------------------------------------------------ the file itself


def test_no_such_file(tmp_path):
    path = tmp_path / "lamps.csv"
    assert refused(path) == f"lamps.csv: there is no such file; looked for {path}"


def test_folder(tmp_path):
    assert refused(tmp_path) == f"{tmp_path.name}: is a folder; give one file, or zip the folder"


def test_empty_file(tmp_path):
    assert refused(csv(tmp_path / "a.gpkg", "")) == "a.gpkg: is empty (0 bytes); give a file with rows"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", "\n \n", "a.csv: has no header and no rows; the first line names the columns"),
        ("a.csv", "code,class,lon,lat\n", "a.csv: has no rows; give a file with rows"),
        ("a.geojson", '{"type":"FeatureCollection","features":[]}', "a.geojson: has no rows; give a file with rows"),
        ("a.geojson", "  \n", "a.geojson: is blank; give a GeoJSON FeatureCollection"),
    ],
)
def test_nothing_in_it(tmp_path, name, text, line):
    columns = {"set_": "block"} if name.endswith("json") else {}
    assert refused(csv(tmp_path / name, text), "roads" if columns else "components", **columns) == line


def test_unreadable(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS)
    path.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        assert "cannot be read (Permission denied); give it read permission" in refused(path)
    finally:
        os.seteuid(was)


def test_unknown_ending(tmp_path):
    line = refused(csv(tmp_path / "a.xlsx", "PK"))
    assert line.startswith("a.xlsx: has the ending '.xlsx', which we do not read; we read GeoPackage, Shapefile")


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.gpkg", b"code,class\n", "a.gpkg: ends in .gpkg but is text or something else"),
        ("a.csv", b"PK\x03\x04....", "a.csv: ends in .csv but is zip"),
        ("a.parquet", b"SQLite format 3\x00", "a.parquet: ends in .parquet but is GeoPackage"),
        ("a.zip", b"code\n", "a.zip: is no zip"),
        ("a.dbf", b"\x03", "a.dbf: is a part of a Shapefile; give its .shp"),
        ("a.csv", b"code\x00,b\n1,2\n", "a.csv: is no text (it has zero bytes)"),
    ],
)
def test_not_what_its_ending_says(tmp_path, name, data, line):
    assert refused(csv(tmp_path / name, data)).startswith(line)


def test_two_gigabytes(tmp_path):
    path = tmp_path / "huge.geojson"
    with path.open("wb") as file:
        file.write(b'{"type"')
        file.truncate(2 << 30)
    with pytest.raises(TooLarge, match=r"^huge.geojson: has 2.0 GB; at most 1 GB; split it$"):
        read(path)


def test_too_many_rows(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111,35\n")
    with pytest.raises(TooLarge, match=r"a\.csv: has more than 1 rows; split it"):
        read(path, limits=Limits(rows=1))


def bomb(path: Path, size: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return path


def test_zip_bomb_by_its_ratio(tmp_path):
    line = refused(bomb(tmp_path / "bomb.zip", 64 << 20))
    assert line.startswith("bomb.zip: unpacks to 0.0625 GB, 1,0")
    assert line.endswith(
        "times its size (a zip bomb?); at most 1 GB and 200 times its packed size; give the file itself"
    )


def test_zip_bomb_by_its_size(tmp_path):
    line = refused(bomb(tmp_path / "bomb.zip", 8 << 20), limits=Limits(bytes=4 << 20))
    assert line.startswith("bomb.zip: unpacks to 0.00781 GB")


def test_zip_bomb_that_lies_about_its_size(tmp_path):
    path = bomb(tmp_path / "bomb.zip", 64 << 20)
    path.write_bytes(path.read_bytes().replace((64 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    assert refused(path).startswith("bomb.zip: is a broken zip")


def test_zip_bomb_of_many_files(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(300):
            archive.writestr(f"{i}.csv", "code\n")
    assert refused(path) == "bomb.zip: holds 300 files; at most 200"


def test_zip_in_a_zip_and_two_in_one(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.zip", "PK")
    assert refused(path) == "a.zip/b.zip: is a zip in a zip; zip the files themselves"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.csv", "x")
        archive.writestr("c.csv", "x")
    assert refused(path) == "a.zip: holds 2 data sets (b.csv, c.csv); zip one data set"


def test_zip_writes_nowhere_else(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../escaped.csv", POINTS)
    assert len(read(path).frame) == 1
    assert not list(tmp_path.parent.rglob("escaped.csv"))


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".fgb", ".shp", ".parquet", ".csv", ".zip"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_ends_in_the_middle(tmp_path, ending, share):
    whole = areas(*[shapely.Point(111 + i / 1e4, 35) for i in range(300)], **{"class": ["Lamp"] * 300})
    path = tmp_path / f"a{ending}"
    if ending == ".csv":
        frame = whole.drop(columns="geometry").assign(lon=whole.geometry.x, lat=whole.geometry.y)
        path.write_text(frame.to_csv(index=False))
    elif ending == ".zip":
        inner = written(tmp_path / "b.geojson", whole)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(inner, "b.geojson")
    else:
        written(path, whole)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    if ending == ".csv":
        path.write_bytes(data[: data.rfind(b",")])
        told = read(path)
        assert told.notes[-1] == "its last line has no end; is the file whole?"
        assert list(told.rejects["row"]) == [len(told.frame) + 1]
        assert told.rejects["why"][0] == "has 3 fields where the header has 4, perhaps the file ends in the middle"
        return
    line = refused(path)
    assert line.startswith(f"a{ending}: ")
    assert any(word in line for word in ("ends in the middle", "is it whole?", "broken zip")), line


def test_shapefile_without_its_parts(tmp_path):
    path = written(tmp_path / "a.shp", areas(BOX))
    (tmp_path / "a.dbf").rename(tmp_path / "b.dbf")
    line = "a.shp: has no a.dbf beside it; a Shapefile is .shp, .shx, .dbf and .prj"
    assert refused(path, "areas") == line
    (tmp_path / "b.dbf").rename(tmp_path / "a.dbf")
    (tmp_path / "a.dbf").write_bytes((tmp_path / "a.dbf").read_bytes()[:-40])
    assert refused(path, "areas").startswith("a.shp: its a.dbf ends in the middle: ")


def test_geopackage_of_several_layers(tmp_path):
    path = tmp_path / "a.gpkg"
    for name in ("one", "two"):
        pyogrio.write_dataframe(areas(BOX), path, layer=name, append=name == "two")
    line = "a.gpkg: has 2 layers; name one in the profile (table = …): one, two"
    assert refused(path, "areas") == line
    profile = Profile(CITY, {("areas", "block"): Source("areas", "block", columns={"code": "code"}, table="two")})
    assert len(read(path, "areas", profile=profile).frame) == 1


# ------------------------------------------------------------------ the wrong layer or columns


def test_unknown_layer(tmp_path):
    with pytest.raises(NotFound, match=r"there is no layer 'component'; did you mean components"):
        read_layer(csv(tmp_path / "a.csv", POINTS), "component", CITY)


def test_wrong_layer(tmp_path):
    path = written(tmp_path / "a.gpkg", areas(shapely.Point(111, 35), shapely.Point(111, 35.01)))
    assert refused(path, "areas") == "a.gpkg: has 2 Points; areas takes polygons; is it the right layer?"


def test_missing_columns(tmp_path):
    line = refused(csv(tmp_path / "a.csv", "cod,klass,lon,lat\nc1,Lamp,111,35\n"))
    assert line == "a.csv: has no column for code, class of components; did you mean cod?; --map code=… --map class=…"
    line = refused(csv(tmp_path / "a.csv", "x1,lon,lat\nc1,111,35\n"), mapping={"code": "id"})
    assert line == "a.csv: has no column 'id' (for code); known are x1, lon, lat"
    line = refused(csv(tmp_path / "a.csv", POINTS), mapping={"klass": "class"})
    assert line == "--map: components has no field 'klass'; did you mean class?"


def test_area_set_is_asked_for(tmp_path):
    path = written(tmp_path / "a.gpkg", areas(BOX))
    line = refused(path, "areas", set_=None)
    assert line.startswith("a.gpkg: has no column for set of areas")
    assert line.endswith("say which area set it is: --set district, street, community …")


def test_two_columns_of_one_name(tmp_path):
    path = csv(tmp_path / "a.csv", "code,code,class,lon,lat\n1,2,3,4,5\n")
    assert refused(path) == "a.csv: two columns are called 'code'; give each column its own name"


def test_nothing_says_where(tmp_path):
    line = refused(csv(tmp_path / "a.csv", "code,class\nc1,Lamp\n"))
    assert line.startswith("a.csv: says nowhere where its rows lie; name them with --map lon=… --map lat=…")


# ------------------------------------------------------------------ the wrong place


def test_crs_cannot_be_told(tmp_path):
    path = written(tmp_path / "a.shp", areas(BOX))
    (tmp_path / "a.prj").unlink()
    line = "its coordinate system cannot be told (no .prj); say --crs EPSG:n (the system of its numbers), gcj02 or bd09"
    assert refused(path, "areas") == f"a.shp: {line}"
    assert len(read(path, "areas", crs="EPSG:4326").frame) == 1
    line = refused(csv(tmp_path / "a.csv", "code,class,x,y\nc1,Lamp,500000,3873000\n"))
    assert line.startswith("a.csv: its coordinate system cannot be told (columns of x and y); say --crs EPSG:n")
    line = refused(csv(tmp_path / "a.csv", "code,class,wkt\nc1,Lamp,POINT (111 35)\n"))
    assert line.startswith("a.csv: its coordinate system cannot be told (a column of WKT)")


def test_unknown_crs(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS.replace("lon,lat", "x,y"))
    assert "EPSG:99999" in refused(path, crs="EPSG:99999")
    assert "gcj02" in refused(path, crs="gcj-2")


def test_metres_for_lon_and_lat(tmp_path):
    line = refused(csv(tmp_path / "a.csv", POINTS), crs="EPSG:4546")
    assert line == "a.csv: lon, lat cannot be in EPSG:4546, which is not in degrees; map x and y instead of lon and lat"


def test_swapped(tmp_path):
    path = csv(tmp_path / "a.csv", "code,class,lon,lat\nc1,Lamp,35.0,111.0\nc2,Lamp,35.01,111.0\n")
    line = "lon and lat are swapped: 2 of 2 rows lie outside town, exchanged they lie inside"
    assert refused(path) == f"a.csv: {line}; map lon and lat the other way round"
    swapped = read(path, mapping={"lon": "lat", "lat": "lon"})
    assert len(swapped.frame) == 2
    path = written(tmp_path / "a.gpkg", areas(shapely.box(35, 39, 35.1, 39.1)))
    city = City("b", "B", 26985, "America/New_York", (38.9, 34.9, 39.2, 35.2), codes="free", edition="b")
    line = "lon and lat are swapped: 1 of 1 rows lie outside b, exchanged they lie inside"
    assert refused(path, "areas", city) == f"a.gpkg: {line}; exchange x and y in the file"


def test_one_row_swapped(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111.0,35.01\nc3,Lamp,35.0,111.0\n")
    assert rejected(path) == [
        (3, "lon, lat", "35 111", "lies outside the city; with lon and lat exchanged it lies inside")
    ]


def test_feet_labelled_as_degrees(tmp_path):
    feet = [shapely.Point(1277008.6, 196827.0), shapely.Point(1277011.5, 196733.9)]
    path = written(tmp_path / "a.gpkg", areas(*feet, **{"class": ["M", "M"]}))
    line = refused(path, city=ARKANSAS)
    assert line.startswith(
        "a.gpkg: numbers like 1277010 196780.5 are no degrees (2 of 2 rows); "
        "they are feet or metres labelled as degrees; in EPSG:3433 (NAD83 / Arkansas North (ftUS))"
    )
    assert line.endswith("they would lie in jax; say --crs")
    told = read(path, city=ARKANSAS, crs="EPSG:3433")
    assert len(told.frame) == 2
    assert told.notes == ["taken as EPSG:3433 as declared, though the file says WGS 84"]


def test_beyond_the_degrees(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111,35.01\nc3,Lamp,500000,3873000\nc4,Lamp,-181,35\n")
    why = "is beyond 180 degrees of longitude or 90 of latitude; are these metres or feet?"
    assert rejected(path) == [(3, "lon, lat", "500000 3873000", why), (4, "lon, lat", "-181 35", why)]


def test_degrees_labelled_as_metres(tmp_path):
    path = written(tmp_path / "a.gpkg", areas(BOX, crs="EPSG:4546").set_crs(4546))
    line = "numbers like 111.005 35.005 are degrees, not CGCS2000 / 3-degree Gauss-Kruger CM 111E"
    assert refused(path, "areas") == f"a.gpkg: {line}; say --crs EPSG:4326"


def test_outside_the_city(tmp_path):
    path = csv(tmp_path / "a.csv", "code,class,lon,lat\nc1,Lamp,120,30\nc2,Lamp,120.1,30\n")
    line = refused(path)
    assert line.startswith("a.csv: lies outside town: 2 of 2 rows, around 120.05")
    assert line.endswith(
        "the city is within 110.9 34.9 to 111.1 35.1; is it the right file, and the right coordinate system?"
    )


def test_wrong_metric_crs(tmp_path):
    # numbers of zone 37 (CM 111E) read in the next zone lie three degrees further east
    path = written(tmp_path / "a.gpkg", areas(BOX).to_crs(4546).set_crs(4547, allow_override=True))
    line = refused(path, "areas")
    assert line.startswith("a.gpkg: lies outside town: 1 of 1 rows, around 114.005")
    assert "EPSG:4546 (CGCS2000 / 3-degree Gauss-Kruger CM 111E)" in line


def test_one_row_outside(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111,35.01\nc3,Lamp,120,30\n")
    assert rejected(path) == [(3, "lon, lat", "120 30", "lies outside the city's bounds 110.9 34.9 to 111.1 35.1")]


# ------------------------------------------------------------------ bad geometry


def test_mixed_geometry_types(tmp_path):
    line = {"type": "LineString", "coordinates": [[111, 35], [111.01, 35]]}
    point = {"type": "Point", "coordinates": [111, 35]}
    pile = {"type": "GeometryCollection", "geometries": [point, line]}
    path = geojson(tmp_path / "a.geojson", json.loads(shapely.to_geojson(BOX)), line, point, pile)
    takes = "areas takes Polygon, MultiPolygon"
    assert rejected(path, "areas") == [
        (2, "geometry", "LineString", takes),
        (3, "geometry", "Point", takes),
        (4, "geometry", "GeometryCollection", takes),
    ]


def test_collections_of_one_are_opened(tmp_path):
    box = json.loads(shapely.to_geojson(BOX))
    path = geojson(tmp_path / "a.geojson", {"type": "GeometryCollection", "geometries": [box]})
    assert list(read(path, "areas").frame.geom_type) == ["Polygon"]
    path = geojson(tmp_path / "b.geojson", {"type": "MultiPoint", "coordinates": [[111, 35]]}, **{"class": ["Lamp"]})
    assert list(read(path).frame.geom_type) == ["Point"]


def test_no_geometry(tmp_path):
    path = geojson(tmp_path / "a.geojson", json.loads(shapely.to_geojson(BOX)), None)
    assert rejected(path, "areas") == [(2, "geometry", "", "has no geometry")]
    assert refused(geojson(tmp_path / "b.geojson", None, None), "areas").startswith(
        "b.geojson: has no geometry in its 2"
    )


def test_nan_and_infinite_coordinates(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,NaN,35\nc3,Lamp,inf,35\nc4,Lamp,east,35\nc5,Lamp,,\n")
    assert rejected(path) == [
        (2, "lon, lat", "", "has no geometry"),
        (3, "lon", "inf", "is infinite"),
        (4, "lon", "east", "is no number"),
        (5, "lon, lat", "", "has no geometry"),
    ]
    path = tmp_path / "b.geojson"
    geojson(
        path,
        {"type": "Point", "coordinates": [111, 35]},
        {"type": "Point", "coordinates": [float("nan"), 35]},
        **{"class": ["a", "a"]},
    )
    assert rejected(path) == [(2, "geometry", "", "has a coordinate that is not a finite number")]


def test_open_ring(tmp_path):
    ring = {"type": "Polygon", "coordinates": [[[111, 35], [111.01, 35], [111.01, 35.01]]]}
    path = geojson(tmp_path / "a.geojson", json.loads(shapely.to_geojson(BOX)), ring)
    assert rejected(path, "areas") == [(2, "geometry", "", "is a geometry that cannot be read (an open ring, say)")]


def test_clear_mend(tmp_path):
    # a ring that touches itself in a point: one hole, drawn as part of the shell
    keyhole = shapely.Polygon([(0, 0), (10, 0), (10, 10), (5, 10), (7, 7), (3, 7), (5, 10), (0, 10)])
    spike = shapely.Polygon([(0, 0), (10, 0), (10, 10), (15, 15), (10, 10), (0, 10)])
    x, y = 500000, 3873000
    shapes = [shapely.transform(shape, lambda c: c + [x, y]) for shape in (keyhole, spike)]
    assert not shapely.is_valid(shapes).any()
    read_ = read(written(tmp_path / "a.gpkg", areas(*shapes, crs="EPSG:4546")), "areas")
    assert read_.notes == ["2 invalid polygons mended without a change of area: rows 1, 2"]
    assert shapely.is_valid(read_.frame.geometry.values).all()
    assert read_.frame.area.round(6).tolist() == [94.0, 100.0]


def test_unclear_mend(tmp_path):
    eight = shapely.transform(shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), lambda c: c + [500000, 3873000])
    ok = shapely.box(500000, 3873000, 500100, 3873100)
    read_ = read(written(tmp_path / "a.gpkg", areas(ok, eight, crs="EPSG:4546")), "areas")
    assert len(read_.frame) == 1
    why = "is an invalid polygon that can be mended in several ways: Self-intersection[500005 3873005]"
    assert list(read_.rejects.itertuples(index=False, name=None)) == [(2, "geometry", "polygon", why)]


def test_smaller_than_a_millimetre(tmp_path):
    dust = shapely.box(500000, 3873000, 500000.0002, 3873000.0002)
    ok = shapely.box(500000, 3873000, 500100, 3873100)
    path = written(tmp_path / "a.gpkg", areas(ok, dust, crs="EPSG:4546"))
    assert rejected(path, "areas") == [(2, "geometry", "", "is smaller than a millimetre")]


def test_heights_and_curves(tmp_path):
    high = written(tmp_path / "a.gpkg", areas(shapely.force_3d(BOX, 7.0)))
    told = read(high, "areas")
    assert told.notes == ["heights and measures (Z, M) left out"]
    assert not told.frame.has_z.any()
    ring = [(111.0, 35.0), (111.01, 35.01), (111.02, 35.0), (111.01, 34.99), (111.0, 35.0)]
    arc = np.array([1, 8], "<u4"), np.array([5], "<u4"), np.array(ring, "<f8")
    wkb = b"\x01" + np.array([10, 1], "<u4").tobytes() + b"\x01" + np.array([8, 5], "<u4").tobytes() + arc[2].tobytes()
    path = written(tmp_path / "c.gpkg", areas(BOX))
    with sqlite3.connect(path) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{name}"')
        base.execute("UPDATE c SET geom = ?", (b"GP\x00\x01" + np.array([4326], "<i4").tobytes() + wkb,))
        base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'CURVEPOLYGON'")
    base.close()
    told = read(path, "areas")
    assert told.notes == ["curves are taken as chains of short straight lines"]
    assert len(told.frame.get_coordinates()) > 50


# ------------------------------------------------------------------ bad values


CASES = "id,class,reported_at,lon,lat\n"


def test_dates_that_do_not_exist(tmp_path):
    path = csv(
        tmp_path / "a.csv", CASES + "1,Noise,2025-02-30,111,35\n2,Noise,2025-02-28,111,35\n3,Noise,soon,111,35\n"
    )
    assert rejected(path, "cases") == [
        (1, "reported_at", "2025-02-30", "does not exist in the calendar"),
        (3, "reported_at", "soon", "is no date; write it as 2026-07-01 or 2026-07-01T08:00"),
    ]


def test_dates_that_can_be_read_in_two_ways(tmp_path):
    path = csv(tmp_path / "a.csv", CASES + "1,Noise,03/04/2025,111,35\n2,Noise,03/05/2025,111,35\n")
    line = refused(path, "cases")
    assert line == (
        "a.csv, column reported_at: '03/04/2025' can be read in two ways; "
        "say in the profile dates = '%m/%d/%Y' or dates = '%d/%m/%Y'"
    )
    profile = Profile(CITY, {("cases", ""): Source("cases", dates={"*": ("%d/%m/%Y",)})})
    told = read(path, "cases", profile=profile).frame
    assert told["reported_at"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d").tolist() == [
        "2025-04-03",
        "2025-05-03",
    ]


def test_date_that_does_not_exist_in_a_geopackage(tmp_path):
    frame = areas(BOX, BOX, BOX, valid_from=pd.to_datetime(["2025-01-01"] * 3))
    path = written(tmp_path / "a.gpkg", frame)
    with sqlite3.connect(path) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{name}"')
        base.execute("UPDATE a SET valid_from = '2025-02-30T00:00:00Z' WHERE fid = 2")
        base.execute("UPDATE a SET valid_from = 'spring' WHERE fid = 3")
    base.close()
    assert rejected(path, "areas") == [
        (2, "valid_from", "2025-02-30T00:00:00Z", "does not exist in the calendar"),
        (3, "valid_from", "spring", "is no date"),
    ]


def test_numbers_and_words(tmp_path):
    text = 'class,radius_m,duty,invented\na,ten,owning,yes\nb,-1,owning,no\nc,"1,5",owner,maybe\nd,inf,,1\n'
    assert rejected(csv(tmp_path / "a.csv", text), "rules") == [
        (1, "radius_m", "ten", "is no number"),
        (2, "radius_m", "-1", "is less than 0"),
        (3, "duty", "owner", "is not one of supervising, owning, maintaining, disposing"),
        (3, "radius_m", "1,5", "is no number; write a point, not a comma"),
        (3, "invented", "maybe", "is not true or false"),
        (4, "radius_m", "inf", "is infinite"),
    ]


def test_missing_value(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + ",Lamp,111,35\n")
    assert rejected(path) == [(2, "code", "", "code is missing")]


def test_duplicate_codes(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111,35\nc1,Bin,111,35\nc1,Bin,111,35\n")
    told = read(path)
    assert list(told.frame["code"]) == ["c1", "c2"]
    why = "is in row 1 already for the same time"
    assert list(told.rejects.itertuples(index=False, name=None)) == [(3, "code", "c1", why), (4, "code", "c1", why)]
    assert told.rejected == 2


def test_one_code_at_two_times(tmp_path):
    text = "code,name,valid_from,valid_to\nd,Old,,2025-01-01\nd,New,2025-01-01,\nd,Odd,2024-06-01,2024-07-01\n"
    told = read(csv(tmp_path / "a.csv", text), "departments")
    assert list(told.frame["name"]) == ["Old", "New"]
    assert list(told.rejects["why"]) == ["is in row 1 already for the same time"]
    text = "code,name,valid_from,valid_to\nd,Old,2025-01-01,2024-01-01\n"
    assert rejected(csv(tmp_path / "b.csv", text), "departments") == [
        (1, "valid_to", "2024-01-01", "is not after valid_from")
    ]


def test_fields_of_a_row(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp\nc3,Lamp,111,35,more\nc4,Lamp,111,35\n")
    told = read(path)
    assert list(told.frame.index) == [1, 4]
    assert list(told.rejects["why"]) == [
        "has 2 fields where the header has 4",
        "has 5 fields where the header has 4",
    ]
    assert told.read == 4
    path = csv(tmp_path / "b.csv", POINTS + 'c2,"Lamp,111,35\nc3,Lamp,111,35\n')
    assert [why for *_, why in rejected(path)] == [
        "a quote opened in it is never closed, so it runs to the end of the file"
    ]


CHINA = City("yanhu", "盐湖区", 4546, "Asia/Shanghai", (110.9, 34.9, 111.1, 35.1), codes="china15", edition="2026")


def test_class_of_another_edition(tmp_path):
    head = "code,class,lon,lat\n14080201001000001,01001,111,35\n"
    text = head + "14080201001000002,C0101,111,35\n14080201001000003,2026:C99999,111,35\n"
    told = read(csv(tmp_path / "a.csv", text), city=CHINA)
    assert list(told.frame["class"]) == ["2026:C01001"]
    (_, column, value, why), (_, _, _, unknown) = told.rejects.itertuples(index=False, name=None)
    assert (column, value) == ("class", "C0101")
    assert why == "is no class; did you mean 2026:C01001 (once 2013:C0101) or 2013:C0101 or 2007:C0101?"
    assert unknown.startswith("is not in the catalogue")
    profile = Profile(CHINA, {("cases", ""): Source("cases", edition="2013", kind="E")})
    text = CASES + "1,0113,2026-01-01,111,35\n2,E0113,2026-01-01,111,35\n3,2026:E06010,2026-01-01,111,35\n"
    told = read(csv(tmp_path / "b.csv", text), "cases", CHINA, profile=profile)
    assert list(told.frame["class"]) == ["2013:E0113", "2013:E0113", "2026:E06010"]


def test_codes_of_the_scheme(tmp_path):
    text = "code,class,lon,lat\n1408020100100000,01001,111,35\n14080201001OO0001,01001,111,35\n"
    text += "14080201002000001,01001,111,35\n"
    whys = [why for *_, why in rejected(csv(tmp_path / "a.csv", text), city=CHINA)]
    assert len(whys) == 3
    assert whys[1] == "has other signs than digits; did you mean 14080201001000001?"
    assert whys[2] == "holds class 2026:C01002, its class is said to be 2026:C01001"
    frame = areas(BOX, BOX, code=["140802001001003", "14080200100103"])
    path = written(tmp_path / "u.gpkg", frame)
    ((row, _, value, _),) = rejected(path, "units", CHINA)
    assert (row, value) == (2, "14080200100103")
    path = written(tmp_path / "d.gpkg", areas(BOX, BOX, code=["140802001", "14080200"]))
    assert rejected(path, "areas", CHINA, set_="street") == [(2, "code", "14080200", "is no street code of 9 digits")]


def test_zone_that_takes_no_class(tmp_path):
    frame = areas(BOX, BOX, BOX, department=["d"] * 3, classes=["*", "C 2026:E06", "2026:E99"])
    told = read(written(tmp_path / "z.gpkg", frame), "zones", CHINA)
    assert list(told.frame["classes"]) == ["*", "C 2026:E06"]
    assert told.rejects["why"][0].startswith("'2026:E99' is no class or group of classes")


def test_line_zone_without_a_width(tmp_path):
    lines = [shapely.LineString([(111, 35), (111.01, 35)])] * 3
    path = written(tmp_path / "z.gpkg", areas(*lines, department=["d"] * 3, classes=["*"] * 3, width_m=[12.0, None, 0]))
    assert rejected(path, "zones") == [
        (2, "width_m", "", "width_m is missing: a line zone needs its full width in metres"),
        (3, "width_m", "0.0", "is less than 0.001"),
    ]


def test_composite_codes(tmp_path):
    text = "code,class,lon,lat,a,b\n7-1,M,111,35,7,1\n7-2,M,111,35,7,3\n"
    path = csv(tmp_path / "a.csv", text)
    from gis.profile import Parts

    for mismatch in ("reject", "flag"):
        parts = Parts("code", ("a", "b"), "-", mismatch)
        told = read(path, profile=Profile(CITY, {("components", ""): Source("components", parts=(parts,))}))
        listed = told.rejects if mismatch == "reject" else told.flags
        assert list(listed.itertuples(index=False, name=None)) == [(2, "code", "7-2", "is not a + b, which give 7-3")]
        assert len(told.frame) == (1 if mismatch == "reject" else 2)
        assert "code = a + b: 1 of 2 rows differ: row 2" in told.notes
