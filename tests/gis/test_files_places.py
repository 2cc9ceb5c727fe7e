"""Places and shapes that are wrong in files: each is refused, or its rows are, in one line."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import shapely

from gis.model import City
from tests.gis.bad_files import ARKANSAS, BOX, POINTS, areas, csv, geojson, read, refused, rejected, written

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
